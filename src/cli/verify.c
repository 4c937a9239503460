/* verify.c - hearth verify: is this receipt whole, whose is it, and would it be said again? */
#include <string.h>
#include <unistd.h>

#include "audit/credential.h"
#include "audit/jcs.h"
#include "audit/keyfile.h"
#include "audit/receipt.h"
#include "base/mem.h"
#include "cli/caged.h"
#include "cli/receipt.h"
#include "cli/replay.h"
#include "cli/signer.h"
#include "cli/source.h"
#include "cli/state.h"

enum {
    OPT_KEY = 1,
    OPT_REPLAY,
    OPT_MODEL,
    OPT_PROMPT,
    OPT_SYSTEM,
    OPT_RENDERED,
    OPT_STOP,
    OPT_THREADS,
    OPT_ANSWER,
    OPT_SHARE,
    OPT_EXPORT,
    OPT_JSON,
    OPT_LORA,
    OPT_NO_CAGE
};

const HthOpt hth_opts_verify[] = {
    { OPT_KEY, 0, "key", "FILE|VKEY",
      "trust these verifier keys, and not those in receipt.vkey of the state folder", "file" },
    { OPT_ANSWER, 0, "answer", "FILE", "the answer: is it the one? - is standard input", "file" },
    { OPT_REPLAY, 0, "replay", NULL, "run the model again and compare, token by token", NULL },
    { OPT_MODEL, 'm', "model", "FILE", "the model that answered (default: ember)", "gguf" },
    { OPT_LORA, 0, "lora", "FILE",
      "an adapter that lay over it, found by its digest; may be given several times", "gguf" },
    { OPT_PROMPT, 0, "prompt-file", "FILE", "the prompt it answered; - is standard input", "file" },
    { OPT_SYSTEM, 0, "system", "TEXT", "the instructions that came before it", NULL },
    { OPT_RENDERED, 0, "rendered", NULL,
      "the file holds the whole prompt as the model saw it (run --show-prompt)", NULL },
    { OPT_STOP, 0, "stop", "TEXT", "a text that ended the answer; all of them, in their order",
      NULL },
    { OPT_THREADS, 't', "threads", "N", "threads (default: every core this process may use)",
      NULL },
    { OPT_SHARE, 0, "share", "FILE", "write the receipt without the holder's part, to show it",
      "file" },
    { OPT_EXPORT, 0, "export-vc", "FILE",
      "write what it says as a W3C Verifiable Credential, signed with this user's own key",
      "file" },
    { OPT_JSON, 0, "json", NULL, "print one JSON object", NULL },
    { OPT_NO_CAGE, 0, "no-cage", NULL, HTH_CAGED_HELP, NULL },
    { 0 },
};

typedef struct Job {
    const char *receipt, *key, *answer, *prompt, *share, *export;
    HthReplayAsk ask;
    HthLoras loras;
    bool replay, json, no_cage;
    /* what came of it */
    HthReceipt *r;
    json_t *credential; /* instead of a receipt */
    uint8_t issuer[HTH_SIGN_PUBLIC_BYTES]; /* of the credential */
    HthSigner *signer; /* to export with */
    HthVkey *keys; /* that are trusted */
    size_t key_count, by;
    HthReplay run;
} Job;

enum { PATH_BYTES = 8192, FILE_MAX_BYTES = 1 << 28 };

/* ---- the command line ----------------------------------------------------------------------- */

static int parse(Job *job, HthArgs *args) {
    for (int id; (id = hth_args_next(args)) != HTH_ARG_END;) {
        switch (id) {
        case OPT_KEY: job->key = args->value; break;
        case OPT_ANSWER: job->answer = args->value; break;
        case OPT_REPLAY: job->replay = true; break;
        case OPT_MODEL: job->ask.model = args->value; break;
        case OPT_PROMPT: job->prompt = args->value; break;
        case OPT_SYSTEM: job->ask.system = args->value; break;
        case OPT_RENDERED: job->ask.rendered = true; break;
        case OPT_SHARE: job->share = args->value; break;
        case OPT_EXPORT: job->export = args->value; break;
        case OPT_JSON: job->json = true; break;
        case OPT_NO_CAGE: job->no_cage = true; break;
        case OPT_LORA:
            if (!hth_lora_add(&job->loras, "verify", args->value)) return HTH_EXIT_USAGE;
            break;
        case OPT_STOP:
            if (job->ask.stop_count == HTH_STOPS_MAX)
                return hth_cli_usage("verify", "at most %d stop texts", HTH_STOPS_MAX);
            job->ask.stops[job->ask.stop_count++] = hth_str(args->value);
            break;
        case OPT_THREADS:
            if (!hth_args_u32(args, 1, 256, &job->ask.threads)) return HTH_EXIT_USAGE;
            break;
        case HTH_ARG_HELP:
        case HTH_ARG_BAD: return id;
        default:
            if (job->receipt) return hth_cli_usage("verify", "one receipt at a time");
            job->receipt = args->value;
        }
    }
    if (!job->receipt) return hth_cli_usage("verify", "which receipt?");
    if (job->replay != (job->prompt != NULL))
        return hth_cli_usage("verify", "--replay and --prompt-file go together");
    return HTH_EXIT_OK;
}

/* ---- keys ----------------------------------------------------------------------------------- */

/* The list that --key names, or this user's own; the key itself where --key is one. */
static HthStatus read_keys(Job *job, HthErr *err) {
    HthBuf path, text;
    HthStatus st = HTH_OK;
    hth_buf_init(&path, PATH_BYTES);
    hth_buf_init(&text, HTH_VKEYS_FILE_MAX);
    if (job->key && access(job->key, F_OK) != 0 && strchr(job->key, '+'))
        st = hth_buf_add_str(&text, hth_str(job->key), err);
    else if (job->key)
        st = hth_file_read(&text, job->key, err);
    else if (hth_state_file(&path, HTH_RECEIPT_VKEY, false, NULL) == HTH_OK &&
             access(path.p, F_OK) == 0)
        st = hth_file_read(&text, path.p, err);
    if (st == HTH_OK) st = hth_vkeys_parse(&job->keys, &job->key_count, hth_buf_str(&text), err);
    hth_buf_drop(&path);
    hth_buf_drop(&text);
    return st;
}

/* This user's own private key, for a credential; none is made. */
static HthStatus open_signer(Job *job, HthErr *err) {
    HthBuf path;
    HthVkey v;
    hth_buf_init(&path, PATH_BYTES);
    HthStatus st = hth_state_file(&path, HTH_RECEIPT_KEY, false, err);
    if (st == HTH_OK) st = hth_cli_signer(&job->signer, &v, path.p, (HthStr){ 0 }, err);
    hth_buf_drop(&path);
    return st;
}

static HthStatus check_signature(Job *job, HthErr *err) {
    HthDsseKey *keys = hth_calloc(job->key_count, sizeof *keys);
    char(*ids)[HTH_KEY_ID_TEXT] = hth_calloc(job->key_count, sizeof *ids);
    HthStatus st = keys && ids ? HTH_OK : HTH_FAIL(err, HTH_ENOMEM, "out of memory for keys");
    for (size_t i = 0; st == HTH_OK && i < job->key_count; i++) {
        hth_vkey_id(ids[i], &job->keys[i]);
        keys[i] = (HthDsseKey){ hth_str(ids[i]), job->keys[i].key };
    }
    if (st == HTH_OK) st = hth_receipt_check(job->r, keys, job->key_count, &job->by, err);
    if (st == HTH_EDENIED)
        st = HTH_FAIL(err, HTH_EDENIED,
                      "signed by '%.100s', whose key is not trusted here: if you know whose it is, "
                      "give the verifier key with --key",
                      job->r->envelope.sigs[0].keyid.n ? job->r->envelope.sigs[0].keyid.p : "");
    hth_free(keys);
    hth_free(ids);
    return st;
}

/* ---- what is asked -------------------------------------------------------------------------- */

static HthStatus read_file(HthBuf *out, const char *path, size_t max, HthErr *err) {
    hth_buf_init(out, max);
    return hth_file_read(out, path, err);
}

/* A document that brings its proof along is a credential; anything else should be a receipt. */
static HthStatus open_receipt(Job *job, HthErr *err) {
    HthBuf text;
    json_t *v = NULL;
    HthStatus st = read_file(&text, job->receipt, HTH_RECEIPT_MAX, err);
    if (st == HTH_OK && hth_json_parse(&v, hth_buf_str(&text), HTH_RECEIPT_MAX, NULL) == HTH_OK &&
        json_object_get(v, "proof"))
        st = hth_credential_open(&job->credential, hth_buf_str(&text), job->issuer, err);
    else if (st == HTH_OK)
        st = hth_receipt_open(&job->r, hth_buf_str(&text), err);
    json_decref(v);
    hth_buf_drop(&text);
    return st;
}

static HthStatus check_credential(Job *job, HthErr *err) {
    HTH_REQUIRE(!job->answer && !job->replay && !job->share && !job->export, err, HTH_EINVAL,
                "this is a credential: the receipt it was made from is needed for that");
    for (job->by = 0; job->by < job->key_count; job->by++)
        if (memcmp(job->keys[job->by].key, job->issuer, sizeof job->issuer) == 0) return HTH_OK;
    return HTH_FAIL(err, HTH_EDENIED,
                    "the proof holds, and its key is not trusted here: if you know whose it is, "
                    "give the verifier key with --key");
}

static HthStatus check_answer(const Job *job, HthErr *err) {
    HthBuf text;
    HthDigests d = { 0 };
    HthStatus st = read_file(&text, job->answer, FILE_MAX_BYTES, err);
    if (st == HTH_OK) hth_digests(&d, text.p, text.n);
    bool same = st == HTH_OK && hth_digests_eq(&d, &job->r->facts.text);
    if (st == HTH_OK && !same && text.n > 0 && text.p[text.n - 1] == '\n') {
        hth_digests(&d, text.p, text.n - 1); /* the newline that ends it on a terminal */
        same = hth_digests_eq(&d, &job->r->facts.text);
    }
    hth_buf_drop(&text);
    if (st != HTH_OK) return st;
    HTH_REQUIRE(same, err, HTH_EFORMAT, "this is not the answer that the receipt is about");
    return HTH_OK;
}

static HthStatus share(const Job *job, HthErr *err) {
    HthBuf text;
    hth_buf_init(&text, HTH_RECEIPT_MAX);
    HthStatus st = hth_receipt_share(&text, job->r, err);
    if (st == HTH_OK) st = hth_file_write(job->share, text.p, text.n, 0644, err);
    hth_buf_drop(&text);
    return st;
}

/* As the receipt's own signer, and nobody else: the credential says that its issuer says so. */
static HthStatus export_credential(const Job *job, HthErr *err) {
    HthBuf text;
    json_t *v = NULL;
    const uint8_t *pub = hth_signer_public(job->signer);
    HTH_REQUIRE(memcmp(pub, job->keys[job->by].key, HTH_SIGN_PUBLIC_BYTES) == 0, err, HTH_EDENIED,
                "somebody else signed this receipt: only they can make a credential of it");
    hth_buf_init(&text, HTH_RECEIPT_MAX);
    HthStatus st = hth_credential_json(&v, job->r, pub, err);
    if (st == HTH_OK)
        st = hth_credential_sign(v, job->signer, hth_json_text(v, "validFrom").p, err);
    if (st == HTH_OK) st = hth_jcs_write(&text, v, err);
    if (st == HTH_OK) st = hth_buf_add_char(&text, '\n', err);
    if (st == HTH_OK) st = hth_file_write(job->export, text.p, text.n, 0644, err);
    json_decref(v);
    hth_buf_drop(&text);
    return st;
}

static HthStatus replay(Job *job, int *code, HthErr *err) {
    HthBuf text;
    HthStatus st = read_file(&text, job->prompt, FILE_MAX_BYTES, err);
    job->ask.prompt = hth_buf_str(&text);
    if (st == HTH_OK) st = hth_replay(&job->run, job->r, &job->ask, code, err);
    hth_buf_drop(&text);
    if (st != HTH_OK || job->run.same) return st;
    const HthReplay *run = &job->run;
    if (!run->located)
        return HTH_FAIL(
            err, HTH_EFORMAT,
            "the model says something else now: %zu tokens, not the %llu of the receipt "
            "(where they part only the holder's part would tell)",
            run->id_count, (unsigned long long)job->r->facts.id_count);
    return HTH_FAIL(err, HTH_EFORMAT,
                    "the model says something else now, from token %zu of %llu on: the receipt "
                    "has id %lld, the model %lld (-1: the answer ends)",
                    run->first_at + 1, (unsigned long long)job->r->facts.id_count,
                    (long long)run->first_want, (long long)run->first_got);
}

/* ---- telling -------------------------------------------------------------------------------- */

/* One sentence each: what was looked at, and what was not. */
static json_t *sentences(const Job *job, bool done) {
    const HthReceiptFacts *f = &job->r->facts;
    const bool ran = job->replay;
    const struct {
        bool done, told;
        const char *text;
    } rows[] = {
        { true, true, "every byte is as it was signed, and by that key" },
        { job->r->held, job->r->held, "the holder's salt and token ids belong to it" },
        { job->answer, job->answer || !ran, "the answer's text" },
        { ran, true, "that the model says this, token by token" },
        { ran && job->run.prompt_checked, true, "the prompt" },
        { ran && job->run.text_checked, ran, "the answer's text, run again" },
        { ran && job->run.stops_checked, f->stop_count > 0, "the stop texts" },
        { false, true, "the time: it is the signer's clock" },
        { false, f->cage.n > 0, "the cage: the hash of its self-test is the signer's word" },
        { false, f->cage.n == 0, "a cage: the receipt names none" },
        { false, f->log.n == 0, "a log: the receipt is in none" },
        { true, f->log.n > 0, "the proof that a log knows of it is of this answer" },
        { false, f->log.n > 0, "whose log that is: hearth audit verify --proof checks it" },
    };
    json_t *list = json_array();
    for (size_t i = 0; list && i < HTH_COUNT(rows); i++)
        if (rows[i].told && rows[i].done == done)
            (void)json_array_append_new(list, json_string(rows[i].text));
    return list;
}

static void print_sentences(const Job *job, const char *head, bool done) {
    json_t *list = sentences(job, done);
    for (size_t i = 0; i < json_array_size(list); i++)
        printf("%-13s %s\n", i == 0 ? head : "", json_string_value(json_array_get(list, i)));
    json_decref(list);
}

static void print_digest(const char *what, const HthDigests *d) {
    char hex[HTH_HASH_HEX + 1];
    hth_hex(hex, d->sha256, HTH_HASH_BYTES);
    printf("%-13s sha256 %s\n", what, hth_receipt_zero(d) ? "none" : hex);
}

static void print_human(const Job *job) {
    const HthReceiptFacts *f = &job->r->facts;
    char id[HTH_KEY_ID_TEXT];
    hth_vkey_id(id, &job->keys[job->by]);
    printf("%-13s %s%s\n", "signed by", id, job->key ? " (--key)" : " (this user's own list)");
    print_digest("answer", &f->text);
    printf("%-13s %llu tokens, ended by %.*s; prompt %llu tokens\n", "",
           (unsigned long long)f->id_count, HTH_STR_ARG(f->finish),
           (unsigned long long)f->prompt_count);
    print_digest("model", &f->model);
    for (uint32_t i = 0; i < f->adapters.count; i++) {
        print_digest("adapter", &f->adapters.one[i].digest);
        printf("%-13s its scale %.9g\n", "", (double)f->adapters.one[i].scale);
    }
    print_digest("template", &f->chat_template);
    print_digest("engine", &f->engine);
    printf("%-13s hearth %.*s, numerics %.*s, kernels %.*s, cache %.*s, seed %llu\n", "",
           HTH_STR_ARG(f->version), HTH_STR_ARG(f->numerics), HTH_STR_ARG(f->isa),
           HTH_STR_ARG(f->kv), (unsigned long long)f->seed);
    const json_t *predicate = json_object_get(job->r->statement, "predicate");
    printf("%-13s %s\n", "time", hth_json_text(predicate, "time").p);
    if (job->replay)
        printf("%-13s the same %zu tokens (kernels %s)\n", "run again", job->run.id_count,
               job->run.isa);
    print_sentences(job, "checked", true);
    print_sentences(job, "not checked", false);
}

static int print_json(const Job *job) {
    char id[HTH_KEY_ID_TEXT];
    hth_vkey_id(id, &job->keys[job->by]);
    return hth_cli_json(json_pack("{s:b, s:s, s:o, s:o, s:b, s:O}", "good", 1, "signed_by", id,
                                  "checked", sentences(job, true), "not_checked",
                                  sentences(job, false), "replayed", (int)job->replay, "statement",
                                  job->r->statement));
}

static int print_credential(const Job *job) {
    char id[HTH_KEY_ID_TEXT];
    hth_vkey_id(id, &job->keys[job->by]);
    if (job->json)
        return hth_cli_json(json_pack("{s:b, s:s, s:O}", "good", 1, "signed_by", id, "credential",
                                      job->credential));
    printf("%-13s %s%s\n", "issued by", id, job->key ? " (--key)" : " (this user's own list)");
    printf("%-13s %s\n", "checked", "its proof (eddsa-jcs-2022), over all of it");
    printf("%-13s %s\n", "not checked", "whatever it says; its receipt can be run again");
    return HTH_EXIT_OK;
}

static int print_failure(const Job *job, const HthErr *err) {
    const int code = hth_cli_fail(err);
    if (!job->json) return code;
    json_t *v = json_pack("{s:b, s:s, s:s}", "good", 0, "error", err->text, "status",
                          hth_status_name(err->status));
    if (v && job->replay && job->run.located)
        (void)json_object_set_new(v, "first_difference",
                                  json_integer((json_int_t)job->run.first_at));
    (void)hth_cli_json(v);
    return code;
}

/* ---- the verb ------------------------------------------------------------------------------- */

/* Whatever comes from elsewhere is read in the cage; the keys are this user's own. */
static int verify(Job *job) {
    HthErr err = { 0 };
    int code = hth_cli_readable(job->receipt);
    if (code == HTH_EXIT_OK && job->answer) code = hth_cli_readable(job->answer);
    if (code == HTH_EXIT_OK && job->prompt) code = hth_cli_readable(job->prompt);
    if (code != HTH_EXIT_OK) return code;
    if (read_keys(job, &err) != HTH_OK || (job->export && open_signer(job, &err) != HTH_OK))
        return print_failure(job, &err);
    HthCaged cage = { .models = { job->replay ? job->ask.model : NULL },
                      .reads = { job->receipt, job->answer, job->prompt },
                      .writes = { job->share, job->export },
                      .off = hth_caged_off(job->no_cage) };
    if (job->replay) hth_lora_cage(&job->loras, &cage);
    if ((code = hth_caged(&cage)) != HTH_EXIT_OK) return code;
    HthStatus st = open_receipt(job, &err);
    if (st == HTH_OK && job->credential) {
        st = check_credential(job, &err);
        return st == HTH_OK ? print_credential(job) : print_failure(job, &err);
    }
    if (st == HTH_OK) st = check_signature(job, &err);
    if (st == HTH_OK) st = hth_receipt_log(job->r, &err);
    if (st == HTH_OK && job->answer) st = check_answer(job, &err);
    if (st == HTH_OK && job->share) st = share(job, &err);
    if (st == HTH_OK && job->export) st = export_credential(job, &err);
    if (st == HTH_OK && job->replay) st = replay(job, &code, &err);
    if (st != HTH_OK) return err.text[0] ? print_failure(job, &err) : code;
    if (job->json) return print_json(job);
    print_human(job);
    return HTH_EXIT_OK;
}

int hth_cli_verify(HthArgs *args) {
    Job job = { .ask.loras = &job.loras };
    int code = parse(&job, args);
    if (code == HTH_EXIT_OK) code = verify(&job);
    hth_lora_drop(&job.loras);
    if (code == HTH_ARG_HELP) return HTH_EXIT_OK;
    if (code == HTH_ARG_BAD) return HTH_EXIT_USAGE;
    hth_receipt_close(&job.r);
    hth_signer_close(&job.signer);
    json_decref(job.credential);
    hth_free(job.keys);
    return code;
}

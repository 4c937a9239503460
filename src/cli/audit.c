/* audit.c - hearth audit: does the log hold, what does it say, and what can be shown of it. */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "audit/entry.h"
#include "audit/erase.h"
#include "audit/verify.h"
#include "cli/audit_keys.h"
#include "cli/caged.h"
#include "cli/cli.h"
#include "cli/state.h"
#include "cli/vault.h"
#include "crypt/secret.h"

enum {
    OPT_JSON = 1,
    OPT_LOG,
    OPT_PIN,
    OPT_PROOF,
    OPT_VKEY,
    OPT_COUNT,
    OPT_SHA256,
    OPT_OUT,
    OPT_TEXT
};

const HthOpt hth_opts_audit[] = {
    { OPT_LOG, 0, "log", "DIR", "the log's folder (default: audit in the state folder)", "dir" },
    { OPT_PIN, 0, "pin", "FILE",
      "verify: the log must go on from this checkpoint too (may be given several times; default: "
      "audit.pin in the state folder, where it is there)",
      "file" },
    { OPT_PROOF, 0, "proof", "FILE", "verify: this proof instead of the log", "file" },
    { OPT_VKEY, 0, "vkey", "FILE", "verify --proof: with these keys (default: the log's)", "file" },
    { OPT_COUNT, 'n', "lines", "N", "tail: so many (default 10)", NULL },
    { OPT_SHA256, 0, "sha256", NULL, "prove: by the SHA-256 tree, which tools of others read",
      NULL },
    { OPT_OUT, 'o', "out", "FILE", "prove: into a file (default: standard output)", "file" },
    { OPT_TEXT, 0, "text", NULL, "show: the text that lies sealed beside the entry", NULL },
    { OPT_JSON, 0, "json", NULL, "print JSON", NULL },
    { 0 },
};

typedef struct Job {
    const char *verb, *what; /* what: N, DIR or FILE */
    const char *pins[HTH_PINS_MAX];
    size_t pin_count;
    const char *proof, *vkey, *out, *log;
    HthBuf folder, pin; /* paths */
    uint32_t count;
    bool sha256, text, json;
} Job;

static json_t *hex_json(const uint8_t *digest) {
    char hex[HTH_HASH_HEX + 1];
    hth_hex(hex, digest, HTH_HASH_BYTES);
    return json_string(hex);
}

static json_t *count_json(uint64_t n) {
    return json_integer((json_int_t)n);
}

/* ---- verify --------------------------------------------------------------------------------- */

static int report_json(const HthAuditReport *r) {
    json_t *o = json_object();
    (void)json_object_set_new(o, "ok", json_true());
    (void)json_object_set_new(o, "origin", json_string(r->origin));
    (void)json_object_set_new(o, "entries", count_json(r->entries));
    (void)json_object_set_new(o, "bytes", count_json(r->bytes));
    (void)json_object_set_new(o, "being_written", json_boolean(r->in_flight != 0));
    (void)json_object_set_new(o, "checkpoints", count_json(r->checkpoints));
    (void)json_object_set_new(o, "pinned", count_json(r->pinned));
    for (unsigned t = 0; t < HTH_AUDIT_TREES; t++) {
        json_t *tree = json_object();
        (void)json_object_set_new(tree, "root", hex_json(r->root[t]));
        (void)json_object_set_new(tree, "signed", count_json(r->signed_entries[t]));
        (void)json_object_set_new(tree, "tiles", count_json(r->tiles[t].checked));
        (void)json_object_set_new(tree, "tiles_missing", count_json(r->tiles[t].missing));
        (void)json_object_set_new(o, hth_audit_trees[t].folder, tree);
    }
    return hth_cli_json(o);
}

static unsigned long long ull(uint64_t n) {
    return n;
}

static int report(const Job *job, const HthAuditReport *r) {
    char root[HTH_HASH_HEX + 1];
    if (job->json) return report_json(r);
    hth_hex(root, r->root[0], HTH_HASH_BYTES);
    if (r->signed_entries[0] || r->signed_entries[1] || r->pinned)
        printf("The log holds: %llu entries, each as it was written.\n", ull(r->entries));
    else
        printf("The log is whole, but nothing of its %llu entries is signed: whoever can write the "
               "file can have written them.\n",
               ull(r->entries));
    printf("  origin      %s\n  sha3 root   %s\n", r->origin, root);
    printf("  signed      the first %llu entries (%llu checkpoints in the log)\n",
           ull(r->signed_entries[0]), ull(r->checkpoints));
    if (r->pinned)
        printf("  pinned      it goes on from a checkpoint of %llu entries kept elsewhere\n",
               ull(r->pinned));
    else
        printf("  pinned      nothing: entries missing at the end since the last checkpoint, or a "
               "whole log\n              exchanged with its keys, would not be seen (hearth audit "
               "pin)\n");
    if (r->entries > r->signed_entries[0])
        printf("  not signed  the last %llu: only damage would be seen there\n",
               ull(r->entries - r->signed_entries[0]));
    if (r->tiles[0].missing + r->tiles[1].missing)
        printf("  tiles       %llu are missing and will be made again\n",
               ull(r->tiles[0].missing + r->tiles[1].missing));
    if (r->in_flight)
        printf("  being written: %llu bytes after the last entry\n", ull(r->in_flight));
    return HTH_EXIT_OK;
}

/* What does not hold is said on standard error; with --json, whoever reads that is told, too. */
static int refuse(const Job *job, const HthErr *err) {
    const int code = hth_cli_fail(err);
    if (job->json)
        (void)hth_cli_json(json_pack("{s:b, s:s, s:s}", "ok", 0, "error", err->text, "status",
                                     hth_status_name(err->status)));
    return code;
}

/* The keys that proofs are checked with: a file of them, or those of the log. */
static HthStatus proof_keys(HthVkey v[HTH_AUDIT_TREES], const Job *job, HthErr *err) {
    HthBuf folder;
    if (!job->vkey) return hth_audit_read_vkeys(v, job->folder.p, err);
    const char *slash = strrchr(job->vkey, '/');
    HTH_REQUIRE(strcmp(slash ? slash + 1 : job->vkey, "vkey") == 0, err, HTH_EINVAL,
                "the file of a log's keys is called vkey, as in its folder");
    hth_buf_init(&folder, 4096);
    HthStatus status =
        slash ? hth_buf_printf(&folder, err, "%.*s", (int)(slash - job->vkey), job->vkey)
              : hth_buf_printf(&folder, err, ".");
    if (status == HTH_OK) status = hth_audit_read_vkeys(v, folder.p, err);
    hth_buf_drop(&folder);
    return status;
}

static HthStatus check_proof(const Job *job, HthBuf *entry, uint64_t *index, uint64_t *size,
                             const char **tree, HthErr *err) {
    static HthProofFile p;
    HthVkey v[HTH_AUDIT_TREES];
    HthBuf text;
    HthErr first = { 0 };
    HTH_TRY(proof_keys(v, job, err));
    hth_buf_init(&text, HTH_PROOF_FILE_MAX);
    HthStatus status = hth_file_read(&text, job->proof, err);
    if (status == HTH_OK) status = hth_proof_parse(&p, hth_buf_str(&text), err);
    if (status == HTH_OK && !p.extra.n)
        status = HTH_FAIL(err, HTH_EINVAL, "the proof does not have the entry with it");
    if (status == HTH_OK) status = hth_unbase64(entry, HTH_BASE64, p.extra, err);
    for (unsigned t = 0; status == HTH_OK && t < HTH_AUDIT_TREES; t++) {
        *tree = hth_audit_trees[t].folder;
        status = hth_proof_check(&p, hth_audit_trees[t].kind, hth_buf_str(entry), &v[t], size,
                                 t ? err : &first);
        if (status == HTH_OK) break;
        if (t == 0) status = HTH_OK; /* the other tree, perhaps */
    }
    *index = p.index;
    hth_buf_drop(&text);
    return status;
}

static int verify_proof(const Job *job) {
    HthErr err = { 0 };
    HthBuf entry;
    uint64_t index = 0, size = 0;
    const char *tree = NULL;
    int code;
    hth_buf_init(&entry, HTH_LEAF_MAX);
    if (check_proof(job, &entry, &index, &size, &tree, &err) != HTH_OK) {
        code = refuse(job, &err);
    } else if (job->json) {
        code = hth_cli_json(json_pack("{s:b, s:I, s:I, s:s, s:s%}", "ok", 1, "index",
                                      (json_int_t)index, "size", (json_int_t)size, "tree", tree,
                                      "entry", entry.p, entry.n));
    } else {
        printf("The proof holds: this is entry %llu of a log that was signed with %llu (%s).\n",
               ull(index), ull(size), tree);
        hth_cli_print_safe(stdout, hth_buf_str(&entry));
        putchar('\n');
        code = HTH_EXIT_OK;
    }
    hth_buf_drop(&entry);
    return code;
}

static int verify(Job *job) {
    HthAuditReport r;
    HthErr err = { 0 };
    if (job->proof) return verify_proof(job);
    if (!job->pin_count && hth_audit_there(job->pin.p)) job->pins[job->pin_count++] = job->pin.p;
    if (hth_audit_verify(&r, job->folder.p, job->pins, job->pin_count, &err) != HTH_OK)
        return refuse(job, &err);
    return report(job, &r);
}

/* ---- show and tail -------------------------------------------------------------------------- */

static void print_time(int64_t time_s) {
    char text[HTH_CLOCK_TEXT];
    if (hth_clock_text(text, time_s)) printf("%sZ  ", text);
}

/* One line; what is not an entry that this hearth reads is shown as it stands. */
static int print_entry(const Job *job, const HthRecord *rec) {
    HthErr err;
    HthBuf room;
    static HthEntry e;
    if (job->json) {
        json_t *v = NULL;
        if (hth_json_parse(&v, rec->entry, rec->entry.n, NULL) != HTH_OK)
            v = json_stringn(rec->entry.p, rec->entry.n);
        return hth_cli_json(json_pack("{s:I, s:I, s:o?}", "index", (json_int_t)rec->index,
                                      "sealed_bytes", (json_int_t)rec->sealed.n, "entry", v));
    }
    printf("%10llu  ", ull(rec->index));
    hth_buf_init(&room, 2 * HTH_LEAF_MAX);
    if (hth_entry_read(&e, &room, rec->entry, &err) == HTH_OK) {
        print_time(e.time_s);
        printf("%-10s", hth_entry_name(e.type));
        json_t *v = NULL;
        (void)!hth_json_parse(&v, rec->entry, rec->entry.n, NULL);
        for (unsigned f = 0; f < HTH_ENTRY_FIELDS; f++) {
            const json_t *one = json_object_get(v, hth_entry_field((HthEntryField)f));
            if (!one) continue;
            printf(" %s=", hth_entry_field((HthEntryField)f));
            if (json_is_integer(one))
                printf("%lld", (long long)json_integer_value(one));
            else
                hth_cli_print_safe(stdout,
                                   (HthStr){ json_string_value(one), json_string_length(one) });
        }
        json_decref(v);
    } else {
        hth_cli_print_safe(stdout, rec->entry);
    }
    putchar('\n');
    hth_buf_drop(&room);
    return HTH_EXIT_OK;
}

static bool number(const Job *job, uint64_t *out) {
    if (hth_str_u64(hth_str(job->what), out)) return true;
    hth_cli_usage("audit", "%s wants the number of an entry", job->verb);
    return false;
}

static HthStatus sealed_text(HthBuf *out, const HthRecord *rec, HthErr *err) {
    static HthEntry e;
    HthKeyring *ring = NULL;
    HthBuf room;
    hth_buf_init(&room, 2 * HTH_LEAF_MAX);
    HthStatus status = hth_entry_read(&e, &room, rec->entry, err);
    if (status == HTH_OK) status = hth_vault_open(&ring, false, true, err);
    if (status == HTH_OK) {
        const HthContentKeys keys = hth_audit_keys(ring);
        status = hth_content_get(out, &e, rec->sealed, &keys, err);
    }
    hth_keyring_close(&ring);
    hth_buf_drop(&room);
    return status;
}

static int show_text(const Job *job, const HthRecord *rec) {
    HthErr err = { 0 };
    HthBuf text;
    int code = HTH_EXIT_OK;
    hth_buf_init(&text, HTH_SEALED_MAX);
    if (sealed_text(&text, rec, &err) != HTH_OK) {
        code = hth_cli_fail(&err);
    } else if (job->json) {
        code = hth_cli_json(json_pack("{s:I, s:o?}", "index", (json_int_t)rec->index, "text",
                                      hth_json_str(hth_buf_str(&text))));
    } else {
        hth_cli_print_lines(stdout, hth_buf_str(&text));
        putchar('\n');
    }
    if (text.p) hth_secret_wipe(text.p, text.cap);
    hth_buf_drop(&text);
    return code;
}

static int show(Job *job) {
    HthAuditReader r = { 0 };
    HthRecord rec;
    HthErr err = { 0 };
    uint64_t index;
    if (!number(job, &index)) return HTH_EXIT_USAGE;
    if (hth_audit_find(&r, &rec, job->folder.p, index, &err) != HTH_OK) return hth_cli_fail(&err);
    const int code = job->text ? show_text(job, &rec) : print_entry(job, &rec);
    hth_audit_reader_close(&r);
    return code;
}

static int tail(Job *job) {
    HthAuditReader r = { 0 };
    HthRecord rec;
    HthErr err = { 0 };
    int code = HTH_EXIT_OK;
    if (hth_audit_reader_open(&r, job->folder.p, &err) != HTH_OK) return hth_cli_fail(&err);
    const HthAuditReader first = r;
    while (hth_audit_next(&r, &rec)) continue;
    const uint64_t from = r.next > job->count ? r.next - job->count : 0;
    for (r = first; hth_audit_next(&r, &rec) && code == HTH_EXIT_OK;)
        if (rec.index >= from) code = print_entry(job, &rec);
    hth_audit_reader_close(&r);
    return code;
}

/* ---- what goes out -------------------------------------------------------------------------- */

static int prove(Job *job) {
    HthErr err = { 0 };
    HthBuf file;
    uint64_t index;
    int code = HTH_EXIT_OK;
    if (!number(job, &index)) return HTH_EXIT_USAGE;
    hth_buf_init(&file, HTH_PROOF_FILE_MAX);
    const HthHashKind kind = job->sha256 ? HTH_SHA256 : HTH_SHA3_256;
    if (hth_audit_prove(&file, job->folder.p, kind, index, &err) != HTH_OK ||
        (job->out && hth_file_write(job->out, file.p, file.n, 0644, &err) != HTH_OK))
        code = hth_cli_fail(&err);
    else if (job->json)
        code = hth_cli_json(json_pack("{s:I, s:s}", "index", (json_int_t)index, "proof", file.p));
    else if (!job->out)
        fwrite(file.p, 1, file.n, stdout);
    hth_buf_drop(&file);
    return code;
}

static int export(Job *job) {
    HthAuditReport r;
    HthErr err = { 0 };
    if (hth_audit_export(&r, job->folder.p, job->what, &err) != HTH_OK) return hth_cli_fail(&err);
    if (job->json)
        return hth_cli_json(json_pack("{s:I}", "entries", (json_int_t)r.signed_entries[0]));
    printf("%llu entries, and what proves them\n", ull(r.signed_entries[0]));
    return HTH_EXIT_OK;
}

/* The signed checkpoint to a file that stays elsewhere, if the log goes on from what that file
 * holds now. */
static HthStatus pin_to(const Job *job, const char *to, uint64_t *size, HthErr *err) {
    HthAuditReport r;
    HthVkey v[HTH_AUDIT_TREES];
    HthCheckpoint c;
    HthBuf note;
    bool there = false;
    const char *const older[] = { to };
    HTH_TRY(hth_audit_verify(&r, job->folder.p, older, hth_audit_there(to), err));
    HTH_TRY(hth_audit_read_vkeys(v, job->folder.p, err));
    hth_buf_init(&note, HTH_NOTE_MAX);
    HthStatus status = hth_audit_read_checkpoint(&c, &there, &note, job->folder.p, 0, &v[0], err);
    if (status == HTH_OK && !there)
        status = HTH_FAIL(err, HTH_EINVAL, "the log has no signed checkpoint yet");
    if (status == HTH_OK && c.size < r.pinned)
        status = HTH_FAIL(err, HTH_EFORMAT,
                          "what is pinned covers %llu entries, what is signed now only %llu",
                          ull(r.pinned), ull(c.size));
    if (status == HTH_OK) status = hth_file_write(to, note.p, note.n, 0644, err);
    if (status == HTH_OK) *size = c.size;
    hth_buf_drop(&note);
    return status;
}

static int pin(Job *job) {
    HthErr err = { 0 };
    uint64_t size = 0;
    const char *to = job->what ? job->what : job->pin.p;
    if (pin_to(job, to, &size, &err) != HTH_OK) return hth_cli_fail(&err);
    if (job->json) return hth_cli_json(json_pack("{s:I}", "pinned", (json_int_t)size));
    printf("pinned at %llu entries; a copy on another device sees more than one beside the log\n",
           ull(size));
    return HTH_EXIT_OK;
}

/* ---- what goes for good --------------------------------------------------------------------- */

static HthStatus erase_subject(const Job *job, HthErr *err) {
    HthKeyring *ring = NULL;
    HthAudit *a = NULL;
    HthErr closing;
    HTH_TRY(hth_vault_open(&ring, false, true, err));
    HthStatus status = hth_cli_audit_open(&a, job->folder.p, ring, err);
    if (status == HTH_OK) {
        const HthContentKeys keys = hth_audit_keys(ring);
        status = hth_audit_erase(a, hth_str(job->what), HTH_STR(""), &keys, err);
    }
    hth_keyring_close(&ring);
    const HthStatus closed = hth_audit_close(&a, &closing);
    if (status == HTH_OK && closed != HTH_OK) {
        status = closed;
        *err = closing;
    }
    return status;
}

static int erase(Job *job) {
    HthErr err = { 0 };
    if (erase_subject(job, &err) != HTH_OK) return hth_cli_fail(&err);
    if (job->json) return hth_cli_json(json_pack("{s:s}", "erased", job->what));
    printf("erased: what was sealed with the key of %s cannot be read again, here or in any copy\n"
           "(but for backups made before, and folders that a restore has put aside: they hold that "
           "key, and have to go too)\n",
           job->what);
    return HTH_EXIT_OK;
}

/* ---- the verb ------------------------------------------------------------------------------- */

static const struct {
    const char *name, *what;
    bool must; /* have what */
    bool writes; /* what is a file, and is written */
    bool open; /* in no cage: it makes folders, or wants the keyring */
    int (*run)(Job *job);
} verbs[] = {
    { "verify", NULL, false, false, false, verify },  { "show", "N", true, false, false, show },
    { "tail", NULL, false, false, false, tail },      { "prove", "N", true, false, false, prove },
    { "export", "DIR", true, false, true, export },   { "pin", "FILE", false, true, false, pin },
    { "erase", "SUBJECT", true, false, true, erase },
};

/* A log may be another machine's: who reads it needs nothing but it. */
static int go_into_cage(const Job *job, bool writes) {
    const char *to = job->what ? job->what : job->pin.p;
    const HthCaged c = { .reads = { job->folder.p, job->pin.p, job->proof, job->vkey },
                         .writes = { job->out, writes ? to : NULL },
                         .more = job->pins,
                         .more_count = job->pin_count };
    return hth_caged(&c);
}

static int run(Job *job) {
    HthErr err = { 0 };
    size_t i = 0;
    while (i < HTH_COUNT(verbs) && (!job->verb || strcmp(job->verb, verbs[i].name) != 0)) i++;
    if (i == HTH_COUNT(verbs))
        return hth_cli_usage("audit", "one of: audit verify, show N, tail, prove N, export DIR, "
                                      "pin [FILE], erase SUBJECT");
    if ((job->what && !verbs[i].what) || (!job->what && verbs[i].must))
        return hth_cli_usage("audit", "audit %s takes %s", job->verb,
                             verbs[i].what ? verbs[i].what : "no argument");
    HthStatus status = job->log ? hth_buf_printf(&job->folder, &err, "%s", job->log)
                                : hth_state_file(&job->folder, "audit", false, &err);
    if (status == HTH_OK)
        status = job->log ? hth_buf_printf(&job->pin, &err, "%s.pin", job->log)
                          : hth_state_file(&job->pin, "audit.pin", false, &err);
    if (status != HTH_OK) return hth_cli_fail(&err);
    if (!job->vkey && access(job->folder.p, R_OK) != 0)
        return hth_cli_error(HTH_EXIT_NOINPUT, "there is no audit log in %s", job->folder.p);
    if (verbs[i].open || job->text) return verbs[i].run(job);
    const int code = go_into_cage(job, verbs[i].writes);
    return code == HTH_EXIT_OK ? verbs[i].run(job) : code;
}

int hth_cli_audit(HthArgs *args) {
    Job job = { .count = 10 };
    for (int id; (id = hth_args_next(args)) != HTH_ARG_END;) {
        switch (id) {
        case OPT_JSON: job.json = true; break;
        case OPT_TEXT: job.text = true; break;
        case OPT_SHA256: job.sha256 = true; break;
        case OPT_LOG: job.log = args->value; break;
        case OPT_PROOF: job.proof = args->value; break;
        case OPT_VKEY: job.vkey = args->value; break;
        case OPT_OUT: job.out = args->value; break;
        case OPT_PIN:
            if (job.pin_count == HTH_PINS_MAX)
                return hth_cli_usage("audit", "at most %d checkpoints", HTH_PINS_MAX);
            job.pins[job.pin_count++] = args->value;
            break;
        case OPT_COUNT:
            if (!hth_args_u32(args, 1, 1000000000, &job.count)) return HTH_EXIT_USAGE;
            break;
        case HTH_ARG_HELP: return HTH_EXIT_OK;
        case HTH_ARG_BAD: return HTH_EXIT_USAGE;
        default:
            if (!hth_args_verb(args, &job.verb, &job.what)) return HTH_EXIT_USAGE;
        }
    }
    hth_buf_init(&job.folder, 4096);
    hth_buf_init(&job.pin, 4096);
    const int code = run(&job);
    hth_buf_drop(&job.folder);
    hth_buf_drop(&job.pin);
    return code;
}

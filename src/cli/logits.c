/* logits.c - hearth logits: the raw numbers, for parity tests and for auditors. */
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "cli/caged.h"
#include "cli/cli.h"
#include "cli/lora.h"
#include "cli/source.h"
#include "cli/term.h"
#include "kern/kern.h"
#include "text/vocab.h"

enum {
    OPT_TOKENS = 1,
    OPT_OUT,
    OPT_THREADS,
    OPT_CHUNK,
    OPT_ISA,
    OPT_KV,
    OPT_JSON,
    OPT_NO_PACK,
    OPT_LORA
};

const HthOpt hth_opts_logits[] = {
    { OPT_TOKENS, 0, "tokens", "FILE", "decimal token ids; - is standard input", "file" },
    { OPT_OUT, 'o', "out", "FILE", "where the rows go; it appears whole or not at all", "file" },
    { OPT_THREADS, 't', "threads", "N", "threads (default: every core this process may use)",
      NULL },
    { OPT_CHUNK, 0, "chunk", "N", "tokens per forward step (default 256)", NULL },
    { OPT_ISA, 0, "isa", "NAME", "kernel tier: see hearth version",
      "c avx2 avx512 avx512vnni amx" },
    { OPT_KV, 0, "kv", "TYPE",
      "cache of keys and values (default: f32 for float weights, else f16)", "f32 f16 q8_0 q4_0" },
    { OPT_LORA, 0, "lora", HTH_LORA_VALUE, HTH_LORA_HELP, "gguf" },
    { OPT_NO_PACK, 0, "no-pack", NULL, "leave weights as they lie in the file: less memory, slower",
      NULL },
    { OPT_JSON, 0, "json", NULL, "print counts as JSON on standard output", NULL },
    { 0 },
};

typedef struct Job {
    const char *model, *tokens, *out, *isa, *kv;
    uint32_t threads, chunk;
    bool json, no_pack;
    HthLoras loras;
} Job;

enum { TOKENS_MAX = 1 << 28 }; /* bytes of the token file */

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',';
}

static HthStatus parse_ids(HthStr text, uint32_t vocab, HthIds *ids, HthErr *err) {
    for (size_t at = 0;;) {
        while (at < text.n && is_blank(text.p[at])) at++;
        if (at == text.n) break;
        size_t end = at;
        uint64_t id = 0;
        while (end < text.n && !is_blank(text.p[end])) end++;
        HTH_REQUIRE(hth_str_u64(hth_str_sub(text, at, end - at), &id), err, HTH_EFORMAT,
                    "the token file holds something that is not a decimal id, at byte %zu", at);
        HTH_REQUIRE(id < vocab, err, HTH_EFORMAT,
                    "token id %llu at byte %zu is outside the vocabulary of %u tokens",
                    (unsigned long long)id, at, vocab);
        HTH_TRY(hth_ids_add(ids, (uint32_t)id, err));
        at = end;
    }
    HTH_REQUIRE(ids->n > 0, err, HTH_EFORMAT, "the token file holds no ids");
    return HTH_OK;
}

/* Rows are computed and written in blocks, so memory does not grow with the text. */
static HthStatus write_rows(HthSession *s, const HthIds *ids, uint32_t vocab, HthFileOut *f,
                            HthErr *err) {
    size_t block = (size_t)(64 << 20) / (vocab * sizeof(float));
    if (block < 1) block = 1;
    if (block > ids->n) block = ids->n;
    float *rows = hth_calloc(block * vocab, sizeof *rows);
    HTH_REQUIRE(rows != NULL, err, HTH_ENOMEM, "out of memory for %zu rows of logits", block);
    HthStatus st = HTH_OK;
    for (size_t at = 0; at < ids->n && st == HTH_OK; at += block) {
        size_t n = ids->n - at < block ? ids->n - at : block;
        st = hth_session_eval_all(s, ids->p + at, n, rows, err);
        if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
            for (size_t i = 0; i < n * vocab; i++)
                rows[i] = hth_bits_f32(__builtin_bswap32(hth_f32_bits(rows[i])));
        if (st == HTH_OK) st = hth_file_out_add(f, rows, n * vocab * sizeof *rows, err);
        hth_progress("logits", at + n, ids->n);
    }
    hth_progress_end();
    hth_free(rows);
    return st;
}

static HthStatus compute(const Job *job, const HthModel *m, const HthIds *ids, HthErr *err) {
    HthSession *s = NULL;
    HthFileOut *f = NULL;
    HTH_REQUIRE(ids->n <= UINT32_MAX, err, HTH_ELIMIT, "too many tokens");
    HthSessionCfg cfg = {
        .ctx = (uint32_t)ids->n, .threads = job->threads, .chunk = job->chunk, .kv = job->kv
    };
    cfg.no_pack = job->no_pack;
    cfg.adapters = job->loras.use;
    cfg.adapter_count = job->loras.count;
    HthStatus st = hth_session_open(&s, m, &cfg, err);
    if (st == HTH_OK) st = hth_file_out_open(&f, job->out, 0644, err);
    if (st == HTH_OK) st = write_rows(s, ids, hth_model_vocab_count(m), f, err);
    if (st == HTH_OK) st = hth_file_out_commit(&f, err);
    hth_file_out_abort(&f);
    hth_session_close(&s);
    return st;
}

static int logits(Job *job) {
    HthModel *m = NULL;
    HthBuf text;
    HthIds ids;
    HthErr err = { 0 };
    hth_buf_init(&text, TOKENS_MAX);
    hth_ids_init(&ids, TOKENS_MAX);
    int code = hth_cli_readable(job->tokens);
    if (code != HTH_EXIT_OK) goto out;
    if (job->isa != NULL && hth_kern_force(job->isa, &err) != HTH_OK) {
        code = hth_cli_fail(&err);
        goto out;
    }
    if ((code = hth_source_model(&m, job->model)) != HTH_EXIT_OK) goto out;
    if ((code = hth_lora_open(&job->loras, m)) != HTH_EXIT_OK) goto out;
    uint32_t vocab = hth_model_vocab_count(m);
    if (hth_file_read(&text, job->tokens, &err) != HTH_OK ||
        parse_ids(hth_buf_str(&text), vocab, &ids, &err) != HTH_OK ||
        compute(job, m, &ids, &err) != HTH_OK)
        code = hth_cli_fail(&err);
    else if (job->json)
        code = hth_cli_json(json_pack("{s:I, s:I, s:s, s:s}", "rows", (json_int_t)ids.n, "columns",
                                      (json_int_t)vocab, "numerics", hth_numerics(), "isa",
                                      hth_kern_pick()->name));
out:
    hth_buf_drop(&text);
    hth_ids_drop(&ids);
    hth_lora_close(&job->loras);
    hth_model_close(&m);
    return code;
}

static int parse(Job *job, HthArgs *args) {
    for (int id; (id = hth_args_next(args)) != HTH_ARG_END;) {
        bool ok = true;
        switch (id) {
        case OPT_TOKENS: job->tokens = args->value; break;
        case OPT_OUT: job->out = args->value; break;
        case OPT_ISA: job->isa = args->value; break;
        case OPT_KV: job->kv = args->value; break;
        case OPT_JSON: job->json = true; break;
        case OPT_NO_PACK: job->no_pack = true; break;
        case OPT_LORA: ok = hth_lora_add(&job->loras, "logits", args->value); break;
        case OPT_THREADS: ok = hth_args_u32(args, 1, 256, &job->threads); break;
        case OPT_CHUNK: ok = hth_args_u32(args, 1, 1 << 20, &job->chunk); break;
        case HTH_ARG_HELP:
        case HTH_ARG_BAD: return id;
        default:
            if (job->model != NULL) return hth_cli_usage("logits", "logits takes one MODEL");
            job->model = args->value;
        }
        if (!ok) return HTH_ARG_BAD;
    }
    if (job->model == NULL) return hth_cli_usage("logits", "logits needs a MODEL");
    if (job->tokens == NULL) return hth_cli_usage("logits", "logits needs --tokens FILE");
    if (job->out == NULL) return hth_cli_usage("logits", "logits needs --out FILE");
    return HTH_EXIT_OK;
}

int hth_cli_logits(HthArgs *args) {
    Job job = { 0 };
    int code = parse(&job, args);
    if (code == HTH_EXIT_OK) {
        HthCaged cage = { .models = { job.model }, .reads = { job.tokens }, .writes = { job.out } };
        hth_lora_cage(&job.loras, &cage);
        code = hth_caged(&cage);
        if (code == HTH_EXIT_OK) code = logits(&job);
    }
    hth_lora_drop(&job.loras);
    return code == HTH_ARG_HELP ? HTH_EXIT_OK : code == HTH_ARG_BAD ? HTH_EXIT_USAGE : code;
}

/* tokenize.c - hearth tokenize: text to token ids, for scripts. */
#include <string.h>

#include "cli/caged.h"
#include "cli/cli.h"
#include "cli/source.h"
#include "text/vocab.h"

enum { OPT_NO_SPECIAL = 1, OPT_NUL, OPT_JSON };

const HthOpt hth_opts_tokenize[] = {
    { OPT_NO_SPECIAL, 0, "no-special", NULL, "read the text of special tokens as plain text",
      NULL },
    { OPT_NUL, '0', "null", NULL, "texts end at NUL bytes: one line of ids for each", NULL },
    { OPT_JSON, 0, "json", NULL, "print a JSON array of ids per text", NULL },
    { 0 },
};

typedef struct Job {
    const char *model, *file;
    bool no_special, nul, json;
} Job;

/* 1 GiB of text, and as many ids. */
static const size_t text_max = (size_t)1 << 30;

static void print_ids(const HthIds *ids) {
    for (size_t i = 0; i < ids->n; i++) printf(i > 0 ? " %u" : "%u", ids->p[i]);
    putchar('\n');
}

static json_t *json_ids(const HthIds *ids) {
    json_t *a = json_array();
    for (size_t i = 0; a != NULL && i < ids->n; i++)
        if (json_array_append_new(a, json_integer(ids->p[i])) != 0) {
            json_decref(a);
            a = NULL;
        }
    return a;
}

/* Every text of `input`; in JSON the array of arrays is left in *all. */
static HthStatus each_text(const Job *job, const HthVocab *v, HthStr input, json_t *all,
                           HthErr *err) {
    unsigned flags = HTH_ENCODE_BOS_EOS | (job->no_special ? 0u : HTH_ENCODE_SPECIAL);
    HthIds ids;
    HthStatus st = HTH_OK;
    hth_ids_init(&ids, text_max);
    do {
        const char *end = job->nul && input.n > 0 ? memchr(input.p, 0, input.n) : NULL;
        HthStr text = end != NULL ? hth_str_sub(input, 0, (size_t)(end - input.p)) : input;
        input = end != NULL ? hth_str_sub(input, text.n + 1, SIZE_MAX) : HTH_STR("");
        ids.n = 0;
        st = hth_vocab_encode(v, text, flags, &ids, err);
        if (st != HTH_OK) break;
        if (all == NULL)
            print_ids(&ids);
        else if (json_array_append_new(all, json_ids(&ids)) != 0)
            st = HTH_FAIL(err, HTH_ENOMEM, "out of memory for JSON");
    } while (st == HTH_OK && input.n > 0);
    hth_ids_drop(&ids);
    return st;
}

static int tokenize(const Job *job) {
    HthGguf *g = NULL;
    HthVocab *v = NULL;
    HthBuf input;
    HthErr err = { 0 };
    json_t *all = job->json ? json_array() : NULL;
    hth_buf_init(&input, text_max);
    int code = hth_source_gguf(&g, job->model);
    if (code != HTH_EXIT_OK) goto out;
    if (!hth_vocab_present(g)) {
        code = hth_cli_error(HTH_EXIT_DATA, "this model file carries no tokenizer");
        goto out;
    }
    if ((code = hth_cli_readable(job->file)) != HTH_EXIT_OK) goto out;
    if (hth_vocab_open(&v, g, &err) != HTH_OK || hth_file_read(&input, job->file, &err) != HTH_OK) {
        code = hth_cli_fail(&err);
        goto out;
    }
    if (job->nul && input.n == 0) goto print; /* no text at all */
    if (each_text(job, v, hth_buf_str(&input), all, &err) != HTH_OK) {
        code = hth_cli_fail(&err);
        goto out;
    }
print:
    if (all != NULL) code = hth_cli_json(json_incref(all));
out:
    json_decref(all);
    hth_buf_drop(&input);
    hth_vocab_close(&v);
    hth_gguf_close(&g);
    return code;
}

int hth_cli_tokenize(HthArgs *args) {
    Job job = { .file = "-" };
    int count = 0;
    for (int id; (id = hth_args_next(args)) != HTH_ARG_END;) {
        switch (id) {
        case OPT_NO_SPECIAL: job.no_special = true; break;
        case OPT_NUL: job.nul = true; break;
        case OPT_JSON: job.json = true; break;
        case HTH_ARG_HELP: return HTH_EXIT_OK;
        case HTH_ARG_BAD: return HTH_EXIT_USAGE;
        default:
            if (count == 0) job.model = args->value;
            if (count == 1) job.file = args->value;
            count++;
        }
    }
    if (count < 1) return hth_cli_usage("tokenize", "tokenize needs a MODEL");
    if (count > 2) return hth_cli_usage("tokenize", "tokenize takes one MODEL and one FILE");
    int code = hth_caged(&(HthCaged){ .models = { job.model }, .reads = { job.file } });
    return code == HTH_EXIT_OK ? tokenize(&job) : code;
}

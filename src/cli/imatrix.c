/* imatrix.c - hearth imatrix: what of a model a text uses, for quantising it.
 *
 * Thread: the main thread. */
#include <string.h>

#include "base/name.h"
#include "cli/caged.h"
#include "cli/cli.h"
#include "cli/source.h"
#include "cli/term.h"
#include "quant/collect.h"

enum { OPT_TEXT = 1, OPT_OUT, OPT_CHUNK, OPT_CHUNKS, OPT_THREADS, OPT_JSON, OPT_NO_CAGE };
enum { TEXT_MAX = 1 << 28 /* bytes */ };

const HthOpt hth_opts_imatrix[] = {
    { OPT_TEXT, 0, "text", "FILE",
      "text of the kind the model will see, of all its languages; - is standard input", "file" },
    { OPT_OUT, 'o', "out", "FILE", "the importance matrix, a GGUF file; whole or not at all",
      "file" },
    { OPT_CHUNK, 0, "chunk", "N", "tokens that see each other (default 512)", NULL },
    { OPT_CHUNKS, 0, "chunks", "N", "only the first N of them (default: the whole text)", NULL },
    { OPT_THREADS, 't', "threads", "N", "threads (default: one per core)", NULL },
    { OPT_JSON, 0, "json", NULL, "print what was measured as JSON", NULL },
    { OPT_NO_CAGE, 0, "no-cage", NULL, HTH_CAGED_HELP, NULL },
    { 0 },
};

typedef struct Asked {
    const char *model, *text, *out;
    HthCollectOpt opt;
    bool json, no_cage;
} Asked;

static int on_progress(const char *phase, uint64_t done, uint64_t total) {
    const int shift = strcmp(phase, "reading") == 0 ? 20 : 0; /* bytes; tokens */
    hth_progress(phase, (size_t)(done >> shift), (size_t)(total >> shift));
    return hth_interrupted();
}

static int say(const Asked *a, json_t *said) {
    if (a->json) return hth_cli_json(said);
    const json_int_t idle = json_integer_value(json_object_get(said, "matrices_never_used"));
    printf("%s: %lld tensors measured over %lld tokens\n", a->out,
           (long long)json_integer_value(json_object_get(said, "tensors")),
           (long long)json_integer_value(json_object_get(said, "tokens")));
    if (idle > 0)
        printf("%lld matrices of experts were never used: the text is short, or one-sided\n",
               (long long)idle);
    json_decref(said);
    return HTH_EXIT_OK;
}

static int collect(Asked *a) {
    HthErr err = { 0 };
    HthModel *m = NULL;
    HthBuf text;
    json_t *said = NULL;
    hth_buf_init(&text, TEXT_MAX);
    int code = hth_cli_readable(a->text);
    if (code == HTH_EXIT_OK) code = hth_source_model(&m, a->model);
    if (code == HTH_EXIT_OK && hth_file_read(&text, a->text, &err) != HTH_OK)
        code = hth_cli_fail(&err);
    if (code == HTH_EXIT_OK) {
        hth_interrupt_catch();
        const HthStatus st =
            hth_imatrix_collect(&said, m, hth_buf_str(&text), a->out, &a->opt, &err);
        hth_progress_end();
        code = st == HTH_OK ? say(a, said) : hth_cli_fail(&err);
    }
    hth_buf_drop(&text);
    hth_model_close(&m);
    return code;
}

int hth_cli_imatrix(HthArgs *args) {
    Asked a = { .opt = { .progress = on_progress } };
    for (int id; (id = hth_args_next(args)) != HTH_ARG_END;) {
        switch (id) {
        case OPT_TEXT: a.text = args->value; break;
        case OPT_OUT: a.out = args->value; break;
        case OPT_CHUNK:
            if (!hth_args_u32(args, 2, HTH_COLLECT_CHUNK_MAX, &a.opt.chunk)) return HTH_EXIT_USAGE;
            break;
        case OPT_CHUNKS:
            if (!hth_args_u32(args, 1, UINT32_MAX, &a.opt.chunks_max)) return HTH_EXIT_USAGE;
            break;
        case OPT_THREADS:
            if (!hth_args_u32(args, 1, 256, &a.opt.threads)) return HTH_EXIT_USAGE;
            break;
        case OPT_JSON: a.json = true; break;
        case OPT_NO_CAGE: a.no_cage = true; break;
        case HTH_ARG_HELP: return HTH_EXIT_OK;
        case HTH_ARG_BAD: return HTH_EXIT_USAGE;
        default:
            if (a.model != NULL) return hth_cli_usage("imatrix", "imatrix takes one MODEL");
            a.model = args->value;
        }
    }
    if (a.model == NULL) return hth_cli_usage("imatrix", "imatrix needs a MODEL");
    if (a.text == NULL) return hth_cli_usage("imatrix", "imatrix needs --text FILE");
    if (a.out == NULL) return hth_cli_usage("imatrix", "imatrix needs --out FILE");
    a.opt.text_name = hth_path_name(a.text);
    const int code = hth_caged(&(HthCaged){ .models = { a.model },
                                            .reads = { a.text },
                                            .writes = { a.out },
                                            .off = hth_caged_off(a.no_cage) });
    return code == HTH_EXIT_OK ? collect(&a) : code;
}

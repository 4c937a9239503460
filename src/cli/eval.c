/* eval.c - hearth eval: how good a model is, on texts and on questions with choices.
 *
 * Thread: the main thread. */
#include "cli/eval.h"

#include <string.h>

#include "cli/caged.h"
#include "cli/source.h"
#include "cli/term.h"
#include "eval/eval.h"
#include "kern/kern.h"

enum {
    OPT_TEXT = 1,
    OPT_CHOICE,
    OPT_CTX,
    OPT_STRIDE,
    OPT_STYLE,
    OPT_GROUP,
    OPT_LIMIT,
    OPT_SAVE,
    OPT_BASE,
    OPT_STATE,
    OPT_HTML,
    OPT_RESAMPLES,
    OPT_SEED,
    OPT_THREADS,
    OPT_KV,
    OPT_ISA,
    OPT_NO_PACK,
    OPT_JSON,
    OPT_NO_CAGE
};

const HthOpt hth_opts_eval[] = {
    { OPT_TEXT, 0, "text", "FILE", "a text, or a .jsonl with a text per line; may be given often",
      "file" },
    { OPT_CHOICE, 0, "choice", "FILE", "questions with choices, one per line; may be given often",
      "file" },
    { OPT_CTX, 0, "ctx", "N", "tokens of a window (default: what it was trained for, at most 2048)",
      NULL },
    { OPT_STRIDE, 0, "stride", "N",
      "tokens a window scores, the others before them are given "
      "(default: half of --ctx)",
      NULL },
    { OPT_STYLE, 0, "style", "NAME", "how a line with choices is read (default: by its members)",
      "auto ending question bool blank pair" },
    { OPT_GROUP, 0, "group", "FIELD", "figures by this member of each line, too", NULL },
    { OPT_LIMIT, 0, "limit", "N", "only the first N lines of each file", NULL },
    { OPT_SAVE, 0, "save-logits", "FILE", "keep the logits, 2 bytes each; it appears whole",
      "file" },
    { OPT_BASE, 0, "base", "FILE", "compare with the saved logits of another model", "file" },
    { OPT_HTML, 0, "html", "FILE", "write a report with pictures, in one file", "file" },
    { OPT_STATE, 0, "state", "FILE",
      "where a stopped evaluation continues from (default: beside --save-logits or --html)",
      "file" },
    { OPT_RESAMPLES, 0, "resamples", "N", "draws of the bootstrap (default 1000)", NULL },
    { OPT_SEED, 0, "seed", "N", "of these draws (default 1)", NULL },
    { OPT_THREADS, 't', "threads", "N", "threads (default: every core this process may use)",
      NULL },
    { OPT_KV, 0, "kv", "TYPE",
      "cache of keys and values (default: f32 for float weights, else f16)", "f32 f16 q8_0 q4_0" },
    { OPT_ISA, 0, "isa", "NAME", "kernel tier: see hearth version",
      "c avx2 avx512 avx512vnni amx" },
    { OPT_NO_PACK, 0, "no-pack", NULL, "leave weights as they lie in the file: less memory, slower",
      NULL },
    { OPT_JSON, 0, "json", NULL, "print the report as JSON", NULL },
    { OPT_NO_CAGE, 0, "no-cage", NULL, HTH_CAGED_HELP, NULL },
    { 0 },
};

enum { STATE_PATH_MAX = 4096, HTML_BYTES_MAX = 1 << 28 };

typedef struct Asked {
    HthEvalOpt opt;
    size_t texts, choices;
    const char *html, *isa;
    char state[STATE_PATH_MAX];
    bool json, no_cage;
} Asked;

static int on_progress(const char *phase, uint64_t done, uint64_t total) {
    const bool bytes = strcmp(phase, "digesting") == 0;
    hth_progress(phase, (size_t)(bytes ? done >> 20 : done), (size_t)(bytes ? total >> 20 : total));
    return hth_interrupted();
}

static int add_file(const char **list, size_t *count, const char *path, const char *option) {
    if (*count == HTH_EVAL_INPUTS_MAX)
        return hth_cli_usage("eval", "--%s: at most %d files", option, HTH_EVAL_INPUTS_MAX);
    list[(*count)++] = path;
    return HTH_EXIT_OK;
}

static int take_style(Asked *a, const char *name) {
    for (int i = 0; hth_eval_styles[i] != NULL; i++)
        if (strcmp(hth_eval_styles[i], name) == 0) {
            a->opt.cut.style = (HthEvalStyle)i;
            return HTH_EXIT_OK;
        }
    return hth_cli_usage("eval", "--style takes auto, ending, question, bool, blank or pair");
}

/* One option or positional; HTH_EXIT_OK, or the code to end with. */
static int take(HthArgs *args, int id, Asked *a) {
    HthEvalOpt *o = &a->opt;
    uint32_t seed = 0;
    const struct {
        int id;
        uint32_t min, max, *to;
    } numbers[] = {
        { OPT_CTX, HTH_EVAL_CTX_MIN, 1 << 24, &o->cut.ctx },
        { OPT_STRIDE, 1, 1 << 24, &o->cut.stride },
        { OPT_LIMIT, 1, UINT32_MAX, &o->cut.limit },
        { OPT_RESAMPLES, 20, 1000000, &o->boot.resamples },
        { OPT_SEED, 0, UINT32_MAX, &seed },
        { OPT_THREADS, 1, 256, &o->session.threads },
    };
    for (size_t i = 0; i < HTH_COUNT(numbers); i++)
        if (numbers[i].id == id) {
            if (!hth_args_u32(args, numbers[i].min, numbers[i].max, numbers[i].to))
                return HTH_EXIT_USAGE;
            if (id == OPT_SEED) o->boot.seed = seed;
            return HTH_EXIT_OK;
        }
    switch (id) {
    case OPT_TEXT: return add_file(o->texts, &a->texts, args->value, "text");
    case OPT_CHOICE: return add_file(o->choices, &a->choices, args->value, "choice");
    case OPT_STYLE: return take_style(a, args->value);
    case OPT_GROUP: o->cut.group = args->value; break;
    case OPT_SAVE: o->save = args->value; break;
    case OPT_BASE: o->base = args->value; break;
    case OPT_STATE: o->state = args->value; break;
    case OPT_HTML: a->html = args->value; break;
    case OPT_KV: o->session.kv = args->value; break;
    case OPT_ISA: a->isa = args->value; break;
    case OPT_NO_PACK: o->session.no_pack = true; break;
    case OPT_JSON: a->json = true; break;
    case OPT_NO_CAGE: a->no_cage = true; break;
    default:
        if (o->model != NULL) return hth_cli_usage("eval", "eval takes one MODEL");
        o->model = args->value;
    }
    return HTH_EXIT_OK;
}

/* What only makes sense together. */
static int check(Asked *a) {
    HthEvalOpt *o = &a->opt;
    if (o->model == NULL) return hth_cli_usage("eval", "eval needs a MODEL");
    if ((a->texts > 0) == (a->choices > 0))
        return hth_cli_usage("eval", "eval needs --text FILE or --choice FILE, and not both");
    if (a->choices > 0 && o->cut.stride != 0) return hth_cli_usage("eval", "--stride is for texts");
    if (a->texts > 0 && o->cut.style != HTH_EVAL_AUTO)
        return hth_cli_usage("eval", "--style is for questions with choices");
    const char *beside = o->save != NULL ? o->save : a->html;
    if (o->state == NULL && beside != NULL) {
        if (snprintf(a->state, sizeof a->state, "%s.state", beside) >= (int)sizeof a->state)
            return hth_cli_usage("eval", "the path of an output is too long");
        o->state = a->state;
    }
    for (size_t i = 0; i < a->texts + a->choices; i++) {
        const char *path = a->texts > 0 ? o->texts[i] : o->choices[i];
        if (strcmp(path, "-") == 0) return hth_cli_usage("eval", "eval reads files only");
        const int code = hth_cli_readable(path);
        if (code != HTH_EXIT_OK) return code;
    }
    return o->base != NULL ? hth_cli_readable(o->base) : HTH_EXIT_OK;
}

static int close_cage(const Asked *a) {
    const HthEvalOpt *o = &a->opt;
    HthCaged caged = { .models = { o->model },
                       .reads = { o->base },
                       .writes = { o->save, a->html, o->state },
                       .off = hth_caged_off(a->no_cage) };
    _Static_assert((int)HTH_EVAL_INPUTS_MAX < (int)HTH_CAGED_NAMES, "all inputs and a base");
    for (size_t i = 0; i < HTH_EVAL_INPUTS_MAX; i++)
        caged.reads[i + 1] = a->texts > 0 ? o->texts[i] : o->choices[i];
    return hth_caged(&caged);
}

static HthStatus write_html(const char *path, const json_t *report, HthErr *err) {
    HthBuf page;
    hth_buf_init(&page, HTML_BYTES_MAX);
    HthStatus st = hth_eval_html(&page, report, err);
    if (st == HTH_OK) st = hth_file_write(path, page.p, page.n, 0644, err);
    hth_buf_drop(&page);
    return st;
}

static int eval(Asked *a) {
    HthModel *m = NULL;
    json_t *report = NULL;
    HthErr err = { 0 };
    if (a->isa != NULL && hth_kern_force(a->isa, &err) != HTH_OK) return hth_cli_fail(&err);
    int code = hth_source_model(&m, a->opt.model);
    if (code != HTH_EXIT_OK) return code;
    hth_interrupt_catch();
    HthStatus st = hth_eval(&report, m, &a->opt, &err);
    hth_progress_end();
    if (st == HTH_OK && a->html != NULL) st = write_html(a->html, report, &err);
    if (st != HTH_OK)
        code = hth_cli_fail(&err);
    else if (a->json)
        code = hth_cli_json(json_incref(report));
    else
        hth_eval_print(report);
    json_decref(report);
    hth_model_close(&m);
    return code;
}

int hth_cli_eval(HthArgs *args) {
    static Asked a; /* large */
    a.opt = (HthEvalOpt){ .boot = { .seed = 1 }, .progress = on_progress };
    for (int id; (id = hth_args_next(args)) != HTH_ARG_END;) {
        if (id == HTH_ARG_HELP) return HTH_EXIT_OK;
        const int code = id == HTH_ARG_BAD ? HTH_EXIT_USAGE : take(args, id, &a);
        if (code != HTH_EXIT_OK) return code;
    }
    int code = check(&a);
    if (code == HTH_EXIT_OK) code = close_cage(&a);
    return code == HTH_EXIT_OK ? eval(&a) : code;
}

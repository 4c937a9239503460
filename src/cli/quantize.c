/* quantize.c - hearth quantize: a model with fewer bits, and the proof of how it was made.
 *
 * Thread: the main thread. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/caged.h"
#include "cli/cli.h"
#include "cli/term.h"
#include "quant/quantize.h"

enum {
    OPT_TENSOR = 1,
    OPT_IMATRIX,
    OPT_AWQ,
    OPT_AUTO,
    OPT_REQUANTIZE,
    OPT_THREADS,
    OPT_VERIFY,
    OPT_JSON,
    OPT_NO_CAGE
};

const HthOpt hth_opts_quantize[] = {
    { OPT_TENSOR, 0, "tensor", "PATTERN=TYPE",
      "tensors whose names fit the pattern get this type (norms and the like stay); may be given "
      "often, the first that fits counts",
      NULL },
    { OPT_IMATRIX, 0, "imatrix", "FILE",
      "an importance matrix (hearth imatrix): columns that matter more are rounded better",
      "file" },
    { OPT_AWQ, 0, "awq", NULL,
      "with --imatrix: columns that matter more are scaled up and the norm before them down, where "
      "that is the same product and rounds better",
      NULL },
    { OPT_AUTO, 0, "auto", "SIZE|ERROR%",
      "instead of TYPE: types are chosen by measuring, the best that fits into SIZE (4500M, 6GiB) "
      "or "
      "the smallest whose matrices give what they should within ERROR percent",
      NULL },
    { OPT_REQUANTIZE, 0, "requantize", NULL,
      "take weights that are quantised already; more is lost than from the original", NULL },
    { OPT_THREADS, 't', "threads", "N", "threads (default: one per core)", NULL },
    { OPT_VERIFY, 0, "verify", NULL,
      "the first argument is a quantisation log: do it all again and compare", "file" },
    { OPT_JSON, 0, "json", NULL, "print the quantisation log", NULL },
    { OPT_NO_CAGE, 0, "no-cage", NULL, HTH_CAGED_HELP, NULL },
    { 0 },
};

typedef struct Asked {
    const char *names[3];
    size_t count;
    HthQuantRule rules[HTH_QUANT_RULES_MAX];
    char patterns[HTH_QUANT_RULES_MAX][HTH_QUANT_PATTERN_MAX + 1];
    HthQuantOpt opt;
    bool verify, json, no_cage;
} Asked;

static int on_progress(const char *phase, uint64_t done, uint64_t total) {
    hth_progress(phase, (size_t)(done >> 20), (size_t)(total >> 20));
    return hth_interrupted();
}

/* "blk.*.attn_v.weight=Q8_0". */
static int add_rule(Asked *a, const char *value) {
    const char *eq = strrchr(value, '=');
    HthQuantRule *rule = &a->rules[a->opt.rule_count];
    char *pattern = a->patterns[a->opt.rule_count];
    if (a->opt.rule_count == HTH_QUANT_RULES_MAX)
        return hth_cli_usage("quantize", "--tensor: at most %d", HTH_QUANT_RULES_MAX);
    if (eq == NULL || eq == value || (size_t)(eq - value) >= sizeof a->patterns[0])
        return hth_cli_usage("quantize", "--tensor wants PATTERN=TYPE");
    rule->fmt = hth_fmt_by_name(eq + 1);
    if (rule->fmt == NULL || rule->fmt->dequant == NULL)
        return hth_cli_usage("quantize", "--tensor: there is no type of weights with that name");
    memcpy(pattern, value, (size_t)(eq - value));
    pattern[eq - value] = '\0';
    rule->pattern = pattern;
    a->opt.rule_count++;
    return HTH_EXIT_OK;
}

/* "4.5G", "700MiB", "123456789"; "2.5%". */
static int set_auto(HthQuantAuto *to, const char *value) {
    static const struct {
        const char *unit;
        double factor;
    } units[] = { { "", 1 },        { "K", 1e3 },      { "M", 1e6 },      { "G", 1e9 },
                  { "T", 1e12 },    { "KB", 1e3 },     { "MB", 1e6 },     { "GB", 1e9 },
                  { "TB", 1e12 },   { "KiB", 0x1p10 }, { "MiB", 0x1p20 }, { "GiB", 0x1p30 },
                  { "TiB", 0x1p40 } };
    char *end;
    const double v = strtod(value, &end);
    *to = (HthQuantAuto){ 0 };
    if (end != value && v > 0 && v < 100 && strcmp(end, "%") == 0) to->error = v / 100;
    for (size_t i = 0; end != value && v > 0 && i < HTH_COUNT(units); i++)
        if (strcasecmp(end, units[i].unit) == 0 && v * units[i].factor < 0x1p60)
            to->bytes = (uint64_t)(v * units[i].factor);
    if (to->bytes > 0 || to->error > 0) return HTH_EXIT_OK;
    return hth_cli_usage("quantize", "--auto wants a size such as 4.5G, or an error such as 2%%");
}

static int no_such_type(void) {
    char all[512];
    size_t n = 0;
    all[0] = '\0';
    for (size_t i = 0; hth_mix_at(i) != NULL; i++)
        n += (size_t)snprintf(all + n, n < sizeof all ? sizeof all - n : 0, " %s",
                              hth_mix_at(i)->name);
    return hth_cli_usage("quantize", "there is no such type; there are%s", all);
}

static int parse(HthArgs *args, Asked *a, bool *stop) {
    *stop = true;
    a->opt = (HthQuantOpt){ .rules = a->rules, .progress = on_progress };
    for (int id, code = HTH_EXIT_OK; (id = hth_args_next(args)) != HTH_ARG_END;) {
        switch (id) {
        case OPT_TENSOR: code = add_rule(a, args->value); break;
        case OPT_IMATRIX: a->opt.imatrix = args->value; break;
        case OPT_AWQ: a->opt.awq = true; break;
        case OPT_AUTO: code = set_auto(&a->opt.best, args->value); break;
        case OPT_REQUANTIZE: a->opt.again = true; break;
        case OPT_THREADS:
            if (!hth_args_u32(args, 1, 256, &a->opt.threads)) return HTH_EXIT_USAGE;
            break;
        case OPT_VERIFY: a->verify = true; break;
        case OPT_JSON: a->json = true; break;
        case OPT_NO_CAGE: a->no_cage = true; break;
        case HTH_ARG_HELP: return HTH_EXIT_OK;
        case HTH_ARG_BAD: return HTH_EXIT_USAGE;
        default:
            if (a->count == HTH_COUNT(a->names))
                return hth_cli_usage("quantize", "quantize takes IN, OUT and TYPE");
            a->names[a->count++] = args->value;
        }
        if (code != HTH_EXIT_OK) return code;
    }
    *stop = false;
    return HTH_EXIT_OK;
}

static int verify(const Asked *a) {
    HthErr err = { 0 };
    if (a->count < 1 || a->opt.rule_count > 0 || a->opt.again || a->opt.awq ||
        a->opt.best.bytes > 0 || a->opt.best.error > 0)
        return hth_cli_usage("quantize",
                             "--verify takes LOG, and IN, OUT and --imatrix if they have moved");
    /* Names in the log are of the log's folder. */
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", a->names[0]);
    char *slash = strrchr(folder, '/');
    if (slash != NULL)
        slash[1] = '\0';
    else
        memcpy(folder, ".", 2);
    HthCaged caged = { .models = { a->names[1] },
                       .reads = { a->names[0], folder, a->names[2], a->opt.imatrix },
                       .off = hth_caged_off(a->no_cage) };
    int code = hth_caged(&caged);
    if (code != HTH_EXIT_OK) return code;
    hth_interrupt_catch();
    HthStatus st = hth_quantize_verify(a->names[0], a->names[1], a->names[2], a->opt.imatrix,
                                       a->opt.threads, on_progress, &err);
    hth_progress_end();
    if (st != HTH_OK) return hth_cli_fail(&err);
    puts("made again, byte for byte, and every figure of the log holds");
    return HTH_EXIT_OK;
}

static int say(const Asked *a, json_t *log) {
    char from[32], to[32];
    double before = 0;
    size_t i;
    json_t *part;
    if (a->json) return hth_cli_json(log);
    json_array_foreach(json_object_get(log, "input"), i, part) before +=
        json_number_value(json_object_get(part, "bytes"));
    hth_cli_size(from, before);
    hth_cli_size(to, json_number_value(json_object_get(json_object_get(log, "output"), "bytes")));
    printf("%s: %s, was %s; relative error of its weights %.5f\n", a->names[1], to, from,
           json_number_value(json_object_get(log, "relative_rmse")));
    json_decref(log);
    return HTH_EXIT_OK;
}

static int quantize(Asked *a) {
    HthErr err = { 0 };
    json_t *log = NULL;
    const bool best = a->opt.best.bytes > 0 || a->opt.best.error > 0;
    if (a->count != (best ? 2 : 3))
        return hth_cli_usage("quantize", best ? "with --auto, quantize takes IN and OUT"
                                              : "quantize takes IN, OUT and TYPE");
    if (a->opt.awq && a->opt.imatrix == NULL)
        return hth_cli_usage("quantize", "--awq needs --imatrix FILE");
    if (!best) a->opt.mix = hth_mix_find(a->names[2]);
    if (!best && a->opt.mix == NULL) return no_such_type();
    HthCaged caged = { .models = { a->names[0] },
                       .reads = { a->opt.imatrix },
                       .writes = { a->names[1] },
                       .off = hth_caged_off(a->no_cage) };
    int code = hth_caged(&caged);
    if (code != HTH_EXIT_OK) return code;
    hth_interrupt_catch();
    HthStatus st = hth_quantize(&log, a->names[0], a->names[1], &a->opt, &err);
    hth_progress_end();
    return st == HTH_OK ? say(a, log) : hth_cli_fail(&err);
}

int hth_cli_quantize(HthArgs *args) {
    static Asked asked; /* large */
    bool stop;
    int code = parse(args, &asked, &stop);
    if (stop) return code;
    return asked.verify ? verify(&asked) : quantize(&asked);
}

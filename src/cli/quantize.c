/* quantize.c - hearth quantize: a model with fewer bits, and the proof of how it was made.
 *
 * Thread: the main thread. */
#include <string.h>

#include "cli/caged.h"
#include "cli/cli.h"
#include "cli/term.h"
#include "quant/quantize.h"

enum { OPT_TENSOR = 1, OPT_REQUANTIZE, OPT_THREADS, OPT_VERIFY, OPT_JSON, OPT_NO_CAGE };

const HthOpt hth_opts_quantize[] = {
    { OPT_TENSOR, 0, "tensor", "PATTERN=TYPE",
      "tensors whose names fit the pattern get this type (norms and the like stay); may be given "
      "often, the first that fits counts",
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

static int no_such_type(const char *name) {
    char all[512];
    size_t n = 0;
    const HthFmt *fmt = hth_fmt_by_name(name);
    if (fmt != NULL && fmt->dequant != NULL && fmt->quant == NULL)
        return hth_cli_usage(
            "quantize", "hearth reads %s but does not write it; Q2_K is the nearest", fmt->name);
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
    if (a->count < 1 || a->opt.rule_count > 0 || a->opt.again)
        return hth_cli_usage("quantize", "--verify takes LOG, and IN and OUT if they have moved");
    /* Names in the log are of the log's folder. */
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", a->names[0]);
    char *slash = strrchr(folder, '/');
    if (slash != NULL)
        slash[1] = '\0';
    else
        memcpy(folder, ".", 2);
    HthCaged caged = { .models = { a->names[1] },
                       .reads = { a->names[0], folder, a->names[2] },
                       .off = hth_caged_off(a->no_cage) };
    int code = hth_caged(&caged);
    if (code != HTH_EXIT_OK) return code;
    hth_interrupt_catch();
    HthStatus st = hth_quantize_verify(a->names[0], a->names[1], a->names[2], a->opt.threads,
                                       on_progress, &err);
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
    if (a->count != 3) return hth_cli_usage("quantize", "quantize takes IN, OUT and TYPE");
    a->opt.mix = hth_mix_find(a->names[2]);
    if (a->opt.mix == NULL) return no_such_type(a->names[2]);
    HthCaged caged = { .models = { a->names[0] },
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

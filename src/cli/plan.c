/* plan.c - hearth plan: what a model would take in memory, and what to do where that is too much.
 *
 * Thread: the main thread. */
#include <inttypes.h>
#include <string.h>

#include "base/room.h"
#include "cli/caged.h"
#include "cli/cli.h"
#include "cli/lora.h"
#include "cli/source.h"
#include "cli/term.h"
#include "model/model.h"
#include "sched/fit.h"

enum {
    OPT_CTX = 1,
    OPT_PARALLEL,
    OPT_KV,
    OPT_THREADS,
    OPT_CACHE,
    OPT_NO_PACK,
    OPT_MEMORY,
    OPT_LORA,
    OPT_JSON
};

const HthOpt hth_opts_plan[] = {
    { OPT_CTX, 'c', "ctx", "N", "tokens of context (default: up to 4096)", NULL },
    { OPT_PARALLEL, 0, "parallel", "N", "as a server, with N answers at once", NULL },
    { OPT_KV, 0, "kv", "TYPE",
      "cache of keys and values (default: f32 for float weights, else f16)", "f32 f16 q8_0 q4_0" },
    { OPT_CACHE, 0, "cache", "MIB", "with --parallel: memory for that cache", NULL },
    { OPT_THREADS, 't', "threads", "N", "threads (default: every core this process may use)",
      NULL },
    { OPT_NO_PACK, 0, "no-pack", NULL, "leave weights as they lie in the file: less memory, slower",
      NULL },
    { OPT_MEMORY, 0, "memory", "MIB",
      "plan for so much memory (default: what this process could have now)", NULL },
    { OPT_LORA, 0, "lora", HTH_LORA_VALUE, "with this adapter; may be given several times",
      "gguf" },
    { OPT_JSON, 0, "json", NULL, "print a JSON object", NULL },
    { 0 },
};

enum { LENGTHS_MAX = 8 };
typedef struct Job {
    const char *what;
    HthModel *model;
    HthLoras loras;
    HthFitCfg cfg;
    HthFit fit; /* as asked for */
    HthFit at[LENGTHS_MAX]; /* the same at other lengths, shortest first */
    uint32_t lengths;
    HthFitAdvice advice[HTH_FIT_ADVICE_MAX];
    uint32_t advised;
    bool json;
} Job;

static double mib(uint64_t bytes) {
    return (double)bytes / 1048576.0;
}

/* ---- lengths -------------------------------------------------------------------------------- */

static void add_length(Job *job, uint32_t ctx) {
    HthFitCfg cfg = job->cfg;
    HthFit f;
    cfg.ctx = ctx;
    uint32_t i = 0;
    while (i < job->lengths && job->at[i].ctx < ctx) i++;
    if (job->lengths == LENGTHS_MAX || (i < job->lengths && job->at[i].ctx == ctx)) return;
    if (hth_fit(&f, job->model, &cfg, NULL) != HTH_OK) return; /* it does not reach that far */
    memmove(job->at + i + 1, job->at + i, (job->lengths - i) * sizeof *job->at);
    job->at[i] = f;
    job->lengths++;
}

/* The one that is asked for, the one it was trained for, and some below. */
static void add_lengths(Job *job) {
    const uint32_t trained = hth_model_ctx_train(job->model);
    add_length(job, job->fit.ctx);
    if (trained > 0) add_length(job, trained);
    for (uint32_t ctx = trained < 4096 ? trained / 4 : 2048; ctx > 0 && ctx < trained; ctx *= 4)
        add_length(job, ctx);
}

/* ---- words ---------------------------------------------------------------------------------- */

static const char *const parts[HTH_MEMORY_COUNT] = {
    [HTH_MEMORY_WEIGHTS] = "weights",
    [HTH_MEMORY_PANELS] = "weights, once more, rearranged",
    [HTH_MEMORY_TABLES] = "tokenizer and tables",
    [HTH_MEMORY_ADAPTERS] = "adapters",
    [HTH_MEMORY_CACHE] = "cache of keys and values",
    [HTH_MEMORY_SCRATCH] = "scratch",
    [HTH_MEMORY_LOGITS] = "logits and drawing",
    [HTH_MEMORY_LISTS] = "lists",
};

static void part(const char *name, uint64_t bytes, uint64_t total) {
    enum { WIDTH = 30 };
    const uint64_t n = total ? bytes * WIDTH / total : 0;
    printf("  %-31s %10.1f MiB  ", name, mib(bytes));
    for (uint64_t i = 0; i < n; i++) putchar('#');
    putchar('\n');
}

static void print_classes(const Job *job) {
    size_t bytes[HTH_WEIGHTS_COUNT];
    hth_model_class_bytes(job->model, bytes);
    for (int k = 0; k < HTH_WEIGHTS_COUNT; k++)
        if (bytes[k] > 0)
            printf("    %-29s %10.1f MiB\n", hth_weight_class_name((HthWeightClass)k),
                   mib(bytes[k]));
}

static void print_parts(const Job *job) {
    const HthFit *f = &job->fit;
    fputs("Memory of ", stdout);
    hth_cli_print_safe(stdout, hth_str(job->what));
    printf(", %u tokens of context, cache in %s, %u thread%s, ", f->ctx, f->kv, f->threads,
           f->threads == 1 ? "" : "s");
    printf(f->parallel ? "%u at once\n\n" : "one conversation\n\n", f->parallel);
    for (int k = 0; k < HTH_MEMORY_COUNT; k++) {
        if (f->memory.bytes[k] == 0) continue;
        part(parts[k], f->memory.bytes[k], f->total);
        if (k == HTH_MEMORY_WEIGHTS) print_classes(job);
    }
    part("the program", job->cfg.program, f->total);
    printf("  %-31s %10.1f MiB\n", "all, at most", mib(f->total));
    if (job->cfg.room) printf("  %-31s %10.1f MiB\n", "to be had", mib(job->cfg.room));
    if (hth_model_pack_bytes(job->model) > 0 && !job->cfg.no_pack)
        printf("\nOf the weights %.1f MiB are rearranged in memory of this process as they are "
               "used; the\nothers are pages of the file, which processes share.\n",
               mib(hth_model_pack_bytes(job->model)));
}

static void print_lengths(const Job *job) {
    printf("\n  %10s %12s %12s %12s\n", "context", "cache", "scratch", "all");
    for (uint32_t i = 0; i < job->lengths; i++) {
        const HthFit *f = &job->at[i];
        printf("  %10u %8.1f MiB %8.1f MiB %8.1f MiB%s%s\n", f->ctx,
               mib(f->memory.bytes[HTH_MEMORY_CACHE]), mib(f->memory.bytes[HTH_MEMORY_SCRATCH]),
               mib(f->total), f->fits ? "" : "  does not fit",
               f->ctx == hth_model_ctx_train(job->model) ? "  (trained for)" : "");
    }
    printf("  %.1f KiB to a token%s\n", (double)job->fit.kv_bytes_per_token / 1024.0,
           job->fit.parallel ? " of each answer" : "");
}

static void print_advice(const Job *job) {
    const HthFit *f = &job->fit;
    if (f->fits) return;
    puts("\nIt does not fit.");
    for (uint32_t i = 0; i < job->advised; i++) {
        const HthFitAdvice *a = &job->advice[i];
        printf("  %-40s %s%.1f MiB%s\n", a->what, a->about ? "about " : "", mib(a->fit.total),
               a->fit.fits ? "" : ": still too much");
    }
    if (f->passing > 0)
        printf("As it is, %.1f MiB of its weights would be read from the file at every step.\n",
               mib(f->passing));
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static json_t *fit_json(const HthFit *f) {
    json_t *o = json_pack("{s:I, s:I, s:b}", "ctx", (json_int_t)f->ctx, "total_bytes",
                          (json_int_t)f->total, "fits", f->fits);
    for (int k = 0; o != NULL && k < HTH_MEMORY_COUNT; k++) {
        char name[32];
        snprintf(name, sizeof name, "%s_bytes", hth_memory_name((HthMemoryPart)k));
        json_object_set_new(o, name, json_integer((json_int_t)f->memory.bytes[k]));
    }
    return o;
}

static json_t *classes_json(const HthModel *m) {
    size_t bytes[HTH_WEIGHTS_COUNT];
    json_t *o = json_object();
    hth_model_class_bytes(m, bytes);
    for (int k = 0; k < HTH_WEIGHTS_COUNT; k++)
        json_object_set_new(o, hth_weight_class_name((HthWeightClass)k),
                            json_integer((json_int_t)bytes[k]));
    return o;
}

static int print_json(const Job *job) {
    const HthFit *f = &job->fit;
    json_t *lengths = json_array(), *advice = json_array(), *o = fit_json(f);
    for (uint32_t i = 0; i < job->lengths; i++)
        json_array_append_new(lengths, fit_json(&job->at[i]));
    for (uint32_t i = 0; i < job->advised; i++) {
        const HthFitAdvice *a = &job->advice[i];
        json_array_append_new(advice, json_pack("{s:s, s:o, s:b}", "change", a->what, "becomes",
                                                fit_json(&a->fit), "estimate", a->about));
    }
    json_t *more =
        json_pack("{s:o, s:I, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "model",
                  hth_json_str(hth_str(job->what)), "parallel", (json_int_t)f->parallel, "threads",
                  (json_int_t)f->threads, "kv", f->kv, "kv_bytes_per_token",
                  (json_int_t)f->kv_bytes_per_token, "program_bytes", (json_int_t)job->cfg.program,
                  "room_bytes", (json_int_t)job->cfg.room, "rearranged_bytes",
                  (json_int_t)(job->cfg.no_pack ? 0 : hth_model_pack_bytes(job->model)),
                  "passing_bytes", (json_int_t)f->passing, "weights", classes_json(job->model),
                  "lengths", lengths, "advice", advice);
    if (o == NULL || more == NULL || json_object_update(o, more) != 0) {
        json_decref(o);
        o = NULL;
    }
    json_decref(more);
    return hth_cli_json(o);
}

/* ---- the verb ------------------------------------------------------------------------------- */

static int plan(Job *job) {
    HthErr err = { 0 };
    if (hth_fit(&job->fit, job->model, &job->cfg, &err) != HTH_OK) return hth_cli_fail(&err);
    add_lengths(job);
    if (!job->fit.fits) job->advised = hth_fit_advise(job->advice, job->model, &job->cfg);
    int code = HTH_EXIT_OK;
    if (job->json) {
        code = print_json(job);
    } else {
        print_parts(job);
        print_lengths(job);
        print_advice(job);
    }
    return code != HTH_EXIT_OK || job->fit.fits ? code : HTH_EXIT_UNAVAILABLE;
}

/* Of the code and the stacks of a run, what a plan has not touched yet: measured, with ember. */
#define PROGRAM_LATER ((uint64_t)3 << 19)
/* And of a server's engine, which has keys, a log and conversations besides: measured, with a model
 * of 30 million weights. */
#define SERVER_LATER ((uint64_t)1 << 23)

/* The cage knows no /proc: how large this program is, is asked before. */
static int open_and_plan(Job *job, uint32_t memory_mib) {
    HthFitCfg *c = &job->cfg;
    const uint64_t available = hth_room_available();
    const uint64_t now = hth_room_resident();
    c->program = now + (c->parallel ? SERVER_LATER : PROGRAM_LATER);
    c->room = memory_mib ? (uint64_t)memory_mib << 20 : available ? available + now : 0;
    HthCaged cage = { .models = { job->what } };
    hth_lora_cage(&job->loras, &cage);
    int code = hth_caged(&cage);
    if (code != HTH_EXIT_OK) return code;
    if (c->room) hth_room_suppose(c->room > c->program ? c->room - c->program : 1);
    code = hth_source_model(&job->model, job->what);
    if (code == HTH_EXIT_OK) code = hth_lora_open(&job->loras, job->model);
    c->adapters = job->loras.use;
    c->adapter_count = job->loras.count;
    if (code == HTH_EXIT_OK) code = plan(job);
    hth_lora_drop(&job->loras);
    hth_model_close(&job->model);
    return code;
}

int hth_cli_plan(HthArgs *args) {
    static Job job; /* large */
    uint32_t cache = 0, memory = 0;
    for (int id; (id = hth_args_next(args)) != HTH_ARG_END;) {
        bool ok = true;
        switch (id) {
        case OPT_CTX: ok = hth_args_u32(args, 1, INT32_MAX, &job.cfg.ctx); break;
        case OPT_PARALLEL: ok = hth_args_u32(args, 1, 1024, &job.cfg.parallel); break;
        case OPT_THREADS: ok = hth_args_u32(args, 1, 256, &job.cfg.threads); break;
        case OPT_CACHE: ok = hth_args_u32(args, 1, INT32_MAX, &cache); break;
        case OPT_MEMORY: ok = hth_args_u32(args, 1, INT32_MAX, &memory); break;
        case OPT_KV: job.cfg.kv = args->value; break;
        case OPT_LORA: ok = hth_lora_add(&job.loras, "plan", args->value); break;
        case OPT_NO_PACK: job.cfg.no_pack = true; break;
        case OPT_JSON: job.json = true; break;
        case HTH_ARG_HELP: return HTH_EXIT_OK;
        case HTH_ARG_BAD: return HTH_EXIT_USAGE;
        default:
            if (job.what != NULL) return hth_cli_usage("plan", "plan takes one MODEL");
            job.what = args->value;
        }
        if (!ok) return HTH_EXIT_USAGE;
    }
    if (job.what == NULL) return hth_cli_usage("plan", "plan needs a MODEL");
    if (cache > 0 && job.cfg.parallel == 0)
        return hth_cli_usage("plan", "--cache is a server's: give --parallel, too");
    job.cfg.cache = (uint64_t)cache << 20;
    return open_and_plan(&job, memory);
}

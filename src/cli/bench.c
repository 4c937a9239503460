/* bench.c - hearth bench: tokens per second, beside what the machine could do.
 *
 * Two ceilings are measured in the same process, before the model's own figures: the rate at which
 * all threads read memory, and the rate of the model's commonest linear kernel when its weights lie
 * in the first-level cache. Machines are noisy: figures are medians of the repetitions. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/par.h"
#include "base/rng.h"
#include "cli/cli.h"
#include "cli/source.h"
#include "cli/term.h"
#include "kern/kern.h"
#include "model/model.h"

enum { OPT_PROMPT = 1, OPT_GEN, OPT_REPS, OPT_THREADS, OPT_ISA, OPT_OUTPUT, OPT_JSON };
enum { REPS_MAX = 100 };

const HthOpt hth_opts_bench[] = {
    { OPT_PROMPT, 'p', "prompt", "N", "prompt tokens (default 512, 0: leave out)", NULL },
    { OPT_GEN, 'n', "gen", "N", "generated tokens (default 128, 0: leave out)", NULL },
    { OPT_REPS, 'r', "reps", "N", "repetitions (default 5)", NULL },
    { OPT_THREADS, 't', "threads", "N", "threads (default: every core this process may use)",
      NULL },
    { OPT_ISA, 0, "isa", "NAME", "kernel tier: see hearth version", "c avx2 avx512 avx512vnni" },
    { OPT_OUTPUT, 'o', "output", "FORM", "md, json or csv (default md)", "md json csv" },
    { OPT_JSON, 0, "json", NULL, "the same as -o json", NULL },
    { 0 },
};

typedef struct Job {
    const char *model, *isa, *form;
    uint32_t prompt, gen, reps, threads;
} Job;

typedef struct Result {
    double pp, tg; /* tokens per second; 0: not measured */
    double read_gbs, kernel_gops; /* the ceilings, all threads */
    double
        ops_token; /* operations of a prompt token's linear layers: the output layer is skipped */
    double bytes_token; /* weight bytes read for a generated token, the output layer included */
    const HthFmt *fmt; /* the commonest weight format */
    uint32_t threads;
} Result;

static double seconds_since(uint64_t ns) {
    return (double)(hth_clock_ns() - ns + 1) * 1e-9;
}

static double median(double *v, size_t n) {
    for (size_t i = 1; i < n; i++)
        for (size_t j = i; j > 0 && v[j] < v[j - 1]; j--) {
            double t = v[j];
            v[j] = v[j - 1];
            v[j - 1] = t;
        }
    return n == 0 ? 0.0 : n % 2 == 1 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2.0;
}

/* ---- ceilings ------------------------------------------------------------------------------- */

enum { READ_BYTES = 256 << 20, READ_ITEMS = 64, KERN_ROWS = 16, KERN_K = 512, KERN_COLS = 8 };

typedef struct Read {
    const uint64_t *words;
    uint64_t sums[READ_ITEMS];
} Read;

static void read_item(void *ctx, uint32_t item, uint32_t worker) {
    Read *r = ctx;
    size_t n = READ_BYTES / READ_ITEMS / sizeof *r->words;
    const uint64_t *w = r->words + n * item;
    uint64_t a = 0, b = 0, c = 0, d = 0;
    (void)worker;
    for (size_t i = 0; i < n; i += 4) {
        a += w[i];
        b ^= w[i + 1];
        c += w[i + 2];
        d ^= w[i + 3];
    }
    r->sums[item] = a + b + c + d;
}

/* Gigabytes per second, the best of four passes: a ceiling, not an average. */
static HthStatus measure_read(HthPool *pool, double *out, HthErr *err) {
    uint64_t *words = hth_calloc_aligned(READ_BYTES / sizeof(uint64_t), sizeof(uint64_t));
    HTH_REQUIRE(words != NULL, err, HTH_ENOMEM, "out of memory for the bandwidth measurement");
    memset(words, 0x5a, READ_BYTES); /* touched, so that the pages are real */
    Read r = { .words = words };
    double best = 0.0;
    for (int pass = 0; pass < 4; pass++) {
        uint64_t began = hth_clock_ns();
        hth_par_run(pool, READ_ITEMS, read_item, &r);
        double rate = (double)READ_BYTES * 1e-9 / seconds_since(began);
        if (rate > best) best = rate;
    }
    hth_free(words);
    *out = best;
    return HTH_OK;
}

typedef struct Kern {
    const HthKern *kern;
    const HthFmt *fmt;
    uint8_t *weights, *acts; /* per worker: one panel that fits the cache, and columns */
    float *y;
    size_t weight_bytes, act_bytes, act_stride;
} Kern;

static void kern_item(void *ctx, uint32_t item, uint32_t worker) {
    const Kern *k = ctx;
    size_t row = hth_fmt_row_bytes(k->fmt, KERN_K);
    (void)item;
    for (int i = 0; i < 200; i++)
        k->kern->linear[hth_fmt_index(k->fmt)](k->weights + worker * k->weight_bytes, row,
                                               KERN_ROWS, KERN_K, k->acts + worker * k->act_bytes,
                                               k->act_stride, KERN_COLS,
                                               k->y + (size_t)worker * 512, KERN_ROWS);
}

/* Billions of multiply-adds times two per second, all threads. */
static HthStatus measure_kernel(HthPool *pool, const HthFmt *fmt, double *out, HthErr *err) {
    uint32_t threads = hth_pool_threads(pool), items = threads * 8;
    Kern k = { .kern = hth_kern_pick(), .fmt = fmt };
    k.weight_bytes = (hth_fmt_row_bytes(fmt, KERN_K) * KERN_ROWS + 63) / 64 * 64;
    k.act_stride = (hth_act_bytes(fmt->act, KERN_K) + 63) / 64 * 64;
    k.act_bytes = k.act_stride * KERN_COLS;
    k.weights = hth_calloc_aligned(threads, k.weight_bytes);
    k.acts = hth_calloc_aligned(threads, k.act_bytes);
    k.y = hth_calloc_aligned((size_t)threads * 512, sizeof *k.y);
    HthStatus st = HTH_OK;
    if (k.weights == NULL || k.acts == NULL || k.y == NULL) {
        st = HTH_FAIL(err, HTH_ENOMEM, "out of memory for the kernel measurement");
    } else {
        double best = 0.0, ops = 2.0 * KERN_ROWS * KERN_K * KERN_COLS * 200.0 * (double)items;
        hth_par_run(pool, items, kern_item, &k);
        for (int pass = 0; pass < 4; pass++) {
            uint64_t began = hth_clock_ns();
            hth_par_run(pool, items, kern_item, &k);
            double rate = ops * 1e-9 / seconds_since(began);
            if (rate > best) best = rate;
        }
        *out = best;
    }
    hth_free(k.weights);
    hth_free(k.acts);
    hth_free(k.y);
    return st;
}

/* The format with most weights, and what a token costs: two operations per weight of every matrix,
 * and their bytes; the embedding counts only where it is also the output. */
static void count_weights(const HthModel *m, Result *r) {
    const HthGguf *g = hth_model_gguf(m);
    const HthGgufTensor *embd = hth_model_weight(m, HTH_W_TOK_EMBD, 0);
    const HthGgufTensor *output = hth_model_weight(m, HTH_W_OUTPUT, 0);
    double most = 0.0;
    for (size_t f = 0; hth_fmt_at(f) != NULL; f++) {
        double sum = 0.0;
        for (size_t i = 0; i < hth_gguf_tensor_count(g); i++) {
            const HthGgufTensor *t = hth_gguf_tensor_at(g, i);
            if (t->fmt != hth_fmt_at(f) || t->n_dims < 2 || (t == embd && embd != output)) continue;
            if (t != output) sum += (double)t->ne[0] * (double)t->ne[1];
            r->bytes_token += (double)t->bytes;
        }
        r->ops_token += 2.0 * sum;
        if (sum > most) {
            most = sum;
            r->fmt = hth_fmt_at(f);
        }
    }
}

/* ---- the model ------------------------------------------------------------------------------ */

static HthStatus one_pass(const Job *job, HthSession *s, const uint32_t *ids, float *logits,
                          double *pp, double *tg, HthErr *err) {
    hth_session_rewind(s, 0);
    uint64_t began = hth_clock_ns();
    if (job->prompt > 0) HTH_TRY(hth_session_eval(s, ids, job->prompt, NULL, err));
    *pp = (double)job->prompt / seconds_since(began);
    if (job->prompt > 0) hth_session_rewind(s, 0);
    began = hth_clock_ns();
    for (uint32_t i = 0; i < job->gen; i++) {
        HTH_TRY(hth_session_eval(s, ids + i % 64, 1, logits, err));
        HTH_REQUIRE(!hth_interrupted(), err, HTH_ECANCELED, "interrupted");
    }
    *tg = (double)job->gen / seconds_since(began);
    return HTH_OK;
}

static HthStatus measure_model(const Job *job, const HthModel *m, Result *r, HthErr *err) {
    double pp[REPS_MAX], tg[REPS_MAX];
    uint32_t ctx = job->prompt > job->gen ? job->prompt : job->gen, n = ctx > 64 ? ctx : 64;
    HthSession *s = NULL;
    HthSessionCfg cfg = { .ctx = ctx, .threads = job->threads };
    HTH_TRY(hth_session_open(&s, m, &cfg, err));
    uint32_t *ids = hth_calloc(n, sizeof *ids);
    float *logits = hth_calloc(hth_model_vocab_count(m), sizeof *logits);
    HthStatus st =
        ids == NULL || logits == NULL ? HTH_FAIL(err, HTH_ENOMEM, "out of memory") : HTH_OK;
    for (uint32_t i = 0; st == HTH_OK && i < n; i++)
        ids[i] = hth_rng_below(1, 0, i, hth_model_vocab_count(m));
    if (st == HTH_OK) st = hth_session_eval(s, ids, 1, NULL, err); /* first touches are not timed */
    for (uint32_t i = 0; st == HTH_OK && i < job->reps; i++) {
        hth_progress("measuring", i, job->reps);
        st = one_pass(job, s, ids, logits, &pp[i], &tg[i], err);
    }
    hth_progress_end();
    if (st == HTH_OK) {
        r->pp = job->prompt > 0 ? median(pp, job->reps) : 0.0;
        r->tg = job->gen > 0 ? median(tg, job->reps) : 0.0;
    }
    hth_free(ids);
    hth_free(logits);
    hth_session_close(&s);
    return st;
}

/* ---- printing ------------------------------------------------------------------------------- */

static int print_json(const Job *job, const Result *r, const char *model) {
    return hth_cli_json(json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f}", "model",
        model, "version", hth_version(), "numerics", hth_numerics(), "isa", hth_kern_pick()->name,
        "format", r->fmt->name, "threads", (int)r->threads, "prompt", (int)job->prompt, "gen",
        (int)job->gen, "reps", (int)job->reps, "pp_tokens_per_s", r->pp, "tg_tokens_per_s", r->tg,
        "read_gb_per_s", r->read_gbs, "kernel_gop_per_s", r->kernel_gops, "prompt_ops_per_token",
        r->ops_token, "bytes_per_token", r->bytes_token));
}

static int print(const Job *job, const Result *r, const char *model) {
    double pp_gops = r->pp * r->ops_token * 1e-9, tg_gbs = r->tg * r->bytes_token * 1e-9;
    if (strcmp(job->form, "json") == 0) return print_json(job, r, model);
    if (strcmp(job->form, "csv") == 0) {
        puts("model,isa,format,threads,test,tokens_per_s,achieved,ceiling,unit,fraction");
        if (r->pp > 0.0)
            printf("%s,%s,%s,%u,pp%u,%.2f,%.2f,%.2f,Gop/s,%.3f\n", model, hth_kern_pick()->name,
                   r->fmt->name, r->threads, job->prompt, r->pp, pp_gops, r->kernel_gops,
                   pp_gops / r->kernel_gops);
        if (r->tg > 0.0)
            printf("%s,%s,%s,%u,tg%u,%.2f,%.2f,%.2f,GB/s,%.3f\n", model, hth_kern_pick()->name,
                   r->fmt->name, r->threads, job->gen, r->tg, tg_gbs, r->read_gbs,
                   tg_gbs / r->read_gbs);
        return HTH_EXIT_OK;
    }
    printf("%s: %s weights, %u threads, %s kernels, median of %u\n\n", model, r->fmt->name,
           r->threads, hth_kern_pick()->name, job->reps);
    puts("| test | tokens/s | achieved | ceiling measured here | share |");
    puts("|---|---:|---:|---:|---:|");
    if (r->pp > 0.0)
        printf("| pp%u | %.1f | %.1f Gop/s | %.1f Gop/s, the kernel in cache | %.0f %% |\n",
               job->prompt, r->pp, pp_gops, r->kernel_gops, 100.0 * pp_gops / r->kernel_gops);
    if (r->tg > 0.0)
        printf("| tg%u | %.1f | %.2f GB/s | %.1f GB/s, reading memory | %.0f %% |\n", job->gen,
               r->tg, tg_gbs, r->read_gbs, 100.0 * tg_gbs / r->read_gbs);
    return HTH_EXIT_OK;
}

/* ---- the verb ------------------------------------------------------------------------------- */

static int bench(const Job *job) {
    HthModel *m = NULL;
    HthPool *pool = NULL;
    HthErr err = { 0 };
    Result r = { 0 };
    const char *name = hth_source_is_ember(job->model) ? HTH_EMBER : job->model;
    if (job->isa != NULL && hth_kern_force(job->isa, &err) != HTH_OK) return hth_cli_fail(&err);
    int code = hth_source_model(&m, job->model);
    if (code != HTH_EXIT_OK) return code;
    hth_interrupt_catch();
    count_weights(m, &r);
    HthStatus st = hth_pool_open(&pool, job->threads, &err);
    if (st == HTH_OK) {
        r.threads = hth_pool_threads(pool);
        st = measure_read(pool, &r.read_gbs, &err);
    }
    if (st == HTH_OK) st = measure_kernel(pool, r.fmt, &r.kernel_gops, &err);
    hth_pool_close(&pool);
    if (st == HTH_OK) st = measure_model(job, m, &r, &err);
    code = st == HTH_OK ? print(job, &r, name) : hth_cli_fail(&err);
    hth_model_close(&m);
    return code;
}

int hth_cli_bench(HthArgs *args) {
    Job job = { .form = "md", .prompt = 512, .gen = 128, .reps = 5 };
    for (int id; (id = hth_args_next(args)) != HTH_ARG_END;) {
        bool ok = true;
        switch (id) {
        case OPT_PROMPT: ok = hth_args_u32(args, 0, 1 << 20, &job.prompt); break;
        case OPT_GEN: ok = hth_args_u32(args, 0, 1 << 20, &job.gen); break;
        case OPT_REPS: ok = hth_args_u32(args, 1, REPS_MAX, &job.reps); break;
        case OPT_THREADS: ok = hth_args_u32(args, 1, 256, &job.threads); break;
        case OPT_ISA: job.isa = args->value; break;
        case OPT_JSON: job.form = "json"; break;
        case OPT_OUTPUT:
            job.form = args->value;
            if (strcmp(job.form, "md") != 0 && strcmp(job.form, "json") != 0 &&
                strcmp(job.form, "csv") != 0)
                return hth_cli_usage("bench", "option -o takes md, json or csv");
            break;
        case HTH_ARG_HELP: return HTH_EXIT_OK;
        case HTH_ARG_BAD: return HTH_EXIT_USAGE;
        default:
            if (job.model != NULL) return hth_cli_usage("bench", "bench takes one MODEL");
            job.model = args->value;
        }
        if (!ok) return HTH_EXIT_USAGE;
    }
    if (job.prompt == 0 && job.gen == 0)
        return hth_cli_usage("bench", "with -p 0 and -n 0 there is nothing to measure");
    return bench(&job);
}

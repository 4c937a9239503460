/* bench_measure.c - what a model does in a second: reading a prompt, generating at some depth, and
 * generating for several timelines in one step.
 *
 * Below sessions: pages, tables and the executor are held here, so that several timelines can share
 * a step and a deep context need not be computed.  At depth N the cache holds N positions, copies
 * of one page that was computed: time depends on how much is read, not on what.
 * Repetitions take every quantity in turn, ceilings included, and each is reported as its median.
 *
 * Thread: the main thread; forks over the pool. */
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cli/bench.h"
#include "cli/term.h"
#include "run/plan.h"
#include "run/step.h"

enum { BLOCK = 512 }; /* bytes that getrusage calls a block */

typedef struct Rig {
    const HthBenchJob *job;
    HthRunPlan plan;
    HthPool *pool;
    HthPages *pages;
    HthTable *table[HTH_BENCH_STREAMS_MAX]; /* [streams], at least one */
    uint32_t streams;
    HthExec *exec;
    HthAdapterSet adapters; /* of every row; count 0: none */
    HthPaging *paging; /* NULL: all weights stay in memory */
    HthRows *rows;
    uint32_t *ids; /* [ids_count] */
    uint32_t ids_count;
    float *logits; /* [streams][n_vocab] */
    const HthModel *model;
} Rig;

static double seconds_since(uint64_t ns) {
    return (double)(hth_clock_ns() - ns + 1) * 1e-9;
}

/* ---- the rig -------------------------------------------------------------------------------- */

static uint32_t larger(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

static HthStatus open_timelines(Rig *r, HthErr *err) {
    const HthRunPlan *p = &r->plan;
    const HthPagesCfg cfg = hth_table_pool(&p->layout, p->page_count * r->streams);
    HTH_TRY(hth_pages_open(&r->pages, &cfg, err));
    for (uint32_t i = 0; i < r->streams; i++)
        HTH_TRY(hth_table_open(&r->table[i], r->pages, &p->layout, p->page_count, err));
    return HTH_OK;
}

static HthStatus open_rig(Rig *r, const HthBenchJob *job, const HthModel *model, HthErr *err) {
    uint32_t need = larger(job->prompt, job->depth + job->gen);
    HthSessionCfg cfg = { .ctx = larger(need, HTH_PAGE_LEN),
                          .threads = job->threads,
                          .chunk = job->chunk,
                          .kv = job->kv,
                          .no_rewind = true,
                          .adapters = job->loras->use,
                          .adapter_count = job->loras->count };
    *r = (Rig){ .job = job, .model = model, .streams = larger(job->streams, 1) };
    r->ids_count = larger(job->prompt, larger(HTH_PAGE_LEN, HTH_BENCH_STREAMS_MAX));
    HTH_TRY(hth_run_plan(&r->plan, model, &cfg, err));
    HTH_TRY(hth_adapter_set(&r->adapters, model, cfg.adapters, cfg.adapter_count, err));
    HTH_TRY(hth_pool_open(&r->pool, r->plan.threads, err));
    HTH_TRY(open_timelines(r, err));
    uint32_t rows = larger(r->plan.chunk, r->streams);
    HTH_TRY(hth_exec_open(&r->exec, hth_model_program(model), hth_kern_pick(), r->pool, rows,
                          r->plan.page_count, err));
    if (r->adapters.count > 0) HTH_TRY(hth_exec_adapters(r->exec, r->plan.adapt_width, err));
    if (r->plan.paging.window > 0) {
        HTH_TRY(hth_paging_open(&r->paging, hth_model_program(model), hth_model_files(model),
                                &r->plan.paging, err));
        hth_exec_paging(r->exec, r->paging);
    }
    if (!job->no_pack) hth_exec_pack(r->exec, SIZE_MAX);
    HTH_TRY(hth_rows_open(&r->rows, rows, err));
    r->ids = hth_calloc(r->ids_count, sizeof *r->ids);
    r->logits = hth_calloc((size_t)r->streams * hth_model_vocab_count(model), sizeof *r->logits);
    HTH_REQUIRE(r->ids != NULL && r->logits != NULL, err, HTH_ENOMEM, "out of memory");
    for (uint32_t i = 0; i < r->ids_count; i++)
        r->ids[i] = hth_rng_below(1, 0, i, hth_model_vocab_count(model));
    return HTH_OK;
}

static void close_rig(Rig *r) {
    hth_free(r->logits);
    hth_free(r->ids);
    hth_rows_close(&r->rows);
    hth_exec_close(&r->exec);
    hth_paging_close(&r->paging);
    for (uint32_t i = 0; i < r->streams; i++) hth_table_close(&r->table[i]);
    hth_pages_close(&r->pages);
    hth_pool_close(&r->pool);
}

/* ---- steps ---------------------------------------------------------------------------------- */

static void begin_rows(Rig *r) {
    hth_rows_clear(r->rows);
    if (r->adapters.count > 0) hth_rows_adapt(r->rows, &r->adapters);
}

/* n tokens of timeline 0 from position 0 on, in chunks; logits of the last. */
static HthStatus read_prompt(Rig *r, uint32_t n, HthErr *err) {
    HTH_TRY(hth_table_grow(r->table[0], n, err));
    for (uint32_t done = 0; done < n;) {
        uint32_t len = n - done < r->plan.chunk ? n - done : r->plan.chunk;
        begin_rows(r);
        hth_rows_add(r->rows, hth_table_view(r->table[0]), r->ids + done, len, done,
                     done + len == n ? HTH_WANT_LAST : HTH_WANT_NONE);
        hth_rows_run(r->rows, r->exec, r->logits);
        done += len;
        HTH_REQUIRE(!hth_interrupted(), err, HTH_ECANCELED, "interrupted");
    }
    return HTH_OK;
}

/* `gen` steps from position `depth` on, one token of each of the first n timelines. */
static HthStatus generate(Rig *r, uint32_t n, HthErr *err) {
    for (uint32_t i = 0; i < r->job->gen; i++) {
        uint32_t pos = r->job->depth + i;
        begin_rows(r);
        for (uint32_t s = 0; s < n; s++) {
            HTH_TRY(hth_table_grow(r->table[s], (size_t)pos + 1, err));
            hth_rows_add(r->rows, hth_table_view(r->table[s]), r->ids + (s + i) % HTH_PAGE_LEN, 1,
                         pos, HTH_WANT_LAST);
        }
        hth_rows_run(r->rows, r->exec, r->logits);
        HTH_REQUIRE(!hth_interrupted(), err, HTH_ECANCELED, "interrupted");
    }
    return HTH_OK;
}

/* Every timeline holds `depth` positions: one computed page, copied. */
static HthStatus fill_depth(Rig *r, HthErr *err) {
    uint32_t depth = r->job->depth;
    for (uint32_t s = 0; s < r->streams; s++) hth_table_trim(r->table[s], 0);
    if (depth == 0) return HTH_OK;
    HTH_TRY(read_prompt(r, HTH_PAGE_LEN, err));
    uint8_t *from = hth_table_view(r->table[0])->pages[0];
    for (uint32_t s = 0; s < r->streams; s++) {
        HTH_TRY(hth_table_grow(r->table[s], depth, err));
        const HthKvView *v = hth_table_view(r->table[s]);
        for (uint32_t p = 0; p < hth_table_pages(r->table[s]); p++)
            if (v->pages[p] != from) memcpy(v->pages[p], from, r->plan.layout.page_bytes);
        hth_state_pretend(v, depth);
    }
    return HTH_OK;
}

static HthStatus one_pass(Rig *r, const HthFmt *fmt, HthBenchPass *out, HthErr *err) {
    const HthBenchJob *job = r->job;
    HthBenchPass p = { .peak_gops = hth_bench_roof_peak(r->pool, fmt->act) };
    if (r->paging == NULL) /* there is no memory to read */
        HTH_TRY(hth_bench_roof_read(r->pool, &p.read_gbs, err));
    hth_table_trim(r->table[0], 0);
    uint64_t began = hth_clock_ns();
    if (job->prompt > 0) {
        HTH_TRY(read_prompt(r, job->prompt, err));
        p.prompt = job->prompt / seconds_since(began);
    }
    if (job->gen > 0) {
        HTH_TRY(fill_depth(r, err));
        uint64_t calls = hth_mem_calls();
        struct rusage before, after;
        getrusage(RUSAGE_SELF, &before);
        began = hth_clock_ns();
        HTH_TRY(generate(r, 1, err));
        p.gen = job->gen / seconds_since(began);
        p.allocs_token = (double)(hth_mem_calls() - calls) / job->gen;
        getrusage(RUSAGE_SELF, &after);
        p.disk_token = (double)(after.ru_inblock - before.ru_inblock) * BLOCK / job->gen;
        p.faults_token = (double)(after.ru_majflt - before.ru_majflt) / job->gen;
    }
    if (job->gen > 0 && job->streams > 1) {
        HTH_TRY(fill_depth(r, err));
        began = hth_clock_ns();
        HTH_TRY(generate(r, job->streams, err));
        p.streams = (double)job->gen * job->streams / seconds_since(began);
    }
    *out = p;
    return HTH_OK;
}

/* One more prompt and generation, with a clock on every operation. */
static HthStatus clock_ops(Rig *r, HthBenchResult *out, HthErr *err) {
    const HthProgram *prog = hth_model_program(r->model);
    const HthBenchJob *job = r->job;
    uint64_t *ns = hth_calloc(prog->count, sizeof *ns);
    HTH_REQUIRE(ns, err, HTH_ENOMEM, "out of memory");
    hth_table_trim(r->table[0], 0);
    hth_exec_clock(r->exec, ns);
    uint64_t began = hth_clock_ns();
    HthStatus st = job->prompt > 0 ? read_prompt(r, job->prompt, err) : HTH_OK;
    hth_bench_where_add(out, prog, ns, seconds_since(began), job->prompt, false);
    if (st == HTH_OK) st = fill_depth(r, err);
    memset(ns, 0, prog->count * sizeof *ns);
    began = hth_clock_ns();
    if (st == HTH_OK) st = generate(r, 1, err);
    hth_bench_where_add(out, prog, ns, seconds_since(began), job->gen, true);
    hth_exec_clock(r->exec, NULL);
    hth_free(ns);
    return st;
}

/* ---- medians -------------------------------------------------------------------------------- */

/* Of the double at `at` bytes in each of n passes. */
static double median(const HthBenchPass *pass, size_t n, size_t at) {
    double v[HTH_BENCH_REPS_MAX];
    for (size_t i = 0; i < n; i++) {
        double x = *(const double *)(const void *)((const char *)&pass[i] + at);
        size_t j = i;
        for (; j > 0 && v[j - 1] > x; j--) v[j] = v[j - 1];
        v[j] = x;
    }
    return n % 2 == 1 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2.0;
}

static void medians(const HthBenchPass *pass, size_t n, HthBenchPass *out) {
    static const size_t fields[] = {
        offsetof(HthBenchPass, prompt),     offsetof(HthBenchPass, gen),
        offsetof(HthBenchPass, streams),    offsetof(HthBenchPass, read_gbs),
        offsetof(HthBenchPass, peak_gops),  offsetof(HthBenchPass, allocs_token),
        offsetof(HthBenchPass, disk_token), offsetof(HthBenchPass, faults_token),
    };
    for (size_t i = 0; i < HTH_COUNT(fields); i++)
        *(double *)(void *)((char *)out + fields[i]) = median(pass, n, fields[i]);
}

/* Of experts' matrices a token reads some. */
static double share_read(const HthModel *model, const HthGgufTensor *t) {
    const HthShape *s = hth_model_shape(model);
    const bool experts = hth_str_find(t->name, HTH_STR("_exps.")) != SIZE_MAX;
    return experts && s->n_expert ? (double)s->n_used / (double)s->n_expert : 1.0;
}

/* The format with most weights, and what a token costs: two operations per weight of every matrix,
 * and their bytes; the embedding counts only where it is also the output. */
static void count_weights(const HthModel *m, HthBenchResult *r) {
    const HthGguf *g = hth_model_gguf(m);
    const HthGgufTensor *embd = hth_model_weight(m, HTH_W_TOK_EMBD, 0);
    const HthGgufTensor *output = hth_model_weight(m, HTH_W_OUTPUT, 0);
    double most = 0.0;
    for (size_t f = 0; hth_fmt_at(f) != NULL; f++) {
        double sum = 0.0;
        for (size_t i = 0; i < hth_gguf_tensor_count(g); i++) {
            const HthGgufTensor *t = hth_gguf_tensor_at(g, i);
            if (t->fmt != hth_fmt_at(f) || t->n_dims < 2 || (t == embd && embd != output)) continue;
            const double share = share_read(m, t);
            if (t != output) sum += share * (double)(t->ne[0] * t->ne[1] * t->ne[2]);
            r->bytes_token += share * (double)t->bytes;
        }
        r->ops_token += 2.0 * sum;
        if (sum > most) {
            most = sum;
            r->fmt = hth_fmt_at(f);
        }
    }
}

HthStatus hth_bench_measure(const HthBenchJob *job, const HthModel *model, HthBenchResult *out,
                            HthErr *err) {
    HthBenchPass pass[HTH_BENCH_REPS_MAX];
    Rig rig;
    HthBenchResult r = { .name = out->name };
    count_weights(model, &r);
    HthStatus st = open_rig(&rig, job, model, err);
    for (int i = 0; st == HTH_OK && i < 2; i++) /* first touches are not timed, nor is packing: */
        st = read_prompt(&rig, 1, err); /* any run but the first packs everything */
    for (uint32_t i = 0; st == HTH_OK && i < job->reps; i++) {
        hth_progress("measuring", i, job->reps);
        st = one_pass(&rig, r.fmt, &pass[i], err);
    }
    hth_progress_end();
    if (st == HTH_OK && job->where) st = clock_ops(&rig, &r, err);
    if (st == HTH_OK) {
        medians(pass, job->reps, &r.mid);
        r.bytes_passing = (double)(rig.plan.paging.total - rig.plan.paging.kept);
        r.threads = rig.plan.threads;
        r.bytes_adapters = (double)rig.plan.memory.bytes[HTH_MEMORY_ADAPTERS];
        r.bytes_kv = (double)rig.plan.kv_bytes_per_token * job->depth;
        *out = r;
    }
    close_rig(&rig);
    return st;
}

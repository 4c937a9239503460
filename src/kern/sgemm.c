/* sgemm.c - float32 matrix products: blocking, packing, threads. See sgemm.h for the order.
 *
 * K is cut into blocks of KC.  B of up to DEEP such blocks is packed once into panels [kc][nr]
 * shared by all workers; then blocks of C rows are claimed, and each stays with its worker, in
 * cache, through all those blocks of k.  A is read in place when its rows are contiguous in k, else
 * packed.  A block of k continues from the C of the block before, so every output remains one chain
 * of fma, k ascending.
 *
 * Thread: the caller of the pool. */
#include "kern/sgemm.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "kern/sgemm_tile.h"

enum { KC = 256, DEEP = 8, MC_MAX = 128, NC = 512 };

typedef struct Scratch { /* one per worker */
    float a[MC_MAX * KC];
    float c[HTH_TILE_MR_MAX * HTH_TILE_NR_MAX]; /* a tile at the edge of C */
    float edge[HTH_TILE_MR_MAX * KC]; /* rows of A past the edge are copies */
} Scratch;

struct HthSgemm {
    HthPool *pool;
    const HthSgemmTile *tile;
    float *b; /* [DEEP][panels][KC][nr] */
    Scratch *scratch; /* [threads] */
};

/* Up to DEEP blocks of k, and one block of columns. */
typedef struct Job {
    const HthSgemm *g;
    bool ta, tb, load;
    uint32_t m, n, k, mc, panels;
    const float *a, *b; /* at the first k (and column) of the block */
    size_t lda, ldb, ldc;
    float *c;
} Job;

HthStatus hth_sgemm_open(HthSgemm **out, HthPool *pool, HthErr *err) {
    HthSgemm *g = hth_calloc(1, sizeof *g);
    if (!g) return HTH_FAIL(err, HTH_ENOMEM, "no memory for the matrix product's state");
    g->pool = pool;
    g->tile = hth_sgemm_tile_best();
    g->b = hth_calloc_aligned((size_t)DEEP * NC * KC, sizeof *g->b);
    g->scratch = hth_calloc_aligned(hth_pool_threads(pool), sizeof *g->scratch);
    if (!g->b || !g->scratch) {
        hth_sgemm_close(&g);
        return HTH_FAIL(err, HTH_ENOMEM, "no memory for the matrix product's panels");
    }
    *out = g;
    return HTH_OK;
}

void hth_sgemm_close(HthSgemm **g) {
    if (!*g) return;
    hth_free((*g)->b);
    hth_free((*g)->scratch);
    hth_free(*g);
    *g = NULL;
}

void hth_sgemm_use(HthSgemm *g, const HthSgemmTile *tile) {
    HTH_ASSERT(tile->here());
    g->tile = tile;
}

/* ---- the plain-C tile: the definition ---- */

static void run_c(uint32_t kc, const float *a, size_t rs, size_t ks, const float *b, float *c,
                  size_t ldc, bool load) {
    for (uint32_t r = 0; r < 4; r++) {
        for (uint32_t j = 0; j < 16; j++) {
            float sum = load ? c[r * ldc + j] : 0.0f;
            for (uint32_t k = 0; k < kc; k++) sum = fmaf(a[r * rs + k * ks], b[k * 16 + j], sum);
            c[r * ldc + j] = sum;
        }
    }
}

static float burn_c(uint64_t rounds) {
    float u[8] = { 0 };
    for (uint64_t i = 0; i < rounds * 8; i++)
        for (int j = 0; j < 8; j++) u[j] = fmaf(u[j], 0.999f, 0.001f);
    return u[0] + u[1] + u[2] + u[3] + u[4] + u[5] + u[6] + u[7];
}

static bool here_c(void) {
    return true;
}

const HthSgemmTile hth_sgemm_tile_c = { "c", 4, 16, run_c, burn_c, 1, here_c };

const HthSgemmTile *hth_sgemm_tile_best(void) {
#if defined(__x86_64__)
    if (hth_sgemm_tile_avx512.here()) return &hth_sgemm_tile_avx512;
    if (hth_sgemm_tile_avx2.here()) return &hth_sgemm_tile_avx2;
#elif defined(__aarch64__)
    if (hth_sgemm_tile_neon.here()) return &hth_sgemm_tile_neon;
#endif
    return &hth_sgemm_tile_c;
}

/* ---- packing ---- */

static uint32_t span(uint32_t all, uint32_t from, uint32_t step) {
    return all - from < step ? all - from : step;
}

/* Panel item % panels of block item / panels of B: [kc][nr], columns past n are zero. */
static void pack_b(void *ctx, uint32_t item, uint32_t worker) {
    const Job *job = ctx;
    const uint32_t nr = job->g->tile->nr, j0 = item % job->panels * nr;
    const uint32_t k0 = item / job->panels * KC, kc = span(job->k, k0, KC);
    const uint32_t cols = span(job->n, j0, nr);
    float *out = job->g->b + (size_t)item * KC * nr;
    (void)worker;
    if (cols < nr) memset(out, 0, sizeof *out * kc * nr);
    if (!job->tb) {
        for (uint32_t k = 0; k < kc; k++)
            memcpy(out + (size_t)k * nr, job->b + (k0 + k) * job->ldb + j0, sizeof *out * cols);
        return;
    }
    for (uint32_t j = 0; j < cols; j++) {
        const float *row = job->b + (j0 + j) * job->ldb + k0;
        for (uint32_t k = 0; k < kc; k++) out[(size_t)k * nr + j] = row[k];
    }
}

/* Where a worker is: a block of rows, a block of k. */
typedef struct Place {
    const Job *job;
    Scratch *s;
    uint32_t i0, rows, k0, kc;
    bool load;
} Place;

/* The block of transposed A as panels [kc][mr]; rows past the edge are zero. */
static void pack_a(const Place *at) {
    const Job *job = at->job;
    const uint32_t mr = job->g->tile->mr;
    float *out = at->s->a;
    for (uint32_t i = 0; i < at->rows; i += mr, out += (size_t)mr * at->kc) {
        const uint32_t live = span(at->rows, i, mr);
        const float *from = job->a + at->k0 * job->lda + at->i0 + i;
        for (uint32_t k = 0; k < at->kc; k++) {
            if (live == 8) { /* the common tile: one vector copy */
                memcpy(out + (size_t)k * 8, from + k * job->lda, 8 * sizeof *out);
                continue;
            }
            for (uint32_t r = 0; r < mr; r++)
                out[(size_t)k * mr + r] = r < live ? from[k * job->lda + r] : 0.0f;
        }
    }
}

/* In-place A cut by the bottom edge: the tile may not read rows that are not there. */
static void copy_edge(const Place *at, uint32_t live) {
    const Job *job = at->job;
    memset(at->s->edge, 0, sizeof at->s->edge);
    for (uint32_t r = 0; r < live; r++)
        memcpy(at->s->edge + (size_t)r * KC,
               job->a + (at->i0 + at->rows - live + r) * job->lda + at->k0,
               sizeof *at->s->edge * at->kc);
}

/* ---- one block of rows ---- */

/* A tile cut by the edge of C: compute the whole one aside, keep the live part. */
static void edge_tile(const Place *at, const float *a, size_t rs, size_t ks, const float *b,
                      float *c, uint32_t rows, uint32_t cols) {
    const Job *job = at->job;
    const HthSgemmTile *t = job->g->tile;
    float *whole = at->s->c;
    if (at->load)
        for (uint32_t r = 0; r < rows; r++)
            memcpy(whole + r * t->nr, c + r * job->ldc, sizeof *c * cols);
    t->run(at->kc, a, rs, ks, b, whole, t->nr, at->load);
    for (uint32_t r = 0; r < rows; r++)
        memcpy(c + r * job->ldc, whole + r * t->nr, sizeof *c * cols);
}

static void tiles(const Place *at) {
    const Job *job = at->job;
    const HthSgemmTile *t = job->g->tile;
    const uint32_t cut = at->rows % t->mr; /* rows of the last, partial tile */
    if (job->ta)
        pack_a(at);
    else if (cut)
        copy_edge(at, cut);
    for (uint32_t j = 0; j < job->n; j += t->nr) {
        const uint32_t cols = span(job->n, j, t->nr);
        const size_t panel = (size_t)(at->k0 / KC) * job->panels + j / t->nr;
        const float *b = job->g->b + panel * KC * t->nr;
        for (uint32_t i = 0; i < at->rows; i += t->mr) {
            const uint32_t live = span(at->rows, i, t->mr);
            const float *a =
                job->ta ? at->s->a + (size_t)i * at->kc : job->a + (at->i0 + i) * job->lda + at->k0;
            size_t rs = job->ta ? 1 : job->lda, ks = job->ta ? t->mr : 1;
            if (!job->ta && live < t->mr) a = at->s->edge, rs = KC;
            float *c = job->c + (size_t)(at->i0 + i) * job->ldc + j;
            if (live == t->mr && cols == t->nr)
                t->run(at->kc, a, rs, ks, b, c, job->ldc, at->load);
            else
                edge_tile(at, a, rs, ks, b, c, live, cols);
        }
    }
}

static void block(void *ctx, uint32_t item, uint32_t worker) {
    const Job *job = ctx;
    Place at = { .job = job, .s = &job->g->scratch[worker], .i0 = item * job->mc };
    at.rows = span(job->m, at.i0, job->mc);
    for (at.k0 = 0; at.k0 < job->k; at.k0 += KC) {
        at.kc = span(job->k, at.k0, KC);
        at.load = job->load || at.k0 > 0;
        tiles(&at);
    }
}

/* Rows a worker claims at once: some four items a thread, whole tiles. */
static uint32_t rows_per_item(const HthSgemm *g, uint32_t m) {
    const uint32_t mr = g->tile->mr;
    uint32_t mc = m / (hth_pool_threads(g->pool) * 4) / mr * mr;
    if (mc < mr * 2) mc = mr * 2;
    if (mc > MC_MAX / mr * mr) mc = MC_MAX / mr * mr;
    return mc;
}

void hth_sgemm(HthSgemm *g, bool ta, bool tb, uint32_t m, uint32_t n, uint32_t k, const float *a,
               size_t lda, const float *b, size_t ldb, float *c, size_t ldc, bool accumulate) {
    if (k == 0 && !accumulate)
        for (uint32_t i = 0; i < m; i++) memset(c + i * ldc, 0, sizeof *c * n);
    const uint32_t mc = rows_per_item(g, m);
    for (uint32_t j0 = 0; j0 < n && m > 0; j0 += NC) {
        for (uint32_t k0 = 0; k0 < k; k0 += DEEP * KC) {
            Job job = { .g = g,
                        .ta = ta,
                        .tb = tb,
                        .load = accumulate || k0 > 0,
                        .m = m,
                        .n = span(n, j0, NC),
                        .k = span(k, k0, DEEP * KC),
                        .mc = mc,
                        .lda = lda,
                        .ldb = ldb,
                        .ldc = ldc,
                        .c = c + j0 };
            job.panels = (job.n + g->tile->nr - 1) / g->tile->nr;
            job.a = a + (ta ? k0 * lda : k0);
            job.b = b + (tb ? j0 * ldb + k0 : k0 * ldb + j0);
            hth_par_run(g->pool, job.panels * ((job.k + KC - 1) / KC), pack_b, &job);
            hth_par_run(g->pool, (m + mc - 1) / mc, block, &job);
        }
    }
}

/* ---- the roofline ---- */

typedef struct Burn {
    const HthSgemmTile *tile;
    uint64_t rounds;
    float sink[256];
} Burn;

static void burn_item(void *ctx, uint32_t item, uint32_t worker) {
    Burn *b = ctx;
    (void)worker;
    b->sink[item] = b->tile->burn(b->rounds);
}

double hth_sgemm_peak(HthPool *pool, uint32_t rounds) {
    Burn b = { .tile = hth_sgemm_tile_best(), .rounds = rounds };
    const uint32_t threads = hth_pool_threads(pool);
    double best = 0;
    for (int i = 0; i < 8; i++) {
        uint64_t t0 = hth_clock_ns();
        hth_par_run(pool, threads, burn_item, &b);
        double s = (double)(hth_clock_ns() - t0) * 1e-9;
        double rate = 2.0 * 64 * b.tile->lanes * (double)b.rounds * threads / s;
        if (rate > best) best = rate;
    }
    return best;
}

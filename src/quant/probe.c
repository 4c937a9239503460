/* probe.c - see job.h: what a type would do to what a tensor gives, by a sample of its rows.
 *
 * Thread: one owner; rows go to the pool, sums are taken in their order. */
#include <math.h>

#include "base/mem.h"
#include "quant/job.h"

enum { ROWS = 48 };

typedef struct Sum {
    double error, weight;
} Sum;

typedef struct Probe {
    const HthQuantTensor *q;
    const HthFmt *const *fmts;
    uint64_t rows; /* of the tensor */
    uint32_t sample; /* of them */
    const float *imp; /* may be NULL */
    float *floats; /* [threads][2][row] */
    uint8_t *blocks; /* [threads][block_room] */
    size_t block_room;
    Sum *sums; /* [types][sample] */
} Probe;

/* The middle of the sample's k-th stretch. */
static uint64_t row_of(const Probe *p, uint32_t k) {
    return (2 * (uint64_t)k + 1) * p->rows / (2 * (uint64_t)p->sample);
}

static void one(void *ctx, uint32_t item, uint32_t worker) {
    const Probe *p = ctx;
    const size_t n = p->q->from->ne[0];
    const HthFmt *fmt = p->fmts[item / p->sample];
    const uint64_t row = row_of(p, item % p->sample);
    const float *imp = p->imp != NULL ? p->imp + row / p->q->from->ne[1] * n : NULL;
    float *in = p->floats + 2 * n * worker, *back = in + n;
    uint8_t *blocks = p->blocks + worker * p->block_room;
    Sum s = { 0 };
    hth_quant_row(p->q, row, in);
    if (imp != NULL && fmt->quant_by != NULL)
        fmt->quant_by(in, imp, blocks, n);
    else
        fmt->quant(in, blocks, n);
    fmt->dequant(blocks, back, n);
    for (size_t i = 0; i < n; i++) {
        const double w = imp != NULL ? (double)imp[i] : 1.0, off = (double)back[i] - in[i];
        s.error += w * off * off;
        s.weight += w * in[i] * in[i];
    }
    p->sums[item] = s;
}

static HthStatus run(const HthQuantJob *job, Probe *p, size_t n, double *errors, HthErr *err) {
    const HthGgufTensor *t = p->q->from;
    hth_par_run(job->pool, (uint32_t)n * p->sample, one, p);
    for (size_t f = 0; f < n; f++) {
        double error = 0, weight = 0;
        for (uint32_t k = 0; k < p->sample; k++) {
            error += p->sums[f * p->sample + k].error;
            weight += p->sums[f * p->sample + k].weight;
        }
        HTH_REQUIRE(isfinite(error) && isfinite(weight), err, HTH_EFORMAT,
                    "tensor '%.*s' holds a weight that is not a finite number, or too large for %s",
                    (int)t->name.n, t->name.p, p->fmts[f]->name);
        errors[f] = weight > 0 ? error / weight : 0;
    }
    return HTH_OK;
}

HthStatus hth_quant_probe(const HthQuantJob *job, const HthQuantTensor *q,
                          const HthFmt *const *fmts, size_t n, double *errors, HthErr *err) {
    const uint64_t row = q->from->ne[0], rows = q->from->ne[1] * q->from->ne[2] * q->from->ne[3];
    Probe p = { .q = q, .fmts = fmts, .rows = rows, .sample = rows < ROWS ? (uint32_t)rows : ROWS };
    const size_t threads = hth_pool_threads(job->pool);
    float *imp;
    HTH_ASSERT(n > 0 && n <= HTH_QUANT_TRIED_MAX);
    HTH_REQUIRE(row <= 1 << 20, err, HTH_ELIMIT, "tensor '%.*s' has rows that are too long",
                (int)q->from->name.n, q->from->name.p);
    for (size_t f = 0; f < n; f++) {
        const size_t bytes = hth_fmt_row_bytes(fmts[f], row);
        if (bytes > p.block_room) p.block_room = bytes;
    }
    HTH_TRY(hth_quant_importance(job, q, &imp, err));
    p.imp = imp;
    p.floats = hth_calloc(2 * (size_t)row * threads, sizeof *p.floats);
    p.blocks = hth_calloc(p.block_room, threads);
    p.sums = hth_calloc(n * p.sample, sizeof *p.sums);
    const bool room = p.floats != NULL && p.blocks != NULL && p.sums != NULL;
    const HthStatus st =
        room ? run(job, &p, n, errors, err) : HTH_FAIL(err, HTH_ENOMEM, "out of memory");
    hth_free(imp);
    hth_free(p.floats);
    hth_free(p.blocks);
    hth_free(p.sums);
    return st;
}

/* auto.c - see job.h: a type for each tensor, by what it does to what the tensor gives.
 *
 * All begin as small as they get; then, again and again, the one whose error falls most for a byte
 * more gets that.  So the choice is a function of the model, the importance matrix and the limit.
 *
 * Thread: one owner. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "quant/job.h"

/* GGUF numbers, and whether a type is for rows that others do not divide. */
static const struct {
    uint32_t id;
    bool odd_rows;
} offered[] = {
    { 16, false } /* IQ2_XXS */, { 22, false } /* IQ2_S */, { 10, false } /* Q2_K */,
    { 18, false } /* IQ3_XXS */, { 21, false } /* IQ3_S */, { 11, false } /* Q3_K */,
    { 23, false } /* IQ4_XS */,  { 12, false } /* Q4_K */,  { 13, false } /* Q5_K */,
    { 14, false } /* Q6_K */,    { 8, false } /* Q8_0 */,   { 20, true } /* IQ4_NL */,
    { 6, true } /* Q5_0 */,      { 7, true } /* Q5_1 */,
};

typedef struct Best {
    HthQuantJob *job;
    uint64_t over; /* bytes that are no tensor's */
    uint32_t align;
    size_t *at; /* [count] which of tried */
    uint64_t total; /* bytes of the file as it stands */
} Best;

static uint64_t padded(const Best *b, uint64_t bytes) {
    return (bytes + b->align - 1) / b->align * b->align;
}

static int smaller_first(const void *a, const void *b) {
    const HthQuantTried *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? -1 : 1;
    return (x->error > y->error) - (x->error < y->error);
}

/* The types a tensor may become, itself among them. */
static size_t list_types(const HthQuantTensor *q, const HthFmt **fmts) {
    const uint64_t row = q->from->ne[0];
    size_t n = 0;
    if (q->to != NULL) {
        fmts[n++] = q->to;
        return n;
    }
    for (size_t i = 0; i < HTH_COUNT(offered); i++) {
        const HthFmt *f = hth_fmt_by_id(offered[i].id);
        if (row % f->block_len != 0 || (offered[i].odd_rows && row % 256 == 0)) continue;
        if (f != q->from->fmt) fmts[n++] = f;
    }
    fmts[n++] = q->from->fmt;
    HTH_ASSERT(n <= HTH_QUANT_TRIED_MAX);
    return n;
}

static HthStatus measure_one(const Best *b, HthQuantTensor *q, HthErr *err) {
    const uint64_t rows = q->from->ne[1] * q->from->ne[2] * q->from->ne[3];
    const HthFmt *fmts[HTH_QUANT_TRIED_MAX];
    double errors[HTH_QUANT_TRIED_MAX] = { 0 };
    const size_t n = list_types(q, fmts);
    /* The last is the tensor's own type, or one that a rule gave. */
    const size_t made = fmts[n - 1] == q->from->fmt ? n - 1 : n;
    if (made > 0) HTH_TRY(hth_quant_probe(b->job, q, fmts, made, errors, err));
    for (size_t i = 0; i < n; i++)
        q->tried[i] =
            (HthQuantTried){ fmts[i], errors[i],
                             padded(b, hth_fmt_row_bytes(fmts[i], q->from->ne[0]) * rows) };
    q->tried_count = (uint32_t)n;
    qsort(q->tried, n, sizeof *q->tried, smaller_first);
    return HTH_OK;
}

static HthStatus measure(Best *b, HthErr *err) {
    HthQuantJob *job = b->job;
    uint64_t done = 0, all = 0;
    for (size_t i = 0; i < job->count; i++) all += job->tensors[i].from->bytes;
    b->total = b->over;
    for (size_t i = 0; i < job->count; i++) {
        HthQuantTensor *q = &job->tensors[i];
        q->tried = job->tried + i * HTH_QUANT_TRIED_MAX;
        HTH_TRY(measure_one(b, q, err));
        b->total += q->tried[0].bytes;
        done += q->from->bytes;
        HTH_TRY(hth_quant_tell(job->opt, "measuring", done, all, err));
    }
    return HTH_OK;
}

/* The step of tensor i that pays most and fits; false: there is none. */
static bool best_step(const Best *b, size_t i, size_t *to, double *gain) {
    const HthQuantTensor *q = &b->job->tensors[i];
    const HthQuantTried *now = &q->tried[b->at[i]];
    const uint64_t limit = b->job->opt->best.bytes;
    bool any = false;
    for (size_t k = b->at[i] + 1; k < q->tried_count; k++) {
        const uint64_t more = q->tried[k].bytes - now->bytes;
        if (!(q->tried[k].error < now->error)) continue;
        if (limit > 0 && more > limit - b->total) break;
        /* No dearer and better: nothing pays more. */
        const double g = more == 0 ? INFINITY : (now->error - q->tried[k].error) / (double)more;
        if (any && !(g > *gain)) continue;
        any = true;
        *gain = g;
        *to = k;
    }
    return any;
}

/* The root of the mean, over the matrices, of squared relative errors. */
static double error_of(const Best *b) {
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < b->job->count; i++) {
        if (!hth_mix_touches(b->job->tensors[i].from)) continue;
        sum += b->job->tensors[i].tried[b->at[i]].error;
        n++;
    }
    return n > 0 ? sqrt(sum / (double)n) : 0;
}

static HthStatus spend(Best *b, HthErr *err) {
    const HthQuantAuto *best = &b->job->opt->best;
    HTH_REQUIRE(best->bytes == 0 || b->total <= best->bytes, err, HTH_EINVAL,
                "the smallest that hearth makes of this model is %llu bytes",
                (unsigned long long)b->total);
    while (best->bytes > 0 || error_of(b) > best->error) {
        size_t which = b->job->count, to = 0;
        double most = 0;
        for (size_t i = 0; i < b->job->count; i++) {
            size_t k;
            double gain;
            if (!best_step(b, i, &k, &gain) || (which < b->job->count && !(gain > most))) continue;
            which = i;
            to = k;
            most = gain;
        }
        if (which == b->job->count) break;
        HthQuantTensor *q = &b->job->tensors[which];
        b->total += q->tried[to].bytes - q->tried[b->at[which]].bytes;
        b->at[which] = to;
    }
    HTH_REQUIRE(best->bytes > 0 || error_of(b) <= best->error, err, HTH_EINVAL,
                "the best that hearth makes of this model with these options has an error of %.4f",
                error_of(b));
    return HTH_OK;
}

HthStatus hth_quant_best(HthQuantJob *job, uint64_t over, uint32_t align, HthErr *err) {
    Best b = { .job = job, .over = over, .align = align };
    job->tried = hth_calloc(job->count * HTH_QUANT_TRIED_MAX + 1, sizeof *job->tried);
    b.at = hth_calloc(job->count + 1, sizeof *b.at);
    HthStatus st = job->tried != NULL && b.at != NULL ? measure(&b, err)
                                                      : HTH_FAIL(err, HTH_ENOMEM, "out of memory");
    if (st == HTH_OK) st = spend(&b, err);
    for (size_t i = 0; st == HTH_OK && i < job->count; i++)
        job->tensors[i].to = job->tensors[i].tried[b.at[i]].fmt;
    hth_free(b.at);
    return st;
}

/* adapter.c - see adapter.h.
 *
 * Before a group of products all its A x are computed, for the rows that have adapters; each work
 * item of a product then adds its block of B (A x) to what it has just multiplied.
 *
 * Thread: forks over columns; adding is done inside the items of a product. */
#include "op/adapter.h"

#include <string.h>

#include "base/num.h"
#include "kern/more.h"
#include "op/step.h"

enum { BLOCK = 16, WORTH_WAKING = 1 << 17 }; /* columns of an item; products */

static bool by_expert(const HthInst *in) {
    return in->op == HTH_OP_EXPERTS || in->op == HTH_OP_EXPERTS_EACH;
}

size_t hth_adapters_width(const HthProgram *prog, const HthAdapterParts *const *all, uint32_t n) {
    size_t most = 0;
    for (uint32_t i = 0; i < prog->count; i++) {
        const uint32_t group = prog->inst[i].group ? prog->inst[i].group : 1;
        size_t sum = 0;
        for (uint32_t k = i; k < i + group && k < prog->count; k++)
            for (uint32_t a = 0; a < n; a++)
                sum += (size_t)all[a]->part[k].rank *
                       (by_expert(&prog->inst[k]) ? prog->router.n_used : 1);
        if (sum > most) most = sum;
    }
    return (most + BLOCK - 1) / BLOCK * BLOCK;
}

HthStatus hth_adapters_room(size_t *out, const HthProgram *prog, size_t width, uint32_t rows,
                            HthErr *err) {
    const HthAdapterSet **sets = NULL;
    size_t row, all;
    const bool over = hth_mul_over(width, sizeof(float), &row) ||
                      hth_add_over(row, sizeof *sets * (1 + (size_t)prog->router.n_used), &row) ||
                      hth_mul_over(row, rows, &all);
    HTH_REQUIRE(!over, err, HTH_ELIMIT, "adapters of such ranks do not fit in memory");
    *out = all;
    return HTH_OK;
}

/* ---- where things are ----------------------------------------------------------------------- */

static const HthAdapterPart *part_of(const HthStep *s, const HthAdapterSet *set, uint32_t use,
                                     const HthInst *in) {
    return &set->use[use].parts->part[in - s->prog->inst];
}

/* Of what a column has for the group that begins with inst: floats before its k-th product's. */
static size_t offset(const HthStep *s, const HthAdapterSet *set, const HthInst *inst, uint32_t k) {
    size_t at = 0;
    for (uint32_t p = 0; p < k; p++)
        for (uint32_t i = 0; i < set->count; i++) at += part_of(s, set, i, inst + p)->rank;
    return at;
}

static size_t stride_of(const HthStep *s, const HthInst *in) {
    return by_expert(in) ? s->adapt_width / s->prog->router.n_used : s->adapt_width;
}

/* ---- A x ------------------------------------------------------------------------------------ */

typedef struct Down {
    const HthStep *s;
    const HthInst *inst;
    uint32_t parts, blocks;
} Down;

/* n columns of one set, from x on, for the k-th product; t: of the first column. */
static void multiply(const Down *d, const HthAdapterSet *set, uint32_t k, uint32_t which,
                     const float *x, uint32_t n, float *t) {
    const HthStep *s = d->s;
    const HthInst *in = d->inst + k;
    HthLinearFn *fn = s->kern->linear[hth_fmt_index(hth_fmt_by_id(0))];
    const uint32_t cols = in->w->cols;
    const size_t x_stride = (size_t)hth_row_stride(in->a_width) * sizeof *x;
    t += offset(s, set, d->inst, k);
    for (uint32_t i = 0; i < set->count; i++) {
        const HthAdapterPart *p = part_of(s, set, i, in);
        if (p->rank == 0) continue;
        fn(p->a + (size_t)which * p->rank * cols, cols * sizeof *x, p->rank, cols, x, x_stride, n,
           t, stride_of(s, in));
        t += p->rank;
    }
}

static void down(void *ctx, uint32_t i, uint32_t worker) {
    (void)worker;
    const Down *d = ctx;
    const HthStep *s = d->s;
    const uint32_t k = i / d->blocks, from = i % d->blocks * BLOCK;
    const uint32_t end = s->rows - from < BLOCK ? s->rows : from + BLOCK;
    for (uint32_t c = from; c < end;) {
        const HthAdapterSet *set = s->adapters[c];
        uint32_t n = 1;
        while (c + n < end && s->adapters[c + n] == set) n++;
        if (set)
            multiply(d, set, k, 0, hth_step_row(s, d->inst[k].a_at, d->inst[k].a_width, c), n,
                     s->adapt + c * s->adapt_width);
        c += n;
    }
}

/* The expert whose rows place is among: the last that begins there or before. */
static uint32_t expert_at(const HthStep *s, uint32_t place) {
    uint32_t low = 0, high = s->prog->router.n_expert;
    while (high - low > 1) {
        const uint32_t mid = low + (high - low) / 2;
        if (s->first[mid] <= place)
            low = mid;
        else
            high = mid;
    }
    return low;
}

/* A token's row, or those of its experts, wherever they are. */
static void down_experts(void *ctx, uint32_t r, uint32_t worker) {
    (void)worker;
    const Down *d = ctx;
    const HthStep *s = d->s;
    const HthInst *in = d->inst;
    const uint32_t used = s->prog->router.n_used;
    const HthAdapterSet *set = s->adapters[r];
    for (uint32_t k = 0; k < used; k++) {
        const uint32_t place = s->place[(size_t)r * used + k];
        s->placed[place] = set;
        if (!set) continue;
        const float *x = in->op == HTH_OP_EXPERTS ? hth_step_row(s, in->a_at, in->a_width, r)
                                                  : hth_step_row(s, in->a_at, in->a_width, 0) +
                                                        (size_t)place * hth_row_stride(in->w->cols);
        for (uint32_t p = 0; p < d->parts; p++)
            multiply(d, set, p, expert_at(s, place), x, 1,
                     s->adapt + (size_t)place * stride_of(s, in));
    }
}

void hth_step_adapt_begin(const HthStep *s, const HthInst *inst, uint32_t parts) {
    Down d = { s, inst, parts, (s->rows + BLOCK - 1) / BLOCK };
    const uint64_t work = (uint64_t)s->rows * s->adapt_width * inst->w->cols;
    HthPool *pool = work >= WORTH_WAKING ? s->pool : NULL;
    if (by_expert(inst))
        hth_par_run(pool, s->rows, down_experts, &d);
    else
        hth_par_run(pool, parts * d.blocks, down, &d);
}

/* ---- y += B (A x) --------------------------------------------------------------------------- */

void hth_step_adapt(const HthStep *s, const HthInst *inst, uint32_t k, const HthAdaptAt *at,
                    float *y, size_t ldy) {
    const HthInst *in = inst + k;
    const HthAdapterSet *const *sets = by_expert(in) ? s->placed : s->adapters;
    const size_t stride = stride_of(s, in);
    for (uint32_t c = 0; c < at->cols; c++) {
        const HthAdapterSet *set = sets[at->col + c];
        if (!set) continue;
        const float *t = s->adapt + (at->col + c) * stride + offset(s, set, inst, k);
        for (uint32_t i = 0; i < set->count; i++) {
            const HthAdapterPart *p = part_of(s, set, i, in);
            if (p->rank == 0) continue;
            const float *b = p->b + at->which * hth_adapter_panels(in->w->rows, p->rank);
            hth_kern_more(s->kern)->adapt(y + c * ldy, b + (size_t)at->row * p->rank, t, p->rank,
                                          at->rows, set->use[i].scale * p->factor);
            t += p->rank;
        }
    }
}

void hth_step_adapt_row(const HthStep *s, const HthInst *in, uint32_t r, uint32_t id, float *y) {
    const HthAdapterSet *set = s->adapters[r];
    for (uint32_t i = 0; set && i < set->count; i++) {
        const HthAdapterPart *p = part_of(s, set, i, in);
        if (p->rank == 0) continue;
        hth_kern_more(s->kern)->adapt(y, p->b, p->a + (size_t)id * p->rank, p->rank, in->w->cols,
                                      set->use[i].scale * p->factor);
    }
}

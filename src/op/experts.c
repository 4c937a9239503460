/* experts.c - products with the matrices of chosen experts, and the sum of what they give; or their
 * weights on what they are given, and the plain sum.
 *
 * The rows of an expert lie together (op/route.c), so each of its blocks of outputs is one product,
 * with all the tokens that chose it for columns.  Matrices of experts that nobody chose are not
 * read.  Activations are gathered into those places first.
 *
 * Thread: forks over rows, then over (matrix, expert, block of outputs). */
#include <string.h>

#include "op/step.h"

enum { PARTS_MAX = 2 }; /* gate and up */

typedef struct Part {
    const HthInst *in;
    HthLinearFn *fn;
    float *y; /* of place 0 */
    size_t ldy;
    uint32_t first_item, blocks; /* of an expert's outputs */
} Part;

typedef struct Ctx {
    const HthStep *s;
    uint32_t item_rows, parts;
    Part part[PARTS_MAX];
} Ctx;

typedef struct GatherCtx {
    const HthStep *s;
    const HthInst *in;
} GatherCtx;

/* A token's row to the places of all its experts. */
static void gather(void *ctx, uint32_t r, uint32_t worker) {
    (void)worker;
    const GatherCtx *c = ctx;
    const HthStep *s = c->s;
    const uint32_t used = s->prog->router.n_used, *place = s->place + (size_t)r * used;
    uint8_t *first = s->act + place[0] * s->act_stride;
    hth_step_act(s, c->in->w, hth_step_row(s, c->in->a_at, c->in->a_width, r), first);
    for (uint32_t k = 1; k < used; k++)
        memcpy(s->act + place[k] * s->act_stride, first, s->act_stride);
}

/* Rows that are in their places: those of n_used in turn. */
static void convert(void *ctx, uint32_t r, uint32_t worker) {
    (void)worker;
    const GatherCtx *c = ctx;
    const HthStep *s = c->s;
    const uint32_t used = s->prog->router.n_used, width = hth_row_stride(c->in->w->cols);
    const float *x = hth_step_row(s, c->in->a_at, c->in->a_width, r);
    for (uint32_t k = 0; k < used; k++)
        hth_step_act(s, c->in->w, x + (size_t)k * width,
                     s->act + ((size_t)r * used + k) * s->act_stride);
}

static void item(void *ctx, uint32_t i, uint32_t worker) {
    (void)worker;
    const Ctx *c = ctx;
    const HthStep *s = c->s;
    uint32_t k = c->parts - 1;
    while (c->part[k].first_item > i) k--;
    const Part *p = &c->part[k];
    const uint32_t e = s->active[(i - p->first_item) / p->blocks];
    const uint32_t r0 = (i - p->first_item) % p->blocks * c->item_rows;
    HthWeight w = *p->in->w; /* the expert's */
    const uint32_t rows = w.rows - r0 < c->item_rows ? w.rows - r0 : c->item_rows;
    const uint32_t from = s->first[e], cols = s->first[e + 1] - from;
    float *y = p->y + from * p->ldy + r0;
    w.data += e * w.step;
    if (w.bias) w.bias += (size_t)e * w.rows;
    if (w.scale) w.scale += e;
    p->fn(w.data + r0 * w.row_bytes, w.row_bytes, rows, w.cols, s->act + from * s->act_stride,
          s->act_stride, cols, y, p->ldy);
    hth_step_scale(&w, y, p->ldy, rows, cols);
    if (s->adapters)
        hth_step_adapt(s, c->part[0].in, k, &(HthAdaptAt){ r0, rows, from, cols, e }, y, p->ldy);
    hth_step_finish(&w, y, p->ldy, r0, rows, cols);
}

/* As many of the group's products as read the same kind of activations. */
static uint32_t run(HthStep *s, const HthInst *inst, HthParFn *fill) {
    Ctx c = { .s = s };
    HTH_ASSERT(s->route_layer == inst->layer);
    while (c.parts < inst->group && c.parts < PARTS_MAX &&
           inst[c.parts].w->fmt->act == inst->w->fmt->act)
        c.parts++;
    s->act_stride = hth_act_stride(inst->w);
    s->act_value = HTH_AT_NONE; /* not as other products want it */
    hth_step_rows(s, inst->a_width * 2, fill, &(GatherCtx){ s, inst });
    uint64_t all = 0;
    for (uint32_t k = 0; k < c.parts; k++) all += (uint64_t)s->actives * inst[k].w->rows;
    c.item_rows = hth_step_item_rows(s, all);
    uint32_t items = 0;
    for (uint32_t k = 0; k < c.parts; k++) {
        const HthInst *in = &inst[k];
        Part *p = &c.part[k];
        *p = (Part){ .in = in, .fn = s->kern->linear[hth_fmt_index(in->w->fmt)] };
        p->y = hth_step_row(s, in->dst_at, in->dst_width, 0);
        p->ldy = hth_row_stride(in->w->rows);
        p->first_item = items;
        p->blocks = (in->w->rows + c.item_rows - 1) / c.item_rows;
        items += p->blocks * s->actives;
    }
    if (s->adapters) hth_step_adapt_begin(s, inst, c.parts);
    hth_par_run(s->pool, items, item, &c);
    return c.parts;
}

uint32_t hth_op_experts(HthStep *s, const HthInst *inst) {
    return run(s, inst, gather);
}

uint32_t hth_op_experts_each(HthStep *s, const HthInst *inst) {
    return run(s, inst, convert);
}

/* A token's row times the weight of each of its experts, to their places. */
static void spread(void *ctx, uint32_t r, uint32_t worker) {
    (void)worker;
    const GatherCtx *c = ctx;
    const HthStep *s = c->s;
    const HthInst *in = c->in;
    const uint32_t used = s->prog->router.n_used, n = in->a_width, width = hth_row_stride(n);
    const float *x = hth_step_row(s, in->a_at, in->a_width, r);
    const float *w = hth_step_row(s, in->b_at, in->b_width, r);
    float *y = hth_step_row(s, in->dst_at, in->dst_width, 0);
    for (uint32_t k = 0; k < used; k++) {
        float *row = y + (size_t)s->place[(size_t)r * used + k] * width;
        for (uint32_t i = 0; i < n; i++) row[i] = w[k] * x[i];
    }
}

uint32_t hth_op_experts_spread(HthStep *s, const HthInst *inst) {
    HTH_ASSERT(s->route_layer == inst->layer);
    hth_step_rows(s, inst->dst_width, spread, &(GatherCtx){ s, inst });
    return 1;
}

/* In the order of the choice, best first: y = w0 x0, then y += wk xk; without weights y = x0, then
 * y += xk. */
static void sum(void *ctx, uint32_t r, uint32_t worker) {
    (void)worker;
    const GatherCtx *c = ctx;
    const HthStep *s = c->s;
    const HthInst *in = c->in;
    const uint32_t used = s->prog->router.n_used, n = in->dst_width, width = hth_row_stride(n);
    const float *x = hth_step_row(s, in->a_at, in->a_width, 0);
    const bool plain = in->op == HTH_OP_EXPERTS_ADD;
    const float *w = plain ? NULL : hth_step_row(s, in->b_at, in->b_width, r);
    float *y = hth_step_row(s, in->dst_at, in->dst_width, r);
    for (uint32_t k = 0; k < used; k++) {
        const float *row = x + (size_t)s->place[(size_t)r * used + k] * width;
        if (plain)
            for (uint32_t i = 0; i < n; i++) y[i] = k == 0 ? row[i] : y[i] + row[i];
        else
            for (uint32_t i = 0; i < n; i++) y[i] = k == 0 ? w[k] * row[i] : y[i] + w[k] * row[i];
    }
}

uint32_t hth_op_experts_sum(HthStep *s, const HthInst *inst) {
    HTH_ASSERT(s->route_layer == inst->layer);
    hth_step_rows(s, inst->a_width, sum, &(GatherCtx){ s, inst });
    return 1;
}

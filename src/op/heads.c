/* heads.c - each head's first part times a matrix of its own; what is left of the head follows.
 *
 * Multi-head latent attention: queries become as long as the cache's latent rows, and what
 * attention made of those rows becomes values.
 *
 * Thread: forks over rows, then over (head, block of outputs). */
#include <string.h>

#include "op/step.h"

typedef struct Ctx {
    const HthStep *s;
    const HthInst *in;
    HthLinearFn *fn;
    uint32_t from, to, rest; /* floats of a head before, after, and of what is left */
    uint32_t item_rows, blocks;
} Ctx;

/* Activations lie head by head, so that a head's are columns side by side. */
static uint8_t *act_of(const Ctx *c, uint32_t head, uint32_t r) {
    return c->s->act + ((size_t)head * c->s->rows + r) * c->s->act_stride;
}

static void gather(void *ctx, uint32_t r, uint32_t worker) {
    (void)worker;
    const Ctx *c = ctx;
    const HthWeight *w = c->in->w;
    const float *x = hth_step_row(c->s, c->in->a_at, c->in->a_width, r);
    float *y = hth_step_row(c->s, c->in->dst_at, c->in->dst_width, r);
    for (uint32_t h = 0; h < w->count; h++) {
        const float *head = x + (size_t)h * c->from;
        hth_step_act(c->s, w, head, act_of(c, h, r));
        memcpy(y + (size_t)h * c->to + w->rows, head + w->cols, c->rest * sizeof *y);
    }
}

static void item(void *ctx, uint32_t i, uint32_t worker) {
    (void)worker;
    const Ctx *c = ctx;
    const HthWeight *w = c->in->w;
    const uint32_t h = i / c->blocks, r0 = i % c->blocks * c->item_rows;
    const uint32_t rows = w->rows - r0 < c->item_rows ? w->rows - r0 : c->item_rows;
    float *y = hth_step_row(c->s, c->in->dst_at, c->in->dst_width, 0) + (size_t)h * c->to + r0;
    c->fn(w->data + h * w->step + r0 * w->row_bytes, w->row_bytes, rows, w->cols, act_of(c, h, 0),
          c->s->act_stride, c->s->rows, y, hth_row_stride(c->in->dst_width));
}

uint32_t hth_op_heads(HthStep *s, const HthInst *inst) {
    const HthWeight *w = inst->w;
    Ctx c = { .s = s, .in = inst, .fn = s->kern->linear[hth_fmt_index(w->fmt)] };
    c.from = inst->a_width / w->count;
    c.to = inst->dst_width / w->count;
    c.rest = c.from - w->cols;
    s->act_stride = hth_act_stride(w);
    s->act_value = HTH_AT_NONE; /* not as other products want it */
    hth_step_rows(s, inst->a_width * 2, gather, &c);
    c.item_rows = hth_step_item_rows(s, (uint64_t)w->count * w->rows);
    c.blocks = (w->rows + c.item_rows - 1) / c.item_rows;
    hth_par_run(s->pool, c.blocks * w->count, item, &c);
    return 1;
}

/* embed.c - dst = the token's row of the embedding matrix, in floats.
 *
 * Thread: forks over rows. */
#include "op/step.h"

typedef struct Ctx {
    const HthStep *s;
    const HthInst *in;
} Ctx;

static void row(void *ctx, uint32_t r, uint32_t worker) {
    (void)worker;
    const Ctx *c = ctx;
    const HthWeight *w = c->in->w;
    const uint32_t id = c->s->batch->ids[r];
    float *y = hth_step_row(c->s, c->in->dst_at, w->cols, r);
    w->fmt->dequant(w->data + (size_t)id * w->row_bytes, y, w->cols);
    if (c->s->adapters) hth_step_adapt_row(c->s, c->in, r, id, y);
}

uint32_t hth_op_embed(HthStep *s, const HthInst *inst) {
    hth_step_rows(s, inst->dst_width, row, &(Ctx){ s, inst });
    return 1;
}

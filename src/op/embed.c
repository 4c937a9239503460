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
    const uint8_t *blocks = w->data + (size_t)c->s->batch->ids[r] * w->row_bytes;
    w->fmt->dequant(blocks, hth_step_row(c->s, c->in->dst_at, w->cols, r), w->cols);
}

uint32_t hth_op_embed(HthStep *s, const HthInst *inst) {
    hth_step_rows(s, inst->dst_width, row, &(Ctx){ s, inst });
    return 1;
}

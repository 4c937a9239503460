/* scale.c - rows times one of the model's numbers: embeddings and blocks that are weighed.
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
    const HthInst *in = c->in;
    float *y = hth_step_row(c->s, in->dst_at, in->dst_width, r);
    const float *x = hth_step_row(c->s, in->a_at, in->a_width, r);
    for (uint32_t i = 0; i < in->dst_width; i++) y[i] = x[i] * in->arg;
}

uint32_t hth_op_scale(HthStep *s, const HthInst *inst) {
    hth_step_rows(s, inst->dst_width, row, &(Ctx){ s, inst });
    return 1;
}

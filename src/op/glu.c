/* glu.c - the gated unit of a feed-forward block: silu(gate) * up.
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
    c->s->kern->swiglu(hth_step_row(c->s, in->dst_at, in->dst_width, r),
                       hth_step_row(c->s, in->a_at, in->a_width, r),
                       hth_step_row(c->s, in->b_at, in->b_width, r), in->dst_width);
}

uint32_t hth_op_swiglu(HthStep *s, const HthInst *inst) {
    hth_step_rows(s, inst->dst_width * 4, row, &(Ctx){ s, inst }); /* an exp each */
    return 1;
}

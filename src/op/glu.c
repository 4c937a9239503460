/* glu.c - the activations of a feed-forward block, gated or not.
 *
 * Thread: forks over rows. */
#include "kern/more.h"
#include "op/step.h"

typedef struct Ctx {
    const HthStep *s;
    const HthInst *in;
} Ctx;

enum { FLOATS_PER_EXP = 4 }; /* what one costs, in plain operations */

static void row(void *ctx, uint32_t r, uint32_t worker) {
    (void)worker;
    const Ctx *c = ctx;
    const HthInst *in = c->in;
    const HthKern *k = c->s->kern;
    float *y = hth_step_row(c->s, in->dst_at, in->dst_width, r);
    const float *a = hth_step_row(c->s, in->a_at, in->a_width, r);
    const float *b = in->op == HTH_OP_GELU ? NULL : hth_step_row(c->s, in->b_at, in->b_width, r);
    if (in->op == HTH_OP_SWIGLU)
        k->swiglu(y, a, b, in->dst_width);
    else
        hth_kern_more(k)->geglu(y, a, b, in->dst_width);
}

static uint32_t run(HthStep *s, const HthInst *inst) {
    hth_step_rows(s, inst->dst_width * FLOATS_PER_EXP, row, &(Ctx){ s, inst });
    return 1;
}

uint32_t hth_op_swiglu(HthStep *s, const HthInst *inst) {
    return run(s, inst);
}

uint32_t hth_op_geglu(HthStep *s, const HthInst *inst) {
    return run(s, inst);
}

uint32_t hth_op_gelu(HthStep *s, const HthInst *inst) {
    return run(s, inst);
}

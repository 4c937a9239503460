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

static void alone(void *ctx, uint32_t r, uint32_t worker) {
    enum { PIECE = 256 };
    (void)worker;
    const Ctx *c = ctx;
    const HthInst *in = c->in;
    float *y = hth_step_row(c->s, in->dst_at, in->dst_width, r), ones[PIECE];
    const float *a = hth_step_row(c->s, in->a_at, in->a_width, r);
    for (uint32_t i = 0; i < PIECE; i++) ones[i] = 1.0f;
    for (uint32_t at = 0; at < in->dst_width; at += PIECE) {
        const uint32_t n = in->dst_width - at < PIECE ? in->dst_width - at : PIECE;
        c->s->kern->swiglu(y + at, a + at, ones, n);
    }
}

uint32_t hth_op_silu(HthStep *s, const HthInst *inst) {
    hth_step_rows(s, inst->dst_width * FLOATS_PER_EXP, alone, &(Ctx){ s, inst });
    return 1;
}

static void squares(void *ctx, uint32_t r, uint32_t worker) {
    (void)worker;
    const Ctx *c = ctx;
    const HthInst *in = c->in;
    float *y = hth_step_row(c->s, in->dst_at, in->dst_width, r);
    const float *a = hth_step_row(c->s, in->a_at, in->a_width, r);
    for (uint32_t i = 0; i < in->dst_width; i++) y[i] = a[i] < 0.0f ? 0.0f : a[i] * a[i];
}

uint32_t hth_op_relu2(HthStep *s, const HthInst *inst) {
    hth_step_rows(s, inst->dst_width, squares, &(Ctx){ s, inst });
    return 1;
}

uint32_t hth_op_swiglu(HthStep *s, const HthInst *inst) {
    return run(s, inst);
}

/* gpt-oss's gate is silu(1.702 g) / 1.702, g and u bounded, times u + 1: the plain one of scaled
 * rows. */
static void clamped(void *ctx, uint32_t r, uint32_t worker) {
    enum { PIECE = 256 };
    (void)worker;
    const Ctx *c = ctx;
    const HthInst *in = c->in;
    const float bound = 7.0f, alpha = 1.702f;
    float *y = hth_step_row(c->s, in->dst_at, in->dst_width, r), g[PIECE], u[PIECE];
    const float *a = hth_step_row(c->s, in->a_at, in->a_width, r);
    const float *b = hth_step_row(c->s, in->b_at, in->b_width, r);
    for (uint32_t at = 0; at < in->dst_width; at += PIECE) {
        const uint32_t n = in->dst_width - at < PIECE ? in->dst_width - at : PIECE;
        for (uint32_t i = 0; i < n; i++) { /* a NaN stays one */
            const float x = a[at + i] > bound ? bound : a[at + i];
            const float up = b[at + i] > bound ? bound : b[at + i];
            g[i] = x * alpha;
            u[i] = ((up < -bound ? -bound : up) + 1.0f) / alpha;
        }
        c->s->kern->swiglu(y + at, g, u, n);
    }
}

uint32_t hth_op_swiglu_clamped(HthStep *s, const HthInst *inst) {
    hth_step_rows(s, inst->dst_width * FLOATS_PER_EXP, clamped, &(Ctx){ s, inst });
    return 1;
}

uint32_t hth_op_geglu(HthStep *s, const HthInst *inst) {
    return run(s, inst);
}

uint32_t hth_op_gelu(HthStep *s, const HthInst *inst) {
    return run(s, inst);
}

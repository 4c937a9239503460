/* score.c - what a text's score is made of beside products: tanh, softmax; and rows that are passed
 * on as they are.
 *
 * The last operation of a program writes to the caller.
 *
 * Thread: forks over rows. */
#include <string.h>

#include "kern/fn/math.h"
#include "kern/more.h"
#include "op/step.h"

typedef struct Ctx {
    const HthStep *s;
    const HthInst *in;
} Ctx;

static float *to_row(const Ctx *c, uint32_t r) {
    const HthInst *in = c->in;
    if (in->dst == HTH_R_LOGITS) return c->s->batch->logits + (size_t)r * in->dst_width;
    return hth_step_row(c->s, in->dst_at, in->dst_width, r);
}

static void copy(void *ctx, uint32_t r, uint32_t worker) {
    (void)worker;
    const Ctx *c = ctx;
    float *y = to_row(c, r);
    const float *x = hth_step_row(c->s, c->in->a_at, c->in->a_width, r);
    if (y != x) memcpy(y, x, c->in->dst_width * sizeof *y);
}

uint32_t hth_op_copy(HthStep *s, const HthInst *inst) {
    hth_step_rows(s, inst->dst_width, copy, &(Ctx){ s, inst });
    return 1;
}

static void hyperbolic(void *ctx, uint32_t r, uint32_t worker) { /* a cap of 1 */
    (void)worker;
    const Ctx *c = ctx;
    const float *x = hth_step_row(c->s, c->in->a_at, c->in->a_width, r);
    hth_kern_more(c->s->kern)->softcap(to_row(c, r), x, c->in->dst_width, 1.0f);
}

uint32_t hth_op_tanh(HthStep *s, const HthInst *inst) {
    hth_step_rows(s, inst->dst_width, hyperbolic, &(Ctx){ s, inst });
    return 1;
}

/* Few numbers, in doubles, ascending: y = exp(x - most) / their sum. */
static void softmax(void *ctx, uint32_t r, uint32_t worker) {
    (void)worker;
    const Ctx *c = ctx;
    const uint32_t n = c->in->dst_width;
    float *y = to_row(c, r), most;
    const float *x = hth_step_row(c->s, c->in->a_at, c->in->a_width, r);
    double sum = 0.0;
    most = x[0];
    for (uint32_t i = 1; i < n; i++) most = x[i] > most ? x[i] : most;
    for (uint32_t i = 0; i < n; i++) sum += hth_exp((double)x[i] - (double)most);
    for (uint32_t i = 0; i < n; i++) y[i] = (float)(hth_exp((double)x[i] - (double)most) / sum);
}

uint32_t hth_op_softmax(HthStep *s, const HthInst *inst) {
    hth_step_rows(s, inst->dst_width, softmax, &(Ctx){ s, inst });
    return 1;
}

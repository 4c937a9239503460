/* scale.c - rows times one of the model's numbers, embeddings and blocks that are weighed; or times
 * numbers of their own between 0 and 1; the halves of heads that such numbers lie beside, the part
 * of a row that is the layer's; rows kept
 * within one of the model's numbers; queries that grow with the position (Llama 4's temperature, so
 * that far texts are attended to as sharply as near ones).
 *
 * Thread: forks over rows. */
#include <string.h>

#include "kern/fn/math.h"
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

static void bounded(void *ctx, uint32_t r, uint32_t worker) {
    (void)worker;
    const Ctx *c = ctx;
    const HthInst *in = c->in;
    const float most = in->arg;
    float *y = hth_step_row(c->s, in->dst_at, in->dst_width, r);
    const float *x = hth_step_row(c->s, in->a_at, in->a_width, r);
    for (uint32_t i = 0; i < in->dst_width; i++) /* a NaN stays one */
        y[i] = x[i] < -most ? -most : x[i] > most ? most : x[i];
}

uint32_t hth_op_clamp(HthStep *s, const HthInst *inst) {
    hth_step_rows(s, inst->dst_width, bounded, &(Ctx){ s, inst });
    return 1;
}

/* 1 + temper * ln(1 + (position + offset) / floor), the quotient rounded down. */
static void temper(void *ctx, uint32_t r, uint32_t worker) {
    (void)worker;
    const Ctx *c = ctx;
    const HthInst *in = c->in;
    const HthProgram *p = c->s->prog;
    const uint64_t times = ((uint64_t)c->s->batch->pos[r] + p->temper_offset) / p->temper_floor;
    const float by = (float)(hth_ln((double)(times + 1)) * (double)p->temper + 1.0);
    float *y = hth_step_row(c->s, in->dst_at, in->dst_width, r);
    const float *x = hth_step_row(c->s, in->a_at, in->a_width, r);
    for (uint32_t i = 0; i < in->dst_width; i++) y[i] = x[i] * by;
}

uint32_t hth_op_temper(HthStep *s, const HthInst *inst) {
    hth_step_rows(s, inst->dst_width, temper, &(Ctx){ s, inst });
    return 1;
}

static void gate(void *ctx, uint32_t r, uint32_t worker) {
    (void)worker;
    const Ctx *c = ctx;
    const HthInst *in = c->in;
    float *y = hth_step_row(c->s, in->dst_at, in->dst_width, r);
    const float *x = hth_step_row(c->s, in->a_at, in->a_width, r);
    const float *b = hth_step_row(c->s, in->b_at, in->b_width, r);
    const float one = hth_sigmoid(b[0]);
    for (uint32_t i = 0; i < in->dst_width; i++)
        y[i] = x[i] * (in->b_width == 1 ? one : hth_sigmoid(b[i]));
}

static void product(void *ctx, uint32_t r, uint32_t worker) {
    (void)worker;
    const Ctx *c = ctx;
    const HthInst *in = c->in;
    float *y = hth_step_row(c->s, in->dst_at, in->dst_width, r);
    const float *a = hth_step_row(c->s, in->a_at, in->a_width, r);
    const float *b = hth_step_row(c->s, in->b_at, in->b_width, r);
    for (uint32_t i = 0; i < in->dst_width; i++) y[i] = a[i] * b[i];
}

uint32_t hth_op_mul(HthStep *s, const HthInst *inst) {
    hth_step_rows(s, inst->dst_width, product, &(Ctx){ s, inst });
    return 1;
}

static void half(void *ctx, uint32_t r, uint32_t worker) {
    (void)worker;
    const Ctx *c = ctx;
    const HthInst *in = c->in;
    const uint32_t n = in->part;
    float *y = hth_step_row(c->s, in->dst_at, in->dst_width, r);
    const float *x = hth_step_row(c->s, in->a_at, in->a_width, r);
    if (in->op == HTH_OP_HALF_2) x += n;
    if (in->op == HTH_OP_LAYER_PART) x += (size_t)in->layer * n; /* dst_width is n */
    for (uint32_t at = 0; at < in->dst_width; at += n, x += 2 * n) memcpy(y + at, x, n * sizeof *y);
}

uint32_t hth_op_half(HthStep *s, const HthInst *inst) {
    hth_step_rows(s, inst->dst_width, half, &(Ctx){ s, inst });
    return 1;
}

uint32_t hth_op_gate(HthStep *s, const HthInst *inst) {
    hth_step_rows(s, inst->dst_width, gate, &(Ctx){ s, inst });
    return 1;
}

static void weigh(void *ctx, uint32_t r, uint32_t worker) {
    (void)worker;
    const Ctx *c = ctx;
    const HthInst *in = c->in;
    float *y = hth_step_row(c->s, in->dst_at, in->dst_width, r);
    const float *x = hth_step_row(c->s, in->a_at, in->a_width, r);
    for (uint32_t i = 0; i < in->dst_width; i++) y[i] = x[i] * in->w->vec[0];
}

uint32_t hth_op_weigh(HthStep *s, const HthInst *inst) {
    hth_step_rows(s, inst->dst_width, weigh, &(Ctx){ s, inst });
    return 1;
}

uint32_t hth_op_scale(HthStep *s, const HthInst *inst) {
    hth_step_rows(s, inst->dst_width, row, &(Ctx){ s, inst });
    return 1;
}

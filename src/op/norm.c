/* norm.c - norms: by the root mean square of a whole row, of its first part or of each head of it,
 * and by mean and deviation.
 *
 * Thread: forks over rows. */
#include <string.h>

#include "kern/more.h"
#include "op/step.h"

typedef struct Ctx {
    const HthStep *s;
    const HthInst *in;
} Ctx;

static void whole(void *ctx, uint32_t r, uint32_t worker) {
    (void)worker;
    const Ctx *c = ctx;
    const HthInst *in = c->in;
    c->s->kern->rmsnorm(hth_step_row(c->s, in->dst_at, in->dst_width, r),
                        hth_step_row(c->s, in->a_at, in->a_width, r), in->w->vec, in->a_width,
                        c->s->prog->norm_eps);
}

uint32_t hth_op_rmsnorm(HthStep *s, const HthInst *inst) {
    hth_step_rows(s, inst->a_width, whole, &(Ctx){ s, inst });
    return 1;
}

static void heads(void *ctx, uint32_t r, uint32_t worker) {
    (void)worker;
    const Ctx *c = ctx;
    const HthInst *in = c->in;
    uint32_t dim = in->w->rows;
    float *y = hth_step_row(c->s, in->dst_at, in->dst_width, r);
    const float *x = hth_step_row(c->s, in->a_at, in->a_width, r);
    const bool each = in->w->count != 0; /* heads have weights of their own */
    for (uint32_t at = 0; at < in->a_width; at += dim)
        c->s->kern->rmsnorm(y + at, x + at, in->w->vec + (each ? at : 0), dim,
                            c->s->prog->norm_eps);
}

uint32_t hth_op_headnorm(HthStep *s, const HthInst *inst) {
    hth_step_rows(s, inst->a_width, heads, &(Ctx){ s, inst });
    return 1;
}

static void plain_heads(void *ctx, uint32_t r, uint32_t worker) {
    (void)worker;
    const Ctx *c = ctx;
    const HthInst *in = c->in;
    float *y = hth_step_row(c->s, in->dst_at, in->dst_width, r);
    const float *x = hth_step_row(c->s, in->a_at, in->a_width, r);
    for (uint32_t at = 0; at < in->a_width; at += in->part)
        c->s->kern->rmsnorm(y + at, x + at, NULL, in->part, c->s->prog->norm_eps);
}

uint32_t hth_op_unit_headnorm(HthStep *s, const HthInst *inst) {
    hth_step_rows(s, inst->a_width, plain_heads, &(Ctx){ s, inst });
    return 1;
}

static void mean_heads(void *ctx, uint32_t r, uint32_t worker) {
    (void)worker;
    const Ctx *c = ctx;
    const HthInst *in = c->in;
    const uint32_t dim = in->w->rows;
    float *y = hth_step_row(c->s, in->dst_at, in->dst_width, r);
    const float *x = hth_step_row(c->s, in->a_at, in->a_width, r);
    for (uint32_t at = 0; at < in->a_width; at += dim) /* each has its own weights */
        hth_kern_more(c->s->kern)
            ->layernorm(y + at, x + at, in->w->vec + at, NULL, dim, c->s->prog->norm_eps);
}

uint32_t hth_op_mean_headnorm(HthStep *s, const HthInst *inst) {
    hth_step_rows(s, inst->a_width, mean_heads, &(Ctx){ s, inst });
    return 1;
}

static void first(void *ctx, uint32_t r, uint32_t worker) {
    (void)worker;
    const Ctx *c = ctx;
    const HthInst *in = c->in;
    float *y = hth_step_row(c->s, in->dst_at, in->dst_width, r);
    const float *x = hth_step_row(c->s, in->a_at, in->a_width, r);
    if (y != x) memcpy(y, x, in->a_width * sizeof *y);
    c->s->kern->rmsnorm(y, y, in->w->vec, in->w->rows, c->s->prog->norm_eps);
}

uint32_t hth_op_firstnorm(HthStep *s, const HthInst *inst) {
    hth_step_rows(s, inst->a_width, first, &(Ctx){ s, inst });
    return 1;
}

static void layer(void *ctx, uint32_t r, uint32_t worker) {
    (void)worker;
    const Ctx *c = ctx;
    const HthInst *in = c->in;
    hth_kern_more(c->s->kern)
        ->layernorm(hth_step_row(c->s, in->dst_at, in->dst_width, r),
                    hth_step_row(c->s, in->a_at, in->a_width, r), in->w->vec, in->w->bias,
                    in->a_width, c->s->prog->norm_eps);
}

uint32_t hth_op_layernorm(HthStep *s, const HthInst *inst) {
    hth_step_rows(s, inst->a_width, layer, &(Ctx){ s, inst });
    return 1;
}

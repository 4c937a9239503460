/* delta.c - the gated delta rule: each head has a matrix that tokens write to and read from; what a
 * token writes replaces what was there under its key, and all fades.  And the selective scan, in
 * which it is added.
 *
 * delta: a has queries, keys and values of all heads, b how strongly each head writes, before
 * sigmoid, c how fast it forgets, before softplus.  scan: a has values, keys and queries, b how
 * large a head's step is, before softplus; values go past the state too, by a weight of each head.
 * Kept of a row: all of that.  A head's rows are done one after another by one worker, however the
 * text is cut into steps.
 *
 * Thread: forks over heads. */
#include <math.h>
#include <string.h>

#include "kern/fn/math.h"
#include "kern/more.h"
#include "kern/route.h"
#include "op/state.h"
#include "op/step.h"

typedef struct Ctx {
    const HthStep *s;
    const HthInst *in;
    const HthDeltaRule *d;
} Ctx;

/* x / |x|, times by. */
static void unit(float *y, const float *x, uint32_t n, float eps, double by) {
    double sum = 0.0;
    for (uint32_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
    double length = sqrt(sum);
    if (length < (double)eps) length = (double)eps;
    const float factor = (float)(by / length);
    for (uint32_t i = 0; i < n; i++) y[i] = x[i] * factor;
}

/* ln(1 + exp(x)) */
static double softplus(double x) {
    return x > 20.0 ? x : hth_ln(1.0 + hth_exp(x));
}

static void scan(const Ctx *c, uint32_t head, float *state, const float *vkq, const float *step,
                 float *out) {
    const HthDeltaRule *d = c->d;
    const uint32_t from = head / (d->heads / d->k_heads);
    const HthWeight *w = c->in->w; /* its bias is that of steps, its scale what goes past */
    const float *keys = vkq + (size_t)d->heads * d->dim_v, *v = vkq + (size_t)head * d->dim_v;
    const double by = softplus((double)step[head] + (double)w->bias[head]);
    const HthDeltaRow row = { .q = keys + (size_t)(d->k_heads + from) * d->dim_k,
                              .k = keys + (size_t)from * d->dim_k,
                              .v = v,
                              .dim_k = d->dim_k,
                              .dim_v = d->dim_v,
                              .decay = (float)hth_exp(by * (double)w->vec[head]),
                              .beta = (float)by,
                              .plain = true };
    hth_kern_more(c->s->kern)->delta(state, &row, out);
    for (uint32_t i = 0; i < d->dim_v; i++) out[i] += v[i] * w->scale[head];
}

/* One row, one head. qkv, write, fade: of the row. */
static void advance(const Ctx *c, uint32_t head, float *state, const float *qkv, const float *write,
                    const float *fade, float *out) {
    if (c->in->op == HTH_OP_SCAN) {
        scan(c, head, state, qkv, write, out);
        return;
    }
    float q[HTH_DELTA_MAX], k[HTH_DELTA_MAX];
    const HthDeltaRule *d = c->d;
    const uint32_t from = d->in_turn ? head % d->k_heads : head / (d->heads / d->k_heads);
    const float eps = c->s->prog->norm_eps, *a = c->in->w->vec, *dt = c->in->w->bias;
    const float *keys = qkv + (size_t)d->k_heads * d->dim_k;
    unit(q, qkv + (size_t)from * d->dim_k, d->dim_k, eps, 1.0 / sqrt((double)d->dim_k));
    unit(k, keys + (size_t)from * d->dim_k, d->dim_k, eps, 1.0);
    const double speed = (double)a[head] * softplus((double)fade[head] + (double)dt[head]);
    const HthDeltaRow row = { .q = q,
                              .k = k,
                              .v = keys + (size_t)d->k_heads * d->dim_k + (size_t)head * d->dim_v,
                              .dim_k = d->dim_k,
                              .dim_v = d->dim_v,
                              .decay = (float)hth_exp(speed),
                              .beta = hth_sigmoid(write[head]) };
    hth_kern_more(c->s->kern)->delta(state, &row, out);
}

/* Rows first, .. of one timeline. */
static void run_rows(const Ctx *c, uint32_t head, uint32_t first, uint32_t rows) {
    float none[HTH_DELTA_MAX];
    const HthStep *s = c->s;
    const HthBatch *b = s->batch;
    const HthDeltaRule *d = c->d;
    const HthState st = hth_state_of(b->kv[first], c->in->cache);
    const size_t size = (size_t)d->dim_k * d->dim_v, at = head * size;
    float *live = st.live + at;
    const bool fade = c->in->op != HTH_OP_SCAN;
    for (uint32_t p = st.head->at; p < b->pos[first]; p++) { /* rows were taken back: again */
        const float *row = hth_state_row(&st, p);
        advance(c, head, live, row, row + c->in->a_width, row + c->in->a_width + d->heads, none);
    }
    for (uint32_t r = first; r < first + rows; r++) {
        const uint32_t count = b->pos[r] + 1;
        advance(c, head, live, hth_step_row(s, c->in->a_at, c->in->a_width, r),
                hth_step_row(s, c->in->b_at, c->in->b_width, r),
                fade ? hth_step_row(s, c->in->c_at, c->in->c_width, r) : NULL,
                hth_step_row(s, c->in->dst_at, c->in->dst_width, r) + (size_t)head * d->dim_v);
        if (hth_state_keeps(&st, count, b->pos[first] + rows))
            memcpy(st.base[count / HTH_STATE_BACK % 2] + at, live, size * sizeof *live);
        float *snap = hth_state_snap(b->kv[r], c->in->cache, count);
        if (snap) memcpy(snap + at, live, size * sizeof *live);
    }
}

static void heads(void *ctx, uint32_t head, uint32_t worker) {
    (void)worker;
    const Ctx *c = ctx;
    for (uint32_t r = 0, n; r < c->s->rows; r += n) {
        n = hth_step_run(c->s, r);
        run_rows(c, head, r, n);
    }
}

static void keep(const Ctx *c, uint32_t first, uint32_t rows) {
    const HthStep *s = c->s;
    const HthBatch *b = s->batch;
    const HthState st = hth_state_of(b->kv[first], c->in->cache);
    const uint32_t widths[3] = { c->in->a_width, c->in->b_width,
                                 c->in->op == HTH_OP_SCAN ? 0 : c->in->c_width };
    const uint32_t ats[3] = { c->in->a_at, c->in->b_at, c->in->c_at };
    /* no row where none is taken back */
    for (uint32_t r = rows > st.rows ? first + rows - st.rows : first; r < first + rows; r++) {
        float *to = hth_state_row(&st, b->pos[r]);
        for (uint32_t k = 0; k < 3 && widths[k]; to += widths[k], k++)
            memcpy(to, hth_step_row(s, ats[k], widths[k], r), widths[k] * sizeof *to);
    }
    hth_state_done(&st, b->pos[first] + rows);
}

uint32_t hth_op_delta(HthStep *s, const HthInst *inst) {
    Ctx c = { s, inst, &s->prog->delta };
    for (uint32_t r = 0, n; r < s->rows; r += n) {
        const HthState state = hth_state_of(s->batch->kv[r], inst->cache);
        n = hth_step_run(s, r);
        hth_state_seek(&state, s->batch->kv[r], inst->cache, s->batch->pos[r]);
    }
    hth_par_run(s->pool, c.d->heads, heads, &c);
    for (uint32_t r = 0, n; r < s->rows; r += n) {
        n = hth_step_run(s, r);
        keep(&c, r, n);
    }
    return 1;
}

/* conv.c - short causal convolutions: each value mixed with those of a few rows before.
 *
 * The rows before a step's own are the state (op/state.h).
 *
 * Thread: forks over rows. */
#include <string.h>

#include "op/state.h"
#include "op/step.h"

typedef struct Ctx {
    const HthStep *s;
    const HthInst *in;
} Ctx;

enum { TAPS_MAX = HTH_STATE_BACK };

/* The row `back` before row r of the step, or NULL before the text's first. */
static const float *row_before(const Ctx *c, uint32_t r, uint32_t back) {
    const HthBatch *b = c->s->batch;
    if (b->pos[r] < back) return NULL;
    if (r >= back && b->kv[r - back] == b->kv[r] && b->pos[r - back] + back == b->pos[r])
        return hth_step_row(c->s, c->in->a_at, c->in->a_width, r - back);
    const HthState s = hth_state_of(b->kv[r], c->in->cache);
    return hth_state_row(&s, b->pos[r] - back);
}

/* From the earliest row to its own; w: [width][taps]. */
static void row(void *ctx, uint32_t r, uint32_t worker) {
    (void)worker;
    const Ctx *c = ctx;
    const HthInst *in = c->in;
    const uint32_t taps = in->w->rows, n = in->dst_width;
    const float *w = in->w->vec, *bias = in->w->bias;
    float *y = hth_step_row(c->s, in->dst_at, in->dst_width, r);
    for (uint32_t i = 0; i < n; i++) y[i] = bias ? bias[i] : 0.0f;
    for (uint32_t k = 0; k < taps; k++) {
        const float *x = row_before(c, r, taps - 1 - k);
        for (uint32_t i = 0; x && i < n; i++) y[i] += x[i] * w[(size_t)i * taps + k];
    }
}

/* What snapshots in these rows want, while all rows before are there still. */
static void snap(const Ctx *c, const HthState *s, uint32_t first, uint32_t rows) {
    const HthBatch *b = c->s->batch;
    const size_t wide = s->spec->row * sizeof(float);
    for (uint32_t r = first; r < first + rows; r++) {
        float *to = hth_state_snap(b->kv[r], c->in->cache, b->pos[r] + 1);
        for (uint32_t k = 0; to && k < s->spec->before; k++)
            memcpy(to + (size_t)k * s->spec->row, row_before(c, r, s->spec->before - 1 - k), wide);
    }
}

static void keep(const Ctx *c, uint32_t first, uint32_t rows) {
    const HthBatch *b = c->s->batch;
    const HthState s = hth_state_of(b->kv[first], c->in->cache);
    const size_t wide = s.spec->row * sizeof(float);
    snap(c, &s, first, rows);
    for (uint32_t r = rows > s.rows ? first + rows - s.rows : first; r < first + rows; r++)
        memcpy(hth_state_row(&s, b->pos[r]), hth_step_row(c->s, c->in->a_at, c->in->a_width, r),
               wide);
    hth_state_done(&s, b->pos[first] + rows);
}

uint32_t hth_op_conv(HthStep *s, const HthInst *inst) {
    const Ctx c = { s, inst };
    HTH_ASSERT(inst->w->rows <= TAPS_MAX);
    for (uint32_t r = 0, n; r < s->rows; r += n) {
        const HthState state = hth_state_of(s->batch->kv[r], inst->cache);
        n = hth_step_run(s, r);
        hth_state_seek(&state, s->batch->kv[r], inst->cache, s->batch->pos[r]);
    }
    hth_step_rows(s, inst->dst_width * inst->w->rows, row, (void *)(uintptr_t)&c);
    for (uint32_t r = 0, n; r < s->rows; r += n) {
        n = hth_step_run(s, r);
        keep(&c, r, n);
    }
    return 1;
}

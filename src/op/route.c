/* route.c - a token's scores become experts and weights, and its rows get their places.
 *
 * Rows for experts lie expert by expert, and of one expert in the order of tokens: a place is where
 * the row of a token for one of its experts is, in every register that has such rows.  Where that
 * is depends on the batch; what is there does not.
 *
 * Thread: forks over rows, then counts alone. */
#include <string.h>

#include "op/step.h"

typedef struct Ctx {
    const HthStep *s;
    const HthInst *in;
} Ctx;

static void row(void *ctx, uint32_t r, uint32_t worker) {
    const Ctx *c = ctx;
    const HthStep *s = c->s;
    const HthRouter *router = &s->prog->router;
    float *work = (float *)(void *)(s->part + (size_t)worker * s->part_bytes);
    hth_route(router, hth_step_row(s, c->in->a_at, c->in->a_width, r), c->in->w->vec, work,
              s->place + (size_t)r * router->n_used,
              hth_step_row(s, c->in->dst_at, c->in->dst_width, r));
}

/* From the ids in place to places: counts, where each expert begins, then one after another. */
static void give_places(HthStep *s) {
    const uint32_t n_expert = s->prog->router.n_expert;
    const size_t chosen = (size_t)s->rows * s->prog->router.n_used;
    uint32_t *next = s->first + 1;
    memset(s->first, 0, (n_expert + 2) * sizeof *s->first);
    for (size_t i = 0; i < chosen; i++) next[s->place[i] + 1]++;
    s->actives = 0;
    for (uint32_t e = 0; e < n_expert; e++) {
        if (next[e + 1] > 0) s->active[s->actives++] = e;
        next[e + 1] += next[e];
    }
    for (size_t i = 0; i < chosen; i++) s->place[i] = next[s->place[i]]++;
}

uint32_t hth_op_route(HthStep *s, const HthInst *inst) {
    enum { FLOATS_PER_SCORE = 16 }; /* an exp, and looking for the best again and again */
    hth_step_rows(s, inst->a_width * FLOATS_PER_SCORE, row, &(Ctx){ s, inst });
    give_places(s);
    s->route_layer = inst->layer;
    return 1;
}

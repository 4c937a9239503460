/* attend.c - stores the batch's keys and values, then attends: page by page, merged in page order.
 *
 * The split at page boundaries is part of the numerics: it depends on positions only, never on
 * threads or on how the prompt was cut into steps.
 *
 * Thread: forks over (row, KV head). */
#include <string.h>

#include "op/step.h"

typedef struct Ctx {
    const HthStep *s;
    const HthInst *in;
    uint32_t group; /* query heads per KV head */
    float scale;
} Ctx;

static void store(void *ctx, uint32_t r, uint32_t worker) {
    (void)worker;
    const Ctx *c = ctx;
    const HthStep *s = c->s;
    const HthProgram *p = s->prog;
    const HthKvView *kv = s->batch->kv[r];
    const float *k = hth_step_row(s, c->in->b_at, c->in->b_width, r);
    const float *v = hth_step_row(s, c->in->c_at, c->in->c_width, r);
    uint32_t pos = s->batch->pos[r], layer = c->in->layer;
    for (uint32_t h = 0; h < p->n_head_kv; h++) {
        s->kern->kv_store(kv->layout.type, k + (size_t)h * p->head_dim, p->head_dim,
                          hth_kv_k(kv, layer, h, pos));
        s->kern->kv_store(kv->layout.type, v + (size_t)h * p->head_dim_v, p->head_dim_v,
                          hth_kv_v(kv, layer, h, pos));
    }
}

/* One row's queries of one KV head against the whole timeline up to the row's position. */
static void attend(void *ctx, uint32_t item, uint32_t worker) {
    const Ctx *c = ctx;
    const HthStep *s = c->s;
    const HthProgram *p = s->prog;
    uint32_t r = item / p->n_head_kv, h = item % p->n_head_kv, dv = p->head_dim_v, g = c->group;
    const HthKvView *kv = s->batch->kv[r];
    uint32_t seen = s->batch->pos[r] + 1, pages = (seen + HTH_PAGE_LEN - 1) / HTH_PAGE_LEN;
    /* this page: m, l [g], o [g][dv]; all pages, head by head: m, l [g][pages], o [g][pages][dv] */
    float *page_m = (float *)(void *)(s->part + (size_t)worker * s->part_bytes);
    float *page_l = page_m + g, *page_o = page_l + g, *m = page_o + (size_t)g * dv;
    float *l = m + (size_t)g * pages, *o = l + (size_t)g * pages;
    HthAttendPage a = { .group = g, .head_dim = p->head_dim, .head_dim_v = dv, .scale = c->scale };
    a.q = hth_step_row(s, c->in->a_at, c->in->a_width, r) + (size_t)h * g * p->head_dim;
    a.type = kv->layout.type;
    a.k_stride = kv->layout.k_row;
    a.v_stride = kv->layout.v_row;
    a.m = page_m;
    a.l = page_l;
    a.o = page_o;
    for (uint32_t i = 0; i < pages; i++) {
        uint32_t first = i * HTH_PAGE_LEN;
        a.count = seen - first < HTH_PAGE_LEN ? seen - first : HTH_PAGE_LEN;
        a.k = hth_kv_k(kv, c->in->layer, h, first);
        a.v = hth_kv_v(kv, c->in->layer, h, first);
        s->kern->attend_page(&a);
        for (uint32_t q = 0; q < g; q++) {
            m[(size_t)q * pages + i] = page_m[q];
            l[(size_t)q * pages + i] = page_l[q];
            memcpy(o + ((size_t)q * pages + i) * dv, page_o + (size_t)q * dv, dv * sizeof *o);
        }
    }
    float *out = hth_step_row(s, c->in->dst_at, c->in->dst_width, r) + (size_t)h * g * dv;
    for (uint32_t q = 0; q < g; q++)
        s->kern->attend_merge(out + (size_t)q * dv, m + (size_t)q * pages, l + (size_t)q * pages,
                              o + (size_t)q * pages * dv, pages, dv);
}

uint32_t hth_op_attend(HthStep *s, const HthInst *inst) {
    const HthProgram *p = s->prog;
    Ctx c = { .s = s, .in = inst, .group = p->n_head / p->n_head_kv, .scale = p->attn_scale };
    hth_step_rows(s, inst->b_width + inst->c_width, store, &c);
    hth_par_run(s->pool, s->rows * p->n_head_kv, attend, &c);
    return 1;
}

/* grad_linear.c - matrix layers and the embedding table, forward and backward. See grad.h. */
#include "op/grad_in.h"

void hth_grad_linear(HthGrad *g, uint32_t t, uint32_t in, uint32_t out, const float *x,
                     const float *w, float *y) {
    hth_sgemm(g->gemm, false, true, t, out, in, x, in, w, in, y, out, false);
}

void hth_grad_linear_bwd(HthGrad *g, uint32_t t, uint32_t in, uint32_t out, const float *x,
                         const float *w, const float *dy, float *dx, bool add, float *dw) {
    if (dx) hth_sgemm(g->gemm, false, false, t, in, out, dy, out, w, in, dx, in, add);
    hth_sgemm(g->gemm, true, false, out, in, t, dy, out, x, in, dw, in, true);
}

typedef struct Embed {
    uint32_t t, n;
    const uint32_t *ids;
    const float *from;
    float *to;
} Embed;

static void gather(void *ctx, uint32_t item, uint32_t worker) {
    const Embed *e = ctx;
    (void)worker;
    const uint32_t rows = hth_grad_span(e->t, HTH_GRAD_ROWS, item);
    const size_t first = (size_t)item * HTH_GRAD_ROWS;
    for (size_t i = first; i < first + rows; i++)
        memcpy(e->to + i * e->n, e->from + (size_t)e->ids[i] * e->n, sizeof(float) * e->n);
}

/* A slice of columns, all tokens in order: two tokens with one id never race, and add in order. */
HTH_CLONES static void scatter(void *ctx, uint32_t item, uint32_t worker) {
    const Embed *e = ctx;
    (void)worker;
    for (size_t i = 0; i < e->t; i++) {
        const float *from = e->from + i * e->n + item * HTH_VL;
        float *to = e->to + (size_t)e->ids[i] * e->n + item * HTH_VL;
        *hth_vp(to) += *hth_vc(from);
    }
}

void hth_grad_embed(HthGrad *g, uint32_t t, uint32_t n, const uint32_t *ids, const float *w,
                    float *y) {
    Embed e = { .t = t, .n = n, .ids = ids, .from = w, .to = y };
    hth_par_run(g->pool, hth_grad_items(t, HTH_GRAD_ROWS), gather, &e);
}

void hth_grad_embed_bwd(HthGrad *g, uint32_t t, uint32_t n, const uint32_t *ids, const float *dy,
                        float *dw) {
    HTH_ASSERT(n % HTH_VL == 0);
    Embed e = { .t = t, .n = n, .ids = ids, .from = dy, .to = dw };
    hth_par_run(g->pool, n / HTH_VL, scatter, &e);
}

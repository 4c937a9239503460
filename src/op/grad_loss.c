/* grad_loss.c - the output layer with softmax cross-entropy, in chunks of rows. See grad.h.
 *
 * Only a chunk of logits exists at a time; its gradient (p - onehot) * scale overwrites it and is
 * carried on to dx and dw before the next chunk. */
#include <math.h>

#include "op/grad_in.h"

enum { ITEM_ROWS = 16 };

typedef struct Chunk {
    HthGrad *g;
    const HthGradLoss *l;
    uint32_t first, rows;
} Chunk;

/* Logits of one row -> its gradient; returns -log p(target). */
HTH_CLONES static float loss_row(float *z, uint32_t n, uint32_t target, float scale) {
    if (target == HTH_NO_TARGET) {
        memset(z, 0, sizeof *z * n);
        return 0;
    }
    HthV most = *hth_vc(z);
    for (uint32_t i = HTH_VL; i < n; i += HTH_VL) hth_v_max(&most, hth_vc(z + i));
    float lanes[HTH_VL], max;
    memcpy(lanes, &most, sizeof lanes);
    max = lanes[0];
    for (int i = 1; i < HTH_VL; i++) max = lanes[i] > max ? lanes[i] : max;
    const float at_target = z[target];
    HthV total = { 0 };
    for (uint32_t i = 0; i < n; i += HTH_VL) {
        HthV e = *hth_vc(z + i) - max;
        hth_v_exp(&e);
        *hth_vp(z + i) = e;
        total += e;
    }
    const float sum = hth_v_sum(&total), k = scale / sum;
    for (uint32_t i = 0; i < n; i += HTH_VL) *hth_vp(z + i) *= k;
    z[target] -= scale;
    return logf(sum) + max - at_target;
}

static void rows(void *ctx, uint32_t item, uint32_t worker) {
    const Chunk *c = ctx;
    (void)worker;
    const uint32_t first = item * ITEM_ROWS, n = hth_grad_span(c->rows, ITEM_ROWS, item);
    for (uint32_t i = first; i < first + n; i++)
        c->g->loss_rows[i] = loss_row(c->g->logits + (size_t)i * c->l->vocab, c->l->vocab,
                                      c->l->targets[c->first + i], c->l->scale);
}

double hth_grad_loss(HthGrad *g, const HthGradLoss *l) {
    HTH_ASSERT(l->vocab <= g->size.vocab && l->vocab % HTH_VL == 0);
    double sum = 0;
    for (uint32_t first = 0; first < l->t; first += HTH_GRAD_LOSS_ROWS) {
        Chunk c = { g, l, first,
                    hth_grad_span(l->t, HTH_GRAD_LOSS_ROWS, first / HTH_GRAD_LOSS_ROWS) };
        const float *x = l->x + (size_t)first * l->in;
        hth_grad_linear(g, c.rows, l->in, l->vocab, x, l->w, g->logits);
        hth_par_run(g->pool, hth_grad_items(c.rows, ITEM_ROWS), rows, &c);
        for (uint32_t i = 0; i < c.rows; i++) sum += (double)g->loss_rows[i];
        if (l->nll) memcpy(l->nll + first, g->loss_rows, sizeof(float) * c.rows);
        if (l->dx)
            hth_grad_linear_bwd(g, c.rows, l->in, l->vocab, x, l->w, g->logits,
                                l->dx + (size_t)first * l->in, false, l->dw);
    }
    return sum;
}

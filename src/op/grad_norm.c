/* grad_norm.c - RMS normalisation, forward and backward. See grad.h.
 *
 * With u = dy * w and r = 1 / sqrt(mean(x^2) + eps):
 *   dx = r * u - x * r^3 / n * sum(u * x),   dw = sum over rows of dy * x * r. */
#include "op/grad_in.h"

typedef struct Norm {
    uint32_t t, n;
    const float *x, *w, *dy, *r_in;
    float eps, *y, *r, *dx, *partial, *dw;
    bool add;
} Norm;

HTH_CLONES static void forward(void *ctx, uint32_t item, uint32_t worker) {
    const Norm *m = ctx;
    (void)worker;
    const uint32_t rows = hth_grad_span(m->t, HTH_GRAD_ROWS, item);
    for (uint32_t i = 0; i < rows; i++) {
        const size_t row = (size_t)item * HTH_GRAD_ROWS + i;
        const float *x = m->x + row * m->n;
        float *y = m->y + row * m->n;
        HthV sum = { 0 };
        for (uint32_t j = 0; j < m->n; j += HTH_VL) sum += *hth_vc(x + j) * *hth_vc(x + j);
        float r = 1.0f / __builtin_sqrtf(hth_v_sum(&sum) / (float)m->n + m->eps);
        m->r[row] = r;
        for (uint32_t j = 0; j < m->n; j += HTH_VL)
            *hth_vp(y + j) = *hth_vc(x + j) * r * *hth_vc(m->w + j);
    }
}

HTH_CLONES static void backward(void *ctx, uint32_t item, uint32_t worker) {
    const Norm *m = ctx;
    (void)worker;
    const uint32_t rows = hth_grad_span(m->t, HTH_GRAD_ROWS, item);
    float *part = m->partial + (size_t)item * m->n;
    memset(part, 0, sizeof *part * m->n);
    for (uint32_t i = 0; i < rows; i++) {
        const size_t row = (size_t)item * HTH_GRAD_ROWS + i, at = row * m->n;
        const float *x = m->x + at, *dy = m->dy + at, r = m->r_in[row];
        float *dx = m->dx + at;
        HthV sum = { 0 };
        for (uint32_t j = 0; j < m->n; j += HTH_VL) {
            HthV xv = *hth_vc(x + j), d = *hth_vc(dy + j);
            sum += d * *hth_vc(m->w + j) * xv;
            *hth_vp(part + j) += d * xv * r;
        }
        const float k = r * r * r * hth_v_sum(&sum) / (float)m->n;
        for (uint32_t j = 0; j < m->n; j += HTH_VL) {
            HthV d = *hth_vc(dy + j) * *hth_vc(m->w + j) * r - *hth_vc(x + j) * k;
            if (m->add) d += *hth_vc(dx + j);
            *hth_vp(dx + j) = d;
        }
    }
}

void hth_grad_rmsnorm(HthGrad *g, uint32_t t, uint32_t n, const float *x, const float *w, float eps,
                      float *y, float *r) {
    HTH_ASSERT(n % HTH_VL == 0);
    Norm m = { .t = t, .n = n, .x = x, .w = w, .eps = eps, .y = y, .r = r };
    hth_par_run(g->pool, hth_grad_items(t, HTH_GRAD_ROWS), forward, &m);
}

void hth_grad_rmsnorm_bwd(HthGrad *g, uint32_t t, uint32_t n, const float *x, const float *w,
                          const float *r, const float *dy, float *dx, bool add, float *dw) {
    const uint32_t items = hth_grad_items(t, HTH_GRAD_ROWS);
    HTH_ASSERT(n % HTH_VL == 0);
    HTH_ASSERT((size_t)items * n <=
               (size_t)hth_grad_items(g->size.rows, HTH_GRAD_ROWS) * g->size.width);
    Norm m = { .t = t,
               .n = n,
               .x = x,
               .w = w,
               .dy = dy,
               .r_in = r,
               .dx = dx,
               .add = add,
               .partial = g->partial };
    hth_par_run(g->pool, items, backward, &m);
    for (uint32_t i = 0; i < items; i++)
        for (uint32_t j = 0; j < n; j++) dw[j] += g->partial[(size_t)i * n + j];
}

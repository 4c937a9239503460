/* speed.c - how near the machine's float32 peak a recipe's matrix products run. See train.h.
 *
 * Peak and product are measured in turns, in the same process, and each product's share is of the
 * peak measured around it: other programs on the machine then disturb both alike. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "kern/sgemm.h"
#include "tune/net.h"
#include "tune/work.h"

enum { REPEATS = 4, SHAPES_MAX = 32 };

typedef struct Product {
    bool ta, tb;
    uint32_t m, n, k;
} Product;

/* The three products of a matrix layer, unless they are in the list already. */
static uint32_t add_layer(Product *list, uint32_t count, const HthParam *p, uint32_t rows) {
    const Product three[3] = { { false, true, rows, p->rows, p->cols },
                               { false, false, rows, p->cols, p->rows },
                               { true, false, p->rows, p->cols, rows } };
    for (int i = 0; i < 3; i++) {
        bool known = false;
        for (uint32_t j = 0; j < count && !known; j++)
            known = list[j].ta == three[i].ta && list[j].tb == three[i].tb &&
                    list[j].m == three[i].m && list[j].n == three[i].n && list[j].k == three[i].k;
        if (!known && count < SHAPES_MAX) list[count++] = three[i];
    }
    return count;
}

/* Operations per second, the best of a few. */
static double rate_of(HthSgemm *g, const Product *p, const float *a, const float *b, float *c) {
    double best = 0;
    for (int i = 0; i < REPEATS; i++) {
        const uint64_t t0 = hth_clock_ns();
        hth_sgemm(g, p->ta, p->tb, p->m, p->n, p->k, a, p->ta ? p->m : p->k, b, p->tb ? p->k : p->n,
                  c, p->n, p->ta);
        const double s = (double)(hth_clock_ns() - t0 + 1) * 1e-9;
        const double rate = 2.0 * p->m * p->n * p->k / s;
        if (rate > best) best = rate;
    }
    return best;
}

static HthStatus measure(HthSgemm *g, HthPool *pool, const Product *p, uint32_t turns,
                         HthTrainSpeed *out, HthErr *err) {
    float *a = hth_calloc_aligned((size_t)p->m * p->k, sizeof *a);
    float *b = hth_calloc_aligned((size_t)p->k * p->n, sizeof *b);
    float *c = hth_calloc_aligned((size_t)p->m * p->n, sizeof *c);
    HthStatus status = HTH_OK;
    if (!a || !b || !c) {
        status =
            HTH_FAIL(err, HTH_ENOMEM, "no memory for a product of %u x %u x %u", p->m, p->n, p->k);
    } else {
        for (size_t i = 0; i < (size_t)p->m * p->k; i++) a[i] = (float)(i % 97) * 0.01f;
        for (size_t i = 0; i < (size_t)p->k * p->n; i++) b[i] = (float)(i % 89) * 0.01f;
        *out = (HthTrainSpeed){ .m = p->m,
                                .n = p->n,
                                .k = p->k,
                                .kind = p->ta   ? "weight gradient"
                                        : p->tb ? "forward"
                                                : "input gradient" };
        for (uint32_t i = 0; i < turns; i++) {
            const double peak = hth_sgemm_peak(pool, turns * 2 * HTH_SGEMM_PEAK_ROUNDS),
                         rate = rate_of(g, p, a, b, c);
            if (rate > out->flops_per_s) out->flops_per_s = rate;
            if (peak > out->peak) out->peak = peak;
        }
    }
    hth_free(a);
    hth_free(b);
    hth_free(c);
    return status;
}

HthStatus hth_train_speed(const HthTrainCfg *cfg, uint32_t turns, HthTrainSpeedFn *fn,
                          void *payload, HthErr *err) {
    HthWork w = { 0 };
    HthNet *net = NULL;
    HthSgemm *g = NULL;
    Product list[SHAPES_MAX];
    uint32_t count = 0;
    HTH_TRY(hth_work_open(&w, cfg, false, err));
    const HthNetCfg net_cfg = { w.arch, &w.recipe->shape, 16, 16, w.pool };
    HthStatus status = hth_net_open(&net, &net_cfg, err);
    if (status == HTH_OK) status = hth_sgemm_open(&g, w.pool, err);
    for (uint32_t i = 0; status == HTH_OK && i < hth_net_param_count(net); i++)
        if (hth_net_param(net, i)->cols > 1)
            count = add_layer(list, count, hth_net_param(net, i), w.recipe->optim.rows);
    for (uint32_t i = 0; status == HTH_OK && i < count; i++) {
        HthTrainSpeed speed;
        status = measure(g, w.pool, &list[i], turns, &speed, err);
        if (status == HTH_OK) fn(payload, &speed);
    }
    hth_sgemm_close(&g);
    hth_net_close(&net);
    hth_work_close(&w);
    return status;
}

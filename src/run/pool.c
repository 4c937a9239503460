/* pool.c - see pool.h.
 *
 * Thread: any. */
#include "run/pool.h"

#include <math.h>

HthPooling hth_pooling_of(const HthModel *model) {
    const HthShape *s = hth_model_shape(model);
    if (s->pooling == HTH_POOL_RANK) return hth_model_arch(model)->rank_of;
    if (s->pooling == HTH_POOL_NONE) return s->whole ? HTH_POOL_MEAN : HTH_POOL_LAST;
    return (HthPooling)s->pooling;
}

void hth_pool_row(HthPooling how, double *sum, const float *row, uint32_t n, bool first) {
    if (how == HTH_POOL_CLS && !first) return;
    const bool adds = how == HTH_POOL_MEAN && !first;
    for (uint32_t i = 0; i < n; i++) sum[i] = adds ? sum[i] + (double)row[i] : (double)row[i];
}

void hth_pool_mean(HthPooling how, const double *sum, size_t rows, float *out, uint32_t n) {
    const double all = how == HTH_POOL_MEAN ? (double)rows : 1.0;
    for (uint32_t i = 0; i < n; i++) out[i] = (float)(sum[i] / all);
}

void hth_pool_unit(const double *sum, float *out, uint32_t n) {
    double square = 0.0;
    for (uint32_t i = 0; i < n; i++) square += sum[i] * sum[i];
    const double scale = square > 0.0 ? 1.0 / sqrt(square) : 0.0;
    for (uint32_t i = 0; i < n; i++) out[i] = (float)(sum[i] * scale);
}

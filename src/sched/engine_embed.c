/* engine_embed.c - a text's vector: its rows pooled as the model says, of length one.
 *
 * Rows come in order of position, so the sum has one order however the text was cut into steps.
 *
 * Thread: engine. */
#include <math.h>

#include "sched/engine_int.h"

void hth_engine_embed(HthEngine *e, HthJob *j, uint32_t pos, const float *hidden) {
    HTH_ASSERT(e->pooling != HTH_POOL_MEAN || pos == j->seen); /* texts are not set back */
    j->seen = pos + 1;
    if (e->pooling != HTH_POOL_MEAN)
        for (uint32_t i = 0; i < e->n_embd; i++) j->sum[i] = (double)hidden[i];
    else
        for (uint32_t i = 0; i < e->n_embd; i++) j->sum[i] += (double)hidden[i];
}

void hth_engine_embedded(const HthEngine *e, HthJob *j) {
    double square = 0.0; /* a mean and a sum have one direction */
    for (uint32_t i = 0; i < e->n_embd; i++) square += j->sum[i] * j->sum[i];
    const double scale = square > 0.0 ? 1.0 / sqrt(square) : 0.0;
    for (uint32_t i = 0; i < e->n_embd; i++) j->vector[i] = (float)(j->sum[i] * scale);
}

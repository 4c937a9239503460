/* norm.c - rmsnorm.
 *
 * Thread: any. */
#include "kern/fn/fn.h"

#ifndef HTH_ISA

#include <math.h>

/* The sum of squares runs in 16 canonical lanes; s = 1 / sqrt(ss/n + eps), each step correctly
 * rounded; y = (x*s)*w. */
void hth_rmsnorm_c(float *y, const float *x, const float *w, uint32_t n, float eps) {
    float lane[16] = { 0.0f };
    for (uint32_t i = 0; i < n; i++) lane[i % 16] = fmaf(x[i], x[i], lane[i % 16]);
    float s = 1.0f / sqrtf(hth_tree16(lane) / (float)n + eps);
    for (uint32_t i = 0; i < n; i++) y[i] = w != NULL ? (x[i] * s) * w[i] : x[i] * s;
}

#endif

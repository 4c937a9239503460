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

#else /* HTH_ISA_SPEED: avx2, avx512 */

#include "kern/vec/vec.h"

#include <math.h>

void HTH_KN(rmsnorm)(float *y, const float *x, const float *w, uint32_t n, float eps) {
    V lane = vf_zero();
    uint32_t whole = n / 16 * 16, rest = n - whole;
    for (uint32_t i = 0; i < whole; i += 16) {
        V v = vf_load(x + i);
        lane = vf_fma(v, v, lane);
    }
    V last = vf_loadn(x + whole, rest);
    lane = vf_fman(last, last, lane, rest);
    V s = vf_set1(1.0f / sqrtf(vf_tree(lane) / (float)n + eps));
    for (uint32_t i = 0; i < whole; i += 16) {
        V v = vf_mul(vf_load(x + i), s);
        vf_store(y + i, w != NULL ? vf_mul(v, vf_load(w + i)) : v);
    }
    if (rest > 0) {
        last = vf_mul(last, s);
        if (w != NULL) last = vf_mul(last, vf_loadn(w + whole, rest));
        vf_storen(y + whole, last, rest);
    }
}

#endif

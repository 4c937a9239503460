/* layernorm.c - norms by mean and deviation.
 *
 * Thread: any. */
#include "kern/fn/more.h"

#ifndef HTH_ISA

#include <math.h>

/* The sum, and then the sum of squared distances from the mean, in 16 canonical lanes; s = 1 /
 * sqrt(ss/n + eps), each step correctly rounded; y = fma((x - mean) * s, w, b). */
void hth_layernorm_c(float *y, const float *x, const float *w, const float *b, uint32_t n,
                     float eps) {
    float lane[16] = { 0.0f }, far[16] = { 0.0f };
    for (uint32_t i = 0; i < n; i++) lane[i % 16] += x[i];
    float mean = hth_tree16(lane) / (float)n;
    for (uint32_t i = 0; i < n; i++) {
        float d = x[i] - mean;
        far[i % 16] = fmaf(d, d, far[i % 16]);
    }
    float s = 1.0f / sqrtf(hth_tree16(far) / (float)n + eps);
    for (uint32_t i = 0; i < n; i++) y[i] = fmaf((x[i] - mean) * s, w[i], b != NULL ? b[i] : 0.0f);
}

#else /* HTH_ISA_SPEED: avx2, avx512 */

#include "kern/vec/vec.h"

#include <math.h>

void HTH_KN(layernorm)(float *y, const float *x, const float *w, const float *b, uint32_t n,
                       float eps) {
    V lane = vf_zero(), far = vf_zero();
    uint32_t whole = n / 16 * 16, rest = n - whole;
    V last = vf_loadn(x + whole, rest);
    for (uint32_t i = 0; i < whole; i += 16) lane = vf_add(lane, vf_load(x + i));
    lane = vf_add(lane, last); /* +0 where there is nothing */
    V mean = vf_set1(vf_tree(lane) / (float)n);
    for (uint32_t i = 0; i < whole; i += 16) {
        V d = vf_sub(vf_load(x + i), mean);
        far = vf_fma(d, d, far);
    }
    V d = vf_sub(last, mean);
    far = vf_fman(d, d, far, rest);
    V s = vf_set1(1.0f / sqrtf(vf_tree(far) / (float)n + eps));
    for (uint32_t i = 0; i < n; i += 16) {
        uint32_t m = n - i < 16 ? n - i : 16;
        V c = vf_mul(vf_sub(vf_loadn(x + i, m), mean), s);
        V shift = b != NULL ? vf_loadn(b + i, m) : vf_zero();
        vf_storen(y + i, vf_fma(c, vf_loadn(w + i, m), shift), m);
    }
}

#endif

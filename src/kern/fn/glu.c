/* glu.c - the element-wise kernels: gated activation, addition.
 *
 * Thread: any. */
#include "kern/fn/fn.h"

#ifndef HTH_ISA

/* silu(g) = g / (1 + exp(-g)). */
void hth_swiglu_c(float *y, const float *gate, const float *up, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) y[i] = gate[i] / (1.0f + hth_exp_c(-gate[i])) * up[i];
}

void hth_add_c(float *y, const float *a, const float *b, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) y[i] = a[i] + b[i];
}

#else /* HTH_ISA_SPEED: avx2, avx512 */

#include "kern/vec/vec.h"

HTH_INLINE V glu(V g, V up) {
    V e = vf_exp(vf_sub(vf_set1(-0.0f), g)); /* -0 - g is exactly -g */
    return vf_mul(vf_div(g, vf_add(vf_set1(1.0f), e)), up);
}

void HTH_KN(swiglu)(float *y, const float *gate, const float *up, uint32_t n) {
    uint32_t i = 0;
    for (; i + 16 <= n; i += 16) vf_store(y + i, glu(vf_load(gate + i), vf_load(up + i)));
    if (i < n) vf_storen(y + i, glu(vf_loadn(gate + i, n - i), vf_loadn(up + i, n - i)), n - i);
}

void HTH_KN(add)(float *y, const float *a, const float *b, uint32_t n) {
    uint32_t i = 0;
    for (; i + 16 <= n; i += 16) vf_store(y + i, vf_add(vf_load(a + i), vf_load(b + i)));
    if (i < n) vf_storen(y + i, vf_add(vf_loadn(a + i, n - i), vf_loadn(b + i, n - i)), n - i);
}

#endif

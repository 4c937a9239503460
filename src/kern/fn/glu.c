/* glu.c - the element-wise kernels: gated activation, addition, the KV cache's number formats.
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

void hth_kv_store_c(HthKvType type, const float *x, uint32_t n, void *out) {
    if (type == HTH_KV_F32) {
        memcpy(out, x, n * sizeof *x);
        return;
    }
    uint8_t *to = out;
    for (uint32_t i = 0; i < n; i++) {
        uint16_t h = hth_f32_to_f16(x[i]);
        memcpy(to + (size_t)i * 2, &h, 2);
    }
}

#endif

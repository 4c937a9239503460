/* tanh.c - what is built on tanh: gelu, gated or not, and soft caps.
 *
 * gelu(x) = x / 2 * (1 + tanh(u)), u = sqrt(2/pi) * (x + 0.044715 x^3), is x / (1 + exp(-2u)):
 *   h = x to binary16 and back;  p = fma(h * h, B, A), A = -2 sqrt(2/pi), B = 0.044715 A
 *   g = h / (1 + exp(h * p)) to binary16 and back;  0 where x <= -10, x where x >= 10
 * The halves are the reference runtime's (it looks gelu up in a table of them), and so are part of
 * what models of this kind were tested with.
 * cap * tanh(x / cap):  e = exp((x * (1/cap)) * 2);  cap * (1 - 2 / (1 + e))
 *
 * Thread: any. */
#include "kern/fn/more.h"

#define GELU_A -0x1.988454p+0f
#define GELU_B -0x1.2444f2p-4f

#ifndef HTH_ISA

#include <math.h>

static float gelu(float x) {
    if (x >= 10.0f) return x;
    if (x <= -10.0f) return 0.0f;
    float h = hth_f16_to_f32(hth_f32_to_f16(x)), p = fmaf(h * h, GELU_B, GELU_A);
    return hth_f16_to_f32(hth_f32_to_f16(h / (1.0f + hth_exp_c(h * p))));
}

void hth_geglu_c(float *y, const float *gate, const float *up, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) y[i] = up != NULL ? gelu(gate[i]) * up[i] : gelu(gate[i]);
}

float hth_softcap_one(float x, float cap, float inv) {
    return cap * (1.0f - 2.0f / (1.0f + hth_exp_c(x * inv * 2.0f)));
}

void hth_softcap_c(float *y, const float *x, uint32_t n, float cap) {
    for (uint32_t i = 0; i < n; i++) y[i] = hth_softcap_one(x[i], cap, 1.0f / cap);
}

#else /* HTH_ISA_SPEED: avx2, avx512 */

#include "kern/fn/softcap.h"

HTH_INLINE V halved(V x) {
    uint8_t half[32];
    vf_tohalf(half, x);
    return vf_half(half);
}

/* Lanes past 10 and below -10 are put right afterwards: there are hardly ever any. */
HTH_INLINE V gelu(V x) {
    V h = halved(x), p = vf_fma(vf_mul(h, h), vf_set1(GELU_B), vf_set1(GELU_A));
    return halved(vf_div(h, vf_add(vf_set1(1.0f), vf_exp(vf_mul(h, p)))));
}

void HTH_KN(geglu)(float *y, const float *gate, const float *up, uint32_t n) {
    for (uint32_t i = 0; i < n; i += 16) {
        uint32_t m = n - i < 16 ? n - i : 16;
        float x[16], g[16];
        V v = vf_loadn(gate + i, m), r = gelu(v);
        int32_t top = (int32_t)vi_top(vi_and(vi_bits(v), vi_set1(0x7fffffff)));
        if (top >= (int32_t)hth_f32_bits(10.0f)) { /* or a NaN, which stays */
            vf_store(x, v);
            vf_store(g, r);
            for (uint32_t k = 0; k < 16; k++)
                g[k] = x[k] >= 10.0f ? x[k] : x[k] <= -10.0f ? 0 : g[k];
            r = vf_load(g);
        }
        vf_storen(y + i, up != NULL ? vf_mul(r, vf_loadn(up + i, m)) : r, m);
    }
}

void HTH_KN(softcap)(float *y, const float *x, uint32_t n, float cap) {
    for (uint32_t i = 0; i < n; i += 16) {
        uint32_t m = n - i < 16 ? n - i : 16;
        vf_storen(y + i, vf_softcap(vf_loadn(x + i, m), cap, 1.0f / cap), m);
    }
}

#endif

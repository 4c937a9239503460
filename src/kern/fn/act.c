/* act.c - activations as int8 per 32, for products with quantised weights.
 *
 * A block with a value that is not finite gets d = NaN and zeros, so that its products are NaN on
 * every tier; one whose largest magnitude is below 2^-100 is all zeros.
 *
 * Thread: any. */
#include "kern/fn/fn.h"

#ifndef HTH_ISA

#include <math.h>

static void act_block(const float *x, HthActQ8 *out) {
    uint32_t top = 0;
    for (int i = 0; i < 32; i++) {
        uint32_t a = hth_f32_bits(x[i]) & 0x7fffffffu; /* orders as |x| does, NaN last */
        if (a > top) top = a;
    }
    memset(out, 0, sizeof *out);
    float max = hth_bits_f32(top);
    if (top >= 0x7f800000u) {
        out->d = hth_bits_f32(0x7fc00000u);
        return;
    }
    if (max < HTH_ACT_TINY) return;
    float inv = 127.0f / max;
    out->d = max / 127.0f;
    for (int i = 0; i < 32; i++) {
        out->q[i] = (int8_t)rintf(x[i] * inv); /* |x*inv| < 127.1: no clamp is needed */
        out->sum += out->q[i];
        if (i == 15) out->sum_lo = out->sum;
    }
}

void hth_act_mins(HthActQ8 *blocks) {
    float t[8], max = 0.0f;
    bool finite = true;
    for (int j = 0; j < 8; j++) {
        t[j] = blocks[j].d * (float)blocks[j].sum;
        finite = finite && (hth_f32_bits(t[j]) & 0x7fffffffu) < 0x7f800000u;
        if (fabsf(t[j]) > max) max = fabsf(t[j]);
    }
    if (!finite) {
        memset(blocks[0].mins, 0, sizeof blocks[0].mins);
        blocks[0].min_scale = hth_bits_f32(0x7fc00000u);
        return;
    }
    int g = (int)(hth_f32_bits(max) >> 23) - 127 - 14;
    g = g < -100 ? -100 : g > 100 ? 100 : g;
    float down = hth_bits_f32((uint32_t)(127 - g) << 23);
    for (int j = 0; j < 8; j++) {
        float r = rintf(t[j] * down);
        r = r > 32767.0f ? 32767.0f : r < -32767.0f ? -32767.0f : r;
        blocks[0].mins[j] = (int16_t)r;
    }
    blocks[0].min_scale = hth_bits_f32((uint32_t)(127 + g) << 23);
}

void hth_act_q8_c(const float *x, uint32_t k, HthActQ8 *out) {
    for (uint32_t b = 0; b < k / 32; b++) act_block(x + (size_t)b * 32, out + b);
    if (k % 256 == 0)
        for (uint32_t b = 0; b < k / 32; b += 8) hth_act_mins(out + b);
}

#else /* HTH_ISA_SPEED: avx2, avx512 */

#include "kern/vec/vec.h"

void HTH_KN(act_q8)(const float *x, uint32_t k, HthActQ8 *out) {
    const I abs = vi_set1(0x7fffffff);
    for (uint32_t b = 0; b < k / 32; b++, x += 32) {
        V lo = vf_load(x), hi = vf_load(x + 16);
        uint32_t top = vi_top(vi_max(vi_and(vi_bits(lo), abs), vi_and(vi_bits(hi), abs)));
        float max = hth_bits_f32(top);
        memset(out + b, 0, sizeof *out);
        if (top >= 0x7f800000u) {
            out[b].d = hth_bits_f32(0x7fc00000u);
        } else if (max >= HTH_ACT_TINY) {
            V inv = vf_set1(127.0f / max);
            I ql = vi_rint(vf_mul(lo, inv)), qh = vi_rint(vf_mul(hi, inv));
            vi_tobytes(out[b].q, ql);
            vi_tobytes(out[b].q + 16, qh);
            out[b].d = max / 127.0f;
            out[b].sum_lo = vi_sum(ql);
            out[b].sum = out[b].sum_lo + vi_sum(qh);
        }
    }
    if (k % 256 == 0)
        for (uint32_t b = 0; b < k / 32; b += 8) hth_act_mins(out + b);
}

#endif

/* attend.c - attention over one page of keys and values, and the merge of pages.
 *
 * Page: s_t = dot(q, k_t) * scale, the dot in 16 canonical lanes over head_dim; m = max s_t (a NaN
 * is never the maximum); p_t = exp(s_t - m); l = sum p_t in 16 canonical lanes over t;
 * o[d] = sum p_t * v_t[d], one accumulator from 0 by fma, t ascending.
 * Merge: M = max m_i; w_i = exp(m_i - M); L = fma(l_i, w_i, L) and out = fma(o_i, w_i, out) from 0,
 * i ascending; out = out * (1 / L).
 *
 * Thread: any. */
#include "kern/fn/fn.h"

#ifndef HTH_ISA

#include <math.h>

#include "kern/fn/exp.h"

float hth_exp_c(float x) {
    x = HTH_EXP_HI < x ? HTH_EXP_HI : x;
    x = HTH_EXP_LO > x ? HTH_EXP_LO : x;
    float t = fmaf(x, HTH_EXP_LOG2E, HTH_EXP_MAGIC), n = t - HTH_EXP_MAGIC;
    uint32_t i = hth_f32_bits(t) - hth_f32_bits(HTH_EXP_MAGIC);
    float r = fmaf(-n, HTH_EXP_LN2_LO, fmaf(-n, HTH_EXP_LN2_HI, x));
    float p = fmaf(HTH_EXP_C4, r, HTH_EXP_C3);
    p = fmaf(p, r, HTH_EXP_C2);
    p = fmaf(p, r, HTH_EXP_C1);
    p = fmaf(p, r, HTH_EXP_C0);
    float e = 1.0f + fmaf(p, r * r, r);
    uint32_t h = i >> 1 | (i & 0x80000000u); /* arithmetic shift */
    return (e * hth_bits_f32((h + 127) << 23)) * hth_bits_f32((i - h + 127) << 23);
}

static float load(HthKvType type, const void *row, uint32_t i) {
    const uint8_t *p = row;
    if (type == HTH_KV_F16) return hth_f16_to_f32(hth_le16(p + (size_t)i * 2));
    return hth_bits_f32(hth_le32(p + (size_t)i * 4));
}

static void attend_head(const HthAttendPage *a, uint32_t g) {
    const float *q = a->q + (size_t)g * a->head_dim;
    float *o = a->o + (size_t)g * a->head_dim_v;
    float p[HTH_PAGE_LEN], m = -INFINITY, sum[16] = { 0.0f };
    for (uint32_t t = 0; t < a->count; t++) {
        const uint8_t *k = (const uint8_t *)a->k + t * a->k_stride;
        float lane[16] = { 0.0f };
        for (uint32_t i = 0; i < a->head_dim; i++)
            lane[i % 16] = fmaf(q[i], load(a->type, k, i), lane[i % 16]);
        p[t] = hth_tree16(lane) * a->scale;
        m = p[t] > m ? p[t] : m;
    }
    for (uint32_t t = 0; t < a->count; t++) {
        p[t] = hth_exp_c(p[t] - m);
        sum[t % 16] += p[t];
    }
    a->m[g] = m;
    a->l[g] = hth_tree16(sum);
    for (uint32_t d = 0; d < a->head_dim_v; d++) {
        float acc = 0.0f;
        for (uint32_t t = 0; t < a->count; t++)
            acc = fmaf(p[t], load(a->type, (const uint8_t *)a->v + t * a->v_stride, d), acc);
        o[d] = acc;
    }
}

void hth_attend_page_c(const HthAttendPage *a) {
    for (uint32_t g = 0; g < a->group; g++) attend_head(a, g);
}

void hth_attend_merge_c(float *out, const float *m, const float *l, const float *o, uint32_t pages,
                        uint32_t head_dim_v) {
    float max = -INFINITY, sum = 0.0f;
    for (uint32_t i = 0; i < pages; i++) max = m[i] > max ? m[i] : max;
    for (uint32_t d = 0; d < head_dim_v; d++) out[d] = 0.0f;
    for (uint32_t i = 0; i < pages; i++, o += head_dim_v) {
        float w = hth_exp_c(m[i] - max);
        sum = fmaf(l[i], w, sum);
        for (uint32_t d = 0; d < head_dim_v; d++) out[d] = fmaf(o[d], w, out[d]);
    }
    float inv = 1.0f / sum;
    for (uint32_t d = 0; d < head_dim_v; d++) out[d] = out[d] * inv;
}

#endif

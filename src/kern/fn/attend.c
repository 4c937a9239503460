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
    float r = fmaf(n, -HTH_EXP_LN2_LO, fmaf(n, -HTH_EXP_LN2_HI, x));
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

#else /* HTH_ISA_SPEED: avx2, avx512 */

#include "kern/vec/vec.h"

#include <math.h>

HTH_INLINE V kv_load(HthKvType type, const uint8_t *row, uint32_t i) {
    return type == HTH_KV_F16 ? vf_half(row + (size_t)i * 2) : vf_load(row + (size_t)i * 4);
}
HTH_INLINE V kv_loadn(HthKvType type, const uint8_t *row, uint32_t i, uint32_t n) {
    return type == HTH_KV_F16 ? vf_halfn(row + (size_t)i * 2, n) : vf_loadn(row + (size_t)i * 4, n);
}

/* Scores of NH heads from g at 16/NH positions from t into s[h][t]; rows past the last position
 * repeat it. */
HTH_INLINE void scores(const HthAttendPage *a, HthKvType type, uint32_t NH, uint32_t g, uint32_t t,
                       float s[][HTH_PAGE_LEN]) {
    const uint32_t nt = 16 / NH;
    const uint8_t *k[16];
    V acc[16];
    for (uint32_t i = 0; i < nt; i++) {
        uint32_t at = t + i < a->count ? t + i : a->count - 1;
        k[i] = (const uint8_t *)a->k + at * a->k_stride;
    }
    HTH_UNROLL for (uint32_t i = 0; i < 16; i++) acc[i] = vf_zero();
    const float *q = a->q + (size_t)g * a->head_dim;
    uint32_t e = 0;
    for (; e + 16 <= a->head_dim; e += 16) {
        V qh[4];
        HTH_UNROLL for (uint32_t h = 0; h < NH; h++) qh[h] = vf_load(q + h * a->head_dim + e);
        HTH_UNROLL for (uint32_t i = 0; i < nt; i++) {
            V kv = kv_load(type, k[i], e);
            HTH_UNROLL for (uint32_t h = 0; h < NH; h++) acc[h * nt + i] =
                vf_fma(qh[h], kv, acc[h * nt + i]);
        }
    }
    if (e < a->head_dim) {
        uint32_t n = a->head_dim - e;
        for (uint32_t i = 0; i < nt; i++) {
            V kv = kv_loadn(type, k[i], e, n);
            for (uint32_t h = 0; h < NH; h++) {
                V qh = vf_loadn(q + h * a->head_dim + e, n);
                acc[h * nt + i] = vf_fman(qh, kv, acc[h * nt + i], n);
            }
        }
    }
    float out[16];
    vf_store(out, vf_mul(vf_trees(acc), vf_set1(a->scale)));
    for (uint32_t h = 0; h < NH; h++)
        for (uint32_t i = 0; i < nt && t + i < a->count; i++) s[h][t + i] = out[h * nt + i];
}

/* Scores become exp(s - m), zero past the last position. */
HTH_INLINE void weights(const HthAttendPage *a, uint32_t g, float s[HTH_PAGE_LEN]) {
    float m = -INFINITY;
    V sum = vf_zero();
    for (uint32_t t = 0; t < a->count; t++) m = s[t] > m ? s[t] : m;
    for (uint32_t t = 0; t < a->count; t += 16) {
        uint32_t n = a->count - t < 16 ? a->count - t : 16;
        V p = vf_exp(vf_sub(vf_loadn(s + t, n), vf_set1(m)));
        vf_storen(s + t, p, n);
        sum = vf_add(sum, vf_loadn(s + t, n));
    }
    a->m[g] = m;
    a->l[g] = vf_tree(sum);
}

/* ND vectors of o from d for NH heads; n < 16 lanes of the one vector when ND is 1. */
HTH_INLINE void values(const HthAttendPage *a, HthKvType type, uint32_t NH, uint32_t ND, uint32_t g,
                       uint32_t d, uint32_t n, float s[][HTH_PAGE_LEN]) {
    V acc[4][4];
    HTH_UNROLL for (uint32_t h = 0; h < NH; h++) HTH_UNROLL for (uint32_t i = 0; i < ND; i++)
        acc[h][i] = vf_zero();
    const uint8_t *row = a->v;
    for (uint32_t t = 0; t < a->count; t++, row += a->v_stride) {
        V v[4];
        HTH_UNROLL for (uint32_t i = 0; i < ND; i++) v[i] =
            n < 16 ? kv_loadn(type, row, d, n) : kv_load(type, row, d + 16 * i);
        HTH_UNROLL for (uint32_t h = 0; h < NH; h++) {
            V p = vf_set1(s[h][t]);
            HTH_UNROLL for (uint32_t i = 0; i < ND; i++) acc[h][i] = vf_fma(p, v[i], acc[h][i]);
        }
    }
    HTH_UNROLL for (uint32_t h = 0; h < NH; h++) {
        float *o = a->o + (size_t)(g + h) * a->head_dim_v + d;
        HTH_UNROLL for (uint32_t i = 0; i < ND; i++) vf_storen(o + 16 * i, acc[h][i], n);
    }
}

HTH_INLINE void heads(const HthAttendPage *a, HthKvType type, uint32_t NH, uint32_t g) {
    float s[4][HTH_PAGE_LEN];
    for (uint32_t t = 0; t < a->count; t += 16 / NH) scores(a, type, NH, g, t, s);
    for (uint32_t h = 0; h < NH; h++) weights(a, g + h, s[h]);
    uint32_t d = 0;
    for (; d + 64 <= a->head_dim_v; d += 64) values(a, type, NH, 4, g, d, 16, s);
    for (; d < a->head_dim_v; d += 16) {
        uint32_t left = a->head_dim_v - d;
        values(a, type, NH, 1, g, d, left < 16 ? left : 16, s);
    }
}

#define HEADS(NH, TYPE)                                                                            \
    static                                                                                         \
        __attribute__((noinline)) void heads_##NH##_##TYPE(const HthAttendPage *a, uint32_t g) {   \
        heads(a, HTH_KV_##TYPE, NH, g);                                                            \
    }
/* clang-format off */
HEADS(1, F32) HEADS(2, F32) HEADS(4, F32)
HEADS(1, F16) HEADS(2, F16) HEADS(4, F16)
    /* clang-format on */

    void HTH_KN(attend_page)(const HthAttendPage *a) {
    typedef void HeadsFn(const HthAttendPage *page, uint32_t g);
    static HeadsFn *const fn[2][3] = { { heads_1_F32, heads_2_F32, heads_4_F32 },
                                       { heads_1_F16, heads_2_F16, heads_4_F16 } };
    for (uint32_t g = 0; g < a->group;) {
        uint32_t left = a->group - g, size = left >= 4 ? 2 : left >= 2 ? 1 : 0;
        fn[a->type == HTH_KV_F16][size](a, g);
        g += 1u << size;
    }
}

void HTH_KN(attend_merge)(float *out, const float *m, const float *l, const float *o,
                          uint32_t pages, uint32_t head_dim_v) {
    float max = -INFINITY, sum = 0.0f, w[16];
    for (uint32_t i = 0; i < pages; i++) max = m[i] > max ? m[i] : max;
    for (uint32_t i = 0; i < pages; i++, o += head_dim_v) {
        uint32_t n = pages - i < 16 ? pages - i : 16;
        if (i % 16 == 0) vf_store(w, vf_exp(vf_sub(vf_loadn(m + i, n), vf_set1(max))));
        V weight = vf_set1(w[i % 16]);
        sum = fmaf(l[i], w[i % 16], sum);
        for (uint32_t d = 0; d < head_dim_v; d += 16) {
            uint32_t lanes = head_dim_v - d < 16 ? head_dim_v - d : 16;
            V acc = i > 0 ? vf_loadn(out + d, lanes) : vf_zero();
            vf_storen(out + d, vf_fma(vf_loadn(o + d, lanes), weight, acc), lanes);
        }
    }
    V inv = vf_set1(1.0f / sum);
    for (uint32_t d = 0; d < head_dim_v; d += 16) {
        uint32_t lanes = head_dim_v - d < 16 ? head_dim_v - d : 16;
        vf_storen(out + d, vf_mul(vf_loadn(out + d, lanes), inv), lanes);
    }
}

#endif

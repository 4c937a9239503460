/* attend.c - attention of many queries over one page of keys and values, carried on page by page
 * through a run, and the merge of runs.
 *
 * With a cap, s_t is capped (fn/tanh.c) as soon as it is there.  With slopes (ALiBi, Press et al.
 * 2022) s_t = fma(slope, d < 0 - d ? d : 0 - d, s_t), d = t - away, both as floats.  Positions
 * below skip then have the score -inf, and so the weight exp(-inf - M) = 0.
 *
 * Page, per query, positions t < count:
 *   s_t = dot(q, k_t): one accumulator from 0 by fma, dimensions ascending (q is scaled already)
 *   M = max(m, max s_t), a NaN is never the maximum, and -0 counts as +0
 *   c = M == m ? 1 : exp(m - M);  p_t = exp(s_t - M)
 *   l = fma(l, c, sum p_t), the sum in 16 canonical lanes over t;  m = M
 *   o[d] = o[d] * c, then fma(p_t, v_t[d], o[d]), t ascending
 * The first page of a run: m = -inf, l = sum p_t, o[d] from 0.
 * Merge of the next run into those before it: M = max(m, m2), a = m == M ? 1 : exp(m - M), b
 * likewise of m2; l = fma(l2, b, l * a); o = fma(o2, b, o * a).  The result is o * (1 / l).
 *
 * A lane is a position in the scores and a dimension in the values, so that no sum crosses lanes
 * but the one over p_t; a tile of queries reads a key or value once.
 *
 * Thread: any. */
#include "kern/fn/more.h"

#ifndef HTH_ISA

#include <math.h>

#include "kern/fn/exp.h"

size_t hth_attend_work(uint32_t queries, uint32_t head_dim, uint32_t head_dim_v) {
    size_t dim = head_dim > head_dim_v ? head_dim : head_dim_v;
    size_t factors = ((size_t)queries + 15) / 16 * 16;
    return factors + (queries + dim + head_dim_v / 32) * HTH_PAGE_LEN;
}

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

/* Element i of the row that is column t of a page of keys, or row t of a page of values. */
static float element(HthKvType type, const void *page, uint32_t n, uint32_t i, uint32_t t,
                     bool key) {
    uint32_t per = type == HTH_KV_Q4_0 ? 2 : 1, codes = n / per, scales = n / 32;
    uint32_t at = type == HTH_KV_Q4_0 ? i / 32 * 16 + i % 16 : i;
    size_t c = key ? (size_t)at * HTH_PAGE_LEN + t : (size_t)t * codes + at;
    const uint8_t *p = page, *d = p + (size_t)codes * HTH_PAGE_LEN;
    if (type == HTH_KV_F32) return hth_bits_f32(hth_le32(p + c * 4));
    if (type == HTH_KV_F16) return hth_f16_to_f32(hth_le16(p + c * 2));
    d += (key ? (size_t)(i / 32) * HTH_PAGE_LEN + t : (size_t)t * scales + i / 32) * 2;
    int q = type == HTH_KV_Q8_0 ? (int8_t)p[c] : (i % 32 < 16 ? p[c] & 15 : p[c] >> 4) - 8;
    return hth_f16_to_f32(hth_le16(d)) * (float)q;
}

static void attend_query(const HthAttendPage *a, const HthAttendBend *bend, uint32_t g) {
    const float *q = a->q + (size_t)g * a->head_dim;
    float *o = a->o + (size_t)g * a->head_dim_v;
    float p[HTH_PAGE_LEN], m = -INFINITY, sum[16] = { 0.0f }, c = 1.0f;
    for (uint32_t t = 0; t < a->count[g]; t++) {
        p[t] = 0.0f;
        for (uint32_t i = 0; i < a->head_dim; i++)
            p[t] = fmaf(q[i], element(a->type, a->k, a->head_dim, i, t, true), p[t]);
        if (bend->cap != 0.0f) p[t] = hth_softcap_one(p[t], bend->cap, 1.0f / bend->cap);
        if (bend->slope != NULL) {
            const float d = (float)t - (float)bend->away[g];
            p[t] = fmaf(bend->slope[g], d < 0.0f - d ? d : 0.0f - d, p[t]);
        }
        if (bend->skip != NULL && t < bend->skip[g]) p[t] = -INFINITY;
        m = p[t] > m ? p[t] : m;
    }
    m += 0.0f;
    if (!a->first) {
        m = a->m[g] > m ? a->m[g] : m;
        c = m == a->m[g] ? 1.0f : hth_exp_c(a->m[g] - m);
    }
    for (uint32_t t = 0; t < a->count[g]; t++) {
        p[t] = hth_exp_c(p[t] - m);
        sum[t % 16] += p[t];
    }
    a->m[g] = m;
    a->l[g] = a->first ? hth_tree16(sum) : fmaf(a->l[g], c, hth_tree16(sum));
    for (uint32_t d = 0; d < a->head_dim_v; d++) {
        float acc = a->first ? 0.0f : o[d] * c;
        for (uint32_t t = 0; t < a->count[g]; t++)
            acc = fmaf(p[t], element(a->type, a->v, a->head_dim_v, d, t, false), acc);
        o[d] = acc;
    }
}

void hth_attend_bent_c(const HthAttendPage *a, const HthAttendBend *bend) {
    for (uint32_t g = 0; g < a->queries; g++) attend_query(a, bend, g);
}

void hth_attend_page_c(const HthAttendPage *a) {
    hth_attend_bent_c(a, &(HthAttendBend){ .cap = 0.0f });
}

void hth_attend_merge_c(float *m, float *l, float *o, float m2, float l2, const float *o2,
                        uint32_t n) {
    float max = m2 > *m ? m2 : *m;
    float a = *m == max ? 1.0f : hth_exp_c(*m - max), b = m2 == max ? 1.0f : hth_exp_c(m2 - max);
    *m = max;
    *l = fmaf(l2, b, *l * a);
    for (uint32_t d = 0; d < n; d++) o[d] = fmaf(o2[d], b, o[d] * a);
}

#else /* HTH_ISA_SPEED: avx2, avx512 */

#include "kern/fn/softcap.h"

#include <math.h>

/* Queries x vectors of a tile: as many accumulators as the registers hold. */
enum { TILE_Q = HTH_VEC_ROOM < 32 ? 2 : 4, TILE_V = TILE_Q };
/* From so many queries on a page is turned to floats once for all. */
enum { UNPACK_QUERIES = 12 };

typedef struct Tile {
    const HthAttendPage *a;
    const uint8_t *page; /* of keys or values, in the type the tile is made for */
    const float *scale; /* values: [HTH_PAGE_LEN][head_dim_v / 32] */
    float *s; /* [queries][HTH_PAGE_LEN]: scores, then weights */
    const float *c; /* [queries] factor of what o holds already */
    uint32_t g; /* the first query */
    const uint8_t *ahead; /* a page to fetch meanwhile, as its first tile goes; NULL: none */
    size_t ahead_bytes;
} Tile;

/* Fetches part i of `of` of the page ahead. */
HTH_INLINE void fetch_part(const Tile *k, uint32_t i, uint32_t of) {
    size_t n = k->ahead_bytes / of;
    if (k->ahead && k->g == 0) hth_fetch(k->ahead, k->ahead_bytes, i * n, n);
}

/* 16 positions from t of key dimension d; scale: those of its block at t. */
HTH_INLINE V key(HthKvType type, const uint8_t *page, uint32_t d, uint32_t t, V scale) {
    size_t at = (size_t)d * HTH_PAGE_LEN + t;
    if (type == HTH_KV_F32) return vf_load(page + at * 4);
    if (type == HTH_KV_F16) return vf_half(page + at * 2);
    if (type == HTH_KV_Q8_0) return vf_mul(scale, vf_i(vi_s8(page + at)));
    I b = vi_u8(page + ((size_t)(d / 32 * 16 + d % 16) * HTH_PAGE_LEN + t));
    b = d % 32 < 16 ? vi_and(b, vi_set1(15)) : vi_srl(b, 4);
    return vf_mul(scale, vf_i(vi_sub(b, vi_set1(8))));
}

HTH_INLINE V key_scale(HthKvType type, const uint8_t *page, uint32_t dim, uint32_t d, uint32_t t) {
    size_t codes = (size_t)(type == HTH_KV_Q4_0 ? dim / 2 : dim) * HTH_PAGE_LEN;
    if (type < HTH_KV_Q8_0) return vf_zero();
    return vf_half(page + codes + ((size_t)(d / 32) * HTH_PAGE_LEN + t) * 2);
}

/* n dimensions (a multiple of 16 but for floats) from d of position t. */
HTH_INLINE V value(HthKvType type, const Tile *k, uint32_t t, uint32_t d, uint32_t n) {
    uint32_t dim = k->a->head_dim_v;
    size_t at = (size_t)t * dim + d;
    if (type == HTH_KV_F32)
        return n < 16 ? vf_loadn(k->page + at * 4, n) : vf_load(k->page + at * 4);
    if (type == HTH_KV_F16)
        return n < 16 ? vf_halfn(k->page + at * 2, n) : vf_half(k->page + at * 2);
    V scale = vf_set1(k->scale[t * (dim / 32) + d / 32]);
    if (type == HTH_KV_Q8_0) return vf_mul(scale, vf_i(vi_s8(k->page + at)));
    I b = vi_u8(k->page + ((size_t)t * dim / 2 + d / 32 * 16));
    b = d % 32 < 16 ? vi_and(b, vi_set1(15)) : vi_srl(b, 4);
    return vf_mul(scale, vf_i(vi_sub(b, vi_set1(8))));
}

/* NV vectors of scores from position t for NQ queries. */
HTH_INLINE void scores_at(HthKvType type, uint32_t NQ, uint32_t NV, const Tile *k, uint32_t t) {
    uint32_t dim = k->a->head_dim;
    const float *q = k->a->q + (size_t)k->g * dim;
    V acc[TILE_Q][TILE_V], scale[TILE_V];
    HTH_UNROLL for (uint32_t h = 0; h < NQ; h++) HTH_UNROLL for (uint32_t i = 0; i < NV; i++)
        acc[h][i] = vf_zero();
    for (uint32_t b = 0; b < dim; b += 16) {
        uint32_t end = dim - b < 16 ? dim : b + 16;
        if (t == 0) fetch_part(k, b / 16, (dim + 15) / 16);
        HTH_UNROLL for (uint32_t i = 0; i < NV; i++) scale[i] =
            key_scale(type, k->page, dim, b, t + 16 * i);
        for (uint32_t d = b; d < end; d++) {
            V x[TILE_V];
            HTH_UNROLL for (uint32_t i = 0; i < NV; i++) x[i] =
                key(type, k->page, d, t + 16 * i, scale[i]);
            HTH_UNROLL for (uint32_t h = 0; h < NQ; h++) {
                V y = vf_set1(q[(size_t)h * dim + d]);
                HTH_UNROLL for (uint32_t i = 0; i < NV; i++) acc[h][i] = vf_fma(y, x[i], acc[h][i]);
            }
        }
    }
    HTH_UNROLL for (uint32_t h = 0; h < NQ; h++) HTH_UNROLL for (uint32_t i = 0; i < NV; i++)
        vf_store(k->s + (size_t)(k->g + h) * HTH_PAGE_LEN + t + 16 * i, acc[h][i]);
}

/* Scores of NQ queries at all positions up to the last that one of them sees, and a few more. */
HTH_INLINE void scores(HthKvType type, uint32_t NQ, const Tile *k) {
    uint32_t most = 0, t = 0;
    for (uint32_t h = 0; h < NQ; h++)
        most = k->a->count[k->g + h] > most ? k->a->count[k->g + h] : most;
    for (; t + 16 * (TILE_V - 1) < most; t += 16 * TILE_V) scores_at(type, NQ, TILE_V, k, t);
    for (; t < most; t += 16) scores_at(type, NQ, 1, k, t);
}

/* Scores at 16 positions from t, lower the further they are from the query. */
HTH_INLINE V fallen(const HthAttendBend *bend, uint32_t g, uint32_t t, V s) {
    static const float lanes[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
    V at = vf_add(vf_set1((float)t), vf_load(lanes));
    V d = vf_sub(at, vf_set1((float)bend->away[g]));
    return vf_fma(vf_set1(bend->slope[g]), vf_min(d, vf_sub(vf_zero(), d)), s);
}

/* Scores as models with caps, slopes and windows want them. */
static void bend_scores(const HthAttendPage *a, const HthAttendBend *bend, uint32_t g, float *s) {
    for (uint32_t t = 0; bend->cap != 0.0f && t < a->count[g]; t += 16)
        vf_store(s + t, vf_softcap(vf_load(s + t), bend->cap, 1.0f / bend->cap));
    for (uint32_t t = 0; bend->slope != NULL && t < a->count[g]; t += 16)
        vf_store(s + t, fallen(bend, g, t, vf_load(s + t)));
    for (uint32_t t = 0; bend->skip != NULL && t < bend->skip[g]; t++) s[t] = -INFINITY;
}

/* Scores of one query become weights, zero to the end of their vector; the factor c of what o
 * holds. */
HTH_INLINE float weights(const HthAttendPage *a, uint32_t g, float *s) {
    uint32_t n = a->count[g], end = (n + 15) / 16 * 16;
    V most = vf_set1(-INFINITY), sum = vf_zero();
    for (uint32_t t = n; t < end; t++) s[t] = -INFINITY;
    for (uint32_t t = 0; t < end; t += 16) most = vf_max(vf_load(s + t), most);
    float m = vf_top(most) + 0.0f, c = 1.0f;
    if (!a->first) {
        m = a->m[g] > m ? a->m[g] : m;
        if (m != a->m[g]) {
            float e[16];
            vf_store(e, vf_exp(vf_set1(a->m[g] - m)));
            c = e[0];
        }
    }
    for (uint32_t t = 0; t < end; t += 16) {
        V p = vf_exp(vf_sub(vf_load(s + t), vf_set1(m)));
        vf_store(s + t, p);
        sum = vf_add(sum, p);
    }
    a->m[g] = m;
    a->l[g] = a->first ? vf_tree(sum) : fmaf(a->l[g], c, vf_tree(sum));
    return c;
}

/* ND vectors of o from d for NQ queries; n < 16 lanes of the one vector when ND is 1. */
HTH_INLINE void values_at(HthKvType type, uint32_t NQ, uint32_t ND, const Tile *k, uint32_t d,
                          uint32_t n) {
    const HthAttendPage *a = k->a;
    const float *p = k->s + (size_t)k->g * HTH_PAGE_LEN;
    float *o = a->o + (size_t)k->g * a->head_dim_v + d;
    uint32_t least = HTH_PAGE_LEN, most = 0;
    V acc[TILE_Q][TILE_V], x[TILE_V];
    HTH_UNROLL for (uint32_t h = 0; h < NQ; h++) {
        uint32_t count = a->count[k->g + h];
        V c = vf_set1(k->c[k->g + h]);
        least = count < least ? count : least;
        most = count > most ? count : most;
        HTH_UNROLL for (uint32_t i = 0; i < ND; i++) acc[h][i] =
            a->first ? vf_zero() : vf_mul(c, vf_loadn(o + (size_t)h * a->head_dim_v + 16 * i, n));
    }
    for (uint32_t b = 0, t = 0; t < least; b++) {
        if (d == 0) fetch_part(k, b, HTH_PAGE_LEN / 16);
        for (uint32_t end = least - t < 16 ? least : t + 16; t < end; t++) {
            HTH_UNROLL for (uint32_t i = 0; i < ND; i++) x[i] = value(type, k, t, d + 16 * i, n);
            HTH_UNROLL for (uint32_t h = 0; h < NQ; h++) {
                V y = vf_set1(p[h * HTH_PAGE_LEN + t]);
                HTH_UNROLL for (uint32_t i = 0; i < ND; i++) acc[h][i] = vf_fma(y, x[i], acc[h][i]);
            }
        }
    }
    for (uint32_t t = least; t < most; t++) /* the diagonal: what a query may not see is not read */
        HTH_UNROLL for (uint32_t h = 0; h < NQ; h++) if (t < a->count[k->g + h])
            HTH_UNROLL for (uint32_t i = 0; i < ND; i++) acc[h][i] = vf_fma(
                vf_set1(p[h * HTH_PAGE_LEN + t]), value(type, k, t, d + 16 * i, n), acc[h][i]);
    HTH_UNROLL for (uint32_t h = 0; h < NQ; h++) HTH_UNROLL for (uint32_t i = 0; i < ND; i++)
        vf_storen(o + (size_t)h * a->head_dim_v + 16 * i, acc[h][i], n);
}

HTH_INLINE void values(HthKvType type, uint32_t NQ, const Tile *k) {
    uint32_t d = 0, dim = k->a->head_dim_v;
    for (; d + 16 * TILE_V <= dim; d += 16 * TILE_V) values_at(type, NQ, TILE_V, k, d, 16);
    for (; d + 16 <= dim; d += 16) values_at(type, NQ, 1, k, d, 16);
    if (d < dim) values_at(type, NQ, 1, k, d, dim - d);
}

/* clang-format off */
#define TILES(NAME, NQ, TYPE)                                                                      \
    static __attribute__((noinline)) void scores_##NAME##_##TYPE(const Tile *k) {                  \
        scores(HTH_KV_##TYPE, NQ, k);                                                              \
    }                                                                                              \
    static __attribute__((noinline)) void values_##NAME##_##TYPE(const Tile *k) {                  \
        values(HTH_KV_##TYPE, NQ, k);                                                              \
    }
#define TILES_OF(NAME, NQ)                                                                         \
    TILES(NAME, NQ, F32) TILES(NAME, NQ, F16) TILES(NAME, NQ, Q8_0) TILES(NAME, NQ, Q4_0)
#define ROW(what, NAME)                                                                            \
    { what##_##NAME##_F32, what##_##NAME##_F16, what##_##NAME##_Q8_0, what##_##NAME##_Q4_0 }
TILES_OF(one, 1) TILES_OF(two, 2) TILES_OF(all, TILE_Q)
#define SIZES(what) { ROW(what, one), ROW(what, two), ROW(what, all) }
typedef void TileFn(const Tile *k);
static TileFn *const score_fns[][HTH_KV_COUNT] = SIZES(scores);
static TileFn *const value_fns[][HTH_KV_COUNT] = SIZES(values);
/* clang-format on */

static void all_tiles(TileFn *const fns[][HTH_KV_COUNT], HthKvType type, Tile *k) {
    static const uint32_t taken[] = { 1, 2, TILE_Q };
    for (k->g = 0; k->g < k->a->queries;) {
        uint32_t left = k->a->queries - k->g, size = left >= TILE_Q ? 2 : left >= 2 ? 1 : 0;
        fns[size][type](k);
        k->g += taken[size];
    }
}

/* A page in floats, laid out as a page of floats is. */
HTH_INLINE void unpack_keys(HthKvType type, const HthAttendPage *a, float *out) {
    for (uint32_t d = 0; d < a->head_dim; d++)
        for (uint32_t t = 0; t < HTH_PAGE_LEN; t += 16)
            vf_store(out + (size_t)d * HTH_PAGE_LEN + t,
                     key(type, a->k, d, t, key_scale(type, a->k, a->head_dim, d, t)));
}

HTH_INLINE void unpack_values(HthKvType type, const Tile *k, uint32_t count, float *out) {
    uint32_t dim = k->a->head_dim_v;
    for (uint32_t t = 0; t < count; t++)
        for (uint32_t d = 0; d < dim; d += 16) {
            uint32_t n = dim - d < 16 ? dim - d : 16;
            vf_storen(out + (size_t)t * dim + d, value(type, k, t, d, n), n);
        }
}

static __attribute__((noinline)) void keys_to_floats(const HthAttendPage *a, float *out) {
    switch (a->type) {
    case HTH_KV_F16: unpack_keys(HTH_KV_F16, a, out); break;
    case HTH_KV_Q8_0: unpack_keys(HTH_KV_Q8_0, a, out); break;
    default: unpack_keys(HTH_KV_Q4_0, a, out); break;
    }
}

static __attribute__((noinline)) void values_to_floats(const Tile *k, uint32_t count, float *out) {
    switch (k->a->type) {
    case HTH_KV_F16: unpack_values(HTH_KV_F16, k, count, out); break;
    case HTH_KV_Q8_0: unpack_values(HTH_KV_Q8_0, k, count, out); break;
    default: unpack_values(HTH_KV_Q4_0, k, count, out); break;
    }
}

/* The scales of a page of values, in floats. */
static void value_scales(const HthAttendPage *a, float *out) {
    uint32_t dim = a->head_dim_v, all = dim / 32 * HTH_PAGE_LEN;
    const uint8_t *d = a->v;
    d += (size_t)(a->type == HTH_KV_Q4_0 ? dim / 2 : dim) * HTH_PAGE_LEN;
    for (uint32_t i = 0; i < all; i += 16) vf_store(out + i, vf_half(d + (size_t)i * 2));
}

void HTH_KN(attend_bent)(const HthAttendPage *a, const HthAttendBend *bend) {
    bool unpack = a->queries >= UNPACK_QUERIES && a->type != HTH_KV_F32;
    float *s = a->work, *c = s + (size_t)a->queries * HTH_PAGE_LEN;
    float *scale = c + ((size_t)a->queries + 15) / 16 * 16;
    float *plane = scale + (size_t)a->head_dim_v / 32 * HTH_PAGE_LEN;
    HthKvType type = unpack ? HTH_KV_F32 : a->type;
    uint32_t most = 0;
    Tile k = { .a = a, .page = a->k, .scale = scale, .s = s, .c = c };
    if (unpack) {
        keys_to_floats(a, plane);
        k.page = (const uint8_t *)plane;
    }
    k.ahead = unpack ? NULL : a->next_k; /* with many queries memory is not what one waits for */
    k.ahead_bytes = hth_kv_bytes(a->type, a->head_dim) * HTH_PAGE_LEN;
    all_tiles(score_fns, type, &k);
    for (uint32_t g = 0; g < a->queries; g++) {
        if (bend) bend_scores(a, bend, g, s + (size_t)g * HTH_PAGE_LEN);
        c[g] = weights(a, g, s + (size_t)g * HTH_PAGE_LEN);
        most = a->count[g] > most ? a->count[g] : most;
    }
    k.page = a->v;
    k.ahead = unpack ? NULL : a->next_v;
    k.ahead_bytes = hth_kv_bytes(a->type, a->head_dim_v) * HTH_PAGE_LEN;
    if (a->type >= HTH_KV_Q8_0) value_scales(a, scale);
    if (unpack) {
        values_to_floats(&k, most, plane);
        k.page = (const uint8_t *)plane;
    }
    all_tiles(value_fns, type, &k);
}

void HTH_KN(attend_page)(const HthAttendPage *a) {
    HTH_KN(attend_bent)(a, NULL);
}

void HTH_KN(attend_merge)(float *m, float *l, float *o, float m2, float l2, const float *o2,
                          uint32_t n) {
    float max = m2 > *m ? m2 : *m, e[16] = { *m - max, m2 - max };
    vf_store(e, vf_exp(vf_load(e)));
    float a = *m == max ? 1.0f : e[0], b = m2 == max ? 1.0f : e[1];
    *m = max;
    *l = fmaf(l2, b, *l * a);
    for (uint32_t d = 0; d < n; d += 16) {
        uint32_t lanes = n - d < 16 ? n - d : 16;
        V acc = vf_mul(vf_loadn(o + d, lanes), vf_set1(a));
        vf_storen(o + d, vf_fma(vf_loadn(o2 + d, lanes), vf_set1(b), acc), lanes);
    }
}

#endif

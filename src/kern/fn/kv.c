/* kv.c - the cache's number formats, and where a row of them lies in a page (kern.h).
 *
 * A row of n elements is its codes, then its scales, one binary16 d per 32 elements:
 *   f32, f16   codes are the numbers, no scales
 *   q8_0       value = d * q; d = half(max|x| / 127), q = rint(x * (1/d)) within -127..127
 *   q4_0       value = d * q; d = half(x' / -8), x' the x of greatest magnitude (+ before -),
 *              q = rint(x * (1/d)) within -8..7; byte j of a block holds q + 8 of element j in the
 *              low, of element j + 16 in the high nibble
 * d * q is exact in f32: 11 bits times 8.  A block whose scale would not be finite, or that holds a
 * value that is not, has d = NaN and q = 0; one whose scale rounds to zero has d = 0 and q = 0.
 *
 * Thread: any. */
#include "kern/fn/fn.h"

#ifndef HTH_ISA

#include <math.h>

#include "base/mem.h"

/* clang-format off */
static const struct {
    const char *name;
    uint8_t code_bytes; /* of one code */
    uint8_t per_code; /* elements */
    uint8_t block; /* elements per scale; 1: no scales */
} types[HTH_KV_COUNT] = {
    [HTH_KV_F32]  = { "f32",  4, 1, 1 },
    [HTH_KV_F16]  = { "f16",  2, 1, 1 },
    [HTH_KV_Q8_0] = { "q8_0", 1, 1, 32 },
    [HTH_KV_Q4_0] = { "q4_0", 1, 2, 32 },
};
/* clang-format on */

const char *hth_kv_name(HthKvType type) {
    return types[type].name;
}

uint32_t hth_kv_block(HthKvType type) {
    return types[type].block;
}

static size_t scales(HthKvType type, uint32_t n) {
    return types[type].block > 1 ? n / types[type].block : 0;
}

size_t hth_kv_bytes(HthKvType type, uint32_t n) {
    return (size_t)n / types[type].per_code * types[type].code_bytes + scales(type, n) * 2;
}

/* One column of [count][HTH_PAGE_LEN] elements of 1, 2 or 4 bytes. */
static void put_column(const uint8_t *from, size_t count, uint32_t bytes, uint8_t *to, uint32_t t) {
    to += (size_t)t * bytes;
    for (size_t i = 0; i < count; i++, from += bytes, to += (size_t)HTH_PAGE_LEN * bytes)
        switch (bytes) { /* copies of constant size */
        case 1: *to = *from; break;
        case 2: memcpy(to, from, 2); break;
        default: memcpy(to, from, 4); break;
        }
}

void hth_kv_put_key(HthKvType type, uint32_t n, const void *row, void *page, uint32_t t) {
    const uint8_t *from = row;
    uint8_t *to = page;
    uint32_t count = n / types[type].per_code, bytes = types[type].code_bytes;
    put_column(from, count, bytes, to, t);
    put_column(from + (size_t)count * bytes, scales(type, n), 2,
               to + (size_t)count * bytes * HTH_PAGE_LEN, t);
}

void hth_kv_put_value(HthKvType type, uint32_t n, const void *row, void *page, uint32_t t) {
    size_t codes = (size_t)n / types[type].per_code * types[type].code_bytes;
    size_t rest = scales(type, n) * 2;
    memcpy((uint8_t *)page + t * codes, row, codes);
    memcpy((uint8_t *)page + HTH_PAGE_LEN * codes + t * rest, (const uint8_t *)row + codes, rest);
}

void hth_kv_wipe_keys(HthKvType type, uint32_t n, void *page, uint32_t t, uint32_t count) {
    uint32_t lines = n / types[type].per_code, bytes = types[type].code_bytes;
    uint8_t *codes = page, *rest = codes + (size_t)lines * bytes * HTH_PAGE_LEN;
    for (size_t i = 0; i < lines; i++)
        hth_zero(codes + (i * HTH_PAGE_LEN + t) * bytes, (size_t)count * bytes);
    for (size_t i = 0; i < scales(type, n); i++)
        hth_zero(rest + (i * HTH_PAGE_LEN + t) * 2, (size_t)count * 2);
}

void hth_kv_wipe_values(HthKvType type, uint32_t n, void *page, uint32_t t, uint32_t count) {
    size_t codes = (size_t)n / types[type].per_code * types[type].code_bytes;
    size_t rest = scales(type, n) * 2;
    hth_zero((uint8_t *)page + t * codes, count * codes);
    hth_zero((uint8_t *)page + HTH_PAGE_LEN * codes + t * rest, count * rest);
}

/* Writes the half nearest to d; returns 1 / it, or 0 where all codes are zero. */
static float put_scale(float d, bool finite, uint8_t *out) {
    uint16_t h = finite ? hth_f32_to_f16(d) : 0x7e00;
    if ((h & 0x7fff) >= 0x7c00) h = 0x7e00;
    if ((h & 0x7fff) == 0) h = 0;
    memcpy(out, &h, 2);
    return h == 0x7e00 || h == 0 ? 0.0f : 1.0f / hth_f16_to_f32(h);
}

static float code(float x, float inv, float low, float high) {
    if (inv == 0.0f) return 0.0f;
    float r = x * inv;
    r = high < r ? high : r;
    return rintf(low > r ? low : r);
}

static void store_q8(const float *x, uint8_t *q, uint8_t *d) {
    uint32_t top = 0;
    for (int i = 0; i < 32; i++) {
        uint32_t a = hth_f32_bits(x[i]) & 0x7fffffffu;
        if (a > top) top = a;
    }
    float inv = put_scale(hth_bits_f32(top) / 127.0f, top < 0x7f800000u, d);
    for (int i = 0; i < 32; i++) q[i] = (uint8_t)(int)code(x[i], inv, -127.0f, 127.0f);
}

static void store_q4(const float *x, uint8_t *q, uint8_t *d) {
    uint32_t top = 0;
    bool plus = false;
    for (int i = 0; i < 32; i++) {
        uint32_t a = hth_f32_bits(x[i]) & 0x7fffffffu;
        if (a > top) top = a;
    }
    for (int i = 0; i < 32; i++) plus = plus || hth_f32_bits(x[i]) == top;
    float most = hth_bits_f32(top) / 8.0f;
    float inv = put_scale(plus ? -most : most, top < 0x7f800000u, d);
    for (int i = 0; i < 16; i++) {
        int lo = (int)code(x[i], inv, -8.0f, 7.0f), hi = (int)code(x[i + 16], inv, -8.0f, 7.0f);
        q[i] = (uint8_t)((lo + 8) | (hi + 8) << 4);
    }
}

void hth_kv_store_c(HthKvType type, const float *x, uint32_t n, void *out) {
    uint8_t *to = out, *d = to + hth_kv_bytes(type, n) - scales(type, n) * 2;
    if (type == HTH_KV_F32) memcpy(out, x, n * sizeof *x);
    for (uint32_t i = 0; type == HTH_KV_F16 && i < n; i++) {
        uint16_t h = hth_f32_to_f16(x[i]);
        memcpy(to + (size_t)i * 2, &h, 2);
    }
    for (uint32_t b = 0; b < scales(type, n); b++)
        if (type == HTH_KV_Q8_0)
            store_q8(x + (size_t)b * 32, to + (size_t)b * 32, d + (size_t)b * 2);
        else
            store_q4(x + (size_t)b * 32, to + (size_t)b * 16, d + (size_t)b * 2);
}

#else /* HTH_ISA_SPEED: avx2, avx512 */

#include "kern/vec/vec.h"

HTH_INLINE I codes(V x, V inv, float low, float high) {
    V r = vf_min(vf_set1(high), vf_mul(x, inv));
    return vi_rint(vf_max(vf_set1(low), r));
}

/* One block of 32; the rest of a block whose scale is zero or NaN is the truth's business. */
HTH_INLINE bool store_block(HthKvType type, const float *x, uint8_t *q, uint8_t *d) {
    const I abs = vi_set1(0x7fffffff);
    V lo = vf_load(x), hi = vf_load(x + 16);
    uint32_t top = vi_top(vi_max(vi_and(vi_bits(lo), abs), vi_and(vi_bits(hi), abs)));
    float most = hth_bits_f32(top);
    /* Away from zero, infinity and NaN: the scale is a finite half and not zero. */
    if (!(most > 0x1p-16f && most < 0x1p17f)) return false;
    float scale = most / 127.0f;
    if (type ==
        HTH_KV_Q4_0) { /* as signed integers positive floats order, and beat negative ones */
        bool plus = vi_top(vi_max(vi_bits(lo), vi_bits(hi))) == top;
        scale = plus ? -(most / 8.0f) : most / 8.0f;
    }
    float half[16];
    vf_tohalfn(d, vf_set1(scale), 1);
    vf_store(half, vf_halfn(d, 1));
    V inv = vf_set1(1.0f / half[0]);
    if (type == HTH_KV_Q8_0) {
        vi_tobytes(q, codes(lo, inv, -127.0f, 127.0f));
        vi_tobytes(q + 16, codes(hi, inv, -127.0f, 127.0f));
    } else {
        I l = vi_add(codes(lo, inv, -8.0f, 7.0f), vi_set1(8)), h = codes(hi, inv, -8.0f, 7.0f);
        vi_tobytes(q, vi_add(l, vi_sll(h, 4))); /* h + 8 without its top bit's weight ... */
        for (int i = 0; i < 16; i++) q[i] = (uint8_t)(q[i] ^ 0x80); /* ... which goes in here */
    }
    return true;
}

void HTH_KN(kv_store)(HthKvType type, const float *x, uint32_t n, void *out) {
    uint8_t *to = out;
    if (type == HTH_KV_F32) {
        memcpy(out, x, n * sizeof *x);
    } else if (type == HTH_KV_F16) {
        uint32_t i = 0;
        for (; i + 16 <= n; i += 16) vf_tohalf(to + (size_t)i * 2, vf_load(x + i));
        if (i < n) vf_tohalfn(to + (size_t)i * 2, vf_loadn(x + i, n - i), n - i);
    } else {
        uint32_t bytes = type == HTH_KV_Q8_0 ? 32 : 16;
        uint8_t *d = to + (size_t)n / 32 * bytes;
        for (uint32_t b = 0; b < n / 32; b++, x += 32, to += bytes, d += 2)
            if (!store_block(type, x, to, d)) {
                uint8_t one[34];
                hth_kv_store_c(type, x, 32, one);
                memcpy(to, one, bytes);
                memcpy(d, one + bytes, 2);
            }
    }
}

#endif

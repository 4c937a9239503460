/* tq1_0.c - TQ1_0: 256 weights of -1, 0, 1 with one half scale, five to a byte: w = d*(q-1).  1.69
 * bits per weight.
 *
 * Thread: any. */
#include "kern/fmt/fmt.h"

typedef struct Tq1_0 {
    /* A byte is 256/243 of its five digits in base 3, rounded up: what 3^i times it leaves of 256,
     * times 3, has digit i, the highest first, above bit 7. */
    uint8_t q[32]; /* digit i of byte j: weight 32*i + j */
    uint8_t r[16]; /* digit i of byte j: weight 160 + 16*i + j */
    uint8_t h[4]; /* digit i of byte j, four of them: weight 240 + 4*i + j */
    uint16_t d;
} Tq1_0;
_Static_assert(sizeof(Tq1_0) == 54, "TQ1_0 is 54 bytes on disk");

/* Which byte has weight i, and which digit of it. */
static inline uint32_t place(uint32_t i, uint32_t *digit) {
    const uint32_t wide = i < 160 ? 32 : i < 240 ? 16 : 4, from = i < 160 ? 0 : i < 240 ? 160 : 240;
    *digit = (i - from) / wide;
    return (i < 160 ? 0 : i < 240 ? 32 : 48) + (i - from) % wide;
}

#ifndef HTH_ISA

#include "kern/fmt/search.h"

static void unpack(const uint8_t *row, uint32_t b, HthBlk *out) {
    static const uint8_t power[5] = { 1, 3, 9, 27, 81 };
    const uint8_t *w = row + b / 8 * sizeof(Tq1_0);
    out->d = hth_f16_to_f32(hth_le16(w + offsetof(Tq1_0, d)));
    for (uint32_t i = 0; i < 32; i++) {
        uint32_t digit;
        const uint8_t byte = w[place(b % 8 * 32 + i, &digit)];
        out->q[i] = (int8_t)(((uint8_t)(byte * power[digit]) * 3 >> 8) - 1);
    }
}

static void quant(const float *in, const float *imp, void *blocks, size_t n) {
    static const uint8_t power[5] = { 81, 27, 9, 3, 1 };
    uint8_t *to = blocks;
    for (size_t b = 0; b < n / 256; b++, in += 256, to += sizeof(Tq1_0)) {
        const float *w_imp = hth_imp_on(imp, b * 256);
        uint8_t sum[52] = { 0 };
        const uint16_t d = hth_f32_to_f16(hth_fit_ternary(in, w_imp, 256));
        const float inv = hth_fmt_inv(hth_f16_to_f32(d));
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t digit, at = place(i, &digit);
            sum[at] = (uint8_t)(sum[at] + (hth_fmt_round(in[i] * inv, -1, 1) + 1) * power[digit]);
        }
        for (int i = 0; i < 52; i++) to[i] = (uint8_t)((sum[i] * 256 + 242) / 243);
        memcpy(to + offsetof(Tq1_0, d), &d, 2);
    }
}

HTH_FMT_TRUTH(tq1_0, HTH_KIND_PLAIN, 34, "TQ1_0", 256, sizeof(Tq1_0), quant);

#else /* HTH_ISA_SPEED: avx2, avx512, vnni, amx */

#define KIND  LQ_PLAIN
#define SHIFT 0
#define BLOCK Tq1_0
#include "kern/fmt/linear_q.h"

/* Digit i of the four bytes of each lane: bytes 0 and 2, then 1 and 3, have 16 bits each to work
 * in. */
HTH_INLINE B digit_of(I v, uint32_t i) {
    static const int32_t power[5] = { 1, 3, 9, 27, 81 };
    I low = vi_set1(0x00ff00ff), three = vi_set1(3);
    I a = vi_and(vi_mul(vi_and(v, low), vi_set1(power[i])), low);
    I b = vi_and(vi_mul(vi_and(vi_srl(v, 8), low), vi_set1(power[i])), low);
    a = vi_and(vi_srl(vi_mul(a, three), 8), low);
    b = vi_and(vi_mul(b, three), vi_set1(0x03000300));
    return vi_or(a, b);
}

HTH_INLINE B word(const uint8_t *w, uint32_t hi, uint32_t lo, uint32_t k) {
    if (hi == 0) return digit_of(word_i(w, k), lo);
    if (lo == 0) return digit_of(word_i(w, k), 4);
    if (lo < 3) return digit_of(word_i(w, 8 + k % 4), lo * 2 - 2 + k / 4);
    return k < 4 ? digit_of(word_i(w, 8 + k), 4) : digit_of(word_i(w, 12), k - 4);
}

HTH_INLINE void scales(Panel p, uint32_t n, Scales *s) {
    (void)n;
    scales_one(p, s);
}

LINEAR_Q(tq1_0)

#endif

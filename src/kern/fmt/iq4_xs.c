/* iq4_xs.c - IQ4_XS: 256 weights in 8 groups of 32, each with a 6-bit scale, 4 bits naming one of
 * sixteen values: w = (d*(sc-32))*code[q].  4.25 bits per weight.
 *
 * The group's scale d*(sc-32) is exact (11 + 6 bits), so to the products this is a plain block of
 * 32 with that scale.
 *
 * Thread: any. */
#include "kern/fmt/code16.h"

typedef struct Iq4Xs {
    uint16_t d;
    uint16_t high; /* bits 2j, 2j+1: the two high bits of scale j */
    uint8_t low[4]; /* nibble j%2 of byte j/2: the low four */
    uint8_t q[8][16]; /* a group's low nibbles: weights 0..15, high nibbles: 16..31 */
} Iq4Xs;
_Static_assert(sizeof(Iq4Xs) == 136, "IQ4_XS is 136 bytes on disk");

#ifndef HTH_ISA

static void unpack(const uint8_t *row, uint32_t b, HthBlk *out) {
    Iq4Xs w;
    const uint32_t j = b % 8;
    memcpy(&w, row + b / 8 * sizeof w, sizeof w);
    const int sc = (w.low[j / 2] >> (j % 2 * 4) & 15) | (w.high >> (2 * j) & 3) << 4;
    out->d = hth_f16_to_f32(w.d) * (float)(sc - 32);
    hth_code_unpack(hth_code_iq4, w.q[j], out->q);
}

static void quant_block(const float *in, const float *imp, Iq4Xs *w) {
    float d[8];
    for (int j = 0; j < 8; j++)
        d[j] = hth_code_fit(hth_code_iq4, in + 32 * j, hth_imp_on(imp, 32 * (size_t)j));
    *w = (Iq4Xs){ .d = hth_f32_to_f16(hth_fmt_peak(d, 8) / -32.0f) };
    const float all = hth_f16_to_f32(w->d), inv = hth_fmt_inv(all);
    for (int j = 0; j < 8; j++) {
        uint8_t index[32];
        const int sc = hth_fmt_round(d[j] * inv, -32, 31);
        w->low[j / 2] |= (uint8_t)(((sc + 32) & 15) << (j % 2 * 4));
        w->high = (uint16_t)(w->high | ((unsigned)(sc + 32) >> 4) << (2 * j));
        hth_code_nearest(hth_code_iq4, in + 32 * j, hth_fmt_inv(all * (float)sc), index);
        hth_code_pack(index, w->q[j]);
    }
}

static void quant(const float *in, const float *imp, void *blocks, size_t n) {
    uint8_t *to = blocks;
    for (size_t b = 0; b < n / 256; b++, in += 256, to += sizeof(Iq4Xs)) {
        const float *w_imp = hth_imp_on(imp, b * 256);
        Iq4Xs w;
        quant_block(in, w_imp, &w);
        memcpy(to, &w, sizeof w);
    }
}

HTH_FMT_TRUTH(iq4_xs, HTH_KIND_PLAIN, 23, "IQ4_XS", 256, sizeof(Iq4Xs), quant);

#else /* HTH_ISA_SPEED: avx2, avx512, vnni, amx */

#define KIND  LQ_PLAIN
#define SHIFT LQ_SIGNED
#define BLOCK Iq4Xs
#include "kern/fmt/linear_q.h"

HTH_INLINE B word(const uint8_t *w, uint32_t hi, uint32_t lo, uint32_t k) {
    return word_code(hth_code_iq4, w, 2 + (hi * 4 + lo) * 4 + k % 4, k < 4 ? 0 : 4);
}

/* Word 0: d and the high bits of the eight scales; word 1: their low bits. */
HTH_INLINE void scales(Panel p, uint32_t n, Scales *s) {
    (void)n;
    I head = word_i(p.w, 0), low = word_i(p.w, 1);
    V d = vf_half_lo(head);
    HTH_UNROLL for (int j = 0; j < 8; j++) {
        I lo = vi_and(vi_srl(low, 4 * j), vi_set1(15));
        I hi = vi_and(vi_srl(head, 12 + 2 * j), vi_set1(0x30));
        s->d[j] = vf_mul(d, vf_i(vi_sub(vi_or(lo, hi), vi_set1(32))));
    }
}

LINEAR_Q(iq4_xs)

#endif

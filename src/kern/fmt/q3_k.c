/* q3_k.c - Q3_K: 256 weights in 16 groups of 16, 3 bits each, with a signed 6-bit scale per group:
 * w = (d*(sc-32))*(q-4).  3.4 bits per weight.
 *
 * Thread: any. */
#include "kern/fmt/fmt.h"

typedef struct Q3K {
    uint8_t h[32]; /* bit b of byte i: the third bit of weight i of 32-block b */
    uint8_t q[64]; /* 32-block b: bits 2*(b%4) of bytes 32*(b/4) .. +31 */
    uint8_t s[12]; /* scales: low nibbles of 0..7, 8..15 in s[0..7]; upper pairs in s[8..11] */
    uint16_t d;
} Q3K;
_Static_assert(sizeof(Q3K) == 110, "Q3_K is 110 bytes on disk");

#ifndef HTH_ISA

#include "kern/fmt/search.h"

static void unpack(const uint8_t *row, uint32_t b, HthBlk *out) {
    Q3K w;
    uint32_t j = b % 8;
    memcpy(&w, row + b / 8 * sizeof w, sizeof w);
    out->d = hth_f16_to_f32(w.d);
    for (int i = 0; i < 32; i++) {
        int lo = w.q[j / 4 * 32 + i] >> (j % 4 * 2) & 3;
        out->q[i] = (int8_t)(lo + (w.h[i] >> j & 1) * 4 - 4);
    }
    for (uint32_t h = 0; h < 2; h++) {
        uint32_t g = j * 2 + h; /* group */
        uint32_t low = g < 8 ? w.s[g] & 15u : w.s[g - 8] >> 4;
        out->sc[h] = (int32_t)(low | (w.s[8 + g % 4] >> (g / 4 * 2) & 3u) << 4) - 32;
    }
}

static void quant_block(const float *in, const float *imp, Q3K *w) {
    float s[16];
    *w = (Q3K){ .d = 0 };
    for (int g = 0; g < 16; g++)
        s[g] = hth_fit_signed(in + g * 16, hth_imp_on(imp, g * 16u), 16, 4);
    w->d = hth_f32_to_f16(hth_fmt_peak(s, 16) / -32.0f);
    const float d = hth_f16_to_f32(w->d);
    for (int g = 0; g < 16; g++) {
        int8_t q[16];
        int sc = hth_fmt_round(s[g] * hth_fmt_inv(d), -32, 31);
        hth_signed_round(in + g * 16, hth_imp_on(imp, g * 16u), 16, 4, d, -32, 31, &sc, q);
        w->s[g % 8] |= (uint8_t)(((sc + 32) & 15) << (g / 8 * 4));
        w->s[8 + g % 4] |= (uint8_t)(((sc + 32) >> 4) << (g / 4 * 2));
        for (int i = 0; i < 16; i++) {
            const int v = q[i] + 4, at = g % 2 * 16 + i;
            w->q[g / 8 * 32 + at] |= (uint8_t)((v & 3) << (g / 2 % 4 * 2));
            w->h[at] |= (uint8_t)((v >> 2) << (g / 2));
        }
    }
}

static void quant(const float *in, const float *imp, void *blocks, size_t n) {
    uint8_t *to = blocks;
    for (size_t b = 0; b < n / 256; b++, in += 256, to += sizeof(Q3K)) {
        const float *w_imp = hth_imp_on(imp, b * 256);
        Q3K w;
        quant_block(in, w_imp, &w);
        memcpy(to, &w, sizeof w);
    }
}

HTH_FMT_TRUTH(q3_k, HTH_KIND_DUAL, 11, "Q3_K", 256, sizeof(Q3K), quant);

#else /* HTH_ISA_SPEED: avx2, avx512, vnni */

#define KIND  LQ_DUAL
#define SHIFT 2
#define BLOCK Q3K
#include "kern/fmt/linear_q.h"

HTH_INLINE B word(const uint8_t *w, uint32_t hi, uint32_t lo, uint32_t k) {
    B h = vb_srl(word_i(w, k), (int)(hi * 4));
    h = vb_and1(lo > 2 ? vb_srl(h, 1) : vb_sll(h, 2 - (int)lo), 4);
    return vb_or(word_bits(w, 8 + hi * 8 + k, (int)lo * 2, 3), h);
}

HTH_INLINE void scales(Panel p, uint32_t n, Scales *s) {
    I u[3];
    (void)n;
    for (uint32_t i = 0; i < 3; i++) u[i] = word_i(p.w, 24 + i);
    for (int g = 0; g < 16; g++) {
        I lo = vi_and(vi_srl(vi_byte(u[g / 4 % 2], g % 4), g / 8 * 4), vi_set1(15));
        I hi = vi_and(vi_srl(vi_byte(u[2], g % 4), g / 4 * 2), vi_set1(3));
        s->sc[g / 2][g % 2] = vi_sub(vi_or(lo, vi_sll(hi, 4)), vi_set1(32));
    }
    s->d[0] = vf_half(p.d);
}

LINEAR_Q(q3_k)

#endif

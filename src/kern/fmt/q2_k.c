/* q2_k.c - Q2_K: 256 weights in 16 groups of 16, 2 bits each, with a 4-bit scale and a 4-bit
 * minimum per group: w = (d*sc)*q - dmin*mn.  2.6 bits per weight.
 *
 * Thread: any. */
#include "kern/fmt/fmt.h"

typedef struct Q2K {
    uint8_t s[16]; /* group g: scale in the low nibble, minimum in the high */
    uint8_t q[64]; /* 32-block b: bits 2*(b%4) of bytes 32*(b/4) .. +31 */
    uint16_t d, dmin;
} Q2K;
_Static_assert(sizeof(Q2K) == 84, "Q2_K is 84 bytes on disk");

#ifndef HTH_ISA

#include "kern/fmt/search.h"

static void unpack(const uint8_t *row, uint32_t b, HthBlk *out) {
    Q2K w;
    uint32_t j = b % 8;
    memcpy(&w, row + b / 8 * sizeof w, sizeof w);
    out->d = hth_f16_to_f32(w.d);
    out->dmin = hth_f16_to_f32(w.dmin);
    for (int i = 0; i < 32; i++) out->q[i] = (int8_t)(w.q[j / 4 * 32 + i] >> (j % 4 * 2) & 3);
    for (int h = 0; h < 2; h++) {
        out->sc[h] = w.s[j * 2 + h] & 15;
        out->mn[h] = w.s[j * 2 + h] >> 4;
    }
}

static void quant_block(const float *in, const float *imp, Q2K *w) {
    float s[16], m[16], s_max = 0.0f, m_max = 0.0f;
    *w = (Q2K){ .d = 0 };
    for (int g = 0; g < 16; g++) {
        s[g] = hth_fit_range(in + g * 16, hth_imp_on(imp, g * 16u), 16, 3, false, &m[g]);
        if (s[g] > s_max) s_max = s[g];
        if (m[g] > m_max) m_max = m[g];
    }
    w->d = hth_f32_to_f16(s_max / 15.0f);
    w->dmin = hth_f32_to_f16(m_max / 15.0f);
    const HthStep step = { hth_f16_to_f32(w->d), hth_f16_to_f32(w->dmin), 15, 3 };
    for (int g = 0; g < 16; g++) {
        uint8_t q[16];
        int sc = hth_fmt_round(s[g] * hth_fmt_inv(step.d), 0, 15);
        int mn = hth_fmt_round(m[g] * hth_fmt_inv(step.dmin), 0, 15);
        hth_range_round(in + g * 16, hth_imp_on(imp, g * 16u), 16, step, &sc, &mn, q);
        w->s[g] = (uint8_t)(sc | mn << 4);
        for (int i = 0; i < 16; i++)
            w->q[g / 8 * 32 + g % 2 * 16 + i] |= (uint8_t)(q[i] << (g / 2 % 4 * 2));
    }
}

static void quant(const float *in, const float *imp, void *blocks, size_t n) {
    uint8_t *to = blocks;
    for (size_t b = 0; b < n / 256; b++, in += 256, to += sizeof(Q2K)) {
        const float *w_imp = hth_imp_on(imp, b * 256);
        Q2K w;
        quant_block(in, w_imp, &w);
        memcpy(to, &w, sizeof w);
    }
}

HTH_FMT_TRUTH(q2_k, HTH_KIND_DUALMIN, 10, "Q2_K", 256, sizeof(Q2K), quant);

#else /* HTH_ISA_SPEED: avx2, avx512, vnni */

#define KIND  LQ_DUALMIN
#define SHIFT LQ_NONE
#define BLOCK Q2K
#include "kern/fmt/linear_q.h"

HTH_INLINE B word(const uint8_t *w, uint32_t hi, uint32_t lo, uint32_t k) {
    return word_bits(w, 4 + hi * 8 + k, (int)lo * 2, 3);
}

HTH_INLINE void scales(Panel p, uint32_t n, Scales *s) {
    (void)n;
    for (int g = 0; g < 16; g++) {
        I byte = vi_byte(word_i(p.w, (uint32_t)g / 4), g % 4);
        s->sc[g / 2][g % 2] = vi_and(byte, vi_set1(15));
        s->mn[g / 2][g % 2] = vi_srl(byte, 4);
    }
    s->d[0] = vf_half_lo(word_i(p.w, 20));
    s->dmin = vf_half_hi(word_i(p.w, 20));
}

LINEAR_Q(q2_k)

#endif

/* q5_k.c - Q5_K: 256 weights in 8 groups of 32, 5 bits each, with a 6-bit scale and a 6-bit
 * minimum per group: w = (d*sc)*q - dmin*mn.  5.5 bits per weight.
 *
 * Thread: any. */
#include "kern/fmt/fmt.h"

typedef struct Q5K {
    uint16_t d, dmin;
    uint8_t s[12]; /* hth_fmt_scale6 */
    uint8_t h[32]; /* bit b of byte i: the fifth bit of weight i of 32-block b */
    uint8_t q[128]; /* 32-blocks 2t and 2t+1: low and high nibbles of bytes 32*t .. +31 */
} Q5K;
_Static_assert(sizeof(Q5K) == 176, "Q5_K is 176 bytes on disk");

#ifndef HTH_ISA

#include "kern/fmt/search.h"

static void unpack(const uint8_t *row, uint32_t b, HthBlk *out) {
    Q5K w;
    uint32_t j = b % 8;
    memcpy(&w, row + b / 8 * sizeof w, sizeof w);
    out->d = hth_f16_to_f32(w.d);
    out->dmin = hth_f16_to_f32(w.dmin);
    hth_fmt_scale6(w.s, j, &out->sc[0], &out->mn[0]);
    for (int i = 0; i < 32; i++) {
        int lo = w.q[j / 2 * 32 + i] >> (j % 2 * 4) & 15;
        out->q[i] = (int8_t)(lo | (w.h[i] >> j & 1) << 4);
    }
}

static void quant(const float *in, const float *imp, void *blocks, size_t n) {
    uint8_t *to = blocks;
    for (size_t b = 0; b < n / 256; b++, in += 256, to += sizeof(Q5K)) {
        const float *w_imp = hth_imp_on(imp, b * 256);
        HthSuper s;
        Q5K w = { .d = 0 };
        hth_super_fit(&s, in, w_imp, 31);
        w.d = s.d;
        w.dmin = s.dmin;
        memcpy(w.s, s.scales, sizeof w.s);
        for (int i = 0; i < 256; i++) {
            w.q[i / 64 * 32 + i % 32] |= (uint8_t)((s.q[i] & 15) << (i / 32 % 2 * 4));
            w.h[i % 32] |= (uint8_t)((s.q[i] >> 4) << (i / 32));
        }
        memcpy(to, &w, sizeof w);
    }
}

HTH_FMT_TRUTH(q5_k, HTH_KIND_SUPER, 13, "Q5_K", 256, sizeof(Q5K), quant);

#else /* HTH_ISA_SPEED: avx2, avx512, vnni, amx */

#define KIND  LQ_SUPER
#define SHIFT LQ_NONE
#define BLOCK Q5K
#include "kern/fmt/linear_q.h"

HTH_INLINE B word(const uint8_t *w, uint32_t hi, uint32_t lo, uint32_t k) {
    B h = vb_srl(word_i(w, 4 + k), (int)(hi * 4));
    h = vb_and1(vb_sll(h, 4 - (int)lo), 16);
    return vb_or(word_bits(w, 12 + (hi * 2 + lo / 2) * 8 + k, lo % 2 * 4, 15), h);
}

HTH_INLINE void scales(Panel p, uint32_t n, Scales *s) {
    (void)n;
    super_scales(p.w, s);
}

LINEAR_Q(q5_k)

#endif

/* q5_1.c - Q5_1: 32 weights, a half scale and a half minimum, 5 bits each: w = d*q + m.
 * 6 bits per weight.
 *
 * Thread: any. */
#include "kern/fmt/fmt.h"

typedef struct Q5_1 {
    uint16_t d, m;
    uint8_t h[4]; /* bit i: the fifth bit of weight i */
    uint8_t q[16]; /* low nibbles: weights 0..15, high nibbles: 16..31 */
} Q5_1;
_Static_assert(sizeof(Q5_1) == 24, "Q5_1 is 24 bytes on disk");

#ifndef HTH_ISA

#include "kern/fmt/search.h"

static void unpack(const uint8_t *row, uint32_t b, HthBlk *out) {
    Q5_1 w;
    memcpy(&w, row + b * sizeof w, sizeof w);
    uint32_t h = hth_le32(w.h);
    out->d = hth_f16_to_f32(w.d);
    out->m = hth_f16_to_f32(w.m);
    for (int i = 0; i < 16; i++) {
        out->q[i] = (int8_t)((w.q[i] & 15u) | (h >> i & 1u) << 4);
        out->q[i + 16] = (int8_t)(w.q[i] >> 4 | (h >> (i + 16) & 1u) << 4);
    }
}

static void quant(const float *in, const float *imp, void *blocks, size_t n) {
    uint8_t *to = blocks;
    for (size_t b = 0; b < n / 32; b++, in += 32, to += sizeof(Q5_1)) {
        const float *w_imp = hth_imp_on(imp, b * 32);
        float m, d = hth_fit_range(in, w_imp, 32, 31, true, &m), inv = hth_fmt_inv(d);
        Q5_1 w = { .d = hth_f32_to_f16(d), .m = hth_f32_to_f16(-m) };
        for (int i = 0; i < 32; i++) {
            int q = hth_fmt_round((in[i] + m) * inv, 0, 31);
            w.q[i % 16] |= (uint8_t)((q & 15) << (i / 16 * 4));
            w.h[i / 8] |= (uint8_t)((q >> 4) << (i % 8));
        }
        memcpy(to, &w, sizeof w);
    }
}

HTH_FMT_TRUTH(q5_1, HTH_KIND_OFFSET, 7, "Q5_1", 32, sizeof(Q5_1), quant);

#else /* HTH_ISA_SPEED: avx2, avx512, vnni, amx */

#define KIND  LQ_OFFSET
#define SHIFT LQ_NONE
#define BLOCK Q5_1
#include "kern/fmt/linear_q.h"

HTH_INLINE B word(const uint8_t *w, uint32_t hi, uint32_t lo, uint32_t k) {
    (void)hi;
    (void)lo;
    return vb_or(word_bits(w, 2 + k % 4, k < 4 ? 0 : 4, 15), word_fifth(w, 1, k));
}

HTH_INLINE void scales(Panel p, uint32_t n, Scales *s) {
    scales_first_word(p, n, s);
}

LINEAR_Q(q5_1)

#endif

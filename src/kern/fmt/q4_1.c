/* q4_1.c - Q4_1: 32 weights, a half scale and a half minimum: w = d*q + m.  5 bits per weight.
 *
 * Thread: any. */
#include "kern/fmt/fmt.h"

typedef struct Q4_1 {
    uint16_t d, m;
    uint8_t q[16]; /* low nibbles: weights 0..15, high nibbles: 16..31 */
} Q4_1;
_Static_assert(sizeof(Q4_1) == 20, "Q4_1 is 20 bytes on disk");

#ifndef HTH_ISA

#include "kern/fmt/search.h"

static void unpack(const uint8_t *row, uint32_t b, HthBlk *out) {
    Q4_1 w;
    memcpy(&w, row + b * sizeof w, sizeof w);
    out->d = hth_f16_to_f32(w.d);
    out->m = hth_f16_to_f32(w.m);
    for (int i = 0; i < 16; i++) {
        out->q[i] = (int8_t)(w.q[i] & 15);
        out->q[i + 16] = (int8_t)(w.q[i] >> 4);
    }
}

static void quant(const float *in, const float *imp, void *blocks, size_t n) {
    uint8_t *to = blocks;
    for (size_t b = 0; b < n / 32; b++, in += 32, to += sizeof(Q4_1)) {
        const float *w_imp = hth_imp_on(imp, b * 32);
        float m, d = hth_fit_range(in, w_imp, 32, 15, true, &m), inv = hth_fmt_inv(d);
        Q4_1 w = { .d = hth_f32_to_f16(d), .m = hth_f32_to_f16(-m) };
        for (int i = 0; i < 16; i++) {
            int a = hth_fmt_round((in[i] + m) * inv, 0, 15);
            int c = hth_fmt_round((in[i + 16] + m) * inv, 0, 15);
            w.q[i] = (uint8_t)(a | c << 4);
        }
        memcpy(to, &w, sizeof w);
    }
}

HTH_FMT_TRUTH(q4_1, HTH_KIND_OFFSET, 3, "Q4_1", 32, sizeof(Q4_1), quant);

#else /* HTH_ISA_SPEED: avx2, avx512, vnni, amx */

#define KIND  LQ_OFFSET
#define SHIFT LQ_NONE
#define BLOCK Q4_1
#include "kern/fmt/linear_q.h"

HTH_INLINE B word(const uint8_t *w, uint32_t hi, uint32_t lo, uint32_t k) {
    (void)hi;
    (void)lo;
    return word_bits(w, 1 + k % 4, k < 4 ? 0 : 4, 15);
}

HTH_INLINE void scales(Panel p, uint32_t n, Scales *s) {
    scales_first_word(p, n, s);
}

LINEAR_Q(q4_1)

#endif

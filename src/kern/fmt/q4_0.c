/* q4_0.c - Q4_0: 32 weights, a half scale, 4 bits each: w = d*(q-8).  4.5 bits per weight.
 *
 * Thread: any. */
#include "kern/fmt/fmt.h"

typedef struct Q4_0 {
    uint16_t d;
    uint8_t q[16]; /* low nibbles: weights 0..15, high nibbles: 16..31 */
} Q4_0;
_Static_assert(sizeof(Q4_0) == 18, "Q4_0 is 18 bytes on disk");

#ifndef HTH_ISA

#include "kern/fmt/search.h"

static void unpack(const uint8_t *row, uint32_t b, HthBlk *out) {
    Q4_0 w;
    memcpy(&w, row + b * sizeof w, sizeof w);
    out->d = hth_f16_to_f32(w.d);
    for (int i = 0; i < 16; i++) {
        out->q[i] = (int8_t)((w.q[i] & 15) - 8);
        out->q[i + 16] = (int8_t)((w.q[i] >> 4) - 8);
    }
}

static void quant(const float *in, const float *imp, void *blocks, size_t n) {
    uint8_t *to = blocks;
    for (size_t b = 0; b < n / 32; b++, in += 32, to += sizeof(Q4_0)) {
        const float *w_imp = hth_imp_on(imp, b * 32);
        float d = hth_fit_signed(in, w_imp, 32, 8), inv = hth_fmt_inv(d);
        Q4_0 w = { .d = hth_f32_to_f16(d) };
        for (int i = 0; i < 16; i++) {
            int lo = hth_fmt_round(in[i] * inv, -8, 7) + 8;
            int hi = hth_fmt_round(in[i + 16] * inv, -8, 7) + 8;
            w.q[i] = (uint8_t)(lo | hi << 4);
        }
        memcpy(to, &w, sizeof w);
    }
}

HTH_FMT_TRUTH(q4_0, HTH_KIND_PLAIN, 2, "Q4_0", 32, sizeof(Q4_0), quant);

#else /* HTH_ISA_SPEED: avx2, avx512, vnni, amx */

#define KIND  LQ_PLAIN
#define SHIFT 3
#define BLOCK Q4_0
#include "kern/fmt/linear_q.h"

HTH_INLINE B word(const uint8_t *w, uint32_t hi, uint32_t lo, uint32_t k) {
    (void)hi;
    (void)lo;
    return word_bits(w, k % 4, k < 4 ? 0 : 4, 15);
}

HTH_INLINE void scales(Panel p, uint32_t n, Scales *s) {
    scales_half(p, n, s);
}

LINEAR_Q(q4_0)

#endif

/* tq2_0.c - TQ2_0: 256 weights of -1, 0, 1 with one half scale, 2 bits each: w = d*(q-1).  2.06
 * bits per weight.
 *
 * Thread: any. */
#include "kern/fmt/fmt.h"

typedef struct Tq2_0 {
    uint8_t q[64]; /* 32-block b in bytes 32*(b/4) .. +31, bits 2*(b%4) */
    uint16_t d;
} Tq2_0;
_Static_assert(sizeof(Tq2_0) == 66, "TQ2_0 is 66 bytes on disk");

#ifndef HTH_ISA

#include "kern/fmt/search.h"

static void unpack(const uint8_t *row, uint32_t b, HthBlk *out) {
    Tq2_0 w;
    const uint32_t j = b % 8;
    memcpy(&w, row + b / 8 * sizeof w, sizeof w);
    out->d = hth_f16_to_f32(w.d);
    for (uint32_t i = 0; i < 32; i++)
        out->q[i] = (int8_t)((w.q[j / 4 * 32 + i] >> (j % 4 * 2) & 3) - 1);
}

static void quant(const float *in, const float *imp, void *blocks, size_t n) {
    uint8_t *to = blocks;
    for (size_t b = 0; b < n / 256; b++, in += 256, to += sizeof(Tq2_0)) {
        const float *w_imp = hth_imp_on(imp, b * 256);
        Tq2_0 w = { .d = hth_f32_to_f16(hth_fit_ternary(in, w_imp, 256)) };
        const float inv = hth_fmt_inv(hth_f16_to_f32(w.d));
        for (int i = 0; i < 256; i++) {
            const int q = hth_fmt_round(in[i] * inv, -1, 1) + 1;
            w.q[i / 128 * 32 + i % 32] |= (uint8_t)(q << (i / 32 % 4 * 2));
        }
        memcpy(to, &w, sizeof w);
    }
}

HTH_FMT_TRUTH(tq2_0, HTH_KIND_PLAIN, 35, "TQ2_0", 256, sizeof(Tq2_0), quant);

#else /* HTH_ISA_SPEED: avx2, avx512, vnni, amx */

#define KIND  LQ_PLAIN
#define SHIFT 0
#define BLOCK Tq2_0
#include "kern/fmt/linear_q.h"

HTH_INLINE B word(const uint8_t *w, uint32_t hi, uint32_t lo, uint32_t k) {
    return word_bits(w, hi * 8 + k, (int)lo * 2, 3);
}

HTH_INLINE void scales(Panel p, uint32_t n, Scales *s) {
    (void)n;
    scales_one(p, s);
}

LINEAR_Q(tq2_0)

#endif

/* q2_0.c - Q2_0: 64 weights, one half scale, 2 bits each: w = d*(q-1), q 0..3.  2.3 bits per
 * weight.
 *
 * Thread: any. */
#include "kern/fmt/fmt.h"

typedef struct Q2_0 {
    uint16_t d;
    uint8_t q[16]; /* weight i is bits 2*(i%4) of byte i/4 */
} Q2_0;
_Static_assert(sizeof(Q2_0) == 18, "Q2_0 is 18 bytes on disk");

static void unpack(const uint8_t *row, uint32_t b, HthBlk *out) {
    Q2_0 w;
    memcpy(&w, row + b / 2 * sizeof w, sizeof w);
    out->d = hth_f16_to_f32(w.d);
    for (uint32_t i = 0; i < 32; i++)
        out->q[i] = (int8_t)((w.q[b % 2 * 8 + i / 4] >> (i % 4 * 2) & 3) - 1);
}

#ifndef HTH_ISA

#include "kern/fmt/search.h"

/* The scale may be negative: the wide side is that of the peak. */
static void quant(const float *in, const float *imp, void *blocks, size_t n) {
    uint8_t *to = blocks;
    for (size_t b = 0; b < n / 64; b++, in += 64, to += sizeof(Q2_0)) {
        const float *w_imp = hth_imp_on(imp, b * 64);
        Q2_0 w = { .d = hth_f32_to_f16(-hth_fit_signed(in, w_imp, 64, 2)) };
        const float inv = hth_fmt_inv(hth_f16_to_f32(w.d));
        for (int i = 0; i < 64; i++)
            w.q[i / 4] |= (uint8_t)((hth_fmt_round(in[i] * inv, -1, 2) + 1) << (i % 4 * 2));
        memcpy(to, &w, sizeof w);
    }
}

HTH_FMT_TRUTH(q2_0, HTH_KIND_PLAIN, 42, "Q2_0", 64, sizeof(Q2_0), quant);

#else /* HTH_ISA_SPEED: avx2, avx512, vnni */

#define KIND LQ_PLAIN
#include "kern/fmt/linear_int8.h"

LINEAR_ROWS(q2_0)

#endif

/* q1_0.c - Q1_0: 128 weights, one half scale, a sign bit each: w = +d or -d.  1.1 bits per weight.
 *
 * Thread: any. */
#include "kern/fmt/fmt.h"

typedef struct Q1_0 {
    uint16_t d;
    uint8_t q[16]; /* weight i is bit i%8 of byte i/8: set is +d */
} Q1_0;
_Static_assert(sizeof(Q1_0) == 18, "Q1_0 is 18 bytes on disk");

static void unpack(const uint8_t *row, uint32_t b, HthBlk *out) {
    Q1_0 w;
    memcpy(&w, row + b / 4 * sizeof w, sizeof w);
    out->d = hth_f16_to_f32(w.d);
    for (uint32_t i = 0; i < 32; i++)
        out->q[i] = (int8_t)((w.q[b % 4 * 4 + i / 8] >> (i % 8) & 1) * 2 - 1);
}

#ifndef HTH_ISA

/* The mean magnitude is the best scale for signs alone. */
static void quant(const float *in, const float *imp, void *blocks, size_t n) {
    uint8_t *to = blocks;
    for (size_t b = 0; b < n / 128; b++, in += 128, to += sizeof(Q1_0)) {
        const float *w_imp = hth_imp_on(imp, b * 128);
        float sum = 0.0f, all = 0.0f;
        for (int i = 0; i < 128; i++) {
            sum += hth_imp_at(w_imp, i) * (in[i] < 0.0f ? -in[i] : in[i]);
            all += hth_imp_at(w_imp, i);
        }
        Q1_0 w = { .d = hth_f32_to_f16(sum / all) };
        for (int i = 0; i < 128; i++) w.q[i / 8] |= (uint8_t)((in[i] >= 0.0f) << (i % 8));
        memcpy(to, &w, sizeof w);
    }
}

HTH_FMT_TRUTH(q1_0, HTH_KIND_PLAIN, 41, "Q1_0", 128, sizeof(Q1_0), quant);

#else /* HTH_ISA_SPEED: avx2, avx512, vnni */

#define KIND LQ_PLAIN
#include "kern/fmt/linear_int8.h"

LINEAR_ROWS(q1_0)

#endif

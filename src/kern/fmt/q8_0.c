/* q8_0.c - Q8_0: 32 weights, a half scale, int8 each: w = d*q.  8.5 bits per weight.
 *
 * Thread: any. */
#include "kern/fmt/fmt.h"

typedef struct Q8_0 {
    uint16_t d;
    int8_t q[32];
} Q8_0;
_Static_assert(sizeof(Q8_0) == 34, "Q8_0 is 34 bytes on disk");

#ifndef HTH_ISA

#include <math.h>

static void unpack(const uint8_t *row, uint32_t b, HthBlk *out) {
    Q8_0 w;
    memcpy(&w, row + b * sizeof w, sizeof w);
    out->d = hth_f16_to_f32(w.d);
    memcpy(out->q, w.q, 32);
}

/* Steps this fine need no help: the peak decides. */
static void quant(const float *in, const float *imp, void *blocks, size_t n) {
    (void)imp;
    uint8_t *to = blocks;
    for (size_t b = 0; b < n / 32; b++, in += 32, to += sizeof(Q8_0)) {
        float max = 0.0f;
        for (int i = 0; i < 32; i++) max = fmaxf(max, fabsf(in[i]));
        float d = max / 127.0f, inv = hth_fmt_inv(d);
        Q8_0 w = { .d = hth_f32_to_f16(d) };
        for (int i = 0; i < 32; i++) w.q[i] = (int8_t)hth_fmt_round(in[i] * inv, -127, 127);
        memcpy(to, &w, sizeof w);
    }
}

HTH_FMT_TRUTH(q8_0, HTH_KIND_PLAIN, 8, "Q8_0", 32, sizeof(Q8_0), quant);

#else /* HTH_ISA_SPEED: avx2, avx512, vnni, amx */

#define KIND  LQ_PLAIN
#define SHIFT LQ_SIGNED
#define BLOCK Q8_0
#include "kern/fmt/linear_q.h"

HTH_INLINE B word(const uint8_t *w, uint32_t hi, uint32_t lo, uint32_t k) {
    (void)hi;
    (void)lo;
    return word_i(w, k);
}

HTH_INLINE void scales(Panel p, uint32_t n, Scales *s) {
    scales_half(p, n, s);
}

LINEAR_Q(q8_0)

#endif

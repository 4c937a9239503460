/* mxfp4.c - MXFP4: 32 weights, a power of two, 4-bit floats (OCP Microscaling Formats 1.0):
 * w = 2^(e-127) * fp4[q].  4.25 bits per weight.
 *
 * The values are held doubled, as integers, and the scale halved: 2^(e-128), exact in a float
 * even where it is subnormal (e below 2).
 *
 * Thread: any. */
#include "kern/fmt/code16.h"

#ifndef HTH_ISA
#include <math.h>
#endif

typedef struct Mxfp4 {
    uint8_t e;
    uint8_t q[16]; /* low nibbles: weights 0..15, high nibbles: 16..31 */
} Mxfp4;
_Static_assert(sizeof(Mxfp4) == 17, "MXFP4 is 17 bytes on disk");

static float scale_of(uint8_t e) {
    return hth_bits_f32(e < 2 ? UINT32_C(0x00200000) << e : (uint32_t)(e - 1) << 23);
}

static void unpack(const uint8_t *row, uint32_t b, HthBlk *out) {
    Mxfp4 w;
    memcpy(&w, row + b * sizeof w, sizeof w);
    out->d = scale_of(w.e);
    hth_code_unpack(hth_code_fp4, w.q, out->q);
}

static float error_of(const float *x, float d, const uint8_t index[32]) {
    float sum = 0.0f;
    for (int i = 0; i < 32; i++) {
        const float off = x[i] - d * (float)hth_code_fp4[index[i]];
        sum += off * off;
    }
    return sum;
}

/* The peak's exponent makes it 8..16 (doubled, largest 12); one lower or higher may fit better. */
static void quant_block(const float *in, Mxfp4 *w) {
    const float peak = fabsf(hth_fmt_peak(in, 32));
    const int at = (int)(hth_f32_bits(peak) >> 23) - 3 + 1;
    float best = INFINITY;
    *w = (Mxfp4){ .e = 0 };
    for (int e = at - 1; e <= at + 1; e++) {
        uint8_t index[32];
        if (e < 2 || e > 254) continue;
        hth_code_nearest(hth_code_fp4, in, 1.0f / scale_of((uint8_t)e), index);
        const float error = error_of(in, scale_of((uint8_t)e), index);
        if (!(error < best)) continue;
        best = error;
        w->e = (uint8_t)e;
        hth_code_pack(index, w->q);
    }
}

static void quant(const float *in, void *blocks, size_t n) {
    uint8_t *to = blocks;
    for (size_t b = 0; b < n / 32; b++, in += 32, to += sizeof(Mxfp4)) {
        Mxfp4 w;
        quant_block(in, &w);
        memcpy(to, &w, sizeof w);
    }
}

HTH_FMT_TRUTH(mxfp4, HTH_KIND_PLAIN, 39, "MXFP4", 32, sizeof(Mxfp4), quant);

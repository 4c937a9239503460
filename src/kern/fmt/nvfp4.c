/* nvfp4.c - NVFP4: 64 weights in 4 groups of 16, each with an unsigned 8-bit float for a scale (4
 * bits of exponent, 3 of mantissa), 4-bit floats: w = scale * fp4[q].  4.5 bits per weight.
 *
 * The values are held doubled, as integers, and the scale halved.  Bit 7 of a scale is not read.
 *
 * Thread: any. */
#include "kern/fmt/code16.h"

typedef struct Nvfp4 {
    uint8_t e[4];
    uint8_t q[4][8]; /* a group's low nibbles: weights 0..7, high nibbles: 8..15 */
} Nvfp4;
_Static_assert(sizeof(Nvfp4) == 36, "NVFP4 is 36 bytes on disk");

/* Half of what a scale's byte says: exponents count from 2^-7, the lowest is subnormal; 0x7f, not a
 * number, is 0. */
static inline float scale_of(uint8_t byte) {
    const uint32_t e = byte >> 3 & 15, m = byte & 7;
    if (e == 15 && m == 7) return 0.0f;
    if (e == 0) return (float)m * 0x1p-10f;
    return hth_bits_f32((e + 127 - 8) << 23 | m << 20);
}

static void unpack(const uint8_t *row, uint32_t b, HthBlk *out) {
    Nvfp4 w;
    const uint32_t g = b % 2 * 2;
    memcpy(&w, row + b / 2 * sizeof w, sizeof w);
    out->d = scale_of(w.e[g]);
    out->m = scale_of(w.e[g + 1]);
    for (uint32_t i = 0; i < 32; i++) {
        const uint8_t q = w.q[g + i / 16][i % 8];
        out->q[i] = hth_code_fp4[q >> (i / 8 % 2 * 4) & 15];
    }
}

#ifndef HTH_ISA

#include <math.h>

/* Squared error of 16 weights with a scale; their codes. */
static float try_scale(const float *in, const float *imp, float d, uint8_t code[16]) {
    float sum = 0.0f;
    for (int i = 0; i < 16; i++) {
        float best = INFINITY;
        code[i] = 0;
        for (uint8_t c = 0; c < 16; c++) {
            const float off = fabsf(in[i] - d * (float)hth_code_fp4[c]);
            if (!(off < best)) continue;
            best = off;
            code[i] = c;
        }
        sum += hth_imp_at(imp, i) * (best * best);
    }
    return sum;
}

/* The scale that makes the peak the largest value, 12, and its neighbours. */
static uint8_t quant_group(const float *in, const float *imp, uint8_t code[16]) {
    const float peak = fabsf(hth_fmt_peak(in, 16)) / 12.0f;
    int at = 1, found = 0;
    while (at < 0x7e && scale_of((uint8_t)at) < peak) at++;
    float best = try_scale(in, imp, 0.0f, code);
    for (int e = at > 5 ? at - 5 : 1; e <= at + 3 && e <= 0x7e; e++) {
        uint8_t now[16];
        const float error = try_scale(in, imp, scale_of((uint8_t)e), now);
        if (!(error < best)) continue;
        best = error;
        found = e;
        memcpy(code, now, sizeof now);
    }
    return (uint8_t)found;
}

static void quant(const float *in, const float *imp, void *blocks, size_t n) {
    uint8_t *to = blocks;
    for (size_t b = 0; b < n / 64; b++, in += 64, to += sizeof(Nvfp4)) {
        const float *w_imp = hth_imp_on(imp, b * 64);
        Nvfp4 w;
        for (int g = 0; g < 4; g++) {
            uint8_t code[16];
            w.e[g] = quant_group(in + 16 * g, hth_imp_on(w_imp, 16 * (size_t)g), code);
            for (int i = 0; i < 8; i++) w.q[g][i] = (uint8_t)(code[i] | code[i + 8] << 4);
        }
        memcpy(to, &w, sizeof w);
    }
}

HTH_FMT_TRUTH(nvfp4, HTH_KIND_PAIR, 40, "NVFP4", 64, sizeof(Nvfp4), quant);

#else /* HTH_ISA_SPEED: avx2, avx512, vnni */

#define KIND LQ_PAIR
#include "kern/fmt/linear_int8.h"

LINEAR_ROWS(nvfp4)

#endif

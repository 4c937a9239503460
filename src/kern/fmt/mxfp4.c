/* mxfp4.c - MXFP4: 32 weights, a power of two, 4-bit floats (OCP Microscaling Formats 1.0):
 * w = 2^(e-127) * fp4[q].  4.25 bits per weight.
 *
 * The values are held doubled, as integers, and the scale halved: 2^(e-128), exact in a float
 * even where it is subnormal (e below 2).
 *
 * Thread: any. */
#include "kern/fmt/code16.h"

typedef struct Mxfp4 {
    uint8_t e;
    uint8_t q[16]; /* low nibbles: weights 0..15, high nibbles: 16..31 */
} Mxfp4;
_Static_assert(sizeof(Mxfp4) == 17, "MXFP4 is 17 bytes on disk");

#ifndef HTH_ISA

#include <math.h>

static float scale_of(uint8_t e) {
    return hth_bits_f32(e < 2 ? UINT32_C(0x00200000) << e : (uint32_t)(e - 1) << 23);
}

static void unpack(const uint8_t *row, uint32_t b, HthBlk *out) {
    Mxfp4 w;
    memcpy(&w, row + b * sizeof w, sizeof w);
    out->d = scale_of(w.e);
    hth_code_unpack(hth_code_fp4, w.q, out->q);
}

static float error_of(const float *x, const float *imp, float d, const uint8_t index[32]) {
    float sum = 0.0f;
    for (int i = 0; i < 32; i++) {
        const float off = x[i] - d * (float)hth_code_fp4[index[i]];
        sum += hth_imp_at(imp, i) * (off * off);
    }
    return sum;
}

/* The peak's exponent makes it 8..16 (doubled, largest 12); one lower or higher may fit better. */
static void quant_block(const float *in, const float *imp, Mxfp4 *w) {
    const float peak = fabsf(hth_fmt_peak(in, 32));
    const int at = (int)(hth_f32_bits(peak) >> 23) - 3 + 1;
    float best = INFINITY;
    *w = (Mxfp4){ .e = 0 };
    for (int e = at - 1; e <= at + 1; e++) {
        uint8_t index[32];
        if (e < 2 || e > 254) continue;
        hth_code_nearest(hth_code_fp4, in, 1.0f / scale_of((uint8_t)e), index);
        const float error = error_of(in, imp, scale_of((uint8_t)e), index);
        if (!(error < best)) continue;
        best = error;
        w->e = (uint8_t)e;
        hth_code_pack(index, w->q);
    }
}

static void quant(const float *in, const float *imp, void *blocks, size_t n) {
    uint8_t *to = blocks;
    for (size_t b = 0; b < n / 32; b++, in += 32, to += sizeof(Mxfp4)) {
        const float *w_imp = hth_imp_on(imp, b * 32);
        Mxfp4 w;
        quant_block(in, w_imp, &w);
        memcpy(to, &w, sizeof w);
    }
}

HTH_FMT_TRUTH(mxfp4, HTH_KIND_PLAIN, 39, "MXFP4", 32, sizeof(Mxfp4), quant);

#else /* HTH_ISA_SPEED: avx2, avx512, vnni, amx */

#define KIND  LQ_PLAIN
#define SHIFT 4
#define BLOCK Mxfp4
#include "kern/fmt/linear_q.h"

HTH_INLINE B word(const uint8_t *w, uint32_t hi, uint32_t lo, uint32_t k) {
    (void)hi;
    (void)lo;
    return word_code(hth_code_fp4_16, w, k % 4, k < 4 ? 0 : 4);
}

/* scale_of: for e below 2 the first is negative or 0, from 2 on it is greater than the second. */
HTH_INLINE void scales(Panel p, uint32_t n, Scales *s) {
    for (uint32_t j = 0; j < n; j++) {
        I e = vi_u8(p.d + (size_t)j * 16), one = vi_set1(1);
        I normal = vi_sll(vi_sub(e, one), 23), odd = vi_sll(vi_and(e, one), 21);
        s->d[j] = vf_bits(vi_max(normal, vi_add(odd, vi_set1(0x00200000))));
    }
}

LINEAR_Q(mxfp4)

#endif

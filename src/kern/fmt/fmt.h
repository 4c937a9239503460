/* fmt.h - what a weight format file provides, and the one list of them.  Private to kern.
 *
 * A format file states its byte layout, then one function that reads a block of 32 weights as
 * integers and scales.  Everything else follows from it: the floats (truth.c) and the products.
 *
 * Thread: any. */
#ifndef HTH_KERN_FMT_FMT_H
#define HTH_KERN_FMT_FMT_H

#include <string.h>

#include "base/num.h"
#include "kern/kern.h"

/* How the numbers of a block make a weight w, and what one block adds to an output's accumulator.
 * isum = sum q*x, half sums: lo = first 16, hi = last 16.  All integers below fit 24 bits, so
 * their conversion to float is exact; every line is one rounding for each f(...) and one fma. */
typedef enum HthKind {
    /* w = d*q               acc = fma(isum, f(d*dx), acc) */
    HTH_KIND_PLAIN,
    /* w = d*q + m           as PLAIN, then acc = fma(m, f(dx*sum), acc) */
    HTH_KIND_OFFSET,
    /* w = (d*sc[0])*q - dmin*mn[0]
     *                       acc = fma(isum, f((d*sc[0])*dx), acc); after the eighth block of 256:
     *                       acc = fma(-sum_j mn_j*mins[j], f(dmin*min_scale), acc)
     * d*sc[0] is exact: 11 + 6 bits. |sum| <= 8*63*32767 < 2^24. */
    HTH_KIND_SUPER,
    /* w = (d*sc[i/16])*q    acc = fma(lo*sc[0] + hi*sc[1], f(d*dx), acc)
     * |q| <= 32, |x| <= 127, |sc| <= 128: 2*16*32*127*128 = 16646144 < 2^24. */
    HTH_KIND_DUAL,
    /* w = (d*sc[i/16])*q - dmin*mn[i/16]
     *           as DUAL, then acc = fma(-(mn[0]*sum_lo + mn[1]*sum_hi), f(dmin*dx), acc)
     */
    HTH_KIND_DUALMIN,
    /* w = d*q in the first half, m*q in the second
     *                       acc = fma(lo, f(d*dx), acc), then acc = fma(hi, f(m*dx), acc) */
    HTH_KIND_PAIR,
} HthKind;

typedef struct HthBlk {
    int8_t q[32];
    float d, m, dmin;
    int32_t sc[2], mn[2];
} HthBlk;

/* Reads 32-block number b of a row. */
typedef void HthUnpackFn(const uint8_t *row, uint32_t b, HthBlk *out);

/* The truth, once for all formats (truth.c). */
void hth_truth_dequant(HthKind kind, HthUnpackFn *unpack, const void *row, float *out, size_t n);
typedef struct HthLinearArgs {
    const void *w;
    size_t row_bytes;
    uint32_t rows, k;
    const void *x;
    size_t x_stride;
    uint32_t cols;
    float *y;
    size_t ldy;
} HthLinearArgs;
void hth_truth_linear(HthKind kind, HthUnpackFn *unpack, const HthLinearArgs *a);
/* The same over panels (panel.h): a->rows is a multiple of 16. */
void hth_truth_panels(HthKind kind, HthUnpackFn *unpack, size_t block_bytes,
                      const HthLinearArgs *a);
/* Float weights: load reads element i of a row. */
typedef float HthLoadFn(const uint8_t *row, size_t i);
void hth_truth_linear_f(HthLoadFn *load, const HthLinearArgs *a);

#define HTH_LINEAR_PARAMS                                                                          \
    const void *w, size_t row_bytes, uint32_t rows, uint32_t k, const void *x, size_t x_stride,    \
        uint32_t cols, float *y, size_t ldy
#define HTH_LINEAR_ARGS (&(HthLinearArgs){ w, row_bytes, rows, k, x, x_stride, cols, y, ldy })

/* What the error of weight i counts, and how far a pointer to it moves; NULL: all the same. */
static inline float hth_imp_at(const float *imp, int i) {
    return imp != NULL ? imp[i] : 1.0f;
}
static inline const float *hth_imp_on(const float *imp, size_t n) {
    return imp != NULL ? imp + n : NULL;
}

/* The truth half of a block format: its HthFmt, dequant, encoders and tier-c product. */
#define HTH_FMT_TRUTH(sym, kind, id_, name_, len_, bytes_, quant_)                                 \
    static void sym##_dequant(const void *blocks, float *out, size_t n) {                          \
        hth_truth_dequant(kind, unpack, blocks, out, n);                                           \
    }                                                                                              \
    static void sym##_quant(const float *in, void *blocks, size_t n) {                             \
        quant_(in, NULL, blocks, n);                                                               \
    }                                                                                              \
    void hth_linear_##sym##_c(HTH_LINEAR_PARAMS) {                                                 \
        hth_truth_linear(kind, unpack, HTH_LINEAR_ARGS);                                           \
    }                                                                                              \
    void hth_panels_##sym##_c(HTH_LINEAR_PARAMS) {                                                 \
        hth_truth_panels(kind, unpack, bytes_, HTH_LINEAR_ARGS);                                   \
    }                                                                                              \
    const HthFmt hth_fmt_##sym = { id_,        name_,         len_,        bytes_,                 \
                                   HTH_ACT_Q8, sym##_dequant, sym##_quant, quant_ }

/* Formats hearth computes with, in list order. */
#define HTH_FMT_FLOATS(X) X(f32) X(f16) X(bf16)
#define HTH_FMT_BLOCKS(X)                                                                          \
    X(q8_0)                                                                                        \
    X(q4_0)                                                                                        \
    X(q4_1)                                                                                        \
    X(q5_0)                                                                                        \
    X(q5_1) X(q2_k) X(q3_k) X(q4_k) X(q5_k) X(q6_k) X(iq4_nl) X(iq4_xs) X(mxfp4) X(tq1_0) X(tq2_0)
/* Those with one scale to 32 weights, which tier amx multiplies in matrix tiles; half-block scales
 * double its work. */
#define HTH_FMT_TILES(X)                                                                           \
    X(q8_0)                                                                                        \
    X(q4_0) X(q4_1) X(q5_0) X(q5_1) X(q4_k) X(q5_k) X(iq4_nl) X(iq4_xs) X(mxfp4) X(tq1_0) X(tq2_0)
/* Formats that fast tiers unpack to int8 first (linear_int8.h): no panels, no tiles. */
#define HTH_FMT_INT8(X)                                                                            \
    X(q1_0)                                                                                        \
    X(q2_0)                                                                                        \
    X(nvfp4) X(iq1_s) X(iq1_m) X(iq2_xxs) X(iq2_xs) X(iq2_s) X(iq3_xxs) X(iq3_s)
#define HTH_FMT_LIST(X) HTH_FMT_FLOATS(X) HTH_FMT_BLOCKS(X) HTH_FMT_INT8(X)

#define HTH_FMT_DECL_ISA(sym, isa)                                                                 \
    void hth_linear_##sym##_##isa(HTH_LINEAR_PARAMS);                                              \
    void hth_panels_##sym##_##isa(HTH_LINEAR_PARAMS);
#define HTH_FMT_DECL(sym)                                                                          \
    extern const HthFmt hth_fmt_##sym;                                                             \
    HTH_FMT_DECL_ISA(sym, c)                                                                       \
    HTH_FMT_DECL_ISA(sym, neon)                                                                    \
    HTH_FMT_DECL_ISA(sym, neondot)                                                                 \
    HTH_FMT_DECL_ISA(sym, neoni8mm)                                                                \
    HTH_FMT_DECL_ISA(sym, avx2)                                                                    \
    HTH_FMT_DECL_ISA(sym, avx512)                                                                  \
    HTH_FMT_DECL_ISA(sym, avx512vnni)
#define HTH_FMT_DECL_TILES(sym)                                                                    \
    HTH_FMT_DECL_ISA(sym, amx)                                                                     \
    HTH_FMT_DECL_ISA(sym, amx_emulated) /* in hearth-check only */
HTH_FMT_LIST(HTH_FMT_DECL)
HTH_FMT_TILES(HTH_FMT_DECL_TILES)

/* Scale of a block for an encoder: 1/d, or 0 for a block of zeros. */
static inline float hth_fmt_inv(float d) {
    return d != 0.0f ? 1.0f / d : 0.0f;
}

/* Nearest integer, ties to even, held in [lo, hi]; lo for NaN. */
static inline int hth_fmt_round(float x, int lo, int hi) {
    if (!(x > (float)lo)) return lo;
    if (x > (float)hi) return hi;
    return (int)((x + 12582912.0f) - 12582912.0f); /* 1.5 * 2^23: |x| is far below 2^22 */
}
/* The value of largest magnitude, sign kept; the first of equals. */
static inline float hth_fmt_peak(const float *x, int n) {
    float peak = 0.0f;
    for (int i = 0; i < n; i++)
        if ((x[i] < 0 ? -x[i] : x[i]) > (peak < 0 ? -peak : peak)) peak = x[i];
    return peak;
}
static inline void hth_fmt_range(const float *x, int n, float *lo, float *hi) {
    *lo = *hi = x[0];
    for (int i = 1; i < n; i++) {
        if (x[i] < *lo) *lo = x[i];
        if (x[i] > *hi) *hi = x[i];
    }
}

/* 6-bit scale and minimum number j of the 12 scale bytes of Q4_K and Q5_K. */
static inline void hth_fmt_scale6(const uint8_t *s, uint32_t j, int32_t *sc, int32_t *mn) {
    if (j < 4) {
        *sc = s[j] & 63;
        *mn = s[j + 4] & 63;
    } else {
        *sc = (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
        *mn = (s[j + 4] >> 4) | (s[j] >> 6) << 4;
    }
}

#endif

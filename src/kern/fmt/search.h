/* search.h - finding scales for the encoders.  Private to kern/fmt.
 *
 * imp: what the error of each weight counts (kern.h: quant_by); NULL: all the same.
 *
 * Thread: any. */
#ifndef HTH_KERN_FMT_SEARCH_H
#define HTH_KERN_FMT_SEARCH_H

#include "kern/fmt/fmt.h"

/* Fits x = s*q - m, q in 0..qmax, s >= 0, and m >= 0 unless any_sign; returns s. */
float hth_fit_range(const float *x, const float *imp, int n, int qmax, bool any_sign, float *m_out);
/* Fits x = s*q, q in -half..half-1; returns s, whose sign lets the peak be -half. */
float hth_fit_signed(const float *x, const float *imp, int n, int half);

/* Fits x = s*q, q in -1..1, s >= 0; returns s. n: 256 at most. */
float hth_fit_ternary(const float *x, const float *imp, int n);

/* Rounds a group to (d*sc)*q - dmin*mn, q in 0..qmax: sc and mn, in and out, and their neighbours
 * in 0..top are tried. */
typedef struct HthStep {
    float d, dmin;
    int top, qmax;
} HthStep;
void hth_range_round(const float *x, const float *imp, int n, HthStep step, int *sc, int *mn,
                     uint8_t *q);
/* Rounds a group to (d*sc)*q, q in -half..half-1: sc, in and out, and its neighbours in lo..hi are
 * tried. */
void hth_signed_round(const float *x, const float *imp, int n, int half, float d, int lo, int hi,
                      int *sc, int8_t *q);

/* 256 weights as (d*sc_j)*q - dmin*mn_j, eight groups of 32. */
typedef struct HthSuper {
    uint16_t d, dmin; /* half */
    uint8_t scales[12]; /* as hth_fmt_scale6 reads them */
    uint8_t q[256];
} HthSuper;
void hth_super_fit(HthSuper *out, const float *in, const float *imp, int qmax);

/* 256 weights as (d*sc_j)*q, sixteen groups of 16, q in -32..31. */
typedef struct HthSigned {
    uint16_t d; /* half */
    int8_t scales[16];
    int8_t q[256];
} HthSigned;
void hth_signed_fit(HthSigned *out, const float *in, const float *imp);

#endif

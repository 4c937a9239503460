/* search.h - finding scales for the k-quant encoders.  Private to kern/fmt.
 *
 * Thread: any. */
#ifndef HTH_KERN_FMT_SEARCH_H
#define HTH_KERN_FMT_SEARCH_H

#include "kern/fmt/fmt.h"

/* 256 weights as (d*sc_j)*q - dmin*mn_j, eight groups of 32. */
typedef struct HthSuper {
    uint16_t d, dmin; /* half */
    uint8_t scales[12]; /* as hth_fmt_scale6 reads them */
    uint8_t q[256];
} HthSuper;
void hth_super_fit(HthSuper *out, const float *in, int qmax);

/* 256 weights as (d*sc_j)*q, sixteen groups of 16, q in -32..31. */
typedef struct HthSigned {
    uint16_t d; /* half */
    int8_t scales[16];
    int8_t q[256];
} HthSigned;
void hth_signed_fit(HthSigned *out, const float *in);

#endif

/* sgemm.h - float32 matrix products for training: C = A*B or C += A*B, any transposition.
 *
 * Per output the order is fixed: one accumulator, k ascending, one fma per step, starting from 0
 * (or from C when accumulating).  So the bits do not depend on tiling, threads or tier.
 *
 * Thread: the caller of the pool. */
#ifndef HTH_KERN_SGEMM_H
#define HTH_KERN_SGEMM_H

#include <stdbool.h>

#include "base/par.h"

typedef struct HthSgemm HthSgemm; /* packing scratch, reusable */

HTH_MUST_CHECK HthStatus hth_sgemm_open(HthSgemm **out, HthPool *pool, HthErr *err);
void hth_sgemm_close(HthSgemm **g);
/* C[m][n] (row stride ldc) = op(A)[m][k] * op(B)[k][n]; ta/tb: the stored matrix is transposed. */
void hth_sgemm(HthSgemm *g, bool ta, bool tb, uint32_t m, uint32_t n, uint32_t k, const float *a,
               size_t lda, const float *b, size_t ldb, float *c, size_t ldc, bool accumulate);

/* Floating-point operations per second of an fma loop on all of the pool's threads, the best of
 * eight goes of `rounds`: the roofline.  The usual number takes some milliseconds. */
enum { HTH_SGEMM_PEAK_ROUNDS = 40000 };
double hth_sgemm_peak(HthPool *pool, uint32_t rounds);

#endif

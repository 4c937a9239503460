/* exp.h - the constants of the float exponential.
 *
 * exp(x) = 2^n * e^r, n = rint(x/ln 2), r = x - n*ln 2, |r| <= 0.35; e^r = 1 + (r + r^2*p(r)), p of
 * degree 4 through the Chebyshev nodes (relative error 1.1e-8).  Error of the whole below 2 ulp for
 * normal results (hearth-check measures it).  Exactly: exp(0) = 1; below -104 zero, above 89
 * infinity, NaN stays NaN.
 *
 * Operations, in order, in every tier:
 *   x = hi < x ? hi : x;  x = lo > x ? lo : x      (NaN passes)
 *   t = fma(x, LOG2E, MAGIC); n = t - MAGIC; i = bits(t) - bits(MAGIC)
 *   r = fma(n, -LN2_LO, fma(n, -LN2_HI, x))
 *   p = fma(fma(fma(fma(C4, r, C3), r, C2), r, C1), r, C0);  e = 1 + fma(p, r*r, r)
 *   h = i >> 1;  result = (e * 2^h) * 2^(i-h)
 *
 * Thread: any. */
#ifndef HTH_KERN_FN_EXP_H
#define HTH_KERN_FN_EXP_H

#define HTH_EXP_HI     89.0f
#define HTH_EXP_LO     -104.0f
#define HTH_EXP_MAGIC  12582912.0f /* 1.5 * 2^23 */
#define HTH_EXP_LOG2E  0x1.715476p+0f
#define HTH_EXP_LN2_HI 0x1.62ep-1f
#define HTH_EXP_LN2_LO 0x1.0bfbe8p-15f
#define HTH_EXP_C0     0x1p-1f
#define HTH_EXP_C1     0x1.5554dcp-3f
#define HTH_EXP_C2     0x1.555518p-5f
#define HTH_EXP_C3     0x1.120be2p-7f
#define HTH_EXP_C4     0x1.6d117cp-10f

#endif

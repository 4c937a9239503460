/* math.h - elementary functions of our own, so that no answer depends on a C library.
 *
 * Double precision, built of +,-,*,/ and fma only.  For tables (rope, YaRN); kernels have their
 * own float exp (exp.h).  Relative error: exp, ln below 5e-16;
 * pow below 1e-15 * (1 + |y*ln(x)|); sin and cos: absolute 4e-16 for |x| <= 2^20, growing with
 * |x|; a |x| past 2^30, or not finite, gives NaN.
 *
 * Thread: any. */
#ifndef HTH_KERN_FN_MATH_H
#define HTH_KERN_FN_MATH_H

double hth_exp(double x); /* 0 below -746, infinity above 710 */
double hth_ln(double x); /* x > 0; -infinity for 0, NaN below */
double hth_pow(double x, double y); /* x > 0; 1 for y == 0 */
void hth_sincos(double x, double *sin_out, double *cos_out);

#endif

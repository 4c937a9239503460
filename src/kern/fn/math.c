/* math.c - see math.h.  fma is IEEE 754's: the same bits with and without hardware.
 *
 * Thread: any. */
#include "kern/fn/math.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/num.h"

static const double LN2_HI = 0x1.62e42fefa39efp-1, LN2_LO = 0x1.abc9e3b39803fp-56;
static const double ROUND = 0x1.8p52; /* adding it rounds |x| < 2^51 to an integer */

static double bits_f64(uint64_t u) {
    double d;
    memcpy(&d, &u, sizeof d);
    return d;
}

/* 2^n for -1022 <= n <= 1023. */
static double pow2(int n) {
    return bits_f64((uint64_t)(n + 1023) << 52);
}

double hth_exp(double x) {
    if (!(x == x)) return x;
    if (x > 710.0) return INFINITY;
    if (x < -746.0) return 0.0;
    double n = (x * 0x1.71547652b82fep+0 + ROUND) - ROUND;
    double r = fma(-n, LN2_LO, fma(-n, LN2_HI, x));
    double p = 1.0;
    for (int i = 14; i >= 1; i--) p = fma(p, r / i, 1.0); /* |r| < 0.35: r^15/15! < 1e-19 */
    int k = (int)n, half = k / 2;
    return p * pow2(half) * pow2(k - half);
}

double hth_ln(double x) {
    if (!(x > 0.0)) return x == 0.0 ? -INFINITY : NAN;
    if (x == INFINITY) return x;
    int e = 0;
    if (x < 0x1p-1022) {
        x *= 0x1p54;
        e = -54;
    }
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    e += (int)(u >> 52) - 1023;
    double m = bits_f64((u & 0xfffffffffffffu) | 0x3ff0000000000000u); /* in [1, 2) */
    if (m > 0x1.6a09e667f3bcdp0) {
        m *= 0.5;
        e++;
    }
    /* log m = 2 atanh f, f = (m-1)/(m+1), |f| < 0.172: terms to f^25. */
    double f = (m - 1.0) / (m + 1.0), g = f * f, s = 0.0;
    for (int i = 25; i >= 3; i -= 2) s = fma(s, g, 1.0 / i);
    return fma(e, LN2_HI, fma(e, LN2_LO, 2.0 * fma(f * g, s, f)));
}

double hth_pow(double x, double y) {
    return y == 0.0 ? 1.0 : hth_exp(y * hth_ln(x));
}

void hth_sincos(double x, double *sin_out, double *cos_out) {
    if (!(x <= 0x1p30 && x >= -0x1p30)) {
        *sin_out = *cos_out = NAN;
        return;
    }
    /* x = n*pi/2 + r, pi/2 in three parts. */
    double n = (x * 0x1.45f306dc9c883p-1 + ROUND) - ROUND;
    double r = fma(-n, 0x1.921fb54442d18p+0, x);
    r = fma(-n, 0x1.1a62633145c07p-54, r);
    r = fma(n, 0x1.f1976b7ed8fbcp-110, r);
    double g = r * r, s = 1.0, c = 1.0;
    for (int i = 19; i >= 3; i -= 2) s = fma(s, -g / (i * (i - 1)), 1.0);
    for (int i = 20; i >= 2; i -= 2) c = fma(c, -g / (i * (i - 1)), 1.0);
    s *= r;
    switch ((int64_t)n & 3) {
    case 0: *sin_out = s, *cos_out = c; break;
    case 1: *sin_out = c, *cos_out = -s; break;
    case 2: *sin_out = -s, *cos_out = -c; break;
    default: *sin_out = -c, *cos_out = s; break;
    }
}

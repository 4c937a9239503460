/* rope.c - rotary positions: the table and the rotation.
 *
 * Thread: any. */
#include "kern/fn/fn.h"

#ifndef HTH_ISA

#include <math.h>

#include "kern/fn/math.h"

void hth_rope_table(float *cs, const double *freq, uint32_t n_rot, uint32_t pos, float mscale) {
    for (uint32_t i = 0; i < n_rot / 2; i++) {
        double s, c;
        hth_sincos((double)pos * freq[i], &s, &c);
        cs[i * 2] = (float)(c * (double)mscale);
        cs[i * 2 + 1] = (float)(s * (double)mscale);
    }
}

/* a' = fma(a, c, -(b*s)), b' = fma(a, s, b*c). */
void hth_rope_c(float *x, const float *cs, uint32_t n_rot, bool neox) {
    uint32_t half = n_rot / 2;
    for (uint32_t i = 0; i < half; i++) {
        float *pa = neox ? x + i : x + (size_t)i * 2;
        float *pb = neox ? pa + half : pa + 1;
        float c = cs[i * 2], s = cs[i * 2 + 1], a = *pa, b = *pb;
        *pa = fmaf(a, c, -(b * s));
        *pb = fmaf(a, s, b * c);
    }
}

#else /* HTH_ISA_SPEED: avx2, avx512 */

#include "kern/vec/vec.h"

/* n pairs, n <= 16. */
HTH_INLINE void rotate(V a, V b, const float *cs, uint32_t n, V *a_out, V *b_out) {
    uint32_t floats = 2 * n;
    V c, s, first = vf_loadn(cs, floats < 16 ? floats : 16);
    V second = floats > 16 ? vf_loadn(cs + 16, floats - 16) : vf_zero();
    vf_unzip(first, second, &c, &s);
    *a_out = vf_fma(a, c, vf_sub(vf_set1(-0.0f), vf_mul(b, s))); /* -0 - x is exactly -x */
    *b_out = vf_fma(a, s, vf_mul(b, c));
}

void HTH_KN(rope)(float *x, const float *cs, uint32_t n_rot, bool neox) {
    uint32_t half = n_rot / 2;
    for (uint32_t i = 0; i < half; i += 16) {
        uint32_t n = half - i < 16 ? half - i : 16;
        V a, b;
        if (neox) {
            rotate(vf_loadn(x + i, n), vf_loadn(x + half + i, n), cs + 2 * i, n, &a, &b);
            vf_storen(x + i, a, n);
            vf_storen(x + half + i, b, n);
        } else {
            float *p = x + 2 * i;
            uint32_t n1 = 2 * n < 16 ? 2 * n : 16, n2 = 2 * n - n1;
            vf_unzip(vf_loadn(p, n1), n2 > 0 ? vf_loadn(p + 16, n2) : vf_zero(), &a, &b);
            rotate(a, b, cs + 2 * i, n, &a, &b);
            V first, second;
            vf_zip(a, b, &first, &second);
            vf_storen(p, first, n1);
            if (n2 > 0) vf_storen(p + 16, second, n2);
        }
    }
}

#endif

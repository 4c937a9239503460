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

#endif

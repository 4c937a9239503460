/* adapt.c - what an adapter adds to a row of a product: y += scale * (B t), B in panels.
 *
 * A panel is 16 outputs: [rank][16], zeros where there are fewer.  A lane is an output, and no sum
 * crosses lanes: d = 0, then d = fma(b[j], t[j], d) for j ascending, then y = fma(scale, d, y).
 *
 * Thread: any. */
#include "kern/fn/more.h"

enum { LANES = HTH_PANEL_ROWS };

#ifndef HTH_ISA

#include <math.h>

void hth_adapt_c(float *y, const float *panels, const float *t, uint32_t rank, uint32_t rows,
                 float scale) {
    for (uint32_t r = 0; r < rows; r++) {
        const float *b = panels + (size_t)(r / LANES) * rank * LANES + r % LANES;
        float d = 0.0f;
        for (uint32_t j = 0; j < rank; j++) d = fmaf(b[(size_t)j * LANES], t[j], d);
        y[r] = fmaf(scale, d, y[r]);
    }
}

#else /* HTH_ISA_SPEED: avx2, avx512 */

#include "kern/vec/vec.h"

void HTH_KN(adapt)(float *y, const float *panels, const float *t, uint32_t rank, uint32_t rows,
                   float scale) {
    const V s = vf_set1(scale);
    for (uint32_t r = 0; r < rows; r += LANES, panels += (size_t)rank * LANES) {
        const uint32_t n = rows - r < LANES ? rows - r : LANES;
        V d = vf_zero();
        for (uint32_t j = 0; j < rank; j++)
            d = vf_fma(vf_load(panels + (size_t)j * LANES), vf_set1(t[j]), d);
        if (n == LANES)
            vf_store(y + r, vf_fma(s, d, vf_load(y + r)));
        else
            vf_storen(y + r, vf_fma(s, d, vf_loadn(y + r, n)), n);
    }
}

#endif

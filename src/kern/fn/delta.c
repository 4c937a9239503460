/* delta.c - one step of the gated delta rule, on the state of one head.
 *
 * The state is [dim_k][dim_v]; a lane is a column, and no sum crosses lanes: every tier adds in the
 * order of the keys' dimensions.
 *
 * Thread: any. */
#include "kern/fn/more.h"

#ifndef HTH_ISA

#include <math.h>

void hth_delta_c(float *state, const HthDeltaRow *r, float *out) {
    const uint32_t dk = r->dim_k, dv = r->dim_v;
    for (uint32_t j = 0; j < dv; j++) {
        float had = 0.0f, sum = 0.0f;
        float *s = state + j;
        for (uint32_t i = 0; i < dk; i++) {
            s[(size_t)i * dv] *= r->decay;
            had = fmaf(s[(size_t)i * dv], r->k[i], had);
        }
        const float d = (r->plain ? r->v[j] : r->v[j] - had) * r->beta;
        for (uint32_t i = 0; i < dk; i++) {
            s[(size_t)i * dv] = fmaf(r->k[i], d, s[(size_t)i * dv]);
            sum = fmaf(s[(size_t)i * dv], r->q[i], sum);
        }
        out[j] = sum;
    }
}

#else /* HTH_ISA_SPEED: avx2, avx512 */

#include "kern/vec/vec.h"

/* n columns from s on, at most 16. */
HTH_INLINE void some(float *s, const HthDeltaRow *r, const float *v, float *out, uint32_t n) {
    const uint32_t dk = r->dim_k;
    const size_t step = r->dim_v;
    V had = vf_zero(), sum = vf_zero();
    const V decay = vf_set1(r->decay);
    float *p = s;
    for (uint32_t i = 0; i < dk; i++, p += step) {
        const V x = vf_mul(n == 16 ? vf_load(p) : vf_loadn(p, n), decay);
        had = vf_fma(x, vf_set1(r->k[i]), had);
        if (n == 16)
            vf_store(p, x);
        else
            vf_storen(p, x, n);
    }
    V d = n == 16 ? vf_load(v) : vf_loadn(v, n);
    if (!r->plain) d = vf_sub(d, had);
    d = vf_mul(d, vf_set1(r->beta));
    p = s;
    for (uint32_t i = 0; i < dk; i++, p += step) {
        const V x = vf_fma(vf_set1(r->k[i]), d, n == 16 ? vf_load(p) : vf_loadn(p, n));
        sum = vf_fma(x, vf_set1(r->q[i]), sum);
        if (n == 16)
            vf_store(p, x);
        else
            vf_storen(p, x, n);
    }
    vf_storen(out, sum, n);
}

void HTH_KN(delta)(float *state, const HthDeltaRow *r, float *out) {
    uint32_t j = 0;
    for (; j + 16 <= r->dim_v; j += 16) some(state + j, r, r->v + j, out + j, 16);
    if (j < r->dim_v) some(state + j, r, r->v + j, out + j, r->dim_v - j);
}

#endif

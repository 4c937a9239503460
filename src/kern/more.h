/* more.h - kernels that only some architectures need: other activations and norms, attention with
 * windows and bounded scores.  The contract is kern.h's: every tier gives the bits of tier "c".
 *
 * Thread: any. */
#ifndef HTH_KERN_MORE_H
#define HTH_KERN_MORE_H

#include "kern/kern.h"

/* What attention does to scores before they become weights. */
typedef struct HthAttendBend {
    const uint32_t *skip; /* [queries] positions before count that each may not see; NULL: none */
    float cap; /* scores become cap * tanh(score / cap); 0: as they are */
    const float *slope; /* [queries] what scores then fall by with each position; NULL: nothing */
    /* [queries], with slope: positions from the page's first to their own; less than none where
     * that is before the page. */
    const int32_t *away;
} HthAttendBend;

/* One token as one head of the gated delta rule sees it. */
typedef struct HthDeltaRow {
    const float *q, *k, *v; /* [dim_k], [dim_k], [dim_v] */
    uint32_t dim_k, dim_v;
    float decay, beta;
    bool plain; /* v is added, whatever there is under k */
} HthDeltaRow;

typedef struct HthKernMore {
    /* gelu(gate) * up with gelu by tanh; up NULL means ones. y may be gate or up. */
    void (*geglu)(float *y, const float *gate, const float *up, uint32_t n);
    /* y = (x - mean) / sqrt(variance + eps) * w + b; b NULL means zeros. y may be x. */
    void (*layernorm)(float *y, const float *x, const float *w, const float *b, uint32_t n,
                      float eps);
    void (*softcap)(float *y, const float *x, uint32_t n, float cap); /* cap * tanh(x / cap) */
    void (*attend_bent)(const HthAttendPage *page, const HthAttendBend *bend);
    /* state [dim_k][dim_v]: times decay, then what it has under k moved towards v by beta, or v
     * times beta added to it; out [dim_v] is what it then has under q. */
    void (*delta)(float *state, const HthDeltaRow *row, float *out);
    /* y [rows] += scale * (B t [rank]); B is panels [rank][HTH_PANEL_ROWS], the last one filled up
     * with zeros; whole cache lines (fn/adapt.c). */
    void (*adapt)(float *y, const float *panels, const float *t, uint32_t rank, uint32_t rows,
                  float scale);
} HthKernMore;

/* Those of a tier. */
const HthKernMore *hth_kern_more(const HthKern *kern);

#endif

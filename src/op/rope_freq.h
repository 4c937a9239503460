/* rope_freq.h - the rotation speed of every pair of a head, fixed when a model opens.
 *
 * Built with our own log and exp (kern/fn/math.h): the bits of the logits depend on it, and a libm
 * may differ from machine to machine.
 *
 * Thread: any. */
#ifndef HTH_OP_ROPE_FREQ_H
#define HTH_OP_ROPE_FREQ_H

#include "base/err.h"

typedef struct HthRopeCfg {
    uint32_t n_rot; /* rotating dimensions of a head, even */
    double base; /* > 1 */
    double scale; /* every speed times this: 1 / context stretch */
    double attn_factor; /* multiplies cos and sin */
    /* YaRN: ext > 0 blends the stretched speed with the original one, pair by pair: pairs that
     * turn more than beta_fast times over ctx_orig keep their speed, those below beta_slow
     * turns are stretched, with a straight ramp between. */
    double ext, beta_fast, beta_slow;
    double log_mul; /* second magnitude term, 0: none */
    uint32_t ctx_orig;
    const float *factors; /* [n_rot/2] divisors of the speeds (llama 3), or NULL */
} HthRopeCfg;

/* Fills freq[n_rot/2] (radians per position) and the factor on cos and sin.
 * EFORMAT: a factor is zero or not finite. */
HTH_MUST_CHECK HthStatus hth_rope_freqs(const HthRopeCfg *cfg, double *freq, float *mscale_out,
                                        HthErr *err);

#endif

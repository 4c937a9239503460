/* rope_freq.c - see rope_freq.h.
 *
 * Thread: any. */
#include "op/rope_freq.h"

#include "kern/fn/math.h"

static const double TAU = 0x1.921fb54442d18p+2;

/* The (fractional) pair that turns `turns` times over ctx positions. */
static double pair_of_turns(const HthRopeCfg *c, double turns) {
    return c->n_rot * hth_ln(c->ctx_orig / (turns * TAU)) / (2.0 * hth_ln(c->base));
}

static double whole_down(double x) { /* floor, |x| < 2^31 */
    double t = (double)(int64_t)x;
    return t > x ? t - 1.0 : t;
}

static double magnitude(double stretch, double mul) {
    return stretch <= 1.0 ? 1.0 : 0.1 * mul * hth_ln(stretch) + 1.0;
}

HthStatus hth_rope_freqs(const HthRopeCfg *c, double *freq, float *mscale_out, HthErr *err) {
    uint32_t pairs = c->n_rot / 2;
    for (uint32_t i = 0; c->factors && i < pairs; i++) {
        double f = c->factors[i];
        HTH_REQUIRE(f - f == 0.0 && (f > 1e-6 || f < -1e-6), err, HTH_EFORMAT,
                    "rope_freqs.weight: factor %u is zero or not a finite number", i);
    }
    double low = 0.0, width = 1.0, mscale = c->attn_factor;
    if (c->ext > 0.0) {
        low = whole_down(pair_of_turns(c, c->beta_fast));
        double high = -whole_down(-pair_of_turns(c, c->beta_slow));
        if (low < 0.0) low = 0.0;
        if (high > c->n_rot - 1.0) high = c->n_rot - 1.0;
        width = high - low > 0.001 ? high - low : 0.001;
        double stretch = 1.0 / c->scale;
        mscale *= magnitude(stretch, 1.0);
        if (c->log_mul > 0.0) mscale /= magnitude(stretch, c->log_mul);
    }
    double step = -2.0 * hth_ln(c->base) / c->n_rot;
    for (uint32_t i = 0; i < pairs; i++) {
        double plain = hth_exp(step * i) / (c->factors ? (double)c->factors[i] : 1.0);
        double y = (i - low) / width;
        double keep = c->ext > 0.0 ? c->ext * (1.0 - (y < 0.0 ? 0.0 : y > 1.0 ? 1.0 : y)) : 0.0;
        freq[i] = plain * c->scale * (1.0 - keep) + plain * keep;
    }
    *mscale_out = (float)mscale;
    return HTH_OK;
}

/* rope_freq_test.c - rotation speeds against the formulas in libm doubles.
 *
 * Thread: one. */
#include "support/test.h"

#include <math.h>

#include "base/rng.h"
#include "op/rope_freq.h"

static const HthRopeCfg plain = { .n_rot = 64, .base = 10000, .scale = 1, .attn_factor = 1 };

static void close_to(double got, double want) {
    if (fabs(got - want) > 1e-13 * fabs(want)) fail_msg("%.17g, wanted %.17g", got, want);
}

static void plain_and_linear(void **state) {
    (void)state;
    HthErr err = { 0 };
    double f[64];
    float m;
    for (uint32_t n = 2; n <= 128; n += 2) {
        HthRopeCfg c = plain;
        c.n_rot = n;
        c.base = 1.5 + n * 7777.0;
        c.scale = 1.0 / (1 + n % 5);
        assert_ok(hth_rope_freqs(&c, f, &m, &err), err);
        for (uint32_t i = 0; i < n / 2; i++) close_to(f[i], pow(c.base, -2.0 * i / n) * c.scale);
        assert_true(m == 1.0f);
    }
}

static void factors_divide(void **state) {
    (void)state;
    HthErr err = { 0 };
    double f[32], g[32];
    float factors[32], m;
    HthRopeCfg c = plain;
    assert_ok(hth_rope_freqs(&c, f, &m, &err), err);
    for (int i = 0; i < 32; i++) factors[i] = i % 2 ? 8.0f : -0.25f;
    c.factors = factors;
    assert_ok(hth_rope_freqs(&c, g, &m, &err), err);
    for (int i = 0; i < 32; i++) close_to(g[i], f[i] / (double)factors[i]);
    const float bad[] = { 0.0f, -0.0f, INFINITY, NAN, 1e-30f };
    for (size_t i = 0; i < HTH_COUNT(bad); i++) {
        factors[3] = bad[i];
        double before = g[0];
        assert_status(hth_rope_freqs(&c, g, &m, &err), HTH_EFORMAT, err);
        assert_true(g[0] == before); /* outputs untouched */
    }
}

/* YaRN written the long way: wavelengths against the trained context. */
static void yarn(void **state) {
    (void)state;
    HthErr err = { 0 };
    for (uint64_t k = 0; k < 200; k++) {
        uint32_t r[4];
        hth_rng_block(4, 4, k, r);
        double f[64], factor = 1.5 + r[0] % 32;
        float m;
        HthRopeCfg c = { .n_rot = 16 + 2 * (r[1] % 56), .base = 5e3 + r[2] % 1000000 };
        c.scale = 1 / factor;
        c.attn_factor = 0.5 + r[3] % 3;
        c.ext = 1;
        c.beta_fast = 32;
        c.beta_slow = 1;
        c.ctx_orig = 64u << (r[3] >> 8 & 7);
        assert_ok(hth_rope_freqs(&c, f, &m, &err), err);
        double d0 = c.n_rot * log(c.ctx_orig / (32 * 2 * M_PI)) / (2 * log(c.base));
        double d1 = c.n_rot * log(c.ctx_orig / (2 * M_PI)) / (2 * log(c.base));
        double low = fmax(floor(d0), 0), high = fmin(ceil(d1), c.n_rot - 1.0);
        for (uint32_t i = 0; i < c.n_rot / 2; i++) {
            double ramp = fmin(1, fmax(0, (i - low) / fmax(high - low, 0.001)));
            double speed = pow(c.base, -2.0 * i / c.n_rot);
            close_to(f[i], speed / factor * ramp + speed * (1 - ramp));
        }
        assert_true(fabs((double)m - c.attn_factor * (1 + 0.1 * log(factor))) < 1e-6);
        c.log_mul = 1; /* both magnitudes cancel */
        assert_ok(hth_rope_freqs(&c, f, &m, &err), err);
        assert_true(fabs((double)m - c.attn_factor) < 1e-6);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_and_linear),
        cmocka_unit_test(factors_divide),
        cmocka_unit_test(yarn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

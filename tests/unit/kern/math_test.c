/* math_test.c - our exp, log, pow, sin and cos against the C library's, and their edges. */
#include "support/test.h"

#include <math.h>

#include "base/rng.h"
#include "kern/fn/math.h"

static double rel(double got, double want) {
    return fabs(got - want) / fabs(want);
}

static void exp_and_log(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 100000; i++) {
        double x = (hth_rng_f64(1, 1, i) - 0.5) * 1400,
               y = exp((hth_rng_f64(1, 2, i) - 0.5) * 1400);
        assert_true(rel(hth_exp(x), exp(x)) < 5e-16);
        assert_true(fabs(hth_ln(y) - log(y)) <= 4e-16 * fabs(log(y)) + 1e-18);
        double near = 1.0 + (hth_rng_f64(1, 3, i) - 0.5) * 1e-3;
        assert_true(fabs(hth_ln(near) - log(near)) <= 5e-16 * fabs(log(near)));
    }
    assert_true(hth_exp(0.0) == 1.0 && hth_ln(1.0) == 0.0);
    assert_true(isinf(hth_exp(711.0)) && hth_exp(-747.0) == 0.0 && isnan(hth_exp(NAN)));
    assert_true(rel(hth_exp(-740.0), exp(-740.0)) < 0.01); /* subnormal */
    assert_true(rel(hth_ln(5e-324), log(5e-324)) < 1e-15);
    assert_true(isinf(hth_ln(0.0)) && isnan(hth_ln(-1.0)) && isnan(hth_ln(NAN)));
    assert_true(isinf(hth_ln(INFINITY)));
}

static void powers(void **state) {
    (void)state;
    static const double bases[] = { 10000.0, 500000.0, 1000000.0, 2.0, 0.37, 1e9 };
    for (size_t b = 0; b < HTH_COUNT(bases); b++)
        for (int i = 0; i < 256; i++) {
            double y = -2.0 * i / 128.0;
            assert_true(rel(hth_pow(bases[b], y), pow(bases[b], y)) < 2e-14);
        }
    assert_true(hth_pow(7.0, 0.0) == 1.0);
}

static void sines(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 200000; i++) {
        double x = (hth_rng_f64(2, 1, i) - 0.5) * (i % 2 == 0 ? 2097152.0 : 20.0), s, c;
        hth_sincos(x, &s, &c);
        assert_true(fabs(s - sin(x)) < 4e-16 && fabs(c - cos(x)) < 4e-16);
    }
    double s, c;
    hth_sincos(0.0, &s, &c);
    assert_true(s == 0.0 && c == 1.0);
    hth_sincos(1e300, &s, &c);
    assert_true(isnan(s) && isnan(c));
    hth_sincos(NAN, &s, &c);
    assert_true(isnan(s) && isnan(c));
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(exp_and_log), cmocka_unit_test(powers),
                                        cmocka_unit_test(sines) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* rng_test.c - known answers, ranges, and rough shapes of the distributions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"

/* Philox 4x32-10 known answers as published with the paper: zeros, ones, digits of pi. */
static void known_answers(void **state) {
    (void)state;
    static const struct {
        uint64_t seed, stream, index;
        uint32_t want[4];
    } cases[] = {
        { 0, 0, 0, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { UINT64_MAX, UINT64_MAX, UINT64_MAX, { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { 0x299f31d0a4093822,
          0x0370734413198a2e,
          0x85a308d3243f6a88,
          { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };
    for (int c = 0; c < 3; c++) {
        uint32_t got[4];
        hth_rng_block(cases[c].seed, cases[c].stream, cases[c].index, got);
        for (int i = 0; i < 4; i++) assert_int_equal(got[i], cases[c].want[i]);
        assert_int_equal(hth_rng_u32(cases[c].seed, cases[c].stream, cases[c].index), got[0]);
    }
}

static void unit_interval(void **state) {
    (void)state;
    double sum = 0;
    for (uint64_t i = 0; i < 100000; i++) {
        const double u = hth_rng_f64(7, 3, i);
        assert_true(u >= 0 && u < 1);
        sum += u;
    }
    assert_true(sum > 49500 && sum < 50500); /* mean 1/2, standard error 0.0009 */
}

static void below_is_even(void **state) {
    (void)state;
    uint32_t hits[7] = { 0 };
    for (uint64_t i = 0; i < 70000; i++) {
        const uint32_t v = hth_rng_below(1, 2, i, 7);
        assert_true(v < 7);
        hits[v]++;
    }
    for (int v = 0; v < 7; v++) assert_in_range(hits[v], 9500, 10500);
    for (uint64_t i = 0; i < 100; i++) {
        assert_int_equal(hth_rng_below(1, 2, i, 1), 0);
        assert_true(hth_rng_below(1, 2, i, UINT32_MAX) < UINT32_MAX);
    }
}

static void normal_moments(void **state) {
    (void)state;
    double sum = 0, square = 0;
    for (uint64_t i = 0; i < 100000; i++) {
        const double x = hth_rng_normal(5, 5, i);
        assert_true(x > -9 && x < 9);
        sum += x, square += x * x;
    }
    assert_true(sum > -1500 && sum < 1500);
    assert_true(square > 98000 && square < 102000);
}

static void entropy_differs(void **state) {
    (void)state;
    assert_true(hth_rng_entropy() != hth_rng_entropy());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),   cmocka_unit_test(unit_interval),
        cmocka_unit_test(below_is_even),   cmocka_unit_test(normal_moments),
        cmocka_unit_test(entropy_differs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

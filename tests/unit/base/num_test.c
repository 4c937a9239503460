/* num_test.c - all 65536 halves there and back, rounding against exact arithmetic, loads. */
#include "support/test.h"

#include <math.h>

#include "base/num.h"
#include "base/rng.h"

/* The value of a half by its definition, in double, where everything here is exact. */
static double half_value(uint16_t h) {
    const int exp = h >> 10 & 31, frac = h & 1023;
    const double mag = exp ? ldexp(1024 + frac, exp - 25) : ldexp(frac, -24);
    return h & 0x8000 ? -mag : mag;
}

static void every_half(void **state) {
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        const float f = hth_f16_to_f32((uint16_t)h);
        const bool special = (h >> 10 & 31) == 31;
        if (special && (h & 1023)) {
            assert_true(f != f);
            assert_int_equal(hth_f32_bits(f) >> 31, h >> 15);
            assert_int_equal(hth_f32_to_f16(f), h | 0x200); /* quiet, payload kept */
            continue;
        }
        if (special)
            assert_true(f == (h & 0x8000 ? -INFINITY : INFINITY));
        else
            assert_true((double)f == half_value((uint16_t)h));
        assert_int_equal(hth_f32_bits(f) >> 31, h >> 15); /* also the sign of zero */
        assert_int_equal(hth_f32_to_f16(f), h);
    }
}

static void every_bf16(void **state) {
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        const float f = hth_bf16_to_f32((uint16_t)h);
        assert_int_equal(hth_f32_bits(f), h << 16);
        assert_int_equal(hth_f32_to_bf16(f), f != f ? h | 0x40 : h);
    }
}

/* |f| must lie between the midpoints around the chosen half; on a midpoint the choice is even. */
static void check_rounding(float f) {
    const uint16_t h = hth_f32_to_f16(f), m = h & 0x7FFF;
    const double x = fabs((double)f);
    assert_int_equal(h >> 15, hth_f32_bits(f) >> 31);
    if (m == 0x7C00) {
        assert_true(x >= 65520);
        return;
    }
    const double here = fabs(half_value(m));
    const double above = m == 0x7BFF ? 65536 : fabs(half_value((uint16_t)(m + 1)));
    const double up = (here + above) / 2,
                 down = m ? (here + fabs(half_value((uint16_t)(m - 1)))) / 2 : 0;
    if (x > up || x < down || ((x == up || (m && x == down)) && (m & 1)))
        fail_msg("%.9g becomes %04x", (double)f, h);
}

static void rounds_to_nearest_even(void **state) {
    (void)state;
    for (uint32_t h = 0; h < 0x7C00; h++) { /* every half, every midpoint, and their neighbours */
        const double here = half_value((uint16_t)h);
        const double next = h == 0x7BFF ? 65536 : half_value((uint16_t)(h + 1));
        const float points[] = { (float)here, (float)((here + next) / 2) };
        for (int k = 0; k < 2; k++)
            for (int step = -1; step <= 1; step++) {
                if (points[k] == 0 && step < 0) continue;
                const float f = hth_bits_f32(hth_f32_bits(points[k]) + (uint32_t)step);
                check_rounding(f);
                check_rounding(-f);
            }
    }
    for (uint64_t i = 0; i < 300000; i++) {
        const float f = hth_bits_f32(hth_rng_u32(1, 1, i));
        if (f == f) check_rounding(f);
    }
}

static void bf16_rounds_to_nearest_even(void **state) {
    (void)state;
    for (uint32_t h = 0; h < 0x7F80; h++) {
        static const uint32_t low[] = { 0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF };
        for (size_t k = 0; k < HTH_COUNT(low); k++) {
            const uint32_t up = low[k] > 0x8000 || (low[k] == 0x8000 && (h & 1));
            assert_int_equal(hth_f32_to_bf16(hth_bits_f32(h << 16 | low[k])), h + up);
            assert_int_equal(hth_f32_to_bf16(hth_bits_f32(0x80000000 | h << 16 | low[k])),
                             0x8000 + h + up);
        }
    }
    assert_int_equal(hth_f32_to_bf16(hth_bits_f32(0x7F800001)), 0x7FC0); /* a NaN stays one */
    assert_int_equal(hth_f32_to_bf16(hth_bits_f32(0xFFFFFFFF)), 0xFFFF);
}

static void loads_from_any_alignment(void **state) {
    (void)state;
    uint8_t b[16];
    for (uint8_t i = 0; i < 16; i++) b[i] = (uint8_t)(0xF0 + i);
    for (unsigned at = 0; at < 8; at++) {
        uint64_t want = 0;
        for (unsigned i = 8; i-- > 0;) want = want << 8 | b[at + i];
        assert_true(hth_le64(b + at) == want);
        assert_int_equal(hth_le32(b + at), (uint32_t)want);
        assert_int_equal(hth_le16(b + at), (uint16_t)want);
    }
}

static void arithmetic_notices_overflow(void **state) {
    (void)state;
    size_t r;
    assert_false(hth_mul_over(1u << 20, 1u << 20, &r));
    assert_true(r == (size_t)1 << 40);
    assert_true(hth_mul_over(SIZE_MAX, 2, &r));
    assert_false(hth_add_over(SIZE_MAX - 1, 1, &r));
    assert_true(r == SIZE_MAX);
    assert_true(hth_add_over(SIZE_MAX, 1, &r));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half),
        cmocka_unit_test(every_bf16),
        cmocka_unit_test(rounds_to_nearest_even),
        cmocka_unit_test(bf16_rounds_to_nearest_even),
        cmocka_unit_test(loads_from_any_alignment),
        cmocka_unit_test(arithmetic_notices_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* digits_test.c - shortest digits: published cases, powers of two, random bits against a search. */
#include "support/test.h"

#include <math.h>

#include "base/digits.h"
#include "base/rng.h"

static double of_bits(uint64_t bits) {
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static void expect(double v, const char *digits, int exp10) {
    char got[HTH_DIGITS_MAX + 1] = "";
    int e = -1;
    const size_t n = hth_digits_f64(v, got, &e);
    got[n] = '\0';
    assert_string_equal(got, digits);
    assert_int_equal(e, exp10);
}

/* RFC 8785, appendix B, and the smallest and largest there are. */
static void published(void **state) {
    (void)state;
    expect(0, "0", 0);
    expect(of_bits(1), "5", -324);
    expect(of_bits(0x7fefffffffffffff), "17976931348623157", 308);
    expect(of_bits(0x4340000000000000), "9007199254740992", 15);
    expect(of_bits(0x4430000000000000), "29514790517935283", 20);
    expect(of_bits(0x44b52d02c7e14af5), "9999999999999997", 22);
    expect(of_bits(0x44b52d02c7e14af6), "1", 23);
    expect(of_bits(0x44b52d02c7e14af7), "10000000000000001", 23);
    expect(of_bits(0x444b1ae4d6e2ef4e), "9999999999999997", 20);
    expect(of_bits(0x444b1ae4d6e2ef50), "1", 21);
    expect(of_bits(0x3eb0c6f7a0b5ed8c), "9999999999999997", -7);
    expect(of_bits(0x3eb0c6f7a0b5ed8d), "1", -6);
    expect(of_bits(0x41b3de4355555553), "3333333333333332", 8);
    expect(of_bits(0x41b3de4355555554), "33333333333333325", 8);
    expect(of_bits(0x41b3de4355555557), "33333333333333343", 8);
    expect(of_bits(0x43143ff3c1cb0959), "14249539237812062", 15); /* a tie: to even */
    expect(0x1p-44, "5684341886080802", -14); /* not the nearest of 16 digits, but one that reads */
    expect(0x1p-1074 * 2, "1", -323);
    expect(1250, "125", 3);
    expect(0.1, "1", -1);
}

static double read_back(const char *digits, size_t n, int exp10) {
    char text[64];
    snprintf(text, sizeof text, "%.*se%d", (int)n, digits, exp10 - (int)n + 1);
    return strtod(text, NULL);
}

/* What is printed reads back; no decimal of one digit fewer does, neither the nearest nor the two
 * beside it. */
static void check(double v) {
    char digits[HTH_DIGITS_MAX + 1] = "", fewer[40];
    int e;
    const size_t n = hth_digits_f64(v, digits, &e);
    assert_true(n >= 1 && n <= HTH_DIGITS_MAX && digits[0] != '0');
    assert_true(n == 1 || digits[n - 1] != '0');
    assert_true(read_back(digits, n, e) == v);
    if (n == 1) return;
    for (int step = -1; step <= 1; step++) {
        snprintf(fewer, sizeof fewer, "%.*e", (int)n - 2, v);
        char *exponent = strchr(fewer, 'e');
        char whole[40] = "";
        size_t k = 0;
        for (const char *p = fewer; p < exponent; p++)
            if (*p != '.') whole[k++] = *p;
        const long long near = strtoll(whole, NULL, 10) + step;
        const int scale = (int)strtol(exponent + 1, NULL, 10) - (int)n + 2;
        snprintf(whole, sizeof whole, "%llde%d", near, scale);
        assert_false(strtod(whole, NULL) == v);
    }
}

static void powers_of_two(void **state) {
    (void)state;
    for (int e = -1074; e < 1024; e++) {
        check(ldexp(1, e));
        check(nextafter(ldexp(1, e), INFINITY));
        if (e > -1074) check(nextafter(ldexp(1, e), 0));
    }
}

static void random_bits(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 20000; i++) {
        uint32_t w[4];
        hth_rng_block(30, 1, i, w);
        const double v = of_bits(((uint64_t)w[0] << 32 | w[1]) & INT64_MAX);
        if (isfinite(v) && v > 0) check(v);
        check((double)(w[2] % 100000 + 1) / (double)(w[3] % 1000 + 1));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published),
        cmocka_unit_test(powers_of_two),
        cmocka_unit_test(random_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

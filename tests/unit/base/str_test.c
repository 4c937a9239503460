/* str_test.c - slices compared, searched and cut; numbers read strictly. */
#include "support/test.h"

#include "base/rng.h"
#include "base/str.h"

static void compares(void **state) {
    (void)state;
    assert_int_equal(hth_str(NULL).n, 0);
    assert_true(hth_str_eq(hth_str("abc"), HTH_STR("abc")));
    assert_true(hth_str_eq((HthStr){ NULL, 0 }, HTH_STR("")));
    assert_false(hth_str_eq(HTH_STR("abc"), HTH_STR("abd")));
    assert_false(hth_str_eq(HTH_STR("abc"), HTH_STR("ab")));
    assert_true(hth_str_starts(HTH_STR("abc"), HTH_STR("ab")));
    assert_true(hth_str_starts(HTH_STR("abc"), HTH_STR("")));
    assert_false(hth_str_starts(HTH_STR("ab"), HTH_STR("abc")));
    assert_true(hth_str_ends(HTH_STR("abc"), HTH_STR("bc")));
    assert_true(hth_str_ends(HTH_STR(""), HTH_STR("")));
    assert_false(hth_str_ends(HTH_STR("abc"), HTH_STR("ab")));
    assert_true(hth_str_cmp(HTH_STR("a"), HTH_STR("b")) < 0);
    assert_true(hth_str_cmp(HTH_STR("ab"), HTH_STR("a")) > 0);
    assert_true(hth_str_cmp(HTH_STR("\xFF"), HTH_STR("a")) > 0);
    assert_int_equal(hth_str_cmp(HTH_STR("a"), HTH_STR("a")), 0);
    assert_int_equal(hth_str_cmp((HthStr){ NULL, 0 }, (HthStr){ NULL, 0 }), 0);
}

static size_t naive_find(HthStr s, HthStr needle) {
    for (size_t i = 0; i + needle.n <= s.n; i++)
        if (!memcmp(s.p + i, needle.p, needle.n)) return i;
    return SIZE_MAX;
}

static void finds_as_the_naive_way_does(void **state) {
    (void)state;
    char hay[40], needle[4];
    for (uint32_t i = 0; i < 5000; i++) {
        const HthStr h = { hay, hth_rng_below(1, i, 0, sizeof hay) };
        const HthStr n = { needle, hth_rng_below(1, i, 1, sizeof needle) };
        for (size_t k = 0; k < h.n; k++) hay[k] = (char)('a' + hth_rng_below(1, i, 2 + k, 3));
        for (size_t k = 0; k < n.n; k++) needle[k] = (char)('a' + hth_rng_below(1, i, 99 + k, 3));
        assert_int_equal(hth_str_find(h, n), naive_find(h, n));
    }
}

static void cuts(void **state) {
    (void)state;
    const HthStr s = HTH_STR("hearth");
    assert_true(hth_str_eq(hth_str_sub(s, 1, 3), HTH_STR("ear")));
    assert_true(hth_str_eq(hth_str_sub(s, 4, SIZE_MAX), HTH_STR("th")));
    assert_int_equal(hth_str_sub(s, 6, 1).n, 0);
    assert_int_equal(hth_str_sub(s, SIZE_MAX, SIZE_MAX).n, 0);
    assert_int_equal(hth_str_sub((HthStr){ NULL, 0 }, 3, 3).n, 0);
    assert_true(hth_str_eq(hth_str_trim(HTH_STR(" \t\r\n a b\v\f")), HTH_STR("a b")));
    assert_int_equal(hth_str_trim(HTH_STR("  \n")).n, 0);
    assert_int_equal(hth_str_trim(HTH_STR("")).n, 0);
}

static void reads_integers(void **state) {
    (void)state;
    uint64_t u = 77;
    int64_t i = 77;
    assert_true(hth_str_u64(HTH_STR("0"), &u) && u == 0);
    assert_true(hth_str_u64(HTH_STR("18446744073709551615"), &u) && u == UINT64_MAX);
    assert_true(hth_str_u64(HTH_STR("000000000000000000000042"), &u) && u == 42);
    static const char *const not_u64[] = { "",
                                           " 1",
                                           "1 ",
                                           "-1",
                                           "+1",
                                           "1.0",
                                           "0x1",
                                           "1e3",
                                           "a",
                                           "18446744073709551616",
                                           "99999999999999999999999" };
    for (size_t k = 0; k < HTH_COUNT(not_u64); k++)
        assert_false(hth_str_u64(hth_str(not_u64[k]), &u));
    assert_int_equal(u, 42);
    assert_true(hth_str_i64(HTH_STR("-9223372036854775808"), &i) && i == INT64_MIN);
    assert_true(hth_str_i64(HTH_STR("+9223372036854775807"), &i) && i == INT64_MAX);
    assert_true(hth_str_i64(HTH_STR("-0"), &i) && i == 0);
    static const char *const not_i64[] = {
        "", "-", "+", "--1", "9223372036854775808", "-9223372036854775809", "1-", "- 1"
    };
    for (size_t k = 0; k < HTH_COUNT(not_i64); k++)
        assert_false(hth_str_i64(hth_str(not_i64[k]), &i));
    assert_int_equal(i, 0);
    for (uint32_t k = 0; k < 2000; k++) {
        uint32_t w[4];
        char text[32];
        hth_rng_block(8, 8, k, w);
        const int64_t want =
            (int64_t)(((uint64_t)w[0] << 32 | w[1]) >> (w[2] % 64)) * (w[3] & 1 ? -1 : 1);
        snprintf(text, sizeof text, "%lld", (long long)want);
        assert_true(hth_str_i64(hth_str(text), &i) && i == want);
    }
}

static void reads_decimals(void **state) {
    (void)state;
    double d = 7;
    assert_true(hth_str_f64(HTH_STR("0.1"), &d) && d == 0.1);
    assert_true(hth_str_f64(HTH_STR("-12.5e-1"), &d) && d == -1.25);
    assert_true(hth_str_f64(HTH_STR(".5"), &d) && d == 0.5);
    assert_true(hth_str_f64(HTH_STR("5."), &d) && d == 5);
    assert_true(hth_str_f64(HTH_STR("+1E2"), &d) && d == 100);
    assert_true(hth_str_f64(HTH_STR("1e-999"), &d) && d == 0);
    char longer[400];
    memset(longer, '0', sizeof longer);
    longer[1] = '.', longer[399] = '1';
    assert_true(hth_str_f64((HthStr){ longer, sizeof longer }, &d) && d == 0);
    longer[0] = '3';
    assert_true(hth_str_f64((HthStr){ longer, sizeof longer }, &d) && d == 3);
    static const char *const bad[] = { "",      ".",      "-",     "e5",  "1e", "1e+",
                                       "nan",   "inf",    "0x1p3", "1,5", " 1", "1 ",
                                       "1e999", "-1e999", "1.2.3", "--1" };
    for (size_t k = 0; k < HTH_COUNT(bad); k++) assert_false(hth_str_f64(hth_str(bad[k]), &d));
    assert_true(d == 3);
    hth_mem_fail_after(1);
    assert_false(hth_str_f64((HthStr){ longer, sizeof longer }, &d));
    hth_mem_fail_after(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares),       cmocka_unit_test(finds_as_the_naive_way_does),
        cmocka_unit_test(cuts),           cmocka_unit_test(reads_integers),
        cmocka_unit_test(reads_decimals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

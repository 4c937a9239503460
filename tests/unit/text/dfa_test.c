/* dfa_test.c - the algebra: laws on random languages, literals, lengths, and what is too much. */
#include "support/test.h"

#include "base/rng.h"
#include "text/dfa_int.h"

static HthErr err;

static HthDfa *pattern(const char *p) {
    HthDfa *d = NULL;
    assert_ok(hth_dfa_pattern(&d, hth_str(p), true, &err), err);
    return d;
}

static const char *const languages[] = {
    "",       "a",         "[]",      "[^]*",    "a*",      "(ab|c)*",  "[a-c]{2,4}",  ".*a.*",
    "(a|b)*", "[^a-c]+b?", "\\p{L}*", "\\d+|a+", "(.{3})*", "a|ab|abc", "\\w*\\W\\w*",
};

static HthStr text_of(uint64_t round, char room[64]) {
    static const char *const letters[] = {
        "a", "b", "c", "1", "-", "\xC3\xA9", "\xF0\x9F\x98\x80"
    };
    size_t n = 0;
    const uint32_t len = hth_rng_below(3, round, 0, 7);
    for (uint32_t i = 0; i < len; i++)
        n += (size_t)snprintf(room + n, 64 - n, "%s",
                              letters[hth_rng_below(3, round, i + 1, HTH_COUNT(letters))]);
    return (HthStr){ room, n };
}

static void laws(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(languages); i++) {
        for (size_t k = 0; k < HTH_COUNT(languages); k++) {
            HthDfa *a = pattern(languages[i]), *b = pattern(languages[k]);
            HthDfa *both = NULL, *either = NULL, *na = NULL, *nb = NULL, *x = NULL, *y = NULL;
            assert_ok(hth_dfa_and(&both, a, b, &err), err);
            assert_ok(hth_dfa_or(&either, a, b, &err), err);
            assert_ok(hth_dfa_not(&na, a, &err), err);
            assert_ok(hth_dfa_not(&nb, b, &err), err);
            assert_ok(hth_dfa_or(&x, na, nb, &err), err);
            assert_ok(hth_dfa_not(&y, x, &err), err);
            assert_true(hth_dfa_same(y, both)); /* De Morgan */
            hth_dfa_close(&x);
            assert_ok(hth_dfa_and(&x, either, a, &err), err);
            assert_true(hth_dfa_same(x, a)); /* absorption */
            hth_dfa_close(&x);
            assert_ok(hth_dfa_and(&x, a, na, &err), err);
            assert_true(hth_dfa_empty(x));
            hth_dfa_close(&x);
            assert_ok(hth_dfa_or(&x, a, na, &err), err);
            assert_true(hth_dfa_all(x));
            for (uint64_t round = 0; round < 60; round++) {
                char room[64];
                const HthStr t = text_of(round, room);
                const bool in_a = hth_dfa_match(a, t), in_b = hth_dfa_match(b, t);
                assert_int_equal(hth_dfa_match(both, t), in_a && in_b);
                assert_int_equal(hth_dfa_match(either, t), in_a || in_b);
                assert_int_equal(hth_dfa_match(na, t), !in_a);
            }
            HthDfa **const all[] = { &a, &b, &both, &either, &na, &nb, &x, &y };
            for (size_t n = 0; n < HTH_COUNT(all); n++) hth_dfa_close(all[n]);
        }
    }
}

static void one_language_one_table(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        { "(a|b)*", "(a*b*)*" },   { "a?a?a?", "a{0,3}" },
        { "[]", "a[]b" },          { "[^]*", "(.|[^.]|\\n)*" },
        { "aa*", "a+" },           { "(ab)*a", "a(ba)*" },
        { "\\w", "[0-9A-Z_a-z]" }, { "[^\\S]", "\\s" },
        { "(a|b|c)d", "[a-c]d" },  { "\\p{Lu}|\\p{Ll}|\\p{Lt}|\\p{Lm}|\\p{Lo}", "\\p{Letter}" },
    };
    for (size_t i = 0; i < HTH_COUNT(pairs); i++) {
        HthDfa *a = pattern(pairs[i][0]), *b = pattern(pairs[i][1]);
        if (!hth_dfa_same(a, b)) fail_msg("%s and %s", pairs[i][0], pairs[i][1]);
        hth_dfa_close(&a);
        hth_dfa_close(&b);
    }
    HthDfa *a = pattern("a*"), *b = pattern("a+");
    assert_false(hth_dfa_same(a, b));
    hth_dfa_close(&a);
    hth_dfa_close(&b);
    a = pattern("(a|b)*a(a|b){7}"); /* known: 2^8 states, and the dead one */
    assert_int_equal(a->states, 257);
    hth_dfa_close(&a);
}

static void literals(void **state) {
    (void)state;
    static const HthStr texts[] = { HTH_STR(""), HTH_STR("a"), HTH_STR("banana"), HTH_STR("\0\0"),
                                    HTH_STR("\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF") };
    for (size_t i = 0; i < HTH_COUNT(texts); i++) {
        HthDfa *d = NULL;
        assert_ok(hth_dfa_literal(&d, texts[i], &err), err);
        for (size_t k = 0; k < HTH_COUNT(texts); k++)
            assert_int_equal(hth_dfa_match(d, texts[k]), i == k);
        hth_dfa_close(&d);
    }
    HthDfa *d = NULL;
    assert_status(hth_dfa_literal(&d, HTH_STR("\xff"), &err), HTH_EINVAL, err);
    assert_status(hth_dfa_literal(&d, (HthStr){ "", 1 << 20 }, &err), HTH_ELIMIT, err);
}

static void lengths(void **state) {
    (void)state;
    static const uint32_t ends[] = { 0, 1, 2, 5, UINT32_MAX };
    for (size_t i = 0; i < HTH_COUNT(ends); i++) {
        for (size_t k = 0; k < HTH_COUNT(ends); k++) {
            HthDfa *d = NULL;
            const uint32_t min = ends[i] == UINT32_MAX ? 3 : ends[i], max = ends[k];
            assert_ok(hth_dfa_length(&d, min, max, &err), err);
            for (uint32_t n = 0; n < 8; n++) {
                const HthStr text = { "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9",
                                      2 * n };
                assert_int_equal(hth_dfa_match(d, text), n >= min && n <= max);
            }
            assert_int_equal(hth_dfa_empty(d), min > max);
            hth_dfa_close(&d);
        }
    }
    HthDfa *d = NULL;
    assert_status(hth_dfa_length(&d, 0, 1000000, &err), HTH_ELIMIT, err);
    assert_status(hth_dfa_length(&d, 1000000, UINT32_MAX, &err), HTH_ELIMIT, err);
}

static void products_have_a_budget(void **state) {
    (void)state;
    HthDfa *a = NULL, *b = NULL, *out = NULL;
    a = pattern("(.{199})*");
    b = pattern("(.{211})*");
    assert_status(hth_dfa_and(&out, a, b, &err), HTH_ELIMIT, err);
    hth_dfa_close(&a);
    hth_dfa_close(&b);
}

static HthStatus torture_body(void *ctx) {
    HthDfa *const *in = ctx;
    HthDfa *a = NULL, *b = NULL, *c = NULL, *d = NULL;
    HthErr e;
    HthStatus st = hth_dfa_and(&a, in[0], in[1], &e);
    if (st == HTH_OK) st = hth_dfa_not(&b, a, &e);
    if (st == HTH_OK) st = hth_dfa_literal(&c, HTH_STR("ab"), &e);
    if (st == HTH_OK) st = hth_dfa_length(&d, 2, 4, &e);
    hth_dfa_close(&a);
    hth_dfa_close(&b);
    hth_dfa_close(&c);
    hth_dfa_close(&d);
    return st;
}

static void survives_without_memory(void **state) {
    (void)state;
    HthDfa *in[] = { pattern("(a|b)*c"), pattern("a.*") };
    assert_true(test_torture(torture_body, in, 1000) > 20);
    hth_dfa_close(&in[0]);
    hth_dfa_close(&in[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(laws),
        cmocka_unit_test(one_language_one_table),
        cmocka_unit_test(literals),
        cmocka_unit_test(lengths),
        cmocka_unit_test(products_have_a_budget),
        cmocka_unit_test(survives_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

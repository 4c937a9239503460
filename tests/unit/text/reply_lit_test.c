/* reply_lit_test.c - marks in a text of which more may come; units. */
#include "support/test.h"

#include "text/reply_int.h"

/* clang-format off */
static const struct {
    const char *lit, *text;
    HthFit fit;
    size_t used;
} ROWS[] = {
    { "<a>", "<a>x", HTH_FIT_YES, 3 },
    { "<a>", "<a", HTH_FIT_MORE, 0 },
    { "<a>", "", HTH_FIT_MORE, 0 },
    { "<a>", "<b>", HTH_FIT_NO, 0 },
    { "<a>\n<b>", "<a><b>", HTH_FIT_YES, 6 },
    { "<a>\n<b>", "<a> \n\t<b>", HTH_FIT_YES, 9 },
    { "<a>\n<b>", "<a> \n", HTH_FIT_MORE, 0 },
    { "<a><b>", "<a> \n<b>", HTH_FIT_YES, 8 }, /* between tags models put what they like */
    { "<a>b", "<a> b", HTH_FIT_NO, 0 },
    { "<a>\n<b>", "<a> x", HTH_FIT_NO, 0 },
    { "a<\x01>", "a<call_1-x>", HTH_FIT_YES, 11 },
    { "a<\x01>", "a<>", HTH_FIT_YES, 3 },
    { "a<\x01>", "a<call_", HTH_FIT_MORE, 0 },
    { "a<\x01>", "a<call <", HTH_FIT_NO, 0 },
    { "</\x02>", "</key>", HTH_FIT_YES, 6 },
    { "</\x02>", "</ke", HTH_FIT_MORE, 0 },
    { "</\x02>", "</kez", HTH_FIT_NO, 0 },
    { "", "x", HTH_FIT_YES, 0 },
};
/* clang-format on */

static void test_fit(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(ROWS); i++) {
        size_t used = 0;
        const HthStr text = hth_str(ROWS[i].text), lit = hth_str(ROWS[i].lit);
        const HthFit fit = hth_lit_fit(lit, HTH_STR("key"), text, &used);
        if (fit != ROWS[i].fit || used != ROWS[i].used)
            fail_msg("row %zu: %d, %zu", i, (int)fit, used);
        /* What fits later may fit at every step before, and what does not once never does. */
        bool no = false;
        for (size_t n = 0; n <= text.n; n++) {
            const HthFit part = hth_lit_fit(lit, HTH_STR("key"), hth_str_sub(text, 0, n), &used);
            if (fit == HTH_FIT_YES && n < ROWS[i].used) assert_int_equal(part, HTH_FIT_MORE);
            if (fit == HTH_FIT_YES && n >= ROWS[i].used) assert_int_equal(part, HTH_FIT_YES);
            if (no) assert_int_equal(part, HTH_FIT_NO);
            no = part == HTH_FIT_NO;
        }
    }
}

static void test_wild_bound(void **state) {
    (void)state;
    char text[100];
    size_t used;
    memset(text, 'x', sizeof text);
    text[99] = '>';
    assert_int_equal(hth_lit_fit(HTH_STR("\x01>"), HTH_STR(""), (HthStr){ text, 100 }, &used),
                     HTH_FIT_NO);
    assert_int_equal(hth_lit_fit(HTH_STR("\x01>"), HTH_STR(""), (HthStr){ text + 40, 60 }, &used),
                     HTH_FIT_YES);
}

static size_t len(const char *s) {
    return hth_unit_len(hth_str(s));
}
static size_t back(const char *s) {
    return hth_unit_back(hth_str(s));
}
static size_t common(const char *a, const char *b, bool at_end) {
    return hth_unit_common(hth_str(a), hth_str(b), at_end);
}

static void test_units(void **state) {
    (void)state;
    assert_int_equal(len(""), 0);
    assert_int_equal(len("<ab>c"), 4);
    assert_int_equal(len("<>c"), 1);
    assert_int_equal(len("<a\nb>"), 1);
    assert_int_equal(len("[BEGIN END]x"), 11);
    assert_int_equal(len("[a]"), 1);
    assert_int_equal(len(" \n\tx"), 3);
    assert_int_equal(len("xy"), 1);
    assert_int_equal(back(""), 0);
    assert_int_equal(back("c<ab>"), 4);
    assert_int_equal(back("c>"), 1);
    assert_int_equal(back("x \n"), 2);
    assert_int_equal(back("x[/INST]"), 7);
    assert_int_equal(common("<a><b>", "<a><c>", false), 3); /* not 4: no tag is cut */
    assert_int_equal(common("<a>xy", "<a>xz", false), 4);
    assert_int_equal(common("<b|><a|>", "<c|><a|>", true), 4);
    assert_int_equal(common("x[A][B]", "y[C][B]", true), 3);
    assert_int_equal(common("ab", "ab", true), 2);
    assert_int_equal(common("ab", "", false), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fit),
        cmocka_unit_test(test_wild_bound),
        cmocka_unit_test(test_units),
    };
    hth_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

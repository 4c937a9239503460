/* jinja_uni_test.c - character classes, case and stripping as Python's str has them. */
#include "support/test.h"

#include "text/jinja.h"

static void test_classes(void **state) {
    static const struct {
        uint32_t cp;
        HthJClass c;
        bool want;
    } rows[] = {
        { ' ', HTH_J_SPACE_CH, true },      { 0x1C, HTH_J_SPACE_CH, true },
        { 0x200B, HTH_J_SPACE_CH, false },  { 0x3000, HTH_J_SPACE_CH, true },
        { 'a', HTH_J_ALPHA, true },         { 0x6F22, HTH_J_ALPHA, true },
        { '1', HTH_J_ALPHA, false },        { 0xB2, HTH_J_DIGIT, true },
        { 0xB2, HTH_J_DECIMAL, false },     { 0x663, HTH_J_DECIMAL, true },
        { 0xBD, HTH_J_NUMERIC, true },      { 0x4E09, HTH_J_NUMERIC, true },
        { 0xBD, HTH_J_DIGIT, false },       { 0xAA, HTH_J_LOWER, true },
        { 0x2160, HTH_J_UPPER, true },      { 0x1C5, HTH_J_TITLE, true },
        { 0x1C5, HTH_J_CASED, true },       { '1', HTH_J_CASED, false },
        { ' ', HTH_J_PRINTABLE, true },     { 0xA0, HTH_J_PRINTABLE, false },
        { 0xAD, HTH_J_PRINTABLE, false },   { 0xE000, HTH_J_PRINTABLE, false },
        { 0x1F600, HTH_J_PRINTABLE, true }, { '_', HTH_J_WORD, true },
        { '-', HTH_J_WORD, false },         { 0x301, HTH_J_WORD, false },
    };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(rows); i++)
        if (hth_j_class(rows[i].cp, rows[i].c) != rows[i].want)
            fail_msg("U+%04X, class %d", rows[i].cp, (int)rows[i].c);
}

static void test_offsets(void **state) {
    const HthStr s = HTH_STR("a\xC3\xA9\xE6\xBC\xA2\xF0\x9F\x98\x80");
    static const size_t offsets[] = { 0, 1, 3, 6, 10, 10 };
    size_t len;
    (void)state;
    assert_int_equal(hth_j_cp_count(s), 4);
    for (size_t i = 0; i < HTH_COUNT(offsets); i++)
        assert_int_equal(hth_j_cp_offset(s, i), offsets[i]);
    assert_int_equal(hth_j_cp_at(s, 6, &len), 0x1F600);
    assert_int_equal(len, 4);
    assert_int_equal(hth_j_cp_at(s, 2, &len), 0xFFFD); /* inside a character */
    assert_int_equal(len, 1);
}

static void test_strip(void **state) {
    const HthStr s = HTH_STR("\xE3\x80\x80 a b\t\xC2\xA0");
    (void)state;
    assert_true(hth_str_eq(hth_j_strip(s, true, true), HTH_STR("a b")));
    assert_true(hth_str_eq(hth_j_strip(s, false, true), HTH_STR("\xE3\x80\x80 a b")));
    assert_true(hth_str_eq(hth_j_strip(s, true, false), HTH_STR("a b\t\xC2\xA0")));
    assert_int_equal(hth_j_strip(HTH_STR(" \n "), true, true).n, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_offsets),
        cmocka_unit_test(test_strip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* unicode_test.c - lenient decoding, classes, case and decomposition. */
#include "support/test.h"

#include "base/rng.h"
#include "text/unicode.h"

static void decodes_what_strict_decoding_does(void **state) {
    (void)state;
    for (uint32_t cp = 0; cp < 0x110000; cp += cp < 0x3000 ? 1 : 7) {
        char bytes[4], again[4];
        uint32_t back = 0;
        size_t n = hth_uni_encode(cp, bytes);
        assert_int_equal(hth_uni_decode((HthStr){ bytes, n }, &back), n);
        assert_int_equal(back, cp);
        assert_int_equal(hth_uni_lead(bytes[0]), n);
        size_t strict = hth_utf8_encode(cp, again);
        if (strict) assert_memory_equal(bytes, again, n);
    }
}

static void bad_bytes_are_replaced_one_by_one(void **state) {
    (void)state;
    static const struct {
        HthStr in, out;
    } cases[] = {
        { HTH_STR("a\x80z"), HTH_STR("a\xEF\xBF\xBDz") },
        { HTH_STR("\xE4\xB8"), HTH_STR("\xEF\xBF\xBD\xEF\xBF\xBD") },
        { HTH_STR("\xFF\xFE"), HTH_STR("\xEF\xBF\xBD\xEF\xBF\xBD") },
        { HTH_STR("\xF4\x90\x80\x80"),
          HTH_STR("\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD") },
        { HTH_STR("\xED\xA0\x80"), HTH_STR("\xED\xA0\x80") }, /* a surrogate stays */
        { HTH_STR("\xC1\xA1"), HTH_STR("a") }, /* an overlong form is shortened */
        { HTH_STR("\xC3\xA9\xF0\x9F\x98\x80"), HTH_STR("\xC3\xA9\xF0\x9F\x98\x80") },
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        HthBuf out;
        HthErr err;
        hth_buf_init(&out, 100);
        assert_ok(hth_uni_clean(cases[i].in, &out, &err), err);
        assert_true(hth_str_eq(hth_buf_str(&out), cases[i].out));
        hth_buf_drop(&out);
    }
}

static void cleaning_twice_changes_nothing(void **state) {
    (void)state;
    for (uint32_t round = 0; round < 2000; round++) {
        char text[32];
        HthBuf once, twice;
        hth_buf_init(&once, 200);
        hth_buf_init(&twice, 200);
        uint32_t n = hth_rng_below(1, round, 99, sizeof text);
        for (uint32_t i = 0; i < n; i++) text[i] = (char)hth_rng_u32(1, round, i);
        assert_int_equal(hth_uni_clean((HthStr){ text, n }, &once, NULL), HTH_OK);
        assert_int_equal(hth_uni_clean(hth_buf_str(&once), &twice, NULL), HTH_OK);
        assert_true(hth_str_eq(hth_buf_str(&once), hth_buf_str(&twice)));
        hth_buf_drop(&once);
        hth_buf_drop(&twice);
    }
}

static void classes(void **state) {
    (void)state;
    static const struct {
        uint32_t cp;
        uint8_t cls;
    } cases[] = {
        { 'a', 'a' },
        { '\n', '\n' },
        { 0x7F, 0x7F },
        { 0x85, HTH_UNI_SPACE },
        { 0xA0, HTH_UNI_SPACE },
        { 0x3000, HTH_UNI_SPACE },
        { 0x180E, HTH_UNI_OTHER }, /* no longer a space */
        { 0x200B, HTH_UNI_OTHER },
        { 0xE9, HTH_UNI_LETTER },
        { 0x1C5, HTH_UNI_LETTER },
        { 0x4E2D, HTH_UNI_HAN },
        { 0x2EBF0, HTH_UNI_LETTER }, /* Unicode 15.1 */
        { 0x31EF, HTH_UNI_SYMBOL },
        { 0xFA6E, HTH_UNI_HAN_GAP },
        { 0x661, HTH_UNI_NUMBER },
        { 0xB2, HTH_UNI_NUMBER },
        { 0x301, HTH_UNI_MARK },
        { 0x2014, HTH_UNI_PUNCT },
        { 0x20AC, HTH_UNI_SYMBOL },
        { 0x378, HTH_UNI_OTHER },
        { 0xE000, HTH_UNI_OTHER },
        { 0x10FFFF, HTH_UNI_OTHER },
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        assert_int_equal(hth_uni_class(cases[i].cp), cases[i].cls);
    }
    assert_int_equal(hth_uni_kind(0xAD), HTH_KIND_CONTROL);
    assert_int_equal(hth_uni_kind(0xD800), HTH_KIND_CONTROL);
    assert_int_equal(hth_uni_kind(0x2028), HTH_KIND_SEPARATOR);
    assert_int_equal(hth_uni_kind(0x378), HTH_KIND_OTHER);
}

static void case_and_base(void **state) {
    (void)state;
    assert_int_equal(hth_uni_lower('A'), 'a');
    assert_int_equal(hth_uni_lower(0xC9), 0xE9);
    assert_int_equal(hth_uni_lower(0x130), 'i');
    assert_int_equal(hth_uni_lower(0xDF), 0xDF);
    assert_int_equal(hth_uni_base(0xE9), 'e');
    assert_int_equal(hth_uni_base(0x1EA5), 'a'); /* two accents */
    assert_int_equal(hth_uni_base(0xAC00), 0x1100); /* Hangul: the first jamo */
    assert_int_equal(hth_uni_base(0x212B), 'A'); /* Angstrom sign */
    assert_int_equal(hth_uni_base(0xFB01), 0xFB01); /* a compatibility form stays */
    assert_int_equal(hth_uni_base(0xD800), 0xD800);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_what_strict_decoding_does),
        cmocka_unit_test(bad_bytes_are_replaced_one_by_one),
        cmocka_unit_test(cleaning_twice_changes_nothing),
        cmocka_unit_test(classes),
        cmocka_unit_test(case_and_base),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

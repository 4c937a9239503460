/* json_out_test.c - what is written reads back the same, by the JSON library and by strtof. */
#include "support/test.h"

#include <math.h>

#include "base/rng.h"
#include "serve/json_out.h"

static void test_formats(void **state) {
    HthErr err = { 0 };
    HthBuf out;
    json_t *v = NULL;
    (void)state;
    hth_buf_init(&out, 1000);
    assert_ok(hth_json_parse(&v, HTH_STR("{\"a\": [1, 2.5]}"), 100, &err), err);
    HthOut o = hth_out_begin(&out, &err);
    hth_out(&o, "%q|%r|%s|%u|%U|%I|%b|%b|%f|%j|%%", HTH_STR("a\"b"), HTH_STR("\"raw"), "c",
            4000000000u, UINT64_MAX, INT64_MIN, 1, 0, 0.1, v);
    assert_ok(hth_out_end(&o), err);
    assert_string_equal(out.p, "\"a\\\"b\"|\"raw|c|4000000000|18446744073709551615|"
                               "-9223372036854775808|true|false|0.1|{\"a\":[1,2.5]}|%");
    hth_buf_clear(&out);
    hth_out(&o, "%U%I%I", (uint64_t)0, INT64_C(0), INT64_MAX);
    assert_string_equal(out.p, "009223372036854775807");
    json_decref(v);
    hth_buf_drop(&out);
}

static void expect_text(HthStr in, const char *want) {
    HthErr err = { 0 };
    HthBuf out;
    hth_buf_init(&out, 1000);
    HthOut o = hth_out_begin(&out, &err);
    hth_out_text(&o, in);
    assert_ok(hth_out_end(&o), err);
    assert_string_equal(hth_buf_str(&out).p, want);
    hth_buf_drop(&out);
}

static void test_escapes(void **state) {
    (void)state;
    expect_text(HTH_STR(""), "");
    expect_text(HTH_STR("\"\\/\n\r\t\b\f"), "\\\"\\\\/\\n\\r\\t\\b\\f");
    expect_text((HthStr){ "a\0b\x1f\x7f", 5 }, "a\\u0000b\\u001f\x7f");
    expect_text(HTH_STR("\xC3\xA9\xF0\x9F\x98\x80"), "\xC3\xA9\xF0\x9F\x98\x80");
    expect_text(HTH_STR("a\xFFz"), "a\xEF\xBF\xBDz");
    expect_text(HTH_STR("\xE2\x82"), "\xEF\xBF\xBD\xEF\xBF\xBD"); /* cut off */
    expect_text(HTH_STR("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"); /* surrogate */
}

/* Any bytes give a JSON string; valid text comes back as it was. */
static void test_any_bytes(void **state) {
    (void)state;
    for (uint64_t round = 0; round < 20000; round++) {
        HthErr err = { 0 };
        char bytes[24];
        HthBuf out;
        json_t *v = NULL;
        const uint32_t n = hth_rng_below(7, 1, round, sizeof bytes);
        for (uint32_t i = 0; i < n; i++) {
            const uint32_t r = hth_rng_u32(7, 2 + i, round);
            bytes[i] = (char)(r % 3 ? r >> 8 & 0x7f : r >> 8); /* mostly ASCII */
        }
        const HthStr in = { bytes, n };
        hth_buf_init(&out, 1000);
        HthOut o = hth_out_begin(&out, &err);
        hth_out(&o, "%q", in);
        assert_ok(hth_out_end(&o), err);
        assert_ok(hth_json_parse(&v, hth_buf_str(&out), 1000, &err), err);
        const HthStr back = { json_string_value(v), json_string_length(v) };
        assert_true(hth_utf8_valid(back));
        if (hth_utf8_valid(in)) assert_true(hth_str_eq(in, back));
        json_decref(v);
        hth_buf_drop(&out);
    }
}

/* The shortest text of a float that is this float. */
static void test_floats(void **state) {
    HthBuf out;
    (void)state;
    hth_buf_init(&out, 100);
    for (uint64_t round = 0; round < 50000; round++) {
        char shorter[32];
        const float v = hth_bits_f32(hth_rng_u32(11, 0, round));
        HthOut o = hth_out_begin(&out, NULL);
        hth_buf_clear(&out);
        hth_out_f32(&o, v);
        if (!isfinite(v)) {
            assert_string_equal(out.p, "null");
            continue;
        }
        assert_int_equal(hth_f32_bits(strtof(out.p, NULL)), hth_f32_bits(v));
        int digits = 0;
        for (const char *p = out.p; *p && *p != 'e'; p++) digits += *p >= '0' && *p <= '9';
        if (digits > 6 && digits <= 9 && fabsf(v) > 1e-3f) {
            snprintf(shorter, sizeof shorter, "%.*g", digits - 1, (double)v);
            if (strchr(out.p, 'e')) assert_true(strtof(shorter, NULL) != v);
        }
    }
    hth_buf_drop(&out);
}

static void expect_base64(const char *in, const char *want) {
    HthBuf out;
    hth_buf_init(&out, 100);
    HthOut o = hth_out_begin(&out, NULL);
    hth_out_base64(&o, hth_str(in));
    assert_int_equal(hth_out_end(&o), HTH_OK);
    assert_string_equal(hth_buf_str(&out).p, want);
    hth_buf_drop(&out);
}

static void test_base64(void **state) { /* RFC 4648, section 10 */
    (void)state;
    expect_base64("", "");
    expect_base64("f", "Zg==");
    expect_base64("fo", "Zm8=");
    expect_base64("foo", "Zm9v");
    expect_base64("foob", "Zm9vYg==");
    expect_base64("fooba", "Zm9vYmE=");
    expect_base64("foobar", "Zm9vYmFy");
    expect_base64("\xfb\xff\xbf", "+/+/");
}

/* The first failure sticks and nothing of it stays. */
static void test_failure(void **state) {
    HthErr err = { 0 };
    HthBuf out;
    (void)state;
    hth_buf_init(&out, 10);
    assert_ok(hth_buf_add_str(&out, HTH_STR("keep"), &err), err);
    HthOut o = hth_out_begin(&out, &err);
    hth_out(&o, "%s", "123");
    hth_out(&o, "%q", HTH_STR("too long"));
    hth_out(&o, "x");
    assert_status(hth_out_end(&o), HTH_ELIMIT, err);
    assert_string_equal(out.p, "keep");
    assert_int_equal(out.n, 4);
    hth_buf_drop(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats),   cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_any_bytes), cmocka_unit_test(test_floats),
        cmocka_unit_test(test_base64),    cmocka_unit_test(test_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

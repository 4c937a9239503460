/* json_test.c - strict reading, exact writing, sentences that never quote the text. */
#include "support/test.h"

#include "base/json.h"
#include "base/rng.h"

static const struct {
    const char *text;
    HthStatus want;
    const char *says;
} bad[] = {
    { "", HTH_EFORMAT, "ends" },
    { "{\"sesame\": 1, \"sesame\": 2}", HTH_EFORMAT, "twice" },
    { "[1,2] sesame", HTH_EFORMAT, "column" },
    { "[1,2]]", HTH_EFORMAT, "follows" },
    { "{\"sesame\": ", HTH_EFORMAT, "line 1" },
    { "[\n\n  sesame]", HTH_EFORMAT, "line 3" },
    { "[\"sesame\xFF\"]", HTH_EFORMAT, "UTF-8" },
    { "[\"sesame\xC0\x80\"]", HTH_EFORMAT, "UTF-8" },
    { "[\"sesame\xED\xA0\x80\"]", HTH_EFORMAT, "UTF-8" },
    { "[\"\\ud800sesame\"]", HTH_EFORMAT, "JSON" },
    { "{\"sesame\\u0000\": 1}", HTH_EFORMAT, "U+0000" },
    { "[NaN]", HTH_EFORMAT, "JSON" },
    { "[Infinity]", HTH_EFORMAT, "JSON" },
    { "[1e999]", HTH_EFORMAT, "too large" },
    { "[9223372036854775808]", HTH_EFORMAT, "too large" },
    { "[01]", HTH_EFORMAT, "JSON" },
    { "[1,]", HTH_EFORMAT, "JSON" },
    { "{sesame: 1}", HTH_EFORMAT, "JSON" },
    { "[\"sesame\n\"]", HTH_EFORMAT, "JSON" },
};

static void refuses(void **state) {
    (void)state;
    json_t *const untouched = (json_t *)&state;
    for (size_t i = 0; i < HTH_COUNT(bad); i++) {
        HthErr err = { 0 };
        json_t *v = untouched;
        assert_status(hth_json_parse(&v, hth_str(bad[i].text), 1000, &err), bad[i].want, err);
        if (!strstr(err.text, bad[i].says)) fail_msg("%s: says \"%s\"", bad[i].text, err.text);
        assert_null(strstr(err.text, "sesame"));
        assert_ptr_equal(v, untouched);
    }
    HthErr err;
    json_t *v = NULL;
    assert_int_equal(hth_json_parse(&v, HTH_STR("[1, 2]"), 5, &err), HTH_ELIMIT);
    assert_int_equal(hth_json_parse(&v, HTH_STR("[1]\0[2]"), 50, &err), HTH_EFORMAT);
}

static HthStatus nested(size_t depth, bool close_it) {
    static char text[100000];
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    json_t *v = NULL;
    const HthStatus s =
        hth_json_parse(&v, (HthStr){ text, close_it ? 2 * depth : depth }, sizeof text, NULL);
    if (s == HTH_OK) json_decref(v);
    return s;
}

static void depth_is_bounded(void **state) {
    (void)state;
    assert_int_equal(nested(512, true), HTH_OK);
    assert_int_equal(nested(513, true), HTH_ELIMIT);
    assert_int_equal(nested(50000, true), HTH_ELIMIT);
    assert_int_equal(nested(512, false), HTH_EFORMAT);
    json_t *v = NULL; /* brackets inside strings are no depth, behind escaped quotes neither */
    char text[2000];
    memset(text, '[', sizeof text);
    memcpy(text, "[\"\\\"", 4);
    memcpy(text + sizeof text - 2, "\"]", 2);
    assert_int_equal(hth_json_parse(&v, (HthStr){ text, sizeof text }, 5000, NULL), HTH_OK);
    json_decref(v);
}

static void expect_round(const char *in, int indent, const char *want) {
    HthErr err;
    HthBuf buf;
    json_t *v = NULL;
    hth_buf_init(&buf, 10000);
    assert_ok(hth_json_parse(&v, hth_str(in), 10000, &err), err);
    assert_ok(hth_buf_add_str(&buf, HTH_STR(">"), &err), err);
    assert_ok(hth_json_write(&buf, v, indent, &err), err);
    assert_string_equal(buf.p + 1, want);
    hth_buf_drop(&buf);
    json_decref(v);
}

static void writes_in_order_and_exactly(void **state) {
    (void)state;
    expect_round(" { \"z\" : 1 , \"a\" : [ true , null ] , \"m\" : { } } ", 0,
                 "{\"z\":1,\"a\":[true,null],\"m\":{}}");
    expect_round("{\"a\":[1]}", 2, "{\n  \"a\": [\n    1\n  ]\n}");
    expect_round("-9223372036854775808", 0, "-9223372036854775808");
    expect_round("9007199254740993", 0, "9007199254740993"); /* not through a double */
    expect_round("\"\\u00e9\\ud83d\\udd25\"", 0, "\"\xC3\xA9\xF0\x9F\x94\xA5\"");
    expect_round("\"a\\u0000b\"", 0, "\"a\\u0000b\"");
    for (uint64_t i = 0; i < 2000; i++) { /* doubles survive text */
        uint64_t bits = (uint64_t)hth_rng_u32(4, 0, i) << 32 | hth_rng_u32(4, 1, i);
        double want;
        memcpy(&want, &bits, sizeof want);
        if (want != want || want - want != 0) continue;
        HthBuf buf;
        json_t *v = json_real(want), *back = NULL;
        hth_buf_init(&buf, 100);
        assert_int_equal(hth_json_write(&buf, v, 0, NULL), HTH_OK);
        assert_int_equal(hth_json_parse(&back, hth_buf_str(&buf), 100, NULL), HTH_OK);
        assert_true(json_real_value(back) == want);
        json_decref(v), json_decref(back);
        hth_buf_drop(&buf);
    }
}

static void a_failed_write_changes_nothing(void **state) {
    (void)state;
    HthBuf buf;
    HthErr err;
    json_t *v = json_pack("[s,s]", "0123456789", "0123456789");
    hth_buf_init(&buf, 20);
    assert_ok(hth_buf_add(&buf, "keep", 4, &err), err);
    assert_int_equal(hth_json_write(&buf, v, 0, &err), HTH_ELIMIT);
    assert_string_equal(buf.p, "keep");
    hth_buf_drop(&buf);
    json_decref(v);
}

static HthStatus parse_and_write(void *ctx) {
    (void)ctx;
    json_t *v = NULL;
    HthBuf buf;
    hth_buf_init(&buf, 1000);
    HthStatus s = hth_json_parse(
        &v, HTH_STR("{\"model\":\"ember\",\"n\":[1,2.5,{\"deep\":[\"x\"]}],\"ok\":true}"), 1000,
        NULL);
    if (s == HTH_OK) s = hth_json_write(&buf, v, 0, NULL);
    hth_buf_drop(&buf);
    json_decref(v);
    return s;
}

static void exhaustion(void **state) {
    (void)state;
    hth_json_init();
    assert_true(test_torture(parse_and_write, NULL, 500) >= 10);
    assert_true(test_torture_once(parse_and_write, NULL, 500) >= 10);
    const uint64_t before = hth_json_starved();
    json_decref(json_pack("[s]", "a"));
    assert_int_equal(hth_json_starved(), before);
    hth_mem_fail_once(1);
    assert_null(json_array());
    hth_mem_fail_once(0);
    assert_int_equal(hth_json_starved(), before + 1);
}

/* The library reads on where there is no memory, and would ask again for each byte. */
static void is_not_asked_again(void **state) {
    (void)state;
    enum { LONG = 100000 };
    static char text[LONG + 5];
    memset(text, 'a', LONG + 4);
    memcpy(text, "[\"", 2);
    memcpy(text + LONG + 2, "\"]", 2);
    for (uint64_t nth = 1;; nth++) {
        json_t *v = NULL;
        HthErr err = { 0 };
        const uint64_t live = hth_mem_live(), before = hth_mem_calls();
        hth_mem_fail_after(nth);
        const HthStatus st = hth_json_parse(&v, (HthStr){ text, LONG + 4 }, SIZE_MAX, &err);
        hth_mem_fail_after(0);
        if (st == HTH_OK) {
            assert_true(nth > 4);
            assert_int_equal(json_string_length(json_array_get(v, 0)), LONG);
            json_decref(v);
            return;
        }
        assert_status(st, HTH_ENOMEM, err);
        assert_int_equal(hth_mem_calls() - before, nth);
        assert_int_equal(hth_mem_live(), live);
    }
}

/* Tokens for which jansson's lexer needs more room than it begins with: it would not notice that a
 * byte was lost, and abort. */
static HthStatus read_long(void *text) {
    json_t *v = NULL;
    HthErr err = { 0 };
    const HthStatus st = hth_json_parse(&v, hth_str(text), 10000, &err);
    json_decref(v);
    return st == HTH_EFORMAT ? HTH_OK : st; /* it is what it is, with memory */
}

static void long_tokens_without_memory(void **state) {
    (void)state;
    static char tokens[][120] = {
        "[0.1234567890123456789012345678901234567890123456789012345678901234567890]",
        "[-1234567890123456, 123456789012345678901234567890123456789012345678901234567890]",
        "[1e0000000000000000000000000000000000000000000000000000000000000000001, {}]",
        "[abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz]",
        "[\"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz\nabcdefghijkl\"]",
        "{\"abcdefghijklmnopqrstuvwxyz\": {\"b\": \"abcdefghijklmnopqrstuvwxyz\"}, \"c\": 1.0}",
    };
    for (size_t i = 0; i < HTH_COUNT(tokens); i++) {
        const uint64_t live = hth_mem_live();
        assert_true(test_torture(read_long, tokens[i], 200) >= 3);
        assert_true(test_torture_once(read_long, tokens[i], 200) >= 3);
        assert_int_equal(hth_mem_live(), live);
    }
}

/* More values than are counted in the reader's own table: all go back, whether the text ends well,
 * badly, or memory does. */
static void many_values_without_memory(void **state) {
    (void)state;
    enum { MANY = 300 };
    for (int bad_end = 0; bad_end < 2; bad_end++) {
        static char text[4 * MANY + 8];
        const uint64_t live = hth_mem_live();
        size_t n = 0;
        text[n++] = '[';
        for (int i = 0; i < MANY; i++, n += 4) memcpy(text + n, "\"a\",", 4);
        memcpy(text + n, bad_end ? "x]" : "1]", 3);
        json_t *v = NULL;
        HthErr err = { 0 };
        const HthStatus st = hth_json_parse(&v, hth_str(text), sizeof text, &err);
        assert_status(st, bad_end ? HTH_EFORMAT : HTH_OK, err);
        assert_int_equal(json_array_size(v), bad_end ? 0 : MANY + 1);
        json_decref(v);
        assert_int_equal(hth_mem_live(), live);
        assert_true(test_torture(read_long, text, 3 * MANY) > 2 * MANY);
    }
}

/* What begins with a value: where it ends, and nothing where it does not. */
static void first_of_a_text(void **state) {
    (void)state;
    size_t end = 7;
    json_t *v = hth_json_first(HTH_STR("{\"a\": [1]} and more"), &end);
    assert_int_equal(end, 10);
    assert_int_equal(json_array_size(json_object_get(v, "a")), 1);
    json_decref(v);
    assert_null(hth_json_first(HTH_STR("and more"), &end));
    assert_null(hth_json_first(HTH_STR(""), &end));
    const uint64_t live = hth_mem_live();
    hth_mem_fail_after(5);
    assert_null(hth_json_first(HTH_STR("[12345678901234567890123456789.5]"), &end));
    hth_mem_fail_after(0);
    assert_int_equal(hth_mem_live(), live);
    assert_int_equal(end, 10);
}

int main(void) {
    hth_json_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_tokens_without_memory),
        cmocka_unit_test(many_values_without_memory),
        cmocka_unit_test(first_of_a_text),
        cmocka_unit_test(refuses),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(writes_in_order_and_exactly),
        cmocka_unit_test(a_failed_write_changes_nothing),
        cmocka_unit_test(exhaustion),
        cmocka_unit_test(is_not_asked_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

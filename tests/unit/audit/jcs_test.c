/* jcs_test.c - RFC 8785: its authors' test data, its table of numbers, order of keys, refusals. */
#include "support/test.h"

#include <ctype.h>
#include <math.h>

#include "audit/jcs.h"
#include "base/rng.h"
#include "crypt/hash.h"

enum { MAX = 1 << 20 };

static void expect(const char *text, const char *want) {
    HthBuf out;
    HthErr err;
    json_t *v = NULL;
    hth_buf_init(&out, MAX);
    assert_ok(hth_json_parse(&v, hth_str(text), MAX, &err), err);
    assert_ok(hth_jcs_write(&out, v, &err), err);
    assert_string_equal(hth_buf_str(&out).p, want);
    json_decref(v);
    hth_buf_drop(&out);
}

/* ---- the authors' data ---------------------------------------------------------------------- */

static void load(HthBuf *buf, const char *folder, const char *name, const char *ending) {
    char path[512], rel[128];
    snprintf(rel, sizeof rel, "vectors/jcs/testdata/%s/%s.%s", folder, name, ending);
    assert_true(test_data_path(path, sizeof path, rel));
    test_load(buf, path);
}

static void assert_hex(HthStr bytes, const char *hex) {
    size_t n = 0;
    for (; *hex; hex++) {
        if (isspace((unsigned char)*hex)) continue;
        const char digits[3] = { hex[0], hex[1], 0 };
        assert_true(n < bytes.n);
        assert_int_equal((unsigned char)bytes.p[n++], strtoul(digits, NULL, 16));
        hex++;
    }
    assert_int_equal(n, bytes.n);
}

static void vectors(void **state) {
    (void)state;
    static const char *const names[] = { "arrays",  "french", "structures",
                                         "unicode", "values", "weird" };
    char path[512];
    TEST_DATA_OR_SKIP(path, "vectors/jcs/testdata");
    for (size_t i = 0; i < HTH_COUNT(names); i++) {
        HthBuf in, want, hex, got;
        HthErr err;
        json_t *v = NULL;
        load(&in, "input", names[i], "json");
        load(&want, "output", names[i], "json");
        load(&hex, "outhex", names[i], "txt");
        hth_buf_init(&got, MAX);
        assert_ok(hth_json_parse(&v, hth_buf_str(&in), MAX, &err), err);
        assert_ok(hth_jcs_write(&got, v, &err), err);
        json_decref(v);
        assert_string_equal(hth_buf_str(&got).p, hth_buf_str(&want).p);
        assert_hex(hth_buf_str(&got), hex.p);
        v = NULL; /* the strict reader takes the one and not the other */
        assert_ok(hth_jcs_parse(&v, hth_buf_str(&want), MAX, &err), err);
        json_decref(v);
        v = NULL;
        assert_status(hth_jcs_parse(&v, hth_buf_str(&in), MAX, &err), HTH_EFORMAT, err);
        assert_null(v);
        hth_buf_drop(&in);
        hth_buf_drop(&want);
        hth_buf_drop(&hex);
        hth_buf_drop(&got);
    }
}

/* ---- numbers: RFC 8785, appendix B ---------------------------------------------------------- */

static void numbers(void **state) {
    (void)state;
    static const struct {
        uint64_t bits;
        const char *text;
    } rows[] = {
        { 0x0000000000000000, "0" },
        { 0x8000000000000000, "0" },
        { 0x0000000000000001, "5e-324" },
        { 0x8000000000000001, "-5e-324" },
        { 0x7fefffffffffffff, "1.7976931348623157e+308" },
        { 0xffefffffffffffff, "-1.7976931348623157e+308" },
        { 0x4340000000000000, "9007199254740992" },
        { 0xc340000000000000, "-9007199254740992" },
        { 0x4430000000000000, "295147905179352830000" },
        { 0x44b52d02c7e14af5, "9.999999999999997e+22" },
        { 0x44b52d02c7e14af6, "1e+23" },
        { 0x44b52d02c7e14af7, "1.0000000000000001e+23" },
        { 0x444b1ae4d6e2ef4e, "999999999999999700000" },
        { 0x444b1ae4d6e2ef4f, "999999999999999900000" },
        { 0x444b1ae4d6e2ef50, "1e+21" },
        { 0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7" },
        { 0x3eb0c6f7a0b5ed8d, "0.000001" },
        { 0x41b3de4355555553, "333333333.3333332" },
        { 0x41b3de4355555554, "333333333.33333325" },
        { 0x41b3de4355555555, "333333333.3333333" },
        { 0x41b3de4355555556, "333333333.3333334" },
        { 0x41b3de4355555557, "333333333.33333343" },
        { 0xbecbf647612f3696, "-0.0000033333333333333333" },
        { 0x43143ff3c1cb0959, "1424953923781206.2" },
    };
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        char text[HTH_JCS_NUMBER];
        double v;
        memcpy(&v, &rows[i].bits, sizeof v);
        assert_int_equal(hth_jcs_number(v, text), strlen(rows[i].text));
        assert_string_equal(text, rows[i].text);
    }
    expect("[-0, 1.0, 1e2, 1E-7, 100e-2]", "[0,1,100,1e-7,1]");
    expect("[9007199254740992, -9007199254740992]", "[9007199254740992,-9007199254740992]");
}

/* Every finite double reads back as itself and fits its buffer. */
static void numbers_read_back(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 20000; i++) {
        uint32_t w[4];
        char text[HTH_JCS_NUMBER];
        double v, back;
        hth_rng_block(30, 2, i, w);
        memcpy(&v, w, sizeof v);
        if (!isfinite(v)) continue;
        const size_t n = hth_jcs_number(v, text);
        assert_true(n < HTH_JCS_NUMBER && n == strlen(text));
        assert_true(hth_str_f64((HthStr){ text, n }, &back) && back == v);
    }
}

/* The list of values in the vectors' README, as it says they are made: these, 2,000 in a row,
 * then SHA-256 of SHA-256 of ... 32 zero bytes, four at a time, but for 0 and the not finite. */
static size_t listed(double *out, size_t room, HthStr readme) {
    const size_t from = hth_str_find(readme, HTH_STR("staticU64s")),
                 end = hth_str_find(readme, HTH_STR("staticF64s"));
    size_t n = 0;
    assert_true(from < end && end != SIZE_MAX);
    for (readme = hth_str_sub(readme, from, end - from); n < room; n++) {
        uint8_t big[8];
        uint64_t bits = 0;
        const size_t at = hth_str_find(readme, HTH_STR("0x"));
        if (at == SIZE_MAX) break;
        assert_true(hth_unhex(big, sizeof big, hth_str_sub(readme, at + 2, 16)));
        for (size_t i = 0; i < sizeof big; i++) bits = bits << 8 | big[i];
        memcpy(&out[n], &bits, sizeof bits);
        readme = hth_str_sub(readme, at + 18, SIZE_MAX);
    }
    return n;
}

/* Each value and its text, line by line, by their digest: that of other implementations. */
static void numbers_of_others(void **state) {
    (void)state;
    enum { LINES = 100000, SERIAL = 2000 };
    static double values[LINES];
    char path[512], digest[HTH_HASH_HEX + 1];
    uint8_t block[HTH_HASH_BYTES] = { 0 }, out[HTH_HASH_BYTES];
    HthErr err;
    HthHash h = { 0 };
    HthBuf readme;
    TEST_DATA_OR_SKIP(path, "vectors/jcs/testdata/README.md");
    test_load(&readme, path);
    size_t n = listed(values, LINES, hth_buf_str(&readme));
    assert_int_equal(n, 168);
    for (uint64_t i = 0; i < SERIAL; i++) {
        const uint64_t bits = UINT64_C(0x0010000000000000) + i;
        memcpy(&values[n++], &bits, sizeof bits);
    }
    while (n < LINES) {
        double four[4];
        hth_hash(HTH_SHA256, block, sizeof block, block);
        memcpy(four, block, sizeof four);
        for (size_t i = 0; i < 4 && n < LINES; i++)
            if (isfinite(four[i]) && four[i] != 0.0) values[n++] = four[i];
    }
    assert_ok(hth_hash_begin(&h, HTH_SHA256, &err), err);
    for (size_t i = 0; i < LINES; i++) {
        char text[HTH_JCS_NUMBER], line[HTH_JCS_NUMBER + 32];
        uint64_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        hth_jcs_number(values[i], text);
        const int bytes = snprintf(line, sizeof line, "%llx,%s\n", (unsigned long long)bits, text);
        hth_hash_add(&h, line, (size_t)bytes);
    }
    hth_hash_end(&h, out);
    hth_hex(digest, out, sizeof out);
    assert_string_equal(digest, "22776e6d4b49fa294a0d0f349268e5c28808fe7e0cb2bcbe28f63894e494d4c7");
    hth_buf_drop(&readme);
}

static void integers_beyond(void **state) {
    (void)state;
    static const json_int_t beyond[] = { 9007199254740993, -9007199254740993, INT64_MAX,
                                         INT64_MIN };
    for (size_t i = 0; i < HTH_COUNT(beyond); i++) {
        HthBuf out;
        HthErr err;
        hth_json_init();
        json_t *v = json_pack("[i, I]", 7, beyond[i]);
        hth_buf_init(&out, MAX);
        assert_ok(hth_buf_add_str(&out, HTH_STR("kept"), &err), err);
        assert_status(hth_jcs_write(&out, v, &err), HTH_EINVAL, err);
        assert_string_equal(hth_buf_str(&out).p, "kept");
        hth_buf_drop(&out);
        json_decref(v);
    }
}

/* ---- strings and members -------------------------------------------------------------------- */

static void escapes(void **state) {
    (void)state;
    expect("\"\\u0000\\u0001\\u0008\\u0009\\u000a\\u000b\\u000c\\u000d\\u001F\\u007f\\/\\\\\\\"\"",
           "\"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f\x7f/\\\\\\\"\"");
    expect("\"\\ud83d\\ude02\\u20ac\"", "\"\xf0\x9f\x98\x82\xe2\x82\xac\"");
    expect("[true,false,null,{},[]]", "[true,false,null,{},[]]");
}

/* A surrogate pair (d83d...) sorts before U+E000 to U+FFFF, though its UTF-8 does not. */
static void order(void **state) {
    (void)state;
    expect("{\"\xef\xac\xb3\":1, \"\xf0\x9f\x98\x82\":2, \"\xed\x9f\xbf\":3, \"\":4, \"a\":5, "
           "\"a\xf0\x9f\x98\x82\":6, \"a\xef\xac\xb3\":7, \"aa\":8, \"A\":9}",
           "{\"\":4,\"A\":9,\"a\":5,\"aa\":8,\"a\xf0\x9f\x98\x82\":6,\"a\xef\xac\xb3\":7,"
           "\"\xed\x9f\xbf\":3,\"\xf0\x9f\x98\x82\":2,\"\xef\xac\xb3\":1}");
    expect("{\"\xf0\x9f\x98\x83\":1, \"\xf0\x9f\x98\x82\":2}",
           "{\"\xf0\x9f\x98\x82\":2,\"\xf0\x9f\x98\x83\":1}");
}

static void strict(void **state) {
    (void)state;
    static const char *const others[] = { "\xef\xbb\xbf[]",
                                          "+1",
                                          "01",
                                          "1.",
                                          ".5",
                                          "0x1",
                                          "1e400",
                                          "-1e400",
                                          "NaN",
                                          "'a'",
                                          "1\n",
                                          "1,",
                                          "[1,]",
                                          "{\"a\":1,}",
                                          "{\"a\":1,\"a\":1}",
                                          "\"\\ud800\"",
                                          "\"\\udc00\\ud800\"",
                                          "\"\xed\xa0\x80\"",
                                          "\"\xc0\xaf\"",
                                          "\"\xf4\x90\x80\x80\"",
                                          "\"\x01\"",
                                          "1e+2",
                                          "1E21",
                                          "1e21",
                                          "1e-07",
                                          "0.10",
                                          "-0.0",
                                          "1e-0",
                                          "100000000000000000000000",
                                          "{\"\\u0000\":1}",
                                          "\"\\u000A\"",
                                          "\"\\u000a\"",
                                          "\"\\u001F\"",
                                          "\"\\u007f\"",
                                          "/**/1",
                                          "nul",
                                          "tru",
                                          " 1",
                                          "1 ",
                                          "1.0",
                                          "-0",
                                          "1e2",
                                          "[1, 2]",
                                          "{\"b\":1,\"a\":2}",
                                          "\"\\u0041\"",
                                          "\"\\/\"",
                                          "" };
    for (size_t i = 0; i < HTH_COUNT(others); i++) {
        HthErr err;
        json_t *v = NULL;
        assert_status(hth_jcs_parse(&v, hth_str(others[i]), MAX, &err), HTH_EFORMAT, err);
        assert_null(v);
    }
    HthErr err;
    json_t *v = NULL;
    assert_ok(hth_jcs_parse(&v, hth_str("{\"a\":[1,\"x\"]}"), MAX, &err), err);
    json_decref(v);
    v = NULL;
    assert_status(hth_jcs_parse(&v, hth_str("[9007199254740993]"), MAX, &err), HTH_EINVAL, err);
    assert_status(hth_jcs_parse(&v, hth_str("[1]"), 2, &err), HTH_ELIMIT, err);
}

static void depth(void **state) {
    (void)state;
    HthErr err;
    HthBuf out;
    hth_json_init();
    hth_buf_init(&out, MAX);
    json_t *v = json_integer(1);
    for (int i = 0; i < 512; i++) {
        json_t *outer = json_array();
        assert_int_equal(json_array_append_new(outer, v), 0);
        v = outer;
    }
    assert_ok(hth_jcs_write(&out, v, &err), err);
    json_t *outer = json_array();
    assert_int_equal(json_array_append_new(outer, v), 0);
    hth_buf_clear(&out);
    assert_status(hth_jcs_write(&out, outer, &err), HTH_ELIMIT, err);
    assert_int_equal(out.n, 0);
    json_decref(outer);
    hth_buf_drop(&out);
}

/* ---- failures ------------------------------------------------------------------------------- */

static HthStatus body(void *ctx) {
    json_t *v = NULL;
    HthErr err;
    const HthStatus st = hth_jcs_parse(&v, hth_str(ctx), MAX, &err);
    json_decref(v);
    return st;
}

static void out_of_memory(void **state) {
    (void)state;
    char text[] = "{\"a\":[1,2.5,\"three\",{\"x\":null}],\"b\":{\"y\":true}}";
    assert_true(test_torture(body, text, 200) > 3);
}

static void ceiling(void **state) {
    (void)state;
    HthErr err;
    json_t *v = NULL;
    const char *text = "{\"a\":[1,2.5,\"three\"],\"b\":{\"y\":true}}";
    assert_ok(hth_json_parse(&v, hth_str(text), MAX, &err), err);
    for (size_t max = 0; max < strlen(text); max++) {
        HthBuf out;
        hth_buf_init(&out, max);
        assert_status(hth_jcs_write(&out, v, &err), HTH_ELIMIT, err);
        assert_int_equal(out.n, 0);
        hth_buf_drop(&out);
    }
    json_decref(v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(numbers),
        cmocka_unit_test(numbers_read_back),
        cmocka_unit_test(numbers_of_others),
        cmocka_unit_test(integers_beyond),
        cmocka_unit_test(escapes),
        cmocka_unit_test(order),
        cmocka_unit_test(strict),
        cmocka_unit_test(depth),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* reply_value_test.c - arguments to JSON: tables, every cut, everything cut off is completed. */
#include "support/test.h"

#include "base/rng.h"
#include "text/reply_int.h"

static HthErr err;

typedef struct Row {
    HthValueMode mode;
    const char *text;
    const char *want; /* NULL: bad */
    size_t used; /* 0: all of it */
} Row;

#define J HTH_VALUE_JSON
#define P HTH_VALUE_PYTHON
#define B HTH_VALUE_BARE
#define Q "<|\"|>"

/* clang-format off */
static const Row ROWS[] = {
    { J, "{}", "{}", 0 },
    { J, " { \"a\" : 1 , \"b\":[ true,false , null ] } ", "{\"a\":1,\"b\":[true,false,null]}", 40 },
    { J, "{\"a\":\"x\\n\\u00e9\\ud83d\\ude00\\/\"}", "{\"a\":\"x\\n\xC3\xA9\xF0\x9F\x98\x80/\""
      "}", 0 },
    { J, "{\"a\":\"\\ud83d!\"}", "{\"a\":\"\xEF\xBF\xBD!\"}", 0 },
    { J, "{\"a\":\"\\ude00\"}", "{\"a\":\"\xEF\xBF\xBD\"}", 0 },
    { J, "{\"a\":\"\\ud83d\"}", "{\"a\":\"\xEF\xBF\xBD\"}", 0 },
    { J, "{\"a\":\"\\d\\alpha\"}", "{\"a\":\"\\\\d\\\\alpha\"}", 0 },
    { J, "{\"a\":\"1\n2\t\"}", "{\"a\":\"1\\n2\\t\"}", 0 },
    { J, "{\"\\u0000\":\"\\u0000\"}", "{\"\xEF\xBF\xBD\":\"\\u0000\"}", 0 },
    { J, "{\"a\":-0.5e+3,\"b\":[[],{}]}", "{\"a\":-0.5e+3,\"b\":[[],{}]}", 0 },
    { J, "{\"a\":1,}", "{\"a\":1}", 0 },
    { J, "[1,]", "[1]", 0 },
    { J, "{\"a\":True}", "{\"a\":true}", 0 },
    { J, "{\"a\":01}", NULL, 7 },
    { J, "{\"a\":1.}", NULL, 7 },
    { J, "{\"a\":+1}", NULL, 7 },
    { J, "{\"a\":1e}", NULL, 7 },
    { J, "[9223372036854775807]", "[9223372036854775807]", 0 },
    { J, "[-9223372036854775809]", "[-9223372036854775809e0]", 0 },
    { J, "[1e999]", NULL, 6 },
    { J, "{\"a\":yes}", NULL, 8 },
    { J, "{a:1}", NULL, 1 },
    { J, "{'a':1}", NULL, 1 },
    { J, "{\"a\" 1}", NULL, 5 },
    { J, "{\"a\":}", NULL, 5 },
    { J, "{\"a\":1 \"b\":2}", NULL, 7 },
    { J, "{,}", NULL, 1 },
    { J, "[1}", NULL, 2 },
    { J, "{\"a\":\"\\u00zz\"}", NULL, 10 },
    { J, "(a=1)", NULL, 0 },
    { P, "(a='x', b=2)", "{\"a\":\"x\",\"b\":2}", 0 },
    { P, "(a=\"it's\", b='\"', c='\\'')", "{\"a\":\"it's\",\"b\":\"\\\"\",\"c\":\"'\"}", 0 },
    { P, "(a=[True, None, {'k': 'v'}])", "{\"a\":[true,null,{\"k\":\"v\"}]}", 0 },
    { P, "(a='\\x41\\u00e9\\U0001F600')", "{\"a\":\"A\xC3\xA9\xF0\x9F\x98\x80\"}", 0 },
    { P, "()", "{}", 0 },
    { P, "(a=(1,2))", NULL, 3 },
    { P, "(a:1)", NULL, 2 },
    { P, "('a'=1)", NULL, 1 },
    { B, "{a:" Q "x" Q ",n:2,l:[" Q "<|" Q ",None]}", "{\"a\":\"x\",\"n\":2,\"l\":[\"<|\",null]"
      "}", 0 },
    { B, "{a:" Q "<<|\"" Q "}", "{\"a\":\"<<|\\\"\"}", 0 },
    { B, "{a:<|x}", NULL, 5 },
    { B, "{a:{b:" Q Q "}}", "{\"a\":{\"b\":\"\"}}", 0 },
};
/* clang-format on */

static HthStatus read_value(HthValueMode mode, HthStr text, size_t cut, HthBuf *out, HthValue *v,
                            size_t *used) {
    size_t n = 0;
    hth_value_begin(v, mode, HTH_STR(Q), out);
    HthStatus st = hth_value_put(v, hth_str_sub(text, 0, cut), used, &err);
    if (st == HTH_OK && *used == cut)
        st = hth_value_put(v, hth_str_sub(text, cut, text.n), &n, &err);
    *used += n;
    return st;
}

static void test_rows(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(ROWS); i++) {
        const Row *row = &ROWS[i];
        const HthStr text = hth_str(row->text);
        for (size_t cut = 0; cut <= text.n; cut++) {
            HthValue v;
            HthBuf out;
            size_t used = 0;
            hth_buf_init(&out, 1 << 16);
            assert_ok(read_value(row->mode, text, cut, &out, &v, &used), err);
            if (v.bad != !row->want || (row->want && v.state != HTH_V_DONE))
                fail_msg("row %zu, cut %zu: [%s]", i, cut, row->text);
            if (row->want) assert_string_equal(hth_buf_str(&out).p, row->want);
            if (row->want || row->used) assert_int_equal(used, row->used ? row->used : text.n);
            hth_buf_drop(&out);
        }
    }
}

/* Whatever was cut off, where it was cut: what was written can be completed. */
static void test_close(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(ROWS); i++)
        for (size_t n = 0; n <= strlen(ROWS[i].text); n++) {
            HthValue v;
            HthBuf out;
            size_t used;
            json_error_t e;
            hth_buf_init(&out, 1 << 16);
            hth_value_begin(&v, ROWS[i].mode, HTH_STR(Q), &out);
            assert_ok(hth_value_put(&v, (HthStr){ ROWS[i].text, n }, &used, &err), err);
            assert_ok(hth_value_close(&v, &err), err);
            json_t *json = json_loadb(hth_buf_str(&out).p, out.n, JSON_ALLOW_NUL, &e);
            if (!json && out.n) fail_msg("row %zu at %zu: [%s]: %s", i, n, out.p, e.text);
            assert_true(v.state == HTH_V_DONE && !v.bad);
            json_decref(json);
            hth_buf_drop(&out);
        }
}

typedef struct Rng {
    uint64_t seed, index;
} Rng;
static uint32_t below(Rng *rng, uint32_t n) {
    return hth_rng_below(rng->seed, 7, rng->index++, n);
}

static json_t *random_value(Rng *rng, unsigned depth) {
    switch (below(rng, depth ? 7 : 5)) {
    case 0: return json_null();
    case 1: return json_boolean(below(rng, 2));
    case 2: return json_integer((json_int_t)below(rng, 1000) - 500);
    case 3: return json_real((double)below(rng, 1000) / 8);
    case 4: {
        char s[16];
        size_t n = below(rng, sizeof s);
        for (size_t i = 0; i < n; i++) s[i] = (char)below(rng, 128);
        return json_stringn(s, n);
    }
    case 5: {
        json_t *list = json_array();
        for (uint32_t n = below(rng, 4); n; n--)
            json_array_append_new(list, random_value(rng, depth - 1));
        return list;
    }
    default: {
        json_t *o = json_object();
        for (uint32_t n = below(rng, 4); n; n--) {
            char key[8];
            snprintf(key, sizeof key, "k%u\"", below(rng, 9));
            json_object_set_new(o, key, random_value(rng, depth - 1));
        }
        return o;
    }
    }
}

/* Any JSON is read as what it is. */
static void test_random(void **state) {
    (void)state;
    for (uint32_t seed = 0; seed < 3000; seed++) {
        Rng rng = { seed, 0 };
        json_t *want = json_pack("{s:o}", "v", random_value(&rng, 4));
        char *text = json_dumps(want, below(&rng, 2) ? JSON_ENSURE_ASCII : JSON_INDENT(1));
        HthValue v;
        HthBuf out;
        size_t used;
        hth_buf_init(&out, 1 << 20);
        const HthStr s = hth_str(text);
        assert_ok(read_value(J, s, below(&rng, (uint32_t)s.n + 1), &out, &v, &used), err);
        json_t *got = json_loadb(hth_buf_str(&out).p, out.n, JSON_ALLOW_NUL, NULL);
        if (!json_equal(got, want)) fail_msg("seed %u: %s gives %s", seed, text, out.p);
        json_decref(got);
        json_decref(want);
        hth_free(text);
        hth_buf_drop(&out);
    }
}

static void test_bounds(void **state) {
    (void)state;
    HthValue v;
    HthBuf out;
    size_t used;
    char deep[HTH_VALUE_DEPTH_MAX + 1], word[HTH_VALUE_WORD_MAX + 1];
    memset(deep, '[', sizeof deep);
    memset(word, '1', sizeof word);
    hth_buf_init(&out, 1 << 16);
    hth_value_begin(&v, J, HTH_STR(""), &out);
    assert_ok(hth_value_put(&v, (HthStr){ deep, sizeof deep }, &used, &err), err);
    assert_true(v.bad && used == HTH_VALUE_DEPTH_MAX);
    assert_ok(hth_value_close(&v, &err), err);
    assert_int_equal(out.n, 2 * HTH_VALUE_DEPTH_MAX);
    hth_buf_clear(&out);
    hth_value_begin(&v, J, HTH_STR(""), &out);
    assert_ok(hth_value_put(&v, (HthStr){ word, sizeof word }, &used, &err), err);
    assert_true(v.bad);
    hth_buf_drop(&out);
    hth_buf_init(&out, 4); /* a ceiling is an error, nothing else */
    hth_value_begin(&v, J, HTH_STR(""), &out);
    assert_status(hth_value_put(&v, HTH_STR("{\"abcdef\":1}"), &used, &err), HTH_ELIMIT, err);
    hth_buf_drop(&out);
}

/* JSON readers refuse U+0000 in keys, however it got there. */
static void test_zero_key(void **state) {
    (void)state;
    static const HthStr texts[] = { { "{\"a\0b\":1}", 9 }, { "{\"a\\\0b\":1}", 10 } };
    for (size_t i = 0; i < HTH_COUNT(texts); i++)
        for (size_t cut = 0; cut <= texts[i].n; cut++) {
            HthValue v;
            HthBuf out;
            size_t used;
            hth_buf_init(&out, 1 << 10);
            assert_ok(read_value(J, texts[i], cut, &out, &v, &used), err);
            assert_true(v.state == HTH_V_DONE && !v.bad);
            json_t *json = json_loadb(out.p, out.n, 0, NULL);
            assert_non_null(json);
            json_decref(json);
            hth_buf_drop(&out);
        }
}

static void test_escape(void **state) {
    (void)state;
    HthBuf out;
    hth_buf_init(&out, 1 << 10);
    assert_ok(hth_json_escape(&out, (HthStr){ "a\"\\\b\t\n\v\f\r\0z\xC3\xA9", 13 }, &err), err);
    assert_string_equal(out.p, "a\\\"\\\\\\b\\t\\n\\u000b\\f\\r\\u0000z\xC3\xA9");
    hth_buf_drop(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),   cmocka_unit_test(test_close),
        cmocka_unit_test(test_random), cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_escape), cmocka_unit_test(test_zero_key),
    };
    hth_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

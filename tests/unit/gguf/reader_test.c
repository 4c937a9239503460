/* reader_test.c - the walk never leaves the bytes, and what is quoted is safe to print. */
#include "unit/gguf/hostile.h"

#include "gguf/gguf_int.h"

static void test_shown(void **state) {
    (void)state;
    char out[HTH_GGUF_SHOWN_MAX];
    static const struct {
        HthStr in;
        const char *out;
    } cases[] = {
        { { "plain.key", 9 }, "plain.key" },
        { { "", 0 }, "" },
        { { "a\nb\tc\0d", 7 }, "a?b?c?d" },
        { { "\033[31mred", 8 }, "?[31mred" },
        { { "caf\xc3\xa9", 5 }, "caf\xc3\xa9" },
        { { "\xc2\x9b"
            "31m",
            5 },
          "?31m" }, /* C1 control */
        { { "\xe2\x80\xa8", 3 }, "?" }, /* line separator */
        { { "\xff\xc3", 2 }, "??" },
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        hth_gguf_shown(cases[i].in, out);
        assert_string_equal(out, cases[i].out);
    }
}

/* Any bytes of any length give one line of valid UTF-8 that fits. */
static void test_shown_bounds(void **state) {
    (void)state;
    char in[300], out[HTH_GGUF_SHOWN_MAX];
    for (size_t n = 0; n <= sizeof in; n++) {
        uint32_t x = (uint32_t)n * 2654435761U + 1;
        for (size_t i = 0; i < n; i++) {
            x = x * 1664525U + 1013904223U;
            static const char alphabet[] = "ab\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\n\x00\xff";
            in[i] = alphabet[(x >> 24) % (sizeof alphabet - 1)];
        }
        memset(out, 0x7f, sizeof out);
        hth_gguf_shown((HthStr){ in, n }, out);
        size_t len = strnlen(out, sizeof out);
        assert_true(len < sizeof out);
        assert_true(hth_utf8_valid((HthStr){ out, len }));
        assert_null(strchr(out, '\n'));
    }
}

static void test_shown_file(void **state) {
    (void)state;
    char out[HTH_GGUF_SHOWN_MAX];
    hth_gguf_shown_file("/some/where/model.gguf", out);
    assert_string_equal(out, "model.gguf");
    hth_gguf_shown_file("model.gguf", out);
    assert_string_equal(out, "model.gguf");
    hth_gguf_shown_file("folder/", out);
    assert_string_equal(out, "folder/");
}

static HthGgufReader reader(const uint8_t *data, size_t n, HthErr *err) {
    return (HthGgufReader){ .file = "f", .data = data, .n = n, .what = "header", .err = err };
}

static void test_reads(void **state) {
    (void)state;
    static const uint8_t data[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 };
    HthErr err;
    HthGgufReader r = reader(data, sizeof data, &err);
    uint32_t u32 = 0;
    uint64_t u64 = 0;
    assert_int_equal(hth_gguf_read_u32(&r, &u32), HTH_OK);
    assert_int_equal(u32, 0x04030201);
    assert_int_equal(hth_gguf_read_u64(&r, &u64), HTH_OK);
    assert_true(u64 == 0x0c0b0a0908070605U);
    assert_int_equal(r.at, 12);
    assert_int_equal(hth_gguf_read_u32(&r, &u32), HTH_EFORMAT);
    assert_int_equal(hth_gguf_read_u64(&r, &u64), HTH_EFORMAT);
    assert_int_equal(r.at, 12);
    assert_int_equal(u32, 0x04030201);
    assert_int_equal(hth_gguf_need(&r, 1), HTH_OK);
    assert_int_equal(hth_gguf_need(&r, 2), HTH_EFORMAT);
    assert_int_equal(hth_gguf_need(&r, UINT64_MAX), HTH_EFORMAT);
    assert_string_equal(err.text,
                        "f: header runs past the end of the file, which is cut short or damaged");
}

static void test_str_lengths(void **state) {
    (void)state;
    for (uint64_t claim = 0; claim < 12; claim++) {
        uint8_t data[8 + 5] = { 0 };
        HthErr err;
        HthStr s = { NULL, 99 };
        data[0] = (uint8_t)claim;
        memcpy(data + 8, "abcde", 5);
        HthGgufReader r = reader(data, sizeof data, &err);
        bool fits = claim <= 4;
        assert_int_equal(hth_gguf_read_str(&r, 4, "a word", &s), fits ? HTH_OK : HTH_EFORMAT);
        assert_int_equal(s.n, fits ? claim : 99);
        if (claim == 5) assert_non_null(strstr(err.text, "a word of 5 bytes; at most 4"));
        if (claim == 6) assert_non_null(strstr(err.text, "past the end"));
    }
}

/* Past the directory's ceiling is a limit; an arena that is merely out is out of memory. */
static void test_take(void **state) {
    (void)state;
    HthErr err;
    HthGgufReader r = reader((const uint8_t *)"", 0, &err);
    uint64_t *p = NULL;
    assert_int_equal(hth_arena_open(&r.arena, 1 << 17, &err), HTH_OK);
    assert_int_equal(hth_gguf_take(&r, 100, sizeof *p, &p), HTH_OK);
    assert_non_null(p);
    p[99] = 1;
    assert_int_equal(hth_gguf_take(&r, 0, sizeof *p, &p), HTH_OK);
    assert_null(p);
    assert_int_equal(hth_gguf_take(&r, 1 << 20, sizeof *p, &p), HTH_ENOMEM);
    assert_int_equal(hth_gguf_take(&r, HTH_GGUF_DIR_MAX, 1, &p), HTH_ELIMIT);
    assert_int_equal(hth_gguf_take(&r, SIZE_MAX / 4, sizeof *p, &p), HTH_ELIMIT);
    hth_arena_close(&r.arena);
}

static void test_names_and_alignment(void **state) {
    (void)state;
    assert_true(hth_gguf_name_ok(HTH_STR("blk.0.attn_q.weight")));
    assert_true(hth_gguf_name_ok(HTH_STR("gr\xc3\xbc\xc3\x9f")));
    assert_false(hth_gguf_name_ok(HTH_STR("")));
    assert_false(hth_gguf_name_ok(HTH_STR("a\x7f")));
    assert_false(hth_gguf_name_ok(HTH_STR("a\xc3")));
    for (uint64_t a = 0; a < 1 << 22; a++) {
        bool want = false;
        for (uint64_t p = 8; p <= 1 << 20; p *= 2) want = want || a == p;
        if (hth_gguf_align_ok(a) != want) fail_msg("alignment %llu", (unsigned long long)a);
    }
    assert_false(hth_gguf_align_ok(1ULL << 63));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shown),
        cmocka_unit_test(test_shown_bounds),
        cmocka_unit_test(test_shown_file),
        cmocka_unit_test(test_reads),
        cmocka_unit_test(test_str_lengths),
        cmocka_unit_test(test_take),
        cmocka_unit_test(test_names_and_alignment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* dfa_bytes_test.c - the bytes of a language are the bytes of its texts, in every spelling. */
#include "support/test.h"

#include "base/rng.h"
#include "text/dfa_int.h"

static HthErr err;

static bool run(const HthByteDfa *b, const char *p, size_t n) {
    uint32_t s = 1;
    for (size_t i = 0; i < n; i++)
        s = b->next[(size_t)s * b->class_count + b->class_of[(unsigned char)p[i]]];
    return b->accept[s];
}

/* What the header promises of the table. */
static void sound(const HthByteDfa *b, bool empty) {
    assert_true(b->state_count >= 2);
    assert_false(b->accept[0]);
    for (uint32_t c = 0; c < b->class_count; c++) assert_int_equal(b->next[c], 0);
    uint8_t *good = hth_calloc(b->state_count, 1); /* reaches an accepting one */
    memcpy(good, b->accept, b->state_count);
    for (bool more = true; more;) {
        more = false;
        for (uint32_t s = b->state_count; s-- > 0;) {
            if (good[s]) continue;
            for (uint32_t c = 0; c < b->class_count; c++)
                good[s] |= good[b->next[(size_t)s * b->class_count + c]];
            more |= good[s];
        }
    }
    for (uint32_t s = 1; s < b->state_count; s++) assert_int_equal(good[s], !empty);
    hth_free(good);
}

static const char *const patterns[] = {
    "[]",
    "",
    "a*",
    "[^]*",
    ".{1,3}",
    "[\\u0000-\\u001f]+",
    "\\p{L}+",
    "[\"\\\\/]*",
    "[\\u{10000}-\\u{10FFFF}]",
    "\\u{1F600}|\\u{1F601}x",
    "[^\\u00e9]",
    "[\\ud7ff\\ue000]",
    "[\\u07f0-\\u0810\\uFFF0-\\u{1000f}]",
};

static const uint32_t cps[] = {
    0,    1,    8,    9,     10,    0x1F,   ' ',    '"',    '/',     '\\',    'a',     'x',
    0x7F, 0x80, 0xE9, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x1F600, 0x1F601, 0x10FFFF
};

static void utf8_spelling(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(patterns); i++) {
        HthDfa *d = NULL;
        HthByteDfa b = { 0 };
        assert_ok(hth_dfa_pattern(&d, hth_str(patterns[i]), true, &err), err);
        assert_ok(hth_dfa_bytes(&b, d, HTH_DFA_UTF8, &err), err);
        sound(&b, hth_dfa_empty(d));
        for (uint64_t round = 0; round < 3000; round++) {
            char text[32];
            size_t n = 0;
            const uint32_t len = hth_rng_below(4, round, 0, 5);
            for (uint32_t k = 0; k < len; k++)
                n += hth_utf8_encode(cps[hth_rng_below(4, round, k + 1, HTH_COUNT(cps))], text + n);
            assert_int_equal(run(&b, text, n), hth_dfa_match(d, (HthStr){ text, n }));
            if (n) text[hth_rng_below(4, round, 90, (uint32_t)n)] ^= 0x80; /* hardly ever valid */
            const HthStr s = { text, n };
            assert_int_equal(run(&b, text, n), hth_utf8_valid(s) && hth_dfa_match(d, s));
        }
        hth_byte_dfa_drop(&b);
        hth_dfa_close(&d);
    }
}

/* One character inside a JSON string, in one of its spellings. */
static size_t spelled(uint32_t cp, uint32_t how, char *out) {
    static const char letters[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *at = cp && cp < 0x80 ? strchr(values, (int)cp) : NULL;
    const char *form = how & 1 ? "\\u%04x" : "\\u%04X";
    if (at && how % 3 == 0) return (size_t)snprintf(out, 16, "\\%c", letters[at - values]);
    if (cp >= 0x20 && cp != '"' && cp != '\\' && how % 3 == 1) return hth_utf8_encode(cp, out);
    if (cp < 0x10000) return (size_t)snprintf(out, 16, form, cp);
    size_t n = (size_t)snprintf(out, 16, form, 0xD800 + ((cp - 0x10000) >> 10));
    return n + (size_t)snprintf(out + n, 8, form, 0xDC00 + (cp & 0x3FF));
}

static void json_spelling(void **state) {
    (void)state;
    unsigned yes = 0;
    for (size_t i = 0; i < HTH_COUNT(patterns); i++) {
        HthDfa *d = NULL;
        HthByteDfa b = { 0 };
        assert_ok(hth_dfa_pattern(&d, hth_str(patterns[i]), true, &err), err);
        assert_ok(hth_dfa_bytes(&b, d, HTH_DFA_JSON, &err), err);
        sound(&b, hth_dfa_empty(d));
        for (uint64_t round = 0; round < 3000; round++) {
            char text[32], json[80];
            size_t n = 0, m = 0;
            const uint32_t len = hth_rng_below(5, round, 0, 5);
            for (uint32_t k = 0; k < len; k++) {
                const uint32_t cp = cps[hth_rng_below(5, round, 2 * k + 1, HTH_COUNT(cps))];
                n += hth_utf8_encode(cp, text + n);
                m += spelled(cp, hth_rng_below(5, round, 2 * k + 2, 6), json + m);
            }
            const bool want = hth_dfa_match(d, (HthStr){ text, n });
            assert_int_equal(run(&b, json, m), want);
            yes += want;
        }
        static const HthStr bad[] = { HTH_STR("\""),
                                      HTH_STR("\n"),
                                      HTH_STR("\\"),
                                      HTH_STR("\\x"),
                                      HTH_STR("\\u12"),
                                      HTH_STR("\\uD800"),
                                      HTH_STR("\\uDC00"),
                                      HTH_STR("\\uD800\\u0041"),
                                      HTH_STR("\\uD83Dx"),
                                      HTH_STR("\\uD83D\\n"),
                                      HTH_STR("\\uDE00\\uD83D"),
                                      HTH_STR("\\U0041"),
                                      HTH_STR("\xC0\x80"),
                                      HTH_STR("\xff") };
        for (size_t k = 0; k < HTH_COUNT(bad); k++) assert_false(run(&b, bad[k].p, bad[k].n));
        hth_byte_dfa_drop(&b);
        hth_dfa_close(&d);
    }
    assert_true(yes > 500);
}

static HthStatus torture_body(void *ctx) {
    HthByteDfa b = { 0 };
    HthErr e;
    HthStatus st = hth_dfa_bytes(&b, ctx, HTH_DFA_JSON, &e);
    hth_byte_dfa_drop(&b);
    return st;
}

static void survives_without_memory(void **state) {
    (void)state;
    HthDfa *d = NULL;
    assert_ok(hth_dfa_pattern(&d, HTH_STR("\\w{3}"), true, &err), err);
    assert_true(test_torture(torture_body, d, 1000) > 3);
    hth_dfa_close(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_spelling),
        cmocka_unit_test(json_spelling),
        cmocka_unit_test(survives_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

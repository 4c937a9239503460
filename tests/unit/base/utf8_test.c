/* utf8_test.c - every code point there and back; every short byte sequence judged by a second,
 * differently written decoder. */
#include "support/test.h"

#include "base/rng.h"
#include "base/str.h"

static void every_code_point(void **state) {
    (void)state;
    for (uint32_t cp = 0; cp <= 0x110010; cp++) {
        char bytes[4];
        const size_t n = hth_utf8_encode(cp, bytes);
        const bool scalar = cp <= 0x10FFFF && !(cp >= 0xD800 && cp <= 0xDFFF);
        const size_t want = !scalar ? 0 : cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
        if (n != want) fail_msg("U+%04X takes %zu bytes", cp, n);
        if (!n) continue;
        uint32_t back = UINT32_MAX;
        if (hth_utf8_decode((HthStr){ bytes, n }, &back) != n || back != cp)
            fail_msg("U+%04X comes back as U+%04X", cp, back);
        for (size_t cut = 0; cut < n; cut++) { /* every unfinished form is no code point */
            assert_int_equal(hth_utf8_decode((HthStr){ bytes, cut }, &back), 0);
            assert_int_equal(hth_utf8_whole((HthStr){ bytes, cut }), 0);
        }
        assert_int_equal(back, cp);
    }
    assert_int_equal(hth_utf8_encode(UINT32_MAX, (char[4]){ 0 }), 0);
}

/* By arithmetic instead of by table: decode loosely, then ask whether encoding gives it back. */
static size_t second_opinion(const uint8_t *b, size_t n, uint32_t *cp) {
    const int len = b[0] < 0x80       ? 1
                    : b[0] >> 5 == 6  ? 2
                    : b[0] >> 4 == 14 ? 3
                    : b[0] >> 3 == 30 ? 4
                                      : 0;
    if (!len || (size_t)len > n) return 0;
    uint32_t v = len == 1 ? b[0] : b[0] & ((1u << (7 - len)) - 1);
    for (int i = 1; i < len; i++) {
        if (b[i] < 0x80 || b[i] > 0xBF) return 0;
        v = v * 64 + (b[i] - 0x80u);
    }
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    if (v < least[len] || v > 0x10FFFF || v / 0x800 == 0x1B) return 0;
    *cp = v;
    return (size_t)len;
}

static void agree(const uint8_t *b, size_t n) {
    uint32_t got = 0, want = 0;
    const size_t len = hth_utf8_decode((HthStr){ (const char *)b, n }, &got);
    if (len != second_opinion(b, n, &want) || got != want)
        fail_msg("%02x %02x %02x %02x: length %zu, U+%04X, wanted U+%04X", b[0], b[1], b[2], b[3],
                 len, got, want);
}

static void every_short_sequence(void **state) {
    (void)state;
    uint8_t b[4] = { 0 };
    for (uint32_t v = 0; v < 1u << 24; v++) { /* all of three bytes */
        b[0] = (uint8_t)(v >> 16), b[1] = (uint8_t)(v >> 8), b[2] = (uint8_t)v;
        agree(b, 3);
    }
    static const uint8_t ends[] = { 0x00, 0x7F, 0x80, 0xBF, 0xC0, 0xFF };
    for (uint32_t v = 0; v < 1u << 16; v++) { /* four: all leads and seconds, edges after */
        b[0] = (uint8_t)(v >> 8), b[1] = (uint8_t)v;
        for (size_t i = 0; i < 36; i++) {
            b[2] = ends[i / 6], b[3] = ends[i % 6];
            agree(b, 4);
        }
    }
}

static void whole_stops_at_the_tail(void **state) {
    (void)state;
    assert_int_equal(hth_utf8_whole(HTH_STR("a\xC3\xA9\xE2\x82")), 3);
    assert_int_equal(hth_utf8_whole(HTH_STR("ab\xFFzz")), 2);
    assert_true(hth_utf8_valid(HTH_STR("")));
    assert_true(hth_utf8_valid(HTH_STR("gr\xC3\xBC\xC3\x9F dich \xF0\x9F\x94\xA5")));
    assert_false(hth_utf8_valid(HTH_STR("\xC0\x80")));
    assert_false(hth_utf8_valid(HTH_STR("\xED\xA0\x80")));
    assert_false(hth_utf8_valid(HTH_STR("\xF4\x90\x80\x80")));
    uint32_t cp = 5;
    assert_int_equal(hth_utf8_decode(HTH_STR(""), &cp), 0);
    assert_int_equal(cp, 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point),
        cmocka_unit_test(every_short_sequence),
        cmocka_unit_test(whole_stops_at_the_tail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

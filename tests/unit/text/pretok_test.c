/* pretok_test.c - every pre-tokenizer compiles and covers its text; known cuts; hostile lengths. */
#include "support/test.h"

#include "base/rng.h"
#include "text/pretok.h"
#include "text/unicode.h"

/* "ab|c" for the pieces "ab" and "c". */
static const char *cuts_of(const char *pre, const char *text, char *room) {
    HthPretok *p = NULL;
    HthCuts cuts = { 0 };
    HthErr err;
    const HthPre *row = hth_pre_find(hth_str(pre));
    assert_non_null(row);
    assert_ok(hth_pretok_open(&p, row, &err), err);
    assert_ok(hth_pretok_split(p, hth_str(text), &cuts, &err), err);
    size_t at = 0, out = 0;
    for (size_t i = 0; i < cuts.n; i++) {
        if (i) room[out++] = '|';
        memcpy(room + out, text + at, cuts.p[i]);
        at += cuts.p[i];
        out += cuts.p[i];
    }
    room[out] = 0;
    hth_cuts_drop(&cuts);
    hth_pretok_close(&p);
    return room;
}

/* Worked out by hand from the models' published patterns. */
static void known_cuts(void **state) {
    (void)state;
    static const char *const cases[][3] = {
        { "gpt-2", "I'm  here 12345!\n", "I|'m| | here| 12345|!|\n" },
        { "gpt-2", "a   ", "a|   " },
        { "llama3", "I'M  here 12345!\n\nx", "I|'M| | here| |123|45|!\n\n|x" },
        { "qwen2", "x2024", "x|2|0|2|4" },
        { "qwen35", "e\xCC\x81t", "e\xCC\x81t" },
        { "qwen2", "e\xCC\x81t", "e|\xCC\x81t" },
        { "gpt-4o", "HelloWORLDs don't", "Hello|WORLDs| don't" },
        { "gpt-4o", "ABC", "ABC" },
        { "tekken", "don't/\n", "don|'t|/\n" },
        { "deepseek-v3", "a\xE4\xB8\xAD\xE6\x96\x87!b 1234",
          "a|\xE4\xB8\xAD\xE6\x96\x87|!b| |123|4" },
        { "deepseek-llm", "ab 12\n\n c", "ab| |12|\n|\n| c" },
        { "deepseek-coder", "x1\n", "x|1|\n" },
        { "falcon", "a+b1234", "a|+|b|123|4" },
        { "starcoder", "a 12", "a| |1|2" },
        { "bloom", "a, b c", "a|,| b| c" },
        { "viking", "ab12.", "ab|1|2|." },
        { "superbpe", "ab1234567", "ab|1|234|567" },
        { "afmoe", "ab 1234567", "ab| |1|234|567" },
        { "tiny_aya", "1234567", "1|234|567" },
        { "kimi-k2",
          "\xE4\xB8\xAD\xE6\x96\x87"
          "abc's",
          "\xE4\xB8\xAD\xE6\x96\x87|abc's" },
        { "chameleon", "IMGIMGABZx  1", "IMGIMGABZ|x|  |1" },
        { "exaone-moe", "a b c1", "a b c|1" },
        { "jais-2", "a          b", "a|        | | b" },
        { "jais-2", "a     \n  b", "a|     \n| | b" },
        { "minicpm5", "12345", "123|45" },
        { "seed-coder", "!\n", "!|\n" },
        { "laguna", "a \n b", "a| |\n| b" },
        { "bailingmoe", "a\n\n b", "a|\n\n| b" },
        { "gemma4", "a b\n\nc", "a b|\n\n|c" },
        { "", "x=1", "x|=|1" },
    };
    char room[256];
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        assert_string_equal(cuts_of(cases[i][0], cases[i][1], room), cases[i][2]);
    }
    assert_null(hth_pre_find(HTH_STR("no-such-pre")));
}

/* Over mixed alphabets, every pre-tokenizer gives non-empty pieces of whole characters that cover
 * the text. */
static void pieces_cover_the_text(void **state) {
    (void)state;
    static const uint32_t letters[] = { ' ',    ' ',    '\n',     '\r',   '\t',   0x85,    0x3000,
                                        '\'',   's',    'T',      'l',    'L',    'z',     '0',
                                        '7',    0xB2,   0x661,    '.',    '~',    '$',     '/',
                                        0xE9,   0x301,  0x4E2D,   0x3042, 0xAC00, 0x1F600, 0x200D,
                                        0xD800, 0xFA6E, 0x10FFFF, 0 };
    for (size_t k = 0; hth_pre_at(k); k++) {
        HthPretok *p = NULL;
        HthCuts cuts = { 0 };
        HthErr err;
        assert_ok(hth_pretok_open(&p, hth_pre_at(k), &err), err);
        for (uint32_t round = 0; round < 300; round++) {
            char text[256];
            size_t n = 0, at = 0;
            uint32_t len = hth_rng_below(k + 10, round, 999, 40);
            for (uint32_t i = 0; i < len; i++) {
                uint32_t pick = hth_rng_below(k + 10, round, i, HTH_COUNT(letters));
                n += hth_uni_encode(letters[pick], text + n);
            }
            assert_ok(hth_pretok_split(p, (HthStr){ text, n }, &cuts, &err), err);
            for (size_t i = 0; i < cuts.n; i++) {
                assert_true(cuts.p[i] > 0);
                assert_int_not_equal((uint8_t)text[at] & 0xC0, 0x80);
                at += cuts.p[i];
            }
            assert_int_equal(at, n);
        }
        hth_cuts_drop(&cuts);
        hth_pretok_close(&p);
    }
}

/* A long run of one thing neither fails nor (ctest's limit says) takes quadratic time. */
static void long_runs(void **state) {
    (void)state;
    static const char *const units[] = { " ", "a", "7", "\n", " \n", "A", "\xCC\x81", "a ", "'" };
    enum { N = 1 << 18 };
    char *text = hth_calloc(N, 1);
    for (size_t k = 0; hth_pre_at(k); k++) {
        HthPretok *p = NULL;
        HthErr err;
        assert_ok(hth_pretok_open(&p, hth_pre_at(k), &err), err);
        for (size_t u = 0; u < HTH_COUNT(units); u++) {
            HthCuts cuts = { 0 };
            size_t len = strlen(units[u]), sum = 0;
            for (size_t i = 0; i < N; i++) text[i] = units[u][i % len];
            assert_ok(hth_pretok_split(p, (HthStr){ text, N }, &cuts, &err), err);
            for (size_t i = 0; i < cuts.n; i++) sum += cuts.p[i];
            assert_int_equal(sum, N);
            hth_cuts_drop(&cuts);
        }
        hth_pretok_close(&p);
    }
    hth_free(text);
}

static HthStatus split_once(void *ctx) {
    HthPretok *p = NULL;
    HthCuts cuts = { 0 };
    HthStatus status = hth_pretok_open(&p, hth_pre_find(hth_str(ctx)), NULL);
    HthStr text = HTH_STR("caf\xC3\xA9 12345 \xE4\xB8\xAD\n");
    if (status == HTH_OK) status = hth_pretok_split(p, text, &cuts, NULL);
    hth_cuts_drop(&cuts);
    hth_pretok_close(&p);
    return status;
}

static void exhaustion(void **state) {
    (void)state;
    assert_true(test_torture(split_once, "deepseek-llm", 400) > 10);
    assert_true(test_torture(split_once, "afmoe", 400) > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_cuts),
        cmocka_unit_test(pieces_cover_the_text),
        cmocka_unit_test(long_runs),
        cmocka_unit_test(exhaustion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* dfa_pattern_test.c - patterns against known answers, against PCRE2, and against bad ones. */
#include "support/test.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/rng.h"
#include "text/dfa.h"

static HthErr err;

static bool matches(const char *pattern, bool whole, HthStr text) {
    HthDfa *d = NULL;
    assert_ok(hth_dfa_pattern(&d, hth_str(pattern), whole, &err), err);
    const bool yes = hth_dfa_match(d, text);
    hth_dfa_close(&d);
    return yes;
}

static void known_answers(void **state) {
    (void)state;
    static const struct {
        const char *pattern;
        HthStr text;
        bool yes;
    } cases[] = {
        { "^abc$", HTH_STR("abc"), true },
        { "^abc$", HTH_STR("abc\n"), false },
        { "b", HTH_STR("abc"), true },
        { "^$", HTH_STR(""), true },
        { "^a{2,3}$", HTH_STR("aa"), true },
        { "^a{2,3}$", HTH_STR("aaaa"), false },
        { "^(a|bc)+?$", HTH_STR("abcbca"), true },
        { "^(?:a|)$", HTH_STR(""), true },
        { "^(?<year>\\d{4})-(?<month>\\d\\d)$", HTH_STR("2026-11"), true },
        { "^.$", HTH_STR("\xF0\x9F\x98\x80"), true }, /* one character, not four */
        { "^.$", HTH_STR("\xE2\x80\xA8"), false }, /* a line separator */
        { "^\\u{1F600}$", HTH_STR("\xF0\x9F\x98\x80"), true },
        { "^\\uD83D\\uDE00$", HTH_STR("\xF0\x9F\x98\x80"), true },
        { "^[\\uD83D\\uDE00-\\u{1F603}]$", HTH_STR("\xF0\x9F\x98\x82"), true },
        { "^\\x41\\t\\cC\\0$", HTH_STR("A\t\x03\0"), true },
        { "^\\s$", HTH_STR("\xEF\xBB\xBF"), true },
        { "^\\s$", HTH_STR("\xE2\x80\x93"), false },
        { "^\\S$", HTH_STR("\xC2\xA0"), false },
        { "^\\w+$", HTH_STR("a_Z9"), true },
        { "^\\W$", HTH_STR("\xC3\xA9"), true },
        { "^\\D$", HTH_STR("\xDF\x80"), true },
        { "^\\p{L}\\p{Lu}\\P{L}$", HTH_STR("\xC3\xA9\xC3\x89-"), true },
        { "^\\p{General_Category=Decimal_Number}$", HTH_STR("\xE0\xA7\xAA"), true },
        { "^[^\\p{L}\\d]+$", HTH_STR("-+ "), true },
        { "^[a\\]\\-z]+$", HTH_STR("-]az"), true },
        { "^[\\b]$", HTH_STR("\b"), true },
        { "\\bfoo\\b", HTH_STR("a foo."), true },
        { "\\bfoo\\b", HTH_STR("food"), false },
        { "\\Boo\\b", HTH_STR("foo"), true },
        { "(^a|b$)", HTH_STR("ca"), false },
        { "(^a|b$)", HTH_STR("cb"), true },
        { "a^", HTH_STR("a"), false },
        { "[]", HTH_STR("a"), false },
        { "^[^]$", HTH_STR("\n"), true },
        { "^\\_\\@}]$", HTH_STR("_@}]"), true },
        { "^(()*)*(a*)*$", HTH_STR("aaa"), true },
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        if (matches(cases[i].pattern, false, cases[i].text) != cases[i].yes)
            fail_msg("%s, case %zu", cases[i].pattern, i);
    }
    assert_true(matches("ab|c", true, HTH_STR("ab")));
    assert_false(matches("ab|c", true, HTH_STR("abc")));
}

static void bad_ones_are_named(void **state) {
    (void)state;
    static const struct {
        const char *pattern;
        HthStatus status;
        const char *says;
    } cases[] = {
        { "(", HTH_EINVAL, "( is not closed" },
        { ")", HTH_EINVAL, ") without a (" },
        { "[a", HTH_EINVAL, "[ is not closed" },
        { "[b-a]", HTH_EINVAL, "wrong way round" },
        { "[\\d-a]", HTH_EINVAL, "cannot be the end of a range" },
        { "*a", HTH_EINVAL, "nothing to repeat" },
        { "{2}", HTH_EINVAL, "nothing to repeat" },
        { "a{x}", HTH_EINVAL, "number must follow" },
        { "a{2", HTH_EINVAL, "{ is not closed" },
        { "a{3,2}", HTH_EINVAL, "wrong way round" },
        { "^*", HTH_EINVAL, "cannot be repeated" },
        { "\\a", HTH_EINVAL, "at byte 2: unknown escape" },
        { "\\", HTH_EINVAL, "nothing follows" },
        { "\\u12", HTH_EINVAL, "hexadecimal" },
        { "\\u{110000}", HTH_EINVAL, "code point" },
        { "\\uD800\\u0041", HTH_EINVAL, "surrogate" },
        { "\\c1", HTH_EINVAL, "needs a letter" },
        { "\\01", HTH_EINVAL, "unknown escape" },
        { "\\pL", HTH_EINVAL, "in braces" },
        { "\\p{L", HTH_EINVAL, "in braces" },
        { "(?<a", HTH_EINVAL, "name does not end" },
        { "\xff", HTH_EINVAL, "not UTF-8" },
        { "(a)\\1", HTH_ENOTSUP, "back references" },
        { "\\k<a>", HTH_ENOTSUP, "back references" },
        { "(?=a)", HTH_ENOTSUP, "look-around" },
        { "(?<!a)", HTH_ENOTSUP, "look-around" },
        { "(?i:a)", HTH_ENOTSUP, "of this kind" },
        { "\\p{Script=Greek}", HTH_ENOTSUP, "general categories" },
        { "a{99999999}", HTH_ELIMIT, "repetition" },
        { "((a{1000}){1000}){1000}", HTH_ELIMIT, "repeats too much" },
        { "(a|b)*a(a|b){20}", HTH_ELIMIT, "states" },
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        HthDfa *d = NULL;
        err.text[0] = 0;
        HthStatus st = hth_dfa_pattern(&d, hth_str(cases[i].pattern), false, &err);
        if (st != cases[i].status || !strstr(err.text, cases[i].says))
            fail_msg("%s: %s: %s", cases[i].pattern, hth_status_name(st), err.text);
        assert_null(d);
    }
    char deep[1000];
    HthDfa *d = NULL;
    memset(deep, '(', sizeof deep);
    assert_status(hth_dfa_pattern(&d, (HthStr){ deep, sizeof deep }, true, &err), HTH_ELIMIT, err);
}

/* --- against PCRE2 --- */

typedef struct Gen {
    uint64_t round, i;
    char text[400];
    size_t n;
} Gen;

static uint32_t draw(Gen *g, uint32_t below) {
    return hth_rng_below(77, g->round, g->i++, below);
}

static void say(Gen *g, const char *s) {
    const size_t n = strlen(s);
    if (g->n + n < sizeof g->text) {
        memcpy(g->text + g->n, s, n);
        g->n += n;
    }
}

static void generate(Gen *g, int depth) {
    static const char *const atoms[] = { "a",       "b",      "1",   "_",     ".",
                                         "\\d",     "\\w",    "\\W", "[ab]",  "[^a1]",
                                         "\\u00e9", "[a-z_]", "\\D", " ",     "[\\d\\s]",
                                         "\\x41",   "[^\\w]", "\\n", "\\p{L}" };
    static const char *const marks[] = { "*", "+", "?", "{2}", "{0,2}", "{1,}", "*?", "+?" };
    static const char *const sides[] = { "^", "$", "\\b", "\\B" };
    const uint32_t parts = 1 + draw(g, 4);
    for (uint32_t i = 0; i < parts; i++) {
        const uint32_t what = draw(g, 12);
        if (what == 0) {
            say(g, sides[draw(g, HTH_COUNT(sides))]);
            continue;
        }
        if (what < 4 && depth > 0) {
            say(g, draw(g, 2) ? "(" : "(?:");
            generate(g, depth - 1);
            if (draw(g, 2)) {
                say(g, "|");
                if (draw(g, 4)) generate(g, depth - 1);
            }
            say(g, ")");
        } else {
            say(g, atoms[draw(g, HTH_COUNT(atoms))]);
        }
        if (draw(g, 3) == 0) say(g, marks[draw(g, HTH_COUNT(marks))]);
    }
}

/* PCRE2's words for the same: code points in hexadecimal, ends of the subject only. */
static pcre2_code *peer(const char *pattern, bool whole) {
    char text[1000];
    size_t n = 0;
    int code;
    PCRE2_SIZE at;
    n += (size_t)snprintf(text, sizeof text, "%s", whole ? "\\A(?:" : "");
    for (const char *p = pattern; *p; p++) {
        if (strncmp(p, "\\u00e9", 6) == 0) {
            n += (size_t)snprintf(text + n, sizeof text - n, "\\x{e9}");
            p += 5;
        } else {
            text[n++] = *p;
        }
    }
    n += (size_t)snprintf(text + n, sizeof text - n, "%s", whole ? ")\\z" : "");
    return pcre2_compile((PCRE2_SPTR)text, n, PCRE2_UTF | PCRE2_DOLLAR_ENDONLY, &code, &at, NULL);
}

static void agrees_with_another_engine(void **state) {
    (void)state;
    static const char *const letters[] = { "a", "b", "1", "_", " ", "\n", "A", "\xC3\xA9", "-" };
    unsigned yes = 0, no = 0;
    for (uint64_t round = 0; round < 1500; round++) {
        Gen g = { .round = round };
        HthDfa *d = NULL;
        const bool whole = draw(&g, 2);
        generate(&g, 2);
        g.text[g.n] = 0;
        const HthStatus st = hth_dfa_pattern(&d, hth_str(g.text), whole, &err);
        pcre2_code *re = peer(g.text, whole);
        if (st == HTH_ELIMIT || (!re && st == HTH_OK)) {
            pcre2_code_free(re);
            hth_dfa_close(&d);
            continue;
        }
        if (st != HTH_OK || !re) fail_msg("%s: %s", g.text, err.text);
        pcre2_match_data *m = pcre2_match_data_create(40, NULL);
        for (int k = 0; k < 40; k++) {
            char text[64];
            size_t n = 0;
            for (uint32_t len = draw(&g, 8); len > 0; len--)
                n += (size_t)snprintf(text + n, sizeof text - n, "%s",
                                      letters[draw(&g, HTH_COUNT(letters))]);
            const bool want = pcre2_match(re, (PCRE2_SPTR)text, n, 0, 0, m, NULL) >= 0;
            if (hth_dfa_match(d, (HthStr){ text, n }) != want)
                fail_msg("%s on \"%.*s\": the other engine says %d", g.text, (int)n, text, want);
            *(want ? &yes : &no) += 1;
        }
        pcre2_match_data_free(m);
        pcre2_code_free(re);
        hth_dfa_close(&d);
    }
    assert_true(yes > 5000 && no > 5000);
}

static HthStatus torture_body(void *ctx) {
    HthDfa *d = NULL;
    HthErr e;
    (void)ctx;
    HthStatus st = hth_dfa_pattern(&d, HTH_STR("^[\\wé]{2}(a|\\b)+$"), false, &e);
    hth_dfa_close(&d);
    return st;
}

static void survives_without_memory(void **state) {
    (void)state;
    assert_true(test_torture(torture_body, NULL, 2000) > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(bad_ones_are_named),
        cmocka_unit_test(agrees_with_another_engine),
        cmocka_unit_test(survives_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* schema_format_test.c - formats against calendars, clocks and the C library's own reading. */
#include "support/test.h"

#include <arpa/inet.h>

#include "base/rng.h"
#include "text/grammar.h"
#include "text/schema.h"

static HthErr err;

static HthStatus compile(const char *schema, HthSchemaFormats formats, HthGrammar **g) {
    HthIr *ir = NULL;
    HthNode root;
    json_t *s = NULL;
    assert_ok(hth_json_parse(&s, hth_str(schema), strlen(schema), &err), err);
    assert_ok(hth_ir_open(&ir, &err), err);
    HthStatus st = hth_schema(ir, s, (HthSchemaOpt){ HTH_SPACE_ONE, formats }, &root, &err);
    if (st == HTH_OK) st = hth_grammar_open(g, ir, root, &err);
    hth_ir_close(&ir);
    json_decref(s);
    return st;
}

static HthGrammar *format(const char *name) {
    char schema[128];
    HthGrammar *g = NULL;
    snprintf(schema, sizeof schema,
             "{\"type\":\"string\",\"format\":\"%s\",\"not\":{\"pattern\":\"--\"}}", name);
    assert_ok(compile(schema, HTH_FORMATS_ASSERTED, &g), err);
    return g;
}

/* text holds nothing that JSON escapes. */
static bool admits(const HthGrammar *g, const char *text) {
    char json[400];
    HthMatcher *m = NULL;
    const int n = snprintf(json, sizeof json, "\"%s\"", text);
    assert_ok(hth_matcher_open(&m, g, NULL, &err), err);
    const bool yes =
        hth_matcher_bytes(m, (HthStr){ json, (size_t)n }, &err) == HTH_OK && hth_matcher_may_end(m);
    hth_matcher_close(&m);
    return yes;
}

static int days(int year, int month) {
    static const int of[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month < 1 || month > 12 ? 0 : of[month - 1] + (month == 2 && leap);
}

static void every_day(void **state) {
    (void)state;
    static const int years[] = { 0, 4, 100, 400, 1896, 1900, 1999, 2000, 2024, 2100, 9996, 9999 };
    HthGrammar *g = format("date");
    for (size_t i = 0; i < HTH_COUNT(years); i++) {
        for (int month = 0; month <= 13; month++) {
            for (int day = 0; day <= 32; day++) {
                char text[40];
                snprintf(text, sizeof text, "%04d-%02d-%02d", years[i], month, day);
                const bool want = day >= 1 && day <= days(years[i], month);
                if (admits(g, text) != want) fail_msg("%s", text);
            }
        }
    }
    hth_grammar_close(&g);
}

/* 23:59:60 UTC, seen from everywhere that is whole or half hours away. */
static void leap_seconds(void **state) {
    (void)state;
    HthGrammar *g = format("time");
    for (int local = 0; local < 24 * 60; local += 1) {
        for (int offset = -23 * 60 - 30; offset <= 23 * 60 + 30; offset += 30) {
            char text[40];
            const int away = offset < 0 ? -offset : offset;
            const bool want = (local - offset + 2880) % 1440 == 1439;
            if (!want && local % 29 != 28) continue; /* a part of the others */
            snprintf(text, sizeof text, "%02d:%02d:60%c%02d:%02d", local / 60, local % 60,
                     offset < 0 ? '-' : '+', away / 60, away % 60);
            if (admits(g, text) != want) fail_msg("%s", text);
        }
    }
    hth_grammar_close(&g);
}

static void addresses(void **state) {
    (void)state;
    static const char *const parts[] = { "0", "1",  "ab",      "ABCD",      "12345",    "",
                                         ":", "::", "1.2.3.4", "256.1.1.1", "01.2.3.4", "g" };
    HthGrammar *four = format("ipv4"), *six = format("ipv6");
    unsigned yes = 0;
    for (uint32_t round = 0; round < 4000; round++) {
        char text[200] = "";
        unsigned char room[16];
        size_t n = 0;
        const uint32_t count = 1 + hth_rng_below(6, round, 0, 9);
        const uint32_t gap = hth_rng_below(6, round, 1, 12); /* where :: may stand */
        for (uint32_t i = 0; i < count; i++) {
            const bool odd = hth_rng_below(6, round, 10 + i, 12) == 0;
            const uint32_t which = hth_rng_below(6, round, 40 + i, odd ? HTH_COUNT(parts) : 4);
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", parts[which],
                                  i == gap        ? "::"
                                  : i + 1 < count ? ":"
                                                  : "");
        }
        const bool want = inet_pton(AF_INET6, text, room) == 1;
        if (admits(six, text) != want) fail_msg("%s: the C library says %d", text, want);
        yes += want;
        snprintf(text, sizeof text, "%s%u.%u.%u.%u", round % 50 == 0 ? "0" : "",
                 hth_rng_below(7, round, 0, 300), hth_rng_below(7, round, 1, 300),
                 hth_rng_below(7, round, 2, 300), hth_rng_below(7, round, 3, 30));
        const bool want4 = inet_pton(AF_INET, text, room) == 1;
        if (admits(four, text) != want4) fail_msg("%s: the C library says %d", text, want4);
        yes += want4;
    }
    assert_true(yes > 2000);
    hth_grammar_close(&four);
    hth_grammar_close(&six);
}

/* No name of more than 253 characters, whatever its labels. */
static void long_host_names(void **state) {
    (void)state;
    HthGrammar *g = format("hostname");
    for (uint32_t round = 0; round < 3000; round++) {
        char text[300];
        size_t n = 0;
        const uint32_t longest = hth_rng_below(8, round, 0, 2) ? 66 : 33;
        for (uint32_t i = 0; n < 200 && (i == 0 || hth_rng_below(8, round, 3 * i, 5)); i++) {
            if (i) text[n++] = '.';
            for (uint32_t k = 1 + hth_rng_below(8, round, 3 * i + 1, longest); k > 0; k--)
                text[n++] = 'a';
        }
        text[n] = 0;
        size_t label = 0, most = 0;
        for (size_t i = 0; i <= n; i++) {
            label = text[i] == 'a' ? label + 1 : 0;
            if (label > most) most = label;
        }
        if (admits(g, text) && (n > 253 || most > 63)) fail_msg("%s", text);
        if (n <= 63 && most <= 31 && n < 13 && !admits(g, text)) fail_msg("%s", text);
    }
    hth_grammar_close(&g);
}

/* Which names with xn-- are host names no automaton can tell: there may be none of them. */
static void internationalised_names(void **state) {
    (void)state;
    static const struct {
        const char *schema, *yes, *no; /* yes NULL: refused */
    } cases[] = {
        { "{\"format\":\"hostname\"}", NULL, NULL },
        { "{\"not\":{\"format\":\"hostname\"}}", NULL, NULL },
        { "{\"format\":\"hostname\",\"pattern\":\"^[a-z.-]*$\"}", NULL, NULL },
        { "{\"format\":\"hostname\",\"not\":{\"pattern\":\"^xn--\"}}", NULL, NULL },
        { "{\"format\":\"hostname\",\"not\":{\"pattern\":\"--\"}}", "a-b.c", "a--b.c" },
        { "{\"format\":\"hostname\",\"not\":{\"pattern\":\"^..--|[.]..--\"}}", "a--b.c", "ab--c" },
        { "{\"format\":\"hostname\",\"pattern\":\"^[a-z.]*$\"}", "a.bc", "a..b" },
        { "{\"format\":\"hostname\",\"maxLength\":4}", "xn-a", "xn--" },
        { "{\"format\":\"email\"}", "a@xn--b.c", "a@-b.c" },
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        HthGrammar *g = NULL;
        const HthStatus st = compile(cases[i].schema, HTH_FORMATS_ASSERTED, &g);
        if (st != (cases[i].yes ? HTH_OK : HTH_ENOTSUP))
            fail_msg("%s: %s", cases[i].schema, hth_status_name(st));
        if (!cases[i].yes) {
            assert_non_null(strstr(err.text, "hostname"));
            continue;
        }
        if (!admits(g, cases[i].yes) || admits(g, cases[i].no)) fail_msg("%s", cases[i].schema);
        hth_grammar_close(&g);
    }
}

/* By the option, and by the schema's own word, which goes before it. */
static void formats_as_notes(void **state) {
    (void)state;
    static const struct {
        const char *word;
        bool asserted[2]; /* by the option */
    } cases[] = { { "", { true, false } },
                  { ",\"x-hearth-format\":\"annotation\"", { false, false } },
                  { ",\"x-hearth-format\":\"assertion\"", { true, true } } };
    HthGrammar *g = NULL;
    char schema[200];
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        for (int noted = 0; noted < 2; noted++) {
            snprintf(schema, sizeof schema, "{\"items\":{\"format\":\"ipv4\"}%s}", cases[i].word);
            assert_ok(compile(schema, (HthSchemaFormats)noted, &g), err);
            HthMatcher *m = NULL;
            assert_ok(hth_matcher_open(&m, g, NULL, &err), err);
            const HthStatus st = hth_matcher_bytes(m, HTH_STR("[\"127.0.0.0.1\"]"), &err);
            assert_int_equal(st, cases[i].asserted[noted] ? HTH_EINVAL : HTH_OK);
            hth_matcher_close(&m);
            hth_grammar_close(&g);
        }
    }
    assert_ok(compile("{\"format\":\"idn-hostname\"}", HTH_FORMATS_NOTED, &g), err);
    hth_grammar_close(&g);
    assert_status(compile("{\"x-hearth-format\":true}", HTH_FORMATS_ASSERTED, &g), HTH_EINVAL, err);
    assert_status(compile("{\"format\":1}", HTH_FORMATS_NOTED, &g), HTH_EINVAL, err);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_day),
        cmocka_unit_test(leap_seconds),
        cmocka_unit_test(addresses),
        cmocka_unit_test(long_host_names),
        cmocka_unit_test(internationalised_names),
        cmocka_unit_test(formats_as_notes),
    };
    hth_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

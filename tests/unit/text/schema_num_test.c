/* schema_num_test.c - sets of numbers against whole-number arithmetic, on every spelling.
 *
 * The reference writes a number as an integer times a power of ten and compares those exactly. */
#include "support/test.h"

#include "base/rng.h"
#include "text/grammar.h"
#include "text/schema.h"

static HthErr err;

static uint32_t draw(uint64_t round, uint32_t i, uint32_t below) {
    return hth_rng_below(9, round, i, below);
}

/* digits with `places` after the point, trailing zeros now and then. */
static size_t plain(char *out, size_t room, int64_t scaled, int places, uint32_t zeros) {
    const int64_t a = scaled < 0 ? -scaled : scaled;
    int64_t unit = 1;
    for (int i = 0; i < places; i++) unit *= 10;
    size_t n = (size_t)snprintf(out, room, "%s%lld", scaled < 0 ? "-" : "", (long long)(a / unit));
    if (places || zeros) n += (size_t)snprintf(out + n, room - n, ".");
    if (places) n += (size_t)snprintf(out + n, room - n, "%0*lld", places, (long long)(a % unit));
    for (uint32_t i = 0; i < zeros; i++) n += (size_t)snprintf(out + n, room - n, "0");
    return n;
}

/* One digit, a point, the others; an exponent. */
static void scientific(char *out, size_t room, int64_t scaled, int places, uint32_t how) {
    char digits[32];
    int64_t a = scaled < 0 ? -scaled : scaled;
    int exponent = -places;
    while (a && a % 10 == 0) {
        a /= 10;
        exponent++;
    }
    const int n = snprintf(digits, sizeof digits, "%lld", (long long)a);
    if (a == 0) exponent = (int)how - 3;
    snprintf(out, room, "%s%c%s%s%c%s%s%d", scaled < 0 ? "-" : "", digits[0],
             n > 1 || how & 1 ? "." : "",
             n > 1     ? digits + 1
             : how & 1 ? "0"
                       : "",
             how & 2 ? 'e' : 'E',
             exponent + n - 1 < 0 ? "-"
             : how & 4            ? "+"
                                  : "",
             how & 1 ? "00" : "", abs(exponent + n - 1));
}

static HthGrammar *grammar(const char *schema) {
    HthIr *ir = NULL;
    HthNode root;
    HthGrammar *g = NULL;
    json_t *json = NULL;
    assert_ok(hth_json_parse(&json, hth_str(schema), 1 << 16, &err), err);
    assert_ok(hth_ir_open(&ir, &err), err);
    if (hth_schema(ir, json, (HthSchemaOpt){ .space = HTH_SPACE_ONE }, &root, &err) != HTH_OK)
        fail_msg("%s: %s", schema, err.text);
    assert_ok(hth_grammar_open(&g, ir, root, &err), err);
    hth_ir_close(&ir);
    json_decref(json);
    return g;
}

static bool admits(const HthGrammar *g, const char *text) {
    HthMatcher *m = NULL;
    assert_ok(hth_matcher_open(&m, g, NULL, &err), err);
    const bool yes = hth_matcher_bytes(m, hth_str(text), &err) == HTH_OK && hth_matcher_may_end(m);
    hth_matcher_close(&m);
    return yes;
}

static const int64_t tens[] = { 1, 10, 100, 1000, 10000, 100000, 1000000 };

static void limits(void **state) {
    (void)state;
    static const char *const words[] = { "minimum", "maximum", "exclusiveMinimum",
                                         "exclusiveMaximum", "const" };
    unsigned yes = 0, all = 0;
    for (uint64_t round = 0; round < 120; round++) {
        const int places = (int)draw(round, 0, 4), which = (int)draw(round, 1, 5);
        const int64_t bound = (int64_t)draw(round, 2, 4001) - 2000;
        char number[64], schema[160], text[96];
        plain(number, sizeof number, bound, places, 0);
        snprintf(schema, sizeof schema, "{\"type\":\"number\",\"%s\":%s}", words[which], number);
        HthGrammar *g = grammar(schema);
        for (uint32_t k = 0; k < 120; k++) {
            const int p = (int)draw(round, 10 + 4 * k, 6);
            int64_t v = (int64_t)draw(round, 11 + 4 * k, 4001) - 2000;
            if (draw(round, 12 + 4 * k, 2))
                v = bound * tens[p] / tens[places] + (int64_t)(k % 3) - 1;
            const int64_t a = v * tens[6 - p], b = bound * tens[6 - places];
            const uint32_t how = draw(round, 13 + 4 * k, 16);
            const bool want = which == 0   ? a >= b
                              : which == 1 ? a <= b
                              : which == 2 ? a > b
                              : which == 3 ? a < b
                                           : a == b;
            if (how & 8)
                plain(text, sizeof text, v, p, how & 3);
            else
                scientific(text, sizeof text, v, p, how);
            if (admits(g, text) != want) fail_msg("%s: %s", schema, text);
            yes += want;
            all++;
        }
        hth_grammar_close(&g);
    }
    assert_true(yes > all / 5 && yes < all - all / 5);
}

static void multiples(void **state) {
    (void)state;
    unsigned yes = 0;
    for (uint64_t round = 1000; round < 1080; round++) {
        const int places = (int)draw(round, 0, 4);
        const int64_t of = 1 + (int64_t)draw(round, 1, draw(round, 2, 3) ? 20 : 400);
        char number[64], schema[160], text[96];
        plain(number, sizeof number, of, places, 0);
        snprintf(schema, sizeof schema, "{\"type\":\"number\",\"multipleOf\":%s}", number);
        HthGrammar *g = grammar(schema);
        for (uint32_t k = 0; k < 120; k++) {
            const int p = (int)draw(round, 10 + 4 * k, 5);
            int64_t v = (int64_t)draw(round, 11 + 4 * k, 2001) - 1000;
            if (draw(round, 12 + 4 * k, 2)) v = v * of * tens[p] / tens[places];
            const bool want = v * tens[6 - p] % (of * tens[6 - places]) == 0;
            const uint32_t how = draw(round, 13 + 4 * k, 16);
            if (how & 8)
                plain(text, sizeof text, v, p, how & 3);
            else
                scientific(text, sizeof text, v, p, how);
            if (admits(g, text) != want) fail_msg("%s: %s", schema, text);
            yes += want;
        }
        hth_grammar_close(&g);
    }
    assert_true(yes > 2000);
    static const char *const largest[] = { "8000", "7999", "399.9", "26.66", "1.999", "0.1599" };
    for (size_t i = 0; i < HTH_COUNT(largest); i++) { /* these still fit */
        char schema[64];
        snprintf(schema, sizeof schema, "{\"multipleOf\":%s}", largest[i]);
        HthGrammar *g = grammar(schema);
        assert_true(admits(g, largest[i]));
        hth_grammar_close(&g);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(limits), cmocka_unit_test(multiples) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

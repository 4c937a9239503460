/* schema_test.c - small schemas and the texts they admit; refusals by name; hostile ones.
 *
 * What every keyword means is judged by the official suite (tests/golden/schema_test.c). */
#include "support/test.h"

#include "text/grammar.h"
#include "text/schema.h"

static HthErr err;

static HthStatus try(const char *schema, HthJsonSpace space, HthGrammar **g) {
    HthIr *ir = NULL;
    HthNode root;
    json_t *json = NULL;
    *g = NULL;
    HthStatus st = hth_json_parse(&json, hth_str(schema), 1 << 22, &err);
    if (st == HTH_OK) st = hth_ir_open(&ir, &err);
    if (st == HTH_OK) st = hth_schema(ir, json, (HthSchemaOpt){ .space = space }, &root, &err);
    if (st == HTH_OK) st = hth_grammar_open(g, ir, root, &err);
    hth_ir_close(&ir);
    json_decref(json);
    return st;
}

static bool admits(const HthGrammar *g, const char *text) {
    HthMatcher *m = NULL;
    assert_ok(hth_matcher_open(&m, g, NULL, &err), err);
    const bool yes = hth_matcher_bytes(m, hth_str(text), &err) == HTH_OK && hth_matcher_may_end(m);
    hth_matcher_close(&m);
    return yes;
}

/* Texts up to NULL; those that begin with '!' must be refused (without it). */
static void check(const char *schema, HthJsonSpace space, const char *const *texts) {
    HthGrammar *g = NULL;
    if (try(schema, space, &g) != HTH_OK) fail_msg("%s: %s", schema, err.text);
    for (; *texts; texts++) {
        const bool no = **texts == '!';
        if (admits(g, *texts + no) == no) fail_msg("%s: %s", schema, *texts);
    }
    hth_grammar_close(&g);
}
#define CHECK(schema, ...) check(schema, HTH_SPACE_ANY, (const char *const[]){ __VA_ARGS__, NULL })

static void numbers_in_every_spelling(void **state) {
    (void)state;
    CHECK("{\"type\":\"integer\"}", "0", "-0", "12", "1.0", "1.000", "1e2", "1.5e1", "1.0E+02",
          "!1.5", "!15e-1", "!01", "!1e", "!.5", "!1.", "!+1", "!1.55e1", "!1e-1",
          "123456789012345678901234567890");
    CHECK("{\"type\":\"number\"}", "1.5", "15e-1", "0.001e99999", "!1e", "!NaN", "!Infinity");
    CHECK("{\"minimum\":-2.5,\"exclusiveMaximum\":12,\"type\":\"number\"}", "-2.5", "-2.50",
          "-2.5e0", "!-2.51", "!-3", "!-2.6e0", "-2.4e0", "0", "-0", "11.999", "1.1999e1", "!12",
          "!1.2e1", "!12.0", "!1e2", "1e-300", "-1e-300", "!100");
    CHECK("{\"exclusiveMinimum\":0.01,\"type\":\"number\"}", "!0.01", "!0.0100", "0.011", "0.1",
          "0.010001", "!0.009", "!1e-2", "1.1e-2", "!0", "!-5", "1e308");
    CHECK("{\"multipleOf\":0.25,\"type\":\"number\"}", "0.25", "0.5", "0.50", "1", "-0.75", "!0.3",
          "!0.2", "2.5e-1", "7.5e-1", "!1e-1", "1e1", "0.0", "!0.251", "0.250", "!0.2501");
    CHECK("{\"multipleOf\":12,\"type\":\"number\"}", "0", "12", "24.0", "-36", "!13", "!12.1", "!6",
          "1.2e1", "!1.3e1", "6e1", "!6e0", "3e2", "!2e0", "120");
    CHECK("{\"const\":1e2}", "100", "100.0", "1e2", "1.0e+2", "!10", "!1000", "!101", "!100.01");
    CHECK("{\"enum\":[1,2.5,\"1\"]}", "1", "1.0", "2.5", "2.50", "2.5e0", "\"1\"", "!2",
          "!\"2.5\"");
}

static void strings_in_every_spelling(void **state) {
    (void)state;
    CHECK("{\"const\":\"a\\\"\\u00e9\"}", "\"a\\\"\xC3\xA9\"", "\"\\u0061\\u0022\\u00e9\"",
          "\"\\u0061\\u0022\\u00E9\"", "!\"a\"", "!\"a\\\"e\"");
    CHECK("{\"type\":\"string\",\"maxLength\":2}", "\"\"", "\"\\ud83d\\ude00\xC3\xA9\"", "!\"abc\"",
          "!\"\n\"", "!\"\\ud83d\"", "!\"a", "!a");
    CHECK("{\"type\":\"string\",\"minLength\":600,\"maxLength\":3000}", "!\"abc\"");
    CHECK("{\"pattern\":\"^a+$\",\"maxLength\":3,\"type\":\"string\"}", "\"a\"", "\"aaa\"",
          "!\"aaaa\"", "!\"\"", "!\"b\"");
    CHECK("{\"type\":\"string\",\"not\":{\"pattern\":\"x\"},\"minLength\":1}", "\"ab\"", "!\"axb\"",
          "!\"\"");
}

static void long_texts_are_counted(void **state) {
    (void)state;
    static const uint32_t cases[][2] = { { 0, 513 },         { 0, 600 },   { 600, 3000 },
                                         { 512, 1024 },      { 700, 700 }, { 1023, 1025 },
                                         { 255, 767 },       { 256, 768 }, { 1000, 1100 },
                                         { 900, UINT32_MAX } };
    static const char *const letters[] = { "a", "\xC3\xA9", "\\u00e9", "\xF0\x9F\x98\x80" };
    HthBuf text;
    hth_buf_init(&text, 1 << 20);
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        const uint32_t lo = cases[i][0], hi = cases[i][1];
        const uint32_t at[] = { 0, lo - 1, lo, lo + 1, (lo + hi) / 2, hi - 1, hi, hi + 1 };
        char schema[96];
        HthGrammar *g = NULL;
        if (hi == UINT32_MAX)
            snprintf(schema, sizeof schema, "{\"type\":\"string\",\"minLength\":%u}", lo);
        else
            snprintf(schema, sizeof schema,
                     "{\"type\":\"string\",\"minLength\":%u,\"maxLength\":%u}", lo, hi);
        if (try(schema, HTH_SPACE_ANY, &g) != HTH_OK) fail_msg("%s: %s", schema, err.text);
        for (size_t k = 0; k < HTH_COUNT(at); k++) {
            if (at[k] > 4000) continue;
            hth_buf_clear(&text);
            assert_ok(hth_buf_add_char(&text, '"', &err), err);
            for (uint32_t c = 0; c < at[k]; c++)
                assert_ok(hth_buf_add_str(&text, hth_str(letters[c * 7 % 11 % 4]), &err), err);
            assert_ok(hth_buf_add_char(&text, '"', &err), err);
            if (admits(g, text.p) != (at[k] >= lo && at[k] <= hi))
                fail_msg("%s: %u characters", schema, at[k]);
        }
        hth_grammar_close(&g);
    }
    hth_buf_drop(&text);
}

static void members_in_any_order(void **state) {
    (void)state;
    CHECK("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":"
          "\"boolean\"}},\"required\":[\"a\"],\"additionalProperties\":false}",
          "{\"a\":1}", "{\"b\":true,\"a\":1}", "{\"a\":1,\"b\":false}", "{\"\\u0061\":1}", "!{}",
          "!{\"b\":true}", "!{\"a\":1,\"c\":1}", "!{\"a\":1,\"a\":2}", "!{\"a\":\"1\"}",
          "!{\"a\":1,}");
    CHECK(
        "{\"type\":\"object\",\"properties\":{\"a\":false},\"patternProperties\":{\"^s\":{\"type\":"
        "\"string\"},\"n$\":{\"minLength\":2}},\"additionalProperties\":{\"type\":\"null\"}}",
        "{}", "{\"s\":\"x\",\"z\":null}", "{\"sn\":\"xy\"}", "!{\"sn\":\"x\"}", "!{\"sn\":1}",
        "{\"n\":1}", "!{\"n\":\"1\"}", "!{\"z\":1}", "!{\"a\":null}");
    CHECK("{\"type\":\"object\",\"propertyNames\":{\"maxLength\":2},\"minProperties\":1,"
          "\"maxProperties\":2}",
          "{\"a\":1}", "{\"a\":1,\"bb\":[]}", "!{}", "!{\"abc\":1}", "!{\"a\":1,\"b\":2,\"c\":3}");
    CHECK("{\"not\":{\"properties\":{\"a\":{\"type\":\"string\"}},\"required\":[\"b\"]},"
          "\"type\":\"object\"}",
          "{}", "{\"a\":1}", "{\"a\":1,\"b\":2}", "!{\"b\":2}", "!{\"b\":2,\"a\":\"x\"}",
          "{\"a\":\"x\"}");
    CHECK("{\"type\":\"object\",\"not\":{\"additionalProperties\":{\"type\":\"integer\"}}}", "!{}",
          "!{\"a\":1}", "{\"a\":\"x\"}", "{\"a\":1,\"b\":null}");
    CHECK("{\"type\":\"object\",\"not\":{\"anyOf\":[{\"additionalProperties\":{\"type\":"
          "\"integer\"}},"
          "{\"patternProperties\":{\"a\":{\"type\":\"string\"}}}]}}",
          "{\"a\":1.5}", "!{\"a\":1}", "{\"a\":1,\"b\":\"x\"}", "!{\"b\":\"x\"}", "{\"ca\":null}");
}

static void items_by_place_and_by_count(void **state) {
    (void)state;
    CHECK("{\"type\":\"array\",\"prefixItems\":[{\"type\":\"integer\"},{\"type\":\"string\"}],"
          "\"items\":{\"type\":\"null\"},\"minItems\":1,\"maxItems\":4}",
          "!{}", "![]", "[1]", "[1,\"a\"]", "[1,\"a\",null,null]", "![1,\"a\",null,null,null]",
          "![\"a\"]", "![1,\"a\",1]", "![1,]", "[ 1 , \"a\" ]");
    CHECK("{\"type\":\"array\",\"contains\":{\"type\":\"integer\"},\"minContains\":2,"
          "\"maxContains\":3,"
          "\"maxItems\":4}",
          "![]", "![1]", "[1,2]", "[1,null,2,3]", "![1,2,3,4]", "![1,null,null,2,3]", "[null,1,2]");
    CHECK("{\"type\":\"array\",\"not\":{\"items\":{\"type\":\"integer\"}}}", "![]", "![1]",
          "[1,null]", "[null]");
    CHECK("{\"type\":\"array\",\"items\":{\"enum\":[\"a\",\"b\",1,1.5,null]},\"uniqueItems\":true,"
          "\"minItems\":1}",
          "[\"a\"]", "[\"b\",\"a\",1.0]", "[1.5,null,\"a\",1,\"b\"]", "![]", "![\"a\",\"a\"]",
          "![1,1.0]", "![\"c\"]");
    CHECK("{\"const\":[1,{\"a\":[],\"b\":2}]}", "[1,{\"b\":2,\"a\":[]}]",
          "[1.0,{\"a\":[ ],\"b\":2}]", "![1,{\"a\":[]}]", "![1]", "![1,{\"a\":[],\"b\":2},3]");
}

static void choices(void **state) {
    (void)state;
    CHECK("{\"oneOf\":[{\"type\":\"object\",\"properties\":{\"kind\":{\"const\":\"x\"},\"n\":{"
          "\"type\":"
          "\"integer\"}},\"required\":[\"kind\"]},{\"type\":\"object\",\"properties\":{\"kind\":{"
          "\"const\":\"y\"},\"n\":{\"type\":\"string\"}},\"required\":[\"kind\"]}]}",
          "{\"kind\":\"x\",\"n\":1}", "{\"n\":\"1\",\"kind\":\"y\"}",
          "!{\"kind\":\"x\",\"n\":\"1\"}", "!{\"n\":1}", "!{\"kind\":\"z\"}");
    CHECK("{\"oneOf\":[{\"multipleOf\":2},{\"multipleOf\":3}],\"type\":\"integer\"}", "2", "3", "4",
          "!6", "!5", "!0", "9", "!12");
    CHECK("{\"if\":{\"properties\":{\"a\":{\"const\":1}},\"required\":[\"a\"]},\"then\":{"
          "\"required\":["
          "\"b\"]},\"else\":{\"required\":[\"c\"]},\"type\":\"object\"}",
          "{\"a\":1,\"b\":0}", "{\"a\":2,\"c\":0}", "{\"c\":0}", "!{\"a\":1,\"c\":0}",
          "!{\"a\":2,\"b\":0}");
    CHECK("{\"$ref\":\"#/$defs/"
          "tree\",\"$defs\":{\"tree\":{\"type\":\"object\",\"properties\":{\"v\":{"
          "\"type\":\"integer\"},\"kids\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/"
          "tree\"}}},"
          "\"required\":[\"v\"],\"additionalProperties\":false}}}",
          "{\"v\":1}", "{\"v\":1,\"kids\":[]}",
          "{\"kids\":[{\"v\":2},{\"kids\":[{\"v\":3}],\"v\":4}],\"v\":1}",
          "!{\"v\":1,\"kids\":[{}]}");
}

static void spaces(void **state) {
    (void)state;
    static const char schema[] =
        "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\"}}}";
    CHECK(schema, " {\r\n\t\"a\" : [ 1 , 2 ] , \"b\":{ } } ");
    check(schema, HTH_SPACE_ONE,
          (const char *const[]){ "{\"a\":[1,2]}", "{\"a\": [1, 2], \"b\": {}}", "! {}", "!{ }",
                                 "!{\"a\" :[]}", "!{\"a\":  []}", "!{\"a\":[1 ,2]}", NULL });
    HthIr *ir = NULL;
    HthNode node;
    for (int object = 0; object < 2; object++) {
        HthGrammar *g = NULL;
        assert_ok(hth_ir_open(&ir, &err), err);
        assert_ok(hth_schema_any(ir, object, HTH_SPACE_ANY, &node, &err), err);
        assert_ok(hth_grammar_open(&g, ir, node, &err), err);
        assert_true(admits(g, "{\"a\":[1,{\"b\":null}]}"));
        assert_int_equal(admits(g, "[1.5e3,\"x\",true]"), !object);
        assert_false(admits(g, "[1,]"));
        hth_grammar_close(&g);
        hth_ir_close(&ir);
    }
}

static void refusals_are_named(void **state) {
    (void)state;
    static const struct {
        const char *schema;
        HthStatus status;
        const char *says;
    } cases[] = {
        { "{\"properties\":{\"a\":{\"uniqueItems\":true}}}", HTH_ENOTSUP,
          "#/properties/a: uniqueItems" },
        { "{\"properties\":{\"a/b\":{\"nullable\":true}}}", HTH_ENOTSUP,
          "#/properties/a~1b: nullable is not supported" },
        { "{\"minLenght\":1}", HTH_ENOTSUP, "#: minLenght is not supported" },
        { "{\"format\":\"regex\"}", HTH_ENOTSUP, "#: format regex" },
        { "{\"pattern\":\"(?=a)\"}", HTH_ENOTSUP, "look-around" },
        { "{\"pattern\":\"(\"}", HTH_EINVAL, "#: pattern, at byte 1" },
        { "{\"patternProperties\":{\"(\":true}}", HTH_EINVAL, "#: patternProperties: pattern" },
        { "{\"$ref\":\"http://x/y\"}", HTH_ENOTSUP, "another document" },
        { "{\"$ref\":\"#/$defs/x\"}", HTH_EINVAL, "points at nothing" },
        { "{\"$ref\":\"#x\"}", HTH_EINVAL, "anchor that is not there" },
        { "{\"$ref\":\"#\"}", HTH_EINVAL, "refers to itself" },
        { "{\"allOf\":[{\"$ref\":\"#/$defs/a\"}],\"$defs\":{\"a\":{\"anyOf\":[{\"$ref\":\"#\"}]}}}",
          HTH_EINVAL, "refers to itself" },
        { "{\"$schema\":\"http://example.com/x\"}", HTH_ENOTSUP, "$schema" },
        { "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"items\":[true]}", HTH_ENOTSUP,
          "items as a list" },
        { "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"$ref\":\"#/definitions/a\","
          "\"type\":\"string\",\"definitions\":{\"a\":true}}",
          HTH_ENOTSUP, "beside $ref" },
        { "{\"type\":\"text\"}", HTH_EINVAL, "#: type must be" },
        { "{\"minLength\":-1}", HTH_EINVAL, "#: minLength must be" },
        { "{\"minLength\":1.5}", HTH_EINVAL, "#: minLength must be" },
        { "{\"minimum\":\"1\"}", HTH_EINVAL, "#: minimum must be" },
        { "{\"multipleOf\":0}", HTH_EINVAL, "multipleOf must be" },
        { "{\"multipleOf\":0.123456789}", HTH_ELIMIT, "multipleOf" },
        { "{\"required\":[1]}", HTH_EINVAL, "#: required must be" },
        { "{\"properties\":[]}", HTH_EINVAL, "#: properties must be" },
        { "{\"anyOf\":{}}", HTH_EINVAL, "#: anyOf must be" },
        { "{\"items\":1}", HTH_EINVAL, "a schema must be" },
        { "{\"maxLength\":1000000}", HTH_ELIMIT, "length" },
        { "{\"type\":\"string\",\"minLength\":3,\"maxLength\":2}", HTH_EINVAL, "admits no value" },
        { "{\"type\":[\"string\",\"array\"],\"pattern\":\"(a|b)*a(a|b){20}\"}", HTH_ELIMIT,
          "states" },
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        HthGrammar *g = NULL;
        err.text[0] = 0;
        const HthStatus st = try(cases[i].schema, HTH_SPACE_ANY, &g);
        if (st != cases[i].status || !strstr(err.text, cases[i].says))
            fail_msg("%s: %s: %s", cases[i].schema, hth_status_name(st), err.text);
    }
}

static void hostile_ones_meet_a_limit(void **state) {
    (void)state;
    HthBuf b;
    HthGrammar *g = NULL;
    hth_buf_init(&b, 1 << 22);
    for (int i = 0; i < 200; i++) /* 2^200 branches */
        assert_ok(hth_buf_printf(
                      &b, &err, "%s{\"anyOf\":[{\"required\":[\"a%d\"]},{\"required\":[\"b%d\"]}]}",
                      i ? "," : "{\"type\":\"object\",\"allOf\":[", i, i),
                  err);
    assert_ok(hth_buf_add_str(&b, HTH_STR("]}"), &err), err);
    assert_status(try(b.p, HTH_SPACE_ANY, &g), HTH_ELIMIT, err);
    hth_buf_clear(&b);
    for (int i = 0; i < 300; i++) assert_ok(hth_buf_add_str(&b, HTH_STR("{\"not\":"), &err), err);
    assert_ok(hth_buf_add_str(&b, HTH_STR("true"), &err), err);
    for (int i = 0; i < 300; i++) assert_ok(hth_buf_add_char(&b, '}', &err), err);
    assert_status(try(b.p, HTH_SPACE_ANY, &g), HTH_ELIMIT, err);
    hth_buf_clear(&b);
    for (int i = 0; i < 200; i++) /* each by itself is fine */
        assert_ok(
            hth_buf_printf(&b, &err,
                           "%s\"p%d\":{\"type\":\"string\",\"pattern\":\"^(a|b)*a(a|b){13}%d$\"}",
                           i ? "," : "{\"properties\":{", i, i),
            err);
    assert_ok(hth_buf_add_str(&b, HTH_STR("}}"), &err), err);
    assert_status(try(b.p, HTH_SPACE_ANY, &g), HTH_ELIMIT, err);
    assert_non_null(strstr(err.text, "too large together"));
    hth_buf_drop(&b);
}

static HthStatus torture_body(void *ctx) {
    HthIr *ir = NULL;
    HthNode node;
    HthErr e;
    HthStatus st = hth_ir_open(&ir, &e);
    if (st == HTH_OK) st = hth_schema(ir, ctx, (HthSchemaOpt){ .space = HTH_SPACE_ONE }, &node, &e);
    hth_ir_close(&ir);
    return st;
}

static void survives_without_memory(void **state) {
    (void)state;
    static const char schema[] =
        "{\"$id\":\"http://x/\",\"type\":[\"object\",\"array\"],\"properties\":{\"a\":{\"enum\":[1,"
        "\"x\"]}},\"unevaluatedProperties\":false,\"contains\":{\"type\":\"null\"},\"oneOf\":[{"
        "\"required\":[\"a\"]},{\"$ref\":\"#d\"}],\"$defs\":{\"c\":{\"$anchor\":\"d\",\"const\":["
        "null]}}}";
    json_t *json = NULL;
    hth_json_init();
    assert_ok(hth_json_parse(&json, HTH_STR(schema), 1 << 16, &err), err);
    const uint64_t n = test_torture(torture_body, json, 20000);
    assert_true(n > 100);
    print_message("%u allocations\n", (unsigned)n);
    json_decref(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_in_every_spelling),
        cmocka_unit_test(strings_in_every_spelling),
        cmocka_unit_test(long_texts_are_counted),
        cmocka_unit_test(members_in_any_order),
        cmocka_unit_test(items_by_place_and_by_count),
        cmocka_unit_test(choices),
        cmocka_unit_test(spaces),
        cmocka_unit_test(refusals_are_named),
        cmocka_unit_test(hostile_ones_meet_a_limit),
        cmocka_unit_test(survives_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

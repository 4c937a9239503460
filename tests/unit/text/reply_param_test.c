/* reply_param_test.c - parameters written one by one: what type a value has. */
#include "support/test.h"

#include "support/replies.h"

static HthErr err;

typedef struct Row {
    const char *schema, *text, *want;
} Row;

/* clang-format off */
static const Row ROWS[] = {
    { "{\"type\":\"string\"}", "12", "\"12\"" },
    { "{\"type\":\"string\"}", " a\"\n", "\" a\\\"\\n\"" },
    { "{\"type\":\"string\"}", "{\"a\": 1}", "\"{\\\"a\\\": 1}\"" },
    { "{\"type\":\"integer\"}", " 12\n", "12" },
    { "{\"type\":\"integer\"}", "twelve", "\"twelve\"" },
    { "{\"type\":\"number\"}", "-1.5e3", "-1.5e3" },
    { "{\"type\":\"boolean\"}", "True", "true" },
    { "{\"type\":\"array\"}", "[1, 'a', None]", "[1,\"a\",null]" },
    { "{\"type\":\"object\"}", "{'a': {\"b\": 1}}", "{\"a\":{\"b\":1}}" },
    { "{\"type\":\"object\"}", "{'a': ", "\"{'a': \"" },
    { "{\"type\":\"object\"}", "(a=1)", "\"(a=1)\"" },
    { "{\"type\":[\"string\",\"null\"]}", "null", "null" },
    { "{\"type\":[\"string\",\"null\"]}", "12", "\"12\"" },
    { "{\"type\":[\"integer\",\"null\"]}", "12", "12" },
    { "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"array\"}]}", "[1]", "[1]" },
    { "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"array\"}]}", "1", "\"1\"" },
    { "{\"oneOf\":[{\"const\":1},{\"enum\":[\"a\",null]}]}", "a", "\"a\"" },
    { "{\"oneOf\":[{\"const\":1},{\"enum\":[\"a\",null]}]}", "1", "1" },
    { "{\"oneOf\":[{\"const\":1},{\"enum\":[\"a\",null]}]}", "true", "\"true\"" },
    { "{}", "12", "12" },
    { "{}", "yes", "\"yes\"" },
    { "{}", "", "\"\"" },
    { "true", "false", "false" },
    { "{\"type\":\"nonsense\"}", "1", "1" },
};
/* clang-format on */

static const char REPLY[] = "<tool_call>f<arg_key>p</arg_key><arg_value>%s</arg_value></tool_call>";

/* The arguments that value gives when p has this schema. */
static void read_value(const HthTalk *t, const char *schema, const char *value, size_t step,
                       Replies *s) {
    char text[256], tool[512];
    json_t *tools = NULL;
    snprintf(tool, sizeof tool,
             "[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":"
             "\"object\",\"properties\":{\"p\":%s}}}}]",
             schema);
    snprintf(text, sizeof text, REPLY, value);
    assert_ok(hth_json_parse(&tools, hth_str(tool), sizeof tool, &err), err);
    const HthReplyCfg cfg = { .tools = tools };
    assert_ok(replies_read(s, t, cfg, hth_str(text), step, step, &err), err);
    json_decref(tools);
}

static void test_types(void **state) {
    (void)state;
    RepliesTalk t;
    assert_ok(replies_talk(&t, "glm", NULL, &err), err);
    for (size_t i = 0; i < HTH_COUNT(ROWS); i++)
        for (size_t step = 1; step < 12; step += 5) {
            Replies s;
            char want[128];
            replies_open(&s);
            read_value(t.talk, ROWS[i].schema, ROWS[i].text, step, &s);
            snprintf(want, sizeof want, "{C:f {\"p\":%s}}", ROWS[i].want);
            assert_string_equal(hth_buf_str(&s.log).p, want);
            assert_false(s.bad);
            replies_drop(&s);
        }
    replies_talk_close(&t);
}

static void test_cdata(void **state) {
    (void)state;
    RepliesTalk t;
    Replies s;
    assert_ok(replies_talk(&t, "glm", NULL, &err), err);
    for (size_t step = 1; step < 70; step++) {
        replies_open(&s);
        read_value(t.talk, "{\"type\":\"string\"}", "<![CDATA[a]]></arg_value ]]>", step, &s);
        assert_string_equal(hth_buf_str(&s.log).p, "{C:f {\"p\":\"a]]></arg_value \"}}");
        replies_drop(&s);
    }
    replies_talk_close(&t);
}

/* Objects and arrays as tags in tags. */
static void test_nested(void **state) {
    (void)state;
    static const char source[] =
        "{% macro x(v) %}{% if v is mapping %}{% for k, w in v.items() %}@[<{{ k }}>{{ x(w) }}@[</"
        "{{ k }}>{% endfor %}{% elif v is string or v is number %}{{ v }}{% else %}"
        "{% for w in v %}@[<item>{{ x(w) }}@[</item>{% endfor %}{% endif %}{% endmacro %}"
        "{{ tools | tojson }}{% for m in messages %}{{ m.content or '' }}{% for c in m.tool_calls "
        "or [] %}<do name=\"{{ c.function.name }}\">{{ x(c.function.arguments) }}@[</do>{% endfor "
        "%}{% endfor %}";
    static const char text[] =
        "<do name=\"get\">@[<o>@[<a>1@[</a>@[<a2>\nx@[</a2>@[</o>@[<l>@[<item>1@[</item>@[<item>"
        "@[<k>v@[</k>@[</item>@[</l>@[<q>@[<b>@[</q>@[</do>";
    HthTemplate *tmpl = NULL;
    HthTalk *t = NULL;
    json_t *tools = NULL;
    assert_ok(hth_template_open(&tmpl, hth_str(source), &err), err);
    assert_ok(hth_talk_open(&t, tmpl, NULL, &err), err);
    assert_ok(hth_json_parse(&tools, hth_str(REPLIES_TOOLS), 1 << 20, &err), err);
    assert_true(t->nested);
    for (size_t step = 1; step < sizeof text; step++) {
        Replies s;
        const HthReplyCfg cfg = { .tools = tools };
        replies_open(&s);
        assert_ok(replies_read(&s, t, cfg, hth_str(text), step, step, &err), err);
        assert_string_equal(hth_buf_str(&s.log).p, "{C:get {\"o\":{\"a\":1,\"a2\":\"\\nx\"},\"l\":"
                                                   "[1,{\"k\":\"v\"}],\"q\":\"@[<b>\"}}");
        replies_drop(&s);
    }
    json_decref(tools);
    hth_talk_close(&t);
    hth_template_close(&tmpl);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_cdata),
        cmocka_unit_test(test_nested),
    };
    hth_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

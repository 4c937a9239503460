/* talk_test.c - formats found by rendering: what each small template teaches, failing memory. */
#include "support/test.h"

#include "support/replies.h"
#include "support/vocab_build.h"

static HthErr err;

typedef struct Row {
    const char *name, *shown; /* template, and what hth_talk_name says */
    HthTalkShape shape;
    bool thinking, parallel, args_text;
    const char *section, *item; /* what opens calls, a call */
} Row;

/* clang-format off */
static const Row ROWS[] = {
    { "hermes", "hermes", HTH_TALK_WRAPPED, true, true, false, "", "<tool_call>" },
    { "mistral", "mistral", HTH_TALK_NAMED, false, true, false, "", "[TOOL_CALLS]" },
    { "nemo", "mistral", HTH_TALK_WRAPPED, false, true, false, "[TOOL_CALLS]", "" },
    { "llama3", "llama3", HTH_TALK_WRAPPED, false, false, false, "", "" },
    { "qwen3-coder", "qwen3-coder", HTH_TALK_TAGGED, false, true, false, "",
      "<tool_call>\n<function=" },
    { "lfm", "lfm", HTH_TALK_PYTHON, false, true, false, "<|tool_call_start|>[", "" },
    { "gemma", "gemma", HTH_TALK_BARE, false, true, false, "", "<|tool_call>call:" },
    { "harmony", "harmony", HTH_TALK_NAMED, true, true, false, "", "to=functions." },
    { "functionary", "functionary", HTH_TALK_NAMED, false, true, true, "", ">>>" },
    { "glm", "glm", HTH_TALK_TAGGED, true, true, false, "", "<tool_call>" },
    { "none", "none", HTH_TALK_NOTHING, false, false, false, "", "" },
};
/* clang-format on */

static void test_rows(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(ROWS); i++) {
        const Row *row = &ROWS[i];
        RepliesTalk t;
        assert_ok(replies_talk(&t, row->name, NULL, &err), err);
        assert_string_equal(hth_talk_name(t.talk), row->shown);
        if (t.talk->shape != row->shape) fail_msg("%s: shape %d", row->name, (int)t.talk->shape);
        assert_int_equal(hth_talk_has_tools(t.talk), row->shape != HTH_TALK_NOTHING);
        assert_int_equal(hth_talk_has_thinking(t.talk), row->thinking);
        assert_int_equal(hth_talk_args_as_text(t.talk), row->args_text);
        assert_int_equal(t.talk->parallel, row->parallel);
        assert_string_equal(t.talk->find_section.n ? t.talk->find_section.p : "", row->section);
        if (!hth_str_eq(t.talk->find_item, hth_str(row->item)))
            fail_msg("%s: [%.*s]", row->name, HTH_STR_ARG(t.talk->find_item));
        replies_talk_close(&t);
    }
}

static void open_source(const char *source, const HthVocab *v, HthTemplate **tmpl, HthTalk **t) {
    assert_ok(hth_template_open(tmpl, hth_str(source), &err), err);
    assert_ok(hth_talk_open(t, *tmpl, v, &err), err);
}

/* A template that fails, or says nothing, is fine. */
static void test_odd(void **state) {
    (void)state;
    static const char *const sources[] = {
        "",
        "x",
        "{{ raise_exception('no') }}",
        "{{ messages[7].content.x }}",
        "{% for m in messages %}{{ m | tojson }}{% endfor %}{{ tools | tojson }}",
        "{% for m in messages %}{{ m.content }}{% for c in m.tool_calls or [] %}"
        "{{ c.function.name }}{% endfor %}{% endfor %}",
        "{% for i in range(100000) %}{% for i in range(100000) %}x{% endfor %}{% endfor %}",
    };
    for (size_t i = 0; i < HTH_COUNT(sources); i++) {
        HthTemplate *tmpl = NULL;
        HthTalk *t = NULL;
        open_source(sources[i], NULL, &tmpl, &t);
        if (i != 4) assert_false(hth_talk_has_tools(t));
        assert_false(hth_talk_has_thinking(t));
        hth_talk_close(&t);
        hth_talk_close(&t);
        hth_template_close(&tmpl);
    }
}

/* Tokens known to the vocabulary: they name a format the template does not show, and those that
 * no format has are dropped from words. */
static void test_vocab(void **state) {
    (void)state;
    static const char *const extra[] = { "<|tool_call_start|>", "<|odd|>", "<s>", "<|od", NULL };
    const char *tokens[VB_MAX];
    int32_t types[VB_MAX];
    VbSpec spec = { .model = "gpt2", .pre = "gpt-2", .tokens = tokens, .types = types };
    static const char *const merges[] = { NULL };
    Gb g;
    Vb vb;
    spec.merges = merges;
    spec.token_n = vb_byte_level(tokens, extra);
    for (size_t i = 0; i < spec.token_n; i++)
        types[i] = i < VB_BYTES ? HTH_TOKEN_NORMAL : HTH_TOKEN_CONTROL;
    vb_write(&g, &spec);
    assert_ok(vb_open(&vb, &g, &err), err);
    HthTemplate *tmpl = NULL;
    HthTalk *t = NULL;
    open_source("{{ tools | tojson if tools }}{% for m in messages %}<|x|>{{ m.content }}"
                "{% endfor %}",
                vb.v, &tmpl, &t);
    assert_int_equal(t->shape, HTH_TALK_PYTHON);
    json_t *tools = NULL;
    assert_ok(hth_json_parse(&tools, hth_str(REPLIES_TOOLS), 1 << 20, &err), err);
    static const HthStr text = { "a<|odd|>b<s><|od<|o <|odd|>\n<|tool_call_start|>[get(n=1)]c",
                                 58 };
    for (size_t step = 1; step < text.n; step++) {
        Replies s;
        const HthReplyCfg cfg = { .tools = tools };
        replies_open(&s);
        assert_ok(replies_read(&s, t, cfg, hth_str(text.p), step, step, &err), err);
        assert_string_equal(hth_buf_str(&s.log).p, "ab<s><|o {C:get {\"n\":1}}]c");
        replies_drop(&s);
    }
    json_decref(tools);
    hth_talk_close(&t);
    hth_template_close(&tmpl);
    vb_close(&vb);
}

/* A history for a template that joins arguments as text. */
static void test_messages(void **state) {
    (void)state;
    static const char history[] =
        "[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"function\":{\"name\":\"get\","
        "\"arguments\":{\"q\":\"x\"}}}]},{\"role\":\"user\",\"content\":\"Hi\"}]";
    static const char *const names[] = { "functionary", "hermes" };
    for (size_t i = 0; i < HTH_COUNT(names); i++) {
        RepliesTalk t;
        HthBuf text;
        json_t *given = NULL, *got = NULL;
        hth_buf_init(&text, 1 << 16);
        assert_ok(replies_talk(&t, names[i], NULL, &err), err);
        assert_ok(hth_json_parse(&given, hth_str(history), sizeof history, &err), err);
        assert_ok(hth_talk_messages(t.talk, given, &got, &err), err);
        json_t *vars = json_pack("{s:O}", "messages", got);
        assert_ok(hth_template_render(t.tmpl, vars, 0, NULL, &text, &err), err);
        assert_non_null(strstr(text.p, "{\"q\": \"x\"}"));
        json_decref(vars);
        json_decref(got);
        json_t *again = NULL; /* what was given is as it was */
        assert_ok(hth_json_parse(&again, hth_str(history), sizeof history, &err), err);
        assert_true(json_equal(given, again));
        json_decref(again);
        json_decref(given);
        hth_buf_drop(&text);
        replies_talk_close(&t);
    }
}

static HthStatus torture_body(void *ctx) {
    HthTalk *t = NULL;
    const HthStatus st = hth_talk_open(&t, ctx, NULL, &err);
    hth_talk_close(&t);
    return st;
}

static void test_memory(void **state) {
    (void)state;
    static const char *const names[] = { "nemo", "glm" };
    for (size_t i = 0; i < HTH_COUNT(names); i++) {
        RepliesTalk t;
        assert_ok(replies_talk(&t, names[i], NULL, &err), err);
        assert_true(test_torture(torture_body, t.tmpl, 20000) > 100);
        assert_true(test_torture_once(torture_body, t.tmpl, 20000) > 100);
        replies_talk_close(&t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),   cmocka_unit_test(test_odd),
        cmocka_unit_test(test_vocab),  cmocka_unit_test(test_messages),
        cmocka_unit_test(test_memory),
    };
    hth_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

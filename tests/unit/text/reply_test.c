/* reply_test.c - replies of every shape: tables, every cut, random damage, failing memory. */
#include "support/test.h"

#include "base/rng.h"
#include "support/replies.h"

static HthErr err;

typedef struct Row {
    const char *talk; /* a template of replies.h */
    const char *prompt;
    const char *text;
    const char *want; /* as replies.h writes it down */
} Row;

#define CALL1 "<tool_call>\n{\"name\": \"get\", \"arguments\": {\"q\": \"x\"}}\n</tool_call>"
#define BAR1  "<|tool_call_start|>"
#define BAR2  "<|tool_call_end|>"

/* clang-format off */
static const Row ROWS[] = {
    { "hermes", "", "Hi <b>there</b>\n", "Hi <b>there</b>\n" },
    { "hermes", "", CALL1, "{C:get {\"q\":\"x\"}}" },
    { "hermes", "", "So:\n" CALL1 "\n" CALL1 "\n", "So:{C:get {\"q\":\"x\"}}{C:get {\"q\":\"x\"}"
      "}" },
    { "hermes", "", CALL1 "\nDone.", "{C:get {\"q\":\"x\"}}Done." },
    { "hermes", "", CALL1 " a " CALL1, "{C:get {\"q\":\"x\"}}a{C:get {\"q\":\"x\"}}" },
    { "hermes", "", "<think>\nhm\n</think>\n\nYes.", "{T:hm}Yes." },
    { "hermes", "<|im_start|>assistant\n<think>\n", "hm\n</think>\n\nYes.", "{T:hm}Yes." },
    { "hermes", "<think>\n\n</think>\n\n", "\nYes.", "Yes." },
    { "hermes", "", "<think>hm</think>" CALL1, "{T:hm}{C:get {\"q\":\"x\"}}" },
    { "hermes", "", "</think>\nYes.", "Yes." },
    { "hermes", "", "<think>hm", "{T:hm}" },
    { "hermes", "", "Write <think> or </think>.", "Write <think> or </think>." },
    { "hermes", "", "<tool_call>\n{\"name\": \"nobody\", \"arguments\": {}}\n</tool_call>",
      "<tool_call>\n{\"name\": \"nobody\", \"arguments\": {}}\n</tool_call>" },
    { "hermes", "", "<tool_call>\n{\"name\": \"get\", \"arguments\": 5}", "<tool_call>\n{\"nam"
      "e\": \"get\", "
      "\"arguments\": 5}" },
    { "hermes", "", "<tool_call>{\"arguments\": {\"q\":\"}\"}, \"name\": \"get\"}</tool_call>",
      "{C:get {\"q\":\"}\"}}" },
    { "hermes", "", "<tool_call>{\"id\":[1,{}],\"function\":{\"name\":\"get\",\"arguments\":{}}}"
      "</tool_call>.",
      "{C:get {}}." },
    { "hermes", "", "<tool_call>{\"name\": \"get\", \"arguments\": {\"q\": \"x\", oh}}", "{C:get"
      " {\"q\":\"x\"}}"
      "oh}}" },
    { "hermes", "", "<tool_call>{\"name\": \"get\", \"arguments\": {\"q\": \"x", "{C:get {\"q\""
      ":\"x\"}}" },
    { "hermes", "", "<tool_call>{\"name\": \"get\", \"argu", "<tool_call>{\"name\": \"get\", \"a"
      "rgu" },
    { "hermes", "", "<tool_call", "<tool_call" },
    { "hermes", "", "a <tool_ca<tool_call>", "a <tool_ca<tool_call>" },
    { "mistral", "", "[TOOL_CALLS]get[ARGS]{\"q\":1}[TOOL_CALLS]get_more[ARGS]{}",
      "{C:get {\"q\":1}}{C:get_more {}}" },
    { "mistral", "", "[TOOL_CALLS]get[CALL_ID]abc[ARGS]{\"q\":1}", "{C:get {\"q\":1}}" },
    { "mistral", "", "Ok [TOOL_CALLS]gets[ARGS]{}", "Ok [TOOL_CALLS]gets[ARGS]{}" },
    { "nemo", "", "[TOOL_CALLS][{\"name\": \"get\", \"arguments\": {\"q\": \"x\"}, \"id\": \"a"
      "}\\\"]\"}, "
      "{\"name\":\"naught\",\"arguments\":{}}]", "{C:get {\"q\":\"x\"}}{C:naught {}}" },
    { "nemo", "", "[TOOL_CALLS][{\"name\": \"get\", \"arguments\": {}}, {\"name\": \"no\", \"arg"
      "uments\": {}}] x",
      "{C:get {}}{\"name\": \"no\", \"arguments\": {}}] x" },
    { "nemo", "", "[TOOL_CALLS] []", "[TOOL_CALLS] []" },
    { "llama3", "", "{\"name\": \"get\", \"parameters\": {\"q\": \"x\"}}", "{C:get {\"q\":\"x\"}"
      "}" },
    { "llama3", "", "{\"name\": \"get\", \"parameters\": {}}; {\"name\": \"naught\", \"parameter"
      "s\": {}}",
      "{C:get {}}{C:naught {}}" },
    { "llama3", "", "Like {\"name\": \"get\", \"parameters\": {}}",
      "Like {\"name\": \"get\", \"parameters\": {}}" },
    { "llama3", "", "{\"name\": \"Bob\", \"age\": 3}", "{\"name\": \"Bob\", \"age\": 3}" },
    { "llama3", "", "{}", "{}" },
    { "qwen3-coder", "", "Go\n<tool_call>\n<function=get>\n<parameter=q>\n12\n</parameter>\n<par"
      "ameter=n>\n7\n"
      "</parameter>\n</function>\n</tool_call>", "Go{C:get {\"q\":\"12\",\"n\":7}}" },
    { "qwen3-coder", "", "<tool_call>\n<function=get>\n</function>\n</tool_call>x", "{C:get {}}x" },
    { "qwen3-coder", "", "<tool_call><function=get><parameter=q>\n\na</par\n\n</parameter></func"
      "tion></tool_call>",
      "{C:get {\"q\":\"\\na</par\\n\"}}" },
    { "qwen3-coder", "", "<tool_call>\n<function=get>\n<parameter=q>\nhalf", "{C:get {\"q\":\"ha"
      "lf\"}}" },
    { "qwen3-coder", "", "<tool_call>\n<function=get>\n<parameter=q>\n1\n</parameter>\noops", "{"
      "C:get {\"q\":"
      "\"1\"}}oops" },
    { "qwen3-coder", "", "<tool_call>\n<function=nobody>\n</function>", "<tool_call>\n<function="
      "nobody>\n"
      "</function>" },
    { "lfm", "", "A " BAR1 "[get(q='it\\'s', n=2), naught()]" BAR2 "b", "A{C:get {\"q\":\"it's\""
      ",\"n\":2}}"
      "{C:naught {}}b" },
    { "lfm", "", BAR1 "[get(q=oops)]" BAR2, "{C:get {\"q\":null}})]" BAR2 },
    { "gemma", "", "<|tool_call>call:get{n:2,q:<|\"|>a {b}<|\"|>}<tool_call|>", "{C:get {\"n\":2"
      ",\"q\":\"a {b}\"}}" },
    { "harmony", "<|start|>assistant", "<|channel|>analysis<|message|>Hm.<|end|><|start|>assista"
      "nt<|channel|>"
      "final<|message|>Yes.<|return|>", "{T:Hm.}Yes." },
    { "harmony", "<|start|>assistant", "<|channel|>commentary to=functions.get <|constrain|>json"
      "<|message|>"
      "{\"q\":\"x\"}<|call|>", "{C:get {\"q\":\"x\"}}" },
    { "harmony", "<|start|>assistant", " to=functions.get<|channel|>commentary json<|message|>"
      "{\"q\":\"x\"}<|call|>"
      "<|start|>assistant<|channel|>commentary to=functions.naught<|message|>{}", "{C:get {\"q\""
      ":\"x\"}}"
      "{C:naught {}}" },
    { "harmony", "<|start|>assistant", "<|channel|>commentary<|message|>Let me.<|end|>", "Let me"
      "." },
    { "harmony", "<|start|>assistant", "<|channel|>commentary to=functions.nobody<|message|>{}<|"
      "call|>",
      "<|start|>assistant<|channel|>commentary to=functions.nobody<|message|>{}" },
    { "harmony", "", "Plain.", "Plain." },
    { "functionary", "<|a|>>>>", "all\nYes.", "Yes." },
    { "functionary", "<|a|>>>>", "get\n{\"q\":1}>>>naught\n{}", "{C:get {\"q\":1}}{C:naught {}}" },
    { "functionary", "<|a|>>>>", "all\nSo:\n>>>get\n{}", "So:{C:get {}}" },
    { "glm", "<|assistant|><think>", "hm</think>\nYes<tool_call>get<arg_key>q</arg_key><arg_valu"
      "e>1</arg_value>"
      "<arg_key>l</arg_key>\n<arg_value>[1, \"a\"]</arg_value></tool_call>", "{T:hm}Yes{C:get "
      "{\"q\":\"1\",\"l\":"
      "[1,\"a\"]}}" },
    { "glm", "<|assistant|>", "<tool_call>get_more</tool_call>", "{C:get_more {}}" },
    { "none", "", CALL1 "<think>a</think>", CALL1 "<think>a</think>" },
};
/* clang-format on */

static void read_row(const Row *row, const HthTalk *t, const json_t *tools, size_t first,
                     size_t step, HthBuf *out) {
    Replies s;
    const HthReplyCfg cfg = { .tools = tools, .prompt = hth_str(row->prompt) };
    replies_open(&s);
    assert_ok(replies_read(&s, t, cfg, hth_str(row->text), first, step, &err), err);
    if (s.bad) fail_msg("%s: [%s]: parts out of order", row->talk, row->text);
    hth_buf_clear(out);
    assert_ok(hth_buf_add_str(out, hth_buf_str(&s.log), &err), err);
    replies_drop(&s);
}

/* The same parts, wherever the text is cut. */
static void test_rows(void **state) {
    (void)state;
    HthBuf out;
    hth_buf_init(&out, 1 << 20);
    for (size_t i = 0; i < HTH_COUNT(ROWS); i++) {
        const Row *row = &ROWS[i];
        RepliesTalk t;
        assert_ok(replies_talk(&t, row->talk, NULL, &err), err);
        const size_t n = strlen(row->text);
        for (size_t cut = 0; cut <= n + 2; cut++) {
            const size_t first = cut <= n ? cut : 1, step = cut <= n ? n : cut - n;
            if (!first) continue;
            read_row(row, t.talk, t.tools, first, step, &out);
            if (strcmp(hth_buf_str(&out).p, row->want) != 0)
                fail_msg("row %zu, %s, cut %zu:\n[%s]\n gives [%s]\nwanted [%s]", i, row->talk, cut,
                         row->text, hth_buf_str(&out).p, row->want);
        }
        replies_talk_close(&t);
    }
    hth_buf_drop(&out);
}

/* Without tools in the request every call is text; without a loss. */
static void test_no_tools(void **state) {
    (void)state;
    HthBuf out;
    RepliesTalk t;
    Row row = { "hermes", "", "a\n" CALL1 " b", "" };
    hth_buf_init(&out, 1 << 20);
    assert_ok(replies_talk(&t, row.talk, NULL, &err), err);
    read_row(&row, t.talk, NULL, 1, 1, &out);
    assert_string_equal(hth_buf_str(&out).p, row.text);
    replies_talk_close(&t);
    hth_buf_drop(&out);
}

static void test_keep_thinking(void **state) {
    (void)state;
    static const char *const texts[] = { "<think>\n hm \n</think>\n\nYes. ", "<think>hm", "  a" };
    RepliesTalk t;
    assert_ok(replies_talk(&t, "hermes", NULL, &err), err);
    for (size_t i = 0; i < HTH_COUNT(texts); i++) {
        Replies s;
        const HthReplyCfg cfg = { .keep_thinking = true };
        replies_open(&s);
        assert_ok(replies_read(&s, t.talk, cfg, hth_str(texts[i]), 1, 1, &err), err);
        assert_string_equal(hth_buf_str(&s.log).p, texts[i]);
        replies_drop(&s);
    }
    replies_talk_close(&t);
}

/* What comes is given as soon as it is certain. */
static void test_promptness(void **state) {
    (void)state;
    static const struct {
        const char *put, *log; /* parts after this piece */
    } steps[] = {
        { "Hel", "Hel" },
        { "lo <", "Hello" },
        { "b> \n", "Hello <b>" },
        { "<tool_c", "Hello <b>" },
        { "all>{\"name\": \"get\", \"arguments\":", "Hello <b>" },
        { "{", "Hello <b>{C:get" },
    };
    RepliesTalk t;
    Replies s;
    HthReply *r = NULL;
    assert_ok(replies_talk(&t, "hermes", NULL, &err), err);
    replies_open(&s);
    const HthReplyCfg cfg = { .tools = t.tools, .part = replies_part, .payload = &s };
    assert_ok(hth_reply_open(&r, t.talk, &cfg, &err), err);
    for (size_t i = 0; i < HTH_COUNT(steps); i++) {
        assert_ok(hth_reply_put(r, hth_str(steps[i].put), &err), err);
        assert_string_equal(hth_buf_str(&s.log).p, steps[i].log);
    }
    assert_string_equal(hth_buf_str(&s.args).p, "{");
    assert_ok(hth_reply_put(r, HTH_STR("\"q\": \"long te"), &err), err);
    assert_string_equal(hth_buf_str(&s.args).p, "{\"q\":\"long te");
    assert_int_equal(hth_reply_calls(r), 0);
    assert_ok(hth_reply_put(r, HTH_STR("xt\"}}"), &err), err);
    assert_int_equal(hth_reply_calls(r), 1);
    assert_ok(hth_reply_end(r, &err), err);
    hth_reply_close(&r);
    hth_reply_close(&r);
    replies_drop(&s);
    replies_talk_close(&t);
}

/* Calls beyond the bound are text. */
static void test_many_calls(void **state) {
    (void)state;
    RepliesTalk t;
    Replies s;
    HthBuf text;
    hth_buf_init(&text, 1 << 20);
    for (int i = 0; i < HTH_REPLY_CALLS_MAX + 2; i++)
        assert_ok(hth_buf_add_str(&text, HTH_STR(CALL1), &err), err);
    assert_ok(replies_talk(&t, "hermes", NULL, &err), err);
    replies_open(&s);
    const HthReplyCfg cfg = { .tools = t.tools };
    assert_ok(replies_read(&s, t.talk, cfg, hth_buf_str(&text), 7, 7, &err), err);
    assert_int_equal(json_array_size(s.calls), HTH_REPLY_CALLS_MAX);
    assert_true(hth_str_ends(hth_buf_str(&s.log), HTH_STR(CALL1 CALL1)));
    replies_drop(&s);
    replies_talk_close(&t);
    hth_buf_drop(&text);
}

/* Cut, repeated, swapped: parts stay in order, arguments stay JSON, every cut gives the same. */
static void test_damage(void **state) {
    (void)state;
    enum { ROUNDS = 60 };
    HthBuf a, b, text;
    hth_buf_init(&a, 1 << 20);
    hth_buf_init(&b, 1 << 20);
    hth_buf_init(&text, 1 << 20);
    for (size_t i = 0; i < HTH_COUNT(ROWS); i++) {
        RepliesTalk t;
        assert_ok(replies_talk(&t, ROWS[i].talk, NULL, &err), err);
        for (uint32_t round = 0; round < ROUNDS; round++) {
            const HthStr from = hth_str(ROWS[i].text);
            hth_buf_clear(&text);
            for (uint32_t k = 0; k < 3; k++) {
                const size_t at = hth_rng_below(i, round, 2 * k, (uint32_t)from.n);
                const size_t n = hth_rng_below(i, round, 2 * k + 1, (uint32_t)from.n) + 1;
                assert_ok(hth_buf_add_str(&text, hth_str_sub(from, at, n), &err), err);
            }
            const Row row = { ROWS[i].talk, ROWS[i].prompt, hth_buf_str(&text).p, "" };
            const size_t step = 1 + hth_rng_below(i, round, 99, 9);
            read_row(&row, t.talk, t.tools, text.n, 1, &a);
            read_row(&row, t.talk, t.tools, step, step, &b);
            if (strcmp(hth_buf_str(&a).p, hth_buf_str(&b).p) != 0)
                fail_msg("row %zu, round %u, step %zu:\n[%s]\n[%s]\n[%s]", i, round, step, row.text,
                         a.p, b.p);
        }
        replies_talk_close(&t);
    }
    hth_buf_drop(&a);
    hth_buf_drop(&b);
    hth_buf_drop(&text);
}

typedef struct Torture {
    RepliesTalk talk;
    const Row *row;
} Torture;

static void drop_part(void *payload, const HthPart *part) {
    *(size_t *)payload += part->text.n;
}

static HthStatus torture_body(void *ctx) {
    const Torture *t = ctx;
    HthReply *r = NULL;
    size_t bytes = 0;
    const HthReplyCfg cfg = { .tools = t->talk.tools,
                              .prompt = hth_str(t->row->prompt),
                              .part = drop_part,
                              .payload = &bytes };
    const HthStr text = hth_str(t->row->text);
    HthStatus st = hth_reply_open(&r, t->talk.talk, &cfg, &err);
    for (size_t i = 0; st == HTH_OK && i < text.n; i += 5)
        st = hth_reply_put(r, hth_str_sub(text, i, 5), &err);
    if (st == HTH_OK) st = hth_reply_end(r, &err);
    hth_reply_close(&r);
    return st;
}

static void test_memory(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(ROWS); i++) {
        Torture t = { .row = &ROWS[i] };
        assert_ok(replies_talk(&t.talk, ROWS[i].talk, NULL, &err), err);
        assert_true(test_torture(torture_body, &t, 200) >= 2);
        replies_talk_close(&t.talk);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),          cmocka_unit_test(test_no_tools),
        cmocka_unit_test(test_keep_thinking), cmocka_unit_test(test_promptness),
        cmocka_unit_test(test_many_calls),    cmocka_unit_test(test_damage),
        cmocka_unit_test(test_memory),
    };
    hth_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

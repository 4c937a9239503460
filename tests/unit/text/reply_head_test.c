/* reply_head_test.c - whether a call begins: names, marks, and how long one waits for them. */
#include "support/test.h"

#include "support/replies.h"

static HthErr err;

typedef struct Row {
    const char *talk, *text;
    HthFit fit;
    const char *name;
    size_t used;
} Row;

#define W "<tool_call>{"
/* clang-format off */
static const Row ROWS[] = {
    { "hermes", "<tool_call>", HTH_FIT_MORE, NULL, 0 },
    { "hermes", W "\"name\": \"get\"", HTH_FIT_MORE, NULL, 0 },
    { "hermes", W "\"name\": \"get\", \"arguments\": {", HTH_FIT_YES, "get", 40 },
    { "hermes", W "\"name\": \"get\", \"parameters\": {", HTH_FIT_YES, "get", 41 },
    { "hermes", W "\"name\": \"get\"}", HTH_FIT_NO, NULL, 0 },
    { "hermes", W "\"name\": \"ge", HTH_FIT_MORE, NULL, 0 },
    { "hermes", W "\"name\": \"gets\"", HTH_FIT_NO, NULL, 0 },
    { "hermes", W "\"name\": 5, \"x\": [1, \"]\"], ", HTH_FIT_MORE, NULL, 0 },
    { "hermes", W "\"name\"; 5", HTH_FIT_NO, NULL, 0 },
    { "hermes", W "]", HTH_FIT_NO, NULL, 0 },
    { "hermes", "<tool_call>[{\"name\": \"get\", \"arguments\": {", HTH_FIT_NO, NULL, 0 },
    { "hermes", "<tool_cat", HTH_FIT_NO, NULL, 0 },
    { "llama3", "{\"city\"", HTH_FIT_NO, NULL, 0 }, /* an answer, at once */
    { "llama3", "{\"type\": \"function\", ", HTH_FIT_MORE, NULL, 0 },
    { "mistral", "[TOOL_CALLS]get", HTH_FIT_MORE, NULL, 0 },
    { "mistral", "[TOOL_CALLS]get_more", HTH_FIT_MORE, NULL, 0 },
    { "mistral", "[TOOL_CALLS]get_more[ARGS]{", HTH_FIT_YES, "get_more", 26 },
    { "mistral", "[TOOL_CALLS]get[ARGS]{", HTH_FIT_YES, "get", 21 },
    { "mistral", "[TOOL_CALLS]functions.get[ARGS] {", HTH_FIT_YES, "get", 32 },
    { "mistral", "[TOOL_CALLS]functions.gut", HTH_FIT_NO, NULL, 0 },
    { "mistral", "[TOOL_CALLS]get[ARGS][", HTH_FIT_NO, NULL, 0 },
    { "mistral", "[TOOL_CALLS]get {\"a\"", HTH_FIT_MORE, NULL, 0 },
    { "mistral", "[TOOL_CALLS]get {\"a\":1}[ARGS]{", HTH_FIT_NO, NULL, 0 },
    { "lfm", "<|tool_call_start|>[naught(", HTH_FIT_YES, "naught", 26 },
    { "lfm", "<|tool_call_start|>[naught)", HTH_FIT_NO, NULL, 0 },
    { "glm", "<tool_call>get", HTH_FIT_MORE, NULL, 0 },
    { "glm", "<tool_call>get\n<arg_key>", HTH_FIT_YES, "get", 15 },
    { "glm", "<tool_call>get</tool_call>", HTH_FIT_YES, "get", 14 },
    { "glm", "<tool_call>get it", HTH_FIT_NO, NULL, 0 },
    { "none", "<tool_call>", HTH_FIT_NO, NULL, 0 },
};
/* clang-format on */

static HthReply *open_reply(RepliesTalk *t, const char *name, Replies *s) {
    HthReply *r = NULL;
    assert_ok(replies_talk(t, name, NULL, &err), err);
    const HthReplyCfg cfg = { .tools = t->tools, .part = replies_part, .payload = s };
    assert_ok(hth_reply_open(&r, t->talk, &cfg, &err), err);
    return r;
}

static void test_rows(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(ROWS); i++) {
        RepliesTalk t;
        Replies s;
        HthReply *r = open_reply(&t, ROWS[i].talk, &s);
        const HthStr text = hth_str(ROWS[i].text);
        HthHead h;
        const HthFit fit = hth_reply_head(r, text, false, &h);
        if (fit != ROWS[i].fit) fail_msg("row %zu: %d", i, (int)fit);
        if (fit == HTH_FIT_YES) {
            assert_true(hth_str_eq(h.name, hth_str(ROWS[i].name)));
            assert_ptr_equal(h.tool, hth_tool_find(t.tools, h.name));
            assert_int_equal(h.used, ROWS[i].used);
            for (size_t n = 0; n < h.used; n++)
                assert_int_not_equal(hth_reply_head(r, hth_str_sub(text, 0, n), false, &h),
                                     HTH_FIT_NO);
        }
        hth_reply_close(&r);
        replies_talk_close(&t);
    }
}

/* What does not become certain within the bound is text. */
static void test_bound(void **state) {
    (void)state;
    static char text[HTH_REPLY_HEAD_MAX + 64];
    RepliesTalk t;
    Replies s;
    HthReply *r = open_reply(&t, "hermes", &s);
    HthHead h;
    const int n = snprintf(text, sizeof text, "<tool_call>{\"note\": \"");
    memset(text + n, 'x', sizeof text - (size_t)n);
    assert_int_equal(hth_reply_head(r, (HthStr){ text, HTH_REPLY_HEAD_MAX - 1 }, false, &h),
                     HTH_FIT_MORE);
    assert_int_equal(hth_reply_head(r, (HthStr){ text, HTH_REPLY_HEAD_MAX }, false, &h),
                     HTH_FIT_NO);
    assert_int_equal(hth_reply_list_head(r, (HthStr){ text + 11, HTH_REPLY_HEAD_MAX + 1 }, &h),
                     HTH_FIT_NO);
    hth_reply_close(&r);
    replies_talk_close(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_bound) };
    hth_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

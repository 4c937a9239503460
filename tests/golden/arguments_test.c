/* arguments_test.c - real chat templates render a conversation in which the arguments of a call
 * were broken, wherever they render one in which they were whole. */
#include "support/test.h"

#include <glob.h>

#include "serve/ask.h"
#include "support/api.h"
#include "text/chat.h"

static HthStatus render(const HthTemplate *t, const char *arguments, HthErr *err) {
    static const char head[] =
        "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"tool_"
        "calls\":"
        "[{\"id\":\"abcdefghi\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":";
    static const char tail[] =
        "}}]},{\"role\":\"tool\",\"tool_call_id\":\"abcdefghi\",\"content\":\"r\"}],\"tools\":[{"
        "\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\",\"parameters\":{"
        "\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"integer\",\"description\":\"e\"}},"
        "\"required\":[]}}}]}";
    const HthApi *api = api_find(hth_api_openai, "/v1/chat/completions");
    HthAsk ask;
    HthBuf body, out;
    hth_buf_init(&body, 10000);
    hth_buf_init(&out, (size_t)1 << 20);
    assert_ok(hth_buf_printf(&body, err, "%s%s%s", head, arguments, tail), *err);
    assert_ok(api_read(api, body.p, &ask, err), *err);
    json_t *vars = json_object();
    json_object_set(vars, "messages", ask.messages);
    json_object_set(vars, "tools", ask.tools);
    json_object_set_new(vars, "bos_token", json_string("<s>"));
    json_object_set_new(vars, "eos_token", json_string("</s>"));
    json_object_set_new(vars, "add_generation_prompt", json_true());
    const HthStatus st = hth_template_render(t, vars, 0, NULL, &out, err);
    json_decref(vars);
    hth_ask_drop(&ask);
    hth_buf_drop(&body);
    hth_buf_drop(&out);
    return st;
}

static void test_templates(void **state) {
    char pattern[4096];
    glob_t found = { 0 };
    uint32_t whole = 0;
    (void)state;
    TEST_DATA_OR_SKIP(pattern, "templates");
    const size_t n = strlen(pattern);
    snprintf(pattern + n, sizeof pattern - n, "/*.jinja");
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        HthErr err = { 0 };
        HthTemplate *t = NULL;
        HthBuf source;
        test_load(&source, found.gl_pathv[i]);
        if (hth_template_open(&t, hth_buf_str(&source), &err) == HTH_OK &&
            render(t, "\"{\\\"x\\\":1}\"", &err) == HTH_OK) {
            whole++;
            if (render(t, "\"{\\\"x\\\":\"", &err) != HTH_OK)
                fail_msg("%s: %s", found.gl_pathv[i], err.text);
            assert_ok(render(t, "\"\"", &err), err);
        }
        hth_template_close(&t);
        hth_buf_drop(&source);
    }
    globfree(&found);
    assert_true(whole >= 45);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_templates) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

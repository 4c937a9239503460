/* talk_think_test.c - the marks around reasoning and words, found by rendering or in the source. */
#include "support/test.h"

#include "text/reply_int.h"

static HthErr err;

typedef struct Row {
    const char *assistant; /* what the template writes of an answer; r: its reasoning */
    const char *prompt; /* for an answer */
    const char *open, *close, *then; /* "": no reasoning */
    bool blank_lead;
} Row;

/* clang-format off */
static const Row ROWS[] = {
    { "<|a|>{{ m.content }}", "<|a|>", "", "", "", false },
    { "<|a|>{% if r %}<think>\n{{ r }}\n</think>\n\n{% endif %}{{ m.content }}", "<|a|>",
      "<think>", "</think>", "", false },
    { "<|a|><think>{{ r }}</think>{{ m.content }}", "<|a|><think>", "<think>", "</think>", "",
      false },
    { "<|a|>{% if r %}<think>{{ r }}{% endif %}</think>{{ m.content }}", "<|a|><think>",
      "<think>", "</think>", "", false },
    { "{% if r %}<|a|><|mull|>{{ r }}<|done|>{% endif %}<|a|><|say|>{{ m.content }}", "<|a|>",
      "<|mull|>", "<|done|>", "<|a|>", false },
    { "<|a|>\n{% if r %}{{ r }}\n[BEGIN ANSWER]\n{% endif %}{{ m.content }}",
      "<|a|>\nHere I think:\n", "Here I think:", "[BEGIN ANSWER]", "", false },
    { "<|a|>{% if r %}<|open|>think<|sep|>{{ r }}<|close|>think<|sep|>{% endif %}"
      "<|open|>say<|sep|>{{ m.content }}", "<|a|>", "<|open|>think<|sep|>",
      "<|close|>think<|sep|>", "", false },
    /* never rendered, but known by the source */
    { "<|a|>{% if '</think>' in m.content %}{% endif %}{{ m.content }}", "<|a|>", "<think>",
      "</think>", "", false },
    { "<|a|>{# [/THINK] #}{{ m.content }}", "<|a|>", "[THINK]", "[/THINK]", "", false },
    { "a: {{ m.content }}", "a:", "", "", "", true },
};
/* clang-format on */

static void test_rows(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(ROWS); i++) {
        const Row *row = &ROWS[i];
        char source[2048];
        HthTemplate *tmpl = NULL;
        HthTalk *t = NULL;
        snprintf(source, sizeof source,
                 "{%% for m in messages %%}{%% set r = m.reasoning_content %%}"
                 "{%% if m.role == 'user' %%}<|u|>{{ m.content }}<|e|>{%% else %%}%s<|e|>"
                 "{%% endif %%}{%% endfor %%}{%% if add_generation_prompt %%}%s{%% endif %%}",
                 row->assistant, row->prompt);
        assert_ok(hth_template_open(&tmpl, hth_str(source), &err), err);
        assert_ok(hth_talk_open(&t, tmpl, NULL, &err), err);
        const HthStr got[] = { t->think_open, t->think_close, t->think_then };
        const char *const want[] = { row->open, row->close, row->then };
        for (size_t k = 0; k < HTH_COUNT(got); k++)
            if (!hth_str_eq(got[k], hth_str(want[k])))
                fail_msg("row %zu: [%.*s], wanted [%s]", i, HTH_STR_ARG(got[k]), want[k]);
        assert_int_equal(hth_talk_has_thinking(t), row->close[0] != 0);
        const bool begun =
            row->close[0] && hth_str_ends(hth_str_trim(hth_str(row->prompt)), hth_str(row->open));
        assert_int_equal(hth_talk_begun(t, hth_str(row->prompt)),
                         begun ? HTH_TALK_BEGUN_THINKING : 0);
        assert_int_equal(t->blank_lead, row->blank_lead);
        HthThinkCfg marks = { .max = 9 };
        char prompt[256];
        hth_talk_marks(t, HTH_STR("q"), &marks);
        assert_true(marks.max == 9 && !marks.opened && hth_str_eq(marks.open, t->think_open) &&
                    hth_str_eq(marks.close, t->think_close));
        snprintf(prompt, sizeof prompt, "q %s \n", row->open);
        hth_talk_marks(t, hth_str(prompt), &marks);
        assert_int_equal(marks.opened, row->open[0] != 0);
        hth_talk_close(&t);
        hth_template_close(&tmpl);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };
    hth_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* talk_learn_test.c - marks found between made-up words: what repeats, what separates, what varies.
 *
 * Each row is the part of a template that writes an assistant's calls, with n, a and c for a call's
 * name, arguments and the call. */
#include "support/test.h"

#include "text/reply_int.h"

static HthErr err;

typedef struct Row {
    const char *calls; /* in {% for c in m.tool_calls %} ... {% endfor %}, or around it */
    HthTalkShape shape;
    const char *section, *item, *item_close, *section_close, *mid;
} Row;

#define EACH(body)                                                                                 \
    "{% for c in m.tool_calls %}{% set n = c.function.name %}{% set a = c.function.arguments "     \
    "%}" body "{% endfor %}"
#define NEXT         "{% if not loop.last %}"
#define PARAMS(body) "{% for k, v in a.items() %}" body "{% endfor %}"
#define J            "{{ a | tojson }}"

/* clang-format off */
static const Row ROWS[] = {
    { "<calls>" EACH("<call>{{ n }}: " J "</call>") "</calls>", HTH_TALK_NAMED,
      "<calls>", "<call>", "</call>", "</calls>", ": " },
    { "<calls>\n" EACH("<call>{{ n }}: " J "</call>\n") "</calls>", HTH_TALK_NAMED,
      "<calls>", "\n<call>", "</call>", "\n</calls>", ": " },
    { "<calls>" EACH("{{ n }}=" J NEXT "; {% endif %}") "</calls>", HTH_TALK_NAMED,
      "<calls>", "", "; ", "</calls>", "=" },
    { EACH("<call id={{ c.id }} at={{ loop.index }}>{{ n }} #{{ loop.index }} " J "</call>"),
      HTH_TALK_NAMED, "", "<call id=\x01 at=\x01>", "</call>", "", " #\x01 " },
    { EACH("<call>{{ n }} #{{ loop.index }}<args>" J "</call>"), HTH_TALK_NAMED,
      "", "<call>", "</call>", "", " #\x01<args>" },
    { "<c>" EACH("{\"name\": \"{{ n }}\", \"arguments\": " J "}" NEXT ", {% endif %}") "</c>",
      HTH_TALK_WRAPPED, "<c>", "", ", ", "</c>", "" },
    { "<c>[" EACH("{\"f\": {{ n | tojson }}, \"x\": " J "}" NEXT ", {% endif %}") "]</c>",
      HTH_TALK_WRAPPED, "<c>", "", "", "</c>", "" },
    { "<c>[" EACH("{\"{{ n }}\": " J "}" NEXT ", {% endif %}") "]</c>", HTH_TALK_WRAPPED,
      "<c>", "", "", "</c>", "" },
    { EACH("<do {{ n }}>" PARAMS("<p {{ k }}>{{ v if v is string else v | tojson }}</p>") "</do>"),
      HTH_TALK_TAGGED, "", "<do ", "</do>", "", ">" },
    { EACH("<do {{ n }}>" PARAMS("{{ k }}{{ v if v is string else v | tojson }}") "</do>"),
      HTH_TALK_NOTHING, NULL, NULL, NULL, NULL, NULL }, /* nothing tells keys from values */
    { "<c>" EACH("{{ n }}({% for k, v in a.items() %}{{ k }}={{ v | tojson }}"
      "{{ ', ' if not loop.last }}{% endfor %})" NEXT "; {% endif %}") "</c>", HTH_TALK_PYTHON,
      "<c>", "", "; ", "</c>", "" },
    { EACH("{{ n }}"), HTH_TALK_NOTHING, NULL, NULL, NULL, NULL, NULL }, /* without arguments */
    { EACH(J), HTH_TALK_NOTHING, NULL, NULL, NULL, NULL, NULL }, /* without a name */
    { EACH("{{ n }} " J), HTH_TALK_NOTHING, NULL, NULL, NULL, NULL, NULL }, /* without a mark */
};
/* clang-format on */

static void open_row(const char *calls, HthTemplate **tmpl, HthTalk **t) {
    char source[2048];
    snprintf(source, sizeof source,
             "{{ tools | tojson if tools }}{%% for m in messages %%}<|%%s|>{{ m.role }}:"
             "{{ m.content or '' }}{%% if m.tool_calls %%}%s{%% endif %%}<|end|>{%% endfor %%}"
             "{%% if add_generation_prompt %%}<|%%s|>assistant:{%% endif %%}",
             calls);
    assert_ok(hth_template_open(tmpl, hth_str(source), &err), err);
    assert_ok(hth_talk_open(t, *tmpl, NULL, &err), err);
}

static void assert_mark(size_t row, const char *what, HthStr got, const char *want) {
    if (!hth_str_eq(got, hth_str(want)))
        fail_msg("row %zu, %s: [%.*s], wanted [%s]", row, what, HTH_STR_ARG(got), want);
}

static void test_rows(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(ROWS); i++) {
        const Row *row = &ROWS[i];
        HthTemplate *tmpl = NULL;
        HthTalk *t = NULL;
        open_row(row->calls, &tmpl, &t);
        if (t->shape != row->shape) fail_msg("row %zu: shape %d", i, (int)t->shape);
        if (row->section) {
            assert_mark(i, "section", t->section_open, row->section);
            assert_mark(i, "item", t->item_open, row->item);
            assert_mark(i, "item's end", t->item_close, row->item_close);
            assert_mark(i, "section's end", t->section_close, row->section_close);
            assert_mark(i, "mid", t->mid, row->mid);
            assert_true(t->parallel);
        }
        hth_talk_close(&t);
        hth_template_close(&tmpl);
    }
}

/* Facts beside the marks. */
static void test_facts(void **state) {
    (void)state;
    HthTemplate *tmpl = NULL;
    HthTalk *t = NULL;
    open_row(ROWS[2].calls, &tmpl, &t);
    assert_true(t->separates);
    hth_talk_close(&t);
    hth_template_close(&tmpl);
    open_row(ROWS[7].calls, &tmpl, &t);
    assert_true(t->list && t->keyed && !t->separates);
    assert_mark(7, "between", t->list_next, ", ");
    hth_talk_close(&t);
    hth_template_close(&tmpl);
    open_row("<c>" EACH("{{ n }} {{ a | tojson(indent=2) }}") "</c>", &tmpl, &t);
    assert_true(t->pretty);
    hth_talk_close(&t);
    hth_template_close(&tmpl);
    open_row("<c>" EACH("{% if loop.first %}{{ n }} " J "{% endif %}") "</c>", &tmpl, &t);
    assert_false(t->parallel); /* the second is not written */
    assert_mark(0, "item", t->item_open, "<c>");
    hth_talk_close(&t);
    hth_template_close(&tmpl);
}

static HthStatus learn_again(void *tmpl) {
    HthTalk *t = NULL;
    const HthStatus st = hth_talk_open(&t, tmpl, NULL, &err);
    hth_talk_close(&t);
    return st;
}

/* No memory for a moment, for a made-up conversation or for JSON in an answer: nothing is learned,
 * rather than something else. */
static void test_memory(void **state) {
    (void)state;
    static const size_t rows[] = { 0, 6 }; /* a call of its own; a list of objects with the name */
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        HthTemplate *tmpl = NULL;
        HthTalk *t = NULL;
        open_row(ROWS[rows[i]].calls, &tmpl, &t);
        hth_talk_close(&t);
        assert_true(test_torture_once(learn_again, tmpl, 20000) > 100);
        hth_template_close(&tmpl);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_facts),
                                        cmocka_unit_test(test_memory) };
    hth_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* jinja_mark_test.c - every byte of a prompt knows who wrote it: the template or the conversation.
 *
 * Thread: one. */
#include "support/test.h"

#include "text/chat.h"

static const char vars_text[] =
    "{\"bos_token\":\"<s>\",\"messages\":[{\"role\":\"user\",\"content\":\" Hi <E> \"},"
    "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"\\u00e4<E>\"}],\"<k>\":7}]"
    "}";

typedef struct Row {
    const char *source, *text, *marks; /* marks: x where the conversation wrote */
} Row;

static const Row rows[] = {
    { "{{ bos_token }}<u>{{ messages[0].content }}<E>", "<s><u> Hi <E> <E>", "......xxxxxxxx..." },
    { "<|{{ messages[0].role }}|>", "<|user|>", "........" },
    { "{{ '<|' ~ messages[0].role ~ '|>' ~ messages[0].content | trim ~ '<E>' }}",
      "<|user|>Hi <E><E>", "........xxxxxx..." },
    { "{{ '<u>' + messages[0]['content'].strip() + '<E>' }}", "<u>Hi <E><E>", "...xxxxxx..." },
    { "{{ messages[0].content | lower }}", " hi <e> ", "xxxxxxxx" },
    { "{{ messages[0].content.upper() }}.", " HI <E> .", "xxxxxxxx." },
    { "{{ messages[1].content[0].text | capitalize }}", "\xC3\x84<e>", "xxxxx" },
    { "{{ messages[0].content.split('i')[1] }}|", " <E> |", "xxxxx." },
    { "{{ messages[0].content | replace('Hi', '<a>') }}", " <a> <E> ", "x...xxxxx" },
    { "{{ '-%s-' % messages[0].content }}", "- Hi <E> -", ".xxxxxxxx." },
    { "{{ '{{{}' | format }}{{ '<{}>'.format('x') }}", "{{{}<x>", "......." },
    { "{{ messages[1].content | tojson }}", "[{\"type\": \"text\", \"text\": \"\xC3\xA4<E>\"}]",
      "...xxxx....xxxx....xxxx....xxxxx..." },
    { "{{ messages[0].content * 2 }}", " Hi <E>  Hi <E> ", "xxxxxxxxxxxxxxxx" },
    { "{% for c in messages[0].content %}{{ c }}.{% endfor %}", " .H.i. .<.E.>. .",
      "x.x.x.x.x.x.x.x." },
    { "{{ messages[0].content | reverse }}", " >E< iH ", "xxxxxxxx" },
    { "{{ messages[0].content[::-1] }}", " >E< iH ", "xxxxxxxx" },
    { "{{ messages[0].content | list | join('_') }}", " _H_i_ _<_E_>_ ", "x.x.x.x.x.x.x.x" },
    { "{% set x %}<u>{{ messages[0].content }}{% endset %}{{ x | trim }}<E>", "<u> Hi <E><E>",
      "...xxxxxxx..." },
    { "{% macro m(t) %}<{{ t }}>{% endmacro %}{{ m(messages[0].content) }}", "< Hi <E> >",
      ".xxxxxxxx." },
    { "{% filter upper %}<u>{{ messages[0].content }}{% endfilter %}", "<U> HI <E> ",
      "...xxxxxxxx" },
    { "{% for k in messages[1] %}{{ k }},{% endfor %}", "role,content,<k>,", "xxxx.xxxxxxx.xxx." },
    { "{{ messages[1]['<k>'] }}{{ messages | length }}", "72", ".." },
    { "{{ messages[0].content | e }}", " Hi &lt;E&gt; ", "xxxx....x....x" },
    { "{{ messages[0].content | urlencode }}", "%20Hi%20%3CE%3E%20", "...xx......x......" },
    { "", "", "" },
};

static void who_wrote_what(void **state) {
    (void)state;
    HthErr err = { 0 };
    json_t *vars = NULL;
    assert_ok(hth_json_parse(&vars, hth_str(vars_text), 1 << 20, &err), err);
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        HthTemplate *t = NULL;
        HthBuf out, marks;
        hth_buf_init(&out, 1 << 20);
        hth_buf_init(&marks, 1 << 20);
        assert_ok(hth_template_open(&t, hth_str(rows[i].source), &err), err);
        assert_ok(hth_template_render_marked(t, vars, 0, NULL, &out, &marks, &err), err);
        assert_int_equal(out.n, marks.n);
        for (size_t k = 0; k < marks.n; k++) {
            assert_in_range(marks.p[k], 0, 1);
            marks.p[k] = marks.p[k] ? 'x' : '.';
        }
        if (strcmp(hth_buf_str(&out).p, rows[i].text) != 0 ||
            strcmp(hth_buf_str(&marks).p, rows[i].marks) != 0)
            fail_msg("%s\n  gives  [%s]\n  marked [%s]\n  wanted [%s]\n  marked [%s]",
                     rows[i].source, hth_buf_str(&out).p, hth_buf_str(&marks).p, rows[i].text,
                     rows[i].marks);
        hth_template_close(&t);
        hth_buf_drop(&out);
        hth_buf_drop(&marks);
    }
    json_decref(vars);
}

/* Text that grows past many blocks keeps its marks. */
static void long_texts(void **state) {
    (void)state;
    enum { N = 30000, TIMES = 40 };
    HthErr err = { 0 };
    HthTemplate *t = NULL;
    static char word[N + 1];
    memset(word, 'w', N);
    json_t *vars = json_pack("{s:[{s:s}]}", "messages", "content", word);
    HthBuf out, marks;
    hth_buf_init(&out, 1 << 24);
    hth_buf_init(&marks, 1 << 24);
    const char *source =
        "{% set ns = namespace(t='') %}{% for i in range(40) %}"
        "{% set ns.t = ns.t ~ messages[0].content ~ '<E>' %}{% endfor %}{{ ns.t }}";
    assert_ok(hth_template_open(&t, hth_str(source), &err), err);
    assert_ok(hth_template_render_marked(t, vars, 0, NULL, &out, &marks, &err), err);
    assert_int_equal(out.n, TIMES * (N + 3));
    assert_int_equal(marks.n, out.n);
    for (size_t i = 0; i < out.n; i++) assert_int_equal(marks.p[i], out.p[i] == 'w');
    hth_template_close(&t);
    json_decref(vars);
    hth_buf_drop(&out);
    hth_buf_drop(&marks);
}

static HthStatus body(void *ctx) {
    HthTemplate *t = NULL;
    HthBuf out, marks;
    hth_buf_init(&out, 1 << 20);
    hth_buf_init(&marks, 1 << 20);
    HthStatus st = hth_template_open(&t, hth_str(rows[2].source), NULL);
    if (st == HTH_OK) st = hth_template_render_marked(t, ctx, 0, NULL, &out, &marks, NULL);
    assert_int_equal(out.n, marks.n); /* both or neither */
    hth_template_close(&t);
    hth_buf_drop(&out);
    hth_buf_drop(&marks);
    return st;
}

static void survives_no_memory(void **state) {
    (void)state;
    HthErr err = { 0 };
    json_t *vars = NULL;
    assert_ok(hth_json_parse(&vars, hth_str(vars_text), 1 << 20, &err), err);
    assert_true(test_torture(body, vars, 100) >= 5);
    json_decref(vars);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_wrote_what),
        cmocka_unit_test(long_texts),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

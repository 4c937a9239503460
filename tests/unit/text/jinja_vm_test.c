/* jinja_vm_test.c - budgets: steps, depth, output and memory end a render with ELIMIT, whatever
 * the template tries; a failing allocation ends it with ENOMEM and leaves nothing behind. */
#include "support/test.h"

#include "support/render.h"

static const HthTemplateLimits small = {
    .steps_max = 20000, .depth_max = 50, .output_max = 10000, .memory_max = (size_t)4 << 20
};

static void limited(const char *source, const char *part) {
    HthErr err = { 0 };
    HthBuf out;
    hth_buf_init(&out, (size_t)1 << 24);
    HthStatus st = render(source, strlen(source), render_vars, &small, &out, &err);
    if (st != HTH_ELIMIT || out.n || !strstr(err.text, part))
        fail_msg("%s\n  gives %s: %s", source, hth_status_name(st), err.text);
    hth_buf_drop(&out);
}

static void test_steps(void **state) {
    (void)state;
    limited("{% for a in range(1000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}",
            "steps");
    limited("{% set q = [1] %}{% for x in q %}{% set _ = q.append(1) %}{% endfor %}", "steps");
    limited("{{ range(100000)|list|length }}", "");
    limited("{% set q = range(9000)|list %}{% for x in q %}{{ q.index(8999) }}{% endfor %}", "");
}

static void test_depth(void **state) {
    (void)state;
    limited("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "deep");
    limited("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "deep");
    limited("{% set ns = namespace(x=[]) %}{% for i in range(600) %}{% set ns.x = [ns.x] %}"
            "{% endfor %}{{ ns.x }}",
            "deep");
    limited("{% set ns = namespace(x=[], y=[]) %}{% for i in range(600) %}{% set ns.x = [ns.x] %}"
            "{% set ns.y = [ns.y] %}{% endfor %}{{ ns.x == ns.y }}",
            "deep");
    limited("{% set ns = namespace(x=[]) %}{% for i in range(600) %}{% set ns.x = [ns.x] %}"
            "{% endfor %}{{ ns.x|tojson }}",
            "deep");
}

static void test_output(void **state) {
    (void)state;
    limited("{% for i in range(1000) %}0123456789{% for j in 'a' %}{{ i }}{% endfor %}{% endfor %}",
            "");
    limited("{{ 'x' * 20000 }}", "writes more");
}

static void test_memory(void **state) {
    static const char *const sources[] = {
        "{{ 'x' * 1000000000 }}",
        "{{ 'x' * 9223372036854775807 }}",
        "{{ ([1] * 1000000000)|length }}",
        "{{ 'a'|center(1000000000) }}",
        "{{ 'a'|indent(1000000000) }}",
        "{{ 'a'.center(10000000000) }}",
        "{{ 'a'.zfill(10000000000) }}",
        "{{ 'a\\tb'.expandtabs(10000000000) }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '%*s' % (1000000000, 1) }}",
        "{{ '{:1000000000}'.format('a') }}",
        "{{ d|tojson(indent=1000000000) }}",
        "{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(60) %}"
        "{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
        "{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(60) %}"
        "{% set ns.s = ns.s|replace('x', 'xxxx') %}{% endfor %}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(60) %}"
        "{% set ns.l = ns.l + ns.l %}{% endfor %}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(60) %}"
        "{% set _ = ns.l.extend(ns.l) %}{% endfor %}",
        "{{ ('x' * 1000)|list|join('y' * 100000)|length }}",
        "{% set ns = namespace(l='x') %}{% for i in range(60) %}"
        "{% set ns.l = '{0}{0}'.format(ns.l) %}{% endfor %}",
        "{% set ns = namespace(l=[]) %}{% for i in range(60) %}"
        "{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l|string|length }}",
    };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(sources); i++) limited(sources[i], "");
}

/* Long chains and deep brackets are refused, not recursed into until the stack ends. */
static void test_tall_sources(void **state) {
    static const struct {
        const char *open, *middle, *close;
        size_t times;
    } shapes[] = {
        { "(", "1", ")", 100000 },     { "[", "1", "]", 100000 },
        { "not ", "1", "", 100000 },   { "-", "1", "", 100000 },
        { "1+", "1", "", 100000 },     { "1 if 1 else ", "1", "", 100000 },
        { "", "l", "[0]", 100000 },    { "", "l", ".a", 100000 },
        { "", "l", "|list", 100000 },  { "range(", "1", ")", 100000 },
        { "1 and ", "1", "", 100000 }, { "", "1", " is defined", 3000 },
    };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(shapes); i++) {
        HthBuf source, out;
        HthErr err = { 0 };
        hth_buf_init(&source, (size_t)1 << 24);
        hth_buf_init(&out, (size_t)1 << 24);
        assert_ok(hth_buf_add_str(&source, HTH_STR("{{ "), &err), err);
        for (size_t k = 0; k < shapes[i].times && source.n < 500000; k++)
            assert_ok(hth_buf_add_str(&source, hth_str(shapes[i].open), &err), err);
        assert_ok(hth_buf_add_str(&source, hth_str(shapes[i].middle), &err), err);
        for (size_t k = 0; k < shapes[i].times && source.n < 1000000; k++)
            assert_ok(hth_buf_add_str(&source, hth_str(shapes[i].close), &err), err);
        assert_ok(hth_buf_add_str(&source, HTH_STR(" }}"), &err), err);
        HthStatus st = render(source.p, source.n, "{\"l\":[]}", NULL, &out, &err);
        if (st == HTH_OK) fail_msg("shape %zu renders", i);
        if (st != HTH_ELIMIT && st != HTH_EFORMAT) fail_msg("shape %zu: %s", i, err.text);
        hth_buf_drop(&source);
        hth_buf_drop(&out);
    }
}

static void test_deep_blocks(void **state) {
    HthBuf source, out;
    HthErr err = { 0 };
    (void)state;
    hth_buf_init(&source, (size_t)1 << 24);
    hth_buf_init(&out, 1000);
    for (int i = 0; i < 20000; i++)
        assert_ok(hth_buf_add_str(&source, HTH_STR("{% if t %}"), &err), err);
    assert_status(render(source.p, source.n, render_vars, NULL, &out, &err), HTH_ELIMIT, err);
    hth_buf_drop(&source);
    hth_buf_drop(&out);
}

static HthStatus body(void *ctx) {
    HthErr err = { 0 };
    HthBuf out;
    HthTemplate *t = NULL;
    json_t **vars = ctx;
    hth_buf_init(&out, (size_t)1 << 20);
    HthStatus st = hth_template_open(
        &t,
        HTH_STR("{% macro m(a) %}<{{ a|upper }}{{ caller() }}>{% endmacro %}"
                "{% for x in msgs %}{% call m(x.role) %}{{ x|tojson }}{% endcall %}{% endfor %}"
                "{% set q = 'x' * 100000 %}{{ q|length }}{{ names|sort }}{{ d|dictsort }}"
                "{{ '%s' % s }}{{ '\\n' ~ 1.5 }}"),
        &err);
    if (st == HTH_OK) st = hth_template_render(t, *vars, RENDER_NOON, NULL, &out, &err);
    if (st != HTH_OK && out.n) fail_msg("a failed render writes");
    hth_template_close(&t);
    hth_buf_drop(&out);
    return st;
}

static void test_allocations(void **state) {
    HthErr err = { 0 };
    json_t *vars = NULL;
    (void)state;
    assert_ok(hth_json_parse(&vars, hth_str(render_vars), (size_t)1 << 20, &err), err);
    assert_true(test_torture(body, &vars, 500) > 3);
    json_decref(vars);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_output),       cmocka_unit_test(test_memory),
        cmocka_unit_test(test_tall_sources), cmocka_unit_test(test_deep_blocks),
        cmocka_unit_test(test_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

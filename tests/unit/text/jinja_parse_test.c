/* jinja_parse_test.c - tags, their order, and what hearth refuses to read */
#include "support/test.h"

#include "support/render.h"

/* clang-format off */
static const RenderRow renders[] = {
    { "{% if f %}a{% elif t %}b{% else %}c{% endif %}", "b", HTH_OK },
    { "{% if t: %}a{% endif %}", "a", HTH_OK },
    { "{% for x in l: %}{{ x }}{% endfor %}", "312", HTH_OK },
    { "{% for x in 1, 2 %}{{ x }}{% endfor %}", "12", HTH_OK },
    { "{% for (a, b) in [(1,2)] %}{{ a }}{{ b }}{% endfor %}", "12", HTH_OK },
    { "{% for a, (b, c) in [[1,[2,3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "123", HTH_OK },
    { "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "12", HTH_OK },
    { "{% set (a, b) = (1, 2) %}{{ a }}{{ b }}", "12", HTH_OK },
    { "{% set x = 1, 2 %}{{ x }}", "(1, 2)", HTH_OK },
    { "{% print i, x %}", "72.5", HTH_OK },
    { "{% generation %}x{% set gg = 1 %}{% endgeneration %}{{ gg }}", "x1", HTH_OK },
    { "{% if f %}{{ i|foo }}{{ i is foo }}{% endif %}ok", "ok", HTH_OK },
    { "{{ i|foo if f else 2 }}", "2", HTH_OK },
    { "{% for x in l %}{% if f %}{{ x|foo }}{% endif %}{% endfor %}ok", "ok", HTH_OK },
    { "{% macro m(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}", "12", HTH_OK },
};

static const RenderRow refusals[] = {
    { "{% foo %}",
      "'foo' is no tag here", HTH_EFORMAT },
    { "{% if t %}{% foo %}{% endif %}",
      "'foo' is no tag here, inside the if of line 1", HTH_EFORMAT },
    { "{% if t %}",
      "the if block is never closed", HTH_EFORMAT },
    { "{% if %}{% endif %}",
      "an expression is missing", HTH_EFORMAT },
    { "{% if t %}{% endfor %}",
      "'endfor' is no tag here, inside the if of line 1", HTH_EFORMAT },
    { "{% endif %}",
      "'endif' is no tag here", HTH_EFORMAT },
    { "{% else %}",
      "'else' is no tag here", HTH_EFORMAT },
    { "{% for x in l %}",
      "the for block is never closed", HTH_EFORMAT },
    { "{% for in l %}{% endfor %}",
      "'in' is missing", HTH_EFORMAT },
    { "{% for x l %}{% endfor %}",
      "'in' is missing", HTH_EFORMAT },
    { "{% for loop in l %}{% endfor %}",
      "'loop' is set by the for block and cannot be assigned to", HTH_EFORMAT },
    { "{% for x in l %}{% set loop = 1 %}{% endfor %}",
      "'loop' is set by the for block and cannot be assigned to", HTH_EFORMAT },
    { "{% for x in l %}{% endfor x %}",
      "something follows where %} should be", HTH_EFORMAT },
    { "{% set %}",
      "the tag ends where a value should be", HTH_EFORMAT },
    { "{% set x %}",
      "the set block is never closed", HTH_EFORMAT },
    { "{% set 1 = 1 %}",
      "this cannot be assigned to", HTH_EFORMAT },
    { "{% set none = 1 %}",
      "this cannot be assigned to", HTH_EFORMAT },
    { "{% set a.b.c = 1 %}",
      "something follows where the %} of set should be", HTH_EFORMAT },
    { "{% set a[0] = 1 %}",
      "something follows where the %} of set should be", HTH_EFORMAT },
    { "{% set a = b = 1 %}",
      "something follows where %} should be", HTH_EFORMAT },
    { "{% macro %}{% endmacro %}",
      "a name is missing", HTH_EFORMAT },
    { "{% macro m %}{% endmacro %}",
      "'(' is missing", HTH_EFORMAT },
    { "{% macro m(a=1,b) %}{% endmacro %}",
      "a parameter without a default follows one with a default", HTH_EFORMAT },
    { "{% macro m(a,a) %}{% endmacro %}",
      "a macro has two parameters of one name", HTH_EFORMAT },
    { "{% macro m(caller) %}{{ caller }}{% endmacro %}",
      "the parameter 'caller' of a macro needs a default", HTH_EFORMAT },
    { "{% call i %}{% endcall %}",
      "a call block needs a call", HTH_EFORMAT },
    { "{% break %}",
      "break or continue stands outside a for block", HTH_EFORMAT },
    { "{% for x in l %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}",
      "break or continue stands outside a for block", HTH_EFORMAT },
    { "{{ i|foo }}",
      "the filter 'foo' does not exist", HTH_EFORMAT },
    { "{{ i is foo }}",
      "the test 'foo' does not exist", HTH_EFORMAT },
    { "{% for x in l %}{{ x|foo }}{% endfor %}",
      "the filter 'foo' does not exist", HTH_EFORMAT },
    { "{% if f %}{% for x in l %}{{ x|foo }}{% endfor %}{% endif %}",
      "the filter 'foo' does not exist", HTH_EFORMAT },
    { "{{ i|random }}",
      "the filter 'random' is not supported", HTH_ENOTSUP },
    { "{% autoescape true %}{% endautoescape %}",
      "the tag 'autoescape' is not supported", HTH_ENOTSUP },
    { "{% block a %}{% endblock %}",
      "the tag 'block' is not supported", HTH_ENOTSUP },
    { "{% include \"x\" %}",
      "the tag 'include' is not supported", HTH_ENOTSUP },
    { "{% import \"x\" as y %}",
      "the tag 'import' is not supported", HTH_ENOTSUP },
    { "{% from \"x\" import y %}",
      "the tag 'from' is not supported", HTH_ENOTSUP },
    { "{% extends \"x\" %}",
      "the tag 'extends' is not supported", HTH_ENOTSUP },
    { "{% trans %}x{% endtrans %}",
      "the tag 'trans' is not supported", HTH_ENOTSUP },
    { "{% do l.append(1) %}",
      "the tag 'do' is not supported", HTH_ENOTSUP },
    { "{% debug %}",
      "the tag 'debug' is not supported", HTH_ENOTSUP },
    { "{{ i i }}",
      "the expression does not end at }}", HTH_EFORMAT },
    { "{{ }}",
      "an expression is missing", HTH_EFORMAT },
};
/* clang-format on */

static void test_renders(void **state) {
    (void)state;
    RENDER_ROWS(renders);
}

static void test_refusals(void **state) {
    (void)state;
    RENDER_ROWS(refusals);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_renders),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

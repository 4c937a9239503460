/* jinja_call_test.c - arguments of built-ins and macros, callers, and escaped text */
#include "support/test.h"

#include "support/render.h"

/* clang-format off */
static const RenderRow renders[] = {
    { "{% macro m(a, b=2, c=b) %}{{ a }},{{ b }},{{ c }}{% endmacro %}{{ m(1) }}|{{ m(1,3) "
      "}}|{{ m(1,c=5) }}|{{ m(a=9) }}|{{ m() }}",
      "1,2,2|1,3,3|1,2,5|9,2,2|,2,2", HTH_OK },
    { "{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1,2,3,x=4) }}",
      "1(2, 3){'x': 4}", HTH_OK },
    { "{% macro m() %}[{{ caller() }}]{% endmacro %}{% call m() %}body {{ i }}{% endcall %}",
      "[body 7]", HTH_OK },
    { "{% macro m() %}[{{ caller(1,2) }}]{% endmacro %}{% call(a,b=5) m() %}{{ a }}-{{ b }}"
      "{% endcall %}",
      "[1-2]", HTH_OK },
    { "{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}{% call m() %}{% endcal"
      "l %}",
      "FalseTrue", HTH_OK },
    { "{% macro m(caller=none) %}{{ caller }}{% endmacro %}{{ m() }}", "None", HTH_OK },
    { "{% macro m(varargs) %}{{ varargs }}{% endmacro %}{{ m(1) }}", "1", HTH_OK },
    { "{% macro m() %}{% set varargs = 1 %}{{ varargs }}{% endmacro %}{{ m() }}", "1", HTH_OK },
    { "{% macro fact(k) %}{% if k > 1 %}{{ k }}*{{ fact(k-1) }}{% else %}1{% endif %}{% end"
      "macro %}{{ fact(5) }}",
      "5*4*3*2*1", HTH_OK },
    { "{% macro m(x) %}{{ x }}{{ m2(x) }}{% endmacro %}{% macro m2(y) %}<{{ y }}>{% endmacr"
      "o %}{{ m(1) }}",
      "1<1>", HTH_OK },
    { "{{ 'a'|replace(old=\"a\",new=\"b\") }}{{ l|join(d=\"-\") }}{{ 'x'|default(default_va"
      "lue=\"y\") }}",
      "b3-1-2x", HTH_OK },
    { "{{ msgs[0].content|safe + \"<x>\" }}", "Hi <b>&lt;x&gt;", HTH_OK },
    { "{{ (msgs[0].content|e) + \"<x>\" }}", "Hi &lt;b&gt;&lt;x&gt;", HTH_OK },
    { "{{ (\"<x>\"|safe) % () }}{{ (\"%s\"|safe) % \"<\" }}{{ (\"{}\"|safe).format(\"<\") }"
      "}",
      "<x>&lt;&lt;", HTH_OK },
    { "{{ (\"<x>\"|safe).upper() + \"<\" }}", "<X>&lt;", HTH_OK },
    { "{{ (\"<x>\"|safe).replace(\"x\",\"<\") }}", "<&lt;>", HTH_OK },
    { "{{ (\"<x>\"|safe).split(\"x\")[0] + \"<\" }}", "<&lt;", HTH_OK },
    { "{{ (\"-\"|safe).join([\"<\",\">\"]) }}", "&lt;-&gt;", HTH_OK },
    { "{{ \"<b>\"|safe ~ \"<i>\" }}", "<b><i>", HTH_OK },
    { "{{ [\"<\"|e] }}", "[Markup('&lt;')]", HTH_OK },
};

static const RenderRow refusals[] = {
    { "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1,2) }}",
      "the macro 'm' takes at most 1 arguments", HTH_EINVAL },
    { "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(x=2) }}",
      "the macro 'm' has no parameter 'x'", HTH_EINVAL },
    { "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}",
      "the macro 'm' has no parameter 'a'", HTH_EINVAL },
    { "{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}",
      "No caller defined", HTH_EINVAL },
    { "{% macro m() %}x{% endmacro %}{% call m() %}{% endcall %}",
      "the macro 'm' has no parameter 'caller'", HTH_EINVAL },
    { "{{ undefinedvar() }}",
      "the variable 'undefinedvar' is undefined", HTH_EINVAL },
    { "{{ none() }}",
      "a None cannot be called", HTH_EINVAL },
    { "{{ s() }}",
      "a str cannot be called", HTH_EINVAL },
    { "{{ s.foo() }}",
      "the attribute 'foo' is undefined", HTH_EINVAL },
    { "{{ 'a'|replace(\"a\") }}",
      "the filter 'replace' needs the argument 'new'", HTH_EINVAL },
    { "{{ l|join(\",\", \"a\", \"b\") }}",
      "the filter 'join' takes at most 2 arguments", HTH_EINVAL },
    { "{{ 'x'|indent(indentfirst=true) }}",
      "the filter 'indent' has no argument 'indentfirst'", HTH_EINVAL },
    { "{{ dict(a=1, **{\"a\":2}) }}",
      "a call gives the argument 'a' twice", HTH_EINVAL },
    { "{{ dict(**l) }}",
      "** needs a dict, not a list", HTH_EINVAL },
    { "{{ dict(**{1:2}) }}",
      "the names of ** arguments must be strings", HTH_EINVAL },
    { "{{ 'a'.encode() }}",
      "the function 'encode' is not supported", HTH_ENOTSUP },
    { "{{ lipsum() }}",
      "the function 'lipsum' is not supported", HTH_ENOTSUP },
    { "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
      "calls nest deeper than 200", HTH_ELIMIT },
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

/* jinja_lex_test.c - what is data, what is a tag, and which white space goes */
#include "support/test.h"

#include "support/render.h"

/* clang-format off */
static const RenderRow renders[] = {
    { "a{% if t %}\nb{% endif %}\nc", "abc", HTH_OK },
    { "  {% if t %}  \n  y\n  {% endif %}  \nx", "  \n  y\n  \nx", HTH_OK },
    { "a  {%- if t -%}  b  {%- endif -%}  c", "abc", HTH_OK },
    { "a  \n  {{- i -}}  \n b", "a7b", HTH_OK },
    { "a {{+ i }} b", "a 7 b", HTH_OK },
    { "  {%+ if t %}b{% endif %}", "  b", HTH_OK },
    { "{% if t +%}\nb{% endif +%}\nc", "\nb\nc", HTH_OK },
    { "a\n  {# c #}  \n  b", "a\n  \n  b", HTH_OK },
    { "a\n  {#- c -#}  \n  b", "ab", HTH_OK },
    { "a\n  {#+ c #}\nb", "a\n  b", HTH_OK },
    { "a {# {{ i }} {% if %} #} b", "a  b", HTH_OK },
    { "{% raw %}{{ x }}{% if %}{# c #}{% endraw %}", "{{ x }}{% if %}{# c #}", HTH_OK },
    { "a  {%- raw -%}  {{ x }}  {%- endraw -%}  b", "a{{ x }}b", HTH_OK },
    { "a\n  {% raw %}\n  {{ a }}\n  {% endraw %}\nb", "a\n\n  {{ a }}\nb", HTH_OK },
    { "a\n  {%+ raw %} x {%+ endraw +%}\nb", "a\n   x \nb", HTH_OK },
    { "{{ \"%}\" }}{{ '}}' }}{{ '{{' }}", "%}}}{{", HTH_OK },
    { "{{ {\"a\": {\"b\": 1}} }}", "{'a': {'b': 1}}", HTH_OK },
    { "{{ {\"a\": {\"b\": 1}}.a.b }}", "1", HTH_OK },
    { "{%if t%}a{%endif%}{{i}}", "a7", HTH_OK },
    { "{%-if t-%} a {%-endif-%}", "a", HTH_OK },
    { "x\n\n", "x\n", HTH_OK },
    { "x\n", "x", HTH_OK },
    { "\n{{ i }}\n", "\n7", HTH_OK },
    { "{{ \"a\\n\\t\\\\\\'\\\"\\x41\\u00e9\\101\\q\" }}", "a\n\t\\'\"A\303\251A\\q", HTH_OK },
    { "{{ \"a\\\nb\" }}", "ab", HTH_OK },
    { "{{ 'a' \"b\" 'c' }}", "abc", HTH_OK },
    { "{{ \"\346\274\242\303\251\" }}\346\274\242\303\251",
      "\346\274\242\303\251\346\274\242\303\251", HTH_OK },
    { "{{ 1_000 }} {{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 1.5e-3 }} {{ 5e3 }} {{ 00 }}",
      "1000 31 5 15 0.0015 5000.0 0", HTH_OK },
    { "{{ l.0 }}{{ d.a.k.1 }}", "32", HTH_OK },
    { "{% set x = \"{% if %}\" %}{{ x }}", "{% if %}", HTH_OK },
    { " {% if t %} {% if t %}x{% endif %} {% endif %} ", " x  ", HTH_OK },
    { "{{ [\n1,\n2\n] }}", "[1, 2]", HTH_OK },
    { "a {% if t %}\n b {% endif %}\nc", "a  b c", HTH_OK },
    { "{}{ {% if t %}%}{% endif %}}}", "{}{ %}}}", HTH_OK },
};

static const RenderRow refusals[] = {
    { "{# never closed",
      "the comment is never closed with #}", HTH_EFORMAT },
    { "{{ \"never closed }}",
      "a string is never closed", HTH_EFORMAT },
    { "{% raw %}x",
      "the raw block is never closed with endraw", HTH_EFORMAT },
    { "{{ (1] }}",
      "a ']' closes nothing", HTH_EFORMAT },
    { "{{ 1) }}",
      "a ')' closes nothing", HTH_EFORMAT },
    { "{{ $x }}",
      "a character has no meaning inside a tag", HTH_EFORMAT },
    { "{{ \"\\ud800\" }}",
      "an escape in a string is no Unicode character", HTH_EFORMAT },
    { "{{ \"\\xZZ\" }}",
      "an escape in a string is no Unicode character", HTH_EFORMAT },
    { "{{ \"\\N{DASH}\" }}",
      "the escape \\N{...} is not supported", HTH_ENOTSUP },
    { "{{ 99999999999999999999 }}",
      "an integer does not fit 64 bits", HTH_ELIMIT },
    { "{{ i",
      "the tag is never closed with }}", HTH_EFORMAT },
    { "{% if t",
      "the tag is never closed with %}", HTH_EFORMAT },
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

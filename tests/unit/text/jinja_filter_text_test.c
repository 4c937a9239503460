/* jinja_filter_text_test.c - filters over text */
#include "support/test.h"

#include "support/render.h"

/* clang-format off */
static const RenderRow renders[] = {
    { "{{ s|upper }}", "HELLO, W\303\226RLD! \346\274\242\345\255\227", HTH_OK },
    { "{{ s|lower }}", "hello, w\303\266rld! \346\274\242\345\255\227", HTH_OK },
    { "{{ s|title }}", "Hello, W\303\266rld! \346\274\242\345\255\227", HTH_OK },
    { "{{ s|capitalize }}", "Hello, w\303\266rld! \346\274\242\345\255\227", HTH_OK },
    { "{{ \"hello-world (foo) [bar] {baz}\"|title }}",
      "Hello-World (Foo) [Bar] {Baz}", HTH_OK },
    { "{{ \"\303\237tra\303\237e \305\211\"|upper }}", "SSTRASSE \312\274N", HTH_OK },
    { "{{ \"\303\216\303\223\316\243 \316\221\316\243\"|lower }}",
      "\303\256\303\263\317\202 \316\261\317\202", HTH_OK },
    { "{{ 5|upper }}", "5", HTH_OK },
    { "{{ none|upper }}", "NONE", HTH_OK },
    { "{{ ws|trim }}", "a\tb \n c", HTH_OK },
    { "{{ \"xxaxx\"|trim(\"x\") }}", "a", HTH_OK },
    { "{{ 123|replace(2,\"x\") }}", "1x3", HTH_OK },
    { "{{ \"aaa\"|replace(\"a\",\"b\",2) }}", "bba", HTH_OK },
    { "{{ \"abc\"|replace(\"\",\"-\") }}", "-a-b-c-", HTH_OK },
    { "{{ \"abc\"|center(9) }}", "   abc   ", HTH_OK },
    { "{{ \"a\\nb\\n\\nc\"|indent }}", "a\n    b\n\n    c", HTH_OK },
    { "{{ \"a\\nb\\n\\nc\"|indent(2,true) }}", "  a\n  b\n\n  c", HTH_OK },
    { "{{ \"a\\nb\\n\\nc\"|indent(2,true,true) }}", "  a\n  b\n  \n  c", HTH_OK },
    { "{{ \"a\\nb\"|indent(\"> \") }}", "a\n> b", HTH_OK },
    { "{{ \"a\\n\"|indent(2) }}", "a\n", HTH_OK },
    { "{{ \"\"|indent(2,true) }}", "  ", HTH_OK },
    { "{{ \"foo bar baz qux\"|truncate(9) }}", "foo...", HTH_OK },
    { "{{ \"foo bar baz qux\"|truncate(9,true) }}", "foo ba...", HTH_OK },
    { "{{ \"foo bar baz qux\"|truncate(11) }}", "foo bar baz qux", HTH_OK },
    { "{{ \"foo bar baz qux\"|truncate(11,false,\"...\",0) }}", "foo bar...", HTH_OK },
    { "{{ \"one two, three-four\"|wordcount }}", "4", HTH_OK },
    { "{{ \"<a href='x'>&\\\"</a>\"|e }}",
      "&lt;a href=&#39;x&#39;&gt;&amp;&#34;&lt;/a&gt;", HTH_OK },
    { "{{ \"<\"|forceescape|forceescape }}", "&amp;lt;", HTH_OK },
    { "{{ \"<p>x</p> <!-- c --> y &lt; &amp;  z\"|striptags }}", "x y < & z", HTH_OK },
    { "{{ \"a b&c/d?\303\251\"|urlencode }}", "a%20b%26c/d%3F%C3%A9", HTH_OK },
    { "{{ {\"a b\":\"c&d\",\"e\":1}|urlencode }}", "a+b=c%26d&e=1", HTH_OK },
    { "{{ [[\"a\",\"b\"]]|urlencode }}", "a=b", HTH_OK },
    { "{{ {\"a\":1,\"b\":none,\"c\":\"<\"}|xmlattr }}", " a=\"1\" c=\"&lt;\"", HTH_OK },
    { "{{ {\"a\":1}|xmlattr(false) }}", "a=\"1\"", HTH_OK },
    { "{{ \"%s, %s\"|format(\"a\",1) }}", "a, 1", HTH_OK },
    { "{{ \"%(x)s\"|format(x=1) }}", "1", HTH_OK },
    { "{{ l|string }}", "[3, 1, 2]", HTH_OK },
    { "{{ none|string }}", "None", HTH_OK },
    { "{{ undefinedvar|upper }}", "", HTH_OK },
    { "{{ undefinedvar|trim }}", "", HTH_OK },
    { "{{ undefinedvar|replace(\"a\",\"b\") }}", "", HTH_OK },
};

static const RenderRow refusals[] = {
    { "{{ 5|indent }}",
      "what indent works on must be a string, not a int", HTH_EINVAL },
    { "{{ none|truncate }}",
      "what truncate works on must be a string, not a None", HTH_EINVAL },
    { "{{ \"abc\"|truncate(2) }}",
      "truncate needs a length not below that of its end, and a leeway not below 0", HTH_EINVAL },
    { "{{ \"a\"|indent(1.5) }}",
      "the width of indent must be an integer, not a float", HTH_EINVAL },
    { "{{ \"a\"|replace(\"a\",\"b\",\"c\") }}",
      "the count of replace must be an integer, not a str", HTH_EINVAL },
    { "{{ {\"a b\":1}|xmlattr }}",
      "a key of xmlattr has a character no attribute name may have", HTH_EINVAL },
    { "{{ l|xmlattr }}",
      "xmlattr needs a dict, not a list", HTH_EINVAL },
    { "{{ [\"abc\"]|urlencode }}",
      "urlencode needs pairs", HTH_EINVAL },
    { "{{ \"%s\"|format(1, x=2) }}",
      "the filter 'format' takes positional or named arguments, not both", HTH_EINVAL },
    { "{{ \"a\"|wordwrap(5) }}",
      "the filter 'wordwrap' is not supported", HTH_ENOTSUP },
    { "{{ \"a\"|urlize }}",
      "the filter 'urlize' is not supported", HTH_ENOTSUP },
    { "{{ \"a\"|trim(1) }}",
      "the characters to strip must be a string, not a int", HTH_EINVAL },
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

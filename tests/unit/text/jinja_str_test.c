/* jinja_str_test.c - the methods of str, in code points */
#include "support/test.h"

#include "support/render.h"

/* clang-format off */
static const RenderRow renders[] = {
    { "{{ ws.strip() }}", "a\tb \n c", HTH_OK },
    { "{{ ws.split() }}", "['a', 'b', 'c']", HTH_OK },
    { "{{ ws.split(\" \") }}", "['', '', 'a\\tb', '\\n', 'c', '', '']", HTH_OK },
    { "{{ \"a,b,,c\".split(\",\") }}", "['a', 'b', '', 'c']", HTH_OK },
    { "{{ \"a,b,,c\".split(\",\",1) }}", "['a', 'b,,c']", HTH_OK },
    { "{{ \"a,b,,c\".rsplit(\",\",1) }}", "['a,b,', 'c']", HTH_OK },
    { "{{ \"a b  c d\".split(none,2) }}", "['a', 'b', 'c d']", HTH_OK },
    { "{{ \"a b  c d\".rsplit(none,2) }}", "['a b', 'c', 'd']", HTH_OK },
    { "{{ \"x\".split(\"y\") }}", "['x']", HTH_OK },
    { "{{ \"\".split() }}", "[]", HTH_OK },
    { "{{ \"\".split(\",\") }}", "['']", HTH_OK },
    { "{{ \"xxabcxx\".strip(\"x\") }}", "abc", HTH_OK },
    { "{{ \"xyabcyx\".lstrip(\"xy\") }}", "abcyx", HTH_OK },
    { "{{ \"xyabcyx\".rstrip(\"xy\") }}", "xyabc", HTH_OK },
    { "{{ \"\346\274\242a\346\274\242\".strip(\"\346\274\242\") }}", "a", HTH_OK },
    { "{{ s.startswith(\"Hello\") }}", "True", HTH_OK },
    { "{{ s.startswith((\"x\",\"He\")) }}", "True", HTH_OK },
    { "{{ s.endswith(\"\345\255\227\") }}", "True", HTH_OK },
    { "{{ s.endswith(\"lo\",0,5) }}", "True", HTH_OK },
    { "{{ s.find(\"w\") }}", "7", HTH_OK },
    { "{{ s.find(\"\346\274\242\") }}", "14", HTH_OK },
    { "{{ s.find(\"zz\") }}", "-1", HTH_OK },
    { "{{ s.find(\"l\",4) }}", "10", HTH_OK },
    { "{{ s.rfind(\"l\") }}", "10", HTH_OK },
    { "{{ s.index(\"w\") }}", "7", HTH_OK },
    { "{{ s.count(\"l\") }}", "3", HTH_OK },
    { "{{ s.count(\"\") }}", "17", HTH_OK },
    { "{{ s.replace(\"l\",\"L\",1) }}",
      "HeLlo, w\303\266rld! \346\274\242\345\255\227", HTH_OK },
    { "{{ \"abc\".replace(\"\",\"-\",2) }}", "-a-bc", HTH_OK },
    { "{{ s.upper().lower().capitalize() }}",
      "Hello, w\303\266rld! \346\274\242\345\255\227", HTH_OK },
    { "{{ \"a\\nb\\r\\nc\\x0bd\\u2028e\".splitlines() }}",
      "['a', 'b', 'c', 'd', 'e']", HTH_OK },
    { "{{ \"a\\nb\\n\".splitlines(true) }}", "['a\\n', 'b\\n']", HTH_OK },
    { "{{ \"-\".join([\"a\",\"b\"]) }}", "a-b", HTH_OK },
    { "{{ \"abc\".isalpha() }}", "True", HTH_OK },
    { "{{ \"abc1\".isalnum() }}", "True", HTH_OK },
    { "{{ \"12\".isdigit() }}", "True", HTH_OK },
    { "{{ \"\302\262\".isdigit() }}", "True", HTH_OK },
    { "{{ \"\302\262\".isdecimal() }}", "False", HTH_OK },
    { "{{ \"\".isdigit() }}", "False", HTH_OK },
    { "{{ \"\302\275\".isnumeric() }}", "True", HTH_OK },
    { "{{ \"Ab Cd\".istitle() }}", "True", HTH_OK },
    { "{{ \"ab\".islower() }}", "True", HTH_OK },
    { "{{ \"AB1\".isupper() }}", "True", HTH_OK },
    { "{{ \" \\t\".isspace() }}", "True", HTH_OK },
    { "{{ \"a_1\".isidentifier() }}", "True", HTH_OK },
    { "{{ \"\303\251\".isascii() }}", "False", HTH_OK },
    { "{{ \"a\\n\".isprintable() }}", "False", HTH_OK },
    { "{{ \"abc\".center(10,\"*\") }}", "***abc****", HTH_OK },
    { "{{ \"abcd\".center(9,\"*\") }}", "***abcd**", HTH_OK },
    { "{{ \"abc\".center(8) }}", "  abc   ", HTH_OK },
    { "{{ \"abc\".ljust(5)~\"|\" }}", "abc  |", HTH_OK },
    { "{{ \"abc\".rjust(5) }}", "  abc", HTH_OK },
    { "{{ \"-42\".zfill(6) }}", "-00042", HTH_OK },
    { "{{ \"a\\tb\".expandtabs(4) }}", "a   b", HTH_OK },
    { "{{ \"aXb\".swapcase() }}", "AxB", HTH_OK },
    { "{{ \"they're bill's\".title() }}", "They'Re Bill'S", HTH_OK },
    { "{{ \"\303\237x\".capitalize() }}", "Ssx", HTH_OK },
    { "{{ \"a-b-c\".partition(\"-\") }}", "('a', '-', 'b-c')", HTH_OK },
    { "{{ \"a-b-c\".rpartition(\"-\") }}", "('a-b', '-', 'c')", HTH_OK },
    { "{{ \"abc\".partition(\"x\") }}", "('abc', '', '')", HTH_OK },
    { "{{ \"abc\".rpartition(\"x\") }}", "('', '', 'abc')", HTH_OK },
    { "{{ \"abc\".removeprefix(\"a\").removesuffix(\"c\") }}", "b", HTH_OK },
    { "{{ \"{a}\".format_map({\"a\":1}) }}", "1", HTH_OK },
};

static const RenderRow refusals[] = {
    { "{{ \"abc\".split(\"\") }}",
      "the separator of split is empty", HTH_EINVAL },
    { "{{ \"abc\".partition(\"\") }}",
      "the separator of partition is empty", HTH_EINVAL },
    { "{{ s.index(\"zz\") }}",
      "the substring is not found", HTH_EINVAL },
    { "{{ s.strip(1) }}",
      "the characters to strip must be a string, not a int", HTH_EINVAL },
    { "{{ s.startswith(1) }}",
      "what a string starts or ends with must be a string, not a int", HTH_EINVAL },
    { "{{ s.replace(1,2) }}",
      "what replace looks for must be a string, not a int", HTH_EINVAL },
    { "{{ s.replace(\"a\") }}",
      "the function 'replace' needs the argument 'new'", HTH_EINVAL },
    { "{{ \"-\".join([1]) }}",
      "what join joins must be a string, not a int", HTH_EINVAL },
    { "{{ \"-\".join(5) }}",
      "a int cannot be iterated over", HTH_EINVAL },
    { "{{ \"a\".center(5,\"ab\") }}",
      "the fill must be one character", HTH_EINVAL },
    { "{{ \"a\".center(\"b\") }}",
      "a width must be an integer, not a str", HTH_EINVAL },
    { "{{ 'abc'.split(undefinedvar) }}",
      "the variable 'undefinedvar' is undefined", HTH_EINVAL },
    { "{{ 'abc'.replace('a', undefinedvar) }}",
      "the variable 'undefinedvar' is undefined", HTH_EINVAL },
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

/* jinja_expr_test.c - precedence and every form an expression can take */
#include "support/test.h"

#include "support/render.h"

/* clang-format off */
static const RenderRow renders[] = {
    { "{{ 1+2*3 - 4/2 // 1 ** 2 % 5 }}", "5.0", HTH_OK },
    { "{{ -2**2 }}", "4", HTH_OK },
    { "{{ 2**3**2 }}", "64", HTH_OK },
    { "{{ 2**-1 }}", "0.5", HTH_OK },
    { "{{ -i|abs }}", "7", HTH_OK },
    { "{{ -(i|abs) }}", "-7", HTH_OK },
    { "{{ not i == 7 }}", "False", HTH_OK },
    { "{{ (not i) == 7 }}", "False", HTH_OK },
    { "{{ not not i }}", "True", HTH_OK },
    { "{{ i == 7 and not f or t }}", "True", HTH_OK },
    { "{{ 1 < 2 < 3 }}", "True", HTH_OK },
    { "{{ 1 < 3 < 2 }}", "False", HTH_OK },
    { "{{ 1 == 1.0 == True }}", "True", HTH_OK },
    { "{{ not 1 in [2] }}", "True", HTH_OK },
    { "{{ 1 in [1,2] and 3 not in [1] }}", "True", HTH_OK },
    { "{{ 2 * 3 ~ 4 }}", "64", HTH_OK },
    { "{{ \"x\" if 1 > 2 else \"y\" ~ \"z\" }}", "yz", HTH_OK },
    { "{{ 1 if f else 2 if f else 3 }}", "3", HTH_OK },
    { "{{ (1 if f) }}", "", HTH_OK },
    { "{{ (1 if f) is defined }}", "False", HTH_OK },
    { "{{ 1,2 }}", "(1, 2)", HTH_OK },
    { "{{ 1, }}", "(1,)", HTH_OK },
    { "{{ () }}", "()", HTH_OK },
    { "{{ (1,) }}", "(1,)", HTH_OK },
    { "{{ [1,2,] }}", "[1, 2]", HTH_OK },
    { "{{ {\"a\":1,} }}", "{'a': 1}", HTH_OK },
    { "{{ {\"a\": 1, 2: \"b\", none: [1, (2,)]} }}",
      "{'a': 1, 2: 'b', None: [1, (2,)]}", HTH_OK },
    { "{{ True and None is none }}", "True", HTH_OK },
    { "{{ 1 is not string }}", "True", HTH_OK },
    { "{{ 1 is divisibleby 1 }}", "True", HTH_OK },
    { "{{ 6 is divisibleby(4) }}", "False", HTH_OK },
    { "{{ 1 is in [1] }}", "True", HTH_OK },
    { "{{ i is sameas i }}", "True", HTH_OK },
    { "{{ foo is defined or i }}", "7", HTH_OK },
    { "{{ s[1:5] }}", "ello", HTH_OK },
    { "{{ s[::-1] }}", "\345\255\227\346\274\242 !dlr\303\266w ,olleH", HTH_OK },
    { "{{ s[:-3] }}", "Hello, w\303\266rld!", HTH_OK },
    { "{{ l[1:][0] }}", "1", HTH_OK },
    { "{{ l[-1] }}", "2", HTH_OK },
    { "{{ dict(a=1,) }}", "{'a': 1}", HTH_OK },
    { "{{ range(*[1,3])|list }}", "[1, 2]", HTH_OK },
    { "{{ dict(**{\"a\":1}) }}", "{'a': 1}", HTH_OK },
    { "{{ \"{}-{}\".format(*[1,2]) }}", "1-2", HTH_OK },
    { "{{ names|map(\"upper\")|join(\",\") }}", "B,A,C,A", HTH_OK },
    { "{{ \"a\".join([\"x\",\"y\"])|upper }}", "XAY", HTH_OK },
    { "{{ d.a[\"k\"][0] }}", "1", HTH_OK },
    { "{{ d['a'].k.0 }}", "1", HTH_OK },
    { "{{ --5 }}", "5", HTH_OK },
    { "{{ - -5 }}", "5", HTH_OK },
    { "{{ +5 }}", "5", HTH_OK },
    { "{{ \"a\"|replace(\"a\", \"b\")|upper }}", "B", HTH_OK },
    { "{{ l|length > 2 }}", "True", HTH_OK },
    { "{{ [l|first, x]|sum }}", "5.5", HTH_OK },
};

static const RenderRow refusals[] = {
    { "{{ 1 + }}",
      "the tag ends where a value should be", HTH_EFORMAT },
    { "{{ (1 }}",
      "a '}' closes nothing", HTH_EFORMAT },
    { "{{ [1 }}",
      "a '}' closes nothing", HTH_EFORMAT },
    { "{{ {\"a\"} }}",
      "':' is missing", HTH_EFORMAT },
    { "{{ {\"a\":} }}",
      "unexpected '}'", HTH_EFORMAT },
    { "{{ 1 if }}",
      "the tag ends where a value should be", HTH_EFORMAT },
    { "{{ x=1 }}",
      "the expression does not end at }}", HTH_EFORMAT },
    { "{{ a b }}",
      "the expression does not end at }}", HTH_EFORMAT },
    { "{{ foo(a=1, 2) }}",
      "the arguments of a call are in no order", HTH_EFORMAT },
    { "{{ foo(**d, 1) }}",
      "the arguments of a call are in no order", HTH_EFORMAT },
    { "{{ foo(*l, *l) }}",
      "the arguments of a call are in no order", HTH_EFORMAT },
    { "{{ l. }}",
      "a name or number is missing after '.'", HTH_EFORMAT },
    { "{{ l[1 }}",
      "a '}' closes nothing", HTH_EFORMAT },
    { "{{ 1 is }}",
      "a name is missing", HTH_EFORMAT },
    { "{{ 1 is string is }}",
      "tests with 'is' cannot be chained", HTH_EFORMAT },
    { "{{ \"a\"| }}",
      "a name is missing", HTH_EFORMAT },
    { "{{ \"a\"|1 }}",
      "a name is missing", HTH_EFORMAT },
    { "{{ [x for x in l] }}",
      "',' is missing", HTH_EFORMAT },
    { "{{ 1; 2 }}",
      "the expression does not end at }}", HTH_EFORMAT },
    { "{{ *l }}",
      "unexpected '*'", HTH_EFORMAT },
    { "{{ ((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((("
      "(((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((("
      "(((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((("
      "(1))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))"
      "))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))"
      "))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))"
      " }}",
      "brackets nest deeper than 200", HTH_ELIMIT },
    { "{{ not not not not not not not not not not not not not not not not not not not not n"
      "ot not not not not not not not not not not not not not not not not not not not not n"
      "ot not not not not not not not not not not not not not not not not not not not not n"
      "ot not not not not not not not not not not not not not not not not not not not not n"
      "ot not not not not not not not not not not not not not not not not not not not not n"
      "ot not not not not not not not not not not not not not not not not not not not not n"
      "ot not not not not not not not not not not not not not not not not not not not not n"
      "ot not not not not not not not not not not not not not not not not not not not not n"
      "ot not not not not not not not not not not not not not not not not not not not not n"
      "ot not not not not not not not not not not not not not not not not not not not not n"
      "ot not not not not not not not not not not not not not not not not not not not not n"
      "ot not not not not not not not not not not not not not not not not not not not 1 }}",
      "constructs nest deeper than 200", HTH_ELIMIT },
    { "{{ ---------------------------------------------------------------------------------"
      "------------------------------------------------------------------------------------"
      "------------------------------------------------------------------------------------"
      "-1 }}",
      "constructs nest deeper than 200", HTH_ELIMIT },
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

/* jinja_text_test.c - str() and repr() of every value */
#include "support/test.h"

#include "support/render.h"

/* clang-format off */
static const RenderRow renders[] = {
    { "{{ nums }}", "[1, 2.5, True, -4, 1e+20, 1e-07, 0.1, 1.2345678901234568e+17]", HTH_OK },
    { "{{ [1.0,none,true] }}", "[1.0, None, True]", HTH_OK },
    { "{{ [q] }}", "['it\\'s \"q\" \\\\ \\n\\t\\x01\303\251\\u2028']", HTH_OK },
    { "{{ [\"it's\"] }}", "[\"it's\"]", HTH_OK },
    { "{{ ['\"'] }}", "['\"']", HTH_OK },
    { "{{ [\"'\\\"\"] }}", "['\\'\"']", HTH_OK },
    { "{{ [\"\\u00ad\\x7f\\u200b \303\251\\U0001F600\"] }}",
      "['\\xad\\x7f\\u200b \303\251\360\237\230\200']", HTH_OK },
    { "{{ {\"k\":q,1:2} }}",
      "{'k': 'it\\'s \"q\" \\\\ \\n\\t\\x01\303\251\\u2028', 1: 2}", HTH_OK },
    { "{{ {} }}", "{}", HTH_OK },
    { "{{ () }}", "()", HTH_OK },
    { "{{ (1,) }}", "(1,)", HTH_OK },
    { "{{ [[],{},()] }}", "[[], {}, ()]", HTH_OK },
    { "{{ none }}", "None", HTH_OK },
    { "{{ true }}", "True", HTH_OK },
    { "{{ undefinedvar }}", "", HTH_OK },
    { "{{ range(3) }}", "range(0, 3)", HTH_OK },
    { "{{ range(1,3) }}", "range(1, 3)", HTH_OK },
    { "{{ range(0,10,2) }}", "range(0, 10, 2)", HTH_OK },
    { "{{ {\"a\":1}.items() }}", "dict_items([('a', 1)])", HTH_OK },
    { "{{ {\"a\":1}.keys() }}", "dict_keys(['a'])", HTH_OK },
    { "{{ {\"a\":1}.values() }}", "dict_values([1])", HTH_OK },
    { "{{ namespace(a=1) }}", "<Namespace {'a': 1}>", HTH_OK },
    { "{{ [\"a\"|safe] }}", "[Markup('a')]", HTH_OK },
    { "{{ 1e16 }}", "1e+16", HTH_OK },
    { "{{ 1e15 }}", "1000000000000000.0", HTH_OK },
    { "{{ 1e22 }}", "1e+22", HTH_OK },
    { "{{ 1e-5 }}", "1e-05", HTH_OK },
    { "{{ 0.0001 }}", "0.0001", HTH_OK },
    { "{{ 0.1+0.2 }}", "0.30000000000000004", HTH_OK },
    { "{{ 123456789012345680.0 }}", "1.2345678901234568e+17", HTH_OK },
    { "{{ -0.0 }}", "-0.0", HTH_OK },
    { "{{ 1e300*1e10 }}", "inf", HTH_OK },
    { "{{ -(1e300*1e10) }}", "-inf", HTH_OK },
    { "{{ 5e-324 }}", "5e-324", HTH_OK },
    { "{{ 1.7976931348623157e308 }}", "1.7976931348623157e+308", HTH_OK },
    { "{{ 100.0 }}", "100.0", HTH_OK },
};

static const RenderRow refusals[] = {
    { "{{ \"a\".upper }}",
      "printing a function is not supported", HTH_ENOTSUP },
    { "{{ joiner() }}",
      "printing a joiner is not supported", HTH_ENOTSUP },
    { "{{ l|map(\"upper\") }}",
      "printing a generator is not supported", HTH_ENOTSUP },
    { "{{ raise_exception }}",
      "printing a function is not supported", HTH_ENOTSUP },
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

/* jinja_op_test.c - operators, attributes, subscripts and slices */
#include "support/test.h"

#include "support/render.h"

/* clang-format off */
static const RenderRow renders[] = {
    { "{{ 7//2 }}", "3", HTH_OK },
    { "{{ -7//2 }}", "-4", HTH_OK },
    { "{{ -7 % 3 }}", "2", HTH_OK },
    { "{{ 7 % -3 }}", "-2", HTH_OK },
    { "{{ 7.5 // 2 }}", "3.0", HTH_OK },
    { "{{ -7.5 % 2 }}", "0.5", HTH_OK },
    { "{{ 1/3 }}", "0.3333333333333333", HTH_OK },
    { "{{ 10 ** 10 }}", "10000000000", HTH_OK },
    { "{{ 2 ** 0.5 }}", "1.4142135623730951", HTH_OK },
    { "{{ 0 ** 0 }}", "1", HTH_OK },
    { "{{ 5//2.0 }}", "2.0", HTH_OK },
    { "{{ true + true }}", "2", HTH_OK },
    { "{{ true * 3 }}", "3", HTH_OK },
    { "{{ \"ab\" * 3 }}", "ababab", HTH_OK },
    { "{{ 3 * \"ab\" }}", "ababab", HTH_OK },
    { "{{ \"ab\" * -1 }}", "", HTH_OK },
    { "{{ [1] + [2] }}", "[1, 2]", HTH_OK },
    { "{{ [1] * 3 }}", "[1, 1, 1]", HTH_OK },
    { "{{ [[]] * 2 }}", "[[], []]", HTH_OK },
    { "{{ (1,) + (2,) }}", "(1, 2)", HTH_OK },
    { "{{ \"a\" + \"b\" }}", "ab", HTH_OK },
    { "{{ -true }}", "-1", HTH_OK },
    { "{{ 9223372036854775807 }}", "9223372036854775807", HTH_OK },
    { "{{ -9223372036854775807 - 1 }}", "-9223372036854775808", HTH_OK },
    { "{{ d.b }}", "1", HTH_OK },
    { "{{ d[\"items\"] }}", "5", HTH_OK },
    { "{{ d.nope }}", "", HTH_OK },
    { "{{ d.nope is defined }}", "False", HTH_OK },
    { "{{ d['nope'] is defined }}", "False", HTH_OK },
    { "{{ d.items()|list|length }}", "4", HTH_OK },
    { "{{ d.get(\"zz\") }}", "None", HTH_OK },
    { "{{ n.foo }}", "", HTH_OK },
    { "{{ i.foo }}", "", HTH_OK },
    { "{{ i[0] }}", "", HTH_OK },
    { "{{ i.real }}", "7", HTH_OK },
    { "{{ n[0] }}", "", HTH_OK },
    { "{{ s[0] }}", "H", HTH_OK },
    { "{{ s[-1] }}", "\345\255\227", HTH_OK },
    { "{{ s[100] }}", "", HTH_OK },
    { "{{ s[1:5] }}", "ello", HTH_OK },
    { "{{ s[::2] }}", "Hlo \303\266l!\346\274\242", HTH_OK },
    { "{{ s[-3:] }}", " \346\274\242\345\255\227", HTH_OK },
    { "{{ l[1:] }}", "[1, 2]", HTH_OK },
    { "{{ l[::-1] }}", "[2, 1, 3]", HTH_OK },
    { "{{ l[true] }}", "1", HTH_OK },
    { "{{ l[\"x\"] }}", "", HTH_OK },
    { "{{ l[1.0] }}", "", HTH_OK },
    { "{{ l[1:none] }}", "[1, 2]", HTH_OK },
    { "{{ range(10)[2:5] }}", "range(2, 5)", HTH_OK },
    { "{{ range(0,10,2)[1] }}", "2", HTH_OK },
    { "{{ (1,2,3)[::2] }}", "(1, 3)", HTH_OK },
    { "{{ \"\303\251\346\274\242\"[1] }}", "\346\274\242", HTH_OK },
    { "{{ msgs[-1].content[0].text }}", "T", HTH_OK },
    { "{{ (msgs|groupby(\"role\"))[0].grouper }}", "assistant", HTH_OK },
    { "{{ namespace(a=1)[\"a\"] }}", "1", HTH_OK },
    { "{{ {\"_x\":1}._x }}", "1", HTH_OK },
    { "{{ \"x\".__class__ }}", "", HTH_OK },
    { "{{ {1:\"a\"}[1.0] }}", "a", HTH_OK },
    { "{{ {true:\"a\"}[1] }}", "a", HTH_OK },
};

static const RenderRow refusals[] = {
    { "{{ 1 // 0 }}",
      "division by zero", HTH_EINVAL },
    { "{{ 1 % 0 }}",
      "division by zero", HTH_EINVAL },
    { "{{ 1 / 0 }}",
      "division by zero", HTH_EINVAL },
    { "{{ 1.0 // 0 }}",
      "division by zero", HTH_EINVAL },
    { "{{ 0.0 ** -1 }}",
      "zero to a negative power", HTH_EINVAL },
    { "{{ (-8) ** 0.5 }}",
      "a complex number is no template value", HTH_EINVAL },
    { "{{ 9223372036854775807 + 1 }}",
      "an integer does not fit 64 bits", HTH_ELIMIT },
    { "{{ -9223372036854775807 - 2 }}",
      "an integer does not fit 64 bits", HTH_ELIMIT },
    { "{{ 9223372036854775807 * 2 }}",
      "an integer does not fit 64 bits", HTH_ELIMIT },
    { "{{ 10 ** 19 }}",
      "an integer does not fit 64 bits", HTH_ELIMIT },
    { "{{ \"a\" + 1 }}",
      "'+' does not work on a str and a int", HTH_EINVAL },
    { "{{ \"5\" + 5 }}",
      "'+' does not work on a str and a int", HTH_EINVAL },
    { "{{ [1] + (1,) }}",
      "'+' does not work on a list and a tuple", HTH_EINVAL },
    { "{{ \"x\" * 1.5 }}",
      "'*' does not work on a str and a float", HTH_EINVAL },
    { "{{ none + 1 }}",
      "'+' does not work on a None and a int", HTH_EINVAL },
    { "{{ -\"a\" }}",
      "a str has no sign", HTH_EINVAL },
    { "{{ -none }}",
      "a None has no sign", HTH_EINVAL },
    { "{{ undefinedvar + 1 }}",
      "the variable 'undefinedvar' is undefined", HTH_EINVAL },
    { "{{ 1 - undefinedvar }}",
      "the variable 'undefinedvar' is undefined", HTH_EINVAL },
    { "{{ undefinedvar.x }}",
      "the variable 'undefinedvar' is undefined", HTH_EINVAL },
    { "{{ undefinedvar[0] }}",
      "the variable 'undefinedvar' is undefined", HTH_EINVAL },
    { "{{ undefinedvar[1:] }}",
      "the variable 'undefinedvar' is undefined", HTH_EINVAL },
    { "{{ d.nope.nope }}",
      "the attribute 'nope' is undefined", HTH_EINVAL },
    { "{{ n[1:2] }}",
      "a None cannot be sliced so", HTH_EINVAL },
    { "{{ d[1:2] }}",
      "a dict cannot be sliced so", HTH_EINVAL },
    { "{{ l[::0] }}",
      "the step of a slice is zero", HTH_EINVAL },
    { "{{ l[\"a\":] }}",
      "a list cannot be sliced so", HTH_EINVAL },
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

/* jinja_tests_test.c - the tests behind is */
#include "support/test.h"

#include "support/render.h"

/* clang-format off */
static const RenderRow renders[] = {
    { "{{ [undefinedvar is defined, n is defined, undefinedvar is undefined] }}",
      "[False, True, True]", HTH_OK },
    { "{{ [n is none, f is none, undefinedvar is none] }}", "[True, False, False]", HTH_OK },
    { "{{ [t is boolean, i is boolean, t is true, 1 is true, f is false, 0 is false] }}",
      "[True, False, True, False, True, False]", HTH_OK },
    { "{{ [i is integer, t is integer, x is float, i is float] }}",
      "[True, False, True, False]", HTH_OK },
    { "{{ [i is number, t is number, x is number, s is number] }}",
      "[True, True, True, False]", HTH_OK },
    { "{{ [s is string, i is string, (\"a\"|safe) is string] }}",
      "[True, False, True]", HTH_OK },
    { "{{ [d is mapping, l is mapping, namespace() is mapping] }}",
      "[True, False, False]", HTH_OK },
    { "{{ [l is sequence, s is sequence, d is sequence, range(3) is sequence, d.items() is "
      "sequence, i is sequence, (1,) is sequence] }}",
      "[True, True, True, True, False, False, True]", HTH_OK },
    { "{{ [l is iterable, i is iterable, d is iterable, s is iterable, n is iterable, undef"
      "inedvar is iterable, d.keys() is iterable] }}",
      "[True, False, True, True, False, True, True]", HTH_OK },
    { "{{ [raise_exception is callable, s is callable, range is callable, s.upper is callab"
      "le] }}",
      "[True, False, True, True]", HTH_OK },
    { "{{ [i is odd, i is even, neg is odd, 6 is divisibleby 3] }}",
      "[True, False, True, True]", HTH_OK },
    { "{{ [1 is eq 1, 1 is ne 2, 1 is lt 2, 2 is ge(2), 1 is equalto(1), 2 is greaterthan 1"
      ", 1 is lessthan 2, 1 is le 1, 1 is gt 1] }}",
      "[True, True, True, True, True, True, True, True, False]", HTH_OK },
    { "{{ [\"a\" is in \"abc\", \"a\" is in([\"b\"])] }}", "[True, False]", HTH_OK },
    { "{{ [\"abc\" is lower, \"ABC\" is upper, \"\" is lower, \"a1\" is lower, 5 is upper] "
      "}}",
      "[True, True, False, True, False]", HTH_OK },
    { "{{ [l is sameas l, n is sameas none, l is sameas [3,1,2]] }}",
      "[True, True, False]", HTH_OK },
    { "{{ [\"upper\" is filter, \"foo\" is filter, \"odd\" is test, \"foo\" is test] }}",
      "[True, False, True, False]", HTH_OK },
    { "{{ [s is escaped, s|e is escaped] }}", "[False, True]", HTH_OK },
    { "{{ [undefinedvar is string, undefinedvar is mapping, undefinedvar is number, undefin"
      "edvar is sequence] }}",
      "[False, False, False, True]", HTH_OK },
};

static const RenderRow refusals[] = {
    { "{{ \"a\" is odd }}",
      "a % format has more arguments than fields", HTH_EINVAL },
    { "{{ undefinedvar is odd }}",
      "the variable 'undefinedvar' is undefined", HTH_EINVAL },
    { "{{ none is divisibleby 2 }}",
      "'%' does not work on a None and a int", HTH_EINVAL },
    { "{{ 1 is divisibleby 0 }}",
      "division by zero", HTH_EINVAL },
    { "{{ 1 is divisibleby }}",
      "the test 'divisibleby' needs the argument 'num'", HTH_EINVAL },
    { "{{ 1 is in 5 }}",
      "a int cannot be iterated over", HTH_EINVAL },
    { "{{ 1 is lt \"a\" }}",
      "a int and a str have no order", HTH_EINVAL },
    { "{{ 1 is defined(2) }}",
      "the test 'defined' takes at most 0 arguments", HTH_EINVAL },
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

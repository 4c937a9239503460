/* jinja_cmp_test.c - truth, equality, order and membership */
#include "support/test.h"

#include "support/render.h"

/* clang-format off */
static const RenderRow renders[] = {
    { "{{ \"a\" < \"b\" }}", "True", HTH_OK },
    { "{{ \"a\" < \"B\" }}", "False", HTH_OK },
    { "{{ \"\303\251\" > \"z\" }}", "True", HTH_OK },
    { "{{ [1,2] < [1,3] }}", "True", HTH_OK },
    { "{{ [1] < [1,0] }}", "True", HTH_OK },
    { "{{ (1,2) == [1,2] }}", "False", HTH_OK },
    { "{{ [1,[2]] == [1.0,[2]] }}", "True", HTH_OK },
    { "{{ {\"a\":1} == {\"a\":1.0} }}", "True", HTH_OK },
    { "{{ {\"a\":1,\"b\":2} == {\"b\":2,\"a\":1} }}", "True", HTH_OK },
    { "{{ {\"a\":1} != {\"a\":2} }}", "True", HTH_OK },
    { "{{ 1 == true }}", "True", HTH_OK },
    { "{{ 1 == \"1\" }}", "False", HTH_OK },
    { "{{ none == false }}", "False", HTH_OK },
    { "{{ undefinedvar == undefinedvar }}", "True", HTH_OK },
    { "{{ undefinedvar == none }}", "False", HTH_OK },
    { "{{ range(3) == range(0,3,1) }}", "True", HTH_OK },
    { "{{ \"lo\" in s }}", "True", HTH_OK },
    { "{{ \"\" in \"\" }}", "True", HTH_OK },
    { "{{ \"a\" in {\"a\":1} }}", "True", HTH_OK },
    { "{{ 1 in {true:2} }}", "True", HTH_OK },
    { "{{ [1] in [[1],[2]] }}", "True", HTH_OK },
    { "{{ 3 in range(5) }}", "True", HTH_OK },
    { "{{ 1 in undefinedvar }}", "False", HTH_OK },
    { "{{ \"k\" in d.a }}", "True", HTH_OK },
    { "{{ 2 in {\"a\":2}.values() }}", "True", HTH_OK },
    { "{{ (\"a\",1) in {\"a\":1}.items() }}", "True", HTH_OK },
    { "{{ \"z\" not in \"abc\" }}", "True", HTH_OK },
    { "{{ true if [] else false }}", "False", HTH_OK },
    { "{{ true if {} else false }}", "False", HTH_OK },
    { "{{ true if \"\" else false }}", "False", HTH_OK },
    { "{{ true if 0.0 else false }}", "False", HTH_OK },
    { "{{ true if range(0) else false }}", "False", HTH_OK },
    { "{{ true if [0] else false }}", "True", HTH_OK },
    { "{{ true if namespace() else false }}", "True", HTH_OK },
    { "{{ 1.5 < 2 <= 2.0 }}", "True", HTH_OK },
    { "{{ (1e300*1e10 - 1e300*1e10) < 1 }}", "False", HTH_OK },
    { "{{ [3,1,2]|sort }}", "[1, 2, 3]", HTH_OK },
    { "{{ [[2,\"a\"],[1,\"b\"],[1,\"a\"]]|sort }}", "[[1, 'a'], [1, 'b'], [2, 'a']]", HTH_OK },
    { "{{ [\"b\",\"a\",\"B\",\"A\"]|sort }}", "['a', 'A', 'b', 'B']", HTH_OK },
    { "{{ [\"b\",\"a\",\"B\",\"A\"]|sort(reverse=true) }}", "['b', 'B', 'a', 'A']", HTH_OK },
    { "{{ [1,true,1.0]|sort }}", "[1, True, 1.0]", HTH_OK },
};

static const RenderRow refusals[] = {
    { "{{ \"a\" < 1 }}",
      "a str and a int have no order", HTH_EINVAL },
    { "{{ 1 < none }}",
      "a int and a None have no order", HTH_EINVAL },
    { "{{ [1] < (1,) }}",
      "a list and a tuple have no order", HTH_EINVAL },
    { "{{ {} < {} }}",
      "a dict and a dict have no order", HTH_EINVAL },
    { "{{ undefinedvar < 1 }}",
      "the variable 'undefinedvar' is undefined", HTH_EINVAL },
    { "{{ 1 < undefinedvar }}",
      "the variable 'undefinedvar' is undefined", HTH_EINVAL },
    { "{{ 1 in 5 }}",
      "a int cannot be iterated over", HTH_EINVAL },
    { "{{ 1 in \"abc\" }}",
      "'in' on a str needs a str, not a int", HTH_EINVAL },
    { "{{ {} in {} }}",
      "a dict cannot be the key of a dict", HTH_EINVAL },
    { "{{ 1 in none }}",
      "a None cannot be iterated over", HTH_EINVAL },
    { "{{ [1,\"a\"]|sort }}",
      "a str and a int have no order", HTH_EINVAL },
    { "{{ [none,1]|sort }}",
      "a int and a None have no order", HTH_EINVAL },
    { "{{ [1,\"a\"]|max }}",
      "a int and a str have no order", HTH_EINVAL },
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

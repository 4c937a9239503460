/* jinja_eval_test.c - evaluation order, short cuts and calls */
#include "support/test.h"

#include "support/render.h"

/* clang-format off */
static const RenderRow renders[] = {
    { "{{ t or undefinedvar.x }}", "True", HTH_OK },
    { "{{ f and undefinedvar.x }}", "False", HTH_OK },
    { "{{ n or e or \"z\" }}", "z", HTH_OK },
    { "{{ t and i and s[0] }}", "H", HTH_OK },
    { "{{ 1 if t else undefinedvar.x }}", "1", HTH_OK },
    { "{{ undefinedvar.x if f else 2 }}", "2", HTH_OK },
    { "{{ 1 < 0 < undefinedvar.x }}", "False", HTH_OK },
    { "{{ not (f or n) }}", "True", HTH_OK },
    { "{{ \"%s-%s\" % (i, x) }}", "7-2.5", HTH_OK },
    { "{{ [i, [x, {\"k\": s[0]}], (n,)] }}", "[7, [2.5, {'k': 'H'}], (None,)]", HTH_OK },
    { "{{ {\"a\": i, \"b\": {\"c\": x}}[\"b\"].c }}", "2.5", HTH_OK },
    { "{{ {\"a\": 1, \"a\": 2} }}", "{'a': 2}", HTH_OK },
    { "{{ dict(**{\"a\": 1}).a }}", "1", HTH_OK },
    { "{{ \"{}{}{}\".format(1, *[2, 3]) }}", "123", HTH_OK },
    { "{{ \"a\" ~ n ~ t ~ undefinedvar ~ 1.0 }}", "aNoneTrue1.0", HTH_OK },
    { "{{ +x - -x }}", "5.0", HTH_OK },
    { "{{ (l|first)|string|int + 1 }}", "4", HTH_OK },
    { "{{ msgs|map(attribute=\"role\")|map(\"upper\")|join(\"+\") }}",
      "USER+ASSISTANT+TOOL", HTH_OK },
    { "{% set a = 'x' * 2000 ~ 'y' %}{% set b = a ~ '1' %}{% set c = a ~ '2' %}{{ a|length "
      "}}{{ b[-2:] }}{{ c[-2:] }}",
      "2001y1y2", HTH_OK },
    { "{% set a = 'x' * 2000 + 'y' %}{% set b = a + '1' %}{% set c = a + '2' ~ '3' %}{% set"
      " d = b ~ '4' %}{{ a|length }}{{ b[-2:] }}{{ c[-3:] }}{{ d[-3:] }}{{ b|length }}",
      "2001y1y23y142002", HTH_OK },
    { "{% set ns = namespace(o='') %}{% for i in range(600) %}{% set ns.o = ns.o ~ i ~ ',' "
      "%}{% endfor %}{{ ns.o|length }}{{ ns.o[-9:] }}",
      "2290,598,599,", HTH_OK },
};

static const RenderRow refusals[] = {
    { "{{ undefinedvar.x or 1 }}",
      "the variable 'undefinedvar' is undefined", HTH_EINVAL },
    { "{{ [undefinedvar.x] }}",
      "the variable 'undefinedvar' is undefined", HTH_EINVAL },
    { "{{ {\"a\": undefinedvar.x} }}",
      "the variable 'undefinedvar' is undefined", HTH_EINVAL },
    { "{{ \"a\" ~ undefinedvar.x }}",
      "the variable 'undefinedvar' is undefined", HTH_EINVAL },
    { "{{ undefinedvar.x if t }}",
      "the variable 'undefinedvar' is undefined", HTH_EINVAL },
    { "{{ range(*5) }}",
      "a int cannot be iterated over", HTH_EINVAL },
    { "{{ range(**{\"a\":1}) }}",
      "the function 'range' has no argument 'a'", HTH_EINVAL },
    { "{{ {l: 1} }}",
      "a list cannot be the key of a dict", HTH_EINVAL },
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

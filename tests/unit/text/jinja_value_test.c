/* jinja_value_test.c - lists, dicts, generators and walks over them */
#include "support/test.h"

#include "support/render.h"

/* clang-format off */
static const RenderRow renders[] = {
    { "{% set g = l|map(\"string\") %}{{ g|list }}{{ g|list }}", "['3', '1', '2'][]", HTH_OK },
    { "{% set g = l|map(\"string\") %}{{ g|first }}{{ g|list }}", "3['1', '2']", HTH_OK },
    { "{% set g = l|select(\"odd\") %}{{ 1 in g }}{{ g|list }}", "True[]", HTH_OK },
    { "{% set d3 = {} %}{% for i in range(100) %}{% set _ = d3.update({i ~ \"k\": i}) %}{% "
      "endfor %}{{ d3|length }}{{ d3[\"77k\"] }}{{ d3[\"100k\"] is defined }}{{ d3.keys()|l"
      "ist|last }}",
      "10077False99k", HTH_OK },
    { "{% set d3 = {} %}{% for i in range(30) %}{% set _ = d3.update({i: i}) %}{% endfor %}"
      "{% for i in range(29) %}{% set _ = d3.pop(i) %}{% endfor %}{{ d3 }}{% for i in range"
      "(30) %}{% set _ = d3.setdefault(i % 3, i) %}{% endfor %}{{ d3 }}",
      "{29: 29}{29: 29, 0: 0, 1: 1, 2: 2}", HTH_OK },
    { "{{ {1:\"a\", 1.0:\"b\", true:\"c\"} }}", "{1: 'c'}", HTH_OK },
    { "{{ {(1,\"x\"):2}[(1,\"x\")] }}{{ {none:1}[none] }}{{ {1.5:2}[1.5] }}", "212", HTH_OK },
    { "{% for k in {\"a\":1} %}{{ k }}{% endfor %}{% for k, v in {\"a\":1}.items() %}{{ k }"
      "}{{ v }}{% endfor %}",
      "aa1", HTH_OK },
    { "{% for c in \"a\303\251\346\274\242\" %}[{{ c }}]{% endfor %}",
      "[a][\303\251][\346\274\242]", HTH_OK },
    { "{% set a = [1] %}{% set b = a %}{% set _ = b.append(2) %}{{ a }}", "[1, 2]", HTH_OK },
    { "{% set a = {\"x\":[]} %}{% set b = a.copy() %}{% set _ = b.x.append(1) %}{{ a }}",
      "{'x': [1]}", HTH_OK },
};

static const RenderRow refusals[] = {
    { "{% set g = l|map(\"string\") %}{{ g[0].x }}",
      "there is no such item", HTH_EINVAL },
    { "{{ {[1]:2} }}",
      "a list cannot be the key of a dict", HTH_EINVAL },
    { "{{ {([1],):2} }}",
      "a tuple cannot be the key of a dict", HTH_EINVAL },
    { "{% set q = {\"a\":1,\"b\":2} %}{% for x in q %}{% set _ = q.pop(x) %}{% endfor %}",
      "a dict changed while it was iterated over", HTH_EINVAL },
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

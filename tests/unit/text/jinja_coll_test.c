/* jinja_coll_test.c - methods of collections, and the global functions */
#include "support/test.h"

#include "support/render.h"

/* clang-format off */
static const RenderRow renders[] = {
    { "{{ l.index(1) }}", "1", HTH_OK },
    { "{{ l.count(3) }}", "1", HTH_OK },
    { "{{ l.copy() }}", "[3, 1, 2]", HTH_OK },
    { "{{ (1,2,1).count(1) }}", "2", HTH_OK },
    { "{{ (1,2,1).index(2) }}", "1", HTH_OK },
    { "{{ d.keys()|list }}", "['b', 'a', 'items', 'C']", HTH_OK },
    { "{{ {\"a\":1}.values()|list }}", "[1]", HTH_OK },
    { "{{ {\"a\":1}.get(\"zz\", 3) }}", "3", HTH_OK },
    { "{{ (2.0).is_integer() }}", "True", HTH_OK },
    { "{{ range(5)|list }}", "[0, 1, 2, 3, 4]", HTH_OK },
    { "{{ range(2,10,3)|list }}", "[2, 5, 8]", HTH_OK },
    { "{{ range(5,0,-2)|list }}", "[5, 3, 1]", HTH_OK },
    { "{{ range(0)|list }}", "[]", HTH_OK },
    { "{{ range(-9223372036854775807, 9223372036854775807, 9223372036854775807)|list }}",
      "[-9223372036854775807, 0]", HTH_OK },
    { "{{ dict(a=1,b=2) }}", "{'a': 1, 'b': 2}", HTH_OK },
    { "{{ dict([[\"a\",1]],b=2) }}", "{'a': 1, 'b': 2}", HTH_OK },
    { "{{ namespace(a=1).a }}", "1", HTH_OK },
    { "{{ namespace({\"a\":1}, b=2).b }}", "2", HTH_OK },
    { "{{ namespace().zz is defined }}", "False", HTH_OK },
    { "{{ cycler(1,2).next() }}", "1", HTH_OK },
    { "{{ joiner(\",\")() }}", "", HTH_OK },
    { "{{ range(100000)|length }}", "100000", HTH_OK },
    { "{% set q = [3,1,2] %}{% set _ = q.sort() %}{{ q }}{% set _ = q.reverse() %}{{ q }}{%"
      " set _ = q.insert(0, 9) %}{{ q }}{% set _ = q.insert(-1, 8) %}{{ q }}{% set _ = q.ex"
      "tend([1]) %}{{ q }}{{ q.pop() }}{{ q.pop(0) }}{% set _ = q.remove(2) %}{{ q }}{% set"
      " _ = q.clear() %}{{ q }}",
      "[1, 2, 3][3, 2, 1][9, 3, 2, 1][9, 3, 2, 8, 1][9, 3, 2, 8, 1, 1]19[3, 8, 1][]", HTH_OK },
    { "{% set d3 = {\"a\":1} %}{{ d3.pop(\"a\") }}{{ d3 }}{{ d3.pop(\"a\", 5) }}{{ d3.setde"
      "fault(\"z\", 7) }}{{ d3 }}{{ d3.popitem() }}{% set _ = d3.clear() %}{{ d3 }}",
      "1{}57{'z': 7}('z', 7){}", HTH_OK },
    { "{% set d3 = {} %}{% for i in range(40) %}{% set _ = d3.update({i: i}) %}{% endfor %}"
      "{% for i in range(0,40,2) %}{% set _ = d3.pop(i) %}{% endfor %}{{ d3 }}{{ d3.get(39)"
      " }}{{ d3.get(38) }}",
      "{1: 1, 3: 3, 5: 5, 7: 7, 9: 9, 11: 11, 13: 13, 15: 15, 17: 17, 19: 19, 21: 21, 23: 2"
      "3, 25: 25, 27: 27, 29: 29, 31: 31, 33: 33, 35: 35, 37: 37, 39: 39}39None", HTH_OK },
    { "{% set c = cycler(\"a\",\"b\") %}{{ c.next() }}{{ c.current }}{{ c.next() }}{{ c.nex"
      "t() }}{% set _ = c.reset() %}{{ c.next() }}",
      "abbaa", HTH_OK },
    { "{% set j = joiner(\"|\") %}{% for x in l %}{{ j() }}{{ x }}{% endfor %}",
      "3|1|2", HTH_OK },
    { "{% set x = [] %}{% set _ = x.append(x) %}{{ x }}{{ x == x }}", "[[...]]True", HTH_OK },
    { "{% set x = {} %}{% set _ = x.update({\"x\":x}) %}{{ x }}", "{'x': {...}}", HTH_OK },
};

static const RenderRow refusals[] = {
    { "{{ raise_exception(\"boom \" ~ i) }}",
      "template raised: boom 7", HTH_EINVAL },
    { "{{ [].pop() }}",
      "pop: the list has no such item", HTH_EINVAL },
    { "{{ [1].pop(5) }}",
      "pop: the list has no such item", HTH_EINVAL },
    { "{{ [1].index(2) }}",
      "the list has no such item", HTH_EINVAL },
    { "{{ [1].remove(2) }}",
      "the list has no such item", HTH_EINVAL },
    { "{{ {}.pop(\"a\") }}",
      "pop: the dict has no such key", HTH_EINVAL },
    { "{{ {}.popitem() }}",
      "popitem: the dict is empty", HTH_EINVAL },
    { "{{ {}.get() }}",
      "the function 'get' needs the argument 'key'", HTH_EINVAL },
    { "{{ {}.get(1,2,3) }}",
      "the function 'get' takes at most 2 arguments", HTH_EINVAL },
    { "{{ {[]:1} }}",
      "a list cannot be the key of a dict", HTH_EINVAL },
    { "{{ {}.get([]) }}",
      "a list cannot be the key of a dict", HTH_EINVAL },
    { "{{ range() }}",
      "the function 'range' needs the argument 'start'", HTH_EINVAL },
    { "{{ range(\"a\") }}",
      "the argument of range must be an integer, not a str", HTH_EINVAL },
    { "{{ range(1.5) }}",
      "the argument of range must be an integer, not a float", HTH_EINVAL },
    { "{{ range(1,2,0) }}",
      "the step of range is zero", HTH_EINVAL },
    { "{{ range(undefinedvar) }}",
      "the variable 'undefinedvar' is undefined", HTH_EINVAL },
    { "{{ range(100001)|length }}",
      "a range has more than 100000 items", HTH_ELIMIT },
    { "{{ dict([[1]]) }}",
      "a dict is made from pairs", HTH_EINVAL },
    { "{{ dict(1,2) }}",
      "a dict is made from at most one argument", HTH_EINVAL },
    { "{{ dict(5) }}",
      "a int cannot be iterated over", HTH_EINVAL },
    { "{{ cycler() }}",
      "cycler needs at least one item", HTH_EINVAL },
    { "{{ loop.cycle() }}",
      "the variable 'loop' is undefined", HTH_EINVAL },
    { "{{ strftime_now() }}",
      "the function 'strftime_now' needs the argument 'format'", HTH_EINVAL },
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

/* jinja_exec_test.c - output, assignment, branches, loops and blocks */
#include "support/test.h"

#include "support/render.h"

/* clang-format off */
static const RenderRow renders[] = {
    { "{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex"
      "0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.previtem }}{{ loop.nexti"
      "tem }}{{ loop.cycle('a','b') }}{{ loop.depth }}{{ loop.depth0 }};{% endfor %}",
      "1032TrueFalse31a10;2121FalseFalse332b10;3210FalseTrue31a10;", HTH_OK },
    { "{% for x in l if x > 1 %}{{ x }}{{ loop.length }}{{ loop.last }}{% else %}none{% end"
      "for %}",
      "32False22True", HTH_OK },
    { "{% for x in l if x > 10 %}{{ x }}{% else %}none{% endfor %}", "none", HTH_OK },
    { "{% for x in empty %}a{% else %}b{% endfor %}", "b", HTH_OK },
    { "{% for x in undefinedvar %}a{% else %}b{% endfor %}", "b", HTH_OK },
    { "{% for k, v in {\"a\":1,\"b\":2}.items() %}{{ k }}={{ v }};{% endfor %}",
      "a=1;b=2;", HTH_OK },
    { "{% for k in d %}{{ k }}{% endfor %}", "baitemsC", HTH_OK },
    { "{% for c in s %}{{ c }}.{% endfor %}",
      "H.e.l.l.o.,. .w.\303\266.r.l.d.!. .\346\274\242.\345\255\227.", HTH_OK },
    { "{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}",
      "32", HTH_OK },
    { "{% for x in l %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}", "3", HTH_OK },
    { "{% for x in l %}{% break %}{% else %}E{% endfor %}", "E", HTH_OK },
    { "{% for x in l %}{% for y in l %}{% if y == 1 %}{% break %}{% endif %}{{ x }}{{ y }} "
      "{% endfor %}{% endfor %}",
      "33 13 23 ", HTH_OK },
    { "{% for x in [1,1,2] %}{{ loop.changed(x) }}{% endfor %}", "TrueFalseTrue", HTH_OK },
    { "{% for x in l %}{% set outer = loop %}{% for y in l %}{{ outer.index }}{{ loop.index"
      " }} {% endfor %}{% endfor %}",
      "11 12 13 21 22 23 31 32 33 ", HTH_OK },
    { "{% for x in l %}{{ loop }}{% endfor %}",
      "<LoopContext 1/3><LoopContext 2/3><LoopContext 3/3>", HTH_OK },
    { "{% for x in tree recursive %}{{ x.n }}{% if x.c %}({{ loop(x.c) }}){% endif %}{{ loo"
      "p.depth }}{% endfor %}",
      "1(223(43)2)151", HTH_OK },
    { "{% set q = [1] %}{% for x in q %}{{ x }}{% if q|length < 4 %}{% set _ = q.append(x+1"
      ") %}{% endif %}{% endfor %}",
      "1234", HTH_OK },
    { "{% set g = l|map(\"string\") %}{% for x in g %}{{ x }}{{ loop.last }}{{ loop.length "
      "}}{% endfor %}{{ g|join }}",
      "3False31False32True3", HTH_OK },
    { "{% set ns = namespace(y=0) %}{% for x in l %}{% set ns.y = ns.y + x %}{% endfor %}{{"
      " ns.y }}",
      "6", HTH_OK },
    { "{% set a = namespace(x=1) %}{% set a.x, a.y = 1, 2 %}{{ a.x }}{{ a.y }}", "12", HTH_OK },
    { "{% set x %}hello {{ i }}{% endset %}{{ x }}|{{ x|length }}", "hello 7|7", HTH_OK },
    { "{% set x | replace('l','L') | trim %} hello {% endset %}{{ x }}", "heLLo", HTH_OK },
    { "{% set ns = namespace() %}{% set ns.a %}block{% endset %}{{ ns.a }}", "block", HTH_OK },
    { "{% filter upper %}abc {{ i }}{% endfilter %}", "ABC 7", HTH_OK },
    { "{% filter replace('a','b')|upper %}abc{% endfilter %}", "BBC", HTH_OK },
    { "{% with a=1, b=2 %}{{ a }}{{ b }}{% endwith %}{{ a }}", "12", HTH_OK },
    { "{% for x in l %}{% set z %}{{ x }}{% if x == 1 %}{% break %}{% endif %}{% endset %}{"
      "{ z }}{% endfor %}",
      "3", HTH_OK },
    { "{% for x in l %}{% filter upper %}a{% if x == 1 %}{% continue %}{% endif %}{% endfil"
      "ter %}{% endfor %}",
      "AA", HTH_OK },
    { "{% if f %}a{% elif n %}b{% else %}c{% endif %}{% if f %}a{% endif %}", "c", HTH_OK },
};

static const RenderRow refusals[] = {
    { "{% for x in n %}{% endfor %}",
      "a None cannot be iterated over", HTH_EINVAL },
    { "{% for x in 5 %}{% endfor %}",
      "a int cannot be iterated over", HTH_EINVAL },
    { "{% for a, b in [[1,2,3]] %}{% endfor %}",
      "a value does not unpack into 2 names", HTH_EINVAL },
    { "{% for a, b in [[1]] %}{% endfor %}",
      "a value does not unpack into 2 names", HTH_EINVAL },
    { "{% set a, b = 5 %}",
      "a int cannot be iterated over", HTH_EINVAL },
    { "{% set nope.x = 1 %}",
      "'nope' is no namespace: its attributes cannot be set", HTH_EINVAL },
    { "{% set d2 = {} %}{% set d2.x = 1 %}",
      "'d2' is no namespace: its attributes cannot be set", HTH_EINVAL },
    { "{% for x in l %}{{ loop(l) }}{% endfor %}",
      "loop(...) needs a for block marked recursive", HTH_EINVAL },
    { "{% set q = {\"a\":1} %}{% for x in q %}{% set _ = q.update({x ~ \"b\":1}) %}{% endfo"
      "r %}",
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

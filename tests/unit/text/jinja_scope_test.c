/* jinja_scope_test.c - which scope a name belongs to */
#include "support/test.h"

#include "support/render.h"

/* clang-format off */
static const RenderRow renders[] = {
    { "{% set y = 1 %}{% for x in l %}{% set y = x %}{{ y }}{% endfor %}{{ y }}",
      "3121", HTH_OK },
    { "{% if t %}{% set z = 1 %}{% endif %}{{ z }}", "1", HTH_OK },
    { "{% if f %}{% set z = 1 %}{% endif %}{{ z is defined }}", "False", HTH_OK },
    { "{% set g = 5 %}{% macro m() %}{{ g }}{% set g = 6 %}{{ g }}{% endmacro %}{{ m() }}{{"
      " g }}",
      "565", HTH_OK },
    { "{% macro m() %}{{ g }}{% endmacro %}{% set g = 5 %}{{ m() }}", "5", HTH_OK },
    { "{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% set i = 5 %}{{ m() }}", "5", HTH_OK },
    { "{{ i }}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% set i = 5 %}{{ m() }}",
      "775", HTH_OK },
    { "{% if t %}{% set i = 5 %}{% endif %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}",
      "5", HTH_OK },
    { "{% for q in l %}{{ i }}{% endfor %}{% set i = 1 %}{{ i }}", "1", HTH_OK },
    { "{% for q in l %}{{ i }}{% set i = q %}{{ i }}{% endfor %}{{ i }}", "7371727", HTH_OK },
    { "{% for x in l %}{{ y2 }}{% set y2 = x %}{{ y2 }}{% endfor %}", "312", HTH_OK },
    { "{% for x in l %}{% if loop.first %}{% set y3 = x %}{% endif %}{{ y3 }}{% endfor %}",
      "3", HTH_OK },
    { "{% for x in l %}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}{% endfor %}",
      "312", HTH_OK },
    { "{% set i = 1 %}{% with %}{% set i = 2 %}{{ i }}{% endwith %}{{ i }}", "21", HTH_OK },
    { "{% set i = 1 %}{% filter upper %}{% set i = 2 %}{{ i }}{% endfilter %}{{ i }}",
      "21", HTH_OK },
    { "{% set i = 1 %}{% set z %}{% set i = 2 %}{{ i }}{% endset %}{{ i }}{{ z }}",
      "12", HTH_OK },
    { "{% with a=i, i=2 %}{{ a }}{{ i }}{% endwith %}{{ i }}", "727", HTH_OK },
    { "{% macro outer() %}{% macro inner() %}I{{ i }}{% endmacro %}{{ inner() }}{% endmacro"
      " %}{{ outer() }}{{ inner is defined }}",
      "I7False", HTH_OK },
    { "{% if t %}{% macro mm() %}M{% endmacro %}{% endif %}{{ mm() }}", "M", HTH_OK },
    { "{% for x in l %}{% macro mm() %}M{% endmacro %}{% endfor %}{{ mm is defined }}",
      "False", HTH_OK },
    { "{% for x in empty %}{% else %}{% set i = 2 %}{{ i }}{% endfor %}{{ i }}", "27", HTH_OK },
    { "{% set range = 1 %}{{ range }}", "1", HTH_OK },
    { "{% for x in l %}{{ x }}{% endfor %}{{ x }}", "3122.5", HTH_OK },
    { "{% set loop = 1 %}{{ loop }}", "1", HTH_OK },
};

static const RenderRow refusals[] = {
    { "{% for x in l %}{{ m() }}{% endfor %}{% macro m() %}{{ x }}{% endmacro %}",
      "the variable 'm' is undefined", HTH_EINVAL },
    { "{{ ''.join([undefinedvar.x]) }}",
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

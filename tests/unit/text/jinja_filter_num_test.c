/* jinja_filter_num_test.c - filters that give numbers */
#include "support/test.h"

#include "support/render.h"

/* clang-format off */
static const RenderRow renders[] = {
    { "{{ x|round }}", "2.0", HTH_OK },
    { "{{ 2.675|round(2) }}", "2.67", HTH_OK },
    { "{{ 42.55|round(1,\"floor\") }}", "42.5", HTH_OK },
    { "{{ 42.55|round(1,\"ceil\") }}", "42.6", HTH_OK },
    { "{{ 1234.5|round(-2) }}", "1200.0", HTH_OK },
    { "{{ 7|round }}", "7", HTH_OK },
    { "{{ 15|round(-1) }}", "20", HTH_OK },
    { "{{ 0.5|round }}", "0.0", HTH_OK },
    { "{{ 1.5|round }}", "2.0", HTH_OK },
    { "{{ x|int }}", "2", HTH_OK },
    { "{{ true|int }}", "1", HTH_OK },
    { "{{ n|int }}", "0", HTH_OK },
    { "{{ n|int(default=9) }}", "9", HTH_OK },
    { "{{ n|float }}", "0.0", HTH_OK },
    { "{{ i|float }}", "7.0", HTH_OK },
    { "{{ neg|abs }}", "3", HTH_OK },
    { "{{ -2.5|abs }}", "2.5", HTH_OK },
    { "{{ nums|sum }}", "1.0012345678901235e+20", HTH_OK },
    { "{{ l|sum }}", "6", HTH_OK },
    { "{{ [[1],[2]]|sum(start=[]) }}", "[1, 2]", HTH_OK },
    { "{{ [{\"n\":1},{\"n\":2}]|sum(attribute=\"n\") }}", "3", HTH_OK },
    { "{{ empty|sum }}", "0", HTH_OK },
    { "{{ 1000|filesizeformat }}", "1.0 kB", HTH_OK },
    { "{{ 1|filesizeformat }}", "1 Byte", HTH_OK },
    { "{{ 500|filesizeformat }}", "500 Bytes", HTH_OK },
    { "{{ 123456789|filesizeformat }}", "123.5 MB", HTH_OK },
    { "{{ 123456789|filesizeformat(true) }}", "117.7 MiB", HTH_OK },
};

static const RenderRow refusals[] = {
    { "{{ \"a\"|abs }}",
      "abs needs a number, not a str", HTH_EINVAL },
    { "{{ undefinedvar|abs }}",
      "the variable 'undefinedvar' is undefined", HTH_EINVAL },
    { "{{ undefinedvar|round }}",
      "the variable 'undefinedvar' is undefined", HTH_EINVAL },
    { "{{ \"a\"|round }}",
      "round needs a number, not a str", HTH_EINVAL },
    { "{{ x|round(2,\"foo\") }}",
      "round rounds 'common', 'ceil' or 'floor'", HTH_EINVAL },
    { "{{ [\"a\"]|sum }}",
      "'+' does not work on a int and a str", HTH_EINVAL },
    { "{{ msgs|sum(attribute=\"n\") }}",
      "the attribute 'n' is undefined", HTH_EINVAL },
    { "{{ none|sum }}",
      "a None cannot be iterated over", HTH_EINVAL },
    { "{{ 1|int(base=\"a\") }}",
      "the base of int must be an integer, not a str", HTH_EINVAL },
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

/* jinja_num_test.c - numbers read and written as Python does */
#include "support/test.h"

#include "support/render.h"

/* clang-format off */
static const RenderRow renders[] = {
    { "{{ \"42\"|int }}", "42", HTH_OK },
    { "{{ \"42.7\"|int }}", "42", HTH_OK },
    { "{{ \" 42 \"|int }}", "42", HTH_OK },
    { "{{ \"-7\"|int }}", "-7", HTH_OK },
    { "{{ \"+7\"|int }}", "7", HTH_OK },
    { "{{ \"abc\"|int }}", "0", HTH_OK },
    { "{{ \"abc\"|int(5) }}", "5", HTH_OK },
    { "{{ \"0x1f\"|int(base=16) }}", "31", HTH_OK },
    { "{{ \"1f\"|int(0,16) }}", "31", HTH_OK },
    { "{{ \"0b11\"|int(0,2) }}", "3", HTH_OK },
    { "{{ \"0x1f\"|int(0,0) }}", "31", HTH_OK },
    { "{{ \"077\"|int(7,0) }}", "77", HTH_OK },
    { "{{ \"1_000\"|int }}", "1000", HTH_OK },
    { "{{ \"1__0\"|int }}", "0", HTH_OK },
    { "{{ \"_1\"|int }}", "0", HTH_OK },
    { "{{ \"\"|int }}", "0", HTH_OK },
    { "{{ \"inf\"|int }}", "0", HTH_OK },
    { "{{ \"1e3\"|int }}", "1000", HTH_OK },
    { "{{ \"3.5\"|float }}", "3.5", HTH_OK },
    { "{{ \"x\"|float }}", "0.0", HTH_OK },
    { "{{ \"x\"|float(1.5) }}", "1.5", HTH_OK },
    { "{{ \"nan\"|float }}", "nan", HTH_OK },
    { "{{ \"-inf\"|float }}", "-inf", HTH_OK },
    { "{{ \"Infinity\"|float }}", "inf", HTH_OK },
    { "{{ \"1_0.5\"|float }}", "10.5", HTH_OK },
    { "{{ \"1e400\"|float }}", "inf", HTH_OK },
    { "{{ \"1e-400\"|float }}", "0.0", HTH_OK },
    { "{{ \".5\"|float }}", "0.5", HTH_OK },
    { "{{ \"5.\"|float }}", "5.0", HTH_OK },
    { "{{ \"1e\"|float }}", "0.0", HTH_OK },
    { "{{ \"0x10\"|float }}", "0.0", HTH_OK },
    { "{{ \"--1\"|float }}", "0.0", HTH_OK },
    { "{{ 1_0.5 }}", "10.5", HTH_OK },
    { "{{ 0.1 }}", "0.1", HTH_OK },
    { "{{ 1/3 }}", "0.3333333333333333", HTH_OK },
    { "{{ 123456789.0*10 }}", "1234567890.0", HTH_OK },
    { "{{ 3.0|int }}", "3", HTH_OK },
    { "{{ 12345678901234567.0 }}", "1.2345678901234568e+16", HTH_OK },
};

static const RenderRow refusals[] = {
    { "{{ 1e30|int }}",
      "an integer does not fit 64 bits", HTH_ELIMIT },
    { "{{ \"1e30\"|int }}",
      "an integer does not fit 64 bits", HTH_ELIMIT },
    { "{{ undefinedvar|int }}",
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

/* op_test.c - the table of operations is whole and says what the header says.
 *
 * Thread: one. */
#include "support/test.h"

#include "op/op.h"

static void every_row_is_filled(void **state) {
    (void)state;
    for (int op = 0; op < HTH_OP_COUNT; op++) {
        const HthOpInfo *info = hth_op_info((HthOpCode)op);
        assert_non_null(info->name);
        assert_non_null(info->text);
        assert_string_equal(hth_op_name((HthOpCode)op), info->name);
        assert_true(info->reads <= 3);
        assert_int_equal(strstr(info->text, "%A") != NULL, info->reads > 0);
        assert_int_equal(strstr(info->text, "%B") != NULL, info->reads > 1);
        assert_int_equal(strstr(info->text, "%C") != NULL, info->reads > 2);
        assert_int_equal(strstr(info->text, "%W") != NULL, info->weight);
        for (int other = 0; other < op; other++)
            assert_string_not_equal(info->name, hth_op_name((HthOpCode)other));
    }
}

static void registers_have_names(void **state) {
    (void)state;
    for (int r = 0; r < HTH_R_COUNT; r++)
        for (int other = 0; other < r; other++)
            assert_string_not_equal(hth_reg_name((HthReg)r), hth_reg_name((HthReg)other));
    assert_string_equal(hth_reg_name(HTH_R_LOGITS), "logits");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_filled),
        cmocka_unit_test(registers_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

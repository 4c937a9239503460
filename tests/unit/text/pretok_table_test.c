/* pretok_table_test.c - the table is whole: names once, stages ended, flags that go together. */
#include "support/test.h"

#include "text/pretok.h"

static void rows(void **state) {
    size_t n = 0;
    (void)state;
    for (; hth_pre_at(n); n++) {
        const HthPre *row = hth_pre_at(n);
        assert_ptr_equal(hth_pre_find(hth_str(row->name)), row); /* so no name comes twice */
        size_t stages = 0;
        for (; row->stages[stages].kind != HTH_STAGE_END; stages++) {
            HthStageKind kind = row->stages[stages].kind;
            bool digits = kind == HTH_STAGE_TRIPLES || kind == HTH_STAGE_TRIPLES_BARE;
            assert_int_equal(row->stages[stages].pattern == NULL, digits);
        }
        assert_in_range(stages, 1, 7);
        if (row->flags & HTH_PRE_NEWLINES) assert_true(row->flags & HTH_PRE_RAW);
    }
    assert_true(n > 80);
    assert_string_equal(hth_pre_find(HTH_STR(""))->name, "default");
    assert_null(hth_pre_find(HTH_STR("Default")));
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(rows) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

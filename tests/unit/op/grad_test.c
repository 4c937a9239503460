/* grad_test.c - opening the training state: sizes checked, memory failures survived. */
#include "grad_check.h"

static void sizes(void **state) {
    HthGrad *g = NULL;
    HthErr err;
    (void)state;
    assert_int_equal(hth_grad_open(&g, NULL, &(HthGradSize){ 16, 32, 0, 16 }, &err), HTH_EINVAL);
    assert_int_equal(hth_grad_open(&g, NULL, &(HthGradSize){ 16, 31, 32, 16 }, &err), HTH_EINVAL);
    assert_null(g);
    hth_grad_close(&g);
}

static void no_memory(void **state) {
    const uint64_t live = hth_mem_live();
    (void)state;
    for (uint64_t nth = 1;; nth++) {
        HthGrad *g = NULL;
        HthErr err;
        hth_mem_fail_after(nth);
        HthStatus status = hth_grad_open(&g, NULL, &(HthGradSize){ 64, 32, 64, 32 }, &err);
        hth_mem_fail_after(0);
        if (status == HTH_OK) {
            hth_grad_close(&g);
            break;
        }
        assert_int_equal(status, HTH_ENOMEM);
        assert_null(g);
        assert_true(hth_mem_live() == live);
    }
    assert_true(hth_mem_live() == live);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(sizes), cmocka_unit_test(no_memory) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

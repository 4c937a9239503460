/* kv_view_test.c - the layout of a cache page.  (Overlap is tried in kv/table_test.c.)
 *
 * Thread: one. */
#include "support/test.h"

#include "op/kv_view.h"

static void sizes_add_up(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthKvLayout l;
    assert_ok(hth_kv_layout(&l, HTH_KV_F16, 3, 2, 128, 64, &err), err);
    assert_int_equal(l.k_row, 256);
    assert_int_equal(l.v_row, 128);
    assert_int_equal(l.v_at, 2 * HTH_PAGE_LEN * 256);
    assert_int_equal(l.layer_bytes, 2 * HTH_PAGE_LEN * (256 + 128));
    assert_int_equal(l.page_bytes, 3 * l.layer_bytes);
    uint8_t page[2];
    uint8_t *pages[2] = { page, page + 1 };
    HthKvView v = { .layout = l, .pages = pages };
    assert_ptr_equal(hth_kv_k(&v, 0, 0, 0), page);
    assert_ptr_equal(hth_kv_k(&v, 0, 0, HTH_PAGE_LEN), page + 1);
}

static void what_cannot_fit_is_refused(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthKvLayout l = { .page_bytes = 7 };
    assert_status(
        hth_kv_layout(&l, HTH_KV_F32, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, &err),
        HTH_ELIMIT, err);
    assert_int_equal(l.page_bytes, 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_add_up),
        cmocka_unit_test(what_cannot_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

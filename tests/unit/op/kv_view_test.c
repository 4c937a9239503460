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
    assert_int_equal(l.v_at, HTH_PAGE_LEN * 256);
    assert_int_equal(l.head_bytes, HTH_PAGE_LEN * (256 + 128));
    assert_int_equal(l.page_bytes, 3 * 2 * l.head_bytes);
    uint8_t page[2];
    uint8_t *pages[2] = { page, page + 1 };
    HthKvView v = { .layout = l, .pages = pages };
    assert_ptr_equal(hth_kv_keys(&v, 0, 0, 0), page);
    assert_ptr_equal(hth_kv_keys(&v, 0, 0, HTH_PAGE_LEN), page + 1);
    assert_ok(hth_kv_layout(&l, HTH_KV_Q8_0, 3, 2, 128, 64, &err), err);
    assert_int_equal(l.page_bytes, 3 * 2 * HTH_PAGE_LEN * (128 + 64) * 34 / 32);
    assert_ok(hth_kv_layout(&l, HTH_KV_Q4_0, 3, 2, 128, 64, &err), err);
    assert_int_equal(l.page_bytes, 3 * 2 * HTH_PAGE_LEN * (128 + 64) * 18 / 32);
}

/* Blocks of 32 lie along the head: heads that are no whole number of blocks are refused by name. */
static void parts_of_blocks_are_refused(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthKvLayout l = { .page_bytes = 7 };
    assert_status(hth_kv_layout(&l, HTH_KV_Q8_0, 1, 1, 80, 64, &err), HTH_ENOTSUP, err);
    assert_status(hth_kv_layout(&l, HTH_KV_Q4_0, 1, 1, 64, 16, &err), HTH_ENOTSUP, err);
    assert_int_equal(l.page_bytes, 7);
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
        cmocka_unit_test(parts_of_blocks_are_refused),
        cmocka_unit_test(what_cannot_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

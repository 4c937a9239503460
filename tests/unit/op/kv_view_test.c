/* kv_view_test.c - the layout of a cache page.  (Overlap is tried in kv/table_test.c.)
 *
 * Thread: one. */
#include "support/test.h"

#include "op/program.h"

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

/* Layers with heads of their own lie after the others, and are wiped like them. */
static void two_kinds_of_heads(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthKvLayout l;
    HthProgram p = { .n_cache = 2, .n_head_kv = 1, .head_dim = 64, .head_dim_v = 64 };
    p.n_cache_own = 3;
    p.window_heads = (HthHeads){ 4, 32, 32 };
    assert_ok(hth_program_layout(&l, &p, HTH_KV_F16, false, &err), err);
    const size_t wide = HTH_PAGE_LEN * 2 * 64 * 2, few = HTH_PAGE_LEN * 2 * 32 * 2;
    assert_int_equal(l.page_bytes, 2 * wide + 3 * 4 * few);
    uint8_t *page = hth_calloc(l.page_bytes, 1);
    HthKvView v = { .layout = l, .pages = &page };
    for (uint32_t layer = 0; layer < 2; layer++) {
        assert_ptr_equal(hth_kv_keys(&v, layer, 0, 5), page + layer * wide);
        assert_ptr_equal(hth_kv_values(&v, layer, 0, 5), page + layer * wide + wide / 2);
    }
    for (uint32_t layer = 2; layer < 5; layer++)
        for (uint32_t h = 0; h < 4; h++) {
            uint8_t *at = page + 2 * wide + ((layer - 2) * 4 + h) * few;
            assert_ptr_equal(hth_kv_keys(&v, layer, h, 5), at);
            assert_ptr_equal(hth_kv_values(&v, layer, h, 5), at + few / 2);
        }
    memset(page, 1, l.page_bytes);
    hth_kv_wipe(&v, 0, HTH_PAGE_LEN);
    for (size_t i = 0; i < l.page_bytes; i++) assert_int_equal(page[i], 0);
    hth_free(page);
    p.n_cache = 0; /* all layers are windowed */
    assert_ok(hth_program_layout(&l, &p, HTH_KV_F16, false, &err), err);
    assert_int_equal(l.page_bytes, 3 * 4 * few);
    assert_int_equal(l.own.at, 0);
    p.window_heads.dim = 48;
    assert_status(hth_program_layout(&l, &p, HTH_KV_Q8_0, false, &err), HTH_ENOTSUP, err);
    p.window_heads = (HthHeads){ UINT32_MAX, UINT32_MAX, UINT32_MAX };
    assert_status(hth_program_layout(&l, &p, HTH_KV_F32, false, &err), HTH_ELIMIT, err);
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
        cmocka_unit_test(two_kinds_of_heads),
        cmocka_unit_test(parts_of_blocks_are_refused),
        cmocka_unit_test(what_cannot_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

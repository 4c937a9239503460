/* pages_test.c - the page pool against a naive model: counts, readers, wiping, refusals.
 *
 * Thread: one. */
#include "support/test.h"

#include "base/rng.h"
#include "kv/pages.h"

enum { PAGES = 13, BYTES = 100 };

static HthPages *open_pool(void) {
    HthErr err = { 0 };
    HthPages *p = NULL;
    assert_ok(hth_pages_open(&p, &(HthPagesCfg){ .page_count = PAGES, .page_bytes = BYTES }, &err),
              err);
    return p;
}

static bool is_zero(const void *p, size_t n) {
    const uint8_t *b = p;
    for (size_t i = 0; i < n; i++)
        if (b[i]) return false;
    return true;
}

static void refuses_nonsense(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthPages *p = NULL;
    HthPage page[PAGES + 1];
    assert_status(hth_pages_open(&p, &(HthPagesCfg){ .page_count = 0, .page_bytes = 8 }, &err),
                  HTH_EINVAL, err);
    assert_status(hth_pages_open(&p, &(HthPagesCfg){ .page_count = 4, .page_bytes = 0 }, &err),
                  HTH_EINVAL, err);
    assert_status(
        hth_pages_open(&p, &(HthPagesCfg){ .page_count = 4, .page_bytes = SIZE_MAX - 5 }, &err),
        HTH_EINVAL, err);
    assert_status(
        hth_pages_open(
            &p, &(HthPagesCfg){ .page_count = UINT32_MAX - 1, .page_bytes = SIZE_MAX / 2 }, &err),
        HTH_ENOMEM, err);
    assert_null(p);
    p = open_pool();
    assert_status(hth_pages_take(p, 0, page, &err), HTH_EINVAL, err);
    assert_status(hth_pages_take(p, PAGES + 1, page, &err), HTH_EINVAL, err);
    hth_pages_close(&p);
    hth_pages_close(&p); /* fine on NULL */
}

static void all_or_none(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthPages *p = open_pool();
    HthPage page[PAGES], more = { 77 };
    assert_ok(hth_pages_take(p, PAGES - 1, page, &err), err);
    HthPage two[2] = { { 77 }, { 77 } };
    assert_status(hth_pages_take(p, 2, two, &err), HTH_EAGAIN, err);
    assert_int_equal(two[0].id, 77); /* untouched */
    assert_int_equal(hth_pages_free_count(p), 1);
    assert_ok(hth_pages_take(p, 1, &more, &err), err);
    assert_int_equal(hth_pages_free_count(p), 0);
    hth_pages_close(&p);
}

/* Random takes, shares, marks and drops: readers as counted, contents kept while read, wiped after;
 * spare are those that are marked and have one reader. */
static void conserves_pages(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthPages *p = open_pool();
    uint32_t readers[PAGES + 1] = { 0 }, free_count = PAGES;
    bool marked[PAGES + 1] = { false };
    for (uint64_t step = 0; step < 4000; step++) {
        uint32_t r[4];
        hth_rng_block(1, 2, step, r);
        uint32_t id = 1 + r[1] % PAGES;
        HthPage page = { id };
        if (r[0] % 3 == 0 && free_count > 0) {
            assert_ok(hth_pages_take(p, 1, &page, &err), err);
            assert_int_equal(readers[page.id], 0);
            assert_true(is_zero(hth_pages_data(p, page), BYTES)); /* nobody's old text */
            memset(hth_pages_data(p, page), (int)page.id, BYTES);
            readers[page.id] = 1;
            free_count--;
        } else if (readers[id] && r[0] % 3 == 1) {
            hth_pages_share(p, page);
            readers[id]++;
        } else if (readers[id] && r[2] % 3 == 0) {
            marked[id] = !marked[id];
            hth_pages_mark(p, page, marked[id]);
        } else if (readers[id] > 1 || (readers[id] && !marked[id])) {
            uint8_t *bytes = hth_pages_data(p, page);
            assert_true(bytes[0] == id && bytes[BYTES - 1] == id);
            hth_pages_drop(p, page);
            if (--readers[id] == 0) {
                free_count++;
                assert_true(is_zero(bytes, BYTES)); /* wiped at once */
            }
        }
        uint32_t spare = 0;
        for (uint32_t i = 1; i <= PAGES; i++) spare += marked[i] && readers[i] == 1;
        assert_int_equal(hth_pages_spare_count(p), spare);
        assert_int_equal(hth_pages_free_count(p), free_count);
        assert_int_equal(hth_pages_readers(p, (HthPage){ id }), readers[id]);
    }
    hth_pages_close(&p);
}

static HthStatus body(void *ctx) {
    (void)ctx;
    HthPages *p = NULL;
    HthStatus st =
        hth_pages_open(&p, &(HthPagesCfg){ .page_count = PAGES, .page_bytes = BYTES }, NULL);
    if (st != HTH_OK) assert_null(p);
    hth_pages_close(&p);
    return st;
}

static void survives_no_memory(void **state) {
    (void)state;
    assert_true(test_torture(body, NULL, 10) >= 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_nonsense),
        cmocka_unit_test(all_or_none),
        cmocka_unit_test(conserves_pages),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* table_test.c - block tables: growth, trimming, wiping, and where positions land.
 *
 * Thread: one. */
#include "support/test.h"

#include "base/rng.h"
#include "kv/table.h"

enum { PAGES = 6, LAYERS = 2, HEADS = 3, DK = 4, DV = 2 };

typedef struct World {
    HthPages *pages;
    HthTable *a, *b;
    HthKvLayout layout;
} World;

static HthStatus world_open(World *w, HthErr *err) {
    *w = (World){ 0 };
    HTH_TRY(hth_kv_layout(&w->layout, HTH_KV_F32, LAYERS, HEADS, DK, DV, err));
    HTH_TRY(hth_pages_open(&w->pages, &(HthPagesCfg){ PAGES, w->layout.page_bytes }, err));
    HTH_TRY(hth_table_open(&w->a, w->pages, &w->layout, 4, err));
    return hth_table_open(&w->b, w->pages, &w->layout, 4, err);
}

static void world_close(World *w) {
    hth_table_close(&w->a);
    hth_table_close(&w->b);
    hth_pages_close(&w->pages);
}

static void grows_and_trims(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w;
    assert_ok(world_open(&w, &err), err);
    assert_ok(hth_table_grow(w.a, 1, &err), err);
    assert_int_equal(hth_table_pages(w.a), 1);
    assert_ok(hth_table_grow(w.a, HTH_PAGE_LEN, &err), err);
    assert_int_equal(hth_table_pages(w.a), 1);
    assert_ok(hth_table_grow(w.a, HTH_PAGE_LEN + 1, &err), err);
    assert_int_equal(hth_table_pages(w.a), 2);
    assert_status(hth_table_grow(w.a, 4 * HTH_PAGE_LEN + 1, &err), HTH_ELIMIT, err);
    assert_ok(hth_table_grow(w.b, 3 * HTH_PAGE_LEN, &err), err);
    assert_status(hth_table_grow(w.a, 4 * HTH_PAGE_LEN, &err), HTH_EAGAIN, err);
    assert_int_equal(hth_table_pages(w.a), 2);
    hth_table_trim(w.b, HTH_PAGE_LEN);
    assert_int_equal(hth_table_pages(w.b), 1);
    assert_ok(hth_table_grow(w.a, 4 * HTH_PAGE_LEN, &err), err);
    hth_table_trim(w.a, 0);
    assert_int_equal(hth_pages_free_count(w.pages), PAGES - 1);
    world_close(&w);
}

/* Every (layer, head, position, K or V) has bytes of its own. */
static void places_do_not_overlap(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w;
    assert_ok(world_open(&w, &err), err);
    enum { N = HTH_PAGE_LEN + 5 };
    assert_ok(hth_table_grow(w.a, N, &err), err);
    const HthKvView *v = hth_table_view(w.a);
    for (int pass = 0; pass < 2; pass++) {
        float tag = 1;
        for (uint32_t l = 0; l < LAYERS; l++)
            for (uint32_t h = 0; h < HEADS; h++)
                for (uint32_t p = 0; p < N; p++) {
                    float *k = (float *)(void *)hth_kv_k(v, l, h, p);
                    float *u = (float *)(void *)hth_kv_v(v, l, h, p);
                    for (int i = 0; i < DK; i++, tag++)
                        if (pass == 0)
                            k[i] = tag;
                        else
                            assert_true(k[i] == tag);
                    for (int i = 0; i < DV; i++, tag++)
                        if (pass == 0)
                            u[i] = tag;
                        else
                            assert_true(u[i] == tag);
                }
    }
    world_close(&w);
}

/* What is trimmed reads zero, in the page that stays too; what is kept stays. */
static void trim_wipes(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w;
    assert_ok(world_open(&w, &err), err);
    assert_ok(hth_table_grow(w.a, 2 * HTH_PAGE_LEN, &err), err);
    const HthKvView *v = hth_table_view(w.a);
    for (uint32_t i = 0; i < 2; i++) memset(v->pages[i], 0xaa, w.layout.page_bytes);
    uint8_t *second = v->pages[1];
    hth_table_trim(w.a, 10);
    for (size_t i = 0; i < w.layout.page_bytes; i++) assert_int_equal(second[i], 0);
    for (uint32_t l = 0; l < LAYERS; l++)
        for (uint32_t h = 0; h < HEADS; h++)
            for (uint32_t p = 0; p < HTH_PAGE_LEN; p++) {
                assert_int_equal(*hth_kv_k(v, l, h, p), p < 10 ? 0xaa : 0);
                assert_int_equal(hth_kv_v(v, l, h, p)[DV * 4 - 1], p < 10 ? 0xaa : 0);
            }
    world_close(&w);
}

/* Only what was asked for since the last trim is wiped, and all of that: growing and trimming at
 * random, bytes past the count are always zero. */
static void nothing_lingers(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w;
    assert_ok(world_open(&w, &err), err);
    const HthKvView *v = hth_table_view(w.a);
    uint32_t count = 0;
    for (uint64_t step = 0; step < 200; step++) {
        uint32_t more = hth_rng_below(4, 1, step, 12), keep;
        if (count + more > 2 * HTH_PAGE_LEN) more = 0;
        if (more > 0) assert_ok(hth_table_grow(w.a, count + more, &err), err);
        for (uint32_t p = count; p < count + more; p++)
            for (uint32_t l = 0; l < LAYERS; l++)
                for (uint32_t h = 0; h < HEADS; h++) {
                    memset(hth_kv_k(v, l, h, p), 0xaa, DK * 4);
                    memset(hth_kv_v(v, l, h, p), 0xaa, DV * 4);
                }
        count += more;
        keep = hth_rng_below(4, 2, step, 10);
        if (step % 50 == 49) keep = hth_rng_below(4, 3, step, 2 * HTH_PAGE_LEN);
        count -= keep < count ? keep : count;
        hth_table_trim(w.a, count);
        for (uint32_t p = 0; p < hth_table_pages(w.a) * HTH_PAGE_LEN; p++)
            for (uint32_t l = 0; l < LAYERS; l++)
                for (uint32_t h = 0; h < HEADS; h++) {
                    assert_int_equal(hth_kv_k(v, l, h, p)[DK * 4 - 1], p < count ? 0xaa : 0);
                    assert_int_equal(hth_kv_v(v, l, h, p)[0], p < count ? 0xaa : 0);
                }
    }
    world_close(&w);
}

static HthStatus body(void *ctx) {
    (void)ctx;
    World w;
    HthStatus st = world_open(&w, NULL);
    world_close(&w);
    return st;
}

static void survives_no_memory(void **state) {
    (void)state;
    assert_true(test_torture(body, NULL, 20) >= 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_trims),    cmocka_unit_test(places_do_not_overlap),
        cmocka_unit_test(trim_wipes),         cmocka_unit_test(nothing_lingers),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* table_test.c - block tables: growth, trimming, wiping, and where positions land.
 *
 * Thread: one. */
#include "support/test.h"

#include "base/mem.h"
#include "base/rng.h"
#include "kv/table.h"

enum { PAGES = 6, LAYERS = 2, HEADS = 3, DK = 64, DV = 32 };

typedef struct World {
    HthPages *pages;
    HthTable *a, *b;
    HthKvLayout layout;
} World;

static HthStatus world_open(World *w, HthKvType type, HthErr *err) {
    *w = (World){ 0 };
    HTH_TRY(hth_kv_layout(&w->layout, type, LAYERS, HEADS, DK, DV, err));
    HTH_TRY(hth_pages_open(
        &w->pages, &(HthPagesCfg){ .page_count = PAGES, .page_bytes = w->layout.page_bytes }, err));
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
    assert_ok(world_open(&w, HTH_KV_F32, &err), err);
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

/* The bytes of a row of head h of layer l at position p, keys or values; no byte is zero. */
static void row_of(uint8_t *row, size_t n, uint32_t l, uint32_t h, uint32_t p, uint32_t which) {
    for (size_t i = 0; i < n; i++)
        row[i] = (uint8_t)(1 + hth_rng_below(31, (l * 8 + h) * 2 + which, p * 1000 + i, 255));
}

static size_t bytes_set(const HthKvView *v, uint32_t page) {
    size_t n = 0;
    for (size_t i = 0; i < v->layout.page_bytes; i++) n += v->pages[page][i] != 0;
    return n;
}

/* Every (layer, head, position, K or V) has bytes of its own, and together they are the page; what
 * is trimmed reads zero, in the page that stays too; what is kept stays. */
static void places_and_wiping(void **state) {
    (void)state;
    for (int type = 0; type < HTH_KV_COUNT; type++) {
        HthErr err = { 0 };
        World w;
        assert_ok(world_open(&w, (HthKvType)type, &err), err);
        assert_ok(hth_table_grow(w.a, 2 * HTH_PAGE_LEN, &err), err);
        const HthKvView *v = hth_table_view(w.a);
        size_t kb = hth_kv_bytes(v->layout.type, DK), vb = hth_kv_bytes(v->layout.type, DV);
        uint8_t row[DK * 4], *second = v->pages[1];
        for (uint32_t p = 0; p < 2 * HTH_PAGE_LEN; p++) {
            size_t before = bytes_set(v, p / HTH_PAGE_LEN);
            for (uint32_t l = 0; l < LAYERS; l++)
                for (uint32_t h = 0; h < HEADS; h++) {
                    row_of(row, kb, l, h, p, 0);
                    hth_kv_put_key(v->layout.type, DK, row, hth_kv_keys(v, l, h, p),
                                   p % HTH_PAGE_LEN);
                    row_of(row, vb, l, h, p, 1);
                    hth_kv_put_value(v->layout.type, DV, row, hth_kv_values(v, l, h, p),
                                     p % HTH_PAGE_LEN);
                }
            assert_int_equal(bytes_set(v, p / HTH_PAGE_LEN) - before, LAYERS * HEADS * (kb + vb));
        }
        assert_int_equal(bytes_set(v, 0), v->layout.page_bytes);
        uint8_t *old = hth_calloc(v->layout.page_bytes, 1),
                *twin = hth_calloc(v->layout.page_bytes, 1);
        memcpy(old, v->pages[0], v->layout.page_bytes);
        hth_table_trim(w.a, 10);
        for (size_t i = 0; i < v->layout.page_bytes; i++) assert_int_equal(second[i], 0);
        assert_int_equal(bytes_set(v, 0), LAYERS * HEADS * 10 * (kb + vb));
        for (size_t i = 0; i < v->layout.page_bytes; i++)
            assert_true(v->pages[0][i] == old[i] || v->pages[0][i] == 0);
        HthKvView rebuilt = { .layout = v->layout,
                              .pages = &twin }; /* ten positions, nothing else */
        for (uint32_t p = 0; p < 10; p++)
            for (uint32_t l = 0; l < LAYERS; l++)
                for (uint32_t h = 0; h < HEADS; h++) {
                    row_of(row, kb, l, h, p, 0);
                    hth_kv_put_key(v->layout.type, DK, row, hth_kv_keys(&rebuilt, l, h, p), p);
                    row_of(row, vb, l, h, p, 1);
                    hth_kv_put_value(v->layout.type, DV, row, hth_kv_values(&rebuilt, l, h, p), p);
                }
        assert_memory_equal(twin, v->pages[0], v->layout.page_bytes);
        hth_free(old);
        hth_free(twin);
        world_close(&w);
    }
}

/* Only what was asked for since the last trim is wiped, and all of that: growing and trimming at
 * random, bytes past the count are always zero. */
static void nothing_lingers(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w;
    assert_ok(world_open(&w, HTH_KV_Q8_0, &err), err);
    const HthKvView *v = hth_table_view(w.a);
    size_t row = hth_kv_bytes(HTH_KV_Q8_0, DK) + hth_kv_bytes(HTH_KV_Q8_0, DV);
    uint8_t ones[DK * 2];
    uint32_t count = 0;
    memset(ones, 0xaa, sizeof ones);
    for (uint64_t step = 0; step < 200; step++) {
        uint32_t more = hth_rng_below(4, 1, step, 12), keep;
        if (count + more > 2 * HTH_PAGE_LEN) more = 0;
        if (more > 0) assert_ok(hth_table_grow(w.a, count + more, &err), err);
        for (uint32_t p = count; p < count + more; p++)
            for (uint32_t l = 0; l < LAYERS; l++)
                for (uint32_t h = 0; h < HEADS; h++) {
                    uint32_t t = p % HTH_PAGE_LEN;
                    hth_kv_put_key(HTH_KV_Q8_0, DK, ones, hth_kv_keys(v, l, h, p), t);
                    hth_kv_put_value(HTH_KV_Q8_0, DV, ones, hth_kv_values(v, l, h, p), t);
                }
        count += more;
        keep = hth_rng_below(4, 2, step, 10);
        if (step % 50 == 49) keep = hth_rng_below(4, 3, step, 2 * HTH_PAGE_LEN);
        count -= keep < count ? keep : count;
        hth_table_trim(w.a, count);
        size_t set = 0;
        for (uint32_t i = 0; i < hth_table_pages(w.a); i++) set += bytes_set(v, i);
        assert_int_equal(set, count * row * LAYERS * HEADS);
    }
    world_close(&w);
}

/* Whole pages of another table stand in front; what they replace is dropped, and nothing else. */
static void adopts_whole_pages(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w;
    assert_ok(world_open(&w, HTH_KV_F16, &err), err);
    assert_ok(hth_table_grow(w.a, 3 * HTH_PAGE_LEN, &err), err);
    HthPage page[3];
    memcpy(page, hth_table_list(w.a), sizeof page);
    for (int i = 0; i < 3; i++) hth_pages_share(w.pages, page[i]);
    hth_table_adopt(w.b, 0, page, 2);
    assert_int_equal(hth_table_pages(w.b), 2);
    assert_ok(hth_table_grow(w.b, 2 * HTH_PAGE_LEN + 1, &err), err);
    assert_int_equal(hth_pages_free_count(w.pages), PAGES - 4);
    const HthPage own = hth_table_list(w.b)[2];
    hth_table_adopt(w.b, 2, page + 2, 1);
    assert_int_equal(hth_pages_readers(w.pages, own), 0);
    assert_int_equal(hth_table_pages(w.b), 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hth_pages_readers(w.pages, page[i]), 2);
        assert_ptr_equal(hth_table_view(w.b)->pages[i], hth_table_view(w.a)->pages[i]);
    }
    hth_table_trim(w.b, HTH_PAGE_LEN);
    assert_int_equal(hth_pages_readers(w.pages, page[0]), 2);
    assert_int_equal(hth_pages_readers(w.pages, page[1]), 1);
    world_close(&w);
}

static HthStatus body(void *ctx) {
    (void)ctx;
    World w;
    HthStatus st = world_open(&w, HTH_KV_F16, NULL);
    world_close(&w);
    return st;
}

static void survives_no_memory(void **state) {
    (void)state;
    assert_true(test_torture(body, NULL, 20) >= 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_trims),    cmocka_unit_test(places_and_wiping),
        cmocka_unit_test(nothing_lingers),    cmocka_unit_test(adopts_whole_pages),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

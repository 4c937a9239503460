/* prefix_test.c - the prefix tree against a list of everything that was kept.
 *
 * Thread: one. */
#include "support/test.h"

#include "base/rng.h"
#include "kv/prefix.h"

enum { LEN = 4, PAGES = 40, BYTES = 16, DEPTH = 6 };

typedef struct World {
    HthPages *pages;
    HthPrefix *tree;
} World;

static HthStatus world_open(World *w, uint32_t nodes, HthErr *err) {
    *w = (World){ 0 };
    HTH_TRY(
        hth_pages_open(&w->pages, &(HthPagesCfg){ .page_count = PAGES, .page_bytes = BYTES }, err));
    return hth_prefix_open(&w->tree, w->pages, LEN, nodes, err);
}

static void world_close(World *w) {
    hth_prefix_close(&w->tree);
    hth_pages_close(&w->pages);
}

/* Token t of a text: pages of few words, so that texts share beginnings. */
static void text_of(uint32_t *ids, uint32_t count, uint64_t which) {
    for (uint32_t i = 0; i < count; i++) ids[i] = 100 + (uint32_t)(which >> i / LEN & 1);
}

/* Takes pages for a text, keeps it, and leaves: only the tree reads them then. */
static uint32_t keep(World *w, uint64_t tenant, const uint32_t *ids, uint32_t count) {
    HthErr err = { 0 };
    HthPage page[DEPTH], first = { 0 };
    assert_ok(hth_pages_take(w->pages, count, page, &err), err);
    first = page[0];
    hth_prefix_keep(w->tree, tenant, ids, page, count);
    for (uint32_t i = 0; i < count; i++) hth_pages_drop(w->pages, page[i]);
    return first.id;
}

static uint32_t found(World *w, uint64_t tenant, const uint32_t *ids, size_t n) {
    HthPage page[DEPTH];
    const uint32_t count = hth_prefix_match(w->tree, tenant, ids, n, page, DEPTH);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(hth_pages_readers(w->pages, page[i]) >= 2);
        hth_pages_drop(w->pages, page[i]);
    }
    return count;
}

static void refuses_nonsense(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w;
    assert_ok(world_open(&w, 4, &err), err);
    HthPrefix *p = NULL;
    assert_status(hth_prefix_open(&p, w.pages, 0, 4, &err), HTH_EINVAL, err);
    assert_status(hth_prefix_open(&p, w.pages, LEN, 0, &err), HTH_EINVAL, err);
    assert_status(hth_prefix_open(&p, w.pages, LEN, UINT32_MAX, &err), HTH_EINVAL, err);
    assert_null(p);
    hth_prefix_close(&p); /* fine on NULL */
    world_close(&w);
}

static void finds_whole_pages_only(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w;
    assert_ok(world_open(&w, PAGES, &err), err);
    uint32_t ids[DEPTH * LEN];
    text_of(ids, DEPTH * LEN, 5);
    assert_int_equal(found(&w, 1, ids, DEPTH * LEN), 0);
    keep(&w, 1, ids, 3);
    assert_int_equal(hth_prefix_pages(w.tree), 3);
    assert_int_equal(hth_pages_free_count(w.pages), PAGES - 3);
    assert_int_equal(found(&w, 1, ids, DEPTH * LEN), 3);
    assert_int_equal(found(&w, 1, ids, 3 * LEN - 1), 2);
    assert_int_equal(found(&w, 1, ids, LEN - 1), 0);
    assert_int_equal(found(&w, 1, ids + LEN, 2 * LEN), 0); /* the same words elsewhere */
    HthPage two[2];
    assert_int_equal(hth_prefix_match(w.tree, 1, ids, 3 * LEN, two, 2), 2);
    for (int i = 0; i < 2; i++) hth_pages_drop(w.pages, two[i]);
    ids[2 * LEN]++; /* one token of the third page */
    assert_int_equal(found(&w, 1, ids, DEPTH * LEN), 2);
    world_close(&w);
}

static void tenants_are_apart(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w;
    assert_ok(world_open(&w, PAGES, &err), err);
    uint32_t ids[DEPTH * LEN];
    text_of(ids, DEPTH * LEN, 3);
    keep(&w, 1, ids, 3);
    assert_int_equal(found(&w, 2, ids, DEPTH * LEN), 0);
    keep(&w, 2, ids, 2);
    assert_int_equal(hth_prefix_pages(w.tree), 5);
    hth_prefix_forget(w.tree, 1);
    assert_int_equal(found(&w, 1, ids, DEPTH * LEN), 0);
    assert_int_equal(found(&w, 2, ids, DEPTH * LEN), 2);
    assert_int_equal(hth_pages_free_count(w.pages), PAGES - 2);
    hth_prefix_forget(w.tree, 2);
    assert_int_equal(hth_pages_free_count(w.pages), PAGES);
    world_close(&w);
}

/* The first to come stays; what comes later hangs below it. */
static void keeps_what_is_new(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w;
    assert_ok(world_open(&w, PAGES, &err), err);
    uint32_t ids[DEPTH * LEN];
    text_of(ids, DEPTH * LEN, 9);
    const uint32_t first = keep(&w, 1, ids, 2);
    keep(&w, 1, ids, 5);
    assert_int_equal(hth_prefix_pages(w.tree), 5);
    HthPage page[DEPTH], own[3];
    assert_ok(hth_pages_take(w.pages, 3, own, &err), err);
    assert_int_equal(hth_prefix_keep(w.tree, 1, ids, own, 3), 3);
    for (int i = 0; i < 3; i++) hth_pages_drop(w.pages, own[i]);
    assert_int_equal(hth_prefix_match(w.tree, 1, ids, 5 * LEN, page, DEPTH), 5);
    assert_int_equal(page[0].id, first);
    assert_int_equal(hth_prefix_keep(w.tree, 1, ids, page, 5), 0);
    for (int i = 0; i < 5; i++) hth_pages_drop(w.pages, page[i]);
    world_close(&w);
}

static void drops_least_used_first(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w;
    assert_ok(world_open(&w, PAGES, &err), err);
    uint32_t a[2 * LEN], b[2 * LEN], c[2 * LEN];
    text_of(a, 2 * LEN, 0);
    text_of(b, 2 * LEN, 1);
    text_of(c, 2 * LEN, 2); /* shares its first page with a */
    keep(&w, 1, a, 2);
    keep(&w, 1, b, 2);
    keep(&w, 1, c, 2);
    assert_int_equal(hth_prefix_pages(w.tree), 5);
    assert_int_equal(found(&w, 1, a, 2 * LEN), 2);
    assert_int_equal(hth_prefix_evict(w.tree, PAGES - 5), 0); /* there is room */
    assert_int_equal(hth_prefix_evict(w.tree, PAGES - 4), 1);
    assert_int_equal(found(&w, 1, b, 2 * LEN), 1); /* its leaf; and this counts as use */
    assert_int_equal(hth_prefix_evict(w.tree, PAGES - 3), 1);
    assert_int_equal(found(&w, 1, c, 2 * LEN), 1);
    assert_int_equal(found(&w, 1, a, 2 * LEN), 2);
    HthPage page[2];
    assert_int_equal(hth_prefix_match(w.tree, 1, a, 2 * LEN, page, 2), 2);
    assert_int_equal(hth_prefix_evict(w.tree, PAGES), 1); /* what is read stays */
    assert_int_equal(hth_prefix_pages(w.tree), 2);
    for (int i = 0; i < 2; i++) hth_pages_drop(w.pages, page[i]);
    assert_int_equal(hth_prefix_evict(w.tree, PAGES), 2);
    assert_int_equal(hth_pages_free_count(w.pages), PAGES);
    world_close(&w);
}

static void makes_room_in_a_full_tree(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w;
    assert_ok(world_open(&w, 3, &err), err);
    uint32_t a[DEPTH * LEN], b[DEPTH * LEN];
    text_of(a, DEPTH * LEN, 0);
    text_of(b, DEPTH * LEN, 1);
    keep(&w, 1, a, 2);
    keep(&w, 1, b, 2);
    assert_int_equal(hth_prefix_pages(w.tree), 3);
    assert_int_equal(found(&w, 1, b, DEPTH * LEN), 2);
    assert_int_equal(found(&w, 1, a, DEPTH * LEN), 1);
    keep(&w, 1, b, 5); /* longer than the tree: as much of it as there is room */
    assert_int_equal(found(&w, 1, b, DEPTH * LEN), 3);
    assert_int_equal(hth_pages_free_count(w.pages), PAGES - 3);
    world_close(&w);
}

/* Random texts of three tenants in a tree with room for all: found is exactly what was kept. */
static void agrees_with_a_list(void **state) {
    (void)state;
    enum { TEXTS = 1 << DEPTH, TENANTS = 3 };
    for (uint64_t seed = 1; seed <= 40; seed++) {
        HthErr err = { 0 };
        World w;
        uint8_t kept[TENANTS][TEXTS] = { { 0 } }; /* longest run of pages known of each text */
        assert_ok(world_open(&w, PAGES, &err), err);
        for (uint64_t step = 0; step < 60; step++) {
            const uint64_t tenant = hth_rng_below(seed, 1, step, TENANTS);
            const uint64_t which = hth_rng_below(seed, 2, step, TEXTS);
            const uint32_t count = 1 + hth_rng_below(seed, 3, step, DEPTH);
            uint32_t ids[DEPTH * LEN];
            text_of(ids, DEPTH * LEN, which);
            assert_int_equal(found(&w, tenant, ids, DEPTH * LEN), kept[tenant][which]);
            if (hth_pages_free_count(w.pages) < count) {
                hth_prefix_forget(w.tree, tenant);
                memset(kept[tenant], 0, TEXTS);
                continue;
            }
            keep(&w, tenant, ids, count);
            for (uint64_t other = 0; other < TEXTS; other++) {
                uint32_t same = 0;
                while (same < count && ((other ^ which) >> same & 1) == 0) same++;
                if (kept[tenant][other] < same) kept[tenant][other] = (uint8_t)same;
            }
        }
        world_close(&w);
    }
}

/* A page says whose text it holds and which: the hash of tenant and text, never 0. */
static uint64_t mark_of(uint64_t tenant, const uint32_t *ids, uint32_t pages) {
    uint64_t h = tenant + 1;
    for (uint32_t i = 0; i < pages * LEN; i++) h = (h ^ ids[i]) * UINT64_C(0x9E3779B97F4A7C15);
    return h | 1;
}

typedef struct Reader { /* of the first pages of a text */
    uint64_t tenant, which;
    HthPage page[DEPTH];
    uint32_t count;
} Reader;

/* Matches, computes what is missing, keeps, reads what was there before instead of its own. */
static void read_text(World *w, Reader *r, uint32_t count) {
    HthErr err = { 0 };
    uint32_t ids[DEPTH * LEN];
    text_of(ids, DEPTH * LEN, r->which);
    r->count = hth_prefix_match(w->tree, r->tenant, ids, count * LEN, r->page, count);
    for (uint32_t i = 0; i < r->count; i++) {
        uint64_t mark;
        memcpy(&mark, hth_pages_data(w->pages, r->page[i]), sizeof mark);
        assert_true(mark == mark_of(r->tenant, ids, i + 1));
    }
    const uint32_t more = count - r->count;
    if (more > 0) hth_prefix_evict(w->tree, more);
    if (more == 0 || hth_pages_free_count(w->pages) < more) return;
    assert_ok(hth_pages_take(w->pages, more, r->page + r->count, &err), err);
    for (; r->count < count; r->count++) {
        const uint64_t mark = mark_of(r->tenant, ids, r->count + 1);
        memcpy(hth_pages_data(w->pages, r->page[r->count]), &mark, sizeof mark);
    }
    assert_int_equal(hth_prefix_keep(w->tree, r->tenant, ids, r->page, count), 0);
}

/* Pages of the tree that somebody reads; each is counted once. */
static uint32_t pages_read(const Reader *reader, uint32_t readers) {
    bool seen[PAGES + 1] = { false };
    uint32_t count = 0;
    for (uint32_t k = 0; k < readers; k++)
        for (uint32_t i = 0; i < reader[k].count; i++) {
            count += !seen[reader[k].page[i].id];
            seen[reader[k].page[i].id] = true;
        }
    return count;
}

/* Readers come and go in a pool that is too small: what is found is what was written for that text
 * and tenant; what is spare can be had, to the last page, and what is read stays. */
static void spare_pages_can_be_had(void **state) {
    (void)state;
    enum { READERS = 8, ROUNDS = 3000 };
    for (uint64_t seed = 1; seed <= 10; seed++) {
        HthErr err = { 0 };
        World w;
        Reader reader[READERS] = { { 0 } };
        assert_ok(world_open(&w, PAGES, &err), err);
        for (uint64_t round = 0; round < ROUNDS; round++) {
            uint32_t r[4];
            hth_rng_block(seed, 5, round, r);
            Reader *one = &reader[r[0] % READERS];
            for (uint32_t i = 0; i < one->count; i++) hth_pages_drop(w.pages, one->page[i]);
            *one = (Reader){ .tenant = r[1] % 3, .which = r[2] % (1 << DEPTH) };
            if (r[3] % 4 > 0) read_text(&w, one, 1 + r[3] / 4 % DEPTH);
            const uint32_t read = pages_read(reader, READERS), tree = hth_prefix_pages(w.tree);
            assert_int_equal(hth_pages_spare_count(w.pages), tree - read);
            assert_int_equal(hth_pages_free_count(w.pages), PAGES - tree);
            if (round % 100 > 0) continue;
            assert_int_equal(hth_prefix_evict(w.tree, PAGES), tree - read);
            assert_int_equal(hth_prefix_pages(w.tree), read);
        }
        for (uint32_t k = 0; k < READERS; k++)
            for (uint32_t i = 0; i < reader[k].count; i++)
                hth_pages_drop(w.pages, reader[k].page[i]);
        world_close(&w);
    }
}

static HthStatus body(void *ctx) {
    (void)ctx;
    World w;
    const HthStatus st = world_open(&w, 8, NULL);
    world_close(&w);
    return st;
}

static void survives_no_memory(void **state) {
    (void)state;
    assert_true(test_torture(body, NULL, 20) >= 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_nonsense),       cmocka_unit_test(finds_whole_pages_only),
        cmocka_unit_test(tenants_are_apart),      cmocka_unit_test(keeps_what_is_new),
        cmocka_unit_test(drops_least_used_first), cmocka_unit_test(makes_room_in_a_full_tree),
        cmocka_unit_test(agrees_with_a_list),     cmocka_unit_test(spare_pages_can_be_had),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* lookup_test.c - n-grams found are n-grams that are there, and the latest of the longest.
 *
 * Thread: one. */
#include "support/test.h"

#include "base/rng.h"
#include "run/lookup.h"

static HthLookup *open_lookup(size_t ctx, uint32_t n_min, uint32_t n_max) {
    HthErr err = { 0 };
    HthLookup *l = NULL;
    assert_ok(hth_lookup_open(&l, ctx, n_min, n_max, &err), err);
    return l;
}

static void refusals(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthLookup *l = NULL;
    assert_status(hth_lookup_open(&l, 10, 0, 4, &err), HTH_EINVAL, err);
    assert_status(hth_lookup_open(&l, 10, 5, 4, &err), HTH_EINVAL, err);
    assert_status(hth_lookup_open(&l, 10, 2, HTH_NGRAM_MAX + 1, &err), HTH_EINVAL, err);
    assert_null(l);
    hth_lookup_close(&l);
}

static void examples(void **state) {
    (void)state;
    static const uint32_t ids[] = { 1, 2, 3, 9, 4, 2, 3, 5, 1, 2, 3 };
    uint32_t out[8] = { 0 };
    HthLookup *l = open_lookup(100, 2, 4);
    hth_lookup_note(l, ids, 1);
    assert_int_equal(hth_lookup_find(l, ids, 1, 8, out), 0);
    for (size_t n = 2; n <= 11; n++) hth_lookup_note(l, ids, n);
    assert_int_equal(hth_lookup_find(l, ids, 11, 0, out), 0);
    assert_int_equal(hth_lookup_find(l, ids, 11, 3, out), 3); /* three tokens repeat */
    static const uint32_t after_123[] = { 9, 4, 2 };
    assert_memory_equal(out, after_123, sizeof after_123);
    hth_lookup_close(&l);
    l = open_lookup(100, 1, 2);
    hth_lookup_note(l, ids, 11);
    assert_int_equal(hth_lookup_find(l, ids, 11, 2, out), 2); /* two: the latest, 2 3 5 1 */
    static const uint32_t after_23[] = { 5, 1 };
    assert_memory_equal(out, after_23, sizeof after_23);
    hth_lookup_close(&l);
    l = open_lookup(100, 4, 4);
    hth_lookup_note(l, ids, 11);
    assert_int_equal(hth_lookup_find(l, ids, 11, 2, out), 0);
    hth_lookup_close(&l);
}

/* A text that runs in circles goes on in circles. */
static void circles(void **state) {
    (void)state;
    static const uint32_t ids[] = { 7, 8, 9, 7, 8, 9, 7 };
    static const uint32_t want[] = { 8, 9, 7, 8, 9, 7, 8, 9 };
    uint32_t out[8];
    HthLookup *l = open_lookup(100, 2, 4);
    hth_lookup_note(l, ids, 7);
    assert_int_equal(hth_lookup_find(l, ids, 7, 8, out), 8);
    assert_memory_equal(out, want, sizeof want);
    hth_lookup_close(&l);
}

/* The longest n-gram that occurred before, its latest place: by search. 0: none. */
static size_t naive(const uint32_t *ids, size_t n, uint32_t n_min, uint32_t n_max) {
    for (uint32_t g = n_max; g >= n_min; g--)
        for (size_t end = n - 1; g < n && end >= g; end--)
            if (memcmp(ids + end - g, ids + n - g, g * sizeof *ids) == 0) return end;
    return 0;
}

/* Random timelines over few tokens, cut back at random: what is found did follow, and little that
 * is there is missed. */
static void agrees_with_a_search(void **state) {
    (void)state;
    enum { N = 600 };
    size_t missed = 0, found = 0;
    for (uint64_t run = 0; run < 20; run++) {
        uint32_t ids[N], out[4], kinds = 2 + (uint32_t)run;
        uint32_t n_min = 1 + run % 3, n_max = n_min + run % 4;
        size_t n = 1;
        HthLookup *l = open_lookup(N, n_min, n_max);
        ids[0] = 0;
        for (uint64_t step = 0; step < 900; step++) {
            uint32_t r[4];
            hth_rng_block(3, run, step, r);
            if (r[0] % 40 == 0 || n == N) { /* another future */
                n = 1 + r[1] % n;
                hth_lookup_keep(l, n);
            } else {
                ids[n++] = r[1] % kinds;
            }
            hth_lookup_note(l, ids, n);
            size_t at = naive(ids, n, n_min, n_max);
            uint32_t k = hth_lookup_find(l, ids, n, 4, out);
            assert_true(k == 0 || k == 4);
            if (k == 0 && at > 0) missed++;
            if (k == 0) continue;
            assert_true(at > 0);
            found++;
            bool there = false; /* what is proposed did follow the end somewhere before */
            for (size_t e = n_min; e < n && !there; e++) {
                there = memcmp(ids + e - n_min, ids + n - n_min, n_min * sizeof *ids) == 0;
                for (size_t i = 0; there && i < 4 && e + i < n; i++) there = ids[e + i] == out[i];
            }
            assert_true(there);
        }
        hth_lookup_close(&l);
    }
    assert_true(found > 4000);
    assert_true(missed * 3 < found); /* overwritten, some by a future given up */
}

static HthStatus body(void *ctx) {
    (void)ctx;
    HthLookup *l = NULL;
    HthStatus st = hth_lookup_open(&l, 1000, 2, 4, NULL);
    if (st != HTH_OK) assert_null(l);
    hth_lookup_close(&l);
    return st;
}

static void survives_no_memory(void **state) {
    (void)state;
    assert_true(test_torture(body, NULL, 10) == 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals),
        cmocka_unit_test(examples),
        cmocka_unit_test(circles),
        cmocka_unit_test(agrees_with_a_search),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

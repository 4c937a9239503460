/* ring_test.c - records arrive whole, in order, once; a full ring says so.
 *
 * Thread: two. */
#include "support/test.h"

#include "base/ring.h"
#include "base/rng.h"
#include "base/thread.h"

enum { SEED = 11 };

static uint8_t byte_of(uint64_t record, size_t i) {
    return (uint8_t)(record * 131 + i * 7 + 1);
}

static size_t size_of(uint64_t record, size_t most) {
    return hth_rng_below(SEED, 1, record, (uint32_t)most + 1);
}

static bool put(HthRing *r, uint64_t record, size_t n) {
    uint8_t *p = hth_ring_reserve(r, n);
    if (!p) return false;
    assert_int_equal((uintptr_t)p % 8, 0);
    for (size_t i = 0; i < n; i++) p[i] = byte_of(record, i);
    hth_ring_commit(r);
    return true;
}

static bool take(HthRing *r, uint64_t record, size_t n) {
    size_t got;
    const uint8_t *p = hth_ring_peek(r, &got);
    if (!p) return false;
    assert_int_equal(got, n);
    for (size_t i = 0; i < n; i++)
        if (p[i] != byte_of(record, i)) fail_msg("record %llu", (unsigned long long)record);
    hth_ring_drop(r);
    return true;
}

/* Any sizes, any order of writing and reading, against two counters. */
static void any_order(void **state) {
    (void)state;
    HthErr err = { 0 };
    for (size_t most = 0; most < 40; most++) {
        HthRing *r = NULL;
        assert_ok(hth_ring_open(&r, 16 + most * 3, most, &err), err);
        uint64_t in = 0, out = 0;
        size_t bytes = 0;
        for (uint64_t k = 0; k < 4000; k++) {
            if (hth_rng_below(SEED, 2 + most, k, 2)) {
                const size_t n = size_of(in, most);
                if (put(r, in, n)) {
                    in++;
                    bytes += n;
                } else {
                    assert_true(in > out); /* an empty one has room for the largest */
                }
            } else if (take(r, out, size_of(out, most))) {
                bytes -= size_of(out, most);
                out++;
            } else {
                assert_int_equal(in, out);
                assert_int_equal(hth_ring_used(r), 0);
            }
            assert_true(hth_ring_used(r) >= bytes && hth_ring_used(r) <= hth_ring_size(r));
        }
        assert_true(in > 100);
        hth_ring_close(&r);
        hth_ring_close(&r);
    }
}

static void unseen_before_commit(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthRing *r = NULL;
    assert_ok(hth_ring_open(&r, 64, 8, &err), err);
    assert_non_null(hth_ring_reserve(r, 8));
    assert_null(hth_ring_peek(r, NULL));
    assert_true(put(r, 5, 3)); /* reserving again forgets what was not committed */
    assert_true(take(r, 5, 3));
    hth_ring_close(&r);
    assert_status(hth_ring_open(&r, (size_t)1 << 40, 8, &err), HTH_ELIMIT, err);
    assert_status(hth_ring_open(&r, 8, (size_t)1 << 40, &err), HTH_ELIMIT, err);
    assert_null(r);
}

enum { MANY = 200000, MOST = 100 };

static void writer(void *payload) {
    for (uint64_t i = 0; i < MANY;)
        if (put(payload, i, size_of(i, MOST))) i++;
}

static void two_threads(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthRing *r = NULL;
    HthThread *t = NULL;
    assert_ok(hth_ring_open(&r, 1000, MOST, &err), err);
    assert_ok(hth_thread_open(&t, writer, r, &err), err);
    for (uint64_t i = 0; i < MANY;)
        if (take(r, i, size_of(i, MOST))) i++;
    hth_thread_join(&t);
    assert_null(hth_ring_peek(r, NULL));
    hth_ring_close(&r);
}

static HthStatus body(void *ctx) {
    (void)ctx;
    HthRing *r = NULL;
    HthErr err = { 0 };
    HthStatus st = hth_ring_open(&r, 100, 10, &err);
    hth_ring_close(&r);
    return st;
}

static void survives_no_memory(void **state) {
    (void)state;
    assert_int_equal(test_torture(body, NULL, 10), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order),
        cmocka_unit_test(unseen_before_commit),
        cmocka_unit_test(two_threads),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

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

/* ---- over memory of two processes ------------------------------------------------------------ */

enum { OVER_BYTES = 512, OVER_MOST = 60 };
static _Alignas(64) uint8_t shared[4096];

typedef struct Ends {
    HthRing *in, *out;
} Ends;

static void ends_open(Ends *e) {
    HthErr err = { 0 };
    const size_t need = hth_ring_over_bytes(OVER_BYTES, OVER_MOST);
    assert_in_range(need, OVER_BYTES, sizeof shared);
    memset(shared, 0, sizeof shared);
    memset(shared + need, 0x5A, sizeof shared - need); /* not to be touched */
    assert_ok(hth_ring_over(&e->in, shared, OVER_BYTES, OVER_MOST, &err), err);
    assert_ok(hth_ring_over(&e->out, shared, OVER_BYTES, OVER_MOST, &err), err);
}

static void ends_close(Ends *e) {
    for (size_t i = hth_ring_over_bytes(OVER_BYTES, OVER_MOST); i < sizeof shared; i++)
        assert_int_equal(shared[i], 0x5A);
    hth_ring_close(&e->in);
    hth_ring_close(&e->out);
}

static void two_ends(void **state) {
    (void)state;
    Ends e;
    uint8_t got[OVER_MOST];
    size_t n;
    uint64_t in = 0, out = 0;
    ends_open(&e);
    for (uint64_t k = 0; k < 20000; k++) {
        if (hth_rng_below(SEED, 50, k, 2)) {
            const size_t room = hth_ring_room(e.in);
            if (put(e.in, in, size_of(in, OVER_MOST)))
                in++;
            else
                assert_true(in > out && room < OVER_BYTES);
            continue;
        }
        const int r = hth_ring_take(e.out, got, sizeof got, &n);
        assert_int_equal(r, in > out);
        if (!r) continue;
        assert_int_equal(n, size_of(out, OVER_MOST));
        for (size_t i = 0; i < n; i++) assert_int_equal(got[i], byte_of(out, i));
        out++;
    }
    assert_true(out > 5000);
    assert_false(hth_ring_broken(e.in) || hth_ring_broken(e.out));
    ends_close(&e);
}

/* The other side writes anything anywhere: no record is larger than the room, nothing beyond the
 * memory is read or written, and a broken ring stays so. */
static void hostile(void **state) {
    (void)state;
    uint32_t broken_reads = 0, broken_writes = 0;
    for (uint64_t seed = 0; seed < 300; seed++) {
        Ends e;
        uint8_t got[OVER_MOST];
        size_t n;
        bool dead = false;
        ends_open(&e);
        const size_t bytes = hth_ring_over_bytes(OVER_BYTES, OVER_MOST);
        for (uint64_t k = 0; k < 200; k++) {
            (void)put(e.in, k, size_of(k, OVER_MOST));
            if (!hth_rng_below(SEED + seed, 3, k, 8)) {
                const bool number = hth_rng_below(SEED + seed, 4, k, 2);
                uint8_t *at = shared + hth_rng_below(SEED + seed, 5, k, (uint32_t)bytes);
                if (number) at = shared + 64 * hth_rng_below(SEED + seed, 5, k, 2);
                *at ^= (uint8_t)(1u << hth_rng_below(SEED + seed, 6, k, 8));
            }
            const int r = hth_ring_take(e.out, got, OVER_MOST, &n);
            if (r == 1) assert_true(n <= OVER_MOST);
            assert_true(!dead || r == -1);
            dead = r == -1;
        }
        broken_reads += dead;
        broken_writes += hth_ring_broken(e.in);
        if (hth_ring_broken(e.in)) assert_null(hth_ring_reserve(e.in, 1));
        ends_close(&e);
    }
    assert_true(broken_reads > 100 && broken_writes > 10);
}

/* A smaller room than the record, and a number that runs backwards. */
static void refuses(void **state) {
    (void)state;
    Ends e;
    uint8_t got[OVER_MOST];
    size_t n;
    ends_open(&e);
    assert_true(put(e.in, 1, 20));
    assert_int_equal(hth_ring_take(e.out, got, 19, &n), -1);
    assert_int_equal(hth_ring_take(e.out, got, 20, &n), -1);
    ends_close(&e);
    ends_open(&e);
    assert_true(put(e.in, 1, 20) && put(e.in, 2, 20));
    const uint64_t ahead = *(uint64_t *)(void *)shared;
    assert_int_equal(hth_ring_take(e.out, got, 20, &n), 1);
    *(uint64_t *)(void *)shared = ahead - 8;
    assert_int_equal(hth_ring_take(e.out, got, 20, &n), -1);
    ends_close(&e);
    assert_int_equal(hth_ring_over_bytes((size_t)1 << 40, 8), 0);
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
        cmocka_unit_test(two_ends),
        cmocka_unit_test(hostile),
        cmocka_unit_test(refuses),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

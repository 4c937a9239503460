/* mem_test.c - checked sizes, zeroed and aligned bytes, failures injected exactly in any thread. */
#include "support/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/mem.h"

static bool all_zero(const void *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (((const uint8_t *)p)[i]) return false;
    return true;
}

static void zeroed_and_counted(void **state) {
    (void)state;
    const uint64_t live = hth_mem_live(), calls = hth_mem_calls();
    uint8_t *a = hth_calloc(100, 3), *b = hth_calloc_aligned(7, 9), *c = hth_realloc(NULL, 5, 1);
    char *d = hth_strdup("hearth");
    assert_non_null(a), assert_non_null(b), assert_non_null(c), assert_non_null(d);
    assert_true(all_zero(a, 300) && all_zero(b, 63));
    assert_int_equal((uintptr_t)b % 64, 0);
    assert_string_equal(d, "hearth");
    assert_int_equal(hth_mem_live(), live + 4);
    memcpy(c, "abcde", 5);
    c = hth_realloc(c, 1000, 1);
    assert_memory_equal(c, "abcde", 5);
    assert_int_equal(hth_mem_live(), live + 4);
    assert_int_equal(hth_mem_calls(), calls + 5);
    hth_free(a), hth_free(b), hth_free(c), hth_free(d);
    hth_free(NULL);
    assert_int_equal(hth_mem_live(), live);
}

static void pages_are_zeroed_and_counted(void **state) {
    (void)state;
    const uint64_t live = hth_mem_live(), calls = hth_mem_calls();
    volatile size_t huge = SIZE_MAX;
    uint8_t *p = hth_pages_calloc(3, 5 << 20), *none = hth_pages_calloc(0, 4);
    assert_non_null(p), assert_non_null(none);
    assert_int_equal((uintptr_t)p % 4096, 0);
    assert_int_equal(hth_mem_live(), live + 2);
    assert_int_equal(hth_mem_calls(), calls + 2);
    assert_true(all_zero(p, 15 << 20));
    memset(p, 0xff, 15 << 20);
    hth_pages_give(p, 3, 5 << 20), hth_pages_give(none, 0, 4), hth_pages_give(NULL, 1, 1);
    assert_int_equal(hth_mem_live(), live);
    assert_null(hth_pages_calloc(huge / 2, 3));
    assert_null(hth_pages_calloc(huge / 4, 1)); /* more than there are addresses */
    hth_mem_fail_after(1);
    assert_null(hth_pages_calloc(1, 1));
    hth_mem_fail_after(0);
    assert_int_equal(hth_mem_live(), live);
}

static void nothing_is_something(void **state) {
    (void)state;
    void *a = hth_calloc(0, 8), *b = hth_calloc_aligned(8, 0), *c = hth_realloc(NULL, 0, 0);
    assert_non_null(a), assert_non_null(b), assert_non_null(c);
    c = hth_realloc(c, 0, 4);
    assert_non_null(c);
    hth_free(a), hth_free(b), hth_free(c);
}

static void overflow_is_null(void **state) {
    (void)state;
    const uint64_t live = hth_mem_live();
    char *p = hth_calloc(1, 4);
    volatile size_t huge = SIZE_MAX; /* volatile: compilers refuse to compile this otherwise */
    assert_null(hth_calloc(huge / 2, 3));
    assert_null(hth_calloc(huge, 1));
    assert_null(hth_calloc_aligned(huge / 8, 9));
    assert_null(hth_calloc_aligned(PTRDIFF_MAX, 1));
    assert_null(hth_realloc(p, huge / 2, 4));
    assert_true(all_zero(p, 4)); /* still ours */
    hth_free(p);
    assert_int_equal(hth_mem_live(), live);
}

static void fails_from_the_nth_on(void **state) {
    (void)state;
    hth_mem_fail_after(3);
    char *a = hth_calloc(1, 1), *b = hth_strdup("b");
    assert_null(hth_calloc(1, 1));
    assert_null(hth_realloc(a, 10, 1));
    assert_null(hth_calloc_aligned(1, 1));
    assert_null(hth_strdup("c"));
    hth_mem_fail_after(0);
    assert_non_null(a), assert_non_null(b);
    hth_mem_fail_once(2);
    char *c = hth_strdup("c");
    assert_null(hth_calloc(1, 1));
    a = hth_realloc(a, 10, 1);
    assert_non_null(a), assert_non_null(c);
    hth_mem_fail_once(1);
    hth_mem_fail_once(0);
    a = hth_realloc(a, 20, 1);
    assert_non_null(a);
    hth_free(a), hth_free(b), hth_free(c);
}

enum { THREADS = 4, EACH = 500, ADMITTED = 700 };

static _Atomic uint32_t got;

static void *take_many(void *arg) {
    (void)arg;
    for (int i = 0; i < EACH; i++) {
        void *p = hth_calloc(1, 16);
        if (p) atomic_fetch_add(&got, 1);
        hth_free(p);
    }
    return NULL;
}

static void fails_exactly_across_threads(void **state) {
    (void)state;
    const uint64_t live = hth_mem_live(), calls = hth_mem_calls();
    pthread_t threads[THREADS];
    hth_mem_fail_after(ADMITTED + 1);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_many, NULL), 0);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    hth_mem_fail_after(0);
    assert_int_equal(got, ADMITTED);
    assert_int_equal(hth_mem_calls(), calls + THREADS * EACH);
    assert_int_equal(hth_mem_live(), live);
}

static void wipes(void **state) {
    (void)state;
    char secret[32];
    memset(secret, 's', sizeof secret);
    hth_zero(secret + 1, 30);
    assert_true(secret[0] == 's' && secret[31] == 's' && all_zero(secret + 1, 30));
    hth_zero(NULL, 0);
}

/* What the process finds at an address of its own, without a pointer to what was given back. */
static void peek_at(uintptr_t at, uint8_t *out, size_t n) {
    const int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, out, n, (off_t)at), (ssize_t)n);
    close(fd);
}

enum { LINKS = 32 }; /* bytes at the front of a free block that the allocator uses */

static bool gone(uintptr_t at, size_t n) {
    uint8_t seen[4096] = { 0 };
    peek_at(at, seen, n);
    return memchr(seen + LINKS, 's', n - LINKS) == NULL;
}

/* Last of all: it holds for the process. */
static void what_is_given_back_is_wiped(void **state) {
    (void)state;
    enum { N = 2000 };
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* their heaps write into free blocks */
#endif
    uint8_t *plain = memset(hth_calloc(N, 1), 's', N);
    uintptr_t at = (uintptr_t)plain;
    hth_free(plain);
    assert_false(gone(at, N)); /* otherwise this shows nothing */
    hth_mem_wipe_freed();
    uint8_t *freed = memset(hth_calloc(N, 1), 's', N);
    at = (uintptr_t)freed;
    hth_free(freed);
    assert_true(gone(at, N));
    uint8_t *grown = memset(hth_realloc(NULL, N, 1), 's', N), *wall = hth_calloc(N, 1);
    at = (uintptr_t)grown;
    grown = hth_realloc(grown, 4 * N, 1);
    assert_true((uintptr_t)grown != at && gone(at, N) && grown[N - 1] == 's');
    at = (uintptr_t)grown;
    memset(grown, 's', 4 * N);
    grown = hth_realloc(grown, 3 * N, 1);
    assert_true((uintptr_t)grown == at && grown[3 * N - 1] == 's');
    assert_true(gone(at + 3 * N - LINKS, N + LINKS));
    grown = hth_realloc(grown, N / 2, 1);
    assert_true((uintptr_t)grown != at && grown[N / 2 - 1] == 's' && gone(at, N));
    hth_mem_fail_after(1);
    assert_null(hth_realloc(grown, 8 * N, 1));
    hth_mem_fail_after(0);
    assert_int_equal(grown[0], 's');
    hth_free(grown), hth_free(wall);
}

static void *take_elsewhere(void *out) {
    *(void **)out = hth_calloc(1 << 20, 1);
    return NULL;
}

/* At least what was asked for, the heap's rounding beside it; other threads' is theirs. */
static void weighed_by_thread(void **state) {
    (void)state;
    const int64_t before = hth_mem_mine();
    void *a = hth_calloc(1000, 10), *b = hth_calloc_aligned(5000, 1), *c = hth_realloc(NULL, 70, 1);
    void *pages = hth_pages_calloc(1 << 20, 1), *other = NULL;
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, take_elsewhere, &other), 0);
    assert_int_equal(pthread_join(t, NULL), 0);
    assert_in_range(hth_mem_mine() - before, 15070, 15070 + 3 * 128);
    c = hth_realloc(c, 100000, 1);
    assert_in_range(hth_mem_mine() - before, 115000, 115000 + 3 * 128);
    hth_free(a), hth_free(b), hth_free(c);
    assert_int_equal(hth_mem_mine(), before);
    hth_free(other);
    assert_true(hth_mem_mine() <= before - (1 << 20));
    hth_pages_give(pages, 1 << 20, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeroed_and_counted),
        cmocka_unit_test(pages_are_zeroed_and_counted),
        cmocka_unit_test(nothing_is_something),
        cmocka_unit_test(overflow_is_null),
        cmocka_unit_test(fails_from_the_nth_on),
        cmocka_unit_test(fails_exactly_across_threads),
        cmocka_unit_test(wipes),
        cmocka_unit_test(what_is_given_back_is_wiped),
        cmocka_unit_test(weighed_by_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

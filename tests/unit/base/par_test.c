/* par_test.c - every item exactly once, whatever the number of threads; cores under a quota. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/par.h"
#include "base/rng.h"

#define ITEMS_MAX 700

typedef struct Tally {
    _Atomic uint32_t seen[ITEMS_MAX];
    _Atomic uint32_t bad_worker;
    uint32_t threads;
    uint64_t plain; /* written by item 0 alone: visible to the caller after the run */
} Tally;

static void tally_one(void *ctx, uint32_t item, uint32_t worker) {
    Tally *t = ctx;
    if (worker >= t->threads) atomic_fetch_add(&t->bad_worker, 1);
    atomic_fetch_add(&t->seen[item], 1);
    if (!item) t->plain++;
}

static void every_item_once(void **state) {
    (void)state;
    static Tally t;
    for (uint32_t threads = 1; threads <= 8; threads++) {
        HthPool *pool = NULL;
        assert_int_equal(hth_pool_open(&pool, threads, NULL), HTH_OK);
        assert_int_equal(hth_pool_threads(pool), threads);
        uint64_t plain = 0;
        for (uint32_t run = 0; run < 300; run++) {
            const uint32_t n = hth_rng_below(threads, 1, run, ITEMS_MAX + 1);
            memset(t.seen, 0, sizeof t.seen);
            t.threads = threads;
            if (run % 50 == 7) usleep(300); /* let the workers fall asleep */
            plain = t.plain;
            hth_par_run(pool, n, tally_one, &t);
            assert_int_equal(t.plain, plain + (n > 0));
            for (uint32_t i = 0; i < ITEMS_MAX; i++) assert_int_equal(t.seen[i], i < n);
        }
        assert_int_equal(t.bad_worker, 0);
        hth_pool_close(&pool);
        assert_null(pool);
    }
}

static void short_jobs_back_to_back(void **state) {
    (void)state;
    static Tally t;
    HthPool *pool = NULL;
    assert_int_equal(hth_pool_open(&pool, 3, NULL), HTH_OK);
    t.threads = 3;
    t.plain = 0;
    for (uint32_t run = 0; run < 20000; run++) hth_par_run(pool, 3, tally_one, &t);
    assert_int_equal(t.plain, 20000);
    hth_pool_close(&pool);
}

/* A worker that is late out of a short job must not take an item of the longer one that follows
 * before that one has begun. */
static void short_then_long(void **state) {
    (void)state;
    static Tally t;
    HthPool *pool = NULL;
    assert_int_equal(hth_pool_open(&pool, hth_par_cores() < 2 ? 2 : hth_par_cores(), NULL), HTH_OK);
    t.threads = hth_pool_threads(pool);
    for (uint32_t run = 0; run < 200000; run++) {
        const uint32_t n = run % 2 ? 24 : 2;
        memset(t.seen, 0, sizeof t.seen[0] * 25);
        hth_par_run(pool, n, tally_one, &t);
        for (uint32_t i = 0; i < 25; i++) assert_int_equal(t.seen[i], i < n);
    }
    hth_pool_close(&pool);
}

static void slow_item(void *ctx, uint32_t item, uint32_t worker) {
    usleep(item == 1 ? 2000 : 0); /* the caller must sleep for it, and be woken */
    tally_one(ctx, item, worker);
}

static void waits_for_a_slow_item(void **state) {
    (void)state;
    static Tally t;
    HthPool *pool = NULL;
    assert_int_equal(hth_pool_open(&pool, 2, NULL), HTH_OK);
    t.threads = 2;
    for (uint32_t run = 1; run <= 20; run++) {
        hth_par_run(pool, 2, slow_item, &t);
        assert_int_equal(t.seen[0], run);
        assert_int_equal(t.seen[1], run);
    }
    hth_pool_close(&pool);
}

static void no_pool_means_the_caller(void **state) {
    (void)state;
    static Tally t;
    t.threads = 1;
    hth_par_run(NULL, 5, tally_one, &t);
    for (uint32_t i = 0; i < 6; i++) assert_int_equal(t.seen[i], i < 5);
    assert_int_equal(t.bad_worker, 0);
    assert_int_equal(hth_pool_threads(NULL), 1);
    HthPool *none = NULL;
    hth_pool_close(&none);
}

static void refuses_and_runs_out(void **state) {
    (void)state;
    HthPool *pool = (HthPool *)&state, *const before = pool;
    HthErr err;
    assert_int_equal(hth_pool_open(&pool, 257, &err), HTH_EINVAL);
    assert_ptr_equal(pool, before);
    const uint64_t live = hth_mem_live();
    hth_mem_fail_after(1);
    assert_int_equal(hth_pool_open(&pool, 4, &err), HTH_ENOMEM);
    hth_mem_fail_after(0);
    assert_ptr_equal(pool, before);
    assert_int_equal(hth_mem_live(), live);
}

static void put(const char *root, const char *path, const char *text) {
    char full[512];
    for (const char *p = path + 1; *p; p++) {
        if (*p != '/') continue;
        snprintf(full, sizeof full, "%s%.*s", root, (int)(p - path), path);
        mkdir(full, 0755);
    }
    snprintf(full, sizeof full, "%s%s", root, path);
    assert_int_equal(hth_file_write(full, text, strlen(text), 0644, NULL), HTH_OK);
}

static void honours_quotas(void **state) {
    (void)state;
    char root[] = "/tmp/hearth-cores-XXXXXX";
    assert_non_null(mkdtemp(root));
    const uint32_t free_cores = hth_par_cores_under(root);
    assert_in_range(free_cores, 1, 256);
    put(root, "/proc/self/cgroup", "0::/a/b\n");
    assert_int_equal(hth_par_cores_under(root), free_cores);
    put(root, "/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    assert_int_equal(hth_par_cores_under(root), free_cores);
    put(root, "/sys/fs/cgroup/a/cpu.max", "50000 100000\n"); /* an ancestor binds too */
    assert_int_equal(hth_par_cores_under(root), 1);
    put(root, "/sys/fs/cgroup/a/cpu.max", "100001 100000\n");
    assert_int_equal(hth_par_cores_under(root), free_cores < 2 ? 1 : 2);
    put(root, "/sys/fs/cgroup/a/cpu.max", "nonsense");
    assert_int_equal(hth_par_cores_under(root), free_cores);
    put(root, "/proc/self/cgroup", "12:cpuset:/x\n4:cpu,cpuacct:/\n1:name=systemd:/\n");
    put(root, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    put(root, "/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    assert_int_equal(hth_par_cores_under(root), free_cores);
    put(root, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n");
    assert_int_equal(hth_par_cores_under(root), 1);
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", root);
    assert_int_equal(system(command), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_once),          cmocka_unit_test(short_jobs_back_to_back),
        cmocka_unit_test(short_then_long),          cmocka_unit_test(waits_for_a_slow_item),
        cmocka_unit_test(no_pool_means_the_caller), cmocka_unit_test(refuses_and_runs_out),
        cmocka_unit_test(honours_quotas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* idle_test.c - digests come by themselves, wait while a model is loaded, and stop in the middle.
 *
 * Thread: the test's, and idle's own. */
#include "support/test.h"

#include <unistd.h>

#include "serve/idle.h"
#include "support/folder.h"

static HthStatus facts(void *payload, const char *path, HthStr memory, HthModelFacts *out,
                       HthErr *err) {
    (void)payload;
    (void)memory;
    HTH_REQUIRE(!path || !strstr(path, "bad"), err, HTH_EFORMAT, "it is no model");
    snprintf(out->arch, sizeof out->arch, "none");
    return HTH_OK;
}

static HthStore *open_store(void) {
    HthErr err = { 0 };
    HthStore *m = NULL;
    char home[160];
    snprintf(home, sizeof home, "%s/home", test_folder);
    const HthStoreCfg cfg = { .home = home, .facts = facts };
    assert_ok(hth_store_open(&m, &cfg, &err), err);
    return m;
}

/* Models with a digest. */
static size_t known(HthStore *m) {
    HthErr err = { 0 };
    HthStoreList *l = NULL;
    size_t n = 0;
    assert_ok(hth_store_list(m, &l, &err), err);
    for (size_t i = 0; i < l->count; i++) n += l->items[i].digest[0] != 0;
    hth_store_list_close(&l);
    return n;
}

static void digests_come(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthIdle *idle = NULL;
    test_put("home/a.gguf", "one");
    test_put("home/bad.gguf", "two");
    test_put("home/c.gguf", "three");
    HthStore *m = open_store();
    assert_int_equal(known(m), 0);
    assert_ok(hth_idle_open(&idle, m, &err), err);
    while (known(m) < 2) usleep(1000); /* the bad one has none, and is in nobody's way */
    hth_idle_close(&idle);
    hth_idle_close(&idle);
    assert_ok(hth_idle_open(&idle, m, &err), err); /* nothing left to do */
    hth_idle_close(&idle);
    assert_int_equal(known(m), 2);
    hth_store_close(&m);
}

/* A file of a terabyte, all holes, takes many minutes to read; the end does not wait for them. */
static void stops_in_the_middle(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthIdle *idle = NULL;
    char path[200];
    test_put("home/large.gguf", "x");
    snprintf(path, sizeof path, "%s/home/large.gguf", test_folder);
    if (truncate(path, (off_t)1 << 40)) skip(); /* a file system that has no such files */
    HthStore *m = open_store();
    for (int held = 0; held < 2; held++) {
        assert_ok(hth_idle_open(&idle, m, &err), err);
        if (held) hth_idle_hold(idle);
        usleep(20000);
        hth_idle_close(&idle);
        assert_int_equal(known(m), 0);
    }
    hth_store_close(&m);
}

/* While it is held no piece of a file goes on; then it does. */
static void stands_still(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthIdle *idle = NULL;
    char path[200];
    test_put("home/a.gguf", "x");
    snprintf(path, sizeof path, "%s/home/a.gguf", test_folder);
    assert_int_equal(truncate(path, (off_t)64 << 20), 0);
    HthStore *m = open_store();
    assert_ok(hth_idle_open(&idle, m, &err), err);
    hth_idle_hold(idle); /* long before 64 MiB are read, or else there is nothing to see */
    hth_idle_hold(idle);
    hth_idle_go(idle);
    usleep(50000); /* the piece at hand */
    const size_t before = known(m);
    for (int i = 0; i < 20; i++) {
        usleep(10000);
        assert_int_equal(known(m), before);
    }
    hth_idle_go(idle);
    while (known(m) == 0) usleep(1000);
    hth_idle_close(&idle);
    hth_idle_hold(NULL);
    hth_idle_go(NULL);
    hth_store_close(&m);
}

/* What the thread itself lacks memory for it leaves undone. */
static void survives_no_memory(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthIdle *idle = NULL;
    test_put("home/a.gguf", "x");
    HthStore *m = open_store();
    for (uint64_t nth = 1; nth <= 3; nth++) { /* itself, its gate, its thread */
        hth_mem_fail_after(nth);
        assert_status(hth_idle_open(&idle, m, &err), HTH_ENOMEM, err);
        hth_mem_fail_after(0);
        assert_null(idle);
    }
    hth_mem_fail_after(4);
    assert_ok(hth_idle_open(&idle, m, &err), err);
    usleep(20000);
    hth_idle_close(&idle);
    hth_mem_fail_after(0);
    assert_int_equal(known(m), 0);
    hth_store_close(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(digests_come, test_folder_make, test_folder_drop),
        cmocka_unit_test_setup_teardown(stops_in_the_middle, test_folder_make, test_folder_drop),
        cmocka_unit_test_setup_teardown(stands_still, test_folder_make, test_folder_drop),
        cmocka_unit_test_setup_teardown(survives_no_memory, test_folder_make, test_folder_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

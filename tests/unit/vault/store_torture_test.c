/* store_torture_test.c - the model store when calls and allocations fail, and when it is killed.
 *
 * After every failure the store holds the old state or the new one, never a part. */
#include "support/test.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/json.h"
#include "base/rng.h"
#include "crypt/hash.h"
#include "support/folder.h"
#include "vault/store.h"

static HthStatus read_facts(void *payload, const char *path, HthStr memory, HthModelFacts *out,
                            HthErr *err) {
    (void)payload;
    (void)memory;
    HthBuf text;
    hth_buf_init(&text, 1 << 20);
    HthStatus status = path ? hth_file_read(&text, path, err) : HTH_OK;
    if (status == HTH_OK && path && strncmp(hth_buf_str(&text).p, "model", 5))
        status = HTH_FAIL(err, HTH_EFORMAT, "it is no model");
    memcpy(out->arch, "x", 2);
    hth_buf_drop(&text);
    return status;
}

static char home[160];
static HthStatus open_store(HthStore **out) {
    const HthStoreCfg cfg = { .home = home,
                              .embedded = HTH_STR("model tiny"),
                              .embedded_name = "ember",
                              .facts = read_facts };
    return hth_store_open(out, &cfg, NULL);
}

static HthStore *store(void) {
    HthStore *m = NULL;
    assert_int_equal(open_store(&m), HTH_OK);
    return m;
}

static int begin(void **state) {
    if (test_folder_make(state)) return -1;
    snprintf(home, sizeof home, "%s/home", test_folder);
    return 0;
}

static HthStatus make(HthStore *m, const char *system, HthErr *err) {
    json_t *s = json_pack("{s:s}", "system", system);
    const HthStoreMake what = { HTH_STR("x"), HTH_STR("ember"), HTH_STR(""), s };
    bool missing;
    const HthStatus status = s ? hth_store_create(m, &what, &missing, err) : HTH_ENOMEM;
    json_decref(s);
    return status;
}

/* 'o': old, 'n': new, '-': no such model; anything else fails the test. */
static char state_of(HthStore *m) {
    HthStoreList *l = NULL;
    HthErr err;
    assert_ok(hth_store_find(m, HTH_STR("x"), &l, &err), err);
    char c = '-';
    if (l->count) {
        if (l->items[0].error[0]) fail_msg("x is broken: %s", l->items[0].error);
        const json_t *v = json_object_get(l->items[0].settings, "system");
        c = json_is_string(v) ? json_string_value(v)[0] : '?';
    }
    hth_store_list_close(&l);
    return c;
}

/* Each system call on a file fails in turn, with all after it. */
static void files_fail(void **state) {
    (void)state;
    for (uint64_t nth = 1;; nth++) {
        HthErr err = { 0 };
        HthStore *m = store();
        assert_int_equal(make(m, "old", &err), HTH_OK);
        hth_file_fail_after(nth);
        const HthStatus status = make(m, "new", &err);
        hth_file_fail_after(0);
        if (status != HTH_OK && status != HTH_EIO) fail_msg("call %d: %s", (int)nth, err.text);
        const char now = state_of(m);
        if (status == HTH_OK) assert_int_equal(now, 'n');
        assert_true(now == 'o' || now == 'n');
        assert_int_equal(test_entries("home/manifests/x"), 1);
        hth_store_close(&m);
        if (status == HTH_OK) {
            assert_true(nth > 8);
            break;
        }
    }
    for (uint64_t nth = 1;; nth++) {
        HthErr err = { 0 };
        bool missing;
        HthStore *m = store();
        assert_int_equal(make(m, "old", &err), HTH_OK);
        hth_file_fail_after(nth);
        const HthStatus status = hth_store_delete(m, HTH_STR("x"), &missing, &err);
        hth_file_fail_after(0);
        const char now = state_of(m);
        assert_true(status == HTH_OK ? now == '-' : now == 'o' || now == '-');
        hth_store_close(&m);
        if (status == HTH_OK) break;
    }
}

static void blobs_fail(void **state) {
    (void)state;
    static char bytes[100000];
    uint8_t sum[HTH_HASH_BYTES];
    char digest[80] = "sha256:";
    memcpy(bytes, "model", 5);
    hth_hash(HTH_SHA256, bytes, sizeof bytes, sum);
    hth_hex(digest + 7, sum, sizeof sum);
    for (uint64_t nth = 1;; nth++) {
        HthErr err = { 0 };
        HthBlob *b = NULL;
        bool there;
        uint64_t n = 0;
        HthStore *m = store();
        hth_file_fail_after(nth);
        HthStatus status = hth_blob_begin(m, hth_str(digest), &b, &err);
        if (status == HTH_OK) status = hth_blob_add(b, bytes, 60000, &err);
        if (status == HTH_OK) status = hth_blob_add(b, bytes + 60000, 40000, &err);
        if (status == HTH_OK) status = hth_blob_commit(&b, &err);
        hth_blob_abort(&b);
        hth_file_fail_after(0);
        assert_int_equal(hth_blob_has(m, hth_str(digest), &there, &n, &err), HTH_OK);
        if (there) assert_int_equal(n, sizeof bytes);
        assert_int_equal(test_entries("home/blobs"), there);
        hth_store_close(&m);
        if (status == HTH_OK) {
            assert_true(there && nth > 5);
            break;
        }
        assert_int_equal(status, HTH_EIO);
    }
}

static HthStatus whole_round(void *ctx) {
    HthStore *m = NULL;
    HthStoreList *l = NULL;
    bool missing;
    char hex[65];
    (void)ctx;
    HTH_TRY(open_store(&m));
    HthStatus status = make(m, "new", NULL);
    if (status == HTH_OK) status = hth_store_copy(m, HTH_STR("x"), HTH_STR("y"), &missing, NULL);
    if (status == HTH_OK) status = hth_store_list(m, &l, NULL);
    hth_store_list_close(&l);
    if (status == HTH_OK) status = hth_store_digest(m, HTH_STR("f"), NULL, NULL, hex, NULL);
    if (status == HTH_OK) status = hth_store_delete(m, HTH_STR("y"), &missing, NULL);
    hth_store_close(&m);
    return status;
}

static void memory_runs_out(void **state) {
    (void)state;
    test_put("home/f.gguf", "model f");
    test_put("home/f.json", "{\"hearth\":1,\"system\":\"s\"}");
    assert_true(test_torture(whole_round, NULL, 5000) > 50);
}

/* Killed at any moment: what is there is whole. */
static void killed(void **state) {
    (void)state;
    HthErr err;
    HthStore *m = store();
    assert_int_equal(make(m, "old", &err), HTH_OK);
    hth_store_close(&m);
    int changed = 0;
    for (uint64_t round = 0; round < 40; round++) {
        const pid_t pid = fork();
        if (pid == 0) {
            m = store();
            for (int i = 0;; i++)
                if (make(m, i % 2 ? "old" : "new", &err) != HTH_OK) _exit(1);
        }
        usleep(500 + hth_rng_below(round, 0, 0, 40000));
        kill(pid, SIGKILL);
        int rc;
        assert_int_equal(waitpid(pid, &rc, 0), pid);
        assert_true(WIFSIGNALED(rc));
        m = store();
        const char now = state_of(m);
        assert_true(now == 'o' || now == 'n');
        changed += now == 'n';
        HthStoreList *l = NULL;
        assert_ok(hth_store_list(m, &l, &err), err);
        assert_int_equal(l->count, 2); /* no remains of a file is ever taken for a model */
        hth_store_list_close(&l);
        hth_store_close(&m);
    }
    print_message("%d of 40 kills left the other state\n", changed);
}

static HthStore *shared;
static void *work(void *arg) {
    const unsigned me = (unsigned)(uintptr_t)arg;
    char mine[16];
    snprintf(mine, sizeof mine, "m%u", me);
    for (int i = 0; i < 25; i++) {
        HthErr err;
        bool missing;
        char hex[65];
        HthStoreList *l = NULL;
        HTH_ASSERT(make(shared, i % 2 ? "old" : "new", &err) == HTH_OK);
        HTH_ASSERT(hth_store_copy(shared, HTH_STR("x"), hth_str(mine), &missing, &err) == HTH_OK);
        HTH_ASSERT(hth_store_digest(shared, HTH_STR("f"), NULL, NULL, hex, &err) == HTH_OK);
        HTH_ASSERT(hth_store_list(shared, &l, &err) == HTH_OK && l->count >= 4);
        hth_store_list_close(&l);
        HTH_ASSERT(hth_store_delete(shared, hth_str(mine), &missing, &err) == HTH_OK);
    }
    return NULL;
}

static void many_threads(void **state) {
    (void)state;
    pthread_t threads[4];
    test_put("home/f.gguf", "model f");
    shared = store();
    for (uintptr_t i = 0; i < HTH_COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)i), 0);
    for (size_t i = 0; i < HTH_COUNT(threads); i++) pthread_join(threads[i], NULL);
    hth_store_close(&shared);
}

int main(void) {
    hth_json_init();
#define IN_FOLDER(t) cmocka_unit_test_setup_teardown(t, begin, test_folder_drop)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(files_fail), IN_FOLDER(blobs_fail),   IN_FOLDER(memory_runs_out),
        IN_FOLDER(killed),     IN_FOLDER(many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* keys_test.c - the older file of keys: read, taken over, and what is no such file. */
#include "serve/keys.h"

#include <sys/stat.h>

#include "base/file.h"
#include "support/test.h"

#include "support/folder.h"

static char path[96];

#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define KEY(name, role, tenant)                                                                    \
    "{\"name\": \"" name "\", \"role\": \"" role "\", \"tenant\": \"" tenant                       \
    "\", \"sha256\": \"" HEX "\", \"created\": 5, \"expires\": 1000}"
static const char one_key[] = "{\"version\": 1, \"keys\": [" KEY("a", "user", "team") "]}";

static char db[96];

static int make_folder(void **state) {
    if (test_folder_make(state)) return -1;
    snprintf(path, sizeof path, "%s/keys.json", test_folder);
    snprintf(db, sizeof db, "%s/users.db", test_folder);
    return 0;
}

static void wipe(void) {
    static const char *const names[] = { "keys.json", "keys.json.lock", "keys.json.taken",
                                         "users.db",  "users.db-wal",   "users.db-shm" };
    for (size_t i = 0; i < HTH_COUNT(names); i++) {
        char file[128];
        snprintf(file, sizeof file, "%s/%s", test_folder, names[i]);
        unlink(file);
    }
}

static void put(const char *text) {
    HthErr err = { 0 };
    assert_ok(hth_file_write(path, text, strlen(text), 0600, &err), err);
}

/* Nothing of it is lost; once taken over it is another file; nothing there, nothing to do. */
static void taken_over(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthUsers *u = NULL;
    HthUserKey *keys = NULL;
    uint32_t n = 0;
    char taken[112];
    const HthUsersCfg cfg = { .path = db };
    assert_ok(hth_users_open(&u, &cfg, &err), err);
    assert_ok(hth_keys_take_over(u, path, &err), err);
    put(one_key);
    for (int round = 0; round < 2; round++) { /* again, as a copy that was put back */
        assert_ok(hth_keys_take_over(u, path, &err), err);
        assert_int_equal(access(path, F_OK), -1);
        snprintf(taken, sizeof taken, "%s.taken", path);
        assert_int_equal(access(taken, F_OK), 0);
        assert_ok(hth_users_keys(u, &keys, &n, &err), err);
        assert_int_equal(n, 1);
        assert_string_equal(keys[0].name, "a");
        assert_int_equal(keys[0].created_s, 5);
        assert_int_equal(keys[0].expires_s, 1000);
        assert_true(keys[0].taken_over);
        hth_free(keys);
        put(one_key);
    }
    /* What cannot be taken over stays where it is. */
    put("{\"version\": 1, \"keys\": [" KEY("b", "user", "b") ", " KEY("a", "root", "a") "]}");
    assert_status(hth_keys_take_over(u, path, &err), HTH_EFORMAT, err);
    put(one_key);
    assert_int_equal(chmod(path, 0666), 0);
    assert_status(hth_keys_take_over(u, path, &err), HTH_EDENIED, err);
    assert_int_equal(access(path, F_OK), 0);
    assert_ok(hth_users_keys(u, &keys, &n, &err), err);
    assert_int_equal(n, 1);
    hth_free(keys);
    hth_users_close(&u);
}

static void files_that_are_none(void **state) {
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"version\": 2, \"keys\": []}",
        "{\"version\": 1, \"keys\": {}}",
        "{\"version\": 1, \"keys\": [1]}",
        "{\"version\": 1, \"keys\": [{}]}",
        "{\"version\": 1, \"keys\": [{\"name\": \"a\", \"role\": \"user\"}]}",
        "{\"version\": 1, \"keys\": [{\"name\": \"a\", \"role\": \"root\", \"sha256\": \"" HEX
        "\"}]}",
        "{\"version\": 1, \"keys\": [{\"name\": \"a b\", \"role\": \"user\", \"sha256\": \"" HEX
        "\"}]}",
        "{\"version\": 1, \"keys\": [{\"name\": \"a\\u0000\", \"role\": \"user\", \"sha256\": "
        "\"" HEX "\"}]}",
        "{\"version\": 1, \"keys\": [{\"name\": \"a\", \"role\": \"user\", \"sha256\": \"" HEX
        "0\"}]}",
        "{\"version\": 1, \"keys\": [{\"name\": \"a\", \"role\": \"user\", \"sha256\": \"" HEX
        "\", \"expires\": \"never\"}]}",
        "{\"version\": 1, \"keys\": [{\"name\": \"a\", \"role\": \"user\", \"sha256\": \"" HEX
        "\", \"tenant\": \"../x\"}]}",
        "{\"version\": 1, \"keys\": [{\"name\": \"a\", \"role\": \"user\", \"sha256\": \"" HEX
        "\"}, {\"name\": \"a\", \"role\": \"user\", \"sha256\": \"" HEX "\"}]}",
    };
    (void)state;
    const uint64_t live = hth_mem_live();
    for (size_t i = 0; i < HTH_COUNT(bad); i++) {
        HthErr err = { 0 };
        HthKeys k = { 0 };
        if (hth_keys_parse(&k, hth_str(bad[i]), &err) != HTH_EFORMAT) fail_msg("%s", bad[i]);
        assert_null(k.keys);
        assert_int_not_equal(err.text[0], 0);
    }
    HthErr err = { 0 };
    HthKeys k = { 0 };
    assert_ok(hth_keys_parse(&k,
                             HTH_STR("{\"version\": 1, \"later\": 1, \"keys\": [{\"name\": \"a\", "
                                     "\"role\": \"user\", \"sha256\": \"" HEX "\"}]}"),
                             &err),
              err);
    assert_int_equal(k.count, 1);
    assert_int_equal(k.keys[0].expires_s, 0);
    hth_keys_drop(&k);
    assert_int_equal(hth_mem_live(), live);
}

static HthStatus take_over_once(void *ctx) {
    const HthUsersCfg cfg = { .path = db };
    HthUsers *u = NULL;
    (void)ctx;
    wipe();
    HTH_TRY(hth_file_write(path, one_key, sizeof one_key - 1, 0600, NULL));
    HTH_TRY(hth_users_open(&u, &cfg, NULL));
    const HthStatus st = hth_keys_take_over(u, path, NULL);
    assert_int_equal(access(path, F_OK) == 0, st != HTH_OK); /* there, or taken over */
    hth_users_close(&u);
    return st;
}

/* As test_torture, but SQLite goes on without some of its memory. */
static void without_memory(void **state) {
    (void)state;
    assert_int_equal(take_over_once(NULL), HTH_OK);
    uint64_t refused = 0;
    for (uint64_t nth = 1; nth < 10000; nth += 1 + nth / 64) {
        const uint64_t live = hth_mem_live(), calls = hth_mem_calls();
        hth_mem_fail_after(nth);
        const HthStatus st = take_over_once(NULL);
        hth_mem_fail_after(0);
        assert_int_equal(hth_mem_live(), live);
        assert_true(st == HTH_OK || st == HTH_ENOMEM);
        refused += st == HTH_ENOMEM;
        if (hth_mem_calls() - calls >= nth) continue;
        assert_int_equal(st, HTH_OK);
        assert_in_range(refused, 100, nth);
        return;
    }
    fail();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(taken_over, make_folder, test_folder_drop),
        cmocka_unit_test(files_that_are_none),
        cmocka_unit_test_setup_teardown(without_memory, make_folder, test_folder_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* users_hard_test.c - passwords and guessing, keys of keys.json, files that are none, and memory
 * and disk that fail. */
#include "vault/users.h"

#include <pthread.h>
#include <sched.h>
#include <sqlite3.h>

#include "crypt/hash.h"
#include "support/test.h"

#include "support/folder.h"
#include "support/vfs_fault.h"
#include "vault/users_in.h"

enum { NOW = 1700000000 };
#define S UINT64_C(1000000000)

static HthStatus open_with(HthUsers **u, HthArgon cost, const char *vfs, HthErr *err) {
    const HthUsersCfg cfg = { .path = test_path("users.db"), .vfs = vfs, .cost = cost };
    return hth_users_open(u, &cfg, err);
}

static HthUsers *open_users(uint32_t passes) {
    HthUsers *u = NULL;
    HthErr err = { 0 };
    assert_ok(open_with(&u, (HthArgon){ passes, 8 }, NULL, &err), err);
    return u;
}

static HthStatus add(HthUsers *u, const char *name, HthRole role, HthErr *err) {
    HthUser user = { .role = role, .uid = HTH_NO_UID };
    snprintf(user.name, sizeof user.name, "%s", name);
    return hth_users_add(u, &user, NOW, err);
}

static uint32_t wait_s;
static HthStatus login(HthUsers *u, const char *name, const char *password, const char *address,
                       uint64_t now_ns) {
    HthGrant g = { 0 };
    const HthStatus st = hth_users_login(u, hth_str(name), hth_str(password), hth_str(address),
                                         now_ns, &g, &wait_s, NULL);
    if (st == HTH_OK) assert_string_equal(g.user.name, name);
    if (st != HTH_OK) assert_string_equal(g.user.name, "");
    return st;
}

/* ---- passwords ------------------------------------------------------------------------------- */

static void passwords(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthUsers *u = open_users(1);
    const HthStr alice = HTH_STR("alice");
    assert_ok(add(u, "alice", HTH_ROLE_USER, &err), err);
    assert_ok(add(u, "robot", HTH_ROLE_SERVICE, &err), err);
    assert_int_equal(login(u, "alice", "", "h", S), HTH_EDENIED); /* none is none */
    assert_status(hth_users_set_password(u, alice, HTH_STR("short"), &err), HTH_EINVAL, err);
    assert_status(
        hth_users_set_password(u, alice, HTH_STR("\xff\xff\xff\xff\xff\xff\xff\xff"), &err),
        HTH_EINVAL, err);
    assert_status(hth_users_set_password(u, HTH_STR("nobody"), HTH_STR("long enough"), &err),
                  HTH_EINVAL, err);
    assert_status(hth_users_set_password(u, HTH_STR("robot"), HTH_STR("long enough"), &err),
                  HTH_EINVAL, err);
    static char huge[HTH_PASSWORD_MAX + 2];
    memset(huge, 'x', HTH_PASSWORD_MAX + 1);
    assert_status(hth_users_set_password(u, alice, hth_str(huge), &err), HTH_EINVAL, err);
    assert_int_equal(login(u, "alice", huge, "h", S), HTH_EDENIED);
    assert_ok(hth_users_set_password(u, alice, HTH_STR("correct horse"), &err), err);
    assert_int_equal(login(u, "alice", "correct horse", "h", S), HTH_OK);
    assert_int_equal(login(u, "alice", "correct horsf", "h", S), HTH_EDENIED);
    assert_int_equal(login(u, "alice", "", "h", S), HTH_EDENIED);
    assert_int_equal(login(u, "bob", "correct horse", "h", S), HTH_EDENIED);
    HthGrant g = { 0 };
    assert_ok(
        hth_users_login(u, alice, HTH_STR("correct horse"), HTH_STR("h"), S, &g, &wait_s, &err),
        err);
    assert_ok(hth_users_still(u, &g, NOW, &err), err);
    assert_ok(hth_users_set_password(u, alice, HTH_STR("another horse"), &err), err);
    assert_status(hth_users_still(u, &g, NOW, &err), HTH_EDENIED, err); /* its sessions end */
    assert_int_equal(login(u, "alice", "correct horse", "h", S), HTH_EDENIED);
    assert_ok(hth_users_set_disabled(u, alice, true, &err), err);
    assert_int_equal(login(u, "alice", "another horse", "h", S), HTH_EDENIED);
    assert_ok(hth_users_set_disabled(u, alice, false, &err), err);
    assert_int_equal(login(u, "alice", "another horse", "h", S), HTH_OK);
    assert_ok(hth_users_set_role(u, alice, HTH_ROLE_SERVICE, &err), err);
    assert_int_equal(login(u, "alice", "another horse", "h", S), HTH_EDENIED);
    hth_users_close(&u);
}

static void guessing(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthUsers *u = open_users(1);
    assert_ok(add(u, "alice", HTH_ROLE_USER, &err), err);
    assert_ok(add(u, "bob", HTH_ROLE_USER, &err), err);
    assert_ok(hth_users_set_password(u, HTH_STR("alice"), HTH_STR("correct horse"), &err), err);
    assert_ok(hth_users_set_password(u, HTH_STR("bob"), HTH_STR("battery staple"), &err), err);
    for (int i = 0; i < 6; i++) {
        char address[16]; /* from everywhere at once */
        snprintf(address, sizeof address, "10.0.0.%d", i);
        assert_int_equal(login(u, "alice", "wrong guess", address, 100 * S), HTH_EDENIED);
    }
    assert_int_equal(login(u, "alice", "correct horse", "10.0.1.1", 100 * S), HTH_EAGAIN);
    assert_int_equal(wait_s, 1);
    assert_int_equal(login(u, "bob", "battery staple", "10.0.1.1", 100 * S), HTH_OK);
    assert_int_equal(login(u, "alice", "correct horse", "10.0.1.1", 101 * S), HTH_OK);
    assert_int_equal(wait_s, 0);
    for (int i = 0; i < 6; i++) { /* many names from one place, also of nobody */
        char name[16];
        snprintf(name, sizeof name, "user%d", i);
        assert_int_equal(login(u, name, "wrong guess", "10.9.9.9", 200 * S), HTH_EDENIED);
    }
    assert_int_equal(login(u, "bob", "battery staple", "10.9.9.9", 200 * S), HTH_EAGAIN);
    assert_int_equal(login(u, "bob", "battery staple", "10.0.1.1", 200 * S), HTH_OK);
    assert_int_equal(login(u, "bob", "battery staple", "10.9.9.9", 201 * S), HTH_OK);
    hth_users_close(&u);
}

static int64_t number(const char *sql) {
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    assert_int_equal(sqlite3_open(test_path("users.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
    const int64_t v = sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int64(s, 0) : -1;
    sqlite3_finalize(s);
    sqlite3_close(db);
    return v;
}

static void costs_change(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthUsers *u = open_users(1);
    HthGrant g = { 0 };
    assert_ok(add(u, "alice", HTH_ROLE_USER, &err), err);
    assert_ok(hth_users_set_password(u, HTH_STR("alice"), HTH_STR("correct horse"), &err), err);
    assert_ok(hth_users_by_name(u, HTH_STR("alice"), &g, &err), err);
    assert_int_equal(number("SELECT passes FROM user"), 1);
    hth_users_close(&u);
    u = open_users(3);
    assert_int_equal(login(u, "alice", "wrong guess", "h", S), HTH_EDENIED);
    assert_int_equal(number("SELECT passes FROM user"), 1);
    assert_int_equal(login(u, "alice", "correct horse", "h", S), HTH_OK);
    assert_int_equal(number("SELECT passes FROM user"), 3);
    assert_int_equal(login(u, "alice", "correct horse", "h", S), HTH_OK);
    assert_ok(hth_users_still(u, &g, NOW, &err), err); /* sessions go on */
    hth_users_close(&u);
}

static void *waits(void *users) {
    HthGrant g;
    uint32_t seconds = 0;
    (void)!hth_users_login(users, HTH_STR("a"), HTH_STR("long enough"), HTH_STR("h"), S, &g,
                           &seconds, NULL);
    return NULL;
}

/* While one is hashed and one waits, a third is sent away: guessing holds two threads at most. */
static void logins_at_once(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthUsers *u = NULL;
    HthGrant g = { 0 };
    pthread_t threads[HTH_LOGINS_MAX];
    assert_ok(open_with(&u, (HthArgon){ 1, 8 }, NULL, NULL), err);
    assert_ok(add(u, "a", HTH_ROLE_USER, &err), err);
    assert_ok(hth_users_set_password(u, HTH_STR("a"), HTH_STR("long enough"), &err), err);
    pthread_mutex_lock(&u->hashing);
    for (int i = 0; i < HTH_LOGINS_MAX; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, waits, u), 0);
    while (atomic_load(&u->logins) < HTH_LOGINS_MAX) sched_yield();
    assert_status(hth_users_login(u, HTH_STR("a"), HTH_STR("long enough"), HTH_STR("h"), S, &g,
                                  &wait_s, &err),
                  HTH_EAGAIN, err);
    assert_int_equal(wait_s, 1);
    pthread_mutex_unlock(&u->hashing);
    for (int i = 0; i < HTH_LOGINS_MAX; i++) pthread_join(threads[i], NULL);
    assert_ok(hth_users_login(u, HTH_STR("a"), HTH_STR("long enough"), HTH_STR("h"), S, &g, &wait_s,
                              &err),
              err);
    hth_users_close(&u);
}

/* ---- keys of keys.json ----------------------------------------------------------------------- */

static void taken_over(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthUsers *u = open_users(1);
    const char text[] = "hearth_0123456789abcdefghijABCDEFGHIJ0123456789-_x"; /* as they were */
    assert_int_equal(strlen(text), 50);
    HthKey old[2] = {
        { .name = "alice", .tenant = "team", .role = HTH_ROLE_ADMIN, .created_s = 5 },
        { .name = "bob", .tenant = "bob", .role = HTH_ROLE_USER, .created_s = 6, .expires_s = NOW },
    };
    uint32_t added = 0;
    hth_hash(HTH_SHA256, text, 50, old[0].sha256);
    hth_hash(HTH_SHA256, "x", 1, old[1].sha256);
    assert_ok(hth_users_take_over(u, old, 2, &added, &err), err);
    assert_int_equal(added, 2);
    HthGrant g = { 0 };
    assert_ok(hth_users_by_key(u, hth_str(text), NOW, &g, &err), err);
    assert_string_equal(g.user.name, "alice");
    assert_string_equal(g.user.tenant, "team");
    assert_int_equal(g.user.role, HTH_ROLE_ADMIN);
    assert_memory_equal(&g.key_id, old[0].sha256, 8);
    HthUserKey *keys = NULL;
    uint32_t n = 0;
    assert_ok(hth_users_keys(u, &keys, &n, &err), err);
    assert_int_equal(n, 2); /* nothing of them is lost */
    for (uint32_t i = 0; i < n; i++) {
        assert_string_equal(keys[i].name, old[i].name);
        assert_string_equal(keys[i].user, old[i].name);
        assert_int_equal(keys[i].created_s, old[i].created_s);
        assert_int_equal(keys[i].expires_s, old[i].expires_s);
        assert_memory_equal(&keys[i].id, old[i].sha256, 8);
        assert_true(keys[i].taken_over);
    }
    hth_free(keys);
    assert_ok(hth_users_take_over(u, old, 2, &added, &err), err); /* again: nothing is new */
    assert_int_equal(added, 0);
    HthKey more[2] = { { .name = "carl", .tenant = "carl" }, old[0] };
    more[1].sha256[0] ^= 1; /* another alice: none of them, then */
    assert_status(hth_users_take_over(u, more, 2, &added, &err), HTH_EINVAL, err);
    HthUser *users = NULL;
    assert_ok(hth_users_list(u, &users, &n, &err), err);
    assert_int_equal(n, 2);
    hth_free(users);
    hth_users_close(&u);
}

/* ---- files that are none --------------------------------------------------------------------- */

static void change(const char *sql) {
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(test_path("users.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void files_that_are_none(void **state) {
    static const char *const bad[] = {
        "UPDATE user SET role = 4",
        "UPDATE user SET role = -1",
        "UPDATE user SET name = ''",
        "UPDATE user SET name = '../x'",
        "UPDATE user SET uid = 4294967296",
        "UPDATE user SET number = 77",
        "UPDATE api_key SET digest = x'00'",
        "UPDATE api_key SET kind = 2",
        "UPDATE api_key SET verbs = 512",
        "UPDATE api_key SET requests = -1",
        "UPDATE api_key SET bytes = -1",
        "UPDATE api_key SET name = char(10)",
        "UPDATE api_key SET models = printf('%300s', 'x')",
        "UPDATE api_key SET id = 0",
        "PRAGMA user_version = 3",
        "PRAGMA application_id = 7",
        "DROP TABLE api_key",
    };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(bad); i++) {
        HthErr err = { 0 };
        HthUsers *u = open_users(1), *again = NULL;
        char key[HTH_USER_KEY_TEXT];
        HthGrant g = { 0 };
        const HthUserKey k = { .name = "k", .user = "a" };
        assert_ok(add(u, "a", HTH_ROLE_ADMIN, &err), err);
        assert_ok(hth_users_add_key(u, &k, NOW, key, &err), err);
        change(bad[i]);
        if (!strncmp(bad[i], "UPDATE", 6)) { /* while it is open: nobody gets in */
            assert_int_equal(hth_users_by_key(u, hth_str(key), NOW, &g, &err), HTH_EFORMAT);
            assert_int_equal(hth_users_by_name(u, HTH_STR("a"), &g, &err), HTH_EFORMAT);
        }
        hth_users_close(&u);
        if (open_with(&again, (HthArgon){ 1, 8 }, NULL, &err) == HTH_OK) fail_msg("%s", bad[i]);
        assert_null(again);
        assert_non_null(strstr(err.text, "the file of users"));
        unlink(test_path("users.db"));
        unlink(test_path("users.db-wal"));
        unlink(test_path("users.db-shm"));
    }
    test_put("users.db", "this is no database, and it is longer than a page's beginning would be");
    HthErr err = { 0 };
    HthUsers *u = NULL;
    assert_status(open_with(&u, (HthArgon){ 1, 8 }, NULL, &err), HTH_EFORMAT, err);
    unlink(test_path("users.db"));
    assert_int_equal(symlink("/dev/null", test_path("users.db")), 0);
    assert_status(open_with(&u, (HthArgon){ 1, 8 }, NULL, &err), HTH_EIO, err);
}

/* What a file says a password costs is not believed without end. */
static void costs_from_outside(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthUsers *u = open_users(1);
    assert_ok(add(u, "alice", HTH_ROLE_USER, &err), err);
    assert_ok(hth_users_set_password(u, HTH_STR("alice"), HTH_STR("correct horse"), &err), err);
    change("UPDATE user SET passes = 1000000000");
    assert_int_equal(login(u, "alice", "correct horse", "h", S), HTH_EDENIED);
    change("UPDATE user SET passes = 1, memory_kib = 1000000000");
    assert_int_equal(login(u, "alice", "correct horse", "h", S), HTH_EDENIED);
    change("UPDATE user SET memory_kib = 8, hash = x'00'");
    assert_int_equal(login(u, "alice", "correct horse", "h", S), HTH_EDENIED);
    hth_users_close(&u);
}

/* Sealed, as conversations are: another key is refused, and another process's change is seen. */
static void sealed(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthUsers *u = open_users(1), *other = NULL;
    HthGrant g = { 0 };
    uint8_t key[32] = { 1, 2, 3 };
    assert_ok(add(u, "canary-of-a-name", HTH_ROLE_USER, &err), err);
    hth_users_close(&u);
    const HthUsersCfg cfg = { .path = test_path("users.db"), .cost = { 1, 8 }, .key = key };
    assert_ok(hth_users_open(&u, &cfg, &err), err); /* a plain one becomes sealed */
    assert_ok(hth_users_by_name(u, HTH_STR("canary-of-a-name"), &g, &err), err);
    hth_users_close(&u);
    HthBuf file;
    test_load(&file, test_path("users.db"));
    assert_int_equal(hth_str_find(hth_buf_str(&file), HTH_STR("canary-of-a-name")), SIZE_MAX);
    hth_buf_drop(&file);
    key[0]++;
    assert_status(hth_users_open(&other, &cfg, &err), HTH_EDENIED, err);
    assert_null(other);
}

/* ---- memory and disk ------------------------------------------------------------------------- */

static HthStatus everything(void *ctx) {
    HthUsers *u = NULL;
    char key[HTH_USER_KEY_TEXT];
    HthGrant g = { 0 };
    HthUser *users = NULL;
    HthUserKey *keys = NULL;
    uint32_t n = 0;
    const HthUserKey k = { .name = "k", .user = "a" };
    const HthKey old = { .name = "o", .tenant = "o", .sha256 = { 1 } };
    const char *vfs = ctx;
    unlink(test_path("users.db"));
    unlink(test_path("users.db-wal"));
    unlink(test_path("users.db-shm"));
    HthStatus st = open_with(&u, (HthArgon){ 1, 8 }, vfs, NULL);
    if (st == HTH_OK) st = add(u, "a", HTH_ROLE_USER, NULL);
    if (st == HTH_OK) st = hth_users_add_key(u, &k, NOW, key, NULL);
    if (st == HTH_OK) st = hth_users_by_key(u, hth_str(key), NOW, &g, NULL);
    if (st == HTH_OK) st = hth_users_take_over(u, &old, 1, &n, NULL);
    if (st == HTH_OK) st = hth_users_set_password(u, HTH_STR("a"), HTH_STR("long enough"), NULL);
    if (st == HTH_OK)
        st = hth_users_login(u, HTH_STR("a"), HTH_STR("long enough"), HTH_STR("h"), S, &g, &wait_s,
                             NULL);
    if (st == HTH_OK) st = hth_users_list(u, &users, &n, NULL);
    if (st == HTH_OK) st = hth_users_keys(u, &keys, &n, NULL);
    if (st == HTH_OK) st = hth_users_remove(u, HTH_STR("a"), NULL);
    hth_free(users);
    hth_free(keys);
    hth_users_close(&u);
    return st;
}

/* As test_torture, but SQLite goes on without some of its memory (a plan that is not kept). */
static void without_memory(void **state) {
    (void)state;
    assert_int_equal(everything(NULL), HTH_OK);
    uint64_t refused = 0;
    for (uint64_t nth = 1; nth < 10000; nth += 1 + nth / 64) {
        const uint64_t live = hth_mem_live(), calls = hth_mem_calls();
        hth_mem_fail_after(nth);
        const HthStatus st = everything(NULL);
        hth_mem_fail_after(0);
        assert_int_equal(hth_mem_live(), live);
        assert_true(st == HTH_OK || st == HTH_ENOMEM);
        refused += st == HTH_ENOMEM;
        if (hth_mem_calls() - calls >= nth) continue;
        assert_int_equal(st, HTH_OK);
        assert_in_range(refused, 200, nth);
        return;
    }
    fail_msg("still failing");
}

/* Whatever write fails: what was acknowledged is there, the rest is not, and the next start reads
 * the file. */
static void without_disk(void **state) {
    (void)state;
    assert_true(test_vfs_register());
    static char vfs[] = "fault";
    uint64_t nth = 1;
    for (; nth < 500; nth++) {
        test_vfs_fail_after(nth);
        const HthStatus st = everything(vfs);
        test_vfs_fail_after(0);
        HthErr err = { 0 };
        HthUsers *u = NULL;
        assert_ok(open_with(&u, (HthArgon){ 1, 8 }, vfs, &err), err);
        hth_users_close(&u);
        if (st == HTH_OK) break;
        assert_true(st == HTH_EIO);
    }
    assert_in_range(nth, 10, 499);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(passwords, test_folder_make, test_folder_drop),
        cmocka_unit_test_setup_teardown(guessing, test_folder_make, test_folder_drop),
        cmocka_unit_test_setup_teardown(costs_change, test_folder_make, test_folder_drop),
        cmocka_unit_test_setup_teardown(logins_at_once, test_folder_make, test_folder_drop),
        cmocka_unit_test_setup_teardown(taken_over, test_folder_make, test_folder_drop),
        cmocka_unit_test_setup_teardown(files_that_are_none, test_folder_make, test_folder_drop),
        cmocka_unit_test_setup_teardown(costs_from_outside, test_folder_make, test_folder_drop),
        cmocka_unit_test_setup_teardown(sealed, test_folder_make, test_folder_drop),
        cmocka_unit_test_setup_teardown(without_memory, test_folder_make, test_folder_drop),
        cmocka_unit_test_setup_teardown(without_disk, test_folder_make, test_folder_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

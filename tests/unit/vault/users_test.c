/* users_test.c - users, keys and grants: what is let in, what is not any more, and who says so. */
#include "vault/users.h"

#include "crypt/hash.h"
#include "support/test.h"

#include "support/folder.h"

static const HthArgon cheap = { .passes = 1, .memory_kib = 8 };
enum { NOW = 1700000000 };

static HthUsers *open_users(void) {
    HthUsers *u = NULL;
    HthErr err = { 0 };
    const HthUsersCfg cfg = { .path = test_path("users.db"), .cost = cheap };
    assert_ok(hth_users_open(&u, &cfg, &err), err);
    return u;
}

static HthStatus add(HthUsers *u, const char *name, HthRole role, uint32_t uid, HthErr *err) {
    HthUser user = { .role = role, .uid = uid };
    snprintf(user.name, sizeof user.name, "%s", name);
    return hth_users_add(u, &user, NOW, err);
}

static HthUserKey spec(const char *name, const char *user) {
    HthUserKey k = { .id = 0 };
    snprintf(k.name, sizeof k.name, "%s", name);
    snprintf(k.user, sizeof k.user, "%s", user);
    return k;
}

static HthStatus check(HthUsers *u, const char *key) {
    HthGrant g;
    return hth_users_by_key(u, hth_str(key), NOW, &g, NULL);
}

static void users_come_and_go(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthUsers *u = open_users();
    struct stat st;
    assert_int_equal(stat(test_path("users.db"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_ok(add(u, "bob", HTH_ROLE_USER, HTH_NO_UID, &err), err);
    assert_ok(add(u, "alice", HTH_ROLE_ADMIN, 1001, &err), err);
    assert_status(add(u, "bob", HTH_ROLE_ADMIN, HTH_NO_UID, &err), HTH_EINVAL, err);
    assert_status(add(u, "carl", HTH_ROLE_ADMIN, 1001, &err), HTH_EINVAL, err);
    static const char *const bad[] = { "", ".a", "a b", "../x", "\xc3\xa4" };
    for (size_t i = 0; i < HTH_COUNT(bad); i++)
        assert_status(add(u, bad[i], HTH_ROLE_USER, HTH_NO_UID, &err), HTH_EINVAL, err);
    HthUser *all = NULL;
    uint32_t n = 0;
    assert_ok(hth_users_list(u, &all, &n, &err), err);
    assert_int_equal(n, 2);
    assert_string_equal(all[0].name, "alice");
    assert_string_equal(all[0].tenant, "alice");
    assert_int_equal(all[0].role, HTH_ROLE_ADMIN);
    assert_int_equal(all[0].uid, 1001);
    assert_int_equal(all[1].uid, HTH_NO_UID);
    assert_int_equal(all[1].created_s, NOW);
    assert_false(all[1].has_password || all[1].disabled);
    hth_free(all);
    HthGrant g = { 0 };
    assert_ok(hth_users_by_uid(u, 1001, &g, &err), err);
    assert_string_equal(g.user.name, "alice");
    assert_int_equal(g.scope.verbs, HTH_MAY_ALL);
    assert_status(hth_users_by_uid(u, 1002, &g, &err), HTH_EDENIED, err);
    assert_status(hth_users_by_uid(u, HTH_NO_UID, &g, &err), HTH_EDENIED, err);
    assert_ok(hth_users_by_name(u, HTH_STR("bob"), &g, &err), err);
    assert_ok(hth_users_set_disabled(u, HTH_STR("alice"), true, &err), err);
    assert_status(hth_users_by_uid(u, 1001, &g, &err), HTH_EDENIED, err);
    assert_status(hth_users_by_name(u, HTH_STR("alice"), &g, &err), HTH_EDENIED, err);
    assert_ok(hth_users_remove(u, HTH_STR("bob"), &err), err);
    assert_status(hth_users_remove(u, HTH_STR("bob"), &err), HTH_EINVAL, err);
    assert_status(hth_users_set_role(u, HTH_STR("bob"), HTH_ROLE_USER, &err), HTH_EINVAL, err);
    hth_users_close(&u);
    u = open_users(); /* all of it is in the file */
    assert_ok(hth_users_list(u, &all, &n, &err), err);
    assert_int_equal(n, 1);
    assert_true(all[0].disabled);
    hth_free(all);
    hth_users_close(&u);
    hth_users_close(&u);
}

static void keys(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthUsers *u = open_users();
    char key[HTH_USER_KEY_TEXT] = "", other[HTH_USER_KEY_TEXT];
    assert_ok(add(u, "alice", HTH_ROLE_USER, HTH_NO_UID, &err), err);
    HthUserKey k = spec("laptop", "alice");
    k.expires_s = NOW + 100;
    k.scope.verbs = HTH_MAY_ASK | HTH_MAY_MODELS;
    snprintf(k.scope.models, sizeof k.scope.models, "qwen3* me/x");
    k.limits = (HthLimits){ 60, 10000, 4, (uint64_t)1 << 40 };
    assert_ok(hth_users_add_key(u, &k, NOW, key, &err), err);
    assert_int_equal(strlen(key), HTH_USER_KEY_TEXT - 1);
    assert_memory_equal(key, "hearth_", 7);
    assert_status(hth_users_add_key(u, &k, NOW, other, &err), HTH_EINVAL, err); /* its name */
    HthUserKey none = spec("x", "nobody"), odd = spec("a/b", "alice"), late = spec("l", "alice");
    late.expires_s = NOW;
    assert_status(hth_users_add_key(u, &none, NOW, other, &err), HTH_EINVAL, err);
    assert_status(hth_users_add_key(u, &odd, NOW, other, &err), HTH_EINVAL, err);
    assert_status(hth_users_add_key(u, &late, NOW, other, &err), HTH_EINVAL, err);
    HthUserKey plain = spec("desk", "alice");
    assert_ok(hth_users_add_key(u, &plain, NOW, other, &err), err);
    assert_string_not_equal(key, other);
    HthGrant g = { 0 };
    assert_ok(hth_users_by_key(u, hth_str(key), NOW + 99, &g, &err), err);
    assert_string_equal(g.user.name, "alice");
    assert_string_equal(g.key_name, "laptop");
    assert_int_equal(g.scope.verbs, HTH_MAY_ASK | HTH_MAY_MODELS);
    assert_string_equal(g.scope.models, "qwen3* me/x");
    assert_memory_equal(&g.limits, &k.limits, sizeof k.limits);
    assert_true(g.key_id != 0);
    assert_status(hth_users_by_key(u, hth_str(key), NOW + 100, &g, &err), HTH_EDENIED, err);
    assert_ok(hth_users_by_key(u, hth_str(other), INT64_MAX, &g, &err), err);
    assert_int_equal(g.scope.verbs, HTH_MAY_ALL);
    for (size_t i = 0; i < sizeof key - 1; i++) { /* any other character is no key */
        char wrong[HTH_USER_KEY_TEXT];
        memcpy(wrong, key, sizeof wrong);
        wrong[i] = wrong[i] == 'A' ? 'B' : 'A';
        assert_status(hth_users_by_key(u, hth_str(wrong), NOW, &g, &err), HTH_EDENIED, err);
        assert_non_null(strstr(err.text, "mistyped"));
    }
    for (size_t n = 0; n < sizeof key - 1; n++)
        assert_status(hth_users_by_key(u, (HthStr){ key, n }, NOW, &g, &err), HTH_EDENIED, err);
    HthUserKey *list = NULL;
    uint32_t count = 0;
    assert_ok(hth_users_keys(u, &list, &count, &err), err);
    assert_int_equal(count, 2);
    assert_string_equal(list[0].name, "desk");
    assert_string_equal(list[1].name, "laptop");
    assert_int_equal(list[1].expires_s, NOW + 100);
    assert_false(list[0].taken_over);
    hth_free(list);
    hth_users_close(&u);
    HthBuf file; /* the key itself is nowhere in it */
    test_load(&file, test_path("users.db"));
    assert_int_equal(hth_str_find(hth_buf_str(&file), hth_str(key + 7)), SIZE_MAX);
    assert_int_not_equal(hth_str_find(hth_buf_str(&file), HTH_STR("laptop")), SIZE_MAX);
    hth_buf_drop(&file);
    u = open_users();
    assert_int_equal(check(u, key), HTH_OK);
    hth_users_close(&u);
}

/* The check bytes are the first of SHA3-256("hearth_" and the secret): docs/formats/users.md. */
static void what_a_key_is(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthUsers *u = open_users();
    char key[HTH_USER_KEY_TEXT];
    HthBuf bytes;
    uint8_t text[7 + 32] = "hearth_", digest[32];
    const HthUserKey k = spec("k", "a");
    assert_ok(add(u, "a", HTH_ROLE_USER, HTH_NO_UID, &err), err);
    assert_ok(hth_users_add_key(u, &k, NOW, key, &err), err);
    hth_buf_init(&bytes, 100);
    assert_ok(hth_unbase64(&bytes, HTH_BASE64_URL, hth_str(key + 7), &err), err);
    assert_int_equal(bytes.n, 36);
    memcpy(text + 7, bytes.p, 32);
    hth_hash(HTH_SHA3_256, text, sizeof text, digest);
    assert_memory_equal(bytes.p + 32, digest, 4);
    hth_buf_drop(&bytes);
    HthGrant g;
    assert_ok(hth_users_by_key(u, hth_str(key), NOW, &g, &err), err);
    hth_hash(HTH_SHA3_256, key, strlen(key), digest);
    assert_memory_equal(&g.key_id, digest, 8);
    hth_users_close(&u);
}

/* Another process changes the file: the next request knows. */
static void revoked_at_once(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthUsers *server = open_users(), *verb = open_users();
    char a[HTH_USER_KEY_TEXT], b[HTH_USER_KEY_TEXT];
    HthGrant by_a = { 0 }, by_b = { 0 }, by_name = { 0 };
    assert_ok(add(verb, "alice", HTH_ROLE_ADMIN, HTH_NO_UID, &err), err);
    const HthUserKey ka = spec("a", "alice"), kb = spec("b", "alice");
    assert_ok(hth_users_add_key(verb, &ka, NOW, a, &err), err);
    assert_ok(hth_users_add_key(verb, &kb, NOW, b, &err), err);
    assert_ok(hth_users_by_key(server, hth_str(a), NOW, &by_a, &err), err);
    assert_ok(hth_users_by_key(server, hth_str(b), NOW, &by_b, &err), err);
    assert_ok(hth_users_by_name(server, HTH_STR("alice"), &by_name, &err), err);
    const uint64_t epoch = by_a.epoch;
    assert_ok(hth_users_still(server, &by_a, NOW, &err), err);
    assert_true(by_a.epoch == epoch);
    assert_ok(hth_users_revoke(verb, HTH_STR("a"), &err), err);
    assert_status(hth_users_revoke(verb, HTH_STR("a"), &err), HTH_EINVAL, err);
    assert_int_equal(check(server, a), HTH_EDENIED);
    assert_status(hth_users_still(server, &by_a, NOW, &err), HTH_EDENIED, err);
    assert_ok(hth_users_still(server, &by_b, NOW, &err), err);
    assert_true(by_b.epoch > epoch);
    assert_ok(hth_users_still(server, &by_name, NOW, &err), err); /* who he is did not change */
    assert_ok(hth_users_set_role(verb, HTH_STR("alice"), HTH_ROLE_USER, &err), err);
    assert_status(hth_users_still(server, &by_b, NOW, &err), HTH_EDENIED, err);
    assert_status(hth_users_still(server, &by_name, NOW, &err), HTH_EDENIED, err);
    assert_ok(hth_users_by_key(server, hth_str(b), NOW, &by_b, &err), err); /* with less */
    assert_int_equal(by_b.user.role, HTH_ROLE_USER);
    assert_ok(hth_users_set_disabled(verb, HTH_STR("alice"), true, &err), err);
    assert_int_equal(check(server, b), HTH_EDENIED);
    assert_ok(hth_users_set_disabled(verb, HTH_STR("alice"), false, &err), err);
    assert_int_equal(check(server, b), HTH_OK);
    assert_ok(hth_users_remove(verb, HTH_STR("alice"), &err), err);
    assert_int_equal(check(server, b), HTH_EDENIED);
    /* A user of the same name is somebody else. */
    assert_ok(add(verb, "alice", HTH_ROLE_ADMIN, HTH_NO_UID, &err), err);
    assert_status(hth_users_still(server, &by_name, NOW, &err), HTH_EDENIED, err);
    hth_users_close(&server);
    hth_users_close(&verb);
}

static void counted(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthUsers *u = open_users(), *verb = open_users();
    char key[HTH_USER_KEY_TEXT];
    HthGrant g = { 0 }, nobody = { 0 };
    uint32_t wait_s = 0;
    HthUserKey k = spec("k", "a");
    const HthUserKey more = spec("more", "a");
    k.limits = (HthLimits){ .requests_min = 2, .concurrent = 2 };
    assert_ok(add(u, "a", HTH_ROLE_SERVICE, HTH_NO_UID, &err), err);
    assert_ok(hth_users_add_key(u, &k, NOW, key, &err), err);
    assert_ok(hth_users_by_key(u, hth_str(key), NOW, &g, &err), err);
    assert_ok(hth_users_begin(u, &g, 10, 1, &wait_s, &err), err);
    assert_ok(hth_users_begin(u, &g, 10, 1, &wait_s, &err), err);
    assert_status(hth_users_begin(u, &g, 10, 1, &wait_s, &err), HTH_EAGAIN, err);
    hth_users_end(u, &g, 5, 1);
    assert_status(hth_users_begin(u, &g, 10, 1, &wait_s, &err), HTH_EAGAIN, err);
    assert_int_equal(wait_s, 30); /* the requests of this minute */
    char other[HTH_USER_KEY_TEXT]; /* somebody changes the file: what was used stays used */
    assert_ok(hth_users_add_key(verb, &more, NOW, other, &err), err);
    assert_ok(hth_users_by_key(u, hth_str(key), NOW, &g, &err), err);
    assert_status(hth_users_begin(u, &g, 10, 1, &wait_s, &err), HTH_EAGAIN, err);
    assert_int_equal(wait_s, 30);
    assert_ok(hth_users_begin(u, &nobody, 10, 1, &wait_s, &err), err); /* no key, no counting */
    hth_users_end(u, &nobody, 5, 1);
    assert_ok(hth_users_revoke(verb, HTH_STR("k"), &err), err);
    assert_int_equal(check(u, key), HTH_EDENIED);
    assert_status(hth_users_begin(u, &g, 10, 1, &wait_s, &err), HTH_EDENIED, err);
    hth_users_end(u, &g, 5, 1); /* its request ends after it: no harm */
    hth_users_close(&u);
    hth_users_close(&verb);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(users_come_and_go, test_folder_make, test_folder_drop),
        cmocka_unit_test_setup_teardown(keys, test_folder_make, test_folder_drop),
        cmocka_unit_test_setup_teardown(what_a_key_is, test_folder_make, test_folder_drop),
        cmocka_unit_test_setup_teardown(revoked_at_once, test_folder_make, test_folder_drop),
        cmocka_unit_test_setup_teardown(counted, test_folder_make, test_folder_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* keys_test.c - the file of keys: made, read, revoked, and what is no such file. */
#include "serve/keys.h"

#include <sys/stat.h>

#include "crypt/hash.h"
#include "support/test.h"

static char folder[64], path[80];

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/hearth-keys-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/keys.json", folder);
    return 0;
}

static int remove_folder(void **state) {
    char lock[96];
    (void)state;
    snprintf(lock, sizeof lock, "%s.lock", path);
    unlink(lock);
    unlink(path);
    return rmdir(folder);
}

static void made_and_revoked(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthKeys k = { 0 };
    char alice[HTH_KEY_TEXT], bob[HTH_KEY_TEXT], none[HTH_KEY_TEXT] = "";
    struct stat s;
    assert_ok(hth_keys_read(&k, path, &err), err); /* no file, no keys */
    assert_int_equal(k.count, 0);
    assert_ok(hth_keys_make(path, HTH_STR("alice"), HTH_STR(""), HTH_ROLE_ADMIN, 0, alice, &err),
              err);
    assert_ok(hth_keys_make(path, HTH_STR("bob"), HTH_STR("team"), HTH_ROLE_USER, 1000, bob, &err),
              err);
    assert_status(hth_keys_make(path, HTH_STR("bob"), HTH_STR(""), HTH_ROLE_USER, 0, none, &err),
                  HTH_EINVAL, err);
    assert_string_equal(none, "");
    assert_int_equal(strlen(alice), HTH_KEY_TEXT - 1);
    assert_memory_equal(alice, "hearth_", 7);
    assert_string_not_equal(alice, bob);
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0600);
    /* The file does not hold the keys themselves. */
    HthBuf text;
    test_load(&text, path);
    assert_int_equal(hth_str_find(hth_buf_str(&text), hth_str(alice + 7)), SIZE_MAX);
    hth_buf_drop(&text);
    assert_ok(hth_keys_read(&k, path, &err), err);
    assert_int_equal(k.count, 2);
    const HthKey *a = hth_keys_find(&k, hth_str(alice), 1 << 30);
    assert_non_null(a);
    assert_string_equal(a->name, "alice");
    assert_string_equal(a->tenant, "alice");
    assert_int_equal(a->role, HTH_ROLE_ADMIN);
    const HthKey *b = hth_keys_find(&k, hth_str(bob), 999);
    assert_non_null(b);
    assert_string_equal(b->tenant, "team");
    assert_null(hth_keys_find(&k, hth_str(bob), 1000)); /* expired */
    char wrong[HTH_KEY_TEXT];
    for (size_t i = 0; i < HTH_KEY_TEXT - 1; i++) { /* any one character else is no key */
        memcpy(wrong, alice, sizeof wrong);
        wrong[i] = wrong[i] == 'A' ? 'B' : 'A';
        assert_null(hth_keys_find(&k, hth_str(wrong), 0));
    }
    assert_null(hth_keys_find(&k, HTH_STR(""), 0));
    assert_null(hth_keys_find(&k, hth_str_sub(hth_str(alice), 0, 49), 0));
    hth_keys_drop(&k);
    assert_ok(hth_keys_revoke(path, HTH_STR("alice"), &err), err);
    assert_status(hth_keys_revoke(path, HTH_STR("alice"), &err), HTH_EINVAL, err);
    assert_ok(hth_keys_read(&k, path, &err), err);
    assert_int_equal(k.count, 1);
    assert_null(hth_keys_find(&k, hth_str(alice), 0));
    hth_keys_drop(&k);
    assert_int_equal(chmod(path, 0622), 0);
    assert_status(hth_keys_read(&k, path, &err), HTH_EDENIED, err);
}

#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

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

static void names(void **state) {
    (void)state;
    assert_true(hth_key_name(HTH_STR("a.b-c_D9")));
    assert_true(hth_key_name(HTH_STR("abcdefghijklmnopqrstuvwxyz012345")));
    assert_false(hth_key_name(HTH_STR("abcdefghijklmnopqrstuvwxyz0123456")));
    static const char *const bad[] = { "", ".a", "a b", "a/b", "\xc3\xa4", "a\n" };
    for (size_t i = 0; i < HTH_COUNT(bad); i++) assert_false(hth_key_name(hth_str(bad[i])));
}

static HthStatus make_and_revoke(void *ctx) {
    char key[HTH_KEY_TEXT];
    (void)ctx;
    unlink(path);
    HTH_TRY(hth_keys_make(path, HTH_STR("a"), HTH_STR(""), HTH_ROLE_USER, 0, key, NULL));
    HTH_TRY(hth_keys_make(path, HTH_STR("b"), HTH_STR(""), HTH_ROLE_USER, 0, key, NULL));
    return hth_keys_revoke(path, HTH_STR("a"), NULL);
}

static void without_memory(void **state) {
    (void)state;
    assert_int_equal(make_and_revoke(NULL), HTH_OK);
    assert_in_range(test_torture(make_and_revoke, NULL, 2000), 10, 2000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(made_and_revoked, make_folder, remove_folder),
        cmocka_unit_test(files_that_are_none),
        cmocka_unit_test(names),
        cmocka_unit_test_setup_teardown(without_memory, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

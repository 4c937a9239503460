/* keyring_test.c - slots, passphrases, key files; subjects and their end; failures, crashes, bytes
 * that changed. */
#include "support/test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/rng.h"
#include "support/folder.h"
#include "vault/keyring_int.h"

enum { KEY = HTH_RING_KEY_BYTES };

static const char *words; /* what is said when a passphrase is asked for; NULL: nobody is there */
static int asked;

static HthStatus ask(void *payload, char *out, size_t *n, HthErr *err) {
    (void)payload;
    asked++;
    if (!words) return HTH_FAIL(err, HTH_EDENIED, "nobody is there");
    *n = strlen(words);
    memcpy(out, words, *n);
    return HTH_OK;
}

static HthStatus open_ring(HthKeyring **out, const char *key_file, bool make, HthErr *err) {
    const HthKeyringCfg cfg = {
        .folder = test_folder, .key_file = key_file, .ask = ask, .make = make
    };
    return hth_keyring_open(out, &cfg, err);
}

static HthKeyring *ring(void) {
    HthKeyring *k = NULL;
    HthErr err = { 0 };
    assert_ok(open_ring(&k, NULL, true, &err), err);
    return k;
}

static void expect_key(HthPurpose purpose, const uint8_t want[KEY]) {
    uint8_t got[KEY];
    HthKeyring *k = ring();
    hth_keyring_key(k, purpose, got);
    assert_memory_equal(got, want, KEY);
    hth_keyring_close(&k);
}

static void made_and_opened(void **state) {
    (void)state;
    uint8_t key[HTH_KEY_PURPOSES][KEY];
    HthErr err = { 0 };
    HthKeyring *k = NULL;
    HthKeySlot slots[HTH_SLOTS_MAX];
    uint32_t count = 9;
    struct stat st;
    assert_ok(hth_keyring_slots(test_folder, slots, &count, &err), err);
    assert_int_equal(count, 0);
    assert_status(open_ring(&k, NULL, false, &err), HTH_EINVAL, err);
    k = ring();
    for (int i = 0; i < HTH_KEY_PURPOSES; i++) {
        hth_keyring_key(k, (HthPurpose)i, key[i]);
        for (int j = 0; j < i; j++) assert_memory_not_equal(key[i], key[j], KEY);
    }
    hth_keyring_close(&k);
    assert_int_equal(stat(test_path("keyring"), &st) | (st.st_mode & 0777), 0600);
    assert_int_equal(stat(test_path("keyring.key"), &st) | (st.st_mode & 0777), 0600);
    assert_int_equal(test_entries("."), 2);
    expect_key(HTH_KEY_DATABASE, key[HTH_KEY_DATABASE]);
    expect_key(HTH_KEY_SPILL, key[HTH_KEY_SPILL]);
    assert_ok(hth_keyring_slots(test_folder, slots, &count, &err), err);
    assert_int_equal(count, 1);
    assert_int_equal(slots[0].kind, HTH_SLOT_FILE);
    assert_int_equal(slots[0].number, 1);
    assert_int_equal(asked, 0);
}

static void refused(const char *key_file, HthStatus want, const char *says) {
    HthErr err = { 0 };
    HthKeyring *k = NULL;
    const uint64_t live = hth_mem_live();
    assert_status(open_ring(&k, key_file, true, &err), want, err);
    if (!strstr(err.text, says)) fail_msg("%s", err.text);
    assert_null(k);
    assert_int_equal(hth_mem_live(), live);
}

static void key_files(void **state) {
    (void)state;
    HthErr err = { 0 };
    uint8_t key[KEY];
    HthKeyring *k = ring();
    hth_keyring_key(k, HTH_KEY_DATABASE, key);
    assert_ok(hth_keyring_add_file(k, test_path("other.key"), &err), err);
    assert_status(hth_keyring_add_file(k, test_path("other.key"), &err), HTH_EINVAL, err);
    hth_keyring_close(&k);
    rename(test_path("keyring.key"), test_path("away"));
    words = NULL;
    refused(NULL, HTH_EDENIED, "its key file is not there");
    assert_ok(open_ring(&k, test_path("other.key"), true, &err), err);
    uint8_t got[KEY];
    hth_keyring_key(k, HTH_KEY_DATABASE, got);
    assert_memory_equal(got, key, KEY);
    assert_status(hth_keyring_remove(k, 3, &err), HTH_EINVAL, err);
    assert_status(hth_keyring_remove(k, 0, &err), HTH_EINVAL, err);
    assert_ok(hth_keyring_remove(k, 1, &err), err);
    assert_status(hth_keyring_remove(k, 2, &err), HTH_EINVAL, err);
    assert_non_null(strstr(err.text, "the last"));
    hth_keyring_close(&k);
    rename(test_path("away"), test_path("keyring.key"));
    refused(NULL, HTH_EDENIED, "is another's"); /* its slot is gone */
    assert_int_equal(chmod(test_path("other.key"), 0640), 0);
    refused(test_path("other.key"), HTH_EDENIED, "chmod 600");
    assert_int_equal(chmod(test_path("other.key"), 0600), 0);
    assert_int_equal(truncate(test_path("other.key"), 31), 0);
    refused(test_path("other.key"), HTH_EFORMAT, "cut off");
    assert_int_equal(truncate(test_path("other.key"), 33), 0);
    refused(test_path("other.key"), HTH_EFORMAT, "cut off");
    refused(test_folder, HTH_EFORMAT, "not a file");
    assert_int_equal(mkfifo(test_path("fifo"), 0600), 0);
    alarm(20); /* nobody waits for somebody to write there */
    refused(test_path("fifo"), HTH_EFORMAT, "not a file");
    alarm(0);
}

static void passphrases(void **state) {
    (void)state;
    HthErr err = { 0 };
    uint8_t key[KEY];
    HthKeyring *k = ring();
    hth_keyring_key(k, HTH_KEY_DATABASE, key);
    static char huge[HTH_PASSPHRASE_MAX + 1];
    assert_status(hth_keyring_passphrase(k, HTH_STR(""), true, &err), HTH_EINVAL, err);
    assert_status(hth_keyring_passphrase(k, (HthStr){ huge, sizeof huge }, true, &err), HTH_EINVAL,
                  err);
    assert_ok(hth_keyring_passphrase(k, HTH_STR("first of all"), false, &err), err);
    hth_keyring_close(&k);
    asked = 0;
    expect_key(HTH_KEY_DATABASE, key); /* the key file is still there */
    assert_int_equal(asked, 0);
    k = ring();
    assert_ok(hth_keyring_passphrase(k, HTH_STR("second"), true, &err), err);
    hth_keyring_close(&k);
    assert_int_not_equal(access(test_path("keyring.key"), F_OK), 0);
    words = "second";
    expect_key(HTH_KEY_DATABASE, key);
    assert_int_equal(asked, 1);
    words = "first of all";
    refused(NULL, HTH_EDENIED, "does not open");
    words = NULL;
    refused(NULL, HTH_EDENIED, "nobody is there");
    const HthKeyringCfg silent = { .folder = test_folder };
    assert_status(hth_keyring_open(&k, &silent, &err), HTH_EDENIED, err);
    assert_non_null(strstr(err.text, "nobody was asked"));
    assert_int_equal(test_entries("."), 1);
}

static void slots_are_few(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthKeyring *k = ring();
    char name[16];
    for (int i = 1; i < HTH_SLOTS_MAX; i++) {
        snprintf(name, sizeof name, "k%d", i);
        assert_ok(hth_keyring_add_file(k, test_path(name), &err), err);
    }
    assert_status(hth_keyring_add_file(k, test_path("more"), &err), HTH_ELIMIT, err);
    assert_status(hth_keyring_passphrase(k, HTH_STR("x"), false, &err), HTH_ELIMIT, err);
    hth_keyring_close(&k);
}

/* ---- subjects -------------------------------------------------------------------------------- */

static void subjects(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthKeyring *k = ring(), *other = ring();
    uint8_t key[50][KEY], got[KEY];
    char name[32];
    bool there = true;
    assert_ok(hth_subject_key(k, HTH_STR("nobody"), false, got, &there, &err), err);
    assert_false(there);
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "subject %d", i);
        assert_ok(hth_subject_key(i % 2 ? k : other, hth_str(name), true, key[i], &there, &err),
                  err);
        assert_true(there);
    }
    hth_keyring_close(&other);
    other = ring();
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "subject %d", i);
        assert_ok(hth_subject_key(i % 2 ? k : other, hth_str(name), i % 3 == 0, got, &there, &err),
                  err);
        assert_true(there);
        assert_memory_equal(got, key[i], KEY);
    }
    HthBuf b;
    test_load(&b, test_path("subjects"));
    assert_null(memmem(b.p, b.n, "subject 7", 9));
    hth_buf_drop(&b);
    /* erased here, gone there */
    assert_ok(hth_subject_erase(k, HTH_STR("subject 7"), &there, &err), err);
    assert_true(there);
    assert_ok(hth_subject_erase(k, HTH_STR("subject 7"), &there, &err), err);
    assert_false(there);
    assert_ok(hth_subject_key(other, HTH_STR("subject 7"), false, got, &there, &err), err);
    assert_false(there);
    assert_ok(hth_subject_key(other, HTH_STR("subject 8"), false, got, &there, &err), err);
    assert_memory_equal(got, key[8], KEY);
    /* somebody of that name again is somebody else */
    assert_ok(hth_subject_key(other, HTH_STR("subject 7"), true, got, &there, &err), err);
    assert_memory_not_equal(got, key[7], KEY);
    assert_status(hth_subject_key(k, HTH_STR(""), true, got, &there, &err), HTH_EINVAL, err);
    static char huge[HTH_SUBJECT_MAX + 1];
    assert_status(hth_subject_erase(k, (HthStr){ huge, sizeof huge }, &there, &err), HTH_EINVAL,
                  err);
    hth_keyring_close(&k);
    hth_keyring_close(&other);
}

/* The blocks that held an erased subject's sealed key hold it no more. */
static void erased_is_overwritten(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthKeyring *k = ring();
    uint8_t got[KEY];
    bool there;
    assert_ok(hth_subject_key(k, HTH_STR("one"), true, got, &there, &err), err);
    assert_ok(hth_subject_key(k, HTH_STR("two"), true, got, &there, &err), err);
    HthBuf before, after;
    test_load(&before, test_path("subjects"));
    const int old = open(test_path("subjects"), O_RDONLY);
    assert_ok(hth_subject_erase(k, HTH_STR("one"), &there, &err), err);
    test_load(&after, test_path("subjects"));
    size_t kept = 0;
    for (int i = 0; i < 2; i++) {
        const char *record = before.p + HTH_SUBJECTS_HEAD + i * HTH_SUBJECT_BYTES;
        kept += memmem(after.p, after.n, record, HTH_SUBJECT_BYTES) != NULL;
        kept += 2 * (memmem(after.p, after.n, record + HTH_SUBJECT_TAG, 16) != NULL);
    }
    assert_int_equal(kept, 3); /* one of them, whole */
    for (size_t at = 0; at < before.n; at++) {
        char byte = 1;
        assert_int_equal(pread(old, &byte, 1, (off_t)at), 1);
        assert_int_equal(byte, 0);
    }
    close(old);
    assert_int_not_equal(access(test_path("subjects-old"), F_OK), 0);
    hth_buf_drop(&before);
    hth_buf_drop(&after);
    hth_keyring_close(&k);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static void flip_each(const char *name, size_t step, void (*expect)(size_t at)) {
    HthBuf b;
    test_load(&b, test_path(name));
    for (size_t at = 0; at < b.n; at += step) {
        const uint8_t by = (uint8_t)(1U << hth_rng_below(7, 0, (uint32_t)at, 8));
        b.p[at] = (char)(b.p[at] ^ by);
        assert_int_equal(hth_file_write(test_path(name), b.p, b.n, 0600, NULL), HTH_OK);
        expect(at);
        b.p[at] = (char)(b.p[at] ^ by);
    }
    assert_int_equal(hth_file_write(test_path(name), b.p, b.n, 0600, NULL), HTH_OK);
    hth_buf_drop(&b);
}

static void ring_is_damaged(size_t at) {
    HthErr err = { 0 };
    HthKeyring *k = NULL;
    if (open_ring(&k, NULL, true, &err) != HTH_EFORMAT) fail_msg("byte %zu: %s", at, err.text);
}

static void subjects_are_damaged(size_t at) {
    HthErr err = { 0 };
    HthKeyring *k = ring();
    uint8_t got[KEY];
    bool there;
    if (hth_subject_key(k, HTH_STR("one"), true, got, &there, &err) != HTH_EFORMAT)
        fail_msg("byte %zu: %s", at, err.text);
    assert_int_equal(hth_subject_erase(k, HTH_STR("one"), &there, &err), HTH_EFORMAT);
    hth_keyring_close(&k);
}

static void changed_bytes(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthKeyring *k = ring();
    uint8_t got[KEY];
    bool there;
    assert_ok(hth_subject_key(k, HTH_STR("one"), true, got, &there, &err), err);
    assert_ok(hth_subject_key(k, HTH_STR("two"), true, got, &there, &err), err);
    assert_ok(hth_keyring_add_file(k, test_path("other"), &err), err);
    hth_keyring_close(&k);
    flip_each("keyring", 1, ring_is_damaged);
    flip_each("subjects", 3, subjects_are_damaged);
    k = ring();
    assert_ok(hth_subject_key(k, HTH_STR("one"), false, got, &there, &err), err);
    assert_true(there);
    hth_keyring_close(&k);
}

/* A slot taken away, its sum made right again: only who has the root key can do that. */
static void slot_taken_away(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthKeyring *k = ring();
    assert_ok(hth_keyring_add_file(k, test_path("other"), &err), err);
    hth_keyring_close(&k);
    HthBuf b;
    test_load(&b, test_path("keyring"));
    memmove(b.p + 48 + 160, b.p + 48 + 320, 64);
    b.n -= 160;
    b.p[20] = 1;
    hth_hash(HTH_SHA256, b.p, b.n - 32, (uint8_t *)b.p + b.n - 32);
    assert_int_equal(hth_file_write(test_path("keyring"), b.p, b.n, 0600, NULL), HTH_OK);
    hth_buf_drop(&b);
    refused(NULL, HTH_EFORMAT, "does not have its key");
}

/* Who cannot seal puts a plain file of before in the folder: it is not taken over, unless it was
 * there before the keyring. */
static void plain_files(void **state) {
    (void)state;
    static const char *const rows[][2] = { { "users.db", "SQLite format 3" },
                                           { "keys.json", "[]" } };
    for (size_t i = 0; i < HTH_COUNT(rows); i++)
        for (int before = 0; before < 2; before++) {
            HthErr err = { 0 };
            HthKeyring *k = NULL;
            (void)test_folder_drop(NULL);
            assert_int_equal(mkdir(test_folder, 0700), 0);
            if (!before) k = ring();
            hth_keyring_close(&k);
            /* with the zero at the end, which is of SQLite's sign */
            assert_ok(hth_file_write(test_path(rows[i][0]), rows[i][1], strlen(rows[i][1]) + 1,
                                     0600, &err),
                      err);
            if (before) k = ring();
            hth_keyring_close(&k);
            if (!before) {
                refused(NULL, HTH_EDENIED, "is plain");
                assert_int_equal(unlink(test_path(rows[i][0])), 0);
            }
            k = ring();
            assert_ok(hth_keyring_add_file(k, test_path("other"), &err), err);
            hth_keyring_close(&k);
            k = ring(); /* it is there still, and may be taken */
            hth_keyring_close(&k);
            (void)unlink(test_path(rows[i][0]));
        }
}

/* ---- failures -------------------------------------------------------------------------------- */

static HthStatus life(HthErr *err) {
    HthKeyring *k = NULL;
    uint8_t got[KEY];
    bool there;
    HTH_TRY(open_ring(&k, NULL, true, err));
    HthStatus status = hth_subject_key(k, HTH_STR("one"), true, got, &there, err);
    if (status == HTH_OK) status = hth_subject_key(k, HTH_STR("two"), true, got, &there, err);
    if (status == HTH_OK) status = hth_subject_erase(k, HTH_STR("one"), &there, err);
    if (status == HTH_OK) status = hth_keyring_add_file(k, test_path("other.key"), err);
    if (status == HTH_OK) status = hth_keyring_remove(k, 1, err);
    hth_keyring_close(&k);
    return status;
}

static void wipe_folder(void) {
    (void)test_folder_drop(NULL);
    assert_int_equal(mkdir(test_folder, 0700), 0);
}

static void failures(void **state) {
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        uint64_t failed = 0;
        for (uint64_t nth = 1;; nth++) {
            HthErr err = { 0 };
            wipe_folder();
            const uint64_t live = hth_mem_live();
            kind ? hth_mem_fail_after(nth) : hth_file_fail_after(nth);
            const HthStatus status = life(&err);
            hth_mem_fail_after(0);
            hth_file_fail_after(0);
            assert_int_equal(hth_mem_live(), live);
            if (status == HTH_OK) break;
            if (status != (kind ? HTH_ENOMEM : HTH_EIO))
                fail_msg("kind %d, %d: %s %s", kind, (int)nth, hth_status_name(status), err.text);
            failed++;
            HthKeyring *k = NULL; /* whatever came of it, it can be opened */
            if (open_ring(&k, NULL, true, &err) != HTH_OK)
                assert_ok(open_ring(&k, test_path("other.key"), true, &err), err);
            uint8_t got[KEY];
            bool there;
            assert_ok(hth_subject_key(k, HTH_STR("two"), true, got, &there, &err), err);
            assert_ok(hth_subject_erase(k, HTH_STR("one"), &there, &err), err);
            hth_keyring_close(&k);
            assert_int_not_equal(access(test_path("subjects-old"), F_OK), 0);
        }
        assert_true(failed > 15);
    }
}

/* One call fails and those after it do not: what was there is not taken for missing, made anew and
 * shredded. */
static void one_failing_call(void **state) {
    (void)state;
    uint64_t failed = 0, quiet = 0; /* some calls may fail without harm */
    for (uint64_t nth = 1; quiet < 8; nth++) {
        HthErr err = { 0 };
        uint8_t before[2][KEY], after[2][KEY];
        bool there;
        wipe_folder();
        HthKeyring *k = ring();
        hth_keyring_key(k, HTH_KEY_DATABASE, before[0]);
        assert_ok(hth_subject_key(k, HTH_STR("kept"), true, before[1], &there, &err), err);
        hth_keyring_close(&k);
        hth_file_fail_once(nth);
        const HthStatus status = life(&err);
        hth_file_fail_once(0);
        failed += status != HTH_OK;
        quiet = status == HTH_OK ? quiet + 1 : 0;
        if (open_ring(&k, NULL, false, &err) != HTH_OK)
            assert_ok(open_ring(&k, test_path("other.key"), false, &err), err);
        hth_keyring_key(k, HTH_KEY_DATABASE, after[0]);
        assert_ok(hth_subject_key(k, HTH_STR("kept"), false, after[1], &there, &err), err);
        assert_true(there);
        assert_memory_equal(before, after, sizeof before);
        hth_keyring_close(&k);
    }
    assert_true(failed > 30);
}

/* A stick with the keyring on it is not plugged in: nothing new is made in its place. */
static void links_to_nowhere(void **state) {
    (void)state;
    static const char *const names[] = { "keyring", "subjects" };
    for (size_t i = 0; i < HTH_COUNT(names); i++) {
        HthErr err = { 0 };
        HthKeyring *k = NULL;
        uint8_t got[KEY];
        char away[400];
        bool there;
        wipe_folder();
        if (i) k = ring();
        snprintf(away, sizeof away, "%s", test_path("not-here"));
        assert_int_equal(symlink(away, test_path(names[i])), 0);
        if (!i)
            assert_status(open_ring(&k, NULL, true, &err), HTH_EIO, err);
        else
            assert_status(hth_subject_key(k, HTH_STR("one"), true, got, &there, &err), HTH_EIO,
                          err);
        hth_keyring_close(&k);
        assert_int_equal(readlink(test_path(names[i]), away, sizeof away), (ssize_t)strlen(away));
    }
}

/* Killed while the passphrase changes and subjects come and go: old or new, and all others are
 * there. */
static void killed(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthKeyring *k = ring();
    uint8_t stays[KEY], got[KEY], key[KEY];
    bool there;
    hth_keyring_key(k, HTH_KEY_DATABASE, key);
    assert_ok(hth_subject_key(k, HTH_STR("stays"), true, stays, &there, &err), err);
    for (uint32_t round = 0; round < 30; round++) {
        const pid_t child = fork();
        if (!child) {
            for (int i = 0;; i++) {
                char name[32];
                snprintf(name, sizeof name, "k%u.%d", round, i);
                if (hth_subject_key(k, HTH_STR("comes"), true, got, &there, NULL) ||
                    hth_subject_erase(k, HTH_STR("comes"), &there, NULL) ||
                    hth_keyring_add_file(k, test_path(name), NULL) ||
                    hth_keyring_remove(k, 2, NULL))
                    _exit(1);
            }
        }
        usleep(500 + hth_rng_below(8, 0, round, 30000));
        kill(child, SIGKILL);
        int how;
        waitpid(child, &how, 0);
        assert_true(WIFSIGNALED(how));
        expect_key(HTH_KEY_DATABASE, key);
        assert_ok(hth_subject_key(k, HTH_STR("stays"), false, got, &there, &err), err);
        assert_true(there);
        assert_memory_equal(got, stays, KEY);
        HthKeySlot slots[HTH_SLOTS_MAX];
        uint32_t count;
        assert_ok(hth_keyring_slots(test_folder, slots, &count, &err), err);
        assert_true(count == 1 || count == 2);
        if (count == 2) assert_ok(hth_keyring_remove(k, 2, &err), err);
    }
    hth_keyring_close(&k);
}

int main(void) {
#define IN_FOLDER(t) cmocka_unit_test_setup_teardown(t, test_folder_make, test_folder_drop)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(made_and_opened), IN_FOLDER(key_files),        IN_FOLDER(passphrases),
        IN_FOLDER(slots_are_few),   IN_FOLDER(subjects),         IN_FOLDER(erased_is_overwritten),
        IN_FOLDER(changed_bytes),   IN_FOLDER(slot_taken_away),  IN_FOLDER(failures),
        IN_FOLDER(plain_files),     IN_FOLDER(one_failing_call), IN_FOLDER(links_to_nowhere),
        IN_FOLDER(killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* restore_test.c - there and back: every byte, every failing call, who was erased, which log. */
#include "support/test.h"

#include <signal.h>
#include <sys/wait.h>

#include "support/folder.h"
#include "support/memory.h"

#include "audit/erase.h"
#include "audit/verify.h"
#include "backup/backup.h"
#include "backup/restore.h"
#include "backup/swap.h"

static uint8_t secret[1][32], recipient[1][32];

static HthStatus open_ring(void *payload, const char *folder, HthKeyring **out, HthErr *err) {
    const HthKeyringCfg cfg = { .folder = folder };
    (void)payload;
    return hth_keyring_open(out, &cfg, err);
}

static HthKeyring *ring_of(const char *folder, bool make) {
    HthKeyring *k = NULL;
    HthErr err = { 0 };
    const HthKeyringCfg cfg = { .folder = folder, .make = make };
    assert_ok(hth_keyring_open(&k, &cfg, &err), err);
    return k;
}

static bool has_key(const char *folder, const char *subject, bool make) {
    HthKeyring *k = ring_of(folder, make);
    uint8_t key[HTH_RING_KEY_BYTES];
    bool is = false;
    HthErr err = { 0 };
    assert_ok(hth_subject_key(k, hth_str(subject), make, key, &is, &err), err);
    hth_keyring_close(&k);
    return is;
}

static HthAudit *log_of(const char *folder) {
    HthKeyring *k = ring_of(folder, false);
    uint8_t seal[HTH_RING_KEY_BYTES];
    char path[400];
    HthAudit *a = NULL;
    HthErr err = { 0 };
    hth_keyring_key(k, HTH_KEY_SIGNER, seal);
    snprintf(path, sizeof path, "%s/audit", folder);
    assert_ok(hth_audit_open(&a, path, &(HthAuditCfg){ .key = seal }, &err), err);
    hth_keyring_close(&k);
    return a;
}

/* n entries, and closed: so signed for. */
static void grow(const char *folder, unsigned n) {
    HthAudit *a = log_of(folder);
    HthErr err = { 0 };
    for (unsigned i = 0; i < n; i++) {
        HthEntry e;
        HthBuf text;
        hth_buf_init(&text, HTH_LEAF_MAX);
        hth_entry_begin(&e, HTH_ENTRY_STOP);
        assert_ok(hth_entry_write(&text, &e, &err), err);
        assert_ok(hth_audit_append_wait(a, hth_buf_str(&text), HTH_STR(""), NULL, &err), err);
        hth_buf_drop(&text);
    }
    assert_ok(hth_audit_close(&a, &err), err);
}

static HthStatus forget(void *ring, HthStr subject, HthErr *err) {
    bool was;
    return hth_subject_erase(ring, subject, &was, err);
}

static void erase(const char *folder, const char *subject) {
    HthAudit *a = log_of(folder);
    HthKeyring *k = ring_of(folder, false);
    const HthContentKeys keys = { .forget = forget, .payload = k };
    HthErr err = { 0 };
    assert_ok(hth_audit_erase(a, hth_str(subject), HTH_STR(""), &keys, &err), err);
    assert_ok(hth_audit_close(&a, &err), err);
    hth_keyring_close(&k);
}

/* A state folder with two subjects, four files and a log. */
static const char *make_state(void) {
    static char state[320];
    snprintf(state, sizeof state, "%s/state", test_folder);
    mkdir(state, 0700);
    assert_true(has_key(state, "alice", true) && has_key(state, "bob", true));
    test_put("state/other.json", "[1]");
    test_put("state/ca/ca.crt", "a certificate");
    test_put("state/x.tmp", "half written");
    grow(state, 3);
    return state;
}

static HthStatus back_up(Memory *m, const char *state, HthErr *err) {
    HthKeyring *k = ring_of(state, false);
    HthBackupReport report;
    const HthBackupCfg cfg = {
        .state = state,
        .ring = k,
        .to = { .recipients = recipient, .count = 1, .sink = memory_sink, .payload = m }
    };
    *m = (Memory){ .at = 0 };
    hth_buf_init(&m->b, 64 << 20);
    const HthStatus status = hth_backup_write(&report, &cfg, err);
    hth_keyring_close(&k);
    return status;
}

static HthStatus restore(Memory *m, const char *state, HthRestoreReport *r, HthErr *err) {
    const HthRestoreCfg cfg = {
        .from = { .identities = secret, .count = 1, .source = memory_source, .payload = m },
        .state = state,
        .open = open_ring
    };
    m->at = 0;
    return hth_restore(r, &cfg, err);
}

static void assert_text(const char *name, const char *want) {
    HthBuf text;
    test_load(&text, test_path(name));
    assert_string_equal(hth_buf_str(&text).p, want);
    hth_buf_drop(&text);
}

static void verify_log(const char *folder) {
    char path[400];
    HthAuditReport r;
    HthErr err = { 0 };
    snprintf(path, sizeof path, "%s/audit", folder);
    assert_ok(hth_audit_verify(&r, path, NULL, 0, &err), err);
}

static int setup(void **state) {
    HthErr err = { 0 };
    for (unsigned i = 0; i < 32; i++) secret[0][i] = (uint8_t)(i + 1);
    hth_x25519_base(recipient[0], secret[0]);
    (void)err;
    return test_folder_make(state);
}

/* ---- the tests ------------------------------------------------------------------------------- */

static void a_lost_machine(void **s) {
    (void)s;
    const char *state = make_state();
    Memory m;
    HthErr err = { 0 };
    HthRestoreReport r;
    assert_ok(back_up(&m, state, &err), err);
    assert_ok(restore(&m, test_path("new"), &r, &err), err);
    assert_int_equal(r.log, HTH_LOG_BACKUPS);
    assert_string_equal(r.before, "");
    assert_text("new/other.json", "[1]");
    assert_text("new/ca/ca.crt", "a certificate");
    assert_true(access(test_path("new/x.tmp"), F_OK) != 0);
    assert_true(has_key(test_path("new"), "alice", false));
    verify_log(test_path("new"));
    assert_int_equal(test_entries("state/" HTH_BACKUP_WORK), 0);
    hth_buf_drop(&m.b);
}

/* What no restore would take back is not called a backup; an end that was torn is no damage. */
static void what_is_damaged_already(void **s) {
    (void)s;
    static const struct {
        const char *name;
        size_t at, keep; /* the byte that is changed; or the file is cut to so many */
    } rows[] = { { "state/audit/log", 60, 0 },
                 { "state/audit/log", 0, 32 },
                 { "state/audit/vkey", 30, 0 },
                 { "state/audit/sha3/checkpoint", 90, 0 },
                 { "state/audit/sha256/checkpoint", 90, 0 },
                 { "state/subjects", 60, 0 } };
    const char *state = make_state();
    Memory m;
    HthErr err = { 0 };
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        HthBuf was;
        test_load(&was, test_path(rows[i].name));
        const size_t n = rows[i].keep ? rows[i].keep : was.n;
        was.p[rows[i].at] ^= rows[i].at ? 1 : 0;
        assert_ok(hth_file_write(test_path(rows[i].name), was.p, n, 0600, &err), err);
        assert_status(back_up(&m, state, &err), HTH_EFORMAT, err);
        hth_buf_drop(&m.b);
        was.p[rows[i].at] ^= rows[i].at ? 1 : 0;
        assert_ok(hth_file_write(test_path(rows[i].name), was.p, was.n, 0600, &err), err);
        hth_buf_drop(&was);
    }
    HthBuf log;
    HthRestoreReport r;
    test_load(&log, test_path("state/audit/log"));
    assert_ok(hth_buf_add(&log, "half an entry", 13, &err), err);
    assert_ok(hth_file_write(test_path("state/audit/log"), log.p, log.n, 0600, &err), err);
    hth_buf_drop(&log);
    assert_ok(back_up(&m, state, &err), err);
    assert_ok(restore(&m, test_path("new"), &r, &err), err);
    hth_buf_drop(&m.b);
}

static void who_was_erased(void **s) {
    (void)s;
    const char *state = make_state();
    Memory m;
    HthErr err = { 0 };
    HthRestoreReport r;
    assert_ok(back_up(&m, state, &err), err);
    erase(state, "alice");
    test_put("state/other.json", "[2]");
    /* the present keyring knows */
    assert_ok(restore(&m, state, &r, &err), err);
    assert_true(r.ring_kept && r.log == HTH_LOG_PRESENT && r.before[0]);
    assert_false(has_key(state, "alice", false));
    assert_true(has_key(state, "bob", false));
    assert_text("state/other.json", "[1]");
    verify_log(state);
    /* its list is gone, the log knows; then the list is damaged */
    for (int damaged = 0; damaged < 2; damaged++) {
        if (damaged)
            test_put("state/subjects", "hearth subjects, damaged");
        else
            assert_int_equal(unlink(test_path("state/subjects")), 0);
        assert_ok(restore(&m, state, &r, &err), err);
        assert_true(!r.ring_kept && r.log == HTH_LOG_PRESENT && r.erased == 1);
        assert_false(has_key(state, "alice", false));
        assert_true(has_key(state, "bob", false));
        verify_log(state);
    }
    hth_buf_drop(&m.b);
}

/* The present log was cut: the backup's stands, and what the present one says counts still. */
static void a_log_that_was_cut(void **s) {
    (void)s;
    const char *state = make_state();
    Memory m;
    HthErr err = { 0 };
    HthRestoreReport r;
    assert_ok(back_up(&m, state, &err), err);
    erase(state, "alice");
    assert_int_equal(unlink(test_path("state/subjects")), 0);
    HthBuf log;
    test_load(&log, test_path("state/audit/log"));
    log.p[40] ^= 1; /* damage at the beginning: what follows counts for who was erased */
    assert_ok(hth_file_write(test_path("state/audit/log"), log.p, log.n, 0600, &err), err);
    assert_ok(restore(&m, state, &r, &err), err);
    assert_int_equal(r.log, HTH_LOG_REPLACED);
    assert_int_equal(r.erased, 1);
    assert_false(has_key(state, "alice", false));
    assert_true(has_key(state, "bob", false));
    verify_log(state);
    hth_buf_drop(&log);
    hth_buf_drop(&m.b);
}

static void another_hearth(void **s) {
    (void)s;
    const char *state = make_state();
    Memory m;
    HthErr err = { 0 };
    HthRestoreReport r;
    assert_ok(back_up(&m, state, &err), err);
    mkdir(test_path("other"), 0700);
    char other[320];
    snprintf(other, sizeof other, "%s", test_path("other"));
    assert_true(has_key(other, "eve", true));
    grow(other, 1);
    assert_status(restore(&m, other, &r, &err), HTH_EINVAL, err);
    assert_true(has_key(other, "eve", false));
    assert_int_equal(access(test_path("other.restoring"), F_OK), -1);
    /* another identity */
    secret[0][0] ^= 8;
    assert_status(restore(&m, test_path("new"), &r, &err), HTH_EDENIED, err);
    secret[0][0] ^= 8;
    assert_int_equal(access(test_path("new"), F_OK), -1);
    assert_int_equal(access(test_path("new.restoring"), F_OK), -1);
    hth_buf_drop(&m.b);
}

static void every_byte(void **s) {
    (void)s;
    const char *state = make_state();
    const char *all = getenv("HEARTH_BACKUP_FLIPS");
    Memory m;
    HthErr err = { 0 };
    HthRestoreReport r;
    assert_ok(back_up(&m, state, &err), err);
    const HthRestoreCfg cfg = {
        .from = { .identities = secret, .count = 1, .source = memory_source, .payload = &m }
    };
    assert_ok(hth_backup_check(&r, &cfg, &err), err);
    const size_t step = all ? 1 : 7;
    for (size_t i = 0; i < m.b.n; i += step) {
        m.b.p[i] ^= (char)(1 << i % 8);
        m.at = 0;
        if (hth_backup_check(&r, &cfg, &err) == HTH_OK) fail_msg("byte %zu", i);
        m.b.p[i] ^= (char)(1 << i % 8);
    }
    const size_t n = m.b.n;
    for (m.b.n = 0; m.b.n < n; m.b.n += 97) {
        m.at = 0;
        assert_status(hth_backup_check(&r, &cfg, &err), HTH_EFORMAT, err);
    }
    print_message("%zu bytes, every %zu. of them changed\n", n, step);
    hth_buf_drop(&m.b);
}

/* Old or new, and whole. */
static bool is_new(const char *state) {
    HthBuf text;
    test_load(&text, test_path("state/other.json"));
    const bool new = strcmp(text.p, "[1]") == 0;
    hth_buf_drop(&text);
    assert_text("state/other.json", new ? "[1]" : "[2]");
    assert_text("state/ca/ca.crt", new ? "a certificate" : "another one");
    verify_log(state);
    assert_false(has_key(state, "alice", false));
    assert_true(has_key(state, "bob", false));
    return new;
}

static void make_old(void) {
    test_put("state/other.json", "[2]");
    test_put("state/ca/ca.crt", "another one");
}

/* Every system call on a file fails once: the old folder is as it was, or the new one is whole. */
static void failing_disk(void **s) {
    (void)s;
    const char *state = make_state();
    Memory m;
    HthErr err = { 0 };
    HthRestoreReport r;
    HthStatus status = HTH_EIO;
    assert_ok(back_up(&m, state, &err), err);
    erase(state, "alice");
    uint64_t nth = 1, news = 0;
    for (; status != HTH_OK && nth < 3000; nth++) {
        make_old();
        hth_file_fail_after(nth);
        status = restore(&m, state, &r, &err);
        hth_file_fail_after(0);
        const bool new = is_new(state);
        assert_true(new || status != HTH_OK);
        news += new;
    }
    assert_int_equal(status, HTH_OK);
    print_message("%llu failing calls, %llu of them after the exchange\n",
                  (unsigned long long)nth - 2, (unsigned long long)news - 1);
    hth_buf_drop(&m.b);
}

/* A process of its own restores, and is killed where it would do its nth system call on a file.
 * clean: what it leaves is removed; otherwise it lies there while the next one restores. */
static void kill_at_every_call(const char *state, Memory *m, bool clean) {
    HthErr err = { 0 };
    uint64_t nth = 1, news = 0;
    for (int how = -1; how != 0 && nth < 3000; nth++) {
        make_old();
        if (clean) hth_remove_tree(test_path("state.restoring"));
        const pid_t child = fork();
        if (child == 0) {
            HthRestoreReport r;
            hth_file_kill_at(nth);
            _exit(restore(m, state, &r, &err) != HTH_OK);
        }
        assert_true(child > 0 && waitpid(child, &how, 0) == child);
        assert_true(how == 0 || (WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL));
        const bool new = is_new(state);
        assert_true(new || how != 0);
        news += new;
    }
    assert_true(nth > 100 && nth < 3000 && (!clean || news > 2));
    print_message("%llu kills, %llu of them after the exchange\n", (unsigned long long)nth - 2,
                  (unsigned long long)news - 1);
}

static void killed_at_every_call(void **s) {
    (void)s;
    const char *state = make_state();
    Memory m;
    HthErr err = { 0 };
    assert_ok(back_up(&m, state, &err), err);
    erase(state, "alice");
    kill_at_every_call(state, &m, true);
    kill_at_every_call(state, &m, false);
    hth_buf_drop(&m.b);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, test_folder_drop)
    const struct CMUnitTest tests[] = { TEST(a_lost_machine), TEST(what_is_damaged_already),
                                        TEST(who_was_erased), TEST(a_log_that_was_cut),
                                        TEST(another_hearth), TEST(every_byte),
                                        TEST(failing_disk),   TEST(killed_at_every_call) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

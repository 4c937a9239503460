/* evidence_test.c - trails: told when they are on disk, and never when a disk or memory refuses. */
#include "support/test.h"

#include <errno.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "audit/log.h"
#include "audit/verify.h"
#include "base/file.h"
#include "serve/evidence.h"
#include "support/folder.h"

static const uint8_t digest[HTH_HASH_BYTES] = { 1, 2, 3 };

static HthStatus one_key(void *payload, HthStr subject, bool make, uint8_t out[HTH_AEAD_KEY_BYTES],
                         HthErr *err) {
    (void)payload, (void)subject, (void)make, (void)err;
    memset(out, 7, HTH_AEAD_KEY_BYTES);
    return HTH_OK;
}

/* A disk that stops when it is told to, and one that waits to be let go. */
typedef struct Disk {
    _Atomic bool full, held;
} Disk;

static void nap(void) {
    const struct timespec t = { 0, 1000000 };
    nanosleep(&t, NULL);
}

static ssize_t disk_write(void *payload, int fd, const void *bytes, size_t n, off_t at) {
    Disk *d = payload;
    while (d->held) nap();
    if (!d->full) return pwrite(fd, bytes, n, at);
    errno = ENOSPC;
    return -1;
}

static int disk_sync(void *payload, int fd) {
    (void)payload;
    return fdatasync(fd);
}

static int disk_cut(void *payload, int fd, off_t bytes) {
    (void)payload;
    return ftruncate(fd, bytes);
}

static HthStatus open_one(HthEvidence **out, const char *folder, HthContent content, Disk *disk,
                          HthErr *err) {
    const HthAuditDisk way = { disk_write, disk_sync, disk_cut, disk };
    const HthAuditCfg log = { .disk = &way };
    HthEvidenceCfg cfg = {
        .folder = folder, .content = content, .keys = { one_key, NULL, NULL }, .cage = "none"
    };
    HTH_TRY(hth_audit_open(&cfg.log, folder, &log, err));
    return hth_evidence_open(out, &cfg, err);
}

static HthStatus open_trail(HthTrail **out, HthEvidence *e, const char *id, HthErr *err) {
    HthTrailCfg cfg = { .user = HTH_STR("alice"),
                        .key = HTH_STR("laptop"),
                        .method = HTH_STR("POST"),
                        .route = HTH_STR("/api/chat") };
    snprintf(cfg.id, sizeof cfg.id, "%s", id);
    return hth_trail_open(out, e, &cfg, err);
}

static const HthTrailAsk asked = { .model = HTH_STR("m"),
                                   .prompt_tokens = 3,
                                   .text = HTH_STR("what was asked") };
static const HthTrailEnd ends[2] = {
    { .finish = HTH_STR("stop"), .output = digest, .output_tokens = 2, .text = HTH_STR("first") },
    { .finish = HTH_STR("length"), .output = digest, .output_tokens = 3, .text = HTH_STR("2nd") }
};

static _Atomic int woken;
static void wake(void *payload) {
    (void)payload;
    woken++;
}

static HthStatus wait_for(const HthTrail *t, HthErr *err) {
    HthStatus st;
    while ((st = hth_trail_look(t, err)) == HTH_EAGAIN) nap();
    return st;
}

/* "start load accepted ...", as the file says. */
static const char *kinds(const char *folder) {
    static char text[1024];
    HthErr err;
    HthAuditReader r = { 0 };
    HthRecord rec;
    size_t n = 0;
    assert_ok(hth_audit_reader_open(&r, folder, &err), err);
    while (hth_audit_next(&r, &rec)) {
        HthEntry e;
        HthBuf room;
        hth_buf_init(&room, 1 << 16);
        assert_ok(hth_entry_read(&e, &room, rec.entry, &err), err);
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", n ? " " : "",
                              hth_entry_name(e.type));
        assert_true(rec.sealed.n == 0 || e.v[HTH_FIELD_COMMIT].there);
        hth_buf_drop(&room);
    }
    hth_audit_reader_close(&r);
    return text;
}

static void all_of_it(void **state) {
    (void)state;
    char dir[256];
    HthErr err;
    HthEvidence *e = NULL;
    HthTrail *t = NULL, *left = NULL, *never = NULL;
    HthAuditReport report;
    Disk disk = { false, false };
    snprintf(dir, sizeof dir, "%s", test_path("all"));
    assert_ok(open_one(&e, dir, HTH_CONTENT_ENCRYPTED, &disk, &err), err);
    assert_ok(hth_evidence_loaded(e, HTH_STR("odd\nname\xff"), "", &err), err);
    woken = 0;
    assert_ok(open_trail(&t, e, "r1", &err), err);
    assert_false(hth_trail_accepted(t));
    assert_ok(hth_trail_accept(t, &asked, &err), err);
    assert_true(hth_trail_accepted(t) && !hth_trail_finished(t));
    disk.held = true;
    assert_ok(hth_trail_finish(t, ends, 2, wake, NULL, &err), err);
    assert_true(hth_trail_finished(t));
    for (int i = 0; i < 20; i++) { /* nothing on disk, nobody told */
        assert_status(hth_trail_look(t, &err), HTH_EAGAIN, err);
        nap();
    }
    assert_int_equal(woken, 0);
    disk.held = false;
    assert_ok(wait_for(t, &err), err);
    assert_int_equal(woken, 1);
    hth_trail_close(&t);
    assert_null(t);
    assert_ok(open_trail(&never, e, "r2", &err), err);
    hth_trail_close(&never); /* nothing is said of it here */
    assert_ok(open_trail(&left, e, "r3", &err), err);
    assert_ok(hth_trail_accept(left, &asked, &err), err);
    hth_trail_close(&left);
    const HthTrailCfg nobody = { .route = { 0 } };
    hth_evidence_refused(e, &nobody, 401);
    assert_ok(hth_evidence_reloaded(e, &err), err);
    hth_evidence_unloaded(e, HTH_STR("m"));
    assert_ok(hth_evidence_well(e, &err), err);
    assert_ok(hth_evidence_close(&e, &err), err);
    assert_ok(hth_evidence_close(&e, &err), err);
    assert_string_equal(kinds(dir), "start load accepted finished finished accepted finished "
                                    "refused policy unload stop checkpoint");
    assert_ok(hth_audit_verify(&report, dir, NULL, 0, &err), err);
    assert_ok(hth_evidence_reloaded(NULL, &err), err); /* no log is fine */
    assert_ok(hth_evidence_loaded(NULL, HTH_STR("m"), "", &err), err);
    assert_ok(hth_evidence_well(NULL, &err), err);
}

/* Many at once: each is proved to be in the log, with its own entry. */
static void proofs(void **state) {
    enum { TRAILS = 40 };
    (void)state;
    char dir[256], id[16];
    HthErr err;
    HthEvidence *e = NULL;
    HthTrail *trails[TRAILS] = { 0 };
    HthVkey v[HTH_AUDIT_TREES];
    static HthProofFile p;
    Disk disk = { false, false };
    snprintf(dir, sizeof dir, "%s", test_path("proofs"));
    assert_ok(open_one(&e, dir, HTH_CONTENT_COMMIT, &disk, &err), err);
    woken = 0;
    for (int i = 0; i < TRAILS; i++) {
        snprintf(id, sizeof id, "r%d", i);
        assert_ok(open_trail(&trails[i], e, id, &err), err);
        assert_ok(hth_trail_prove(trails[i], &err), err);
        assert_ok(hth_trail_accept(trails[i], &asked, &err), err);
        assert_ok(hth_trail_finish(trails[i], ends, 2, wake, NULL, &err), err);
        if (i % 5 == 4) hth_trail_close(&trails[i]); /* nobody waits for these */
    }
    assert_ok(hth_audit_read_vkeys(v, dir, &err), err);
    for (int i = 0; i < TRAILS; i++) {
        for (size_t k = 0; trails[i] && k < 2; k++) {
            HthBuf entry;
            uint64_t size = 0;
            assert_ok(wait_for(trails[i], &err), err);
            assert_ok(hth_proof_parse(&p, hth_trail_proof(trails[i], k), &err), err);
            hth_buf_init(&entry, 1 << 16);
            assert_true(hth_unbase64(&entry, HTH_BASE64, p.extra, &err) == HTH_OK);
            assert_ok(hth_proof_check(&p, HTH_SHA256, hth_buf_str(&entry), &v[1], &size, &err),
                      err);
            snprintf(id, sizeof id, "\"r%d\"", i);
            assert_non_null(strstr(entry.p, id));
            assert_non_null(strstr(entry.p, ends[k].finish.p)); /* this end, not the other */
            hth_buf_drop(&entry);
        }
        hth_trail_close(&trails[i]);
    }
    assert_true(woken >= TRAILS - TRAILS / 5);
    assert_ok(hth_evidence_close(&e, &err), err);
}

/* A log in a folder of its own, without texts, and one exchange that was accepted. */
static HthTrail *accepted(const char *folder, Disk *disk, HthEvidence **e) {
    HthTrail *t = NULL;
    HthErr err;
    assert_ok(open_one(e, test_path(folder), HTH_CONTENT_NONE, disk, &err), err);
    assert_ok(open_trail(&t, *e, "r", &err), err);
    assert_ok(hth_trail_accept(t, &asked, &err), err);
    woken = 0;
    return t;
}

/* Closed while its entries are on their way: nobody is woken any more. */
static void closed_early(void **state) {
    (void)state;
    HthErr err;
    HthEvidence *e = NULL;
    Disk disk = { false, false };
    HthTrail *t = accepted("early", &disk, &e);
    disk.held = true;
    assert_ok(hth_trail_finish(t, ends, 2, wake, NULL, &err), err);
    hth_trail_close(&t);
    disk.held = false;
    assert_ok(hth_evidence_close(&e, &err), err);
    assert_int_equal(woken, 0);
    assert_string_equal(kinds(test_path("early")),
                        "start accepted finished finished stop checkpoint");
}

/* Its watcher is freed before it is closed, as an exchange's answer is: nobody is woken. */
static void unwatched(void **state) {
    (void)state;
    HthErr err;
    HthEvidence *e = NULL;
    Disk disk = { false, false };
    hth_trail_unwatch(NULL);
    HthTrail *t = accepted("unwatched", &disk, &e);
    hth_trail_unwatch(t); /* nobody watches yet */
    disk.held = true;
    assert_ok(hth_trail_finish(t, ends, 2, wake, NULL, &err), err);
    hth_trail_unwatch(t);
    disk.held = false;
    assert_ok(wait_for(t, &err), err);
    assert_int_equal(woken, 0);
    hth_trail_close(&t);
    assert_ok(hth_evidence_close(&e, &err), err);
}

/* The disk refuses: the answer is not acknowledged, and nothing is accepted after it. */
static void full_disk(void **state) {
    (void)state;
    char dir[256];
    HthErr err;
    HthEvidence *e = NULL;
    HthTrail *t = NULL, *next = NULL;
    Disk disk = { false, false };
    snprintf(dir, sizeof dir, "%s", test_path("full"));
    assert_ok(open_one(&e, dir, HTH_CONTENT_COMMIT, &disk, &err), err);
    assert_ok(open_trail(&t, e, "r", &err), err);
    assert_ok(hth_trail_accept(t, &asked, &err), err);
    while (hth_evidence_well(e, &err) == HTH_OK && strcmp(kinds(dir), "start accepted") != 0) nap();
    disk.held = disk.full = true;
    woken = 0;
    assert_ok(hth_trail_finish(t, ends, 2, wake, NULL, &err), err);
    disk.held = false;
    assert_status(wait_for(t, &err), HTH_EIO, err);
    assert_non_null(strstr(err.text, "not given"));
    assert_int_equal(woken, 1);
    assert_status(hth_evidence_well(e, &err), HTH_EIO, err);
    assert_ok(open_trail(&next, e, "s", &err), err);
    assert_status(hth_trail_accept(next, &asked, &err), HTH_EIO, err);
    assert_false(hth_trail_accepted(next));
    hth_trail_close(&next);
    hth_trail_close(&t);
    assert_status(hth_evidence_close(&e, &err), HTH_EIO, err);
    assert_null(e);
    assert_string_equal(kinds(dir), "start accepted");
}

/* Knocking fills no disk: of so many in one second the rest is only counted. */
static void many_refusals(void **state) {
    (void)state;
    char dir[256];
    HthErr err;
    HthEvidence *e = NULL;
    HthAuditReport report;
    Disk disk = { false, false };
    snprintf(dir, sizeof dir, "%s", test_path("knocking"));
    assert_ok(open_one(&e, dir, HTH_CONTENT_COMMIT, &disk, &err), err);
    const HthTrailCfg nobody = { .route = { 0 } };
    for (int i = 0; i < 5000; i++) hth_evidence_refused(e, &nobody, 401);
    assert_ok(hth_evidence_close(&e, &err), err);
    assert_ok(hth_audit_verify(&report, dir, NULL, 0, &err), err);
    if (report.entries >= 3 + 5000) fail_msg("%llu", (unsigned long long)report.entries);
}

/* ---- changes of users ----------------------------------------------------------------------- */

static HthUsers *open_users(void) {
    HthErr err;
    HthUsers *u = NULL;
    const HthUsersCfg cfg = { .path = test_path("users.db"), .cost = { 1, 8 } };
    assert_ok(hth_users_open(&u, &cfg, &err), err);
    return u;
}

static void copy_users(const char *from, const char *to) {
    HthErr err;
    HthBuf text;
    test_load(&text, test_path(from));
    assert_ok(hth_file_write(test_path(to), text.p, text.n, 0600, &err), err);
    hth_buf_drop(&text);
}

/* Each is told once, in order, also when the file still has what the log was told before. */
static void changes_of_users(void **state) {
    enum { USERS = 150 }; /* more than are read at once */
    (void)state;
    char dir[256], key[HTH_USER_KEY_TEXT];
    HthErr err;
    HthEvidence *e = NULL;
    Disk disk = { false, false };
    HthAuditReport first, second;
    HthUserEvent events[HTH_USER_EVENTS_MAX];
    uint32_t count = 9;
    snprintf(dir, sizeof dir, "%s", test_path("changes"));
    HthUsers *u = open_users();
    for (int i = 0; i < USERS; i++) {
        HthUser user = { .role = HTH_ROLE_USER, .uid = HTH_NO_UID };
        snprintf(user.name, sizeof user.name, "u%d", i);
        assert_ok(hth_users_add(u, &user, 1000, &err), err);
    }
    assert_ok(hth_users_set_role(u, HTH_STR("u1"), HTH_ROLE_ADMIN, &err), err);
    assert_ok(hth_users_set_disabled(u, HTH_STR("u1"), true, &err), err);
    assert_ok(hth_users_set_password(u, HTH_STR("u2"), HTH_STR("long enough"), &err), err);
    const HthUserKey spec = { .name = "k", .user = "u3" };
    assert_ok(hth_users_add_key(u, &spec, 1000, key, &err), err);
    assert_status(hth_users_set_role(u, HTH_STR("nobody"), HTH_ROLE_USER, &err), HTH_EINVAL, err);
    assert_ok(hth_users_remove(u, HTH_STR("u3"), &err), err);
    hth_users_close(&u);
    copy_users("users.db", "before.db");

    u = open_users();
    assert_ok(open_one(&e, dir, HTH_CONTENT_COMMIT, &disk, &err), err);
    assert_ok(hth_evidence_users(e, u, &err), err);
    assert_ok(hth_users_events(u, events, &count, &err), err);
    assert_int_equal(count, 0);
    assert_ok(hth_evidence_users(e, u, &err), err);
    assert_ok(hth_evidence_close(&e, &err), err);
    hth_users_close(&u);
    assert_ok(hth_audit_verify(&first, dir, NULL, 0, &err), err);
    /* start, the changes (role, disable, password, add, revoke, remove), stop, checkpoint */
    assert_int_equal(first.entries, 1 + USERS + 6 + 2);

    copy_users("before.db", "users.db"); /* the crash: none of them was taken out */
    u = open_users();
    assert_ok(open_one(&e, dir, HTH_CONTENT_COMMIT, &disk, &err), err);
    assert_ok(hth_evidence_users(e, u, &err), err);
    assert_ok(hth_users_events(u, events, &count, &err), err);
    assert_int_equal(count, 0);
    assert_ok(hth_users_set_role(u, HTH_STR("u4"), HTH_ROLE_ADMIN, &err), err);
    assert_ok(hth_evidence_users(e, u, &err), err);
    assert_ok(hth_evidence_users(NULL, u, &err), err);
    assert_ok(hth_evidence_close(&e, &err), err);
    hth_users_close(&u);
    assert_ok(hth_audit_verify(&second, dir, NULL, 0, &err), err);
    assert_int_equal(second.entries, first.entries + 1 + 1 + 2);
}

/* ---- memory that fails ----------------------------------------------------------------------- */

static void failing_memory(void **state) {
    (void)state;
    char dir[256];
    HthErr err;
    HthEvidence *e = NULL;
    HthAuditReport report;
    Disk disk = { false, false };
    snprintf(dir, sizeof dir, "%s", test_path("memory"));
    int failures = 0;
    for (uint64_t nth = 1;; nth++) {
        assert_ok(open_one(&e, dir, HTH_CONTENT_ENCRYPTED, &disk, &err), err);
        disk.held = true; /* the log's thread allocates nothing meanwhile */
        hth_mem_fail_after(nth);
        HthTrail *t = NULL;
        HthStatus st = open_trail(&t, e, "r", &err);
        if (st == HTH_OK) st = hth_trail_accept(t, &asked, &err);
        if (st == HTH_OK) st = hth_trail_finish(t, ends, 2, wake, NULL, &err);
        hth_mem_fail_after(0);
        disk.held = false;
        if (st != HTH_OK) assert_status(st, HTH_ENOMEM, err);
        failures += st != HTH_OK;
        hth_trail_close(&t);
        const HthStatus closed = hth_evidence_close(&e, &err);
        /* The log's own thread may have met the failure: then it says so, and nothing was told. */
        assert_true(closed == HTH_OK || closed == HTH_ENOMEM || closed == HTH_EIO);
        if (st == HTH_OK && closed == HTH_OK) break;
    }
    assert_true(failures >= 5);
    assert_ok(hth_audit_verify(&report, dir, NULL, 0, &err), err);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it),        cmocka_unit_test(proofs),
        cmocka_unit_test(closed_early),     cmocka_unit_test(unwatched),
        cmocka_unit_test(full_disk),        cmocka_unit_test(many_refusals),
        cmocka_unit_test(changes_of_users), cmocka_unit_test(failing_memory),
    };
    return cmocka_run_group_tests(tests, test_folder_make, test_folder_drop);
}

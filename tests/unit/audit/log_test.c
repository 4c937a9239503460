/* log_test.c - entries in, acknowledged, there again; one writer; disks and memories that fail. */
#include "support/test.h"

#include <errno.h>
#include <fcntl.h>

#include "audit/content.h"
#include "audit/log.h"
#include "base/json.h"
#include "base/thread.h"
#include "support/audit_log.h"
#include "support/folder.h"

/* A folder of its own for each test; good until the fourth call of test_path from now. */
static const char *folder(const char *name) {
    return test_path(name);
}

static void begins_and_goes_on(void **state) {
    (void)state;
    char dir[256], text[256];
    HthErr err;
    HthAudit *a = NULL;
    HthAuditReport r;
    uint64_t index = 99;
    struct stat st;
    snprintf(dir, sizeof dir, "%s", folder("plain"));
    assert_ok(hth_audit_open(&a, dir, NULL, &err), err);
    assert_int_equal(hth_audit_size(a), 0);
    for (uint64_t i = 0; i < 20; i++) {
        assert_ok(hth_audit_append_wait(a, audit_entry(text, i), HTH_STR(""), &index, &err), err);
        assert_int_equal(index, i);
    }
    assert_int_equal(hth_audit_size(a), 20);
    assert_ok(hth_audit_checkpoint(a, &err), err);
    assert_int_equal(hth_audit_size(a), 21); /* and the log says that it was signed */
    assert_ok(hth_audit_checkpoint(a, &err), err);
    assert_int_equal(hth_audit_size(a), 21); /* nothing new, nothing signed */
    assert_ok(audit_verify(dir, NULL, &r, &err), err); /* while it is being written */
    assert_int_equal(r.entries, 21);
    assert_int_equal(r.signed_entries[0], 21);
    assert_int_equal(r.signed_entries[1], 21);
    assert_ok(hth_audit_close(&a, &err), err);
    assert_null(a);
    assert_ok(hth_audit_close(&a, &err), err);

    assert_int_equal(stat(test_path("plain/key"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(test_path("plain/log"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);

    assert_ok(hth_audit_open(&a, dir, NULL, &err), err);
    assert_int_equal(hth_audit_size(a), 21);
    assert_ok(hth_audit_append_wait(a, audit_entry(text, 20), HTH_STR("sealed?"), &index, &err),
              err);
    assert_int_equal(index, 21);
    assert_ok(hth_audit_close(&a, &err), err);
    /* What lies beside an entry must be what the entry says. */
    assert_status(audit_verify(dir, NULL, &r, &err), HTH_EFORMAT, err);
    assert_non_null(strstr(err.text, "entry 21"));
}

static void empty(void **state) {
    (void)state;
    char dir[256];
    HthErr err;
    HthAuditReport r;
    snprintf(dir, sizeof dir, "%s", folder("empty"));
    for (int i = 0; i < 3; i++) audit_fill(dir, NULL, 0, 0);
    assert_ok(audit_verify(dir, NULL, &r, &err), err);
    assert_int_equal(r.entries, 0);
    assert_int_equal(r.signed_entries[0], 0);
}

/* ---- many at once --------------------------------------------------------------------------- */

enum { THREADS = 6, EACH = 150 };

typedef struct Crowd {
    HthAudit *a;
    uint64_t number;
    uint64_t index[EACH];
} Crowd;

static void one_of_many(void *payload) {
    Crowd *c = payload;
    HthErr err;
    for (unsigned i = 0; i < EACH; i++) {
        char text[256];
        const HthStr entry = audit_entry(text, c->number * 1000 + i);
        HTH_ASSERT(hth_audit_append_wait(c->a, entry, HTH_STR(""), &c->index[i], &err) == HTH_OK);
    }
}

static void many_threads(void **state) {
    (void)state;
    static Crowd crowd[THREADS];
    HthThread *threads[THREADS] = { 0 };
    const HthAuditCfg cfg = { .checkpoint_entries = 100 };
    char dir[256];
    HthErr err;
    HthAudit *a = NULL;
    HthAuditReader r = { 0 };
    HthRecord rec;
    HthAuditReport report;
    snprintf(dir, sizeof dir, "%s", folder("many"));
    assert_ok(hth_audit_open(&a, dir, &cfg, &err), err);
    for (unsigned t = 0; t < THREADS; t++) {
        crowd[t] = (Crowd){ .a = a, .number = t };
        assert_ok(hth_thread_open(&threads[t], one_of_many, &crowd[t], &err), err);
    }
    for (unsigned t = 0; t < THREADS; t++) hth_thread_join(&threads[t]);
    assert_ok(hth_audit_close(&a, &err), err);

    static char seen[THREADS][EACH];
    assert_ok(hth_audit_reader_open(&r, dir, &err), err);
    unsigned checkpoints = 0;
    while (hth_audit_next(&r, &rec)) {
        if (hth_audit_is_checkpoint(rec.entry)) {
            checkpoints++;
            continue;
        }
        unsigned number = 0;
        const char *at = memmem(rec.entry.p, rec.entry.n, "r-", 2);
        assert_non_null(at);
        assert_int_equal(sscanf(at, "r-%u", &number), 1);
        const unsigned t = number / 1000, i = number % 1000;
        assert_int_equal(crowd[t].index[i], rec.index); /* it is where its caller was told */
        seen[t][i]++;
    }
    hth_audit_reader_close(&r);
    for (unsigned t = 0; t < THREADS; t++)
        for (unsigned i = 0; i < EACH; i++) assert_int_equal(seen[t][i], 1);
    assert_true(checkpoints >= 4);
    assert_ok(audit_verify(dir, NULL, &report, &err), err);
    assert_int_equal(report.entries, THREADS * EACH + checkpoints);
    assert_int_equal(report.checkpoints, checkpoints);
}

/* ---- an appender never waits ---------------------------------------------------------------- */

typedef struct Held {
    HthGate *gate;
    bool open;
    unsigned done, failed;
    uint64_t next;
} Held;

static int held_sync(void *payload, int fd) {
    Held *h = payload;
    (void)fd;
    hth_gate_enter(h->gate);
    while (!h->open) hth_gate_wait(h->gate, UINT64_MAX);
    hth_gate_leave(h->gate);
    return 0;
}

static ssize_t real_write(void *payload, int fd, const void *bytes, size_t n, off_t at) {
    (void)payload;
    return pwrite(fd, bytes, n, at);
}

static int real_cut(void *payload, int fd, off_t bytes) {
    (void)payload;
    return ftruncate(fd, bytes);
}

static void counted(void *payload, HthStatus status, uint64_t index) {
    Held *h = payload;
    if (status == HTH_OK) {
        HTH_ASSERT(index == h->next); /* told in order */
        h->next++;
        h->done++;
    } else {
        h->failed++;
    }
}

static void a_slow_disk(void **state) {
    (void)state;
    static Held h;
    HthErr err;
    HthAudit *a = NULL;
    char text[256];
    h = (Held){ .open = true };
    assert_ok(hth_gate_open(&h.gate, &err), err);
    const HthAuditDisk disk = { real_write, held_sync, real_cut, &h };
    const HthAuditCfg cfg = { .queue_bytes = 4096, .disk = &disk };
    assert_ok(hth_audit_open(&a, folder("slow"), &cfg, &err), err);
    hth_gate_enter(h.gate);
    h.open = false;
    hth_gate_leave(h.gate);
    unsigned taken = 0;
    HthStatus status = HTH_OK;
    for (; taken < 1000; taken++) {
        status = hth_audit_append(a, audit_entry(text, taken), HTH_STR(""), counted, &h, &err);
        if (status != HTH_OK) break;
    }
    assert_status(status, HTH_EAGAIN, err);
    assert_true(taken > 5 && taken < 200);
    hth_gate_enter(h.gate);
    h.open = true;
    hth_gate_ring(h.gate);
    hth_gate_leave(h.gate);
    assert_ok(hth_audit_close(&a, &err), err);
    assert_int_equal(h.done, taken);
    assert_int_equal(h.failed, 0);
    hth_gate_close(&h.gate);
}

/* ---- what is refused ------------------------------------------------------------------------ */

static void one_writer(void **state) {
    (void)state;
    char dir[256], longer[HTH_LEAF_MAX + 1];
    HthErr err;
    HthAudit *a = NULL, *b = NULL;
    snprintf(dir, sizeof dir, "%s", folder("one"));
    assert_ok(hth_audit_open(&a, dir, NULL, &err), err);
    assert_status(hth_audit_open(&b, dir, NULL, &err), HTH_EAGAIN, err);
    assert_null(b);
    memset(longer, 'a', sizeof longer);
    assert_status(hth_audit_append(a, HTH_STR(""), HTH_STR(""), NULL, NULL, &err), HTH_EINVAL, err);
    assert_status(
        hth_audit_append(a, (HthStr){ longer, sizeof longer }, HTH_STR(""), NULL, NULL, &err),
        HTH_EINVAL, err);
    assert_ok(hth_audit_append_wait(a, (HthStr){ longer, HTH_LEAF_MAX }, HTH_STR(""), NULL, &err),
              err);
    assert_ok(hth_audit_close(&a, &err), err);
    assert_ok(hth_audit_open(&b, dir, NULL, &err), err);
    assert_ok(hth_audit_close(&b, &err), err);
    assert_int_equal(chmod(test_path("one/key"), 0640), 0);
    assert_status(hth_audit_open(&b, dir, NULL, &err), HTH_EDENIED, err);
}

/* The key that signs is sealed, a plain one too once there is a keyring; the log goes on. */
static void key_of_a_keyring(void **state) {
    (void)state;
    static const uint8_t right[32] = { 1 }, wrong[32] = { 2 };
    static const struct {
        const uint8_t *key;
        HthStatus status;
    } turns[] = { { NULL, HTH_OK },
                  { right, HTH_OK },
                  { NULL, HTH_EDENIED },
                  { wrong, HTH_EDENIED },
                  { right, HTH_OK } };
    char dir[256], text[256];
    HthErr err;
    HthAudit *a = NULL;
    HthAuditReport r;
    uint64_t entries = 0;
    snprintf(dir, sizeof dir, "%s", folder("ring"));
    for (size_t i = 0; i < HTH_COUNT(turns); i++) {
        const HthAuditCfg cfg = { .key = turns[i].key };
        assert_status(hth_audit_open(&a, dir, &cfg, &err), turns[i].status, err);
        if (turns[i].status != HTH_OK) continue;
        assert_ok(hth_audit_append_wait(a, audit_entry(text, i), HTH_STR(""), NULL, &err), err);
        assert_ok(hth_audit_close(&a, &err), err);
        entries += 2; /* that, and the checkpoint */
        assert_ok(audit_verify(dir, NULL, &r, &err), err);
        assert_int_equal(r.entries, entries);
        assert_int_equal(r.signed_entries[0], entries);
    }
}

static void overwrite(const char *path, off_t at, uint8_t with) {
    const int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, &with, 1, at), 1);
    close(fd);
}

/* What was signed is not written to when it is not what is there. */
static void fails_closed(void **state) {
    (void)state;
    static const struct {
        const char *file;
        bool remove;
        off_t at; /* a byte to change; -1: cut the file to half */
        const char *sentence;
    } cases[] = {
        { "log", true, 0, "was removed" },
        { "log", false, -1, "cut" },
        { "log", false, 3, "not an audit log" },
        { "log", false, 200, "damaged" },
        { "key", true, 0, "gone" },
        { "sha3/checkpoint", false, 40, "checkpoint" },
        { "sha256/checkpoint", false, -1, "checkpoint" },
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        char dir[256], path[300];
        HthErr err;
        HthAudit *a = NULL;
        struct stat st;
        snprintf(dir, sizeof dir, "%s/closed%zu", test_folder, i);
        audit_fill(dir, NULL, 0, 50);
        snprintf(path, sizeof path, "%s/%s", dir, cases[i].file);
        assert_int_equal(stat(path, &st), 0);
        if (cases[i].remove)
            assert_int_equal(unlink(path), 0);
        else if (cases[i].at < 0)
            assert_int_equal(truncate(path, st.st_size / 2), 0);
        else
            overwrite(path, cases[i].at, 0xEE);
        assert_status(hth_audit_open(&a, dir, NULL, &err), HTH_EFORMAT, err);
        if (!strstr(err.text, cases[i].sentence)) fail_msg("case %zu: %s", i, err.text);
        assert_null(a);
    }
}

/* ---- torn ends ------------------------------------------------------------------------------ */

static void torn(void **state) {
    (void)state;
    for (unsigned cut = 1; cut < 110; cut += 7) {
        char dir[256], path[300];
        HthErr err;
        HthAuditReport before = { 0 }, after = { 0 };
        HthAuditReader r = { 0 };
        HthRecord rec, last = { 0 };
        struct stat st;
        snprintf(dir, sizeof dir, "%s/torn%u", test_folder, cut);
        audit_fill(dir, NULL, 0, 10);
        assert_ok(audit_verify(dir, NULL, &before, &err), err);
        /* A record that was written and not acknowledged: its beginning is there. */
        static uint8_t bytes[512];
        const HthRecord half = { before.entries,
                                 before.entries,
                                 HTH_STR("{\"an entry\":1, and more "
                                         "of it, and more, and "
                                         "more, and more: enough, "
                                         "surely}"),
                                 { 0 } };
        hth_record_put(bytes, &half);
        assert_true(cut < hth_record_bytes(&half));
        snprintf(path, sizeof path, "%s/log", dir);
        const int fd = open(path, O_WRONLY | O_APPEND);
        assert_int_equal(write(fd, bytes, cut), cut);
        close(fd);
        assert_status(audit_verify(dir, NULL, NULL, &err), HTH_EFORMAT, err);
        audit_fill(dir, NULL, 10, 1);
        assert_ok(audit_verify(dir, NULL, &after, &err), err);
        assert_int_equal(after.entries, before.entries + 3); /* repaired, ours, checkpoint */
        assert_ok(hth_audit_reader_open(&r, dir, &err), err);
        while (hth_audit_next(&r, &rec) && rec.index <= before.entries) last = rec;
        char want[64];
        snprintf(want, sizeof want, "{\"bytes\":%u,", cut);
        assert_memory_equal(last.entry.p, want, strlen(want));
        assert_non_null(memmem(last.entry.p, last.entry.n, "\"type\":\"repaired\"", 17));
        hth_audit_reader_close(&r);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_size, after.bytes);
    }
}

/* ---- what can be made again ----------------------------------------------------------------- */

static void rebuilt(void **state) {
    (void)state;
    char dir[256], path[300];
    HthErr err;
    HthAuditReport r;
    snprintf(dir, sizeof dir, "%s", folder("again"));
    audit_fill(dir, NULL, 0, 700);
    static const char *const gone[] = { "vkey", "sha3/checkpoint", "sha256/checkpoint",
                                        "sha3/tile/0/000", "sha256/tile/0/001" };
    for (size_t i = 0; i < HTH_COUNT(gone); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, gone[i]);
        assert_int_equal(unlink(path), 0);
    }
    test_put("again/sha256/tile/0/000", "damaged");
    audit_fill(dir, NULL, 700, 1);
    assert_ok(audit_verify(dir, NULL, &r, &err), err);
    for (unsigned t = 0; t < HTH_AUDIT_TREES; t++) {
        assert_int_equal(r.signed_entries[t], r.entries);
        assert_int_equal(r.tiles[t].missing + r.tiles[t].wrong, 0);
    }
}

/* ---- disks and memories that fail ----------------------------------------------------------- */

typedef struct Script {
    char dir[256];
    uint64_t acknowledged; /* numbers below this */
    uint64_t next;
} Script;

/* Opens, appends, signs, closes; stops at what fails first. */
static HthStatus script(void *ctx) {
    Script *s = ctx;
    HthErr err = { 0 };
    HthAudit *a = NULL;
    char text[256];
    HthStatus status = hth_audit_open(&a, s->dir, NULL, &err);
    if (status != HTH_OK) return status;
    for (unsigned i = 0; i < 3 && status == HTH_OK; i++, s->next++) {
        static const char all[] =
            "{\"finish\":\"stop\",\"request\":\"r-%llu\",\"type\":\"finished\"}";
        snprintf(text, sizeof text, all, (unsigned long long)s->next);
        status = hth_audit_append_wait(a, hth_str(text), HTH_STR(""), NULL, &err);
        if (status == HTH_OK) s->acknowledged = s->next + 1;
    }
    if (status == HTH_OK) status = hth_audit_checkpoint(a, &err);
    const HthStatus closed = hth_audit_close(&a, &err);
    HTH_ASSERT(!a);
    if (status == HTH_OK) status = closed;
    if (status != HTH_OK) HTH_ASSERT(err.text[0]);
    return status;
}

static void failing_disk(void **state) {
    (void)state;
    Script s = { .next = 0 };
    snprintf(s.dir, sizeof s.dir, "%s", folder("disk"));
    static char told[4096];
    bool through = false;
    for (uint64_t nth = 1; nth < 400 && !through; nth++) {
        const uint64_t from = s.next;
        s.acknowledged = from;
        hth_file_fail_after(nth);
        const HthStatus status = script(&s);
        hth_file_fail_after(0);
        if (status != HTH_OK && status != HTH_EIO) fail_msg("%s", hth_status_name(status));
        for (uint64_t i = from; i < s.acknowledged; i++) told[i] = 1;
        through = status == HTH_OK;
        /* The disk works again: what was acknowledged is there, and the log goes on. */
        s.acknowledged = s.next;
        assert_int_equal(script(&s), HTH_OK);
        for (uint64_t i = s.next - 3; i < s.next; i++) told[i] = 1;
    }
    assert_true(through);
    HthErr err;
    HthAuditReader r = { 0 };
    HthRecord rec;
    static char there[4096];
    assert_ok(audit_verify(s.dir, NULL, NULL, &err), err);
    assert_ok(hth_audit_reader_open(&r, s.dir, &err), err);
    while (hth_audit_next(&r, &rec)) {
        unsigned number;
        const char *at = memmem(rec.entry.p, rec.entry.n, "r-", 2);
        if (at && sscanf(at, "r-%u", &number) == 1) there[number]++;
    }
    hth_audit_reader_close(&r);
    for (uint64_t i = 0; i < s.next; i++)
        if (told[i]) assert_int_equal(there[i], 1);
}

static void failing_memory(void **state) {
    (void)state;
    Script s = { .next = 0 };
    snprintf(s.dir, sizeof s.dir, "%s", folder("memory"));
    assert_int_equal(script(&s), HTH_OK);
    assert_true(test_torture(script, &s, 3000) > 20);
    HthErr err;
    assert_ok(audit_verify(s.dir, NULL, NULL, &err), err);
}

typedef struct Full {
    off_t room;
} Full;

static ssize_t full_write(void *payload, int fd, const void *bytes, size_t n, off_t at) {
    const Full *f = payload;
    if (at >= f->room) {
        errno = ENOSPC;
        return -1;
    }
    return pwrite(fd, bytes, (off_t)n > f->room - at ? (size_t)(f->room - at) : n, at);
}

static int real_sync(void *payload, int fd) {
    (void)payload;
    return fdatasync(fd);
}

/* A disk that is full in the middle of a record: closed, and whole again when there is room. */
static void full_disk(void **state) {
    (void)state;
    char dir[256], text[256];
    HthErr err;
    HthAudit *a = NULL;
    Full f = { 3000 };
    const HthAuditDisk disk = { full_write, real_sync, real_cut, &f };
    const HthAuditCfg cfg = { .disk = &disk };
    uint64_t acknowledged = 0;
    snprintf(dir, sizeof dir, "%s", folder("full"));
    assert_ok(hth_audit_open(&a, dir, &cfg, &err), err);
    HthStatus status = HTH_OK;
    while (status == HTH_OK) {
        status = hth_audit_append_wait(a, audit_entry(text, acknowledged), HTH_STR(""), NULL, &err);
        acknowledged += status == HTH_OK;
    }
    assert_status(status, HTH_EIO, err);
    assert_status(hth_audit_append(a, HTH_STR("{}"), HTH_STR(""), NULL, NULL, &err), HTH_EIO, err);
    assert_non_null(strstr(err.text, "No space left"));
    assert_status(hth_audit_checkpoint(a, &err), HTH_EIO, err);
    assert_status(hth_audit_close(&a, &err), HTH_EIO, err);
    audit_fill(dir, NULL, 1000, 1);
    HthAuditReport r;
    assert_ok(audit_verify(dir, NULL, &r, &err), err);
    assert_int_equal(r.entries, acknowledged + 3);
}

int main(void) {
    hth_json_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_and_goes_on),
        cmocka_unit_test(empty),
        cmocka_unit_test(many_threads),
        cmocka_unit_test(a_slow_disk),
        cmocka_unit_test(one_writer),
        cmocka_unit_test(key_of_a_keyring),
        cmocka_unit_test(fails_closed),
        cmocka_unit_test(torn),
        cmocka_unit_test(rebuilt),
        cmocka_unit_test(failing_disk),
        cmocka_unit_test(failing_memory),
        cmocka_unit_test(full_disk),
    };
    return cmocka_run_group_tests(tests, test_folder_make, test_folder_drop);
}

/* audit_crash_test.c - the log killed at any moment, torn at any write: nothing is lost.
 *
 * HEARTH_AUDIT_KILLS (200) times a writer of several threads is killed with SIGKILL; what it was
 * told is on disk must be in the log, where it was told, and the log goes on.  HEARTH_AUDIT_TORN
 * (100) times a recorded run is cut at a random write: what was synced stays, of what was not any
 * sector is there, or is not, or is garbage; now and then the repair itself is cut the same way. */
#include "support/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "audit/log.h"
#include "base/json.h"
#include "base/rng.h"
#include "base/thread.h"
#include "support/audit_log.h"
#include "support/folder.h"

static uint64_t times(const char *variable, uint64_t otherwise) {
    uint64_t n = 0;
    return hth_str_u64(hth_str(getenv(variable)), &n) ? n : otherwise;
}

static void remove_all(const char *dir) {
    assert_int_equal(nftw(dir, test_remove_one_, 16, FTW_PHYS | FTW_DEPTH), 0);
}

/* The number in an entry of audit_entry's; false: it has none. */
static bool number_of(HthStr entry, uint64_t *out) {
    const char *at = memmem(entry.p, entry.n, "\"r-", 3);
    unsigned long long n;
    if (!at || sscanf(at, "\"r-%llu", &n) != 1) return false;
    *out = n;
    return true;
}

/* ---- killed --------------------------------------------------------------------------------- */

enum { WRITERS = 3, ACKS_MAX = 1 << 16, SAME_LOG = 40 };

/* Shared with the child: what it was told.  [index] = number + 1. */
typedef struct Told {
    _Atomic uint64_t next; /* number of the next entry */
    _Atomic uint64_t acknowledged;
    _Atomic uint64_t opened; /* times */
    _Atomic uint64_t number[ACKS_MAX];
} Told;
static Told *told;

static void writer(void *payload) {
    HthAudit *a = payload;
    HthErr err;
    char text[256];
    for (;;) {
        uint64_t index;
        const uint64_t number = atomic_fetch_add(&told->next, 1);
        if (hth_audit_append_wait(a, audit_entry(text, number), HTH_STR(""), &index, &err) !=
            HTH_OK)
            _exit(3);
        if (index >= ACKS_MAX) return;
        atomic_store(&told->number[index], number + 1);
        atomic_fetch_add(&told->acknowledged, 1);
    }
}

static void child(const char *dir) {
    const HthAuditCfg cfg = { .checkpoint_entries = 25 };
    HthThread *threads[WRITERS] = { 0 };
    HthErr err;
    HthAudit *a = NULL;
    if (hth_audit_open(&a, dir, &cfg, &err) != HTH_OK) {
        fprintf(stderr, "the log does not open again: %s\n", err.text);
        _exit(2);
    }
    atomic_fetch_add(&told->opened, 1);
    for (unsigned t = 0; t < WRITERS; t++)
        if (hth_thread_open(&threads[t], writer, a, &err) != HTH_OK) _exit(4);
    for (unsigned t = 0; t < WRITERS; t++) hth_thread_join(&threads[t]);
    _exit(0);
}

/* Everything that was acknowledged is where it was said to be. */
static uint64_t check_told(const char *dir) {
    HthErr err;
    HthAuditReader r = { 0 };
    HthRecord rec;
    uint64_t found = 0, number;
    if (access(dir, F_OK) != 0 || hth_audit_reader_open(&r, dir, &err) != HTH_OK) {
        assert_int_equal(told->acknowledged, 0);
        return 0;
    }
    while (hth_audit_next(&r, &rec)) {
        const uint64_t want = rec.index < ACKS_MAX ? told->number[rec.index] : 0;
        if (!want) continue;
        if (!number_of(rec.entry, &number) || number + 1 != want)
            fail_msg("entry %llu is another than was acknowledged", (unsigned long long)rec.index);
        found++;
    }
    hth_audit_reader_close(&r);
    return found;
}

static void doze(uint32_t us) {
    nanosleep(&(struct timespec){ .tv_nsec = (long)us * 1000 }, NULL);
}

static void killed(void **state) {
    (void)state;
    const uint64_t kills = times("HEARTH_AUDIT_KILLS", 200);
    uint64_t acknowledged = 0, in_time = 0;
    char dir[256];
    told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(told, MAP_FAILED);
    for (uint64_t i = 0; i < kills; i++) {
        if (i % SAME_LOG == 0) { /* a new log: a long one takes its time to open */
            if (i) test_folder_drop(state);
            test_folder_make(state);
            snprintf(dir, sizeof dir, "%s", test_path("log"));
            acknowledged += told->acknowledged;
            memset((void *)told, 0, sizeof *told);
        }
        const uint64_t before = told->acknowledged, opened = told->opened;
        const pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) child(dir);
        for (unsigned ms = 0; i % 4 && told->opened == opened && ms < 5000; ms++) doze(1000);
        doze(hth_rng_below(7, 1, i, 6000)); /* every fourth somewhere in opening */
        kill(pid, SIGKILL);
        int how;
        assert_int_equal(waitpid(pid, &how, 0), pid);
        if (!WIFSIGNALED(how))
            fail_msg("kill %llu: the writer left with %d", (unsigned long long)i, WEXITSTATUS(how));
        const uint64_t said = told->acknowledged, found = check_told(dir);
        if (found < said)
            fail_msg("kill %llu: %llu acknowledged, %llu found", (unsigned long long)i,
                     (unsigned long long)said, (unsigned long long)found);
        in_time += said > before;
        if (i % SAME_LOG == SAME_LOG - 1 || i + 1 == kills) { /* goes on, and holds */
            HthErr err;
            audit_fill(dir, NULL, ACKS_MAX, 1);
            assert_ok(audit_verify(dir, NULL, NULL, &err), err);
            assert_true(check_told(dir) >= said);
        }
    }
    acknowledged += told->acknowledged;
    print_message(
        "%llu kills, %llu of them after acknowledgements, %llu of those in all: none lost\n",
        (unsigned long long)kills, (unsigned long long)in_time, (unsigned long long)acknowledged);
    assert_true(in_time > 0);
    munmap(told, sizeof *told);
    test_folder_drop(state);
}

/* ---- torn ----------------------------------------------------------------------------------- */

enum { EVENTS_MAX = 4096, SIGNED_MAX = 64, STEPS = 40, SECTOR = 512 };

typedef enum Kind { WRITE, SYNC, CUT } Kind;
typedef struct Event {
    Kind kind;
    uint64_t at;
    HthBuf bytes;
} Event;

/* A run of the log: what reached the file, and in which order. */
typedef struct Run {
    HthGate *gate;
    Event event[EVENTS_MAX];
    unsigned count;
    struct { /* signed while the run was at an event */
        unsigned event;
        HthBuf note[HTH_AUDIT_TREES];
    } sign[SIGNED_MAX];
    unsigned signs;
    struct { /* numbers below this were acknowledged when the run was at an event */
        unsigned event;
        uint64_t number;
    } ack[STEPS];
    unsigned acks;
} Run;

static void note_event(Run *r, Kind kind, uint64_t at, const void *bytes, size_t n) {
    HthErr err;
    hth_gate_enter(r->gate);
    HTH_ASSERT(r->count < EVENTS_MAX);
    Event *e = &r->event[r->count++];
    *e = (Event){ .kind = kind, .at = at };
    hth_buf_init(&e->bytes, 1 << 24);
    HTH_ASSERT(hth_buf_add(&e->bytes, bytes, n, &err) == HTH_OK);
    hth_gate_leave(r->gate);
}

static ssize_t run_write(void *payload, int fd, const void *bytes, size_t n, off_t at) {
    note_event(payload, WRITE, (uint64_t)at, bytes, n);
    return pwrite(fd, bytes, n, at);
}

static int run_sync(void *payload, int fd) {
    (void)fd;
    note_event(payload, SYNC, 0, "", 0);
    return 0;
}

static int run_cut(void *payload, int fd, off_t bytes) {
    note_event(payload, CUT, (uint64_t)bytes, "", 0);
    return ftruncate(fd, bytes);
}

static void run_drop(Run *r) {
    for (unsigned i = 0; i < r->count; i++) hth_buf_drop(&r->event[i].bytes);
    for (unsigned i = 0; i < r->signs; i++)
        for (unsigned t = 0; t < HTH_AUDIT_TREES; t++) hth_buf_drop(&r->sign[i].note[t]);
    hth_gate_close(&r->gate);
    r->count = r->signs = 0;
}

static void in_dir(char out[400], const char *dir, const char *name) {
    snprintf(out, 400, "%s/%s", dir, name);
}

static const char *const notes[HTH_AUDIT_TREES] = { "sha3/checkpoint", "sha256/checkpoint" };

/* A run to cut: entries in groups, signed now and then, into dir. */
static void record(Run *r, const char *dir, uint64_t seed) {
    HthErr err;
    HthAudit *a = NULL;
    char text[256], path[400];
    const HthAuditDisk disk = { run_write, run_sync, run_cut, r };
    const HthAuditCfg cfg = { .disk = &disk,
                              .checkpoint_entries = 1 << 30,
                              .checkpoint_ms = 1 << 30 };
    r->count = r->signs = r->acks = 0;
    assert_ok(hth_gate_open(&r->gate, &err), err);
    assert_ok(hth_audit_open(&a, dir, &cfg, &err), err);
    uint64_t number = 0;
    for (unsigned step = 0; step < STEPS; step++) {
        const uint32_t group = 1 + hth_rng_below(seed, 1, step, 30);
        for (uint32_t i = 0; i + 1 < group; i++)
            assert_ok(
                hth_audit_append(a, audit_entry(text, number++), HTH_STR(""), NULL, NULL, &err),
                err);
        assert_ok(hth_audit_append_wait(a, audit_entry(text, number++), HTH_STR(""), NULL, &err),
                  err);
        r->ack[r->acks].event = r->count;
        r->ack[r->acks++].number = number;
        if (hth_rng_below(seed, 2, step, 6)) continue;
        assert_ok(hth_audit_checkpoint(a, &err), err);
        r->sign[r->signs].event = r->count;
        for (unsigned t = 0; t < HTH_AUDIT_TREES; t++) {
            in_dir(path, dir, notes[t]);
            test_load(&r->sign[r->signs].note[t], path);
        }
        r->signs++;
    }
    assert_ok(hth_audit_close(&a, &err), err);
}

static void put(HthBuf *file, uint64_t at, const char *bytes, size_t n) {
    HthErr err;
    static const char zero[SECTOR];
    while (file->n < at)
        assert_ok(hth_buf_add(file, zero, at - file->n < SECTOR ? at - file->n : SECTOR, &err),
                  err);
    const size_t over = file->n - at < n ? file->n - at : n;
    if (over) memcpy(file->p + at, bytes, over);
    assert_ok(hth_buf_add(file, bytes + over, n - over, &err), err);
}

/* Some sectors of a write that was not synced: there, not there, or full of something. */
static void put_some(HthBuf *file, const Event *e, uint64_t seed, uint64_t stream) {
    for (size_t i = 0; i < e->bytes.n;) {
        const uint64_t at = e->at + i;
        size_t n = SECTOR - at % SECTOR;
        char garbage[SECTOR];
        if (n > e->bytes.n - i) n = e->bytes.n - i;
        const uint32_t draw = hth_rng_below(seed, stream, at, 10);
        for (size_t k = 0; k < n; k++) garbage[k] = (char)hth_rng_u32(seed, stream + 1, at + k);
        if (draw < 6)
            put(file, at, e->bytes.p + i, n);
        else if (draw == 6)
            put(file, at, garbage, n);
        else if (draw == 7)
            put(file, at, e->bytes.p + i, n / 2);
        i += n;
    }
}

/* The file after a crash before event `at`: *sure bytes were synced. */
static void crash(HthBuf *file, const Run *r, unsigned at, uint64_t seed, uint64_t *sure) {
    unsigned synced = 0;
    for (unsigned i = 0; i < at; i++)
        if (r->event[i].kind == SYNC) synced = i;
    for (unsigned i = 0; i < at; i++) {
        const Event *e = &r->event[i];
        if (i == synced) *sure = file->n;
        if (e->kind == WRITE && i < synced)
            put(file, e->at, e->bytes.p, e->bytes.n);
        else if (e->kind == WRITE)
            put_some(file, e, seed, 100 + 2 * i);
        else if (e->kind == CUT && (i < synced || hth_rng_below(seed, 9, i, 2)) && file->n > e->at)
            file->n = e->at;
    }
}

/* What was synced is as it was; what was acknowledged before event `at` is there. */
static void still_there(const char *dir, const HthBuf *before, uint64_t sure, const Run *r,
                        unsigned at) {
    static char there[STEPS * 32];
    char path[400];
    HthErr err;
    HthBuf now;
    HthAuditReader reader = { 0 };
    HthRecord rec;
    uint64_t acknowledged = 0, n;
    in_dir(path, dir, "log");
    test_load(&now, path);
    assert_true(now.n >= sure);
    assert_memory_equal(now.p, before->p, sure);
    hth_buf_drop(&now);
    for (unsigned i = 0; i < r->acks && r->ack[i].event <= at; i++) acknowledged = r->ack[i].number;
    memset(there, 0, sizeof there);
    assert_ok(hth_audit_reader_open(&reader, dir, &err), err);
    while (hth_audit_next(&reader, &rec))
        if (number_of(rec.entry, &n) && n < sizeof there) there[n] = 1;
    hth_audit_reader_close(&reader);
    for (n = 0; n < acknowledged; n++)
        if (!there[n]) fail_msg("entry %llu was acknowledged and is lost", (unsigned long long)n);
}

/* Whatever was cut off, an entry says so: "repaired" follows what was whole. */
static void says_so(const char *dir, const HthBuf *file) {
    HthErr err;
    HthAuditReader r = { 0 };
    HthRecord rec;
    size_t at = sizeof HTH_LOG_MAGIC - 1, n;
    uint64_t index = 0;
    while ((n = hth_record_get(&rec, (const uint8_t *)file->p + at, file->n - at)) != 0 &&
           rec.index == index) {
        at += n;
        index++;
    }
    if (at == file->n) return;
    assert_ok(hth_audit_find(&r, &rec, dir, index, &err), err);
    if (!memmem(rec.entry.p, rec.entry.n, "\"type\":\"repaired\"", 17))
        fail_msg("%zu bytes were cut off and entry %llu does not say so", file->n - at,
                 (unsigned long long)index);
    hth_audit_reader_close(&r);
}

static void lay_out(const char *dir, const char *keys_from, const HthBuf *file, const Run *r,
                    unsigned at) {
    HthErr err;
    char from[400], to[400];
    mkdir(dir, 0700);
    in_dir(from, keys_from, "key");
    in_dir(to, dir, "key");
    audit_copy(from, to);
    in_dir(to, dir, "log");
    assert_ok(hth_file_write(to, file->p, file->n, 0600, &err), err);
    for (unsigned t = 0; t < HTH_AUDIT_TREES; t++) {
        const HthBuf *last = NULL;
        for (unsigned i = 0; i < r->signs && r->sign[i].event <= at; i++)
            last = &r->sign[i].note[t];
        in_dir(to, dir, hth_audit_trees[t].folder);
        mkdir(to, 0700);
        in_dir(to, dir, notes[t]);
        if (last) assert_ok(hth_file_write(to, last->p, last->n, 0644, &err), err);
    }
}

/* One crash: opened again, whole; or crashed while it is opened, and then opened. */
static void replay(const Run *r, const char *keys_from, uint64_t seed) {
    static Run again;
    HthErr err;
    HthBuf file, second;
    char dir[300];
    uint64_t sure = 0;
    const unsigned at = 1 + hth_rng_below(seed, 3, 0, r->count);
    hth_buf_init(&file, 1 << 24);
    hth_buf_init(&second, 1 << 24);
    put(&file, 0, HTH_LOG_MAGIC, sizeof HTH_LOG_MAGIC - 1);
    crash(&file, r, at, seed, &sure);
    snprintf(dir, sizeof dir, "%s/torn", test_folder);
    lay_out(dir, keys_from, &file, r, at);
    if (hth_rng_below(seed, 4, 0, 3) == 0) { /* the repair is cut too */
        HthAudit *a = NULL;
        const HthAuditDisk disk = { run_write, run_sync, run_cut, &again };
        const HthAuditCfg cfg = { .disk = &disk };
        uint64_t sure_again = 0;
        again.count = again.signs = 0;
        assert_ok(hth_gate_open(&again.gate, &err), err);
        assert_ok(hth_audit_open(&a, dir, &cfg, &err), err);
        const unsigned opened = again.count;
        assert_ok(hth_audit_close(&a, &err), err);
        assert_ok(hth_buf_add_str(&second, hth_buf_str(&file), &err), err);
        crash(&second, &again, 1 + hth_rng_below(seed, 5, 0, opened), seed + 1, &sure_again);
        run_drop(&again);
        remove_all(dir);
        lay_out(dir, keys_from, &second, r, at);
        audit_fill(dir, NULL, 5000, 1);
        says_so(dir, &second);
    } else {
        audit_fill(dir, NULL, 5000, 1);
        says_so(dir, &file);
    }
    still_there(dir, &file, sure, r, at);
    assert_ok(audit_verify(dir, NULL, NULL, &err), err);
    remove_all(dir);
    hth_buf_drop(&file);
    hth_buf_drop(&second);
}

static void torn(void **state) {
    (void)state;
    static Run r;
    const uint64_t replays = times("HEARTH_AUDIT_TORN", 100);
    char dir[256];
    unsigned cut = 0;
    for (uint64_t i = 0; i < replays; i++) {
        if (i % 100 == 0) {
            if (i) {
                run_drop(&r);
                remove_all(dir);
            }
            snprintf(dir, sizeof dir, "%s/run%llu", test_folder, (unsigned long long)i);
            record(&r, dir, i);
        }
        replay(&r, dir, i);
        cut++;
    }
    run_drop(&r);
    print_message("%u crashes, nothing acknowledged lost\n", cut);
}

int main(void) {
    hth_json_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed),
        cmocka_unit_test_setup_teardown(torn, test_folder_make, test_folder_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

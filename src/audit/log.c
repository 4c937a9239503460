/* log.c - see log.h.  Opening is in log_open.c.
 *
 * Thread: as log.h says. */
#include "audit/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/entry.h"
#include "audit/log_int.h"
#include "base/clock.h"
#include "base/file_fault.h"
#include "base/mem.h"

/* ---- the file ------------------------------------------------------------------------------- */

static ssize_t disk_write(void *payload, int fd, const void *bytes, size_t n, off_t at) {
    (void)payload;
    return hth_file_fault() ? -1 : pwrite(fd, bytes, n, at);
}

static int disk_sync(void *payload, int fd) {
    (void)payload;
    return hth_file_fault() ? -1 : fdatasync(fd);
}

static int disk_cut(void *payload, int fd, off_t bytes) {
    (void)payload;
    return hth_file_fault() ? -1 : ftruncate(fd, bytes);
}

static const HthAuditDisk the_disk = { disk_write, disk_sync, disk_cut, NULL };

HthStatus hth_audit_put(HthAudit *a, const uint8_t *bytes, size_t n, HthErr *err) {
    const HthAuditDisk *d = &a->disk;
    for (size_t done = 0; done < n;) {
        const ssize_t got =
            d->write(d->payload, a->fd, bytes + done, n - done, (off_t)(a->at + done));
        if (got < 0 && errno == EINTR) continue;
        HTH_REQUIRE(got > 0, err, HTH_EIO,
                    "cannot write the audit log: %s; nothing more is recorded until hearth starts "
                    "again",
                    got < 0 ? strerror(errno) : "nothing was taken");
        done += (size_t)got;
    }
    /* Never tried again: after a failure the system may have dropped what it could not write. */
    HTH_REQUIRE(d->sync(d->payload, a->fd) == 0, err, HTH_EIO,
                "cannot sync the audit log: %s; nothing more is recorded until hearth starts again",
                strerror(errno));
    a->at += n;
    return HTH_OK;
}

/* ---- the scribe ----------------------------------------------------------------------------- */

static uint64_t size_of(const HthAudit *a) {
    return hth_tiles_tree(a->tiles[0])->size;
}

static void tell(HthPending *list, HthStatus status, uint64_t index) {
    for (; list; index++) {
        HthPending *p = list;
        list = p->next;
        if (p->done) p->done(p->payload, status, index);
        hth_free(p);
    }
}

static HthStatus frame(HthAudit *a, const HthPending *list, HthErr *err) {
    HthRecord r = { .index = size_of(a), .synced = size_of(a) };
    hth_buf_clear(&a->batch);
    for (const HthPending *p = list; p; p = p->next, r.index++) {
        r.entry = (HthStr){ p->bytes, p->entry_n };
        r.sealed = (HthStr){ p->bytes + p->entry_n, p->sealed_n };
        HTH_TRY(hth_buf_reserve(&a->batch, hth_record_bytes(&r), err));
        hth_record_put((uint8_t *)a->batch.p + a->batch.n, &r);
        a->batch.n += hth_record_bytes(&r);
    }
    return HTH_OK;
}

/* The batch lies on disk: into the trees with it. */
static HthStatus grow(HthAudit *a, HthErr *err) {
    HthRecord r;
    HthStatus status = HTH_OK;
    for (size_t at = 0, n; at < a->batch.n; at += n) {
        n = hth_record_get(&r, (const uint8_t *)a->batch.p + at, a->batch.n - at);
        HTH_ASSERT(n);
        for (unsigned t = 0; t < HTH_AUDIT_TREES; t++) {
            uint8_t leaf[HTH_HASH_BYTES];
            hth_tree_leaf(hth_audit_trees[t].kind, r.entry.p, r.entry.n, leaf);
            const HthStatus one = hth_tiles_append(a->tiles[t], leaf, err);
            if (one != HTH_OK) status = one;
        }
    }
    if (!a->unsigned_ns) a->unsigned_ns = hth_clock_ns();
    return status;
}

HthStatus hth_audit_write(HthAudit *a, HthPending *list, HthErr *err) {
    const uint64_t first = size_of(a);
    uint64_t count = 0;
    for (const HthPending *p = list; p; p = p->next) count++;
    HthStatus status = frame(a, list, err);
    if (status == HTH_OK) status = hth_audit_put(a, (const uint8_t *)a->batch.p, a->batch.n, err);
    hth_gate_enter(a->gate);
    if (status == HTH_OK)
        a->size = first + count;
    else
        a->failed = *err; /* before anybody is told */
    hth_gate_leave(a->gate);
    tell(list, status, first); /* before the hashing, which nobody has to wait for */
    return status == HTH_OK ? grow(a, err) : status;
}

HthStatus hth_audit_say(HthAudit *a, const HthEntry *e, HthErr *err) {
    HthBuf text;
    hth_buf_init(&text, HTH_LEAF_MAX);
    HthStatus status = hth_entry_write(&text, e, err);
    HthPending *p = status == HTH_OK ? hth_calloc(1, sizeof *p + text.n) : NULL;
    if (p) {
        p->entry_n = text.n;
        memcpy(p->bytes, text.p, text.n);
        status = hth_audit_write(a, p, err);
    } else if (status == HTH_OK) {
        status = HTH_FAIL(err, HTH_ENOMEM, "no memory for an entry of the log");
    }
    hth_buf_drop(&text);
    return status;
}

static HthStatus sign_tree(HthAudit *a, unsigned t, HthErr *err) {
    const HthTree *tree = hth_tiles_tree(a->tiles[t]);
    HthCheckpoint c = { .origin = hth_str(a->vkey[t].name), .size = tree->size };
    char path[PATH_MAX];
    HthBuf text, note;
    HTH_TRY(hth_tiles_partial(a->tiles[t], err));
    HTH_TRY(hth_audit_path(path, a->folder, hth_audit_trees[t].folder, "checkpoint", err));
    hth_tree_root(tree, c.root);
    hth_buf_init(&text, HTH_NOTE_MAX);
    hth_buf_init(&note, HTH_NOTE_MAX);
    HthStatus status = hth_checkpoint_print(&text, &c, err);
    if (status == HTH_OK)
        status = hth_note_sign(&note, hth_buf_str(&text), &a->vkey[t], a->signer, err);
    if (status == HTH_OK) status = hth_file_write(path, note.p, note.n, 0644, err);
    hth_buf_drop(&text);
    hth_buf_drop(&note);
    return status;
}

/* The entry that says so is the last one of the tree that is signed: there is no signature that
 * the log does not know of. */
HthStatus hth_audit_sign(HthAudit *a, HthErr *err) {
    HthEntry e;
    if (size_of(a) == a->signed_size) return HTH_OK;
    hth_entry_begin(&e, HTH_ENTRY_CHECKPOINT);
    hth_entry_number(&e, HTH_FIELD_SIZE, size_of(a) + 1);
    static const HthEntryField roots[] = { HTH_FIELD_ROOT_SHA3, HTH_FIELD_ROOT_SHA256 };
    for (unsigned t = 0; t < HTH_AUDIT_TREES; t++) {
        uint8_t root[HTH_HASH_BYTES];
        hth_tree_root(hth_tiles_tree(a->tiles[t]), root);
        hth_entry_digest(&e, roots[t], root);
    }
    HTH_TRY(hth_audit_say(a, &e, err));
    for (unsigned t = HTH_AUDIT_TREES; t-- > 0;) HTH_TRY(sign_tree(a, t, err));
    a->signed_size = size_of(a);
    a->unsigned_ns = 0;
    return HTH_OK;
}

/* Inside the gate: takes as much as goes into one batch. */
static HthPending *take(HthAudit *a) {
    HthPending *list = a->first, **end = &list;
    size_t bytes = 0;
    unsigned n = 0;
    for (; *end && n < HTH_BATCH_ENTRIES; n++, end = &(*end)->next) {
        const size_t one = HTH_RECORD_HEAD + (*end)->entry_n + (*end)->sealed_n;
        if (bytes && bytes + one > HTH_BATCH_BYTES) break;
        bytes += one;
    }
    a->waiting_bytes -= bytes;
    a->taken += n;
    a->first = *end;
    *end = NULL;
    if (!a->first) a->last = &a->first;
    return list;
}

static uint64_t due(const HthAudit *a) {
    if (!a->unsigned_ns) return UINT64_MAX;
    return a->unsigned_ns + (uint64_t)a->cfg.checkpoint_ms * 1000000u;
}

/* Inside: there is nothing to do. */
static bool idle(const HthAudit *a) {
    return !a->first && !a->stop && a->sign_asked == a->sign_done && hth_clock_ns() < due(a);
}

static void fail(HthAudit *a, const HthErr *err) {
    HthPending *list;
    hth_gate_enter(a->gate);
    a->failed = *err;
    a->sign_done = a->sign_asked;
    list = a->first;
    a->first = NULL;
    a->last = &a->first;
    a->waiting_bytes = 0;
    hth_gate_ring(a->gate);
    hth_gate_leave(a->gate);
    tell(list, err->status, 0);
}

void hth_audit_scribe(void *audit) {
    HthAudit *a = audit;
    HthErr err = { 0 };
    HthStatus status = HTH_OK;
    for (bool more = true; more && status == HTH_OK;) {
        hth_gate_enter(a->gate);
        while (idle(a)) hth_gate_wait(a->gate, due(a));
        HthPending *list = take(a);
        more = !a->stop || a->first;
        const uint64_t asked = a->sign_asked;
        const bool sign = !more || (asked != a->sign_done && a->taken >= a->sign_after);
        hth_gate_leave(a->gate);
        if (list) status = hth_audit_write(a, list, &err);
        const bool many = size_of(a) - a->signed_size >= a->cfg.checkpoint_entries;
        if (status == HTH_OK && (sign || many || hth_clock_ns() >= due(a)))
            status = hth_audit_sign(a, &err);
        if (status == HTH_OK && sign) {
            hth_gate_enter(a->gate);
            a->sign_done = asked;
            hth_gate_ring(a->gate);
            hth_gate_leave(a->gate);
        }
    }
    if (status != HTH_OK) fail(a, &err);
}

/* ---- those who append ----------------------------------------------------------------------- */

HthStatus hth_audit_append(HthAudit *a, HthStr entry, HthStr sealed, HthAuditDone done,
                           void *payload, HthErr *err) {
    HTH_REQUIRE(entry.n && entry.n <= HTH_LEAF_MAX && sealed.n <= HTH_SEALED_MAX, err, HTH_EINVAL,
                "an entry of the log has 1 to %d bytes, and at most %d beside it", HTH_LEAF_MAX,
                HTH_SEALED_MAX);
    HthPending *p = hth_calloc(1, sizeof *p + entry.n + sealed.n);
    HTH_REQUIRE(p, err, HTH_ENOMEM, "no memory for an entry of the log");
    p->done = done;
    p->payload = payload;
    p->entry_n = entry.n;
    p->sealed_n = sealed.n;
    memcpy(p->bytes, entry.p, entry.n);
    if (sealed.n) memcpy(p->bytes + entry.n, sealed.p, sealed.n);
    const size_t bytes = HTH_RECORD_HEAD + entry.n + sealed.n;
    HthStatus status = HTH_OK;
    hth_gate_enter(a->gate);
    if (a->failed.status != HTH_OK) {
        status = HTH_FAIL(err, HTH_EIO, "%s", a->failed.text);
    } else if (a->first && a->waiting_bytes + bytes > a->cfg.queue_bytes) {
        status = HTH_FAIL(err, HTH_EAGAIN, "the audit log cannot keep up; try again");
    } else {
        if (!a->first) hth_gate_ring(a->gate);
        *a->last = p;
        a->last = &p->next;
        a->waiting_bytes += bytes;
        a->queued++;
    }
    hth_gate_leave(a->gate);
    if (status != HTH_OK) hth_free(p);
    return status;
}

typedef struct Wait {
    HthAudit *a;
    bool over;
    HthStatus status;
    uint64_t index;
} Wait;

static void waited(void *payload, HthStatus status, uint64_t index) {
    Wait *w = payload;
    HthAudit *a = w->a;
    hth_gate_enter(a->gate);
    w->status = status;
    w->index = index;
    w->over = true;
    hth_gate_ring(a->gate);
    hth_gate_leave(a->gate);
}

HthStatus hth_audit_append_wait(HthAudit *a, HthStr entry, HthStr sealed, uint64_t *index_out,
                                HthErr *err) {
    Wait w = { .a = a };
    HTH_TRY(hth_audit_append(a, entry, sealed, waited, &w, err));
    hth_gate_enter(a->gate);
    while (!w.over) hth_gate_wait(a->gate, UINT64_MAX);
    hth_gate_leave(a->gate);
    HTH_REQUIRE(w.status == HTH_OK, err, w.status,
                "the audit log could not write an entry; nothing more is recorded until hearth "
                "starts again");
    if (index_out) *index_out = w.index;
    return HTH_OK;
}

HthStatus hth_audit_checkpoint(HthAudit *a, HthErr *err) {
    HthStatus status = HTH_OK;
    hth_gate_enter(a->gate);
    const uint64_t turn = a->failed.status == HTH_OK ? ++a->sign_asked : 0;
    a->sign_after = a->queued;
    hth_gate_ring(a->gate);
    while (a->sign_done < turn) hth_gate_wait(a->gate, UINT64_MAX);
    if (a->failed.status != HTH_OK) {
        status = a->failed.status;
        if (err) *err = a->failed;
    }
    hth_gate_leave(a->gate);
    return status;
}

uint64_t hth_audit_size(HthAudit *a) {
    hth_gate_enter(a->gate);
    const uint64_t size = a->size;
    hth_gate_leave(a->gate);
    return size;
}

/* ---- open and close ------------------------------------------------------------------------- */

static void drop(HthAudit **audit) {
    HthAudit *a = *audit;
    for (unsigned t = 0; t < HTH_AUDIT_TREES; t++) hth_tiles_close(&a->tiles[t]);
    hth_signer_close(&a->signer);
    hth_buf_drop(&a->batch);
    hth_gate_close(&a->gate);
    if (a->fd >= 0) close(a->fd);
    if (a->lock_fd >= 0) close(a->lock_fd);
    hth_free(a);
    *audit = NULL;
}

/* The folder, where it is not, and its name in the folder above. */
static HthStatus make_folder(const HthAudit *a, HthErr *err) {
    char above[PATH_MAX];
    if (mkdir(a->folder, 0700) != 0) {
        HTH_REQUIRE(errno == EEXIST, err, HTH_EIO, "cannot make the folder %.150s: %s", a->folder,
                    strerror(errno));
        return HTH_OK;
    }
    HTH_TRY(hth_audit_path(above, a->folder, NULL, "..", err));
    return hth_file_sync_folder(above, a->folder, err);
}

static HthStatus lock(HthAudit *a, HthErr *err) {
    char path[PATH_MAX];
    HTH_TRY(make_folder(a, err));
    HTH_TRY(hth_audit_path(path, a->folder, NULL, "lock", err));
    a->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    HTH_REQUIRE(a->lock_fd >= 0, err, HTH_EIO, "cannot open %.150s: %s", path, strerror(errno));
    HTH_REQUIRE(flock(a->lock_fd, LOCK_EX | LOCK_NB) == 0, err, HTH_EAGAIN,
                "another hearth writes the audit log in %.150s", a->folder);
    return HTH_OK;
}

static HthStatus open_in(HthAudit *a, HthErr *err) {
    HTH_TRY(hth_gate_open(&a->gate, err));
    HTH_TRY(lock(a, err));
    HTH_TRY(hth_audit_load(a, err));
    a->size = size_of(a);
    if (a->size > a->signed_size) a->unsigned_ns = hth_clock_ns();
    return hth_thread_open(&a->thread, hth_audit_scribe, a, err);
}

HthStatus hth_audit_open(HthAudit **out, const char *folder, const HthAuditCfg *cfg, HthErr *err) {
    HTH_REQUIRE(strlen(folder) < HTH_AUDIT_FOLDER_MAX, err, HTH_EINVAL,
                "the path of the log's folder is too long");
    HthAudit *a = hth_calloc(1, sizeof *a);
    HTH_REQUIRE(a, err, HTH_ENOMEM, "no memory for the audit log");
    if (cfg) a->cfg = *cfg;
    if (!a->cfg.checkpoint_entries) a->cfg.checkpoint_entries = 4096;
    if (!a->cfg.checkpoint_ms) a->cfg.checkpoint_ms = 10000;
    if (!a->cfg.queue_bytes) a->cfg.queue_bytes = (size_t)64 << 20;
    a->disk = a->cfg.disk ? *a->cfg.disk : the_disk;
    a->fd = a->lock_fd = -1;
    a->last = &a->first;
    snprintf(a->folder, sizeof a->folder, "%s", folder);
    hth_buf_init(&a->batch, HTH_BATCH_BYTES + HTH_SEALED_MAX + (1 << 20));
    const HthStatus status = open_in(a, err);
    a->cfg.key = NULL; /* the caller's again */
    if (status != HTH_OK)
        drop(&a);
    else
        *out = a;
    return status;
}

HthStatus hth_audit_close(HthAudit **audit, HthErr *err) {
    HthAudit *a = *audit;
    if (!a) return HTH_OK;
    hth_gate_enter(a->gate);
    a->stop = true;
    hth_gate_ring(a->gate);
    hth_gate_leave(a->gate);
    hth_thread_join(&a->thread);
    const HthStatus status = a->failed.status;
    if (status != HTH_OK && err) *err = a->failed;
    drop(audit);
    return status;
}

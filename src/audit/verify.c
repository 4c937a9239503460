/* verify.c - see verify.h.  One pass per tree, each on a thread of its own.
 *
 * Thread: any. */
#include "audit/verify.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "audit/content.h"
#include "base/mem.h"
#include "base/thread.h"

/* A root that the tree must have had at a size, and who says so. */
typedef struct Mark {
    uint64_t size;
    uint8_t root[HTH_HASH_BYTES];
    const char *who;
    bool current; /* the log's own checkpoint: partial tiles are as of it */
} Mark;

typedef struct Pass {
    unsigned tree;
    HthAuditReader r;
    HthTiles *tiles;
    HthTilesReport report;
    HthVkey vkey;
    Mark marks[1 + HTH_PINS_MAX];
    unsigned mark_n;
    uint64_t checkpoints, bytes;
    uint8_t root[HTH_HASH_BYTES];
    HthBuf room; /* texts of the entry that is read */
    HthStatus status;
    HthErr err;
} Pass;

/* ---- marks ---------------------------------------------------------------------------------- */

static void add_mark(Pass *p, const HthCheckpoint *c, const char *who, bool current) {
    Mark *m = &p->marks[p->mark_n++];
    *m = (Mark){ .size = c->size, .who = who, .current = current };
    memcpy(m->root, c->root, sizeof m->root);
}

/* A pinned checkpoint belongs to the tree whose name it bears. */
static HthStatus read_pin(Pass pass[HTH_AUDIT_TREES], const char *path, HthErr *err) {
    HthBuf note;
    HthCheckpoint c;
    HthErr why = { 0 };
    hth_buf_init(&note, HTH_NOTE_MAX);
    HthStatus status = hth_file_read(&note, path, err);
    for (unsigned t = 0; status == HTH_OK && t < HTH_AUDIT_TREES; t++) {
        status = hth_checkpoint_open(&c, hth_buf_str(&note), &pass[t].vkey, &why);
        if (status == HTH_OK) {
            add_mark(&pass[t], &c, "pinned", false);
            break;
        }
        if (status == HTH_EFORMAT && t + 1 < HTH_AUDIT_TREES)
            status = HTH_OK; /* the other one, perhaps */
        else
            status = HTH_FAIL(err, status,
                              "%.100s does not hold a checkpoint that this log's key signed: %.90s",
                              path, why.text);
    }
    hth_buf_drop(&note);
    return status;
}

static HthStatus read_marks(Pass pass[HTH_AUDIT_TREES], const char *folder, const char *const *pins,
                            size_t pin_count, HthErr *err) {
    for (unsigned t = 0; t < HTH_AUDIT_TREES; t++) {
        HthBuf note;
        HthCheckpoint c;
        bool there = false;
        hth_buf_init(&note, HTH_NOTE_MAX);
        const HthStatus status =
            hth_audit_read_checkpoint(&c, &there, &note, folder, t, &pass[t].vkey, err);
        if (status == HTH_OK && there) add_mark(&pass[t], &c, "signed", true);
        hth_buf_drop(&note);
        HTH_TRY(status);
    }
    for (size_t i = 0; i < pin_count; i++) HTH_TRY(read_pin(pass, pins[i], err));
    return HTH_OK;
}

/* ---- one tree ------------------------------------------------------------------------------- */

#define BAD(...) HTH_FAIL(&p->err, HTH_EFORMAT, __VA_ARGS__)

/* An entry that says the tree is about to be signed: was it that tree? */
static HthStatus inner_checkpoint(Pass *p, const HthRecord *rec) {
    HthEntry e;
    uint8_t root[HTH_HASH_BYTES];
    const HthEntryField f = p->tree ? HTH_FIELD_ROOT_SHA256 : HTH_FIELD_ROOT_SHA3;
    hth_buf_clear(&p->room);
    HTH_TRY(hth_entry_read(&e, &p->room, rec->entry, &p->err));
    if (e.type != HTH_ENTRY_CHECKPOINT) return HTH_OK;
    p->checkpoints++;
    hth_tree_root(hth_tiles_tree(p->tiles), root);
    if (e.v[HTH_FIELD_SIZE].number != rec->index + 1 ||
        memcmp(e.v[f].digest, root, sizeof root) != 0)
        return BAD("entry %llu speaks of another log than the one before it",
                   (unsigned long long)rec->index);
    return HTH_OK;
}

static HthStatus sealed_part(Pass *p, const HthRecord *rec) {
    HthEntry e;
    HthErr why;
    hth_buf_clear(&p->room);
    HTH_TRY(hth_entry_read(&e, &p->room, rec->entry, &p->err));
    if (hth_content_check(&e, rec->sealed, &why) != HTH_OK)
        return BAD("entry %llu: %s", (unsigned long long)rec->index, why.text);
    return HTH_OK;
}

/* Signing is logged, so a log that was signed has an entry: that one. */
static HthStatus check_empty(Pass *p) {
    for (unsigned i = 0; i < p->mark_n; i++)
        if (!p->marks[i].size)
            return BAD("a checkpoint was %s for 0 entries, which hearth never does",
                       p->marks[i].who);
    return HTH_OK;
}

/* The tree has grown: is it what was signed and pinned for this size? */
static HthStatus check_marks(Pass *p, bool checkpoint) {
    const uint64_t size = hth_tiles_tree(p->tiles)->size;
    for (unsigned i = 0; i < p->mark_n; i++) {
        const Mark *m = &p->marks[i];
        if (m->size != size) continue;
        uint8_t root[HTH_HASH_BYTES];
        hth_tree_root(hth_tiles_tree(p->tiles), root);
        if (memcmp(root, m->root, sizeof root) != 0)
            return BAD("the log is not the one that was %s: among its first %llu entries one was "
                       "changed, removed or added",
                       m->who, (unsigned long long)size);
        if (!checkpoint)
            return BAD("a checkpoint was %s for %llu entries, and the log does not know of it",
                       m->who, (unsigned long long)size);
        if (m->current) HTH_TRY(hth_tiles_partial(p->tiles, &p->err));
    }
    return HTH_OK;
}

static HthStatus each(Pass *p, const HthRecord *rec) {
    static const char sealed[] = "\"sealed\":";
    uint8_t leaf[HTH_HASH_BYTES];
    const bool checkpoint = hth_audit_is_checkpoint(rec->entry);
    if (checkpoint) HTH_TRY(inner_checkpoint(p, rec));
    /* Read by one pass; a name in JSON stands in quotes, with a colon, and in no other place. */
    if (p->tree && (rec->sealed.n || memmem(rec->entry.p, rec->entry.n, sealed, sizeof sealed - 1)))
        HTH_TRY(sealed_part(p, rec));
    hth_tree_leaf(hth_audit_trees[p->tree].kind, rec->entry.p, rec->entry.n, leaf);
    HTH_TRY(hth_tiles_append(p->tiles, leaf, &p->err));
    return check_marks(p, checkpoint);
}

static HthStatus all(Pass *p) {
    HthRecord rec;
    HTH_TRY(check_empty(p));
    while (hth_audit_next(&p->r, &rec)) HTH_TRY(each(p, &rec));
    p->bytes = p->r.at;
    hth_tree_root(hth_tiles_tree(p->tiles), p->root);
    const uint64_t size = p->r.next;
    const uint8_t *rest = p->r.map.data + p->r.at;
    if (hth_record_outlives(rest, p->r.map.n - p->r.at, size))
        return BAD("the log is damaged at byte %zu, entry %llu", p->r.at, (unsigned long long)size);
    for (unsigned i = 0; i < p->mark_n; i++)
        if (p->marks[i].size > size)
            return BAD("the log was cut: %llu entries were %s, and %llu are there",
                       (unsigned long long)p->marks[i].size, p->marks[i].who,
                       (unsigned long long)size);
    if (p->report.wrong)
        return BAD("%llu tiles of %s are not what the entries give",
                   (unsigned long long)p->report.wrong, hth_audit_trees[p->tree].folder);
    return HTH_OK;
}

static void run(void *payload) {
    Pass *p = payload;
    p->status = all(p);
}

/* ---- both ----------------------------------------------------------------------------------- */

/* Somebody holds the writer's lock now. */
static bool written(const char *folder) {
    char path[PATH_MAX];
    HthErr ignored;
    if (hth_audit_path(path, folder, NULL, "lock", &ignored) != HTH_OK) return false;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    const bool held = flock(fd, LOCK_SH | LOCK_NB) != 0;
    close(fd);
    return held;
}

static HthStatus prepare(Pass pass[HTH_AUDIT_TREES], const char *folder, const char *const *pins,
                         size_t pin_count, HthErr *err) {
    HthVkey v[HTH_AUDIT_TREES];
    HTH_REQUIRE(pin_count <= HTH_PINS_MAX, err, HTH_ELIMIT, "at most %d checkpoints are compared",
                HTH_PINS_MAX);
    HTH_TRY(hth_audit_read_vkeys(v, folder, err));
    for (unsigned t = 0; t < HTH_AUDIT_TREES; t++) pass[t].vkey = v[t];
    HTH_TRY(read_marks(pass, folder, pins, pin_count, err));
    for (unsigned t = 0; t < HTH_AUDIT_TREES; t++) {
        char path[PATH_MAX];
        HTH_TRY(hth_audit_path(path, folder, NULL, hth_audit_trees[t].folder, err));
        HTH_TRY(hth_tiles_open(&pass[t].tiles, hth_audit_trees[t].kind, path, HTH_TILES_CHECK,
                               &pass[t].report, err));
        HTH_TRY(hth_audit_reader_open(&pass[t].r, folder, err));
    }
    return HTH_OK;
}

static HthStatus conclude(HthAuditReport *out, const Pass pass[HTH_AUDIT_TREES], bool busy,
                          HthErr *err) {
    HthAuditReport r = { .entries = pass[0].r.next,
                         .bytes = pass[0].bytes,
                         .checkpoints = pass[0].checkpoints };
    for (unsigned t = 0; t < HTH_AUDIT_TREES; t++) {
        if (pass[t].status != HTH_OK) {
            *err = pass[t].err;
            return pass[t].status;
        }
        r.tiles[t] = pass[t].report;
        memcpy(r.root[t], pass[t].root, sizeof r.root[t]);
        for (unsigned i = 0; i < pass[t].mark_n; i++) {
            const Mark *m = &pass[t].marks[i];
            if (m->current)
                r.signed_entries[t] = m->size;
            else if (m->size > r.pinned)
                r.pinned = m->size;
        }
    }
    r.in_flight = pass[0].r.map.n - pass[0].r.at;
    HTH_REQUIRE(!r.in_flight || busy, err, HTH_EFORMAT,
                "the log ends in %llu bytes that are not a whole record (at byte %llu, entry %llu)",
                (unsigned long long)r.in_flight, (unsigned long long)r.bytes,
                (unsigned long long)r.entries);
    memcpy(r.origin, pass[1].vkey.name, sizeof r.origin);
    *out = r;
    return HTH_OK;
}

HthStatus hth_audit_verify(HthAuditReport *out, const char *folder, const char *const *pins,
                           size_t pin_count, HthErr *err) {
    HthThread *second = NULL;
    const bool busy = written(folder);
    Pass *pass = hth_calloc(HTH_AUDIT_TREES, sizeof *pass);
    HTH_REQUIRE(pass, err, HTH_ENOMEM, "no memory to verify the audit log");
    for (unsigned t = 0; t < HTH_AUDIT_TREES; t++) {
        pass[t].tree = t;
        hth_buf_init(&pass[t].room, 2 * HTH_LEAF_MAX);
    }
    HthStatus status = prepare(pass, folder, pins, pin_count, err);
    if (status == HTH_OK) status = hth_thread_open(&second, run, &pass[1], err);
    if (status == HTH_OK) {
        run(&pass[0]);
        hth_thread_join(&second);
        status = conclude(out, pass, busy, err);
    }
    for (unsigned t = 0; t < HTH_AUDIT_TREES; t++) {
        hth_audit_reader_close(&pass[t].r);
        hth_tiles_close(&pass[t].tiles);
        hth_buf_drop(&pass[t].room);
    }
    hth_free(pass);
    return status;
}

/* log_open.c - what happens before the first append: keys, reading everything again, repair.
 *
 * Thread: the one that opens; the scribe does not run yet. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/keyfile.h"
#include "audit/log_int.h"
#include "base/file_fault.h"

enum { ORIGIN_RANDOM = 8 /* bytes */ };

/* ---- keys ----------------------------------------------------------------------------------- */

/* One key, and a name for each tree: who signs for one does not sign for the other. */
static HthStatus take_key(HthAudit *a, const char *path, HthErr *err) {
    char id[2 * ORIGIN_RANDOM + 1], name[HTH_VKEY_NAME_MAX + 64];
    uint8_t random[ORIGIN_RANDOM];
    HthVkey v;
    hth_random(random, sizeof random);
    hth_hex(id, random, sizeof random);
    snprintf(name, sizeof name, "hearth/audit/%s", id);
    HTH_TRY(hth_keyfile_open(&a->signer, &v, path, hth_str(name), a->cfg.key, err));
    for (unsigned t = 0; t < HTH_AUDIT_TREES; t++) {
        snprintf(name, sizeof name, "%s%s", v.name, hth_audit_trees[t].suffix);
        HTH_TRY(hth_vkey_make(&a->vkey[t], hth_str(name), v.key, err));
    }
    return HTH_OK;
}

/* What others check with.  It follows from the key, and is written again where it is not there; one
 * of another key says that somebody exchanged either. */
static HthStatus write_vkeys(const HthAudit *a, HthErr *err) {
    char path[PATH_MAX];
    HthVkey there[HTH_AUDIT_TREES];
    HthErr ignored;
    HthBuf text;
    HTH_TRY(hth_audit_path(path, a->folder, NULL, "vkey", err));
    if (hth_audit_read_vkeys(there, a->folder, &ignored) == HTH_OK) {
        for (unsigned t = 0; t < HTH_AUDIT_TREES; t++)
            HTH_REQUIRE(!strcmp(there[t].name, a->vkey[t].name) && there[t].id == a->vkey[t].id,
                        err, HTH_EFORMAT, "%.150s is not of the key beside it", path);
        return HTH_OK;
    }
    hth_buf_init(&text, 4096);
    HthStatus status = HTH_OK;
    for (unsigned t = 0; t < HTH_AUDIT_TREES && status == HTH_OK; t++) {
        status = hth_vkey_print(&text, &a->vkey[t], err);
        if (status == HTH_OK) status = hth_buf_add_char(&text, '\n', err);
    }
    if (status == HTH_OK) status = hth_file_write(path, text.p, text.n, 0644, err);
    hth_buf_drop(&text);
    return status;
}

static HthStatus keys(HthAudit *a, bool fresh, HthErr *err) {
    char path[PATH_MAX];
    HTH_TRY(hth_audit_path(path, a->folder, NULL, "key", err));
    const bool there = hth_audit_there(path);
    HTH_REQUIRE(there || fresh, err, HTH_EFORMAT,
                "%.150s is gone, and the log beside it is not new; bring the key back, or move the "
                "folder away to begin another log",
                path);
    return take_key(a, path, err);
}

/* ---- reading everything again --------------------------------------------------------------- */

typedef struct Signed {
    bool there;
    uint64_t size;
    uint8_t root[HTH_HASH_BYTES];
} Signed;

static HthStatus signatures(HthAudit *a, Signed out[HTH_AUDIT_TREES], HthErr *err) {
    for (unsigned t = 0; t < HTH_AUDIT_TREES; t++) {
        HthBuf note;
        HthCheckpoint c = { 0 };
        hth_buf_init(&note, HTH_NOTE_MAX);
        const HthStatus status =
            hth_audit_read_checkpoint(&c, &out[t].there, &note, a->folder, t, &a->vkey[t], err);
        hth_buf_drop(&note);
        HTH_TRY(status);
        out[t].size = c.size;
        memcpy(out[t].root, c.root, sizeof c.root);
    }
    return HTH_OK;
}

/* The trees have the size of a checkpoint: are they what was signed? */
static HthStatus compare(HthAudit *a, const Signed s[HTH_AUDIT_TREES], uint64_t size, HthErr *err) {
    for (unsigned t = 0; t < HTH_AUDIT_TREES; t++) {
        uint8_t root[HTH_HASH_BYTES];
        if (!s[t].there || s[t].size != size) continue;
        hth_tree_root(hth_tiles_tree(a->tiles[t]), root);
        HTH_REQUIRE(memcmp(root, s[t].root, sizeof root) == 0, err, HTH_EFORMAT,
                    "the audit log is not the one that was signed: among its first %llu entries "
                    "one was changed (hearth audit verify)",
                    (unsigned long long)size);
        HTH_TRY(hth_tiles_partial(a->tiles[t], err));
    }
    return HTH_OK;
}

static HthStatus scan(HthAudit *a, HthAuditReader *r, const Signed s[HTH_AUDIT_TREES],
                      HthErr *err) {
    HthRecord rec;
    while (hth_audit_next(r, &rec)) {
        for (unsigned t = 0; t < HTH_AUDIT_TREES; t++) {
            uint8_t leaf[HTH_HASH_BYTES];
            hth_tree_leaf(hth_audit_trees[t].kind, rec.entry.p, rec.entry.n, leaf);
            HTH_TRY(hth_tiles_append(a->tiles[t], leaf, err));
        }
        HTH_TRY(compare(a, s, r->next, err));
    }
    const uint8_t *rest = r->map.data + r->at;
    HTH_REQUIRE(!hth_record_outlives(rest, r->map.n - r->at, r->next), err, HTH_EFORMAT,
                "the audit log is damaged at byte %zu, entry %llu: what follows shows that it was "
                "whole once (hearth audit verify)",
                r->at, (unsigned long long)r->next);
    for (unsigned t = 0; t < HTH_AUDIT_TREES; t++)
        HTH_REQUIRE(!s[t].there || s[t].size <= r->next, err, HTH_EFORMAT,
                    "the audit log was cut: %llu entries were signed, and %llu are there",
                    (unsigned long long)s[t].size, (unsigned long long)r->next);
    return HTH_OK;
}

/* What nobody was told is on disk gives way to an entry that says so.  That entry is written over
 * it first: at any moment the file ends in whole records, or in something to repair again. */
static HthStatus repair(HthAudit *a, uint64_t torn_bytes, HthErr *err) {
    HthEntry e;
    hth_entry_begin(&e, HTH_ENTRY_REPAIRED);
    hth_entry_number(&e, HTH_FIELD_BYTES, torn_bytes);
    HTH_TRY(hth_audit_say(a, &e, err));
    const HthAuditDisk *d = &a->disk;
    HTH_REQUIRE(d->cut(d->payload, a->fd, (off_t)a->at) == 0 && d->sync(d->payload, a->fd) == 0,
                err, HTH_EIO, "cannot cut the torn end off the audit log: %s", strerror(errno));
    return HTH_OK;
}

static HthStatus entries(HthAudit *a, const Signed s[HTH_AUDIT_TREES], HthErr *err) {
    HthAuditReader r = { 0 };
    HTH_TRY(hth_audit_reader_open(&r, a->folder, err));
    const HthStatus status = scan(a, &r, s, err);
    const uint64_t torn = r.map.n - r.at;
    a->at = r.at;
    hth_audit_reader_close(&r);
    HTH_TRY(status);
    /* Both trees are signed for one size; a crash between the two leaves the older. */
    a->signed_size = s[0].size < s[1].size ? s[0].size : s[1].size;
    if (!s[0].there || !s[1].there) a->signed_size = 0;
    return torn ? repair(a, torn, err) : HTH_OK;
}

/* An entry may have been read by us from memory that never reached the disk. */
static HthStatus open_log(HthAudit *a, const char *path, HthErr *err) {
    a->fd = hth_file_fault() ? -1 : open(path, O_RDWR | O_CLOEXEC);
    HTH_REQUIRE(a->fd >= 0, err, HTH_EIO, "cannot open %.150s: %s", path, strerror(errno));
    HTH_REQUIRE(a->disk.sync(a->disk.payload, a->fd) == 0, err, HTH_EIO, "cannot sync %.150s: %s",
                path, strerror(errno));
    return HTH_OK;
}

HthStatus hth_audit_load(HthAudit *a, HthErr *err) {
    char path[PATH_MAX], tree[PATH_MAX];
    Signed s[HTH_AUDIT_TREES] = { { 0 } };
    HTH_TRY(hth_audit_path(path, a->folder, NULL, "log", err));
    bool there;
    HTH_TRY(hth_file_there(&there, path, err));
    const bool fresh = !there;
    HTH_TRY(keys(a, fresh, err));
    HTH_TRY(signatures(a, s, err));
    HTH_TRY(write_vkeys(a, err));
    HTH_REQUIRE(!fresh || (!s[0].there && !s[1].there), err, HTH_EFORMAT,
                "%.150s is gone, and its signed checkpoint is there: it was removed", path);
    for (unsigned t = 0; t < HTH_AUDIT_TREES; t++) {
        HTH_TRY(hth_audit_path(tree, a->folder, NULL, hth_audit_trees[t].folder, err));
        HTH_REQUIRE(mkdir(tree, 0700) == 0 || errno == EEXIST, err, HTH_EIO,
                    "cannot make the folder %.150s: %s", tree, strerror(errno));
        HTH_TRY(hth_tiles_open(&a->tiles[t], hth_audit_trees[t].kind, tree, HTH_TILES_WRITE, NULL,
                               err));
    }
    if (fresh) HTH_TRY(hth_file_write(path, HTH_LOG_MAGIC, sizeof HTH_LOG_MAGIC - 1, 0600, err));
    HTH_TRY(open_log(a, path, err));
    return entries(a, s, err);
}

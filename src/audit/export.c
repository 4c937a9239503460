/* export.c - what can be shown of the log to others: one entry, a proof, everything.  See verify.h.
 *
 * Thread: any. */
#include <stdio.h>
#include <string.h>

#include "audit/verify.h"
#include "base/mem.h"

HthStatus hth_audit_find(HthAuditReader *r, HthRecord *out, const char *folder, uint64_t index,
                         HthErr *err) {
    HTH_TRY(hth_audit_reader_open(r, folder, err));
    while (hth_audit_next(r, out))
        if (out->index == index) return HTH_OK;
    const uint64_t there = r->next;
    hth_audit_reader_close(r);
    return HTH_FAIL(err, HTH_EINVAL, "there is no entry %llu: the log has %llu, counted from 0",
                    (unsigned long long)index, (unsigned long long)there);
}

/* ---- a proof -------------------------------------------------------------------------------- */

static HthStatus prove(HthProofFile *p, const HthCheckpoint *c, const char *folder, unsigned tree,
                       HthErr *err) {
    const HthHashKind kind = hth_audit_trees[tree].kind;
    char path[PATH_MAX];
    HthTileSource *source = NULL;
    HTH_REQUIRE(p->index < c->size, err, HTH_EINVAL,
                "the signed checkpoint covers %llu entries, and entry %llu is not among them yet",
                (unsigned long long)c->size, (unsigned long long)p->index);
    HTH_TRY(hth_audit_path(path, folder, NULL, hth_audit_trees[tree].folder, err));
    HTH_TRY(hth_tile_source_open(&source, kind, path, c->size, err));
    HthStatus status =
        hth_tree_prove(&p->proof, kind, p->index, c->size, hth_tile_get, source, err);
    hth_tile_source_close(&source);
    return status;
}

HthStatus hth_audit_prove_entry(HthBuf *out, const char *folder, HthHashKind kind, uint64_t index,
                                HthStr entry, HthErr *err) {
    const unsigned tree = hth_audit_tree_of(kind);
    HthVkey v[HTH_AUDIT_TREES];
    HthCheckpoint c;
    HthBuf note;
    bool there = false;
    uint64_t size;
    HTH_TRY(hth_audit_read_vkeys(v, folder, err));
    HthProofFile *p = hth_calloc(1, sizeof *p);
    hth_buf_init(&note, HTH_NOTE_MAX);
    HthStatus status = p ? hth_audit_read_checkpoint(&c, &there, &note, folder, tree, &v[tree], err)
                         : HTH_FAIL(err, HTH_ENOMEM, "no memory for a proof");
    if (status == HTH_OK && !there)
        status = HTH_FAIL(err, HTH_EINVAL, "the log has no signed checkpoint yet");
    if (status == HTH_OK) {
        p->index = index;
        p->extra = entry;
        p->checkpoint = hth_buf_str(&note);
        status = prove(p, &c, folder, tree, err);
    }
    /* Tiles may be damaged: nothing is handed out that does not hold. */
    if (status == HTH_OK) status = hth_proof_check(p, kind, entry, &v[tree], &size, err);
    if (status == HTH_OK) status = hth_proof_print(out, p, err);
    hth_buf_drop(&note);
    hth_free(p);
    return status;
}

HthStatus hth_audit_prove(HthBuf *out, const char *folder, HthHashKind kind, uint64_t index,
                          HthErr *err) {
    HthAuditReader r = { 0 };
    HthRecord rec;
    HTH_TRY(hth_audit_find(&r, &rec, folder, index, err));
    const HthStatus status = hth_audit_prove_entry(out, folder, kind, index, rec.entry, err);
    hth_audit_reader_close(&r);
    return status;
}

/* ---- everything ----------------------------------------------------------------------------- */

typedef struct Copy {
    const char *to;
    unsigned tree;
    HthTiles *tiles;
    HthBuf bundle; /* of entries, as far as it goes */
} Copy;

static HthStatus put_bundle(Copy *c, uint64_t size, HthErr *err) {
    char name[HTH_TILE_PATH], path[PATH_MAX];
    const unsigned width = (unsigned)((size - 1) % HTH_TILE_WIDTH + 1);
    hth_tile_path(name, HTH_TILE_ENTRIES, (size - 1) / HTH_TILE_WIDTH, width);
    HTH_TRY(hth_audit_path(path, c->to, hth_audit_trees[c->tree].folder, name, err));
    hth_tile_folders(path, 0777);
    HTH_TRY(hth_file_write(path, c->bundle.p, c->bundle.n, 0666, err));
    hth_buf_clear(&c->bundle);
    return HTH_OK;
}

static HthStatus copy_entries(Copy *c, HthAuditReader *r, uint64_t size, HthErr *err) {
    HthRecord rec;
    while (r->next < size && hth_audit_next(r, &rec)) {
        const uint8_t n[2] = { (uint8_t)(rec.entry.n >> 8), (uint8_t)rec.entry.n };
        uint8_t leaf[HTH_HASH_BYTES];
        hth_tree_leaf(hth_audit_trees[c->tree].kind, rec.entry.p, rec.entry.n, leaf);
        HTH_TRY(hth_tiles_append(c->tiles, leaf, err));
        HTH_TRY(hth_buf_add(&c->bundle, n, sizeof n, err));
        HTH_TRY(hth_buf_add_str(&c->bundle, rec.entry, err));
        if (r->next % HTH_TILE_WIDTH == 0 || r->next == size) HTH_TRY(put_bundle(c, r->next, err));
    }
    return hth_tiles_partial(c->tiles, err);
}

static HthStatus copy_below(Copy *c, const char *folder, uint64_t size, HthErr *err) {
    char path[PATH_MAX];
    HthAuditReader r = { 0 };
    HTH_TRY(hth_audit_path(path, c->to, NULL, hth_audit_trees[c->tree].folder, err));
    HTH_TRY(
        hth_tiles_open(&c->tiles, hth_audit_trees[c->tree].kind, path, HTH_TILES_WRITE, NULL, err));
    hth_buf_init(&c->bundle, (size_t)HTH_TILE_WIDTH * (HTH_LEAF_MAX + 2));
    HthStatus status = hth_audit_reader_open(&r, folder, err);
    if (status == HTH_OK) {
        status = copy_entries(c, &r, size, err);
        hth_audit_reader_close(&r);
    }
    hth_buf_drop(&c->bundle);
    return status;
}

static HthStatus put_file(const char *to, const char *tree, const char *name, HthStr text,
                          HthErr *err) {
    char path[PATH_MAX];
    HTH_TRY(hth_audit_path(path, to, tree, name, err));
    return hth_file_write(path, text.p, text.n, 0666, err);
}

/* The checkpoint comes last: whoever sees it finds what it covers.  Somebody may write meanwhile,
 * so it is read once, and what was copied must be what it says. */
static HthStatus copy_tree(Copy *c, const char *folder, const HthVkey *v, HthErr *err) {
    HthCheckpoint now;
    HthBuf note;
    bool there = false;
    uint8_t root[HTH_HASH_BYTES];
    hth_buf_init(&note, HTH_NOTE_MAX);
    HthStatus status = hth_audit_read_checkpoint(&now, &there, &note, folder, c->tree, v, err);
    if (status == HTH_OK && !there)
        status = HTH_FAIL(err, HTH_EINVAL, "the log has no signed checkpoint yet");
    if (status == HTH_OK) status = copy_below(c, folder, now.size, err);
    if (status == HTH_OK) {
        hth_tree_root(hth_tiles_tree(c->tiles), root);
        if (memcmp(root, now.root, sizeof root) != 0)
            status = HTH_FAIL(err, HTH_EFORMAT, "the log is not the one that was signed");
    }
    if (status == HTH_OK)
        status =
            put_file(c->to, hth_audit_trees[c->tree].folder, "checkpoint", hth_buf_str(&note), err);
    hth_buf_drop(&note);
    return status;
}

HthStatus hth_audit_export(HthAuditReport *out, const char *folder, const char *to, HthErr *err) {
    HthAuditReport r;
    HthVkey v[HTH_AUDIT_TREES];
    HthBuf keys;
    HTH_TRY(hth_audit_verify(&r, folder, NULL, 0, err));
    HTH_TRY(hth_audit_read_vkeys(v, folder, err));
    hth_buf_init(&keys, 4096);
    HthStatus status = HTH_OK;
    for (unsigned t = 0; t < HTH_AUDIT_TREES && status == HTH_OK; t++) {
        Copy c = { .to = to, .tree = t };
        status = copy_tree(&c, folder, &v[t], err);
        hth_tiles_close(&c.tiles);
        if (status == HTH_OK) status = hth_vkey_print(&keys, &v[t], err);
        if (status == HTH_OK) status = hth_buf_add_char(&keys, '\n', err);
    }
    if (status == HTH_OK) status = put_file(to, NULL, "vkey", hth_buf_str(&keys), err);
    hth_buf_drop(&keys);
    if (status == HTH_OK && out) *out = r;
    return status;
}

/* inventory.c - see inventory.h.
 *
 * Thread: one at a time. */
#include "backup/inventory.h"

#include <string.h>

#include "audit/dsse.h"
#include "audit/keyfile.h"

enum { VERSION = 1 };
static const HthHashKind kinds[2] = { HTH_SHA256, HTH_SHA3_256 };
static const char *const digests[2] = { "sha256", "sha3_256" };
static const char *const roots[HTH_AUDIT_TREES] = { "sha3", "sha256" };

/* ---- objects --------------------------------------------------------------------------------- */

HthStatus hth_object_begin(HthObject *o, HthErr *err) {
    *o = (HthObject){ .bytes = 0 };
    HTH_TRY(hth_hash_begin(&o->hash[0], kinds[0], err));
    const HthStatus status = hth_hash_begin(&o->hash[1], kinds[1], err);
    if (status != HTH_OK) hth_object_drop(o);
    return status;
}

void hth_object_add(HthObject *o, const void *bytes, size_t n) {
    for (unsigned i = 0; i < 2; i++) hth_hash_add(&o->hash[i], bytes, n);
    o->bytes += n;
}

void hth_object_drop(HthObject *o) {
    for (unsigned i = 0; i < 2; i++) hth_hash_end(&o->hash[i], NULL);
}

HthStatus hth_object_end(HthObject *o, HthStr name, json_t *list, HthErr *err) {
    char hex[2][HTH_HASH_HEX + 1];
    uint8_t sum[HTH_HASH_BYTES];
    for (unsigned i = 0; i < 2; i++) {
        hth_hash_end(&o->hash[i], sum);
        hth_hex(hex[i], sum, sizeof sum);
    }
    HTH_REQUIRE(json_array_size(list) < HTH_BACKUP_OBJECTS_MAX, err, HTH_ELIMIT,
                "a backup holds at most %d files", HTH_BACKUP_OBJECTS_MAX);
    json_t *row = json_pack("{s:s%, s:I, s:s, s:s}", "name", name.p, name.n, "bytes",
                            (json_int_t)o->bytes, digests[0], hex[0], digests[1], hex[1]);
    HTH_REQUIRE(row && !json_array_append_new(list, row), err, HTH_ENOMEM,
                "out of memory for the list of a backup");
    return HTH_OK;
}

void hth_log_end(HthLogEnd *out, const HthAuditReader *from, uint64_t most) {
    HthAuditReader r = *from; /* borrows its map */
    HthTree tree[HTH_AUDIT_TREES];
    HthRecord rec;
    for (unsigned t = 0; t < HTH_AUDIT_TREES; t++) hth_tree_init(&tree[t], hth_audit_trees[t].kind);
    while (r.next < most && hth_audit_next(&r, &rec))
        for (unsigned t = 0; t < HTH_AUDIT_TREES; t++) {
            uint8_t leaf[HTH_HASH_BYTES];
            hth_tree_leaf(tree[t].kind, rec.entry.p, rec.entry.n, leaf);
            hth_tree_append(&tree[t], leaf, NULL, NULL);
        }
    *out = (HthLogEnd){ .entries = r.next, .bytes = r.at };
    for (unsigned t = 0; t < HTH_AUDIT_TREES; t++) hth_tree_root(&tree[t], out->root[t]);
}

/* The checkpoint of one tree is of the log that `r` reads, which was opened after it was read. */
static HthStatus is_signed(const HthAuditReader *r, const HthCheckpoint *c, unsigned tree,
                           HthErr *err) {
    HthLogEnd end;
    hth_log_end(&end, r, c->size);
    HTH_REQUIRE(end.entries == c->size, err, HTH_EFORMAT,
                "the audit log was cut: %llu entries were signed, and %llu are there (hearth audit "
                "verify)",
                (unsigned long long)c->size, (unsigned long long)end.entries);
    HTH_REQUIRE(!memcmp(end.root[tree], c->root, sizeof c->root), err, HTH_EFORMAT,
                "the audit log is not the one that was signed (hearth audit verify)");
    return HTH_OK;
}

static HthStatus is_whole(const HthAuditReader *from, HthErr *err) {
    HthAuditReader r = *from;
    HthRecord rec;
    while (hth_audit_next(&r, &rec)) {
    }
    HTH_REQUIRE(!hth_record_outlives(r.map.data + r.at, r.map.n - r.at, r.next), err, HTH_EFORMAT,
                "the audit log is damaged at byte %zu, entry %llu (hearth audit verify)", r.at,
                (unsigned long long)r.next);
    return HTH_OK;
}

HthStatus hth_log_holds(const char *audit, const HthVkey *vkey, HthErr *err) {
    HthVkey v[HTH_AUDIT_TREES];
    HthCheckpoint c[HTH_AUDIT_TREES];
    bool there[HTH_AUDIT_TREES];
    HthAuditReader r = { 0 };
    HTH_TRY(hth_audit_read_vkeys(v, audit, err));
    HTH_REQUIRE(!memcmp(v[hth_audit_tree_of(HTH_SHA256)].key, vkey->key, sizeof vkey->key), err,
                HTH_EFORMAT, "the file vkey of the audit log is not that of the key beside it");
    for (unsigned t = 0; t < HTH_AUDIT_TREES; t++) {
        HthBuf note;
        hth_buf_init(&note, HTH_NOTE_MAX);
        const HthStatus status =
            hth_audit_read_checkpoint(&c[t], &there[t], &note, audit, t, &v[t], err);
        hth_buf_drop(&note);
        HTH_TRY(status);
    }
    HTH_TRY(hth_audit_reader_open(&r, audit, err));
    HthStatus status = is_whole(&r, err);
    for (unsigned t = 0; status == HTH_OK && t < HTH_AUDIT_TREES; t++)
        if (there[t]) status = is_signed(&r, &c[t], t, err);
    hth_audit_reader_close(&r);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

void hth_inventory_drop(HthInventory *m) {
    json_decref(m->objects);
    *m = (HthInventory){ .objects = NULL };
}

static HthStatus print(HthBuf *text, const HthInventory *m, HthErr *err) {
    char hex[HTH_AUDIT_TREES][HTH_HASH_HEX + 1];
    for (unsigned t = 0; t < HTH_AUDIT_TREES; t++) hth_hex(hex[t], m->log.root[t], HTH_HASH_BYTES);
    json_t *all =
        json_pack("{s:i, s:s, s:I, s:s, s:{s:I, s:I, s:s, s:s}, s:O}", "version", VERSION, "hearth",
                  HEARTH_VERSION, "made", (json_int_t)m->made_s, "origin", m->vkey.name, "log",
                  "entries", (json_int_t)m->log.entries, "bytes", (json_int_t)m->log.bytes,
                  roots[0], hex[0], roots[1], hex[1], "objects", m->objects);
    HTH_REQUIRE(all, err, HTH_ENOMEM, "out of memory for the list of a backup");
    const HthStatus status = hth_json_write(text, all, 0, err);
    json_decref(all);
    return status;
}

HthStatus hth_inventory_print(HthBuf *out, const HthInventory *m, const HthSigner *signer,
                              HthErr *err) {
    HthBuf text;
    json_t *envelope = NULL;
    char id[HTH_KEY_ID_TEXT];
    hth_buf_init(&text, HTH_INVENTORY_MAX);
    hth_vkey_id(id, &m->vkey);
    HthStatus status = print(&text, m, err);
    const HthDsseSigner by = { .key = signer, .id = hth_str(id) };
    if (status == HTH_OK)
        status =
            hth_dsse_sign(&envelope, HTH_STR(HTH_INVENTORY_TYPE), hth_buf_str(&text), &by, 1, err);
    if (status == HTH_OK) status = hth_json_write(out, envelope, 0, err);
    json_decref(envelope);
    hth_buf_drop(&text);
    return status;
}

static bool count(const json_t *v, const char *member, uint64_t *out) {
    const json_t *n = json_object_get(v, member);
    if (!json_is_integer(n) || json_integer_value(n) < 0) return false;
    *out = (uint64_t)json_integer_value(n);
    return true;
}

static bool row_ok(const json_t *row) {
    uint64_t bytes;
    uint8_t sum[HTH_HASH_BYTES];
    return json_object_size(row) == 4 && json_string_length(json_object_get(row, "name")) &&
           count(row, "bytes", &bytes) &&
           hth_unhex(sum, sizeof sum, hth_json_text(row, digests[0])) &&
           hth_unhex(sum, sizeof sum, hth_json_text(row, digests[1]));
}

static HthStatus parse(HthInventory *m, const json_t *all, HthErr *err) {
    const json_t *log = json_object_get(all, "log"), *row;
    uint64_t version = 0, made = 0;
    size_t i;
    HTH_REQUIRE(count(all, "version", &version), err, HTH_EFORMAT,
                "the list of the backup is not one");
    HTH_REQUIRE(version == VERSION, err, HTH_EFORMAT,
                "the backup was written by a newer hearth (version %llu, this one knows %d)",
                (unsigned long long)version, VERSION);
    bool fine = count(all, "made", &made) && made <= INT64_MAX &&
                count(log, "entries", &m->log.entries) && count(log, "bytes", &m->log.bytes);
    for (unsigned t = 0; t < HTH_AUDIT_TREES; t++)
        fine = fine && hth_unhex(m->log.root[t], HTH_HASH_BYTES, hth_json_text(log, roots[t]));
    json_t *objects = json_object_get(all, "objects");
    fine = fine && json_is_array(objects) && json_array_size(objects) <= HTH_BACKUP_OBJECTS_MAX;
    json_array_foreach(objects, i, row) fine = fine && row_ok(row);
    HTH_REQUIRE(fine, err, HTH_EFORMAT, "the list of the backup is not one");
    m->made_s = (int64_t)made;
    m->objects = json_incref(objects);
    return HTH_OK;
}

HthStatus hth_inventory_read(HthInventory *m, HthStr text, const HthVkey *vkey, HthErr *err) {
    HthDsse e = { .json = NULL };
    char id[HTH_KEY_ID_TEXT];
    uint32_t by[HTH_DSSE_SIGNATURES_MAX];
    json_t *all = NULL;
    *m = (HthInventory){ .vkey = *vkey };
    hth_vkey_id(id, vkey);
    HTH_TRY(hth_dsse_parse(&e, text, HTH_INVENTORY_MAX, err));
    const HthDsseKey key = { .id = hth_str(id), .pub = vkey->key };
    HthStatus status = hth_dsse_check(&e, &key, 1, by, err);
    if (status == HTH_OK && !hth_str_eq(e.type, HTH_STR(HTH_INVENTORY_TYPE)))
        status = HTH_FAIL(err, HTH_EFORMAT, "what is signed is not the list of a backup");
    if (status == HTH_OK)
        status = hth_json_parse(&all, hth_buf_str(&e.payload), HTH_INVENTORY_MAX, err);
    if (status == HTH_OK) status = parse(m, all, err);
    json_decref(all);
    hth_dsse_drop(&e);
    return status;
}

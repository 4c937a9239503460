/* audit_test.c - the log that is kept with the tests: written once, and it must go on being read.
 *
 * With HEARTH_AUDIT_KEEP=FOLDER this program writes such a log there: an entry of every kind, one
 * with a text that is committed to, one with a text that is sealed.  The trees' roots and proofs in
 * tests/golden/audit/trees.txt are from tools/audit_vectors.py, a second implementation. */
#include "support/test.h"

#include "audit/content.h"
#include "audit/log.h"
#include "base/json.h"
#include "support/audit_log.h"

enum { KEPT = 24 }; /* entries */

static HthStatus key_of(void *payload, HthStr subject, bool make, uint8_t out[HTH_AEAD_KEY_BYTES],
                        HthErr *err) {
    (void)payload;
    (void)subject;
    (void)make;
    (void)err;
    memset(out, 42, HTH_AEAD_KEY_BYTES);
    return HTH_OK;
}
static const HthContentKeys keys = { key_of, NULL, NULL };

/* Every field that the kind may have, found by trying. */
static void whole(HthEntry *e, HthEntryType type) {
    static uint8_t digest[HTH_HASH_BYTES];
    HthErr err;
    HthBuf out;
    hth_buf_init(&out, HTH_LEAF_MAX);
    hth_entry_begin(e, type);
    HthEntry all = *e;
    for (unsigned f = 0; f < HTH_ENTRY_FIELDS; f++) {
        all.v[f] = (HthEntryValue){ .there = true, .text = HTH_STR("example"), .number = 12 };
        memcpy(all.v[f].digest, digest, sizeof digest);
    }
    static const HthEntryField content[] = { HTH_FIELD_CONTENT, HTH_FIELD_COMMIT, HTH_FIELD_SEALED,
                                             HTH_FIELD_SUBJECT };
    for (size_t i = 0; i < HTH_COUNT(content); i++)
        if (type != HTH_ENTRY_ERASE) all.v[content[i]].there = false;
    while (hth_entry_write(&out, &all, &err) != HTH_OK) { /* says which one it does not have */
        const char *name = strstr(err.text, " field ");
        unsigned f = 0;
        assert_non_null(name);
        while (strcmp(name + 7, hth_entry_field((HthEntryField)f)) != 0) f++;
        assert_true(all.v[f].there);
        all.v[f].there = false;
    }
    *e = all;
    hth_buf_drop(&out);
}

static void append(HthAudit *a, const HthEntry *e, HthStr sealed) {
    HthErr err;
    HthBuf text;
    hth_buf_init(&text, HTH_LEAF_MAX);
    assert_ok(hth_entry_write(&text, e, &err), err);
    assert_ok(hth_audit_append_wait(a, hth_buf_str(&text), sealed, NULL, &err), err);
    hth_buf_drop(&text);
}

static void write_one(const char *folder) {
    HthErr err;
    HthAudit *a = NULL;
    HthEntry e;
    assert_ok(hth_audit_open(&a, folder, NULL, &err), err);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned t = 0; t < HTH_ENTRY_REPAIRED; t++) {
            HthBuf sealed;
            hth_buf_init(&sealed, 4096);
            whole(&e, (HthEntryType)t);
            if (t == HTH_ENTRY_ACCEPTED || t == HTH_ENTRY_FINISHED)
                assert_ok(
                    hth_content_put(&e, &sealed, round ? HTH_CONTENT_ENCRYPTED : HTH_CONTENT_COMMIT,
                                    HTH_STR("someone"), HTH_STR("What is rust?"), &keys, &err),
                    err);
            append(a, &e, hth_buf_str(&sealed));
            hth_buf_drop(&sealed);
        }
        assert_ok(hth_audit_checkpoint(a, &err), err);
    }
    assert_ok(hth_audit_close(&a, &err), err);
}

static void kept(void **state) {
    (void)state;
    char folder[512];
    HthErr err;
    HthAuditReport r = { 0 };
    HthAuditReader reader = { 0 };
    HthRecord rec;
    unsigned texts = 0, entries = 0;
    test_src_path(folder, sizeof folder, "tests/golden/audit/log");
    assert_ok(audit_verify(folder, NULL, &r, &err), err);
    assert_int_equal(r.entries, KEPT);
    assert_int_equal(r.signed_entries[0], KEPT);
    assert_int_equal(r.signed_entries[1], KEPT);
    assert_int_equal(r.checkpoints, 2);
    assert_int_equal(r.tiles[0].missing + r.tiles[1].missing, 0);
    assert_ok(hth_audit_reader_open(&reader, folder, &err), err);
    for (; hth_audit_next(&reader, &rec); entries++) {
        HthEntry e;
        HthBuf room, text;
        hth_buf_init(&room, HTH_LEAF_MAX);
        hth_buf_init(&text, 4096);
        assert_ok(hth_entry_read(&e, &room, rec.entry, &err), err);
        if (hth_content_get(&text, &e, rec.sealed, &keys, &err) == HTH_OK) {
            assert_string_equal(text.p, "What is rust?");
            texts++;
        }
        hth_buf_drop(&room);
        hth_buf_drop(&text);
    }
    hth_audit_reader_close(&reader);
    assert_int_equal(entries, KEPT);
    assert_int_equal(texts, 2);
}

/* ---- trees of a second implementation -------------------------------------------------------- */

typedef struct Leaves {
    HthHashKind kind;
    unsigned size;
} Leaves;

static HthStatus get(void *payload, unsigned height, uint64_t index, uint8_t out[HTH_HASH_BYTES],
                     HthErr *err) {
    const Leaves *l = payload;
    HthTree tree;
    (void)err;
    hth_tree_init(&tree, l->kind);
    for (uint64_t i = index << height; i < (index + 1) << height; i++) {
        char text[32];
        uint8_t leaf[HTH_HASH_BYTES];
        hth_tree_leaf(l->kind, text, (size_t)snprintf(text, sizeof text, "entry %u", (unsigned)i),
                      leaf);
        hth_tree_append(&tree, leaf, NULL, NULL);
    }
    hth_tree_root(&tree, out);
    return HTH_OK;
}

static void trees(void **state) {
    (void)state;
    static HthProof p;
    char path[512];
    HthBuf text;
    HthErr err;
    test_src_path(path, sizeof path, "tests/golden/audit/trees.txt");
    test_load(&text, path);
    HthStr rest = hth_buf_str(&text), line;
    for (unsigned row = 0; row < 42; row++) {
        Leaves l = { row < 21 ? HTH_SHA3_256 : HTH_SHA256, row % 21 };
        uint8_t root[HTH_HASH_BYTES], want[HTH_HASH_BYTES];
        char number[16];
        assert_true(hth_note_line(&rest, &line));
        const size_t n = (size_t)snprintf(number, sizeof number, "%u ", l.size);
        assert_memory_equal(line.p, number, n);
        assert_true(hth_unhex(want, sizeof want, hth_str_sub(line, n, HTH_HASH_HEX)));
        assert_ok(hth_tree_root_at(l.kind, l.size, get, &l, root, &err), err);
        assert_memory_equal(root, want, sizeof want);
        p.count = 0;
        if (l.size) assert_ok(hth_tree_prove(&p, l.kind, l.size / 3, l.size, get, &l, &err), err);
        assert_int_equal(line.n, n + HTH_HASH_HEX + p.count * (HTH_HASH_HEX + 1));
        for (uint32_t i = 0; i < p.count; i++) {
            assert_true(
                hth_unhex(want, sizeof want,
                          hth_str_sub(line, n + (i + 1) * (HTH_HASH_HEX + 1), HTH_HASH_HEX)));
            assert_memory_equal(p.hash[i], want, sizeof want);
        }
    }
    assert_int_equal(rest.n, 0);
    hth_buf_drop(&text);
}

int main(void) {
    hth_json_init();
    const char *keep = getenv("HEARTH_AUDIT_KEEP");
    if (keep) {
        write_one(keep);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept),
        cmocka_unit_test(trees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

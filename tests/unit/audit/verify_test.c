/* verify_test.c - every byte counts: flips, cuts, exchanges; what is pinned; proofs and exports.
 *
 * HEARTH_AUDIT_FLIPS=all flips every byte of every file of the log of 1,000 entries (minutes);
 * otherwise every byte of a small one, and a spread of the large one. */
#include "support/test.h"

#include <fcntl.h>

#include "audit/keyfile.h"
#include "audit/verify.h"
#include "base/json.h"
#include "base/rng.h"
#include "support/audit_log.h"
#include "support/folder.h"

enum { LARGE = 1000, SMALL = 15 };

/* The log of 1,000 entries (999 and the one about its signing), made once, signed on the way. */
static char large[256], pin[256], older_pin[256];

static int make(void **state) {
    test_folder_make(state);
    HthErr err;
    const HthAuditCfg cfg = { .checkpoint_entries = 1 << 30 };
    snprintf(large, sizeof large, "%s/large", test_folder);
    snprintf(pin, sizeof pin, "%s/pin", test_folder);
    snprintf(older_pin, sizeof older_pin, "%s/older-pin", test_folder);
    audit_fill(large, &cfg, 0, 399);
    audit_copy(test_path("large/sha256/checkpoint"), older_pin);
    audit_fill(large, &cfg, 399, LARGE - 401);
    audit_copy(test_path("large/sha3/checkpoint"), pin);
    HthAuditReport r = { 0 };
    assert_ok(audit_verify(large, pin, &r, &err), err);
    assert_int_equal(r.entries, LARGE);
    assert_int_equal(r.checkpoints, 2);
    assert_int_equal(r.pinned, LARGE);
    assert_int_equal(r.tiles[0].checked, 3 + 1 + 1);
    assert_int_equal(r.tiles[0].missing + r.tiles[1].missing, 0);
    assert_ok(audit_verify(large, older_pin, &r, &err), err);
    assert_int_equal(r.pinned, 400);
    return 0;
}

/* ---- flips ---------------------------------------------------------------------------------- */

static const char *flip_folder;
static uint64_t flips, flip_step;

static int flip_file(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)at;
    const char *name = path + strlen(flip_folder) + 1;
    if (type != FTW_F || !st->st_size || !strcmp(name, "key")) return 0; /* a reader has no key */
    const int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    for (off_t i = (off_t)(flips % flip_step); i < st->st_size; i += (off_t)flip_step) {
        uint8_t was, is;
        HthErr err;
        assert_int_equal(pread(fd, &was, 1, i), 1);
        is = was ^ (uint8_t)(1 + hth_rng_below(1, 2, flips, 255));
        assert_int_equal(pwrite(fd, &is, 1, i), 1);
        const HthStatus status = audit_verify(flip_folder, NULL, NULL, &err);
        if (status != HTH_EFORMAT && status != HTH_ENOTSUP)
            fail_msg("%s: byte %lld of %lld, %02x to %02x: %s", name, (long long)i,
                     (long long)st->st_size, was, is, hth_status_name(status));
        assert_true(err.text[0]);
        assert_int_equal(pwrite(fd, &was, 1, i), 1);
        flips++;
    }
    close(fd);
    return 0;
}

static void flip_all(const char *folder, uint64_t step) {
    HthErr err;
    flip_folder = folder;
    flip_step = step;
    flips = 0;
    assert_int_equal(nftw(folder, flip_file, 16, FTW_PHYS), 0);
    assert_ok(audit_verify(folder, NULL, NULL, &err), err);
    print_message("%llu flips, each found\n", (unsigned long long)flips);
}

static void every_byte_of_a_small_log(void **state) {
    (void)state;
    char dir[256];
    snprintf(dir, sizeof dir, "%s", test_path("small"));
    audit_fill(dir, NULL, 0, SMALL);
    flip_all(dir, 1);
    assert_true(flips > 3000);
}

static void bytes_of_a_large_log(void **state) {
    (void)state;
    const char *asked = getenv("HEARTH_AUDIT_FLIPS");
    flip_all(large, asked && !strcmp(asked, "all") ? 1 : 331);
    assert_true(flips > 500);
}

/* ---- what is missing at the end ------------------------------------------------------------- */

/* Whoever cuts the log and removes what the log itself says of its length is found by one pinned
 * checkpoint. */
static void every_suffix(void **state) {
    (void)state;
    char dir[256], log[300], path[300];
    HthErr err;
    HthAuditReader r = { 0 };
    HthRecord rec;
    static off_t ends[LARGE];
    unsigned n = 0;
    snprintf(dir, sizeof dir, "%s", test_path("cut"));
    snprintf(log, sizeof log, "%s/log", dir);
    assert_ok(hth_audit_reader_open(&r, large, &err), err);
    ends[n++] = (off_t)r.at;
    while (hth_audit_next(&r, &rec) && n < LARGE) ends[n++] = (off_t)r.at;
    hth_audit_reader_close(&r);
    assert_int_equal(mkdir(dir, 0700), 0);
    static const char *const files[] = { "vkey", "log", "key" };
    for (size_t i = 0; i < HTH_COUNT(files); i++) {
        char from[300];
        snprintf(from, sizeof from, "%s/%s", large, files[i]);
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        audit_copy(from, path);
    }
    assert_ok(audit_verify(dir, pin, NULL, &err), err); /* checkpoints and tiles may be missing */
    while (n-- > 0) { /* after every record, and somewhere in the next */
        assert_int_equal(truncate(log, ends[n] + (off_t)hth_rng_below(1, 3, n, 100)), 0);
        assert_status(audit_verify(dir, pin, NULL, &err), HTH_EFORMAT, err);
        assert_int_equal(truncate(log, ends[n]), 0);
        assert_status(audit_verify(dir, pin, NULL, &err), HTH_EFORMAT, err);
        if (!strstr(err.text, "cut") && !strstr(err.text, "pinned")) fail_msg("%s", err.text);
        if (n < 400) assert_status(audit_verify(dir, older_pin, NULL, &err), HTH_EFORMAT, err);
        if (n % 100 == 50) assert_ok(audit_verify(dir, NULL, NULL, &err), err); /* without a pin */
    }
    /* And who writes on from there, with the key, is found too. */
    audit_fill(dir, NULL, 0, LARGE + 5);
    assert_ok(audit_verify(dir, NULL, NULL, &err), err);
    assert_status(audit_verify(dir, pin, NULL, &err), HTH_EFORMAT, err);
    assert_non_null(strstr(err.text, "pinned"));
}

static void pins_of_others(void **state) {
    (void)state;
    char dir[256], other[300];
    HthErr err;
    snprintf(dir, sizeof dir, "%s", test_path("other"));
    snprintf(other, sizeof other, "%s/sha3/checkpoint", dir);
    audit_fill(dir, NULL, 0, 3);
    assert_status(audit_verify(large, other, NULL, &err), HTH_EFORMAT, err);
    assert_status(audit_verify(large, test_path("large/log"), NULL, &err), HTH_EFORMAT, err);
    assert_status(audit_verify(large, test_path("nothing"), NULL, &err), HTH_EIO, err);
    assert_status(audit_verify(test_path("nothing"), NULL, NULL, &err), HTH_EIO, err);
}

/* Signed with the log's own key, and no checkpoint of this log: of another length or root than it
 * ever had, of a moment when it had no entry, of another origin. */
static void signed_lies(void **state) {
    (void)state;
    enum { ENTRIES = 6 };
    char dir[256], path[300], lie[300];
    HthErr err;
    HthVkey v, keys[HTH_AUDIT_TREES];
    HthAuditReport r;
    HthSigner *s = NULL;
    snprintf(dir, sizeof dir, "%s", test_path("lies"));
    snprintf(lie, sizeof lie, "%s", test_path("lie.pin"));
    audit_fill(dir, NULL, 0, ENTRIES - 1);
    snprintf(path, sizeof path, "%s/key", dir);
    assert_ok(hth_keyfile_open(&s, &v, path, (HthStr){ 0 }, NULL, &err), err);
    assert_ok(hth_audit_read_vkeys(keys, dir, &err), err);
    for (unsigned t = 0; t < HTH_AUDIT_TREES; t++)
        for (uint64_t size = 0; size < ENTRIES + 2; size++)
            for (unsigned kind = 0; kind < 3; kind++) { /* the last root, none's, another origin */
                HthCheckpoint c = { hth_str(keys[t].name), size, { 0 } };
                HthBuf text, note;
                assert_ok(audit_verify(dir, NULL, &r, &err), err);
                assert_int_equal(r.entries, ENTRIES);
                memcpy(c.root, r.root[t], sizeof c.root);
                if (kind == 1) hth_hash(hth_audit_trees[t].kind, NULL, 0, c.root);
                if (kind == 2) c.origin = hth_str(keys[!t].name);
                hth_buf_init(&text, 4096);
                hth_buf_init(&note, HTH_NOTE_MAX);
                assert_ok(hth_checkpoint_print(&text, &c, &err), err);
                assert_ok(hth_note_sign(&note, hth_buf_str(&text), &keys[t], s, &err), err);
                assert_ok(hth_file_write(lie, note.p, note.n, 0600, &err), err);
                const bool good = size == ENTRIES && kind == 0;
                if (audit_verify(dir, lie, NULL, &err) != (good ? HTH_OK : HTH_EFORMAT))
                    fail_msg("tree %u, size %u, kind %u", t, (unsigned)size, kind);
                hth_buf_drop(&text);
                hth_buf_drop(&note);
            }
    hth_signer_close(&s);
}

/* Two keys that are one key's, and not those of one log's trees. */
static void keys_of_two_logs(void **state) {
    (void)state;
    static const char *const names[][2] = { { "a/sha3", "a" },  { "a", "a/sha3" },
                                            { "a", "a" },       { "b/sha3", "a" },
                                            { "a/sha3", "a/" }, { "aa/sha3", "a" } };
    for (size_t i = 0; i < HTH_COUNT(names); i++) {
        const uint8_t seed[HTH_SEED_BYTES] = { 7 };
        HthVkey v[HTH_AUDIT_TREES];
        HthErr err;
        HthBuf text;
        HthSigner *s = NULL;
        assert_ok(hth_signer_open(&s, seed, &err), err);
        hth_buf_init(&text, 4096);
        for (unsigned t = 0; t < HTH_AUDIT_TREES; t++) {
            assert_ok(hth_vkey_make(&v[t], hth_str(names[i][t]), hth_signer_public(s), &err), err);
            assert_ok(hth_vkey_print(&text, &v[t], &err), err);
            assert_ok(hth_buf_add_char(&text, '\n', &err), err);
        }
        test_put("vkey", text.p);
        if (hth_audit_read_vkeys(v, test_folder, &err) != (i ? HTH_EFORMAT : HTH_OK))
            fail_msg("%s and %s", names[i][0], names[i][1]);
        hth_buf_drop(&text);
        hth_signer_close(&s);
    }
}

/* A record exchanged with its neighbour, one left out, one twice: sums and all. */
static void exchanged(void **state) {
    (void)state;
    char dir[256], path[300];
    HthErr err;
    snprintf(dir, sizeof dir, "%s", test_path("swap"));
    snprintf(path, sizeof path, "%s/log", dir);
    audit_fill(dir, NULL, 0, 20);
    HthBuf log;
    HthRecord rec[21];
    HthAuditReader r = { 0 };
    assert_ok(hth_audit_reader_open(&r, dir, &err), err);
    for (unsigned i = 0; i < 21; i++) assert_true(hth_audit_next(&r, &rec[i]));
    for (unsigned kind = 0; kind < 4; kind++) {
        hth_buf_init(&log, 1 << 20);
        assert_ok(hth_buf_add_str(&log, HTH_STR(HTH_LOG_MAGIC), &err), err);
        uint64_t index = 0;
        for (unsigned i = 0; i < 21; i++) {
            HthRecord one = rec[kind == 0 && i == 7 ? 8 : kind == 0 && i == 8 ? 7 : i];
            if (kind == 1 && i == 7) continue; /* left out */
            for (unsigned times = kind == 2 && i == 7 ? 2 : 1; times; times--) {
                uint8_t bytes[512];
                one.index = index++;
                one.synced = one.synced > one.index ? one.index : one.synced;
                if (kind == 3) one.synced = 0; /* as it was: the frame is not what is signed */
                hth_record_put(bytes, &one);
                assert_ok(hth_buf_add(&log, bytes, hth_record_bytes(&one), &err), err);
            }
        }
        assert_ok(hth_file_write(path, log.p, log.n, 0600, &err), err);
        assert_status(audit_verify(dir, NULL, NULL, &err), kind == 3 ? HTH_OK : HTH_EFORMAT, err);
        hth_buf_drop(&log);
    }
    hth_audit_reader_close(&r);
}

/* ---- shown to others ------------------------------------------------------------------------ */

static void proofs(void **state) {
    (void)state;
    HthErr err;
    HthVkey v[HTH_AUDIT_TREES];
    HthAuditReader r = { 0 };
    HthRecord rec;
    assert_ok(hth_audit_read_vkeys(v, large, &err), err);
    for (uint64_t i = 0; i < LARGE; i += 1 + i / 2) {
        for (unsigned t = 0; t < HTH_AUDIT_TREES; t++) {
            static HthProofFile p;
            uint64_t size = 0;
            HthBuf file;
            hth_buf_init(&file, HTH_PROOF_FILE_MAX);
            assert_ok(hth_audit_prove(&file, large, hth_audit_trees[t].kind, i, &err), err);
            assert_ok(hth_proof_parse(&p, hth_buf_str(&file), &err), err);
            assert_ok(hth_audit_find(&r, &rec, large, i, &err), err);
            assert_ok(hth_proof_check(&p, hth_audit_trees[t].kind, rec.entry, &v[t], &size, &err),
                      err);
            assert_int_equal(size, LARGE);
            assert_status(
                hth_proof_check(&p, hth_audit_trees[t].kind, rec.entry, &v[!t], &size, &err),
                HTH_EFORMAT, err);
            hth_audit_reader_close(&r);
            hth_buf_drop(&file);
        }
    }
    HthBuf file;
    hth_buf_init(&file, HTH_PROOF_FILE_MAX);
    assert_status(hth_audit_prove(&file, large, HTH_SHA256, LARGE, &err), HTH_EINVAL, err);
    hth_buf_drop(&file);
}

static void exports(void **state) {
    (void)state;
    HthErr err;
    HthAuditReport r = { 0 };
    char to[256];
    snprintf(to, sizeof to, "%s", test_path("out"));
    assert_ok(hth_audit_export(&r, large, to, &err), err);
    assert_int_equal(r.signed_entries[0], LARGE);
    for (unsigned t = 0; t < HTH_AUDIT_TREES;
         t++) { /* every entry from its bundle, into the root */
        HthTree tree;
        HthVkey v[HTH_AUDIT_TREES];
        HthCheckpoint c;
        HthBuf note;
        bool there = false;
        hth_tree_init(&tree, hth_audit_trees[t].kind);
        for (unsigned b = 0; b * 256 < LARGE; b++) {
            char name[HTH_TILE_PATH], path[400];
            const unsigned width = LARGE - b * 256 < 256 ? LARGE - b * 256 : 256;
            HthBuf bundle;
            hth_tile_path(name, HTH_TILE_ENTRIES, b, width);
            snprintf(path, sizeof path, "%s/%s/%s", to, hth_audit_trees[t].folder, name);
            test_load(&bundle, path);
            for (size_t at = 0; at < bundle.n;) {
                const uint8_t *p = (const uint8_t *)bundle.p + at;
                const size_t n = (size_t)p[0] << 8 | p[1];
                uint8_t leaf[HTH_HASH_BYTES];
                assert_true(at + 2 + n <= bundle.n);
                hth_tree_leaf(tree.kind, p + 2, n, leaf);
                hth_tree_append(&tree, leaf, NULL, NULL);
                at += 2 + n;
            }
            hth_buf_drop(&bundle);
        }
        assert_int_equal(tree.size, LARGE);
        hth_buf_init(&note, HTH_NOTE_MAX);
        assert_ok(hth_audit_read_vkeys(v, to, &err), err);
        assert_ok(hth_audit_read_checkpoint(&c, &there, &note, to, t, &v[t], &err), err);
        uint8_t root[HTH_HASH_BYTES];
        hth_tree_root(&tree, root);
        assert_true(there);
        assert_memory_equal(root, c.root, sizeof root);
        hth_buf_drop(&note);
    }
    assert_int_equal(access(test_path("out/key"), F_OK), -1); /* of all things */
    assert_status(hth_audit_export(NULL, test_path("none"), to, &err), HTH_EIO, err);
}

static HthStatus verify_all(void *ctx) {
    HthErr err;
    HthAuditReport r;
    HthBuf file;
    const char *dir = ctx, *const pins[] = { pin };
    HTH_TRY(hth_audit_verify(&r, large, pins, 1, &err));
    HTH_TRY(hth_audit_export(NULL, dir, test_path("torture"), &err));
    hth_buf_init(&file, 1 << 20);
    const HthStatus status = hth_audit_prove(&file, dir, HTH_SHA3_256, 3, &err);
    hth_buf_drop(&file);
    return status;
}

static void torture(void **state) {
    (void)state;
    char dir[256];
    snprintf(dir, sizeof dir, "%s", test_path("tiny"));
    audit_fill(dir, NULL, 0, 9);
    assert_true(test_torture(verify_all, dir, 2000) > 20);
}

int main(void) {
    hth_json_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_of_a_small_log),
        cmocka_unit_test(bytes_of_a_large_log),
        cmocka_unit_test(every_suffix),
        cmocka_unit_test(pins_of_others),
        cmocka_unit_test(signed_lies),
        cmocka_unit_test(keys_of_two_logs),
        cmocka_unit_test(exchanged),
        cmocka_unit_test(proofs),
        cmocka_unit_test(exports),
        cmocka_unit_test(torture),
    };
    return cmocka_run_group_tests(tests, make, test_folder_drop);
}

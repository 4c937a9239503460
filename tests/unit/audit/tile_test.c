/* tile_test.c - paths to the byte, published tiles, nodes from tiles, what is missing or wrong. */
#include "support/test.h"

#include "audit/tile.h"
#include "support/folder.h"

enum { H = HTH_HASH_BYTES };

static void paths(void **state) {
    (void)state;
    static const struct {
        int level;
        uint64_t index;
        unsigned width;
        const char *want;
    } cases[] = {
        { 0, 0, 256, "tile/0/000" },
        { 0, 0, 15, "tile/0/000.p/15" },
        { 1, 1234067, 256, "tile/1/x001/x234/067" },
        { HTH_TILE_ENTRIES, 1234067, 1, "tile/entries/x001/x234/067.p/1" },
        { HTH_TILE_ENTRIES, 272, 256, "tile/entries/272" },
        { 7, 1000, 255, "tile/7/x001/000.p/255" },
        { 0, UINT64_MAX, 255, "tile/0/x018/x446/x744/x073/x709/x551/615.p/255" },
    };
    char got[HTH_TILE_PATH];
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        hth_tile_path(got, cases[i].level, cases[i].index, cases[i].width);
        assert_string_equal(got, cases[i].want);
    }
}

static void leaf_of(HthHashKind kind, unsigned i, uint8_t out[H]) {
    char text[32];
    hth_tree_leaf(kind, text, (size_t)snprintf(text, sizeof text, "entry %u", i), out);
}

static void grow(HthTiles *t, unsigned to) {
    HthErr err;
    uint8_t leaf[H];
    while (hth_tiles_tree(t)->size < to) {
        leaf_of(hth_tiles_tree(t)->kind, (unsigned)hth_tiles_tree(t)->size, leaf);
        assert_ok(hth_tiles_append(t, leaf, &err), err);
    }
    assert_ok(hth_tiles_partial(t, &err), err);
}

static HthTilesReport check(const char *folder, HthHashKind kind, unsigned size) {
    HthTiles *t = NULL;
    HthErr err;
    HthTilesReport report = { 0 };
    assert_ok(hth_tiles_open(&t, kind, folder, HTH_TILES_CHECK, &report, &err), err);
    grow(t, size);
    hth_tiles_close(&t);
    return report;
}

/* What the specification gives as its example, scaled down by nothing: 70,000 entries. */
static void layout(void **state) {
    (void)state;
    HthTiles *t = NULL;
    HthErr err;
    assert_ok(hth_tiles_open(&t, HTH_SHA256, test_path("big"), HTH_TILES_WRITE, NULL, &err), err);
    grow(t, 70000);
    hth_tiles_close(&t);
    assert_int_equal(test_entries("big/tile/0"), 273 + 1);
    assert_int_equal(test_entries("big/tile/0/273.p"), 1);
    assert_int_equal(access(test_path("big/tile/0/273.p/112"), R_OK), 0);
    assert_int_equal(access(test_path("big/tile/1/000"), R_OK), 0);
    assert_int_equal(access(test_path("big/tile/1/001.p/17"), R_OK), 0);
    assert_int_equal(access(test_path("big/tile/2/000.p/1"), R_OK), 0);
    assert_int_equal(test_entries("big/tile"), 3);
    const HthTilesReport r = check(test_path("big"), HTH_SHA256, 70000);
    assert_int_equal(r.checked, 273 + 1 + 1 + 1 + 1);
    assert_int_equal(r.missing + r.wrong, 0);
}

/* Every root, and proofs, from tiles as from leaves. */
static void nodes(void **state) {
    (void)state;
    static const unsigned sizes[] = { 1, 2, 255, 256, 257, 1000, 3001 };
    HthTiles *t = NULL;
    HthErr err;
    static HthProof p;
    const char *folder = test_path("nodes");
    assert_ok(hth_tiles_open(&t, HTH_SHA3_256, folder, HTH_TILES_WRITE, NULL, &err), err);
    uint8_t old[H];
    unsigned old_size = 0;
    for (size_t i = 0; i < HTH_COUNT(sizes); i++) {
        uint8_t root[H], got[H], leaf[H];
        HthTileSource *s = NULL;
        grow(t, sizes[i]);
        hth_tree_root(hth_tiles_tree(t), root);
        assert_ok(hth_tile_source_open(&s, HTH_SHA3_256, folder, sizes[i], &err), err);
        assert_ok(hth_tree_root_at(HTH_SHA3_256, sizes[i], hth_tile_get, s, got, &err), err);
        assert_memory_equal(got, root, H);
        for (unsigned at = 0; at < sizes[i]; at += 1 + at / 3) {
            leaf_of(HTH_SHA3_256, at, leaf);
            assert_ok(hth_tree_prove(&p, HTH_SHA3_256, at, sizes[i], hth_tile_get, s, &err), err);
            assert_ok(hth_tree_check(HTH_SHA3_256, at, sizes[i], leaf, &p, root, &err), err);
        }
        if (old_size) {
            assert_ok(
                hth_tree_prove_grown(&p, HTH_SHA3_256, old_size, sizes[i], hth_tile_get, s, &err),
                err);
            assert_ok(hth_tree_check_grown(HTH_SHA3_256, old_size, sizes[i], old, root, &p, &err),
                      err);
        }
        memcpy(old, root, H);
        old_size = sizes[i];
        hth_tile_source_close(&s);
    }
    hth_tiles_close(&t);
}

static void missing_and_wrong(void **state) {
    (void)state;
    HthTiles *t = NULL;
    HthErr err;
    HthTilesReport r = { 0 };
    const char *folder = "again"; /* below */
    assert_ok(hth_tiles_open(&t, HTH_SHA256, test_path(folder), HTH_TILES_WRITE, NULL, &err), err);
    grow(t, 600);
    hth_tiles_close(&t);
    assert_int_equal(unlink(test_path("again/tile/0/001")), 0);
    test_put("again/tile/0/002.p/88", "short");
    test_put("again/tile/0/002.p/77", "from before");
    r = check(test_path(folder), HTH_SHA256, 600);
    assert_int_equal(r.missing, 1);
    assert_int_equal(r.wrong, 1);

    r = (HthTilesReport){ 0 };
    assert_ok(hth_tiles_open(&t, HTH_SHA256, test_path(folder), HTH_TILES_WRITE, &r, &err), err);
    grow(t, 600);
    hth_tiles_close(&t);
    assert_int_equal(r.missing + r.wrong, 2);
    r = check(test_path(folder), HTH_SHA256, 600);
    assert_int_equal(r.missing + r.wrong, 0);
    assert_int_equal(test_entries("again/tile/0/002.p"), 1); /* the older one is gone */

    HthTileSource *s = NULL; /* and a source says which is missing */
    uint8_t out[H];
    assert_int_equal(unlink(test_path("again/tile/0/001")), 0);
    assert_ok(hth_tile_source_open(&s, HTH_SHA256, test_path(folder), 600, &err), err);
    assert_status(hth_tile_get(s, 0, 300, out, &err), HTH_EIO, err);
    test_put("again/tile/0/001", "short");
    assert_status(hth_tile_get(s, 0, 300, out, &err), HTH_EFORMAT, err);
    assert_ok(hth_tile_get(s, 0, 0, out, &err), err);
    hth_tile_source_close(&s);
}

static void a_disk_that_fails(void **state) {
    (void)state;
    for (uint64_t nth = 1; nth <= 3; nth++) {
        HthTiles *t = NULL;
        HthErr err;
        char name[32];
        uint8_t leaf[H];
        snprintf(name, sizeof name, "fails%llu", (unsigned long long)nth);
        assert_ok(hth_tiles_open(&t, HTH_SHA256, test_path(name), HTH_TILES_WRITE, NULL, &err),
                  err);
        grow(t, 255);
        hth_file_fail_after(nth);
        leaf_of(HTH_SHA256, 255, leaf);
        const HthStatus status = hth_tiles_append(t, leaf, &err);
        hth_file_fail_after(0);
        assert_status(status, HTH_EIO, err);
        assert_int_equal(hth_tiles_tree(t)->size, 256); /* it has grown all the same */
        grow(t, 300);
        hth_tiles_close(&t);
        const HthTilesReport r = check(test_path(name), HTH_SHA256, 300);
        assert_int_equal(r.missing, 1);
        assert_int_equal(r.wrong, 0);
    }
}

/* Tessera's log of fifteen entries. */
static void published(void **state) {
    (void)state;
    char path[512];
    TEST_DATA_OR_SKIP(path, "vectors/tlog/testdata/log");
    uint8_t root[H];
    HthBuf text;
    HthErr err;
    for (uint64_t size = 1; size <= 15; size++) {
        char file[600], b64[64];
        HthTileSource *s = NULL;
        HthBuf note;
        assert_ok(hth_tile_source_open(&s, HTH_SHA256, path, size, &err), err);
        assert_ok(hth_tree_root_at(HTH_SHA256, size, hth_tile_get, s, root, &err), err);
        hth_tile_source_close(&s);
        hth_buf_init(&text, 100);
        assert_ok(hth_base64(&text, HTH_BASE64, root, H, &err), err);
        snprintf(b64, sizeof b64, "\n%s\n", text.p);
        hth_buf_drop(&text);
        snprintf(file, sizeof file, "%s/checkpoint.%llu", path, (unsigned long long)size);
        test_load(&note, file);
        assert_true(hth_str_find(hth_buf_str(&note), hth_str(b64)) != SIZE_MAX);
        hth_buf_drop(&note);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),
        cmocka_unit_test(layout),
        cmocka_unit_test(nodes),
        cmocka_unit_test(missing_and_wrong),
        cmocka_unit_test(a_disk_that_fails),
        cmocka_unit_test(published),
    };
    return cmocka_run_group_tests(tests, test_folder_make, test_folder_drop);
}

/* tree_test.c - published vectors, RFC 9162's definition said again, proofs of every small tree. */
#include "support/test.h"

#include <ftw.h>

#include "audit/tree.h"
#include "base/json.h"

enum { H = HTH_HASH_BYTES, LEAVES = 130 };

static const HthHashKind kinds[] = { HTH_SHA256, HTH_SHA3_256 };

/* ---- the definition, as RFC 9162 2.1.1 writes it -------------------------------------------- */

typedef struct Leaves {
    HthHashKind kind;
    uint8_t hash[LEAVES][H];
    unsigned fail_at; /* the get that fails; 0: none */
} Leaves;

static void mth(const Leaves *l, uint64_t from, uint64_t n, uint8_t out[H]) {
    if (n == 0) {
        hth_hash(l->kind, "", 0, out);
        return;
    }
    if (n == 1) {
        memcpy(out, l->hash[from], H);
        return;
    }
    uint64_t k = 1;
    while (2 * k < n) k *= 2;
    uint8_t both[1 + 2 * H] = { 1 };
    mth(l, from, k, both + 1);
    mth(l, from + k, n - k, both + 1 + H);
    hth_hash(l->kind, both, sizeof both, out);
}

static HthStatus get(void *payload, unsigned height, uint64_t index, uint8_t out[H], HthErr *err) {
    Leaves *l = payload;
    HTH_REQUIRE(!l->fail_at || --l->fail_at, err, HTH_EIO, "no such node");
    mth(l, index << height, (uint64_t)1 << height, out);
    return HTH_OK;
}

static Leaves *leaves(HthHashKind kind) {
    static Leaves l;
    l = (Leaves){ .kind = kind };
    for (unsigned i = 0; i < LEAVES; i++) {
        char text[32];
        hth_tree_leaf(kind, text, (size_t)snprintf(text, sizeof text, "entry %u", i), l.hash[i]);
    }
    return &l;
}

/* ---- growing -------------------------------------------------------------------------------- */

/* RFC 6962's constants: the empty tree, the empty leaf, a leaf of one zero byte. */
static void known(void **state) {
    (void)state;
    uint8_t got[H];
    char hex[65];
    HthTree t;
    hth_tree_init(&t, HTH_SHA256);
    hth_tree_root(&t, got);
    hth_hex(hex, got, H);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    hth_tree_leaf(HTH_SHA256, NULL, 0, got);
    hth_hex(hex, got, H);
    assert_string_equal(hex, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    hth_tree_leaf(HTH_SHA256, "", 1, got);
    hth_hex(hex, got, H);
    assert_string_equal(hex, "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7");
}

typedef struct Seen {
    const Leaves *l;
    uint64_t nodes;
} Seen;

static void seen(void *payload, unsigned height, uint64_t index, const uint8_t hash[H]) {
    Seen *s = payload;
    uint8_t want[H];
    mth(s->l, index << height, (uint64_t)1 << height, want);
    assert_memory_equal(hash, want, H);
    s->nodes++;
}

static void grows(void **state) {
    (void)state;
    for (size_t k = 0; k < HTH_COUNT(kinds); k++) {
        Leaves *l = leaves(kinds[k]);
        Seen s = { l, 0 };
        HthErr err;
        HthTree t;
        hth_tree_init(&t, kinds[k]);
        for (uint64_t n = 0; n <= LEAVES; n++) {
            uint8_t want[H], got[H];
            mth(l, 0, n, want);
            hth_tree_root(&t, got);
            assert_memory_equal(got, want, H);
            assert_ok(hth_tree_root_at(kinds[k], n, get, l, got, &err), err);
            assert_memory_equal(got, want, H);
            if (n < LEAVES) hth_tree_append(&t, l->hash[n], seen, &s);
        }
        assert_int_equal(s.nodes, 130 + 65 + 32 + 16 + 8 + 4 + 2 + 1); /* every whole subtree */
    }
}

/* ---- proofs --------------------------------------------------------------------------------- */

/* Every entry of every tree; and the same proof says nothing else. */
static void inclusion(void **state) {
    (void)state;
    for (size_t k = 0; k < HTH_COUNT(kinds); k++) {
        Leaves *l = leaves(kinds[k]);
        HthErr err;
        static HthProof p;
        for (uint64_t n = 1; n <= LEAVES; n += n < 40 ? 1 : 9) {
            uint8_t root[H];
            mth(l, 0, n, root);
            for (uint64_t i = 0; i < n; i++) {
                assert_ok(hth_tree_prove(&p, kinds[k], i, n, get, l, &err), err);
                assert_ok(hth_tree_check(kinds[k], i, n, l->hash[i], &p, root, &err), err);
                const uint64_t other = (i + 1) % LEAVES;
                assert_status(hth_tree_check(kinds[k], i, n, l->hash[other], &p, root, &err),
                              HTH_EFORMAT, err);
                assert_status(hth_tree_check(kinds[k], other, n, l->hash[i], &p, root, &err),
                              HTH_EFORMAT, err);
                if (p.count) {
                    p.hash[i % p.count][i % H] ^= 1;
                    assert_status(hth_tree_check(kinds[k], i, n, l->hash[i], &p, root, &err),
                                  HTH_EFORMAT, err);
                    p.hash[i % p.count][i % H] ^= 1;
                    p.count--;
                    assert_status(hth_tree_check(kinds[k], i, n, l->hash[i], &p, root, &err),
                                  HTH_EFORMAT, err);
                }
            }
            assert_status(hth_tree_prove(&p, kinds[k], n, n, get, l, &err), HTH_EINVAL, err);
        }
    }
}

static void consistency(void **state) {
    (void)state;
    for (size_t k = 0; k < HTH_COUNT(kinds); k++) {
        Leaves *l = leaves(kinds[k]);
        HthErr err;
        static HthProof p;
        for (uint64_t n = 1; n <= LEAVES; n += n < 36 ? 1 : 11) {
            uint8_t root[H], old[H];
            mth(l, 0, n, root);
            for (uint64_t m = 1; m <= n; m++) {
                mth(l, 0, m, old);
                assert_ok(hth_tree_prove_grown(&p, kinds[k], m, n, get, l, &err), err);
                assert_ok(hth_tree_check_grown(kinds[k], m, n, old, root, &p, &err), err);
                uint8_t bad[H];
                memcpy(bad, old, H);
                bad[m % H] ^= 0x10;
                assert_status(hth_tree_check_grown(kinds[k], m, n, bad, root, &p, &err),
                              HTH_EFORMAT, err);
                assert_status(hth_tree_check_grown(kinds[k], m, n, old, bad, &p, &err), HTH_EFORMAT,
                              err);
                if (m < n)
                    assert_status(hth_tree_check_grown(kinds[k], n, m, root, old, &p, &err),
                                  HTH_EFORMAT, err);
                if (p.count) {
                    p.hash[m % p.count][0] ^= 0x80;
                    assert_status(hth_tree_check_grown(kinds[k], m, n, old, root, &p, &err),
                                  HTH_EFORMAT, err);
                }
            }
        }
        assert_status(hth_tree_prove_grown(&p, kinds[k], 0, 5, get, l, &err), HTH_EINVAL, err);
        assert_status(hth_tree_prove_grown(&p, kinds[k], 6, 5, get, l, &err), HTH_EINVAL, err);
    }
}

static void a_node_that_is_not_there(void **state) {
    (void)state;
    Leaves *l = leaves(HTH_SHA256);
    HthErr err;
    static HthProof p;
    uint8_t root[H];
    for (unsigned at = 1; at <= 3; at++) {
        l->fail_at = at;
        assert_status(hth_tree_prove(&p, HTH_SHA256, 3, 100, get, l, &err), HTH_EIO, err);
        l->fail_at = at;
        assert_status(hth_tree_prove_grown(&p, HTH_SHA256, 77, 100, get, l, &err), HTH_EIO, err);
        l->fail_at = at;
        assert_status(hth_tree_root_at(HTH_SHA256, 100, get, l, root, &err), HTH_EIO, err);
    }
}

/* ---- the 196 vectors of transparency-dev/merkle --------------------------------------------- */

static unsigned vectors, refused;

/* base64 into H bytes; false: absent, or of another length.  A root that is no hash at all ("don't
 * care") may be shorter: it is filled up with zeros, and so is its twin. */
static bool hash_of(const json_t *v, uint8_t out[H], bool root) {
    HthBuf raw;
    HthErr err;
    hth_buf_init(&raw, 1 << 16);
    const HthStr text = { json_string_value(v), json_string_length(v) };
    const bool ok = v && hth_unbase64(&raw, HTH_BASE64, text, &err) == HTH_OK &&
                    (raw.n == H || (root && raw.n < H));
    memset(out, 0, H);
    if (ok && raw.n) memcpy(out, raw.p, raw.n);
    hth_buf_drop(&raw);
    return ok;
}

static bool proof_of(const json_t *list, HthProof *p) {
    p->count = 0;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (i >= HTH_PROOF_HASHES || !hash_of(json_array_get(list, i), p->hash[p->count++], false))
            return false;
    return true;
}

static uint64_t number(const json_t *v, const char *name) {
    const double d = json_real_value(json_object_get(v, name));
    return d < 0x1p64 ? (uint64_t)d : UINT64_MAX;
}

static int vector(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st;
    (void)at;
    if (type != FTW_F || !hth_str_ends(hth_str(path), HTH_STR(".json"))) return 0;
    HthBuf text;
    json_t *v = NULL;
    HthErr err;
    static HthProof p;
    uint8_t a[H], b[H];
    test_load(&text, path);
    /* One has 2^64 - 1 for a size, which no json_int_t holds. */
    v = json_loadb(text.p, text.n, JSON_DECODE_INT_AS_REAL, NULL);
    assert_non_null(v);
    hth_buf_drop(&text);
    bool holds = proof_of(json_object_get(v, "proof"), &p);
    if (json_object_get(v, "leafIdx"))
        holds = holds && hash_of(json_object_get(v, "leafHash"), a, false) &&
                hash_of(json_object_get(v, "root"), b, true) &&
                hth_tree_check(HTH_SHA256, number(v, "leafIdx"), number(v, "treeSize"), a, &p, b,
                               &err) == HTH_OK;
    else
        holds = holds && hash_of(json_object_get(v, "root1"), a, true) &&
                hash_of(json_object_get(v, "root2"), b, true) &&
                hth_tree_check_grown(HTH_SHA256, number(v, "size1"), number(v, "size2"), a, b, &p,
                                     &err) == HTH_OK;
    const bool want = !json_is_true(json_object_get(v, "wantErr"));
    if (holds != want) fail_msg("%s: %s", path, holds ? "taken" : "refused");
    vectors++;
    refused += !holds;
    json_decref(v);
    return 0;
}

static void published(void **state) {
    (void)state;
    char path[512];
    TEST_DATA_OR_SKIP(path, "vectors/merkle_sha256/testdata/inclusion");
    vectors = refused = 0;
    nftw(path, vector, 16, FTW_PHYS);
    assert_int_equal(vectors, 98);
    TEST_DATA_OR_SKIP(path, "vectors/merkle_sha256/testdata/consistency");
    nftw(path, vector, 16, FTW_PHYS);
    assert_int_equal(vectors, 196);
    assert_true(refused > 150 && refused < 196);
}

int main(void) {
    hth_json_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known),
        cmocka_unit_test(grows),
        cmocka_unit_test(inclusion),
        cmocka_unit_test(consistency),
        cmocka_unit_test(a_node_that_is_not_there),
        cmocka_unit_test(published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

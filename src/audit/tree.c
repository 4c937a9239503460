/* tree.c - see tree.h.
 *
 * Thread: any. */
#include "audit/tree.h"

#include <string.h>

enum { H = HTH_HASH_BYTES };

void hth_tree_leaf(HthHashKind kind, const void *entry, size_t n, uint8_t out[HTH_HASH_BYTES]) {
    uint8_t text[1 + HTH_LEAF_MAX];
    HTH_ASSERT(n <= HTH_LEAF_MAX);
    text[0] = 0;
    if (n) memcpy(text + 1, entry, n);
    hth_hash(kind, text, 1 + n, out);
}

void hth_tree_node(HthHashKind kind, const uint8_t left[HTH_HASH_BYTES],
                   const uint8_t right[HTH_HASH_BYTES], uint8_t out[HTH_HASH_BYTES]) {
    uint8_t text[1 + 2 * H];
    text[0] = 1;
    memcpy(text + 1, left, H);
    memcpy(text + 1 + H, right, H);
    hth_hash(kind, text, sizeof text, out);
}

/* ---- growing -------------------------------------------------------------------------------- */

void hth_tree_init(HthTree *tree, HthHashKind kind) {
    *tree = (HthTree){ .kind = kind };
}

void hth_tree_append(HthTree *tree, const uint8_t leaf[HTH_HASH_BYTES], HthTreeNodeFn fn,
                     void *payload) {
    uint8_t node[H];
    unsigned h = 0;
    memcpy(node, leaf, H);
    for (; tree->size >> h & 1; h++) { /* two of a height make one of the next */
        if (fn) fn(payload, h, tree->size >> h, node);
        hth_tree_node(tree->kind, tree->peaks[h], node, node);
    }
    if (fn) fn(payload, h, tree->size >> h, node);
    memcpy(tree->peaks[h], node, H);
    tree->size++;
}

void hth_tree_root(const HthTree *tree, uint8_t out[HTH_HASH_BYTES]) {
    bool begun = false;
    if (!tree->size) hth_hash(tree->kind, NULL, 0, out);
    for (unsigned h = 0; h < HTH_TREE_HEIGHT; h++) {
        if (!(tree->size >> h & 1)) continue;
        if (begun)
            hth_tree_node(tree->kind, tree->peaks[h], out, out);
        else
            memcpy(out, tree->peaks[h], H);
        begun = true;
    }
}

/* ---- proving -------------------------------------------------------------------------------- */

typedef struct Source {
    HthHashKind kind;
    HthTreeGet get;
    void *payload;
} Source;

static unsigned log2_floor(uint64_t n) {
    return 63 - (unsigned)__builtin_clzll(n);
}

/* The largest power of two below n, n > 1: where a tree of n leaves is cut. */
static uint64_t cut(uint64_t n) {
    return (uint64_t)1 << log2_floor(n - 1);
}

/* The root of leaves [from, from + n), n > 0, a tree of its own somewhere in the large one: from
 * is a multiple of the power of two that is not below n. */
static HthStatus range(const Source *s, uint64_t from, uint64_t n, uint8_t out[H], HthErr *err) {
    bool begun = false;
    for (unsigned h = 0; h < 64 && n >> h; h++) { /* its whole subtrees, smallest and last first */
        if (!(n >> h & 1)) continue;
        uint8_t left[H];
        const uint64_t at = from + (n >> h >> 1 << 1 << h);
        HTH_TRY(s->get(s->payload, h, at >> h, left, err));
        if (begun)
            hth_tree_node(s->kind, left, out, out);
        else
            memcpy(out, left, H);
        begun = true;
    }
    return HTH_OK;
}

HthStatus hth_tree_root_at(HthHashKind kind, uint64_t size, HthTreeGet get, void *payload,
                           uint8_t out[HTH_HASH_BYTES], HthErr *err) {
    const Source s = { kind, get, payload };
    if (size) return range(&s, 0, size, out, err);
    hth_hash(kind, NULL, 0, out);
    return HTH_OK;
}

/* RFC 9162 writes both proofs from the root down; they are wanted from the leaf up. */
static void turn(HthProof *p) {
    for (uint32_t i = 0, j = p->count; i + 1 < j; i++) {
        uint8_t kept[H];
        memcpy(kept, p->hash[i], H);
        memcpy(p->hash[i], p->hash[--j], H);
        memcpy(p->hash[j], kept, H);
    }
}

HthStatus hth_tree_prove(HthProof *out, HthHashKind kind, uint64_t index, uint64_t size,
                         HthTreeGet get, void *payload, HthErr *err) {
    const Source s = { kind, get, payload };
    HTH_REQUIRE(index < size, err, HTH_EINVAL,
                "there is no entry %llu in a log of %llu; they are counted from 0",
                (unsigned long long)index, (unsigned long long)size);
    out->count = 0;
    for (uint64_t from = 0, n = size; n > 1;) {
        const uint64_t k = cut(n);
        const bool left = index - from < k;
        HTH_TRY(range(&s, left ? from + k : from, left ? n - k : k, out->hash[out->count], err));
        out->count++;
        if (!left) from += k;
        n = left ? k : n - k;
    }
    turn(out);
    return HTH_OK;
}

HthStatus hth_tree_prove_grown(HthProof *out, HthHashKind kind, uint64_t from, uint64_t size,
                               HthTreeGet get, void *payload, HthErr *err) {
    const Source s = { kind, get, payload };
    HTH_REQUIRE(from && from <= size, err, HTH_EINVAL,
                "a log of %llu entries did not grow from one of %llu", (unsigned long long)size,
                (unsigned long long)from);
    out->count = 0;
    uint64_t at = 0, n = size, m = from;
    bool whole = true; /* the old tree itself: known to whoever checks, so not in the proof */
    while (m < n) {
        const uint64_t k = cut(n);
        const bool left = m <= k;
        HTH_TRY(range(&s, left ? at + k : at, left ? n - k : k, out->hash[out->count], err));
        out->count++;
        if (!left) {
            at += k;
            m -= k;
            whole = false;
        }
        n = left ? k : n - k;
    }
    if (!whole) {
        HTH_TRY(range(&s, at, m, out->hash[out->count], err));
        out->count++;
    }
    turn(out);
    return HTH_OK;
}

/* ---- checking ------------------------------------------------------------------------------- */

#define BAD(what) HTH_FAIL(err, HTH_EFORMAT, "the proof does not hold: %s", what)

HthStatus hth_tree_check(HthHashKind kind, uint64_t index, uint64_t size,
                         const uint8_t leaf[HTH_HASH_BYTES], const HthProof *proof,
                         const uint8_t root[HTH_HASH_BYTES], HthErr *err) {
    if (index >= size) return BAD("it is about an entry that such a log does not have");
    uint64_t fn = index, sn = size - 1;
    uint8_t r[H];
    memcpy(r, leaf, H);
    for (uint32_t i = 0; i < proof->count; i++) {
        if (sn == 0) return BAD("it is too long");
        if (fn & 1 || fn == sn) {
            hth_tree_node(kind, proof->hash[i], r, r);
            while (!(fn & 1) && fn) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            hth_tree_node(kind, r, proof->hash[i], r);
        }
        fn >>= 1;
        sn >>= 1;
    }
    if (sn) return BAD("it is too short");
    if (memcmp(r, root, H) != 0) return BAD("it leads to another root");
    return HTH_OK;
}

HthStatus hth_tree_check_grown(HthHashKind kind, uint64_t from, uint64_t size,
                               const uint8_t root_from[HTH_HASH_BYTES],
                               const uint8_t root[HTH_HASH_BYTES], const HthProof *proof,
                               HthErr *err) {
    if (!from || from > size) return BAD("such a log did not grow to such a size");
    if (from == size) {
        if (proof->count) return BAD("it is too long");
        if (memcmp(root_from, root, H) != 0) return BAD("two roots for one size");
        return HTH_OK;
    }
    const bool power = !(from & (from - 1)); /* then the old root is the first hash */
    if (!power && !proof->count) return BAD("it is too short");
    uint64_t fn = from - 1, sn = size - 1;
    uint8_t fr[H], sr[H];
    for (; fn & 1; fn >>= 1) sn >>= 1;
    memcpy(fr, power ? root_from : proof->hash[0], H);
    memcpy(sr, fr, H);
    for (uint32_t i = !power; i < proof->count; i++) {
        const uint8_t *c = proof->hash[i];
        if (sn == 0) return BAD("it is too long");
        if (fn & 1 || fn == sn) {
            hth_tree_node(kind, c, fr, fr);
            hth_tree_node(kind, c, sr, sr);
            while (!(fn & 1) && fn) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            hth_tree_node(kind, sr, c, sr);
        }
        fn >>= 1;
        sn >>= 1;
    }
    if (sn) return BAD("it is too short");
    if (memcmp(fr, root_from, H) != 0) return BAD("it does not lead to the older root");
    if (memcmp(sr, root, H) != 0) return BAD("it does not lead to the newer root");
    return HTH_OK;
}

/* tree.h - Merkle trees of RFC 6962 and RFC 9162 over either hash: growing, proving, checking.
 *
 * A leaf is H(0x00 || entry), a node H(0x01 || left || right), the empty tree H("").  A tree that
 * grows keeps only the roots of its whole subtrees (at most 64); proofs are made from nodes that
 * somebody else kept and hands in by a function (tile.h does).
 *
 * Thread: any; one HthTree belongs to one thread at a time. */
#ifndef HTH_AUDIT_TREE_H
#define HTH_AUDIT_TREE_H

#include "crypt/hash.h"

enum {
    HTH_TREE_HEIGHT = 64, /* of whole subtrees: 0 (a leaf) to 63 */
    HTH_PROOF_HASHES = 2 * HTH_TREE_HEIGHT, /* never reached by an honest proof */
    HTH_LEAF_MAX = 65535 /* bytes of an entry, as in a bundle of c2sp.org/tlog-tiles */
};

void hth_tree_leaf(HthHashKind kind, const void *entry, size_t n, uint8_t out[HTH_HASH_BYTES]);
void hth_tree_node(HthHashKind kind, const uint8_t left[HTH_HASH_BYTES],
                   const uint8_t right[HTH_HASH_BYTES], uint8_t out[HTH_HASH_BYTES]);

typedef struct HthTree {
    HthHashKind kind;
    uint64_t size; /* leaves */
    uint8_t peaks[HTH_TREE_HEIGHT][HTH_HASH_BYTES]; /* [h]: valid where size has bit h */
} HthTree;

/* Hears of every whole subtree when its last leaf comes: its height and its index among those of
 * that height.  Leaves have height 0. */
typedef void (*HthTreeNodeFn)(void *payload, unsigned height, uint64_t index,
                              const uint8_t hash[HTH_HASH_BYTES]);

void hth_tree_init(HthTree *tree, HthHashKind kind);
void hth_tree_append(HthTree *tree, const uint8_t leaf[HTH_HASH_BYTES], HthTreeNodeFn fn,
                     void *payload); /* fn may be NULL */
void hth_tree_root(const HthTree *tree, uint8_t out[HTH_HASH_BYTES]);

typedef struct HthProof {
    uint32_t count;
    uint8_t hash[HTH_PROOF_HASHES][HTH_HASH_BYTES]; /* from the leaf up */
} HthProof;

/* Gives the root of a whole subtree: leaves [index << height, (index + 1) << height). */
typedef HthStatus (*HthTreeGet)(void *payload, unsigned height, uint64_t index,
                                uint8_t out[HTH_HASH_BYTES], HthErr *err);

/* The root of the first `size` leaves. What get gives when it fails is forwarded. */
HTH_MUST_CHECK HthStatus hth_tree_root_at(HthHashKind kind, uint64_t size, HthTreeGet get,
                                          void *payload, uint8_t out[HTH_HASH_BYTES], HthErr *err);
/* That leaf `index` is in the tree of the first `size` leaves.  EINVAL: index >= size. */
HTH_MUST_CHECK HthStatus hth_tree_prove(HthProof *out, HthHashKind kind, uint64_t index,
                                        uint64_t size, HthTreeGet get, void *payload, HthErr *err);
/* That the first `from` leaves of the tree of `size` are the tree of `from`.  EINVAL: from is 0 or
 * more than size. */
HTH_MUST_CHECK HthStatus hth_tree_prove_grown(HthProof *out, HthHashKind kind, uint64_t from,
                                              uint64_t size, HthTreeGet get, void *payload,
                                              HthErr *err);

/* RFC 9162, 2.1.3.2 and 2.1.4.2.  EFORMAT: the proof does not show it, and why.  A tree of size 0
 * proves nothing and is refused. */
HTH_MUST_CHECK HthStatus hth_tree_check(HthHashKind kind, uint64_t index, uint64_t size,
                                        const uint8_t leaf[HTH_HASH_BYTES], const HthProof *proof,
                                        const uint8_t root[HTH_HASH_BYTES], HthErr *err);
HTH_MUST_CHECK HthStatus hth_tree_check_grown(HthHashKind kind, uint64_t from, uint64_t size,
                                              const uint8_t root_from[HTH_HASH_BYTES],
                                              const uint8_t root[HTH_HASH_BYTES],
                                              const HthProof *proof, HthErr *err);

#endif

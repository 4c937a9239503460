#!/usr/bin/env python3
"""audit_vectors.py - roots and proofs of small trees by tools/audit_verify.py, for the tests of
src/audit: tests/golden/audit/trees.txt.  SHA3-256 first, then SHA-256; sizes 0 to 20; one line each:
size, root, and the proof that entry size/3 is in it, from the leaf up.  Entries are "entry 0", ...
"""
from audit_verify import TREES, Tree


def path(tree, m, start, n):  # RFC 9162, 2.1.3.1
    if n <= 1:
        return []
    k = 1 << (n - 1).bit_length() - 1
    if m < k:
        return path(tree, m, start, k) + [tree.part(start + k, n - k)]
    return path(tree, m - k, start + k, n - k) + [tree.part(start, k)]


for _, _, hash_of in TREES:
    tree = Tree(hash_of)
    for size in range(21):
        print(size, tree.part(0, size).hex(), *[h.hex() for h in path(tree, size // 3, 0, size)])
        tree.append(b"entry %d" % size)

/* merge.h - joining neighbours, best pair first: the loop SPM and BPE share.
 *
 * A word is a chain of symbols.  A bond joins two neighbours; bonds wait in a heap by (key, left
 * end), smallest first, and one that no longer fits its neighbours is dropped when it comes up.
 * n symbols cost O(n log n), however the word looks.
 *
 * Thread: one owner. */
#ifndef HTH_TEXT_MERGE_H
#define HTH_TEXT_MERGE_H

#include "base/str.h"

typedef struct HthSymbol {
    uint32_t at, n; /* bytes of the word; n == 0: swallowed by its left neighbour */
    uint32_t prev, next; /* indices, UINT32_MAX at the ends */
    uint32_t piece; /* what the family calls this string, UINT32_MAX if it has no name */
} HthSymbol;

typedef struct HthBond {
    uint32_t key, left; /* order of the heap */
    uint32_t n; /* bytes of both sides */
    uint32_t piece; /* name of the joined string */
} HthBond;

typedef struct HthMerge {
    HthSymbol *sym;
    size_t n, sym_cap;
    HthBond *heap;
    size_t heap_n, heap_cap;
} HthMerge;

/* May these two neighbours be joined, and how urgently (small first)? */
typedef bool HthBondFn(const void *ctx, HthStr word, const HthSymbol *left, const HthSymbol *right,
                       HthBond *bond_out);

void hth_merge_drop(HthMerge *m); /* a zeroed one is ready for use */
void hth_merge_clear(HthMerge *m);
/* Appends a symbol of n bytes after the last one. */
HTH_MUST_CHECK HthStatus hth_merge_add(HthMerge *m, size_t n, uint32_t piece, HthErr *err);
HTH_MUST_CHECK HthStatus hth_merge_run(HthMerge *m, HthStr word, HthBondFn *fn, const void *ctx,
                                       HthErr *err);

#endif

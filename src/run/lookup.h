/* lookup.h - where in a timeline did its last few tokens stand before, and what came then?
 *
 * A table from hashes of n-grams to the position after their latest occurrence.  It stores no
 * tokens: what it finds is compared with the timeline itself, so that collisions, overwritten rows
 * and rows of text that is gone cost a match and never make a wrong one.
 *
 * Thread: one owner. */
#ifndef HTH_RUN_LOOKUP_H
#define HTH_RUN_LOOKUP_H

#include "base/err.h"

enum { HTH_NGRAM_MAX = 16 };

typedef struct HthLookup HthLookup;

/* For timelines of up to ctx tokens and n-grams of n_min..n_max tokens, 1 <= n_min <= n_max <=
 * HTH_NGRAM_MAX. At most 4 MB; nothing is allocated later. */
HTH_MUST_CHECK HthStatus hth_lookup_open(HthLookup **out, size_t ctx, uint32_t n_min,
                                         uint32_t n_max, HthErr *err);
void hth_lookup_close(HthLookup **lookup);
/* Only the first count tokens are still what they were when they were noted. */
void hth_lookup_keep(HthLookup *lookup, size_t count);
/* ids[0..n) is the timeline; notes what is new in it. */
void hth_lookup_note(HthLookup *lookup, const uint32_t *ids, size_t n);
/* Up to k tokens that followed the latest earlier occurrence of the timeline's end, the longest
 * n-gram first; a repetition that reaches the end goes on in circles. Returns how many: 0 or k. */
uint32_t hth_lookup_find(const HthLookup *lookup, const uint32_t *ids, size_t n, uint32_t k,
                         uint32_t *out);

#endif

/* lookup.c - see lookup.h.
 *
 * Thread: one owner. */
#include "run/lookup.h"

#include <string.h>

#include "base/mem.h"

enum { BITS_MIN = 8, BITS_MAX = 20 };

struct HthLookup {
    uint32_t n_min, n_max, bits;
    size_t noted; /* tokens of the timeline whose n-grams are in the table */
    uint32_t *after; /* [1 << bits] the position after an n-gram; 0: empty */
};

HthStatus hth_lookup_open(HthLookup **out, size_t ctx, uint32_t n_min, uint32_t n_max,
                          HthErr *err) {
    HTH_REQUIRE(n_min >= 1 && n_min <= n_max && n_max <= HTH_NGRAM_MAX, err, HTH_EINVAL,
                "lookup: n-grams of %u to %u tokens; from 1 to %d are possible", n_min, n_max,
                HTH_NGRAM_MAX);
    HthLookup *l = hth_calloc(1, sizeof *l);
    HTH_REQUIRE(l, err, HTH_ENOMEM, "no memory for looking up n-grams");
    l->n_min = n_min;
    l->n_max = n_max;
    l->bits = BITS_MIN; /* four rows a token, as long as that is not much */
    while (l->bits < BITS_MAX && (size_t)1 << l->bits < 4 * ctx) l->bits++;
    l->after = hth_calloc((size_t)1 << l->bits, sizeof *l->after);
    if (!l->after) {
        hth_lookup_close(&l);
        return HTH_FAIL(err, HTH_ENOMEM, "no memory for looking up n-grams");
    }
    *out = l;
    return HTH_OK;
}

void hth_lookup_close(HthLookup **lookup) {
    HthLookup *l = *lookup;
    if (!l) return;
    hth_free(l->after);
    hth_free(l);
    *lookup = NULL;
}

static uint32_t *row_of(const HthLookup *l, const uint32_t *ids, uint32_t n) {
    uint64_t h = n;
    for (uint32_t i = 0; i < n; i++) {
        h = (h ^ ids[i]) * 0x9e3779b97f4a7c15u;
        h ^= h >> 32;
    }
    return &l->after[(h * 0x9e3779b97f4a7c15u) >> (64 - l->bits)];
}

void hth_lookup_keep(HthLookup *l, size_t count) {
    if (count < l->noted) l->noted = count;
}

void hth_lookup_note(HthLookup *l, const uint32_t *ids, size_t n) {
    HTH_ASSERT(n < UINT32_MAX);
    for (size_t end = l->noted; end < n; end++) /* ids[end] is what followed */
        for (uint32_t g = l->n_min; g <= l->n_max && g <= end; g++)
            *row_of(l, ids + end - g, g) = (uint32_t)end;
    if (n > l->noted) l->noted = n;
}

uint32_t hth_lookup_find(const HthLookup *l, const uint32_t *ids, size_t n, uint32_t k,
                         uint32_t *out) {
    for (uint32_t g = l->n_max; g >= l->n_min; g--) {
        if (g >= n) continue;
        size_t end = *row_of(l, ids + n - g, g);
        if (end < g || end >= n) continue;
        if (memcmp(ids + end - g, ids + n - g, g * sizeof *ids) != 0) continue;
        for (uint32_t i = 0; i < k; i++) out[i] = end + i < n ? ids[end + i] : out[end + i - n];
        return k;
    }
    return 0;
}

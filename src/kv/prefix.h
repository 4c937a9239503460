/* prefix.h - which whole pages already hold these tokens: a radix tree of prefixes for each tenant.
 *
 * Pages are found by tenant and token ids, nothing else; one tenant's text is never found by
 * another's, whatever it says, and takes the time of text that was never seen.  The tree is one
 * reader of every page in it; evicted pages are wiped by the pool when their last reader leaves.
 *
 * Thread: engine. */
#ifndef HTH_KV_PREFIX_H
#define HTH_KV_PREFIX_H

#include "kv/pages.h"

typedef struct HthPrefix HthPrefix;

/* pages is borrowed. nodes_max: pages the tree may hold at most; nothing is allocated later. */
HTH_MUST_CHECK HthStatus hth_prefix_open(HthPrefix **out, HthPages *pages, uint32_t page_len,
                                         uint32_t nodes_max, HthErr *err);
size_t hth_prefix_bytes(uint32_t page_len, uint32_t nodes_max); /* what opening takes */
void hth_prefix_close(HthPrefix **p); /* drops its pages */

/* The longest run of whole pages known to hold ids[0..n), where pages have snapshots one that ends
 * with such a page: out[0..count) get one more reader each,
 * the caller's. At most out_max. Counts as use. */
uint32_t hth_prefix_match(HthPrefix *p, uint64_t tenant, const uint32_t *ids, size_t n,
                          HthPage *out, uint32_t out_max);
/* pages[i] holds ids[i * page_len .. (i + 1) * page_len): remembers what is new, sharing the page.
 * When the tree is full the least recently used leaves make room. Returns how many of the tokens'
 * pages are held as another page than the caller's: hth_prefix_match gives those. */
uint32_t hth_prefix_keep(HthPrefix *p, uint64_t tenant, const uint32_t *ids, const HthPage *pages,
                         uint32_t page_count);
/* Drops least recently used leaves whose pages nobody else reads until `want` pages are free in the
 * pool, or none such is left. Returns how many were dropped. */
uint32_t hth_prefix_evict(HthPrefix *p, uint32_t want);
void hth_prefix_forget(HthPrefix *p, uint64_t tenant); /* all of a tenant's */
uint32_t hth_prefix_pages(const HthPrefix *p); /* held now */

#endif

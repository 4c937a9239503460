/* pages.h - a fixed pool of reference-counted KV pages.
 *
 * Every page is allocated by hth_pages_open(); nothing here allocates later.  A page whose last
 * reader leaves is wiped before it can be taken again, so one tenant's context never reaches
 * another.
 *
 * Thread: engine. */
#ifndef HTH_KV_PAGES_H
#define HTH_KV_PAGES_H

#include <stdbool.h>

#include "base/err.h"

typedef struct HthPages HthPages;
typedef struct HthPage {
    uint32_t id; /* 0 is "no page" */
} HthPage;
typedef struct HthPagesCfg {
    uint32_t page_count;
    size_t page_bytes;
    uint32_t snap_count; /* snapshots that pages may have (op/state.h) */
    size_t snap_bytes;
} HthPagesCfg;

/* On success *out owns the pool. EINVAL: zero pages or bytes; ENOMEM. */
HTH_MUST_CHECK HthStatus hth_pages_open(HthPages **out, const HthPagesCfg *cfg, HthErr *err);
/* What opening takes beside the pages and snapshots themselves. */
size_t hth_pages_list_bytes(const HthPagesCfg *cfg);
void hth_pages_close(HthPages **pages); /* wipes what is in use, frees, sets NULL */

/* Take n pages, all or none.  HTH_EAGAIN: the pool is short; evict and retry. */
HTH_MUST_CHECK HthStatus hth_pages_take(HthPages *pages, uint32_t n, HthPage *out, HthErr *err);
void hth_pages_share(HthPages *pages, HthPage page); /* one more reader */
void hth_pages_drop(HthPages *pages, HthPage page); /* one fewer; the last wipes */

/* One reader who could do without marks what it reads (the prefix tree), before it drops it
 * unmarks it: so the pool knows how many pages could be had from it. */
void hth_pages_mark(HthPages *pages, HthPage page, bool marked);
uint32_t hth_pages_spare_count(const HthPages *pages); /* marked, and read by nobody else */

/* Gives the page a snapshot, zeros, if one is free and it has none; it goes with the page. */
void hth_pages_add_snap(HthPages *pages, HthPage page);
uint8_t *hth_pages_snap(HthPages *pages, HthPage page); /* NULL: none; borrowed until drop */
bool hth_pages_have_snaps(const HthPages *pages); /* one goes on where a page has one, only */

uint32_t hth_pages_count(const HthPages *pages); /* free or not */
uint32_t hth_pages_free_count(const HthPages *pages);
uint32_t hth_pages_readers(const HthPages *pages, HthPage page); /* 0: free */
size_t hth_pages_page_bytes(const HthPages *pages);
void *hth_pages_data(HthPages *pages, HthPage page); /* borrowed until drop */

#endif

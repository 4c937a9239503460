/* table.h - the pages of one timeline, in order.
 *
 * Grows by whole pages from a pool and shrinks from the end; offers the view attention reads
 * through.  Allocates only when opened.
 *
 * Thread: engine. */
#ifndef HTH_KV_TABLE_H
#define HTH_KV_TABLE_H

#include "kv/pages.h"
#include "op/kv_view.h"

typedef struct HthTable HthTable;

/* pages is borrowed; layout->page_bytes must fit its pages. page_max: the longest the table may
 * grow. */
HTH_MUST_CHECK HthStatus hth_table_open(HthTable **out, HthPages *pages, const HthKvLayout *layout,
                                        uint32_t page_max, HthErr *err);
/* What opening takes, without the states, which count as cache. */
size_t hth_table_bytes(const HthKvLayout *layout, uint32_t page_max);
void hth_table_close(HthTable **table); /* drops its pages */

/* A pool for tables of this layout, with as many snapshots as pages may have. */
HthPagesCfg hth_table_pool(const HthKvLayout *layout, uint32_t page_count);
/* Bytes of such a pool, divided by its pages. */
size_t hth_table_page_cost(const HthKvLayout *layout);
/* Makes room for count positions. ELIMIT past page_max; EAGAIN: the pool is short. */
HTH_MUST_CHECK HthStatus hth_table_grow(HthTable *table, size_t count, HthErr *err);
/* Of count positions, all computed: after how many of them one can go on (op/state.h); count itself
 * where the model has no states. Those after it must be computed again. */
size_t hth_table_rest(const HthTable *table, size_t count);
/* Keeps room for count positions, as hth_table_rest gives; the other pages are dropped, positions
 * past count in the last page wiped. */
void hth_table_trim(HthTable *table, size_t count);
/* Puts count whole pages of known content at page `at` (at most hth_table_pages): what stood there
 * is dropped, what lies beyond is new. Their readers become the table's: nothing is shared or
 * copied here. Rows in shared pages are never written or trimmed in part. */
void hth_table_adopt(HthTable *table, uint32_t at, const HthPage *pages, uint32_t count);
uint32_t hth_table_pages(const HthTable *table);
const HthPage *hth_table_list(const HthTable *table); /* [hth_table_pages], until the next change */
const HthKvView *hth_table_view(const HthTable *table); /* borrowed until close */

#endif

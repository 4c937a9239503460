/* table.c - see table.h.
 *
 * Thread: engine. */
#include "kv/table.h"

#include "base/mem.h"

struct HthTable {
    HthPages *pool; /* borrowed */
    HthPage *page; /* [page_max], count in use */
    uint8_t **data; /* [page_max] their first bytes */
    uint32_t count, page_max;
    size_t used; /* positions ever asked for since the last trim: what lies beyond is zero */
    HthKvView view;
};

HthStatus hth_table_open(HthTable **out, HthPages *pages, const HthKvLayout *layout,
                         uint32_t page_max, HthErr *err) {
    HTH_ASSERT(layout->page_bytes <= hth_pages_page_bytes(pages));
    HthStatus st = HTH_OK;
    HthTable *t = hth_calloc(1, sizeof *t);
    HTH_REQUIRE(t, err, HTH_ENOMEM, "no memory for a block table");
    t->pool = pages;
    t->page_max = page_max;
    t->page = hth_calloc(page_max, sizeof *t->page);
    t->data = hth_calloc(page_max, sizeof *t->data);
    if (!t->page || !t->data) {
        st = HTH_FAIL(err, HTH_ENOMEM, "no memory for a block table of %u pages", page_max);
        goto out;
    }
    t->view = (HthKvView){ .layout = *layout, .pages = t->data };
    *out = t;
    t = NULL;
out:
    hth_table_close(&t);
    return st;
}

void hth_table_close(HthTable **table) {
    HthTable *t = *table;
    if (!t) return;
    hth_table_trim(t, 0);
    hth_free(t->page);
    hth_free(t->data);
    hth_free(t);
    *table = NULL;
}

static size_t pages_for(size_t count) {
    return count / HTH_PAGE_LEN + (count % HTH_PAGE_LEN != 0);
}

HthStatus hth_table_grow(HthTable *t, size_t count, HthErr *err) {
    size_t want = pages_for(count);
    HTH_REQUIRE(want <= t->page_max, err, HTH_ELIMIT, "%zu tokens need %zu pages, the table has %u",
                count, want, t->page_max);
    if (want <= t->count) {
        if (count > t->used) t->used = count;
        return HTH_OK;
    }
    uint32_t more = (uint32_t)want - t->count;
    HTH_TRY(hth_pages_take(t->pool, more, t->page + t->count, err));
    for (uint32_t i = t->count; i < want; i++) t->data[i] = hth_pages_data(t->pool, t->page[i]);
    t->count = (uint32_t)want;
    t->used = count;
    return HTH_OK;
}

void hth_table_adopt(HthTable *t, uint32_t at, const HthPage *pages, uint32_t count) {
    HTH_ASSERT(at <= t->count && count <= t->page_max - at);
    for (uint32_t i = at; i < at + count; i++) {
        if (i < t->count) hth_pages_drop(t->pool, t->page[i]);
        t->page[i] = pages[i - at];
        t->data[i] = hth_pages_data(t->pool, t->page[i]);
    }
    if (t->count < at + count) t->count = at + count;
    if (t->used < (size_t)(at + count) * HTH_PAGE_LEN)
        t->used = (size_t)(at + count) * HTH_PAGE_LEN;
}

/* Forgotten text must not linger in the page that stays.  Only what was used is wiped: drafts are
 * taken back all the time, and a page of a large model is megabytes. */
static void wipe_tail(HthTable *t, size_t count) {
    size_t rows = HTH_PAGE_LEN - count % HTH_PAGE_LEN;
    if (t->used - count < rows) rows = t->used - count;
    HTH_ASSERT(hth_pages_readers(t->pool, t->page[t->count - 1]) == 1);
    hth_kv_wipe(&t->view, (uint32_t)count, (uint32_t)rows);
}

void hth_table_trim(HthTable *t, size_t count) {
    size_t keep = pages_for(count);
    while (t->count > keep) {
        t->count--;
        hth_pages_drop(t->pool, t->page[t->count]);
        t->page[t->count] = (HthPage){ 0 };
        t->data[t->count] = NULL;
    }
    if (count % HTH_PAGE_LEN != 0 && t->count == keep && count < t->used) wipe_tail(t, count);
    if (count < t->used) t->used = count;
}

uint32_t hth_table_pages(const HthTable *t) {
    return t->count;
}

const HthPage *hth_table_list(const HthTable *t) {
    return t->page;
}

const HthKvView *hth_table_view(const HthTable *t) {
    return &t->view;
}

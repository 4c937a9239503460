/* table.c - see table.h.
 *
 * Thread: engine. */
#include "kv/table.h"

#include "base/mem.h"
#include "op/state.h"

struct HthTable {
    HthPages *pool; /* borrowed */
    HthPage *page; /* [page_max], count in use */
    uint8_t **data; /* [page_max] their first bytes */
    uint8_t **snap; /* [page_max] their snapshots; NULL where the layout has no states */
    float *block; /* the timeline's states, owned */
    uint32_t count, page_max;
    size_t used; /* positions ever asked for since the last trim: what lies beyond is zero */
    HthKvView view;
};

HthPagesCfg hth_table_pool(const HthKvLayout *layout, uint32_t page_count) {
    return (HthPagesCfg){ .page_count = page_count,
                          .page_bytes = layout->page_bytes,
                          .snap_count = layout->n_state ? page_count / layout->snap_pages : 0,
                          .snap_bytes = layout->snap_bytes };
}

size_t hth_table_page_cost(const HthKvLayout *layout) {
    const size_t line = 64;
    const size_t page = (layout->page_bytes + line - 1) / line * line;
    if (layout->n_state == 0) return page;
    const size_t snap = (layout->snap_bytes + line - 1) / line * line;
    return page + (snap + layout->snap_pages - 1) / layout->snap_pages;
}

static HthStatus open_states(HthTable *t, HthErr *err) {
    const size_t bytes = t->view.layout.block_bytes;
    t->snap = hth_calloc(t->page_max, sizeof *t->snap);
    t->block = hth_pages_calloc(1, bytes);
    HTH_REQUIRE(t->snap && t->block, err, HTH_ENOMEM,
                "no memory for the states of a timeline, %zu bytes", bytes);
    t->view.snaps = t->snap;
    t->view.block = t->block;
    return HTH_OK;
}

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
    if (layout->n_state > 0) {
        st = open_states(t, err);
        if (st != HTH_OK) goto out;
    }
    *out = t;
    t = NULL;
out:
    hth_table_close(&t);
    return st;
}

size_t hth_table_bytes(const HthKvLayout *layout, uint32_t page_max) {
    const HthTable *t = NULL;
    const size_t snap = layout->n_state > 0 ? sizeof *t->snap : 0;
    return sizeof *t + page_max * (sizeof *t->page + sizeof *t->data + snap);
}

void hth_table_close(HthTable **table) {
    HthTable *t = *table;
    if (!t) return;
    hth_table_trim(t, 0);
    hth_pages_give(t->block, 1, t->view.layout.block_bytes);
    hth_free(t->snap);
    hth_free(t->page);
    hth_free(t->data);
    hth_free(t);
    *table = NULL;
}

static size_t pages_for(size_t count) {
    return count / HTH_PAGE_LEN + (count % HTH_PAGE_LEN != 0);
}

/* Page i is known: where it is. */
static void set(HthTable *t, uint32_t i) {
    t->data[i] = hth_pages_data(t->pool, t->page[i]);
    if (t->snap) t->snap[i] = hth_pages_snap(t->pool, t->page[i]);
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
    for (uint32_t i = t->count; i < want; i++) {
        if (t->snap && (i + 1) % t->view.layout.snap_pages == 0)
            hth_pages_add_snap(t->pool, t->page[i]);
        set(t, i);
    }
    t->count = (uint32_t)want;
    t->used = count;
    return HTH_OK;
}

void hth_table_adopt(HthTable *t, uint32_t at, const HthPage *pages, uint32_t count) {
    HTH_ASSERT(at <= t->count && count <= t->page_max - at);
    for (uint32_t i = at; i < at + count; i++) {
        if (i < t->count) hth_pages_drop(t->pool, t->page[i]);
        t->page[i] = pages[i - at];
        set(t, i);
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
    if (t->snap && t->snap[t->count - 1])
        hth_zero(t->snap[t->count - 1], t->view.layout.snap_bytes);
}

size_t hth_table_rest(const HthTable *t, size_t count) {
    return hth_state_rest(&t->view, (uint32_t)count);
}

void hth_table_trim(HthTable *t, size_t count) {
    if (t->block) hth_state_forget(&t->view, (uint32_t)count);
    size_t keep = pages_for(count);
    while (t->count > keep) {
        t->count--;
        hth_pages_drop(t->pool, t->page[t->count]);
        t->page[t->count] = (HthPage){ 0 };
        t->data[t->count] = NULL;
        if (t->snap) t->snap[t->count] = NULL;
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

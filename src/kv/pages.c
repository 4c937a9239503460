/* pages.c - see pages.h.  The free list is a stack of ids: O(1) take and drop.
 *
 * Thread: engine. */
#include "kv/pages.h"

#include "base/mem.h"

struct HthPages {
    HthPagesCfg cfg;
    size_t stride; /* page_bytes rounded up to a cache line */
    uint8_t *data; /* page_count * stride, id 1 first; untouched pages take no memory */
    uint32_t *readers; /* [page_count + 1] by id; 0 means free */
    uint32_t *free_ids; /* stack; top is free_ids[free_count - 1] */
    uint32_t free_count;
    bool *marked; /* [page_count + 1] by id */
    uint32_t spare_count; /* marked with one reader */
    size_t snap_stride;
    uint8_t *snaps; /* snap_count * snap_stride; NULL where there are none */
    uint32_t *snap_of; /* [page_count + 1] by id: 1 + which; 0: none */
    uint32_t *free_snaps; /* stack */
    uint32_t free_snap_count;
};

static HthStatus open_snaps(HthPages *p, HthErr *err) {
    const uint32_t n = p->cfg.snap_count;
    if (n == 0) return HTH_OK;
    p->snap_stride = (p->cfg.snap_bytes + 63) & ~(size_t)63;
    p->snaps = hth_pages_calloc(n, p->snap_stride);
    if (p->snaps) p->snap_of = hth_calloc((size_t)p->cfg.page_count + 1, sizeof *p->snap_of);
    if (p->snap_of) p->free_snaps = hth_calloc(n, sizeof *p->free_snaps);
    HTH_REQUIRE(p->free_snaps, err, HTH_ENOMEM,
                "no memory for %u snapshots of %zu bytes; ask for a shorter context", n,
                p->snap_stride);
    for (uint32_t i = 0; i < n; i++) p->free_snaps[i] = n - 1 - i;
    p->free_snap_count = n;
    return HTH_OK;
}

HthStatus hth_pages_open(HthPages **out, const HthPagesCfg *cfg, HthErr *err) {
    HTH_REQUIRE(cfg->page_count > 0 && cfg->page_count < UINT32_MAX && cfg->page_bytes > 0 &&
                    cfg->page_bytes < SIZE_MAX - 63,
                err, HTH_EINVAL, "a page pool of %u pages of %zu bytes makes no sense",
                cfg->page_count, cfg->page_bytes);
    HthStatus st = HTH_OK;
    HthPages *p = hth_calloc(1, sizeof *p);
    HTH_REQUIRE(p, err, HTH_ENOMEM, "no memory for the page pool");
    p->cfg = *cfg;
    p->stride = (cfg->page_bytes + 63) & ~(size_t)63;
    /* The largest first: where it cannot be had, the lists must not take their gigabytes before. */
    p->data = hth_pages_calloc(cfg->page_count, p->stride);
    if (p->data) p->readers = hth_calloc((size_t)cfg->page_count + 1, sizeof *p->readers);
    if (p->readers) p->free_ids = hth_calloc(cfg->page_count, sizeof *p->free_ids);
    if (p->free_ids) p->marked = hth_calloc((size_t)cfg->page_count + 1, sizeof *p->marked);
    if (!p->marked) {
        st = HTH_FAIL(err, HTH_ENOMEM,
                      "no memory for %u cache pages of %zu bytes; ask for a "
                      "shorter context",
                      cfg->page_count, p->stride);
        goto out;
    }
    for (uint32_t i = 0; i < cfg->page_count; i++) p->free_ids[i] = cfg->page_count - i;
    p->free_count = cfg->page_count;
    st = open_snaps(p, err);
    if (st != HTH_OK) goto out;
    *out = p;
    p = NULL;
out:
    hth_pages_close(&p);
    return st;
}

size_t hth_pages_list_bytes(const HthPagesCfg *cfg) {
    const HthPages *p = NULL;
    const size_t ids = (size_t)cfg->page_count + 1;
    const size_t snaps =
        cfg->snap_count ? ids * sizeof *p->snap_of + cfg->snap_count * sizeof *p->free_snaps : 0;
    return sizeof *p + cfg->page_count * sizeof *p->free_ids +
           ids * (sizeof *p->readers + sizeof *p->marked) + snaps;
}

void hth_pages_close(HthPages **pages) {
    HthPages *p = *pages;
    if (!p) return;
    for (uint32_t id = 1; p->data && p->readers && id <= p->cfg.page_count; id++)
        if (p->readers[id] > 0) hth_zero(p->data + (id - 1) * p->stride, p->stride);
    for (uint32_t id = 1; p->free_snaps && id <= p->cfg.page_count; id++)
        if (p->snap_of[id])
            hth_zero(p->snaps + (p->snap_of[id] - 1) * p->snap_stride, p->snap_stride);
    hth_pages_give(p->data, p->cfg.page_count, p->stride);
    hth_pages_give(p->snaps, p->cfg.snap_count, p->snap_stride);
    hth_free(p->snap_of);
    hth_free(p->free_snaps);
    hth_free(p->readers);
    hth_free(p->free_ids);
    hth_free(p->marked);
    hth_free(p);
    *pages = NULL;
}

HthStatus hth_pages_take(HthPages *pages, uint32_t n, HthPage *out, HthErr *err) {
    HTH_REQUIRE(n > 0 && n <= pages->cfg.page_count, err, HTH_EINVAL, "take %u of %u pages", n,
                pages->cfg.page_count);
    if (n > pages->free_count) /* expected under load: the scheduler evicts and retries */
        return HTH_FAIL(err, HTH_EAGAIN, "need %u pages, %u free", n, pages->free_count);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t id = pages->free_ids[--pages->free_count];
        HTH_ASSERT(pages->readers[id] == 0);
        pages->readers[id] = 1;
        out[i] = (HthPage){ id };
    }
    return HTH_OK;
}

static void check(const HthPages *pages, HthPage page) {
    HTH_ASSERT(page.id >= 1 && page.id <= pages->cfg.page_count);
    HTH_ASSERT(pages->readers[page.id] > 0);
}

void hth_pages_share(HthPages *pages, HthPage page) {
    check(pages, page);
    HTH_ASSERT(pages->readers[page.id] < UINT32_MAX);
    pages->spare_count -= pages->marked[page.id] && pages->readers[page.id] == 1;
    pages->readers[page.id]++;
}

uint8_t *hth_pages_snap(HthPages *pages, HthPage page) {
    check(pages, page);
    if (!pages->snaps || !pages->snap_of[page.id]) return NULL;
    return pages->snaps + (pages->snap_of[page.id] - 1) * pages->snap_stride;
}

void hth_pages_add_snap(HthPages *pages, HthPage page) {
    check(pages, page);
    if (pages->free_snap_count == 0 || pages->snap_of[page.id]) return;
    pages->snap_of[page.id] = 1 + pages->free_snaps[--pages->free_snap_count];
}

bool hth_pages_have_snaps(const HthPages *pages) {
    return pages->snaps != NULL;
}

static void drop_snap(HthPages *pages, HthPage page) {
    uint8_t *snap = hth_pages_snap(pages, page);
    if (!snap) return;
    hth_zero(snap, pages->cfg.snap_bytes);
    pages->free_snaps[pages->free_snap_count++] = pages->snap_of[page.id] - 1;
    pages->snap_of[page.id] = 0;
}

void hth_pages_drop(HthPages *pages, HthPage page) {
    check(pages, page);
    if (pages->readers[page.id] == 1) { /* before it is reachable again */
        hth_zero(hth_pages_data(pages, page), pages->cfg.page_bytes);
        drop_snap(pages, page);
    }
    if (--pages->readers[page.id] > 0) {
        pages->spare_count += pages->marked[page.id] && pages->readers[page.id] == 1;
        return;
    }
    HTH_ASSERT(!pages->marked[page.id]);
    pages->free_ids[pages->free_count++] = page.id;
}

void hth_pages_mark(HthPages *pages, HthPage page, bool marked) {
    check(pages, page);
    HTH_ASSERT(pages->marked[page.id] != marked);
    pages->marked[page.id] = marked;
    if (pages->readers[page.id] == 1) pages->spare_count += marked ? 1 : UINT32_MAX;
}

uint32_t hth_pages_spare_count(const HthPages *pages) {
    return pages->spare_count;
}

uint32_t hth_pages_count(const HthPages *pages) {
    return pages->cfg.page_count;
}

uint32_t hth_pages_free_count(const HthPages *pages) {
    return pages->free_count;
}

uint32_t hth_pages_readers(const HthPages *pages, HthPage page) {
    HTH_ASSERT(page.id >= 1 && page.id <= pages->cfg.page_count);
    return pages->readers[page.id];
}

size_t hth_pages_page_bytes(const HthPages *pages) {
    return pages->cfg.page_bytes;
}

void *hth_pages_data(HthPages *pages, HthPage page) {
    check(pages, page);
    return pages->data + (page.id - 1) * pages->stride;
}

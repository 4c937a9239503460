/* place.c - pages and places: who gets them, who gives them up, what stays in the prefix tree.
 *
 * A request gets a place when there are pages for all its tokens and one more.  They are not taken
 * then but promised: at least `promised` pages are free or spare (only the prefix tree reads them),
 * so a prompt that has begun is never stopped for want of pages, what is cached stays until the
 * last moment, and a page that turns up in the tree meanwhile is not computed again.  What an
 * answer needs beyond that is found as it grows.
 *
 * Thread: engine. */
#include "sched/state.h"

#include "base/mem.h"

HthStatus hth_place_open(HthSched *s, HthErr *err) {
    const HthSchedCfg *c = &s->cfg;
    s->run = hth_calloc(c->running_max, sizeof *s->run);
    s->place = hth_calloc(c->running_max, sizeof *s->place);
    s->place_free = hth_calloc(c->running_max, sizeof *s->place_free);
    s->found = hth_calloc(s->page_max, sizeof *s->found);
    HTH_REQUIRE(s->run && s->place && s->place_free && s->found, err, HTH_ENOMEM,
                "no memory for %u timelines of %u tokens", c->running_max, c->ctx_max);
    for (uint32_t i = 0; i < c->running_max; i++)
        HTH_TRY(hth_table_open(&s->place[i], c->pages, &c->layout, s->page_max, err));
    while (s->place_free_count < c->running_max) {
        s->place_free[s->place_free_count] = s->place_free_count;
        s->place_free_count++;
    }
    return HTH_OK;
}

uint64_t hth_place_bytes(const HthKvLayout *layout, uint32_t running_max, uint32_t page_max) {
    const HthSched *s = NULL;
    const uint64_t each = sizeof *s->run + sizeof *s->place + sizeof *s->place_free;
    return running_max * (each + hth_table_bytes(layout, page_max)) + page_max * sizeof *s->found;
}

void hth_place_close(HthSched *s) {
    while (s->run_count > 0) hth_place_leave(s, s->run[s->run_count - 1]);
    for (uint32_t i = 0; s->place && i < s->cfg.running_max; i++) hth_table_close(&s->place[i]);
    hth_free(s->place);
    hth_free(s->place_free);
    hth_free(s->run);
    hth_free(s->found);
}

/* ---- the prefix tree ------------------------------------------------------------------------ */

static bool shares(const HthSched *s, const HthReq *r) {
    return s->cfg.prefix && !r->t.no_prefix && !r->t.all_rows;
}

static uint32_t keep(HthSched *s, const HthReq *r, uint32_t pages) {
    if (!shares(s, r) || pages == 0) return 0;
    s->keeps++;
    return hth_prefix_keep(s->cfg.prefix, r->t.tenant, r->t.ids, hth_table_list(s->place[r->place]),
                           pages);
}

void hth_place_keep(HthSched *s, uint32_t i) {
    const HthReq *r = &s->req[i];
    keep(s, r, r->computed / s->cfg.page_len);
}

/* Who computed what another had computed meanwhile lets go of its own: the same bits once.  So
 * whoever reads a page of the tree reads all that stand before it there, and what nobody reads can
 * be dropped. */
void hth_place_share(HthSched *s, uint32_t i) {
    HthReq *r = &s->req[i];
    const uint32_t pages = r->computed / s->cfg.page_len;
    const bool current = r->keeps_seen == s->keeps;
    const uint32_t twins = keep(s, r, pages);
    if (current) r->keeps_seen = s->keeps; /* its own is nothing to look for */
    if (twins == 0) return;
    HthTable *table = s->place[r->place];
    const uint32_t found = hth_prefix_match(s->cfg.prefix, r->t.tenant, r->t.ids,
                                            (size_t)pages * s->cfg.page_len, s->found, pages);
    hth_table_adopt(table, 0, s->found, found);
}

/* Fills `found` with the pages known for these tokens, one reader each. At least one token is left
 * to compute: its logits are wanted. */
static uint32_t match(HthSched *s, HthReq *r) {
    if (!shares(s, r)) return 0;
    const uint32_t pages = (r->len - 1) / s->cfg.page_len;
    r->keeps_seen = s->keeps;
    return hth_prefix_match(s->cfg.prefix, r->t.tenant, r->t.ids, (size_t)pages * s->cfg.page_len,
                            s->found, pages);
}

static void unmatch(HthSched *s, uint32_t count) {
    for (uint32_t g = 0; g < count; g++) hth_pages_drop(s->cfg.pages, s->found[g]);
}

static void spend_promise(HthSched *s, HthReq *r, uint32_t pages) {
    if (pages > r->promised) pages = r->promised;
    r->promised -= pages;
    s->promised -= pages;
}

static void spend_pending(HthSched *s, HthReq *r, uint32_t rows) {
    if (rows > r->pending) rows = r->pending;
    r->pending -= rows;
    s->user[r->user].pending -= rows;
}

void hth_place_spend(HthSched *s, uint32_t i, uint32_t rows) {
    spend_pending(s, &s->req[i], rows);
}

/* The found pages become the timeline's, from what it has computed on. */
static void adopt(HthSched *s, HthReq *r, uint32_t count) {
    const uint32_t from = r->computed / s->cfg.page_len;
    if (count <= from) {
        unmatch(s, count);
        return;
    }
    const uint32_t rows = (count - from) * s->cfg.page_len;
    HthTable *table = s->place[r->place];
    const uint32_t had = hth_table_pages(table);
    unmatch(s, from);
    hth_table_adopt(table, from, s->found + from, count - from);
    spend_promise(s, r, hth_table_pages(table) - had);
    spend_pending(s, r, rows);
    r->computed += rows;
    if (r->counted) return;
    r->cached += rows;
    s->stats.cached_rows += rows;
}

void hth_place_find(HthSched *s, uint32_t i) {
    HthReq *r = &s->req[i];
    if (r->keeps_seen == s->keeps || r->computed % s->cfg.page_len != 0) return;
    adopt(s, r, match(s, r));
}

/* ---- giving way ----------------------------------------------------------------------------- */

/* Of two who could give way the first does: the reader that stands still, the lower rank, the
 * younger. */
static bool gives_way_first(const HthReq *a, const HthReq *b) {
    if (a->paused != b->paused) return a->paused;
    if (a->rank != b->rank) return a->rank < b->rank;
    return a->seq > b->seq;
}

/* all_rows: what was handed out is not taken back. */
static bool gives_way(const HthSched *s, const HthReq *r, int32_t below) {
    const bool stuck = r->paused && s->now_ns - r->paused_ns >= HTH_SCHED_GRACE_NS;
    return !r->t.all_rows && (r->rank < below || stuck);
}

uint32_t hth_place_weakest(const HthSched *s, int32_t below) {
    uint32_t best = 0;
    for (uint32_t k = 0; k < s->run_count; k++) {
        const HthReq *r = &s->req[s->run[k]];
        if (!gives_way(s, r, below)) continue;
        if (best == 0 || gives_way_first(r, &s->req[best])) best = s->run[k];
    }
    return best;
}

/* Pages to be had if all who give way did: their own, and those that only the tree reads beside
 * them. */
static uint32_t given_up(const HthSched *s, int32_t below) {
    uint32_t count = 0;
    for (uint32_t k = 0; k < s->run_count; k++) {
        const HthReq *r = &s->req[s->run[k]];
        if (!gives_way(s, r, below)) continue;
        const HthPage *page = hth_table_list(s->place[r->place]);
        const uint32_t most = shares(s, r) ? 2 : 1;
        for (uint32_t p = 0; p < hth_table_pages(s->place[r->place]); p++)
            count += hth_pages_readers(s->cfg.pages, page[p]) <= most;
        count += r->promised;
    }
    return count;
}

void hth_place_leave(HthSched *s, uint32_t i) {
    HthReq *r = &s->req[i];
    uint32_t k = 0;
    while (s->run[k] != i) k++;
    s->run_count--;
    for (; k < s->run_count; k++) s->run[k] = s->run[k + 1];
    hth_table_trim(s->place[r->place], 0);
    s->place_free[s->place_free_count++] = r->place;
    s->user[r->user].placed--;
    spend_promise(s, r, r->promised);
    spend_pending(s, r, r->pending);
    r->computed = r->given = 0;
}

void hth_place_set_back(HthSched *s, uint32_t i) {
    hth_place_keep(s, i);
    hth_place_leave(s, i);
    hth_queue_back(s, i);
    s->req[i].counted = true;
    s->stats.preempted++;
}

/* ---- room ----------------------------------------------------------------------------------- */

/* Pages that are free, or that the prefix tree would let go. */
static uint32_t to_be_had(const HthSched *s) {
    return hth_pages_free_count(s->cfg.pages) + hth_pages_spare_count(s->cfg.pages);
}

/* `need` pages beyond those promised. */
static bool is_room(const HthSched *s, uint32_t need) {
    return to_be_had(s) >= s->promised + need;
}

/* The same, or from who gives way to the rank `below`. Stops, false, when that would be `self`. */
static bool make_room(HthSched *s, uint32_t need, int32_t below, uint32_t self) {
    while (!is_room(s, need)) {
        const uint32_t weakest = hth_place_weakest(s, below);
        if (weakest == 0 || weakest == self) return false;
        hth_place_set_back(s, weakest);
    }
    return true;
}

/* Before somebody comes in: nobody shall give way in vain. */
static bool could_make_room(const HthSched *s, uint32_t need, int32_t below) {
    return is_room(s, need) || to_be_had(s) + given_up(s, below) >= s->promised + need;
}

/* In: a place, the promise. */
static void enter(HthSched *s, uint32_t i, uint32_t pages, uint32_t found) {
    HthReq *r = &s->req[i];
    hth_queue_leave(s, i);
    r->place = s->place_free[--s->place_free_count];
    s->user[r->user].placed++;
    r->state = HTH_REQ_RUNNING;
    r->served_step = s->stats.steps - 1; /* behind those who had their rows before */
    r->promised = pages;
    s->promised += pages;
    r->pending = r->len > 1 ? r->len : 0;
    s->user[r->user].pending += r->pending;
    s->run[s->run_count++] = i;
    adopt(s, r, found);
}

bool hth_place_admit(HthSched *s, uint32_t i) {
    HthReq *r = &s->req[i];
    const int32_t rank = r->rank;
    if (s->place_free_count == 0 && !hth_place_weakest(s, rank)) return false;
    uint32_t pages = hth_sched_pages(s, r->len) + 1, most = hth_sched_pages(s, r->t.ctx);
    if (pages > most) pages = most;
    const uint32_t found = match(s, r);
    const uint32_t need = pages - found;
    if (!could_make_room(s, need, rank) || !make_room(s, need, rank, 0)) {
        unmatch(s, found);
        return false;
    }
    if (s->place_free_count == 0) hth_place_set_back(s, hth_place_weakest(s, rank));
    enter(s, i, pages, found);
    return true;
}

bool hth_place_grow(HthSched *s, uint32_t i, uint32_t len) {
    HthReq *r = &s->req[i];
    HthTable *table = s->place[r->place];
    const uint32_t want = hth_sched_pages(s, len), had = hth_table_pages(table);
    const uint32_t more = want > had ? want - had : 0;
    if (more > r->promised && !make_room(s, more - r->promised, INT32_MAX, i)) {
        hth_place_set_back(s, i);
        return false;
    }
    spend_promise(s, r, more);
    if (s->cfg.prefix) hth_prefix_evict(s->cfg.prefix, more);
    const HthStatus st = hth_table_grow(table, len, NULL);
    HTH_ASSERT(st == HTH_OK); /* room was made */
    return true;
}

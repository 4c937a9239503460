/* state.c - see state.h.
 *
 * Thread: one step at a time per timeline. */
#include "op/state.h"

#include <string.h>

#include "base/mem.h"
#include "base/num.h"

static uint32_t ring_rows(const HthStateSpec *p, bool back) {
    return p->before + (back ? 2 * HTH_STATE_BACK : 0);
}

static size_t line(size_t floats) {
    return (floats + 15) & ~(size_t)15;
}

static size_t head_floats(void) {
    return sizeof(HthStateHead) / sizeof(float);
}

static size_t block_floats(const HthStateSpec *p, bool back) {
    return head_floats() + (back ? 3 : 1) * line(p->size) +
           line((size_t)ring_rows(p, back) * p->row);
}

static size_t snap_floats(const HthStateSpec *p) {
    return line(p->size) + line((size_t)p->before * p->row);
}

HthStatus hth_state_layout(HthKvLayout *l, const HthStateSpec *specs, uint32_t count, bool back,
                           HthErr *err) {
    size_t block = 0, snap = 0;
    bool over = false;
    for (uint32_t i = 0; i < count; i++) { /* of sizes below 2^32 */
        over = over || hth_add_over(block, block_floats(&specs[i], back), &block) ||
               hth_add_over(snap, snap_floats(&specs[i]), &snap);
        HTH_ASSERT(specs[i].before <= HTH_STATE_BACK);
    }
    HTH_REQUIRE(!over && block < SIZE_MAX / sizeof(float) / 2, err, HTH_ELIMIT,
                "the states of this model do not fit in memory");
    l->states = specs;
    l->n_state = count;
    l->back = back;
    l->block_bytes = block * sizeof(float);
    l->snap_bytes = snap * sizeof(float);
    /* Together snapshots may take twice what pages take. */
    for (l->snap_pages = 1; l->snap_bytes / l->snap_pages / 2 > l->page_bytes;) l->snap_pages *= 2;
    return HTH_OK;
}

HthState hth_state_of(const HthKvView *v, uint32_t which) {
    const HthKvLayout *l = &v->layout;
    HTH_ASSERT(which < l->n_state && v->block);
    float *at = v->block;
    for (uint32_t i = 0; i < which; i++) at += block_floats(&l->states[i], l->back);
    const HthStateSpec *p = &l->states[which];
    HthState s = { .spec = p, .rows = ring_rows(p, l->back) };
    s.head = (HthStateHead *)(void *)at;
    at += head_floats();
    s.live = at;
    at += line(p->size);
    for (int b = 0; b < 2 && l->back; b++, at += line(p->size)) s.base[b] = at;
    s.ring = at;
    return s;
}

static float *snap_of(const HthKvView *v, uint32_t which, uint32_t count) {
    float *at = (float *)(void *)v->snaps[count / HTH_PAGE_LEN - 1];
    for (uint32_t i = 0; at && i < which; i++) at += snap_floats(&v->layout.states[i]);
    return at;
}

float *hth_state_snap(const HthKvView *v, uint32_t which, uint32_t count) {
    return count > 0 && count % HTH_PAGE_LEN == 0 ? snap_of(v, which, count) : NULL;
}

static uint32_t slot(uint32_t count) {
    return count / HTH_STATE_BACK % 2;
}

static void keep_base(const HthState *s, uint32_t count) {
    if (!s->base[0] || count % HTH_STATE_BACK != 0) return;
    memcpy(s->base[slot(count)], s->live, s->spec->size * sizeof(float));
    s->head->base[slot(count)] = count;
}

/* From the snapshot of the page that ends here, or from nothing. */
static void begin(const HthState *s, const HthKvView *v, uint32_t which, uint32_t pos) {
    const uint32_t before = s->spec->before, row = s->spec->row;
    const float *snap = hth_state_snap(v, which, pos);
    HTH_ASSERT(pos == 0 || snap); /* hth_state_rest says where one can go on */
    if (snap)
        memcpy(s->live, snap, s->spec->size * sizeof(float));
    else
        memset(s->live, 0, s->spec->size * sizeof(float));
    for (uint32_t i = 0; snap && i < before; i++)
        memcpy(hth_state_row(s, pos - before + i), snap + line(s->spec->size) + (size_t)i * row,
               row * sizeof(float));
    s->head->low = pos;
    keep_base(s, pos);
}

void hth_state_seek(const HthState *s, const HthKvView *v, uint32_t which, uint32_t pos) {
    HthStateHead *h = s->head;
    const uint32_t base = pos - pos % HTH_STATE_BACK;
    if (h->at == pos) return;
    if (s->base[0] && pos == h->end && pos >= h->low) { /* rows were taken back */
        HTH_ASSERT(h->at == HTH_STATE_NOWHERE && h->base[slot(pos)] == base);
        memcpy(s->live, s->base[slot(pos)], s->spec->size * sizeof(float));
        h->at = base;
        return;
    }
    begin(s, v, which, pos);
    h->at = pos;
}

bool hth_state_keeps(const HthState *s, uint32_t count, uint32_t end) {
    return s->base[0] && count % HTH_STATE_BACK == 0 && count + 2 * HTH_STATE_BACK > end;
}

void hth_state_done(const HthState *s, uint32_t count) {
    HthStateHead *h = s->head;
    const uint32_t last = count - count % HTH_STATE_BACK;
    for (uint32_t b = last; s->base[0] && b > h->at && last - b <= HTH_STATE_BACK;
         b -= HTH_STATE_BACK)
        h->base[slot(b)] = b;
    h->at = h->end = count;
    if (!s->base[0])
        h->low = count;
    else if (last >= HTH_STATE_BACK && last - HTH_STATE_BACK > h->low)
        h->low = last - HTH_STATE_BACK;
}

uint32_t hth_state_rest(const HthKvView *v, uint32_t count) {
    if (v->layout.n_state == 0 || count == 0) return count;
    const HthStateHead *h = hth_state_of(v, 0).head;
    if (h->at == count || (v->layout.back && count >= h->low)) return count;
    for (uint32_t pages = count / HTH_PAGE_LEN; pages > 0; pages--)
        if (v->snaps[pages - 1]) return pages * HTH_PAGE_LEN;
    return 0;
}

/* Nothing stays but what snapshots have. */
static void forget_all(const HthKvView *v, uint32_t count) {
    hth_zero(v->block, v->layout.block_bytes);
    for (uint32_t i = 0; i < v->layout.n_state && count > 0; i++) {
        HthStateHead *h = hth_state_of(v, i).head;
        h->at = h->low = HTH_STATE_NOWHERE;
        h->end = count;
    }
}

static void forget(const HthState *s, uint32_t count) {
    HthStateHead *h = s->head;
    hth_zero(s->live, s->spec->size * sizeof(float));
    for (uint32_t p = count; p < h->end && p < count + s->rows; p++)
        hth_zero(hth_state_row(s, p), s->spec->row * sizeof(float));
    for (uint32_t b = 0; b < 2; b++) {
        if (h->base[b] <= count || h->base[b] == HTH_STATE_NOWHERE) continue;
        hth_zero(s->base[b], s->spec->size * sizeof(float));
        h->base[b] = HTH_STATE_NOWHERE;
    }
    h->at = HTH_STATE_NOWHERE;
    h->end = count;
}

void hth_state_forget(const HthKvView *v, uint32_t count) {
    if (v->layout.n_state == 0) return;
    const HthStateHead *h = hth_state_of(v, 0).head; /* all have seen the same rows */
    if (h->end == count) return;
    if (count == 0 || !v->layout.back || count < h->low || count > h->end) {
        forget_all(v, count);
        return;
    }
    for (uint32_t i = 0; i < v->layout.n_state; i++) {
        const HthState s = hth_state_of(v, i);
        forget(&s, count);
    }
}

void hth_state_pretend(const HthKvView *v, uint32_t count) {
    for (uint32_t i = 0; i < v->layout.n_state; i++) {
        const HthState s = hth_state_of(v, i);
        hth_state_done(&s, count);
    }
}

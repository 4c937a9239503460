/* grammar_match.c - one answer's place in a grammar, and the tokens that may come next.
 *
 * Thread: the one that owns the masks. */
#include <string.h>

#include "base/mem.h"
#include "text/grammar_int.h"

enum { STACKS_MAX = 1 << 15 }; /* interned since the last cleaning */

HthStatus hth_matcher_open(HthMatcher **out, const HthGrammar *g, HthMasks *masks, HthErr *err) {
    HthMatcher *m = hth_calloc(1, sizeof *m);
    HTH_REQUIRE(m, err, HTH_ENOMEM, "out of memory for a place in a grammar");
    m->g = g;
    m->masks = masks;
    HthStatus status = hth_space_open(&m->space, g, err);
    if (status == HTH_OK && masks) {
        m->mask = hth_calloc((size_t)masks->words * HTH_KEPT_MASKS, sizeof *m->mask);
        if (!m->mask) status = HTH_FAIL(err, HTH_ENOMEM, "out of memory for token masks");
        if (status == HTH_OK) status = hth_places_open(masks, g, &m->places, err);
    }
    if (status == HTH_OK) status = hth_space_first(&m->space, &m->first, err);
    m->first_end = m->space.may_end;
    HthSets *const room[] = { &m->now, &m->next, &m->trial }; /* enough to begin again, always */
    for (uint32_t r = 0; status == HTH_OK && r < HTH_COUNT(room); r++)
        for (uint32_t i = 0; status == HTH_OK && i < m->first.n; i++)
            status = hth_sets_add(room[r], m->first.p[i], err);
    m->may_end = m->first_end;
    if (status != HTH_OK) {
        hth_matcher_close(&m);
        return status;
    }
    *out = m;
    return HTH_OK;
}

void hth_matcher_close(HthMatcher **mp) {
    HthMatcher *m = *mp;
    if (!m) return;
    if (m->places) hth_places_drop(m->masks, m->places);
    if (m->space.g) hth_space_close(&m->space);
    for (uint32_t i = 0; i < HTH_KEPT_MASKS; i++) hth_free(m->kept[i].p);
    hth_free(m->first.p);
    hth_free(m->now.p);
    hth_free(m->next.p);
    hth_free(m->trial.p);
    hth_free(m->mask);
    hth_free(m);
    *mp = NULL;
}

/* ---- moving on ---- */
static HthStatus clean(HthMatcher *m, HthErr *err) {
    if (m->space.stack_n <= STACKS_MAX) return HTH_OK;
    HthSets *const kept[] = { &m->now, &m->first };
    HTH_TRY(hth_space_keep(&m->space, kept, HTH_COUNT(kept), err));
    for (uint32_t i = 0; i < HTH_KEPT_MASKS; i++) m->kept[i].n = 0;
    return HTH_OK;
}

/* From the place at hand over all bytes into m->next; *end: the text may end there. */
static HthStatus advance(HthMatcher *m, const uint8_t *bytes, size_t n, bool *end, HthErr *err) {
    m->next.n = 0;
    *end = m->may_end;
    for (uint32_t i = 0; i < m->now.n; i++) HTH_TRY(hth_sets_add(&m->next, m->now.p[i], err));
    for (size_t i = 0; i < n; i++) {
        m->trial.n = 0;
        HTH_TRY(hth_space_step(&m->space, &m->next, 0, m->next.n, bytes[i], &m->trial, err));
        const HthSets swap = m->next;
        m->next = m->trial;
        m->trial = swap;
        *end = m->space.may_end;
        HTH_REQUIRE(m->next.n || *end, err, HTH_EINVAL,
                    "byte %zu of what was written is outside the grammar", i + 1);
    }
    return HTH_OK;
}

static HthStatus move(HthMatcher *m, const uint8_t *bytes, size_t n, HthErr *err) {
    bool end;
    HTH_TRY(clean(m, err));
    HTH_TRY(advance(m, bytes, n, &end, err));
    const HthSets swap = m->now;
    m->now = m->next;
    m->next = swap;
    m->may_end = end;
    return HTH_OK;
}

HthStatus hth_matcher_accept(HthMatcher *m, uint32_t id, HthErr *err) {
    const HthMasks *masks = m->masks;
    HTH_ASSERT(masks);
    HTH_REQUIRE(id < hth_vocab_count(masks->v), err, HTH_EINVAL, "token %u does not exist", id);
    if (hth_vocab_is_end(masks->v, id)) {
        HTH_REQUIRE(m->may_end, err, HTH_EINVAL, "token %u ends a text that is not whole", id);
        return HTH_OK;
    }
    const uint32_t n = masks->at[id + 1] - masks->at[id];
    HTH_REQUIRE(n, err, HTH_EINVAL, "token %u stands for no text", id);
    return move(m, masks->bytes + masks->at[id], n, err);
}

HthStatus hth_matcher_bytes(HthMatcher *m, HthStr bytes, HthErr *err) {
    return move(m, (const uint8_t *)bytes.p, bytes.n, err);
}

bool hth_matcher_may_end(const HthMatcher *m) {
    return m->may_end;
}

bool hth_matcher_must_end(const HthMatcher *m) {
    return m->may_end && m->now.n == 0;
}

void hth_matcher_reset(HthMatcher *m) {
    HTH_ASSERT(m->now.cap >= m->first.n);
    if (m->first.n) memcpy(m->now.p, m->first.p, m->first.n * sizeof *m->now.p);
    m->now.n = m->first.n;
    m->may_end = m->first_end;
}

/* ---- masks ---- */
static void set_bit(uint32_t *mask, uint32_t id) {
    mask[id / 32] |= 1u << id % 32;
}

static void add_ids(const HthMasks *masks, uint32_t *mask, const HthIdSet *ids) {
    if (!ids->dense) {
        for (uint32_t i = 0; i < ids->n; i++) set_bit(mask, ids->p[i]);
        return;
    }
    for (uint32_t i = 0; i < masks->words; i++) mask[i] |= ids->p[i];
}

/* Tries the words of a trie from m->trial[0..n) on. */
static HthStatus try_words(HthMatcher *m, const HthRowTrie *t, uint32_t *mask, HthErr *err) {
    uint32_t *at = m->masks->depth, *n = at + HTH_WORD_MAX + 2;
    at[0] = 0;
    n[0] = m->trial.n;
    for (uint32_t i = 0; i < t->node_n;) {
        const HthRowNode *node = &t->node[i];
        const uint32_t d = node->depth;
        m->trial.n = at[d] = at[d - 1] + n[d - 1];
        HTH_TRY(
            hth_space_step(&m->space, &m->trial, at[d - 1], n[d - 1], node->byte, &m->trial, err));
        n[d] = m->trial.n - at[d];
        if (n[d] || m->space.may_end)
            for (uint32_t k = node->word; k < t->node[i + 1].word; k++) set_bit(mask, t->id[k]);
        i = n[d] ? i + 1 : node->skip;
    }
    return HTH_OK;
}

static HthStatus add_place(HthMatcher *m, HthConf c, const HthPlace *place, uint32_t *mask,
                           HthErr *err) {
    add_ids(m->masks, mask, &place->sure);
    for (uint32_t i = 0; i < place->tails_n; i++) {
        const HthTails *tails = &place->tails[i];
        m->trial.n = 0;
        HTH_TRY(hth_space_leave(&m->space, tails->leave, c, &m->trial, err));
        if (m->trial.n || m->space.may_end)
            for (uint32_t k = 0; k < tails->trie.node[0].word; k++)
                set_bit(mask, tails->trie.id[k]);
        if (m->trial.n) HTH_TRY(try_words(m, &tails->trie, mask, err));
    }
    return HTH_OK;
}

static HthStatus add_conf(HthMatcher *m, HthConf c, uint32_t *mask, HthErr *err) {
    const HthPlace *place;
    const bool extra = m->g->state[c.state].kind != HTH_STATE_PLAIN &&
                       hth_frame_may_take(&m->space, m->space.stack[c.stack].frame, HTH_EXTRA);
    for (uint32_t layer = 0; layer < HTH_LAYERS; layer++) {
        HTH_TRY(hth_place_get(m->masks, m->g, m->places, c.state, layer, extra, &place, err));
        HTH_TRY(add_place(m, c, place, mask, err));
    }
    return HTH_OK;
}

/* The mask of the place at hand, if it is one of the last. */
static uint32_t *kept_mask(HthMatcher *m) {
    for (uint32_t i = 0; i < HTH_KEPT_MASKS; i++) {
        const HthSets *kept = &m->kept[i];
        if (kept->n && kept->n == m->now.n && m->kept_end[i] == m->may_end &&
            memcmp(kept->p, m->now.p, kept->n * sizeof *kept->p) == 0)
            return m->mask + (size_t)i * m->masks->words;
    }
    return NULL;
}

HthStatus hth_matcher_mask(HthMatcher *m, const uint32_t **out, HthErr *err) {
    HTH_ASSERT(m->masks);
    HTH_TRY(clean(m, err));
    for (uint32_t i = 0; i < m->now.n; i++)
        HTH_REQUIRE(m->space.stack[m->now.p[i].stack].depth <= HTH_GRAMMAR_DEPTH_MAX, err,
                    HTH_ELIMIT, "the text is nested deeper than %d levels", HTH_GRAMMAR_DEPTH_MAX);
    const uint32_t *kept = kept_mask(m);
    if (kept) {
        *out = kept;
        return HTH_OK;
    }
    const uint32_t slot = m->kept_next;
    uint32_t *mask = m->mask + (size_t)slot * m->masks->words;
    m->kept[slot].n = 0;
    memset(mask, 0, m->masks->words * sizeof *mask);
    for (uint32_t i = 0; i < m->now.n; i++) HTH_TRY(add_conf(m, m->now.p[i], mask, err));
    for (uint32_t i = 0; i < m->masks->ends_n && m->may_end; i++) set_bit(mask, m->masks->ends[i]);
    for (uint32_t i = 0; i < m->now.n; i++) {
        const HthStatus status = hth_sets_add(&m->kept[slot], m->now.p[i], err);
        if (status != HTH_OK) m->kept[slot].n = 0;
        HTH_TRY(status);
    }
    m->kept_end[slot] = m->may_end;
    m->kept_next = (slot + 1) % HTH_KEPT_MASKS;
    *out = mask;
    return HTH_OK;
}

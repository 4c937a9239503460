/* grammar_place.c - what is known of a state whatever lies below it on the stack: the tokens that
 * are surely allowed, and the few that must be tried on the real stack.
 *
 * A state is walked with the whole vocabulary once, over an automaton of sets of configurations on
 * an unknown stack, made as it is needed (HthRel).  A token that leaves the unknown stack below is
 * kept by what is left of it after it left: many tokens share that.
 *
 * Thread: one owner. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/grammar_int.h"

typedef struct Tail {
    HthLeave leave;
    HthWord rest;
} Tail;
typedef struct Pending { /* a token that left after `depth` bytes */
    HthLeave leave;
    uint32_t depth;
} Pending;
typedef struct Walk {
    HthMasks *m;
    HthRel *r;
    uint32_t *sure, *extra; /* [words] */
    uint32_t *set; /* [depth] sets on the way to where we are */
    uint8_t byte[HTH_WORD_MAX + 2]; /* [depth] the last byte of each */
    Tail *tail;
    uint32_t tail_n, tail_cap;
    Pending *pending;
    uint32_t pending_n, pending_cap;
    HthByteSet popped; /* bytes that may follow the procedure */
    HthErr *err;
} Walk;

static HthStatus add_tail(Walk *w, HthLeave leave, uint32_t id, uint32_t at) {
    const uint32_t from = w->m->at[id];
    HTH_REQUIRE(hth_grow(&w->tail, &w->tail_cap, w->tail_n, sizeof *w->tail), w->err, HTH_ENOMEM,
                "out of memory for token masks");
    const HthWord rest = { w->m->bytes + from + at, w->m->at[id + 1] - from - at, id };
    w->tail[w->tail_n++] = (Tail){ leave, rest };
    return HTH_OK;
}

/* May a token that left so go on with this byte? */
static bool may_follow(const Walk *w, HthLeave leave, uint8_t byte) {
    const HthByteSet set =
        leave.kind == HTH_LEAVE_POP ? w->popped : hth_follow_of(w->r->space.g, leave, HTH_NONE);
    return set.word[byte / 32] >> byte % 32 & 1;
}

/* Where the way to depth n left the stack known, and could go on as it did. */
static HthStatus find_pending(Walk *w, uint32_t n) {
    w->pending_n = 0;
    for (uint32_t d = 1; d <= n; d++) {
        const HthRelSet *s = &w->r->set[w->set[d]];
        for (uint32_t i = 0; i < s->leave_n; i++) {
            const HthLeave leave = w->r->leave[s->leave + i];
            if (d < n && !may_follow(w, leave, w->byte[d + 1])) continue;
            HTH_REQUIRE(hth_grow(&w->pending, &w->pending_cap, w->pending_n, sizeof *w->pending),
                        w->err, HTH_ENOMEM, "out of memory for token masks");
            w->pending[w->pending_n++] = (Pending){ leave, d };
        }
    }
    return HTH_OK;
}

/* A token that the known part of the stack does not surely allow. */
static HthStatus end_token(Walk *w, uint32_t id, uint8_t what) {
    const uint32_t n = w->m->at[id + 1] - w->m->at[id];
    for (uint32_t i = 0; i < w->pending_n; i++) {
        if (w->pending[i].leave.kind != HTH_LEAVE_POP || w->pending[i].depth != n) continue;
        w->sure[id / 32] |= 1u << id % 32;
        return HTH_OK;
    }
    if (what & HTH_IF_EXTRA) w->extra[id / 32] |= 1u << id % 32;
    if (what & HTH_IF_NAMED) HTH_TRY(add_tail(w, (HthLeave){ HTH_LEAVE_SELF, HTH_NONE }, id, 0));
    for (uint32_t i = 0; i < w->pending_n; i++)
        HTH_TRY(add_tail(w, w->pending[i].leave, id, w->pending[i].depth));
    return HTH_OK;
}

static HthStatus walk_node(Walk *w, uint32_t i, uint32_t *next) {
    const HthRowTrie *t = &w->m->trie;
    const uint32_t depth = t->node[i].depth, to = w->set[depth];
    const bool all =
        to == HTH_SET_DEAD || to == HTH_SET_UNCLEAR; /* what is below shares its fate */
    *next = all ? t->node[i].skip : i + 1;
    if (!all && t->node[i].word == t->node[i + 1].word) return HTH_OK;
    HTH_TRY(find_pending(w, depth));
    if (to == HTH_SET_DEAD && w->pending_n == 0) return HTH_OK;
    const uint8_t what = to == HTH_SET_UNCLEAR ? HTH_IF_NAMED : w->r->set[to].what;
    for (uint32_t k = t->node[i].word; k < t->node[*next].word; k++)
        HTH_TRY(end_token(w, t->id[k], what));
    return HTH_OK;
}

/* All of a branch at once, where its characters all lead the same way. */
static HthStatus walk_run(Walk *w, uint32_t i, bool *done) {
    const HthRowTrie *t = &w->m->trie;
    const HthRowNode *node = &t->node[i];
    uint32_t to;
    *done = false;
    HTH_TRY(hth_rel_run(w->r, w->set[node->depth - 1], node->groups, node->chars, &to, w->err));
    if (to == HTH_SET_UNKNOWN) return HTH_OK;
    uint32_t *bits = w->sure;
    if (!(w->r->set[to].what & HTH_SURE)) {
        bits = w->extra;
        for (uint32_t d = 1; d < node->depth; d++)
            if (w->r->set[w->set[d]].leave_n) return HTH_OK; /* its tokens go two ways */
    }
    for (uint32_t k = node->word; k < t->node[node->skip].word; k++)
        bits[t->id[k] / 32] |= 1u << t->id[k] % 32;
    *done = true;
    return HTH_OK;
}

static HthStatus walk(Walk *w, uint32_t first) {
    const HthRowTrie *t = &w->m->trie;
    const uint8_t *class_of = w->r->space.g->class_of;
    w->set[0] = first;
    for (uint32_t i = 0; i < t->node_n;) {
        const HthRowNode *node = &t->node[i];
        const HthRelSet *from = &w->r->set[w->set[node->depth - 1]];
        if (from->wide) {
            bool done;
            HTH_TRY(walk_run(w, i, &done));
            if (done) i = node->skip;
            if (done) continue;
            from = &w->r->set[w->set[node->depth - 1]];
        }
        uint32_t to = from->row[class_of[node->byte]];
        if (to == HTH_SET_UNKNOWN)
            HTH_TRY(hth_rel_step(w->r, w->set[node->depth - 1], node->byte, &to, w->err));
        w->set[node->depth] = to;
        w->byte[node->depth] = node->byte;
        if (!(w->r->set[to].what & HTH_SURE)) {
            HTH_TRY(walk_node(w, i, &i));
            continue;
        }
        for (uint32_t k = node->word; k < node[1].word; k++)
            w->sure[t->id[k] / 32] |= 1u << t->id[k] % 32;
        i++;
    }
    return HTH_OK;
}

/* ---- places ---- */
static HthStatus id_set(const HthMasks *m, HthIdSet *out, const uint32_t *bits, size_t *bytes,
                        HthErr *err) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->words; i++) n += (uint32_t)__builtin_popcount(bits[i]);
    if (n == 0) return HTH_OK;
    out->dense = n >= m->words / 2;
    out->n = out->dense ? m->words : n;
    out->p = hth_calloc(out->n, sizeof *out->p);
    HTH_REQUIRE(out->p, err, HTH_ENOMEM, "out of memory for token masks");
    *bytes += out->n * sizeof *out->p;
    if (out->dense) {
        memcpy(out->p, bits, m->words * sizeof *bits);
        return HTH_OK;
    }
    n = 0;
    for (uint32_t i = 0; i < m->words; i++)
        for (uint32_t b = bits[i]; b; b &= b - 1) out->p[n++] = i * 32 + (uint32_t)__builtin_ctz(b);
    return HTH_OK;
}

static int by_leave(const void *a, const void *b) {
    const Tail *x = a, *y = b;
    if (x->leave.kind != y->leave.kind) return x->leave.kind < y->leave.kind ? -1 : 1;
    if (x->leave.state != y->leave.state) return x->leave.state < y->leave.state ? -1 : 1;
    return hth_word_cmp(&x->rest, &y->rest);
}

static HthStatus add_tails(HthPlace *place, Walk *w, HthErr *err) {
    if (w->tail_n == 0) return HTH_OK;
    qsort(w->tail, w->tail_n, sizeof *w->tail, by_leave);
    HthWord *words = hth_calloc(w->tail_n, sizeof *words);
    uint32_t cap = 0;
    HthStatus status = words ? HTH_OK : HTH_ENOMEM;
    for (uint32_t i = 0, n; status == HTH_OK && i < w->tail_n; i += n) {
        const HthLeave leave = w->tail[i].leave;
        for (n = 0; i + n < w->tail_n && w->tail[i + n].leave.kind == leave.kind &&
                    w->tail[i + n].leave.state == leave.state;
             n++)
            words[n] = w->tail[i + n].rest;
        if (!hth_grow(&place->tails, &cap, place->tails_n, sizeof *place->tails)) {
            status = HTH_ENOMEM;
            break;
        }
        HthTails *tails = &place->tails[place->tails_n];
        tails->leave = leave;
        status = hth_row_trie_open(&tails->trie, words, n, false, err);
        if (status != HTH_OK) break;
        place->tails_n++;
        place->bytes += sizeof *tails + tails->trie.node_n * sizeof *tails->trie.node + n * 4;
    }
    hth_free(words);
    if (status == HTH_ENOMEM) return HTH_FAIL(err, HTH_ENOMEM, "out of memory for token masks");
    return status;
}

static void place_close(HthPlace **place) {
    HthPlace *p = *place;
    if (!p) return;
    for (uint32_t i = 0; i < p->tails_n; i++) hth_row_trie_close(&p->tails[i].trie);
    hth_free(p->tails);
    hth_free(p->sure.p);
    hth_free(p->extra.p);
    hth_free(p);
    *place = NULL;
}

/* In a key that can only become an extra member, whoever stands here may have one. */
static bool extra_only(const HthGrammar *g, uint32_t state) {
    const HthState *st = &g->state[state];
    return st->kind == HTH_STATE_KEY && st->reach_n == 1 && g->reach[st->reach] == HTH_EXTRA;
}

static HthStatus place_open(HthMasks *m, const HthGrammar *g, uint32_t state, HthPlace **out,
                            HthErr *err) {
    uint32_t first;
    HTH_TRY(hth_rel_for(m, g, err));
    HthRel *r = m->rel;
    HTH_TRY(hth_rel_first(r, state, &first, err));
    HthPlace *place = hth_calloc(1, sizeof *place);
    HTH_REQUIRE(place, err, HTH_ENOMEM, "out of memory for token masks");
    place->bytes = sizeof *place;
    Walk w = { .m = m, .r = r, .sure = m->bits, .extra = m->bits + m->words, .err = err };
    w.set = m->depth;
    w.popped = hth_follow_of(g, (HthLeave){ HTH_LEAVE_POP, HTH_NONE }, state);
    memset(m->bits, 0, 2 * (size_t)m->words * sizeof *m->bits);
    HthStatus status = walk(&w, first);
    if (status == HTH_OK && extra_only(g, state)) {
        for (uint32_t i = 0; i < m->words; i++) w.sure[i] |= w.extra[i];
        memset(w.extra, 0, m->words * sizeof *w.extra);
    }
    if (status == HTH_OK) status = id_set(m, &place->sure, w.sure, &place->bytes, err);
    if (status == HTH_OK) status = id_set(m, &place->extra, w.extra, &place->bytes, err);
    if (status == HTH_OK) status = add_tails(place, &w, err);
    hth_free(w.tail);
    hth_free(w.pending);
    if (status != HTH_OK) place_close(&place);
    if (status == HTH_OK) *out = place;
    return status;
}

/* ---- which are kept ---- */
#define HELD_MAX ((size_t)128 << 20) /* bytes of places, over all grammars */

static void places_empty(HthMasks *m, HthPlaces *p) {
    for (uint32_t s = 0; s < p->state_n; s++) place_close(&p->place[s]);
    m->bytes_held -= p->bytes;
    p->bytes = 0;
}

static void places_remove(HthMasks *m, HthPlaces **at) {
    HthPlaces *p = *at;
    *at = p->next;
    places_empty(m, p);
    m->bytes_held -= p->state_n * sizeof *p->place;
    hth_free(p->place);
    hth_free(p);
}

/* Grammars nobody is using go first, the longest unused one before others; then the places of those
 * in use, which come back as they are needed. */
static void make_room(HthMasks *m) {
    while (m->bytes_held > HELD_MAX) {
        HthPlaces **oldest = NULL;
        for (HthPlaces **at = &m->places; *at; at = &(*at)->next)
            if (!(*at)->matchers && (!oldest || (*at)->used < (*oldest)->used)) oldest = at;
        if (!oldest) break;
        places_remove(m, oldest);
    }
    if (m->bytes_held > HELD_MAX)
        for (HthPlaces *p = m->places; p; p = p->next) places_empty(m, p);
}

HthStatus hth_places_open(HthMasks *m, const HthGrammar *g, HthPlaces **out, HthErr *err) {
    HthPlaces *p = m->places;
    while (p && memcmp(p->hash, g->hash, sizeof p->hash) != 0) p = p->next;
    if (!p) {
        make_room(m);
        p = hth_calloc(1, sizeof *p);
        HthPlace **place = hth_calloc((size_t)g->state_n + 1, sizeof(HthPlace *));
        if (!p || !place) {
            hth_free(p);
            hth_free(place);
            return HTH_FAIL(err, HTH_ENOMEM, "out of memory for token masks");
        }
        *p = (HthPlaces){ .place = place, .state_n = g->state_n, .next = m->places };
        memcpy(p->hash, g->hash, sizeof p->hash);
        m->places = p;
        m->bytes_held += p->state_n * sizeof *place;
    }
    HTH_ASSERT(p->state_n == g->state_n);
    p->matchers++;
    p->used = ++m->clock;
    *out = p;
    return HTH_OK;
}

void hth_places_drop(HthMasks *m, HthPlaces *p) {
    p->matchers--;
    p->used = ++m->clock;
    make_room(m);
}

void hth_places_close(HthMasks *m) {
    while (m->places) places_remove(m, &m->places);
}

HthStatus hth_place_get(HthMasks *m, const HthGrammar *g, HthPlaces *places, uint32_t state,
                        const HthPlace **out, HthErr *err) {
    if (!places->place[state]) {
        HthPlace *place = NULL;
        make_room(m);
        HTH_TRY(place_open(m, g, state, &place, err));
        places->place[state] = place;
        places->bytes += place->bytes;
        m->bytes_held += place->bytes;
    }
    *out = places->place[state];
    return HTH_OK;
}

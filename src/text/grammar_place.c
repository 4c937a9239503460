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
    const HthRowTrie *trie;
    uint32_t *sure, sure_n; /* [words], how many of them */
    bool most; /* nearly all are: they were there from the beginning, and others are taken out */
    uint8_t good; /* what a set must be, one of these, for its tokens to be allowed */
    uint32_t reach_id; /* ... or in a key that can become what the first one could */
    uint32_t *set; /* [depth] sets on the way to where we are */
    uint8_t byte[HTH_WORD_MAX + 2]; /* [depth] the last byte of each */
    bool left[HTH_WORD_MAX + 2]; /* [depth] left somewhere before, and could go on as it did */
    Tail *tail;
    uint32_t tail_n, tail_cap;
    Pending *pending;
    uint32_t pending_n, pending_cap;
    HthByteSet popped; /* bytes that may follow the procedure */
    HthErr *err;
} Walk;

/* The first of them are noted one by one: in most places there are few. */
static void add_sure(Walk *w, uint32_t id) {
    uint32_t *word = &w->sure[id / 32];
    const uint32_t bit = 1u << id % 32;
    if (w->sure_n < w->m->words && !(*word & bit)) w->m->few[w->sure_n++] = id;
    *word |= bit;
}

/* Words from..to of the trie, all of them. */
static void add_many(Walk *w, uint32_t from, uint32_t to) {
    for (uint32_t k = from; k < to && !w->most; k++) add_sure(w, w->trie->id[k]);
}

static void drop_many(Walk *w, uint32_t from, uint32_t to) {
    for (uint32_t k = from; k < to && w->most; k++)
        w->sure[w->trie->id[k] / 32] &= ~(1u << w->trie->id[k] % 32);
}

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
        add_sure(w, id);
        return HTH_OK;
    }
    if (what & HTH_IF_NAMED) HTH_TRY(add_tail(w, (HthLeave){ HTH_LEAVE_SELF, HTH_NONE }, id, 0));
    for (uint32_t i = 0; i < w->pending_n; i++)
        HTH_TRY(add_tail(w, w->pending[i].leave, id, w->pending[i].depth));
    return HTH_OK;
}

/* After the step to depth n: has anything left on the way and gone on? */
static bool has_left(const Walk *w, uint32_t n) {
    if (n > 1 && w->left[n - 1]) return true;
    const HthRelSet *s = &w->r->set[w->set[n - 1]];
    for (uint32_t i = 0; i < s->leave_n; i++)
        if (may_follow(w, w->r->leave[s->leave + i], w->byte[n])) return true;
    return false;
}

static HthStatus walk_node(Walk *w, uint32_t i, uint32_t *next) {
    const HthRowTrie *t = w->trie;
    const uint32_t depth = t->node[i].depth, to = w->set[depth];
    const bool all =
        to == HTH_SET_DEAD || to == HTH_SET_UNCLEAR; /* what is below shares its fate */
    *next = all ? t->node[i].skip : i + 1;
    drop_many(w, t->node[i].word, t->node[*next].word);
    if (!all && t->node[i].word == t->node[i + 1].word) return HTH_OK;
    if (to == HTH_SET_DEAD && !w->left[depth]) return HTH_OK;
    HTH_TRY(find_pending(w, depth));
    const uint8_t what = to == HTH_SET_UNCLEAR ? HTH_IF_NAMED : w->r->set[to].what;
    for (uint32_t k = t->node[i].word; k < t->node[*next].word; k++)
        HTH_TRY(end_token(w, t->id[k], what));
    return HTH_OK;
}

enum { RUN_WORTH = 64 }; /* words of a branch for which it is worth to find out about runs */

/* Branch i, so many characters of it from this set on: all at once, where they all lead the same
 * way. */
static HthStatus walk_run(Walk *w, uint32_t i, uint32_t set, uint32_t chars, bool *done) {
    const HthRowTrie *t = w->trie;
    const HthRowNode *node = &t->node[i];
    const HthRelSet *from = &w->r->set[set];
    const uint32_t end = t->node[node->skip].word;
    uint32_t to;
    *done = false;
    if (!from->wide || chars == 0) return HTH_OK;
    if (from->run_known ? node->groups & ~from->run_groups : end - node->word < RUN_WORTH)
        return HTH_OK;
    HTH_TRY(hth_rel_run(w->r, set, node->groups, chars, &to, w->err));
    if (to == HTH_SET_UNKNOWN || !(w->r->set[to].what & w->good)) return HTH_OK;
    add_many(w, node->word, end);
    *done = true;
    return HTH_OK;
}

/* Node i is good so far: below it all may be at once. */
static HthStatus walk_on(Walk *w, uint32_t i, uint32_t to, uint32_t *next) {
    const HthRowNode *node = &w->trie->node[i];
    bool done = false;
    if (w->r->set[to].what & w->good && node->chars != HTH_CHARS_MANY)
        HTH_TRY(walk_run(w, i, to, node->chars - 1u, &done));
    if (!done) add_many(w, node->word, node[1].word);
    *next = done ? node->skip : i + 1;
    return HTH_OK;
}

static HthStatus walk(Walk *w, uint32_t first) {
    const HthRowTrie *t = w->trie;
    const uint8_t *class_of = w->r->space.g->class_of;
    w->set[0] = first;
    if (w->most) memcpy(w->sure, t->all, w->m->words * sizeof *w->sure);
    if (w->most) w->sure_n = w->m->words;
    for (uint32_t i = 0; i < t->node_n;) {
        const HthRowNode *node = &t->node[i];
        const uint32_t from = w->set[node->depth - 1];
        bool done;
        HTH_TRY(walk_run(w, i, from, node->chars, &done));
        if (done) i = node->skip;
        if (done) continue;
        uint32_t to = w->r->set[from].row[class_of[node->byte]];
        if (to == HTH_SET_UNKNOWN) HTH_TRY(hth_rel_step(w->r, from, node->byte, &to, w->err));
        w->set[node->depth] = to;
        w->byte[node->depth] = node->byte;
        w->left[node->depth] = has_left(w, node->depth);
        const HthRelSet *s = &w->r->set[to];
        if (!(s->what & w->good) && (s->reach_id != w->reach_id || !s->what))
            HTH_TRY(walk_node(w, i, &i));
        else
            HTH_TRY(walk_on(w, i, to, &i));
    }
    return HTH_OK;
}

/* ---- places ---- */
/* Takes what the walk has found; its bits are cleared for the next one. */
static HthStatus take_sure(Walk *w, HthPlace *place, HthErr *err) {
    HthMasks *m = w->m;
    HthIdSet *out = &place->sure;
    out->dense = w->sure_n == m->words;
    out->n = w->sure_n;
    if (out->n) out->p = hth_calloc(out->n, sizeof *out->p);
    if (out->p) memcpy(out->p, out->dense ? w->sure : m->few, out->n * sizeof *out->p);
    place->bytes += out->n * sizeof *out->p;
    for (uint32_t i = 0; !out->dense && i < out->n; i++) w->sure[m->few[i] / 32] = 0;
    if (out->dense) memset(w->sure, 0, m->words * sizeof *w->sure);
    HTH_REQUIRE(out->p || !out->n, err, HTH_ENOMEM, "out of memory for token masks");
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
    hth_free(p);
    *place = NULL;
}

static HthStatus place_open(HthMasks *m, const HthGrammar *g, uint32_t state, uint32_t layer,
                            bool extra, HthPlace **out, HthErr *err) {
    uint32_t first;
    HTH_TRY(hth_rel_for(m, g, err));
    HTH_TRY(hth_rel_first(m->rel, state, &first, err));
    HthPlace *place = hth_calloc(1, sizeof *place);
    HTH_REQUIRE(place, err, HTH_ENOMEM, "out of memory for token masks");
    place->bytes = sizeof *place;
    Walk w = { .m = m, .r = m->rel, .trie = &m->trie[layer], .sure = m->bits, .set = m->depth };
    w.err = err;
    w.most = m->rel->set[first].wide && w.trie->id_n > m->words; /* else a list is shorter */
    w.good = (uint8_t)(HTH_SURE | (extra ? HTH_IF_EXTRA : 0));
    const bool key = g->state[state].kind == HTH_STATE_KEY;
    w.reach_id = key ? g->state[state].reach_id : HTH_FAR - 1; /* that no set has */
    w.popped = hth_follow_of(g, (HthLeave){ HTH_LEAVE_POP, HTH_NONE }, state);
    HthStatus status = walk(&w, first);
    const HthStatus taken = take_sure(&w, place, err); /* in any case */
    if (status == HTH_OK) status = taken;
    if (status == HTH_OK) status = add_tails(place, &w, err);
    hth_free(w.tail);
    hth_free(w.pending);
    if (status != HTH_OK) place_close(&place);
    if (status == HTH_OK) *out = place;
    return status;
}

/* ---- which are kept ---- */
#define HELD_MAX   ((size_t)128 << 20) /* bytes of places, over all grammars */
#define PLACES_MAX 2048 /* grammars and leaves, but for those in use */
enum { PER_STATE = 2 * HTH_LAYERS };

static void places_empty(HthMasks *m, HthPlaces *p) {
    for (size_t i = 0; i < PER_STATE * (size_t)p->state_n; i++) place_close(&p->place[i]);
    m->bytes_held -= p->bytes;
    p->bytes = 0;
}

static size_t places_size(const HthPlaces *p) {
    return PER_STATE * (size_t)p->state_n * sizeof *p->place + p->proc_n * sizeof *p->leaf;
}

static void places_remove(HthMasks *m, HthPlaces **at) {
    HthPlaces *p = *at;
    *at = p->next;
    places_empty(m, p);
    m->bytes_held -= places_size(p);
    m->places_n--;
    hth_free(p->place);
    hth_free(p->leaf);
    hth_free(p);
}

/* What nobody is using goes first, the longest unused before others; then the places of those in
 * use, which come back as they are needed. */
static void make_room(HthMasks *m) {
    while (m->bytes_held > HELD_MAX || m->places_n > PLACES_MAX) {
        HthPlaces **oldest = NULL;
        for (HthPlaces **at = &m->places; *at; at = &(*at)->next)
            if (!(*at)->users && (!oldest || (*at)->used < (*oldest)->used)) oldest = at;
        if (!oldest) break;
        places_remove(m, oldest);
    }
    if (m->bytes_held > HELD_MAX)
        for (HthPlaces *p = m->places; p; p = p->next) places_empty(m, p);
}

/* Those of this hash, one user more. */
static HthStatus places_for(HthMasks *m, const uint64_t hash[2], uint32_t state_n, uint32_t proc_n,
                            HthPlaces **out, HthErr *err) {
    HthPlaces *p = m->places;
    while (p && memcmp(p->hash, hash, sizeof p->hash) != 0) p = p->next;
    if (!p) {
        make_room(m);
        p = hth_calloc(1, sizeof *p);
        HthPlace **place = hth_calloc(PER_STATE * (size_t)state_n, sizeof(HthPlace *));
        HthPlaces **leaf = hth_calloc(proc_n, sizeof(HthPlaces *));
        if (!p || !place || !leaf) {
            hth_free(p);
            hth_free(place);
            hth_free(leaf);
            return HTH_FAIL(err, HTH_ENOMEM, "out of memory for token masks");
        }
        *p = (HthPlaces){ .place = place, .leaf = leaf, .state_n = state_n, .proc_n = proc_n };
        memcpy(p->hash, hash, sizeof p->hash);
        p->next = m->places;
        m->places = p;
        m->places_n++;
        m->bytes_held += places_size(p);
    }
    HTH_ASSERT(p->state_n == state_n && p->proc_n == proc_n);
    p->users++;
    p->used = ++m->clock;
    *out = p;
    return HTH_OK;
}

/* A grammar's leaves are in use as long as it is. */
HthStatus hth_places_open(HthMasks *m, const HthGrammar *g, HthPlaces **out, HthErr *err) {
    HthPlaces *p;
    HTH_TRY(places_for(m, g->hash, g->state_n, g->proc_n, &p, err));
    for (uint32_t i = 0; i < g->proc_n && p->users == 1; i++) {
        const HthProc *proc = &g->proc[i];
        if (!proc->leaf) continue;
        const HthStatus status = places_for(m, proc->hash, proc->state_n, 0, &p->leaf[i], err);
        if (status == HTH_OK) continue;
        hth_places_drop(m, p);
        return status;
    }
    *out = p;
    return HTH_OK;
}

void hth_places_drop(HthMasks *m, HthPlaces *p) {
    p->users--;
    p->used = ++m->clock;
    for (uint32_t i = 0; i < p->proc_n && p->users == 0; i++) {
        if (!p->leaf[i]) continue;
        p->leaf[i]->users--;
        p->leaf[i]->used = m->clock;
        p->leaf[i] = NULL;
    }
    make_room(m);
}

void hth_places_close(HthMasks *m) {
    while (m->places) places_remove(m, &m->places);
}

HthStatus hth_place_get(HthMasks *m, const HthGrammar *g, HthPlaces *places, uint32_t state,
                        uint32_t layer, bool extra, const HthPlace **out, HthErr *err) {
    if (g->alike && layer + 1 < HTH_LAYERS) state = g->alike[(size_t)layer * g->state_n + state];
    const HthState *st = &g->state[state];
    size_t at = state;
    if (st->kind == HTH_STATE_PLAIN && places->leaf[st->owner]) {
        places = places->leaf[st->owner];
        at = state - g->proc[st->owner].start;
    }
    at = PER_STATE * at + 2 * layer + extra;
    if (!places->place[at]) {
        HthPlace *place = NULL;
        make_room(m);
        HTH_TRY(place_open(m, g, state, layer, extra, &place, err));
        places->place[at] = place;
        places->bytes += place->bytes;
        m->bytes_held += place->bytes;
    }
    *out = places->place[at];
    return HTH_OK;
}

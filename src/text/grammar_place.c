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

enum { SETS_MAX = 1 << 14 }; /* of an automaton: then it is begun anew */
enum { SET_UNKNOWN, SET_DEAD, SET_UNCLEAR, SET_FIRST }; /* numbers of sets in rows */
enum { /* what a token that ends in a set is */
       SURE = 1,
       EXTRA = 2, /* if an extra member may come */
       NAMED = 4 /* if one of some members may come */
};

typedef struct RelSet {
    uint32_t conf, conf_n, leave, leave_n;
    uint32_t *row; /* [class_n] numbers of sets */
    uint8_t what;
} RelSet;
struct HthRel {
    HthSpace space;
    uint64_t hash[2]; /* of the grammar */
    HthArena *arena; /* rows and keys */
    HthMap *map; /* content -> set */
    RelSet *set;
    uint32_t n, cap;
    HthSets conf; /* of all sets, one after the other */
    HthLeave *leave;
    uint32_t leave_n, leave_cap;
    HthBuf key;
};

void hth_rel_close(HthRel **rel) {
    HthRel *r = *rel;
    if (!r) return;
    if (r->space.g) hth_space_close(&r->space);
    hth_arena_close(&r->arena);
    hth_map_close(&r->map);
    hth_free(r->set);
    hth_free(r->conf.p);
    hth_free(r->leave);
    hth_buf_drop(&r->key);
    hth_free(r);
    *rel = NULL;
}

static HthStatus rel_open(HthRel **out, const HthGrammar *g, HthErr *err) {
    HthRel *r = hth_calloc(1, sizeof *r);
    HTH_REQUIRE(r, err, HTH_ENOMEM, "out of memory for token masks");
    hth_buf_init(&r->key, 1 << 24);
    memcpy(r->hash, g->hash, sizeof r->hash);
    HthStatus status = hth_space_open(&r->space, g, err);
    if (status == HTH_OK) status = hth_arena_open(&r->arena, (size_t)64 << 20, err);
    if (status == HTH_OK) status = hth_map_open(&r->map, 64, err);
    r->n = SET_FIRST;
    if (status == HTH_OK && !hth_grow(&r->set, &r->cap, 0, sizeof *r->set))
        status = HTH_FAIL(err, HTH_ENOMEM, "out of memory for token masks");
    if (status != HTH_OK) {
        hth_rel_close(&r);
        return status;
    }
    memset(r->set, 0, SET_FIRST * sizeof *r->set);
    *out = r;
    return HTH_OK;
}

/* The automaton for this grammar, begun anew if it was another's or has grown large. */
static HthStatus rel_for(HthMasks *m, const HthGrammar *g, HthErr *err) {
    HthRel *r = m->rel;
    if (r && (memcmp(r->hash, g->hash, sizeof r->hash) != 0 || r->n > SETS_MAX ||
              r->space.stack_n > 1 << 18))
        hth_rel_close(&m->rel);
    if (!m->rel) HTH_TRY(rel_open(&m->rel, g, err));
    m->rel->space.g = g;
    return HTH_OK;
}

static uint8_t what_of(const HthGrammar *g, const HthConf *conf, uint32_t n) {
    uint8_t what = 0;
    for (uint32_t i = 0; i < n; i++) {
        const HthState *st = &g->state[conf[i].state];
        if (st->kind != HTH_STATE_KEY || conf[i].stack != HTH_STACK_BASE) {
            what |= SURE;
            continue;
        }
        const bool extra = st->reach_n && g->reach[st->reach + st->reach_n - 1] == HTH_EXTRA;
        if (extra) what |= EXTRA;
        if (st->reach_n > extra) what |= NAMED;
    }
    return what;
}

static int by_conf(const void *a, const void *b) {
    const HthConf *x = a, *y = b;
    if (x->state != y->state) return x->state < y->state ? -1 : 1;
    return x->stack < y->stack ? -1 : x->stack > y->stack;
}

/* The set of conf.p[from..] and space.leave, which are taken off again if it is there already. */
static HthStatus rel_intern(HthRel *r, uint32_t from, uint32_t *out, HthErr *err) {
    const HthGrammar *g = r->space.g;
    const uint32_t n = r->conf.n - from, leaves = r->space.leave_n;
    HthConf *conf = r->conf.p + from;
    if (n > 1) qsort(conf, n, sizeof *conf, by_conf);
    *out = SET_DEAD;
    if (n + leaves == 0) return HTH_OK;
    hth_buf_clear(&r->key);
    HTH_TRY(hth_buf_add(&r->key, &n, sizeof n, err));
    HTH_TRY(hth_buf_add(&r->key, conf, n * sizeof *conf, err));
    HTH_TRY(hth_buf_add(&r->key, r->space.leave, leaves * sizeof *r->leave, err));
    *out = hth_map_get(r->map, hth_buf_str(&r->key));
    if (*out != HTH_MAP_NONE) {
        r->conf.n = from;
        return HTH_OK;
    }
    const char *key = hth_arena_copy(r->arena, r->key.p, r->key.n);
    uint32_t *row = hth_arena_take(r->arena, g->class_n, sizeof *row);
    HTH_REQUIRE(key && row && hth_grow(&r->set, &r->cap, r->n, sizeof *r->set), err, HTH_ENOMEM,
                "out of memory for token masks");
    const uint32_t leave = r->leave_n;
    for (uint32_t i = 0; i < leaves; i++) {
        HTH_REQUIRE(hth_grow(&r->leave, &r->leave_cap, r->leave_n, sizeof *r->leave), err,
                    HTH_ENOMEM, "out of memory for token masks");
        r->leave[r->leave_n++] = r->space.leave[i];
    }
    HTH_TRY(hth_map_put(r->map, (HthStr){ key, r->key.n }, r->n, err));
    r->set[r->n] = (RelSet){ from, n, leave, leaves, row, what_of(g, conf, n) };
    *out = r->n++;
    return HTH_OK;
}

static HthStatus rel_step(HthRel *r, uint32_t set, uint8_t byte, uint32_t *out, HthErr *err) {
    const RelSet *s = &r->set[set];
    uint32_t *cell = &s->row[r->space.g->class_of[byte]];
    if (*cell == SET_UNKNOWN) {
        const uint32_t from = r->conf.n;
        HthStatus status = HTH_ELIMIT;
        if (r->n < 2 * SETS_MAX && hth_arena_used(r->arena) < (size_t)48 << 20)
            status = hth_space_step(&r->space, &r->conf, s->conf, s->conf_n, byte, &r->conf, err);
        if (status == HTH_OK) status = rel_intern(r, from, out, err);
        if (status == HTH_ELIMIT) { /* the real stack will tell */
            r->conf.n = from;
            *out = SET_UNCLEAR;
            status = HTH_OK;
        }
        HTH_TRY(status);
        *cell = *out;
    }
    *out = *cell;
    return HTH_OK;
}

/* ---- the walk ---- */
typedef struct Tail {
    HthLeave leave;
    HthWord rest;
} Tail;
typedef struct Pending {
    HthLeave leave;
    uint32_t depth;
} Pending;
typedef struct Walk {
    HthMasks *m;
    HthRel *r;
    uint32_t *sure, *extra; /* [words] */
    Tail *tail;
    uint32_t tail_n, tail_cap;
    Pending *pending;
    uint32_t pending_n, pending_cap;
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

/* A token ends, or all of its bytes past some point are for the stack below. */
static HthStatus end_token(Walk *w, uint32_t id, uint8_t what) {
    const uint32_t n = w->m->at[id + 1] - w->m->at[id];
    bool sure = what & SURE;
    for (uint32_t i = 0; i < w->pending_n; i++)
        sure |= w->pending[i].leave.kind == HTH_LEAVE_POP && w->pending[i].depth == n;
    if (sure) {
        w->sure[id / 32] |= 1u << id % 32;
        return HTH_OK;
    }
    if (what & EXTRA) w->extra[id / 32] |= 1u << id % 32;
    if (what & NAMED) HTH_TRY(add_tail(w, (HthLeave){ HTH_LEAVE_SELF, HTH_NONE }, id, 0));
    for (uint32_t i = 0; i < w->pending_n; i++)
        HTH_TRY(add_tail(w, w->pending[i].leave, id, w->pending[i].depth));
    return HTH_OK;
}

static HthStatus add_pending(Walk *w, const RelSet *s, uint32_t depth) {
    for (uint32_t i = 0; i < s->leave_n; i++) {
        HTH_REQUIRE(hth_grow(&w->pending, &w->pending_cap, w->pending_n, sizeof *w->pending),
                    w->err, HTH_ENOMEM, "out of memory for token masks");
        w->pending[w->pending_n++] = (Pending){ w->r->leave[s->leave + i], depth };
    }
    return HTH_OK;
}

static HthStatus walk(Walk *w, uint32_t first) {
    const HthRowTrie *t = &w->m->trie;
    uint32_t *set = w->m->depth;
    w->pending_n = 0;
    set[0] = first;
    for (uint32_t i = 0, to; i < t->node_n;) {
        const HthRowNode *node = &t->node[i];
        HTH_TRY(rel_step(w->r, set[node->depth - 1], node->byte, &to, w->err));
        while (w->pending_n && w->pending[w->pending_n - 1].depth >= node->depth) w->pending_n--;
        const RelSet *s = &w->r->set[to];
        uint32_t next = i + 1, last = t->node[i + 1].word;
        if (s->leave_n) HTH_TRY(add_pending(w, s, node->depth));
        if (s->conf_n == 0) { /* nothing below goes on here */
            next = node->skip;
            last = w->pending_n || to == SET_UNCLEAR ? t->node[next].word : node->word;
        }
        const uint8_t what = to == SET_UNCLEAR ? NAMED : s->what;
        for (uint32_t k = node->word; k < last; k++) HTH_TRY(end_token(w, t->id[k], what));
        set[node->depth] = to;
        i = next;
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
        status = hth_row_trie_open(&tails->trie, words, n, err);
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
    HTH_TRY(rel_for(m, g, err));
    HthRel *r = m->rel;
    const uint32_t from = r->conf.n;
    HTH_TRY(hth_sets_add(&r->conf, (HthConf){ state, HTH_STACK_BASE }, err));
    r->space.leave_n = 0;
    HTH_TRY(rel_intern(r, from, &first, err));
    HthPlace *place = hth_calloc(1, sizeof *place);
    HTH_REQUIRE(place, err, HTH_ENOMEM, "out of memory for token masks");
    place->bytes = sizeof *place;
    Walk w = { .m = m, .r = r, .sure = m->bits, .extra = m->bits + m->words, .err = err };
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

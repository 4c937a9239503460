/* schema_array.c - one list of facts about an array's items as grammar.
 *
 * What is said of positions is a chain and a tail. What is said of "some items" (contains, and
 * the negations of items and prefixItems) is counted: a state per position and counts, as far as
 * they matter, and a rule per state.
 *
 * Unique items of a finite set of plain values are members of an object without values: any order,
 * each at most once.
 *
 * Thread: as schema_int.h. */
#include <string.h>

#include "base/mem.h"
#include "text/schema_int.h"

enum {
    COUNTERS_MAX = 4,
    POSITIONS_MAX = 2000,
    CHAIN_MAX = 250,
    STATES_MAX = 1 << 14,
    LITS_MAX = 4096,
    WORDS_MAX = 512,
    VALUES_MAX = 64
};

/* min..max of the items from..to are lit. */
typedef struct Counter {
    HthSLit lit;
    uint32_t from, to, min, max;
} Counter;

typedef struct Array {
    HthSchema *s;
    const HthSFact *facts;
    uint32_t facts_n, lo, hi;
    Counter counters[COUNTERS_MAX];
    uint32_t counters_n;
    uint32_t unique; /* node that says so, UINT32_MAX: none */
    uint32_t tail; /* from this position on all are alike */
    HthSLit *lits; /* [LITS_MAX] */
} Array;

/* --- what is known --- */

static HthStatus add_counter(Array *a, Counter c) {
    if (c.min == 0 && c.max == HTH_MANY) return HTH_OK;
    for (uint32_t i = 0; i < a->counters_n; i++) {
        Counter *o = &a->counters[i];
        if (o->lit != c.lit || o->from != c.from || o->to != c.to) continue;
        if (c.min > o->min) o->min = c.min;
        if (c.max < o->max) o->max = c.max;
        return HTH_OK;
    }
    HTH_REQUIRE(a->counters_n < COUNTERS_MAX, a->s->err, HTH_ENOTSUP,
                "a schema that counts more than %d kinds of items at once is not supported",
                COUNTERS_MAX);
    a->counters[a->counters_n++] = c;
    return HTH_OK;
}

static void reach(Array *a, uint32_t position) {
    if (position != HTH_MANY && position > a->tail) a->tail = position;
}

static HthStatus collect(Array *a) {
    for (uint32_t i = 0; i < a->facts_n; i++) {
        const HthSFact *f = &a->facts[i];
        switch (f->kind) {
        case HTH_SF_COUNT:
            if (f->lo > a->lo) a->lo = f->lo;
            if (f->hi < a->hi) a->hi = f->hi;
            break;
        case HTH_SF_EVERY:
            reach(a, f->lo);
            reach(a, f->hi == HTH_MANY ? HTH_MANY : f->hi + 1);
            break;
        case HTH_SF_SOME:
            reach(a, f->lo);
            reach(a, f->hi == HTH_MANY ? HTH_MANY : f->hi + 1);
            HTH_TRY(add_counter(a, (Counter){ f->lit, f->lo, f->hi, 1, HTH_MANY }));
            break;
        case HTH_SF_MATCHES:
            HTH_TRY(add_counter(a, (Counter){ f->lit, 0, HTH_MANY, f->lo, f->hi }));
            break;
        default:
            HTH_REQUIRE(f->lo == 0, a->s->err, HTH_ENOTSUP,
                        "%s: the opposite of uniqueItems is not supported",
                        a->s->nodes[f->keys].path);
            a->unique = f->keys;
        }
    }
    return HTH_OK;
}

/* What is said of the item at a position; more: of it alone. */
static HthStatus item_at(Array *a, uint32_t position, const HthSLit *more, uint32_t more_n,
                         uint32_t *state) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < a->facts_n; i++) {
        const HthSFact *f = &a->facts[i];
        if (f->kind != HTH_SF_EVERY || position < f->lo || position > f->hi) continue;
        HTH_REQUIRE(n < LITS_MAX - COUNTERS_MAX, a->s->err, HTH_ELIMIT,
                    "the schema says more than %d things about one item", LITS_MAX);
        a->lits[n++] = f->lit;
    }
    for (uint32_t i = 0; i < more_n; i++) a->lits[n++] = more[i];
    return hth_s_state(a->s, a->lits, n, state);
}

/* --- without counters --- */

static HthStatus chain(Array *a, HthNode *out) {
    HthSchema *s = a->s;
    uint32_t states[CHAIN_MAX + 1], n = a->tail ? a->tail : 1;
    HTH_REQUIRE(n <= CHAIN_MAX, s->err, HTH_ELIMIT,
                "an array with %u items that differ is not supported; at most %d", n, CHAIN_MAX);
    for (uint32_t i = 0; i <= n; i++) {
        HTH_TRY(item_at(a, i, NULL, 0, &states[i]));
        if (states[i] == HTH_S_DEAD && i < a->hi) a->hi = i;
    }
    *out = HTH_NODE_NONE;
    if (a->lo > a->hi) return HTH_OK;
    HthNode node = s->empty;
    if (a->hi > n) {
        const HthNode one[] = { s->comma, s->states[states[n]].rule };
        node = hth_ir_repeat(s->ir, hth_ir_seq(s->ir, one, 2), a->lo > n ? a->lo - n : 0,
                             a->hi == HTH_MANY ? HTH_MANY : a->hi - n);
    } else {
        n = a->hi;
    }
    for (uint32_t i = n; i-- > 0;) {
        const HthNode parts[] = { i ? s->comma : s->empty, s->states[states[i]].rule, node };
        node = hth_ir_seq(s->ir, parts, 3);
        const HthNode maybe[] = { s->empty, node };
        if (i >= a->lo) node = hth_ir_alt(s->ir, maybe, 2);
    }
    *out = node;
    return HTH_OK;
}

/* --- with counters --- */

typedef struct Place {
    uint32_t position, counts[COUNTERS_MAX];
} Place;

typedef struct Counting {
    Array *a;
    HthArena *arena;
    HthMap *seen;
    const Place **places; /* [STATES_MAX] */
    HthNode *rules; /* [STATES_MAX] */
    uint32_t count, last; /* last: positions from here on are alike */
    HthNode *alts; /* [1 << COUNTERS_MAX, and the end] */
} Counting;

static HthStatus place(Counting *c, const Place *at, HthNode *rule) {
    const HthStr key = { (const char *)at, sizeof *at };
    HthSchema *s = c->a->s;
    uint32_t i = hth_map_get(c->seen, key);
    if (i == HTH_MAP_NONE) {
        HTH_REQUIRE(c->count < STATES_MAX, s->err, HTH_ELIMIT,
                    "an array's counts need more than %d states", STATES_MAX);
        const char *kept = hth_arena_copy(c->arena, at, sizeof *at);
        HTH_REQUIRE(kept, s->err, HTH_ENOMEM, "out of memory for a schema");
        i = c->count++;
        c->places[i] = (const Place *)(const void *)kept;
        c->rules[i] = hth_ir_rule(s->ir);
        HTH_TRY(hth_map_put(c->seen, (HthStr){ kept, sizeof *at }, i, s->err));
    }
    *rule = c->rules[i];
    return HTH_OK;
}

/* The item at a place, where the counters whose bits are set in `which` count it. NONE: it cannot
 * be. */
static HthStatus counted_item(Counting *c, const Place *at, uint32_t which, HthNode *out) {
    Array *a = c->a;
    HthSLit more[COUNTERS_MAX];
    uint32_t n = 0, state;
    Place next = *at;
    HthNode rule;
    *out = HTH_NODE_NONE;
    if (at->position < c->last) next.position++;
    for (uint32_t i = 0; i < a->counters_n; i++) {
        const Counter *k = &a->counters[i];
        const bool counts = which >> i & 1, here = at->position >= k->from && at->position <= k->to;
        if (counts && !here) return HTH_OK;
        if (counts && k->max != HTH_MANY && at->counts[i] == k->max) return HTH_OK;
        if (counts) more[n++] = k->lit;
        if (counts && (k->max != HTH_MANY || at->counts[i] < k->min)) next.counts[i]++;
        if (!counts && here && k->max != HTH_MANY) more[n++] = k->lit ^ 1;
    }
    HTH_TRY(item_at(a, at->position, more, n, &state));
    if (state == HTH_S_DEAD) return HTH_OK;
    HTH_TRY(place(c, &next, &rule));
    const HthNode parts[] = { at->position ? a->s->comma : a->s->empty, a->s->states[state].rule,
                              rule };
    *out = hth_ir_seq(a->s->ir, parts, 3);
    return HTH_OK;
}

static HthStatus place_body(Counting *c, uint32_t i) {
    Array *a = c->a;
    const Place at = *c->places[i];
    uint32_t n = 0;
    bool ends = at.position >= a->lo;
    for (uint32_t k = 0; k < a->counters_n; k++) ends = ends && at.counts[k] >= a->counters[k].min;
    if (ends) c->alts[n++] = a->s->empty;
    const bool more = a->hi == HTH_MANY || at.position < a->hi;
    for (uint32_t which = 0; more && which < 1u << a->counters_n; which++) {
        HTH_TRY(counted_item(c, &at, which, &c->alts[n]));
        if (c->alts[n] != HTH_NODE_NONE) n++;
    }
    hth_ir_define(a->s->ir, c->rules[i], hth_ir_alt(a->s->ir, c->alts, n));
    return HTH_OK;
}

static HthStatus counting(Counting *c, HthNode *out) {
    Array *a = c->a;
    c->last = a->tail ? a->tail : 1;
    if (a->lo > c->last) c->last = a->lo;
    if (a->hi != HTH_MANY && a->hi > c->last) c->last = a->hi;
    HTH_REQUIRE(c->last <= POSITIONS_MAX, a->s->err, HTH_ELIMIT,
                "contains in an array of %u items is not supported; at most %d", c->last,
                POSITIONS_MAX);
    const Place first = { .position = 0 };
    HTH_TRY(place(c, &first, out));
    for (uint32_t i = 0; i < c->count; i++) HTH_TRY(place_body(c, i));
    return HTH_OK;
}

static HthStatus with_counters(Array *a, HthNode *out) {
    Counting c = { .a = a };
    c.places = hth_calloc(STATES_MAX, sizeof *c.places);
    c.rules = hth_calloc(STATES_MAX, sizeof *c.rules);
    c.alts = hth_calloc((1u << COUNTERS_MAX) + 1, sizeof *c.alts);
    HthStatus st = c.places && c.rules && c.alts ? HTH_OK : HTH_S_FULL(a->s);
    if (st == HTH_OK) st = hth_arena_open(&c.arena, (size_t)4 << 20, a->s->err);
    if (st == HTH_OK) st = hth_map_open(&c.seen, 64, a->s->err);
    if (st == HTH_OK) st = counting(&c, out);
    hth_map_close(&c.seen);
    hth_arena_close(&c.arena);
    hth_free(c.places);
    hth_free(c.rules);
    hth_free(c.alts);
    return st;
}

/* --- unique items --- */

typedef struct Words {
    HthSchema *s;
    const HthDfa *d;
    HthMember *list; /* [WORDS_MAX] */
    uint32_t n;
    char text[1024];
    bool too_many;
} Words;

static HthStatus add_value(Words *w, HthNode node) {
    w->too_many |= w->n == WORDS_MAX;
    if (!w->too_many) w->list[w->n++] = (HthMember){ node, w->s->empty, false };
    return HTH_OK;
}

static HthStatus add_word(Words *w, HthStr text) {
    uint32_t set;
    HthNode inside;
    HTH_TRY(hth_s_set_words(w->s, &text, 1, &set));
    HTH_TRY(hth_s_set_node(w->s, set, true, &inside));
    const HthNode parts[] = { w->s->quote, inside, w->s->quote };
    return add_value(w, hth_ir_seq(w->s->ir, parts, 3));
}

/* All texts from a state on, after the first `n` bytes of w->text. A cycle runs out of text. */
static HthStatus all_words(Words *w, uint32_t state, size_t n) {
    if (w->too_many || n + 5 > sizeof w->text) {
        w->too_many = true;
        return HTH_OK;
    }
    if (w->d->accept[state]) HTH_TRY(add_word(w, (HthStr){ w->text, n }));
    for (uint32_t r = 0; r < w->d->ranges; r++) {
        const uint32_t to = w->d->next[(size_t)state * w->d->classes + w->d->cls[r]];
        const uint32_t end = r + 1 < w->d->ranges ? w->d->cut[r + 1] : HTH_DFA_ALPHABET;
        for (uint32_t c = w->d->cut[r]; to && c < end && !w->too_many; c++) {
            const uint32_t cp = c < 0xD800 ? c : c + 0x800;
            HTH_TRY(all_words(w, to, n + hth_utf8_encode(cp, w->text + n)));
        }
    }
    return HTH_OK;
}

/* A shortest text of a set of numbers. */
static void shortest(const HthDfa *d, char *out, size_t room) {
    uint32_t from[1024], queue[1024];
    char by[1024];
    uint32_t head = 0, tail = 0, at = 0;
    size_t n = 0;
    memset(from, 0xFF, sizeof from);
    queue[tail++] = d->start;
    from[d->start] = d->start;
    while (head < tail && !d->accept[at = queue[head]]) {
        head++;
        for (const char *c = "0123456789-.eE+"; *c; c++) {
            const uint32_t to =
                d->next[(size_t)at * d->classes + hth_dfa_class(d, (unsigned char)*c)];
            if (to == 0 || to >= HTH_COUNT(from) || from[to] != UINT32_MAX) continue;
            from[to] = at;
            by[to] = *c;
            queue[tail++] = to;
        }
    }
    for (uint32_t k = at; k != d->start; k = from[k]) n++;
    n = n < room ? n : room - 1;
    out[n] = 0;
    for (uint32_t k = at; k != d->start && n > 0; k = from[k]) out[--n] = by[k];
}

/* One value after the other, in all its spellings, is taken out of the set. */
static HthStatus all_numbers(Words *w, uint32_t set) {
    HthSchema *s = w->s;
    uint32_t same, others;
    char text[64];
    HthNode node;
    for (int i = 0; set != HTH_SET_NONE && !w->too_many; i++) {
        w->too_many = set == HTH_SET_ALL || i == VALUES_MAX || s->sets[set]->states > 1024;
        if (w->too_many) break;
        shortest(s->sets[set], text, sizeof text);
        HTH_TRY(hth_s_compare_text(s, text, HTH_SN_SAME, &same));
        HTH_TRY(hth_s_set_node(s, same, false, &node));
        HTH_TRY(add_value(w, node));
        HTH_TRY(hth_s_set_op(s, HTH_SO_NOT, true, same, 0, &others));
        HTH_TRY(hth_s_set_op(s, HTH_SO_AND, true, set, others, &set));
    }
    return HTH_OK;
}

static HthStatus all_values(Words *w, const HthScalars *is) {
    static const struct {
        uint8_t bit;
        const char *text;
    } plain[] = { { HTH_SV_NULL, "null" }, { HTH_SV_TRUE, "true" }, { HTH_SV_FALSE, "false" } };
    for (size_t i = 0; i < HTH_COUNT(plain); i++)
        if (is->may & plain[i].bit)
            HTH_TRY(add_value(w, hth_ir_bytes(w->s->ir, hth_str(plain[i].text))));
    w->too_many |= is->str == HTH_SET_ALL;
    if (is->str > HTH_SET_ALL) {
        w->d = w->s->sets[is->str];
        HTH_TRY(all_words(w, w->d->start, 0));
    }
    return all_numbers(w, is->num);
}

static HthStatus unique_items(Array *a, HthNode *out) {
    HthSchema *s = a->s;
    uint32_t state, other;
    HTH_TRY(item_at(a, 0, NULL, 0, &state));
    for (uint32_t i = 1; i <= a->tail; i++) {
        HTH_TRY(item_at(a, i, NULL, 0, &other));
        HTH_REQUIRE(other == state || i >= a->hi, s->err, HTH_ENOTSUP,
                    "%s: uniqueItems of items that differ is not supported",
                    s->nodes[a->unique].path);
    }
    Words w = { .s = s };
    w.list = hth_calloc(WORDS_MAX, sizeof *w.list);
    HTH_REQUIRE(w.list, s->err, HTH_ENOMEM, "out of memory for a schema");
    HthStatus st = HTH_OK;
    if (state != HTH_S_DEAD) {
        const HthScalars is = s->states[state].scalars;
        w.too_many = (is.may & (HTH_SV_ARRAY | HTH_SV_OBJECT)) != 0 || a->counters_n > 0;
        if (!w.too_many) st = all_values(&w, &is);
    }
    if (st == HTH_OK && w.too_many)
        st = HTH_FAIL(s->err, HTH_ENOTSUP,
                      "%s: uniqueItems is not supported, except for a few plain values (enum)",
                      s->nodes[a->unique].path);
    if (st == HTH_OK) {
        const HthMembers m = { w.list, w.n, HTH_NODE_NONE, HTH_NODE_NONE, s->comma, a->lo, a->hi };
        *out = hth_ir_members(s->ir, &m);
    }
    hth_free(w.list);
    return st;
}

static HthStatus array(Array *a, HthNode *out) {
    HthSchema *s = a->s;
    *out = HTH_NODE_NONE;
    HTH_TRY(collect(a));
    if (a->lo > a->hi) return HTH_OK;
    HthNode inside;
    if (a->unique != UINT32_MAX && a->hi > 1)
        HTH_TRY(unique_items(a, &inside));
    else if (a->counters_n)
        HTH_TRY(with_counters(a, &inside));
    else
        HTH_TRY(chain(a, &inside));
    HTH_TRY(hth_ir_status(s->ir, s->err));
    if (inside == HTH_NODE_NONE) return HTH_OK;
    const HthNode parts[] = { hth_ir_bytes(s->ir, HTH_STR("[")), s->blank, inside, s->blank,
                              hth_ir_bytes(s->ir, HTH_STR("]")) };
    *out = hth_ir_seq(s->ir, parts, 5);
    return hth_ir_status(s->ir, s->err);
}

HthStatus hth_s_array(HthSchema *s, const HthSFact *facts, uint32_t n, HthNode *out) {
    Array a = { .s = s, .facts = facts, .facts_n = n, .hi = HTH_MANY, .unique = UINT32_MAX };
    a.lits = hth_calloc(LITS_MAX, sizeof *a.lits);
    HTH_REQUIRE(a.lits, s->err, HTH_ENOMEM, "out of memory for a schema");
    HthStatus st = array(&a, out);
    hth_free(a.lits);
    return st;
}

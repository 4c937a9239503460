/* dfa_nfa.c - deterministic automata from what patterns and small machines do.
 *
 * Subset construction. A state is the set of nodes just after a character, with what that character
 * was, before any node that looks around is passed: ^ $ \b are decided when the next character (or
 * the end) is known.
 *
 * Thread: any. */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "text/dfa_int.h"

typedef enum Side { SIDE_EDGE, SIDE_WORD, SIDE_OTHER } Side; /* what stands there */

enum { PIECES_MAX = 1 << 14, WORK_MAX = 1 << 26, KEYS_MAX = 256 << 20 };

typedef struct Subset {
    const HthNfa *nfa;
    HthArena *keys; /* sets of nodes: [0] the side before, then node numbers, sorted */
    HthMap *seen;
    HthStr *of_state; /* [HTH_DFA_STATES_MAX] */
    uint32_t count;
    uint32_t *cut, *cls; /* [ranges] */
    uint32_t ranges, classes;
    uint8_t *word; /* [classes] characters of \w */
    uint32_t *list, *list_at; /* classes of each set: [list_at[i], list_at[i + 1]) */
    uint32_t *stamp, now; /* [nodes] visited when equal to now */
    uint32_t *stack, *found; /* [nodes] */
    uint32_t found_count;
    uint32_t *pairs; /* (class, node) reached, [pairs_cap][2] */
    size_t pair_count, pair_cap;
    uint32_t *next;
    size_t next_cap; /* rows */
    uint64_t work;
} Subset;

static int by_value(const void *a, const void *b) {
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static int by_pair(const void *a, const void *b) {
    const uint32_t *x = a, *y = b;
    if (x[0] != y[0]) return x[0] > y[0] ? 1 : -1;
    return (x[1] > y[1]) - (x[1] < y[1]);
}

/* --- characters to classes --- */

static const HthCharRange word_ranges[] = {
    { '0', '9' }, { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' }
};
static const HthCharSet word_set = { (HthCharRange *)(uintptr_t)word_ranges, 4, 4 };

static HthStatus cut_all(Subset *s, HthErr *err) {
    size_t n = 1;
    for (uint32_t i = 0; i < s->nfa->set_count; i++) n += 2 * (size_t)s->nfa->sets[i].n;
    n += 2 * word_set.n;
    s->cut = hth_calloc(n, sizeof *s->cut);
    s->cls = hth_calloc(n, sizeof *s->cls);
    HTH_REQUIRE(s->cut && s->cls, err, HTH_ENOMEM, "out of memory");
    uint32_t k = 1;
    for (uint32_t i = 0; i <= s->nfa->set_count; i++) {
        const HthCharSet *set = i < s->nfa->set_count ? &s->nfa->sets[i] : &word_set;
        if (set == &word_set && !s->nfa->asserts) continue;
        for (uint32_t r = 0; r < set->n; r++) {
            s->cut[k++] = set->r[r].first;
            if (set->r[r].last + 1 < HTH_DFA_ALPHABET) s->cut[k++] = set->r[r].last + 1;
        }
    }
    qsort(s->cut, k, sizeof *s->cut, by_value);
    for (uint32_t i = 0; i < k; i++)
        if (i == 0 || s->cut[i] != s->cut[i - 1]) s->cut[s->ranges++] = s->cut[i];
    HTH_REQUIRE(s->ranges <= PIECES_MAX, err, HTH_ELIMIT,
                "a pattern tells too many ranges of characters apart (%u, at most %d)", s->ranges,
                PIECES_MAX);
    return HTH_OK;
}

/* Splits every class by one set: names[2 * class + in the set] is its new name. */
static void refine_by(Subset *s, const HthCharSet *set, uint32_t *names) {
    memset(names, 0xFF, 2 * (size_t)s->classes * sizeof *names);
    uint32_t count = 0, r = 0;
    for (uint32_t i = 0; i < s->ranges; i++) {
        while (r < set->n && set->r[r].last < s->cut[i]) r++;
        const bool in = r < set->n && set->r[r].first <= s->cut[i];
        uint32_t *name = &names[2 * s->cls[i] + in];
        if (*name == UINT32_MAX) *name = count++;
        s->cls[i] = *name;
    }
    s->classes = count;
}

static uint32_t in_set(const Subset *s, const HthCharSet *set, uint8_t *in) {
    uint32_t r = 0, count = 0;
    memset(in, 0, s->classes);
    for (uint32_t i = 0; i < s->ranges; i++) {
        while (r < set->n && set->r[r].last < s->cut[i]) r++;
        if (r == set->n || set->r[r].first > s->cut[i] || in[s->cls[i]]) continue;
        in[s->cls[i]] = 1;
        count++;
    }
    return count;
}

static HthStatus classify(Subset *s, HthErr *err) {
    const uint32_t sets = s->nfa->set_count;
    HTH_REQUIRE((uint64_t)sets * s->ranges <= WORK_MAX, err, HTH_ELIMIT,
                "a pattern has too many sets of characters (%u)", sets);
    uint32_t *names = hth_calloc(2 * ((size_t)s->ranges + 1), sizeof *names);
    HTH_REQUIRE(names, err, HTH_ENOMEM, "out of memory");
    s->classes = 1;
    for (uint32_t i = 0; i < sets; i++) refine_by(s, &s->nfa->sets[i], names);
    if (s->nfa->asserts) refine_by(s, &word_set, names);
    hth_free(names);
    uint8_t *in = hth_calloc(s->classes, 1);
    s->word = hth_calloc(s->classes, 1);
    s->list_at = hth_calloc((size_t)sets + 1, sizeof *s->list_at);
    HthStatus st = in && s->word && s->list_at ? HTH_OK : HTH_ENOMEM;
    for (uint32_t i = 0; st == HTH_OK && i < sets; i++)
        s->list_at[i + 1] = s->list_at[i] + in_set(s, &s->nfa->sets[i], in);
    if (st == HTH_OK && (s->list = hth_calloc(s->list_at[sets], sizeof *s->list)) == NULL)
        st = HTH_ENOMEM;
    for (uint32_t i = 0; st == HTH_OK && i < sets; i++) {
        uint32_t k = s->list_at[i];
        in_set(s, &s->nfa->sets[i], in);
        for (uint32_t c = 0; c < s->classes; c++)
            if (in[c]) s->list[k++] = c;
    }
    if (st == HTH_OK && s->nfa->asserts) in_set(s, &word_set, s->word);
    hth_free(in);
    HTH_REQUIRE(st == HTH_OK, err, st, "out of memory");
    return HTH_OK;
}

/* --- sets of nodes --- */

static bool holds(HthNfaKind kind, Side before, Side after) {
    switch (kind) {
    case HTH_NFA_BEGIN: return before == SIDE_EDGE;
    case HTH_NFA_END: return after == SIDE_EDGE;
    case HTH_NFA_WORD: return (before == SIDE_WORD) != (after == SIDE_WORD);
    default: return (before == SIDE_WORD) == (after == SIDE_WORD);
    }
}

/* Follows what needs no character from the nodes given; found gets where it stops. With look, the
 * nodes that look around are decided; without, they stop it too. */
static void close_over(Subset *s, const uint32_t *nodes, size_t n, bool look, Side before,
                       Side after) {
    size_t depth = 0;
    s->now++;
    s->found_count = 0;
    for (size_t i = 0; i < n; i++) {
        if (s->stamp[nodes[i]] == s->now) continue;
        s->stamp[nodes[i]] = s->now;
        s->stack[depth++] = nodes[i];
        while (depth) {
            const uint32_t at = s->stack[--depth];
            const HthNfaNode *node = &s->nfa->nodes[at];
            const bool split = node->kind == HTH_NFA_SPLIT;
            const bool assertion = node->kind >= HTH_NFA_BEGIN && node->kind <= HTH_NFA_NOT_WORD;
            s->work++;
            if (!split && !(assertion && look)) {
                s->found[s->found_count++] = at;
                continue;
            }
            if (assertion && !holds((HthNfaKind)node->kind, before, after)) continue;
            const uint32_t to[2] = { node->a, split ? node->b : node->a };
            for (int k = 0; k < 2; k++) {
                if (s->stamp[to[k]] == s->now) continue;
                s->stamp[to[k]] = s->now;
                s->stack[depth++] = to[k];
            }
        }
    }
}

/* The state of the nodes in found, come to over `before`. */
static HthStatus state_of(Subset *s, Side before, uint32_t *out, HthErr *err) {
    qsort(s->found, s->found_count, sizeof *s->found, by_value);
    const size_t n = (size_t)s->found_count + 1;
    uint32_t *key = hth_arena_take(s->keys, n, sizeof *key);
    HTH_REQUIRE(key, err, hth_arena_used(s->keys) > KEYS_MAX / 2 ? HTH_ELIMIT : HTH_ENOMEM,
                "no memory left for the sets of an automaton; make the pattern simpler");
    key[0] = s->nfa->asserts ? before : SIDE_OTHER;
    memcpy(key + 1, s->found, s->found_count * sizeof *key);
    const HthStr name = { (const char *)key, n * sizeof *key };
    *out = hth_map_get(s->seen, name);
    if (*out != HTH_MAP_NONE) return HTH_OK;
    HTH_REQUIRE(s->count < HTH_DFA_STATES_MAX && s->work <= WORK_MAX, err, HTH_ELIMIT,
                "a pattern needs an automaton of more than %d states; make it simpler",
                HTH_DFA_STATES_MAX);
    s->of_state[s->count] = name;
    *out = s->count++;
    return hth_map_put(s->seen, name, *out, err);
}

static HthStatus add_pair(Subset *s, uint32_t cls, uint32_t node, HthErr *err) {
    if (s->pair_count == s->pair_cap) {
        const size_t cap = s->pair_cap ? 2 * s->pair_cap : 256;
        uint32_t *pairs = hth_realloc(s->pairs, 2 * cap, sizeof *pairs);
        HTH_REQUIRE(pairs, err, HTH_ENOMEM, "out of memory");
        s->pairs = pairs;
        s->pair_cap = cap;
    }
    s->pairs[2 * s->pair_count] = cls;
    s->pairs[2 * s->pair_count++ + 1] = node;
    s->work++;
    return HTH_OK;
}

/* Where each class leads from a state: pairs, sorted by class. */
static HthStatus step_pairs(Subset *s, const uint32_t *key, size_t n, HthErr *err) {
    s->pair_count = 0;
    const int sides = s->nfa->asserts ? 2 : 1;
    for (int k = 0; k < sides; k++) {
        const Side after = k ? SIDE_WORD : SIDE_OTHER;
        close_over(s, key + 1, n - 1, true, (Side)key[0], after);
        for (uint32_t i = 0; i < s->found_count; i++) {
            const HthNfaNode *node = &s->nfa->nodes[s->found[i]];
            if (node->kind != HTH_NFA_SET) continue;
            for (uint32_t l = s->list_at[node->b]; l < s->list_at[node->b + 1]; l++)
                if (sides == 1 || s->word[s->list[l]] == k)
                    HTH_TRY(add_pair(s, s->list[l], node->a, err));
        }
    }
    if (s->pair_count) qsort(s->pairs, s->pair_count, 2 * sizeof *s->pairs, by_pair);
    return HTH_OK;
}

static HthStatus step(Subset *s, uint32_t state, HthErr *err) {
    const uint32_t *key = (const uint32_t *)(const void *)s->of_state[state].p;
    HTH_TRY(step_pairs(s, key, s->of_state[state].n / sizeof *key, err));
    if (state >= s->next_cap) {
        const size_t cap = s->next_cap ? 2 * s->next_cap : 64;
        HTH_REQUIRE(cap / 2 * s->classes <= HTH_DFA_CELLS_MAX, err, HTH_ELIMIT,
                    "a pattern needs too large an automaton (%u states so far); make it simpler",
                    s->count);
        uint32_t *next = hth_realloc(s->next, cap * s->classes, sizeof *next);
        HTH_REQUIRE(next, err, HTH_ENOMEM, "out of memory");
        s->next = next;
        s->next_cap = cap;
    }
    uint32_t *row = s->next + (size_t)state * s->classes;
    for (uint32_t c = 0; c < s->classes; c++) row[c] = 0; /* the empty set */
    for (size_t i = 0; i < s->pair_count;) {
        const uint32_t c = s->pairs[2 * i];
        size_t n = 0; /* the class's nodes move to the front of the list, which is behind us */
        uint32_t *nodes = s->pairs + 2 * i;
        for (; i < s->pair_count && s->pairs[2 * i] == c; i++) nodes[n++] = s->pairs[2 * i + 1];
        close_over(s, nodes, n, false, SIDE_OTHER, SIDE_OTHER);
        HTH_TRY(state_of(s, s->word[c] ? SIDE_WORD : SIDE_OTHER, &row[c], err));
    }
    return HTH_OK;
}

static bool accepts(Subset *s, uint32_t state) {
    const uint32_t *key = (const uint32_t *)(const void *)s->of_state[state].p;
    close_over(s, key + 1, s->of_state[state].n / sizeof *key - 1, true, (Side)key[0], SIDE_EDGE);
    for (uint32_t i = 0; i < s->found_count; i++)
        if (s->nfa->nodes[s->found[i]].kind == HTH_NFA_MATCH) return true;
    return false;
}

static HthStatus construct(Subset *s, HthDfa **out, HthErr *err) {
    uint32_t empty, first;
    HTH_TRY(cut_all(s, err));
    HTH_TRY(classify(s, err));
    s->found_count = 0;
    HTH_TRY(state_of(s, SIDE_OTHER, &empty, err)); /* state 0 */
    close_over(s, &s->nfa->start, 1, false, SIDE_EDGE, SIDE_EDGE);
    HTH_TRY(state_of(s, SIDE_EDGE, &first, err));
    for (uint32_t i = 0; i < s->count; i++) HTH_TRY(step(s, i, err));
    HthDfa *d;
    HTH_TRY(hth_dfa_new(&d, s->count, s->classes, s->ranges, err));
    d->start = first;
    memcpy(d->cut, s->cut, s->ranges * sizeof *d->cut);
    memcpy(d->cls, s->cls, s->ranges * sizeof *d->cls);
    memcpy(d->next, s->next, (size_t)s->count * s->classes * sizeof *d->next);
    for (uint32_t i = 0; i < s->count; i++) d->accept[i] = accepts(s, i);
    HthStatus st = hth_dfa_tidy(d, err);
    if (st == HTH_OK)
        *out = d;
    else
        hth_dfa_close(&d);
    return st;
}

HthStatus hth_dfa_from_nfa(HthDfa **out, const HthNfa *nfa, HthErr *err) {
    Subset s = { .nfa = nfa };
    s.of_state = hth_calloc(HTH_DFA_STATES_MAX, sizeof *s.of_state);
    s.stamp = hth_calloc(nfa->node_count, sizeof *s.stamp);
    s.stack = hth_calloc(nfa->node_count, sizeof *s.stack);
    s.found = hth_calloc(nfa->node_count, sizeof *s.found);
    HthStatus st = HTH_OK;
    if (s.of_state && s.stamp && s.stack && s.found) {
        st = hth_arena_open(&s.keys, KEYS_MAX, err);
        if (st == HTH_OK) st = hth_map_open(&s.seen, 256, err);
        if (st == HTH_OK) st = construct(&s, out, err);
    } else {
        st = HTH_FAIL(err, HTH_ENOMEM, "out of memory");
    }
    hth_map_close(&s.seen);
    hth_arena_close(&s.keys);
    uint32_t *const all[] = { s.cut,   s.cls,   s.list,  s.list_at, s.stamp,
                              s.stack, s.found, s.pairs, s.next };
    for (size_t i = 0; i < HTH_COUNT(all); i++) hth_free(all[i]);
    hth_free(s.of_state);
    hth_free(s.word);
    return st;
}

/* --- machines --- */

typedef struct Explore {
    const HthMachine *m;
    HthArena *keys;
    HthMap *seen;
    const char **states; /* [HTH_DFA_STATES_MAX] */
    uint32_t count, width;
    uint32_t *next; /* [cap][width + 1]; column width: all other characters */
    size_t cap;
} Explore;

static HthStatus explore_state(Explore *e, const void *state, uint32_t *out, HthErr *err) {
    *out = hth_map_get(e->seen, (HthStr){ state, e->m->bytes });
    if (*out != HTH_MAP_NONE) return HTH_OK;
    HTH_REQUIRE(e->count + 1 < HTH_DFA_STATES_MAX, err, HTH_ELIMIT,
                "a limit on numbers needs an automaton of more than %d states", HTH_DFA_STATES_MAX);
    const char *kept = hth_arena_copy(e->keys, state, e->m->bytes);
    HTH_REQUIRE(kept, err, HTH_ENOMEM, "out of memory");
    e->states[e->count] = kept;
    *out = e->count++;
    return hth_map_put(e->seen, (HthStr){ kept, e->m->bytes }, *out, err);
}

static HthStatus explore(Explore *e, const void *first, HthErr *err) {
    uint32_t start;
    _Alignas(16) char to[64];
    HTH_TRY(explore_state(e, first, &start, err));
    for (uint32_t s = 0; s < e->count; s++) {
        if (s >= e->cap) {
            const size_t cap = e->cap ? 2 * e->cap : 64;
            uint32_t *next = hth_realloc(e->next, cap * e->width, sizeof *next);
            HTH_REQUIRE(next, err, HTH_ENOMEM, "out of memory");
            e->next = next;
            e->cap = cap;
        }
        for (uint32_t c = 0; c < e->width; c++) {
            uint32_t *cell = &e->next[(size_t)s * e->width + c];
            *cell = UINT32_MAX;
            memset(to, 0, sizeof to);
            if (e->m->step(e->m->self, e->states[s], e->m->alphabet[c], to))
                HTH_TRY(explore_state(e, to, cell, err));
        }
    }
    return HTH_OK;
}

/* State i of the machine is i + 1, 0 is dead; class 0 is every character outside the alphabet. */
static HthStatus explored(const Explore *e, HthDfa **out, HthErr *err) {
    HthDfa *d;
    HTH_TRY(hth_dfa_new(&d, e->count + 1, e->width + 1, 129, err));
    for (uint32_t c = 0; c < 128; c++) {
        const char *at = c ? strchr(e->m->alphabet, (int)c) : NULL;
        d->cut[c] = c;
        d->cls[c] = at ? 1 + (uint32_t)(at - e->m->alphabet) : 0;
    }
    d->cut[128] = 128;
    d->start = 1;
    for (uint32_t s = 0; s < e->count; s++) {
        for (uint32_t c = 0; c < e->width; c++)
            d->next[(size_t)(s + 1) * d->classes + c + 1] =
                e->next[(size_t)s * e->width + c] + 1; /* none: dead */
        d->accept[s + 1] = e->m->accept(e->m->self, e->states[s]);
    }
    HthStatus st = hth_dfa_tidy(d, err);
    if (st == HTH_OK)
        *out = d;
    else
        hth_dfa_close(&d);
    return st;
}

HthStatus hth_dfa_machine(HthDfa **out, const HthMachine *m, const void *first, HthErr *err) {
    HTH_ASSERT(m->bytes <= 64);
    Explore e = { .m = m, .width = (uint32_t)strlen(m->alphabet) };
    e.states = hth_calloc(HTH_DFA_STATES_MAX, sizeof *e.states);
    HTH_REQUIRE(e.states, err, HTH_ENOMEM, "out of memory");
    HthStatus st = hth_arena_open(&e.keys, (size_t)16 << 20, err);
    if (st == HTH_OK) st = hth_map_open(&e.seen, 256, err);
    if (st == HTH_OK) st = explore(&e, first, err);
    if (st == HTH_OK) st = explored(&e, out, err);
    hth_map_close(&e.seen);
    hth_arena_close(&e.keys);
    hth_free(e.states);
    hth_free(e.next);
    return st;
}

/* schema_set.c - the automata of a compilation: kept in a table, combined once per pair.
 *
 * Set 0 is nothing and 1 is everything; for numbers everything is every JSON number, and what is
 * left out of a set is left out of the spellings that are decided (schema_num.c).
 *
 * Thread: as schema_int.h. */
#include <string.h>

#include "base/mem.h"
#include "text/schema_int.h"

enum { SPELLED_MAX = 512, BLOCK = 256 };

HthStatus hth_s_grow(void *pp, uint32_t *cap, uint32_t n, size_t size, HthErr *err) {
    if (n < *cap) return HTH_OK;
    const uint32_t want = *cap ? 2 * *cap : 32;
    void *p = hth_realloc(*(void **)pp, want, size);
    HTH_REQUIRE(p, err, HTH_ENOMEM, "out of memory for a schema");
    memset((char *)p + *cap * size, 0, (want - *cap) * size);
    *(void **)pp = p;
    *cap = want;
    return HTH_OK;
}

HthStatus hth_s_charge(HthSchema *s, uint32_t steps) {
    HTH_REQUIRE(steps <= HTH_SCHEMA_STEPS_MAX - s->steps, s->err, HTH_ELIMIT,
                "the schema has too many combinations to be worked out; make it simpler");
    s->steps += steps;
    return HTH_OK;
}

HthStatus hth_s_set_add(HthSchema *s, HthDfa **d, uint32_t *out) {
    if (hth_dfa_empty(*d) || hth_dfa_all(*d)) {
        *out = hth_dfa_empty(*d) ? HTH_SET_NONE : HTH_SET_ALL;
        hth_dfa_close(d);
        return HTH_OK;
    }
    HthStatus st = HTH_OK;
    const uint32_t cells = (*d)->states * (*d)->classes; /* at most HTH_DFA_CELLS_MAX */
    if (cells > HTH_SCHEMA_CELLS_MAX - s->cells) {
        hth_dfa_close(d);
        return HTH_FAIL(
            s->err, HTH_ELIMIT,
            "the schema's patterns and numbers are too large together; make it simpler");
    }
    s->cells += cells;
    if (s->set_count == s->set_cap) {
        for (int i = 0; i < 2 && st == HTH_OK; i++) {
            uint32_t cap = s->set_cap;
            st = hth_s_grow(&s->set_nodes[i], &cap, s->set_count, sizeof(HthNode), s->err);
        }
        if (st == HTH_OK) st = hth_s_grow(&s->sets, &s->set_cap, s->set_count, sizeof(*d), s->err);
        if (st != HTH_OK) {
            hth_dfa_close(d);
            return st;
        }
    }
    s->set_nodes[0][s->set_count] = s->set_nodes[1][s->set_count] = HTH_NODE_NONE;
    s->sets[s->set_count] = *d;
    *d = NULL;
    *out = s->set_count++;
    return HTH_OK;
}

/* What needs no automaton; false: it does. */
static bool simple_op(HthSOp op, uint32_t a, uint32_t b, uint32_t *out) {
    if (op == HTH_SO_NOT) {
        if (a > HTH_SET_ALL) return false;
        *out = a == HTH_SET_ALL ? HTH_SET_NONE : HTH_SET_ALL;
        return true;
    }
    const uint32_t absorbs = op == HTH_SO_AND ? HTH_SET_NONE : HTH_SET_ALL;
    const uint32_t yields = op == HTH_SO_AND ? HTH_SET_ALL : HTH_SET_NONE;
    if (a == absorbs || b == absorbs)
        *out = absorbs;
    else if (a == b || b == yields)
        *out = a;
    else if (a == yields)
        *out = b;
    else
        return false;
    return true;
}

HthStatus hth_s_set_op(HthSchema *s, HthSOp op, bool numbers, uint32_t a, uint32_t b,
                       uint32_t *out) {
    HthDfa *d = NULL;
    if (op == HTH_SO_NOT) b = 0;
    if (simple_op(op, a, b, out)) return HTH_OK;
    const uint64_t key = (uint64_t)op << 60 | (uint64_t)numbers << 59 |
                         (uint64_t)(a < b || op == HTH_SO_NOT ? a : b) << 28 | (a < b ? b : a);
    *out = hth_map64_get(s->set_ops, key);
    if (*out != HTH_MAP_NONE) return HTH_OK;
    if (op == HTH_SO_AND)
        HTH_TRY(hth_dfa_and(&d, s->sets[a], s->sets[b], s->err));
    else if (op == HTH_SO_OR)
        HTH_TRY(hth_dfa_or(&d, s->sets[a], s->sets[b], s->err));
    else
        HTH_TRY(hth_dfa_not(&d, s->sets[a], s->err));
    HTH_TRY(hth_s_set_add(s, &d, out));
    if (op == HTH_SO_NOT && numbers)
        HTH_TRY(hth_s_set_op(s, HTH_SO_AND, true, *out, s->numbers, out));
    return hth_map64_put(s->set_ops, key, *out, s->err);
}

uint32_t hth_s_made(const HthSchema *s, HthStr from) {
    return hth_map_get(s->made, from);
}

HthStatus hth_s_keep(HthSchema *s, HthStr from, uint32_t set) {
    const char *kept = hth_arena_copy(s->arena, from.p, from.n);
    HTH_REQUIRE(kept, s->err, HTH_ENOMEM, "out of memory for a schema");
    return hth_map_put(s->made, (HthStr){ kept, from.n }, set, s->err);
}

/* --- words --- */

typedef struct Words {
    HthNfaNode *nodes;
    HthCharSet *sets; /* one per distinct character */
    uint32_t node_count, set_count;
    HthMap64 *set_of;
    HthArena *arena;
} Words;

static HthStatus words_char(Words *w, uint32_t index, uint32_t *set, HthErr *err) {
    *set = hth_map64_get(w->set_of, index);
    if (*set != HTH_MAP_NONE) return HTH_OK;
    *set = w->set_count++;
    HTH_TRY(hth_charset_add(&w->sets[*set], index, index, w->arena, err));
    return hth_map64_put(w->set_of, index, *set, err);
}

static HthStatus words_dfa(Words *w, const HthStr *words, size_t n, HthDfa **out, HthErr *err) {
    uint32_t start = UINT32_MAX, cp, set;
    for (size_t i = 0; i < n; i++) {
        const uint32_t first = w->node_count;
        for (size_t at = 0; at < words[i].n; w->node_count++) {
            at += hth_utf8_decode(hth_str_sub(words[i], at, 4), &cp);
            HTH_TRY(words_char(w, hth_dfa_index(cp), &set, err));
            w->nodes[w->node_count] = (HthNfaNode){ HTH_NFA_SET, w->node_count + 1, set };
        }
        w->nodes[w->node_count++] = (HthNfaNode){ HTH_NFA_MATCH, 0, 0 };
        if (start != UINT32_MAX) {
            w->nodes[w->node_count] = (HthNfaNode){ HTH_NFA_SPLIT, start, first };
            start = w->node_count++;
        } else {
            start = first;
        }
    }
    const HthNfa nfa = { w->nodes, w->node_count, start, w->sets, w->set_count, false };
    return hth_dfa_from_nfa(out, &nfa, err);
}

HthStatus hth_s_set_words(HthSchema *s, const HthStr *words, size_t n, uint32_t *out) {
    size_t bytes = 0;
    HthDfa *d = NULL;
    Words w = { 0 };
    *out = HTH_SET_NONE;
    if (n == 0) return HTH_OK;
    if (n == 1) {
        HTH_TRY(hth_dfa_literal(&d, words[0], s->err));
        return hth_s_set_add(s, &d, out);
    }
    for (size_t i = 0; i < n; i++) bytes += words[i].n;
    HTH_REQUIRE(bytes + n <= (size_t)1 << 20, s->err, HTH_ELIMIT,
                "a schema names %zu bytes of texts at one place; at most a million", bytes);
    w.nodes = hth_calloc(bytes + 2 * n, sizeof *w.nodes);
    w.sets = hth_calloc(bytes, sizeof *w.sets);
    HthStatus st = w.nodes && w.sets ? HTH_OK : HTH_S_FULL(s);
    if (st == HTH_OK) st = hth_map64_open(&w.set_of, 64, s->err);
    if (st == HTH_OK) st = hth_arena_open(&w.arena, (size_t)64 << 20, s->err);
    if (st == HTH_OK) st = words_dfa(&w, words, n, &d, s->err);
    if (st == HTH_OK) st = hth_s_set_add(s, &d, out);
    hth_arena_close(&w.arena);
    hth_map64_close(&w.set_of);
    hth_free(w.nodes);
    hth_free(w.sets);
    return st;
}

/* --- keys of members --- */

static HthStatus keys_new(HthSchema *s, HthSKeys keys, uint32_t *out) {
    HTH_TRY(hth_s_grow(&s->keys, &s->keys_cap, s->keys_count, sizeof *s->keys, s->err));
    s->keys[s->keys_count] = keys;
    *out = s->keys_count++;
    return HTH_OK;
}

HthStatus hth_s_name(HthSchema *s, HthStr name, uint32_t *keys) {
    *keys = hth_map_get(s->keys_of, name);
    if (*keys != HTH_MAP_NONE) return HTH_OK;
    HTH_TRY(keys_new(s, (HthSKeys){ name, true, UINT32_MAX }, keys));
    return hth_map_put(s->keys_of, name, *keys, s->err);
}

HthStatus hth_s_keys(HthSchema *s, uint32_t set, uint32_t *keys) {
    return keys_new(s, (HthSKeys){ { NULL, 0 }, false, set }, keys);
}

HthStatus hth_s_keys_set(HthSchema *s, uint32_t keys, uint32_t *set) {
    if (s->keys[keys].set == UINT32_MAX) {
        uint32_t made;
        HTH_TRY(hth_s_set_words(s, &s->keys[keys].name, 1, &made));
        s->keys[keys].set = made;
    }
    *set = s->keys[keys].set;
    return HTH_OK;
}

bool hth_s_keys_has(const HthSchema *s, uint32_t keys, HthStr name) {
    const HthSKeys *k = &s->keys[keys];
    if (k->single) return hth_str_eq(k->name, name);
    if (k->set <= HTH_SET_ALL) return k->set == HTH_SET_ALL;
    return hth_dfa_match(s->sets[k->set], name);
}

/* --- to grammar --- */

/* lo..hi characters, whatever they are? */
static bool only_length(const HthDfa *d, uint32_t *lo, uint32_t *hi) {
    if (d->classes != 1) return false;
    uint32_t at = d->start, n = 0;
    bool in = false, after = false;
    *lo = *hi = 0;
    for (; at; n++) {
        if (d->accept[at]) {
            if (after) return false;
            if (!in) *lo = n;
            in = true;
            *hi = n;
            if (d->next[at] == at) {
                *hi = HTH_MANY;
                return true;
            }
        } else {
            after = in;
        }
        if (d->next[at] != 0 && d->next[at] <= at) return false; /* lengths that come back */
        at = d->next[at];
    }
    return in;
}

/* least..most characters, spelled out. */
static HthStatus spelled(HthSchema *s, uint32_t least, uint32_t most, HthNode *out) {
    HthDfa *d = NULL;
    HthByteDfa bytes = { 0 };
    HTH_TRY(hth_dfa_length(&d, least, most, s->err));
    HthStatus st = hth_dfa_bytes(&bytes, d, HTH_DFA_JSON, s->err);
    if (st == HTH_OK) *out = hth_ir_dfa(s->ir, &bytes);
    hth_byte_dfa_drop(&bytes);
    hth_dfa_close(&d);
    return st;
}

/* Whole blocks, least..most of them, then from..to characters more. */
static HthStatus blocks(HthSchema *s, HthNode block, uint32_t least, uint32_t most, uint32_t from,
                        uint32_t to, HthNode *out) {
    HthNode parts[2] = { hth_ir_repeat(s->ir, block, least, most), HTH_NODE_NONE };
    HTH_TRY(spelled(s, from, to, &parts[1]));
    *out = hth_ir_seq(s->ir, parts, 2);
    return HTH_OK;
}

/* Long texts: dozens of states per character are too many, and a call per character has dear token
 * masks. In blocks, masks are kept for the places of one block. */
static HthStatus counted(HthSchema *s, uint32_t lo, uint32_t hi, HthNode *out) {
    const uint32_t a = lo / BLOCK, q = hi / BLOCK, last = BLOCK - 1;
    HthNode block, alts[3];
    uint32_t n = 0;
    HTH_TRY(spelled(s, BLOCK, BLOCK, &block));
    HTH_TRY(blocks(s, block, a, a, lo % BLOCK, a < q ? last : hi % BLOCK, &alts[n++]));
    if (a + 1 < q) HTH_TRY(blocks(s, block, a + 1, q - 1, 0, last, &alts[n++]));
    if (a < q) HTH_TRY(blocks(s, block, q, q, 0, hi % BLOCK, &alts[n++]));
    *out = hth_ir_alt(s->ir, alts, n);
    return HTH_OK;
}

HthStatus hth_s_set_node(HthSchema *s, uint32_t set, bool string, HthNode *out) {
    uint32_t lo, hi;
    HthByteDfa bytes = { 0 };
    if (set == HTH_SET_NONE) {
        *out = hth_ir_alt(s->ir, NULL, 0);
        return HTH_OK;
    }
    if (set == HTH_SET_ALL) {
        *out = string ? hth_ir_repeat(s->ir, s->character, 0, HTH_MANY) : s->number;
        return HTH_OK;
    }
    HthNode *known = &s->set_nodes[string][set]; /* no set is added below */
    if (*known == HTH_NODE_NONE) {
        if (string && s->sets[set]->states > SPELLED_MAX && only_length(s->sets[set], &lo, &hi)) {
            if (hi == HTH_MANY)
                *known = hth_ir_repeat(s->ir, s->character, lo, hi);
            else
                HTH_TRY(counted(s, lo, hi, known));
        } else {
            HTH_TRY(
                hth_dfa_bytes(&bytes, s->sets[set], string ? HTH_DFA_JSON : HTH_DFA_UTF8, s->err));
            *known = hth_ir_dfa(s->ir, &bytes);
            hth_byte_dfa_drop(&bytes);
        }
    }
    *out = *known;
    return HTH_OK;
}

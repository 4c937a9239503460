/* grammar_det.c - the subset construction, for one procedure after the other.
 *
 * Bytes and calls are both symbols here: two alternatives that call the same procedure go on in one
 * state, which is what keeps stacks few.  The state a procedure starts from is its own and does not
 * accept: the empty text is the caller's business.
 *
 * Thread: one owner. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/grammar_int.h"

enum {
    STATES_MAX = 1 << 19,
    WORK_MAX = 1 << 21 /* states of the network in all sets looked up: half a second */
};
#define SETS_MAX ((size_t)256 << 20)

typedef struct Set {
    const uint32_t *p;
    uint32_t n;
} Set;
typedef struct Det {
    HthGrammar *g;
    HthNfa *nfa;
    HthMap *map; /* set -> state */
    HthArena *arena;
    Set *set; /* [g->state_n] */
    uint32_t set_cap;
    HthArc *bytes, *calls; /* of the set at hand */
    uint32_t bytes_n, bytes_cap, calls_n, calls_cap;
    HthState like; /* kind and owner of new states */
    uint32_t end;
    uint64_t work; /* see WORK_MAX */
    HthErr *err;
} Det;

#define NEED(cond, d) HTH_REQUIRE(cond, (d)->err, HTH_ENOMEM, "out of memory for a grammar")

static HthStatus add_labels(Det *d, HthState *st, const Set *set) {
    st->label = d->g->label_n;
    for (uint32_t i = 0; i < set->n; i++) {
        const uint32_t label = d->nfa->label[set->p[i]];
        if (label == 0) continue;
        NEED(hth_grow(&d->g->label, &d->g->label_cap, d->g->label_n, sizeof *d->g->label), d);
        d->g->label[d->g->label_n++] = label == HTH_EXTRA ? HTH_EXTRA : label - 1;
        st->label_n++;
    }
    return HTH_OK;
}

/* A new state for what nfa->list holds. */
static HthStatus add_state(Det *d, bool first, uint32_t *out) {
    HthGrammar *g = d->g;
    HTH_REQUIRE(g->state_n < STATES_MAX &&
                    hth_arena_used(d->arena) + d->nfa->list_n * sizeof(uint32_t) < SETS_MAX / 2,
                d->err, HTH_ELIMIT,
                "the grammar is too large: its automaton has more than %d states", STATES_MAX);
    NEED(hth_grow(&g->state, &g->state_cap, g->state_n, sizeof *g->state), d);
    NEED(hth_grow(&d->set, &d->set_cap, g->state_n, sizeof *d->set), d);
    Set set = { .n = d->nfa->list_n };
    set.p = (const uint32_t *)hth_arena_copy(d->arena, d->nfa->list, set.n * sizeof *set.p);
    NEED(set.p, d);
    HthState st = d->like;
    HTH_TRY(add_labels(d, &st, &set));
    for (uint32_t i = 0; i < set.n; i++) st.accept |= set.p[i] == d->end;
    if (first && st.kind == HTH_STATE_PLAIN) {
        st.accept = 0;
    } else if (!first) {
        const HthStr key = { (const char *)set.p, set.n * sizeof *set.p };
        HTH_TRY(hth_map_put(d->map, key, g->state_n, d->err));
    }
    d->set[g->state_n] = set;
    g->state[g->state_n] = st;
    *out = g->state_n++;
    return HTH_OK;
}

/* The state of what is reached from nfa->list. */
static HthStatus state_of_list(Det *d, uint32_t *out) {
    hth_nfa_reach(d->nfa);
    d->work += d->nfa->list_n;
    HTH_REQUIRE(d->work <= WORK_MAX, d->err, HTH_ELIMIT,
                "the grammar is too ambiguous: overlapping repeats make its automaton too large");
    const HthStr key = { (const char *)d->nfa->list, d->nfa->list_n * sizeof *d->nfa->list };
    const uint32_t old = hth_map_get(d->map, key);
    if (old == HTH_MAP_NONE) return add_state(d, false, out);
    *out = old;
    return HTH_OK;
}

static HthStatus gather(Det *d, const Set *set) {
    d->bytes_n = d->calls_n = 0;
    for (uint32_t i = 0; i < set->n; i++) {
        for (uint32_t a = d->nfa->arcs[set->p[i]]; a != HTH_NONE; a = d->nfa->arc[a].next) {
            const HthArc *arc = &d->nfa->arc[a];
            if (arc->kind == HTH_ARC_BYTE) {
                NEED(hth_grow(&d->bytes, &d->bytes_cap, d->bytes_n, sizeof *arc), d);
                d->bytes[d->bytes_n++] = *arc;
            } else if (arc->kind == HTH_ARC_CALL) {
                NEED(hth_grow(&d->calls, &d->calls_cap, d->calls_n, sizeof *arc), d);
                d->calls[d->calls_n++] = *arc;
            }
        }
    }
    return HTH_OK;
}

static int by_proc(const void *a, const void *b) {
    const HthArc *x = a, *y = b;
    if (x->proc != y->proc) return x->proc < y->proc ? -1 : 1;
    return x->to < y->to ? -1 : x->to > y->to;
}

static HthStatus expand_calls(Det *d, uint32_t state) {
    HthGrammar *g = d->g;
    if (d->calls_n > 1) qsort(d->calls, d->calls_n, sizeof *d->calls, by_proc);
    g->state[state].call = g->call_n;
    for (uint32_t i = 0; i < d->calls_n;) {
        HthCall call = { .proc = d->calls[i].proc };
        hth_nfa_begin(d->nfa);
        for (; i < d->calls_n && d->calls[i].proc == call.proc; i++)
            hth_nfa_add(d->nfa, d->calls[i].to);
        HTH_TRY(state_of_list(d, &call.ret));
        NEED(hth_grow(&g->call, &g->call_cap, g->call_n, sizeof call), d);
        g->call[g->call_n++] = call;
        g->state[state].call_n++;
    }
    return HTH_OK;
}

static int by_first(const void *a, const void *b) {
    const HthArc *x = a, *y = b;
    return (int)x->lo - (int)y->lo;
}

static HthStatus expand_bytes(Det *d, uint32_t state) {
    HthGrammar *g = d->g;
    bool cut[257] = { false };
    if (d->bytes_n > 1) qsort(d->bytes, d->bytes_n, sizeof *d->bytes, by_first);
    for (uint32_t i = 0; i < d->bytes_n; i++) cut[d->bytes[i].lo] = cut[d->bytes[i].hi + 1] = true;
    g->state[state].edge = g->edge_n;
    uint32_t live = 0; /* arcs before this one end below lo or are looked at */
    for (uint32_t lo = 0, hi; lo < 256 && d->bytes_n; lo = hi + 1) {
        for (hi = lo; hi < 255 && !cut[hi + 1];) hi++;
        while (live < d->bytes_n && d->bytes[live].hi < lo) live++;
        hth_nfa_begin(d->nfa);
        for (uint32_t i = live; i < d->bytes_n && d->bytes[i].lo <= lo; i++)
            if (d->bytes[i].hi >= lo) hth_nfa_add(d->nfa, d->bytes[i].to);
        if (d->nfa->list_n == 0) continue;
        HthEdge edge = { .lo = (uint8_t)lo, .hi = (uint8_t)hi };
        HTH_TRY(state_of_list(d, &edge.to));
        HthEdge *last = g->edge_n ? &g->edge[g->edge_n - 1] : NULL;
        if (g->state[state].edge_n && last->to == edge.to && last->hi + 1 == edge.lo) {
            last->hi = edge.hi;
            continue;
        }
        NEED(hth_grow(&g->edge, &g->edge_cap, g->edge_n, sizeof edge), d);
        g->edge[g->edge_n++] = edge;
        g->state[state].edge_n++;
    }
    return HTH_OK;
}

static HthStatus region(Det *d, HthStateKind kind, uint32_t owner, HthRegion r, uint32_t *start) {
    d->like = (HthState){ .kind = (uint8_t)kind, .owner = owner, .least = HTH_FAR };
    d->end = r.end;
    HTH_TRY(hth_nfa_reach_from(d->nfa, r.start, d->err));
    HTH_TRY(add_state(d, true, start));
    for (uint32_t st = *start; st < d->g->state_n; st++) {
        HTH_TRY(gather(d, &d->set[st]));
        HTH_TRY(expand_bytes(d, st));
        HTH_TRY(expand_calls(d, st));
    }
    return HTH_OK;
}

static HthStatus members_code(Det *d, uint32_t m) {
    const HthNfaMembers *from = &d->nfa->members[m];
    const HthIrNode *node = hth_ir_node(d->nfa->ir, from->node);
    const HthIrMembers *ir = node->data;
    HthMembersCode *to = &d->g->members[m];
    to->named_n = node->n;
    to->min = node->min;
    to->max = node->max;
    to->words = (node->n + 31) / 32;
    uint32_t *value = hth_arena_take(d->g->arena, node->n + 1, sizeof *value);
    uint32_t *required = hth_arena_take(d->g->arena, to->words + 1, sizeof *required);
    to->cost = hth_arena_take(d->g->arena, node->n + 1, sizeof *to->cost);
    NEED(value && required && to->cost, d);
    memcpy(value, from->value, (node->n + 1) * sizeof *value);
    for (uint32_t i = 0; i < node->n; i++) {
        if (!ir->named[i].required) continue;
        required[i / 32] |= 1u << i % 32;
        to->required_n++;
    }
    to->value = value;
    to->required = required;
    HTH_TRY(region(d, HTH_STATE_KEY, m, from->key, &to->key));
    return region(d, HTH_STATE_SEP, m, from->separator, &to->separator);
}

static HthStatus all(Det *d) {
    HthGrammar *g = d->g;
    g->proc_n = d->nfa->proc_n;
    g->members_n = d->nfa->members_n;
    g->proc = hth_arena_take(g->arena, g->proc_n, sizeof *g->proc);
    g->members = hth_arena_take(g->arena, g->members_n + 1, sizeof *g->members);
    NEED(g->proc && g->members, d);
    HTH_TRY(hth_nfa_room(d->nfa, d->err));
    for (uint32_t p = 0; p < g->proc_n; p++) {
        const HthNfaProc *from = &d->nfa->proc[p];
        g->proc[p] = (HthProc){ .members = from->members, .nullable = from->nullable };
        g->proc[p].least = HTH_FAR;
        if (from->members == HTH_NONE)
            HTH_TRY(region(d, HTH_STATE_PLAIN, p, from->body, &g->proc[p].start));
    }
    for (uint32_t m = 0; m < g->members_n; m++) HTH_TRY(members_code(d, m));
    return HTH_OK;
}

HthStatus hth_grammar_determine(HthGrammar *g, HthNfa *nfa, HthErr *err) {
    Det d = { .g = g, .nfa = nfa, .err = err };
    HthStatus status = hth_arena_open(&d.arena, SETS_MAX, err);
    if (status == HTH_OK) status = hth_map_open(&d.map, 1024, err);
    if (status == HTH_OK) status = all(&d);
    hth_map_close(&d.map);
    hth_arena_close(&d.arena);
    hth_free(d.set);
    hth_free(d.bytes);
    hth_free(d.calls);
    return status;
}

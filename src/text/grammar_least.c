/* grammar_least.c - how few bytes lead from a state to the end of its procedure; what leads to no
 * end is taken out, so that nothing allowed is a dead end.
 *
 * Least lengths are a fixed point over all procedures at once.  Procedures and states are numbered
 * from the root outwards, so that a sweep from the last to the first settles nearly everything.
 * For members: the required ones, and the cheapest others up to the minimum.
 *
 * Thread: one owner. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/grammar_int.h"

enum { FAR_AWAY = 1 << 30, SWEEPS_MAX = 256 };

static uint32_t add(uint32_t a, uint32_t b) {
    if (a == HTH_FAR || b == HTH_FAR) return HTH_FAR;
    return a + b > FAR_AWAY ? FAR_AWAY : a + b;
}

static int by_cost(const void *a, const void *b) {
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static bool relax(HthGrammar *g, uint32_t s) {
    HthState *st = &g->state[s];
    uint32_t least = st->accept || st->label_n ? 0 : HTH_FAR;
    for (uint32_t i = 0; i < st->edge_n && least; i++) {
        const uint32_t n = add(1, g->state[g->edge[st->edge + i].to].least);
        if (n < least) least = n;
    }
    for (uint32_t i = 0; i < st->call_n; i++) {
        const HthCall *call = &g->call[st->call + i];
        const uint32_t n = add(g->proc[call->proc].least, g->state[call->ret].least);
        if (n < least) least = n;
    }
    if (least >= st->least) return false;
    st->least = least;
    return true;
}

/* Bytes from `from` to each state of its region. A region's states are numbered in a row. */
static void distances(const HthGrammar *g, uint32_t from, uint32_t *dist, uint32_t *list) {
    uint32_t head = 0, n = 0;
    dist[from] = 0;
    list[n++] = from;
    while (head < n) {
        const HthState *st = &g->state[list[head]];
        const uint32_t d = dist[list[head++]];
        for (uint32_t i = 0; i < st->edge_n; i++) {
            const uint32_t to = g->edge[st->edge + i].to;
            if (dist[to] != HTH_FAR) continue;
            dist[to] = d + 1;
            list[n++] = to;
        }
    }
}

/* key[i]: the least length of the key of member i. */
static void key_lengths(const HthGrammar *g, const HthMembersCode *m, uint32_t *dist, uint32_t *key,
                        uint32_t *list) {
    memset(dist, 0xFF, (size_t)g->state_n * sizeof *dist);
    distances(g, m->key, dist, list);
    for (uint32_t i = 0; i <= m->named_n; i++) key[i] = HTH_FAR;
    const uint32_t owner = g->state[m->key].owner;
    for (uint32_t s = m->key; s < g->state_n; s++) {
        const HthState *st = &g->state[s];
        if (st->kind != HTH_STATE_KEY || st->owner != owner) break;
        for (uint32_t i = 0; i < st->label_n; i++) {
            const uint32_t label = g->label[st->label + i];
            uint32_t *least = &key[label == HTH_EXTRA ? m->named_n : label];
            if (dist[s] < *least) *least = dist[s];
        }
    }
}

/* The least text of one member at least, or HTH_FAR. */
static uint32_t members_least(const HthGrammar *g, const HthMembersCode *m, uint32_t *sorted) {
    uint32_t n = m->required_n, optional = 0, least = 0;
    if (m->required_n > m->max || m->min > m->max || m->max == 0) return HTH_FAR;
    for (uint32_t i = 0; i < m->named_n; i++) {
        if (m->required[i / 32] >> i % 32 & 1) {
            least = add(least, m->cost[i]);
        } else if (m->cost[i] != HTH_FAR) {
            sorted[optional++] = m->cost[i];
        }
    }
    const uint32_t want = m->min ? m->min : 1;
    const uint32_t extra = m->cost[m->named_n];
    qsort(sorted, optional, sizeof *sorted, by_cost);
    for (uint32_t i = 0; n < want && i < optional && sorted[i] <= extra; i++, n++)
        least = add(least, sorted[i]);
    const uint32_t gap = g->state[m->separator].least;
    for (uint32_t i = 1; i < n; i++) least = add(least, gap);
    if (n >= want || extra == HTH_FAR) return n >= want ? least : HTH_FAR;
    const uint64_t rest = (uint64_t)(want - n) * ((uint64_t)extra + gap) - (n ? 0 : gap);
    if (gap == HTH_FAR && want > 1) return HTH_FAR;
    return add(least, rest > FAR_AWAY ? FAR_AWAY : (uint32_t)rest);
}

static bool relax_members(HthGrammar *g, HthProc *proc, const uint32_t *key, uint32_t *sorted) {
    HthMembersCode *m = &g->members[proc->members];
    for (uint32_t i = 0; i <= m->named_n; i++) {
        m->cost[i] = HTH_FAR;
        if (m->value[i] == HTH_NONE) continue;
        const HthProc *value = &g->proc[m->value[i]];
        m->cost[i] = add(key[i], value->nullable ? 0 : value->least);
    }
    const uint32_t least = members_least(g, m, sorted);
    if (least >= proc->least) return false;
    proc->least = least;
    return true;
}

static bool sweep(HthGrammar *g, uint32_t *const *key, uint32_t *sorted) {
    bool changed = false;
    for (uint32_t s = g->state_n; s-- > 0;) {
        const bool shorter = relax(g, s);
        changed |= shorter;
        const HthState *st = &g->state[s];
        if (shorter && st->kind == HTH_STATE_PLAIN && g->proc[st->owner].start == s)
            g->proc[st->owner].least = st->least;
    }
    for (uint32_t p = g->proc_n; p-- > 0;)
        if (g->proc[p].members != HTH_NONE)
            changed |= relax_members(g, &g->proc[p], key[g->proc[p].members], sorted);
    return changed;
}

/* Only what leads to an end stays. */
static void prune(HthGrammar *g) {
    for (uint32_t s = 0; s < g->state_n; s++) {
        HthState *st = &g->state[s];
        uint32_t edges = 0, calls = 0, labels = 0;
        for (uint32_t i = 0; i < st->edge_n; i++) {
            const HthEdge e = g->edge[st->edge + i];
            if (g->state[e.to].least != HTH_FAR) g->edge[st->edge + edges++] = e;
        }
        for (uint32_t i = 0; i < st->call_n; i++) {
            const HthCall c = g->call[st->call + i];
            const HthState *ret = &g->state[c.ret];
            if (ret->least == HTH_FAR || g->proc[c.proc].least == HTH_FAR) continue;
            g->call[st->call + calls++] = c;
        }
        for (uint32_t i = 0; i < st->label_n; i++) {
            const uint32_t label = g->label[st->label + i];
            const HthMembersCode *m = &g->members[st->owner];
            if (m->cost[label == HTH_EXTRA ? m->named_n : label] == HTH_FAR) continue;
            g->label[st->label + labels++] = label;
        }
        st->edge_n = edges;
        st->call_n = calls;
        st->label_n = labels;
    }
}

/* A key that no possible member ends leads nowhere. */
static void forget_labels(HthGrammar *g) {
    prune(g);
    for (uint32_t s = 0; s < g->state_n; s++)
        if (g->state[s].kind == HTH_STATE_KEY) g->state[s].least = HTH_FAR;
    for (bool again = true; again;) {
        again = false;
        for (uint32_t s = g->state_n; s-- > 0;)
            if (g->state[s].kind == HTH_STATE_KEY) again |= relax(g, s);
    }
    prune(g);
}

/* A call after which nothing is left to do needs no place on the stack. */
static void mark_tails(HthGrammar *g) {
    for (uint32_t c = 0; c < g->call_n; c++) {
        const HthState *ret = &g->state[g->call[c].ret];
        if (ret->accept && ret->edge_n + ret->call_n == 0) g->call[c].ret = HTH_NONE;
    }
}

HthStatus hth_grammar_prune(HthGrammar *g, HthErr *err) {
    uint32_t widest = 0, sweeps = 0;
    for (uint32_t m = 0; m < g->members_n; m++)
        if (g->members[m].named_n > widest) widest = g->members[m].named_n;
    uint32_t **key = hth_arena_take(g->arena, g->members_n + 1, sizeof *key);
    uint32_t *room = hth_calloc(2 * (size_t)g->state_n + widest + 1, sizeof *room);
    HthStatus status = HTH_OK;
    for (uint32_t m = 0; key && room && m < g->members_n; m++) {
        key[m] = hth_arena_take(g->arena, g->members[m].named_n + 1, sizeof **key);
        if (!key[m]) key = NULL;
        if (key) key_lengths(g, &g->members[m], room, key[m], room + g->state_n);
    }
    if (!key || !room) {
        status = HTH_FAIL(err, HTH_ENOMEM, "out of memory for a grammar");
    } else {
        while (sweep(g, key, room + 2 * (size_t)g->state_n) && sweeps < SWEEPS_MAX) sweeps++;
    }
    if (sweeps == SWEEPS_MAX)
        status = HTH_FAIL(err, HTH_ELIMIT, "the rules of the grammar refer back too often");
    if (status == HTH_OK) forget_labels(g);
    if (status == HTH_OK) mark_tails(g);
    hth_free(room);
    return status;
}

/* grammar_left.c - left recursion rewritten, and recursion at the very end turned into loops.
 *
 * A procedure that begins by calling itself, A = A x | y, is y x*: in the network, the calls of A
 * at its start go away and what followed them may follow A's end.  Where several procedures begin
 * with each other, they are first written out in each other's starts, in an order (Paull).
 * Afterwards no chain of calls comes back to where it began without having taken a byte.  The empty
 * text is left out of procedures everywhere: who calls what may be empty may also pass it by.
 *
 * Thread: one owner. */
#include <string.h>

#include "base/mem.h"
#include "text/grammar_int.h"

enum { LEFT_MAX = 2048 }; /* procedures that begin with each other */

typedef struct Left {
    HthNfa *nfa;
    uint32_t *first, *to; /* who begins with calling whom: to[first[p] .. first[p + 1]) */
    uint32_t *list; /* procedures that begin with themselves, in some way */
    uint32_t list_n;
    uint32_t *seen, *stack, stamp;
    uint32_t *map; /* state -> its copy */
    HthErr *err;
} Left;

static HthStatus find_calls(Left *l) {
    HthNfa *nfa = l->nfa;
    uint32_t n = 0, cap = 0;
    for (uint32_t p = 0; p < nfa->proc_n; p++) {
        l->first[p] = n;
        if (nfa->proc[p].members != HTH_NONE) continue;
        HTH_TRY(hth_nfa_reach_from(nfa, nfa->proc[p].body.start, l->err));
        for (uint32_t i = 0; i < nfa->list_n; i++) {
            for (uint32_t a = nfa->arcs[nfa->list[i]]; a != HTH_NONE; a = nfa->arc[a].next) {
                if (nfa->arc[a].kind != HTH_ARC_CALL) continue;
                HTH_REQUIRE(hth_grow(&l->to, &cap, n, sizeof *l->to), l->err, HTH_ENOMEM,
                            "out of memory for a grammar");
                l->to[n++] = nfa->arc[a].proc;
            }
        }
    }
    l->first[nfa->proc_n] = n;
    return HTH_OK;
}

/* Does `from` begin, through one call or more, with `goal`? */
static bool begins_with(Left *l, uint32_t from, uint32_t goal) {
    uint32_t n = 0;
    l->stamp++;
    l->stack[n++] = from;
    while (n) {
        const uint32_t p = l->stack[--n];
        for (uint32_t i = l->first[p]; i < l->first[p + 1]; i++) {
            if (l->to[i] == goal) return true;
            if (l->seen[l->to[i]] == l->stamp) continue;
            l->seen[l->to[i]] = l->stamp;
            l->stack[n++] = l->to[i];
        }
    }
    return false;
}

/* Takes leaves away until only procedures on cycles, or between them, are left: most grammars end
 * here with none. */
static HthStatus find_left(Left *l) {
    const uint32_t n = l->nfa->proc_n;
    for (uint32_t p = 0; p < n; p++) l->seen[p] = 1;
    for (bool again = true; again;) {
        again = false;
        for (uint32_t p = n; p-- > 0;) {
            bool stays = false;
            for (uint32_t i = l->first[p]; i < l->first[p + 1]; i++) stays |= l->seen[l->to[i]];
            if (!l->seen[p] || stays) continue;
            l->seen[p] = 0;
            again = true;
        }
    }
    for (uint32_t p = 0; p < n; p++)
        if (l->seen[p]) l->list[l->list_n++] = p;
    HTH_REQUIRE(l->list_n <= LEFT_MAX, l->err, HTH_ELIMIT,
                "more than %d rules of the grammar begin with each other", LEFT_MAX);
    memset(l->seen, 0, n * sizeof *l->seen);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < l->list_n; i++)
        if (begins_with(l, l->list[i], l->list[i])) l->list[kept++] = l->list[i];
    l->list_n = kept;
    return HTH_OK;
}

/* A start of its own that has the arcs of all that the old one reaches, and nothing leads to. */
static HthStatus own_start(Left *l, HthNfaProc *proc) {
    HthNfa *nfa = l->nfa;
    uint32_t start;
    HTH_TRY(hth_nfa_state(nfa, &start, l->err));
    HTH_TRY(hth_nfa_reach_from(nfa, proc->body.start, l->err));
    for (uint32_t i = 0; i < nfa->list_n; i++) {
        for (uint32_t a = nfa->arcs[nfa->list[i]]; a != HTH_NONE; a = nfa->arc[a].next) {
            HthArc arc = nfa->arc[a];
            if (arc.kind == HTH_ARC_EMPTY) continue;
            arc.solid = true;
            HTH_TRY(hth_nfa_arc(nfa, start, arc, l->err));
        }
    }
    proc->body.start = start;
    return HTH_OK;
}

static HthStatus copy_state(Left *l, uint32_t old, uint32_t *n, uint32_t *out) {
    if (l->map[old] == HTH_NONE) {
        HTH_TRY(hth_nfa_state(l->nfa, &l->map[old], l->err));
        l->stack[(*n)++] = old;
    }
    *out = l->map[old];
    return HTH_OK;
}

/* A copy of a procedure's network; *start its start, and its end leads to `to`. */
static HthStatus copy_proc(Left *l, const HthRegion *body, uint32_t to, uint32_t *start) {
    HthNfa *nfa = l->nfa;
    const uint32_t states = nfa->n;
    uint32_t n = 0, end;
    l->map = hth_calloc(states, sizeof *l->map);
    uint32_t *kept = l->stack;
    l->stack = hth_calloc(states, sizeof *l->stack);
    HthStatus status = HTH_ENOMEM;
    if (l->map && l->stack) {
        memset(l->map, 0xFF, states * sizeof *l->map);
        status = copy_state(l, body->start, &n, start);
    }
    for (uint32_t i = 0; status == HTH_OK && i < n; i++) {
        const uint32_t old = l->stack[i];
        for (uint32_t a = nfa->arcs[old]; status == HTH_OK && a != HTH_NONE; a = nfa->arc[a].next) {
            HthArc arc = nfa->arc[a];
            status = copy_state(l, arc.to, &n, &arc.to);
            if (status == HTH_OK) status = hth_nfa_arc(nfa, l->map[old], arc, l->err);
        }
    }
    end = l->map ? l->map[body->end] : HTH_NONE;
    if (status == HTH_OK && end != HTH_NONE)
        status = hth_nfa_arc(nfa, end, (HthArc){ .kind = HTH_ARC_EMPTY, .to = to }, l->err);
    hth_free(l->map);
    hth_free(l->stack);
    l->map = NULL;
    l->stack = kept;
    if (status == HTH_ENOMEM) return HTH_FAIL(l->err, HTH_ENOMEM, "out of memory for a grammar");
    return status;
}

/* Takes the calls of `callee` off the start; what followed them goes to l->stack. */
static uint32_t take_calls(Left *l, uint32_t start, uint32_t callee, uint32_t max) {
    HthNfa *nfa = l->nfa;
    uint32_t n = 0;
    for (uint32_t *a = &nfa->arcs[start]; *a != HTH_NONE && n < max;) {
        const HthArc *arc = &nfa->arc[*a];
        if (arc->kind == HTH_ARC_CALL && arc->proc == callee) {
            l->stack[n++] = arc->to;
            *a = arc->next;
        } else {
            a = &nfa->arc[*a].next;
        }
    }
    return n;
}

static HthStatus unleft(Left *l, uint32_t i) {
    HthNfa *nfa = l->nfa;
    HthNfaProc *proc = &nfa->proc[l->list[i]];
    HTH_TRY(own_start(l, proc));
    for (uint32_t j = 0; j < i; j++) {
        const uint32_t callee = l->list[j];
        if (!begins_with(l, callee, l->list[i])) continue;
        while (take_calls(l, proc->body.start, callee, 1)) {
            uint32_t copy = HTH_NONE;
            HTH_TRY(copy_proc(l, &nfa->proc[callee].body, l->stack[0], &copy));
            for (uint32_t a = nfa->arcs[copy]; a != HTH_NONE; a = nfa->arc[a].next)
                HTH_TRY(hth_nfa_arc(nfa, proc->body.start, nfa->arc[a], l->err));
        }
    }
    while (take_calls(l, proc->body.start, l->list[i], 1)) {
        const HthArc arc = { .kind = HTH_ARC_EMPTY, .to = l->stack[0] };
        HTH_TRY(hth_nfa_arc(nfa, proc->body.end, arc, l->err));
    }
    return HTH_OK;
}

/* Is there nothing between this state and the end, and nothing after the end? */
static bool at_end(const HthNfa *nfa, uint32_t at, uint32_t end) {
    if (nfa->arcs[end] != HTH_NONE) return false;
    for (uint32_t steps = 0; at != end; steps++) { /* only a chain is looked at */
        const uint32_t arc = nfa->arcs[at];
        if (arc == HTH_NONE || nfa->arc[arc].next != HTH_NONE || steps == 64) return false;
        if (nfa->arc[arc].kind != HTH_ARC_EMPTY) return false;
        at = nfa->arc[arc].to;
    }
    return true;
}

/* A call of itself after which nothing is left to do is a loop. */
static HthStatus loop_tails(HthNfa *nfa, HthErr *err) {
    const uint32_t arc_n = nfa->arc_n;
    for (uint32_t a = 0; a < arc_n; a++) {
        if (nfa->arc[a].kind != HTH_ARC_CALL || nfa->arc[a].solid) continue;
        const HthNfaProc *proc = &nfa->proc[nfa->arc[a].proc];
        if (proc->members != HTH_NONE || !at_end(nfa, nfa->arc[a].to, proc->body.end)) continue;
        uint32_t both; /* again, or, if it can be empty, be done */
        HTH_TRY(hth_nfa_state(nfa, &both, err));
        HthArc arc = { .kind = HTH_ARC_EMPTY, .to = proc->body.start };
        HTH_TRY(hth_nfa_arc(nfa, both, arc, err));
        arc.to = proc->body.end;
        if (proc->nullable) HTH_TRY(hth_nfa_arc(nfa, both, arc, err));
        nfa->arc[a].kind = HTH_ARC_EMPTY;
        nfa->arc[a].to = both;
    }
    return HTH_OK;
}

HthStatus hth_nfa_unleft(HthNfa *nfa, HthErr *err) {
    const size_t n = nfa->proc_n + 1;
    Left l = { .nfa = nfa, .err = err };
    uint32_t *room = hth_calloc(4 * n, sizeof *room);
    HTH_REQUIRE(room, err, HTH_ENOMEM, "out of memory for a grammar");
    l.first = room;
    l.list = room + n;
    l.seen = room + 2 * n;
    l.stack = room + 3 * n;
    HthStatus status = find_calls(&l);
    if (status == HTH_OK) status = find_left(&l);
    for (uint32_t i = 0; status == HTH_OK && i < l.list_n; i++) status = unleft(&l, i);
    hth_free(l.to);
    hth_free(room);
    if (status == HTH_OK) status = loop_tails(nfa, err);
    return status;
}

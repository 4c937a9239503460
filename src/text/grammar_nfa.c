/* grammar_nfa.c - from pieces to a network of states: what is written out in place, what becomes a
 * procedure, which procedures can be empty.
 *
 * Written out in place is whatever is small or used once.  Procedures are: what calls itself,
 * members, their values, what is large and used often, and regular languages that take most bytes
 * (the inside of a string), because masks of those are the dear ones and are shared by name.
 *
 * Thread: one owner. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "text/grammar_int.h"

enum {
    STATES_MAX = 1 << 20,
    BUILD_DEPTH_MAX = 400, /* of recursion here: deeper pieces become procedures */
    SHARED_SIZE = 256, /* states above which a piece used twice is a procedure */
    REPEATED_SIZE = 16,
    REPEATED_ALL = 256,
    REPEATED_WIDE = 1 << 17, /* a call per character would make masks dear */
    PLACED_MAX = 4096,
    WIDE_BYTES = 64, /* a state that takes so many bytes has a dear mask */
    WIDE_TIMES = 8 /* in a row */
};
enum { NOT_PROC, IS_PROC, RECURSIVE };

typedef struct Dfa {
    uint32_t state_n, class_n;
    const uint8_t *class_of, *accept;
    const uint32_t *next;
} Dfa;

static Dfa dfa_view(const HthIrNode *node) {
    const uint32_t *head = node->data;
    Dfa d = { .state_n = head[0], .class_n = head[1] };
    d.class_of = (const uint8_t *)(head + 2);
    d.next = head + 2 + 64;
    d.accept = (const uint8_t *)(d.next + (size_t)d.state_n * d.class_n);
    return d;
}

HthStatus hth_nfa_state(HthNfa *nfa, uint32_t *out, HthErr *err) {
    HTH_REQUIRE(nfa->n < STATES_MAX, err, HTH_ELIMIT,
                "the grammar is too large: written out it has more than %d states", STATES_MAX);
    HTH_REQUIRE(hth_grow(&nfa->arcs, &nfa->cap, nfa->n, sizeof *nfa->arcs) &&
                    hth_grow(&nfa->label, &nfa->cap_label, nfa->n, sizeof *nfa->label),
                err, HTH_ENOMEM, "out of memory for a grammar");
    nfa->arcs[nfa->n] = HTH_NONE;
    nfa->label[nfa->n] = 0;
    *out = nfa->n++;
    return HTH_OK;
}

HthStatus hth_nfa_arc(HthNfa *nfa, uint32_t from, HthArc arc, HthErr *err) {
    HTH_REQUIRE(nfa->arc_n < 8 * STATES_MAX, err, HTH_ELIMIT,
                "the grammar is too large: written out it has more than %d edges", 8 * STATES_MAX);
    HTH_REQUIRE(hth_grow(&nfa->arc, &nfa->arc_cap, nfa->arc_n, sizeof *nfa->arc), err, HTH_ENOMEM,
                "out of memory for a grammar");
    arc.next = nfa->arcs[from];
    nfa->arc[nfa->arc_n] = arc;
    nfa->arcs[from] = nfa->arc_n++;
    return HTH_OK;
}

static HthStatus empty_arc(HthNfa *nfa, uint32_t from, uint32_t to, HthErr *err) {
    return hth_nfa_arc(nfa, from, (HthArc){ .kind = HTH_ARC_EMPTY, .to = to }, err);
}

/* A new state that `from` leads to without a byte. */
static HthStatus fresh(HthNfa *nfa, uint32_t from, uint32_t *out, HthErr *err) {
    HTH_TRY(hth_nfa_state(nfa, out, err));
    return empty_arc(nfa, from, *out, err);
}

/* ---- what becomes a procedure ---- */
typedef struct Scan {
    uint8_t *color; /* 0 not seen, 1 above us, 2 done */
    uint32_t *refs, *size, *order, *stack, *kid;
    uint32_t order_n;
} Scan;

static HthStatus scan_walk(HthNfa *nfa, Scan *s, HthNode root, HthErr *err) {
    uint32_t top = 0;
    s->stack[top] = root;
    s->color[root] = 1;
    for (;;) {
        const HthNode at = s->stack[top];
        const HthNode kid = hth_ir_kid(nfa->ir, at, s->kid[top]++);
        if (kid == HTH_NODE_NONE) {
            HTH_REQUIRE(hth_ir_node(nfa->ir, at)->kind != HTH_IR_RULE || s->kid[top] > 1, err,
                        HTH_EINVAL, "a rule of the grammar is used and not defined");
            s->color[at] = 2;
            s->order[s->order_n++] = at;
            if (top == 0) return HTH_OK;
            top--;
            continue;
        }
        s->refs[kid]++;
        if (s->color[kid] == 1) nfa->is_proc[kid] = RECURSIVE;
        if (s->color[kid]) continue;
        s->color[kid] = 1;
        s->stack[++top] = kid;
        s->kid[top] = 0;
    }
}

static bool takes_many(const Dfa *d, uint32_t st) {
    uint32_t taken = 0;
    for (uint32_t b = 0; b < 256; b++)
        taken += d->next[(size_t)st * d->class_n + d->class_of[b]] != 0;
    return taken >= WIDE_BYTES;
}

/* How many characters in a row can each be nearly any: 0, 1, 2 (or more). */
static int wide(const HthIrNode *node) {
    int most = 0;
    if (node->kind != HTH_IR_DFA) return 0;
    const Dfa d = dfa_view(node);
    for (uint32_t st = 1; st < d.state_n && most < 2; st++) {
        if (!takes_many(&d, st)) continue;
        most = 1;
        for (uint32_t b = ' '; b < 0x7F && most < 2; b++) {
            const uint32_t to = d.next[(size_t)st * d.class_n + d.class_of[b]];
            if (to && takes_many(&d, to)) most = 2;
        }
    }
    return most;
}

/* Is this, or an alternative of this, a character that can be nearly any? */
static bool wide_kid(const HthIr *ir, HthNode at, uint32_t depth) {
    const HthIrNode *node = hth_ir_node(ir, at);
    if (wide(node)) return true;
    if (node->kind == HTH_IR_RULE) at = hth_ir_body(ir, at);
    if (depth == 0) return false;
    if (node->kind == HTH_IR_RULE) return wide_kid(ir, at, depth - 1);
    for (uint32_t i = 0; node->kind == HTH_IR_ALT && i < node->n && i < 16; i++)
        if (wide_kid(ir, hth_ir_kid(ir, at, i), depth - 1)) return true;
    return false;
}

static bool dear(const HthIr *ir, HthNode at) {
    const HthIrNode *node = hth_ir_node(ir, at);
    if (node->kind == HTH_IR_DFA) return wide(node) > 1;
    return node->kind == HTH_IR_REPEAT && node->max >= WIDE_TIMES &&
           wide_kid(ir, hth_ir_kid(ir, at, 0), 3);
}

static uint32_t sum(uint32_t a, uint64_t b) {
    const uint64_t all = a + b;
    return all > STATES_MAX ? STATES_MAX : (uint32_t)all;
}

static void scan_sizes(HthNfa *nfa, Scan *s) {
    for (uint32_t o = 0; o < s->order_n; o++) {
        const HthNode at = s->order[o];
        const HthIrNode *node = hth_ir_node(nfa->ir, at);
        uint32_t size = node->kind == HTH_IR_BYTES ? node->n : 1;
        if (node->kind == HTH_IR_DFA) size = dfa_view(node).state_n;
        for (uint32_t i = 0; node->kind != HTH_IR_MEMBERS; i++) {
            const HthNode kid = hth_ir_kid(nfa->ir, at, i);
            if (kid == HTH_NODE_NONE) break;
            const uint32_t one = nfa->is_proc[kid] ? 1 : s->size[kid];
            const uint64_t times = node->kind != HTH_IR_REPEAT ? 1
                                   : node->max == HTH_MANY     ? (uint64_t)node->min + 1
                                                               : node->max;
            const uint64_t most =
                times > 1 && wide_kid(nfa->ir, kid, 3) ? REPEATED_WIDE : REPEATED_ALL;
            if (one > REPEATED_SIZE && times * one > most && !nfa->is_proc[kid]) {
                nfa->is_proc[kid] = IS_PROC;
                size = sum(size, times);
            } else {
                size = sum(size, times * one);
            }
        }
        s->size[at] = size;
        if (nfa->is_proc[at]) continue;
        const bool often = s->refs[at] > 1 && size > SHARED_SIZE && node->kind != HTH_IR_BYTES;
        const bool large = size > PLACED_MAX && node->kind != HTH_IR_BYTES;
        if (node->kind == HTH_IR_MEMBERS || often || large || dear(nfa->ir, at))
            nfa->is_proc[at] = IS_PROC;
    }
}

static HthStatus choose_procs(HthNfa *nfa, HthNode root, HthErr *err) {
    const uint32_t n = hth_ir_count(nfa->ir);
    uint32_t *room = hth_calloc((size_t)n * 5 + 2, sizeof *room);
    Scan s = { .color = hth_calloc(n, 1) };
    HthStatus status = HTH_ENOMEM;
    if (room && s.color) {
        s.refs = room;
        s.size = room + n;
        s.order = room + 2 * (size_t)n;
        s.stack = room + 3 * (size_t)n;
        s.kid = room + 4 * (size_t)n;
        status = scan_walk(nfa, &s, root, err);
        if (status == HTH_OK) scan_sizes(nfa, &s);
    } else {
        status = HTH_FAIL(err, HTH_ENOMEM, "out of memory for a grammar");
    }
    hth_free(room);
    hth_free(s.color);
    return status;
}

/* ---- writing out ---- */
typedef struct Build {
    HthNfa *nfa;
    bool flat; /* in a key: nothing is called */
    HthErr *err;
} Build;

static HthStatus proc_for(HthNfa *nfa, HthNode node, uint32_t *out, HthErr *err) {
    if (nfa->proc_of[node] == HTH_NONE) {
        HTH_REQUIRE(hth_grow(&nfa->proc, &nfa->proc_cap, nfa->proc_n, sizeof *nfa->proc), err,
                    HTH_ENOMEM, "out of memory for a grammar");
        nfa->proc_of[node] = nfa->proc_n;
        nfa->proc[nfa->proc_n++] = (HthNfaProc){ .node = node, .members = HTH_NONE };
    }
    *out = nfa->proc_of[node];
    return HTH_OK;
}

static HthStatus place(const Build *b, HthNode node, uint32_t from, uint32_t depth, uint32_t *out);

static HthStatus place_bytes(const Build *b, const HthIrNode *node, uint32_t from, uint32_t *out) {
    const uint8_t *bytes = node->data;
    for (uint32_t i = 0; i < node->n; i++) {
        uint32_t to;
        HTH_TRY(hth_nfa_state(b->nfa, &to, b->err));
        const HthArc arc = { .kind = HTH_ARC_BYTE, .lo = bytes[i], .hi = bytes[i], .to = to };
        HTH_TRY(hth_nfa_arc(b->nfa, from, arc, b->err));
        from = to;
    }
    *out = from;
    return HTH_OK;
}

static HthStatus place_dfa(const Build *b, const HthIrNode *node, uint32_t from, uint32_t *out) {
    const Dfa d = dfa_view(node);
    uint32_t end, first;
    HTH_TRY(hth_nfa_state(b->nfa, &end, b->err));
    first = b->nfa->n;
    for (uint32_t st = 1, made; st < d.state_n; st++) {
        HTH_TRY(hth_nfa_state(b->nfa, &made, b->err));
        if (d.accept[st]) HTH_TRY(empty_arc(b->nfa, made, end, b->err));
    }
    HTH_TRY(empty_arc(b->nfa, from, first, b->err));
    for (uint32_t st = 1; st < d.state_n; st++) {
        const uint32_t *next = d.next + (size_t)st * d.class_n;
        for (uint32_t lo = 0, hi; lo < 256; lo = hi + 1) {
            const uint32_t to = next[d.class_of[lo]];
            for (hi = lo; hi < 255 && next[d.class_of[hi + 1]] == to;) hi++;
            if (to == 0) continue;
            const HthArc arc = {
                .kind = HTH_ARC_BYTE, .lo = (uint8_t)lo, .hi = (uint8_t)hi, .to = first + to - 1
            };
            HTH_TRY(hth_nfa_arc(b->nfa, first + st - 1, arc, b->err));
        }
    }
    *out = end;
    return HTH_OK;
}

static HthStatus place_repeat(const Build *b, const HthIrNode *node, uint32_t from, uint32_t depth,
                              uint32_t *out) {
    const HthNode kid = *(const HthNode *)node->data;
    uint32_t end;
    for (uint32_t i = 0; i < node->min; i++) {
        HTH_TRY(fresh(b->nfa, from, &from, b->err)); /* so that even an empty kid costs */
        HTH_TRY(place(b, kid, from, depth, &from));
    }
    HTH_TRY(fresh(b->nfa, from, &from, b->err));
    if (node->max == HTH_MANY) {
        HTH_TRY(place(b, kid, from, depth, &end));
        HTH_TRY(empty_arc(b->nfa, end, from, b->err));
        return fresh(b->nfa, from, out, b->err);
    }
    HTH_TRY(fresh(b->nfa, from, &end, b->err));
    for (uint32_t i = node->min; i < node->max; i++) {
        HTH_TRY(place(b, kid, from, depth, &from));
        HTH_TRY(fresh(b->nfa, from, &from, b->err));
        HTH_TRY(empty_arc(b->nfa, from, end, b->err));
    }
    *out = end;
    return HTH_OK;
}

static HthStatus place_alt(const Build *b, HthNode at, uint32_t from, uint32_t depth,
                           uint32_t *out) {
    uint32_t end;
    HTH_TRY(hth_nfa_state(b->nfa, &end, b->err));
    for (uint32_t i = 0;; i++) {
        const HthNode kid = hth_ir_kid(b->nfa->ir, at, i);
        if (kid == HTH_NODE_NONE) break;
        uint32_t own;
        HTH_TRY(fresh(b->nfa, from, &own, b->err));
        HTH_TRY(place(b, kid, own, depth, &own));
        HTH_TRY(empty_arc(b->nfa, own, end, b->err));
    }
    *out = end;
    return HTH_OK;
}

static HthStatus place_inside(const Build *b, HthNode at, uint32_t from, uint32_t depth,
                              uint32_t *out) {
    const HthIrNode *node = hth_ir_node(b->nfa->ir, at);
    switch (node->kind) {
    case HTH_IR_BYTES: return place_bytes(b, node, from, out);
    case HTH_IR_DFA: return place_dfa(b, node, from, out);
    case HTH_IR_ALT: return place_alt(b, at, from, depth, out);
    case HTH_IR_REPEAT: return place_repeat(b, node, from, depth, out);
    case HTH_IR_RULE: return place(b, hth_ir_body(b->nfa->ir, at), from, depth, out);
    default: break;
    }
    HTH_ASSERT(node->kind == HTH_IR_SEQ);
    for (uint32_t i = 0; i < node->n; i++)
        HTH_TRY(place(b, ((const HthNode *)node->data)[i], from, depth, &from));
    *out = from;
    return HTH_OK;
}

static HthStatus place(const Build *b, HthNode node, uint32_t from, uint32_t depth, uint32_t *out) {
    HthNfa *nfa = b->nfa;
    if (b->flat) {
        HTH_REQUIRE(nfa->is_proc[node] != RECURSIVE &&
                        hth_ir_node(nfa->ir, node)->kind != HTH_IR_MEMBERS,
                    b->err, HTH_EINVAL, "the key of a member, or what separates members, recurs");
        HTH_REQUIRE(depth < 4 * BUILD_DEPTH_MAX, b->err, HTH_ELIMIT,
                    "the key of a member is nested too deeply");
    } else if (nfa->is_proc[node] || depth >= BUILD_DEPTH_MAX) {
        HthArc arc = { .kind = HTH_ARC_CALL };
        nfa->is_proc[node] |= IS_PROC;
        HTH_TRY(proc_for(nfa, node, &arc.proc, b->err));
        HTH_TRY(hth_nfa_state(nfa, &arc.to, b->err));
        *out = arc.to;
        return hth_nfa_arc(nfa, from, arc, b->err);
    }
    return place_inside(b, node, from, depth + 1, out);
}

static HthStatus label_key(const Build *b, HthNode key, uint32_t start, uint32_t label) {
    uint32_t own;
    HTH_TRY(fresh(b->nfa, start, &own, b->err));
    HTH_TRY(place(b, key, own, 0, &own));
    HTH_TRY(fresh(b->nfa, own, &own, b->err));
    b->nfa->label[own] = label;
    return HTH_OK;
}

static HthStatus build_members(HthNfa *nfa, uint32_t proc, HthErr *err) {
    const Build b = { nfa, true, err };
    const HthIrNode *node = hth_ir_node(nfa->ir, nfa->proc[proc].node);
    const HthIrMembers *m = node->data;
    HTH_REQUIRE(hth_grow(&nfa->members, &nfa->members_cap, nfa->members_n, sizeof *nfa->members),
                err, HTH_ENOMEM, "out of memory for a grammar");
    HthNfaMembers made = { .node = nfa->proc[proc].node, .key.end = HTH_NONE };
    made.value = hth_arena_take(nfa->arena, node->n + 1, sizeof *made.value);
    HTH_REQUIRE(made.value, err, HTH_ENOMEM, "out of memory for a grammar");
    HTH_TRY(hth_nfa_state(nfa, &made.key.start, err));
    bool any = node->min == 0;
    for (uint32_t i = 0; i < node->n; i++) {
        HTH_TRY(label_key(&b, m->named[i].key, made.key.start, i + 1));
        HTH_TRY(proc_for(nfa, m->named[i].value, &made.value[i], err));
        if (m->named[i].required) any = false;
    }
    made.value[node->n] = HTH_NONE;
    if (m->extra_key != HTH_NODE_NONE) {
        HTH_TRY(label_key(&b, m->extra_key, made.key.start, HTH_EXTRA));
        HTH_TRY(proc_for(nfa, m->extra_value, &made.value[node->n], err));
    }
    HTH_TRY(hth_nfa_state(nfa, &made.separator.start, err));
    HTH_TRY(place(&b, m->separator, made.separator.start, 0, &made.separator.end));
    nfa->proc[proc].members = nfa->members_n;
    nfa->proc[proc].nullable = any;
    nfa->members[nfa->members_n++] = made;
    return HTH_OK;
}

/* ---- closures and emptiness ---- */
static int by_number(const void *a, const void *b) {
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

HthStatus hth_nfa_room(HthNfa *nfa, HthErr *err) {
    if (nfa->mark_cap >= nfa->n) return HTH_OK;
    const uint32_t want = nfa->n + nfa->n / 2;
    uint32_t *mark = hth_realloc(nfa->mark, want, sizeof *mark);
    if (mark) nfa->mark = mark;
    uint32_t *list = mark ? hth_realloc(nfa->list, want, sizeof *list) : NULL;
    if (list) nfa->list = list;
    HTH_REQUIRE(mark && list, err, HTH_ENOMEM, "out of memory for a grammar");
    memset(mark, 0, want * sizeof *mark);
    nfa->mark_cap = want;
    nfa->stamp = 0;
    return HTH_OK;
}

void hth_nfa_begin(HthNfa *nfa) {
    nfa->stamp++;
    nfa->list_n = 0;
}

void hth_nfa_add(HthNfa *nfa, uint32_t state) {
    if (nfa->mark[state] == nfa->stamp) return;
    nfa->mark[state] = nfa->stamp;
    nfa->list[nfa->list_n++] = state;
}

void hth_nfa_reach(HthNfa *nfa) {
    for (uint32_t i = 0; i < nfa->list_n; i++) {
        for (uint32_t a = nfa->arcs[nfa->list[i]]; a != HTH_NONE; a = nfa->arc[a].next) {
            const HthArc *arc = &nfa->arc[a];
            const bool skip =
                arc->kind == HTH_ARC_CALL && !arc->solid && nfa->proc[arc->proc].nullable;
            if (arc->kind == HTH_ARC_EMPTY || skip) hth_nfa_add(nfa, arc->to);
        }
    }
    qsort(nfa->list, nfa->list_n, sizeof *nfa->list, by_number);
}

HthStatus hth_nfa_reach_from(HthNfa *nfa, uint32_t start, HthErr *err) {
    HTH_TRY(hth_nfa_room(nfa, err));
    hth_nfa_begin(nfa);
    hth_nfa_add(nfa, start);
    hth_nfa_reach(nfa);
    return HTH_OK;
}

static HthStatus find_nullable(HthNfa *nfa, HthErr *err) {
    for (bool again = true; again;) {
        again = false;
        for (uint32_t p = nfa->proc_n; p-- > 0;) {
            HthNfaProc *proc = &nfa->proc[p];
            if (proc->nullable || proc->members != HTH_NONE) continue;
            HTH_TRY(hth_nfa_reach_from(nfa, proc->body.start, err));
            if (nfa->mark[proc->body.end] != nfa->stamp) continue;
            proc->nullable = true;
            again = true;
        }
    }
    for (uint32_t m = 0; m < nfa->members_n; m++) {
        HTH_TRY(hth_nfa_reach_from(nfa, nfa->members[m].key.start, err));
        for (uint32_t i = 0; i < nfa->list_n; i++)
            HTH_REQUIRE(nfa->label[nfa->list[i]] == 0, err, HTH_EINVAL,
                        "the key of a member can be empty");
    }
    return HTH_OK;
}

HthStatus hth_nfa_open(HthNfa *nfa, const HthIr *ir, HthNode root, HthErr *err) {
    *nfa = (HthNfa){ .ir = ir };
    const uint32_t n = hth_ir_count(ir);
    nfa->proc_of = hth_calloc(n, sizeof *nfa->proc_of);
    nfa->is_proc = hth_calloc(n, 1);
    HTH_REQUIRE(nfa->proc_of && nfa->is_proc, err, HTH_ENOMEM, "out of memory for a grammar");
    memset(nfa->proc_of, 0xFF, n * sizeof *nfa->proc_of);
    HTH_TRY(hth_arena_open(&nfa->arena, (size_t)1 << 30, err));
    HTH_TRY(choose_procs(nfa, root, err));
    uint32_t first;
    HTH_TRY(proc_for(nfa, root, &first, err));
    for (uint32_t p = 0; p < nfa->proc_n; p++) {
        const HthNode node = nfa->proc[p].node;
        if (hth_ir_node(ir, node)->kind == HTH_IR_MEMBERS) {
            HTH_TRY(build_members(nfa, p, err));
            continue;
        }
        const Build b = { nfa, false, err };
        HthRegion body;
        HTH_TRY(hth_nfa_state(nfa, &body.start, err));
        HTH_TRY(place_inside(&b, node, body.start, 0, &body.end));
        HTH_TRY(fresh(nfa, body.end, &body.end, err));
        nfa->proc[p].body = body;
    }
    return find_nullable(nfa, err);
}

void hth_nfa_close(HthNfa *nfa) {
    hth_arena_close(&nfa->arena);
    hth_free(nfa->arcs);
    hth_free(nfa->label);
    hth_free(nfa->arc);
    hth_free(nfa->proc);
    hth_free(nfa->members);
    hth_free(nfa->proc_of);
    hth_free(nfa->is_proc);
    hth_free(nfa->mark);
    hth_free(nfa->list);
    *nfa = (HthNfa){ 0 };
}

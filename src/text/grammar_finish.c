/* grammar_finish.c - a shortest text that completes what was begun.
 *
 * Every state knows how few bytes lead to the end of its procedure: a shortest way is a walk
 * downhill.  Members add their own part: those still required, the cheapest others up to the
 * minimum.  What is to be written is a stack of tasks, so that nothing recurs.
 *
 * Thread: the one that owns the matcher. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/grammar_int.h"

typedef enum TaskKind {
    TASK_STATE, /* from here to the end of the procedure, or of the separator */
    TASK_PROC,
    TASK_KEY /* from state `at` to the end of the key of `label` */
} TaskKind;
typedef struct Task {
    TaskKind kind;
    uint32_t at, label;
} Task;
typedef struct Finish {
    const HthMatcher *m;
    const HthGrammar *g;
    Task *task;
    uint32_t task_n, task_cap;
    uint32_t *label, label_n, label_cap; /* members to come */
    uint32_t *dist, *list, *from; /* [state_n]: from: the state each was reached from */
    HthBuf *out;
    HthErr *err;
} Finish;
typedef struct Bits { /* a frame on its own */
    uint32_t count;
    uint32_t bits[HTH_MEMBERS_MAX / 32];
} Bits;

#define NO_MEM(f) HTH_FAIL((f)->err, HTH_ENOMEM, "out of memory for the end of a text")

static HthStatus push(Finish *f, TaskKind kind, uint32_t at, uint32_t label) {
    if (!hth_grow(&f->task, &f->task_cap, f->task_n, sizeof *f->task)) return NO_MEM(f);
    f->task[f->task_n++] = (Task){ kind, at, label };
    return HTH_OK;
}

static uint32_t cost_of(const HthMembersCode *m, uint32_t label) {
    return m->cost[label == HTH_EXTRA ? m->named_n : label];
}

static bool has(const uint32_t *bits, uint32_t i) {
    return bits[i / 32] >> i % 32 & 1;
}

static Bits bits_of(const HthMatcher *m, uint32_t frame) {
    const HthFrame *f = m->space.frame[frame];
    Bits b = { .count = f->count };
    memcpy(b.bits, f->bits, m->g->members[f->members].words * sizeof *b.bits);
    return b;
}

static void bits_take(Bits *b, uint32_t label) {
    if (label != HTH_EXTRA) b->bits[label / 32] |= 1u << label % 32;
    b->count++;
}

typedef struct Offer {
    uint32_t cost, label;
} Offer;

static int by_cost(const void *a, const void *b) {
    const Offer *x = a, *y = b;
    if (x->cost != y->cost) return x->cost < y->cost ? -1 : 1;
    return x->label < y->label ? -1 : x->label > y->label;
}

/* The members still to come, least in all, into f->label. */
static HthStatus plan(Finish *f, const HthMembersCode *m, const Bits *b, uint32_t least) {
    Offer *offer = hth_calloc((size_t)m->named_n + 1, sizeof *offer);
    uint32_t n = 0, offers = 0;
    HthStatus status = offer ? HTH_OK : NO_MEM(f);
    f->label_n = 0;
    for (uint32_t i = 0; status == HTH_OK && i < m->named_n; i++) {
        if (has(b->bits, i) || m->cost[i] == HTH_FAR) continue;
        if (!has(m->required, i)) {
            offer[offers++] = (Offer){ m->cost[i], i };
        } else if (!hth_grow(&f->label, &f->label_cap, f->label_n, sizeof *f->label)) {
            status = NO_MEM(f);
        } else {
            f->label[f->label_n++] = i;
        }
    }
    const uint32_t more = b->count < m->min ? m->min - b->count : 0;
    const uint32_t want = more > least ? more : least;
    if (status == HTH_OK && f->label_n < want) qsort(offer, offers, sizeof *offer, by_cost);
    while (status == HTH_OK && f->label_n < want) {
        const bool named = n < offers && offer[n].cost <= m->cost[m->named_n];
        if (!hth_grow(&f->label, &f->label_cap, f->label_n, sizeof *f->label)) status = NO_MEM(f);
        if (status == HTH_OK) f->label[f->label_n++] = named ? offer[n++].label : HTH_EXTRA;
    }
    hth_free(offer);
    return status;
}

/* Bytes of a plan, each member with a separator before it. */
static uint64_t plan_cost(const Finish *f, const HthMembersCode *m) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < f->label_n; i++)
        sum += (uint64_t)cost_of(m, f->label[i]) + f->g->state[m->separator].least;
    return sum;
}

static HthStatus push_value(Finish *f, const HthMembersCode *m, uint32_t label) {
    const uint32_t value = m->value[label == HTH_EXTRA ? m->named_n : label];
    return f->g->proc[value].nullable ? HTH_OK : push(f, TASK_PROC, value, 0);
}

static HthStatus push_plan(Finish *f, const HthMembersCode *m, bool first) {
    for (uint32_t i = f->label_n; i-- > 0;) {
        HTH_TRY(push_value(f, m, f->label[i]));
        HTH_TRY(push(f, TASK_KEY, m->key, f->label[i]));
        if (i || !first) HTH_TRY(push(f, TASK_STATE, m->separator, 0));
    }
    return HTH_OK;
}

/* ---- keys ---- */
/* Breadth first through the key from a state: dist, and where each was reached from. */
static uint32_t spread(Finish *f, uint32_t start) {
    uint32_t n = 0;
    f->dist[start] = 0;
    f->list[n++] = start;
    for (uint32_t i = 0; i < n; i++) {
        const HthState *st = &f->g->state[f->list[i]];
        for (uint32_t e = st->edge; e < st->edge + st->edge_n; e++) {
            const uint32_t to = f->g->edge[e].to;
            if (f->dist[to] != HTH_FAR) continue;
            f->dist[to] = f->dist[f->list[i]] + 1;
            f->from[to] = f->list[i];
            f->list[n++] = to;
        }
    }
    return n;
}

static void unspread(Finish *f, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) f->dist[f->list[i]] = HTH_FAR;
}

/* The nearest state of list[0..n) that ends the key of label. */
static uint32_t nearest(const Finish *f, uint32_t n, uint32_t label) {
    for (uint32_t i = 0; i < n; i++) {
        const HthState *st = &f->g->state[f->list[i]];
        for (uint32_t k = 0; k < st->label_n; k++)
            if (f->g->label[st->label + k] == label) return f->list[i];
    }
    return HTH_NONE;
}

/* Of the bytes that lead on, one that reads well. */
static uint8_t nice(const HthEdge *e) {
    static const char liked[] = "a0 ";
    for (size_t i = 0; liked[i]; i++)
        if (e->lo <= (uint8_t)liked[i] && (uint8_t)liked[i] <= e->hi) return (uint8_t)liked[i];
    return e->lo;
}

static uint8_t byte_between(const HthGrammar *g, uint32_t from, uint32_t to) {
    const HthState *st = &g->state[from];
    uint8_t best = 0;
    for (uint32_t e = st->edge + st->edge_n; e-- > st->edge;)
        if (g->edge[e].to == to) best = nice(&g->edge[e]);
    return best;
}

static HthStatus write_key(Finish *f, uint32_t start, uint32_t label) {
    const uint32_t n = spread(f, start), end = nearest(f, n, label);
    HTH_ASSERT(end != HTH_NONE);
    const uint32_t bytes = f->dist[end];
    HthStatus status = hth_buf_reserve(f->out, bytes, f->err);
    if (status == HTH_OK) {
        f->out->n += bytes;
        f->out->p[f->out->n] = 0;
        for (uint32_t at = end, i = 1; at != start; at = f->from[at], i++)
            f->out->p[f->out->n - i] = (char)byte_between(f->g, f->from[at], at);
    }
    unspread(f, n);
    return status;
}

/* ---- downhill ---- */
static HthStatus write_state(Finish *f, uint32_t state) {
    const HthState *st = &f->g->state[state];
    const HthEdge *best = NULL;
    if (st->least == 0) return HTH_OK;
    for (uint32_t e = st->edge; e < st->edge + st->edge_n; e++) {
        const HthEdge *edge = &f->g->edge[e];
        if (f->g->state[edge->to].least + 1 != st->least) continue;
        if (!best || nice(edge) == 'a') best = edge;
    }
    if (best) {
        HTH_TRY(push(f, TASK_STATE, best->to, 0));
        return hth_buf_add_char(f->out, (char)nice(best), f->err);
    }
    for (uint32_t c = st->call; c < st->call + st->call_n; c++) {
        const HthCall *call = &f->g->call[c];
        const uint32_t after = call->ret == HTH_NONE ? 0 : f->g->state[call->ret].least;
        if (f->g->proc[call->proc].least + after != st->least) continue;
        if (call->ret != HTH_NONE) HTH_TRY(push(f, TASK_STATE, call->ret, 0));
        return push(f, TASK_PROC, call->proc, 0);
    }
    return HTH_FAIL(f->err, HTH_ELIMIT, "what completes this text is too long");
}

static HthStatus write_proc(Finish *f, uint32_t proc) {
    const HthProc *p = &f->g->proc[proc];
    if (p->members == HTH_NONE) return push(f, TASK_STATE, p->start, 0);
    const HthMembersCode *m = &f->g->members[p->members];
    const Bits none = { 0 };
    HTH_TRY(plan(f, m, &none, 1));
    return push_plan(f, m, true);
}

/* ---- where to begin ---- */
/* The cheapest member to go on with from a place in a key (or before one); its plan is f->label. */
static HthStatus best_member(Finish *f, HthConf c, uint64_t *cost, uint32_t *label) {
    const uint32_t frame = f->m->space.stack[c.stack].frame;
    const HthMembersCode *m = &f->g->members[f->g->state[c.state].owner];
    const bool between = f->g->state[c.state].kind == HTH_STATE_SEP;
    const uint32_t key = between ? m->key : c.state, n = spread(f, key);
    const HthState *st = &f->g->state[key];
    const uint64_t before = between ? f->g->state[c.state].least : 0;
    HthStatus status = HTH_OK;
    *cost = UINT64_MAX;
    for (uint32_t i = 0; status == HTH_OK && i < st->reach_n; i++) {
        const uint32_t l = f->g->reach[st->reach + i];
        if (!hth_frame_may_take(&f->m->space, frame, l)) continue;
        const HthProc *value = &f->g->proc[m->value[l == HTH_EXTRA ? m->named_n : l]];
        Bits b = bits_of(f->m, frame);
        bits_take(&b, l);
        status = plan(f, m, &b, 0);
        const uint64_t sum = before + f->dist[nearest(f, n, l)] +
                             (value->nullable ? 0 : value->least) + plan_cost(f, m);
        if (status != HTH_OK || sum >= *cost) continue;
        *cost = sum;
        *label = l;
    }
    unspread(f, n);
    return status;
}

/* Bytes that complete a configuration; with write, the tasks that do. */
static HthStatus complete(Finish *f, HthConf c, bool write, uint64_t *cost) {
    const HthSpace *s = &f->m->space;
    uint32_t depth = 0, *chain = f->list + f->g->state_n; /* [stack_n] */
    uint64_t sum = 0;
    for (uint32_t at = c.stack; at != HTH_STACK_ROOT; at = s->stack[at].parent) chain[depth++] = at;
    for (uint32_t i = depth; i-- > 0;) { /* from the bottom up: what is written last comes first */
        const HthStack *node = &s->stack[chain[i]];
        if (node->ret == HTH_NONE) continue;
        const HthState *ret = &f->g->state[node->ret];
        if (ret->kind == HTH_STATE_PLAIN) {
            sum += ret->least;
            if (write) HTH_TRY(push(f, TASK_STATE, node->ret, 0));
            continue;
        }
        const Bits b = bits_of(f->m, s->stack[node->parent].frame);
        HTH_TRY(plan(f, &f->g->members[ret->owner], &b, 0));
        sum += plan_cost(f, &f->g->members[ret->owner]);
        if (write) HTH_TRY(push_plan(f, &f->g->members[ret->owner], false));
    }
    const HthState *st = &f->g->state[c.state];
    if (st->kind == HTH_STATE_PLAIN) {
        *cost = sum + st->least;
        return write ? push(f, TASK_STATE, c.state, 0) : HTH_OK;
    }
    uint32_t label = HTH_NONE;
    const HthMembersCode *m = &f->g->members[st->owner];
    HTH_TRY(best_member(f, c, cost, &label));
    *cost += sum;
    if (!write) return HTH_OK;
    Bits b = bits_of(f->m, s->stack[c.stack].frame);
    bits_take(&b, label);
    HTH_TRY(plan(f, m, &b, 0));
    HTH_TRY(push_plan(f, m, false));
    HTH_TRY(push_value(f, m, label));
    const bool between = st->kind == HTH_STATE_SEP;
    HTH_TRY(push(f, TASK_KEY, between ? m->key : c.state, label));
    return between ? push(f, TASK_STATE, c.state, 0) : HTH_OK;
}

static HthStatus finish(Finish *f) {
    const HthMatcher *m = f->m;
    uint64_t best = UINT64_MAX, cost;
    uint32_t which = 0;
    memset(f->dist, 0xFF, f->g->state_n * sizeof *f->dist);
    for (uint32_t i = 0; i < m->now.n; i++) {
        HTH_TRY(complete(f, m->now.p[i], false, &cost));
        if (cost >= best) continue;
        best = cost;
        which = i;
    }
    HTH_ASSERT(best != UINT64_MAX);
    HTH_REQUIRE(best < 1u << 30, f->err, HTH_ELIMIT, "what completes this text is too long");
    HTH_TRY(complete(f, m->now.p[which], true, &cost));
    while (f->task_n) {
        const Task t = f->task[--f->task_n];
        switch (t.kind) {
        case TASK_STATE: HTH_TRY(write_state(f, t.at)); break;
        case TASK_PROC: HTH_TRY(write_proc(f, t.at)); break;
        case TASK_KEY: HTH_TRY(write_key(f, t.at, t.label)); break;
        }
    }
    return HTH_OK;
}

HthStatus hth_matcher_finish(const HthMatcher *m, HthBuf *out, HthErr *err) {
    if (m->may_end) return HTH_OK;
    const size_t n = m->g->state_n, before = out->n;
    Finish f = { .m = m, .g = m->g, .out = out, .err = err };
    f.dist = hth_calloc(3 * n + m->space.stack_n, sizeof *f.dist);
    HTH_REQUIRE(f.dist, err, HTH_ENOMEM, "out of memory for the end of a text");
    f.from = f.dist + n;
    f.list = f.dist + 2 * n; /* and, after it, a chain of the stack */
    HthStatus status = finish(&f);
    hth_free(f.dist);
    hth_free(f.task);
    hth_free(f.label);
    if (status != HTH_OK && out->p) {
        out->n = before;
        out->p[before] = 0;
    }
    return status;
}

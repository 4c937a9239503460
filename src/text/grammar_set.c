/* grammar_set.c - stacks and sets: what follows a configuration without a byte, and after one.
 *
 * The frame of an object under way is a stack node of its own, below which lies where to go on
 * afterwards; it is replaced when a member is taken.  A stack may stand on HTH_STACK_BASE, below
 * which nothing is known: what would look there is reported as a leave instead.
 *
 * Thread: one owner. */
#include <string.h>

#include "base/mem.h"
#include "text/grammar_int.h"

enum { DEPTH_HARD_MAX = 4 * HTH_GRAMMAR_DEPTH_MAX, SEEN_FIRST = 64 };
#define FRAMES_MAX ((size_t)64 << 20)

typedef union FrameRoom { /* a frame with room for all its bits */
    HthFrame f;
    uint32_t room[sizeof(HthFrame) / sizeof(uint32_t) + HTH_MEMBERS_MAX / 32];
} FrameRoom;

HthStatus hth_sets_add(HthSets *sets, HthConf c, HthErr *err) {
    HTH_REQUIRE(hth_grow(&sets->p, &sets->cap, sets->n, sizeof c), err, HTH_ENOMEM,
                "out of memory for a place in a grammar");
    sets->p[sets->n++] = c;
    return HTH_OK;
}

static HthStatus reopen(HthSpace *s, HthErr *err) {
    s->stack_n = s->frame_n = 0;
    HTH_TRY(hth_map64_open(&s->stack_map, 64, err));
    HTH_TRY(hth_map_open(&s->frame_map, 16, err));
    HTH_TRY(hth_arena_open(&s->arena, FRAMES_MAX, err));
    for (uint32_t i = 0; i < 2; i++) { /* BASE and ROOT */
        HTH_REQUIRE(hth_grow(&s->stack, &s->stack_cap, s->stack_n, sizeof *s->stack), err,
                    HTH_ENOMEM, "out of memory for a place in a grammar");
        s->stack[s->stack_n++] = (HthStack){ HTH_NONE, HTH_NONE, HTH_NONE, 0 };
    }
    return HTH_OK;
}

static void forget(HthSpace *s) {
    hth_map64_close(&s->stack_map);
    hth_map_close(&s->frame_map);
    hth_arena_close(&s->arena);
}

HthStatus hth_space_open(HthSpace *s, const HthGrammar *g, HthErr *err) {
    *s = (HthSpace){ .g = g, .seen_n = SEEN_FIRST };
    s->seen = hth_calloc(SEEN_FIRST, sizeof *s->seen);
    HthStatus status =
        s->seen ? reopen(s, err) : HTH_FAIL(err, HTH_ENOMEM, "out of memory for a grammar");
    if (status != HTH_OK) hth_space_close(s);
    return status;
}

void hth_space_close(HthSpace *s) {
    forget(s);
    hth_free(s->stack);
    hth_free(s->frame);
    hth_free(s->work);
    hth_free(s->seen);
    *s = (HthSpace){ 0 };
}

HthStatus hth_space_push(HthSpace *s, uint32_t parent, uint32_t ret, uint32_t frame, uint32_t *out,
                         HthErr *err) {
    const uint32_t low = ret == HTH_NONE ? 0x80000000u | frame : ret;
    const uint64_t key = (uint64_t)parent << 32 | low;
    const uint32_t old = hth_map64_get(s->stack_map, key);
    if (old != HTH_MAP_NONE) {
        *out = old;
        return HTH_OK;
    }
    /* An object counts once: for where it goes on, not for its frame and its values. */
    const bool counts = ret != HTH_NONE && s->g->state[ret].kind == HTH_STATE_PLAIN;
    const HthStack node = { parent, ret, frame, s->stack[parent].depth + counts };
    HTH_REQUIRE(node.depth <= DEPTH_HARD_MAX && s->stack_n < 1u << 30, err, HTH_ELIMIT,
                "the text is nested deeper than %d levels", HTH_GRAMMAR_DEPTH_MAX);
    HTH_REQUIRE(hth_grow(&s->stack, &s->stack_cap, s->stack_n, sizeof node), err, HTH_ENOMEM,
                "out of memory for a place in a grammar");
    HTH_TRY(hth_map64_put(s->stack_map, key, s->stack_n, err));
    s->stack[s->stack_n] = node;
    *out = s->stack_n++;
    return HTH_OK;
}

static HthStatus frame_intern(HthSpace *s, const HthFrame *frame, uint32_t *out, HthErr *err) {
    const size_t bytes = sizeof *frame + s->g->members[frame->members].words * sizeof(uint32_t);
    const HthStr key = { (const char *)frame, bytes };
    *out = hth_map_get(s->frame_map, key);
    if (*out != HTH_MAP_NONE) return HTH_OK;
    HTH_REQUIRE(hth_arena_used(s->arena) + bytes + (1 << 17) < FRAMES_MAX, err, HTH_ELIMIT,
                "the objects of this answer have too many members");
    HTH_REQUIRE(hth_grow(&s->frame, &s->frame_cap, s->frame_n, sizeof *s->frame), err, HTH_ENOMEM,
                "out of memory for a place in a grammar");
    HthFrame *kept = (HthFrame *)(void *)hth_arena_copy(s->arena, frame, bytes);
    HTH_REQUIRE(kept, err, HTH_ENOMEM, "out of memory for a place in a grammar");
    HTH_TRY(hth_map_put(s->frame_map, (HthStr){ (const char *)kept, bytes }, s->frame_n, err));
    s->frame[s->frame_n] = kept;
    *out = s->frame_n++;
    return HTH_OK;
}

uint32_t hth_frame_left(const HthSpace *s, uint32_t frame) {
    const HthFrame *f = s->frame[frame];
    const HthMembersCode *m = &s->g->members[f->members];
    uint32_t left = 0;
    for (uint32_t i = 0; i < m->words; i++)
        left += (uint32_t)__builtin_popcount(m->required[i] & ~f->bits[i]);
    return left;
}

bool hth_frame_may_end(const HthSpace *s, uint32_t frame) {
    const HthFrame *f = s->frame[frame];
    return f->count >= s->g->members[f->members].min && hth_frame_left(s, frame) == 0;
}

/* A member may come if it is not there yet and those that must come still fit after it. */
bool hth_frame_may_take(const HthSpace *s, uint32_t frame, uint32_t label) {
    const HthFrame *f = s->frame[frame];
    const HthMembersCode *m = &s->g->members[f->members];
    if (m->cost[label == HTH_EXTRA ? m->named_n : label] == HTH_FAR) return false;
    if (label != HTH_EXTRA && f->bits[label / 32] >> label % 32 & 1) return false;
    if (m->max == HTH_MANY) return true;
    if (f->count >= m->max) return false;
    const bool required = label != HTH_EXTRA && (m->required[label / 32] >> label % 32 & 1);
    return required || hth_frame_left(s, frame) < m->max - f->count;
}

/* Can a member that this state may become be taken? */
static bool any_may_come(const HthSpace *s, const HthState *st, uint32_t frame) {
    for (uint32_t i = st->reach_n; i-- > 0;)
        if (hth_frame_may_take(s, frame, s->g->reach[st->reach + i])) return true;
    return false;
}

HthStatus hth_frame_take(HthSpace *s, uint32_t frame, uint32_t label, uint32_t *out, HthErr *err) {
    FrameRoom next;
    *out = HTH_NONE;
    if (!hth_frame_may_take(s, frame, label)) return HTH_OK;
    const HthFrame *f = s->frame[frame];
    const HthMembersCode *m = &s->g->members[f->members];
    memcpy(&next, f, sizeof *f + m->words * sizeof(uint32_t));
    if (label != HTH_EXTRA) next.f.bits[label / 32] |= 1u << label % 32;
    /* Without a ceiling only the way to the minimum matters: equal places stay equal. */
    if (m->max != HTH_MANY || next.f.count < m->min) next.f.count++;
    return frame_intern(s, &next.f, out, err);
}

const HthEdge *hth_edge_find(const HthGrammar *g, const HthState *st, uint8_t byte) {
    const HthEdge *e = g->edge + st->edge;
    uint32_t lo = 0, hi = st->edge_n;
    while (lo < hi) {
        const uint32_t mid = (lo + hi) / 2;
        if (byte < e[mid].lo) {
            hi = mid;
        } else if (byte > e[mid].hi) {
            lo = mid + 1;
        } else {
            return &e[mid];
        }
    }
    return NULL;
}

/* ---- closures ---- */
static void begin(HthSpace *s) {
    if (s->seen_used) memset(s->seen, 0, s->seen_n * sizeof *s->seen);
    s->seen_used = s->work_n = s->leave_n = 0;
    s->may_end = false;
}

static uint32_t slot_of(const HthSpace *s, HthConf c) {
    const uint64_t key = (uint64_t)c.state << 32 | c.stack;
    uint32_t at = (uint32_t)(key * 0x9E3779B97F4A7C15u >> 32) & (s->seen_n - 1);
    while (s->seen[at] &&
           (s->work[s->seen[at] - 1].state != c.state || s->work[s->seen[at] - 1].stack != c.stack))
        at = (at + 1) & (s->seen_n - 1);
    return at;
}

/* The table of what is in work, for when a look at all of it would take long. */
static HthStatus seen_grow(HthSpace *s, HthErr *err) {
    if (s->work_n * 2 > s->seen_n) {
        uint32_t *seen = hth_calloc((size_t)s->seen_n * 4, sizeof *seen);
        HTH_REQUIRE(seen, err, HTH_ENOMEM, "out of memory for a place in a grammar");
        hth_free(s->seen);
        s->seen = seen;
        s->seen_n *= 4;
        s->seen_used = 0;
    }
    for (; s->seen_used < s->work_n; s->seen_used++)
        s->seen[slot_of(s, s->work[s->seen_used])] = s->seen_used + 1;
    return HTH_OK;
}

static HthStatus visit(HthSpace *s, uint32_t state, uint32_t stack, HthErr *err) {
    const HthConf c = { state, stack };
    if (s->work_n <= 16) {
        for (uint32_t i = 0; i < s->work_n; i++)
            if (s->work[i].state == state && s->work[i].stack == stack) return HTH_OK;
    } else {
        HTH_TRY(seen_grow(s, err));
        if (s->seen[slot_of(s, c)]) return HTH_OK;
    }
    HTH_REQUIRE(s->work_n < 4 * HTH_CONFS_MAX, err, HTH_ELIMIT,
                "the grammar is too ambiguous: this text can be read in more than %d ways",
                HTH_CONFS_MAX);
    HTH_REQUIRE(hth_grow(&s->work, &s->work_cap, s->work_n, sizeof c), err, HTH_ENOMEM,
                "out of memory for a place in a grammar");
    s->work[s->work_n++] = c;
    return HTH_OK;
}

static HthStatus leaves(HthSpace *s, HthLeaveKind kind, uint32_t state, HthErr *err) {
    for (uint32_t i = 0; i < s->leave_n; i++)
        if (s->leave[i].kind == kind && s->leave[i].state == state) return HTH_OK;
    HTH_REQUIRE(s->leave_n < HTH_COUNT(s->leave), err, HTH_ELIMIT,
                "the grammar is too ambiguous: a place is left in more than %zu ways",
                HTH_COUNT(s->leave));
    s->leave[s->leave_n++] = (HthLeave){ kind, state };
    return HTH_OK;
}

static HthStatus pop(HthSpace *s, uint32_t stack, HthErr *err) {
    if (stack == HTH_STACK_BASE) return leaves(s, HTH_LEAVE_POP, HTH_NONE, err);
    if (stack == HTH_STACK_ROOT) {
        s->may_end = true;
        return HTH_OK;
    }
    const HthStack node = s->stack[stack];
    HTH_DCHECK(node.ret != HTH_NONE);
    return visit(s, node.ret, node.parent, err);
}

static HthStatus enter(HthSpace *s, uint32_t proc, uint32_t stack, HthErr *err) {
    const HthProc *p = &s->g->proc[proc];
    if (p->least == HTH_FAR) return HTH_OK;
    if (p->members == HTH_NONE) return visit(s, p->start, stack, err);
    FrameRoom empty;
    const HthMembersCode *m = &s->g->members[p->members];
    uint32_t frame, top;
    memset(&empty, 0, sizeof empty.f + m->words * sizeof(uint32_t));
    empty.f.members = p->members;
    HTH_TRY(frame_intern(s, &empty.f, &frame, err));
    HTH_TRY(hth_space_push(s, stack, HTH_NONE, frame, &top, err));
    return visit(s, m->key, top, err);
}

/* A key is whole: the member's value, and then whatever follows members. */
static HthStatus take(HthSpace *s, uint32_t label, uint32_t stack, HthErr *err) {
    const HthStack node = s->stack[stack];
    const HthMembersCode *m = &s->g->members[s->frame[node.frame]->members];
    uint32_t frame, top, under;
    HTH_TRY(hth_frame_take(s, node.frame, label, &frame, err));
    if (frame == HTH_NONE) return HTH_OK;
    const uint32_t value = m->value[label == HTH_EXTRA ? m->named_n : label];
    const uint32_t separator = m->separator;
    HTH_TRY(hth_space_push(s, node.parent, HTH_NONE, frame, &under, err));
    if (s->g->proc[value].nullable) HTH_TRY(visit(s, separator, under, err));
    HTH_TRY(hth_space_push(s, under, separator, HTH_NONE, &top, err));
    return enter(s, value, top, err);
}

static HthStatus end_members(HthSpace *s, uint32_t stack, HthErr *err) {
    HTH_ASSERT(stack != HTH_STACK_BASE); /* after a value: its return is what leaves */
    if (!hth_frame_may_end(s, s->stack[stack].frame)) return HTH_OK;
    return pop(s, s->stack[stack].parent, err);
}

static HthStatus expand(HthSpace *s, HthConf c, HthErr *err) {
    const HthGrammar *g = s->g;
    const HthState *st = &g->state[c.state];
    if (st->kind == HTH_STATE_KEY) {
        if (c.stack == HTH_STACK_BASE)
            return st->label_n ? leaves(s, HTH_LEAVE_LABEL, c.state, err) : HTH_OK;
        for (uint32_t i = 0; i < st->label_n; i++)
            HTH_TRY(take(s, g->label[st->label + i], c.stack, err));
        return HTH_OK;
    }
    if (st->kind == HTH_STATE_SEP) {
        const HthMembersCode *m = &g->members[st->owner];
        if (st->accept) HTH_TRY(visit(s, m->key, c.stack, err));
        return c.state == m->separator ? end_members(s, c.stack, err) : HTH_OK;
    }
    for (uint32_t i = 0; i < st->call_n; i++) {
        const HthCall call = g->call[st->call + i];
        uint32_t top = c.stack;
        if (call.ret != HTH_NONE)
            HTH_TRY(hth_space_push(s, c.stack, call.ret, HTH_NONE, &top, err));
        HTH_TRY(enter(s, call.proc, top, err));
    }
    return st->accept ? pop(s, c.stack, err) : HTH_OK;
}

/* Does a whole text still come of it? Everywhere but among members the automaton itself says so. */
static bool lives(const HthSpace *s, HthConf c) {
    const HthGrammar *g = s->g;
    const HthState *st = &g->state[c.state];
    if (st->edge_n == 0) return false;
    if (st->kind == HTH_STATE_PLAIN || c.stack == HTH_STACK_BASE) return true;
    if (st->kind == HTH_STATE_SEP) st = &g->state[g->members[st->owner].key];
    return any_may_come(s, st, s->stack[c.stack].frame);
}

static HthStatus close_over(HthSpace *s, HthSets *out, HthErr *err) {
    for (uint32_t i = 0; i < s->work_n; i++) HTH_TRY(expand(s, s->work[i], err));
    for (uint32_t i = 0; i < s->work_n; i++)
        if (lives(s, s->work[i])) HTH_TRY(hth_sets_add(out, s->work[i], err));
    return HTH_OK;
}

HthStatus hth_space_first(HthSpace *s, HthSets *out, HthErr *err) {
    begin(s);
    HTH_TRY(enter(s, 0, HTH_STACK_ROOT, err));
    HTH_TRY(close_over(s, out, err));
    s->may_end |= s->g->proc[0].nullable;
    return HTH_OK;
}

HthStatus hth_space_step(HthSpace *s, const HthSets *from, uint32_t at, uint32_t n, uint8_t byte,
                         HthSets *out, HthErr *err) {
    begin(s);
    for (uint32_t i = at; i < at + n; i++) {
        const HthEdge *e = hth_edge_find(s->g, &s->g->state[from->p[i].state], byte);
        if (e) HTH_TRY(visit(s, e->to, from->p[i].stack, err));
    }
    return s->work_n ? close_over(s, out, err) : HTH_OK;
}

HthStatus hth_space_leave(HthSpace *s, HthLeave leave, HthConf c, HthSets *out, HthErr *err) {
    begin(s);
    const HthState *st = leave.kind == HTH_LEAVE_LABEL ? &s->g->state[leave.state] : NULL;
    switch ((HthLeaveKind)leave.kind) {
    case HTH_LEAVE_SELF: return hth_sets_add(out, c, err);
    case HTH_LEAVE_POP: HTH_TRY(pop(s, c.stack, err)); break;
    case HTH_LEAVE_LABEL:
        for (uint32_t i = 0; i < st->label_n; i++)
            HTH_TRY(take(s, s->g->label[st->label + i], c.stack, err));
        break;
    }
    return close_over(s, out, err);
}

/* ---- forgetting ---- */
typedef struct Keep {
    HthSpace *s;
    const HthStack *old;
    HthFrame *const *frame;
    uint32_t *map; /* old stack -> new one */
    uint32_t *chain;
    HthErr *err;
} Keep;

static HthStatus keep_stack(Keep *k, uint32_t stack, uint32_t *out) {
    uint32_t n = 0;
    for (uint32_t at = stack; k->map[at] == HTH_NONE; at = k->old[at].parent) k->chain[n++] = at;
    while (n-- > 0) {
        const HthStack *node = &k->old[k->chain[n]];
        uint32_t frame = HTH_NONE;
        if (node->ret == HTH_NONE)
            HTH_TRY(frame_intern(k->s, k->frame[node->frame], &frame, k->err));
        HTH_TRY(hth_space_push(k->s, k->map[node->parent], node->ret, frame, &k->map[k->chain[n]],
                               k->err));
    }
    *out = k->map[stack];
    return HTH_OK;
}

HthStatus hth_space_keep(HthSpace *s, HthSets *const *sets, uint32_t n, HthErr *err) {
    HthSpace next = { 0 };
    Keep k = { .s = &next, .old = s->stack, .frame = s->frame, .err = err };
    uint32_t *room = hth_calloc(2 * (size_t)s->stack_n, sizeof *room);
    for (uint32_t i = 0; i < n; i++)
        HTH_REQUIRE(room, err, HTH_ENOMEM, "out of memory for a place in a grammar");
    k.map = room;
    k.chain = room + s->stack_n;
    memset(room, 0xFF, s->stack_n * sizeof *room);
    k.map[HTH_STACK_BASE] = HTH_STACK_BASE;
    k.map[HTH_STACK_ROOT] = HTH_STACK_ROOT;
    HthStatus status = hth_space_open(&next, s->g, err);
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = 0; status == HTH_OK && j < sets[i]->n; j++) {
            uint32_t to;
            status = keep_stack(&k, sets[i]->p[j].stack, &to);
        }
    }
    if (status == HTH_OK) { /* nothing can fail any more */
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t j = 0; j < sets[i]->n; j++)
                sets[i]->p[j].stack = k.map[sets[i]->p[j].stack];
        HthSpace old = *s;
        *s = next;
        next = old;
    }
    hth_free(room);
    if (next.g) hth_space_close(&next);
    return status;
}

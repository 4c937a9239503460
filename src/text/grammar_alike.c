/* grammar_alike.c - which states no short token can tell apart.
 *
 * A long text that is counted, or a pattern like [a-z]{1,200}, has a state per character, and far
 * from the end they all do the same with the next few bytes.  Token masks are kept by layers of
 * tokens of so many bytes at most (HTH_LAYER_BYTES), and states that are alike over so many bytes
 * share them.
 *
 * Moore's refinement, a round per byte: states are apart after a round if they were before it, or
 * if what they lead to was.  Only what leads to states that have just been parted is looked at
 * again, and the larger part keeps its number, so that in a chain of states a round costs little.
 * A call takes a byte at least, so where it returns to counts like where a byte leads to.
 *
 * Thread: one owner. */
#include "base/mem.h"
#include "text/grammar_int.h"

enum { STATES_MAX = 1 << 16 }; /* larger grammars do without */

typedef struct Group { /* of one round: the same class before, the same signature */
    uint32_t was, n, now;
} Group;
typedef struct Alike {
    const HthGrammar *g;
    uint32_t *cls; /* [state_n] */
    uint32_t *at, *from; /* states from[at[s] .. at[s + 1]) lead to s */
    uint32_t *size; /* [classes, at most state_n] states of it */
    uint32_t *seen; /* [classes] of those, how many are looked at in this round */
    uint32_t *best; /* [classes] the largest group of it */
    uint32_t *list, *group_of; /* states to look at; [state_n] */
    uint32_t *changed, *mark; /* that got another number in the round before; [state_n] */
    Group *group;
    uint32_t class_n, list_n, changed_n, group_n, group_cap;
    HthBuf key;
    HthArena *arena;
    HthErr *err;
} Alike;

#define NEED(cond, a) HTH_REQUIRE(cond, (a)->err, HTH_ENOMEM, "out of memory for a grammar")

static void alike_close(Alike *a) {
    uint32_t *const all[] = { a->cls,  a->at,   a->from,     a->size,    a->seen,
                              a->best, a->list, a->group_of, a->changed, a->mark };
    for (size_t i = 0; i < HTH_COUNT(all); i++) hth_free(all[i]);
    hth_free(a->group);
    hth_buf_drop(&a->key);
    hth_arena_close(&a->arena);
}

static HthStatus alike_open(Alike *a, const HthGrammar *g, HthErr *err) {
    *a = (Alike){ .g = g, .err = err };
    hth_buf_init(&a->key, 1 << 24);
    uint32_t **const rooms[] = { &a->cls,  &a->size,     &a->seen,    &a->best,
                                 &a->list, &a->group_of, &a->changed, &a->mark };
    for (size_t i = 0; i < HTH_COUNT(rooms); i++)
        NEED(*rooms[i] = hth_calloc((size_t)g->state_n + 1, sizeof **rooms[i]), a);
    NEED(a->at = hth_calloc((size_t)g->state_n + 2, sizeof *a->at), a);
    NEED(a->from = hth_calloc((size_t)g->edge_n + g->call_n + 1, sizeof *a->from), a);
    return hth_arena_open(&a->arena, (size_t)256 << 20, err);
}

static void count_in(uint32_t *at, uint32_t *from, uint32_t to, uint32_t s) {
    if (to == HTH_NONE) return;
    if (from)
        from[at[to]++] = s;
    else
        at[to + 1]++;
}

static void find_preds(Alike *a) {
    const HthGrammar *g = a->g;
    for (int pass = 0; pass < 2; pass++) {
        uint32_t *from = pass ? a->from : NULL;
        for (uint32_t s = 0; s < g->state_n; s++) {
            const HthState *st = &g->state[s];
            for (uint32_t i = 0; i < st->edge_n; i++)
                count_in(a->at, from, g->edge[st->edge + i].to, s);
            for (uint32_t i = 0; i < st->call_n; i++)
                count_in(a->at, from, g->call[st->call + i].ret, s);
        }
        for (uint32_t s = 0; s < g->state_n && !pass; s++) a->at[s + 1] += a->at[s];
    }
    for (uint32_t s = g->state_n; s > 0; s--) a->at[s] = a->at[s - 1];
    a->at[0] = 0;
}

/* Within one procedure, by what can be told without a byte; keys and separators stay alone. */
static void first_classes(Alike *a) {
    const HthGrammar *g = a->g;
    uint32_t known[4] = { 0 }, owner = HTH_NONE;
    for (uint32_t s = 0; s < g->state_n; s++) {
        const HthState *st = &g->state[s];
        const bool plain = st->kind == HTH_STATE_PLAIN;
        const uint32_t sort = st->accept ? 1 + (st->edge_n + st->call_n > 0) : 0;
        if (!plain || st->owner != owner) /* the states of a procedure lie in a row */
            for (size_t i = 0; i < HTH_COUNT(known); i++) known[i] = HTH_NONE;
        owner = plain ? st->owner : HTH_NONE;
        if (!plain || known[sort] == HTH_NONE) known[sort] = a->class_n++;
        a->cls[s] = known[sort];
        a->size[a->cls[s]]++;
        a->changed[a->changed_n++] = s;
    }
}

static HthStatus key_of(Alike *a, uint32_t s, HthStr *out) {
    const HthGrammar *g = a->g;
    const HthState *st = &g->state[s];
    hth_buf_clear(&a->key);
    HTH_TRY(hth_buf_add(&a->key, &a->cls[s], sizeof *a->cls, a->err));
    for (uint32_t i = 0; i < st->edge_n; i++) {
        const HthEdge *e = &g->edge[st->edge + i];
        const uint32_t part[2] = { (uint32_t)e->lo << 8 | e->hi, a->cls[e->to] };
        HTH_TRY(hth_buf_add(&a->key, part, sizeof part, a->err));
    }
    for (uint32_t i = 0; i < st->call_n; i++) {
        const HthCall *c = &g->call[st->call + i];
        const uint32_t part[2] = { 1u << 31 | c->proc,
                                   c->ret == HTH_NONE ? HTH_NONE : a->cls[c->ret] };
        HTH_TRY(hth_buf_add(&a->key, part, sizeof part, a->err));
    }
    *out = hth_buf_str(&a->key);
    return HTH_OK;
}

/* What leads to a state that has changed, each once. */
static void look_at(Alike *a) {
    a->list_n = 0;
    for (uint32_t i = 0; i < a->changed_n; i++) {
        for (uint32_t k = a->at[a->changed[i]]; k < a->at[a->changed[i] + 1]; k++) {
            const uint32_t s = a->from[k];
            if (a->mark[s] || a->g->state[s].kind != HTH_STATE_PLAIN) continue;
            a->mark[s] = 1;
            a->list[a->list_n++] = s;
        }
    }
    for (uint32_t i = 0; i < a->list_n; i++) {
        a->mark[a->list[i]] = 0;
        a->seen[a->cls[a->list[i]]]++;
        a->best[a->cls[a->list[i]]] = HTH_NONE;
    }
}

static HthStatus group_them(Alike *a, HthMap *map) {
    a->group_n = 0;
    for (uint32_t i = 0; i < a->list_n; i++) {
        const uint32_t s = a->list[i];
        HthStr key;
        HTH_TRY(key_of(a, s, &key));
        uint32_t at = hth_map_get(map, key);
        if (at == HTH_MAP_NONE) {
            const char *kept = hth_arena_copy(a->arena, key.p, key.n);
            NEED(kept && hth_grow(&a->group, &a->group_cap, a->group_n, sizeof *a->group), a);
            at = a->group_n++;
            a->group[at] = (Group){ a->cls[s], 0, HTH_NONE };
            HTH_TRY(hth_map_put(map, (HthStr){ kept, key.n }, at, a->err));
        }
        a->group_of[i] = at;
        uint32_t *best = &a->best[a->cls[s]];
        if (++a->group[at].n > (*best == HTH_NONE ? 0 : a->group[*best].n)) *best = at;
    }
    return HTH_OK;
}

/* A class of which not all were looked at stays with those that were not. */
static void part(Alike *a) {
    for (uint32_t i = 0; i < a->group_n; i++) {
        Group *group = &a->group[i];
        const bool stays = a->seen[group->was] == a->size[group->was] && a->best[group->was] == i;
        group->now = stays ? group->was : HTH_NONE;
    }
    for (uint32_t i = 0; i < a->list_n; i++) a->seen[a->cls[a->list[i]]] = 0;
    a->changed_n = 0;
    for (uint32_t i = 0; i < a->list_n; i++) {
        Group *group = &a->group[a->group_of[i]];
        if (group->now == group->was) continue;
        if (group->now == HTH_NONE) group->now = a->class_n++;
        a->size[group->was]--;
        a->size[group->now]++;
        a->cls[a->list[i]] = group->now;
        a->changed[a->changed_n++] = a->list[i];
    }
}

static HthStatus next_round(Alike *a) {
    HthMap *map = NULL;
    if (a->changed_n == 0) return HTH_OK;
    look_at(a);
    hth_arena_reset(a->arena);
    HthStatus st = hth_map_open(&map, 64, a->err);
    if (st == HTH_OK) st = group_them(a, map);
    if (st == HTH_OK) part(a);
    hth_map_close(&map);
    return st;
}

/* Each state's first fellow. */
static void keep(Alike *a, uint32_t *out) {
    uint32_t *first = a->best;
    for (uint32_t c = 0; c < a->class_n; c++) first[c] = HTH_NONE;
    for (uint32_t s = 0; s < a->g->state_n; s++) {
        if (first[a->cls[s]] == HTH_NONE) first[a->cls[s]] = s;
        out[s] = first[a->cls[s]];
    }
}

HthStatus hth_grammar_alike(HthGrammar *g, HthErr *err) {
    static const uint32_t bytes[] = HTH_LAYER_BYTES;
    if (g->state_n > STATES_MAX) return HTH_OK;
    Alike a;
    uint32_t round = 0;
    uint32_t *out = hth_arena_take(g->arena, (size_t)HTH_COUNT(bytes) * g->state_n, sizeof *out);
    HTH_REQUIRE(out, err, HTH_ENOMEM, "out of memory for a grammar");
    HthStatus st = alike_open(&a, g, err);
    if (st == HTH_OK) {
        find_preds(&a);
        first_classes(&a);
    }
    for (size_t l = 0; st == HTH_OK && l < HTH_COUNT(bytes); l++) {
        for (; st == HTH_OK && round < bytes[l]; round++) st = next_round(&a);
        if (st == HTH_OK) keep(&a, out + l * g->state_n);
    }
    alike_close(&a);
    if (st == HTH_OK) g->alike = out;
    return st;
}

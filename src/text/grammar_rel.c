/* grammar_rel.c - the automaton of sets of configurations on an unknown stack, made as needed, and
 * what a set does with whole runs of characters.
 *
 * In most places where nearly every token is allowed, a character leads to one and the same set
 * whatever it is: inside a string, to the same again; where a length is counted, to the next.
 * That is found out once per set, by groups of bytes, so that whole branches of the vocabulary are
 * settled by a look at which groups they hold.
 *
 * Thread: one owner. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/grammar_int.h"

enum {
    SETS_MAX = 1 << 14, /* of an automaton: then it is begun anew */
    WIDE_BYTES = 20,
    RUN_MAX = 12 /* sets in a row, where each leads to another: finding them costs too */
};
void hth_rel_close(HthRel **rel) {
    HthRel *r = *rel;
    if (!r) return;
    if (r->space.g) hth_space_close(&r->space);
    hth_arena_close(&r->arena);
    hth_map_close(&r->map);
    hth_free(r->set);
    hth_free(r->wide);
    hth_free(r->conf.p);
    hth_free(r->leave);
    hth_buf_drop(&r->key);
    hth_free(r);
    *rel = NULL;
}

/* The states that go on with many bytes. */
static HthStatus find_wide(HthRel *r, const HthGrammar *g, HthErr *err) {
    r->wide = hth_calloc((size_t)g->state_n + 1, 1);
    HTH_REQUIRE(r->wide, err, HTH_ENOMEM, "out of memory for token masks");
    for (uint32_t s = 0; s < g->state_n; s++) {
        uint32_t bytes = 0;
        for (uint32_t e = g->state[s].edge; e < g->state[s].edge + g->state[s].edge_n; e++)
            bytes += g->edge[e].hi - g->edge[e].lo + 1u;
        r->wide[s] = bytes >= WIDE_BYTES;
    }
    return HTH_OK;
}

static HthStatus rel_open(HthRel **out, const HthGrammar *g, HthErr *err) {
    HthRel *r = hth_calloc(1, sizeof *r);
    HTH_REQUIRE(r, err, HTH_ENOMEM, "out of memory for token masks");
    hth_buf_init(&r->key, 1 << 24);
    memcpy(r->hash, g->hash, sizeof r->hash);
    HthStatus status = hth_space_open(&r->space, g, err);
    if (status == HTH_OK) status = find_wide(r, g, err);
    if (status == HTH_OK) status = hth_arena_open(&r->arena, (size_t)64 << 20, err);
    if (status == HTH_OK) status = hth_map_open(&r->map, 64, err);
    r->n = HTH_SET_FIRST;
    if (status == HTH_OK && !hth_grow(&r->set, &r->cap, 0, sizeof *r->set))
        status = HTH_FAIL(err, HTH_ENOMEM, "out of memory for token masks");
    if (status != HTH_OK) {
        hth_rel_close(&r);
        return status;
    }
    memset(r->set, 0, HTH_SET_FIRST * sizeof *r->set);
    *out = r;
    return HTH_OK;
}

/* The automaton for this grammar, begun anew if it was another's or has grown large. */
HthStatus hth_rel_for(HthMasks *m, const HthGrammar *g, HthErr *err) {
    HthRel *r = m->rel;
    if (r && (memcmp(r->hash, g->hash, sizeof r->hash) != 0 || r->n > SETS_MAX ||
              r->space.stack_n > 1 << 18))
        hth_rel_close(&m->rel);
    if (!m->rel) HTH_TRY(rel_open(&m->rel, g, err));
    m->rel->space.g = g;
    return HTH_OK;
}

static uint8_t what_of(const HthGrammar *g, const HthConf *conf, uint32_t n) {
    uint8_t what = 0;
    for (uint32_t i = 0; i < n; i++) {
        const HthState *st = &g->state[conf[i].state];
        if (st->kind != HTH_STATE_KEY || conf[i].stack != HTH_STACK_BASE) {
            what |= HTH_SURE;
            continue;
        }
        const bool extra = st->reach_n && g->reach[st->reach + st->reach_n - 1] == HTH_EXTRA;
        if (extra) what |= HTH_IF_EXTRA;
        if (st->reach_n > extra) what |= HTH_IF_NAMED;
    }
    return what;
}

static int by_conf(const void *a, const void *b) {
    const HthConf *x = a, *y = b;
    if (x->state != y->state) return x->state < y->state ? -1 : 1;
    return x->stack < y->stack ? -1 : x->stack > y->stack;
}

/* The set of conf.p[from..] and space.leave, which are taken off again if it is there already. */
static HthStatus rel_intern(HthRel *r, uint32_t from, uint32_t *out, HthErr *err) {
    const HthGrammar *g = r->space.g;
    const uint32_t n = r->conf.n - from, leaves = r->space.leave_n;
    HthConf *conf = r->conf.p + from;
    if (n > 1) qsort(conf, n, sizeof *conf, by_conf);
    *out = HTH_SET_DEAD;
    if (n + leaves == 0) return HTH_OK;
    hth_buf_clear(&r->key);
    HTH_TRY(hth_buf_add(&r->key, &n, sizeof n, err));
    HTH_TRY(hth_buf_add(&r->key, conf, n * sizeof *conf, err));
    HTH_TRY(hth_buf_add(&r->key, r->space.leave, leaves * sizeof *r->leave, err));
    *out = hth_map_get(r->map, hth_buf_str(&r->key));
    if (*out != HTH_MAP_NONE) {
        r->conf.n = from;
        return HTH_OK;
    }
    const char *key = hth_arena_copy(r->arena, r->key.p, r->key.n);
    uint32_t *row = hth_arena_take(r->arena, g->class_n, sizeof *row);
    HTH_REQUIRE(key && row && hth_grow(&r->set, &r->cap, r->n, sizeof *r->set), err, HTH_ENOMEM,
                "out of memory for token masks");
    const uint32_t leave = r->leave_n;
    for (uint32_t i = 0; i < leaves; i++) {
        HTH_REQUIRE(hth_grow(&r->leave, &r->leave_cap, r->leave_n, sizeof *r->leave), err,
                    HTH_ENOMEM, "out of memory for token masks");
        r->leave[r->leave_n++] = r->space.leave[i];
    }
    HTH_TRY(hth_map_put(r->map, (HthStr){ key, r->key.n }, r->n, err));
    r->set[r->n] = (HthRelSet){ .conf = from,
                                .conf_n = n,
                                .leave = leave,
                                .leave_n = leaves,
                                .row = row,
                                .what = what_of(g, conf, n) };
    HthRelSet *set = &r->set[r->n];
    set->reach_id = HTH_NONE;
    for (uint32_t i = 0; i < n; i++) {
        const HthState *st = &g->state[conf[i].state];
        set->wide |= r->wide[conf[i].state];
        if (st->kind == HTH_STATE_KEY && conf[i].stack == HTH_STACK_BASE)
            set->reach_id = st->reach_id; /* one such state is enough */
    }
    *out = r->n++;
    return HTH_OK;
}

HthStatus hth_rel_step(HthRel *r, uint32_t set, uint8_t byte, uint32_t *out, HthErr *err) {
    const HthRelSet *s = &r->set[set];
    uint32_t *cell = &s->row[r->space.g->class_of[byte]];
    if (*cell == HTH_SET_UNKNOWN) {
        const uint32_t from = r->conf.n;
        HthStatus status = HTH_ELIMIT;
        if (r->n < 2 * SETS_MAX && hth_arena_used(r->arena) < (size_t)48 << 20)
            status = hth_space_step(&r->space, &r->conf, s->conf, s->conf_n, byte, &r->conf, err);
        if (status == HTH_OK) status = rel_intern(r, from, out, err);
        if (status == HTH_ELIMIT) { /* the real stack will tell */
            r->conf.n = from;
            *out = HTH_SET_UNCLEAR;
            status = HTH_OK;
        }
        HTH_TRY(status);
        *cell = *out;
    }
    *out = *cell;
    return HTH_OK;
}

HthStatus hth_rel_first(HthRel *r, uint32_t state, uint32_t *out, HthErr *err) {
    const uint32_t from = r->conf.n;
    HTH_TRY(hth_sets_add(&r->conf, (HthConf){ state, HTH_STACK_BASE }, err));
    r->space.leave_n = 0;
    return rel_intern(r, from, out, err);
}

/* ---- runs of characters ---- */
/* Does every character of so many more continuation bytes, the first of them in [lo, hi], lead from
 * this set to `to`, by sets that are as good? */
static HthStatus tails_lead(HthRel *r, uint32_t set, uint32_t lo, uint32_t hi, uint32_t more,
                            uint32_t to, bool *all, HthErr *err) {
    for (uint32_t b = lo, next, last = HTH_SET_UNKNOWN; b <= hi && *all; b++, last = next) {
        HTH_TRY(hth_rel_step(r, set, (uint8_t)b, &next, err));
        if (next == last) continue;
        if (more == 1) {
            *all = next == to;
            continue;
        }
        *all = next >= HTH_SET_FIRST && r->set[next].what == r->set[to].what;
        if (*all) HTH_TRY(tails_lead(r, next, 0x80, 0xBF, more - 1, to, all, err));
    }
    return HTH_OK;
}

static HthStatus others_lead(HthRel *r, uint32_t set, uint32_t to, bool *all, HthErr *err) {
    static const struct {
        uint32_t first, last, lo, hi, more; /* lead bytes; the byte after them; how many in all */
    } forms[] = { { 0xC2, 0xDF, 0x80, 0xBF, 1 }, { 0xE0, 0xE0, 0xA0, 0xBF, 2 },
                  { 0xE1, 0xEC, 0x80, 0xBF, 2 }, { 0xED, 0xED, 0x80, 0x9F, 2 },
                  { 0xEE, 0xEF, 0x80, 0xBF, 2 }, { 0xF0, 0xF0, 0x90, 0xBF, 3 },
                  { 0xF1, 0xF3, 0x80, 0xBF, 3 }, { 0xF4, 0xF4, 0x80, 0x8F, 3 } };
    *all = true;
    for (size_t f = 0; f < HTH_COUNT(forms); f++) {
        uint32_t last = HTH_SET_UNKNOWN;
        for (uint32_t b = forms[f].first, next; b <= forms[f].last && *all; b++, last = next) {
            HTH_TRY(hth_rel_step(r, set, (uint8_t)b, &next, err));
            if (next == last) continue;
            *all = next >= HTH_SET_FIRST && r->set[next].what == r->set[to].what;
            if (*all)
                HTH_TRY(tails_lead(r, next, forms[f].lo, forms[f].hi, forms[f].more, to, all, err));
        }
    }
    return HTH_OK;
}

/* Finds the one set that most characters lead to, and the groups of bytes that all do. */
static HthStatus find_run(HthRel *r, uint32_t set, HthErr *err) {
    static const char likely[] = "ea0 ";
    uint32_t to = HTH_SET_DEAD, next, groups = HTH_GROUPS_ASCII, group_of[256];
    bool all;
    hth_byte_groups(group_of);
    r->set[set].run_known = true;
    for (size_t i = 0; likely[i] && to < HTH_SET_FIRST; i++)
        HTH_TRY(hth_rel_step(r, set, (uint8_t)likely[i], &to, err));
    if (to < HTH_SET_FIRST) return HTH_OK;
    const uint8_t what = r->set[to].what;
    if (!(what & (HTH_SURE | HTH_IF_EXTRA))) return HTH_OK;
    for (uint32_t b = 0; b < 0x80; b++) {
        HTH_TRY(hth_rel_step(r, set, (uint8_t)b, &next, err));
        if (next != to) groups &= ~group_of[b];
    }
    HTH_TRY(others_lead(r, set, to, &all, err));
    r->set[set].run_groups = groups | (all ? HTH_GROUPS_OTHER : 0);
    r->set[set].run_to = to;
    return HTH_OK;
}

/* For how many characters in a row what holds of a set goes on to hold. */
static HthStatus find_far(HthRel *r, uint32_t set, HthErr *err) {
    const uint32_t groups = r->set[set].run_groups, what = r->set[r->set[set].run_to].what;
    uint32_t far = 1;
    for (uint32_t at = r->set[set].run_to; far < RUN_MAX; far++) {
        if (!r->set[at].wide) break;
        if (!r->set[at].run_known) HTH_TRY(find_run(r, at, err));
        const uint32_t to = r->set[at].run_to;
        if (groups & ~r->set[at].run_groups || r->set[to].what != what) break;
        if (to == at) far = HTH_CHARS_MANY;
        at = to;
    }
    r->set[set].run_far = far;
    return HTH_OK;
}

HthStatus hth_rel_run(HthRel *r, uint32_t set, uint32_t groups, uint32_t chars, uint32_t *out,
                      HthErr *err) {
    *out = HTH_SET_UNKNOWN;
    if (!r->set[set].wide || chars == HTH_CHARS_MANY) return HTH_OK;
    if (!r->set[set].run_known) HTH_TRY(find_run(r, set, err));
    if (groups & ~r->set[set].run_groups) return HTH_OK;
    if (chars > 1 && r->set[set].run_far == 0) HTH_TRY(find_far(r, set, err));
    if (chars == 1 || chars <= r->set[set].run_far) *out = r->set[set].run_to;
    return HTH_OK;
}

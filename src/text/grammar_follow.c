/* grammar_follow.c - which bytes can begin a procedure, and which can come after it, wherever it is
 * called from.  A token that leaves a procedure with another byte is refused without a look at the
 * stack; most are.
 *
 * Thread: one owner while compiling; hth_follow_of: any. */
#include <string.h>

#include "base/mem.h"
#include "text/grammar_int.h"

static bool merge(HthByteSet *to, const HthByteSet *from) {
    bool changed = false;
    for (int i = 0; i < 8; i++) {
        changed |= (from->word[i] & ~to->word[i]) != 0;
        to->word[i] |= from->word[i];
    }
    return changed;
}

static void add_range(HthByteSet *to, uint32_t lo, uint32_t hi) {
    for (uint32_t b = lo; b <= hi; b++) to->word[b / 32] |= 1u << b % 32;
}

/* The bytes a state goes on with, inside its procedure or in one it calls. */
static HthByteSet first_of(const HthGrammar *g, uint32_t state) {
    HthByteSet set = { { 0 } };
    const HthState *st = &g->state[state];
    for (uint32_t i = 0; i < st->edge_n; i++)
        add_range(&set, g->edge[st->edge + i].lo, g->edge[st->edge + i].hi);
    for (uint32_t i = 0; i < st->call_n; i++)
        merge(&set, &g->proc[g->call[st->call + i].proc].first);
    if (st->kind == HTH_STATE_SEP && st->accept) {
        const HthByteSet key = first_of(g, g->members[st->owner].key);
        merge(&set, &key);
    }
    return set;
}

static uint32_t start_of(const HthGrammar *g, const HthProc *p) {
    return p->members == HTH_NONE ? p->start : g->members[p->members].key;
}

/* What follows a procedure that goes back to `ret` of procedure `caller`. */
static bool follow_call(HthGrammar *g, HthProc *callee, uint32_t ret, uint32_t caller,
                        const HthByteSet *after) {
    bool changed = merge(&callee->follow, after);
    if (ret == HTH_NONE || g->state[ret].accept)
        changed |= merge(&callee->follow, &g->proc[caller].follow);
    return changed;
}

static bool follow_values(HthGrammar *g, uint32_t p, const HthByteSet *after) {
    const HthMembersCode *m = &g->members[g->proc[p].members];
    bool changed = false;
    for (uint32_t i = 0; i <= m->named_n; i++) {
        if (m->value[i] == HTH_NONE) continue;
        changed |= merge(&g->proc[m->value[i]].follow, after);
        changed |= merge(&g->proc[m->value[i]].follow, &g->proc[p].follow);
    }
    return changed;
}

HthStatus hth_grammar_follow(HthGrammar *g, HthErr *err) {
    HthByteSet *after = hth_calloc((size_t)g->call_n + g->proc_n + 1, sizeof *after);
    HTH_REQUIRE(after, err, HTH_ENOMEM, "out of memory for a grammar");
    for (bool again = true; again;) { /* as often as calls begin with calls */
        again = false;
        for (uint32_t p = g->proc_n; p-- > 0;) {
            const HthByteSet set = first_of(g, start_of(g, &g->proc[p]));
            again |= merge(&g->proc[p].first, &set);
        }
    }
    for (uint32_t c = 0; c < g->call_n; c++)
        if (g->call[c].ret != HTH_NONE) after[c] = first_of(g, g->call[c].ret);
    for (uint32_t p = 0; p < g->proc_n; p++)
        if (g->proc[p].members != HTH_NONE)
            after[g->call_n + p] = first_of(g, g->members[g->proc[p].members].separator);
    for (bool again = true; again;) {
        again = false;
        for (uint32_t s = 0; s < g->state_n; s++) {
            const HthState *st = &g->state[s];
            for (uint32_t c = st->call; c < st->call + st->call_n; c++)
                again |=
                    follow_call(g, &g->proc[g->call[c].proc], g->call[c].ret, st->owner, &after[c]);
        }
        for (uint32_t p = 0; p < g->proc_n; p++)
            if (g->proc[p].members != HTH_NONE) again |= follow_values(g, p, &after[g->call_n + p]);
    }
    hth_free(after);
    return HTH_OK;
}

HthByteSet hth_follow_of(const HthGrammar *g, HthLeave leave, uint32_t start) {
    HthByteSet set = { { 0 } };
    if (leave.kind == HTH_LEAVE_SELF) {
        memset(&set, 0xFF, sizeof set);
    } else if (leave.kind == HTH_LEAVE_POP) {
        set = g->proc[g->state[start].owner].follow;
    } else {
        const HthState *st = &g->state[leave.state];
        const HthMembersCode *m = &g->members[st->owner];
        for (uint32_t i = 0; i < st->label_n; i++) {
            const uint32_t label = g->label[st->label + i];
            const HthProc *value = &g->proc[m->value[label == HTH_EXTRA ? m->named_n : label]];
            merge(&set, &value->first);
            if (value->nullable) merge(&set, &value->follow);
        }
    }
    return set;
}

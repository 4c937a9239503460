/* schema_unfold.c - what a set of literals says about an array or an object: lists of facts.
 *
 * What branches (anyOf, the negation of allOf, if ...) is put off until all else is known, so that
 * branches which contradict it die at once. Every list of facts that survives is one way in which
 * the value may be; together they are all ways.
 *
 * Unevaluated properties and items are exact: a branch knows which keywords held. Under such a
 * keyword anyOf branches over which of its schemas hold, not only over one that does. A scope is
 * one such keyword; facts remember under which scopes they were found.
 *
 * Thread: as schema_int.h. */
#include <string.h>

#include "base/mem.h"
#include "text/schema_unfold.h"

enum { BRANCH_DEPTH_MAX = 400 };

HthStatus hth_u_push(HthUnfold *u, HthSLit lit, uint32_t scope) {
    HthScalars is;
    if (u->dead || (lit == HTH_S_YES)) return HTH_OK;
    HTH_TRY(hth_s_scalars(u->s, lit, &is));
    if (!(is.may & u->kind)) u->dead = true;
    if (u->dead || (scope == 0 && (is.must & u->kind))) return HTH_OK;
    HTH_TRY(hth_s_grow(&u->todo, &u->todo_cap, u->todo_n, sizeof *u->todo, u->s->err));
    u->todo[u->todo_n++] = (HthTodo){ lit, scope };
    return HTH_OK;
}

static HthStatus put_off(HthUnfold *u, HthTodo t) {
    HTH_TRY(hth_s_grow(&u->later, &u->later_cap, u->later_n, sizeof *u->later, u->s->err));
    u->later[u->later_n++] = t;
    return HTH_OK;
}

static bool has_scope(const HthSchema *s, uint32_t node, uint8_t kind) {
    return json_object_get(s->nodes[node].json, kind == HTH_SV_OBJECT ? "unevaluatedProperties"
                                                                      : "unevaluatedItems") != NULL;
}

static HthStatus open_scope(HthUnfold *u, uint32_t node, bool negated, uint32_t *scope) {
    HTH_TRY(hth_s_grow(&u->scopes, &u->scopes_cap, u->scopes_n, sizeof *u->scopes, u->s->err));
    u->scopes[u->scopes_n] = (HthScope){ *scope, node, u->s->context, negated };
    *scope = u->scopes_n++;
    return HTH_OK;
}

/* A whole subschema: all its keywords; negated, keyword number `which` fails. The keyword that asks
 * what is left fails while all others hold. */
static HthStatus whole_node(HthUnfold *u, const HthSItem *item, bool negated, uint32_t which,
                            uint32_t scope) {
    bool present[HTH_SK_COUNT];
    const uint32_t last =
        u->kind == HTH_SV_OBJECT ? HTH_SK_UNEVALUATED_PROPERTIES : HTH_SK_UNEVALUATED_ITEMS;
    HthSLit lit;
    HTH_TRY(hth_s_present(u->s, item->a, present));
    const bool scoped = has_scope(u->s, item->a, u->kind);
    const bool others = !negated || which == last;
    if (negated && (!present[which] || (which >= HTH_SK_UNEVALUATED_PROPERTIES && which != last)))
        u->dead = true;
    if (scoped && others) HTH_TRY(open_scope(u, item->a, negated, &scope));
    for (uint32_t k = 0; k < HTH_SK_UNEVALUATED_PROPERTIES; k++) {
        if (!present[k] || (!others && k != which)) continue;
        HTH_TRY(hth_s_key_lit(u->s, item->a, k, UINT32_MAX, &lit));
        HTH_TRY(hth_u_push(u, lit ^ !others, others ? scope : 0));
    }
    return HTH_OK;
}

/* --- one thing at a time --- */

/* In how many ways something that branches can hold. */
static uint32_t ways(const HthUnfold *u, HthTodo t) {
    const HthSItem *item = &u->s->items[t.lit / 2];
    const bool negated = t.lit & 1;
    switch (item->kind) {
    case HTH_S_NODE: return negated ? HTH_SK_COUNT : 0;
    case HTH_S_CONST: return negated ? hth_u_constant_ways(item->p) : 0;
    case HTH_S_OR: return negated ? 0 : 2;
    case HTH_S_KEY: return hth_u_keyword_ways(u, item, negated, t.scope);
    default: return 0;
    }
}

/* Does it say one thing or another? */
static bool branches(const HthSItem *item, bool negated) {
    switch (item->kind) {
    case HTH_S_NODE:
    case HTH_S_CONST: return negated;
    case HTH_S_OR: return !negated;
    case HTH_S_KEY: return hth_u_keyword_branches(item, negated);
    default: return false;
    }
}

/* Keywords of objects say nothing about arrays, and the other way round; push saw to the rest. */
static bool speaks_of(const HthSItem *item, uint8_t kind) {
    if (item->kind != HTH_S_KEY) return true;
    const uint32_t k = item->b;
    const bool array =
        (k >= HTH_SK_PREFIX && k <= HTH_SK_CONTAINS) || k == HTH_SK_UNEVALUATED_ITEMS;
    const bool object = (k >= HTH_SK_PROPERTIES && k <= HTH_SK_MAX_PROPERTIES) ||
                        (k >= HTH_SK_DEPENDENT_REQUIRED && k <= HTH_SK_DEPENDENCIES) ||
                        k == HTH_SK_UNEVALUATED_PROPERTIES;
    return kind == HTH_SV_ARRAY ? !object : !array;
}

/* Does t, or way `which` of it. */
static HthStatus do_one(HthUnfold *u, HthTodo t, uint32_t which) {
    const HthSItem item = u->s->items[t.lit / 2]; /* the table may move */
    const bool negated = t.lit & 1;
    u->s->context = item.context;
    switch (item.kind) {
    case HTH_S_NODE: return whole_node(u, &item, negated, which, t.scope);
    case HTH_S_KEY: return hth_u_keyword(u, &item, negated, which, t.scope);
    case HTH_S_CONST: return hth_u_constant(u, item.p, negated, which);
    case HTH_S_OR:
        if (!negated) return hth_u_push(u, which ? item.b : item.a, t.scope);
        HTH_TRY(hth_u_push(u, item.a ^ 1, 0));
        return hth_u_push(u, item.b ^ 1, 0);
    default:
        if (negated) u->dead = true;
        return HTH_OK;
    }
}

/* --- the end of a branch --- */

static bool within(const HthUnfold *u, uint32_t scope, uint32_t of) {
    while (scope > of) scope = u->scopes[scope].parent; /* parents are older */
    return scope == of;
}

static HthStatus run(HthUnfold *u);
static HthStatus close_scopes(HthUnfold *u, uint32_t scope);

static HthStatus left_over_members(HthUnfold *u, uint32_t scope, HthSLit lit) {
    HthSchema *s = u->s;
    uint32_t set = HTH_SET_NONE, one, keys;
    for (uint32_t i = 0; i < u->facts_n; i++) {
        const HthSFact f = u->facts[i];
        if (f.kind != HTH_SF_EVERY || !within(u, f.scope, scope)) continue;
        HTH_TRY(hth_s_keys_set(s, f.keys, &one));
        HTH_TRY(hth_s_set_op(s, HTH_SO_OR, false, set, one, &set));
    }
    HTH_TRY(hth_s_set_op(s, HTH_SO_NOT, false, set, 0, &set));
    HTH_TRY(hth_s_keys(s, set, &keys));
    const HthScope sc = u->scopes[scope];
    HTH_TRY(hth_u_of_keys(u, sc.negated, keys, lit, sc.parent));
    return close_scopes(u, scope - 1);
}

/* Is item i among those that a keyword under the scope spoke of? *next: the first beyond i where
 * that may change. */
static bool covered(const HthUnfold *u, uint32_t scope, uint32_t i, uint32_t *next) {
    bool yes = false;
    *next = HTH_MANY;
    for (uint32_t k = 0; k < u->facts_n; k++) {
        const HthSFact *f = &u->facts[k];
        if (f->kind != HTH_SF_EVERY || !within(u, f->scope, scope)) continue;
        if (f->lo <= i && i <= f->hi) yes = true;
        if (f->lo > i && f->lo < *next) *next = f->lo;
        if (f->hi >= i && f->hi != HTH_MANY && f->hi + 1 < *next) *next = f->hi + 1;
    }
    return yes;
}

static HthStatus left_over_items(HthUnfold *u, uint32_t scope, HthSLit lit) {
    const HthScope sc = u->scopes[scope];
    const uint32_t facts = u->facts_n;
    for (uint32_t i = 0; i < facts; i++) { /* what contains matched was spoken of */
        const HthSFact f = u->facts[i];
        if (f.kind == HTH_SF_MATCHES && within(u, f.scope, scope))
            HTH_TRY(hth_s_item(u->s, (HthSItem){ .kind = HTH_S_OR, .a = lit, .b = f.lit }, &lit));
    }
    for (uint32_t i = 0, next; i != HTH_MANY; i = next) {
        const bool spoken = covered(u, scope, i, &next);
        if (spoken) continue;
        HTH_TRY(hth_u_of_items(u, sc.negated, i, next == HTH_MANY ? HTH_MANY : next - 1, lit,
                               sc.parent));
        if (!sc.negated) continue;
        if (!u->dead) HTH_TRY(close_scopes(u, scope - 1)); /* one such item is enough */
        u->dead = false;
        u->facts_n = facts;
    }
    return sc.negated ? HTH_OK : close_scopes(u, scope - 1);
}

/* Scopes from the innermost, newest, to the outermost; then the facts are complete. */
static HthStatus close_scopes(HthUnfold *u, uint32_t scope) {
    HthSLit lit;
    if (u->dead) return HTH_OK;
    if (scope == 0) {
        HTH_REQUIRE(++u->leaves <= HTH_SCHEMA_ALTS_MAX, u->s->err, HTH_ELIMIT,
                    "the schema allows more than %d combinations at one place; make it simpler",
                    HTH_SCHEMA_ALTS_MAX);
        u->found = true;
        return u->leaf ? u->leaf(u->ctx, u->facts, u->facts_n) : HTH_OK;
    }
    const char *key = u->kind == HTH_SV_OBJECT ? "unevaluatedProperties" : "unevaluatedItems";
    u->s->context = u->scopes[scope].context;
    HTH_TRY(hth_s_lit_of(u->s, u->scopes[scope].node, key, &lit));
    return u->kind == HTH_SV_OBJECT ? left_over_members(u, scope, lit)
                                    : left_over_items(u, scope, lit);
}

/* Every way of t in turn, each with what was put off before. */
static HthStatus branch(HthUnfold *u, HthTodo t) {
    const uint32_t n = ways(u, t), rest = u->later_n, facts = u->facts_n, scopes = u->scopes_n;
    HTH_REQUIRE(n != UINT32_MAX, u->s->err, HTH_ELIMIT,
                "anyOf beside unevaluatedProperties or unevaluatedItems: at most %d schemas",
                HTH_U_SUBSETS_MAX);
    HTH_REQUIRE(++u->depth <= BRANCH_DEPTH_MAX, u->s->err, HTH_ELIMIT,
                "the schema has more than %d choices at one place", BRANCH_DEPTH_MAX);
    HthTodo *kept = hth_calloc(rest, sizeof *kept);
    HTH_REQUIRE(kept, u->s->err, HTH_ENOMEM, "out of memory for a schema");
    if (rest) memcpy(kept, u->later, rest * sizeof *kept);
    HthStatus st = HTH_OK;
    for (uint32_t i = 0; i < n && st == HTH_OK && !(u->first_only && u->found); i++) {
        if (rest) memcpy(u->later, kept, rest * sizeof *kept);
        u->later_n = rest;
        u->facts_n = facts;
        u->scopes_n = scopes;
        u->todo_n = 0;
        u->dead = false;
        st = do_one(u, t, i);
        if (st == HTH_OK) st = run(u);
    }
    hth_free(kept);
    u->depth--;
    return st;
}

/* Of what was put off, the one with the fewest ways comes first. */
static HthTodo take_later(HthUnfold *u) {
    uint32_t best = 0, best_ways = UINT32_MAX;
    for (uint32_t i = 0; i < u->later_n; i++) {
        const uint32_t n = ways(u, u->later[i]);
        if (n >= best_ways) continue;
        best = i;
        best_ways = n;
    }
    const HthTodo t = u->later[best];
    u->later[best] = u->later[--u->later_n];
    return t;
}

static HthStatus run(HthUnfold *u) {
    while (u->todo_n && !u->dead) {
        const HthTodo t = u->todo[--u->todo_n];
        const HthSItem item = u->s->items[t.lit / 2];
        HTH_TRY(hth_s_charge(u->s, 1));
        if (!speaks_of(&item, u->kind)) continue;
        if (branches(&item, t.lit & 1))
            HTH_TRY(put_off(u, t));
        else
            HTH_TRY(do_one(u, t, UINT32_MAX));
    }
    if (u->dead) return HTH_OK;
    return u->later_n ? branch(u, take_later(u)) : close_scopes(u, u->scopes_n - 1);
}

static HthStatus unfold(HthUnfold *u, const HthSLit *lits, uint32_t n) {
    uint32_t none = 0;
    HthStatus st = open_scope(u, 0, false, &none); /* scope 0: none */
    for (uint32_t i = 0; i < n && st == HTH_OK; i++) st = hth_u_push(u, lits[i], 0);
    if (st == HTH_OK) st = run(u);
    hth_free(u->todo);
    hth_free(u->later);
    hth_free(u->facts);
    hth_free(u->scopes);
    return st;
}

HthStatus hth_s_unfold(HthSchema *s, const HthSLit *lits, uint32_t n, uint8_t kind, HthSLeaf leaf,
                       void *ctx) {
    HthUnfold u = { .s = s, .kind = kind, .leaf = leaf, .ctx = ctx };
    return unfold(&u, lits, n);
}

/* Surely nothing of this kind is both; what cannot be seen in a few combinations is "perhaps". */
HthStatus hth_u_disjoint(HthUnfold *u, HthSLit a, HthSLit b, bool *out) {
    const HthSLit both[2] = { a < b ? a : b, a < b ? b : a };
    const uint64_t key =
        (uint64_t)(u->kind == HTH_SV_ARRAY) << 63 | (uint64_t)both[0] << 32 | both[1];
    uint32_t known = hth_map64_get(u->s->disjoint, key);
    if (known == HTH_MAP_NONE) {
        HthUnfold v = { .s = u->s, .kind = u->kind, .first_only = true };
        HTH_TRY(unfold(&v, both, 2));
        known = !v.found;
        HTH_TRY(hth_map64_put(u->s->disjoint, key, known, u->s->err));
    }
    *out = known;
    return HTH_OK;
}

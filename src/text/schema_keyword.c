/* schema_keyword.c - each keyword as what it says about an array or an object, and its opposite.
 *
 * A keyword that asks several things branches when it is negated (one of them fails) or, like
 * anyOf, when it is not. Branches are numbered; which one is wanted is handed in.
 *
 * Thread: as schema_int.h. */
#include <string.h>

#include "base/mem.h"
#include "text/schema_unfold.h"

/* --- keywords that do not branch unless negated --- */

/* The one among the entries of a keyword that fails (UINT32_MAX: all hold). */
static HthStatus member_keyword(HthUnfold *u, const HthSItem *item, bool negated, uint32_t which,
                                uint32_t scope) {
    HthSchema *s = u->s;
    const bool patterns = item->b == HTH_SK_PATTERNS;
    const char *key = patterns ? "patternProperties" : "properties", *name;
    json_t *all, *value;
    HthSLit lit;
    uint32_t keys, i = 0;
    HTH_TRY(hth_s_object_of(s, item->a, key, &all));
    json_object_foreach(all, name, value) {
        if (which != UINT32_MAX && i++ != which) continue;
        HTH_TRY(hth_s_lit_named(s, item->a, key, name, &lit));
        if (patterns)
            HTH_TRY(hth_u_pattern_keys(s, item->a, name, &keys));
        else
            HTH_TRY(hth_s_name(s, hth_str(name), &keys));
        HTH_TRY(hth_u_of_keys(u, negated, keys, lit, scope));
    }
    return HTH_OK;
}

static HthStatus other_members(HthUnfold *u, const HthSItem *item, bool negated, uint32_t scope) {
    HthSLit lit = HTH_S_NO;
    uint32_t keys;
    const bool names = item->b == HTH_SK_NAMES;
    if (!names) HTH_TRY(hth_s_lit_of(u->s, item->a, "additionalProperties", &lit));
    HTH_TRY(hth_u_other_keys(u->s, (HthSKey)item->b, item->a, &keys));
    return hth_u_of_keys(u, negated, keys, lit, names ? 0 : scope);
}

static HthStatus required(HthUnfold *u, const HthSItem *item, bool negated, uint32_t which) {
    json_t *list;
    HTH_TRY(hth_s_list_of(u->s, item->a, "required", &list));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        HTH_REQUIRE(name, u->s->err, HTH_EINVAL, "%s: required must be a list of strings",
                    u->s->nodes[item->a].path);
        if (which == UINT32_MAX || which == i) HTH_TRY(hth_u_name(u, name, !negated));
    }
    return HTH_OK;
}

static HthStatus at_least(HthUnfold *u, const HthSItem *item, bool negated, const char *key) {
    uint32_t n;
    HTH_TRY(hth_s_count(u->s, item->a, key, 0, &n));
    if (negated && n == 0) u->dead = true;
    return negated ? hth_u_count(u, 0, n - 1) : hth_u_count(u, n, HTH_MANY);
}
static HthStatus at_most(HthUnfold *u, const HthSItem *item, bool negated, const char *key) {
    uint32_t n;
    HTH_TRY(hth_s_count(u->s, item->a, key, 0, &n));
    if (negated && n == HTH_MANY) u->dead = true;
    return negated ? hth_u_count(u, n + 1, HTH_MANY) : hth_u_count(u, 0, n);
}

static HthStatus prefix(HthUnfold *u, const HthSItem *item, bool negated, uint32_t which,
                        uint32_t scope) {
    json_t *list;
    HthSLit lit;
    HTH_TRY(hth_s_list_of(u->s, item->a, "prefixItems", &list));
    for (uint32_t i = 0; i < json_array_size(list); i++) {
        if (which != UINT32_MAX && which != i) continue;
        HTH_TRY(hth_s_lit_at(u->s, item->a, "prefixItems", i, &lit));
        HTH_TRY(hth_u_of_items(u, negated, i, i, lit, scope));
    }
    return HTH_OK;
}

static HthStatus items(HthUnfold *u, const HthSItem *item, bool negated, uint32_t scope) {
    const json_t *list = json_object_get(u->s->nodes[item->a].json, "prefixItems");
    HthSLit lit;
    HTH_TRY(hth_s_lit_of(u->s, item->a, "items", &lit));
    return hth_u_of_items(u, negated, (uint32_t)json_array_size(list), HTH_MANY, lit, scope);
}

/* which: of the negation, too few (0) or too many (1). */
static HthStatus contains(HthUnfold *u, const HthSItem *item, bool negated, uint32_t which,
                          uint32_t scope) {
    uint32_t min, max;
    HthSLit lit;
    HTH_TRY(hth_s_lit_of(u->s, item->a, "contains", &lit));
    HTH_TRY(hth_s_count(u->s, item->a, "minContains", 1, &min));
    HTH_TRY(hth_s_count(u->s, item->a, "maxContains", HTH_MANY, &max));
    if (!negated) return hth_u_matches(u, min, max, lit, scope);
    if (which == 0 && min == 0) u->dead = true;
    if (which == 1 && max == HTH_MANY) u->dead = true;
    return which ? hth_u_matches(u, max + 1, HTH_MANY, lit, 0)
                 : hth_u_matches(u, 0, min - 1, lit, 0);
}

static HthStatus unique(HthUnfold *u, const HthSItem *item, bool negated) {
    const json_t *v = json_object_get(u->s->nodes[item->a].json, "uniqueItems");
    HTH_REQUIRE(json_is_boolean(v), u->s->err, HTH_EINVAL, "%s: uniqueItems must be a boolean",
                u->s->nodes[item->a].path);
    if (json_is_false(v)) {
        if (negated) u->dead = true;
        return HTH_OK;
    }
    return hth_u_fact(u, (HthSFact){ HTH_SF_UNIQUE, item->a, negated, 0, 0, 0 });
}

static HthStatus all_of(HthUnfold *u, const HthSItem *item, bool negated, uint32_t which,
                        uint32_t scope) {
    const char *key = item->b == HTH_SK_ALL_OF ? "allOf" : "anyOf";
    json_t *list;
    HthSLit lit;
    HTH_TRY(hth_s_list_of(u->s, item->a, key, &list));
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (which != UINT32_MAX && which != i) continue;
        HTH_TRY(hth_s_lit_at(u->s, item->a, key, i, &lit));
        HTH_TRY(hth_u_push(u, lit ^ negated, negated ? 0 : scope));
    }
    return HTH_OK;
}

static HthStatus references(HthUnfold *u, const HthSItem *item, bool negated, uint32_t which,
                            uint32_t scope) {
    HthSLit lit;
    for (uint32_t i = 0; i < 2; i++) {
        if (which != UINT32_MAX && which != i) continue;
        if (!json_object_get(u->s->nodes[item->a].json, i ? "$dynamicRef" : "$ref")) {
            if (which == i) u->dead = true;
            continue;
        }
        HTH_TRY(hth_s_lit_ref(u->s, item->a, i, &lit));
        HTH_TRY(hth_u_push(u, lit ^ negated, negated ? 0 : scope));
    }
    return HTH_OK;
}

/* --- constants --- */

static HthStatus constant_object(HthUnfold *u, const json_t *v, bool negated, uint32_t which) {
    json_t *all = (json_t *)(uintptr_t)v, *value; /* is not changed */
    const char *name;
    uint32_t i = 0, keys, set;
    HthSLit lit;
    json_object_foreach(all, name, value) {
        HTH_TRY(hth_s_const(u->s, value, &lit));
        HTH_TRY(hth_s_name(u->s, hth_str(name), &keys));
        if (!negated || which == i) HTH_TRY(hth_u_name(u, name, !negated));
        if (!negated || which == i + 1) HTH_TRY(hth_u_of_keys(u, negated, keys, lit, 0));
        i += 2;
    }
    if (negated && which != i) return HTH_OK;
    HthStr *words = hth_calloc(json_object_size(v), sizeof *words);
    HTH_REQUIRE(words, u->s->err, HTH_ENOMEM, "out of memory for a schema");
    i = 0;
    json_object_foreach(all, name, value) words[i++] = hth_str(name);
    HthStatus st = hth_s_set_words(u->s, words, i, &set);
    hth_free(words);
    HTH_TRY(st);
    HTH_TRY(hth_s_set_op(u->s, HTH_SO_NOT, false, set, 0, &set));
    HTH_TRY(hth_s_keys(u->s, set, &keys));
    return hth_u_of_keys(u, negated, keys, HTH_S_NO, 0);
}

static HthStatus constant_array(HthUnfold *u, const json_t *v, bool negated, uint32_t which) {
    const uint32_t n = (uint32_t)json_array_size(v);
    HthSLit lit;
    for (uint32_t i = 0; i < n; i++) {
        if (negated && which != i) continue;
        HTH_TRY(hth_s_const(u->s, json_array_get(v, i), &lit));
        HTH_TRY(hth_u_of_items(u, negated, i, i, lit, 0));
    }
    if (!negated) return hth_u_count(u, n, n);
    if (which == n) return n ? hth_u_count(u, 0, n - 1) : hth_u_count(u, 1, 0);
    return which == n + 1 ? hth_u_count(u, n + 1, HTH_MANY) : HTH_OK;
}

/* Branches of the negation of a constant. */
uint32_t hth_u_constant_ways(const json_t *v) {
    return json_is_array(v) ? (uint32_t)json_array_size(v) + 2
                            : 2 * (uint32_t)json_object_size(v) + 1;
}

HthStatus hth_u_constant(HthUnfold *u, const json_t *v, bool negated, uint32_t which) {
    const uint8_t kind = json_is_array(v) ? HTH_SV_ARRAY : json_is_object(v) ? HTH_SV_OBJECT : 0;
    if (kind != u->kind) {
        if (!negated) u->dead = true;
        return HTH_OK;
    }
    return kind == HTH_SV_ARRAY ? constant_array(u, v, negated, which)
                                : constant_object(u, v, negated, which);
}

/* Value i of an enum, or none of them. */
static HthStatus listed(HthUnfold *u, const HthSItem *item, bool negated, uint32_t which) {
    json_t *list;
    HthSLit lit;
    HTH_TRY(hth_s_list_of(u->s, item->a, "enum", &list));
    for (uint32_t i = 0; i < json_array_size(list); i++) {
        if (!negated && which != i) continue;
        HTH_TRY(hth_s_const(u->s, json_array_get(list, i), &lit));
        HTH_TRY(hth_u_push(u, lit ^ negated, 0));
    }
    return HTH_OK;
}

/* --- what depends on a member --- */

static HthStatus entry_at(HthSchema *s, const HthSItem *item, const char *key, const char **name,
                          json_t **value) {
    json_t *all;
    HTH_TRY(hth_s_object_of(s, item->a, key, &all));
    void *at = json_object_iter(all);
    for (uint32_t i = 0; i < item->c && at; i++) at = json_object_iter_next(all, at);
    HTH_ASSERT(at);
    *name = json_object_iter_key(at);
    *value = json_object_iter_value(at);
    return HTH_OK;
}

static const char *dependent_key(const HthSItem *item) {
    return item->b == HTH_SK_DEPENDENT_SCHEMAS    ? "dependentSchemas"
           : item->b == HTH_SK_DEPENDENT_REQUIRED ? "dependentRequired"
                                                  : "dependencies";
}

/* One entry. Not negated: the member is missing (0), or what it asks for holds (1). Negated: it is
 * there and the schema, or name `which` of the list, is not. */
static HthStatus dependent(HthUnfold *u, const HthSItem *item, bool negated, uint32_t which,
                           uint32_t scope) {
    const char *name, *key = dependent_key(item);
    json_t *value;
    HthSLit lit;
    HTH_TRY(entry_at(u->s, item, key, &name, &value));
    HTH_TRY(hth_u_name(u, name, negated || which == 1));
    if (!negated && which == 0) return HTH_OK;
    if (!json_is_array(value)) {
        HTH_TRY(hth_s_lit_named(u->s, item->a, key, name, &lit));
        return hth_u_push(u, lit ^ negated, negated ? 0 : scope);
    }
    for (uint32_t i = 0; i < json_array_size(value); i++) {
        const char *other = json_string_value(json_array_get(value, i));
        HTH_REQUIRE(other, u->s->err, HTH_EINVAL, "%s: %s must name members by strings",
                    u->s->nodes[item->a].path, key);
        if (!negated || which == i) HTH_TRY(hth_u_name(u, other, !negated));
    }
    return HTH_OK;
}

/* The whole keyword: every entry, or one that fails. */
static HthStatus dependents(HthUnfold *u, const HthSItem *item, bool negated, uint32_t which,
                            uint32_t scope) {
    json_t *all;
    HthSLit lit;
    HTH_TRY(hth_s_object_of(u->s, item->a, dependent_key(item), &all));
    for (uint32_t i = 0; i < json_object_size(all); i++) {
        if (negated && which != i) continue;
        HTH_TRY(hth_s_key_lit(u->s, item->a, item->b, i, &lit));
        HTH_TRY(hth_u_push(u, lit ^ negated, negated ? 0 : scope));
    }
    return HTH_OK;
}

/* --- branching --- */

/* anyOf under a scope: exactly the schemas whose bits are set in which + 1 hold. */
static HthStatus subset(HthUnfold *u, const HthSItem *item, uint32_t which, uint32_t scope) {
    json_t *list;
    HthSLit lit;
    HTH_TRY(hth_s_list_of(u->s, item->a, "anyOf", &list));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const bool holds = (which + 1) >> i & 1;
        HTH_TRY(hth_s_lit_at(u->s, item->a, "anyOf", i, &lit));
        HTH_TRY(hth_u_push(u, lit ^ !holds, holds ? scope : 0));
    }
    return HTH_OK;
}

/* Not negated: schema `which` and no other. Negated: none, or the pair numbered which - 1. */
static HthStatus one_of(HthUnfold *u, const HthSItem *item, bool negated, uint32_t which,
                        uint32_t scope) {
    json_t *list;
    HthSLit lit, chosen = 0;
    uint32_t pair = 1;
    HTH_TRY(hth_s_list_of(u->s, item->a, "oneOf", &list));
    const uint32_t n = (uint32_t)json_array_size(list);
    if (!negated) {
        HTH_TRY(hth_s_lit_at(u->s, item->a, "oneOf", which, &chosen));
        HTH_TRY(hth_u_push(u, chosen, scope));
    }
    for (uint32_t i = 0; i < n && !u->dead; i++) {
        HTH_TRY(hth_s_lit_at(u->s, item->a, "oneOf", i, &lit));
        if (negated && which == 0) HTH_TRY(hth_u_push(u, lit ^ 1, 0));
        for (uint32_t k = i + 1; negated && which > 0 && k < n; k++, pair++) {
            if (pair != which) continue;
            HTH_TRY(hth_u_push(u, lit, 0));
            HTH_TRY(hth_s_lit_at(u->s, item->a, "oneOf", k, &lit));
            HTH_TRY(hth_u_push(u, lit, 0));
        }
        if (negated || i == which) continue;
        bool apart;
        HTH_TRY(hth_u_disjoint(u, chosen, lit, &apart));
        if (!apart) HTH_TRY(hth_u_push(u, lit ^ 1, 0));
    }
    return HTH_OK;
}

static HthStatus choice(HthUnfold *u, const HthSItem *item, bool negated, uint32_t which,
                        uint32_t scope) {
    const char *then = which ? "else" : "then";
    HthSLit lit;
    HTH_TRY(hth_s_lit_of(u->s, item->a, "if", &lit));
    HTH_TRY(hth_u_push(u, lit ^ which, which ? 0 : scope));
    if (!json_object_get(u->s->nodes[item->a].json, then)) {
        if (negated) u->dead = true;
        return HTH_OK;
    }
    HTH_TRY(hth_s_lit_of(u->s, item->a, then, &lit));
    return hth_u_push(u, lit ^ negated, negated ? 0 : scope);
}

static uint32_t list_size(const HthUnfold *u, uint32_t node, const char *key) {
    const json_t *v = json_object_get(u->s->nodes[node].json, key);
    return (uint32_t)(json_is_object(v) ? json_object_size(v) : json_array_size(v));
}

uint32_t hth_u_keyword_ways(const HthUnfold *u, const HthSItem *item, bool negated,
                            uint32_t scope) {
    const uint32_t node = item->a;
    const bool entry = item->c != UINT32_MAX;
    uint32_t n;
    switch ((HthSKey)item->b) {
    case HTH_SK_ENUM: return negated ? 0 : list_size(u, node, "enum");
    case HTH_SK_REF: return negated ? 2 : 0;
    case HTH_SK_ALL_OF: return negated ? list_size(u, node, "allOf") : 0;
    case HTH_SK_PROPERTIES: return negated ? list_size(u, node, "properties") : 0;
    case HTH_SK_PATTERNS: return negated ? list_size(u, node, "patternProperties") : 0;
    case HTH_SK_REQUIRED: return negated ? list_size(u, node, "required") : 0;
    case HTH_SK_PREFIX: return negated ? list_size(u, node, "prefixItems") : 0;
    case HTH_SK_CONTAINS: return negated ? 2 : 0;
    case HTH_SK_CONST:
        return negated ? hth_u_constant_ways(json_object_get(u->s->nodes[node].json, "const")) : 0;
    case HTH_SK_DEPENDENT_REQUIRED:
    case HTH_SK_DEPENDENT_SCHEMAS:
    case HTH_SK_DEPENDENCIES:
        if (!entry) return negated ? list_size(u, node, dependent_key(item)) : 0;
        if (!negated) return 2;
        const char *name;
        json_t *value;
        if (entry_at(u->s, item, dependent_key(item), &name, &value) != HTH_OK) return 1;
        return json_is_array(value) ? (uint32_t)json_array_size(value) : 1;
    case HTH_SK_ANY_OF:
        n = list_size(u, node, "anyOf");
        if (negated || !scope) return negated ? 0 : n;
        return n <= HTH_U_SUBSETS_MAX ? (1u << n) - 1 : UINT32_MAX;
    case HTH_SK_ONE_OF: n = list_size(u, node, "oneOf"); return negated ? 1 + n * (n - 1) / 2 : n;
    case HTH_SK_IF: return 2;
    default: return 0;
    }
}

/* What is asked for by all of a list, negated, says one thing or another. */
bool hth_u_keyword_branches(const HthSItem *item, bool negated) {
    static const uint8_t when[HTH_SK_COUNT] = {
        /* 1: as it is, 2: negated */
        [HTH_SK_CONST] = 2,
        [HTH_SK_ENUM] = 1,
        [HTH_SK_REF] = 2,
        [HTH_SK_ALL_OF] = 2,
        [HTH_SK_PROPERTIES] = 2,
        [HTH_SK_PATTERNS] = 2,
        [HTH_SK_REQUIRED] = 2,
        [HTH_SK_PREFIX] = 2,
        [HTH_SK_CONTAINS] = 2,
        [HTH_SK_ANY_OF] = 1,
        [HTH_SK_ONE_OF] = 3,
        [HTH_SK_IF] = 3,
        [HTH_SK_DEPENDENT_REQUIRED] = 2,
        [HTH_SK_DEPENDENT_SCHEMAS] = 2,
        [HTH_SK_DEPENDENCIES] = 2,
    };
    return item->c != UINT32_MAX || (when[item->b] >> negated & 1);
}

HthStatus hth_u_keyword(HthUnfold *u, const HthSItem *item, bool negated, uint32_t which,
                        uint32_t scope) {
    HthSLit lit;
    switch ((HthSKey)item->b) {
    case HTH_SK_CONST:
        return hth_u_constant(u, json_object_get(u->s->nodes[item->a].json, "const"), negated,
                              which);
    case HTH_SK_ENUM: return listed(u, item, negated, which);
    case HTH_SK_REF: return references(u, item, negated, which, scope);
    case HTH_SK_ALL_OF: return all_of(u, item, negated, which, scope);
    case HTH_SK_NOT:
        HTH_TRY(hth_s_lit_of(u->s, item->a, "not", &lit));
        return hth_u_push(u, lit ^ !negated, 0);
    case HTH_SK_PROPERTIES:
    case HTH_SK_PATTERNS: return member_keyword(u, item, negated, which, scope);
    case HTH_SK_ADDITIONAL:
    case HTH_SK_NAMES: return other_members(u, item, negated, scope);
    case HTH_SK_REQUIRED: return required(u, item, negated, which);
    case HTH_SK_MIN_PROPERTIES: return at_least(u, item, negated, "minProperties");
    case HTH_SK_MAX_PROPERTIES: return at_most(u, item, negated, "maxProperties");
    case HTH_SK_MIN_ITEMS: return at_least(u, item, negated, "minItems");
    case HTH_SK_MAX_ITEMS: return at_most(u, item, negated, "maxItems");
    case HTH_SK_PREFIX: return prefix(u, item, negated, which, scope);
    case HTH_SK_ITEMS: return items(u, item, negated, scope);
    case HTH_SK_UNIQUE: return unique(u, item, negated);
    case HTH_SK_CONTAINS: return contains(u, item, negated, which, scope);
    case HTH_SK_DEPENDENT_REQUIRED:
    case HTH_SK_DEPENDENT_SCHEMAS:
    case HTH_SK_DEPENDENCIES:
        return item->c == UINT32_MAX ? dependents(u, item, negated, which, scope)
                                     : dependent(u, item, negated, which, scope);
    case HTH_SK_ANY_OF:
        return scope && !negated ? subset(u, item, which, scope)
                                 : all_of(u, item, negated, which, scope);
    case HTH_SK_ONE_OF: return one_of(u, item, negated, which, scope);
    case HTH_SK_IF: return choice(u, item, negated, which, scope);
    default: return HTH_OK; /* decided by push */
    }
}

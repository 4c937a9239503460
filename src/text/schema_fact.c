/* schema_fact.c - facts about members and items as they come up, and what contradicts them.
 *
 * Thread: as schema_int.h. */
#include <string.h>

#include "base/mem.h"
#include "text/schema_unfold.h"

enum { FACTS_MAX = 1 << 14 };

/* May a member with this name, which must be there, be anything at all? */
static HthStatus check_name(HthUnfold *u, uint32_t keys) {
    HthSchema *s = u->s;
    const HthStr name = s->keys[keys].name;
    HthSLit lits[64];
    uint32_t n = 0;
    bool needed = false, alive;
    HthScalars is;
    for (uint32_t i = 0; i < u->facts_n; i++) {
        const HthSFact *f = &u->facts[i];
        const bool some = f->kind == HTH_SF_SOME && f->keys == keys;
        if (!some && (f->kind != HTH_SF_EVERY || !hth_s_keys_has(s, f->keys, name))) continue;
        needed |= some;
        if (f->lit == HTH_S_NO) lits[0] = HTH_S_NO;
        if (f->lit == HTH_S_NO && n == 0) n = 1;
        if (f->lit > HTH_S_NO && n < HTH_COUNT(lits)) lits[n++] = f->lit;
    }
    if (!needed) return HTH_OK;
    HTH_TRY(hth_s_together(s, lits, &n, &is, &alive));
    if (!alive) u->dead = true;
    return HTH_OK;
}

HthStatus hth_u_fact(HthUnfold *u, HthSFact f) {
    HTH_REQUIRE(u->facts_n < FACTS_MAX, u->s->err, HTH_ELIMIT,
                "the schema says more than %d things about one value", FACTS_MAX);
    if (f.kind == HTH_SF_SOME && f.lit == HTH_S_NO) u->dead = true;
    if (f.kind == HTH_SF_EVERY && f.lit == HTH_S_YES && f.scope == 0) return HTH_OK;
    if (u->dead) return HTH_OK;
    HTH_TRY(hth_s_grow(&u->facts, &u->facts_cap, u->facts_n, sizeof *u->facts, u->s->err));
    u->facts[u->facts_n++] = f;
    if (u->kind == HTH_SV_OBJECT && (f.kind == HTH_SF_SOME || f.kind == HTH_SF_EVERY)) {
        if (u->s->keys[f.keys].single) return check_name(u, f.keys);
        for (uint32_t i = 0; i + 1 < u->facts_n && f.kind == HTH_SF_EVERY && !u->dead; i++) {
            const HthSFact *o = &u->facts[i];
            if (o->kind == HTH_SF_SOME && u->s->keys[o->keys].single &&
                hth_s_keys_has(u->s, f.keys, u->s->keys[o->keys].name))
                HTH_TRY(check_name(u, o->keys));
        }
    }
    return HTH_OK;
}

/* All members or items with such keys are lit; or, negated, one is not. */
HthStatus hth_u_of_keys(HthUnfold *u, bool negated, uint32_t keys, HthSLit lit, uint32_t scope) {
    return hth_u_fact(u, (HthSFact){ negated ? HTH_SF_SOME : HTH_SF_EVERY, keys, 0, 0,
                                     lit ^ negated, negated ? 0 : scope });
}
HthStatus hth_u_of_items(HthUnfold *u, bool negated, uint32_t lo, uint32_t hi, HthSLit lit,
                         uint32_t scope) {
    return hth_u_fact(u, (HthSFact){ negated ? HTH_SF_SOME : HTH_SF_EVERY, 0, lo, hi, lit ^ negated,
                                     negated ? 0 : scope });
}
HthStatus hth_u_name(HthUnfold *u, const char *name, bool there) {
    uint32_t keys;
    HTH_TRY(hth_s_name(u->s, hth_str(name), &keys));
    return hth_u_of_keys(u, there, keys, HTH_S_NO, 0); /* some member: not "no value" */
}
HthStatus hth_u_count(HthUnfold *u, uint32_t lo, uint32_t hi) {
    if (lo > hi) u->dead = true;
    return hth_u_fact(u, (HthSFact){ HTH_SF_COUNT, 0, lo, hi, 0, 0 });
}
HthStatus hth_u_matches(HthUnfold *u, uint32_t lo, uint32_t hi, HthSLit lit, uint32_t scope) {
    if (lo > hi) u->dead = true;
    return hth_u_fact(u, (HthSFact){ HTH_SF_MATCHES, 0, lo, hi, lit, scope });
}

/* --- keys of members --- */

static HthStatus new_pattern(HthSchema *s, uint32_t node, HthStr key, uint32_t *out) {
    HthDfa *d = NULL;
    HthErr why = { 0 };
    uint32_t set;
    HthStatus st = hth_dfa_pattern(&d, hth_str_sub(key, 1, key.n), false, &why);
    HTH_REQUIRE(st == HTH_OK, s->err, st, "%s: patternProperties: %s", s->nodes[node].path,
                why.text);
    HTH_TRY(hth_s_set_add(s, &d, &set));
    HTH_TRY(hth_s_keys(s, set, out));
    const char *kept = hth_arena_copy(s->arena, key.p, key.n);
    HTH_REQUIRE(kept, s->err, HTH_ENOMEM, "out of memory for a schema");
    return hth_map_put(s->keys_of, (HthStr){ kept, key.n }, *out, s->err);
}

/* Known by a zero byte and the pattern. */
HthStatus hth_u_pattern_keys(HthSchema *s, uint32_t node, const char *pattern, uint32_t *out) {
    HthBuf key;
    hth_buf_init(&key, (size_t)1 << 20);
    HthStatus st = hth_buf_add_char(&key, 0, s->err);
    if (st == HTH_OK) st = hth_buf_add_str(&key, hth_str(pattern), s->err);
    if (st == HTH_OK) {
        *out = hth_map_get(s->keys_of, hth_buf_str(&key));
        if (*out == HTH_MAP_NONE) st = new_pattern(s, node, hth_buf_str(&key), out);
    }
    hth_buf_drop(&key);
    return st;
}

/* What properties and patternProperties leave to additionalProperties. */
static HthStatus additional_set(HthSchema *s, uint32_t node, uint32_t *set) {
    const json_t *j = s->nodes[node].json;
    json_t *value;
    const char *name;
    size_t n = 0;
    uint32_t keys, one;
    json_t *all = json_object_get(j, "properties");
    HthStr *words = hth_calloc(json_object_size(all), sizeof *words);
    HTH_REQUIRE(words, s->err, HTH_ENOMEM, "out of memory for a schema");
    json_object_foreach(all, name, value) words[n++] = hth_str(name);
    HthStatus st = hth_s_set_words(s, words, n, set);
    hth_free(words);
    HTH_TRY(st);
    all = json_object_get(j, "patternProperties");
    json_object_foreach(all, name, value) {
        HTH_TRY(hth_u_pattern_keys(s, node, name, &keys));
        HTH_TRY(hth_s_keys_set(s, keys, &one));
        HTH_TRY(hth_s_set_op(s, HTH_SO_OR, false, *set, one, set));
    }
    return hth_s_set_op(s, HTH_SO_NOT, false, *set, 0, set);
}

HthStatus hth_u_other_keys(HthSchema *s, HthSKey key, uint32_t node, uint32_t *out) {
    const uint64_t id = (uint64_t)key << 56 | (uint64_t)s->context << 32 | node;
    HthSLit lit;
    HthScalars is;
    uint32_t set;
    *out = hth_map64_get(s->other_keys, id);
    if (*out != HTH_MAP_NONE) return HTH_OK;
    if (key == HTH_SK_ADDITIONAL) {
        HTH_TRY(additional_set(s, node, &set));
    } else { /* the names that propertyNames rules out */
        HTH_TRY(hth_s_lit_of(s, node, "propertyNames", &lit));
        HTH_TRY(hth_s_scalars(s, lit, &is));
        HTH_TRY(hth_s_set_op(s, HTH_SO_NOT, false, is.str, 0, &set));
    }
    HTH_TRY(hth_s_keys(s, set, out));
    return hth_map64_put(s->other_keys, id, *out, s->err);
}

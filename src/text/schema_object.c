/* schema_object.c - one list of facts about an object's members as grammar.
 *
 * Names that some fact speaks of become named members. All other keys are split into the classes
 * that the facts tell apart, each with its own values. "Some member, whatever it is called" is met
 * by one of the named ones or by a member of its own; two such facts may be met by the same one, so
 * every way to share them out is a way of its own.
 *
 * A key that is not named may come twice in a text; it counts twice.
 *
 * Thread: as schema_int.h. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/schema_int.h"

enum { CLASSES_MAX = 512, SOMES_MAX = 4, LITS_MAX = 4096 };

typedef struct Named {
    uint32_t keys;
    bool required;
    uint32_t state; /* of its value; HTH_S_DEAD: it must not be there */
} Named;

/* Keys that are not named and that every fact treats alike. */
typedef struct Class {
    uint32_t set;
    HthSLit *lits; /* [n], in the arena */
    uint32_t n, state;
} Class;

/* Some member with a key of set is all of these. */
typedef struct Some {
    uint32_t set;
    HthSLit lits[SOMES_MAX];
    uint32_t n;
    uint32_t named; /* met by this one, or UINT32_MAX: by one of its own */
} Some;

typedef struct Object {
    HthSchema *s;
    const HthSFact *facts;
    uint32_t facts_n, lo, hi;
    Named *named;
    uint32_t named_n;
    Class *classes;
    uint32_t classes_n;
    Some somes[SOMES_MAX];
    uint32_t somes_n;
    HthNode *ways;
    uint32_t ways_n, ways_cap;
    HthSLit *lits; /* [LITS_MAX] */
} Object;

/* --- what is known --- */

static HthStatus add_lit(Object *o, uint32_t *n, HthSLit lit) {
    HTH_REQUIRE(*n < LITS_MAX, o->s->err, HTH_ELIMIT,
                "the schema says more than %d things about one member", LITS_MAX);
    o->lits[(*n)++] = lit;
    return HTH_OK;
}

/* The value of a named member: what every fact about its name says, and what `more` adds. */
static HthStatus value_of(Object *o, uint32_t keys, const Some *more, uint32_t *state) {
    const HthStr name = o->s->keys[keys].name;
    uint32_t n = 0;
    for (uint32_t i = 0; i < o->facts_n; i++) {
        const HthSFact *f = &o->facts[i];
        const bool every = f->kind == HTH_SF_EVERY && hth_s_keys_has(o->s, f->keys, name);
        if (every || (f->kind == HTH_SF_SOME && f->keys == keys)) HTH_TRY(add_lit(o, &n, f->lit));
    }
    for (uint32_t i = 0; more && i < more->n; i++) HTH_TRY(add_lit(o, &n, more->lits[i]));
    return hth_s_state(o->s, o->lits, n, state);
}

static uint32_t named_at(const Object *o, uint32_t keys) {
    uint32_t i = 0;
    while (i < o->named_n && o->named[i].keys != keys) i++;
    return i;
}

static HthStatus collect_names(Object *o, bool *alive) {
    *alive = true;
    for (uint32_t i = 0; i < o->facts_n; i++) {
        const HthSFact *f = &o->facts[i];
        const bool member = f->kind == HTH_SF_EVERY || f->kind == HTH_SF_SOME;
        if (!member || !o->s->keys[f->keys].single) continue;
        const uint32_t at = named_at(o, f->keys);
        if (at == o->named_n) o->named[o->named_n++] = (Named){ f->keys, false, 0 };
        if (f->kind == HTH_SF_SOME) o->named[at].required = true;
    }
    for (uint32_t i = 0; i < o->named_n; i++) {
        HTH_TRY(value_of(o, o->named[i].keys, NULL, &o->named[i].state));
        if (o->named[i].required && o->named[i].state == HTH_S_DEAD) *alive = false;
    }
    return HTH_OK;
}

static HthStatus collect_others(Object *o) {
    for (uint32_t i = 0; i < o->facts_n; i++) {
        const HthSFact *f = &o->facts[i];
        if (f->kind == HTH_SF_COUNT) {
            if (f->lo > o->lo) o->lo = f->lo;
            if (f->hi < o->hi) o->hi = f->hi;
        }
        if (f->kind != HTH_SF_SOME || o->s->keys[f->keys].single) continue;
        HTH_REQUIRE(o->somes_n < SOMES_MAX, o->s->err, HTH_ENOTSUP,
                    "a schema that excludes more than %d rules about unnamed members at once is "
                    "not supported",
                    SOMES_MAX);
        Some *some = &o->somes[o->somes_n++];
        *some = (Some){ .lits = { f->lit }, .n = 1 };
        HTH_TRY(hth_s_keys_set(o->s, f->keys, &some->set));
    }
    return HTH_OK;
}

static HthStatus add_class(Object *o, uint32_t set, const Class *like, HthSLit lit) {
    if (set == HTH_SET_NONE) return HTH_OK;
    HTH_REQUIRE(o->classes_n < CLASSES_MAX, o->s->err, HTH_ELIMIT,
                "the schema's patterns tell more than %d kinds of keys apart", CLASSES_MAX);
    Class c = { .set = set, .n = like->n + 1 };
    c.lits = hth_arena_take(o->s->arena, c.n, sizeof *c.lits);
    HTH_REQUIRE(c.lits, o->s->err, HTH_ENOMEM, "out of memory for a schema");
    if (like->n) memcpy(c.lits, like->lits, like->n * sizeof *c.lits);
    c.lits[like->n] = lit;
    o->classes[o->classes_n++] = c;
    return HTH_OK;
}

/* Splits all classes by the keys of one fact. */
static HthStatus split_classes(Object *o, const HthSFact *f) {
    HthSchema *s = o->s;
    uint32_t keys, others, in, out;
    HTH_TRY(hth_s_keys_set(s, f->keys, &keys));
    HTH_TRY(hth_s_set_op(s, HTH_SO_NOT, false, keys, 0, &others));
    const uint32_t n = o->classes_n;
    for (uint32_t i = 0; i < n; i++) {
        const Class c = o->classes[i];
        HTH_TRY(hth_s_set_op(s, HTH_SO_AND, false, c.set, keys, &in));
        HTH_TRY(hth_s_set_op(s, HTH_SO_AND, false, c.set, others, &out));
        HTH_TRY(add_class(o, in, &c, f->lit));
        HTH_TRY(add_class(o, out, &c, HTH_S_YES));
    }
    memmove(o->classes, o->classes + n, (o->classes_n - n) * sizeof *o->classes);
    o->classes_n -= n;
    return HTH_OK;
}

static HthStatus collect_classes(Object *o) {
    HthSchema *s = o->s;
    uint32_t set, n = 0;
    HthStr *words = hth_calloc(o->named_n, sizeof *words);
    HTH_REQUIRE(words, s->err, HTH_ENOMEM, "out of memory for a schema");
    for (uint32_t i = 0; i < o->named_n; i++) words[n++] = s->keys[o->named[i].keys].name;
    HthStatus st = hth_s_set_words(s, words, n, &set);
    hth_free(words);
    HTH_TRY(st);
    HTH_TRY(hth_s_set_op(s, HTH_SO_NOT, false, set, 0, &set));
    HTH_TRY(add_class(o, set, &(Class){ 0 }, HTH_S_YES));
    for (uint32_t i = 0; i < o->facts_n; i++) {
        const HthSFact *f = &o->facts[i];
        if (f->kind == HTH_SF_EVERY && !s->keys[f->keys].single) HTH_TRY(split_classes(o, f));
    }
    for (uint32_t i = 0; i < o->classes_n; i++)
        HTH_TRY(hth_s_state(s, o->classes[i].lits, o->classes[i].n, &o->classes[i].state));
    return HTH_OK;
}

/* --- grammar --- */

static HthNode quoted(HthSchema *s, HthNode inside) {
    const HthNode parts[] = { s->quote, inside, s->quote };
    return hth_ir_seq(s->ir, parts, 3);
}

static HthNode value_node(HthSchema *s, uint32_t state) {
    const HthNode parts[] = { s->after_colon, s->states[state].rule };
    return hth_ir_seq(s->ir, parts, 2);
}

static HthStatus key_node(HthSchema *s, uint32_t set, HthNode *out) {
    HthNode inside;
    HTH_TRY(hth_s_set_node(s, set, true, &inside));
    const HthNode parts[] = { quoted(s, inside), s->colon };
    *out = hth_ir_seq(s->ir, parts, 2);
    return HTH_OK;
}

/* Members of several classes as one: the key is the quote alone, all else is the value. */
static HthStatus any_class(Object *o, const Some *some, HthNode *key, HthNode *value) {
    HthSchema *s = o->s;
    HthNode *alts = hth_calloc(o->classes_n, sizeof *alts);
    HthStatus st = alts ? HTH_OK : HTH_S_FULL(s);
    uint32_t n = 0, set, state, sets = HTH_SET_NONE, only = UINT32_MAX;
    bool alike = true;
    for (uint32_t i = 0; i < o->classes_n && st == HTH_OK; i++) {
        const Class *c = &o->classes[i];
        uint32_t lits = 0;
        set = c->set;
        state = c->state;
        if (some) {
            st = hth_s_set_op(s, HTH_SO_AND, false, set, some->set, &set);
            for (uint32_t k = 0; k < c->n && st == HTH_OK; k++) st = add_lit(o, &lits, c->lits[k]);
            for (uint32_t k = 0; k < some->n && st == HTH_OK; k++)
                st = add_lit(o, &lits, some->lits[k]);
            if (st == HTH_OK) st = hth_s_state(s, o->lits, lits, &state);
        }
        if (st != HTH_OK || set == HTH_SET_NONE || state == HTH_S_DEAD) continue;
        alike = alike && (only == UINT32_MAX || only == state);
        only = state;
        st = hth_s_set_op(s, HTH_SO_OR, false, sets, set, &sets);
        HthNode inside;
        if (st == HTH_OK) st = hth_s_set_node(s, set, true, &inside);
        if (st != HTH_OK) break;
        const HthNode parts[] = { inside, s->quote, s->colon, value_node(s, state) };
        alts[n++] = hth_ir_seq(s->ir, parts, 4);
    }
    *key = *value = HTH_NODE_NONE;
    if (st == HTH_OK && n && alike) {
        st = key_node(s, sets, key);
        *value = value_node(s, only);
    } else if (st == HTH_OK && n) {
        *key = s->quote;
        *value = hth_ir_alt(s->ir, alts, n);
    }
    hth_free(alts);
    return st;
}

/* One way to meet the somes, as members. false: none. */
static HthStatus members(Object *o, HthMember *list, uint32_t *count, bool *alive) {
    HthSchema *s = o->s;
    uint32_t n = 0, state, set;
    *alive = false;
    for (uint32_t i = 0; i < o->named_n; i++) {
        const Named *d = &o->named[i];
        Some more = { .n = 0 };
        bool required = d->required;
        for (uint32_t k = 0; k < o->somes_n; k++) {
            if (o->somes[k].named != i || o->somes[k].n == 0) continue;
            required = true;
            for (uint32_t l = 0; l < o->somes[k].n; l++) more.lits[more.n++] = o->somes[k].lits[l];
        }
        state = d->state;
        if (more.n) HTH_TRY(value_of(o, d->keys, &more, &state));
        if (state == HTH_S_DEAD && required) return HTH_OK;
        if (state == HTH_S_DEAD) continue;
        HTH_TRY(hth_s_keys_set(s, d->keys, &set));
        HTH_TRY(key_node(s, set, &list[n].key));
        list[n].value = value_node(s, state);
        list[n++].required = required;
    }
    for (uint32_t k = 0; k < o->somes_n; k++) {
        const Some *some = &o->somes[k];
        if (some->named != UINT32_MAX || some->n == 0) continue;
        HTH_TRY(any_class(o, some, &list[n].key, &list[n].value));
        if (list[n].key == HTH_NODE_NONE) return HTH_OK;
        list[n++].required = true;
    }
    *count = n;
    *alive = true;
    return HTH_OK;
}

static HthStatus way(Object *o) {
    HthSchema *s = o->s;
    HthMembers m = { .separator = s->comma, .min = o->lo, .max = o->hi };
    uint32_t n = 0;
    bool alive;
    HthMember *list = hth_calloc((size_t)o->named_n + o->somes_n, sizeof *list);
    HTH_REQUIRE(list, s->err, HTH_ENOMEM, "out of memory for a schema");
    HthStatus st = members(o, list, &n, &alive);
    if (st == HTH_OK && alive) st = any_class(o, NULL, &m.extra_key, &m.extra_value);
    if (st == HTH_OK && n > HTH_MEMBERS_MAX)
        st = HTH_FAIL(s->err, HTH_ELIMIT, "an object has %u named properties; at most %d", n,
                      HTH_MEMBERS_MAX);
    if (st == HTH_OK && alive)
        st = hth_s_grow(&o->ways, &o->ways_cap, o->ways_n, sizeof *o->ways, s->err);
    if (st == HTH_OK && alive) {
        m.named = list;
        m.named_count = n;
        o->ways[o->ways_n++] = hth_ir_members(s->ir, &m);
    }
    hth_free(list);
    return st;
}

/* Shares out the somes from `at` on: each is met by a named member, by one of its own, or together
 * with an earlier one that has its own. */
static HthStatus share(Object *o, uint32_t at) {
    HTH_TRY(hth_s_charge(o->s, 1 + o->facts_n / 8 * o->named_n));
    if (at == o->somes_n) return way(o);
    Some *some = &o->somes[at];
    const Some whole = *some;
    for (uint32_t i = 0; i < o->named_n; i++) {
        if (whole.set != HTH_SET_ALL &&
            !hth_dfa_match(o->s->sets[whole.set], o->s->keys[o->named[i].keys].name))
            continue;
        some->named = i;
        HTH_TRY(share(o, at + 1));
    }
    some->named = UINT32_MAX;
    HTH_TRY(share(o, at + 1));
    for (uint32_t k = 0; k < at; k++) {
        Some *other = &o->somes[k];
        if (other->named != UINT32_MAX || other->n == 0) continue;
        const Some kept = *other;
        HTH_TRY(hth_s_set_op(o->s, HTH_SO_AND, false, kept.set, whole.set, &other->set));
        for (uint32_t l = 0; l < whole.n; l++) other->lits[other->n++] = whole.lits[l];
        some->n = 0;
        HTH_TRY(share(o, at + 1));
        *other = kept;
        *some = whole;
    }
    return HTH_OK;
}

static HthStatus object(Object *o, HthNode *out) {
    HthSchema *s = o->s;
    bool alive;
    HTH_TRY(collect_names(o, &alive));
    *out = HTH_NODE_NONE;
    if (!alive) return HTH_OK;
    HTH_TRY(collect_others(o));
    for (uint32_t k = 0; k < o->somes_n; k++)
        if (o->somes[k].set == HTH_SET_NONE) return HTH_OK;
    if (o->lo > o->hi) return HTH_OK;
    HTH_TRY(collect_classes(o));
    HTH_TRY(share(o, 0));
    if (o->ways_n == 0) return HTH_OK;
    const HthNode parts[] = { hth_ir_bytes(s->ir, HTH_STR("{")), s->blank,
                              hth_ir_alt(s->ir, o->ways, o->ways_n), s->blank,
                              hth_ir_bytes(s->ir, HTH_STR("}")) };
    *out = hth_ir_seq(s->ir, parts, 5);
    return hth_ir_status(s->ir, s->err);
}

HthStatus hth_s_object(HthSchema *s, const HthSFact *facts, uint32_t n, HthNode *out) {
    Object o = { .s = s, .facts = facts, .facts_n = n, .hi = HTH_MANY };
    o.named = hth_calloc(n, sizeof *o.named);
    o.classes = hth_calloc((size_t)2 * CLASSES_MAX, sizeof *o.classes);
    o.lits = hth_calloc(LITS_MAX, sizeof *o.lits);
    HthStatus st = o.named && o.classes && o.lits ? object(&o, out) : HTH_S_FULL(s);
    hth_free(o.named);
    hth_free(o.classes);
    hth_free(o.lits);
    hth_free(o.ways);
    return st;
}

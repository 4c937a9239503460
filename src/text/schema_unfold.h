/* schema_unfold.h - one unfolding: what schema_unfold.c, schema_keyword.c and schema_fact.c share.
 *
 * Thread: as schema_int.h. */
#ifndef HTH_TEXT_SCHEMA_UNFOLD_H
#define HTH_TEXT_SCHEMA_UNFOLD_H

#include "text/schema_int.h"

typedef struct HthTodo {
    HthSLit lit;
    uint32_t scope;
} HthTodo;

typedef struct HthScope {
    uint32_t parent, node, context;
    bool negated;
} HthScope;

typedef struct HthUnfold {
    HthSchema *s;
    uint8_t kind;
    HthSLeaf leaf;
    void *ctx;
    HthTodo *todo, *later;
    uint32_t todo_n, todo_cap, later_n, later_cap;
    HthSFact *facts;
    uint32_t facts_n, facts_cap;
    HthScope *scopes; /* [0]: none */
    uint32_t scopes_n, scopes_cap;
    uint32_t depth, leaves;
    bool dead; /* the branch at hand contradicts itself */
    bool first_only, found;
} HthUnfold;

/* schema_unfold.c: one more thing that must hold. */
HTH_MUST_CHECK HthStatus hth_u_push(HthUnfold *u, HthSLit lit, uint32_t scope);
/* Surely nothing of this kind is both. */
HTH_MUST_CHECK HthStatus hth_u_disjoint(HthUnfold *u, HthSLit a, HthSLit b, bool *out);

/* schema_fact.c: what is known of the value; may find the branch dead. */
HTH_MUST_CHECK HthStatus hth_u_fact(HthUnfold *u, HthSFact f);
/* All members or items with such keys are lit; or, negated, one is not. */
HTH_MUST_CHECK HthStatus hth_u_of_keys(HthUnfold *u, bool negated, uint32_t keys, HthSLit lit,
                                       uint32_t scope);
HTH_MUST_CHECK HthStatus hth_u_of_items(HthUnfold *u, bool negated, uint32_t lo, uint32_t hi,
                                        HthSLit lit, uint32_t scope);
HTH_MUST_CHECK HthStatus hth_u_name(HthUnfold *u, const char *name, bool there);
HTH_MUST_CHECK HthStatus hth_u_count(HthUnfold *u, uint32_t lo, uint32_t hi);
HTH_MUST_CHECK HthStatus hth_u_matches(HthUnfold *u, uint32_t lo, uint32_t hi, HthSLit lit,
                                       uint32_t scope);
HTH_MUST_CHECK HthStatus hth_u_pattern_keys(HthSchema *s, uint32_t node, const char *pattern,
                                            uint32_t *out);
/* additionalProperties: the keys it is about; propertyNames: those it rules out. */
HTH_MUST_CHECK HthStatus hth_u_other_keys(HthSchema *s, HthSKey key, uint32_t node, uint32_t *out);

/* schema_keyword.c: way `which` in which a keyword holds (or does not); UINT32_MAX if it does not
 * branch. */
HTH_MUST_CHECK HthStatus hth_u_keyword(HthUnfold *u, const HthSItem *item, bool negated,
                                       uint32_t which, uint32_t scope);
bool hth_u_keyword_branches(const HthSItem *item, bool negated);
uint32_t hth_u_keyword_ways(const HthUnfold *u, const HthSItem *item, bool negated, uint32_t scope);
HTH_MUST_CHECK HthStatus hth_u_constant(HthUnfold *u, const json_t *v, bool negated,
                                        uint32_t which);
uint32_t hth_u_constant_ways(const json_t *v);
enum { HTH_U_SUBSETS_MAX = 6 }; /* schemas of an anyOf whose subsets matter */

#endif

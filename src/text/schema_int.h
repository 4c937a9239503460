/* schema_int.h - what the files of schema_* share.
 *
 * A JSON Schema is read as a logical formula about one value. What can be said about a value are
 * items: a subschema, one keyword of it, a constant. An item or its negation is a literal. A state
 * is a set of literals that must all hold; the grammar has a rule for each state.
 *
 * Null, booleans, numbers and strings: a literal is a set of them, exactly (HthScalars; numbers
 * and strings as automata). Arrays and objects: a state is unfolded, branching where the formula
 * does (schema_unfold.c), into lists of facts about members or items, and each list becomes a piece
 * of grammar (schema_object.c, schema_array.c). Negation is exact throughout: "not every item" is
 * "some item not".
 *
 * Thread: one compilation belongs to one. */
#ifndef HTH_TEXT_SCHEMA_INT_H
#define HTH_TEXT_SCHEMA_INT_H

#include "base/arena.h"
#include "base/map.h"
#include "text/dfa_int.h"
#include "text/schema.h"

enum {
    HTH_SCHEMA_DEPTH_MAX = 256,
    HTH_SCHEMA_NODES_MAX = 1 << 16,
    HTH_SCHEMA_STATES_MAX = 1 << 14,
    HTH_SCHEMA_ALTS_MAX = 1024, /* lists of facts of one state */
    HTH_SCHEMA_CELLS_MAX = 1 << 21, /* of all automata together */
    HTH_SCHEMA_STEPS_MAX = 1 << 20 /* of work, all in all: seconds at the worst */
};

/* --- the document: schema_doc.c, schema_uri.c --- */
typedef struct HthSNode {
    const json_t *json; /* an object or a boolean */
    const char *path; /* "#/properties/a" */
    uint32_t resource;
} HthSNode;
typedef struct HthSResource {
    const char *uri; /* absolute as far as it is known, no fragment */
    uint32_t root; /* node */
    bool dynamic; /* has a $dynamicAnchor */
} HthSResource;
/* Resources with dynamic anchors that were come through, the newest first. */
typedef struct HthSContext {
    uint32_t outer, resource;
} HthSContext;

/* --- literals --- */
typedef enum HthSItemKind {
    HTH_S_TRUE,
    HTH_S_NODE, /* a: node */
    HTH_S_KEY, /* one keyword. a: node, b: HthSKey, c: which of its entries, or UINT32_MAX */
    HTH_S_CONST, /* p: json_t */
    HTH_S_OR /* a, b: literals */
} HthSItemKind;
typedef struct HthSItem {
    HthSItemKind kind;
    uint32_t a, b, c;
    const json_t *p;
    uint32_t context; /* of HTH_S_NODE and HTH_S_KEY */
} HthSItem;
typedef uint32_t HthSLit; /* item * 2 + negated */
#define HTH_S_YES 0u
#define HTH_S_NO  1u

/* The keywords that say something, in the order in which they are unfolded. */
typedef enum HthSKey {
    HTH_SK_TYPE,
    HTH_SK_CONST,
    HTH_SK_ENUM,
    HTH_SK_NUMBER, /* minimum .. multipleOf; each by itself, c: the json key's row */
    HTH_SK_STRING, /* minLength, maxLength, pattern, format */
    HTH_SK_REF,
    HTH_SK_ALL_OF,
    HTH_SK_NOT,
    HTH_SK_PROPERTIES,
    HTH_SK_PATTERNS,
    HTH_SK_ADDITIONAL,
    HTH_SK_NAMES,
    HTH_SK_REQUIRED,
    HTH_SK_MIN_PROPERTIES,
    HTH_SK_MAX_PROPERTIES,
    HTH_SK_PREFIX,
    HTH_SK_ITEMS,
    HTH_SK_MIN_ITEMS,
    HTH_SK_MAX_ITEMS,
    HTH_SK_UNIQUE,
    HTH_SK_CONTAINS,
    HTH_SK_DEPENDENT_REQUIRED,
    HTH_SK_DEPENDENT_SCHEMAS,
    HTH_SK_DEPENDENCIES,
    HTH_SK_ANY_OF,
    HTH_SK_ONE_OF,
    HTH_SK_IF,
    HTH_SK_UNEVALUATED_PROPERTIES,
    HTH_SK_UNEVALUATED_ITEMS,
    HTH_SK_COUNT,
    HTH_SK_ANNOTATION, /* says nothing about the text */
    HTH_SK_WITH_OTHER, /* read together with another keyword */
    HTH_SK_REFUSED
} HthSKey;

/* --- scalars: schema_scalar.c, schema_num.c, schema_format.c --- */
enum { HTH_SV_NULL = 1, HTH_SV_FALSE = 2, HTH_SV_TRUE = 4, HTH_SV_ARRAY = 8, HTH_SV_OBJECT = 16 };
enum { HTH_SET_NONE, HTH_SET_ALL }; /* the first automata of the table */
typedef struct HthScalars {
    uint8_t may, must; /* HTH_SV_*; arrays and objects: some may be in it, all are; else equal */
    uint32_t num, str; /* automata: of number texts, of strings */
} HthScalars;

/* --- states --- */
typedef struct HthSState {
    const HthSLit *lits; /* [n] sorted */
    uint32_t n;
    HthNode rule;
    HthScalars scalars;
} HthSState;

/* --- facts about the members of an object or the items of an array --- */
typedef enum HthSFactKind {
    HTH_SF_EVERY, /* every member whose key is in `keys`, every item lo..hi, is lit */
    HTH_SF_SOME, /* at least one of those is */
    HTH_SF_COUNT, /* there are lo..hi members or items */
    HTH_SF_MATCHES, /* lo..hi of the items are lit */
    HTH_SF_UNIQUE /* no two items are equal; lo 1: two are. keys: the node that says so */
} HthSFactKind;
typedef struct HthSFact {
    HthSFactKind kind;
    uint32_t keys; /* of objects */
    uint32_t lo, hi; /* hi HTH_MANY: no end */
    HthSLit lit;
    uint32_t scope; /* of schema_unfold.c */
} HthSFact;
typedef struct HthSKeys {
    HthStr name; /* single: this one */
    bool single;
    uint32_t set; /* the automaton, UINT32_MAX: not made yet */
} HthSKeys;

typedef struct HthSchema {
    HthIr *ir;
    HthJsonSpace space;
    bool formats_noted; /* format says nothing */
    HthArena *arena;
    HthErr *err;
    const json_t *root;
    uint32_t draft; /* 4, 6, 7, 2019, 2020 */
    HthSNode *nodes;
    uint32_t node_count, node_cap;
    HthMap64 *node_of; /* json_t * -> node */
    HthSResource *resources;
    uint32_t resource_count, resource_cap;
    HthMap *places; /* "uri" and "uri#anchor" -> node */
    HthMap *dynamic; /* "uri#anchor" -> node of a $dynamicAnchor */
    HthSContext *contexts; /* [0]: none */
    uint32_t context_count, context_cap;
    uint32_t context; /* of the item that is being worked on */
    HthSItem *items;
    uint32_t item_count, item_cap;
    HthMap *item_of;
    HthScalars *scalars; /* [item_cap] */
    uint8_t *scalars_known; /* [item_cap] 1 known, 2 being worked out */
    HthDfa **sets;
    uint32_t set_count, set_cap;
    HthMap64 *set_ops; /* (operation, set, set) -> set */
    HthMap *made; /* kind and text -> set: what was made before */
    uint32_t numbers; /* the set of all spellings that limits on numbers are decided for */
    HthNode *set_nodes[2]; /* [set_cap] as numbers, as strings without their quotes */
    HthSKeys *keys;
    uint32_t keys_count, keys_cap;
    HthMap *keys_of; /* names; patterns, with a zero byte in front */
    HthMap64 *other_keys; /* (HthSKey, context, node) -> keys */
    HthMap64 *disjoint; /* (literal, literal), of arrays or objects -> 1 disjoint, 0 perhaps not */
    HthSState *states;
    uint32_t state_count, state_cap;
    HthMap *state_of;
    uint32_t steps, cells, depth;
    uint32_t multiple_max; /* largest divisor of a multipleOf */
    int exp_digits; /* after the point of a mantissa: hth_s_numbers */
    /* pieces of grammar that are used everywhere */
    HthNode blank, comma, colon, after_colon, quote, empty, number, character;
} HthSchema;

/* Charges work to the compilation; ELIMIT when it has had enough. */
HTH_MUST_CHECK HthStatus hth_s_charge(HthSchema *s, uint32_t steps);
HTH_MUST_CHECK HthStatus hth_s_grow(void *pp, uint32_t *cap, uint32_t n, size_t size, HthErr *err);
#define HTH_S_FULL(s) HTH_FAIL((s)->err, HTH_ENOMEM, "out of memory for a schema")

/* schema_doc.c */
HTH_MUST_CHECK HthStatus hth_s_doc(HthSchema *s);
/* The node of a subschema that stands under `parent` at "/key" or, index not UINT32_MAX,
 * "/key/index"; name: "/key/name". */
HTH_MUST_CHECK HthStatus hth_s_sub(HthSchema *s, uint32_t parent, const char *key, HthStr name,
                                   const json_t *json, uint32_t *out);
HTH_MUST_CHECK HthStatus hth_s_ref(HthSchema *s, uint32_t node, HthStr ref, bool dynamic,
                                   uint32_t *out);
HthSKey hth_s_key(const char *key); /* HTH_SK_REFUSED: not understood */
/* A number of things; EINVAL names the keyword. Past UINT32_MAX - 1 it is HTH_MANY. */
HTH_MUST_CHECK HthStatus hth_s_count(HthSchema *s, uint32_t node, const char *key, uint32_t missing,
                                     uint32_t *out);
/* schema_uri.c: RFC 3986, 5.2; appended to out. */
HTH_MUST_CHECK HthStatus hth_s_uri(HthBuf *out, HthStr base, HthStr ref, HthErr *err);

/* schema_set.c: automata, kept once each; keys of objects */
HTH_MUST_CHECK HthStatus hth_s_set_add(HthSchema *s, HthDfa **d, uint32_t *out); /* takes d */
typedef enum HthSOp { HTH_SO_AND, HTH_SO_OR, HTH_SO_NOT } HthSOp;
/* numbers: complements are within the set of numbers. */
HTH_MUST_CHECK HthStatus hth_s_set_op(HthSchema *s, HthSOp op, bool numbers, uint32_t a, uint32_t b,
                                      uint32_t *out);
/* A set known by what it was made from (a kind, then text) is made once: looks it up, UINT32_MAX if
 * it is new, and keeps it. */
uint32_t hth_s_made(const HthSchema *s, HthStr from);
HTH_MUST_CHECK HthStatus hth_s_keep(HthSchema *s, HthStr from, uint32_t set);
HTH_MUST_CHECK HthStatus hth_s_set_words(HthSchema *s, const HthStr *words, size_t n,
                                         uint32_t *out);
HTH_MUST_CHECK HthStatus hth_s_name(HthSchema *s, HthStr name, uint32_t *keys);
HTH_MUST_CHECK HthStatus hth_s_keys(HthSchema *s, uint32_t set, uint32_t *keys);
HTH_MUST_CHECK HthStatus hth_s_keys_set(HthSchema *s, uint32_t keys, uint32_t *set);
bool hth_s_keys_has(const HthSchema *s, uint32_t keys, HthStr name);
HTH_MUST_CHECK HthStatus hth_s_set_node(HthSchema *s, uint32_t set, bool string, HthNode *out);

/* schema_num.c */
HTH_MUST_CHECK HthStatus hth_s_numbers(HthSchema *s); /* fills s->numbers */
enum { HTH_SN_LESS = 1, HTH_SN_SAME = 2, HTH_SN_MORE = 4 };
/* The numbers that compare so with a number, given as JSON or as text. */
HTH_MUST_CHECK HthStatus hth_s_compare_text(HthSchema *s, const char *number, unsigned accept,
                                            uint32_t *out);
HTH_MUST_CHECK HthStatus hth_s_compare(HthSchema *s, const json_t *number, unsigned accept,
                                       uint32_t *out);
HTH_MUST_CHECK HthStatus hth_s_multiple(HthSchema *s, const json_t *number, const char *path,
                                        uint32_t *out);
HTH_MUST_CHECK HthStatus hth_s_integers(HthSchema *s, uint32_t *out);
/* The modulus that multiples of this number need. */
uint32_t hth_s_modulus(const json_t *number);

/* schema_format.c: ENOTSUP names what cannot be said; *out HTH_SET_ALL for what is unknown. Of the
 * texts in *beyond, which *out leaves out, some belong to the format: no automaton can tell. */
HTH_MUST_CHECK HthStatus hth_s_format(HthSchema *s, HthStr name, const char *path, uint32_t *out,
                                      uint32_t *beyond);

/* schema_scalar.c */
HTH_MUST_CHECK HthStatus hth_s_scalars(HthSchema *s, HthSLit lit, HthScalars *out);
HTH_MUST_CHECK HthStatus hth_s_scalars_and(HthSchema *s, HthScalars *a, const HthScalars *b);

/* schema_item.c */
/* Which keywords a node (an object) has; refuses what is not understood. */
HTH_MUST_CHECK HthStatus hth_s_present(HthSchema *s, uint32_t node, bool present[HTH_SK_COUNT]);
/* A keyword's value, checked to be what it must be. */
HTH_MUST_CHECK HthStatus hth_s_object_of(HthSchema *s, uint32_t node, const char *key,
                                         json_t **out);
HTH_MUST_CHECK HthStatus hth_s_list_of(HthSchema *s, uint32_t node, const char *key, json_t **out);
/* The literal of list element i; of a member with this name; of the keyword itself. */
HTH_MUST_CHECK HthStatus hth_s_lit_at(HthSchema *s, uint32_t node, const char *key, size_t i,
                                      HthSLit *out);
HTH_MUST_CHECK HthStatus hth_s_lit_named(HthSchema *s, uint32_t node, const char *key,
                                         const char *name, HthSLit *out);
HTH_MUST_CHECK HthStatus hth_s_lit_of(HthSchema *s, uint32_t node, const char *key, HthSLit *out);
HTH_MUST_CHECK HthStatus hth_s_lit_ref(HthSchema *s, uint32_t node, bool dynamic, HthSLit *out);
HTH_MUST_CHECK HthStatus hth_s_item(HthSchema *s, HthSItem item, HthSLit *out);
/* A keyword of a node in the context at hand; entry UINT32_MAX: all of it. */
HTH_MUST_CHECK HthStatus hth_s_key_lit(HthSchema *s, uint32_t node, uint32_t key, uint32_t entry,
                                       HthSLit *out);
HTH_MUST_CHECK HthStatus hth_s_node_lit(HthSchema *s, uint32_t node, HthSLit *out);
HTH_MUST_CHECK HthStatus hth_s_const(HthSchema *s, const json_t *value, HthSLit *out);
HTH_MUST_CHECK HthStatus hth_s_state(HthSchema *s, const HthSLit *lits, uint32_t n, uint32_t *out);
#define HTH_S_DEAD UINT32_MAX /* a state that nothing is in */
/* Sorts, drops what is said twice; false in *alive: nothing can be all of that. */
HTH_MUST_CHECK HthStatus hth_s_together(HthSchema *s, HthSLit *lits, uint32_t *n, HthScalars *out,
                                        bool *alive);

/* schema_unfold.c: calls leaf with each list of facts; HTH_SV_ARRAY or HTH_SV_OBJECT. */
typedef HthStatus (*HthSLeaf)(void *ctx, const HthSFact *facts, uint32_t n);
HTH_MUST_CHECK HthStatus hth_s_unfold(HthSchema *s, const HthSLit *lits, uint32_t n, uint8_t kind,
                                      HthSLeaf leaf, void *ctx);

/* schema_object.c, schema_array.c: one list of facts as a node, HTH_NODE_NONE if impossible. */
HTH_MUST_CHECK HthStatus hth_s_object(HthSchema *s, const HthSFact *facts, uint32_t n,
                                      HthNode *out);
HTH_MUST_CHECK HthStatus hth_s_array(HthSchema *s, const HthSFact *facts, uint32_t n, HthNode *out);

#endif

/* schema.c - a JSON Schema to grammar: opens a compilation, gives every state its rule.
 *
 * Thread: any. */
#include "text/schema.h"

#include <stdlib.h>

#include "base/mem.h"
#include "text/schema_int.h"

enum { BLANKS_MAX = 64, BLANKS_BEFORE_COLON_MAX = 2, MEMORY_MAX = 256 << 20 };

/* --- one state --- */

typedef struct Body {
    HthSchema *s;
    HthNode *alts;
    uint32_t n, cap;
    bool array;
} Body;

static HthStatus add_alt(Body *b, HthNode node) {
    if (node == HTH_NODE_NONE) return HTH_OK;
    HTH_TRY(hth_s_grow(&b->alts, &b->cap, b->n, sizeof *b->alts, b->s->err));
    b->alts[b->n++] = node;
    return HTH_OK;
}

static HthStatus leaf(void *ctx, const HthSFact *facts, uint32_t n) {
    Body *b = ctx;
    HthNode node;
    if (b->array)
        HTH_TRY(hth_s_array(b->s, facts, n, &node));
    else
        HTH_TRY(hth_s_object(b->s, facts, n, &node));
    return add_alt(b, node);
}

static int by_value(const void *a, const void *b) {
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static HthStatus fill(Body *b, const HthSState *state) {
    static const struct {
        uint8_t bit;
        const char *text;
    } plain[] = { { HTH_SV_NULL, "null" }, { HTH_SV_TRUE, "true" }, { HTH_SV_FALSE, "false" } };
    HthSchema *s = b->s;
    const HthScalars *is = &state->scalars;
    HthNode node;
    for (size_t i = 0; i < HTH_COUNT(plain); i++)
        if (is->may & plain[i].bit)
            HTH_TRY(add_alt(b, hth_ir_bytes(s->ir, hth_str(plain[i].text))));
    if (is->num != HTH_SET_NONE) {
        HTH_TRY(hth_s_set_node(s, is->num, false, &node));
        HTH_TRY(add_alt(b, node));
    }
    if (is->str != HTH_SET_NONE) {
        HTH_TRY(hth_s_set_node(s, is->str, true, &node));
        const HthNode parts[] = { s->quote, node, s->quote };
        HTH_TRY(add_alt(b, hth_ir_seq(s->ir, parts, 3)));
    }
    const uint8_t kinds[] = { HTH_SV_ARRAY, HTH_SV_OBJECT };
    for (int i = 0; i < 2; i++) {
        b->array = kinds[i] == HTH_SV_ARRAY;
        if (is->may & kinds[i]) HTH_TRY(hth_s_unfold(s, state->lits, state->n, kinds[i], leaf, b));
    }
    uint32_t n = 0; /* what came out twice stands once */
    if (b->n) qsort(b->alts, b->n, sizeof *b->alts, by_value);
    for (uint32_t i = 0; i < b->n; i++)
        if (n == 0 || b->alts[n - 1] != b->alts[i]) b->alts[n++] = b->alts[i];
    hth_ir_define(s->ir, state->rule, hth_ir_alt(s->ir, b->alts, n));
    return hth_ir_status(s->ir, s->err);
}

static HthStatus state_body(HthSchema *s, uint32_t i) {
    const HthSState state = s->states[i]; /* the table grows */
    Body b = { .s = s };
    HthStatus st = fill(&b, &state);
    hth_free(b.alts);
    return st;
}

/* --- pieces used everywhere --- */

static HthStatus piece(HthSchema *s, const char *pattern, HthDfaAs as, HthNode *out) {
    HthDfa *d = NULL;
    HthByteDfa bytes = { 0 };
    HTH_TRY(hth_dfa_pattern(&d, hth_str(pattern), true, s->err));
    HthStatus st = hth_dfa_bytes(&bytes, d, as, s->err);
    if (st == HTH_OK) *out = hth_ir_dfa(s->ir, &bytes);
    hth_byte_dfa_drop(&bytes);
    hth_dfa_close(&d);
    return st;
}

static HthStatus pieces(HthSchema *s) {
    char pattern[64];
    const bool any = s->space == HTH_SPACE_ANY;
    snprintf(pattern, sizeof pattern, "[ \\t\\n\\r]{0,%d}", any ? BLANKS_MAX : 0);
    HTH_TRY(piece(s, pattern, HTH_DFA_UTF8, &s->blank));
    snprintf(pattern, sizeof pattern, "[ \\t\\n\\r]{0,%d}:", any ? BLANKS_BEFORE_COLON_MAX : 0);
    HTH_TRY(piece(s, pattern, HTH_DFA_UTF8, &s->colon));
    snprintf(pattern, sizeof pattern, any ? "[ \\t\\n\\r]{0,%d},[ \\t\\n\\r]{0,%d}" : ", ?",
             BLANKS_MAX, BLANKS_MAX);
    HTH_TRY(piece(s, pattern, HTH_DFA_UTF8, &s->comma));
    snprintf(pattern, sizeof pattern, any ? "[ \\t\\n\\r]{0,%d}" : " ?", BLANKS_MAX);
    HTH_TRY(piece(s, pattern, HTH_DFA_UTF8, &s->after_colon));
    HTH_TRY(piece(s, "-?(?:0|[1-9]\\d*)(?:\\.\\d+)?(?:[eE][+-]?\\d+)?", HTH_DFA_UTF8, &s->number));
    HTH_TRY(piece(s, "[^]", HTH_DFA_JSON, &s->character));
    s->quote = hth_ir_bytes(s->ir, HTH_STR("\""));
    s->empty = hth_ir_bytes(s->ir, HTH_STR(""));
    return hth_ir_status(s->ir, s->err);
}

/* --- a compilation --- */

static HthStatus open_tables(HthSchema *s) {
    HTH_TRY(hth_arena_open(&s->arena, MEMORY_MAX, s->err));
    HTH_TRY(hth_map64_open(&s->node_of, 64, s->err));
    HTH_TRY(hth_map_open(&s->places, 16, s->err));
    HTH_TRY(hth_map_open(&s->dynamic, 16, s->err));
    HTH_TRY(hth_map_open(&s->item_of, 64, s->err));
    HTH_TRY(hth_map_open(&s->made, 16, s->err));
    HTH_TRY(hth_map64_open(&s->set_ops, 64, s->err));
    HTH_TRY(hth_map_open(&s->keys_of, 64, s->err));
    HTH_TRY(hth_map64_open(&s->other_keys, 16, s->err));
    HTH_TRY(hth_map64_open(&s->disjoint, 16, s->err));
    HTH_TRY(hth_map_open(&s->state_of, 64, s->err));
    uint32_t cap[2] = { 0, 0 };
    for (int i = 0; i < 2; i++)
        HTH_TRY(hth_s_grow(&s->set_nodes[i], &cap[i], 0, sizeof(HthNode), s->err));
    HTH_TRY(hth_s_grow(&s->sets, &s->set_cap, 0, sizeof(HthDfa *), s->err));
    HTH_TRY(hth_s_grow(&s->contexts, &s->context_cap, 0, sizeof *s->contexts, s->err));
    s->context_count = 1;
    s->set_count = 2; /* HTH_SET_NONE, HTH_SET_ALL: no automata */
    return HTH_OK;
}

static void close_tables(HthSchema *s) {
    for (uint32_t i = 2; i < s->set_count; i++) hth_dfa_close(&s->sets[i]);
    void *const all[] = { s->contexts, s->nodes,         s->resources,   s->items,
                          s->scalars,  s->scalars_known, s->sets,        s->keys,
                          s->states,   s->set_nodes[0],  s->set_nodes[1] };
    for (size_t i = 0; i < HTH_COUNT(all); i++) hth_free(all[i]);
    HthMap **const maps[] = { &s->made,    &s->places,  &s->dynamic,
                              &s->item_of, &s->keys_of, &s->state_of };
    for (size_t i = 0; i < HTH_COUNT(maps); i++) hth_map_close(maps[i]);
    HthMap64 **const maps64[] = { &s->node_of, &s->set_ops, &s->other_keys, &s->disjoint };
    for (size_t i = 0; i < HTH_COUNT(maps64); i++) hth_map64_close(maps64[i]);
    hth_arena_close(&s->arena);
}

static HthStatus compile(HthSchema *s, HthNode *out) {
    HthSLit yes, root;
    uint32_t first;
    HTH_TRY(open_tables(s));
    HTH_TRY(hth_s_item(s, (HthSItem){ .kind = HTH_S_TRUE }, &yes));
    HTH_ASSERT(yes == HTH_S_YES);
    HTH_TRY(hth_s_doc(s));
    HTH_TRY(hth_s_numbers(s));
    HTH_TRY(pieces(s));
    HTH_TRY(hth_s_node_lit(s, 0, &root));
    HTH_TRY(hth_s_state(s, &root, 1, &first));
    HTH_REQUIRE(first != HTH_S_DEAD, s->err, HTH_EINVAL, "the schema admits no value at all");
    for (uint32_t i = 0; i < s->state_count; i++) HTH_TRY(state_body(s, i));
    const HthNode parts[] = { s->blank, s->states[first].rule, s->blank };
    const HthNode node = hth_ir_seq(s->ir, parts, 3);
    HTH_TRY(hth_ir_status(s->ir, s->err));
    *out = node;
    return HTH_OK;
}

HthStatus hth_schema(HthIr *ir, const json_t *schema, HthSchemaOpt opt, HthNode *out, HthErr *err) {
    HthErr own;
    HthSchema s = { .ir = ir,
                    .root = schema,
                    .space = opt.space,
                    .formats_noted = opt.formats == HTH_FORMATS_NOTED,
                    .err = err ? err : &own };
    HthStatus st = compile(&s, out);
    close_tables(&s);
    return st;
}

HthStatus hth_schema_any(HthIr *ir, bool object, HthJsonSpace space, HthNode *out, HthErr *err) {
    hth_json_init();
    json_t *schema = object ? json_pack("{s:s}", "type", "object") : json_true();
    HTH_REQUIRE(schema, err, HTH_ENOMEM, "out of memory for a schema");
    HthStatus st = hth_schema(ir, schema, (HthSchemaOpt){ .space = space }, out, err);
    json_decref(schema);
    return st;
}

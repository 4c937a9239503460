/* talk_args.c - the arguments of a call as a grammar, by the tool's schema, in each shape.
 *
 * JSON is schema.h's.  Parameters between tags, Python's call and keys without quotes are written
 * here: their strings are free of JSON's quotes, so types, members, enumerations and patterns are
 * read from the schema; what else restricts a string there is refused by name, as schema.h does.
 *
 * Thread: as talk_grammar.c. */
#include <string.h>

#include "base/mem.h"
#include "text/reply_int.h"
#include "text/schema.h"

enum { NEST_MAX = 24, PARAMS_MAX = 512, LITERAL_MAX = 1 << 16 };

static HthStr str_of(const json_t *s) {
    return (HthStr){ json_string_value(s), json_string_length(s) };
}

static HthNode bytes(const HthTalkIr *g, HthStr s) {
    return hth_ir_bytes(g->ir, s);
}

static HthNode seq3(const HthTalkIr *g, HthNode a, HthNode b, HthNode c) {
    return hth_ir_seq(g->ir, (HthNode[]){ a, b, c }, 3);
}

/* --- schemas --- */

/* A part of the parameters' schema as a schema of its own: what it refers to goes with it. */
static HthStatus alone(const HthTalkIr *g, const json_t *part, const json_t *params, json_t **out) {
    static const char *const keys[] = { "$defs", "definitions", "x-hearth-format" };
    json_t *copy = json_is_object(part) ? json_copy((json_t *)(uintptr_t)part) : json_object();
    HTH_REQUIRE(copy, g->err, HTH_ENOMEM, "out of memory for a tool's schema");
    for (size_t i = 0; i < HTH_COUNT(keys); i++) {
        json_t *defs = json_object_get(params, keys[i]);
        if (defs && !json_object_get(copy, keys[i]) && json_object_set(copy, keys[i], defs)) {
            json_decref(copy);
            return HTH_FAIL(g->err, HTH_ENOMEM, "out of memory for a tool's schema");
        }
    }
    *out = copy;
    return HTH_OK;
}

static HthStatus by_schema(const HthTalkIr *g, const json_t *part, const json_t *params,
                           HthNode *out) {
    json_t *own = NULL;
    HTH_TRY(alone(g, part, params, &own));
    const HthStatus st =
        hth_schema(g->ir, own, (HthSchemaOpt){ .space = HTH_SPACE_ONE }, out, g->err);
    json_decref(own);
    return st;
}

static HthJsonSpace space(const HthTalkIr *g) { /* as the model has seen it */
    return g->t->pretty ? HTH_SPACE_ANY : HTH_SPACE_ONE;
}

/* The arguments as a JSON object, whatever the schema forgets to say. */
static HthStatus json_args(const HthTalkIr *g, const json_t *params, HthNode *out) {
    if (!json_object_size(params)) return hth_schema_any(g->ir, true, space(g), out, g->err);
    json_t *own = NULL;
    HTH_TRY(alone(g, params, NULL, &own));
    HthStatus st = HTH_OK;
    if (!json_object_get(own, "type") && json_object_set_new(own, "type", json_string("object")))
        st = HTH_FAIL(g->err, HTH_ENOMEM, "out of memory for a tool's schema");
    if (st == HTH_OK) st = hth_schema(g->ir, own, (HthSchemaOpt){ .space = space(g) }, out, g->err);
    json_decref(own);
    return st;
}

static bool allows(const json_t *schema, const char *type) {
    const json_t *t = json_object_get(schema, "type");
    if (json_is_string(t)) return strcmp(json_string_value(t), type) == 0;
    for (size_t i = 0; i < json_array_size(t); i++) {
        const json_t *one = json_array_get(t, i);
        if (json_is_string(one) && strcmp(json_string_value(one), type) == 0) return true;
    }
    return !t;
}

static bool plain_type(const json_t *schema, const char *type) {
    return json_is_string(json_object_get(schema, "type")) && allows(schema, type);
}

static const json_t *choices(const json_t *schema) { /* of strings and others: an enum */
    const json_t *list = json_object_get(schema, "enum");
    return json_array_size(list) ? list : NULL;
}

/* --- strings without quotes --- */

/* Keywords of strings that are not followed here. */
static HthStatus known_only(const HthTalkIr *g, const json_t *schema) {
    static const char *const others[] = {
        "not",  "allOf",       "anyOf",           "oneOf",           "if",
        "$ref", "$dynamicRef", "contentEncoding", "contentMediaType"
    };
    for (size_t i = 0; i < HTH_COUNT(others); i++)
        HTH_REQUIRE(!json_object_get(schema, others[i]), g->err, HTH_ENOTSUP,
                    "%s of a string parameter is not supported in this model's format of calls",
                    others[i]);
    return HTH_OK;
}

static HthStatus narrow(const HthTalkIr *g, HthDfa **d, HthStatus st, HthDfa *with) {
    HthDfa *both = NULL;
    if (st == HTH_OK) st = hth_dfa_and(&both, *d, with, g->err);
    hth_dfa_close(&with);
    if (st != HTH_OK) return st;
    hth_dfa_close(d);
    *d = both;
    return HTH_OK;
}

static HthStatus string_facts(const HthTalkIr *g, const json_t *schema, HthDfa **d) {
    const json_t *pattern = json_object_get(schema, "pattern");
    const json_t *min = json_object_get(schema, "minLength");
    const json_t *max = json_object_get(schema, "maxLength");
    HthDfa *with = NULL;
    if (json_is_string(pattern)) {
        const HthStatus st = hth_dfa_pattern(&with, str_of(pattern), false, g->err);
        HTH_TRY(narrow(g, d, st, with));
    }
    if (!json_is_integer(min) && !json_is_integer(max)) return HTH_OK;
    const json_int_t lo = json_is_integer(min) ? json_integer_value(min) : 0;
    const json_int_t hi = json_is_integer(max) ? json_integer_value(max) : UINT32_MAX;
    with = NULL;
    const HthStatus st = hth_dfa_length(&with,
                                        lo < 0            ? 0
                                        : lo > UINT32_MAX ? UINT32_MAX
                                                          : (uint32_t)lo,
                                        hi < 0            ? 0
                                        : hi > UINT32_MAX ? UINT32_MAX
                                                          : (uint32_t)hi,
                                        g->err);
    return narrow(g, d, st, with);
}

/* A string as text up to `close`, which it does not hold. */
static HthStatus free_string(const HthTalkIr *g, const json_t *schema, HthStr close, HthNode *out) {
    HthDfa *d = NULL, *has = NULL;
    HthByteDfa spelled = { 0 };
    HthBuf pattern;
    bool is = false;
    HTH_TRY(known_only(g, schema));
    hth_buf_init(&pattern, LITERAL_MAX);
    HthStatus st = hth_talk_pattern(g, close, &pattern, &is);
    if (st == HTH_OK && is) {
        st = hth_dfa_pattern(&has, hth_buf_str(&pattern), false, g->err);
        if (st == HTH_OK) st = hth_dfa_not(&d, has, g->err);
    } else if (st == HTH_OK) {
        st = hth_dfa_pattern(&d, HTH_STR(""), false, g->err);
    }
    if (st == HTH_OK) st = string_facts(g, schema, &d);
    if (st == HTH_OK) st = hth_dfa_bytes(&spelled, d, HTH_DFA_UTF8, g->err);
    if (st == HTH_OK) *out = hth_ir_dfa(g->ir, &spelled);
    hth_byte_dfa_drop(&spelled);
    hth_dfa_close(&d);
    hth_dfa_close(&has);
    hth_buf_drop(&pattern);
    return st;
}

/* A constant as JSON, or a string as it is. */
static HthStatus constant(const HthTalkIr *g, const json_t *v, bool quoted, HthNode *out) {
    HthBuf buf;
    if (json_is_string(v) && !quoted) {
        *out = bytes(g, str_of(v));
        return HTH_OK;
    }
    hth_buf_init(&buf, LITERAL_MAX);
    const HthStatus st = hth_json_write(&buf, v, 0, g->err);
    if (st == HTH_OK) *out = bytes(g, hth_buf_str(&buf));
    hth_buf_drop(&buf);
    return st;
}

static HthStatus one_of(const HthTalkIr *g, const json_t *list, HthNode *out) {
    HthNode node[PARAMS_MAX];
    HTH_REQUIRE(json_array_size(list) <= PARAMS_MAX, g->err, HTH_ELIMIT,
                "an enum of a tool's parameter has more than %d values", PARAMS_MAX);
    for (size_t i = 0; i < json_array_size(list); i++)
        HTH_TRY(constant(g, json_array_get(list, i), false, &node[i]));
    *out = hth_ir_alt(g->ir, node, json_array_size(list));
    return HTH_OK;
}

/* --- between tags --- */

/* What closes this parameter's value, its name filled in. */
static HthStatus closing(const HthTalkIr *g, HthStr key, HthBuf *out) {
    const HthStr close = hth_str_trim(g->t->param_close);
    for (size_t i = 0; i < close.n; i++) {
        const HthStr one = hth_str_sub(close, i, 1);
        HTH_TRY(hth_buf_add_str(out, close.p[i] == HTH_LIT_KEY ? key : one, g->err));
    }
    return HTH_OK;
}

static HthStatus tag_value(const HthTalkIr *g, const json_t *schema, const json_t *params,
                           HthStr close, HthNode *out) {
    const bool object = json_is_object(schema);
    if (object && choices(schema)) return one_of(g, choices(schema), out);
    if (object && json_object_get(schema, "const"))
        return constant(g, json_object_get(schema, "const"), false, out);
    if (plain_type(schema, "string")) return free_string(g, schema, close, out);
    const bool tags = allows(schema, "object") || allows(schema, "array");
    if ((g->t->nested && tags) || !object || allows(schema, "string")) /* text can be all of it */
        return free_string(g, NULL, close, out);
    HTH_TRY(by_schema(g, schema, params, out));
    if (!plain_type(schema, "boolean")) return HTH_OK;
    const HthNode either[] = { *out, bytes(g, HTH_STR("True")), bytes(g, HTH_STR("False")) };
    *out = hth_ir_alt(g->ir, either, HTH_COUNT(either)); /* some templates write Python's */
    return HTH_OK;
}

/* Some name the type between key and value: the mark of a number with each type in its place. */
static HthNode other_mid(const HthTalkIr *g, const json_t *schema) {
    static const char *const types[] = { "number", "boolean", "array", "object", "null" };
    const HthStr mid = g->t->param_mid_other, number = HTH_STR("number");
    const size_t at = hth_str_find(mid, number);
    HthNode node[HTH_COUNT(types)];
    size_t n = 0;
    if (at == SIZE_MAX) return hth_talk_mark(g, mid, HTH_STR(""));
    const HthNode before = hth_talk_mark(g, hth_str_sub(mid, 0, at), HTH_STR(""));
    const HthNode after = hth_talk_mark(g, hth_str_sub(mid, at + number.n, mid.n), HTH_STR(""));
    for (size_t i = 0; i < HTH_COUNT(types); i++)
        if (allows(schema, types[i]) || (i == 0 && allows(schema, "integer")))
            node[n++] = seq3(g, before, bytes(g, hth_str(types[i])), after);
    return n ? hth_ir_alt(g->ir, node, n) : hth_talk_mark(g, mid, HTH_STR(""));
}

static HthStatus tag_param(const HthTalkIr *g, const json_t *params, HthStr key,
                           const json_t *schema, HthMember *out) {
    const HthTalk *t = g->t;
    const bool text = !json_is_object(schema) || allows(schema, "string");
    HthNode value;
    HthBuf close;
    hth_buf_init(&close, LITERAL_MAX);
    HthStatus st = closing(g, key, &close);
    if (st == HTH_OK) st = tag_value(g, schema, params, hth_buf_str(&close), &value);
    hth_buf_drop(&close);
    HTH_TRY(st);
    out->key = seq3(g, hth_talk_mark(g, t->param_open, key), bytes(g, key),
                    text ? hth_talk_mark(g, t->param_mid, key) : other_mid(g, schema));
    out->value = hth_ir_seq(g->ir, (HthNode[]){ value, hth_talk_mark(g, t->param_close, key) }, 2);
    return HTH_OK;
}

static bool is_required(const json_t *params, const char *key) {
    const json_t *list = json_object_get(params, "required");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        if (json_is_string(one) && strcmp(json_string_value(one), key) == 0) return true;
    }
    return false;
}

typedef HthStatus Param(const HthTalkIr *g, const json_t *params, HthStr key, const json_t *schema,
                        unsigned depth, HthMember *out);

/* The members of an object's schema, each made by `make`. */
static HthStatus members(const HthTalkIr *g, const json_t *params, Param *make, unsigned depth,
                         HthStr separator, HthNode *out) {
    json_t *props = json_object_get(params, "properties"), *schema;
    const char *key;
    size_t n = 0;
    const size_t most = json_object_size(props);
    HTH_REQUIRE(most <= PARAMS_MAX, g->err, HTH_ELIMIT, "a tool has more than %d parameters",
                PARAMS_MAX);
    HthMember *named = hth_calloc(most + 1, sizeof *named);
    HTH_REQUIRE(named, g->err, HTH_ENOMEM, "out of memory for a tool's parameters");
    HthStatus st = HTH_OK;
    json_object_foreach(props, key, schema) {
        if (st != HTH_OK) break;
        named[n].required = is_required(params, key);
        st = make(g, params, hth_str(key), schema, depth, &named[n]);
        n++;
    }
    const HthMembers all = { .named = named,
                             .named_count = n,
                             .extra_key = HTH_NODE_NONE,
                             .extra_value = HTH_NODE_NONE,
                             .separator = bytes(g, separator),
                             .max = HTH_MANY };
    if (st == HTH_OK) *out = n ? hth_ir_members(g->ir, &all) : bytes(g, HTH_STR(""));
    hth_free(named);
    return st;
}

static HthStatus make_tag(const HthTalkIr *g, const json_t *params, HthStr key,
                          const json_t *schema, unsigned depth, HthMember *out) {
    (void)depth;
    return tag_param(g, params, key, schema, out);
}

/* --- Python's literals, and keys without quotes --- */

typedef struct Style {
    const char *open, *close, *colon; /* of an object within */
    const char *yes, *no, *none;
} Style;
static const Style PYTHON = { "{", "}", ": ", "True", "False", "None" };
static const Style BARE = { "{", "}", ":", "true", "false", "None" };

static const Style *style(const HthTalkIr *g) {
    return g->t->shape == HTH_TALK_PYTHON ? &PYTHON : &BARE;
}

static HthNode text(const HthTalkIr *g, const char *s) {
    return hth_talk_mark(g, hth_str(s), HTH_STR(""));
}

/* A string between single quotes, without escapes: what models write mostly. */
static HthStatus single_quoted(const HthTalkIr *g, const json_t *schema, HthNode *out) {
    HthDfa *d = NULL;
    HthByteDfa spelled = { 0 };
    HthStatus st = hth_dfa_pattern(&d, HTH_STR("[^'\\\\]*"), true, g->err);
    if (st == HTH_OK) st = string_facts(g, schema, &d);
    if (st == HTH_OK) st = hth_dfa_bytes(&spelled, d, HTH_DFA_UTF8, g->err);
    if (st == HTH_OK) *out = seq3(g, text(g, "'"), hth_ir_dfa(g->ir, &spelled), text(g, "'"));
    hth_byte_dfa_drop(&spelled);
    hth_dfa_close(&d);
    return st;
}

static HthStatus string_literal(const HthTalkIr *g, const json_t *schema, HthNode *out) {
    const HthStr quote = g->t->quote;
    HthNode inside, either[2];
    if (g->t->shape == HTH_TALK_BARE && !quote.n) return by_schema(g, schema, NULL, out);
    if (g->t->shape == HTH_TALK_BARE) {
        const HthNode q = hth_talk_mark(g, quote, HTH_STR(""));
        HTH_TRY(free_string(g, schema, quote, &inside));
        *out = seq3(g, q, inside, q);
        return HTH_OK;
    }
    HTH_TRY(known_only(g, schema));
    HTH_TRY(single_quoted(g, schema, &either[0]));
    HTH_TRY(by_schema(g, schema, NULL, &either[1]));
    *out = hth_ir_alt(g->ir, either, 2);
    return HTH_OK;
}

static HthStatus const_literal(const HthTalkIr *g, const json_t *v, HthNode *out) {
    const Style *s = style(g);
    if (json_is_boolean(v) || json_is_null(v)) {
        *out = text(g, json_is_null(v) ? s->none : json_is_true(v) ? s->yes : s->no);
        return HTH_OK;
    }
    HTH_REQUIRE(!json_is_object(v) && !json_is_array(v), g->err, HTH_ENOTSUP,
                "an enum of objects is not supported in this model's format of calls");
    if (!json_is_string(v)) return constant(g, v, true, out);
    if (g->t->shape == HTH_TALK_BARE && g->t->quote.n) {
        const HthNode q = hth_talk_mark(g, g->t->quote, HTH_STR(""));
        *out = seq3(g, q, bytes(g, str_of(v)), q);
        return HTH_OK;
    }
    return constant(g, v, true, out);
}

static HthStatus make_entry(const HthTalkIr *g, const json_t *params, HthStr key,
                            const json_t *schema, unsigned depth, HthMember *out) {
    const bool python = g->t->shape == HTH_TALK_PYTHON;
    const char *quote = python && depth ? "\"" : "";
    const char *colon = !python || depth ? style(g)->colon : "=";
    (void)params;
    out->key = hth_ir_seq(
        g->ir, (HthNode[]){ text(g, quote), bytes(g, key), text(g, quote), text(g, colon) }, 4);
    return hth_talk_literal(g, schema, depth + 1, &out->value);
}

static HthStatus array_literal(const HthTalkIr *g, const json_t *schema, unsigned depth,
                               HthNode *out) {
    static const char *const others[] = { "minItems", "maxItems", "prefixItems", "contains",
                                          "uniqueItems" };
    const char *sep = g->t->shape == HTH_TALK_PYTHON ? ", " : ",";
    HthNode item;
    for (size_t i = 0; i < HTH_COUNT(others); i++)
        HTH_REQUIRE(!json_object_get(schema, others[i]), g->err, HTH_ENOTSUP,
                    "%s of a parameter is not supported in this model's format of calls",
                    others[i]);
    HTH_TRY(hth_talk_literal(g, json_object_get(schema, "items"), depth + 1, &item));
    const HthNode more = hth_ir_seq(g->ir, (HthNode[]){ text(g, sep), item }, 2);
    const HthNode some =
        hth_ir_seq(g->ir, (HthNode[]){ item, hth_ir_repeat(g->ir, more, 0, HTH_MANY) }, 2);
    *out = seq3(g, text(g, "["), hth_ir_repeat(g->ir, some, 0, 1), text(g, "]"));
    return HTH_OK;
}

/* An object of any members: their values are what additionalProperties says. */
static HthStatus open_object(const HthTalkIr *g, const json_t *schema, unsigned depth,
                             HthNode *out) {
    const bool python = g->t->shape == HTH_TALK_PYTHON;
    const json_t *extra = json_object_get(schema, "additionalProperties");
    HthNode key, value;
    HthDfa *d = NULL;
    HthByteDfa spelled = { 0 };
    HthStatus st = hth_dfa_pattern(
        &d, python ? HTH_STR("\"[^\"\\\\\\n]*\"|'[^'\\\\\\n]*'") : HTH_STR("[A-Za-z0-9_.\\-]+"),
        true, g->err);
    if (st == HTH_OK) st = hth_dfa_bytes(&spelled, d, HTH_DFA_UTF8, g->err);
    if (st == HTH_OK) key = hth_ir_dfa(g->ir, &spelled);
    hth_byte_dfa_drop(&spelled);
    hth_dfa_close(&d);
    HTH_TRY(st);
    HTH_TRY(hth_talk_literal(g, json_is_object(extra) ? extra : NULL, depth + 1, &value));
    const HthMembers all = { .extra_key =
                                 hth_ir_seq(g->ir, (HthNode[]){ key, text(g, style(g)->colon) }, 2),
                             .extra_value = value,
                             .separator = text(g, python ? ", " : ","),
                             .max = json_is_false(extra) ? 0 : HTH_MANY };
    *out = seq3(g, text(g, style(g)->open), hth_ir_members(g->ir, &all), text(g, style(g)->close));
    return HTH_OK;
}

static HthStatus object_literal(const HthTalkIr *g, const json_t *schema, unsigned depth,
                                HthNode *out) {
    const char *sep = g->t->shape == HTH_TALK_PYTHON ? ", " : ",";
    HthNode inside;
    if (depth && !json_object_size(json_object_get(schema, "properties")))
        return open_object(g, schema, depth, out);
    HTH_TRY(members(g, schema, make_entry, depth, hth_str(sep), &inside));
    *out = seq3(g, text(g, style(g)->open), inside, text(g, style(g)->close));
    return HTH_OK;
}

/* What says nothing of its type: a string, a number, a word. */
static HthStatus any_literal(const HthTalkIr *g, HthNode *out) {
    HthNode node[2];
    json_t *number = json_pack("{s:s}", "type", "number");
    HTH_REQUIRE(number, g->err, HTH_ENOMEM, "out of memory for a tool's schema");
    HthStatus st = string_literal(g, NULL, &node[0]);
    if (st == HTH_OK) st = by_schema(g, number, NULL, &node[1]);
    json_decref(number);
    HTH_TRY(st);
    const Style *s = style(g);
    const HthNode all[] = { node[0], node[1], text(g, s->yes), text(g, s->no), text(g, s->none) };
    *out = hth_ir_alt(g->ir, all, HTH_COUNT(all));
    return HTH_OK;
}

static HthStatus typed_literal(const HthTalkIr *g, const json_t *schema, const char *type,
                               unsigned depth, HthNode *out) {
    const Style *s = style(g);
    if (strcmp(type, "string") == 0) return string_literal(g, schema, out);
    if (strcmp(type, "array") == 0) return array_literal(g, schema, depth, out);
    if (strcmp(type, "object") == 0) return object_literal(g, schema, depth, out);
    if (strcmp(type, "boolean") == 0) {
        *out = hth_ir_alt(g->ir, (HthNode[]){ text(g, s->yes), text(g, s->no) }, 2);
        return HTH_OK;
    }
    if (strcmp(type, "null") == 0) {
        *out = text(g, s->none);
        return HTH_OK;
    }
    return by_schema(g, schema, NULL, out); /* numbers are JSON's */
}

HthStatus hth_talk_literal(const HthTalkIr *g, const json_t *schema, unsigned depth, HthNode *out) {
    const json_t *type = json_object_get(schema, "type"), *list = choices(schema);
    HthNode node[PARAMS_MAX];
    size_t n = 0;
    HTH_REQUIRE(depth < NEST_MAX, g->err, HTH_ELIMIT, "a tool's parameters are nested too deep");
    if (json_object_get(schema, "const"))
        return const_literal(g, json_object_get(schema, "const"), out);
    HTH_REQUIRE(json_array_size(list) <= PARAMS_MAX, g->err, HTH_ELIMIT,
                "an enum of a tool's parameter has more than %d values", PARAMS_MAX);
    for (; n < json_array_size(list); n++)
        HTH_TRY(const_literal(g, json_array_get(list, n), &node[n]));
    if (n) {
        *out = hth_ir_alt(g->ir, node, n);
        return HTH_OK;
    }
    if (json_is_string(type)) return typed_literal(g, schema, json_string_value(type), depth, out);
    HTH_TRY(known_only(g, schema));
    for (; n < json_array_size(type) && n < 8; n++) {
        const json_t *one = json_array_get(type, n);
        json_t *own = NULL;
        if (!json_is_string(one)) return any_literal(g, out);
        HTH_TRY(alone(g, schema, NULL, &own));
        HthStatus st = HTH_OK;
        if (json_object_set(own, "type", (json_t *)(uintptr_t)one))
            st = HTH_FAIL(g->err, HTH_ENOMEM, "out of memory for a tool's schema");
        if (st == HTH_OK) st = typed_literal(g, own, json_string_value(one), depth, &node[n]);
        json_decref(own);
        HTH_TRY(st);
    }
    if (!n) return any_literal(g, out);
    *out = hth_ir_alt(g->ir, node, n);
    return HTH_OK;
}

/* --- of a call --- */

HthStatus hth_talk_args(const HthTalkIr *g, const json_t *params, HthNode *out) {
    HthNode inside;
    switch (g->t->shape) {
    case HTH_TALK_TAGGED: return members(g, params, make_tag, 0, HTH_STR(""), out);
    case HTH_TALK_PYTHON:
        HTH_TRY(members(g, params, make_entry, 0, HTH_STR(", "), &inside));
        *out = seq3(g, text(g, "("), inside, text(g, ")"));
        return HTH_OK;
    case HTH_TALK_BARE: return object_literal(g, params, 0, out);
    case HTH_TALK_WRAPPED:
    case HTH_TALK_NAMED:
    case HTH_TALK_NOTHING: break;
    }
    return json_args(g, params, out);
}

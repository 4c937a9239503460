/* schema_scalar.c - a literal's null, booleans, numbers and strings, exactly.
 *
 * Of arrays and objects it is only known whether all, some or none may be in it; that is enough to
 * drop branches early (schema_unfold.c).
 *
 * Every keyword that works on the value in place is followed here, so this is also where a
 * reference that comes back to itself is found.
 *
 * Thread: as schema_int.h. */
#include <string.h>

#include "base/mem.h"
#include "text/schema_int.h"

static const HthScalars everything = { 31, 31, HTH_SET_ALL, HTH_SET_ALL };
static const HthScalars nothing = { 0, 0, HTH_SET_NONE, HTH_SET_NONE };

HthStatus hth_s_scalars_and(HthSchema *s, HthScalars *a, const HthScalars *b) {
    a->may &= b->may;
    a->must &= b->must;
    HTH_TRY(hth_s_set_op(s, HTH_SO_AND, true, a->num, b->num, &a->num));
    return hth_s_set_op(s, HTH_SO_AND, false, a->str, b->str, &a->str);
}

static HthStatus either(HthSchema *s, HthScalars *a, const HthScalars *b) {
    a->may |= b->may;
    a->must |= b->must;
    HTH_TRY(hth_s_set_op(s, HTH_SO_OR, true, a->num, b->num, &a->num));
    return hth_s_set_op(s, HTH_SO_OR, false, a->str, b->str, &a->str);
}

static HthStatus without(HthSchema *s, HthScalars *a) {
    const uint8_t may = a->may;
    a->may = (uint8_t)(~a->must & 31);
    a->must = (uint8_t)(~may & 31);
    HTH_TRY(hth_s_set_op(s, HTH_SO_NOT, true, a->num, 0, &a->num));
    return hth_s_set_op(s, HTH_SO_NOT, false, a->str, 0, &a->str);
}

static HthStatus one_type(HthSchema *s, uint32_t node, const json_t *type, HthScalars *out) {
    static const struct {
        const char *name;
        HthScalars is;
    } types[] = {
        { "null", { HTH_SV_NULL, HTH_SV_NULL, 0, 0 } },
        { "boolean", { HTH_SV_FALSE | HTH_SV_TRUE, HTH_SV_FALSE | HTH_SV_TRUE, 0, 0 } },
        { "array", { HTH_SV_ARRAY, HTH_SV_ARRAY, 0, 0 } },
        { "object", { HTH_SV_OBJECT, HTH_SV_OBJECT, 0, 0 } },
        { "number", { 0, 0, HTH_SET_ALL, 0 } },
        { "string", { 0, 0, 0, HTH_SET_ALL } },
    };
    const char *name = json_string_value(type);
    for (size_t i = 0; name && i < HTH_COUNT(types); i++) {
        if (strcmp(types[i].name, name) != 0) continue;
        *out = types[i].is;
        return HTH_OK;
    }
    HTH_REQUIRE(name && strcmp(name, "integer") == 0, s->err, HTH_EINVAL,
                "%s: type must be null, boolean, integer, number, string, array or object",
                s->nodes[node].path);
    *out = nothing;
    return hth_s_integers(s, &out->num);
}

static HthStatus types(HthSchema *s, uint32_t node, HthScalars *out) {
    const json_t *type = json_object_get(s->nodes[node].json, "type");
    HthScalars one;
    if (!json_is_array(type)) return one_type(s, node, type, out);
    *out = nothing;
    for (size_t i = 0; i < json_array_size(type); i++) {
        HTH_TRY(one_type(s, node, json_array_get(type, i), &one));
        HTH_TRY(either(s, out, &one));
    }
    return HTH_OK;
}

/* Numbers joined in pairs, pairs in pairs. */
static HthStatus join_numbers(HthSchema *s, uint32_t *sets, size_t n, uint32_t *out) {
    for (; n > 1; n = (n + 1) / 2)
        for (size_t i = 0; i < n; i += 2) {
            const uint32_t other = i + 1 < n ? sets[i + 1] : HTH_SET_NONE;
            HTH_TRY(hth_s_set_op(s, HTH_SO_OR, true, sets[i], other, &sets[i / 2]));
        }
    *out = n ? sets[0] : HTH_SET_NONE;
    return HTH_OK;
}

static HthStatus sort_values(HthSchema *s, const json_t *all, bool list, HthStr *words,
                             uint32_t *numbers, HthScalars *out) {
    const size_t n = list ? json_array_size(all) : 1;
    size_t word_n = 0, number_n = 0;
    *out = nothing;
    for (size_t i = 0; i < n; i++) {
        const json_t *v = list ? json_array_get(all, i) : all;
        switch (json_typeof(v)) {
        case JSON_NULL: out->may |= HTH_SV_NULL; break;
        case JSON_TRUE: out->may |= HTH_SV_TRUE; break;
        case JSON_FALSE: out->may |= HTH_SV_FALSE; break;
        case JSON_ARRAY: out->may |= HTH_SV_ARRAY; break;
        case JSON_OBJECT: out->may |= HTH_SV_OBJECT; break;
        case JSON_STRING:
            words[word_n++] = (HthStr){ json_string_value(v), json_string_length(v) };
            break;
        default: HTH_TRY(hth_s_compare(s, v, HTH_SN_SAME, &numbers[number_n++]));
        }
    }
    out->must = out->may & (HTH_SV_NULL | HTH_SV_TRUE | HTH_SV_FALSE);
    HTH_TRY(join_numbers(s, numbers, number_n, &out->num));
    return hth_s_set_words(s, words, word_n, &out->str);
}

/* Of a list of values, or of a single one. */
static HthStatus values(HthSchema *s, const json_t *v, bool list, HthScalars *out) {
    const size_t n = list ? json_array_size(v) : 1;
    HthStr *words = hth_calloc(n, sizeof *words);
    uint32_t *numbers = hth_calloc(n, sizeof *numbers);
    HthStatus st = words && numbers ? sort_values(s, v, list, words, numbers, out) : HTH_S_FULL(s);
    hth_free(words);
    hth_free(numbers);
    return st;
}

static HthStatus numbers(HthSchema *s, uint32_t node, HthScalars *out) {
    static const struct {
        const char *name;
        unsigned accept;
    } limits[] = {
        { "minimum", HTH_SN_MORE | HTH_SN_SAME },
        { "exclusiveMinimum", HTH_SN_MORE },
        { "maximum", HTH_SN_LESS | HTH_SN_SAME },
        { "exclusiveMaximum", HTH_SN_LESS },
    };
    const json_t *j = s->nodes[node].json, *v;
    uint32_t set;
    for (size_t i = 0; i < HTH_COUNT(limits); i++) {
        if ((v = json_object_get(j, limits[i].name)) == NULL) continue;
        HTH_REQUIRE(json_is_number(v), s->err, HTH_EINVAL, "%s: %s must be a number",
                    s->nodes[node].path, limits[i].name);
        HTH_TRY(hth_s_compare(s, v, limits[i].accept, &set));
        HTH_TRY(hth_s_set_op(s, HTH_SO_AND, true, out->num, set, &out->num));
    }
    if ((v = json_object_get(j, "multipleOf")) == NULL) return HTH_OK;
    HTH_TRY(hth_s_multiple(s, v, s->nodes[node].path, &set));
    return hth_s_set_op(s, HTH_SO_AND, true, out->num, set, &out->num);
}

/* Says where the pattern stands; the sentence of dfa_pattern.c is kept. */
static HthStatus new_pattern(HthSchema *s, uint32_t node, HthStr text, uint32_t *out) {
    HthDfa *d = NULL;
    HthErr why = { 0 };
    HthStatus st = hth_dfa_pattern(&d, text, false, &why);
    HTH_REQUIRE(st == HTH_OK, s->err, st, "%s: %s", s->nodes[node].path, why.text);
    return hth_s_set_add(s, &d, out);
}

static HthStatus pattern(HthSchema *s, uint32_t node, const json_t *v, uint32_t *out) {
    HTH_REQUIRE(json_is_string(v), s->err, HTH_EINVAL, "%s: pattern must be a string",
                s->nodes[node].path);
    const HthStr text = { json_string_value(v), json_string_length(v) };
    HthBuf from;
    hth_buf_init(&from, (size_t)1 << 20);
    HthStatus st = hth_buf_add_str(&from, HTH_STR("pattern "), s->err);
    if (st == HTH_OK) st = hth_buf_add_str(&from, text, s->err);
    *out = st == HTH_OK ? hth_s_made(s, hth_buf_str(&from)) : 0;
    if (st == HTH_OK && *out == HTH_MAP_NONE) {
        st = new_pattern(s, node, text, out);
        if (st == HTH_OK) st = hth_s_keep(s, hth_buf_str(&from), *out);
    }
    hth_buf_drop(&from);
    return st;
}

static HthStatus lengths(HthSchema *s, uint32_t node, uint32_t min, uint32_t max, uint32_t *out) {
    char from[48];
    HthDfa *d = NULL;
    HthErr why = { 0 };
    const int n = snprintf(from, sizeof from, "length %u %u", min, max);
    *out = hth_s_made(s, (HthStr){ from, (size_t)n });
    if (*out != HTH_MAP_NONE) return HTH_OK;
    HthStatus st = hth_dfa_length(&d, min, max, &why);
    HTH_REQUIRE(st == HTH_OK, s->err, st, "%s: minLength, maxLength: %s", s->nodes[node].path,
                why.text);
    HTH_TRY(hth_s_set_add(s, &d, out));
    return hth_s_keep(s, (HthStr){ from, (size_t)n }, *out);
}

/* A format within the texts that are left; beyond: those of them that belong to it or do not, which
 * no automaton can tell. There must be none, whatever `not` beside it takes out. */
static HthStatus format(HthSchema *s, uint32_t node, const json_t *v, uint32_t *str) {
    uint32_t set, beyond;
    HthSLit lit;
    HthScalars other;
    HTH_REQUIRE(json_is_string(v), s->err, HTH_EINVAL, "%s: format must be a string",
                s->nodes[node].path);
    if (s->formats_noted) return HTH_OK;
    HTH_TRY(hth_s_format(s, hth_str(json_string_value(v)), s->nodes[node].path, &set, &beyond));
    HTH_TRY(hth_s_set_op(s, HTH_SO_AND, false, *str, beyond, &beyond));
    if (beyond != HTH_SET_NONE && json_object_get(s->nodes[node].json, "not")) {
        HTH_TRY(hth_s_lit_of(s, node, "not", &lit));
        HTH_TRY(hth_s_scalars(s, lit ^ 1, &other));
        HTH_TRY(hth_s_set_op(s, HTH_SO_AND, false, beyond, other.str, &beyond));
    }
    HTH_REQUIRE(beyond == HTH_SET_NONE, s->err, HTH_ENOTSUP,
                "%s: format %s is not supported where internationalised labels may come (xn--); "
                "put \"not\": {\"pattern\": \"--\"} beside it",
                s->nodes[node].path, json_string_value(v));
    return hth_s_set_op(s, HTH_SO_AND, false, *str, set, str);
}

static HthStatus strings(HthSchema *s, uint32_t node, HthScalars *out) {
    const json_t *j = s->nodes[node].json, *v;
    uint32_t set, min, max;
    HTH_TRY(hth_s_count(s, node, "minLength", 0, &min));
    HTH_TRY(hth_s_count(s, node, "maxLength", HTH_MANY, &max));
    if (min > 0 || max != HTH_MANY) {
        HTH_TRY(lengths(s, node, min, max, &set));
        HTH_TRY(hth_s_set_op(s, HTH_SO_AND, false, out->str, set, &out->str));
    }
    if ((v = json_object_get(j, "pattern")) != NULL) {
        HTH_TRY(pattern(s, node, v, &set));
        HTH_TRY(hth_s_set_op(s, HTH_SO_AND, false, out->str, set, &out->str));
    }
    v = json_object_get(j, "format");
    return v ? format(s, node, v, &out->str) : HTH_OK;
}

/* allOf, anyOf, oneOf: folded over the list. */
static HthStatus combined(HthSchema *s, uint32_t node, HthSKey key, HthScalars *out) {
    const char *name = key == HTH_SK_ALL_OF ? "allOf" : key == HTH_SK_ANY_OF ? "anyOf" : "oneOf";
    json_t *list;
    HthSLit lit;
    HthScalars some = nothing, one, not_one, not_some;
    HTH_TRY(hth_s_list_of(s, node, name, &list));
    *out = key == HTH_SK_ALL_OF ? everything : nothing;
    for (size_t i = 0; i < json_array_size(list); i++) {
        HTH_TRY(hth_s_lit_at(s, node, name, i, &lit));
        HTH_TRY(hth_s_scalars(s, lit, &one));
        if (key == HTH_SK_ALL_OF) {
            HTH_TRY(hth_s_scalars_and(s, out, &one));
        } else if (key == HTH_SK_ANY_OF) {
            HTH_TRY(either(s, out, &one));
        } else { /* one so far and not this, or none so far and this */
            not_one = one;
            HTH_TRY(without(s, &not_one));
            HTH_TRY(hth_s_scalars_and(s, out, &not_one));
            not_some = some;
            HTH_TRY(without(s, &not_some));
            HTH_TRY(hth_s_scalars_and(s, &not_some, &one));
            HTH_TRY(either(s, out, &not_some));
            HTH_TRY(either(s, &some, &one));
        }
    }
    return HTH_OK;
}

static HthStatus choice(HthSchema *s, uint32_t node, HthScalars *out) {
    static const char *const names[] = { "then", "else" };
    HthSLit lit;
    HthScalars condition, one;
    HTH_TRY(hth_s_lit_of(s, node, "if", &lit));
    HTH_TRY(hth_s_scalars(s, lit, &condition));
    *out = nothing;
    for (int i = 0; i < 2; i++) {
        one = everything;
        if (json_object_get(s->nodes[node].json, names[i])) {
            HTH_TRY(hth_s_lit_of(s, node, names[i], &lit));
            HTH_TRY(hth_s_scalars(s, lit, &one));
        }
        if (i == 1) HTH_TRY(without(s, &condition));
        HTH_TRY(hth_s_scalars_and(s, &one, &condition));
        HTH_TRY(either(s, out, &one));
    }
    return HTH_OK;
}

/* Both $ref and $dynamicRef may stand there. */
static HthStatus references(HthSchema *s, uint32_t node, HthScalars *out) {
    HthSLit lit;
    HthScalars one;
    for (int i = 0; i < 2; i++) {
        if (!json_object_get(s->nodes[node].json, i ? "$dynamicRef" : "$ref")) continue;
        HTH_TRY(hth_s_lit_ref(s, node, i, &lit));
        HTH_TRY(hth_s_scalars(s, lit, &one));
        HTH_TRY(hth_s_scalars_and(s, out, &one));
    }
    return HTH_OK;
}

static HthStatus dependents(HthSchema *s, uint32_t node, const char *name) {
    json_t *all, *value;
    const char *key;
    HthSLit lit;
    HthScalars one;
    HTH_TRY(hth_s_object_of(s, node, name, &all));
    json_object_foreach(all, key, value) { /* in place too: a loop would show */
        if (json_is_array(value)) continue;
        HTH_TRY(hth_s_lit_named(s, node, name, key, &lit));
        HTH_TRY(hth_s_scalars(s, lit, &one));
    }
    return HTH_OK;
}

/* A keyword that speaks of arrays or of objects only. */
static HthStatus structural(HthSchema *s, const HthSItem *item, HthScalars *out) {
    const HthSKey key = (HthSKey)item->b;
    const bool array =
        (key >= HTH_SK_PREFIX && key <= HTH_SK_CONTAINS) || key == HTH_SK_UNEVALUATED_ITEMS;
    out->must &= (uint8_t) ~(array ? HTH_SV_ARRAY : HTH_SV_OBJECT);
    if (item->c != UINT32_MAX) return HTH_OK;
    if (key == HTH_SK_DEPENDENT_SCHEMAS) return dependents(s, item->a, "dependentSchemas");
    if (key == HTH_SK_DEPENDENCIES) return dependents(s, item->a, "dependencies");
    return HTH_OK;
}

static HthStatus keyword(HthSchema *s, const HthSItem *item, HthScalars *out) {
    const uint32_t node = item->a;
    json_t *list;
    HthSLit lit;
    *out = everything;
    switch ((HthSKey)item->b) {
    case HTH_SK_TYPE: return types(s, node, out);
    case HTH_SK_CONST: return values(s, json_object_get(s->nodes[node].json, "const"), false, out);
    case HTH_SK_ENUM:
        HTH_TRY(hth_s_list_of(s, node, "enum", &list));
        return values(s, list, true, out);
    case HTH_SK_NUMBER: return numbers(s, node, out);
    case HTH_SK_STRING: return strings(s, node, out);
    case HTH_SK_REF: return references(s, node, out);
    case HTH_SK_ALL_OF:
    case HTH_SK_ANY_OF:
    case HTH_SK_ONE_OF: return combined(s, node, (HthSKey)item->b, out);
    case HTH_SK_IF: return choice(s, node, out);
    case HTH_SK_NOT:
        HTH_TRY(hth_s_lit_of(s, node, "not", &lit));
        HTH_TRY(hth_s_scalars(s, lit, out));
        return without(s, out);
    default: return structural(s, item, out);
    }
}

static HthStatus node_scalars(HthSchema *s, uint32_t node, HthScalars *out) {
    bool present[HTH_SK_COUNT];
    HthSLit lit;
    HthScalars one;
    *out = everything;
    HTH_TRY(hth_s_present(s, node, present));
    for (uint32_t k = 0; k < HTH_SK_COUNT; k++) {
        if (!present[k]) continue;
        HTH_TRY(hth_s_key_lit(s, node, k, UINT32_MAX, &lit));
        HTH_TRY(hth_s_scalars(s, lit, &one));
        HTH_TRY(hth_s_scalars_and(s, out, &one));
    }
    return HTH_OK;
}

static HthStatus item_scalars(HthSchema *s, const HthSItem *item, HthScalars *out) {
    HthScalars other;
    switch (item->kind) {
    case HTH_S_TRUE: *out = everything; return HTH_OK;
    case HTH_S_NODE: return node_scalars(s, item->a, out);
    case HTH_S_KEY: return keyword(s, item, out);
    case HTH_S_CONST: return values(s, item->p, false, out);
    default:
        HTH_TRY(hth_s_scalars(s, item->a, out));
        HTH_TRY(hth_s_scalars(s, item->b, &other));
        return either(s, out, &other);
    }
}

HthStatus hth_s_scalars(HthSchema *s, HthSLit lit, HthScalars *out) {
    const uint32_t i = lit / 2;
    if (s->scalars_known[i] != 1) {
        const HthSItem item = s->items[i]; /* the table may move */
        HthScalars made;
        HTH_REQUIRE(s->scalars_known[i] == 0, s->err, HTH_EINVAL,
                    "%s: refers to itself without end", s->nodes[item.a].path);
        HTH_REQUIRE(++s->depth <= 2 * HTH_SCHEMA_DEPTH_MAX, s->err, HTH_ELIMIT,
                    "the schema's references are nested deeper than %d", HTH_SCHEMA_DEPTH_MAX);
        s->scalars_known[i] = 2;
        const uint32_t context = s->context;
        s->context = item.context;
        HTH_TRY(item_scalars(s, &item, &made));
        s->context = context;
        s->depth--;
        s->scalars[i] = made;
        s->scalars_known[i] = 1;
    }
    *out = s->scalars[i];
    return lit & 1 ? without(s, out) : HTH_OK;
}

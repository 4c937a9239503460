/* schema_unfold_test.c - random schemas and values: what the grammar admits is what a plain reading
 * of the standard calls valid.
 *
 * The reference walks schema and value together, a page per kind of value. It knows no references
 * and nothing unevaluated: those are the official suite's. */
#include "support/test.h"

#include "base/rng.h"
#include "text/grammar.h"
#include "text/schema.h"

static HthErr err;

/* --- the reference --- */

static bool valid(const json_t *s, const json_t *v);

static bool same(const json_t *a, const json_t *b) {
    const char *key;
    json_t *one;
    if (json_is_number(a) && json_is_number(b)) return json_number_value(a) == json_number_value(b);
    if (json_typeof(a) != json_typeof(b)) return false;
    if (json_is_array(a)) {
        bool yes = json_array_size(a) == json_array_size(b);
        for (size_t i = 0; yes && i < json_array_size(a); i++)
            yes = same(json_array_get(a, i), json_array_get(b, i));
        return yes;
    }
    if (!json_is_object(a)) return json_equal(a, b);
    if (json_object_size(a) != json_object_size(b)) return false;
    json_object_foreach((json_t *)(uintptr_t)a, key, one) {
        const json_t *other = json_object_get(b, key);
        if (!other || !same(one, other)) return false;
    }
    return true;
}

/* "^x", "x$" or "x". */
static bool found(const char *pattern, const char *text) {
    const size_t n = strlen(pattern), m = strlen(text);
    if (pattern[0] == '^') return strncmp(text, pattern + 1, n - 1) == 0;
    if (pattern[n - 1] == '$')
        return m + 1 >= n && strncmp(text + m - (n - 1), pattern, n - 1) == 0;
    return strstr(text, pattern) != NULL;
}

static bool number_at_most(const json_t *s, const char *key, size_t n, bool most) {
    const json_t *limit = json_object_get(s, key);
    if (!limit) return true;
    const size_t l = (size_t)json_integer_value(limit);
    return most ? n <= l : n >= l;
}

static bool type_holds(const json_t *type, const json_t *v) {
    static const char *const names[] = { "object", "array", "string", "", "", "", "", "null" };
    const char *t = json_string_value(type);
    if (json_is_array(type)) {
        for (size_t i = 0; i < json_array_size(type); i++)
            if (type_holds(json_array_get(type, i), v)) return true;
        return false;
    }
    if (strcmp(t, "number") == 0) return json_is_number(v);
    if (strcmp(t, "integer") == 0)
        return json_is_number(v) && json_number_value(v) == (double)(int64_t)json_number_value(v);
    if (strcmp(t, "boolean") == 0) return json_is_boolean(v);
    return strcmp(t, names[json_typeof(v)]) == 0;
}

static bool members_hold(const json_t *s, const json_t *v) {
    json_t *props = json_object_get(s, "properties"), *one, *sub;
    json_t *patterns = json_object_get(s, "patternProperties");
    const json_t *rest = json_object_get(s, "additionalProperties");
    const json_t *names = json_object_get(s, "propertyNames");
    const char *key, *pattern;
    json_object_foreach((json_t *)(uintptr_t)v, key, one) {
        bool spoken = json_object_get(props, key) != NULL;
        if (spoken && !valid(json_object_get(props, key), one)) return false;
        json_object_foreach(patterns, pattern, sub) {
            if (!found(pattern, key)) continue;
            spoken = true;
            if (!valid(sub, one)) return false;
        }
        if (!spoken && rest && !valid(rest, one)) return false;
        if (names) {
            json_t *name = json_string(key);
            const bool yes = valid(names, name);
            json_decref(name);
            if (!yes) return false;
        }
    }
    return true;
}

static bool all_there(const json_t *list, const json_t *v) {
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!json_object_get(v, json_string_value(json_array_get(list, i)))) return false;
    return true;
}

static bool object_holds(const json_t *s, const json_t *v) {
    json_t *one;
    const char *key;
    if (!number_at_most(s, "minProperties", json_object_size(v), false)) return false;
    if (!number_at_most(s, "maxProperties", json_object_size(v), true)) return false;
    if (!all_there(json_object_get(s, "required"), v)) return false;
    json_object_foreach(json_object_get(s, "dependentRequired"), key, one) {
        if (json_object_get(v, key) && !all_there(one, v)) return false;
    }
    json_object_foreach(json_object_get(s, "dependentSchemas"), key, one) {
        if (json_object_get(v, key) && !valid(one, v)) return false;
    }
    return members_hold(s, v);
}

static bool array_holds(const json_t *s, const json_t *v) {
    const json_t *prefix = json_object_get(s, "prefixItems"), *items = json_object_get(s, "items");
    const json_t *contains = json_object_get(s, "contains");
    size_t count = 0;
    if (!number_at_most(s, "minItems", json_array_size(v), false)) return false;
    if (!number_at_most(s, "maxItems", json_array_size(v), true)) return false;
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *sub = i < json_array_size(prefix) ? json_array_get(prefix, i) : items;
        if (sub && !valid(sub, json_array_get(v, i))) return false;
        count += contains && valid(contains, json_array_get(v, i));
    }
    if (!contains) return true;
    if (!json_object_get(s, "minContains") && count < 1) return false;
    return number_at_most(s, "minContains", count, false) &&
           number_at_most(s, "maxContains", count, true);
}

static size_t how_many(const json_t *list, const json_t *v) {
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(list); i++) n += valid(json_array_get(list, i), v);
    return n;
}

static bool in_place_holds(const json_t *s, const json_t *v) {
    const json_t *sub = json_object_get(s, "allOf");
    if (sub && how_many(sub, v) != json_array_size(sub)) return false;
    if ((sub = json_object_get(s, "anyOf")) && how_many(sub, v) == 0) return false;
    if ((sub = json_object_get(s, "oneOf")) && how_many(sub, v) != 1) return false;
    if ((sub = json_object_get(s, "not")) && valid(sub, v)) return false;
    if ((sub = json_object_get(s, "if"))) {
        const json_t *then = json_object_get(s, valid(sub, v) ? "then" : "else");
        if (then && !valid(then, v)) return false;
    }
    return true;
}

static bool valid(const json_t *s, const json_t *v) {
    const json_t *k;
    if (json_is_boolean(s)) return json_is_true(s);
    if ((k = json_object_get(s, "type")) && !type_holds(k, v)) return false;
    if ((k = json_object_get(s, "const")) && !same(k, v)) return false;
    if ((k = json_object_get(s, "enum"))) {
        bool any = false;
        for (size_t i = 0; i < json_array_size(k); i++) any |= same(json_array_get(k, i), v);
        if (!any) return false;
    }
    if (json_is_number(v)) {
        const double x = json_number_value(v);
        if ((k = json_object_get(s, "minimum")) && x < json_number_value(k)) return false;
        if ((k = json_object_get(s, "exclusiveMaximum")) && x >= json_number_value(k)) return false;
        if ((k = json_object_get(s, "multipleOf"))) { /* by whole numbers here */
            const double q = x / json_number_value(k);
            if (q != (double)(int64_t)q) return false;
        }
    }
    if (json_is_string(v)) {
        const size_t n = json_string_length(v);
        if (!number_at_most(s, "minLength", n, false)) return false;
        if (!number_at_most(s, "maxLength", n, true)) return false;
        if ((k = json_object_get(s, "pattern")) &&
            !found(json_string_value(k), json_string_value(v)))
            return false;
    }
    if (json_is_object(v) && !object_holds(s, v)) return false;
    if (json_is_array(v) && !array_holds(s, v)) return false;
    return in_place_holds(s, v);
}

/* --- making them up --- */

typedef struct Gen {
    uint64_t round;
    uint32_t i;
} Gen;

static uint32_t draw(Gen *g, uint32_t below) {
    return hth_rng_below(16, g->round, g->i++, below);
}

static const char *const names[] = { "a", "b", "ab", "foo" };
static const char *const patterns[] = { "^a", "b$", "o", "^f" };
static const char *const texts[] = { "", "a", "b", "ab", "foo", "bar" };

static json_t *value(Gen *g, int depth) {
    const uint32_t kind = draw(g, depth > 0 ? 9 : 5);
    json_t *v;
    switch (kind) {
    case 0: return json_null();
    case 1: return draw(g, 2) ? json_true() : json_false();
    case 2: return json_integer((json_int_t)draw(g, 9) - 2);
    case 3: return json_real((double)draw(g, 20) / 4 - 1);
    case 4: return json_string(texts[draw(g, HTH_COUNT(texts))]);
    case 5:
    case 6:
        v = json_array();
        for (uint32_t n = draw(g, 4); n > 0; n--) json_array_append_new(v, value(g, depth - 1));
        return v;
    default:
        v = json_object();
        for (uint32_t n = draw(g, 4); n > 0; n--)
            json_object_set_new(v, names[draw(g, HTH_COUNT(names))], value(g, depth - 1));
        return v;
    }
}

static json_t *schema(Gen *g, int depth);

static json_t *some_names(Gen *g) {
    json_t *list = json_array();
    for (uint32_t n = 1 + draw(g, 2); n > 0; n--)
        json_array_append_new(list, json_string(names[draw(g, HTH_COUNT(names))]));
    return list;
}

static json_t *schemas(Gen *g, int depth) {
    json_t *list = json_array();
    for (uint32_t n = 1 + draw(g, 3); n > 0; n--) json_array_append_new(list, schema(g, depth));
    return list;
}

static void leaf_keyword(Gen *g, json_t *s) {
    static const char *const types[] = { "null",   "boolean", "integer", "number",
                                         "string", "array",   "object" };
    static const char *const counts[] = { "minLength", "maxLength",     "minItems",
                                          "maxItems",  "minProperties", "maxProperties" };
    json_t *v;
    switch (draw(g, 8)) {
    case 0:
    case 1: json_object_set_new(s, "type", json_string(types[draw(g, 7)])); break;
    case 2:
        v = json_array();
        for (uint32_t n = 1 + draw(g, 3); n > 0; n--) json_array_append_new(v, value(g, 1));
        json_object_set_new(s, "enum", v);
        break;
    case 3: json_object_set_new(s, "const", value(g, 2)); break;
    case 4: json_object_set_new(s, counts[draw(g, 6)], json_integer(draw(g, 4))); break;
    case 5: json_object_set_new(s, "minimum", json_real((double)draw(g, 12) / 4 - 1)); break;
    case 6: json_object_set_new(s, "multipleOf", json_integer(1 + draw(g, 3))); break;
    default:
        json_object_set_new(s, draw(g, 2) ? "pattern" : "title",
                            json_string(patterns[draw(g, HTH_COUNT(patterns))]));
    }
}

static void inner_keyword(Gen *g, json_t *s, int depth) {
    static const char *const ones[] = {
        "additionalProperties", "propertyNames", "items", "contains", "not", "if", "then", "else"
    };
    static const char *const lists[] = { "allOf", "anyOf", "oneOf", "prefixItems" };
    json_t *v = json_object();
    const uint32_t kind = draw(g, 12);
    if (kind < 4) {
        json_object_set_new(s, ones[draw(g, HTH_COUNT(ones))], schema(g, depth - 1));
    } else if (kind < 6) {
        json_object_set_new(s, lists[draw(g, HTH_COUNT(lists))], schemas(g, depth - 1));
    } else if (kind < 9) {
        const bool named = draw(g, 3) > 0;
        for (uint32_t n = 1 + draw(g, 2); n > 0; n--)
            json_object_set_new(v, named ? names[draw(g, 4)] : patterns[draw(g, 4)],
                                schema(g, depth - 1));
        json_object_set(s, named ? "properties" : "patternProperties", v);
    } else if (kind == 9) {
        json_object_set_new(s, "required", some_names(g));
    } else if (kind == 10) {
        json_object_set_new(s, draw(g, 2) ? "minContains" : "maxContains",
                            json_integer(draw(g, 3)));
    } else {
        const bool list = draw(g, 2);
        json_object_set_new(v, names[draw(g, 4)], list ? some_names(g) : schema(g, depth - 1));
        json_object_set(s, list ? "dependentRequired" : "dependentSchemas", v);
    }
    json_decref(v);
}

static json_t *schema(Gen *g, int depth) {
    if (draw(g, 12) == 0) return draw(g, 3) ? json_true() : json_false();
    json_t *s = json_object();
    for (uint32_t n = 1 + draw(g, 3); n > 0; n--) {
        if (depth > 0 && draw(g, 3))
            inner_keyword(g, s, depth);
        else
            leaf_keyword(g, s);
    }
    return s;
}

/* --- together --- */

static HthGrammar *grammar(const json_t *s, bool *none) {
    HthIr *ir = NULL;
    HthNode root;
    HthGrammar *g = NULL;
    assert_ok(hth_ir_open(&ir, &err), err);
    HthStatus st = hth_schema(ir, s, (HthSchemaOpt){ .space = HTH_SPACE_ONE }, &root, &err);
    *none = st == HTH_EINVAL && strstr(err.text, "admits no value");
    if (st == HTH_OK) {
        st = hth_grammar_open(&g, ir, root, &err);
        *none = st == HTH_EINVAL; /* the language is empty */
    }
    if (st != HTH_OK && !*none && st != HTH_ELIMIT) {
        char *text = json_dumps(s, 0);
        fail_msg("%s: %s", text, err.text);
    }
    hth_ir_close(&ir);
    return g;
}

static bool admits(const HthGrammar *g, const json_t *v) {
    HthBuf text;
    HthMatcher *m = NULL;
    hth_buf_init(&text, 1 << 16);
    assert_ok(hth_json_write(&text, v, 0, &err), err);
    assert_ok(hth_matcher_open(&m, g, NULL, &err), err);
    const bool yes =
        hth_matcher_bytes(m, hth_buf_str(&text), &err) == HTH_OK && hth_matcher_may_end(m);
    hth_matcher_close(&m);
    hth_buf_drop(&text);
    return yes;
}

static void says_what_the_standard_says(void **state) {
    (void)state;
    unsigned yes = 0, no = 0, limits = 0;
    hth_json_init();
    for (uint64_t round = 0; round < 400; round++) {
        Gen g = { .round = round };
        bool none;
        json_t *s = schema(&g, 3);
        HthGrammar *compiled = grammar(s, &none);
        limits += !compiled && !none;
        for (int k = 0; k < 40 && (compiled || none); k++) {
            json_t *v = value(&g, 2);
            const bool want = valid(s, v);
            if ((compiled && admits(compiled, v)) != want) {
                char *a = json_dumps(s, 0), *b = json_dumps(v, JSON_ENCODE_ANY);
                fail_msg("round %u: %s\n%s is %svalid", (unsigned)round, a, b, want ? "" : "in");
            }
            *(want ? &yes : &no) += 1;
            json_decref(v);
        }
        hth_grammar_close(&compiled);
        json_decref(s);
    }
    assert_true(yes > 2000 && no > 2000 && limits < 10);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(says_what_the_standard_says) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

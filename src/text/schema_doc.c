/* schema_doc.c - a schema's document: which object is a subschema, what it is called, where
 * references lead.
 *
 * References are resolved within the document and nowhere else: nothing is fetched.
 *
 * Thread: as schema_int.h. */
#include <string.h>

#include "base/mem.h"
#include "text/schema_int.h"

typedef enum Shape { /* what a keyword's value holds */
                     HOLDS_NONE,
                     HOLDS_ONE,
                     HOLDS_LIST,
                     HOLDS_NAMED
} Shape;

typedef struct KeyRow {
    const char *name;
    uint8_t key, holds;
} KeyRow;

/* Sorted by name (byte order). */
static const KeyRow rows[] = {
    { "$anchor", HTH_SK_WITH_OTHER, HOLDS_NONE },
    { "$comment", HTH_SK_ANNOTATION, HOLDS_NONE },
    { "$defs", HTH_SK_WITH_OTHER, HOLDS_NAMED },
    { "$dynamicAnchor", HTH_SK_WITH_OTHER, HOLDS_NONE },
    { "$dynamicRef", HTH_SK_REF, HOLDS_NONE },
    { "$id", HTH_SK_WITH_OTHER, HOLDS_NONE },
    { "$ref", HTH_SK_REF, HOLDS_NONE },
    { "$schema", HTH_SK_WITH_OTHER, HOLDS_NONE },
    { "$vocabulary", HTH_SK_ANNOTATION, HOLDS_NONE },
    { "additionalProperties", HTH_SK_ADDITIONAL, HOLDS_ONE },
    { "allOf", HTH_SK_ALL_OF, HOLDS_LIST },
    { "anyOf", HTH_SK_ANY_OF, HOLDS_LIST },
    { "const", HTH_SK_CONST, HOLDS_NONE },
    { "contains", HTH_SK_CONTAINS, HOLDS_ONE },
    { "contentEncoding", HTH_SK_ANNOTATION, HOLDS_NONE },
    { "contentMediaType", HTH_SK_ANNOTATION, HOLDS_NONE },
    { "contentSchema", HTH_SK_ANNOTATION, HOLDS_NONE },
    { "default", HTH_SK_ANNOTATION, HOLDS_NONE },
    { "definitions", HTH_SK_WITH_OTHER, HOLDS_NAMED },
    { "dependencies", HTH_SK_DEPENDENCIES, HOLDS_NAMED },
    { "dependentRequired", HTH_SK_DEPENDENT_REQUIRED, HOLDS_NONE },
    { "dependentSchemas", HTH_SK_DEPENDENT_SCHEMAS, HOLDS_NAMED },
    { "deprecated", HTH_SK_ANNOTATION, HOLDS_NONE },
    { "description", HTH_SK_ANNOTATION, HOLDS_NONE },
    { "discriminator", HTH_SK_ANNOTATION, HOLDS_NONE },
    { "else", HTH_SK_WITH_OTHER, HOLDS_ONE },
    { "enum", HTH_SK_ENUM, HOLDS_NONE },
    { "example", HTH_SK_ANNOTATION, HOLDS_NONE },
    { "examples", HTH_SK_ANNOTATION, HOLDS_NONE },
    { "exclusiveMaximum", HTH_SK_NUMBER, HOLDS_NONE },
    { "exclusiveMinimum", HTH_SK_NUMBER, HOLDS_NONE },
    { "externalDocs", HTH_SK_ANNOTATION, HOLDS_NONE },
    { "format", HTH_SK_STRING, HOLDS_NONE },
    { "if", HTH_SK_IF, HOLDS_ONE },
    { "items", HTH_SK_ITEMS, HOLDS_ONE },
    { "maxContains", HTH_SK_WITH_OTHER, HOLDS_NONE },
    { "maxItems", HTH_SK_MAX_ITEMS, HOLDS_NONE },
    { "maxLength", HTH_SK_STRING, HOLDS_NONE },
    { "maxProperties", HTH_SK_MAX_PROPERTIES, HOLDS_NONE },
    { "maximum", HTH_SK_NUMBER, HOLDS_NONE },
    { "minContains", HTH_SK_WITH_OTHER, HOLDS_NONE },
    { "minItems", HTH_SK_MIN_ITEMS, HOLDS_NONE },
    { "minLength", HTH_SK_STRING, HOLDS_NONE },
    { "minProperties", HTH_SK_MIN_PROPERTIES, HOLDS_NONE },
    { "minimum", HTH_SK_NUMBER, HOLDS_NONE },
    { "multipleOf", HTH_SK_NUMBER, HOLDS_NONE },
    { "not", HTH_SK_NOT, HOLDS_ONE },
    { "oneOf", HTH_SK_ONE_OF, HOLDS_LIST },
    { "pattern", HTH_SK_STRING, HOLDS_NONE },
    { "patternProperties", HTH_SK_PATTERNS, HOLDS_NAMED },
    { "prefixItems", HTH_SK_PREFIX, HOLDS_LIST },
    { "properties", HTH_SK_PROPERTIES, HOLDS_NAMED },
    { "propertyNames", HTH_SK_NAMES, HOLDS_ONE },
    { "readOnly", HTH_SK_ANNOTATION, HOLDS_NONE },
    { "required", HTH_SK_REQUIRED, HOLDS_NONE },
    { "then", HTH_SK_WITH_OTHER, HOLDS_ONE },
    { "title", HTH_SK_ANNOTATION, HOLDS_NONE },
    { "type", HTH_SK_TYPE, HOLDS_NONE },
    { "unevaluatedItems", HTH_SK_UNEVALUATED_ITEMS, HOLDS_ONE },
    { "unevaluatedProperties", HTH_SK_UNEVALUATED_PROPERTIES, HOLDS_ONE },
    { "uniqueItems", HTH_SK_UNIQUE, HOLDS_NONE },
    { "writeOnly", HTH_SK_ANNOTATION, HOLDS_NONE },
    { "xml", HTH_SK_ANNOTATION, HOLDS_NONE },
};

static const KeyRow *row_of(const char *name) {
    size_t lo = 0, hi = HTH_COUNT(rows);
    while (lo < hi) {
        const size_t mid = (lo + hi) / 2;
        const int order = strcmp(rows[mid].name, name);
        if (order == 0) return &rows[mid];
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

HthSKey hth_s_key(const char *key) {
    const KeyRow *row = row_of(key);
    if (row) return (HthSKey)row->key;
    return strncmp(key, "x-", 2) == 0 ? HTH_SK_ANNOTATION : HTH_SK_REFUSED;
}

/* --- nodes --- */

static HthStatus add_node(HthSchema *s, const json_t *json, const char *path, uint32_t resource,
                          uint32_t *out) {
    HTH_REQUIRE(json_is_object(json) || json_is_boolean(json), s->err, HTH_EINVAL,
                "%s: a schema must be an object or a boolean", path);
    HTH_REQUIRE(s->node_count < HTH_SCHEMA_NODES_MAX, s->err, HTH_ELIMIT,
                "the schema has more than %d subschemas", HTH_SCHEMA_NODES_MAX);
    HTH_TRY(hth_s_grow(&s->nodes, &s->node_cap, s->node_count, sizeof *s->nodes, s->err));
    s->nodes[s->node_count] = (HthSNode){ json, path, resource };
    *out = s->node_count++;
    if (json_is_boolean(json)) return HTH_OK; /* one object for all that are true */
    return hth_map64_put(s->node_of, (uintptr_t)json, *out, s->err);
}

/* "path/key/name", escaped as a JSON pointer. */
static HthStatus path_of(HthSchema *s, const char *parent, const char *key, HthStr name,
                         const char **out) {
    HthBuf b;
    hth_buf_init(&b, (size_t)1 << 20);
    HthStatus st = hth_buf_printf(&b, s->err, "%s/%s", parent, key);
    if (st == HTH_OK && name.p) st = hth_buf_add_char(&b, '/', s->err);
    for (size_t i = 0; name.p && i < name.n && st == HTH_OK; i++) {
        if (name.p[i] == '~' || name.p[i] == '/')
            st = hth_buf_add_str(&b, hth_str(name.p[i] == '~' ? "~0" : "~1"), s->err);
        else
            st = hth_buf_add_char(&b, name.p[i], s->err);
    }
    if (st == HTH_OK) {
        *out = hth_arena_copy(s->arena, b.p, b.n);
        if (!*out) st = HTH_FAIL(s->err, HTH_ELIMIT, "no memory left for a schema");
    }
    hth_buf_drop(&b);
    return st;
}

HthStatus hth_s_sub(HthSchema *s, uint32_t parent, const char *key, HthStr name, const json_t *json,
                    uint32_t *out) {
    const char *path;
    if (json_is_object(json)) {
        *out = hth_map64_get(s->node_of, (uintptr_t)json);
        if (*out != HTH_MAP_NONE) return HTH_OK;
    }
    HTH_TRY(path_of(s, s->nodes[parent].path, key, name, &path));
    return add_node(s, json, path, s->nodes[parent].resource, out);
}

/* --- the walk over the whole document --- */

static HthStatus put_place(HthSchema *s, HthMap *map, HthStr uri, const char *anchor,
                           uint32_t node) {
    HthBuf b;
    hth_buf_init(&b, (size_t)1 << 16);
    HthStatus st = hth_buf_add_str(&b, uri, s->err);
    if (st == HTH_OK && anchor) st = hth_buf_printf(&b, s->err, "#%s", anchor);
    const char *key = st == HTH_OK ? hth_arena_copy(s->arena, b.p ? b.p : "", b.n) : NULL;
    const size_t n = b.n;
    hth_buf_drop(&b);
    HTH_TRY(st);
    HTH_REQUIRE(key, s->err, HTH_ENOMEM, "out of memory for a schema");
    return hth_map_add(map, (HthStr){ key, n }, node, s->err);
}

static HthStatus add_resource(HthSchema *s, uint32_t node, HthStr base, const char *id) {
    HthBuf b;
    hth_buf_init(&b, (size_t)1 << 16);
    HthStatus st = hth_s_uri(&b, base, hth_str(id), s->err);
    HthStr uri = hth_buf_str(&b);
    const char *hash = memchr(uri.p, '#', uri.n);
    if (hash) uri.n = (size_t)(hash - uri.p);
    const char *kept = st == HTH_OK ? hth_arena_copy(s->arena, uri.p, uri.n) : NULL;
    if (st == HTH_OK && !kept) st = HTH_S_FULL(s);
    if (st == HTH_OK)
        st = hth_s_grow(&s->resources, &s->resource_cap, s->resource_count, sizeof *s->resources,
                        s->err);
    hth_buf_drop(&b);
    HTH_TRY(st);
    s->resources[s->resource_count] = (HthSResource){ kept, node, false };
    s->nodes[node].resource = s->resource_count++;
    return put_place(s, s->places, hth_str(kept), NULL, node);
}

static HthStatus note_names(HthSchema *s, uint32_t node) {
    const json_t *j = s->nodes[node].json;
    const char *id = json_string_value(json_object_get(j, "$id"));
    if (id && id[0] != '#')
        HTH_TRY(add_resource(s, node, hth_str(s->resources[s->nodes[node].resource].uri), id));
    const HthStr uri = hth_str(s->resources[s->nodes[node].resource].uri);
    if (id && id[0] == '#' && id[1])
        HTH_TRY(put_place(s, s->places, uri, id + 1, node)); /* draft 6, 7 */
    const char *anchor = json_string_value(json_object_get(j, "$anchor"));
    if (anchor) HTH_TRY(put_place(s, s->places, uri, anchor, node));
    anchor = json_string_value(json_object_get(j, "$dynamicAnchor"));
    if (!anchor) return HTH_OK;
    HTH_TRY(put_place(s, s->places, uri, anchor, node));
    s->resources[s->nodes[node].resource].dynamic = true;
    return put_place(s, s->dynamic, uri, anchor, node);
}

static HthStatus walk(HthSchema *s, uint32_t node);

static HthStatus walk_sub(HthSchema *s, uint32_t node, const char *key, HthStr name,
                          const json_t *value) {
    uint32_t sub;
    if (!json_is_object(value)) return HTH_OK; /* judged when it is used */
    if (hth_map64_get(s->node_of, (uintptr_t)value) != HTH_MAP_NONE) return HTH_OK;
    HTH_TRY(hth_s_sub(s, node, key, name, value, &sub));
    return walk(s, sub);
}

static HthStatus walk(HthSchema *s, uint32_t node) {
    HTH_REQUIRE(++s->depth <= HTH_SCHEMA_DEPTH_MAX, s->err, HTH_ELIMIT,
                "the schema is nested deeper than %d", HTH_SCHEMA_DEPTH_MAX);
    HTH_TRY(note_names(s, node));
    json_t *j = (json_t *)(uintptr_t)s->nodes[node].json, *value, *one; /* is not changed */
    const char *key, *name;
    HthStatus st = HTH_OK;
    size_t i;
    char index[24];
    json_object_foreach(j, key, value) {
        const KeyRow *row = row_of(key);
        if (st != HTH_OK || !row) continue;
        if (row->key == HTH_SK_NUMBER && strcmp(key, "multipleOf") == 0) {
            const uint32_t m = hth_s_modulus(value);
            if (m > s->multiple_max) s->multiple_max = m;
        }
        if (row->holds == HOLDS_ONE) st = walk_sub(s, node, key, (HthStr){ NULL, 0 }, value);
        if (row->holds == HOLDS_NAMED && json_is_object(value)) {
            json_object_foreach(value, name, one) if (st == HTH_OK) st =
                walk_sub(s, node, key, hth_str(name), one);
        }
        if (row->holds == HOLDS_LIST && json_is_array(value)) {
            json_array_foreach(value, i, one) {
                snprintf(index, sizeof index, "%zu", i);
                if (st == HTH_OK) st = walk_sub(s, node, key, hth_str(index), one);
            }
        }
    }
    s->depth--;
    return st;
}

/* --- references --- */

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if ((c | 32) >= 'a' && (c | 32) <= 'f') return (c | 32) - 'a' + 10;
    return -1;
}

/* One token of a JSON pointer in a fragment: %xx, then ~0 and ~1. */
static HthStatus token_of(HthBuf *out, HthStr t, HthErr *err) {
    hth_buf_clear(out);
    for (size_t i = 0; i < t.n; i++) {
        char c = t.p[i];
        if (c == '%' && i + 2 < t.n && hex_digit(t.p[i + 1]) >= 0 && hex_digit(t.p[i + 2]) >= 0) {
            c = (char)(hex_digit(t.p[i + 1]) * 16 + hex_digit(t.p[i + 2]));
            i += 2;
        }
        if (c == '~' && i + 1 < t.n && (t.p[i + 1] == '0' || t.p[i + 1] == '1'))
            c = t.p[++i] == '0' ? '~' : '/';
        HTH_TRY(hth_buf_add_char(out, c, err));
    }
    return hth_buf_add(out, "", 0, err);
}

/* A place that no keyword leads to may still be pointed at. */
static HthStatus pointer(HthSchema *s, uint32_t from, HthStr at, uint32_t *out) {
    const json_t *j = s->nodes[from].json;
    uint32_t node = from, resource = s->nodes[from].resource;
    HthStr rest = at;
    HthBuf token;
    uint64_t index;
    hth_buf_init(&token, (size_t)1 << 16);
    HthStatus st = HTH_OK;
    while (st == HTH_OK && j && rest.n) {
        rest = hth_str_sub(rest, 1, rest.n);
        size_t n = 0;
        while (n < rest.n && rest.p[n] != '/') n++;
        st = token_of(&token, (HthStr){ rest.p, n }, s->err);
        rest = hth_str_sub(rest, n, rest.n);
        if (st != HTH_OK) break;
        const HthStr t = hth_buf_str(&token);
        if (json_is_array(j))
            j = hth_str_u64(t, &index) ? json_array_get(j, (size_t)index) : NULL;
        else
            j = json_object_getn(j, t.p, t.n);
        const uint32_t known =
            json_is_object(j) ? hth_map64_get(s->node_of, (uintptr_t)j) : HTH_MAP_NONE;
        if (known != HTH_MAP_NONE) {
            node = known;
            resource = s->nodes[known].resource;
        }
    }
    hth_buf_drop(&token);
    HTH_TRY(st);
    HTH_REQUIRE(j, s->err, HTH_EINVAL, "%s: $ref points at nothing", s->nodes[node].path);
    if (json_is_object(j) && s->nodes[node].json == j) {
        *out = node;
        return HTH_OK;
    }
    const char *path = NULL;
    HTH_TRY(path_of(s, s->nodes[from].path, at.n ? at.p + 1 : "", (HthStr){ NULL, 0 }, &path));
    HTH_TRY(add_node(s, j, path, resource, out));
    return json_is_object(j) ? walk(s, *out) : HTH_OK;
}

/* The outermost resource come through that has a dynamic anchor of this name decides, if the one
 * found first (known by its whole name) is dynamic itself. */
static HthStatus dynamic_target(HthSchema *s, HthStr whole, HthStr anchor, uint32_t *out) {
    HthBuf b;
    if (hth_map_get(s->dynamic, whole) == HTH_MAP_NONE) return HTH_OK;
    hth_buf_init(&b, (size_t)1 << 16);
    HthStatus st = HTH_OK;
    for (uint32_t c = s->context; c && st == HTH_OK; c = s->contexts[c].outer) {
        hth_buf_clear(&b);
        st = hth_buf_printf(&b, s->err, "%s#%.*s", s->resources[s->contexts[c].resource].uri,
                            HTH_STR_ARG(anchor));
        const uint32_t node = hth_map_get(s->dynamic, hth_buf_str(&b));
        if (st == HTH_OK && node != HTH_MAP_NONE) *out = node;
    }
    hth_buf_drop(&b);
    return st;
}

HthStatus hth_s_ref(HthSchema *s, uint32_t node, HthStr ref, bool dynamic, uint32_t *out) {
    const char *path = s->nodes[node].path;
    HthBuf b;
    hth_buf_init(&b, (size_t)1 << 16);
    HthStatus st = hth_s_uri(&b, hth_str(s->resources[s->nodes[node].resource].uri), ref, s->err);
    HthStr uri = hth_buf_str(&b), fragment = { "", 0 };
    const char *hash = memchr(uri.p, '#', uri.n);
    if (hash) {
        fragment = (HthStr){ hash + 1, uri.n - (size_t)(hash + 1 - uri.p) };
        uri.n = (size_t)(hash - uri.p);
    }
    uint32_t root = hth_map_get(s->places, uri);
    const bool whole = fragment.n && fragment.p[0] != '/';
    if (st == HTH_OK && root == HTH_MAP_NONE)
        st = HTH_FAIL(s->err, HTH_ENOTSUP,
                      "%s: $ref to another document is not supported; put it into $defs", path);
    if (st == HTH_OK && whole) {
        *out = hth_map_get(s->places, hth_buf_str(&b));
        if (*out == HTH_MAP_NONE)
            st = HTH_FAIL(s->err, HTH_EINVAL, "%s: $ref names an anchor that is not there", path);
        else if (dynamic)
            st = dynamic_target(s, hth_buf_str(&b), fragment, out);
    } else if (st == HTH_OK) {
        st = pointer(s, root, fragment, out);
    }
    hth_buf_drop(&b);
    return st;
}

HthStatus hth_s_count(HthSchema *s, uint32_t node, const char *key, uint32_t missing,
                      uint32_t *out) {
    const json_t *v = json_object_get(s->nodes[node].json, key);
    const double real = json_number_value(v);
    *out = missing;
    if (!v) return HTH_OK;
    HTH_REQUIRE(json_is_number(v) && real >= 0 &&
                    (json_is_integer(v) || real >= 9e15 || real == (double)(int64_t)real),
                s->err, HTH_EINVAL, "%s: %s must be a whole number, not negative",
                s->nodes[node].path, key);
    *out = real >= (double)HTH_MANY ? HTH_MANY : (uint32_t)real;
    return HTH_OK;
}

/* --- drafts --- */

static HthStatus choose_draft(HthSchema *s) {
    static const struct {
        const char *part;
        uint32_t draft;
    } drafts[] = {
        { "json-schema.org/draft/2020-12/schema", 2020 },
        { "json-schema.org/draft/2019-09/schema", 2019 },
        { "json-schema.org/draft-07/schema", 7 },
        { "json-schema.org/draft-06/schema", 6 },
        { "json-schema.org/draft-04/schema", 4 },
    };
    const json_t *v = json_object_get(s->root, "$schema");
    s->draft = 2020;
    if (!v) return HTH_OK;
    const char *uri = json_string_value(v);
    for (size_t i = 0; uri && i < HTH_COUNT(drafts); i++) {
        const char *at = strstr(uri, drafts[i].part);
        const char *rest = at ? at + strlen(drafts[i].part) : "";
        if (!at || (rest[0] && strcmp(rest, "#") != 0)) continue;
        s->draft = drafts[i].draft;
        return HTH_OK;
    }
    return HTH_FAIL(s->err, HTH_ENOTSUP, "#: this $schema is not supported; leave it out");
}

static HthStatus choose_formats(HthSchema *s) {
    const json_t *v = json_object_get(s->root, "x-hearth-format");
    const HthStr word = { json_string_value(v), json_string_length(v) };
    if (!v) return HTH_OK;
    s->formats_noted = hth_str_eq(word, HTH_STR("annotation"));
    HTH_REQUIRE(s->formats_noted || hth_str_eq(word, HTH_STR("assertion")), s->err, HTH_EINVAL,
                "#: x-hearth-format must be \"assertion\" or \"annotation\"");
    return HTH_OK;
}

HthStatus hth_s_doc(HthSchema *s) {
    uint32_t root;
    HTH_TRY(choose_draft(s));
    HTH_TRY(choose_formats(s));
    HTH_TRY(hth_s_grow(&s->resources, &s->resource_cap, 0, sizeof *s->resources, s->err));
    s->resources[s->resource_count++] = (HthSResource){ "", 0, false };
    HTH_TRY(add_node(s, s->root, "#", 0, &root));
    HTH_TRY(put_place(s, s->places, HTH_STR(""), NULL, root));
    return json_is_object(s->root) ? walk(s, root) : HTH_OK;
}

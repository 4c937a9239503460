/* reply_param.c - arguments that are written one parameter at a time, between marks.
 *
 * A string streams as it comes; any other value is held until it is whole, because only then is it
 * known to be one.  The tool's schema says which it is, and what it says wins over how the text
 * looks: "12" of a string parameter stays a string.
 *
 * Thread: a reply has one owner. */
#include <string.h>

#include "text/reply_int.h"

enum { KEY_MAX = 256, ATTRS_MAX = 64, NEST_MAX = 16 };
enum { IS_STRING = 1, IS_NUMBER = 2, IS_BOOL = 4, IS_NULL = 8, IS_OBJECT = 16, IS_ARRAY = 32 };
enum { IS_ANY = 63 };

/* --- types --- */

static unsigned type_named(HthStr name) {
    static const struct {
        const char *name;
        unsigned types;
    } table[] = { { "string", IS_STRING }, { "number", IS_NUMBER }, { "integer", IS_NUMBER },
                  { "boolean", IS_BOOL },  { "null", IS_NULL },     { "object", IS_OBJECT },
                  { "array", IS_ARRAY } };
    for (size_t i = 0; i < HTH_COUNT(table); i++)
        if (hth_str_eq(name, hth_str(table[i].name))) return table[i].types;
    return IS_ANY;
}

static unsigned type_of(const json_t *v) {
    switch (json_typeof(v)) {
    case JSON_STRING: return IS_STRING;
    case JSON_INTEGER:
    case JSON_REAL: return IS_NUMBER;
    case JSON_TRUE:
    case JSON_FALSE: return IS_BOOL;
    case JSON_NULL: return IS_NULL;
    case JSON_OBJECT: return IS_OBJECT;
    case JSON_ARRAY: return IS_ARRAY;
    }
    return 0;
}

static unsigned types_of(const json_t *schema, unsigned depth);

static unsigned types_of_list(const json_t *list, unsigned depth) {
    unsigned types = 0;
    for (size_t i = 0; i < json_array_size(list); i++)
        types |= types_of(json_array_get(list, i), depth);
    return types;
}

/* The types a schema may allow; what is not plain allows all. */
static unsigned types_of(const json_t *schema, unsigned depth) {
    const json_t *type = json_object_get(schema, "type"), *list;
    unsigned types = 0;
    if (json_is_string(type))
        return type_named((HthStr){ json_string_value(type), json_string_length(type) });
    for (size_t i = 0; i < json_array_size(type); i++) {
        const json_t *one = json_array_get(type, i);
        types |= json_is_string(one)
                     ? type_named((HthStr){ json_string_value(one), json_string_length(one) })
                     : (unsigned)IS_ANY;
    }
    if (types) return types;
    if ((list = json_object_get(schema, "const"))) return type_of(list);
    list = json_object_get(schema, "enum");
    for (size_t i = 0; i < json_array_size(list); i++) types |= type_of(json_array_get(list, i));
    if (!types && depth < NEST_MAX) {
        types = types_of_list(json_object_get(schema, "anyOf"), depth + 1) |
                types_of_list(json_object_get(schema, "oneOf"), depth + 1);
    }
    return types ? types : (unsigned)IS_ANY;
}

static unsigned param_types(const HthReply *r) {
    const json_t *f = json_object_get(r->tool, "function");
    const json_t *params = json_object_get(f ? f : r->tool, "parameters");
    const json_t *p =
        json_object_getn(json_object_get(params, "properties"), hth_buf_str(&r->key).p, r->key.n);
    return p ? types_of(p, 0) : (unsigned)IS_ANY;
}

static unsigned type_of_text(HthStr json) {
    switch (json.n ? *json.p : '"') {
    case '{': return IS_OBJECT;
    case '[': return IS_ARRAY;
    case 't':
    case 'f': return IS_BOOL;
    case 'n': return IS_NULL;
    case '"': return IS_STRING;
    default: return IS_NUMBER;
    }
}

/* --- values --- */

static void cut(HthBuf *out, size_t n) {
    out->n = n;
    if (out->p) out->p[n] = 0;
}

/* text as JSON, if it is any value of JSON's or Python's; else `out` is left as it was. */
static HthStatus literal(HthStr text, HthBuf *out, bool *is, HthErr *err) {
    HthValue v;
    const size_t was = out->n;
    size_t used = 0;
    *is = false;
    if (!text.n || *text.p == '(') return HTH_OK;
    hth_value_begin(&v, HTH_VALUE_PYTHON, HTH_STR(""), out);
    HTH_TRY(hth_value_put(&v, text, &used, err));
    HTH_TRY(hth_value_end(&v, err));
    *is = v.state == HTH_V_DONE && !v.bad && used == text.n;
    if (!*is) cut(out, was);
    return HTH_OK;
}

static HthStatus quoted(HthBuf *out, HthStr text, HthErr *err) {
    HTH_TRY(hth_buf_add_char(out, '"', err));
    HTH_TRY(hth_json_escape(out, text, err));
    return hth_buf_add_char(out, '"', err);
}

/* Objects and arrays as tags again: MARK<key>value MARK</key>; arrays hold <item>. */
typedef struct Nest {
    HthStr open; /* what stands before a key */
    HthBuf *out;
    HthErr *err;
} Nest;

static HthStatus nested(const Nest *n, HthStr s, unsigned depth, bool *is);

/* The element that begins at s: its name and inside. */
static bool element(const Nest *n, HthStr s, HthStr *name, HthStr *inside, size_t *used) {
    if (!hth_str_starts(s, n->open)) return false;
    const char *end = memchr(s.p + n->open.n, '>', s.n - n->open.n);
    if (!end) return false;
    *name = hth_str_sub(s, n->open.n, (size_t)(end - s.p) - n->open.n);
    if (!name->n || name->n > KEY_MAX || *name->p == '/' || memchr(name->p, 0, name->n))
        return false;
    const HthStr ns = hth_str_sub(n->open, 0, n->open.n - 1); /* without its last "<" */
    const size_t from = n->open.n + name->n + 1;
    uint32_t level = 1; /* an element may hold one of its name */
    for (size_t at = from; at < s.n; at++) {
        const HthStr rest = hth_str_sub(s, at, s.n);
        if (!hth_str_starts(rest, n->open)) continue;
        const bool close = rest.n > n->open.n && rest.p[n->open.n] == '/';
        const HthStr tag = hth_str_sub(rest, n->open.n + close, rest.n);
        if (!hth_str_starts(tag, *name) || tag.n == name->n || tag.p[name->n] != '>') continue;
        level += close ? UINT32_MAX : 1;
        if (level) continue;
        *inside = hth_str_sub(s, from, at - from);
        *used = at + ns.n + 1 + 1 + name->n + 1;
        return true;
    }
    return false;
}

static HthStatus nested(const Nest *n, HthStr s, unsigned depth, bool *is) {
    HthStr name, inside;
    size_t used = 0;
    bool first = true, list = false;
    if (hth_str_find(s, n->open) == SIZE_MAX) {
        HTH_TRY(literal(hth_str_trim(s), n->out, is, n->err));
        if (!*is) HTH_TRY(quoted(n->out, s, n->err));
        *is = true;
        return HTH_OK;
    }
    *is = depth < NEST_MAX;
    for (s = hth_str_trim(s); *is && s.n; s = hth_str_trim(hth_str_sub(s, used, s.n))) {
        *is = element(n, s, &name, &inside, &used);
        if (!*is) break;
        const bool item = hth_str_eq(name, HTH_STR("item"));
        if (first) list = item;
        HTH_TRY(hth_buf_add(n->out, first ? (list ? "[" : "{") : ",", 1, n->err));
        first = false;
        if (!list) HTH_TRY(quoted(n->out, name, n->err));
        if (!list) HTH_TRY(hth_buf_add_char(n->out, ':', n->err));
        HTH_TRY(nested(n, inside, depth + 1, is));
        *is = *is && item == list;
    }
    return *is ? hth_buf_add_char(n->out, list ? ']' : '}', n->err) : HTH_OK;
}

HthStatus hth_reply_typed(const HthReply *r, HthStr text, HthBuf *out, HthErr *err) {
    const unsigned types = param_types(r);
    const size_t was = out->n;
    const HthStr trimmed = hth_str_trim(text);
    bool is = false;
    const HthStr open = hth_str_trim(r->t->param_open);
    if (r->t->nested && hth_str_find(text, open) != SIZE_MAX) {
        const Nest n = { open, out, err };
        HTH_TRY(nested(&n, text, 0, &is));
    } else {
        HTH_TRY(literal(trimmed, out, &is, err));
    }
    const unsigned type = is ? type_of_text(hth_str_sub(hth_buf_str(out), was, 1)) : 0;
    if (is && ((type & types) || !(types & IS_STRING))) return HTH_OK;
    cut(out, was);
    return quoted(out, text, err);
}

/* --- before a parameter --- */

typedef struct ParamHead {
    HthStr key;
    size_t used;
    bool text, other; /* the mark itself says that this is a string, or that it is none */
} ParamHead;

/* The mark between key and value, as rendered for strings or for others, or nearly so. */
static HthFit param_mid(const HthTalk *t, HthStr s, ParamHead *h) {
    const HthStr mids[2] = { hth_str_trim(t->param_mid), hth_str_trim(t->param_mid_other) };
    const bool differ = !hth_str_eq(mids[0], mids[1]);
    HthFit fit = HTH_FIT_NO;
    size_t used = 0;
    for (int i = 0; i < 2; i++) {
        const HthFit one = hth_lit_fit(mids[i], HTH_STR(""), s, &used);
        if (one == HTH_FIT_YES) {
            h->used += used;
            h->text = differ && i == 0;
            return one;
        }
        if (one > fit) fit = one;
    }
    if (fit != HTH_FIT_NO || !differ) return fit;
    const HthStr last = hth_str_sub(mids[0], mids[0].n - hth_unit_back(mids[0]), mids[0].n);
    const size_t at = hth_str_find(hth_str_sub(s, 0, ATTRS_MAX), last);
    if (at == SIZE_MAX) return s.n < ATTRS_MAX ? HTH_FIT_MORE : HTH_FIT_NO;
    h->used += at + last.n;
    return HTH_FIT_YES;
}

/* Parameter marks, key, marks; and the line break the template puts before a value. */
static HthFit param_head(const HthTalk *t, HthStr s, bool ended, ParamHead *h) {
    const HthStr mid = hth_str_trim(t->param_mid);
    size_t used = 0, n = 0;
    const HthFit fit = hth_lit_fit(hth_str_trim(t->param_open), HTH_STR(""), s, &used);
    if (fit != HTH_FIT_YES) return fit;
    while (used + n < s.n && s.p[used + n] != *mid.p) {
        if (n == KEY_MAX || (uint8_t)s.p[used + n] < ' ') return HTH_FIT_NO;
        n++;
    }
    if (used + n == s.n) return HTH_FIT_MORE;
    h->key = hth_str_sub(s, used, n);
    h->used = used + n;
    if (!n) return HTH_FIT_NO;
    const HthFit end = param_mid(t, hth_str_sub(s, h->used, s.n), h);
    if (end != HTH_FIT_YES) return end;
    if (t->param_mid.p[t->param_mid.n - 1] != '\n') return HTH_FIT_YES;
    if (h->used == s.n) return ended ? HTH_FIT_YES : HTH_FIT_MORE;
    if (s.p[h->used] == '\n') h->used++;
    return HTH_FIT_YES;
}

static HthStatus begin_value(HthReply *r, const ParamHead *h, HthErr *err) {
    const HthStr end = r->any_param ? HTH_STR(",") : HTH_STR("");
    HTH_TRY(hth_reply_out(r, HTH_PART_ARGS, end, err));
    r->any_param = true;
    hth_buf_clear(&r->key);
    hth_buf_clear(&r->raw);
    HTH_TRY(hth_buf_add_str(&r->key, h->key, err));
    HTH_TRY(quoted(&r->out, h->key, err));
    r->text_value = h->text || param_types(r) == IS_STRING;
    HTH_TRY(hth_buf_add_str(&r->out, r->text_value ? HTH_STR(":\"") : HTH_STR(":"), err));
    r->at += h->used;
    r->cdata = false;
    r->value_begun = false;
    r->state = HTH_R_VALUE;
    return HTH_OK;
}

HthStatus hth_reply_param(HthReply *r, bool *moved, HthErr *err) {
    size_t n = 0, used = 0;
    const HthStr all = hth_reply_rest(r);
    while (n < all.n && hth_is_blank(all.p[n])) n++;
    const HthStr s = hth_str_sub(all, n, all.n);
    ParamHead h = { 0 };
    const HthFit close = hth_lit_fit(r->t->find_item_close, HTH_STR(""), s, &used);
    const HthFit open = param_head(r->t, s, r->ended, &h);
    if (close == HTH_FIT_YES && r->t->find_item_close.n) {
        r->at += n + used;
        return hth_reply_call_end(r, true, err);
    }
    if (open == HTH_FIT_YES) {
        h.used += n;
        return begin_value(r, &h, err);
    }
    if ((open == HTH_FIT_MORE || close == HTH_FIT_MORE) && !r->ended) {
        *moved = false;
        return HTH_OK;
    }
    return hth_reply_call_end(r, !r->t->find_item_close.n, err); /* the rest is text */
}

/* --- within a value --- */

/* Bytes that are certainly the value's. */
static HthStatus add_value(HthReply *r, HthStr s, HthErr *err) {
    r->at += s.n;
    if (r->text_value) return hth_json_escape(&r->out, s, err);
    return hth_buf_add_str(&r->raw, s, err);
}

static HthStatus end_value(HthReply *r, HthErr *err) {
    r->state = HTH_R_PARAM;
    if (r->text_value) return hth_buf_add_char(&r->out, '"', err);
    return hth_reply_typed(r, hth_buf_str(&r->raw), &r->out, err);
}

/* Is this the end of the value? With the line break the template puts before its mark. */
static HthFit value_end(const HthReply *r, HthStr s, size_t *used) {
    const HthStr close = r->t->param_close, key = hth_buf_str(&r->key);
    size_t at = 0;
    if (r->cdata) {
        const HthFit fit = hth_lit_fit(HTH_STR("]]>"), key, s, &at);
        if (fit != HTH_FIT_YES) return fit;
        while (at < s.n && hth_is_blank(s.p[at])) at++;
    } else if (close.n && *close.p == '\n' && s.n && *s.p == '\n') {
        at = 1;
    }
    const HthFit fit = hth_lit_fit(hth_str_trim(close), key, hth_str_sub(s, at, s.n), used);
    *used += at;
    return fit;
}

HthStatus hth_reply_value(HthReply *r, bool *moved, HthErr *err) {
    const HthStr cdata = HTH_STR("<![CDATA["), s = hth_reply_rest(r);
    HTH_TRY(hth_reply_out(r, HTH_PART_ARGS, HTH_STR(""), err));
    if (!s.n && r->ended) return hth_reply_call_end(r, false, err);
    if (!r->value_begun) {
        if (s.n < cdata.n && hth_str_starts(cdata, s) && !r->ended) {
            *moved = false;
            return HTH_OK;
        }
        r->value_begun = true;
        r->cdata = hth_str_starts(s, cdata);
        if (r->cdata) r->at += cdata.n;
        return HTH_OK;
    }
    const HthStr mark = hth_str_trim(r->t->param_close);
    size_t used = 0;
    for (size_t n = 0; n < s.n; n++) {
        if (s.p[n] != *mark.p && s.p[n] != '\n' && s.p[n] != ']') continue;
        const HthFit fit = value_end(r, hth_str_sub(s, n, s.n), &used);
        if (fit == HTH_FIT_NO || (fit == HTH_FIT_MORE && r->ended)) continue;
        HTH_TRY(add_value(r, hth_str_sub(s, 0, n), err));
        if (fit == HTH_FIT_MORE) {
            *moved = false;
            return HTH_OK;
        }
        r->at += used;
        return end_value(r, err);
    }
    *moved = s.n > 0;
    HTH_TRY(add_value(r, s, err));
    if (r->raw.n > HTH_REPLY_VALUE_MAX) return hth_reply_call_end(r, false, err);
    return HTH_OK;
}

HthStatus hth_reply_param_close(HthReply *r, HthErr *err) {
    if (r->state == HTH_R_VALUE) HTH_TRY(end_value(r, err));
    return hth_buf_add_char(&r->out, '}', err);
}

/* json.c - a thin face over jansson: limits, exact integers, one error style.
 *
 * Not a JSON library: values are json_t, and callers use jansson's accessors. Strings may hold
 * U+0000, so ask json_string_length.
 *
 * Thread: any. */
#include "base/json.h"

#include "base/json_heap.h"

#define DEPTH_MAX 512

/* What went wrong, without jansson's own sentence, which quotes the text. */
typedef struct Reason {
    enum json_error_code code;
    HthStatus status;
    const char *text;
} Reason;

static const Reason reasons[] = {
    { json_error_stack_overflow, HTH_ELIMIT, "too deeply nested" },
    { json_error_premature_end_of_input, HTH_EFORMAT, "it ends too early" },
    { json_error_end_of_input_expected, HTH_EFORMAT, "something follows the value" },
    { json_error_invalid_utf8, HTH_EFORMAT, "invalid UTF-8" },
    { json_error_duplicate_key, HTH_EFORMAT, "a key occurs twice in one object" },
    { json_error_numeric_overflow, HTH_EFORMAT, "a number is too large" },
    { json_error_null_byte_in_key, HTH_EFORMAT, "a key holds U+0000" },
    { json_error_null_character, HTH_EFORMAT, "a string holds U+0000" },
    { json_error_invalid_syntax, HTH_EFORMAT, "not JSON" },
};

static HthStatus explain(const json_error_t *e, HthErr *err) {
    const Reason *r = &reasons[HTH_COUNT(reasons) - 1];
    for (size_t i = 0; i < HTH_COUNT(reasons); i++)
        if (reasons[i].code == json_error_code(e)) r = &reasons[i];
    return HTH_FAIL(err, r->status, "JSON, line %d column %d: %s", e->line, e->column, r->text);
}

/* Depth first, by our own limit: jansson's is higher, and its parser and json_decref recurse. */
static HthStatus check_depth(HthStr s, HthErr *err) {
    uint32_t depth = 0;
    int line = 1;
    bool in_string = false;
    for (size_t i = 0; i < s.n; i++) {
        const char c = s.p[i];
        if (c == '\n') line++;
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            HTH_REQUIRE(++depth <= DEPTH_MAX, err, HTH_ELIMIT,
                        "JSON, line %d: nested deeper than %d", line, DEPTH_MAX);
        } else if ((c == ']' || c == '}') && depth) {
            depth--;
        }
    }
    return HTH_OK;
}

typedef struct Reader {
    HthStr text;
    size_t flags;
    json_error_t e;
} Reader;

static json_t *read_text(void *ctx) {
    Reader *r = ctx;
    return json_loadb(r->text.n ? r->text.p : "", r->text.n, r->flags, &r->e);
}

HthStatus hth_json_parse(json_t **out, HthStr text, size_t bytes_max, HthErr *err) {
    Reader r = { text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, .e = { 0 } };
    bool starved;
    HTH_REQUIRE(text.n <= bytes_max, err, HTH_ELIMIT,
                "the JSON is %zu bytes long and the limit is %zu", text.n, bytes_max);
    HTH_TRY(check_depth(text, err));
    json_t *v = hth_json_guarded(read_text, &r, &starved);
    HTH_REQUIRE(!starved, err, HTH_ENOMEM, "out of memory while reading JSON");
    if (!v) return explain(&r.e, err);
    *out = v;
    return HTH_OK;
}

json_t *hth_json_first(HthStr text, size_t *end) {
    Reader r = { text, JSON_DISABLE_EOF_CHECK, .e = { 0 } };
    bool starved;
    json_t *v = hth_json_guarded(read_text, &r, &starved);
    if (v) *end = (size_t)r.e.position;
    return v;
}

typedef struct Sink {
    HthBuf *buf;
    HthStatus status;
    HthErr *err;
} Sink;

static int put(const char *bytes, size_t n, void *ctx) {
    Sink *sink = ctx;
    sink->status = hth_buf_add(sink->buf, bytes, n, sink->err);
    return sink->status == HTH_OK ? 0 : -1;
}

HthStatus hth_json_write(HthBuf *out, const json_t *value, int indent, HthErr *err) {
    hth_json_init();
    const size_t before = out->n;
    const size_t layout = indent > 0 ? JSON_INDENT(indent) : JSON_COMPACT;
    Sink sink = { out, HTH_OK, err };
    const uint64_t starved = hth_json_starved();
    if (!json_dump_callback(value, put, &sink, layout | JSON_ENCODE_ANY)) return HTH_OK;
    out->n = before;
    if (out->p) out->p[before] = '\0';
    if (sink.status != HTH_OK) return sink.status;
    HTH_REQUIRE(hth_json_starved() == starved, err, HTH_ENOMEM, "out of memory while writing JSON");
    return HTH_FAIL(err, HTH_EINVAL,
                    "a value cannot be written as JSON: a number is not finite, a "
                    "loop, or text that is not UTF-8");
}

json_t *hth_json_str(HthStr s) {
    if (hth_utf8_valid(s)) return json_stringn(s.p, s.n);
    HthBuf b;
    hth_buf_init(&b, s.n * 3 + 4);
    json_t *out = NULL;
    while (s.n > 0) {
        size_t whole = hth_utf8_whole(s);
        if (hth_buf_add(&b, s.p, whole, NULL) != HTH_OK) goto out;
        s = hth_str_sub(s, whole, SIZE_MAX);
        if (s.n == 0) break;
        if (hth_buf_add(&b, "\xef\xbf\xbd", 3, NULL) != HTH_OK) goto out;
        s = hth_str_sub(s, 1, SIZE_MAX);
    }
    out = json_stringn(hth_buf_str(&b).p, b.n);
out:
    hth_buf_drop(&b);
    return out;
}

HthStr hth_json_text(const json_t *object, const char *member) {
    const json_t *v = json_object_get(object, member);
    if (!json_is_string(v)) return (HthStr){ 0 };
    return (HthStr){ json_string_value(v), json_string_length(v) };
}

/* ask_format.c - what requests say of the form of the words: schemas, grammars, patterns, choices.
 *
 * One form per request: two of them are a contradiction, and none of them is preferred silently.
 * Whether a schema or grammar can be enforced is text/schema.h's and text/grammar.h's business.
 *
 * Thread: as ask.h. */
#include <string.h>

#include "serve/ask_read.h"

enum { GRAMMAR_BYTES_MAX = 1 << 20, CHOICES_MAX = 4096 };

static HthStatus set_format(HthAsk *a, HthFormat f, const char *path, HthErr *err) {
    HTH_REQUIRE(a->format == HTH_FORMAT_TEXT, err, HTH_EINVAL,
                "%s: another field has set a format already; only one can hold", path);
    a->format = f;
    return HTH_OK;
}

static HthStatus set_schema(HthAsk *a, const json_t *v, const char *path, HthErr *err) {
    if (!json_is_object(v)) return hth_ask_wrong(err, path, "a JSON schema (an object)", v);
    HTH_TRY(set_format(a, HTH_FORMAT_SCHEMA, path, err));
    a->schema = v;
    return HTH_OK;
}

/* {type: text | json_object [schema] | json_schema {schema} | grammar} */
HthStatus hth_ask_response_format(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    static const char *const words[] = { "text", "json_object", "json_schema", NULL };
    char at[HTH_PATH_SIZE];
    size_t i;
    if (!json_is_object(v)) return hth_ask_wrong(err, path, "an object", v);
    hth_ask_path(at, path, "type");
    HTH_TRY(hth_ask_word(hth_ask_get(v, "type"), at, words, &i, err));
    if (i == 0) return HTH_OK;
    const json_t *named = hth_ask_get(v, "json_schema");
    const json_t *schema = hth_ask_get(named ? named : v, "schema");
    const bool nested = i == 2 && strcmp(path, "response_format") == 0; /* as documented */
    if (i == 1 && schema == NULL) return set_format(a, HTH_FORMAT_JSON, path, err);
    hth_ask_path(at, path, named || nested ? "json_schema.schema" : "schema");
    return set_schema(a, schema, at, err);
}

/* "json", a schema, or "" for none. */
HthStatus hth_ask_ollama_format(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    const HthStr s = hth_ask_text(v);
    if (json_is_object(v)) return set_schema(a, v, path, err);
    if (json_is_string(v) && s.n == 0) return HTH_OK;
    if (!hth_str_eq(s, HTH_STR("json")))
        return HTH_FAIL(err, HTH_EINVAL, "%s: must be \"json\" or a JSON schema (an object)", path);
    return set_format(a, HTH_FORMAT_JSON, path, err);
}

/* A schema, or its text. */
static HthStatus read_schema(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    HthErr inner = { 0 };
    json_t *parsed = NULL;
    if (!json_is_string(v)) return set_schema(a, v, path, err);
    const HthStatus st = hth_json_parse(&parsed, hth_ask_text(v), GRAMMAR_BYTES_MAX, &inner);
    if (st == HTH_ENOMEM) return hth_ask_nomem(err);
    if (st != HTH_OK) return HTH_FAIL(err, HTH_EINVAL, "%s: %.180s", path, inner.text);
    HTH_TRY(hth_ask_keep(a, parsed, err));
    return set_schema(a, parsed, path, err);
}

static HthStatus read_text(HthAsk *a, HthFormat f, const json_t *v, const char *path, HthErr *err) {
    HthStr s;
    HTH_TRY(hth_ask_str(v, path, GRAMMAR_BYTES_MAX, &s, err));
    if (s.n == 0) return HTH_OK;
    HTH_TRY(set_format(a, f, path, err));
    a->grammar = s;
    return HTH_OK;
}

static HthStatus read_grammar(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    return read_text(a, HTH_FORMAT_GBNF, v, path, err);
}

static HthStatus read_regex(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    return read_text(a, HTH_FORMAT_REGEX, v, path, err);
}

static HthStatus read_choice(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    char at[HTH_PATH_SIZE];
    HthStr s;
    if (!json_is_array(v)) return hth_ask_wrong(err, path, "an array of strings", v);
    const size_t n = json_array_size(v);
    HTH_REQUIRE(n >= 1 && n <= CHOICES_MAX, err, HTH_EINVAL,
                "%s: must have from 1 to %d choices, not %zu", path, CHOICES_MAX, n);
    for (size_t i = 0; i < n; i++) {
        hth_ask_path_at(at, path, i);
        HTH_TRY(hth_ask_str(json_array_get(v, i), at, GRAMMAR_BYTES_MAX, &s, err));
    }
    HTH_TRY(set_format(a, HTH_FORMAT_CHOICE, path, err));
    a->schema = v;
    return HTH_OK;
}

/* vLLM's: {json, regex, choice, grammar} */
static HthStatus read_structured(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    static const HthField fields[] = {
        HTH_F_READ("json", read_schema),      HTH_F_READ("regex", read_regex),
        HTH_F_READ("choice", read_choice),    HTH_F_READ("grammar", read_grammar),
        HTH_F_REFUSE("structural_tag", 0, 0),
    };
    bool object = false;
    if (!json_is_object(v)) return hth_ask_wrong(err, path, "an object", v);
    HTH_TRY(hth_ask_fields(a, v, path, fields, HTH_COUNT(fields), err));
    const json_t *any = hth_ask_get(v, "json_object");
    if (any) HTH_TRY(hth_ask_bool(any, path, &object, err));
    return object ? set_format(a, HTH_FORMAT_JSON, path, err) : HTH_OK;
}

const HthField hth_fields_format[] = {
    HTH_F_READ("json_schema", read_schema),
    HTH_F_READ("grammar", read_grammar),
    HTH_F_READ("guided_json", read_schema),
    HTH_F_READ("guided_regex", read_regex),
    HTH_F_READ("guided_choice", read_choice),
    HTH_F_READ("guided_grammar", read_grammar),
    HTH_F_READ("structured_outputs", read_structured),
    HTH_F_REFUSE("grammar_lazy", 0, 0),
};
const size_t hth_fields_format_count = HTH_COUNT(hth_fields_format);

/* receipt_facts.c - facts as an in-toto statement and back, by one table for both ways.
 *
 * Thread: any. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "audit/jcs.h"
#include "audit/receipt_int.h"

typedef enum Kind {
    DIGESTS, /* HthDigests */
    DIGESTS_OPT, /* the same; zero is null */
    HASH, /* 32 bytes in hexadecimal */
    HASH_OPT, /* the same; zero is null */
    COUNT, /* uint64_t up to 2^53 */
    SEED, /* uint64_t, as text */
    WORD, /* HthStr: 1 to 64 printing characters of ASCII */
    HEX_OPT, /* HthStr: 64 hexadecimal digits, lower-case; empty is null */
    TEXT_OPT, /* HthStr; empty is null */
    TEXTS, /* json_t: an object of texts */
    ADAPTERS, /* HthReceiptAdapters; absent where there are none */
    TIME /* int64_t, as RFC 3339 */
} Kind;

typedef struct Row {
    const char *group, *name; /* group NULL: a member of the predicate itself */
    Kind kind;
    size_t at;
} Row;

#define AT(field) offsetof(HthReceiptFacts, field)
static const Row rows[] = {
    { "answer", "tokens", COUNT, AT(id_count) },
    { "answer", "tokenIds", DIGESTS, AT(ids) },
    { "answer", "finish", WORD, AT(finish) },
    { "prompt", "tokens", COUNT, AT(prompt_count) },
    { "prompt", "commitment", HASH, AT(prompt) },
    { "prompt", "salt", HASH, AT(salt) },
    { "model", "digest", DIGESTS, AT(model) },
    { "model", "bytes", COUNT, AT(model_bytes) },
    { "model", "adapters", ADAPTERS, AT(adapters) },
    { "model", "tokenizer", DIGESTS, AT(tokenizer) },
    { "model", "chatTemplate", DIGESTS_OPT, AT(chat_template) },
    { "engine", "digest", DIGESTS, AT(engine) },
    { "engine", "version", WORD, AT(version) },
    { "engine", "numerics", WORD, AT(numerics) },
    { "engine", "isa", WORD, AT(isa) },
    { "session", "kv", WORD, AT(kv) },
    { "session", "ctx", COUNT, AT(ctx) },
    { "sampling", "parameters", TEXTS, AT(sampler) },
    { "sampling", "seed", SEED, AT(seed) },
    { "sampling", "maxTokens", COUNT, AT(id_max) },
    { "sampling", "stopTexts", COUNT, AT(stop_count) },
    { "sampling", "stopCommitment", HASH_OPT, AT(stops) },
    { "sampling", "format", HEX_OPT, AT(format) },
    { NULL, "cage", HEX_OPT, AT(cage) },
    { NULL, "log", TEXT_OPT, AT(log) },
    { NULL, "time", TIME, AT(unix_s) },
};

enum { WORD_MAX = 64 };
static const uint64_t count_max = (uint64_t)1 << 53;
static const int64_t time_max = 253402300799; /* the last second of the year 9999 */

static bool all_zero(const void *bytes, size_t n) {
    const uint8_t *p = bytes;
    for (size_t i = 0; i < n; i++)
        if (p[i]) return false;
    return true;
}

bool hth_receipt_zero(const HthDigests *d) {
    return all_zero(d, sizeof *d);
}

static bool is_word(HthStr s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~') return false;
    return s.n > 0 && s.n <= WORD_MAX;
}

/* As hearth writes a digest: one value has one spelling. */
static bool is_hex(HthStr s) {
    uint8_t bytes[HTH_HASH_BYTES];
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] >= 'A' && s.p[i] <= 'F') return false;
    return hth_unhex(bytes, sizeof bytes, s);
}

static bool are_texts(const json_t *v) {
    json_t *object = (json_t *)(uintptr_t)v; /* jansson's iterators want it so */
    for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it))
        if (!json_is_string(json_object_iter_value(it))) return false;
    return json_is_object(v);
}

/* ---- writing -------------------------------------------------------------------------------- */

static json_t *hex_of(const void *bytes) {
    char hex[HTH_HASH_HEX + 1];
    hth_hex(hex, bytes, HTH_HASH_BYTES);
    return json_string(hex);
}

static json_t *seed_of(uint64_t seed) {
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)seed);
    return json_string(text);
}

static json_t *time_of(int64_t unix_s) {
    char text[HTH_CLOCK_TEXT];
    return hth_clock_text(text, unix_s) ? json_sprintf("%sZ", text) : NULL;
}

static json_t *adapters_of(const HthReceiptAdapters *a) {
    json_t *list = json_array();
    for (uint32_t i = 0; list && i < a->count; i++) {
        char scale[32];
        snprintf(scale, sizeof scale, "%.9g", (double)a->one[i].scale);
        json_t *one =
            json_pack("{s:o, s:s}", "digest", hth_digests_json(&a->one[i].digest), "scale", scale);
        if (json_array_append_new(list, one) == 0) continue;
        json_decref(list);
        list = NULL;
    }
    return list;
}

static bool are_adapters(const HthReceiptAdapters *a) {
    if (a->count > HTH_RECEIPT_ADAPTERS_MAX) return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (!isfinite(a->one[i].scale) || a->one[i].scale == 0.0f) return false;
    return true;
}

static bool is_absent(const Row *row, const void *field) {
    return row->kind == ADAPTERS && ((const HthReceiptAdapters *)field)->count == 0;
}

static bool fits(const Row *row, const void *field) {
    const HthStr *s = field; /* of the kinds that are text */
    switch (row->kind) {
    case COUNT: return *(const uint64_t *)field <= count_max;
    case WORD: return is_word(*s);
    case HEX_OPT: return s->n == 0 || is_hex(*s);
    case TEXT_OPT: return hth_utf8_valid(*s);
    case TEXTS: return are_texts(*(json_t *const *)field);
    case ADAPTERS: return are_adapters(field);
    case TIME: return *(const int64_t *)field >= 0 && *(const int64_t *)field <= time_max;
    default: return true;
    }
}

static json_t *value_of(const Row *row, const void *field) {
    const HthStr *s = field;
    switch (row->kind) {
    case DIGESTS_OPT:
        if (all_zero(field, sizeof(HthDigests))) return json_null();
        return hth_digests_json(field);
    case DIGESTS: return hth_digests_json(field);
    case HASH_OPT:
        if (all_zero(field, HTH_HASH_BYTES)) return json_null();
        return hex_of(field);
    case HASH: return hex_of(field);
    case COUNT: return json_integer((json_int_t) * (const uint64_t *)field);
    case SEED: return seed_of(*(const uint64_t *)field);
    case HEX_OPT:
    case TEXT_OPT:
        if (s->n == 0) return json_null();
        return json_stringn(s->p, s->n);
    case WORD: return json_stringn(s->p, s->n);
    case TEXTS: return json_incref(*(json_t *const *)field);
    case ADAPTERS: return adapters_of(field);
    case TIME: return time_of(*(const int64_t *)field);
    }
    return NULL;
}

/* The object a row's member is in; made when it is not there yet. */
static json_t *group_of(json_t *predicate, const char *name) {
    if (!name) return predicate;
    json_t *group = json_object_get(predicate, name);
    if (group) return group;
    group = json_object();
    return group && json_object_set_new(predicate, name, group) == 0 ? group : NULL;
}

static HthStatus fill(json_t *predicate, const HthReceiptFacts *facts, HthErr *err) {
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        const void *field = (const char *)facts + rows[i].at;
        HTH_REQUIRE(fits(&rows[i], field), err, HTH_EINVAL, "a receipt cannot hold this '%s'",
                    rows[i].name);
        if (is_absent(&rows[i], field)) continue;
        json_t *group = group_of(predicate, rows[i].group);
        HTH_REQUIRE(group &&
                        json_object_set_new(group, rows[i].name, value_of(&rows[i], field)) == 0,
                    err, HTH_ENOMEM, "out of memory for a receipt");
    }
    return HTH_OK;
}

HthStatus hth_receipt_statement(HthBuf *out, const HthReceiptFacts *facts, HthErr *err) {
    hth_json_init();
    json_t *predicate = json_object(), *statement = NULL;
    HTH_REQUIRE(predicate, err, HTH_ENOMEM, "out of memory for a receipt");
    HthStatus st = fill(predicate, facts, err);
    if (st == HTH_OK)
        st = hth_statement_json(&statement, "answer", &facts->text, HTH_RECEIPT_TYPE, predicate,
                                err);
    else
        json_decref(predicate);
    if (st == HTH_OK) st = hth_jcs_write(out, statement, err);
    json_decref(statement);
    return st;
}

/* ---- reading -------------------------------------------------------------------------------- */

static bool read_hash(uint8_t *out, HthStr text) {
    return hth_unhex(out, HTH_HASH_BYTES, text);
}

static bool read_count(uint64_t *out, const json_t *v) {
    const json_int_t n = json_integer_value(v);
    if (!json_is_integer(v) || n < 0 || (uint64_t)n > count_max) return false;
    *out = (uint64_t)n;
    return true;
}

static bool read_time(int64_t *out, HthStr text) {
    struct tm tm = { 0 };
    if (text.n != strlen("0000-00-00T00:00:00Z") || strlen(text.p) != text.n) return false;
    const char *end = strptime(text.p, "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (!end || *end) return false;
    *out = (int64_t)timegm(&tm);
    return *out >= 0 && *out <= time_max;
}

static bool read_adapters(HthReceiptAdapters *out, const json_t *v) {
    out->count = 0;
    if (!v) return true;
    const size_t n = json_array_size(v);
    if (n == 0 || n > HTH_RECEIPT_ADAPTERS_MAX) return false;
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(v, i), *scale = json_object_get(one, "scale");
        const HthStr text = { json_string_value(scale), json_string_length(scale) };
        double number = 0.0;
        if (!json_is_string(scale) || !hth_str_f64(text, &number) ||
            !(fabs(number) <= (double)FLT_MAX) ||
            !hth_digests_read(&out->one[i].digest, json_object_get(one, "digest")))
            return false;
        out->one[i].scale = (float)number;
    }
    out->count = (uint32_t)n;
    return are_adapters(out);
}

static bool read_row(const Row *row, void *field, const json_t *v) {
    const HthStr s = { json_string_value(v), json_string_length(v) };
    const bool text = json_is_string(v);
    switch (row->kind) {
    case DIGESTS_OPT: return json_is_null(v) || hth_digests_read(field, v);
    case DIGESTS: return hth_digests_read(field, v);
    case HASH_OPT: return json_is_null(v) || (text && read_hash(field, s));
    case HASH: return text && read_hash(field, s);
    case COUNT: return read_count(field, v);
    case ADAPTERS: return read_adapters(field, v);
    case SEED: return text && hth_str_u64(s, field);
    case TIME: return text && read_time(field, s);
    case TEXTS: *(const json_t **)field = v; return are_texts(v);
    case HEX_OPT: *(HthStr *)field = s; return json_is_null(v) || (text && is_hex(s));
    case TEXT_OPT: *(HthStr *)field = s; return json_is_null(v) || (text && s.n > 0);
    case WORD: *(HthStr *)field = s; return text && is_word(s);
    }
    return false;
}

HthStatus hth_receipt_facts(HthReceiptFacts *out, const json_t *statement, HthErr *err) {
    static const char family[] = "https://hearth.invalid/receipt/";
    HthStatement s;
    HthReceiptFacts facts = { 0 };
    HTH_TRY(hth_statement_read(&s, statement, err));
    if (!hth_str_eq(s.predicate_type, HTH_STR(HTH_RECEIPT_TYPE)))
        return hth_str_starts(s.predicate_type, HTH_STR(family))
                   ? HTH_FAIL(err, HTH_ENOTSUP,
                              "this receipt is of a kind that a later hearth made")
                   : HTH_FAIL(err, HTH_EFORMAT, "the statement is not a receipt of hearth");
    facts.text = s.digests;
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        const Row *row = &rows[i];
        const json_t *group = row->group ? json_object_get(s.predicate, row->group) : s.predicate;
        HTH_REQUIRE(read_row(row, (char *)&facts + row->at, json_object_get(group, row->name)), err,
                    HTH_EFORMAT, "the receipt's %s%s%s is missing or makes no sense",
                    row->group ? row->group : "", row->group ? "." : "", row->name);
    }
    *out = facts;
    return HTH_OK;
}

/* ask_read.c - see ask_read.h: values of a JSON object into an ask, by table.
 *
 * Thread: as ask.h. */
#include "serve/ask_read.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { EXACT_MAX = 53 }; /* a double holds whole numbers up to 2^53 */

HthStatus hth_ask_nomem(HthErr *err) {
    return HTH_FAIL(err, HTH_ENOMEM, "out of memory while reading a request");
}

/* An empty ask that owns body, which must be an object. Steals body, also on failure. */
static HthStatus begin(HthAsk *a, json_t *body, HthErr *err) {
    hth_json_init();
    *a = (HthAsk){ .body = body, .think = -1, .n = 1, .parallel_tools = true };
    if (body == NULL) return HTH_FAIL(err, HTH_EINVAL, "the request has no body");
    if (!json_is_object(body))
        return HTH_FAIL(err, HTH_EINVAL, "the request must be a JSON object");
    a->params = json_object();
    a->extra = json_array();
    return a->params && a->extra ? HTH_OK : hth_ask_nomem(err);
}

HthStatus hth_ask_read(json_t *body, HthAsk *out, HthErr *err,
                       HthStatus (*fields)(HthAsk *a, HthErr *err)) {
    HthAsk a;
    HthStatus st = begin(&a, body, err);
    if (st == HTH_OK) st = fields(&a, err);
    if (st != HTH_OK)
        hth_ask_drop(&a);
    else
        *out = a;
    return st;
}

json_t *hth_ask_get(const json_t *obj, const char *key) {
    json_t *v = json_object_get(obj, key);
    return json_is_null(v) ? NULL : v;
}

HthStr hth_ask_text(const json_t *v) {
    return json_is_string(v) ? (HthStr){ json_string_value(v), json_string_length(v) }
                             : HTH_STR("");
}

void hth_ask_path(char out[HTH_PATH_SIZE], const char *at, const char *key) {
    snprintf(out, HTH_PATH_SIZE, "%s%s%s", at, *at ? "." : "", key);
}

void hth_ask_path_at(char out[HTH_PATH_SIZE], const char *at, size_t index) {
    snprintf(out, HTH_PATH_SIZE, "%s[%zu]", at, index);
}

HthStatus hth_ask_wrong(HthErr *err, const char *path, const char *wanted, const json_t *got) {
    static const char *const names[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array", [JSON_STRING] = "a string",
        [JSON_INTEGER] = "a number", [JSON_REAL] = "a number",  [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",      [JSON_NULL] = "null",
    };
    return HTH_FAIL(err, HTH_EINVAL, "%s: must be %s, not %s", path, wanted,
                    got ? names[json_typeof(got)] : "absent");
}

HthStatus hth_ask_keep(HthAsk *a, json_t *v, HthErr *err) {
    return v && json_array_append_new(a->extra, v) == 0 ? HTH_OK : hth_ask_nomem(err);
}

HthStatus hth_ask_str(const json_t *v, const char *path, size_t max, HthStr *out, HthErr *err) {
    if (!json_is_string(v)) return hth_ask_wrong(err, path, "a string", v);
    const HthStr s = hth_ask_text(v);
    HTH_REQUIRE(s.n <= max, err, HTH_ELIMIT, "%s: has %zu bytes; at most %zu are read", path, s.n,
                max);
    *out = s;
    return HTH_OK;
}

HthStatus hth_ask_bool(const json_t *v, const char *path, bool *out, HthErr *err) {
    if (!json_is_boolean(v)) return hth_ask_wrong(err, path, "true or false", v);
    *out = json_is_true(v);
    return HTH_OK;
}

/* Clients in languages without whole numbers send 100.0. */
HthStatus hth_ask_int(const json_t *v, const char *path, int64_t min, int64_t max, int64_t *out,
                      HthErr *err) {
    if (!json_is_number(v)) return hth_ask_wrong(err, path, "a whole number", v);
    const double exact_max = (double)((uint64_t)1 << EXACT_MAX);
    const double real = json_is_real(v) ? json_real_value(v) : 0;
    HTH_REQUIRE(real >= -exact_max && real <= exact_max && (double)(int64_t)real == real, err,
                HTH_EINVAL, "%s: must be a whole number", path);
    const int64_t i = json_is_real(v) ? (int64_t)real : (int64_t)json_integer_value(v);
    HTH_REQUIRE(i >= min && i <= max, err, HTH_EINVAL, "%s: must be from %lld to %lld", path,
                (long long)min, (long long)max);
    *out = i;
    return HTH_OK;
}

HthStatus hth_ask_word(const json_t *v, const char *path, const char *const *words, size_t *out,
                       HthErr *err) {
    char list[120] = "";
    size_t n = 0;
    for (size_t i = 0; words[i]; i++) {
        if (json_is_string(v) && hth_str_eq(hth_ask_text(v), hth_str(words[i]))) {
            *out = i;
            return HTH_OK;
        }
        const int more = snprintf(list + n, sizeof list - n, "%s\"%s\"", i ? ", " : "", words[i]);
        n += more > 0 && (size_t)more < sizeof list - n ? (size_t)more : 0;
    }
    return HTH_FAIL(err, HTH_EINVAL, "%s: must be one of %s", path, list);
}

static HthStatus read_param(HthAsk *a, const HthField *f, json_t *v, const char *path,
                            HthErr *err) {
    int64_t whole;
    if (f->kind == HTH_FIELD_INT) {
        HTH_TRY(hth_ask_int(v, path, (int64_t)f->min, (int64_t)f->max, &whole, err));
        return hth_ask_set_param(a, f->param, json_integer(whole), err);
    }
    if (!json_is_number(v)) return hth_ask_wrong(err, path, "a number", v);
    const double d = json_number_value(v);
    HTH_REQUIRE(d >= f->min && d <= f->max, err, HTH_EINVAL, "%s: must be from %.10g to %.10g",
                path, f->min, f->max);
    return hth_ask_set_param(a, f->param, json_incref(v), err);
}

/* A field that asks for something hearth has not; its neutral values are fine. */
static HthStatus refuse(const HthField *f, const json_t *v, const char *path, HthErr *err) {
    const double d = json_number_value(v);
    const bool fine = json_is_false(v) || (json_is_number(v) && d >= f->min && d <= f->max) ||
                      (json_is_string(v) && json_string_length(v) == 0) ||
                      (json_is_array(v) && json_array_size(v) == 0) ||
                      (json_is_object(v) && json_object_size(v) == 0);
    HTH_REQUIRE(fine, err, HTH_ENOTSUP, "%s: is not supported by this server; leave it out", path);
    return HTH_OK;
}

static HthStatus read_one(HthAsk *a, const HthField *f, json_t *v, const char *path, HthErr *err) {
    char *base = (char *)a;
    int64_t whole;
    switch (f->kind) {
    case HTH_FIELD_BOOL: return hth_ask_bool(v, path, (bool *)(void *)(base + f->at), err);
    case HTH_FIELD_U32:
        HTH_TRY(hth_ask_int(v, path, (int64_t)f->min, (int64_t)f->max, &whole, err));
        *(uint32_t *)(void *)(base + f->at) = (uint32_t)whole;
        return HTH_OK;
    case HTH_FIELD_STR:
        return hth_ask_str(v, path, (size_t)f->max, (HthStr *)(void *)(base + f->at), err);
    case HTH_FIELD_NUM:
    case HTH_FIELD_INT: return read_param(a, f, v, path, err);
    case HTH_FIELD_READ: return f->read(a, v, path, err);
    case HTH_FIELD_REFUSE: break;
    }
    return refuse(f, v, path, err);
}

HthStatus hth_ask_fields(HthAsk *a, const json_t *obj, const char *at, const HthField *tab,
                         size_t n, HthErr *err) {
    char path[HTH_PATH_SIZE];
    for (size_t i = 0; i < n; i++) {
        json_t *v = hth_ask_get(obj, tab[i].name);
        if (v == NULL) continue;
        hth_ask_path(path, at, tab[i].name);
        HTH_TRY(read_one(a, &tab[i], v, path, err));
    }
    return HTH_OK;
}

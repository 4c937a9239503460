/* jcs.c - see jcs.h. */
#include "audit/jcs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/digits.h"
#include "base/mem.h"

enum { DEPTH_MAX = 512 };
static const json_int_t integer_max = (json_int_t)1 << 53;

/* ---- numbers -------------------------------------------------------------------------------- */

static char *put(char *to, const char *from, size_t n) {
    memcpy(to, from, n);
    return to + n;
}

static char *zeros(char *to, int n) {
    for (; n > 0; n--) *to++ = '0';
    return to;
}

/* ECMA-262, Number::toString: k digits, the point after the n-th. */
size_t hth_jcs_number(double v, char out[HTH_JCS_NUMBER]) {
    char digits[HTH_DIGITS_MAX], *to = out;
    int exp10;
    HTH_ASSERT(isfinite(v));
    if (v < 0) *to++ = '-'; /* not for -0, which is 0 */
    const int k = (int)hth_digits_f64(fabs(v), digits, &exp10), n = exp10 + 1;
    if (n > 21 || n < -5) {
        *to++ = digits[0];
        if (k > 1) *to++ = '.';
        to = put(to, digits + 1, (size_t)k - 1);
        to += snprintf(to, (size_t)(out + HTH_JCS_NUMBER - to), "e%+d", exp10);
    } else if (n <= 0) {
        to = zeros(put(to, "0.", 2), -n);
        to = put(to, digits, (size_t)k);
    } else if (k <= n) {
        to = zeros(put(to, digits, (size_t)k), n - k);
    } else {
        to = put(to, digits, (size_t)n);
        *to++ = '.';
        to = put(to, digits + n, (size_t)(k - n));
    }
    *to = '\0';
    return (size_t)(to - out);
}

static HthStatus write_number(HthBuf *out, const json_t *value, HthErr *err) {
    char text[HTH_JCS_NUMBER];
    if (json_is_integer(value)) {
        const json_int_t v = json_integer_value(value);
        HTH_REQUIRE(v <= integer_max && v >= -integer_max, err, HTH_EINVAL,
                    "canonical JSON has no integers beyond 2^53; write this one as text");
        return hth_buf_printf(out, err, "%lld", (long long)v);
    }
    return hth_buf_add(out, text, hth_jcs_number(json_real_value(value), text), err);
}

/* ---- strings -------------------------------------------------------------------------------- */

static HthStatus write_escape(HthBuf *out, unsigned char c, HthErr *err) {
    static const char shorts[] = "\bb\tt\nn\ff\rr\"\"\\\\";
    for (const char *s = shorts; *s; s += 2) {
        const char pair[2] = { '\\', s[1] };
        if ((unsigned char)s[0] == c) return hth_buf_add(out, pair, 2, err);
    }
    return hth_buf_printf(out, err, "\\u%04x", c);
}

static HthStatus write_text(HthBuf *out, HthStr s, HthErr *err) {
    HTH_REQUIRE(hth_utf8_valid(s), err, HTH_EINVAL, "canonical JSON holds UTF-8 only");
    HTH_TRY(hth_buf_add_char(out, '"', err));
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        const unsigned char c = (unsigned char)s.p[i];
        if (c >= 32 && c != '"' && c != '\\') continue;
        HTH_TRY(hth_buf_add(out, s.p + from, i - from, err));
        HTH_TRY(write_escape(out, c, err));
        from = i + 1;
    }
    HTH_TRY(hth_buf_add(out, s.p + from, s.n - from, err));
    return hth_buf_add_char(out, '"', err);
}

/* ---- members -------------------------------------------------------------------------------- */

/* The UTF-16 code units of the code point at s[at], as one number that orders as they do. */
static uint32_t units(const char *s, size_t at) {
    uint32_t cp = 0;
    while (at > 0 && ((unsigned char)s[at] & 0xc0) == 0x80) at--;
    if (hth_utf8_decode(hth_str(s + at), &cp) == 0) return 0; /* the end, or refused later */
    if (cp < 0x10000) return cp << 16;
    cp -= 0x10000;
    return (0xd800 + (cp >> 10)) << 16 | (0xdc00 + (cp & 0x3ff));
}

static int by_utf16(const void *a, const void *b) {
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    size_t at = 0;
    while (x[at] && x[at] == y[at]) at++;
    const uint32_t u = units(x, at), v = units(y, at);
    return u < v ? -1 : u > v;
}

static HthStatus write_value(HthBuf *out, const json_t *value, int depth, HthErr *err);

static HthStatus write_object(HthBuf *out, const json_t *value, int depth, HthErr *err) {
    const size_t count = json_object_size(value);
    const char **names = hth_calloc(count, sizeof *names);
    HTH_REQUIRE(names, err, HTH_ENOMEM, "out of memory for canonical JSON");
    json_t *object = (json_t *)(uintptr_t)value; /* jansson's iterators want it so */
    size_t n = 0;
    for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it))
        names[n++] = json_object_iter_key(it);
    qsort(names, n, sizeof *names, by_utf16);
    HthStatus st = hth_buf_add_char(out, '{', err);
    for (size_t i = 0; i < n && st == HTH_OK; i++) {
        if (i > 0) st = hth_buf_add_char(out, ',', err);
        if (st == HTH_OK) st = write_text(out, hth_str(names[i]), err);
        if (st == HTH_OK) st = hth_buf_add_char(out, ':', err);
        if (st == HTH_OK) st = write_value(out, json_object_get(object, names[i]), depth, err);
    }
    if (st == HTH_OK) st = hth_buf_add_char(out, '}', err);
    hth_free(names);
    return st;
}

static HthStatus write_array(HthBuf *out, const json_t *value, int depth, HthErr *err) {
    HTH_TRY(hth_buf_add_char(out, '[', err));
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (i > 0) HTH_TRY(hth_buf_add_char(out, ',', err));
        HTH_TRY(write_value(out, json_array_get(value, i), depth, err));
    }
    return hth_buf_add_char(out, ']', err);
}

static HthStatus write_value(HthBuf *out, const json_t *value, int depth, HthErr *err) {
    HTH_REQUIRE(depth <= DEPTH_MAX, err, HTH_ELIMIT, "canonical JSON: nested deeper than %d",
                DEPTH_MAX);
    switch (json_typeof(value)) {
    case JSON_OBJECT: return write_object(out, value, depth + 1, err);
    case JSON_ARRAY: return write_array(out, value, depth + 1, err);
    case JSON_STRING:
        return write_text(out, (HthStr){ json_string_value(value), json_string_length(value) },
                          err);
    case JSON_INTEGER:
    case JSON_REAL: return write_number(out, value, err);
    case JSON_TRUE: return hth_buf_add_str(out, HTH_STR("true"), err);
    case JSON_FALSE: return hth_buf_add_str(out, HTH_STR("false"), err);
    case JSON_NULL: return hth_buf_add_str(out, HTH_STR("null"), err);
    }
    return HTH_FAIL(err, HTH_EINVAL, "canonical JSON of something that is no JSON");
}

HthStatus hth_jcs_write(HthBuf *out, const json_t *value, HthErr *err) {
    const size_t before = out->n;
    const HthStatus st = write_value(out, value, 0, err);
    if (st != HTH_OK && out->p) {
        out->n = before;
        out->p[before] = '\0';
    }
    return st;
}

HthStatus hth_jcs_parse(json_t **out, HthStr text, size_t bytes_max, HthErr *err) {
    json_t *value = NULL;
    HthBuf again;
    HTH_TRY(hth_json_parse(&value, text, bytes_max, err));
    hth_buf_init(&again, 8 * text.n + 64); /* the worst is 1e20, which becomes 21 digits */
    HthStatus st = hth_jcs_write(&again, value, err);
    size_t same = 0;
    while (same < again.n && same < text.n && again.p[same] == text.p[same]) same++;
    if (st == HTH_OK && (same < text.n || same < again.n))
        st = HTH_FAIL(err, HTH_EFORMAT,
                      "the JSON is not in its canonical form (RFC 8785), byte %zu", same);
    hth_buf_drop(&again);
    if (st == HTH_OK)
        *out = value;
    else
        json_decref(value);
    return st;
}

/* str.c - borrowed byte slices: comparing, searching, reading numbers.
 *
 * Not text: bytes only (utf8.c knows characters). Owns nothing.
 *
 * Thread: any. */
#include "base/str.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

HthStr hth_str(const char *c_string) {
    return c_string ? (HthStr){ c_string, strlen(c_string) } : (HthStr){ "", 0 };
}

bool hth_str_eq(HthStr a, HthStr b) {
    return a.n == b.n && (!a.n || !memcmp(a.p, b.p, a.n));
}

bool hth_str_starts(HthStr s, HthStr prefix) {
    return s.n >= prefix.n && hth_str_eq((HthStr){ s.p, prefix.n }, prefix);
}

bool hth_str_ends(HthStr s, HthStr suffix) {
    if (s.n < suffix.n || !suffix.n) return !suffix.n;
    return !memcmp(s.p + (s.n - suffix.n), suffix.p, suffix.n);
}

int hth_str_cmp(HthStr a, HthStr b) {
    const size_t n = a.n < b.n ? a.n : b.n;
    const int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

size_t hth_str_find(HthStr s, HthStr needle) {
    if (!needle.n) return 0;
    if (needle.n > s.n) return SIZE_MAX;
    const char *at = memmem(s.p, s.n, needle.p, needle.n);
    return at ? (size_t)(at - s.p) : SIZE_MAX;
}

HthStr hth_str_sub(HthStr s, size_t at, size_t n) {
    if (at >= s.n) return (HthStr){ s.n ? s.p + s.n : s.p, 0 };
    return (HthStr){ s.p + at, n < s.n - at ? n : s.n - at };
}

static bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

HthStr hth_str_trim(HthStr s) {
    while (s.n && is_blank(s.p[0])) s.p++, s.n--;
    while (s.n && is_blank(s.p[s.n - 1])) s.n--;
    return s;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool hth_str_u64(HthStr s, uint64_t *out) {
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (!is_digit(s.p[i])) return false;
        if (__builtin_mul_overflow(v, 10u, &v)) return false;
        if (__builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v)) return false;
    }
    if (!s.n) return false;
    *out = v;
    return true;
}

bool hth_str_i64(HthStr s, int64_t *out) {
    const bool minus = s.n && s.p[0] == '-';
    if (minus || (s.n && s.p[0] == '+')) s = hth_str_sub(s, 1, SIZE_MAX);
    uint64_t v;
    if (!hth_str_u64(s, &v) || v > (uint64_t)INT64_MAX + minus) return false;
    *out = minus ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

/* [+-] digits [. digits] [(e|E) [+-] digits], with at least one digit before the exponent. */
static bool is_decimal(HthStr s) {
    size_t i = s.n && (s.p[0] == '-' || s.p[0] == '+'), digits = 0;
    for (; i < s.n && is_digit(s.p[i]); i++) digits++;
    if (i < s.n && s.p[i] == '.')
        for (i++; i < s.n && is_digit(s.p[i]); i++) digits++;
    if (!digits) return false;
    if (i == s.n) return true;
    if (s.p[i] != 'e' && s.p[i] != 'E') return false;
    i++;
    if (i < s.n && (s.p[i] == '-' || s.p[i] == '+')) i++;
    if (i == s.n) return false;
    while (i < s.n && is_digit(s.p[i])) i++;
    return i == s.n;
}

bool hth_str_f64(HthStr s, double *out) {
    if (!is_decimal(s)) return false;
    char near_copy[128];
    char *copy = near_copy;
    if (s.n >= sizeof near_copy && !(copy = hth_calloc(s.n + 1, 1))) return false;
    memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    /* glibc answers "C" with a static object: nothing is allocated, nothing to free. */
    const double v = strtod_l(copy, NULL, newlocale(LC_ALL_MASK, "C", NULL));
    if (copy != near_copy) hth_free(copy);
    if (!isfinite(v)) return false;
    *out = v;
    return true;
}

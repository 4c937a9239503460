/* jinja_num.c - numbers to text and back as Python does it, whatever the C locale says. */
#include "text/jinja.h"

#include <math.h>
#include <stdio.h>

#include "base/digits.h"

/* --- text to numbers --- */
static int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if ((c | 32) >= 'a' && (c | 32) <= 'z') return (c | 32) - 'a' + 10;
    return 99;
}

bool hth_j_parse_int(HthStr s, int base, int64_t *out) {
    s = hth_j_strip(s, true, true);
    bool neg = s.n && s.p[0] == '-';
    if (s.n && (s.p[0] == '-' || s.p[0] == '+')) s = hth_str_sub(s, 1, s.n);
    if (s.n > 2 && s.p[0] == '0') {
        char mark = s.p[1] | 32;
        int named = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
        if (named && (base == 0 || base == named)) {
            base = named;
            s = hth_str_sub(s, 2, s.n);
            if (s.n > 1 && s.p[0] == '_') s = hth_str_sub(s, 1, s.n);
        }
    }
    bool literal = base == 0;
    if (literal) base = 10;
    if (s.n == 0 || s.p[0] == '_' || s.p[s.n - 1] == '_') return false;
    int64_t v = 0;
    bool zero = true;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '_') {
            if (s.p[i - 1] == '_') return false;
            continue;
        }
        int d = digit_of(s.p[i]);
        if (d >= base) return false;
        zero = zero && d == 0;
        if (__builtin_mul_overflow(v, base, &v)) return false;
        if (neg ? __builtin_sub_overflow(v, d, &v) : __builtin_add_overflow(v, d, &v)) return false;
    }
    if (literal && s.p[0] == '0' && !zero) return false;
    *out = v;
    return true;
}

bool hth_j_parse_float(HthStr s, double *out) {
    static const struct {
        const char *word;
        double v;
    } words[] = { { "inf", INFINITY }, { "infinity", INFINITY }, { "nan", NAN } };
    char plain[400];
    size_t n = 0;
    s = hth_j_strip(s, true, true);
    for (size_t i = 0; i < s.n; i++) { /* underscores stand between digits only */
        if (s.p[i] == '_') {
            bool between =
                i > 0 && i + 1 < s.n && digit_of(s.p[i - 1]) < 10 && digit_of(s.p[i + 1]) < 10;
            if (!between) return false;
            continue;
        }
        if (n == sizeof plain) return false;
        plain[n++] = s.p[i];
    }
    HthStr t = { plain, n };
    bool neg = n && plain[0] == '-';
    HthStr word = n && (plain[0] == '-' || plain[0] == '+') ? hth_str_sub(t, 1, n) : t;
    for (size_t i = 0; i < HTH_COUNT(words); i++) {
        HthStr w = hth_str(words[i].word);
        bool same = w.n == word.n;
        for (size_t k = 0; same && k < w.n; k++) same = (word.p[k] | 32) == w.p[k];
        if (!same) continue;
        *out = neg ? -words[i].v : words[i].v;
        return true;
    }
    if (word.n == 0 || (digit_of(word.p[0]) > 9 && word.p[0] != '.')) return false;
    if (word.n > 1 && (word.p[1] | 32) == 'x') return false;
    HthStr unsign = plain[0] == '+' ? word : t;
    if (hth_str_f64(unsign, out)) return true;
    /* out of range is infinity in Python, not an error */
    for (size_t i = 0; i < word.n; i++)
        if (digit_of(word.p[i]) > 9 && !strchr(".eE+-", word.p[i])) return false;
    const char *e = memchr(word.p, 'e', word.n);
    if (!e) e = memchr(word.p, 'E', word.n);
    size_t after = e ? (size_t)(e - word.p) + 1 : word.n;
    if (e && after + 1 < word.n && word.p[after] != '-' && digit_of(word.p[word.n - 1]) < 10) {
        *out = neg ? -INFINITY : INFINITY;
        return true;
    }
    return false;
}

/* --- numbers to text --- */
/* printf's digits without its locale: every digit is kept, the radix mark becomes '.'. */
static size_t c_number(char *text, size_t cap, const char *fmt, int precision, double f) {
    int n = snprintf(text, cap, fmt, precision, f);
    HTH_ASSERT(n > 0 && (size_t)n < cap);
    for (int i = 0; i < n; i++) {
        char c = text[i];
        if (digit_of(c) > 35 && c != '-' && c != '+') text[i] = '.';
    }
    return (size_t)n;
}

HthStatus hth_j_add_float(HthJVm *vm, HthJSb *sb, double f) {
    char d[HTH_DIGITS_MAX], e[16];
    int exp10 = 0;
    if (f != f) return hth_j_add(vm, sb, HTH_STR("nan"));
    if (signbit(f)) {
        HTH_TRY(hth_j_add_char(vm, sb, '-'));
        f = -f;
    }
    if (f - f != 0) return hth_j_add(vm, sb, HTH_STR("inf"));
    size_t n = hth_digits_f64(f, d, &exp10);
    if (exp10 < -4 || exp10 >= 16) {
        HTH_TRY(hth_j_add(vm, sb, (HthStr){ d, 1 }));
        if (n > 1) {
            HTH_TRY(hth_j_add_char(vm, sb, '.'));
            HTH_TRY(hth_j_add(vm, sb, (HthStr){ d + 1, n - 1 }));
        }
        int k = snprintf(e, sizeof e, "e%+03d", exp10);
        return hth_j_add(vm, sb, (HthStr){ e, (size_t)k });
    }
    if (exp10 < 0) {
        HTH_TRY(hth_j_add(vm, sb, HTH_STR("0.")));
        HTH_TRY(hth_j_add_fill(vm, sb, HTH_STR("0"), (size_t)(-exp10 - 1)));
        return hth_j_add(vm, sb, (HthStr){ d, n });
    }
    size_t whole = (size_t)exp10 + 1;
    HTH_TRY(hth_j_add(vm, sb, (HthStr){ d, n < whole ? n : whole }));
    if (n < whole) HTH_TRY(hth_j_add_fill(vm, sb, HTH_STR("0"), whole - n));
    HTH_TRY(hth_j_add_char(vm, sb, '.'));
    if (n <= whole) return hth_j_add_char(vm, sb, '0');
    return hth_j_add(vm, sb, (HthStr){ d + whole, n - whole });
}

#define PRECISION_MAX 400

HthStatus hth_j_add_double(HthJVm *vm, HthJSb *sb, double f, char style, int precision, bool alt) {
    static const char *const formats[][2] = { { "%.*e", "%#.*e" },
                                              { "%.*f", "%#.*f" },
                                              { "%.*g", "%#.*g" } };
    char text[310 + PRECISION_MAX + 8];
    if (f != f) return hth_j_add(vm, sb, HTH_STR("nan"));
    if (f - f != 0) return hth_j_add(vm, sb, hth_str(f < 0 ? "-inf" : "inf"));
    if (precision > PRECISION_MAX)
        return HTH_J_FAIL(vm, HTH_ELIMIT, "a number is to have more than %d digits", PRECISION_MAX);
    const char *fmt = formats[style == 'e' ? 0 : style == 'f' ? 1 : 2][alt];
    size_t n = c_number(text, sizeof text, fmt, precision, f);
    return hth_j_add(vm, sb, (HthStr){ text, n });
}

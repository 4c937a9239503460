/* json_out.c - see json_out.h: escaping, floats, base64, and a small printf.
 *
 * Thread: one owner at a time. */
#include "serve/json_out.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

HthOut hth_out_begin(HthBuf *buf, HthErr *err) {
    return (HthOut){ .buf = buf, .err = err, .status = HTH_OK, .start = buf->n };
}

HthStatus hth_out_end(HthOut *o) {
    if (o->status != HTH_OK) {
        o->buf->n = o->start;
        if (o->buf->p) o->buf->p[o->start] = '\0';
    }
    return o->status;
}

void hth_out_raw(HthOut *o, HthStr s) {
    if (o->status == HTH_OK && s.n > 0) o->status = hth_buf_add(o->buf, s.p, s.n, o->err);
}

static void escape(HthOut *o, unsigned char c) {
    static const char hex[] = "0123456789abcdef";
    char text[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };
    size_t n = 2;
    switch (c) {
    case '"': text[1] = '"'; break;
    case '\\': text[1] = '\\'; break;
    case '\n': text[1] = 'n'; break;
    case '\r': text[1] = 'r'; break;
    case '\t': text[1] = 't'; break;
    case '\b': text[1] = 'b'; break;
    case '\f': text[1] = 'f'; break;
    default: n = 6; break;
    }
    hth_out_raw(o, (HthStr){ text, n });
}

void hth_out_text(HthOut *o, HthStr s) {
    size_t from = 0, at = 0;
    while (at < s.n) {
        const unsigned char c = (unsigned char)s.p[at];
        uint32_t cp;
        const size_t whole = c < 0x80 ? 1 : hth_utf8_decode(hth_str_sub(s, at, 4), &cp);
        if (whole > 0 && c >= 0x20 && c != '"' && c != '\\') {
            at += whole;
            continue;
        }
        hth_out_raw(o, hth_str_sub(s, from, at - from));
        if (whole == 0)
            hth_out_raw(o, HTH_STR("\xEF\xBF\xBD"));
        else
            escape(o, c);
        from = ++at;
    }
    hth_out_raw(o, hth_str_sub(s, from, s.n - from));
}

/* The commonest sizes without printf: the fewest digits, from six on, that come back. False leaves
 * the work to float_text(). */
static bool quick_text(float v, char text[32]) {
    static const double powers[] = { 1e0, 1e1, 1e2, 1e3,  1e4,  1e5, 1e6,
                                     1e7, 1e8, 1e9, 1e10, 1e11, 1e12 };
    const double a = v < 0 ? -(double)v : (double)v;
    char *to = text;
    int whole = -3; /* digits before the point; less than one for zeros after it */
    if (!(a >= 1e-4 && a < 1e6)) return false;
    while (a >= (whole < 0 ? 1 / powers[-whole] : powers[whole])) whole++;
    for (int digits = 6; digits <= 9; digits++) {
        const int after = digits - whole;
        uint64_t m = (uint64_t)(a * powers[after] + 0.5);
        if ((float)((double)m / powers[after]) != (float)a) continue;
        int left = after;
        while (left > 0 && m % 10 == 0) m /= 10, left--;
        char backwards[24];
        int n = 0;
        for (int k = 0; k <= left || m > 0; k++) {
            if (k == left && left > 0) backwards[n++] = '.';
            backwards[n++] = (char)('0' + m % 10);
            m /= 10;
        }
        if (v < 0) *to++ = '-';
        while (n > 0) *to++ = backwards[--n];
        *to = '\0';
        return strtof(text, NULL) == v;
    }
    return false;
}

static void float_text(float v, char text[32]) {
    for (int digits = 6; digits <= 9; digits++) { /* nine are always enough */
        snprintf(text, 32, "%.*g", digits, (double)v);
        if (strtof(text, NULL) == v) break;
    }
}

void hth_out_f32(HthOut *o, float v) {
    char text[32];
    if (!isfinite(v)) {
        hth_out_raw(o, HTH_STR("null"));
        return;
    }
    if (!quick_text(v, text)) float_text(v, text);
    hth_out_raw(o, hth_str(text));
}

void hth_out_base64(HthOut *o, HthStr bytes) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t at = 0; at < bytes.n; at += 3) {
        const size_t n = bytes.n - at < 3 ? bytes.n - at : 3;
        uint32_t bits = 0;
        for (size_t i = 0; i < 3; i++)
            bits = bits << 8 | (i < n ? (unsigned char)bytes.p[at + i] : 0u);
        char four[4];
        for (size_t i = 0; i < 4; i++) four[i] = i <= n ? digits[bits >> (18 - 6 * i) & 63] : '=';
        hth_out_raw(o, (HthStr){ four, 4 });
    }
}

/* uint64_t and int64_t without printf: a delta has a dozen numbers. */
static void number(HthOut *o, uint64_t v, bool negative) {
    char text[24];
    size_t at = sizeof text;
    do {
        text[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    if (negative) text[--at] = '-';
    hth_out_raw(o, (HthStr){ text + at, sizeof text - at });
}

static void quoted(HthOut *o, HthStr s) {
    hth_out_raw(o, HTH_STR("\""));
    hth_out_text(o, s);
    hth_out_raw(o, HTH_STR("\""));
}

static void signed_number(HthOut *o, int64_t v) {
    number(o, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0);
}

static void tree(HthOut *o, const json_t *v) {
    if (o->status == HTH_OK) o->status = hth_json_write(o->buf, v, 0, o->err);
}

void hth_out(HthOut *o, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    while (*fmt && o->status == HTH_OK) {
        const size_t plain = strcspn(fmt, "%");
        hth_out_raw(o, (HthStr){ fmt, plain });
        fmt += plain;
        if (*fmt == '\0') break;
        switch (fmt[1]) {
        case 'q': quoted(o, va_arg(ap, HthStr)); break;
        case 'r': hth_out_raw(o, va_arg(ap, HthStr)); break;
        case 's': hth_out_raw(o, hth_str(va_arg(ap, const char *))); break;
        case 'u': number(o, va_arg(ap, uint32_t), false); break;
        case 'U': number(o, va_arg(ap, uint64_t), false); break;
        case 'I': signed_number(o, va_arg(ap, int64_t)); break;
        case 'b': hth_out_raw(o, va_arg(ap, int) ? HTH_STR("true") : HTH_STR("false")); break;
        case 'f': hth_out_f32(o, (float)va_arg(ap, double)); break;
        case 'j': tree(o, va_arg(ap, const json_t *)); break;
        default:
            HTH_ASSERT(fmt[1] == '%');
            hth_out_raw(o, HTH_STR("%"));
            break;
        }
        fmt += 2;
    }
    va_end(ap);
}

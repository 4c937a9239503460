/* buf.c - growable bytes with a mandatory ceiling.
 *
 * Appends from elsewhere only: bytes must not point into the buffer itself.
 *
 * Thread: one owner at a time. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define CAP_FIRST 64

void hth_buf_init(HthBuf *buf, size_t max) {
    /* One byte for the NUL must always be addressable. */
    *buf = (HthBuf){ .max = max > PTRDIFF_MAX - 1 ? PTRDIFF_MAX - 1 : max };
}

void hth_buf_drop(HthBuf *buf) {
    hth_free(buf->p);
    *buf = (HthBuf){ .max = buf->max };
}

void hth_buf_clear(HthBuf *buf) {
    buf->n = 0;
    if (buf->p) buf->p[0] = '\0';
}

HthStatus hth_buf_reserve(HthBuf *buf, size_t extra, HthErr *err) {
    HTH_REQUIRE(extra <= buf->max - buf->n, err, HTH_ELIMIT,
                "the text would be longer than its limit of %zu bytes", buf->max);
    const size_t need = buf->n + extra + 1;
    if (need <= buf->cap) return HTH_OK;
    size_t cap = buf->cap < CAP_FIRST ? CAP_FIRST : buf->cap + buf->cap / 2;
    if (cap > buf->max + 1) cap = buf->max + 1;
    if (cap < need) cap = need;
    char *p = hth_realloc(buf->p, cap, 1);
    HTH_REQUIRE(p, err, HTH_ENOMEM, "out of memory for %zu bytes of text", cap);
    if (!buf->p) p[0] = '\0';
    buf->p = p;
    buf->cap = cap;
    return HTH_OK;
}

HthStatus hth_buf_add(HthBuf *buf, const void *bytes, size_t n, HthErr *err) {
    HTH_TRY(hth_buf_reserve(buf, n, err));
    if (n) memcpy(buf->p + buf->n, bytes, n);
    buf->n += n;
    buf->p[buf->n] = '\0';
    return HTH_OK;
}

HthStatus hth_buf_add_str(HthBuf *buf, HthStr s, HthErr *err) {
    return hth_buf_add(buf, s.p, s.n, err);
}

HthStatus hth_buf_add_char(HthBuf *buf, char c, HthErr *err) {
    return hth_buf_add(buf, &c, 1, err);
}

HthStatus hth_buf_printf(HthBuf *buf, HthErr *err, const char *fmt, ...) {
    char first[256]; /* most pieces are short: one pass, and the buffer untouched on failure */
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(first, sizeof first, fmt, ap);
    va_end(ap);
    HTH_REQUIRE(n >= 0, err, HTH_EINVAL, "a number or text could not be formatted");
    if ((size_t)n < sizeof first) return hth_buf_add(buf, first, (size_t)n, err);
    HTH_TRY(hth_buf_reserve(buf, (size_t)n, err));
    va_start(ap, fmt);
    vsnprintf(buf->p + buf->n, (size_t)n + 1, fmt, ap);
    va_end(ap);
    buf->n += (size_t)n;
    return HTH_OK;
}

HthStr hth_buf_str(const HthBuf *buf) {
    return (HthStr){ buf->p ? buf->p : "", buf->n };
}

/* buf.h - growable bytes with a mandatory ceiling.
 *
 * Content is always NUL-terminated (the NUL is not counted).  A failed append leaves it unchanged.
 *
 * Thread: one owner at a time. */
#ifndef HTH_BASE_BUF_H
#define HTH_BASE_BUF_H

#include "base/str.h"

typedef struct HthBuf {
    char *p; /* owned; NULL while empty */
    size_t n, cap; /* bytes used, bytes held */
    size_t max; /* ceiling on n */
} HthBuf;

void hth_buf_init(HthBuf *buf, size_t max);
void hth_buf_drop(HthBuf *buf); /* frees; usable again after hth_buf_init */
void hth_buf_clear(HthBuf *buf); /* n = 0, memory kept */
/* ENOMEM or ELIMIT; err may be NULL. */
HTH_MUST_CHECK HthStatus hth_buf_add(HthBuf *buf, const void *bytes, size_t n, HthErr *err);
HTH_MUST_CHECK HthStatus hth_buf_add_str(HthBuf *buf, HthStr s, HthErr *err);
HTH_MUST_CHECK HthStatus hth_buf_add_char(HthBuf *buf, char c, HthErr *err);
HTH_MUST_CHECK HthStatus hth_buf_printf(HthBuf *buf, HthErr *err, const char *fmt, ...)
    HTH_PRINTF(3, 4);
HTH_MUST_CHECK HthStatus hth_buf_reserve(HthBuf *buf, size_t extra, HthErr *err);
HthStr hth_buf_str(const HthBuf *buf); /* borrowed; p is never NULL */

#endif

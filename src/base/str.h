/* str.h - borrowed byte slices and UTF-8.
 *
 * HthStr never owns and need not end in NUL.  Decoding is strict: overlong forms, surrogates and
 * values past U+10FFFF are invalid.
 *
 * Thread: any. */
#ifndef HTH_BASE_STR_H
#define HTH_BASE_STR_H

#include <stdbool.h>

#include "base/err.h"

typedef struct HthStr {
    const char *p;
    size_t n;
} HthStr;

#define HTH_STR(lit)   ((HthStr){ (lit), sizeof(lit) - 1 })
#define HTH_STR_ARG(s) (int)(s).n, (s).p /* for printf("%.*s") */

HthStr hth_str(const char *c_string); /* NULL gives the empty slice */
bool hth_str_eq(HthStr a, HthStr b);
bool hth_str_starts(HthStr s, HthStr prefix);
bool hth_str_ends(HthStr s, HthStr suffix);
int hth_str_cmp(HthStr a, HthStr b); /* bytewise, as memcmp, shorter first */
size_t hth_str_find(HthStr s, HthStr needle); /* offset, or SIZE_MAX */
HthStr hth_str_sub(HthStr s, size_t at, size_t n); /* clamped */
HthStr hth_str_trim(HthStr s); /* ASCII blanks at both ends */
/* Whole-string decimal numbers; false on anything else, including overflow. */
bool hth_str_u64(HthStr s, uint64_t *out);
bool hth_str_i64(HthStr s, int64_t *out);
bool hth_str_f64(HthStr s, double *out); /* finite; locale-free */

/* Decodes one code point at s.p. Returns its length 1..4, or 0 if s is empty or invalid there. */
size_t hth_utf8_decode(HthStr s, uint32_t *cp_out);
/* Writes 1..4 bytes; returns the count, 0 for a surrogate or a value past U+10FFFF. */
size_t hth_utf8_encode(uint32_t cp, char out[4]);
bool hth_utf8_valid(HthStr s);
/* How many leading bytes of s form whole, valid code points; stops before an unfinished tail. */
size_t hth_utf8_whole(HthStr s);

#endif

/* json.h - a thin face over jansson: limits, exact integers, one error style.
 *
 * Duplicate keys, bad UTF-8, NaN, depth beyond 512 and trailing bytes are errors that name the
 * line and column, never the content.  Object order is insertion order, in and out.  Strings may
 * hold U+0000: take their length from json_string_length.
 *
 * Thread: any; one json_t belongs to one thread at a time. */
#ifndef HTH_BASE_JSON_H
#define HTH_BASE_JSON_H

#include <jansson.h>

#include "base/buf.h"

/* On success *out owns one reference (json_decref). bytes_max bounds text.n. */
HTH_MUST_CHECK HthStatus hth_json_parse(json_t **out, HthStr text, size_t bytes_max, HthErr *err);
/* The object or array that a text begins with, and where it ends; keys may be there twice. NULL:
 * none, or no memory. */
json_t *hth_json_first(HthStr text, size_t *end);
/* Appends compact JSON, or with indent > 0 a pretty form, and no newline at the end. */
HTH_MUST_CHECK HthStatus hth_json_write(HthBuf *out, const json_t *value, int indent, HthErr *err);
/* A string of bytes from a file; invalid UTF-8 is replaced by U+FFFD. NULL: out of memory. */
json_t *hth_json_str(HthStr s);
/* The text of an object's member; empty when there is no such text. Borrowed. */
HthStr hth_json_text(const json_t *object, const char *member);
/* How often jansson found no memory on this thread so far. Whoever builds with its own functions,
 * which do not always say so, asks before and after. */
uint64_t hth_json_starved(void);
/* Routes jansson's allocations through mem.h; call once at start (idempotent). */
void hth_json_init(void);

#endif

/* jcs.h - canonical JSON (RFC 8785): one spelling for one value, so that it can be hashed.
 *
 * No blanks, members in the order of their names' UTF-16 code units, numbers as ECMAScript prints
 * them, strings escaped only where JSON must.  Beyond the RFC: an integer outside +-2^53 is
 * refused, because other readers would take it for its neighbour.
 *
 * Thread: any. */
#ifndef HTH_AUDIT_JCS_H
#define HTH_AUDIT_JCS_H

#include "base/json.h"

/* Appends value's canonical bytes.  EINVAL: an integer beyond 2^53, or text that is not UTF-8;
 * ELIMIT: out's ceiling, or nested deeper than 512; ENOMEM.  On failure out is as before. */
HTH_MUST_CHECK HthStatus hth_jcs_write(HthBuf *out, const json_t *value, HthErr *err);
/* A number's spelling, at most HTH_JCS_NUMBER - 1 characters and a NUL; v is finite. */
enum { HTH_JCS_NUMBER = 32 };
size_t hth_jcs_number(double v, char out[HTH_JCS_NUMBER]);
/* Parses text that must be canonical itself, to the byte: EFORMAT says where it first is not. On
 * success *out owns one reference.  bytes_max bounds text.n. */
HTH_MUST_CHECK HthStatus hth_jcs_parse(json_t **out, HthStr text, size_t bytes_max, HthErr *err);

#endif

/* stream.h - token by token to text: never half a UTF-8 character, never part of a stop string.
 *
 * Bytes that cannot become valid UTF-8 are replaced by U+FFFD.  Text that might be the beginning of
 * a stop string is held back until it is decided.
 *
 * Thread: one owner. */
#ifndef HTH_TEXT_STREAM_H
#define HTH_TEXT_STREAM_H

#include "text/vocab.h"

typedef struct HthStream HthStream;

/* stops: copied; empty strings are EINVAL. */
HTH_MUST_CHECK HthStatus hth_stream_open(HthStream **out, const HthVocab *v, const HthStr *stops,
                                         size_t stop_count, HthErr *err);
void hth_stream_close(HthStream **s);
/* Feeds one token; appends to `out` the text that is now certain. */
HTH_MUST_CHECK HthStatus hth_stream_put(HthStream *s, uint32_t id, HthBuf *out, HthErr *err);
/* The end: appends what is held back (unless a stop string was hit). */
HTH_MUST_CHECK HthStatus hth_stream_end(HthStream *s, HthBuf *out, HthErr *err);
/* Index of the stop string that ended the text, or SIZE_MAX. */
size_t hth_stream_stopped(const HthStream *s);

#endif

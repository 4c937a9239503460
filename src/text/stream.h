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

typedef struct HthStreamCfg {
    const HthStr *stops; /* as above */
    size_t stop_count;
    bool specials; /* control tokens appear as they are written */
    size_t piece_max; /* feeding tokens of at most so many bytes allocates nothing in the stream;
                       * 0: no promise */
} HthStreamCfg;
HTH_MUST_CHECK HthStatus hth_stream_open_cfg(HthStream **out, const HthVocab *v,
                                             const HthStreamCfg *cfg, HthErr *err);
/* Most bytes that one token can make certain: what came before may come with it. */
size_t hth_stream_out_max(const HthStream *s, size_t piece_max);
void hth_stream_close(HthStream **s); /* wipes */
/* Feeds one token; appends to `out` the text that is now certain. */
HTH_MUST_CHECK HthStatus hth_stream_put(HthStream *s, uint32_t id, HthBuf *out, HthErr *err);
/* The end: appends what is held back (unless a stop string was hit). */
HTH_MUST_CHECK HthStatus hth_stream_end(HthStream *s, HthBuf *out, HthErr *err);
/* The end of a text that `closing` makes a whole one: appends what is held back, then closing,
 * which may begin inside a character. No stop string ends it any more. *held_n: bytes appended
 * that were there before closing. */
HTH_MUST_CHECK HthStatus hth_stream_finish(HthStream *s, HthStr closing, HthBuf *out,
                                           size_t *held_n, HthErr *err);
/* Index of the stop string that ended the text, or SIZE_MAX. */
size_t hth_stream_stopped(const HthStream *s);

#endif

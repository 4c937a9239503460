/* readahead.h - pieces of mapped files, read by a thread of their own before they are used.
 *
 * For what is used in the same order again and again and does not fit in memory: left alone, the
 * system throws out what was used longest ago, which is what is needed next.  Here the pieces that
 * come next are read, and those just used are let go, so that everything else stays.
 *
 * Only advice: the bytes read the same whatever it does, and so they do where it does nothing. */
#ifndef HTH_BASE_READAHEAD_H
#define HTH_BASE_READAHEAD_H

#include <stdbool.h>

#include "base/file.h"

typedef struct HthPiece {
    const HthFileMap *file; /* borrowed; outlives the reader */
    const uint8_t *p; /* mapped bytes of it */
    size_t n;
    bool keep; /* read once, early, and never let go */
} HthPiece;

typedef struct HthReadahead HthReadahead;

/* pieces: [count], copied, in the order of use, which then begins again. window: bytes of pieces
 * that are not kept which may be in memory, those in use included. Starts the thread. ENOMEM. */
HTH_MUST_CHECK HthStatus hth_readahead_open(HthReadahead **out, const HthPiece *pieces,
                                            uint32_t count, size_t window, HthErr *err);
void hth_readahead_close(HthReadahead **r); /* before the mapping; nobody else uses it any more */
/* Pieces first to last are about to be used. Thread: any; comparisons when nothing has changed. */
void hth_readahead_at(HthReadahead *r, uint32_t first, uint32_t last);
/* Tests: waits until everything that the last hth_readahead_at() asked for has been done. */
void hth_readahead_settle(const HthReadahead *r);

#endif

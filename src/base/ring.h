/* ring.h - records from one thread to another, through fixed memory.
 *
 * One writer, one reader, no lock: each owns one end.  A record lies in one piece and starts on 8
 * bytes, so it can be a struct; what is read is lent in place.  A full ring says so and nothing
 * waits.
 *
 * Thread: one writer (reserve, commit), one reader (peek, drop); used by either. */
#ifndef HTH_BASE_RING_H
#define HTH_BASE_RING_H

#include "base/err.h"

typedef struct HthRing HthRing;

/* Records of up to record_max bytes; room for at least `bytes` of them, and for two of the largest.
 * ENOMEM; ELIMIT: more than 1 GiB. */
HTH_MUST_CHECK HthStatus hth_ring_open(HthRing **out, size_t bytes, size_t record_max, HthErr *err);
void hth_ring_close(HthRing **ring); /* wipes; neither end is in use */

/* Room for the next record, n bytes, n <= record_max; NULL: full. Nothing is seen before commit. */
void *hth_ring_reserve(HthRing *ring, size_t n);
void hth_ring_commit(HthRing *ring); /* what was reserved last is there */

/* The oldest record, lent until drop; NULL: none. */
const void *hth_ring_peek(HthRing *ring, size_t *n_out);
void hth_ring_drop(HthRing *ring); /* the one that peek gave */

size_t hth_ring_used(const HthRing *ring); /* bytes, of size; may be old when it returns */
size_t hth_ring_size(const HthRing *ring);

#endif

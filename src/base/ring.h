/* ring.h - records from one thread to another, through fixed memory.
 *
 * One writer, one reader, no lock: each owns one end.  A record lies in one piece and starts on 8
 * bytes, so it can be a struct; what is read is lent in place.  A full ring says so and nothing
 * waits.
 *
 * The memory may be shared with another process, which is not trusted: each side keeps its own
 * numbers to itself, copies what it reads (hth_ring_take), and an end that runs backwards or too
 * far breaks the ring for good.
 *
 * Thread: one writer (reserve, commit, room), one reader (peek, drop, take); used by either. */
#ifndef HTH_BASE_RING_H
#define HTH_BASE_RING_H

#include <stdbool.h>

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

/* ---- over memory that another process has too ------------------------------------------------ */

/* Bytes that hth_ring_over needs, whatever fits these; 0: more than 1 GiB. */
size_t hth_ring_over_bytes(size_t bytes, size_t record_max);
/* One end of a ring in `memory` (64-aligned, zero before the first of both ends is opened, borrowed
 * until close; both give the same sizes). Use it as writer or as reader, not as both. ENOMEM. */
HTH_MUST_CHECK HthStatus hth_ring_over(HthRing **out, void *memory, size_t bytes, size_t record_max,
                                       HthErr *err);
/* Copies the oldest record, of n <= room bytes, and drops it. 1: there was one; 0: none; -1: what
 * lies there is no record, and the ring is broken. */
int hth_ring_take(HthRing *ring, void *out, size_t room, size_t *n_out);
size_t hth_ring_room(HthRing *ring); /* bytes a writer has left at least; 0 when broken */
bool hth_ring_broken(const HthRing *ring); /* as this end has seen it */

size_t hth_ring_used(const HthRing *ring); /* bytes, of size; may be old when it returns */
size_t hth_ring_size(const HthRing *ring);

#endif

/* part.h - OUT.part and OUT.part.log: a file that is being written and how far it is whole.
 *
 * The journal's first line names the plan (a digest of input, options and program); each further
 * line one finished piece: its digest, its figures, and a check of the line.  After an interruption
 * the pieces whose digests still hold are kept, the rest is written again.  Private to quant.
 *
 * Thread: one owner; a lock keeps other processes off. */
#ifndef HTH_QUANT_PART_H
#define HTH_QUANT_PART_H

#include "crypt/hash.h"

/* What a tensor's rounding cost, exact to the bit, and the digest of its bytes. */
typedef struct HthPiece {
    double error, weight; /* sums of squares */
    double worst; /* the largest magnitude of an error */
    uint8_t sha256[HTH_HASH_BYTES];
} HthPiece;

typedef struct HthPart HthPart;

/* EAGAIN: another process holds it; EINVAL: something that is no file of its own has one of the
 * names, or path is too long; EIO, ENOMEM. */
HTH_MUST_CHECK HthStatus hth_part_open(HthPart **out, const char *path,
                                       const uint8_t plan[HTH_HASH_BYTES], HthErr *err);
/* Before anything is written: whether the file system has room for a file of so many bytes, what an
 * earlier run left of it counted in. EIO: it has not; a file system that does not say has. */
HTH_MUST_CHECK HthStatus hth_part_room(const HthPart *p, uint64_t bytes, HthErr *err);
/* Piece number i as an earlier run journalled it; false: there is none, nor any after it. */
bool hth_part_known(const HthPart *p, size_t i, HthPiece *out);
/* Forgets pieces from i on. */
HTH_MUST_CHECK HthStatus hth_part_forget(HthPart *p, size_t i, HthErr *err);
HTH_MUST_CHECK HthStatus hth_part_read(HthPart *p, uint64_t at, void *to, size_t n, HthErr *err);
HTH_MUST_CHECK HthStatus hth_part_write(HthPart *p, uint64_t at, const void *bytes, size_t n,
                                        HthErr *err);
/* The next piece's bytes are all written: says so in the journal. */
HTH_MUST_CHECK HthStatus hth_part_done(HthPart *p, const HthPiece *piece, HthErr *err);
/* All is written: makes it `bytes` long and durable. On failure the journal is removed: what of the
 * bytes reached the disk is not known then, and reading them again would not tell. */
HTH_MUST_CHECK HthStatus hth_part_sync(HthPart *p, uint64_t bytes, HthErr *err);
/* After hth_part_sync: under its name on HTH_OK, durably, the journal removed; frees and sets NULL
 * either way (on failure both stay for another try). */
HTH_MUST_CHECK HthStatus hth_part_commit(HthPart **p, HthErr *err);
void hth_part_close(HthPart **p); /* keeps both files */
void hth_part_drop(HthPart **p); /* removes both files: no later try can use them */

/* The pieces that a journal of this plan names, at most room of them, up to the first line that is
 * not whole; their number. */
size_t hth_part_journal(HthPiece *out, size_t room, HthStr text,
                        const uint8_t plan[HTH_HASH_BYTES]);
/* Appends a journal's first line, and the line of a piece. */
HTH_MUST_CHECK HthStatus hth_part_first_line(HthBuf *to, const uint8_t plan[HTH_HASH_BYTES],
                                             HthErr *err);
HTH_MUST_CHECK HthStatus hth_part_line(HthBuf *to, const HthPiece *piece,
                                       const uint8_t plan[HTH_HASH_BYTES], HthErr *err);

#endif

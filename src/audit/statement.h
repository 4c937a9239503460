/* statement.h - what is said about a thing: in-toto Statement v1, and digests in pairs.
 *
 * SHA-256 is what others look a thing up by; SHA3-256 stands beside it, so that a weakness in one
 * leaves the other.
 *
 * Thread: any. */
#ifndef HTH_AUDIT_STATEMENT_H
#define HTH_AUDIT_STATEMENT_H

#include "base/json.h"
#include "crypt/hash.h"

/* ---- digests -------------------------------------------------------------------------------- */

typedef struct HthDigests {
    uint8_t sha256[HTH_HASH_BYTES], sha3_256[HTH_HASH_BYTES];
} HthDigests;

void hth_digests(HthDigests *out, const void *bytes, size_t n); /* bytes may be NULL when n is 0 */
bool hth_digests_eq(const HthDigests *a, const HthDigests *b);
/* Piece by piece; as HthHash. */
typedef struct HthDigesting {
    HthHash sha256, sha3_256;
} HthDigesting;
HTH_MUST_CHECK HthStatus hth_digests_begin(HthDigesting *d, HthErr *err); /* ENOMEM */
void hth_digests_add(HthDigesting *d, const void *bytes, size_t n);
void hth_digests_end(HthDigesting *d, HthDigests *out); /* out NULL: forget it */
/* Of the program that is running, from its own file: half a second for each 100 MB, so keep it.
 * EIO. */
HTH_MUST_CHECK HthStatus hth_digests_program(HthDigests *out, HthErr *err);
/* {"sha256": "...", "sha3_256": "..."}; NULL: out of memory. */
json_t *hth_digests_json(const HthDigests *d);
bool hth_digests_read(HthDigests *out, const json_t *v); /* exactly those two */

/* ---- statements ----------------------------------------------------------------------------- */

#define HTH_STATEMENT_TYPE "https://in-toto.io/Statement/v1"

/* One subject; takes over predicate's reference, also on failure. */
HTH_MUST_CHECK HthStatus hth_statement_json(json_t **out, const char *subject,
                                            const HthDigests *digests, const char *predicate_type,
                                            json_t *predicate, HthErr *err);
typedef struct HthStatement { /* borrowed from the JSON */
    HthStr subject, predicate_type;
    HthDigests digests;
    const json_t *predicate;
} HthStatement;
/* EFORMAT: not a statement about one thing that has both digests. */
HTH_MUST_CHECK HthStatus hth_statement_read(HthStatement *out, const json_t *v, HthErr *err);

#endif

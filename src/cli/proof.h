/* proof.h - that nothing leaves: each kind of cage, every way out, and a digest to log.
 *
 * Thread: the main thread, before there are others, outside a cage. */
#ifndef HTH_CLI_PROOF_H
#define HTH_CLI_PROOF_H

#include "cage/cage.h"

typedef struct HthProof {
    HthCageProof kinds[HTH_CAGE_KINDS];
    bool held; /* every way out was denied, from each */
    char sha3_256[65]; /* of the canonical text of all, in hex; "" in a build without crypt */
} HthProof;

/* HTH_OK says that it was tried. EIO, ENOMEM. */
HTH_MUST_CHECK HthStatus hth_proof_run(HthProof *out, HthErr *err);
/* Only its digest, as HthProof.sha3_256. EIO: something was let through, too. */
HTH_MUST_CHECK HthStatus hth_proof_digest(char out[65], HthErr *err);

#endif

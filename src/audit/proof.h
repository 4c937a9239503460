/* proof.h - a file that shows, without the log, that an entry is in it (c2sp.org/tlog-proof).
 *
 * Thread: any. */
#ifndef HTH_AUDIT_PROOF_H
#define HTH_AUDIT_PROOF_H

#include "audit/note.h"
#include "audit/tree.h"

enum { HTH_PROOF_FILE_MAX = 2 << 20 }; /* bytes */

typedef struct HthProofFile {
    uint64_t index;
    HthProof proof;
    HthStr extra; /* in base64, as it stands there; n is 0: none. Not signed by anybody. */
    HthStr checkpoint; /* the note; borrowed */
} HthProofFile;

/* Appends it.  extra is bytes here and goes out as base64.  ENOMEM, ELIMIT. */
HTH_MUST_CHECK HthStatus hth_proof_print(HthBuf *out, const HthProofFile *p, HthErr *err);
/* EFORMAT. Borrows from text. */
HTH_MUST_CHECK HthStatus hth_proof_parse(HthProofFile *out, HthStr text, HthErr *err);
/* That entry is where the file says, in the tree whose checkpoint v signed; *size_out entries. */
HTH_MUST_CHECK HthStatus hth_proof_check(const HthProofFile *p, HthHashKind kind, HthStr entry,
                                         const HthVkey *v, uint64_t *size_out, HthErr *err);

#endif

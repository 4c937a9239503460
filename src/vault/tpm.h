/* tpm.h - 32 bytes that a TPM 2.0 seals, and gives back on the same machine only.
 *
 * They are sealed under a key that the TPM derives again each time from its owner's seed; nothing
 * is kept in the TPM.  A PIN may be wanted, of which the TPM allows few wrong ones, and registers
 * that must be as they were (PCRs of the SHA-256 bank, which measure how the machine was started).
 * What goes over the TPM's bus is encrypted for it.
 *
 * tpm2-tss does the talking; it is loaded when it is first needed, so that it need not be there.
 *
 * Thread: any. */
#ifndef HTH_VAULT_TPM_H
#define HTH_VAULT_TPM_H

#include <stdint.h>

#include "base/err.h"

enum {
    HTH_TPM_SECRET_BYTES = 32,
    HTH_TPM_AUTH_BYTES = 32,
    HTH_TPM_PARENT_BYTES = 34, /* the name of a key: algorithm, SHA-256 */
    HTH_TPM_OBJECT_MAX = 474,
    HTH_TPM_PCRS = 24
};

/* What is kept; no secret. */
typedef struct HthTpmSealed {
    uint16_t public_n, private_n; /* bytes of object: first the one, then the other, then zeros */
    uint8_t parent[HTH_TPM_PARENT_BYTES];
    uint8_t object[HTH_TPM_OBJECT_MAX];
} HthTpmSealed;

typedef struct HthTpmCfg {
    const char *tcti; /* how it is reached, in tpm2-tss's words: "device:/dev/tpmrm0" */
    uint32_t pcrs; /* bit i: register i must be as it was */
    const uint8_t *auth; /* [HTH_TPM_AUTH_BYTES], what became of the PIN; NULL: none is wanted */
} HthTpmCfg;

/* EIO: no TPM is there, or it does not answer as one; ENOTSUP: this hearth or this system has no
 * tpm2-tss, or the TPM not those registers; EDENIED: its owner has a password; ENOMEM. */
HTH_MUST_CHECK HthStatus hth_tpm_seal(HthTpmSealed *out, const uint8_t secret[HTH_TPM_SECRET_BYTES],
                                      const HthTpmCfg *cfg, HthErr *err);
/* cfg as it was.  EDENIED: the PIN is wrong, or too many were, or a register has changed; EFORMAT:
 * sealed by another TPM, or changed since; else as above. secret: wipe it. */
HTH_MUST_CHECK HthStatus hth_tpm_unseal(uint8_t secret[HTH_TPM_SECRET_BYTES],
                                        const HthTpmSealed *in, const HthTpmCfg *cfg, HthErr *err);

#endif

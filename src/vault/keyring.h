/* keyring.h - one root key, which any of several slots opens: passphrases, key files, a TPM; keys
 * for purposes; keys of subjects.
 *
 * In its folder: `keyring` (the root key, sealed once for each slot), `keyring.key` (what a key
 * file slot needs, mode 0600; may lie elsewhere) and `subjects` (a random key for each subject,
 * sealed with the root).  docs/formats/vault.md has them byte by byte.
 *
 * A subject is whoever's content may have to be erased, a user for one: what is sealed with his key
 * is gone, wherever copies of it lie, when hth_subject_erase has destroyed that key.
 *
 * Changes are whole or not at all, and what they replace is shredded (shred.h).
 *
 * Thread: any (one lock); programs wait for each other. */
#ifndef HTH_VAULT_KEYRING_H
#define HTH_VAULT_KEYRING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum {
    HTH_RING_KEY_BYTES = 32,
    HTH_SLOTS_MAX = 16,
    HTH_PASSPHRASE_MAX = 1024, /* and of a PIN */
    HTH_SUBJECT_MAX = 256
};

typedef struct HthKeyring HthKeyring;

/* Asks for a passphrase or PIN: writes at most HTH_PASSPHRASE_MAX bytes. EDENIED: there is nobody.
 */
typedef HthStatus (*HthAskPassphrase)(void *payload, char *out, size_t *n, HthErr *err);

typedef struct HthKeyringCfg {
    const char *folder;
    const char *key_file; /* NULL: keyring.key in the folder */
    const char
        *tpm; /* how the TPM is reached (tpm.h), when no key file opens it; NULL: it is not */
    HthAskPassphrase ask_pin; /* of the TPM, where it wants one; NULL: nobody is asked */
    HthAskPassphrase ask; /* when neither opens it; NULL: nobody is asked */
    void *payload;
    bool make; /* when there is none: a new one, with a key file */
} HthKeyringCfg;

/* EDENIED: no slot can be opened with what there is, or others may read the key file; EFORMAT:
 * damaged, or of a newer hearth; EINVAL: there is none, and none is to be made; EIO; ENOMEM; ELIMIT
 * (secret.h). */
HTH_MUST_CHECK HthStatus hth_keyring_open(HthKeyring **out, const HthKeyringCfg *cfg, HthErr *err);
void hth_keyring_close(HthKeyring **k);

typedef enum HthPurpose {
    HTH_KEY_DATABASE, /* the file of conversations (vfs.h) */
    HTH_KEY_CONTENT, /* text in the audit log, where there is no subject */
    HTH_KEY_SPILL, /* what leaves memory for disk while the program runs */
    HTH_KEY_SIGNER, /* seeds of signing keys */
    HTH_KEY_PURPOSES
} HthPurpose;
/* The same for the same keyring, for ever. out: wipe it. */
void hth_keyring_key(const HthKeyring *k, HthPurpose purpose, uint8_t out[HTH_RING_KEY_BYTES]);

/* ---- slots ----------------------------------------------------------------------------------- */

typedef enum HthSlotKind {
    HTH_SLOT_PASSPHRASE = 1,
    HTH_SLOT_FILE = 2,
    HTH_SLOT_TPM = 3
} HthSlotKind;
typedef struct HthKeySlot {
    HthSlotKind kind;
    uint32_t number; /* what a user calls it */
    int64_t created_s;
    uint32_t pcrs; /* a TPM's: bit i, register i must be as it was */
    bool pin; /* a TPM's: wants one */
} HthKeySlot;
/* What the file says, without opening it; *count is 0 where there is no keyring. */
HTH_MUST_CHECK HthStatus hth_keyring_slots(const char *folder, HthKeySlot out[HTH_SLOTS_MAX],
                                           uint32_t *count, HthErr *err);
/* One passphrase slot in place of all there were. only: nothing else opens it any more. EINVAL:
 * empty or too long. */
HTH_MUST_CHECK HthStatus hth_keyring_passphrase(HthKeyring *k, HthStr passphrase, bool only,
                                                HthErr *err);
/* One more key file, made at path (0600), which must not be there. ELIMIT: no more slots. */
HTH_MUST_CHECK HthStatus hth_keyring_add_file(HthKeyring *k, const char *path, HthErr *err);
/* A slot of the TPM reached by tcti: bound to registers (pcrs, below 1 << 24) and, when it is not
 * empty, a PIN.  The others stay.  EINVAL: the PIN is too long; ELIMIT: no more slots; else as
 * hth_tpm_seal (tpm.h). */
HTH_MUST_CHECK HthStatus hth_keyring_add_tpm(HthKeyring *k, const char *tcti, uint32_t pcrs,
                                             HthStr pin, HthErr *err);
/* EINVAL: there is none of that number, or it is the last. */
HTH_MUST_CHECK HthStatus hth_keyring_remove(HthKeyring *k, uint32_t number, HthErr *err);

/* ---- subjects -------------------------------------------------------------------------------- */

/* *there false (HTH_OK): he has none, and `make` is false. out: wipe it. EINVAL: an empty name or
 * one of more than HTH_SUBJECT_MAX bytes; ELIMIT: 100,000 subjects. */
HTH_MUST_CHECK HthStatus hth_subject_key(HthKeyring *k, HthStr subject, bool make,
                                         uint8_t out[HTH_RING_KEY_BYTES], bool *there, HthErr *err);
/* On HTH_OK his key is nowhere on the disk. On EIO it may be (see err): erase again. */
HTH_MUST_CHECK HthStatus hth_subject_erase(HthKeyring *k, HthStr subject, bool *there, HthErr *err);

#endif

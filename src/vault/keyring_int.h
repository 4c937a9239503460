/* keyring_int.h - what the files of the keyring share.  Private to this floor.
 *
 * Thread: see keyring.h. */
#ifndef HTH_VAULT_KEYRING_INT_H
#define HTH_VAULT_KEYRING_INT_H

#include <pthread.h>
#include <time.h>

#include "base/buf.h"
#include "crypt/aead.h"
#include "crypt/hash.h"
#include "crypt/kdf.h"
#include "vault/keyring.h"
#include "vault/tpm.h"

enum {
    HTH_RING_ID = 16,
    HTH_RING_NONCE = HTH_XCHACHA_NONCE_BYTES,
    HTH_RING_SEALED = HTH_RING_KEY_BYTES + HTH_AEAD_TAG_BYTES
};

/* `keyring` as it is in memory. */
typedef struct HthRingSlot {
    HthKeySlot face;
    HthArgon cost; /* of a passphrase; others: zero */
    uint8_t salt[HTH_ARGON_SALT_BYTES], nonce[HTH_RING_NONCE], sealed[HTH_RING_SEALED];
    HthTpmSealed tpm; /* what the slot's key is made of, sealed by the TPM; others: zero */
} HthRingSlot;
typedef struct HthRing {
    uint8_t id[HTH_RING_ID], mac[HTH_HASH_BYTES];
    uint64_t generation; /* 63 bits */
    bool sealed_only; /* nothing plain is taken over in its folder any more */
    HthRingSlot slots[HTH_SLOTS_MAX];
    uint32_t count;
} HthRing;
/* EFORMAT. Whether the MAC is right only the root key tells. */
HTH_MUST_CHECK HthStatus hth_ring_parse(HthRing *out, HthStr bytes, HthErr *err);
/* With the MAC and the sum made for it. ENOMEM. */
HTH_MUST_CHECK HthStatus hth_ring_print(HthBuf *out, const HthRing *r, const uint8_t *root,
                                        HthErr *err);
bool hth_ring_mac_ok(const HthRing *r, const uint8_t *root);

/* A key from the root, by name. */
void hth_ring_derive(const uint8_t *root, const uint8_t id[HTH_RING_ID], const char *info,
                     uint8_t out[HTH_RING_KEY_BYTES]);
/* A slot's bytes from 0 to the nonce, with the keyring's id before them: what its seal is bound
 * to. */
enum { HTH_SLOT_BOUND = HTH_RING_ID + 40 };
void hth_slot_bound(uint8_t out[HTH_SLOT_BOUND], const HthRing *r, const HthRingSlot *s);

/* `subjects`, as bytes. EFORMAT. */
enum {
    HTH_SUBJECTS_HEAD = 48,
    HTH_SUBJECT_TAG = 16,
    HTH_SUBJECT_BYTES = HTH_SUBJECT_TAG + HTH_RING_NONCE + HTH_RING_SEALED,
    HTH_SUBJECTS_MAX = 100000
};
HTH_MUST_CHECK HthStatus hth_subjects_check(HthStr bytes, uint32_t *count, HthErr *err);

struct HthKeyring {
    pthread_mutex_t lock; /* subjects; slots */
    char *folder, *key_file;
    uint8_t *root; /* [HTH_RING_KEY_BYTES], secret memory */
    uint8_t id[HTH_RING_ID];
    HthBuf subjects; /* the file, as it was when it was ... */
    struct timespec subjects_time;
    uint64_t subjects_inode;
};

/* ---- slots, for who makes and opens them ----------------------------------------------------- */

/* What is secret while a keyring is opened or changed; in secret memory. */
typedef struct HthRingDesk {
    uint8_t file[HTH_RING_KEY_BYTES], slot[HTH_RING_KEY_BYTES], auth[HTH_TPM_AUTH_BYTES];
    char words[HTH_PASSPHRASE_MAX];
    size_t words_n;
} HthRingDesk;

/* One more, with its number, salt and nonce. ELIMIT. */
HTH_MUST_CHECK HthStatus hth_slot_new(HthRingSlot **out, HthRing *r, HthSlotKind kind, HthErr *err);
void hth_slot_seal(const HthRing *r, HthRingSlot *s, const uint8_t *slot_key, const uint8_t *root);
bool hth_slot_unseal(const HthRing *r, const HthRingSlot *s, const uint8_t *slot_key,
                     uint8_t *root);

/* What is to be done to the file, with the folder locked and what is there just read. */
typedef struct HthRingChange {
    HthKeyring *k;
    HthRingDesk *d;
    HthStr words; /* a passphrase or a PIN */
    const char *path; /* of a key file, or how a TPM is reached */
    uint32_t number, pcrs;
    bool only;
} HthRingChange;
typedef HthStatus (*HthRingEdit)(HthRing *r, HthRingChange *c, HthErr *err);
HTH_MUST_CHECK HthStatus hth_ring_change(HthRingChange *c, HthRingEdit edit, HthErr *err);

/* Tries the slots of the TPM.  *open false: none opened it, and *why says what stood in the way.
 * ENOMEM. */
HTH_MUST_CHECK HthStatus hth_ring_try_tpm(HthKeyring *k, HthRingDesk *d, const HthRing *r,
                                          const HthKeyringCfg *cfg, bool *open, HthErr *why,
                                          HthErr *err);

/* Appends "FOLDER/NAME"; a NUL is there. */
HTH_MUST_CHECK HthStatus hth_ring_path(HthBuf *out, const char *folder, const char *name,
                                       HthErr *err);

#endif

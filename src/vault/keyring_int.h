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

enum {
    HTH_RING_ID = 16,
    HTH_RING_NONCE = HTH_XCHACHA_NONCE_BYTES,
    HTH_RING_SEALED = HTH_RING_KEY_BYTES + HTH_AEAD_TAG_BYTES
};

/* `keyring` as it is in memory. */
typedef struct HthRingSlot {
    HthSlot face;
    HthArgon cost; /* zero for a key file */
    uint8_t salt[HTH_ARGON_SALT_BYTES], nonce[HTH_RING_NONCE], sealed[HTH_RING_SEALED];
} HthRingSlot;
typedef struct HthRing {
    uint8_t id[HTH_RING_ID], mac[HTH_HASH_BYTES];
    uint64_t generation;
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

/* Appends "FOLDER/NAME"; a NUL is there. */
HTH_MUST_CHECK HthStatus hth_ring_path(HthBuf *out, const char *folder, const char *name,
                                       HthErr *err);

#endif

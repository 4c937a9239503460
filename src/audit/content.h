/* content.h - what the log says of a text: nothing, a commitment, or where it lies sealed.
 *
 * The commitment is SHA3-256(salt || text), its salt 256 random bits that lie only in the sealed
 * part.  The sealed part is XChaCha20-Poly1305 under the key of the subject whose text it is, and
 * the entry holds its digest: who destroys that key erases the text and the salt, while the log and
 * its proofs stay as they were.
 *
 *   sealed: 24 bytes nonce, then salt (32) and, content is "encrypted", the text, sealed; beside
 *   them "hearth audit content 1", a zero byte and the subject's name
 *
 * Thread: any. */
#ifndef HTH_AUDIT_CONTENT_H
#define HTH_AUDIT_CONTENT_H

#include "audit/entry.h"
#include "crypt/aead.h"

typedef enum HthContent {
    HTH_CONTENT_NONE, /* not a word */
    HTH_CONTENT_COMMIT, /* a commitment; only its salt is sealed */
    HTH_CONTENT_ENCRYPTED
} HthContent;
bool hth_content_parse(HthContent *out, HthStr name); /* "none", "commit", "encrypted" */
const char *hth_content_name(HthContent mode);

/* Keys of subjects, from whoever keeps them. make: one that is not there is made.  EDENIED: it is
 * not there, or was destroyed. */
typedef struct HthContentKeys {
    HthStatus (*key)(void *payload, HthStr subject, bool make, uint8_t out[HTH_AEAD_KEY_BYTES],
                     HthErr *err);
    /* Destroys it for good, durably; fine when it is not there. NULL: nobody here can. */
    HthStatus (*forget)(void *payload, HthStr subject, HthErr *err);
    void *payload;
} HthContentKeys;

enum { HTH_CONTENT_SALT = 32, HTH_CONTENT_OVER = 24 + 32 + 16 /* bytes beside the text */ };

/* Fills e's fields and appends to sealed.  subject is borrowed by e.  ELIMIT: text of more than
 * 16 MiB; what keys say. */
HTH_MUST_CHECK HthStatus hth_content_put(HthEntry *e, HthBuf *sealed, HthContent mode,
                                         HthStr subject, HthStr text, const HthContentKeys *keys,
                                         HthErr *err);
/* Appends the text of an entry that has one.  EDENIED: erased, or not ours to read; EINVAL: the
 * entry has none; EFORMAT: entry and sealed part do not belong together. */
HTH_MUST_CHECK HthStatus hth_content_get(HthBuf *out, const HthEntry *e, HthStr sealed,
                                         const HthContentKeys *keys, HthErr *err);
/* That sealed is what e says. EFORMAT. */
HTH_MUST_CHECK HthStatus hth_content_check(const HthEntry *e, HthStr sealed, HthErr *err);

#endif

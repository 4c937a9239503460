/* keyfile.h - keys to sign with in files of their own, and lists of keys to trust.
 *
 * A private key is one line in a file that only its owner may read:
 * SEALED+KEY+NAME+ID+base64(0x01 || nonce || sealed seed), or, where there is no keyring,
 * PRIVATE+KEY+NAME+ID+base64(0x01 || seed).  Its public half is a verifier key (note.h), one per
 * line in a list.
 *
 * Thread: any. */
#ifndef HTH_AUDIT_KEYFILE_H
#define HTH_AUDIT_KEYFILE_H

#include "audit/note.h"
#include "base/buf.h"

enum {
    HTH_KEY_ID_TEXT = HTH_VKEY_NAME_MAX + 10, /* "name+01234567" and a NUL */
    HTH_VKEYS_FILE_MAX = 1 << 20 /* bytes */
};

/* The key at path.  When there is none: a new one of that name, made with mode 0600, visible whole
 * or not at all, and never in place of another's; an empty name: EINVAL.  *vkey is its public half.
 * seal: what the file is sealed with, HTH_AEAD_KEY_BYTES of a keyring (HTH_KEY_SIGNER); a plain
 * file is sealed then, and its old bytes are overwritten.  NULL: the file is plain, and one that is
 * sealed is EDENIED, as one sealed with another key, or one that others may read.  EFORMAT: not
 * such a file. */
HTH_MUST_CHECK HthStatus hth_keyfile_open(HthSigner **out, HthVkey *vkey, const char *path,
                                          HthStr name, const uint8_t *seal, HthErr *err);
/* "sealed", "plain", "none", or "not a key", without opening it or saying what is wrong. */
const char *hth_keyfile_look(const char *path);
/* What its signatures are marked with: name+id. */
void hth_vkey_id(char out[HTH_KEY_ID_TEXT], const HthVkey *v);
/* Verifier keys, one per line; empty lines and lines that begin with # are passed over.  *out is
 * the caller's (hth_free).  EFORMAT: names the line. */
HTH_MUST_CHECK HthStatus hth_vkeys_parse(HthVkey **out, size_t *count, HthStr text, HthErr *err);

#endif

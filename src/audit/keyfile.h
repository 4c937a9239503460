/* keyfile.h - keys to sign with in files of their own, and lists of keys to trust.
 *
 * A private key is one line, PRIVATE+KEY+NAME+ID+base64(0x01 || seed), in a file that only its
 * owner may read; its public half is a verifier key (note.h), one per line in a list.
 *
 * Thread: any. */
#ifndef HTH_AUDIT_KEYFILE_H
#define HTH_AUDIT_KEYFILE_H

#include "audit/note.h"
#include "base/buf.h"

enum {
    HTH_KEY_ID_TEXT = HTH_KEY_NAME_MAX + 10, /* "name+01234567" and a NUL */
    HTH_VKEYS_FILE_MAX = 1 << 20 /* bytes */
};

/* The key at path.  When there is none: a new one of that name, made with mode 0600, visible whole
 * or not at all, and never in place of another's; an empty name: EINVAL.  EDENIED: others may read
 * the file; EFORMAT: not such a file.  *vkey is its public half. */
HTH_MUST_CHECK HthStatus hth_keyfile_open(HthSigner **out, HthVkey *vkey, const char *path,
                                          HthStr name, HthErr *err);
/* What its signatures are marked with: name+id. */
void hth_vkey_id(char out[HTH_KEY_ID_TEXT], const HthVkey *v);
/* Verifier keys, one per line; empty lines and lines that begin with # are passed over.  *out is
 * the caller's (hth_free).  EFORMAT: names the line. */
HTH_MUST_CHECK HthStatus hth_vkeys_parse(HthVkey **out, size_t *count, HthStr text, HthErr *err);

#endif

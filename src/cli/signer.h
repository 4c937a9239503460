/* signer.h - keys that verbs sign with.
 *
 * Thread: the main thread. */
#ifndef HTH_CLI_SIGNER_H
#define HTH_CLI_SIGNER_H

#include "audit/note.h"

struct HthKeyring; /* vault/keyring.h */

/* hth_keyfile_open, sealed with this user's keyring, which is opened for it (and made, where there
 * is none). */
HTH_MUST_CHECK HthStatus hth_cli_signer(HthSigner **out, HthVkey *vkey, const char *path,
                                        HthStr name, HthErr *err);

/* The same, with a keyring that is open. */
HTH_MUST_CHECK HthStatus hth_cli_signer_of(HthSigner **out, HthVkey *vkey, const char *path,
                                           HthStr name, const struct HthKeyring *ring, HthErr *err);

#endif

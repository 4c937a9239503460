/* vault.h - this user's keyring, as verbs open it.
 *
 * Thread: the main thread. */
#ifndef HTH_CLI_VAULT_H
#define HTH_CLI_VAULT_H

#include "vault/keyring.h"

/* The keyring in the state folder; its key file is $HEARTH_KEY_FILE if that is set.  A passphrase,
 * when one is needed, comes from the systemd credential "hearth-passphrase", from the terminal, or,
 * if `script`, from a line of standard input.  make: a new one where there is none. */
HTH_MUST_CHECK HthStatus hth_vault_open(HthKeyring **out, bool make, bool script, HthErr *err);
/* One key of it, in secret memory; the caller's (hth_secret_free).  A new keyring where there is
 * none. */
HTH_MUST_CHECK HthStatus hth_vault_key(void **out, HthPurpose purpose, HthErr *err);
/* A new passphrase: twice from a terminal, or a line of standard input. out: secret memory of
 * HTH_PASSPHRASE_MAX bytes. EINVAL: empty, too long, or not the same twice. */
HTH_MUST_CHECK HthStatus hth_vault_ask_new(char *out, size_t *n, HthErr *err);

#endif

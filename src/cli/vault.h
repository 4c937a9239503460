/* vault.h - this user's keyring, as verbs open it.
 *
 * Thread: the main thread. */
#ifndef HTH_CLI_VAULT_H
#define HTH_CLI_VAULT_H

#include "vault/keyring.h"

/* The keyring in the state folder; its key file is $HEARTH_KEY_FILE if that is set.  A passphrase,
 * or a TPM's PIN, when one is needed, comes from the systemd credential "hearth-passphrase" or
 * "hearth-pin", from the terminal, or, if `script`, from a line of standard input.  make: a new one
 * where there is none. */
HTH_MUST_CHECK HthStatus hth_vault_open(HthKeyring **out, bool make, bool script, HthErr *err);
/* The same of the keyring in `folder`; none is made. */
HTH_MUST_CHECK HthStatus hth_vault_open_in(HthKeyring **out, const char *folder, bool script,
                                           HthErr *err);
/* One key of it, in secret memory; the caller's (hth_secret_free).  A new keyring where there is
 * none. */
HTH_MUST_CHECK HthStatus hth_vault_key(void **out, HthPurpose purpose, HthErr *err);
/* A new passphrase, or PIN: twice from a terminal, or a line of standard input. out: secret memory
 * of HTH_PASSPHRASE_MAX bytes. EINVAL: empty, too long, or not the same twice. */
typedef enum HthVaultWords { HTH_WORDS_PASSPHRASE, HTH_WORDS_PIN } HthVaultWords;
HTH_MUST_CHECK HthStatus hth_vault_ask_new(HthVaultWords words, char *out, size_t *n, HthErr *err);
/* How this user's TPM is reached: $HEARTH_TPM, or device:/dev/tpmrm0. */
const char *hth_vault_tpm(void);

#endif

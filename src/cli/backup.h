/* backup.h - what hearth backup and hearth restore share: whom a stream is for, who opens it.
 *
 * Thread: the main thread. */
#ifndef HTH_CLI_BACKUP_H
#define HTH_CLI_BACKUP_H

#include "crypt/age.h"
#include "vault/keyring.h"

/* Recipients or identities, and a passphrase, in secret memory; zeroed: nothing. */
typedef struct HthCliAge {
    uint8_t (*keys)[HTH_AGE_KEY_BYTES]; /* [HTH_AGE_KEYS_MAX], from the first one on */
    size_t count;
    char *passphrase;
    size_t passphrase_n;
} HthCliAge;

HTH_MUST_CHECK HthStatus hth_cli_age_recipient(HthCliAge *a, const char *text, HthErr *err);
HTH_MUST_CHECK HthStatus hth_cli_age_recipients(HthCliAge *a, const char *path, HthErr *err);
HTH_MUST_CHECK HthStatus hth_cli_age_identities(HthCliAge *a, const char *path, HthErr *err);
/* fd -1: from the terminal, twice when it is new. EINVAL: empty. */
HTH_MUST_CHECK HthStatus hth_cli_age_passphrase(HthCliAge *a, int fd, bool fresh, HthErr *err);
void hth_cli_age_drop(HthCliAge *a);

#endif

/* user.h - the file of users as the verbs open it.
 *
 * Thread: the main thread. */
#ifndef HTH_CLI_USER_H
#define HTH_CLI_USER_H

#include "vault/users.h"

/* users.db in this user's state folder, sealed with the keyring's key; what an older keys.json
 * there holds is taken over.  make false: NULL (and HTH_OK) when there is neither. */
HTH_MUST_CHECK HthStatus hth_user_file_open(HthUsers **out, bool make, HthErr *err);
/* The same, made if need be, with the key for databases at hand. */
HTH_MUST_CHECK HthStatus hth_user_file_open_with(HthUsers **out, const void *key, HthErr *err);
void hth_cli_date(char out[32], int64_t unix_s); /* "2027-01-31"; 0: "never" */

#endif

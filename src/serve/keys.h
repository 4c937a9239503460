/* keys.h - the file of keys of an older hearth, read to be taken over into the file of users.
 *
 * keys.json, mode 0600, in the state folder:
 *   {"version": 1, "keys": [{"name": "alice", "role": "user", "tenant": "alice",
 *                            "sha256": "...", "created": 1700000000, "expires": 0}]}
 * Unknown members are not looked at.
 *
 * Thread: any. */
#ifndef HTH_SERVE_KEYS_H
#define HTH_SERVE_KEYS_H

#include "vault/users.h"

enum { HTH_KEYS_MAX = 1024 };
/* HthKey and HthRole: vault/users.h. A file of keys knows the roles user and admin. */

typedef struct HthKeys {
    HthKey *keys; /* owned */
    uint32_t count;
} HthKeys;
void hth_keys_drop(HthKeys *k);

HTH_MUST_CHECK HthStatus hth_keys_parse(HthKeys *out, HthStr text, HthErr *err);
/* A file that is not there holds no keys. EDENIED: others may write it. */
HTH_MUST_CHECK HthStatus hth_keys_read(HthKeys *out, const char *path, HthErr *err);
/* Its keys go to the file of users (hth_users_take_over), it becomes PATH.taken.  No file, nothing
 * to do; on failure it stays as it is.  Several processes may try at once. */
HTH_MUST_CHECK HthStatus hth_keys_take_over(HthUsers *u, const char *path, HthErr *err);

#endif

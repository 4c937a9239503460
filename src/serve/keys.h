/* keys.h - the file of keys: who may use the server from elsewhere.
 *
 * keys.json, mode 0600, in the state folder:
 *   {"version": 1, "keys": [{"name": "alice", "role": "user", "tenant": "alice",
 *                            "sha256": "...", "created": 1700000000, "expires": 0}]}
 * The key itself is shown once, when it is made, and stored nowhere.  Unknown members are kept out
 * of what is believed and lost when hearth writes the file.
 *
 * Thread: any; writers of one file wait for each other (a lock beside it). */
#ifndef HTH_SERVE_KEYS_H
#define HTH_SERVE_KEYS_H

#include "vault/users.h"

enum {
    HTH_KEY_NAME_MAX = HTH_USER_NAME_MAX,
    HTH_KEYS_MAX = 1024,
    HTH_KEY_TEXT = 51 /* "hearth_" and 43 characters, with NUL */
};
/* HthKey and HthRole: vault/users.h. A file of keys knows the roles user and admin. */

typedef struct HthKeys {
    HthKey *keys; /* owned */
    uint32_t count;
} HthKeys;
void hth_keys_drop(HthKeys *k);

/* Letters, digits, '.', '_' and '-', 1 to 32 of them, no '.' in front. */
bool hth_key_name(HthStr s);
HTH_MUST_CHECK HthStatus hth_keys_parse(HthKeys *out, HthStr text, HthErr *err);
/* A file that is not there holds no keys. EDENIED: others may write it. */
HTH_MUST_CHECK HthStatus hth_keys_read(HthKeys *out, const char *path, HthErr *err);

/* For `hearth key`. key: shown to the user, once. EINVAL: the name is taken or none. */
HTH_MUST_CHECK HthStatus hth_keys_make(const char *path, HthStr name, HthStr tenant, HthRole role,
                                       int64_t expires_s, char key[HTH_KEY_TEXT], HthErr *err);
/* EINVAL: there is none of that name. */
HTH_MUST_CHECK HthStatus hth_keys_revoke(const char *path, HthStr name, HthErr *err);

/* Which key this is, or NULL: all are looked at, each in the same time. */
const HthKey *hth_keys_find(const HthKeys *k, HthStr key, int64_t now_s);

#endif

/* users.h - who may use the server: users, their keys, their passwords, in one SQLite file.
 *
 * A key is "hearth_" and 48 characters: 32 random bytes and 4 that check for mistakes in copying
 * it.  It is shown once; kept is its SHA3-256, found by its first 8 bytes (the key's id) and
 * compared in constant time.  What is looked up is a digest, so that the time of it says nothing
 * about how much of a guess was right.  Keys of an older keys.json are kept as the SHA-256 that is
 * there.
 *
 * Any process may change the file: each check asks SQLite whether somebody did (no more than a look
 * at shared memory), so that what is revoked is so with the next request.  A file that cannot be
 * read lets nobody in.
 *
 * Thread: any (one lock; passwords are hashed under another, one at a time). */
#ifndef HTH_VAULT_USERS_H
#define HTH_VAULT_USERS_H

#include "crypt/kdf.h"
#include "vault/quota.h"
#include "vault/scope.h"

enum {
    HTH_USER_NAME_MAX = 32,
    HTH_USERS_MAX = 1024,
    HTH_USER_KEYS_MAX = 4096,
    HTH_USER_KEY_TEXT = 56, /* "hearth_" and 48 characters, with NUL */
    HTH_PASSWORD_MIN = 8,
    HTH_PASSWORD_MAX = 1024 /* bytes */
};
#define HTH_NO_UID UINT32_MAX

typedef struct HthUsers HthUsers;

typedef struct HthUsersCfg {
    const char *path; /* the file; made with mode 0600. Its folder must exist */
    const char *vfs; /* an SQLite VFS (tests); NULL: the system's */
    const uint8_t *key; /* [32] seals the file (vfs.h); used while opening only. NULL: plain */
    HthArgon cost; /* of passwords; zeroed: hth_argon_default */
} HthUsersCfg;

/* EFORMAT: not such a file, a damaged one, or one of a newer hearth; EDENIED: another key's. */
HTH_MUST_CHECK HthStatus hth_users_open(HthUsers **out, const HthUsersCfg *cfg, HthErr *err);
void hth_users_close(HthUsers **u);

/* ---- users ----------------------------------------------------------------------------------- */

/* Letters, digits, '.', '_' and '-', 1 to 32 of them, no '.' in front. */
bool hth_user_name(HthStr s);

typedef struct HthUser {
    char name[HTH_USER_NAME_MAX + 1];
    char tenant[HTH_USER_NAME_MAX + 1]; /* shares cached prefixes with this tenant only */
    HthRole role;
    uint32_t uid; /* of the operating system: its processes are this user. HTH_NO_UID: none */
    bool disabled, has_password;
    int64_t created_s;
    uint64_t epoch; /* another one after every change of rights or password */
} HthUser;

/* user->name, tenant ("": the name), role, uid count. EINVAL: no name, or it is taken (or the uid);
 * ELIMIT. */
HTH_MUST_CHECK HthStatus hth_users_add(HthUsers *u, const HthUser *user, int64_t now_s,
                                       HthErr *err);
/* EINVAL: there is no such user. */
HTH_MUST_CHECK HthStatus hth_users_set_role(HthUsers *u, HthStr name, HthRole role, HthErr *err);
HTH_MUST_CHECK HthStatus hth_users_set_disabled(HthUsers *u, HthStr name, bool disabled,
                                                HthErr *err);
HTH_MUST_CHECK HthStatus hth_users_remove(HthUsers *u, HthStr name, HthErr *err); /* and his keys */
/* EINVAL: too short, too long, not UTF-8, or the user is a service (it has keys). */
HTH_MUST_CHECK HthStatus hth_users_set_password(HthUsers *u, HthStr name, HthStr password,
                                                HthErr *err);
/* *out: an array of *count, the caller's (hth_free); in the order of names. */
HTH_MUST_CHECK HthStatus hth_users_list(HthUsers *u, HthUser **out, uint32_t *count, HthErr *err);

/* ---- keys ------------------------------------------------------------------------------------ */

typedef struct HthUserKey {
    char name[HTH_USER_NAME_MAX + 1]; /* of the key: no two have one */
    char user[HTH_USER_NAME_MAX + 1];
    uint64_t id; /* of its digest; never 0 */
    HthScope scope;
    HthLimits limits;
    int64_t created_s, expires_s; /* expires 0: never */
    bool taken_over; /* from keys.json */
} HthUserKey;

/* spec->name, user, scope (verbs 0: all), limits, expires_s count. key: shown to the user, once.
 * EINVAL: the name is taken or none, there is no such user, it expires before it begins; ELIMIT. */
HTH_MUST_CHECK HthStatus hth_users_add_key(HthUsers *u, const HthUserKey *spec, int64_t now_s,
                                           char key[HTH_USER_KEY_TEXT], HthErr *err);
HTH_MUST_CHECK HthStatus hth_users_revoke(HthUsers *u, HthStr key_name, HthErr *err);
/* As hth_users_list. */
HTH_MUST_CHECK HthStatus hth_users_keys(HthUsers *u, HthUserKey **out, uint32_t *count,
                                        HthErr *err);

/* A key as keys.json has it. */
typedef struct HthKey {
    char name[HTH_USER_NAME_MAX + 1], tenant[HTH_USER_NAME_MAX + 1];
    HthRole role;
    uint8_t sha256[32];
    int64_t created_s, expires_s; /* unix; expires 0: never */
} HthKey;
/* Takes over the keys of a keys.json: each becomes a user of its name, tenant and role with one key
 * of that name, good for what it was good for.  All or nothing; what was taken over before is left
 * alone. *added: how many were new. EINVAL naming the place: a name is taken by something else. */
HTH_MUST_CHECK HthStatus hth_users_take_over(HthUsers *u, const HthKey *keys, uint32_t count,
                                             uint32_t *added, HthErr *err);

/* ---- what the audit log is to be told ------------------------------------------------------- */

/* A change of users or keys; it is kept, with the change, until somebody has passed it on. */
typedef struct HthUserEvent {
    int64_t number; /* they are in this order */
    int64_t time_s;
    char id[17]; /* hexadecimal; no two have one */
    char action[24]; /* "add", "role admin" */
    char user[HTH_USER_NAME_MAX + 1], key[HTH_USER_NAME_MAX + 1]; /* key "": none was changed */
} HthUserEvent;
enum { HTH_USER_EVENTS_MAX = 64 }; /* read at once */
/* The oldest, at most HTH_USER_EVENTS_MAX. EFORMAT: a row that hearth did not write. */
HTH_MUST_CHECK HthStatus hth_users_events(HthUsers *u, HthUserEvent out[HTH_USER_EVENTS_MAX],
                                          uint32_t *count, HthErr *err);
/* Those up to number were passed on. */
HTH_MUST_CHECK HthStatus hth_users_events_drop(HthUsers *u, int64_t number, HthErr *err);

/* ---- asking ---------------------------------------------------------------------------------- */

/* What somebody may do, and until what changes. */
typedef struct HthGrant {
    HthUser user;
    HthScope scope; /* without a key: everything; the role has the last word (serve/policy.h) */
    HthLimits limits;
    uint64_t key_id; /* 0: not by a key */
    char key_name[HTH_USER_NAME_MAX + 1];
    uint64_t epoch; /* of the whole file, when this was so */
} HthGrant;

/* EDENIED, in the same time whatever is wrong with it: not known, revoked, expired, disabled. */
HTH_MUST_CHECK HthStatus hth_users_by_key(HthUsers *u, HthStr key, int64_t now_s, HthGrant *out,
                                          HthErr *err);
HTH_MUST_CHECK HthStatus hth_users_by_uid(HthUsers *u, uint32_t uid, HthGrant *out, HthErr *err);
/* Of a client certificate that was verified: its name. */
HTH_MUST_CHECK HthStatus hth_users_by_name(HthUsers *u, HthStr name, HthGrant *out, HthErr *err);
/* Who comes again (a session, a stream): brought up to date if anything changed since. EDENIED: the
 * user's rights or password changed, he or the key is gone, or the key is past its time. */
HTH_MUST_CHECK HthStatus hth_users_still(HthUsers *u, HthGrant *g, int64_t now_s, HthErr *err);

/* Name and password. EDENIED: wrong, in the same time whether or not there is such a user; EAGAIN:
 * *wait_s, too many wrong ones for this user or from this address, or several who log in at once. A
 * hash of other costs than the file is opened with is made anew. Takes a fifth of a second and
 * 64 MiB. */
HTH_MUST_CHECK HthStatus hth_users_login(HthUsers *u, HthStr name, HthStr password, HthStr address,
                                         uint64_t now_ns, HthGrant *out, uint32_t *wait_s,
                                         HthErr *err);

/* A request under a key begins and ends: see quota.h. Without a key nothing is counted. */
HTH_MUST_CHECK HthStatus hth_users_begin(HthUsers *u, const HthGrant *g, uint64_t bytes,
                                         uint64_t now_ns, uint32_t *wait_s, HthErr *err);
void hth_users_end(HthUsers *u, const HthGrant *g, uint64_t tokens, uint64_t now_ns);

#endif

/* users_in.h - what the files of users share: the file's statements, and its rows in memory.
 *
 * Private to this floor.
 *
 * Thread: with HthUsers.lock held. */
#ifndef HTH_VAULT_USERS_IN_H
#define HTH_VAULT_USERS_IN_H

#include <pthread.h>
#include <stdatomic.h>

#include "crypt/hash.h"
#include "vault/backoff.h"
#include "vault/db.h"
#include "vault/users.h"

typedef enum HthUsersSql {
    HTH_US_EPOCH,
    HTH_US_BUMP,
    HTH_US_USERS,
    HTH_US_KEYS,
    HTH_US_ADD,
    HTH_US_ROLE,
    HTH_US_DISABLE,
    HTH_US_REMOVE,
    HTH_US_REMOVE_KEYS,
    HTH_US_PASSWORD,
    HTH_US_REHASH,
    HTH_US_HASH_OF,
    HTH_US_ADD_KEY,
    HTH_US_REVOKE,
    HTH_US_EVENTS,
    HTH_US_DROP_EVENTS,
    HTH_US_STATEMENTS
} HthUsersSql;
extern const HthDbShape hth_users_shape;

enum {
    HTH_KEY_SHA3 = 0,
    HTH_KEY_SHA256 = 1,
    HTH_SALT_BYTES = HTH_ARGON_SALT_BYTES,
    HTH_LOGINS_MAX = 2
};

typedef struct HthUserRow {
    int64_t number; /* in the file */
    HthUser user;
} HthUserRow;

typedef struct HthKeyRow {
    int64_t id;
    uint32_t user; /* index of its HthUserRow */
    uint8_t kind; /* HTH_KEY_... */
    uint8_t digest[HTH_HASH_BYTES];
    HthUserKey key;
    HthUse use; /* carried over when the file is read again */
} HthKeyRow;

typedef struct HthUsersRows {
    HthUserRow *users; /* owned; in the order of names */
    HthKeyRow *keys; /* owned; in the order of ids */
    uint32_t user_count, key_count;
    uint64_t epoch;
} HthUsersRows;

struct HthUsers {
    pthread_mutex_t lock; /* of all but `hashing` */
    pthread_mutex_t hashing; /* held first: one password at a time takes its 64 MiB */
    atomic_uint logins; /* under way or waiting for `hashing` */
    HthDb db;
    HthArgon cost;
    HthUsersRows rows;
    int64_t seen; /* SQLite's data_version when rows were read */
    bool stale; /* rows are to be read again */
    HthBackoff backoff;
};

/* Reads the rows again if the file is another than before. */
HTH_MUST_CHECK HthStatus hth_users_refresh(HthUsers *u, HthErr *err);
/* Locks, begins to write, and reads what is there; on failure nothing is held. */
HTH_MUST_CHECK HthStatus hth_users_begin_change(HthUsers *u, HthErr *err);
/* Another epoch, commit or roll back, unlock. */
HTH_MUST_CHECK HthStatus hth_users_end_change(HthUsers *u, HthStatus status, HthErr *err);
/* The next epoch: the one that a change under way makes. */
int64_t hth_users_next_epoch(const HthUsers *u);

const HthUserRow *hth_users_find(const HthUsers *u, HthStr name); /* NULL: none */
HthKeyRow *hth_users_find_id(HthUsers *u, int64_t id);
HthKeyRow *hth_users_find_key(HthUsers *u, HthStr key_name);

/* users_rows.c */
HTH_MUST_CHECK HthStatus hth_users_load(HthDb *db, HthUsersRows *out, HthErr *err);
void hth_users_rows_drop(HthUsersRows *rows);

#endif

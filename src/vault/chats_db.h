/* chats_db.h - the SQLite file under conversations: opening, statements, errors, transactions.
 *
 * Private to this floor.
 *
 * Thread: with the lock of the HthChats held. */
#ifndef HTH_VAULT_CHATS_DB_H
#define HTH_VAULT_CHATS_DB_H

#include <pthread.h>

#include "vault/chats.h"
#include "vault/db.h"

typedef enum HthSql {
    HTH_SQL_LOOK,
    HTH_SQL_USAGE,
    HTH_SQL_INSERT,
    HTH_SQL_UPDATE,
    HTH_SQL_WORDS_PUT,
    HTH_SQL_WORDS_DELETE,
    HTH_SQL_WORDS_DELETE_ALL,
    HTH_SQL_WORDS_MERGE,
    HTH_SQL_WORDS_REBUILD,
    HTH_SQL_WORDS_SHAPE,
    HTH_SQL_EMPTY_LOG,
    HTH_SQL_GET,
    HTH_SQL_ALL,
    HTH_SQL_DELETE,
    HTH_SQL_DELETE_ALL,
    HTH_SQL_COUNT_ALL,
    HTH_SQL_LIST,
    HTH_SQL_COUNT_MATCH,
    HTH_SQL_MATCH,
    HTH_SQL_COUNT_LIKE,
    HTH_SQL_LIKE,
    HTH_SQL_RESPONSE_PUT,
    HTH_SQL_RESPONSE_EXPIRE,
    HTH_SQL_RESPONSE_TRIM,
    HTH_SQL_RESPONSE_GET,
    HTH_SQL_RESPONSE_DELETE,
    HTH_SQL_RESPONSE_DELETE_ALL,
    HTH_SQL_STATEMENTS
} HthSql;

struct HthChats {
    pthread_mutex_t lock; /* SQLite's connection and its statements have one user at a time */
    HthDb db;
    HthChatsCfg cfg; /* path, vfs, key: not used after open; limits filled in */
};

/* A statement without rows. Parameters: user, or user and id, or none (n of them). */
HTH_MUST_CHECK HthStatus hth_q_run(HthChats *c, HthSql which, int n, uint64_t user, HthStr id,
                                   HthErr *err);

/* Locks and begins; on failure nothing is held. */
HTH_MUST_CHECK HthStatus hth_chats_begin(HthChats *c, HthErr *err);
/* Commits when status is HTH_OK, else rolls back; unlocks. Returns what came of it. */
HTH_MUST_CHECK HthStatus hth_chats_end(HthChats *c, HthStatus status, HthErr *err);
/* What was deleted is overwritten: inside a transaction, and after it. */
HTH_MUST_CHECK HthStatus hth_chats_erase(HthChats *c, HthErr *err);
void hth_chats_empty_log(HthChats *c); /* not in a transaction; failure is harmless */

HTH_MUST_CHECK HthStatus hth_chats_id_ok(HthStr id, HthErr *err);
/* Checks a conversation: what chats.h says of its members. */
typedef struct HthChatFacts {
    HthStr id, title; /* borrowed from the JSON */
    uint32_t count;
} HthChatFacts;
HTH_MUST_CHECK HthStatus hth_chat_check(HthChatFacts *out, const json_t *chat,
                                        uint32_t messages_max, HthErr *err);
/* All that can be searched: the contents of its messages, a line each. */
HTH_MUST_CHECK HthStatus hth_chat_text(HthBuf *out, const json_t *chat, HthErr *err);

#endif

/* chats_db.c - see chats_db.h.
 *
 * The file: application id "HRTH", user_version VERSION.  Tables: `chat` (a row per conversation,
 * the JSON in `body` without created and updated), `words` (FTS5: who, title, contents; rowid is
 * chat's key), `response`.  A later version adds a step to `steps`.
 *
 * Thread: see chats_db.h. */
#include "vault/chats_db.h"

#include "base/mem.h"

enum {
    APPLICATION = 0x48525448,
    VERSION = 1,
    CACHE_KIB = 16384,
    LEVELS_MAX = 1000, /* of the index of words, until it is made anew */
    LEVELS_BROKEN = 2000 /* above that SQLite does not open it */
};

/* What brings a file from version i to i + 1. */
static const char *const steps[VERSION] = {
    "CREATE TABLE chat (key INTEGER PRIMARY KEY, user INTEGER NOT NULL, id TEXT NOT NULL,"
    " title TEXT NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL,"
    " count INTEGER NOT NULL, bytes INTEGER NOT NULL, body TEXT NOT NULL,"
    " UNIQUE (user, id)) STRICT;"
    "CREATE INDEX chat_latest ON chat (user, updated DESC);"
    "CREATE VIRTUAL TABLE words USING fts5 (who, title, text,"
    " tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3');"
    "CREATE TABLE response (user INTEGER NOT NULL, id TEXT NOT NULL, created INTEGER NOT NULL,"
    " expires INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (user, id)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX response_end ON response (expires);",
};

#define ROW "id, title, created, updated, count, bytes"
/* CROSS JOIN: the index of words first, or, for pieces, this user's rows first. */
#define BY_WORDS                                                                                   \
    " FROM words CROSS JOIN chat ON chat.key = words.rowid WHERE words MATCH ?1 AND chat.user = "  \
    "?2"
#define BY_PIECE                                                                                   \
    " FROM chat CROSS JOIN words ON words.rowid = chat.key WHERE chat.user = ?2"                   \
    " AND (instr(words.text, ?1) OR instr(words.title, ?1))"
#define LATEST    " ORDER BY updated DESC, id LIMIT ?3 OFFSET ?4"
#define MARKED(s) "replace(" s ", ?1, char(57344) || ?1 || char(57345))"
#define CHAT_ROW  "chat.id, chat.title, chat.created, chat.updated, chat.count, chat.bytes"
#define ITS_WORDS "(SELECT key FROM chat WHERE user = ?1 AND id = ?2)"
#define ALL_WORDS "(SELECT key FROM chat WHERE user = ?1)"

static const char *const texts[HTH_SQL_STATEMENTS] = {
    [HTH_SQL_LOOK] = "SELECT key, updated, bytes, count FROM chat WHERE user = ?1 AND id = ?2",
    [HTH_SQL_USAGE] = "SELECT count(*), coalesce(sum(bytes), 0) FROM chat WHERE user = ?1",
    [HTH_SQL_INSERT] = "INSERT INTO chat (user, id, title, updated, count, bytes, body, created)"
                       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [HTH_SQL_UPDATE] = "UPDATE chat SET title = ?3, updated = ?4, count = ?5, bytes = ?6, body = ?7"
                       " WHERE user = ?1 AND id = ?2",
    [HTH_SQL_WORDS_PUT] = "INSERT INTO words (rowid, who, title, text) VALUES (?1, ?2, ?3, ?4)",
    [HTH_SQL_WORDS_DELETE] = "DELETE FROM words WHERE rowid = " ITS_WORDS,
    [HTH_SQL_WORDS_DELETE_ALL] = "DELETE FROM words WHERE rowid IN " ALL_WORDS,
    [HTH_SQL_WORDS_MERGE] = "INSERT INTO words (words) VALUES ('optimize')",
    [HTH_SQL_WORDS_REBUILD] = "INSERT INTO words (words) VALUES ('rebuild')",
    [HTH_SQL_WORDS_SHAPE] = "SELECT block FROM words_data WHERE id = 10",
    [HTH_SQL_EMPTY_LOG] = "PRAGMA wal_checkpoint(TRUNCATE)",
    [HTH_SQL_GET] = "SELECT created, updated, body FROM chat WHERE user = ?1 AND id = ?2",
    [HTH_SQL_ALL] = "SELECT created, updated, body FROM chat WHERE user = ?1 ORDER BY key",
    [HTH_SQL_DELETE] = "DELETE FROM chat WHERE user = ?1 AND id = ?2",
    [HTH_SQL_DELETE_ALL] = "DELETE FROM chat WHERE user = ?1",
    [HTH_SQL_COUNT_ALL] = "SELECT count(*) FROM chat WHERE user = ?2 AND ?1 = ''",
    [HTH_SQL_LIST] = "SELECT " ROW " FROM chat WHERE user = ?2 AND ?1 = ''" LATEST,
    [HTH_SQL_COUNT_MATCH] = "SELECT count(*)" BY_WORDS,
    /* Twice: the inner one picks the page, so that snippets, which are slow, are made for no other
     * rows. */
    [HTH_SQL_MATCH] =
        "SELECT " CHAT_ROW ", snippet(words, 2, char(57344), char(57345), '...', 16)" BY_WORDS
        " AND words.rowid IN (SELECT chat.key" BY_WORDS LATEST ") ORDER BY updated DESC, id",
    [HTH_SQL_COUNT_LIKE] = "SELECT count(*)" BY_PIECE,
    [HTH_SQL_LIKE] =
        "SELECT " CHAT_ROW ", " MARKED("substr(words.text, max(1, instr(words.text, ?1)"
                                       " - 24), 72)") BY_PIECE LATEST,
    [HTH_SQL_RESPONSE_PUT] =
        "INSERT INTO response (user, id, created, expires, body) VALUES (?1, ?2, ?3, ?4, ?5)"
        " ON CONFLICT (user, id) DO UPDATE SET created = ?3, expires = ?4, body = ?5",
    [HTH_SQL_RESPONSE_EXPIRE] = "DELETE FROM response WHERE expires <= ?1",
    [HTH_SQL_RESPONSE_TRIM] =
        "DELETE FROM response WHERE user = ?1 AND id IN (SELECT id FROM response WHERE user = ?1"
        " ORDER BY created DESC, id LIMIT -1 OFFSET ?2)",
    [HTH_SQL_RESPONSE_GET] =
        "SELECT body FROM response WHERE user = ?1 AND id = ?2 AND expires > ?3",
    [HTH_SQL_RESPONSE_DELETE] = "DELETE FROM response WHERE user = ?1 AND id = ?2",
    [HTH_SQL_RESPONSE_DELETE_ALL] = "DELETE FROM response WHERE user = ?1",
};

static const HthDbShape shape = { .what = "the file of conversations",
                                  .application = APPLICATION,
                                  .version = VERSION,
                                  .cache_kib = CACHE_KIB,
                                  .steps = steps,
                                  .texts = texts,
                                  .text_count = HTH_SQL_STATEMENTS };

/* ---- statements ------------------------------------------------------------------------------ */

HthStatus hth_q_run(HthChats *c, HthSql which, int n, uint64_t user, HthStr id, HthErr *err) {
    HthDbQ q = hth_dbq(&c->db, which);
    if (n > 0) hth_dbq_i64(&q, (int64_t)user);
    if (n > 1) hth_dbq_text(&q, id);
    return hth_dbq_done(&q, NULL, err);
}

static HthStatus run(HthChats *c, HthSql which, HthErr *err) {
    return hth_q_run(c, which, 0, 0, HTH_STR(""), err);
}

HthStatus hth_chats_begin(HthChats *c, HthErr *err) {
    pthread_mutex_lock(&c->lock);
    const HthStatus status = hth_db_begin(&c->db, err);
    if (status != HTH_OK) pthread_mutex_unlock(&c->lock);
    return status;
}

HthStatus hth_chats_end(HthChats *c, HthStatus status, HthErr *err) {
    status = hth_db_end(&c->db, status, err);
    pthread_mutex_unlock(&c->lock);
    return status;
}

/* FTS5 of SQLite 3.40 counts a level or two more each time the pieces of an index that is longer
 * than a page are merged, and above 2000 takes it for damaged.  Its record of them: a cookie of 4
 * bytes, in files of later versions (which count no further) a mark of 4 more that begins with ff,
 * then that count, 7 bits a byte. */
static HthStatus count_levels(HthChats *c, uint32_t *out, HthErr *err) {
    HthDbQ q = hth_dbq(&c->db, HTH_SQL_WORDS_SHAPE);
    uint32_t n = 0;
    if (hth_dbq_row(&q)) {
        const HthStr block = hth_dbq_col_bytes(&q, 0);
        size_t at = block.n > 4 && (uint8_t)block.p[4] == 0xff ? 8 : 4;
        bool more = true;
        for (const size_t end = at + 4; more && at < block.n && at < end; at++) {
            n = n << 7 | ((uint8_t)block.p[at] & 0x7f);
            more = (uint8_t)block.p[at] & 0x80;
        }
    }
    *out = n;
    return hth_dbq_end(&q, err);
}

HthStatus hth_chats_erase(HthChats *c, HthErr *err) {
    uint32_t levels = 0;
    HTH_TRY(count_levels(c, &levels, err));
    /* either way old entries go with the pieces they are in */
    return run(c, levels < LEVELS_MAX ? HTH_SQL_WORDS_MERGE : HTH_SQL_WORDS_REBUILD, err);
}

/* An index with too many levels, as an earlier hearth left it: emptied, then made anew from what is
 * stored. */
static HthStatus mend_words(HthChats *c, HthErr *err) {
    static const char empty[] = "UPDATE words_data SET block = zeroblob(7) WHERE id = 10";
    uint32_t levels = 0;
    HTH_TRY(count_levels(c, &levels, err));
    if (levels <= LEVELS_BROKEN) return HTH_OK;
    HTH_TRY(hth_db_begin(&c->db, err));
    (void)sqlite3_db_config(c->db.db, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
    const int rc = sqlite3_exec(c->db.db, empty, NULL, NULL, NULL);
    (void)sqlite3_db_config(c->db.db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    HthStatus status = rc == SQLITE_OK ? HTH_OK : hth_sqlite_failed(rc, shape.what, err);
    if (status == HTH_OK) status = run(c, HTH_SQL_WORDS_REBUILD, err);
    return hth_db_end(&c->db, status, err);
}

void hth_chats_empty_log(HthChats *c) {
    pthread_mutex_lock(&c->lock);
    (void)!run(c, HTH_SQL_EMPTY_LOG, NULL);
    pthread_mutex_unlock(&c->lock);
}

/* ---- opening --------------------------------------------------------------------------------- */

#define OR(member, value) cfg.member = cfg.member ? cfg.member : (value)

HthStatus hth_chats_open(HthChats **out, const HthChatsCfg *given, HthErr *err) {
    HthChatsCfg cfg = *given;
    OR(chats_max, 10000);
    OR(messages_max, 10000);
    OR(chat_bytes_max, (size_t)16 << 20);
    OR(user_bytes_max, (uint64_t)4 << 30);
    OR(responses_max, 10000);
    HthChats *c = hth_calloc(1, sizeof *c);
    HTH_REQUIRE(c, err, HTH_ENOMEM, "out of memory for conversations");
    c->cfg = cfg;
    pthread_mutex_init(&c->lock, NULL);
    const HthDbPlace at = { .path = cfg.path, .vfs = cfg.vfs, .key = cfg.key };
    HthStatus status = hth_db_open(&c->db, &shape, &at, err);
    if (status == HTH_OK) status = mend_words(c, err);
    c->cfg.path = c->cfg.vfs = NULL;
    c->cfg.key = NULL;
    if (status != HTH_OK)
        hth_chats_close(&c);
    else
        *out = c;
    return status;
}

void hth_chats_close(HthChats **c) {
    if (!*c) return;
    hth_db_close(&(*c)->db);
    pthread_mutex_destroy(&(*c)->lock);
    hth_free(*c);
    *c = NULL;
}

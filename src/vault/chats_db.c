/* chats_db.c - see chats_db.h.
 *
 * The file: application id "HRTH", user_version VERSION.  Tables: `chat` (a row per conversation,
 * the JSON in `body` without created and updated), `words` (FTS5: who, title, contents; rowid is
 * chat's key), `response`.  A later version adds a step to `steps`.
 *
 * Thread: see chats_db.h. */
#include "vault/chats_db.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

enum { APPLICATION = 0x48525448, VERSION = 1, BUSY_MS = 5000 };

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
    [HTH_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [HTH_SQL_COMMIT] = "COMMIT",
    [HTH_SQL_ROLLBACK] = "ROLLBACK",
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

static const char what[] = "the file of conversations";

/* ---- errors ---------------------------------------------------------------------------------- */

static HthStatus failed(int rc, HthErr *err) {
    return hth_sqlite_failed(rc, what, err);
}

/* ---- statements ------------------------------------------------------------------------------ */

HthQ hth_q(HthChats *c, HthSql which) {
    HthQ q = { .c = c, .rc = SQLITE_OK };
    if (!c->statements[which])
        q.rc = sqlite3_prepare_v3(c->db, texts[which], -1, SQLITE_PREPARE_PERSISTENT,
                                  &c->statements[which], NULL);
    q.s = c->statements[which];
    return q;
}

void hth_q_i64(HthQ *q, int64_t v) {
    q->bound++;
    if (q->rc == SQLITE_OK) q->rc = sqlite3_bind_int64(q->s, q->bound, v);
}

void hth_q_text(HthQ *q, HthStr s) {
    q->bound++;
    if (q->rc == SQLITE_OK)
        q->rc =
            sqlite3_bind_text64(q->s, q->bound, s.n ? s.p : "", s.n, SQLITE_STATIC, SQLITE_UTF8);
}

bool hth_q_row(HthQ *q) {
    if (q->rc != SQLITE_OK && q->rc != SQLITE_ROW) return false;
    q->rc = sqlite3_step(q->s);
    return q->rc == SQLITE_ROW;
}

int64_t hth_q_col(const HthQ *q, int i) {
    return sqlite3_column_int64(q->s, i);
}

HthStr hth_q_col_text(const HthQ *q, int i) {
    const unsigned char *p = sqlite3_column_text(q->s, i);
    return p ? (HthStr){ (const char *)p, (size_t)sqlite3_column_bytes(q->s, i) } : HTH_STR("");
}

HthStatus hth_q_end(HthQ *q, HthErr *err) {
    if (q->s) {
        (void)sqlite3_reset(q->s);
        (void)sqlite3_clear_bindings(q->s);
    }
    const bool fine = q->rc == SQLITE_OK || q->rc == SQLITE_ROW || q->rc == SQLITE_DONE;
    return fine ? HTH_OK : failed(q->rc, err);
}

HthStatus hth_q_run(HthChats *c, HthSql which, int n, uint64_t user, HthStr id, HthErr *err) {
    HthQ q = hth_q(c, which);
    if (n > 0) hth_q_i64(&q, (int64_t)user);
    if (n > 1) hth_q_text(&q, id);
    while (hth_q_row(&q)) {
    }
    return hth_q_end(&q, err);
}

static HthStatus run(HthChats *c, HthSql which, HthErr *err) {
    return hth_q_run(c, which, 0, 0, HTH_STR(""), err);
}

HthStatus hth_chats_begin(HthChats *c, HthErr *err) {
    pthread_mutex_lock(&c->lock);
    const HthStatus status = run(c, HTH_SQL_BEGIN, err);
    if (status != HTH_OK) pthread_mutex_unlock(&c->lock);
    return status;
}

HthStatus hth_chats_end(HthChats *c, HthStatus status, HthErr *err) {
    if (status == HTH_OK) status = run(c, HTH_SQL_COMMIT, err);
    if (status != HTH_OK && !sqlite3_get_autocommit(c->db) &&
        run(c, HTH_SQL_ROLLBACK, NULL) != HTH_OK)
        (void)sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL); /* the statement was not there */
    pthread_mutex_unlock(&c->lock);
    return status;
}

HthStatus hth_chats_erase(HthChats *c, HthErr *err) {
    return run(c, HTH_SQL_WORDS_MERGE, err); /* old entries go with the pieces they are in */
}

void hth_chats_empty_log(HthChats *c) {
    pthread_mutex_lock(&c->lock);
    (void)!run(c, HTH_SQL_EMPTY_LOG, NULL);
    pthread_mutex_unlock(&c->lock);
}

/* ---- opening --------------------------------------------------------------------------------- */

static HthStatus exec(sqlite3 *db, const char *sql, HthErr *err) {
    const int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? HTH_OK : failed(rc, err);
}

static HthStatus ask(sqlite3 *db, const char *sql, int64_t *out, HthErr *err) {
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) *out = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return rc == SQLITE_ROW ? HTH_OK : failed(rc, err);
}

/* SQLite gives its log and index the mode of the file: it is made before. */
static HthStatus make_plain(const HthChatsCfg *cfg, HthErr *err) {
    const int fd = open(cfg->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    HTH_REQUIRE(fd >= 0, err, HTH_EIO, "cannot open %s: %s", cfg->path, strerror(errno));
    struct stat st;
    const bool ok = !fstat(fd, &st) && S_ISREG(st.st_mode) && !fchmod(fd, 0600);
    close(fd);
    HTH_REQUIRE(ok, err, HTH_EIO, "%s is not a regular file of one's own", cfg->path);
    return HTH_OK;
}

/* The one place where the file is opened. */
static HthStatus open_file(HthChats *c, HthErr *err) {
    const HthChatsCfg *cfg = &c->cfg;
    const HthVfsCfg sealed = {
        .path = cfg->path, .what = what, .under = cfg->vfs, .key = cfg->key
    };
    HTH_TRY(cfg->key ? hth_vfs_open(&c->sealed, &sealed, err) : make_plain(cfg, err));
    const int rc = sqlite3_open_v2(
        cfg->path, &c->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
        c->sealed ? hth_vfs_name(c->sealed) : cfg->vfs);
    return rc == SQLITE_OK ? HTH_OK : failed(rc, err);
}

static HthStatus migrate(sqlite3 *db, HthErr *err) {
    int64_t version = 0, application = 0, tables = 0;
    HTH_TRY(ask(db, "PRAGMA user_version", &version, err));
    HTH_TRY(ask(db, "PRAGMA application_id", &application, err));
    HTH_TRY(ask(db, "SELECT count(*) FROM sqlite_schema", &tables, err));
    HTH_REQUIRE(application == APPLICATION || (!application && !tables), err, HTH_EFORMAT,
                "the file of conversations is another program's; name another place for it");
    HTH_REQUIRE(version >= 0 && version <= VERSION, err, HTH_EFORMAT,
                "the file of conversations was written by a newer hearth (version %lld, this one "
                "knows %d)",
                (long long)version, VERSION);
    for (int64_t i = version; i < VERSION; i++) {
        char *sql = sqlite3_mprintf("BEGIN IMMEDIATE;%s"
                                    "PRAGMA application_id=%d;PRAGMA user_version=%d;COMMIT;",
                                    steps[i], APPLICATION, (int)i + 1);
        HTH_REQUIRE(sql, err, HTH_ENOMEM, "out of memory for the file of conversations");
        const HthStatus status = exec(db, sql, err);
        sqlite3_free(sql);
        if (status != HTH_OK) {
            (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
            return status;
        }
    }
    return HTH_OK;
}

static HthStatus set_up(HthChats *c, HthErr *err) {
    HTH_TRY(open_file(c, err));
    sqlite3_busy_timeout(c->db, BUSY_MS);
    (void)sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(c->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    HTH_TRY(exec(c->db,
                 "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA secure_delete=ON;"
                 "PRAGMA temp_store=MEMORY;PRAGMA cell_size_check=ON;PRAGMA cache_size=-16384",
                 err));
    return migrate(c->db, err);
}

#define OR(member, value) cfg.member = cfg.member ? cfg.member : (value)

HthStatus hth_chats_open(HthChats **out, const HthChatsCfg *given, HthErr *err) {
    HthChatsCfg cfg = *given;
    OR(chats_max, 10000);
    OR(messages_max, 10000);
    OR(chat_bytes_max, (size_t)16 << 20);
    OR(user_bytes_max, (uint64_t)4 << 30);
    OR(responses_max, 10000);
    hth_sqlite_use_mem();
    HthChats *c = hth_calloc(1, sizeof *c);
    HTH_REQUIRE(c, err, HTH_ENOMEM, "out of memory for conversations");
    c->cfg = cfg;
    pthread_mutex_init(&c->lock, NULL);
    const HthStatus status = set_up(c, err);
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
    for (size_t i = 0; i < HTH_SQL_STATEMENTS; i++) sqlite3_finalize((*c)->statements[i]);
    sqlite3_close((*c)->db);
    hth_vfs_close(&(*c)->sealed);
    pthread_mutex_destroy(&(*c)->lock);
    hth_free(*c);
    *c = NULL;
}

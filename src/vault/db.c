/* db.c - see db.h.
 *
 * Thread: see db.h. */
#include "vault/db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUSY_MS = 5000 };

/* Numbers of the statements that every file has, behind its own. */
enum { BEGIN, BEGIN_READ, COMMIT, ROLLBACK, CHANGED, COMMON };
static const char *const common[COMMON] = { "BEGIN IMMEDIATE", "BEGIN", "COMMIT", "ROLLBACK",
                                            "PRAGMA data_version" };

static HthStatus failed(const HthDbShape *shape, int rc, HthErr *err) {
    return hth_sqlite_failed(rc, shape->what, err);
}

/* ---- statements ------------------------------------------------------------------------------ */

HthDbQ hth_dbq(HthDb *db, uint32_t which) {
    const HthDbShape *shape = db->shape;
    HthDbQ q = { .db = db, .rc = SQLITE_OK };
    HTH_ASSERT(which < shape->text_count + COMMON && which < HTH_DB_STATEMENTS_MAX);
    const char *text =
        which < shape->text_count ? shape->texts[which] : common[which - shape->text_count];
    if (!db->statements[which])
        q.rc = sqlite3_prepare_v3(db->db, text, -1, SQLITE_PREPARE_PERSISTENT,
                                  &db->statements[which], NULL);
    q.s = db->statements[which];
    return q;
}

void hth_dbq_i64(HthDbQ *q, int64_t v) {
    q->bound++;
    if (q->rc == SQLITE_OK) q->rc = sqlite3_bind_int64(q->s, q->bound, v);
}

void hth_dbq_text(HthDbQ *q, HthStr s) {
    q->bound++;
    if (q->rc != SQLITE_OK) return;
    q->rc = sqlite3_bind_text64(q->s, q->bound, s.n ? s.p : "", s.n, SQLITE_STATIC, SQLITE_UTF8);
}

void hth_dbq_blob(HthDbQ *q, const void *bytes, size_t n) {
    q->bound++;
    if (q->rc == SQLITE_OK)
        q->rc = sqlite3_bind_blob64(q->s, q->bound, n ? bytes : NULL, n, SQLITE_STATIC);
}

bool hth_dbq_row(HthDbQ *q) {
    if (q->rc != SQLITE_OK && q->rc != SQLITE_ROW) return false;
    q->rc = sqlite3_step(q->s);
    return q->rc == SQLITE_ROW;
}

int64_t hth_dbq_col(const HthDbQ *q, int i) {
    return sqlite3_column_int64(q->s, i);
}

HthStr hth_dbq_col_bytes(const HthDbQ *q, int i) {
    const void *p = sqlite3_column_blob(q->s, i); /* of a text: its bytes */
    return p ? (HthStr){ p, (size_t)sqlite3_column_bytes(q->s, i) } : HTH_STR("");
}

HthStatus hth_dbq_end(HthDbQ *q, HthErr *err) {
    if (q->s) {
        (void)sqlite3_reset(q->s);
        (void)sqlite3_clear_bindings(q->s);
    }
    const bool fine = q->rc == SQLITE_OK || q->rc == SQLITE_ROW || q->rc == SQLITE_DONE;
    return fine ? HTH_OK : failed(q->db->shape, q->rc, err);
}

HthStatus hth_dbq_done(HthDbQ *q, int64_t *changes, HthErr *err) {
    while (hth_dbq_row(q)) {
    }
    if (changes) *changes = q->rc == SQLITE_DONE ? sqlite3_changes64(q->db->db) : 0;
    return hth_dbq_end(q, err);
}

static HthStatus run(HthDb *db, uint32_t which, HthErr *err) {
    HthDbQ q = hth_dbq(db, db->shape->text_count + which);
    return hth_dbq_done(&q, NULL, err);
}

HthStatus hth_db_begin(HthDb *db, HthErr *err) {
    return run(db, BEGIN, err);
}

HthStatus hth_db_begin_read(HthDb *db, HthErr *err) {
    return run(db, BEGIN_READ, err);
}

HthStatus hth_db_end(HthDb *db, HthStatus status, HthErr *err) {
    if (status == HTH_OK) status = run(db, COMMIT, err);
    if (status != HTH_OK && !sqlite3_get_autocommit(db->db) && run(db, ROLLBACK, NULL) != HTH_OK)
        (void)sqlite3_exec(db->db, "ROLLBACK", NULL, NULL, NULL); /* the statement was not there */
    return status;
}

HthStatus hth_db_changed(HthDb *db, int64_t *version, HthErr *err) {
    HthDbQ q = hth_dbq(db, db->shape->text_count + CHANGED);
    const bool there = hth_dbq_row(&q);
    const int64_t v = there ? hth_dbq_col(&q, 0) : 0;
    HTH_TRY(hth_dbq_end(&q, err));
    *version = v;
    return HTH_OK;
}

/* ---- opening --------------------------------------------------------------------------------- */

static HthStatus exec(HthDb *db, const char *sql, HthErr *err) {
    const int rc = sqlite3_exec(db->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? HTH_OK : failed(db->shape, rc, err);
}

static HthStatus ask(HthDb *db, const char *sql, int64_t *out, HthErr *err) {
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(db->db, sql, -1, &s, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) *out = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return rc == SQLITE_ROW ? HTH_OK : failed(db->shape, rc, err);
}

/* SQLite gives its log and index the mode of the file: it is made before. */
static HthStatus make_plain(const char *path, HthErr *err) {
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    HTH_REQUIRE(fd >= 0, err, HTH_EIO, "cannot open %s: %s", path, strerror(errno));
    struct stat st;
    const bool ok = !fstat(fd, &st) && S_ISREG(st.st_mode) && !fchmod(fd, 0600);
    close(fd);
    HTH_REQUIRE(ok, err, HTH_EIO, "%s is not a regular file of one's own", path);
    return HTH_OK;
}

static HthStatus open_file(HthDb *db, const HthDbPlace *at, HthErr *err) {
    const HthVfsCfg sealed = {
        .path = at->path, .what = db->shape->what, .under = at->vfs, .key = at->key
    };
    HTH_TRY(at->key ? hth_vfs_open(&db->sealed, &sealed, err) : make_plain(at->path, err));
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    const int rc =
        sqlite3_open_v2(at->path, &db->db, flags, db->sealed ? hth_vfs_name(db->sealed) : at->vfs);
    return rc == SQLITE_OK ? HTH_OK : failed(db->shape, rc, err);
}

/* One step, in the transaction that is open: another process may have taken it meanwhile. */
static HthStatus step_up(HthDb *db, HthErr *err) {
    const HthDbShape *shape = db->shape;
    int64_t version = 0;
    HTH_TRY(ask(db, "PRAGMA user_version", &version, err));
    for (int64_t i = version; i < shape->version; i++) {
        char *sql = sqlite3_mprintf("%s;PRAGMA application_id=%d;PRAGMA user_version=%d",
                                    shape->steps[i], shape->application, (int)i + 1);
        HTH_REQUIRE(sql, err, HTH_ENOMEM, "out of memory for %s", shape->what);
        const HthStatus status = exec(db, sql, err);
        sqlite3_free(sql);
        HTH_TRY(status);
    }
    return HTH_OK;
}

static HthStatus migrate(HthDb *db, HthErr *err) {
    const HthDbShape *shape = db->shape;
    int64_t version = 0, application = 0, tables = 0;
    HTH_TRY(ask(db, "PRAGMA user_version", &version, err));
    HTH_TRY(ask(db, "PRAGMA application_id", &application, err));
    HTH_TRY(ask(db, "SELECT count(*) FROM sqlite_schema", &tables, err));
    HTH_REQUIRE(application == shape->application || (!application && !tables), err, HTH_EFORMAT,
                "%s is another program's; name another place for it", shape->what);
    HTH_REQUIRE(version >= 0 && version <= shape->version, err, HTH_EFORMAT,
                "%s was written by a newer hearth (version %lld, this one knows %d)", shape->what,
                (long long)version, shape->version);
    if (version == shape->version) return HTH_OK;
    HTH_TRY(hth_db_begin(db, err));
    return hth_db_end(db, step_up(db, err), err);
}

static HthStatus set_up(HthDb *db, const HthDbPlace *at, HthErr *err) {
    HTH_TRY(open_file(db, at, err));
    sqlite3_busy_timeout(db->db, BUSY_MS);
    (void)sqlite3_db_config(db->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    HTH_TRY(exec(db,
                 "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA secure_delete=ON;"
                 "PRAGMA temp_store=MEMORY;PRAGMA cell_size_check=ON;PRAGMA foreign_keys=ON",
                 err));
    if (db->shape->cache_kib > 0) {
        char sql[48];
        (void)snprintf(sql, sizeof sql, "PRAGMA cache_size=-%u", db->shape->cache_kib);
        HTH_TRY(exec(db, sql, err));
    }
    return migrate(db, err);
}

HthStatus hth_db_open(HthDb *db, const HthDbShape *shape, const HthDbPlace *at, HthErr *err) {
    hth_sqlite_use_mem();
    *db = (HthDb){ .shape = shape };
    const HthStatus status = set_up(db, at, err);
    if (status != HTH_OK) hth_db_close(db);
    return status;
}

void hth_db_close(HthDb *db) {
    for (size_t i = 0; i < HTH_DB_STATEMENTS_MAX; i++) sqlite3_finalize(db->statements[i]);
    sqlite3_close(db->db);
    hth_vfs_close(&db->sealed);
    *db = (HthDb){ 0 };
}

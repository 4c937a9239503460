/* db.h - an SQLite file: opening, versions, statements, transactions, errors.
 *
 * Private to this floor.  What a file holds is an HthDbShape: its statements by number, and the
 * steps that bring an older file up to date.
 *
 * Thread: one at a time; the owner has a lock. */
#ifndef HTH_VAULT_DB_H
#define HTH_VAULT_DB_H

#include <sqlite3.h>

#include "base/str.h"
#include "vault/vfs.h"

enum { HTH_DB_STATEMENTS_MAX = 48 };

typedef struct HthDbShape {
    const char *what; /* for sentences: "the file of users" */
    int32_t application; /* SQLite's application_id */
    int32_t version; /* user_version that this hearth writes */
    uint32_t cache_kib; /* of pages in memory; 0: SQLite's default */
    const char *const *steps; /* [version] step i brings a file from version i to i + 1 */
    const char *const *texts; /* [text_count] the statements */
    uint32_t text_count;
} HthDbShape;

typedef struct HthDb { /* zeroed: not open */
    sqlite3 *db;
    const HthDbShape *shape;
    HthVfs *sealed; /* NULL: the file is plain */
    sqlite3_stmt *statements[HTH_DB_STATEMENTS_MAX]; /* prepared when first wanted */
} HthDb;

typedef struct HthDbPlace { /* used while opening only */
    const char *path; /* its folder must exist */
    const char *vfs; /* NULL: the system's */
    const uint8_t *key; /* [HTH_VFS_KEY_BYTES] as vfs.h says; NULL: the file is plain */
} HthDbPlace;
/* Makes the file (0600) or brings it up to date. EFORMAT: not such a file, or one of a newer
 * hearth. On failure db is closed. */
HTH_MUST_CHECK HthStatus hth_db_open(HthDb *db, const HthDbShape *shape, const HthDbPlace *at,
                                     HthErr *err);
void hth_db_close(HthDb *db); /* fine on one that is not open */

/* One use of a statement. The first failure sticks; hth_dbq_end says what it was. */
typedef struct HthDbQ {
    HthDb *db;
    sqlite3_stmt *s;
    int rc; /* SQLITE_OK, _ROW, _DONE, or an error */
    int bound;
} HthDbQ;
HthDbQ hth_dbq(HthDb *db, uint32_t which);
void hth_dbq_i64(HthDbQ *q, int64_t v); /* the next parameter */
void hth_dbq_text(HthDbQ *q, HthStr s); /* borrowed until hth_dbq_end */
void hth_dbq_blob(HthDbQ *q, const void *bytes, size_t n); /* the same; n 0: NULL */
bool hth_dbq_row(HthDbQ *q); /* steps; is there a row? */
int64_t hth_dbq_col(const HthDbQ *q, int i);
HthStr hth_dbq_col_bytes(const HthDbQ *q, int i); /* text or blob; borrowed until the next step */
HTH_MUST_CHECK HthStatus hth_dbq_end(HthDbQ *q, HthErr *err);
/* Steps to the end. *changes (may be NULL): how many rows it changed. */
HTH_MUST_CHECK HthStatus hth_dbq_done(HthDbQ *q, int64_t *changes, HthErr *err);

HTH_MUST_CHECK HthStatus hth_db_begin(HthDb *db, HthErr *err); /* to write */
HTH_MUST_CHECK HthStatus hth_db_begin_read(HthDb *db, HthErr *err); /* one moment of the file */
/* Commits when status is HTH_OK, else rolls back. Returns what came of it. */
HTH_MUST_CHECK HthStatus hth_db_end(HthDb *db, HthStatus status, HthErr *err);
/* SQLite's data_version: another number after another connection has changed the file. */
HTH_MUST_CHECK HthStatus hth_db_changed(HthDb *db, int64_t *version, HthErr *err);

/* SQLite's allocations go through base/mem.h from the first call on. */
void hth_sqlite_use_mem(void);

#endif

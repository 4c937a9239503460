/* vfs.c - see vfs.h: the VFS itself, over one that does the work.
 *
 * SQLite's page i lies one page further on the disk, behind the head.  Every page keeps its last
 * 40 bytes for us; SQLite leaves them zero, and a write that does not is refused.  Nothing but the
 * file and its log is opened: rollback journals and temporary files would be plain (the temporary
 * ones stay in memory, see sqlite_mem.c).
 *
 * Thread: any; nothing here changes after hth_vfs_register. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "crypt/hash.h"
#include "crypt/secret.h"
#include "vault/bytes.h"
#include "vault/vfs_int.h"

enum { RESERVED_AT = 20, SIZE_AT = 16 }; /* in SQLite's own head, in its first page */

typedef struct File {
    sqlite3_file base;
    HthVfs *v;
    sqlite3_file *real; /* lies behind this */
    bool is_wal;
    HthWal wal;
} File;

static File *mine(sqlite3_file *f) {
    return (File *)(void *)f;
}

/* ---- pages ----------------------------------------------------------------------------------- */

HthPageWhere hth_page_of_file(const HthVfs *v, uint64_t page) {
    HthPageWhere w = { .bytes = { 'D' }, .n = 1 + HTH_SEALED_ID + 8 };
    memcpy(w.bytes + 1, v->id, HTH_SEALED_ID);
    hth_put_le64(w.bytes + 1 + HTH_SEALED_ID, page);
    return w;
}

void hth_page_seal(const HthVfs *v, uint8_t *out, const uint8_t *page, const HthPageWhere *where,
                   const uint32_t *mark) {
    uint8_t *nonce = out + HTH_PAGE_TEXT + HTH_AEAD_TAG_BYTES;
    hth_random(nonce, HTH_XCHACHA_NONCE_BYTES);
    if (mark) hth_put_le32(nonce + HTH_XCHACHA_NONCE_BYTES - 4, *mark);
    hth_seal(HTH_XCHACHA, out, page, HTH_PAGE_TEXT, where->bytes, where->n, nonce, v->key);
}

bool hth_page_unseal(const HthVfs *v, uint8_t *page, const HthPageWhere *where) {
    const uint8_t *nonce = page + HTH_PAGE_TEXT + HTH_AEAD_TAG_BYTES;
    const bool ok = hth_unseal(HTH_XCHACHA, page, page, HTH_PAGE_TEXT + HTH_AEAD_TAG_BYTES,
                               where->bytes, where->n, nonce, v->key);
    memset(page + HTH_PAGE_TEXT, 0, HTH_PAGE_RESERVED);
    return ok;
}

bool hth_page_reserve_is_zero(const uint8_t *page) {
    static const uint8_t zero[HTH_PAGE_RESERVED];
    return memcmp(page + HTH_PAGE_TEXT, zero, HTH_PAGE_RESERVED) == 0;
}

/* A page that is behind the end is zero; one that is there in part is damaged. */
static int no_page(const File *f, uint8_t *page, sqlite3_int64 at) {
    sqlite3_int64 size = 0;
    const int rc = f->real->pMethods->xFileSize(f->real, &size);
    memset(page, 0, HTH_PAGE_BYTES);
    if (rc != SQLITE_OK) return rc;
    return size > at ? SQLITE_CORRUPT : SQLITE_IOERR_SHORT_READ;
}

static int read_page(const File *f, uint8_t *page, sqlite3_int64 index) {
    const sqlite3_int64 at = (index + 1) * HTH_PAGE_BYTES;
    const int rc = f->real->pMethods->xRead(f->real, page, HTH_PAGE_BYTES, at);
    if (rc == SQLITE_IOERR_SHORT_READ) return no_page(f, page, at);
    if (rc != SQLITE_OK) return rc;
    const HthPageWhere where = hth_page_of_file(f->v, (uint64_t)index);
    return hth_page_unseal(f->v, page, &where) ? SQLITE_OK : SQLITE_CORRUPT;
}

/* SQLite looks at the beginning of its first page before it looks at its log.  After a power cut in
 * the middle of a checkpoint that page may be half written, and whole in the log: so the look gets
 * what every such file begins with, and the page itself is read from where it is whole. */
static void usual_beginning(uint8_t *page) {
    static const uint8_t begin[] = { 'S',
                                     'Q',
                                     'L',
                                     'i',
                                     't',
                                     'e',
                                     ' ',
                                     'f',
                                     'o',
                                     'r',
                                     'm',
                                     'a',
                                     't',
                                     ' ',
                                     '3',
                                     0,
                                     0x10,
                                     0, /* 4096 */
                                     2,
                                     2, /* a log */
                                     HTH_PAGE_RESERVED,
                                     64,
                                     32,
                                     32 };
    memcpy(page, begin, sizeof begin);
}

static int read_piece(const File *f, uint8_t *out, int n, sqlite3_int64 at) {
    uint8_t page[HTH_PAGE_BYTES];
    const sqlite3_int64 index = at / HTH_PAGE_BYTES;
    const int skip = (int)(at % HTH_PAGE_BYTES);
    int rc = skip + n <= HTH_PAGE_BYTES ? read_page(f, page, index) : SQLITE_IOERR_READ;
    if (rc == SQLITE_CORRUPT && index == 0) {
        usual_beginning(page);
        rc = SQLITE_OK;
    }
    if (rc == SQLITE_OK)
        memcpy(out, page + skip, (size_t)n);
    else
        memset(out, 0, (size_t)n);
    hth_secret_wipe(page, sizeof page);
    return rc;
}

static int x_read(sqlite3_file *file, void *out, int n, sqlite3_int64 at) {
    File *f = mine(file);
    if (f->is_wal) return hth_wal_read(&f->wal, out, n, at);
    if (n != HTH_PAGE_BYTES || at % HTH_PAGE_BYTES) return read_piece(f, out, n, at);
    const int rc = read_page(f, out, at / HTH_PAGE_BYTES);
    if (rc == SQLITE_CORRUPT)
        hth_log(HTH_LOG_ERROR, "page %lld of %s is not as it was written: damaged, or changed",
                (long long)(at / HTH_PAGE_BYTES), f->v->what);
    return rc;
}

static int x_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 at) {
    File *f = mine(file);
    const uint8_t *page = p;
    uint8_t out[HTH_PAGE_BYTES];
    if (f->is_wal) return hth_wal_write(&f->wal, p, n, at);
    if (n != HTH_PAGE_BYTES || at % HTH_PAGE_BYTES || !hth_page_reserve_is_zero(page))
        return SQLITE_IOERR_WRITE;
    if (at == 0 && (page[RESERVED_AT] != HTH_PAGE_RESERVED || page[SIZE_AT] != 0x10))
        return SQLITE_IOERR_WRITE;
    const HthPageWhere where = hth_page_of_file(f->v, (uint64_t)at / HTH_PAGE_BYTES);
    hth_page_seal(f->v, out, page, &where, NULL);
    return f->real->pMethods->xWrite(f->real, out, n, at + HTH_PAGE_BYTES);
}

static sqlite3_int64 ahead(const File *f) {
    return f->is_wal ? 0 : HTH_PAGE_BYTES;
}

static int x_truncate(sqlite3_file *file, sqlite3_int64 n) {
    const File *f = mine(file);
    return f->real->pMethods->xTruncate(f->real, n + ahead(f));
}

static int x_size(sqlite3_file *file, sqlite3_int64 *out) {
    const File *f = mine(file);
    const int rc = f->real->pMethods->xFileSize(f->real, out);
    if (rc == SQLITE_OK) *out = *out > ahead(f) ? *out - ahead(f) : 0;
    return rc;
}

static int x_control(sqlite3_file *file, int op, void *arg) {
    const File *f = mine(file);
    if (op == SQLITE_FCNTL_MMAP_SIZE) return SQLITE_NOTFOUND; /* what is mapped would be sealed */
    if (op != SQLITE_FCNTL_SIZE_HINT) return f->real->pMethods->xFileControl(f->real, op, arg);
    sqlite3_int64 size = *(const sqlite3_int64 *)arg + ahead(f);
    return f->real->pMethods->xFileControl(f->real, op, &size);
}

static int x_sync(sqlite3_file *file, int flags) {
    File *f = mine(file);
    const int rc = f->real->pMethods->xSync(f->real, flags);
    if (rc == SQLITE_OK && f->is_wal) hth_wal_synced(&f->wal);
    return rc;
}

/* ---- what is handed down as it is ------------------------------------------------------------ */

#define DOWN(type, name, params, args)                                                             \
    static type name params {                                                                      \
        sqlite3_file *real = mine(file)->real;                                                     \
        return real->pMethods->args;                                                               \
    }
DOWN(int, x_close, (sqlite3_file * file), xClose(real))
DOWN(int, x_lock, (sqlite3_file * file, int level), xLock(real, level))
DOWN(int, x_unlock, (sqlite3_file * file, int level), xUnlock(real, level))
DOWN(int, x_reserved, (sqlite3_file * file, int *out), xCheckReservedLock(real, out))
DOWN(int, x_sector, (sqlite3_file * file), xSectorSize(real))
DOWN(int, x_traits, (sqlite3_file * file), xDeviceCharacteristics(real))
DOWN(int, x_shm_map, (sqlite3_file * file, int i, int n, int grow, void volatile **out),
     xShmMap(real, i, n, grow, out))
DOWN(int, x_shm_lock, (sqlite3_file * file, int from, int n, int flags),
     xShmLock(real, from, n, flags))
DOWN(void, x_shm_barrier, (sqlite3_file * file), xShmBarrier(real))
DOWN(int, x_shm_unmap, (sqlite3_file * file, int remove), xShmUnmap(real, remove))

static sqlite3_vfs *below(sqlite3_vfs *face) {
    return ((HthVfs *)face->pAppData)->under;
}

#define DOWN_VFS(type, name, params, args)                                                         \
    static type name params {                                                                      \
        sqlite3_vfs *u = below(vfs);                                                               \
        return u->args;                                                                            \
    }
DOWN_VFS(int, v_delete, (sqlite3_vfs * vfs, const char *name, int sync), xDelete(u, name, sync))
DOWN_VFS(int, v_access, (sqlite3_vfs * vfs, const char *name, int flags, int *out),
         xAccess(u, name, flags, out))
DOWN_VFS(int, v_full, (sqlite3_vfs * vfs, const char *name, int n, char *out),
         xFullPathname(u, name, n, out))
DOWN_VFS(int, v_random, (sqlite3_vfs * vfs, int n, char *out), xRandomness(u, n, out))
DOWN_VFS(int, v_sleep, (sqlite3_vfs * vfs, int us), xSleep(u, us))
DOWN_VFS(int, v_time, (sqlite3_vfs * vfs, double *out), xCurrentTime(u, out))
DOWN_VFS(int, v_time64, (sqlite3_vfs * vfs, sqlite3_int64 *out), xCurrentTimeInt64(u, out))
DOWN_VFS(int, v_error, (sqlite3_vfs * vfs, int n, char *out), xGetLastError(u, n, out))

static const sqlite3_io_methods methods = {
    .iVersion = 2, /* no mapping: what is mapped would be sealed */
    .xClose = x_close,
    .xRead = x_read,
    .xWrite = x_write,
    .xTruncate = x_truncate,
    .xSync = x_sync,
    .xFileSize = x_size,
    .xLock = x_lock,
    .xUnlock = x_unlock,
    .xCheckReservedLock = x_reserved,
    .xFileControl = x_control,
    .xSectorSize = x_sector,
    .xDeviceCharacteristics = x_traits,
    .xShmMap = x_shm_map,
    .xShmLock = x_shm_lock,
    .xShmBarrier = x_shm_barrier,
    .xShmUnmap = x_shm_unmap,
};

/* The file must be the one whose head was read when the VFS was opened. */
static int same_file(const HthVfs *v, sqlite3_file *real) {
    uint8_t head[HTH_SEALED_HEAD];
    const int rc = real->pMethods->xRead(real, head, sizeof head, 0);
    if (rc == SQLITE_IOERR_SHORT_READ) return SQLITE_NOTADB;
    if (rc != SQLITE_OK) return rc;
    return memcmp(head, v->head, sizeof head) == 0 ? SQLITE_OK : SQLITE_NOTADB;
}

static int v_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out) {
    File *f = mine(file);
    f->base.pMethods = NULL;
    if (!(flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL))) return SQLITE_CANTOPEN;
    f->v = vfs->pAppData;
    f->is_wal = flags & SQLITE_OPEN_WAL;
    f->real = (sqlite3_file *)(void *)(f + 1);
    f->wal = (HthWal){ .v = f->v, .real = f->real };
    sqlite3_vfs *u = below(vfs);
    int rc = u->xOpen(u, name, f->real, flags, out);
    if (rc == SQLITE_OK && !f->is_wal) rc = same_file(f->v, f->real);
    if (rc == SQLITE_OK)
        f->base.pMethods = &methods;
    else if (f->real->pMethods)
        f->real->pMethods->xClose(f->real);
    return rc;
}

HthStatus hth_vfs_register(HthVfs *v, const char *under, HthErr *err) {
    v->under = sqlite3_vfs_find(under);
    HTH_REQUIRE(v->under, err, HTH_EIO, "SQLite has no VFS for %s", v->what);
    (void)snprintf(v->name, sizeof v->name, "hearth-sealed-%p", (void *)v);
    v->face = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = (int)sizeof(File) + v->under->szOsFile,
        .mxPathname = v->under->mxPathname,
        .zName = v->name,
        .pAppData = v,
        .xOpen = v_open,
        .xDelete = v_delete,
        .xAccess = v_access,
        .xFullPathname = v_full,
        .xRandomness = v_random,
        .xSleep = v_sleep,
        .xCurrentTime = v_time,
        .xGetLastError = v_error,
        .xCurrentTimeInt64 = v_time64,
    };
    const int rc = sqlite3_vfs_register(&v->face, 0);
    return rc == SQLITE_OK ? HTH_OK : hth_sqlite_failed(rc, v->what, err);
}

const char *hth_vfs_name(const HthVfs *v) {
    return v->name;
}

HthStatus hth_sqlite_failed(int rc, const char *what, HthErr *err) {
    static const struct {
        int rc;
        HthStatus status;
    } rows[] = {
        { SQLITE_NOMEM, HTH_ENOMEM },    { SQLITE_BUSY, HTH_EAGAIN },
        { SQLITE_LOCKED, HTH_EAGAIN },   { SQLITE_NOTADB, HTH_EFORMAT },
        { SQLITE_TOOBIG, HTH_ELIMIT },   { SQLITE_PERM, HTH_EDENIED },
        { SQLITE_CORRUPT, HTH_EFORMAT }, { SQLITE_AUTH, HTH_EDENIED },
    };
    HthStatus status = HTH_EIO;
    for (size_t i = 0; i < HTH_COUNT(rows); i++)
        if (rows[i].rc == (rc & 0xff)) status = rows[i].status;
    return HTH_FAIL(err, status, "%s: %s (SQLite %d)", what, sqlite3_errstr(rc), rc);
}

HthStatus hth_sqlite_copy(sqlite3 *to, sqlite3 *from, const char *what, HthErr *err) {
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
    int rc = b ? sqlite3_backup_step(b, -1) : sqlite3_extended_errcode(to);
    if (b) {
        const int end = sqlite3_backup_finish(b);
        if (rc == SQLITE_DONE) rc = end;
    }
    return rc == SQLITE_OK ? HTH_OK : hth_sqlite_failed(rc, what, err);
}

HthStatus hth_sqlite_sound(sqlite3 *db, const char *what, bool *sound, HthErr *err) {
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(db, "PRAGMA integrity_check(1)", -1, &s, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(s);
    const bool ok = rc == SQLITE_ROW && !strcmp((const char *)sqlite3_column_text(s, 0), "ok");
    sqlite3_finalize(s);
    if (rc != SQLITE_ROW) return hth_sqlite_failed(rc, what, err);
    *sound = ok;
    return HTH_OK;
}

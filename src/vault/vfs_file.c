/* vfs_file.c - see vfs.h: the file's head; making a file, and sealing one that was plain.
 *
 * Both are done beside the file, under its name with "-sealing" behind it, and end in a rename.
 * A plain file is first given 40 reserved bytes in every page by SQLite's own VACUUM (which leaves
 * the old file or the new behind, whatever happens), then copied page by page into a sealed one,
 * checked, made durable and renamed.  The folder is locked meanwhile (flock), so two programs that
 * start together do not make two files.
 *
 * Thread: any. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "crypt/hash.h"
#include "crypt/kdf.h"
#include "crypt/secret.h"
#include "vault/bytes.h"
#include "base/shred.h"
#include "vault/vfs_int.h"

/* The head's members; docs/formats/vault.md. */
enum { VERSION = 1, VERSION_AT = 16, SIZE_AT = 20, ID_AT = 32, CHECK_AT = 48, SUM_AT = 96 };
static const char magic[16] = "hearth sealed db", plain_magic[16] = "SQLite format 3";

enum { PATH_BYTES = 4096 };
typedef struct Place {
    HthVfs *v;
    const HthVfsCfg *cfg;
    int folder; /* descriptor, locked */
    char beside[PATH_BYTES], aside[PATH_BYTES + 8]; /* aside: a name made from another */
} Place;

#define SYS(cond, err, doing, what, path)                                                          \
    HTH_REQUIRE(!hth_file_fault() && (cond), err, HTH_EIO, "%s: cannot %s %.150s: %s", what,       \
                doing, path, strerror(errno))

/* ---- the head -------------------------------------------------------------------------------- */

static void derive(const HthVfs *v, const uint8_t *key, const char *use, uint8_t out[32]) {
    hth_hkdf(out, 32, key, HTH_VFS_KEY_BYTES, v->id, sizeof v->id, hth_str(use));
}

static void head_make(HthVfs *v, const uint8_t *key) {
    hth_random(v->id, sizeof v->id);
    memset(v->head, 0, sizeof v->head);
    memcpy(v->head, magic, sizeof magic);
    hth_put_le32(v->head + VERSION_AT, VERSION);
    hth_put_le32(v->head + SIZE_AT, HTH_PAGE_BYTES);
    memcpy(v->head + ID_AT, v->id, sizeof v->id);
    derive(v, key, "hearth sealed db v1 check", v->head + CHECK_AT);
    hth_hash(HTH_SHA256, v->head, SUM_AT, v->head + SUM_AT);
}

/* page: the file's first, whole. */
static HthStatus head_take(HthVfs *v, const uint8_t page[HTH_PAGE_BYTES], const HthVfsCfg *cfg,
                           HthErr *err) {
    uint8_t want[HTH_HASH_BYTES];
    static const uint8_t zero[HTH_PAGE_BYTES - HTH_SEALED_HEAD];
    memcpy(v->head, page, sizeof v->head);
    memcpy(v->id, page + ID_AT, sizeof v->id);
    hth_hash(HTH_SHA256, v->head, SUM_AT, want);
    HTH_REQUIRE(memcmp(want, v->head + SUM_AT, sizeof want) == 0 &&
                    memcmp(page + HTH_SEALED_HEAD, zero, sizeof zero) == 0,
                err, HTH_EFORMAT, "%s is damaged: its head is not as it was written", v->what);
    HTH_REQUIRE(hth_le32(v->head + VERSION_AT) == VERSION &&
                    hth_le32(v->head + SIZE_AT) == HTH_PAGE_BYTES,
                err, HTH_EFORMAT, "%s was sealed by a newer hearth (version %u, this one knows %d)",
                v->what, hth_le32(v->head + VERSION_AT), VERSION);
    derive(v, cfg->key, "hearth sealed db v1 check", want);
    HTH_REQUIRE(hth_secret_equal(want, v->head + CHECK_AT, sizeof want), err, HTH_EDENIED,
                "%s was sealed with another key; is this the folder, and the keyring, that it "
                "belongs to?",
                v->what);
    return HTH_OK;
}

/* ---- what is there --------------------------------------------------------------------------- */

typedef enum Found { NOTHING, PLAIN, SEALED } Found;

static HthStatus look_at(HthVfs *v, const HthVfsCfg *cfg, int fd, Found *out, HthErr *err) {
    uint8_t page[HTH_PAGE_BYTES] = { 0 };
    struct stat st;
    SYS(!fstat(fd, &st), err, "examine", v->what, cfg->path);
    HTH_REQUIRE(S_ISREG(st.st_mode), err, HTH_EFORMAT, "%s: %.150s is not a regular file", v->what,
                cfg->path);
    const ssize_t n = hth_file_fault() ? -1 : pread(fd, page, sizeof page, 0);
    HTH_REQUIRE(n >= 0, err, HTH_EIO, "%s: cannot read %.150s: %s", v->what, cfg->path,
                strerror(errno));
    *out = n == 0 ? NOTHING : memcmp(page, plain_magic, sizeof plain_magic) ? SEALED : PLAIN;
    if (*out != SEALED) return HTH_OK;
    HTH_REQUIRE(n == sizeof page && memcmp(page, magic, sizeof magic) == 0, err, HTH_EFORMAT,
                "%s: %.150s is neither a database nor a sealed one; name another place for it",
                v->what, cfg->path);
    SYS(!fchmod(fd, 0600), err, "protect", v->what, cfg->path);
    return head_take(v, page, cfg, err);
}

static HthStatus look(HthVfs *v, const HthVfsCfg *cfg, Found *out, HthErr *err) {
    *out = NOTHING;
    const int fd =
        hth_file_fault() ? -1 : open(cfg->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) return HTH_OK;
    HTH_REQUIRE(fd >= 0, err, HTH_EIO, "%s: cannot open %.150s: %s", v->what, cfg->path,
                strerror(errno));
    const HthStatus status = look_at(v, cfg, fd, out, err);
    close(fd);
    return status;
}

/* ---- making ---------------------------------------------------------------------------------- */

static void remove_with(Place *p, const char *path, const char *suffix) {
    (void)snprintf(p->aside, sizeof p->aside, "%s%s", path, suffix);
    (void)unlink(p->aside);
}

static void remove_beside(Place *p) {
    static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };
    for (size_t i = 0; i < HTH_COUNT(suffixes); i++) remove_with(p, p->beside, suffixes[i]);
}

static HthStatus exec(sqlite3 *db, const char *sql, const char *what, HthErr *err) {
    const int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? HTH_OK : hth_sqlite_failed(rc, what, err);
}

static HthStatus connect(sqlite3 **out, const char *path, const char *vfs, const char *what,
                         HthErr *err) {
    const int rc = sqlite3_open_v2(path, out, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, vfs);
    return rc == SQLITE_OK ? HTH_OK : hth_sqlite_failed(rc, what, err);
}

/* After every PRAGMA page_size, which would undo it. */
static HthStatus want_reserve(sqlite3 *db, const char *what, HthErr *err) {
    int reserved = HTH_PAGE_RESERVED;
    const int rc = sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserved);
    return rc == SQLITE_OK ? HTH_OK : hth_sqlite_failed(rc, what, err);
}

static HthStatus write_head(const Place *p, HthErr *err) {
    uint8_t page[HTH_PAGE_BYTES] = { 0 };
    memcpy(page, p->v->head, sizeof p->v->head);
    const int fd =
        hth_file_fault() ? -1 : open(p->beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    HTH_REQUIRE(fd >= 0, err, HTH_EIO, "%s: cannot make %.150s: %s", p->v->what, p->beside,
                strerror(errno));
    const bool ok = !hth_file_fault() && write(fd, page, sizeof page) == sizeof page;
    const int why = errno;
    close(fd);
    HTH_REQUIRE(ok, err, HTH_EIO, "%s: cannot write %.150s: %s", p->v->what, p->beside,
                strerror(why));
    return HTH_OK;
}

static HthStatus is_sound(sqlite3 *db, const char *what, HthErr *err) {
    bool ok = false;
    HTH_TRY(hth_sqlite_sound(db, what, &ok, err));
    HTH_REQUIRE(ok, err, HTH_EFORMAT,
                "%s is damaged and cannot be sealed; it is left as it was (sqlite3 FILE .recover)",
                what);
    return HTH_OK;
}

static HthStatus fill(sqlite3 *db, sqlite3 *plain, const char *what, HthErr *err) {
    /* nothing of a file that is not there yet needs a journal; the log is begun last */
    HTH_TRY(exec(db, "PRAGMA page_size=4096;PRAGMA temp_store=MEMORY;PRAGMA journal_mode=MEMORY",
                 what, err));
    HTH_TRY(want_reserve(db, what, err));
    if (plain) {
        HTH_TRY(hth_sqlite_copy(db, plain, what, err));
        HTH_TRY(is_sound(db, what, err));
    }
    return exec(db, "PRAGMA journal_mode=WAL", what, err);
}

/* The whole sealed file beside; durable. plain NULL: an empty one. */
static HthStatus make_beside(Place *p, sqlite3 *plain, HthErr *err) {
    sqlite3 *db = NULL;
    const char *what = p->v->what;
    HTH_TRY(write_head(p, err));
    HthStatus status = connect(&db, p->beside, p->v->name, what, err);
    if (status == HTH_OK) status = fill(db, plain, what, err);
    const int rc = sqlite3_close(db);
    if (status == HTH_OK && rc != SQLITE_OK) status = hth_sqlite_failed(rc, what, err);
    HTH_TRY(status);
    (void)snprintf(p->aside, sizeof p->aside, "%s-wal", p->beside);
    HTH_REQUIRE(access(p->aside, F_OK) != 0, err, HTH_EIO, "%s: %.150s could not be written whole",
                what, p->beside);
    const int fd = hth_file_fault() ? -1 : open(p->beside, O_RDONLY | O_CLOEXEC);
    const bool ok = fd >= 0 && !hth_file_fault() && !fsync(fd);
    const int why = errno;
    if (fd >= 0) close(fd);
    HTH_REQUIRE(ok, err, HTH_EIO, "%s: cannot make %.150s durable: %s", what, p->beside,
                strerror(why));
    return HTH_OK;
}

static HthStatus put_in_place(const Place *p, HthErr *err) {
    const char *what = p->v->what, *path = p->cfg->path;
    SYS(!fsync(p->folder), err, "make durable the folder of", what, path); /* no old journal */
    SYS(!rename(p->beside, path), err, "replace", what, path);
    SYS(!fsync(p->folder), err, "make durable the folder of", what, path);
    return HTH_OK;
}

static HthStatus seal_plain(Place *p, sqlite3 *plain, HthErr *err) {
    const char *what = p->v->what;
    sqlite3_busy_timeout(plain, 2000);
    /* leaving WAL needs the file for oneself, and empties the log into it */
    HTH_TRY(exec(plain,
                 "PRAGMA temp_store=MEMORY;PRAGMA secure_delete=ON;PRAGMA synchronous=EXTRA;"
                 "PRAGMA journal_mode=DELETE;PRAGMA page_size=4096",
                 what, err));
    HTH_TRY(want_reserve(plain, what, err));
    /* nobody commits while this reads */
    HTH_TRY(exec(plain, "VACUUM;BEGIN;SELECT count(*) FROM sqlite_schema", what, err));
    HTH_TRY(make_beside(p, plain, err));
    return put_in_place(p, err);
}

static HthStatus convert(Place *p, HthErr *err) {
    sqlite3 *plain = NULL;
    const int old = open(p->cfg->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    HthStatus status = connect(&plain, p->cfg->path, p->cfg->under, p->v->what, err);
    if (status == HTH_OK) status = seal_plain(p, plain, err);
    (void)sqlite3_close(plain);
    if (status == HTH_OK && old >= 0) hth_shred_fd(old);
    if (old >= 0) close(old); /* after SQLite: closing it would let go of its locks */
    if (status == HTH_OK)
        hth_log(HTH_LOG_WARN, "%s is sealed from now on: %.150s was plain, and is encrypted",
                p->v->what, p->cfg->path);
    return status;
}

static HthStatus make(Place *p, HthErr *err) {
    remove_with(p, p->cfg->path, "-wal"); /* of a file that is gone */
    remove_with(p, p->cfg->path, "-shm");
    HTH_TRY(make_beside(p, NULL, err));
    return put_in_place(p, err);
}

/* With the folder locked: what is there is looked at again, somebody may have been quicker. */
static HthStatus settle(Place *p, HthErr *err) {
    Found found;
    HTH_TRY(look(p->v, p->cfg, &found, err));
    if (found == SEALED) {
        derive(p->v, p->cfg->key, "hearth sealed db v1 pages", p->v->key);
        return HTH_OK;
    }
    head_make(p->v, p->cfg->key);
    derive(p->v, p->cfg->key, "hearth sealed db v1 pages", p->v->key);
    remove_beside(p);
    const HthStatus status = found == PLAIN ? convert(p, err) : make(p, err);
    if (status != HTH_OK) remove_beside(p);
    return status;
}

static HthStatus open_place(Place *p, HthErr *err) {
    const char *path = p->cfg->path, *slash = strrchr(path, '/');
    const int n = snprintf(p->beside, sizeof p->beside, "%s-sealing", path);
    HTH_REQUIRE(n > 0 && (size_t)n < sizeof p->beside, err, HTH_ELIMIT, "%s: its path is too long",
                p->v->what);
    (void)snprintf(p->aside, sizeof p->aside, "%.*s", slash ? (int)(slash - path) + 1 : 1,
                   slash ? path : ".");
    return hth_folder_lock(&p->folder, p->aside, p->v->what, err);
}

static HthStatus set_up(HthVfs *v, const HthVfsCfg *cfg, HthErr *err) {
    void *key = NULL;
    HTH_TRY(hth_secret_alloc(&key, HTH_AEAD_KEY_BYTES, err));
    v->key = key;
    HTH_TRY(hth_vfs_register(v, cfg->under, err));
    Place *p = hth_calloc(1, sizeof *p);
    HTH_REQUIRE(p, err, HTH_ENOMEM, "%s: out of memory", cfg->what);
    *p = (Place){ .v = v, .cfg = cfg, .folder = -1 };
    HthStatus status = open_place(p, err);
    if (status == HTH_OK) status = settle(p, err);
    if (p->folder >= 0) close(p->folder);
    hth_free(p);
    return status;
}

HthStatus hth_vfs_open(HthVfs **out, const HthVfsCfg *cfg, HthErr *err) {
    HthVfs *v = hth_calloc(1, sizeof *v);
    HTH_REQUIRE(v, err, HTH_ENOMEM, "%s: out of memory", cfg->what);
    v->what = cfg->what;
    const HthStatus status = set_up(v, cfg, err);
    if (status != HTH_OK)
        hth_vfs_close(&v);
    else
        *out = v;
    return status;
}

void hth_vfs_close(HthVfs **v) {
    if (!*v) return;
    if ((*v)->face.pAppData) (void)sqlite3_vfs_unregister(&(*v)->face);
    hth_secret_free((*v)->key);
    hth_free(*v);
    *v = NULL;
}

/* copy.c - see copy.h.
 *
 * Thread: any. */
#include "vault/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/file_fault.h"
#include "vault/db.h"

enum { BUSY_MS = 5000 };

typedef struct Side {
    HthVfs *vfs;
    sqlite3 *db;
} Side;

/* A file that is not sealed stays so. *plain false where there is no file. */
static HthStatus is_plain(const char *path, bool *plain, HthErr *err) {
    char head[16] = "";
    const int fd = hth_file_fault() ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd >= 0 ? read(fd, head, sizeof head) : -1;
    const int why = errno;
    if (fd >= 0) close(fd);
    HTH_REQUIRE(n >= 0 || why == ENOENT, err, HTH_EIO, "cannot read %.150s: %s", path,
                strerror(why));
    *plain = n == sizeof head && !memcmp(head, "SQLite format 3", sizeof head);
    return HTH_OK;
}

static HthStatus side_open(Side *s, const char *path, const uint8_t *key, const char *what,
                           const char *setting, HthErr *err) {
    const HthVfsCfg cfg = { .path = path, .what = what, .key = key };
    if (key) HTH_TRY(hth_vfs_open(&s->vfs, &cfg, err));
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int rc = sqlite3_open_v2(path, &s->db, flags | (key ? 0 : SQLITE_OPEN_CREATE),
                             key ? hth_vfs_name(s->vfs) : NULL);
    if (rc == SQLITE_OK) rc = sqlite3_busy_timeout(s->db, BUSY_MS);
    if (rc == SQLITE_OK) rc = sqlite3_exec(s->db, setting, NULL, NULL, NULL);
    return rc == SQLITE_OK ? HTH_OK : hth_sqlite_failed(rc, what, err);
}

static HthStatus side_close(Side *s, const char *what, HthErr *err) {
    const int rc = sqlite3_close(s->db);
    hth_vfs_close(&s->vfs);
    return rc == SQLITE_OK ? HTH_OK : hth_sqlite_failed(rc, what, err);
}

/* SQLite closes a file whose log it could not put into it without a word: the log stays then, and
 * holds what the file lacks. */
static HthStatus no_log(const char *path, const char *what, HthErr *err) {
    char log[PATH_MAX];
    bool there = false;
    const int n = snprintf(log, sizeof log, "%s-wal", path);
    HTH_REQUIRE(n > 0 && (size_t)n < sizeof log, err, HTH_ELIMIT, "%s: its path is too long", what);
    HTH_TRY(hth_file_there(&there, log, err));
    HTH_REQUIRE(!there, err, HTH_EIO, "%s could not be copied whole: is the disk full?", what);
    return HTH_OK;
}

HthStatus hth_sealed_copy(const char *from, const char *to, const uint8_t key[32], const char *what,
                          HthErr *err) {
    Side a = { NULL, NULL }, b = { NULL, NULL };
    HTH_REQUIRE(access(from, F_OK) == 0 && access(to, F_OK) != 0, err, HTH_EIO,
                "%s is not there, or its copy is", what);
    bool plain;
    HTH_TRY(is_plain(from, &plain, err));
    if (plain) key = NULL;
    hth_sqlite_use_mem();
    HthStatus status = side_open(&a, from, key, what, "PRAGMA temp_store=MEMORY", err);
    if (status == HTH_OK)
        status =
            side_open(&b, to, key, what, "PRAGMA temp_store=MEMORY;PRAGMA synchronous=OFF", err);
    if (status == HTH_OK) status = hth_sqlite_copy(b.db, a.db, what, err);
    HthErr ignored;
    const HthStatus closed = side_close(&b, what, status == HTH_OK ? err : &ignored);
    const HthStatus left = side_close(&a, what, &ignored);
    (void)left;
    HTH_TRY(status == HTH_OK ? closed : status);
    return no_log(to, what, err);
}

HthStatus hth_sealed_check(const char *path, const uint8_t key[32], const char *what, HthErr *err) {
    Side s = { NULL, NULL };
    HTH_REQUIRE(access(path, F_OK) == 0, err, HTH_EIO, "%s is not there", what);
    bool plain;
    HTH_TRY(is_plain(path, &plain, err));
    if (plain) key = NULL;
    hth_sqlite_use_mem();
    HthStatus status = side_open(&s, path, key, what, "PRAGMA temp_store=MEMORY", err);
    bool sound = false;
    if (status == HTH_OK) status = hth_sqlite_sound(s.db, what, &sound, err);
    if (status == HTH_OK && !sound) status = HTH_FAIL(err, HTH_EFORMAT, "%s is damaged", what);
    HthErr ignored;
    const HthStatus closed = side_close(&s, what, status == HTH_OK ? err : &ignored);
    return status == HTH_OK ? closed : status;
}

/* swap.c - see swap.h.
 *
 * Thread: one at a time. */
#include "backup/swap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/file_fault.h"
#include "base/shred.h"

#define UNFINISHED ".unfinished" /* is in a folder that was not exchanged yet */
enum { DEPTH = 16, PIECE = 64 << 10 };

static HthStatus join(char out[PATH_MAX], const char *a, const char *b, const char *c,
                      HthErr *err) {
    const int n = snprintf(out, PATH_MAX, "%s%s%s", a, b, c);
    HTH_REQUIRE(n > 0 && n < PATH_MAX, err, HTH_ELIMIT, "a path is too long: %.150s", a);
    return HTH_OK;
}

/* ---- files ----------------------------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at) {
    const char *name = path + at->base;
    HthErr ignored;
    (void)st;
    if (kind == FTW_F && (!strcmp(name, "subjects") || !strcmp(name, "keyring.key")))
        (void)!hth_shred_file(path, &ignored);
    (void)!remove(path);
    return 0;
}

void hth_remove_tree(const char *path) {
    (void)nftw(path, remove_one, DEPTH, FTW_DEPTH | FTW_PHYS);
}

static int sync_one(const char *path, const struct stat *st, int kind, struct FTW *at) {
    (void)st;
    (void)at;
    const int fd = hth_file_fault() ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return -1;
    int rc = hth_file_fault() ? -1 : fsync(fd);
    if (rc && kind == FTW_DP && errno == EINVAL) rc = 0; /* a file system that cannot */
    const int why = errno;
    close(fd);
    errno = why;
    return rc;
}

HthStatus hth_sync_tree(const char *path, HthErr *err) {
    HTH_REQUIRE(!nftw(path, sync_one, DEPTH, FTW_DEPTH | FTW_PHYS), err, HTH_EIO,
                "cannot make %.150s durable: %s", path, strerror(errno));
    return HTH_OK;
}

static HthStatus pour(int from, int to, const char *path, HthErr *err) {
    char piece[PIECE];
    for (;;) {
        const ssize_t n = hth_file_fault() ? -1 : read(from, piece, sizeof piece);
        if (n < 0 && errno == EINTR) continue;
        HTH_REQUIRE(n >= 0, err, HTH_EIO, "cannot read %.150s: %s", path, strerror(errno));
        if (!n) return HTH_OK;
        for (ssize_t at = 0; at < n;) {
            const ssize_t put = hth_file_fault() ? -1 : write(to, piece + at, (size_t)(n - at));
            if (put < 0 && errno == EINTR) continue;
            HTH_REQUIRE(put > 0, err, HTH_EIO, "cannot write a copy of %.150s: %s", path,
                        strerror(errno));
            at += put;
        }
    }
}

HthStatus hth_copy_file(const char *from, const char *to, HthErr *err) {
    const int in = hth_file_fault() ? -1 : open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (in < 0 && errno == ENOENT) return HTH_OK;
    HTH_REQUIRE(in >= 0, err, HTH_EIO, "cannot open %.150s: %s", from, strerror(errno));
    const int out = hth_file_fault()
                        ? -1
                        : open(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    HthStatus status = HTH_OK;
    if (out < 0)
        status = HTH_FAIL(err, HTH_EIO, "cannot make %.150s: %s", to, strerror(errno));
    else
        status = pour(in, out, from, err);
    close(in);
    if (out >= 0 && close(out) && status == HTH_OK)
        status = HTH_FAIL(err, HTH_EIO, "cannot write %.150s: %s", to, strerror(errno));
    return status;
}

/* ---- does somebody use it? ------------------------------------------------------------------- */

/* SQLite locks bytes 120 to 128 of the log's index, the last one as long as a file is open. */
static HthStatus database_idle(const char *path, HthErr *err) {
    const int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return HTH_OK;
    struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 120, .l_len = 9 };
    const bool used = fcntl(fd, F_GETLK, &l) == 0 && l.l_type != F_UNLCK;
    close(fd);
    HTH_REQUIRE(!used, err, HTH_EAGAIN,
                "a hearth is running on this state folder (process %d): stop it first (hearth "
                "stop, or systemctl stop hearth)",
                (int)l.l_pid);
    return HTH_OK;
}

HthStatus hth_state_idle(const char *state, int *lock, HthErr *err) {
    char path[PATH_MAX];
    *lock = -1;
    DIR *d = opendir(state);
    HthStatus status = HTH_OK;
    for (struct dirent *e; d && status == HTH_OK && (e = readdir(d)) != NULL;)
        if (hth_str_ends(hth_str(e->d_name), HTH_STR(".db-shm"))) {
            status = join(path, state, "/", e->d_name, err);
            if (status == HTH_OK) status = database_idle(path, err);
        }
    if (d) closedir(d);
    HTH_TRY(status);
    HTH_TRY(join(path, state, "/audit", "/lock", err));
    *lock = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (*lock >= 0 && flock(*lock, LOCK_EX | LOCK_NB)) {
        close(*lock);
        *lock = -1;
        return HTH_FAIL(err, HTH_EAGAIN,
                        "a hearth is writing the audit log of this state folder: "
                        "stop it first (hearth stop, or systemctl stop hearth)");
    }
    return HTH_OK;
}

/* ---- the exchange ---------------------------------------------------------------------------- */

/* A name beside path that nothing has. */
static HthStatus free_name(const HthSwap *s, char out[PATH_MAX], HthErr *err) {
    char text[40], tail[64];
    struct tm tm = { 0 };
    const time_t now = time(NULL);
    (void)gmtime_r(&now, &tm);
    (void)strftime(text, sizeof text, ".before-%Y%m%dT%H%M%SZ", &tm);
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(tail, sizeof tail, i ? "%s-%u" : "%s", text, i);
        HTH_TRY(join(out, s->path, tail, "", err));
        if (access(out, F_OK) && errno == ENOENT) return HTH_OK;
    }
    return HTH_FAIL(err, HTH_EIO, "there are too many old folders beside %.150s", s->path);
}

static HthStatus put_away(const HthSwap *s, HthErr *err) {
    char mark[PATH_MAX], aside[PATH_MAX];
    if (access(s->stage, F_OK)) return HTH_OK;
    HTH_TRY(join(mark, s->stage, "/", UNFINISHED, err));
    if (access(mark, F_OK) == 0) {
        hth_remove_tree(s->stage);
        return HTH_OK;
    }
    if (rmdir(s->stage) == 0) return HTH_OK; /* nothing in it: it had only just been made */
    HTH_TRY(free_name(s, aside, err));
    HTH_REQUIRE(rename(s->stage, aside) == 0, err, HTH_EIO, "cannot rename %.150s: %s", s->stage,
                strerror(errno));
    return HTH_OK;
}

static HthStatus resolve(HthSwap *s, const char *path, HthErr *err) {
    struct stat st;
    char given[PATH_MAX];
    HTH_TRY(join(given, path, "", "", err));
    for (size_t n = strlen(given); n > 1 && given[n - 1] == '/'; n--) given[n - 1] = 0;
    s->there = realpath(given, s->path) != NULL;
    if (!s->there) {
        char *slash = strrchr(given, '/');
        char folder[PATH_MAX], *name = slash ? slash + 1 : given;
        if (slash) *slash = 0;
        HTH_REQUIRE(*name && realpath(!slash   ? "."
                                      : *given ? given
                                               : "/",
                                      folder),
                    err, HTH_EIO, "the folder that %.150s is to be in is not there", path);
        HTH_TRY(join(s->path, strcmp(folder, "/") ? folder : "", "/", name, err));
    }
    HTH_REQUIRE(!s->there || (!stat(s->path, &st) && S_ISDIR(st.st_mode)), err, HTH_EINVAL,
                "%.150s is not a folder", path);
    HTH_TRY(join(s->parent, s->path, "", "", err));
    char *slash = strrchr(s->parent, '/');
    slash[slash == s->parent] = 0;
    return join(s->stage, s->path, ".restoring", "", err);
}

HthStatus hth_swap_begin(HthSwap *s, const char *path, HthErr *err) {
    char mark[PATH_MAX];
    s->lock = -1;
    HTH_TRY(resolve(s, path, err));
    const int lock = open(s->parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    HTH_REQUIRE(lock >= 0, err, HTH_EIO, "cannot open %.150s: %s", s->parent, strerror(errno));
    HthStatus status = HTH_OK;
    if (flock(lock, LOCK_EX | LOCK_NB))
        status = HTH_FAIL(err, HTH_EAGAIN, "somebody else restores in %.150s", s->parent);
    if (status == HTH_OK) status = put_away(s, err);
    if (status == HTH_OK && (hth_file_fault() || mkdir(s->stage, 0700)))
        status = HTH_FAIL(err, HTH_EIO, "cannot make %.150s: %s", s->stage, strerror(errno));
    if (status != HTH_OK) {
        close(lock);
        return status;
    }
    s->lock = lock;
    HTH_TRY(join(mark, s->stage, "/", UNFINISHED, err));
    return hth_file_write(mark, "", 0, 0600, err);
}

static HthStatus make_durable(const HthSwap *s, HthErr *err) {
    char mark[PATH_MAX];
    HTH_TRY(join(mark, s->stage, "/", UNFINISHED, err));
    HTH_TRY(hth_sync_tree(s->stage, err));
    HTH_REQUIRE(!hth_file_fault() && !unlink(mark), err, HTH_EIO, "cannot remove %.150s: %s", mark,
                strerror(errno));
    return hth_file_sync_folder(s->stage, s->stage, err);
}

HthStatus hth_swap_commit(HthSwap *s, char before[PATH_MAX], HthErr *err) {
    before[0] = 0;
    HTH_TRY(make_durable(s, err));
    if (!s->there) {
        HTH_REQUIRE(!hth_file_fault() &&
                        !renameat2(AT_FDCWD, s->stage, AT_FDCWD, s->path, RENAME_NOREPLACE),
                    err, HTH_EIO, "cannot rename %.150s: %s", s->stage, strerror(errno));
        HTH_TRY(hth_file_sync_folder(s->parent, s->parent, err));
        s->stage[0] = 0;
        return HTH_OK;
    }
    const int rc =
        hth_file_fault() ? -1 : renameat2(AT_FDCWD, s->stage, AT_FDCWD, s->path, RENAME_EXCHANGE);
    HTH_REQUIRE(rc == 0 || (errno != EINVAL && errno != ENOSYS), err, HTH_ENOTSUP,
                "the file system of %.150s cannot exchange two folders in one step: restore into "
                "a folder that is not there (--into), and move it",
                s->path);
    HTH_REQUIRE(rc == 0, err, HTH_EIO, "cannot exchange %.150s: %s", s->path, strerror(errno));
    /* from here on it is done; what follows is the old folder's name */
    char stage[PATH_MAX];
    memcpy(stage, s->stage, sizeof stage);
    s->stage[0] = 0;
    HTH_TRY(hth_file_sync_folder(s->parent, s->parent, err));
    HthErr ignored;
    if (free_name(s, before, &ignored) != HTH_OK || rename(stage, before))
        memcpy(before, stage, sizeof stage);
    return hth_file_sync_folder(s->parent, s->parent, err);
}

void hth_swap_end(HthSwap *s) {
    if (s->lock < 0) return;
    if (s->stage[0]) hth_remove_tree(s->stage);
    close(s->lock);
    s->lock = -1;
}

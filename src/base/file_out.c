/* file_out.c - durable writing: a temporary file beside the target, then one rename.
 *
 * Whoever writes holds a lock on his temporary file: one that nobody holds was left by a process
 * that was killed, and may go.
 *
 * A target that is not a regular file (a terminal, a pipe, /dev/null) is written straight into:
 * replacing a device by a file would be worse than a part of an answer in it.
 *
 * Thread: one owner at a time. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file_fault.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"

#define CHUNK ((size_t)64 << 10)
#define TRIES 100 /* for a temporary name nobody else has */
#define TAIL  ".tmp" /* after the target's name, a point and 8 digits */

struct HthFileOut {
    int fd;
    bool in_place; /* no temporary file: the target is not regular */
    size_t pending; /* bytes waiting in chunk */
    char shown[PATH_MAX]; /* as the caller gave it, for errors */
    char target[PATH_MAX]; /* links followed */
    char temp[PATH_MAX];
    char chunk[CHUNK];
};

static HthStatus write_all(HthFileOut *f, const char *p, size_t n, HthErr *err) {
    while (n) {
        const ssize_t put = hth_file_fault() ? -1 : write(f->fd, p, n);
        if (put < 0 && errno == EINTR) continue;
        HTH_REQUIRE(put > 0, err, HTH_EIO, "cannot write %s: %s", f->shown,
                    put < 0 ? strerror(errno) : "nothing was taken");
        p += put;
        n -= (size_t)put;
    }
    return HTH_OK;
}

static HthStatus flush(HthFileOut *f, HthErr *err) {
    const size_t n = f->pending;
    f->pending = 0;
    return write_all(f, f->chunk, n, err);
}

/* false: whoever clears up was faster than the lock, and has removed it. Where a file system has no
 * locks, nobody clears up. */
static bool hold(int fd) {
    struct stat st;
    return !(flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK) && !fstat(fd, &st) &&
           st.st_nlink > 0;
}

static HthStatus open_temp(HthFileOut *f, int mode, HthErr *err) {
    for (int i = 0; i < TRIES; i++) {
        const int n = snprintf(f->temp, sizeof f->temp, "%s.%08x" TAIL, f->target,
                               (unsigned)hth_rng_entropy());
        HTH_REQUIRE(n > 0 && n < (int)sizeof f->temp, err, HTH_EINVAL,
                    "the path of a file to write is too long");
        f->fd = hth_file_fault()
                    ? -1
                    : open(f->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
        if (f->fd >= 0 && hold(f->fd)) return HTH_OK;
        if (f->fd >= 0) {
            close(f->fd);
            f->fd = -1;
            errno = EEXIST;
        }
        if (errno != EEXIST) break;
    }
    return HTH_FAIL(err, HTH_EIO, "cannot create a file beside %s: %s", f->shown, strerror(errno));
}

static HthStatus open_into(HthFileOut *f, const char *path, int mode, HthErr *err) {
    HTH_REQUIRE(strlen(path) < sizeof f->target, err, HTH_EINVAL,
                "the path of a file to write is too long");
    memcpy(f->shown, path, strlen(path) + 1);
    if (!realpath(path, f->target)) memcpy(f->target, path, strlen(path) + 1);
    struct stat st;
    if (!stat(f->target, &st) && !S_ISREG(st.st_mode)) {
        HTH_REQUIRE(!S_ISDIR(st.st_mode), err, HTH_EINVAL, "%s is a folder, and a file is wanted",
                    path);
        f->in_place = true;
        f->fd = hth_file_fault() ? -1 : open(path, O_WRONLY | O_CLOEXEC);
        HTH_REQUIRE(f->fd >= 0, err, HTH_EIO, "cannot open %s: %s", path, strerror(errno));
        return HTH_OK;
    }
    return open_temp(f, mode, err);
}

static HthStatus open_out(HthFileOut **out, const char *path, int mode, HthErr *err) {
    HthFileOut *f = hth_calloc(1, sizeof *f);
    HTH_REQUIRE(f, err, HTH_ENOMEM, "out of memory for writing a file");
    f->fd = -1;
    const HthStatus status = open_into(f, path, mode, err);
    if (status != HTH_OK)
        hth_free(f);
    else
        *out = f;
    return status;
}

/* The folder of a path; what is returned is the name in it, of `path`. */
static const char *split(char dir[PATH_MAX], const char *path) {
    memcpy(dir, path, strlen(path) + 1);
    char *slash = strrchr(dir, '/');
    if (!slash) {
        memcpy(dir, ".", 2);
        return path;
    }
    slash[slash == dir] = '\0';
    return strrchr(path, '/') + 1;
}

/* ---- what was left --------------------------------------------------------------------------- */

/* Of a temporary file's name, the target's; nothing of any other. */
static HthStr target_of(HthStr name) {
    enum { MORE = 1 + 8 + sizeof TAIL - 1 };
    if (name.n <= MORE || !hth_str_ends(name, HTH_STR(TAIL))) return HTH_STR("");
    const HthStr target = hth_str_sub(name, 0, name.n - MORE);
    bool is = name.p[target.n] == '.';
    for (size_t i = 1; is && i <= 8; i++)
        is = memchr("0123456789abcdef", name.p[target.n + i], 16) != NULL;
    return is ? target : HTH_STR("");
}

static void remove_left(int folder, const char *name) {
    struct stat st;
    const int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return;
    if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
        !flock(fd, LOCK_EX | LOCK_NB))
        unlinkat(folder, name, 0);
    close(fd);
}

void hth_file_clear_left(const char *folder, HthFileOursFn ours, const void *payload) {
    DIR *d = opendir(folder);
    if (!d) return;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        const HthStr target = target_of(hth_str(e->d_name));
        if (target.n && ours(payload, target)) remove_left(dirfd(d), e->d_name);
    }
    closedir(d);
}

static bool is_name(const void *name, HthStr target) {
    return hth_str_eq(target, hth_str(name));
}

HthStatus hth_file_out_open(HthFileOut **out, const char *path, int mode, HthErr *err) {
    char dir[PATH_MAX];
    HTH_TRY(open_out(out, path, mode, err));
    const char *name = split(dir, (*out)->target);
    if (!(*out)->in_place) hth_file_clear_left(dir, is_name, name);
    return HTH_OK;
}

/* ---- writing --------------------------------------------------------------------------------- */

HthStatus hth_file_out_add(HthFileOut *f, const void *bytes, size_t n, HthErr *err) {
    if (n >= CHUNK - f->pending) {
        HTH_TRY(flush(f, err));
        if (n >= CHUNK) return write_all(f, bytes, n, err);
    }
    if (n) memcpy(f->chunk + f->pending, bytes, n);
    f->pending += n;
    return HTH_OK;
}

HthStatus hth_file_room(int fd, const char *shown, uint64_t bytes, HthErr *err) {
    struct statvfs fs;
    uint64_t room;
    if (fstatvfs(fd, &fs) != 0 || fs.f_blocks == 0) return HTH_OK;
    if (hth_mul_over(fs.f_bavail, fs.f_frsize, &room)) return HTH_OK;
    HTH_REQUIRE(bytes <= room, err, HTH_EIO,
                "%.120s needs %llu MiB more and its file system has %llu: make room, or write "
                "elsewhere",
                shown, (unsigned long long)(bytes >> 20) + 1, (unsigned long long)(room >> 20));
    return HTH_OK;
}

HthStatus hth_file_out_room(const HthFileOut *f, uint64_t bytes, HthErr *err) {
    return f->in_place ? HTH_OK : hth_file_room(f->fd, f->shown, bytes, err);
}

HthStatus hth_file_sync_folder(const char *folder, const char *shown, HthErr *err) {
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return HTH_OK; /* a folder one may write but not read: nothing more can be done */
    const int rc = hth_file_fault() ? -1 : fsync(fd);
    const int why = errno;
    close(fd);
    HTH_REQUIRE(!rc || why == EINVAL, err, HTH_EIO, "cannot make %.150s durable: %s", shown,
                strerror(why));
    return HTH_OK;
}

HthStatus hth_file_sync_beside(const char *path, HthErr *err) {
    char dir[PATH_MAX];
    HTH_REQUIRE(strlen(path) < sizeof dir, err, HTH_ELIMIT, "%.150s: the path is too long", path);
    (void)split(dir, path);
    return hth_file_sync_folder(dir, path, err);
}

static HthStatus sync_folder(const HthFileOut *f, HthErr *err) {
    char dir[PATH_MAX];
    (void)split(dir, f->target);
    return hth_file_sync_folder(dir, f->shown, err);
}

static HthStatus publish(HthFileOut *f, HthErr *err) {
    HTH_TRY(flush(f, err));
    if (f->in_place) return HTH_OK;
    const bool synced = !hth_file_fault() && !fsync(f->fd);
    HTH_REQUIRE(synced, err, HTH_EIO, "cannot make %s durable: %s", f->shown, strerror(errno));
    const bool renamed = !hth_file_fault() && !rename(f->temp, f->target);
    HTH_REQUIRE(renamed, err, HTH_EIO, "cannot put %s in place: %s", f->shown, strerror(errno));
    f->temp[0] = '\0';
    return sync_folder(f, err);
}

HthStatus hth_file_out_commit(HthFileOut **f, HthErr *err) {
    const HthStatus status = publish(*f, err);
    hth_file_out_abort(f);
    return status;
}

void hth_file_out_abort(HthFileOut **f) {
    if (!*f) return;
    if ((*f)->fd >= 0) close((*f)->fd);
    if ((*f)->temp[0]) unlink((*f)->temp);
    hth_free(*f);
    *f = NULL;
}

HthStatus hth_file_write(const char *path, const void *bytes, size_t n, int mode, HthErr *err) {
    HthFileOut *f = NULL;
    HTH_TRY(open_out(&f, path, mode, err));
    const HthStatus status = hth_file_out_add(f, bytes, n, err);
    if (status == HTH_OK) return hth_file_out_commit(&f, err);
    hth_file_out_abort(&f);
    return status;
}

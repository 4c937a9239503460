/* file_out.c - durable writing: a temporary file beside the target, then one rename.
 *
 * A target that is not a regular file (a terminal, a pipe, /dev/null) is written straight into:
 * replacing a device by a file would be worse than a part of an answer in it.
 *
 * Thread: one owner at a time. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_fault.h"
#include "base/mem.h"
#include "base/rng.h"

#define CHUNK ((size_t)64 << 10)
#define TRIES 100 /* for a temporary name nobody else has */

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

static HthStatus open_temp(HthFileOut *f, int mode, HthErr *err) {
    for (int i = 0; i < TRIES; i++) {
        const int n = snprintf(f->temp, sizeof f->temp, "%s.%08x.tmp", f->target,
                               (unsigned)hth_rng_entropy());
        HTH_REQUIRE(n > 0 && n < (int)sizeof f->temp, err, HTH_EINVAL,
                    "the path of a file to write is too long");
        f->fd = hth_file_fault()
                    ? -1
                    : open(f->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
        if (f->fd >= 0) return HTH_OK;
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

HthStatus hth_file_out_open(HthFileOut **out, const char *path, int mode, HthErr *err) {
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

HthStatus hth_file_out_add(HthFileOut *f, const void *bytes, size_t n, HthErr *err) {
    if (n >= CHUNK - f->pending) {
        HTH_TRY(flush(f, err));
        if (n >= CHUNK) return write_all(f, bytes, n, err);
    }
    if (n) memcpy(f->chunk + f->pending, bytes, n);
    f->pending += n;
    return HTH_OK;
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

static HthStatus sync_folder(const HthFileOut *f, HthErr *err) {
    char dir[PATH_MAX];
    memcpy(dir, f->target, sizeof dir);
    char *slash = strrchr(dir, '/');
    if (!slash)
        memcpy(dir, ".", 2);
    else
        slash[slash == dir] = '\0';
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
    HTH_TRY(hth_file_out_open(&f, path, mode, err));
    const HthStatus status = hth_file_out_add(f, bytes, n, err);
    if (status == HTH_OK) return hth_file_out_commit(&f, err);
    hth_file_out_abort(&f);
    return status;
}

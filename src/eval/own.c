/* own.c - see own.h.
 *
 * Thread: one owner. */
#include "eval/own.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/file_fault.h"
#include "base/num.h"

static HthStatus refused(const char *path, const char *verb, HthErr *err) {
    return HTH_FAIL(err, HTH_EIO, "cannot %s %.150s: %s", verb, path, strerror(errno));
}

static HthStatus check_own(const HthOwn *f, HthErr *err) {
    struct stat held, there;
    if (fstat(f->fd, &held) != 0) return refused(f->path, "examine", err);
    HTH_REQUIRE(S_ISREG(held.st_mode) && held.st_nlink <= 1, err, HTH_EINVAL,
                "%.150s is not a file of its own; move it away", f->path);
    /* Who held it till now may have moved it to its place: then what is locked is the result. */
    const bool mine = flock(f->fd, LOCK_EX | LOCK_NB) == 0 && stat(f->path, &there) == 0 &&
                      held.st_dev == there.st_dev && held.st_ino == there.st_ino;
    HTH_REQUIRE(mine, err, HTH_EAGAIN, "%.150s is being written by another process", f->path);
    return HTH_OK;
}

HthStatus hth_own_open(HthOwn *f, const char *path, HthErr *err) {
    HTH_REQUIRE(strlen(path) < sizeof f->path, err, HTH_EINVAL,
                "the path of a file to write is too long");
    f->fd = -1;
    snprintf(f->path, sizeof f->path, "%s", path);
    if (!hth_file_fault())
        f->fd = open(f->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
    if (f->fd < 0) return refused(f->path, "write", err);
    const HthStatus st = check_own(f, err);
    if (st != HTH_OK) hth_own_close(f);
    return st;
}

void hth_own_close(HthOwn *f) {
    if (f->fd >= 0) close(f->fd);
    f->fd = -1;
}

HthStatus hth_own_size(const HthOwn *f, uint64_t *out, HthErr *err) {
    struct stat st;
    if (hth_file_fault() || fstat(f->fd, &st) != 0) return refused(f->path, "examine", err);
    *out = (uint64_t)st.st_size;
    return HTH_OK;
}

HthStatus hth_own_cut(HthOwn *f, uint64_t size, HthErr *err) {
    if (hth_file_fault() || ftruncate(f->fd, (off_t)size) != 0)
        return refused(f->path, "write", err);
    return HTH_OK;
}

HthStatus hth_own_write(HthOwn *f, uint64_t at, const void *bytes, size_t n, HthErr *err) {
    for (const uint8_t *b = bytes; n > 0;) {
        const ssize_t w = hth_file_fault() ? -1 : pwrite(f->fd, b, n, (off_t)at);
        if (w < 0 && errno == EINTR) continue;
        if (w < 0) return refused(f->path, "write", err);
        b += w;
        at += (uint64_t)w;
        n -= (size_t)w;
    }
    return HTH_OK;
}

HthStatus hth_own_read(const HthOwn *f, uint64_t at, void *to, size_t n, HthErr *err) {
    for (uint8_t *b = to; n > 0;) {
        const ssize_t r = hth_file_fault() ? -1 : pread(f->fd, b, n, (off_t)at);
        if (r < 0 && errno == EINTR) continue;
        if (r < 0) return refused(f->path, "read", err);
        HTH_REQUIRE(r > 0, err, HTH_EFORMAT, "%.150s is shorter than it was", f->path);
        b += r;
        at += (uint64_t)r;
        n -= (size_t)r;
    }
    return HTH_OK;
}

HthStatus hth_own_move(HthOwn *f, const char *to, HthErr *err) {
    if (hth_file_fault() || fsync(f->fd) != 0) return refused(f->path, "complete", err);
    if (hth_file_fault() || rename(f->path, to) != 0) return refused(to, "replace", err);
    hth_own_close(f);
    return hth_file_sync_beside(to, err);
}

void hth_own_remove(HthOwn *f) {
    if (f->fd < 0) return;
    unlink(f->path);
    hth_own_close(f);
}

void hth_own_put32(uint8_t *at, uint32_t v) {
    for (int i = 0; i < 4; i++) at[i] = (uint8_t)(v >> 8 * i);
}

void hth_own_put64(uint8_t *at, uint64_t v) {
    for (int i = 0; i < 8; i++) at[i] = (uint8_t)(v >> 8 * i);
}

void hth_own_put_f64(uint8_t *at, double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    hth_own_put64(at, bits);
}

double hth_own_f64(const uint8_t *at) {
    const uint64_t bits = hth_le64(at);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

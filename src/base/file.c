/* file.c - mapping and reading whole files (writing is in file_out.c).
 *
 * Not for streams of unknown length beyond a ceiling, and not for paths chosen by strangers.
 *
 * Thread: any. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_fault.h"
#include "base/room.h"

static _Atomic uint64_t g_calls;
static _Atomic uint64_t g_fail_at, g_fail_to, g_kill_at; /* 0: off */

void hth_file_fail_after(uint64_t nth) {
    atomic_store(&g_fail_to, UINT64_MAX);
    atomic_store(&g_fail_at, nth ? atomic_load(&g_calls) + nth : 0);
}

void hth_file_fail_once(uint64_t nth) {
    hth_file_fail_after(nth);
    atomic_store(&g_fail_to, atomic_load(&g_fail_at));
}

void hth_file_kill_at(uint64_t nth) {
    atomic_store(&g_kill_at, nth ? atomic_load(&g_calls) + nth : 0);
}

bool hth_file_fault(void) {
    const uint64_t me = atomic_fetch_add_explicit(&g_calls, 1, memory_order_relaxed) + 1;
    const uint64_t fail_at = atomic_load_explicit(&g_fail_at, memory_order_relaxed);
    if (me == atomic_load_explicit(&g_kill_at, memory_order_relaxed)) raise(SIGKILL);
    if (!fail_at || me < fail_at || me > atomic_load_explicit(&g_fail_to, memory_order_relaxed))
        return false;
    errno = EIO;
    return true;
}

HthStatus hth_file_there(bool *out, const char *path, HthErr *err) {
    struct stat st;
    const bool there = !hth_file_fault() && !lstat(path, &st);
    HTH_REQUIRE(there || errno == ENOENT, err, HTH_EIO, "cannot examine %s: %s", path,
                strerror(errno));
    *out = there;
    return HTH_OK;
}

/* Opens for reading and requires a regular file when `regular`. Sets *fd. */
static HthStatus open_in(int *fd_out, struct stat *st, const char *path, bool regular,
                         HthErr *err) {
    /* Where only a file will do, a FIFO in its place must be refused, not waited for. */
    const int flags = O_RDONLY | O_CLOEXEC | (regular ? O_NONBLOCK : 0);
    const int fd = hth_file_fault() ? -1 : open(path, flags);
    HTH_REQUIRE(fd >= 0, err, HTH_EIO, "cannot open %s: %s", path, strerror(errno));
    HthStatus status = HTH_OK;
    if (fstat(fd, st))
        status = HTH_FAIL(err, HTH_EIO, "cannot examine %s: %s", path, strerror(errno));
    else if (S_ISDIR(st->st_mode))
        status = HTH_FAIL(err, HTH_EINVAL, "%s is a folder, and a file is wanted", path);
    else if (regular && !S_ISREG(st->st_mode))
        status = HTH_FAIL(err, HTH_EINVAL, "%s is not a regular file", path);
    if (status != HTH_OK) {
        close(fd);
        return status;
    }
    *fd_out = fd;
    return HTH_OK;
}

HthStatus hth_file_map(HthFileMap *out, const char *path, HthErr *err) {
    int fd;
    struct stat st;
    HTH_TRY(open_in(&fd, &st, path, true, err));
    void *p = NULL;
    if (st.st_size > 0) {
        p = hth_file_fault() ? MAP_FAILED
                             : mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED) {
            const int why = errno;
            close(fd);
            return HTH_FAIL(err, HTH_EIO, "cannot map %s: %s", path, strerror(why));
        }
    }
    *out = (HthFileMap){ p, (size_t)st.st_size, p, fd };
    if (!p) close(fd);
    return HTH_OK;
}

void hth_file_let_go(const HthFileMap *map, const uint8_t *p, size_t n) {
    HTH_ASSERT(map->handle && p >= map->data && n <= map->n - (size_t)(p - map->data));
    hth_room_forget(p, n); /* the cache keeps pages that are mapped */
    (void)posix_fadvise(map->fd, (off_t)(p - map->data), (off_t)n, POSIX_FADV_DONTNEED);
}

void hth_file_unmap(HthFileMap *map) {
    if (map->handle) {
        munmap(map->handle, map->n);
        close(map->fd);
    }
    *map = (HthFileMap){ 0 };
}

HthStatus hth_file_read(HthBuf *buf, const char *path, HthErr *err) {
    const bool is_stdin = !strcmp(path, "-");
    const char *name = is_stdin ? "standard input" : path;
    int fd = STDIN_FILENO;
    struct stat st;
    if (!is_stdin) HTH_TRY(open_in(&fd, &st, path, false, err));
    const size_t before = buf->n;
    HthStatus status = HTH_OK;
    char chunk[32768];
    while (status == HTH_OK) {
        const ssize_t n = hth_file_fault() ? -1 : read(fd, chunk, sizeof chunk);
        if (n == 0) break;
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            status = HTH_FAIL(err, HTH_EIO, "cannot read %s: %s", name, strerror(errno));
        } else {
            status = hth_buf_add(buf, chunk, (size_t)n, err);
            if (status == HTH_ELIMIT)
                status = HTH_FAIL(err, HTH_ELIMIT, "%s is longer than the limit of %zu bytes", name,
                                  buf->max);
        }
    }
    if (status != HTH_OK && buf->p) {
        buf->n = before;
        buf->p[before] = '\0';
    }
    if (!is_stdin) close(fd);
    return status;
}

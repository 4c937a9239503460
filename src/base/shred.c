/* shred.c - see shred.h.
 *
 * Replacing: the old file gets a second name, the new one is renamed over the first, the old one
 * is overwritten under its second name and that is removed.  After a crash the second name is
 * either of the file that is still in use (nothing was replaced: the name goes) or of the old one
 * (it is shredded now).
 *
 * Thread: see shred.h. */
#include "base/shred.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/file_fault.h"

HthStatus hth_folder_lock(int *fd, const char *folder, const char *what, HthErr *err) {
    const int it = hth_file_fault() ? -1 : open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    HTH_REQUIRE(it >= 0, err, HTH_EIO, "%s: cannot open the folder %.150s: %s", what, folder,
                strerror(errno));
    int rc;
    do rc = hth_file_fault() ? -1 : flock(it, LOCK_EX);
    while (rc && errno == EINTR);
    const int why = errno;
    if (rc) close(it);
    HTH_REQUIRE(rc == 0, err, HTH_EIO, "%s: cannot lock the folder %.150s: %s", what, folder,
                strerror(why));
    *fd = it;
    return HTH_OK;
}

bool hth_shred_fd(int fd) {
    static const uint8_t zeros[1 << 16];
    struct stat st;
    if (hth_file_fault() || fstat(fd, &st)) return false;
    for (off_t at = 0; at < st.st_size;) {
        const off_t left = st.st_size - at;
        const size_t most = left < (off_t)sizeof zeros ? (size_t)left : sizeof zeros;
        const ssize_t n = hth_file_fault() ? -1 : pwrite(fd, zeros, most, at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        at += n;
    }
    return !hth_file_fault() && fdatasync(fd) == 0;
}

HthStatus hth_shred_file(const char *path, HthErr *err) {
    const int fd = hth_file_fault() ? -1 : open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) return HTH_OK;
    HTH_REQUIRE(fd >= 0, err, HTH_EIO, "cannot open %s to erase it: %s", path, strerror(errno));
    const bool ok = hth_shred_fd(fd);
    const int why = errno;
    close(fd);
    HTH_REQUIRE(ok, err, HTH_EIO, "cannot erase %s: %s", path, strerror(why));
    HTH_REQUIRE(!hth_file_fault() && !unlink(path), err, HTH_EIO, "cannot remove %s: %s", path,
                strerror(errno));
    return HTH_OK;
}

static HthStatus old_name(char out[PATH_MAX], const char *path, HthErr *err) {
    const int n = snprintf(out, PATH_MAX, "%s-old", path);
    HTH_REQUIRE(n > 0 && n < PATH_MAX, err, HTH_ELIMIT, "the path of a file to write is too long");
    return HTH_OK;
}

HthStatus hth_shred_left_over(const char *path, HthErr *err) {
    char old[PATH_MAX];
    struct stat a, b;
    bool there, used;
    HTH_TRY(old_name(old, path, err));
    HTH_TRY(hth_file_there(&there, old, err));
    if (!there) return HTH_OK;
    /* what cannot be examined may be the same file */
    HTH_TRY(hth_file_there(&used, path, err));
    HTH_REQUIRE(!lstat(old, &a) && (!used || !lstat(path, &b)), err, HTH_EIO,
                "cannot examine %s: %s", path, strerror(errno));
    if (!used || a.st_ino != b.st_ino || a.st_dev != b.st_dev) return hth_shred_file(old, err);
    HTH_REQUIRE(!hth_file_fault() && !unlink(old), err, HTH_EIO, "cannot remove %s: %s", old,
                strerror(errno));
    return HTH_OK;
}

HthStatus hth_shred_replace(const char *path, const void *bytes, size_t n, HthErr *err) {
    char old[PATH_MAX];
    HTH_TRY(hth_shred_left_over(path, err));
    HTH_TRY(old_name(old, path, err));
    const int rc = hth_file_fault() ? -1 : link(path, old);
    HTH_REQUIRE(rc == 0 || errno == ENOENT, err, HTH_EIO, "cannot replace %s: %s", path,
                strerror(errno));
    HTH_TRY(hth_file_write(path, bytes, n, 0600, err));
    return hth_shred_left_over(path, err);
}

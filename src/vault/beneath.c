/* beneath.c - see beneath.h.
 *
 * Thread: any. */
#include "vault/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file_fault.h"

static int open_how(int folder, const char *path, int flags, mode_t mode, uint64_t resolve) {
    const struct open_how how = { .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
                                  .mode = flags & O_CREAT ? mode : 0,
                                  .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve };
    return (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
}

/* Kernels before 5.6 and filters of system calls that do not know it. */
static bool is_unknown(int why) {
    return why == ENOSYS || why == EPERM || why == EINVAL || why == EOPNOTSUPP;
}

static int part_open(int folder, const char *part, bool last, int flags, mode_t mode) {
    if (!part[0] || !strcmp(part, "."))
        return openat(folder, ".", O_PATH | O_CLOEXEC | O_DIRECTORY);
    if (!strcmp(part, "..")) {
        errno = EXDEV;
        return -1;
    }
    if (last) return openat(folder, part, flags | O_CLOEXEC | O_NOFOLLOW, mode);
    return openat(folder, part, O_PATH | O_CLOEXEC | O_NOFOLLOW | O_DIRECTORY);
}

int hth_beneath_walk(int folder, const char *path, int flags, mode_t mode) {
    if (path[0] == '/' || path[0] == '\0') {
        errno = path[0] ? EXDEV : ENOENT;
        return -1;
    }
    int at = folder;
    for (const char *p = path;;) {
        const size_t n = strcspn(p, "/");
        char part[NAME_MAX + 1];
        const bool last = p[n] == '\0', fits = n <= NAME_MAX;
        memcpy(part, p, fits ? n : 0);
        part[fits ? n : 0] = '\0';
        const int next = fits ? part_open(at, part, last, flags, mode) : -1;
        const int why = fits ? errno : ENAMETOOLONG;
        if (at != folder) close(at);
        errno = why;
        if (next < 0 || last) return next;
        at = next;
        p += n + 1;
    }
}

int hth_beneath_open(int folder, const char *path, int flags, mode_t mode) {
    if (hth_file_fault()) return -1;
    const int fd = open_how(folder, path, flags, mode, 0);
    if (fd >= 0 || !is_unknown(errno)) return fd;
    return hth_beneath_walk(folder, path, flags, mode);
}

int hth_beneath_open_nolinks(int folder, const char *path, int flags, mode_t mode) {
    if (hth_file_fault()) return -1;
    const int fd = open_how(folder, path, flags, mode, RESOLVE_NO_SYMLINKS);
    if (fd >= 0 || !is_unknown(errno)) return fd;
    return hth_beneath_walk(folder, path, flags, mode);
}

int hth_beneath_mkdirs(int folder, const char *path) {
    char part[PATH_MAX];
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        const size_t n = (size_t)(slash - path);
        if (n >= sizeof part) {
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(part, path, n);
        part[n] = '\0';
        int fd = hth_beneath_open_nolinks(folder, part, O_PATH | O_DIRECTORY, 0);
        if (fd < 0 && errno == ENOENT && !hth_file_fault()) {
            /* its parent is known to be there and no link */
            if (mkdirat(folder, part, 0700) && errno != EEXIST) return -1;
            fd = hth_beneath_open_nolinks(folder, part, O_PATH | O_DIRECTORY, 0);
        }
        if (fd < 0) return -1;
        close(fd);
    }
    return 0;
}

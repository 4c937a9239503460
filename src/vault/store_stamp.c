/* store_stamp.c - has anything changed that a name depends on?  A few folders are looked at; none
 * is listed, no file is read.
 *
 * A folder's time says that files came, went or were renamed in it; what is written into a file
 * that stays changes neither whether a name is there nor where.  Times are as coarse as the
 * system's clock: what changed a moment ago may change again without a trace, and is not vouched
 * for.
 *
 * Thread: any; the store's fixed parts only, and no lock. */
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/sum.h"
#include "vault/beneath.h"
#include "vault/store_int.h"

#define MOMENT_NS ((int64_t)2000000000)

typedef struct Stamp {
    uint64_t sum;
    int64_t latest_ns; /* change seen */
} Stamp;

/* Nothing there (-1) is a state as any other. */
static void see(Stamp *s, int fd) {
    struct stat st;
    HthIdent id = { 0 };
    if (fd >= 0 && !fstat(fd, &st)) id = hth_ident_of(&st);
    if (id.mtime_ns > s->latest_ns) s->latest_ns = id.mtime_ns;
    s->sum = hth_sum64(s->sum, &id, sizeof id);
}

static void see_beneath(Stamp *s, int folder, const char *path) {
    const int fd = folder >= 0 ? hth_beneath_open_nolinks(folder, path, O_PATH, 0) : -1;
    see(s, fd);
    if (fd >= 0) close(fd);
}

static void see_folder(Stamp *s, const char *path, const HthName *name) {
    char beside[2 * HTH_NAME_PART_MAX + 16];
    const int fd = hth_folder_open(path, false);
    see(s, fd);
    if (name->space[0]) see_beneath(s, fd, name->space);
    snprintf(beside, sizeof beside, "%s%s%s.json", name->space, name->space[0] ? "/" : "",
             name->name);
    see_beneath(s, fd, beside);
    if (fd >= 0) close(fd);
}

/* True: there is a manifest of that name, so that it hangs on other names. */
static bool see_manifest(Stamp *s, const char *home, const HthName *name) {
    char path[512];
    struct stat st;
    const int fd = hth_folder_open(home, false);
    hth_manifest_path(path, name);
    const bool made = fd >= 0 && !fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW);
    see_beneath(s, fd, "blobs"); /* an adapter's file is there */
    if (fd >= 0) close(fd);
    return made;
}

uint64_t hth_store_stamp(const HthStore *m, HthStr name) {
    HthName n;
    HthErr err;
    struct timespec now;
    Stamp s = { .sum = 1 };
    if (hth_name_parse(&n, name, &err) != HTH_OK) return 0;
    for (size_t i = 0; i < m->folder_count; i++) see_folder(&s, m->folders[i], &n);
    if (m->home && see_manifest(&s, m->home, &n)) return 0;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    const int64_t now_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    return s.latest_ns < now_ns - MOMENT_NS ? s.sum : 0;
}

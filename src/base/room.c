/* room.c - see room.h.
 *
 * Thread: any. */
#include "base/room.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "base/file_fault.h"

#define TEXT_MAX ((size_t)64 << 10)

HthPageSpan hth_page_span_around(const void *p, size_t n) {
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    return (HthPageSpan){ (uintptr_t)p / page * page, ((uintptr_t)p + n + page - 1) / page * page };
}

HthPageSpan hth_page_span_within(const void *p, size_t n) {
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    return (HthPageSpan){ ((uintptr_t)p + page - 1) / page * page,
                          ((uintptr_t)p + n) / page * page };
}

void hth_room_forget(const void *p, size_t n) {
    const HthPageSpan g = hth_page_span_within(p, n);
    if (g.from >= g.to) return;
    (void)munlock((void *)g.from, g.to - g.from); /* or the next is refused */
    (void)madvise((void *)g.from, g.to - g.from, MADV_DONTNEED); /* advice only */
}

static HthStatus keep(const void *p, size_t n, unsigned how, uint64_t whole, HthErr *err) {
    if (n == 0 || (!hth_file_fault() && mlock2(p, n, how) == 0)) return HTH_OK;
    const int why = errno;
    struct rlimit limit = { .rlim_cur = RLIM_INFINITY };
    getrlimit(RLIMIT_MEMLOCK, &limit);
    HTH_REQUIRE(limit.rlim_cur >= whole, err, HTH_EDENIED,
                "cannot keep %llu MiB in memory: this process may lock %llu KiB; raise the limit "
                "(ulimit -l) or leave --lock out",
                (unsigned long long)whole >> 20, (unsigned long long)limit.rlim_cur >> 10);
    return HTH_FAIL(err, HTH_EDENIED, "cannot keep %llu MiB in memory: %s",
                    (unsigned long long)whole >> 20, strerror(why));
}

HthStatus hth_room_keep(const void *p, size_t n, uint64_t whole, HthErr *err) {
    return keep(p, n, 0, whole, err);
}

HthStatus hth_room_keep_later(const void *p, size_t n, uint64_t whole, HthErr *err) {
    return keep(p, n, MLOCK_ONFAULT, whole, err);
}

void hth_room_random(const void *p, size_t n, bool random) {
    const HthPageSpan g = hth_page_span_around(p, n);
    if (n) (void)madvise((void *)g.from, g.to - g.from, random ? MADV_RANDOM : MADV_NORMAL);
}

static bool slurp(HthBuf *buf, const char *root, const char *path) {
    char full[PATH_MAX];
    const int n = snprintf(full, sizeof full, "%s%s", root, path);
    hth_buf_clear(buf);
    return n > 0 && n < (int)sizeof full && hth_file_read(buf, full, NULL) == HTH_OK;
}

/* The number in a file; UINT64_MAX where there is none ("max"). */
static uint64_t number(HthBuf *buf, const char *root, const char *dir, const char *file) {
    char path[PATH_MAX];
    uint64_t v;
    const int n = snprintf(path, sizeof path, "%s/%s", dir, file);
    if (n <= 0 || n >= (int)sizeof path || !slurp(buf, root, path)) return UINT64_MAX;
    return hth_str_u64(hth_str_trim(hth_buf_str(buf)), &v) ? v : UINT64_MAX;
}

/* "MemAvailable:   123 kB" */
static uint64_t kib_of(const HthBuf *buf, const char *name) {
    const char *at = strstr(buf->p, name);
    uint64_t kib = 0;
    if (!at) return 0;
    for (at += strlen(name); *at == ' ' || *at == '\t'; at++) continue;
    for (; *at >= '0' && *at <= '9' && kib < UINT64_MAX >> 20; at++)
        kib = kib * 10 + (uint64_t)(*at - '0');
    return kib;
}

static uint64_t system_left(HthBuf *buf, const char *root) {
    return slurp(buf, root, "/proc/meminfo") ? kib_of(buf, "MemAvailable:") << 10 : 0;
}

typedef struct Names { /* of a version's files */
    const char *mount, *limit, *used, *cached[2]; /* cached: in memory.stat */
} Names;

/* What of a group's use is copies of files, which the system takes back before it refuses. */
static uint64_t cached(HthBuf *buf, const char *root, const char *dir, const Names *names) {
    char path[PATH_MAX];
    uint64_t sum = 0, v;
    const int n = snprintf(path, sizeof path, "%s/memory.stat", dir);
    if (n <= 0 || n >= (int)sizeof path || !slurp(buf, root, path)) return 0;
    for (char *line = buf->p, *end; line && *line; line = end) {
        end = strchr(line, '\n');
        if (end) *end++ = '\0';
        char *value = strchr(line, ' ');
        if (!value) continue;
        *value++ = '\0';
        for (int i = 0; i < 2; i++)
            if (strcmp(line, names->cached[i]) == 0 && hth_str_u64(hth_str(value), &v) &&
                v <= UINT64_MAX - sum)
                sum += v;
    }
    return sum;
}

/* The least that any group from `group` up to the mount leaves. */
static uint64_t group_left(HthBuf *buf, const char *root, const Names *names, HthStr group) {
    uint64_t least = UINT64_MAX;
    char dir[PATH_MAX];
    for (;;) {
        while (group.n && group.p[group.n - 1] == '/') group.n--;
        const int n = snprintf(dir, sizeof dir, "%s%.*s", names->mount, HTH_STR_ARG(group));
        if (n > 0 && n < (int)sizeof dir) {
            const uint64_t limit = number(buf, root, dir, names->limit);
            const uint64_t used = number(buf, root, dir, names->used);
            if (limit != UINT64_MAX && used != UINT64_MAX) {
                const uint64_t files = cached(buf, root, dir, names);
                const uint64_t held = used > files ? used - files : 0;
                const uint64_t left = held < limit ? limit - held : 0;
                if (left < least) least = left;
            }
        }
        if (!group.n) return least;
        while (group.n && group.p[group.n - 1] != '/') group.n--;
    }
}

/* Each line of /proc/self/cgroup is `id:controllers:group`; no controllers means version 2. */
static uint64_t groups_left(HthBuf *groups, HthBuf *buf, const char *root) {
    static const Names v2 = {
        "/sys/fs/cgroup", "memory.max", "memory.current", { "inactive_file", "active_file" }
    };
    static const Names v1 = { "/sys/fs/cgroup/memory",
                              "memory.limit_in_bytes",
                              "memory.usage_in_bytes",
                              { "total_inactive_file", "total_active_file" } };
    uint64_t least = UINT64_MAX;
    if (!slurp(groups, root, "/proc/self/cgroup")) return least;
    for (char *line = groups->p, *end; line && *line; line = end) {
        end = strchr(line, '\n');
        if (end) *end++ = '\0';
        char *what = strchr(line, ':'), *group = what ? strchr(what + 1, ':') : NULL;
        if (!group) continue;
        *group++ = '\0';
        const bool two = what[1] == '\0', one = strstr(what + 1, "memory") != NULL;
        if (!two && !one) continue;
        const uint64_t left = group_left(buf, root, two ? &v2 : &v1, hth_str(group));
        if (left < least) least = left;
    }
    return least;
}

uint64_t hth_room_available_under(const char *root) {
    HthBuf groups, buf;
    hth_buf_init(&groups, TEXT_MAX);
    hth_buf_init(&buf, TEXT_MAX);
    uint64_t left = system_left(&buf, root);
    const uint64_t group = groups_left(&groups, &buf, root);
    if (group < left) left = group;
    hth_buf_drop(&groups);
    hth_buf_drop(&buf);
    return left;
}

static uint64_t g_supposed;

void hth_room_suppose(uint64_t bytes) {
    g_supposed = bytes;
}

uint64_t hth_room_available(void) {
    return g_supposed ? g_supposed : hth_room_available_under("");
}

/* "Rss:   123 kB": added up page by page; the quicker files are off by some hundred kilobytes. */
uint64_t hth_room_resident(void) {
    HthBuf buf;
    hth_buf_init(&buf, TEXT_MAX);
    const uint64_t kib = slurp(&buf, "", "/proc/self/smaps_rollup") ? kib_of(&buf, "Rss:") : 0;
    hth_buf_drop(&buf);
    return kib << 10;
}

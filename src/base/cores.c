/* cores.c - how many cores this process may really use (declared in par.h).
 *
 * The affinity mask says which cores, a cgroup quota says how much of them: a container given half
 * a machine still sees all of its cores. Version 2 has one tree; version 1 one per controller.
 *
 * Thread: any. */
#include "base/par.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"

#define CORES_MAX 256
#define TEXT_MAX  ((size_t)64 << 10)

/* Reads a small file; false if it is not there. */
static bool slurp(HthBuf *buf, const char *root, const char *path) {
    char full[PATH_MAX];
    const int n = snprintf(full, sizeof full, "%s%s", root, path);
    hth_buf_clear(buf);
    return n > 0 && n < (int)sizeof full && hth_file_read(buf, full, NULL) == HTH_OK;
}

/* The next line or field of *rest up to sep; false at the end. */
static bool cut(HthStr *rest, char sep, HthStr *out) {
    if (!rest->n) return false;
    const char *at = memchr(rest->p, sep, rest->n);
    const size_t n = at ? (size_t)(at - rest->p) : rest->n;
    *out = (HthStr){ rest->p, n };
    *rest = hth_str_sub(*rest, n + 1, SIZE_MAX);
    return true;
}

/* ceil(quota / period), or CORES_MAX when either is not a positive number ("max", "-1"). */
static uint32_t share(HthStr quota, HthStr period) {
    uint64_t q, p;
    if (!hth_str_u64(hth_str_trim(quota), &q) || !hth_str_u64(hth_str_trim(period), &p))
        return CORES_MAX;
    if (!q || !p || q / p >= CORES_MAX) return CORES_MAX;
    return (uint32_t)(q / p + (q % p != 0));
}

static uint32_t quota_v2(HthBuf *buf, const char *root, const char *dir) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/cpu.max", dir);
    if (!slurp(buf, root, path)) return CORES_MAX;
    HthStr rest = hth_buf_str(buf), quota, period;
    if (!cut(&rest, ' ', &quota) || !cut(&rest, '\n', &period)) return CORES_MAX;
    return share(quota, period);
}

static uint32_t quota_v1(HthBuf *buf, const char *root, const char *dir) {
    char path[PATH_MAX], quota[32];
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", dir);
    if (!slurp(buf, root, path) || buf->n >= sizeof quota) return CORES_MAX;
    memcpy(quota, buf->p, buf->n + 1);
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", dir);
    if (!slurp(buf, root, path)) return CORES_MAX;
    return share(hth_str(quota), hth_buf_str(buf));
}

typedef uint32_t QuotaFn(HthBuf *buf, const char *root, const char *dir);

/* The tightest quota from the group up to the mount: every ancestor binds. */
static uint32_t tightest(HthBuf *buf, const char *root, const char *mount, HthStr group,
                         QuotaFn *quota) {
    uint32_t least = CORES_MAX;
    char dir[PATH_MAX];
    for (;;) {
        while (group.n && group.p[group.n - 1] == '/') group.n--;
        const int n = snprintf(dir, sizeof dir - 32, "%s%.*s", mount, HTH_STR_ARG(group));
        if (n > 0 && n < (int)sizeof dir - 32) {
            const uint32_t q = quota(buf, root, dir);
            if (q < least) least = q;
        }
        if (!group.n) return least;
        while (group.n && group.p[group.n - 1] != '/') group.n--;
    }
}

static bool has_controller(HthStr list, HthStr name) {
    HthStr one;
    while (cut(&list, ',', &one))
        if (hth_str_eq(one, name)) return true;
    return false;
}

/* Each line of /proc/self/cgroup is `id:controllers:group`; no controllers means version 2. */
static uint32_t cgroup_cores(const char *root) {
    HthBuf groups, buf;
    hth_buf_init(&groups, TEXT_MAX);
    hth_buf_init(&buf, TEXT_MAX);
    uint32_t least = CORES_MAX;
    if (slurp(&groups, root, "/proc/self/cgroup")) {
        HthStr rest = hth_buf_str(&groups), line, id, controllers;
        while (cut(&rest, '\n', &line)) {
            if (!cut(&line, ':', &id) || !line.n) continue;
            const char *colon = memchr(line.p, ':', line.n);
            if (!colon) continue;
            controllers = (HthStr){ line.p, (size_t)(colon - line.p) };
            const HthStr group = hth_str_sub(line, controllers.n + 1, SIZE_MAX);
            uint32_t q = CORES_MAX;
            if (!controllers.n)
                q = tightest(&buf, root, "/sys/fs/cgroup", group, quota_v2);
            else if (has_controller(controllers, HTH_STR("cpu")))
                q = tightest(&buf, root, "/sys/fs/cgroup/cpu", group, quota_v1);
            if (q < least) least = q;
        }
    }
    hth_buf_drop(&groups);
    hth_buf_drop(&buf);
    return least;
}

static uint32_t affinity_cores(void) {
    unsigned long mask[8192 / (8 * sizeof(unsigned long))] = { 0 }; /* more cores than cpu_set_t */
    if (sched_getaffinity(0, sizeof mask, (cpu_set_t *)mask)) return 1;
    uint32_t n = 0;
    for (size_t i = 0; i < HTH_COUNT(mask); i++) n += (uint32_t)__builtin_popcountl(mask[i]);
    return n < 1 ? 1 : n > CORES_MAX ? CORES_MAX : n;
}

uint32_t hth_par_cores_under(const char *root) {
    const uint32_t mask = affinity_cores(), quota = cgroup_cores(root);
    return mask < quota ? mask : quota;
}

uint32_t hth_par_cores(void) {
    return hth_par_cores_under("");
}

/* enter.c - putting the layers on, one after another, and a look whether they hold.
 *
 * Thread: as cage.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cage/cage_int.h"

const char *hth_cage_kind_name(HthCageKind kind) {
    static const char *const names[HTH_CAGE_KINDS] = { "front", "engine", "main" };
    HTH_ASSERT(kind < HTH_CAGE_KINDS);
    return names[kind];
}

/* ---- an empty network ----------------------------------------------------------------------- */

static bool write_line(const char *path, const char *line) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return false;
    const ssize_t n = (ssize_t)strlen(line);
    const bool whole = write(fd, line, (size_t)n) == n;
    close(fd);
    return whole;
}

/* One id is itself; the rest of the system's ids are nobody. */
static void map_ids(unsigned uid, unsigned gid) {
    char line[64];
    snprintf(line, sizeof line, "%u %u 1\n", uid, uid);
    (void)write_line("/proc/self/uid_map", line); /* without it getuid() tells something else */
    (void)write_line("/proc/self/setgroups", "deny\n");
    snprintf(line, sizeof line, "%u %u 1\n", gid, gid);
    (void)write_line("/proc/self/gid_map", line);
}

/* ---- capabilities --------------------------------------------------------------------------- */

/* What root still needs: for files that are another user's, and to lock memory. */
#define OF_FILES                                                                                   \
    (1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH | 1u << CAP_FOWNER | 1u << CAP_IPC_LOCK)

static bool keep_capabilities(uint32_t mask) {
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3] = { 0 };
    if (syscall(SYS_capget, &head, caps) != 0) return false;
    if (!((caps[0].permitted | caps[0].inheritable) & ~mask) && !caps[1].permitted &&
        !caps[1].inheritable)
        return true; /* as most users have them */
    const uint32_t left = caps[0].permitted & mask;
    memset(caps, 0, sizeof caps);
    caps[0].effective = caps[0].permitted = left;
    return syscall(SYS_capset, &head, caps) == 0;
}

/* Best effort. Root needs no user namespace, and would lose the right to its files in one. */
static bool empty_network(void) {
    const unsigned uid = geteuid(), gid = getegid();
    if (unshare(CLONE_NEWNET) == 0) return true;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
    map_ids(uid, gid);
    return keep_capabilities(0); /* it comes with all of them: nothing here needs one */
}

/* ---- the filter ----------------------------------------------------------------------------- */

int hth_cage_load(const struct sock_filter *filter, uint32_t n) {
    struct sock_fprog prog = { (unsigned short)n, NULL };
    struct sock_filter copy[HTH_CAGE_FILTER_MAX];
    HTH_ASSERT(n <= HTH_CAGE_FILTER_MAX);
    memcpy(copy, filter, n * sizeof *filter);
    prog.filter = copy;
    long rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &prog);
    if (rc > 0) return EBUSY; /* a thread that has a filter of its own */
    return rc == 0 ? 0 : errno;
}

/* A filter that was taken but does not filter is no cage. */
static bool filter_holds(void) {
    const long fd = syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
    const int why = errno;
    if (fd >= 0) close((int)fd);
    return fd < 0 && why == EPERM;
}

/* ---- all of them ---------------------------------------------------------------------------- */

static HthStatus no_memory_image(HthErr *err) {
    struct rlimit none = { 0, 0 };
    HTH_REQUIRE(setrlimit(RLIMIT_CORE, &none) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0, err,
                HTH_EIO, "the cage cannot be closed: core dumps cannot be switched off: %s",
                strerror(errno));
    HTH_REQUIRE(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, err, HTH_EIO,
                "the cage cannot be closed: privileges cannot be given up: %s", strerror(errno));
    return HTH_OK;
}

HthStatus hth_cage_enter_but(const HthCageCfg *cfg, int drop, HthCageState *out, HthErr *err) {
    struct sock_filter filter[HTH_CAGE_FILTER_MAX];
    HthCageState s = { .kind = cfg->kind };
    HTH_ASSERT(cfg->kind < HTH_CAGE_KINDS);
    s.namespace = empty_network(); /* before the process is nobody's to look into */
    HTH_REQUIRE(keep_capabilities(OF_FILES), err, HTH_EIO,
                "the cage cannot be closed: capabilities cannot be given up: %s", strerror(errno));
    HTH_TRY(no_memory_image(err));
    s.landlock_abi = hth_cage_landlock_abi();
    s.files = s.landlock_abi > 0;
    if (s.files) HTH_TRY(hth_cage_landlock(s.landlock_abi, cfg, err));
    s.rules = hth_cage_rule_count(cfg->kind) - (drop != HTH_CAGE_DROP_NONE);
    s.instructions = hth_cage_filter(cfg->kind, drop, filter);
    const int why = hth_cage_load(filter, s.instructions);
    HTH_REQUIRE(why == 0, err, HTH_EIO,
                "the cage cannot be closed: this kernel takes no filter of system calls (seccomp): "
                "%s",
                strerror(why));
    HTH_REQUIRE(drop != HTH_CAGE_DROP_NONE || filter_holds(), err, HTH_EIO,
                "the cage does not hold: a socket can still be made");
    if (out != NULL) *out = s;
    return HTH_OK;
}

HthStatus hth_cage_enter(const HthCageCfg *cfg, HthCageState *out, HthErr *err) {
    return hth_cage_enter_but(cfg, HTH_CAGE_DROP_NONE, out, err);
}

/* ---- a look --------------------------------------------------------------------------------- */

typedef struct Look { /* shared with the child */
    HthStatus status;
    HthCageState state;
    HthErr err;
} Look;

HthStatus hth_cage_look(HthCageKind kind, HthCageState *out, HthErr *err) {
    const HthCageCfg cfg = { .kind = kind };
    Look *look =
        mmap(NULL, sizeof *look, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    HTH_REQUIRE(look != MAP_FAILED, err, HTH_ENOMEM, "out of memory to look at the cage");
    look->status = HTH_EIO;
    (void)fflush(NULL); /* what waits to be written is ours to write, and once */
    pid_t child = fork();
    if (child == 0) {
        look->status = hth_cage_enter(&cfg, &look->state, &look->err);
        _exit(0);
    }
    HthStatus st = HTH_EIO;
    if (child > 0 && waitpid(child, NULL, 0) == child) {
        st = look->status;
        if (st == HTH_OK) *out = look->state;
        if (st != HTH_OK && err != NULL) *err = look->err;
    } else {
        st = HTH_FAIL(err, HTH_EIO, "cannot start a process to look at the cage");
    }
    munmap(look, sizeof *look);
    return st;
}

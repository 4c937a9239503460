/* landlock.c - which files can still be opened: Landlock, as far as this kernel has it.
 *
 * Numbers of the kernel's interface, which grows: 1 files (5.13), 2 links (5.19), 3 truncation
 * (6.2), 4 TCP (6.7), 5 devices (6.10), 6 signals and abstract sockets (6.12). Not relied on for
 * the network: its rules do not know UDP, and sending with MSG_FASTOPEN passes them by.
 *
 * Thread: as cage.h; it binds the thread that calls, and those that are started after. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cage/cage_int.h"

/* linux/landlock.h of the oldest system we build on lacks the younger ones. */
enum {
    FS_EXECUTE = 1 << 0,
    FS_WRITE_FILE = 1 << 1,
    FS_READ_FILE = 1 << 2,
    FS_READ_DIR = 1 << 3,
    FS_REMOVE_DIR = 1 << 4,
    FS_REMOVE_FILE = 1 << 5,
    FS_MAKE_DIR = 1 << 7,
    FS_MAKE_REG = 1 << 8,
    FS_REFER = 1 << 13,
    FS_TRUNCATE = 1 << 14,
    FS_IOCTL_DEV = 1 << 15,
    FS_FIRST = (1 << 13) - 1, /* those of the first interface */
    OF_FILES = FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV,
    NET_TCP = 1 << 0 | 1 << 1, /* bind, connect */
    SCOPE_SOCKETS = 1 << 0, /* abstract ones */
    SCOPE_SIGNALS = 1 << 1,
    VERSION_ASKED = 1,
    RULE_PATH_BENEATH = 1,
    ABI_REFER = 2,
    ABI_TRUNCATE = 3,
    ABI_NET = 4,
    ABI_IOCTL = 5,
    ABI_SCOPE = 6
};

typedef struct Attr { /* struct landlock_ruleset_attr; older kernels take what they know of it */
    uint64_t fs, net, scope;
} Attr;

typedef struct Beneath { /* struct landlock_path_beneath_attr */
    uint64_t allowed;
    int32_t fd;
} __attribute__((packed)) Beneath;

int hth_cage_landlock_abi(void) {
    const long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, VERSION_ASKED);
    return abi > 0 ? (int)abi : 0;
}

static uint64_t handled(int abi) {
    return FS_FIRST | (abi >= ABI_REFER ? FS_REFER : 0) | (abi >= ABI_TRUNCATE ? FS_TRUNCATE : 0) |
           (abi >= ABI_IOCTL ? FS_IOCTL_DEV : 0);
}

static uint64_t allowed(unsigned rights) {
    return (rights & HTH_CAGE_READ ? FS_READ_FILE | FS_READ_DIR : 0) |
           (rights & HTH_CAGE_WRITE ? FS_WRITE_FILE | FS_TRUNCATE : 0) |
           (rights & HTH_CAGE_FOLDERS ? FS_MAKE_DIR | FS_REMOVE_DIR : 0) |
           (rights & HTH_CAGE_MAKE ? FS_MAKE_REG | FS_REMOVE_FILE | FS_REFER : 0) |
           (rights & HTH_CAGE_REMOVE ? FS_REMOVE_FILE : 0);
}

static HthStatus add(int set, int abi, const HthCagePlace *place, HthErr *err) {
    struct stat st;
    Beneath b = { allowed(place->rights) & handled(abi), -1 };
    b.fd = open(place->path, O_PATH | O_CLOEXEC);
    if (b.fd < 0) return HTH_OK;
    int rc = fstat(b.fd, &st);
    if (rc == 0 && !S_ISDIR(st.st_mode)) b.allowed &= OF_FILES;
    if (rc == 0) rc = (int)syscall(SYS_landlock_add_rule, set, RULE_PATH_BENEATH, &b, 0);
    const int why = errno;
    close(b.fd);
    if (rc != 0 && why == EBADFD)
        return HTH_OK; /* a pipe by name: of no file system, not its affair */
    HTH_REQUIRE(rc == 0, err, HTH_EIO, "the cage cannot be closed: %.150s cannot be named: %s",
                place->path, strerror(why));
    return HTH_OK;
}

HthStatus hth_cage_landlock(int abi, const HthCageCfg *cfg, HthErr *err) {
    const uint64_t scope = SCOPE_SOCKETS | (cfg->kind != HTH_CAGE_MAIN ? SCOPE_SIGNALS : 0);
    const Attr attr = { handled(abi), abi >= ABI_NET ? NET_TCP : 0, abi >= ABI_SCOPE ? scope : 0 };
    const size_t size = abi >= ABI_SCOPE ? sizeof attr
                        : abi >= ABI_NET ? offsetof(Attr, scope)
                                         : offsetof(Attr, net);
    const int set = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
    HTH_REQUIRE(set >= 0, err, HTH_EIO, "the cage cannot be closed: no rules for files: %s",
                strerror(errno));
    HthStatus st = HTH_OK;
    for (size_t i = 0; st == HTH_OK && i < cfg->place_count; i++)
        st = add(set, abi, &cfg->places[i], err);
    if (st == HTH_OK && syscall(SYS_landlock_restrict_self, set, 0) != 0)
        st = HTH_FAIL(err, HTH_EIO, "the cage cannot be closed: rules for files do not apply: %s",
                      strerror(errno));
    close(set);
    return st;
}

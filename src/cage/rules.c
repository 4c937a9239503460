/* rules.c - which system calls a cage answers itself, and the program that says so to the kernel.
 *
 * Not a list of what is allowed: a C library, its allocator and its threads change what they call
 * from release to release, and a model must not stop in the middle of a word for it. What is denied
 * is what leads out: sockets, programs, other processes, namespaces, mounts, kernel code, io_uring
 * (which makes system calls that no filter sees), what others can read of a file that is not ours
 * to write; and everything younger than this list.
 *
 * A rule is a row; the program is written from the rows, so that a test can leave out any one.
 *
 * Thread: any. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "cage/cage_int.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#error "the cage knows the system calls of x86-64 and 64-bit Arm only"
#endif

typedef enum When {
    ALWAYS,
    ANY, /* some bit of `bits` is set in the low half of the argument */
    OTHER, /* some bit is set that is not in `bits`, in either half */
    LIKE, /* low half & bits == like */
    UNLESS /* low half is not `like`: of an int the kernel sees no more */
} When;

typedef struct Rule {
    const char *name;
    uint32_t nr;
    uint8_t kinds, when, arg;
    uint32_t bits, like;
    int answer; /* errno */
} Rule;

#define F     (1u << HTH_CAGE_FRONT)
#define E     (1u << HTH_CAGE_ENGINE)
#define M     (1u << HTH_CAGE_MAIN)
#define INNER (E | M)
#define ALL   (F | E | M)
#if HTH_CAGE_PTRACE
#define MAKERS (F | E) /* of processes and threads */
#else
#define MAKERS ALL
#endif
#define NO(call, kinds)                                                                            \
    { #call, SYS_##call, (kinds), ALWAYS, 0, 0, 0, EPERM }
#define NAMESPACES                                                                                 \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |  \
     CLONE_NEWNET)
/* What TLS and HTTP send with. Above all not MSG_FASTOPEN, which connects. */
#define PLAIN_SENDING (MSG_NOSIGNAL | MSG_MORE | MSG_DONTWAIT)

static const Rule rules[] = {
    /* new sockets, and old ones aimed anew */
    NO(socket, ALL),
    NO(socketpair, ALL),
    NO(connect, ALL),
    NO(bind, ALL),
    NO(listen, ALL),
    NO(sendmmsg, ALL),
    NO(recvmsg, ALL), /* descriptors arrive through it */
    NO(recvmmsg, ALL),
    { "sendto with an address", SYS_sendto, F, OTHER, 4, 0, 0, EPERM },
    { "sendmsg with flags that connect", SYS_sendmsg, F, OTHER, 2, PLAIN_SENDING, 0, EPERM },
    { "setsockopt beyond TCP", SYS_setsockopt, F, UNLESS, 1, 0, IPPROTO_TCP, EPERM },
    { "ioctl of interfaces", SYS_ioctl, ALL, LIKE, 1, 0xff00, 0x8900, EPERM },
    /* who has none to begin with */
    NO(accept, INNER),
    NO(accept4, INNER),
    NO(sendto, INNER),
    NO(recvfrom, INNER),
    NO(sendmsg, INNER),
    NO(shutdown, INNER),
    NO(getsockname, INNER),
    NO(getpeername, INNER),
    NO(getsockopt, INNER),
    NO(setsockopt, INNER),
    /* system calls by other means */
    NO(io_uring_setup, ALL),
    NO(io_uring_enter, ALL),
    NO(io_uring_register, ALL),
    /* other processes and programs */
    NO(execve, ALL),
    NO(execveat, ALL),
#if HTH_CAGE_PTRACE
    NO(ptrace, ALL),
#endif
    NO(process_vm_readv, ALL),
    NO(process_vm_writev, ALL),
    NO(pidfd_getfd, ALL),
    { "ioctl TIOCSTI", SYS_ioctl, ALL, LIKE, 1, UINT32_MAX, TIOCSTI, EPERM }, /* types for you */
    { "ioctl TIOCLINUX", SYS_ioctl, ALL, LIKE, 1, UINT32_MAX, TIOCLINUX, EPERM },
    /* namespaces */
    NO(setns, ALL),
    NO(unshare, ALL),
    { "clone with namespaces", SYS_clone, MAKERS, ANY, 0, NAMESPACES, 0, EPERM },
    /* its flags lie in memory, where no filter sees them; the C library then takes clone */
    { "clone3", SYS_clone3, ALL, ALWAYS, 0, 0, 0, ENOSYS },
    /* mounts, and files by handle */
    NO(mount, ALL),
    NO(umount2, ALL),
    NO(pivot_root, ALL),
    NO(chroot, ALL),
    NO(open_tree, ALL),
    NO(move_mount, ALL),
    NO(fsopen, ALL),
    NO(fsconfig, ALL),
    NO(fsmount, ALL),
    NO(fspick, ALL),
    NO(mount_setattr, ALL),
    NO(open_by_handle_at, ALL),
    /* the kernel itself; a key request can have it start a program that asks the network */
    NO(keyctl, ALL),
    NO(add_key, ALL),
    NO(request_key, ALL),
    NO(bpf, ALL),
    NO(perf_event_open, ALL),
    NO(userfaultfd, ALL),
    NO(init_module, ALL),
    NO(finit_module, ALL),
    NO(delete_module, ALL),
    NO(kexec_load, ALL),
    NO(kexec_file_load, ALL),
    /* what the kernel keeps between processes, for whoever knows its number */
    NO(shmget, ALL),
    NO(shmat, ALL),
    NO(shmctl, ALL),
    NO(msgget, ALL),
    NO(msgsnd, ALL),
    NO(msgrcv, ALL),
    NO(msgctl, ALL),
    NO(mq_open, ALL),
    NO(semget, ALL),
    NO(semop, ALL),
    NO(semtimedop, ALL),
    NO(semctl, ALL),
    { "limits of another process", SYS_prlimit64, ALL, UNLESS, 0, 0, 0, EPERM },
    /* what Landlock does not know of files, or not on every kernel: it lets others in, or is there
     * for others to read. Modes of files that are open are left: a database sets its own. */
    NO(fchmodat, ALL),
    NO(fchownat, ALL),
    NO(fchown, ALL),
    NO(setxattr, ALL),
    NO(lsetxattr, ALL),
    NO(fsetxattr, ALL),
    NO(removexattr, ALL),
    NO(lremovexattr, ALL),
    NO(fremovexattr, ALL),
    NO(truncate, ALL),
    NO(utimensat, ALL),
#ifdef SYS_chmod /* which younger machines do not have */
    NO(chmod, ALL),
    NO(chown, ALL),
    NO(lchown, ALL),
    NO(utime, ALL),
    NO(utimes, ALL),
    NO(futimesat, ALL),
#endif
    /* who only waits signals nobody: its children end with it */
    NO(kill, M),
    NO(tkill, M),
    NO(tgkill, M),
    NO(rt_sigqueueinfo, M),
    NO(rt_tgsigqueueinfo, M),
    NO(pidfd_send_signal, M),
#if HTH_CAGE_PTRACE
    /* and has all that it reads, all the processes that it starts */
    NO(openat, M),
    NO(openat2, M),
    NO(clone, M),
#ifdef SYS_open /* which younger machines do not have */
    NO(open, M),
    NO(creat, M),
    NO(fork, M),
    NO(vfork, M),
#endif
#endif
};

/* In front of the table, as rules of their own. */
#if defined(__x86_64__)
enum { HAVE_X32 = 1 };
#else
enum { HAVE_X32 = 0 };
#endif
enum { GATE_ARCH, GATE_YOUNGER, GATE_X32, GATES = GATE_X32 + HAVE_X32, X32_BIT = 0x40000000 };
static const char *const gates[] = { "other architectures", "younger system calls", "x32" };

static bool has(HthCageKind kind, const Rule *r) {
    return r->kinds & 1u << kind;
}

uint32_t hth_cage_rule_count(HthCageKind kind) {
    uint32_t n = GATES;
    for (size_t i = 0; i < HTH_COUNT(rules); i++) n += has(kind, &rules[i]);
    return n;
}

const char *hth_cage_rule_name(HthCageKind kind, uint32_t i) {
    if (i < GATES) return gates[i];
    i -= GATES;
    for (size_t k = 0; k < HTH_COUNT(rules); k++)
        if (has(kind, &rules[k]) && i-- == 0) return rules[k].name;
    return NULL;
}

typedef struct Program {
    struct sock_filter *out;
    uint32_t n;
} Program;

static void put(Program *p, uint16_t code, uint32_t k, uint8_t yes, uint8_t no) {
    HTH_ASSERT(p->n < HTH_CAGE_FILTER_MAX);
    p->out[p->n++] = (struct sock_filter){ code, yes, no, k };
}

static void load(Program *p, size_t at) {
    put(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)at, 0, 0);
}

static void answer(Program *p, uint32_t action) {
    put(p, BPF_RET | BPF_K, action, 0, 0);
}

enum {
    AT_NR = offsetof(struct seccomp_data, nr),
    AT_ARCH = offsetof(struct seccomp_data, arch),
    AT_ARGS = offsetof(struct seccomp_data, args),
    JUMP_IS = BPF_JMP | BPF_JEQ | BPF_K,
    JUMP_ABOVE = BPF_JMP | BPF_JGT | BPF_K,
    JUMP_NOT_BELOW = BPF_JMP | BPF_JGE | BPF_K,
    JUMP_SET = BPF_JMP | BPF_JSET | BPF_K
};

/* The number of the call is loaded before and after. Both machines are little-endian. */
static void put_rule(Program *p, const Rule *r) {
    const uint32_t no = SECCOMP_RET_ERRNO | (uint32_t)r->answer;
    const size_t low = AT_ARGS + 8u * r->arg;
    switch ((When)r->when) {
    case ALWAYS:
        put(p, JUMP_IS, r->nr, 0, 1);
        answer(p, no);
        return;
    case ANY:
        put(p, JUMP_IS, r->nr, 0, 4);
        load(p, low);
        put(p, JUMP_SET, r->bits, 0, 1);
        break;
    case OTHER:
        put(p, JUMP_IS, r->nr, 0, 6);
        load(p, low + 4);
        put(p, JUMP_IS, 0, 0, 2);
        load(p, low);
        put(p, JUMP_SET, ~r->bits, 0, 1);
        break;
    case LIKE:
        put(p, JUMP_IS, r->nr, 0, 5);
        load(p, low);
        put(p, BPF_ALU | BPF_AND | BPF_K, r->bits, 0, 0);
        put(p, JUMP_IS, r->like, 0, 1);
        break;
    case UNLESS:
        put(p, JUMP_IS, r->nr, 0, 4);
        load(p, low);
        put(p, JUMP_IS, r->like, 1, 0);
        break;
    }
    answer(p, no);
    load(p, AT_NR);
}

uint32_t hth_cage_filter(HthCageKind kind, int drop, struct sock_filter *out) {
    Program p = { out, 0 };
    int at = GATES;
    if (drop != GATE_ARCH) {
        load(&p, AT_ARCH);
        put(&p, JUMP_IS, ARCH, 1, 0);
        answer(&p, SECCOMP_RET_KILL_PROCESS);
    }
    load(&p, AT_NR);
    if (HAVE_X32 && drop != GATE_X32) {
        put(&p, JUMP_NOT_BELOW, X32_BIT, 0, 1);
        answer(&p, SECCOMP_RET_KILL_PROCESS);
    }
    if (drop != GATE_YOUNGER) {
        put(&p, JUMP_ABOVE, HTH_CAGE_LAST_CALL, 0, 1);
        answer(&p, SECCOMP_RET_ERRNO | ENOSYS);
    }
    for (size_t i = 0; i < HTH_COUNT(rules); i++)
        if (has(kind, &rules[i]) && at++ != drop) put_rule(&p, &rules[i]);
    answer(&p, SECCOMP_RET_ALLOW);
    return p.n;
}

/* tries.c - the ways out: what a process that has been taken over would try.
 *
 * Each names the system call with its arguments. The arguments are such that a call which is let
 * through does no harm to the machine: addresses are our own on loopback, the rest of the kernel
 * refuses for another reason than the cage.
 *
 * Thread: any. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cage/cage_int.h"

enum { BAD = 8, /* no address of anything */ NO_SUCH = 0x7777 };

#if defined(__x86_64__)
/* The system calls of 32-bit programs have other numbers: 359 is socket there, nothing here. */
static long of_i386(void) {
    long rc;
    __asm__ volatile("int $0x80"
                     : "=a"(rc)
                     : "a"(359L), "b"((long)AF_INET), "c"((long)SOCK_STREAM), "d"(0L)
                     : "memory", "r8", "r9", "r10", "r11");
    return rc < 0 ? (errno = (int)-rc, -1) : rc;
}

static long of_x32(void) {
    return syscall(0x40000000L + SYS_socket, AF_INET, SOCK_STREAM, 0);
}
#endif

#if HTH_CAGE_PTRACE && defined(SYS_open)
static long of_fork(void) { /* the C library's is a clone */
    const long child = syscall(SYS_fork);
    if (child == 0) _exit(0);
    return child;
}

/* Not the C library's: a sanitizer makes a clone of that. The child ends on no stack at all. */
static long of_vfork(void) {
    long rc;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "mov %2, %%eax\n\t"
                     "syscall\n"
                     "1:"
                     : "=a"(rc)
                     : "0"((long)SYS_vfork), "i"(SYS_exit_group), "D"(0L)
                     : "memory", "cc", "rcx", "r11");
    return rc < 0 ? (errno = (int)-rc, -1) : rc;
}
#endif

#define F     (1u << HTH_CAGE_FRONT)
#define E     (1u << HTH_CAGE_ENGINE)
#define M     (1u << HTH_CAGE_MAIN)
#define INNER (E | M)
#define ALL   (F | E | M)
#define ARGS(...)                                                                                  \
    { __VA_ARGS__ }
#define TRY(name, call, kinds, ...)                                                                \
    { name, SYS_##call, ARGS(__VA_ARGS__), EPERM, (kinds), NULL }
/* What a thread is never made with, so that a clone that is let through is refused all the same. */
#define NO_CHILD (CLONE_THREAD | SIGCHLD)

static const HthTryCall tries[] = {
    TRY("new TCP socket", socket, ALL, AF_INET, SOCK_STREAM),
    TRY("new TCP socket, IPv6", socket, ALL, AF_INET6, SOCK_STREAM),
    TRY("new UDP socket", socket, ALL, AF_INET, SOCK_DGRAM),
    TRY("new raw socket", socket, ALL, AF_INET, SOCK_RAW, 255),
    TRY("new packet socket", socket, ALL, AF_PACKET, SOCK_RAW, 0x300),
    TRY("new unix socket", socket, ALL, AF_UNIX, SOCK_STREAM),
    TRY("new netlink socket", socket, ALL, AF_NETLINK, SOCK_RAW),
    TRY("new socket to the host of a virtual machine", socket, ALL, AF_VSOCK, SOCK_STREAM),
    TRY("new pair of sockets", socketpair, ALL, AF_UNIX, SOCK_STREAM, 0, HTH_TRY_BUFFER),
    TRY("leftover socket: connect", connect, ALL, HTH_TRY_FRESH, HTH_TRY_TARGET, HTH_TRY_ADDRESS),
    TRY("leftover socket: bind", bind, ALL, HTH_TRY_FRESH, HTH_TRY_NOWHERE, HTH_TRY_ADDRESS),
    TRY("leftover socket: listen", listen, ALL, HTH_TRY_FRESH, 1),
    TRY("leftover socket: send and connect at once", sendto, ALL, HTH_TRY_FRESH, HTH_TRY_BYTE, 1,
        MSG_FASTOPEN | MSG_NOSIGNAL, HTH_TRY_TARGET, HTH_TRY_ADDRESS),
    TRY("leftover socket: message that connects", sendmsg, ALL, HTH_TRY_FRESH, HTH_TRY_MESSAGE_TO,
        MSG_FASTOPEN | MSG_NOSIGNAL),
    TRY("leftover UDP socket: send to an address", sendto, ALL, HTH_TRY_UDP, HTH_TRY_BYTE, 1, 0,
        HTH_TRY_UDP_TARGET, HTH_TRY_ADDRESS),
    TRY("leftover UDP socket: many messages", sendmmsg, ALL, HTH_TRY_UDP, HTH_TRY_MESSAGE_TO, 1, 0),
    TRY("accepted connection: disconnect", connect, ALL, HTH_TRY_ACCEPTED, HTH_TRY_NOWHERE,
        HTH_TRY_ADDRESS),
    TRY("accepted connection: connect elsewhere", connect, ALL, HTH_TRY_ACCEPTED, HTH_TRY_TARGET,
        HTH_TRY_ADDRESS),
    TRY("accepted connection: send and connect at once", sendto, ALL, HTH_TRY_ACCEPTED,
        HTH_TRY_BYTE, 1, MSG_FASTOPEN | MSG_NOSIGNAL, HTH_TRY_TARGET, HTH_TRY_ADDRESS),
    TRY("accepted connection: routing options", setsockopt, ALL, HTH_TRY_ACCEPTED, 0 /* IP */,
        4 /* IP_OPTIONS */, HTH_TRY_BUFFER, 4),
    TRY("descriptor by message", recvmsg, ALL, HTH_TRY_PAIR, HTH_TRY_MESSAGE, MSG_DONTWAIT),
    TRY("descriptors by messages", recvmmsg, ALL, HTH_TRY_PAIR, HTH_TRY_MESSAGE, 1, MSG_DONTWAIT),
    TRY("settings of interfaces", ioctl, ALL, HTH_TRY_UDP, 0x8912 /* SIOCGIFCONF */,
        HTH_TRY_BUFFER),
    TRY("accept", accept, INNER, HTH_TRY_LISTENER),
    TRY("accept with flags", accept4, INNER, HTH_TRY_LISTENER, 0, 0, SOCK_NONBLOCK),
    TRY("accepted connection: send", sendto, INNER, HTH_TRY_ACCEPTED, HTH_TRY_BYTE, 1,
        MSG_NOSIGNAL),
    TRY("accepted connection: receive", recvfrom, INNER, HTH_TRY_ACCEPTED, HTH_TRY_BUFFER, 1,
        MSG_DONTWAIT),
    TRY("accepted connection: message", sendmsg, INNER, HTH_TRY_ACCEPTED, HTH_TRY_MESSAGE,
        MSG_NOSIGNAL),
    TRY("accepted connection: whose", getpeername, INNER, HTH_TRY_ACCEPTED, HTH_TRY_BUFFER,
        HTH_TRY_BUFFER),
    TRY("accepted connection: where", getsockname, INNER, HTH_TRY_ACCEPTED, HTH_TRY_BUFFER,
        HTH_TRY_BUFFER),
    TRY("accepted connection: read an option", getsockopt, INNER, HTH_TRY_ACCEPTED, SOL_SOCKET,
        SO_TYPE, HTH_TRY_BUFFER, HTH_TRY_BUFFER),
    TRY("accepted connection: set an option", setsockopt, INNER, HTH_TRY_ACCEPTED, 6 /* TCP */,
        1 /* TCP_NODELAY */, HTH_TRY_BUFFER, 4),
    TRY("accepted connection: shut down", shutdown, INNER, HTH_TRY_ACCEPTED, SHUT_RD),
    TRY("ring of system calls: make", io_uring_setup, ALL, 4, HTH_TRY_BUFFER),
    TRY("ring of system calls: use", io_uring_enter, ALL, -1),
    TRY("ring of system calls: register", io_uring_register, ALL, -1),
    TRY("run a program", execve, ALL, BAD, 0, 0),
    TRY("run a program by descriptor", execveat, ALL, -1, BAD, 0, 0, 0),
#if HTH_CAGE_PTRACE
    TRY("trace another process", ptrace, ALL, PTRACE_PEEKDATA, 0, 0, 0),
#endif
    TRY("read another process", process_vm_readv, ALL, 0, 0, 0, 0, 0, 1),
    TRY("write another process", process_vm_writev, ALL, 0, 0, 0, 0, 0, 1),
    TRY("take another process's descriptor", pidfd_getfd, ALL, -1, 0, 0),
    TRY("type into the terminal", ioctl, ALL, HTH_TRY_PAIR, TIOCSTI, BAD),
    TRY("type into the terminal, oddly", ioctl, ALL, HTH_TRY_PAIR, (1l << 32) | TIOCSTI, BAD),
    TRY("paste into the console", ioctl, ALL, HTH_TRY_PAIR, TIOCLINUX, BAD),
    TRY("join a namespace", setns, ALL, -1, 0),
    TRY("new namespace", unshare, ALL, 0),
    TRY("child in another network", clone, ALL, CLONE_NEWNET | NO_CHILD),
    TRY("child as another user", clone, ALL, CLONE_NEWUSER | NO_CHILD),
    TRY("child with other mounts", clone, ALL, CLONE_NEWNS | NO_CHILD),
    { "child with flags out of sight", SYS_clone3, ARGS(BAD, 0), ENOSYS, ALL, NULL },
    TRY("mount", mount, ALL, BAD, BAD, BAD, 0, 0),
    TRY("unmount", umount2, ALL, BAD, ~0l),
    TRY("another root", pivot_root, ALL, BAD, BAD),
    TRY("another root by name", chroot, ALL, BAD),
    TRY("mounts: tree", open_tree, ALL, -1, BAD, ~0l),
    TRY("mounts: move", move_mount, ALL, -1, BAD, -1, BAD, ~0l),
    TRY("mounts: file system", fsopen, ALL, BAD, ~0l),
    TRY("mounts: settings", fsconfig, ALL, -1, NO_SUCH, 0, 0, 0),
    TRY("mounts: make", fsmount, ALL, -1, ~0l, 0),
    TRY("mounts: pick", fspick, ALL, -1, BAD, ~0l),
    TRY("mounts: attributes", mount_setattr, ALL, -1, BAD, ~0l, 0, 0),
    TRY("file by handle", open_by_handle_at, ALL, -1, BAD, 0),
    TRY("keys", keyctl, ALL, NO_SUCH),
    TRY("keys: add", add_key, ALL, BAD, BAD, 0, 0, 0),
    TRY("keys: have the kernel ask", request_key, ALL, BAD, BAD, 0, 0),
    TRY("program in the kernel", bpf, ALL, NO_SUCH, BAD, 0),
    TRY("performance counters", perf_event_open, ALL, BAD, 0, 0, -1, ~0l),
    TRY("page faults of others", userfaultfd, ALL, ~0l),
    TRY("load a module", init_module, ALL, BAD, 0, BAD),
    TRY("load a module by descriptor", finit_module, ALL, -1, BAD, ~0l),
    TRY("unload a module", delete_module, ALL, BAD, 0),
    TRY("another kernel", kexec_load, ALL, 0, 0, BAD, ~0l),
    TRY("another kernel by descriptor", kexec_file_load, ALL, -1, -1, 0, BAD, ~0l),
    /* other processes by what the kernel keeps for them: memory, messages, counters */
    TRY("shared memory: make", shmget, ALL, 0, 0, 0),
    TRY("shared memory: map", shmat, ALL, -1, 0, 0),
    TRY("shared memory: set", shmctl, ALL, -1, NO_SUCH, BAD),
    TRY("messages: make a queue", msgget, ALL, NO_SUCH, 0),
    TRY("messages: send", msgsnd, ALL, -1, BAD, 0, 0),
    TRY("messages: receive", msgrcv, ALL, -1, BAD, 0, 0, 0),
    TRY("messages: set", msgctl, ALL, -1, NO_SUCH, BAD),
    TRY("messages: open a queue by name", mq_open, ALL, BAD, 0, 0, 0),
    TRY("counters: make", semget, ALL, NO_SUCH, 0, 0),
    TRY("counters: count", semop, ALL, -1, BAD, 0),
    TRY("counters: count for a while", semtimedop, ALL, -1, BAD, 0, 0),
    TRY("counters: set", semctl, ALL, -1, 0, NO_SUCH),
    TRY("limits of another process", prlimit64, ALL, 1, NO_SUCH, 0, 0),
    /* what Landlock does not know of files: anybody may look at them */
    TRY("file: mode", fchmodat, ALL, -1, BAD, 0),
    TRY("file: owner", fchownat, ALL, -1, BAD, -1, -1, 0),
    TRY("open file: owner", fchown, ALL, -1, -1, -1),
    TRY("file: note", setxattr, ALL, BAD, BAD, 0, 0, 0),
    TRY("link: note", lsetxattr, ALL, BAD, BAD, 0, 0, 0),
    TRY("open file: note", fsetxattr, ALL, -1, BAD, 0, 0, 0),
    TRY("file: remove a note", removexattr, ALL, BAD, BAD),
    TRY("link: remove a note", lremovexattr, ALL, BAD, BAD),
    TRY("open file: remove a note", fremovexattr, ALL, -1, BAD),
    TRY("file: length", truncate, ALL, BAD, 0),
    TRY("file: times", utimensat, ALL, -1, BAD, 0, 0),
#ifdef SYS_chmod
    TRY("file: mode, as ever", chmod, ALL, BAD, 0),
    TRY("file: owner, as ever", chown, ALL, BAD, -1, -1),
    TRY("link: owner, as ever", lchown, ALL, BAD, -1, -1),
    TRY("file: times, as ever", utime, ALL, BAD, 0),
    TRY("file: finer times, as ever", utimes, ALL, BAD, 0),
    TRY("file: times from a folder, as ever", futimesat, ALL, -1, BAD, 0),
#endif
    TRY("signal a process", kill, M, 1, 0),
    TRY("signal a thread", tkill, M, 1, 0),
    TRY("signal a thread of a process", tgkill, M, 1, 1, 0),
    TRY("signal with a word: a process", rt_sigqueueinfo, M, 1, 0, BAD),
    TRY("signal with a word: a thread", rt_tgsigqueueinfo, M, 1, 1, 0, BAD),
    TRY("signal by descriptor", pidfd_send_signal, M, -1, 0, 0, 0),
#if HTH_CAGE_PTRACE
    TRY("open a file", openat, M, -1, BAD, 0),
    TRY("open a file, with more to say", openat2, M, -1, BAD, BAD, 0),
    TRY("new process", clone, M, NO_CHILD),
#ifdef SYS_open
    TRY("open a file, as ever", open, M, BAD, 0),
    TRY("make a file", creat, M, BAD, 0),
    { "new process, as ever", 0, ARGS(0), EPERM, M, of_fork },
    { "new process in the same memory", 0, ARGS(0), EPERM, M, of_vfork },
#endif
#endif
    { "system call of a later kernel", HTH_CAGE_LAST_CALL + 1, ARGS(-1), ENOSYS, ALL, NULL },
#if defined(__x86_64__)
    { "system call of 32-bit programs", 0, ARGS(0), -SIGSYS, ALL, of_i386 },
    { "system call of x32 programs", 0, ARGS(0), -SIGSYS, ALL, of_x32 },
#endif
};

const HthTryCall *hth_try_at(size_t i) {
    return i < HTH_COUNT(tries) ? &tries[i] : NULL;
}

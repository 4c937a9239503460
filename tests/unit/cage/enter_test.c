/* enter_test.c - what still works in a cage, what does not, and a kernel that has none to give. */
#include "support/cage.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include "cage/cage_int.h"
#include "support/folder.h"

static char inside[96], beside[96];

static int setup(void **state) {
    if (test_folder_make(state)) return -1;
    snprintf(inside, sizeof inside, "%s/inside", test_folder);
    snprintf(beside, sizeof beside, "%s/beside", test_folder);
    HthErr err;
    assert_ok(hth_file_write(inside, "in", 2, 0600, &err), err);
    assert_ok(hth_file_write(beside, "out", 3, 0600, &err), err);
    return 0;
}

/* What a child says of itself: 0, or the line where it found something wrong. */
#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond)) return __LINE__;                                                              \
    } while (0)

static int in_child(int (*body)(HthCageKind kind), HthCageKind kind) {
    int st = 0;
    int pipes[2], line = -1;
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    if (child == 0) {
        line = body(kind);
        _exit(write(pipes[1], &line, sizeof line) != sizeof line);
    }
    close(pipes[1]);
    const ssize_t got = read(pipes[0], &line, sizeof line);
    close(pipes[0]);
    assert_int_equal(waitpid(child, &st, 0), child);
    assert_true(WIFEXITED(st) && got == sizeof line);
    return line;
}

static void each_kind_to(int (*body)(HthCageKind kind), int end) {
    for (int k = 0; k < end; k++) {
        const int line = in_child(body, (HthCageKind)k);
        if (line) fail_msg("%s: line %d", hth_cage_kind_name((HthCageKind)k), line);
    }
}

static void each_kind(int (*body)(HthCageKind kind)) {
    each_kind_to(body, HTH_CAGE_KINDS);
}

static void each_that_opens(int (*body)(HthCageKind kind)) {
    each_kind_to(body, HTH_CAGE_MAIN);
}

static bool enter(HthCageKind kind, const HthCagePlace *places, size_t n, HthCageState *out) {
    const HthCageCfg cfg = { kind, places, n };
    HthErr err = { 0 };
    const HthStatus st = hth_cage_enter(&cfg, out, &err);
    if (st != HTH_OK) fprintf(stderr, "%s\n", err.text);
    return st == HTH_OK;
}

/* ---- what a program needs ------------------------------------------------------------------- */

static void *add_one(void *payload) {
    ++*(int *)payload;
    return NULL;
}

static int daily_work(HthCageKind kind) {
    CHECK(enter(kind, NULL, 0, NULL));
    pthread_t thread;
    int n = 1;
    CHECK(pthread_create(&thread, NULL, add_one, &n) == 0 && pthread_join(thread, NULL) == 0);
    CHECK(n == 2);
    const int prot = PROT_READ | PROT_WRITE | PROT_EXEC; /* regular expressions are compiled */
    void *p = mmap(NULL, 1 << 20, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED && madvise(p, 1 << 20, MADV_HUGEPAGE) <= 0 && munmap(p, 1 << 20) == 0);
    uint64_t one = 1;
    const int event = eventfd(0, EFD_CLOEXEC), poll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = { .events = EPOLLIN };
    CHECK(event >= 0 && poll >= 0 && epoll_ctl(poll, EPOLL_CTL_ADD, event, &e) == 0);
    CHECK(write(event, &one, 8) == 8 && epoll_wait(poll, &e, 1, 1000) == 1);
    CHECK(timerfd_create(CLOCK_MONOTONIC, 0) >= 0);
    int st = 0;
    const pid_t child = fork();
    if (child == 0) _exit(7);
    CHECK(waitpid(child, &st, 0) == child && WEXITSTATUS(st) == 7);
    CHECK(raise(0) == 0); /* what abort() is made of */
    return 0;
}

static void test_daily_work(void **state) {
    (void)state;
    each_that_opens(daily_work);
}

/* Who only waits: for children of before, for signals, at pipes; and what it has no more. */
static int waiting(HthCageKind kind) {
    int pipes[2], st = 0;
    sigset_t chld;
    char byte;
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    CHECK(pipe(pipes) == 0 && sigprocmask(SIG_BLOCK, &chld, NULL) == 0);
    const pid_t child = fork();
    if (child == 0) _exit(read(pipes[0], &byte, 1) == 1 ? 7 : 8);
    CHECK(enter(kind, NULL, 0, NULL));
    const struct timespec moment = { 0, 1000 }, minute = { 60, 0 };
    CHECK(nanosleep(&moment, NULL) == 0 && write(pipes[1], "x", 1) == 1);
    CHECK(sigtimedwait(&chld, NULL, &minute) == SIGCHLD);
    CHECK(waitpid(child, &st, 0) == child && WEXITSTATUS(st) == 7);
    void *memory = hth_calloc(1 << 24, 1);
    CHECK(memory != NULL && close(pipes[0]) == 0);
    hth_free(memory);
    CHECK(kill(getppid(), 0) < 0 && errno == EPERM);
    CHECK(kill(getpid(), 0) < 0 && errno == EPERM);
#if HTH_CAGE_PTRACE
    CHECK(open(inside, O_RDONLY) < 0 && errno == EPERM);
    CHECK(open("/dev/null", O_RDONLY) < 0 && errno == EPERM);
    CHECK(fork() < 0 && errno == EPERM);
#endif
    return 0;
}

static void test_waiting(void **state) {
    (void)state;
    const int line = in_child(waiting, HTH_CAGE_MAIN);
    if (line) fail_msg("line %d", line);
}

/* Its children end with it, though it may signal nobody. */
static void test_ends_with_its_parent(void **state) {
    (void)state;
    int pipes[2];
    char byte;
    assert_int_equal(pipe(pipes), 0);
    const pid_t parent = fork();
    if (parent == 0) {
        const pid_t child = fork();
        if (child == 0) {
            HthErr err;
            const HthCageCfg cfg = { .kind = HTH_CAGE_ENGINE };
            if (hth_cage_enter(&cfg, NULL, &err) != HTH_OK) _exit(1);
            if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || write(pipes[1], "x", 1) != 1)
                _exit(1);
            alarm(300);
            for (;;) pause(); /* and holds the pipe */
        }
        if (child < 0 || read(pipes[0], &byte, 1) != 1) _exit(1);
        _exit(!enter(HTH_CAGE_MAIN, NULL, 0, NULL));
    }
    close(pipes[1]);
    int st = 0;
    assert_int_equal(waitpid(parent, &st, 0), parent);
    assert_true(WIFEXITED(st) && WEXITSTATUS(st) == 0);
    struct pollfd ended = { .fd = pipes[0] }; /* the last that held it */
    assert_int_equal(poll(&ended, 1, 60000), 1);
    assert_int_equal(ended.revents, POLLHUP);
    close(pipes[0]);
}

/* What a database does, in a folder it was given. */
static int database(HthCageKind kind) {
    const HthCagePlace place = { test_folder, HTH_CAGE_READ | HTH_CAGE_WRITE | HTH_CAGE_MAKE };
    char name[128];
    snprintf(name, sizeof name, "%s/made", test_folder);
    CHECK(enter(kind, &place, 1, NULL));
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
    CHECK(fcntl(fd, F_SETLK, &lock) == 0 && ftruncate(fd, 1 << 16) == 0);
    CHECK(pwrite(fd, "x", 1, 100) == 1 && fdatasync(fd) == 0 && fsync(fd) == 0);
    CHECK(mmap(NULL, 1 << 15, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED);
    CHECK(close(fd) == 0 && rename(name, beside) == 0 && rename(beside, name) == 0);
    HthErr err = { 0 };
    CHECK(hth_file_write(beside, "whole", 5, 0600, &err) == HTH_OK);
    return 0;
}

static void test_database(void **state) {
    (void)state;
    each_that_opens(database);
}

/* ---- what it must not have ------------------------------------------------------------------ */

static int only_its_places(HthCageKind kind) {
    const HthCagePlace places[] = { { inside, HTH_CAGE_READ },
                                    { "/tmp/cage/is/not/here", HTH_CAGE_READ } };
    HthCageState s;
    char name[128];
    snprintf(name, sizeof name, "%s/made", test_folder);
    CHECK(enter(kind, places, 2, &s));
    if (!s.files) return 0; /* a kernel without Landlock says so */
    CHECK(open(inside, O_RDONLY) >= 0);
    CHECK(open(inside, O_WRONLY) < 0 && errno == EACCES);
    CHECK(truncate(inside, 0) < 0 || s.landlock_abi < 3);
    CHECK(open(beside, O_RDONLY) < 0 && errno == EACCES);
    CHECK(open(test_folder, O_RDONLY) < 0 && errno == EACCES);
    CHECK(open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES);
    CHECK(open(name, O_WRONLY | O_CREAT, 0600) < 0 && errno == EACCES);
    CHECK(unlink(beside) < 0 && errno == EACCES);
    CHECK(rename(beside, name) < 0);
    CHECK(kill(getppid(), 0) < 0 || s.landlock_abi < 6);
    return 0;
}

static void test_only_its_places(void **state) {
    (void)state;
    each_that_opens(only_its_places);
}

static int reading_a_folder(HthCageKind kind) {
    const HthCagePlace place = { test_folder, HTH_CAGE_READ };
    HthCageState s;
    CHECK(enter(kind, &place, 1, &s));
    CHECK(open(beside, O_RDONLY) >= 0 && open(test_folder, O_RDONLY | O_DIRECTORY) >= 0);
    CHECK(!s.files || open(beside, O_WRONLY) < 0);
    CHECK(!s.files || unlink(beside) < 0);
    return 0;
}

static void test_reading_a_folder(void **state) {
    (void)state;
    each_that_opens(reading_a_folder);
}

static int removing(HthCageKind kind) {
    const HthCagePlace place = { test_folder, HTH_CAGE_REMOVE };
    char name[128];
    HthCageState s;
    snprintf(name, sizeof name, "%s/made", test_folder);
    const int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && close(fd) == 0);
    CHECK(enter(kind, &place, 1, &s));
    CHECK(!s.files || (rename(name, beside) < 0 && link(name, beside) < 0));
    CHECK(!s.files || (open(name, O_RDONLY) < 0 && symlink("x", name) < 0));
    CHECK(unlink(name) == 0);
    CHECK(!s.files || mkdir(name, 0700) < 0);
    return 0;
}

static void test_removing(void **state) {
    (void)state;
    each_kind(removing);
}

/* A cage in a cage: what both allow. */
static int twice(HthCageKind kind) {
    const HthCagePlace wide = { test_folder, HTH_CAGE_READ },
                       narrow[] = { { inside, HTH_CAGE_READ | HTH_CAGE_WRITE },
                                    { "/etc/passwd", HTH_CAGE_READ } };
    HthCageState s;
    CHECK(enter(kind, &wide, 1, &s) && enter(kind, narrow, 2, NULL));
    if (!s.files) return 0;
    CHECK(open(inside, O_RDONLY) >= 0 && open(inside, O_WRONLY) < 0);
    CHECK(open(beside, O_RDONLY) < 0 && errno == EACCES);
    CHECK(open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES);
    return 0;
}

static void test_twice(void **state) {
    (void)state;
    each_that_opens(twice);
}

/* Of the superuser, too: setting clocks, names and swap is no business of a model's. */
static bool may_no_more_than_files(void) {
    const uint32_t files =
        1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH | 1u << CAP_FOWNER | 1u << CAP_IPC_LOCK;
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct have[_LINUX_CAPABILITY_U32S_3] = { 0 };
    if (syscall(SYS_capget, &head, have) != 0) return false;
    return !((have[0].effective | have[0].permitted | have[0].inheritable) & ~files) &&
           !have[1].effective && !have[1].permitted && !have[1].inheritable;
}

static int leaves_no_image(HthCageKind kind) {
    const uid_t me = geteuid();
    HthCageState s;
    struct rlimit r;
    CHECK(enter(kind, NULL, 0, &s));
    CHECK(getrlimit(RLIMIT_CORE, &r) == 0 && r.rlim_cur == 0 && r.rlim_max == 0);
    CHECK(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    CHECK(s.kind == kind && s.rules == hth_cage_rule_count(kind));
    CHECK(geteuid() == me);
    CHECK(may_no_more_than_files());
    return 0;
}

static void test_leaves_no_image(void **state) {
    (void)state;
    each_kind(leaves_no_image);
}

/* Threads that are there already are caged as well. */
static pthread_barrier_t barrier;

static void *late_socket(void *payload) {
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    *(int *)payload = socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0;
    return NULL;
}

static int other_threads(HthCageKind kind) {
    pthread_t thread;
    int answer = -1;
    CHECK(pthread_barrier_init(&barrier, NULL, 2) == 0);
    CHECK(pthread_create(&thread, NULL, late_socket, &answer) == 0);
    pthread_barrier_wait(&barrier);
    CHECK(enter(kind, NULL, 0, NULL));
    pthread_barrier_wait(&barrier);
    CHECK(pthread_join(thread, NULL) == 0 && answer == EPERM);
    return 0;
}

static void test_other_threads(void **state) {
    (void)state;
    each_kind(other_threads);
}

/* ---- without a cage, no start --------------------------------------------------------------- */

/* A kernel of that kind: `call` answers ENOSYS. */
static bool kernel_without(long call) {
    const struct sock_filter f[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && hth_cage_load(f, HTH_COUNT(f)) == 0;
}

static int no_seccomp(HthCageKind kind) {
    const HthCageCfg cfg = { .kind = kind };
    HthErr err = { 0 };
    CHECK(kernel_without(SYS_seccomp));
    CHECK(hth_cage_enter(&cfg, NULL, &err) == HTH_EIO && strstr(err.text, "seccomp"));
    return 0;
}

static int no_landlock(HthCageKind kind) {
    HthCageState s;
    CHECK(kernel_without(SYS_landlock_create_ruleset));
    CHECK(enter(kind, NULL, 0, &s));
    CHECK(s.landlock_abi == 0 && !s.files && open(beside, O_RDONLY) >= 0);
    return 0;
}

static int broken_landlock(HthCageKind kind) { /* there, but it does not do what it says */
    const HthCagePlace place = { test_folder, HTH_CAGE_READ };
    const HthCageCfg cfg = { kind, &place, 1 };
    HthErr err = { 0 };
    const long calls[] = { SYS_landlock_add_rule, SYS_landlock_restrict_self };
    if (hth_cage_landlock_abi() == 0) return 0;
    for (size_t i = 0; i < HTH_COUNT(calls); i++) {
        int st = 0;
        const pid_t child = fork();
        if (child == 0)
            _exit(!kernel_without(calls[i]) || hth_cage_enter(&cfg, NULL, &err) != HTH_EIO);
        CHECK(waitpid(child, &st, 0) == child && st == 0);
    }
    return 0;
}

static int no_namespace(HthCageKind kind) {
    HthCageState s;
    CHECK(kernel_without(SYS_unshare));
    CHECK(enter(kind, NULL, 0, &s) && !s.namespace);
    CHECK(socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EPERM);
    return 0;
}

static void test_less_of_a_kernel(void **state) {
    (void)state;
    each_kind(no_seccomp);
    each_that_opens(no_landlock);
    each_kind(broken_landlock);
    each_kind(no_namespace);
}

/* The child looks; this process stays free. */
static void test_a_look(void **state) {
    (void)state;
    for (int k = 0; k < HTH_CAGE_KINDS; k++) {
        HthCageState s;
        HthErr err = { 0 };
        assert_ok(hth_cage_look((HthCageKind)k, &s, &err), err);
        assert_int_equal(s.kind, k);
        assert_int_equal(s.landlock_abi, hth_cage_landlock_abi());
        assert_int_equal(s.rules, hth_cage_rule_count((HthCageKind)k));
    }
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    close(fd);
}

static int a_look_in_vain(HthCageKind kind) {
    HthCageState s;
    HthErr err = { 0 };
    const bool filter = kind == HTH_CAGE_FRONT; /* no filter; for the other kind no process */
    CHECK(kernel_without(filter ? SYS_seccomp : SYS_clone));
    CHECK(hth_cage_look(kind, &s, &err) == HTH_EIO);
    CHECK(strstr(err.text, filter ? "seccomp" : "process"));
    return 0;
}

static void test_a_look_in_vain(void **state) {
    (void)state;
    each_kind(a_look_in_vain);
}

int main(void) {
    cage_or_exit();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_daily_work),       cmocka_unit_test(test_database),
        cmocka_unit_test(test_only_its_places),  cmocka_unit_test(test_reading_a_folder),
        cmocka_unit_test(test_waiting),          cmocka_unit_test(test_ends_with_its_parent),
        cmocka_unit_test(test_removing),         cmocka_unit_test(test_twice),
        cmocka_unit_test(test_leaves_no_image),  cmocka_unit_test(test_other_threads),
        cmocka_unit_test(test_less_of_a_kernel), cmocka_unit_test(test_a_look),
        cmocka_unit_test(test_a_look_in_vain),
    };
    return cmocka_run_group_tests(tests, setup, test_folder_drop);
}

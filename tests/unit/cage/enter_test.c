/* enter_test.c - what still works in a cage, what does not, and a kernel that has none to give. */
#include "support/cage.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include "cage/cage_int.h"

static char folder[64], inside[96], beside[96];

static int setup(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/cage_XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(inside, sizeof inside, "%s/inside", folder);
    snprintf(beside, sizeof beside, "%s/beside", folder);
    HthErr err;
    assert_ok(hth_file_write(inside, "in", 2, 0600, &err), err);
    assert_ok(hth_file_write(beside, "out", 3, 0600, &err), err);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    char name[128];
    unlink(inside);
    unlink(beside);
    snprintf(name, sizeof name, "%s/made", folder);
    unlink(name);
    return rmdir(folder);
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

static void each_kind(int (*body)(HthCageKind kind)) {
    for (int k = 0; k < HTH_CAGE_KINDS; k++) {
        const int line = in_child(body, (HthCageKind)k);
        if (line) fail_msg("%s: line %d", hth_cage_kind_name((HthCageKind)k), line);
    }
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
    each_kind(daily_work);
}

/* What a database does, in a folder it was given. */
static int database(HthCageKind kind) {
    const HthCagePlace place = { folder, HTH_CAGE_READ | HTH_CAGE_WRITE | HTH_CAGE_MAKE };
    char name[128];
    snprintf(name, sizeof name, "%s/made", folder);
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
    each_kind(database);
}

/* ---- what it must not have ------------------------------------------------------------------ */

static int only_its_places(HthCageKind kind) {
    const HthCagePlace places[] = { { inside, HTH_CAGE_READ },
                                    { "/tmp/cage/is/not/here", HTH_CAGE_READ } };
    HthCageState s;
    char name[128];
    snprintf(name, sizeof name, "%s/made", folder);
    CHECK(enter(kind, places, 2, &s));
    if (!s.files) return 0; /* a kernel without Landlock says so */
    CHECK(open(inside, O_RDONLY) >= 0);
    CHECK(open(inside, O_WRONLY) < 0 && errno == EACCES);
    CHECK(truncate(inside, 0) < 0 || s.landlock_abi < 3);
    CHECK(open(beside, O_RDONLY) < 0 && errno == EACCES);
    CHECK(open(folder, O_RDONLY) < 0 && errno == EACCES);
    CHECK(open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES);
    CHECK(open(name, O_WRONLY | O_CREAT, 0600) < 0 && errno == EACCES);
    CHECK(unlink(beside) < 0 && errno == EACCES);
    CHECK(rename(beside, name) < 0);
    CHECK(kill(getppid(), 0) < 0 || s.landlock_abi < 6);
    return 0;
}

static void test_only_its_places(void **state) {
    (void)state;
    each_kind(only_its_places);
}

static int reading_a_folder(HthCageKind kind) {
    const HthCagePlace place = { folder, HTH_CAGE_READ };
    HthCageState s;
    CHECK(enter(kind, &place, 1, &s));
    CHECK(open(beside, O_RDONLY) >= 0 && open(folder, O_RDONLY | O_DIRECTORY) >= 0);
    CHECK(!s.files || open(beside, O_WRONLY) < 0);
    CHECK(!s.files || unlink(beside) < 0);
    return 0;
}

static void test_reading_a_folder(void **state) {
    (void)state;
    each_kind(reading_a_folder);
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
    const HthCagePlace place = { folder, HTH_CAGE_READ };
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
    each_kind(no_landlock);
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
        cmocka_unit_test(test_leaves_no_image),  cmocka_unit_test(test_other_threads),
        cmocka_unit_test(test_less_of_a_kernel), cmocka_unit_test(test_a_look),
        cmocka_unit_test(test_a_look_in_vain),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

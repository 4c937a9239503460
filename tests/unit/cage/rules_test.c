/* rules_test.c - the filter as a program: run here over made-up calls, without a kernel. */
#include "support/test.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "cage/cage_int.h"

#if defined(__x86_64__)
#define ARCH  AUDIT_ARCH_X86_64
#define OTHER AUDIT_ARCH_AARCH64
#else
#define ARCH  AUDIT_ARCH_AARCH64
#define OTHER AUDIT_ARCH_X86_64
#endif

enum { DENY = SECCOMP_RET_ERRNO | EPERM, UNKNOWN = SECCOMP_RET_ERRNO | ENOSYS };

/* The little of the machine that the kernel allows a filter. */
static uint32_t run(const struct sock_filter *f, uint32_t n, const struct seccomp_data *d) {
    uint32_t a = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct sock_filter *s = &f[i];
        switch (s->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            assert_true(s->k % 4 == 0 && s->k + 4 <= sizeof *d);
            memcpy(&a, (const char *)d + s->k, 4);
            break;
        case BPF_ALU | BPF_AND | BPF_K: a &= s->k; break;
        case BPF_JMP | BPF_JEQ | BPF_K: i += a == s->k ? s->jt : s->jf; break;
        case BPF_JMP | BPF_JGT | BPF_K: i += a > s->k ? s->jt : s->jf; break;
        case BPF_JMP | BPF_JGE | BPF_K: i += a >= s->k ? s->jt : s->jf; break;
        case BPF_JMP | BPF_JSET | BPF_K: i += a & s->k ? s->jt : s->jf; break;
        case BPF_RET | BPF_K: return s->k;
        default: fail_msg("instruction %u: code %u", i, s->code);
        }
    }
    fail_msg("the program has no end");
    return 0;
}

typedef struct Case {
    long nr;
    uint64_t args[6];
    uint32_t front, engine;
} Case;

static const Case cases[] = {
    { SYS_socket, { 0 }, DENY, DENY },
    { SYS_accept4, { 0 }, SECCOMP_RET_ALLOW, DENY },
    { SYS_recvfrom, { 0 }, SECCOMP_RET_ALLOW, DENY },
    { SYS_recvmsg, { 0 }, DENY, DENY },
    { SYS_sendto, { 5, 1, 1, MSG_NOSIGNAL, 0, 0 }, SECCOMP_RET_ALLOW, DENY },
    { SYS_sendto, { 5, 1, 1, 0, 1, 16 }, DENY, DENY },
    { SYS_sendto, { 5, 1, 1, 0, 1ull << 32, 16 }, DENY, DENY },
    { SYS_sendto, { 5, 1, 1, 0, 1ull << 63, 16 }, DENY, DENY },
    { SYS_sendmsg, { 5, 1, MSG_NOSIGNAL }, SECCOMP_RET_ALLOW, DENY },
    { SYS_sendmsg, { 5, 1, MSG_NOSIGNAL | MSG_MORE }, SECCOMP_RET_ALLOW, DENY },
    { SYS_sendmsg, { 5, 1, MSG_NOSIGNAL | MSG_FASTOPEN }, DENY, DENY },
    { SYS_sendmsg, { 5, 1, 1ull << 32 }, DENY, DENY },
    { SYS_setsockopt, { 5, 6, 1 }, SECCOMP_RET_ALLOW, DENY },
    { SYS_setsockopt, { 5, 0, 4 }, DENY, DENY },
    { SYS_setsockopt, { 5, SOL_SOCKET, SO_REUSEADDR }, DENY, DENY },
    { SYS_ioctl, { 0, TCGETS }, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
    { SYS_ioctl, { 0, TIOCGWINSZ }, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
    { SYS_ioctl, { 0, TIOCSTI }, DENY, DENY },
    { SYS_ioctl, { 0, 1ull << 40 | TIOCSTI }, DENY, DENY },
    { SYS_ioctl, { 0, 0x8914 }, DENY, DENY },
    { SYS_clone,
      { CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
        CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID },
      SECCOMP_RET_ALLOW,
      SECCOMP_RET_ALLOW }, /* a thread */
    { SYS_clone, { CLONE_NEWCGROUP }, DENY, DENY },
    { SYS_clone, { CLONE_NEWUTS }, DENY, DENY },
    { SYS_clone, { CLONE_NEWIPC }, DENY, DENY },
    { SYS_clone, { CLONE_NEWPID }, DENY, DENY },
    { SYS_clone3, { 1, 88 }, UNKNOWN, UNKNOWN },
    { SYS_msgsnd, { 1, 1, 8 }, DENY, DENY },
    { SYS_prlimit64, { 0, 7, 0, 1 }, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW }, /* its own */
    { SYS_prlimit64, { 1, 7, 1, 0 }, DENY, DENY },
    { SYS_prlimit64, { 1ull << 32 | 1, 7, 1, 0 }, DENY, DENY },
    { SYS_fchmodat, { 1, 1, 0600 }, DENY, DENY },
    { SYS_fchmod, { 3, 0600 }, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
    { SYS_ftruncate, { 3, 0 }, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
    { HTH_CAGE_LAST_CALL, { 0 }, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
    { HTH_CAGE_LAST_CALL + 1, { 0 }, UNKNOWN, UNKNOWN },
    { 600, { 0 }, UNKNOWN, UNKNOWN },
    { SYS_mmap, { 0 }, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
    { SYS_futex, { 0 }, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
    { SYS_eventfd2, { 0 }, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
    { SYS_epoll_pwait, { 0 }, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
    { SYS_fsync, { 0 }, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
    { SYS_fcntl, { 0 }, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
    { SYS_openat, { 0 }, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW },
};

#if HTH_CAGE_PTRACE
#define KEPT DENY
#else
#define KEPT SECCOMP_RET_ALLOW /* for a search for leaks */
#endif

/* What a process that only waits has less than an engine. */
static const struct {
    long nr;
    uint32_t answer;
} of_main[] = { { SYS_openat, KEPT },
                { SYS_openat2, KEPT },
                { SYS_clone, KEPT },
                { SYS_kill, DENY },
                { SYS_tkill, DENY },
                { SYS_tgkill, DENY },
                { SYS_pidfd_send_signal, DENY } };

static uint32_t wanted(HthCageKind kind, const Case *c) {
    if (kind == HTH_CAGE_FRONT) return c->front;
    for (size_t i = 0; kind == HTH_CAGE_MAIN && i < HTH_COUNT(of_main); i++)
        if (c->nr == of_main[i].nr && of_main[i].answer == DENY) return DENY;
    return c->engine;
}

static void test_answers_of_main(void **state) {
    (void)state;
    static const long left[] = { SYS_read,  SYS_write, SYS_close,           SYS_ppoll,
                                 SYS_wait4, SYS_futex, SYS_rt_sigtimedwait, SYS_unlinkat };
    struct sock_filter f[HTH_CAGE_FILTER_MAX];
    for (int kind = 0; kind < HTH_CAGE_KINDS; kind++) {
        const uint32_t n = hth_cage_filter((HthCageKind)kind, HTH_CAGE_DROP_NONE, f);
        struct seccomp_data d = { .arch = ARCH };
        for (size_t i = 0; i < HTH_COUNT(of_main); i++) {
            d.nr = (int)of_main[i].nr;
            const uint32_t want = kind == HTH_CAGE_MAIN ? of_main[i].answer : SECCOMP_RET_ALLOW;
            assert_int_equal(run(f, n, &d), want);
        }
        for (size_t i = 0; i < HTH_COUNT(left); i++) {
            d.nr = (int)left[i];
            assert_int_equal(run(f, n, &d), SECCOMP_RET_ALLOW);
        }
    }
}

static void test_answers(void **state) {
    (void)state;
    for (int kind = 0; kind < HTH_CAGE_KINDS; kind++) {
        struct sock_filter f[HTH_CAGE_FILTER_MAX];
        const uint32_t n = hth_cage_filter((HthCageKind)kind, HTH_CAGE_DROP_NONE, f);
        for (size_t i = 0; i < HTH_COUNT(cases); i++) {
            struct seccomp_data d = { .nr = (int)cases[i].nr, .arch = ARCH };
            for (int k = 0; k < 6; k++) d.args[k] = cases[i].args[k];
            const uint32_t want = wanted((HthCageKind)kind, &cases[i]);
            const uint32_t got = run(f, n, &d);
            if (got != want)
                fail_msg("%s, case %zu (call %ld): %08x, wanted %08x",
                         hth_cage_kind_name((HthCageKind)kind), i, cases[i].nr, got, want);
            d.arch = OTHER;
            assert_int_equal(run(f, n, &d), SECCOMP_RET_KILL_PROCESS);
        }
    }
}

static void test_x32(void **state) {
    (void)state;
#if defined(__x86_64__)
    struct sock_filter f[HTH_CAGE_FILTER_MAX];
    const uint32_t n = hth_cage_filter(HTH_CAGE_FRONT, HTH_CAGE_DROP_NONE, f);
    const struct seccomp_data d = { .nr = 0x40000000 | SYS_read, .arch = ARCH };
    assert_int_equal(run(f, n, &d), SECCOMP_RET_KILL_PROCESS);
#endif
}

/* Whatever a call and its arguments are, the program ends, with one of its own answers. */
static void test_any_call_has_an_answer(void **state) {
    (void)state;
    struct sock_filter f[HTH_CAGE_FILTER_MAX];
    uint64_t x = 1;
    for (int kind = 0; kind < HTH_CAGE_KINDS; kind++) {
        const uint32_t n = hth_cage_filter((HthCageKind)kind, HTH_CAGE_DROP_NONE, f);
        for (int i = 0; i < 200000; i++) {
            struct seccomp_data d = { .nr = i % 500, .arch = ARCH };
            for (int k = 0; k < 6; k++) {
                x = x * 6364136223846793005u + 1442695040888963407u;
                d.args[k] = x >> (x >> 59);
            }
            const uint32_t got = run(f, n, &d);
            assert_true(got == DENY || got == UNKNOWN || got == SECCOMP_RET_ALLOW);
        }
    }
}

/* A filter without a rule is shorter by it; every rule has a name of its own. */
static void test_rules_are_counted(void **state) {
    (void)state;
    struct sock_filter f[HTH_CAGE_FILTER_MAX];
    for (int k = 0; k < HTH_CAGE_KINDS; k++) {
        const HthCageKind kind = (HthCageKind)k;
        const uint32_t whole = hth_cage_filter(kind, HTH_CAGE_DROP_NONE, f);
        const uint32_t count = hth_cage_rule_count(kind);
        assert_true(whole <= HTH_CAGE_FILTER_MAX && count >= 25);
        assert_null(hth_cage_rule_name(kind, count));
        for (uint32_t i = 0; i < count; i++) {
            assert_true(hth_cage_filter(kind, (int)i, f) < whole);
            for (uint32_t j = 0; j < i; j++)
                assert_string_not_equal(hth_cage_rule_name(kind, i), hth_cage_rule_name(kind, j));
        }
        print_message("%s: %u rules, %u instructions\n", hth_cage_kind_name(kind), count, whole);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_answers_of_main),
        cmocka_unit_test(test_x32),
        cmocka_unit_test(test_any_call_has_an_answer),
        cmocka_unit_test(test_rules_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

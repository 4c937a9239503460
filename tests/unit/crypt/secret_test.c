/* secret_test.c - locked, left out of dumps (a real core says so), counted, refused by name. */
#include "support/test.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "crypt/hash.h"
#include "crypt/secret.h"

static void zeroed_and_aligned(void **state) {
    (void)state;
    HthErr err;
    static const uint8_t zero[5000];
    for (size_t n = 1; n <= 5000; n = n * 3 + 1) {
        void *p = NULL;
        const uint64_t live = hth_mem_live();
        assert_ok(hth_secret_alloc(&p, n, &err), err);
        assert_int_equal((uintptr_t)p % 16, 0);
        assert_memory_equal(p, zero, n);
        assert_int_equal(hth_mem_live(), live + 1);
        memset(p, 0xaa, n);
        hth_secret_free(p);
        assert_int_equal(hth_mem_live(), live);
    }
    hth_secret_free(NULL);
    uint8_t here[32];
    memset(here, 1, sizeof here);
    hth_secret_wipe(here, sizeof here);
    assert_memory_equal(here, zero, sizeof here);
    hth_secret_wipe(NULL, 0);
}

static HthStatus take_one(void *unused) {
    (void)unused;
    void *p = NULL;
    HTH_TRY(hth_secret_alloc(&p, 32, NULL));
    hth_secret_free(p);
    return HTH_OK;
}

static void torture(void **state) {
    (void)state;
    assert_int_equal(test_torture(take_one, NULL, 10), 1);
}

/* The kernel's own word: dd (not dumped) and lo (locked) in the flags of its pages. */
static void flags(void **state) {
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    print_message("skipped: a sanitizer makes nothing of mlock\n");
    skip();
#endif
    HthErr err;
    void *p = NULL;
    assert_ok(hth_secret_alloc(&p, 100, &err), err);
    FILE *f = fopen("/proc/self/smaps", "r");
    assert_non_null(f);
    char line[512];
    bool inside = false, seen = false;
    while (fgets(line, sizeof line, f)) {
        unsigned long from, to;
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            inside = from <= (uintptr_t)p && (uintptr_t)p < to;
        if (!inside || strncmp(line, "VmFlags:", 8) != 0) continue;
        assert_non_null(strstr(line, " dd"));
        assert_non_null(strstr(line, " lo"));
        seen = true;
    }
    fclose(f);
    assert_true(seen);
    hth_secret_free(p);
}

/* ---- a real core ----------------------------------------------------------------------------- */

enum { MARK = 32 };

/* Marks are written through a mask, so that they are nowhere else. */
static void put_mark(volatile uint8_t *at, uint8_t which) {
    for (int i = 0; i < MARK; i++) at[i] = (uint8_t)(which ^ (i * 37 + 11));
}

static bool has_mark(const HthBuf *core, uint8_t which) {
    uint8_t mark[MARK];
    put_mark(mark, which);
    return memmem(core->p, core->n, mark, MARK) != NULL;
}

static void die_with_secrets(const char *folder) {
    static uint8_t ordinary[MARK];
    void *p = NULL;
    const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
    HthErr err;
    if (chdir(folder) || setrlimit(RLIMIT_CORE, &all) || prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))
        _exit(1);
    if (hth_secret_alloc(&p, MARK, &err) != HTH_OK) _exit(2);
    put_mark(p, 0x55);
    put_mark(ordinary, 0xaa); /* the control: this one must be found */
    __asm__ volatile("" ::"r"(ordinary), "r"(p) : "memory");
    signal(SIGABRT, SIG_DFL);
    abort();
}

static void core_dumps(void **state) {
    (void)state;
    char pattern[128] = "";
    FILE *f = fopen("/proc/sys/kernel/core_pattern", "r");
    if (f) {
        if (!fgets(pattern, sizeof pattern, f)) pattern[0] = '\0';
        fclose(f);
    }
    struct rlimit most = { 0 };
    assert_int_equal(getrlimit(RLIMIT_CORE, &most), 0);
    if (strcmp(pattern, "core\n") != 0 || most.rlim_max != RLIM_INFINITY) {
        print_message("skipped: cores go elsewhere here\n");
        skip();
    }
    char folder[] = "/tmp/hearth-core-XXXXXX", path[64], other[64];
    assert_non_null(mkdtemp(folder));
    const pid_t child = fork();
    if (!child) die_with_secrets(folder);
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how));
    snprintf(path, sizeof path, "%s/core", folder);
    snprintf(other, sizeof other, "%s/core.%d", folder, (int)child);
    if (access(path, R_OK)) memcpy(path, other, sizeof path);
    if (!WCOREDUMP(how) || access(path, R_OK)) {
        rmdir(folder);
        print_message("skipped: this system writes no core\n");
        skip();
    }
    HthBuf core;
    test_load(&core, path);
    assert_true(has_mark(&core, 0xaa));
    assert_false(has_mark(&core, 0x55));
    hth_buf_drop(&core);
    unlink(path);
    rmdir(folder);
}

/* ---- limits ---------------------------------------------------------------------------------- */

/* As nobody, who may lock 64 KiB. */
static int locked_out(void) {
    const struct rlimit little = { 64 << 10, 64 << 10 };
    HthErr err = { 0 };
    void *p[64] = { NULL };
    if (setrlimit(RLIMIT_MEMLOCK, &little)) return 1;
    if (getuid() == 0 && (setgroups(0, NULL) || setgid(65534) || setuid(65534))) return 2;
    const uint64_t live = hth_mem_live();
    uint64_t held = 0;
    HthStatus st = HTH_OK;
    while (st == HTH_OK && held < HTH_COUNT(p)) {
        st = hth_secret_alloc(&p[held], 4000, &err);
        held += st == HTH_OK;
    }
    if (st != HTH_ELIMIT || held == 0 || p[held]) return 3;
    if (!strstr(err.text, "RLIMIT_MEMLOCK is 64 KiB")) return 4;
    if (hth_mem_live() != live + held) return 5;
    hth_secret_free(p[--held]); /* room again */
    return hth_secret_alloc(&p[held], 4000, &err) == HTH_OK ? 0 : 6;
}

static void limits(void **state) {
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    print_message("skipped: a sanitizer makes nothing of mlock\n");
    skip();
#endif
    const pid_t child = fork();
    if (!child) _exit(locked_out());
    int how = -1;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_int_equal(how, 0);
}

static int closed_to_others(void) {
    struct rlimit limit;
    if (hth_secret_process(NULL) != HTH_OK) return 1;
    if (getrlimit(RLIMIT_CORE, &limit) || limit.rlim_cur || limit.rlim_max) return 2;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return 0;
#else
    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : 3;
#endif
}

static void whole_process(void **state) {
    (void)state;
    const pid_t child = fork();
    if (!child) _exit(closed_to_others());
    int how = -1;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_int_equal(how, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeroed_and_aligned),
        cmocka_unit_test(torture),
        cmocka_unit_test(flags),
        cmocka_unit_test(core_dumps),
        cmocka_unit_test(limits),
        cmocka_unit_test(whole_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

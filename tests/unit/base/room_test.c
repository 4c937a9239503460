/* room_test.c - pages that come and go, and how much memory is said to be left. */
#include "support/test.h"

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/room.h"

static void a_forgotten_file_reads_the_same(void **state) {
    (void)state;
    enum { N = 3 * 4096 + 77 };
    static uint8_t bytes[N];
    char path[] = "/tmp/room_test.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    for (size_t i = 0; i < N; i++) bytes[i] = (uint8_t)(i * 7 >> 3);
    assert_int_equal(write(fd, bytes, N), N);
    close(fd);
    HthFileMap map;
    assert_int_equal(hth_file_map(&map, path, NULL), HTH_OK);
    assert_memory_equal(map.data, bytes, N);
    hth_room_forget(map.data + 5, N - 9);
    hth_room_forget(map.data + 5, 2); /* no whole page */
    hth_room_random(map.data + 5, N - 9, true);
    hth_room_random(map.data, N, false);
    hth_room_random(map.data + 5, 0, true);
    assert_memory_equal(map.data, bytes, N);
    hth_file_unmap(&map);
    unlink(path);
}

static void kept_or_refused_with_the_limit(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthFileMap map = { 0 };
    struct rlimit before, none = { 0 };
    char path[] = "/tmp/room_keep.XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, "abc", 3) == 3);
    close(fd);
    assert_int_equal(hth_file_map(&map, path, NULL), HTH_OK);
    assert_int_equal(hth_room_keep(NULL, 0, 0, &err), HTH_OK);
    hth_file_fail_after(1); /* whatever this machine allows: refused */
    assert_int_equal(hth_room_keep(map.data, map.n, map.n, &err), HTH_EDENIED);
    assert_int_equal(hth_room_keep_later(map.data, map.n, map.n, &err), HTH_EDENIED);
    hth_file_fail_after(0);
    assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &before), 0);
    none.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &none), 0);
    const HthStatus status = hth_room_keep(map.data, map.n, 7 << 20, &err);
    assert_true(status == HTH_OK || status == HTH_EDENIED); /* the privileged may anyway */
    if (status != HTH_OK)
        assert_non_null(strstr(err.text, "7 MiB in memory: this process may lock 0 KiB; raise"));
    assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &before), 0);
    hth_room_forget(map.data, map.n); /* also what is kept */
    assert_memory_equal(map.data, "abc", 3);
    hth_file_unmap(&map);
    unlink(path);
}

/* ---- a false /proc and /sys ---- */

static char root[] = "/tmp/room_root.XXXXXX";

static void put(const char *path, const char *text) {
    char full[PATH_MAX];
    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *p = full + strlen(root) + 1; *p; p++)
        if (*p == '/') {
            *p = '\0';
            (void)mkdir(full, 0755);
            *p = '/';
        }
    assert_int_equal(hth_file_write(full, text, strlen(text), 0644, NULL), HTH_OK);
}

static int drop(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static void the_least_of_all_limits(void **state) {
    (void)state;
    assert_non_null(mkdtemp(root));
    assert_int_equal(hth_room_available_under(root), 0); /* nobody says */
    put("/proc/meminfo", "MemTotal: 9000 kB\nMemAvailable:    8000 kB\nSwapFree: 1 kB\n");
    assert_int_equal(hth_room_available_under(root), 8000 << 10);
    put("/proc/self/cgroup", "0::/a/b\n");
    put("/sys/fs/cgroup/a/b/memory.max", "max\n");
    put("/sys/fs/cgroup/a/b/memory.current", "5\n");
    assert_int_equal(hth_room_available_under(root), 8000 << 10);
    put("/sys/fs/cgroup/a/memory.max", "1000000\n"); /* an ancestor binds */
    put("/sys/fs/cgroup/a/memory.current", "400000\n");
    assert_int_equal(hth_room_available_under(root), 600000);
    put("/sys/fs/cgroup/a/memory.stat", /* copies of files go when memory is needed */
        "anon 7\ninactive_file 100000\nactive_file 50000\ninactive_file_x 1\nfile 9\n\nx\n");
    assert_int_equal(hth_room_available_under(root), 750000);
    put("/sys/fs/cgroup/a/memory.stat", "inactive_file 300000\nactive_file 200000\n");
    assert_int_equal(hth_room_available_under(root), 1000000); /* read at another moment */
    put("/sys/fs/cgroup/a/memory.current", "2000000\n");
    assert_int_equal(hth_room_available_under(root), 0);
    put("/sys/fs/cgroup/a/memory.stat", "inactive_file many\nactive_file 1500000\n");
    assert_int_equal(hth_room_available_under(root), 500000);
    put("/proc/self/cgroup", "4:cpu:/x\n3:memory:/m\n0::/c\nnonsense\n:\n");
    put("/sys/fs/cgroup/memory/m/memory.limit_in_bytes", "500\n");
    put("/sys/fs/cgroup/memory/m/memory.usage_in_bytes", "100\n");
    assert_int_equal(hth_room_available_under(root), 400);
    put("/sys/fs/cgroup/memory/m/memory.stat",
        "inactive_file 9\ntotal_inactive_file 20\ntotal_active_file 30\n");
    assert_int_equal(hth_room_available_under(root), 450);
    put("/proc/meminfo", "MemTotal: 9000 kB\n");
    assert_int_equal(hth_room_available_under(root), 0);
    assert_int_equal(nftw(root, drop, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void this_machine_says(void **state) {
    (void)state;
    assert_true(hth_room_available() > 0);
}

static void another_machine(void **state) {
    (void)state;
    hth_room_suppose(12345);
    assert_int_equal(hth_room_available(), 12345);
    hth_room_suppose(0);
    assert_true(hth_room_available() != 12345);
}

static void what_is_used_is_resident(void **state) {
    (void)state;
    enum { MORE = 8 << 20 };
#if defined(__SANITIZE_THREAD__)
    skip(); /* it notes each byte in memory of its own */
#endif
    const uint64_t before = hth_room_resident();
    if (before == 0) skip();
    uint8_t *p = hth_pages_calloc(MORE, 1);
    assert_non_null(p);
    memset(p, 1, MORE);
    assert_in_range(hth_room_resident(), before + MORE, before + MORE + (4 << 20));
    hth_pages_give(p, MORE, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_forgotten_file_reads_the_same),
        cmocka_unit_test(kept_or_refused_with_the_limit),
        cmocka_unit_test(the_least_of_all_limits),
        cmocka_unit_test(this_machine_says),
        cmocka_unit_test(another_machine),
        cmocka_unit_test(what_is_used_is_resident),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

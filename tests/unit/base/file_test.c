/* file_test.c - reading and mapping; writing that shows the old file or the new, never a part. */
#include "support/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/rng.h"

static char folder[64];

static const char *in_folder(const char *name) {
    static char path[2][160];
    static int turn;
    turn ^= 1;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static int make_folder(void **state) {
    (void)state;
    memcpy(folder, "/tmp/hearth-file-XXXXXX", 24);
    return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state) {
    (void)state;
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static int entries(void) {
    int n = 0;
    DIR *d = opendir(folder);
    while (readdir(d)) n++;
    closedir(d);
    return n - 2;
}

static void expect_content(const char *path, const char *want, size_t n) {
    HthBuf buf;
    test_load(&buf, path);
    assert_int_equal(buf.n, n);
    if (n) assert_memory_equal(buf.p, want, n);
    hth_buf_drop(&buf);
}

static void writes_reads_maps(void **state) {
    (void)state;
    static char big[300000];
    for (size_t i = 0; i < sizeof big; i++) big[i] = (char)hth_rng_u32(1, 1, i);
    static const size_t sizes[] = { 0, 1, 4095, 65535, 65536, 65537, sizeof big };
    for (size_t i = 0; i < HTH_COUNT(sizes); i++) {
        HthErr err;
        const char *path = in_folder("data");
        assert_ok(hth_file_write(path, big, sizes[i], 0640, &err), err);
        expect_content(path, big, sizes[i]);
        HthFileMap map = { 0 };
        assert_ok(hth_file_map(&map, path, &err), err);
        assert_int_equal(map.n, sizes[i]);
        if (map.n)
            assert_memory_equal(map.data, big, map.n);
        else
            assert_null(map.data);
        hth_file_unmap(&map);
        hth_file_unmap(&map);
    }
    struct stat st;
    assert_int_equal(stat(in_folder("data"), &st), 0);
    assert_int_equal(st.st_mode & 0137, 0); /* 0640 less the umask */
    assert_int_equal(entries(), 1);
}

static void refusals_name_the_path(void **state) {
    (void)state;
    HthErr err;
    HthFileMap map = { .n = 77 };
    HthBuf buf;
    hth_buf_init(&buf, 100);
    assert_int_equal(hth_file_map(&map, in_folder("absent"), &err), HTH_EIO);
    assert_non_null(strstr(err.text, "absent"));
    assert_int_equal(hth_file_map(&map, folder, &err), HTH_EINVAL);
    assert_int_equal(hth_file_map(&map, "/dev/null", &err), HTH_EINVAL);
    assert_int_equal(mkfifo(in_folder("pipe"), 0600), 0);
    assert_int_equal(hth_file_map(&map, in_folder("pipe"), &err),
                     HTH_EINVAL); /* and does not hang */
    assert_int_equal(map.n, 77);
    assert_int_equal(hth_file_read(&buf, in_folder("absent"), &err), HTH_EIO);
    assert_int_equal(hth_file_read(&buf, folder, &err), HTH_EINVAL);
    assert_int_equal(hth_file_read(&buf, "/dev/null", &err), HTH_OK);
    assert_int_equal(hth_file_write(folder, "x", 1, 0644, &err), HTH_EINVAL);
    assert_int_equal(hth_file_write(in_folder("no/such/folder"), "x", 1, 0644, &err), HTH_EIO);
    char longest[5000];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(hth_file_write(longest, "x", 1, 0644, &err), HTH_EINVAL);
    unlink(in_folder("pipe"));
    hth_buf_drop(&buf);
}

static void reading_honours_the_ceiling(void **state) {
    (void)state;
    HthErr err;
    HthBuf buf;
    assert_ok(hth_file_write(in_folder("ten"), "0123456789", 10, 0644, &err), err);
    hth_buf_init(&buf, 13);
    assert_ok(hth_buf_add(&buf, "abc", 3, &err), err);
    assert_ok(hth_file_read(&buf, in_folder("ten"), &err), err);
    assert_string_equal(buf.p, "abc0123456789");
    assert_int_equal(hth_file_read(&buf, in_folder("ten"), &err), HTH_ELIMIT);
    assert_string_equal(buf.p, "abc0123456789");
    hth_buf_drop(&buf);
    unlink(in_folder("ten"));
}

static void reads_standard_input(void **state) {
    (void)state;
    HthErr err;
    assert_ok(hth_file_write(in_folder("in"), "from stdin", 10, 0644, &err), err);
    const int kept = dup(0), fd = open(in_folder("in"), O_RDONLY);
    assert_true(kept >= 0 && fd >= 0 && dup2(fd, 0) == 0);
    expect_content("-", "from stdin", 10);
    assert_true(dup2(kept, 0) == 0);
    close(kept), close(fd);
    unlink(in_folder("in"));
}

static void *write_late(void *path) {
    usleep(2000); /* the reader is waiting by now, or will find the writer: both must work */
    HthErr err;
    assert_ok(hth_file_write(path, "late", 4, 0644, &err), err);
    return NULL;
}

static void reads_a_pipe_to_its_end(void **state) {
    (void)state;
    char path[160];
    pthread_t writer;
    snprintf(path, sizeof path, "%s/fifo", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(pthread_create(&writer, NULL, write_late, path), 0);
    expect_content(path, "late", 4);
    pthread_join(writer, NULL);
    unlink(path);
}

static void follows_links_and_spares_devices(void **state) {
    (void)state;
    HthErr err;
    assert_ok(hth_file_write(in_folder("real"), "old", 3, 0644, &err), err);
    assert_int_equal(symlink("real", in_folder("link")), 0);
    assert_ok(hth_file_write(in_folder("link"), "new", 3, 0644, &err), err);
    expect_content(in_folder("real"), "new", 3);
    struct stat st;
    assert_int_equal(lstat(in_folder("link"), &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(symlink("/dev/null", in_folder("null")), 0);
    assert_ok(hth_file_write(in_folder("null"), "x", 1, 0644, &err), err);
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
    unlink(in_folder("real")), unlink(in_folder("link")), unlink(in_folder("null"));
}

static void abort_leaves_nothing(void **state) {
    (void)state;
    HthErr err;
    HthFileOut *f = NULL;
    const int before = entries();
    assert_ok(hth_file_out_open(&f, in_folder("dropped"), 0644, &err), err);
    assert_ok(hth_file_out_add(f, "x", 1, &err), err);
    hth_file_out_abort(&f);
    assert_null(f);
    hth_file_out_abort(&f);
    assert_int_equal(entries(), before);
}

/* Every system call of a rewrite fails in turn. What is then on disk is the old bytes, or, when
 * only the very last step (making the rename durable) fails, all of the new. */
static void every_fault_leaves_old_or_new(void **state) {
    (void)state;
    static char fresh[200000];
    memset(fresh, 'n', sizeof fresh);
    const char *path = in_folder("state");
    HthErr err;
    const uint64_t live = hth_mem_live();
    int olds = 0, news = 0;
    HthStatus status = HTH_EIO;
    for (uint64_t nth = 1; status != HTH_OK; nth++) {
        assert_true(nth < 50);
        assert_ok(hth_file_write(path, "old", 3, 0644, &err), err);
        const int before = entries();
        HthFileOut *f = NULL;
        hth_file_fail_after(nth);
        status = hth_file_out_open(&f, path, 0644, &err);
        for (size_t at = 0; at < sizeof fresh && status == HTH_OK; at += 40000)
            status = hth_file_out_add(f, fresh + at, 40000, &err);
        if (status == HTH_OK)
            status = hth_file_out_commit(&f, &err);
        else
            hth_file_out_abort(&f);
        hth_file_fail_after(0);
        assert_null(f);
        assert_int_equal(entries(), before); /* no temporary file left */
        assert_int_equal(hth_mem_live(), live);
        if (status != HTH_OK) {
            assert_int_equal(status, HTH_EIO);
            assert_non_null(strstr(err.text, "state"));
        }
        HthBuf buf;
        test_load(&buf, path);
        if (buf.n == 3)
            olds++, assert_memory_equal(buf.p, "old", 3);
        else
            news++, assert_int_equal(buf.n, sizeof fresh), assert_memory_equal(buf.p, fresh, buf.n);
        hth_buf_drop(&buf);
    }
    assert_true(olds >= 5); /* open, writes, sync, rename */
    assert_int_equal(news, 2); /* the durable success, and the rename whose sync failed */
}

/* A process of its own writes, and is killed at its nth system call on a file. */
static void killed_writer(const char *path, uint64_t nth) {
    const pid_t child = fork();
    if (child == 0) {
        HthErr err;
        hth_file_kill_at(nth);
        _exit(hth_file_write(path, "new", 3, 0644, &err) != HTH_OK);
    }
    int how = 0;
    assert_true(child > 0 && waitpid(child, &how, 0) == child);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
}

/* What a killed writer left goes when the next one begins; what another one is writing does not,
 * nor what only looks alike. */
static void clears_what_killed_writers_left(void **state) {
    (void)state;
    static const char *const alike[] = { "to.1234567.tmp",   "to.0000000g.tmp",
                                         "to.ABCDEF01.tmp",  "to.12345678.tmp.old",
                                         "too.12345678.tmp", "to.12345678" };
    HthErr err;
    HthFileOut *one = NULL, *two = NULL;
    const int before = entries();
    for (size_t i = 0; i < HTH_COUNT(alike); i++)
        assert_ok(hth_file_write(in_folder(alike[i]), "", 0, 0644, &err), err);
    assert_int_equal(mkdir(in_folder("to.00000000.tmp"), 0700), 0);
    assert_int_equal(symlink("to.12345678", in_folder("to.00000001.tmp")), 0);
    const int others = before + (int)HTH_COUNT(alike) + 2;
    char path[160];
    snprintf(path, sizeof path, "%s/to", folder);
    for (uint64_t nth = 2; nth <= 4; nth++) killed_writer(path, nth); /* write, sync, rename */
    assert_int_equal(entries(), others + 3);
    assert_ok(hth_file_out_open(&one, path, 0644, &err), err);
    assert_int_equal(entries(), others + 1);
    killed_writer(path, 3);
    assert_ok(hth_file_out_open(&two, path, 0644, &err), err);
    assert_int_equal(entries(), others + 2);
    assert_ok(hth_file_out_add(one, "one", 3, &err), err);
    assert_ok(hth_file_out_commit(&one, &err), err);
    expect_content(path, "one", 3);
    hth_file_out_abort(&two);
    assert_int_equal(entries(), others + 1);
    for (size_t i = 0; i < HTH_COUNT(alike); i++) assert_int_equal(unlink(in_folder(alike[i])), 0);
    assert_int_equal(rmdir(in_folder("to.00000000.tmp")), 0);
    assert_int_equal(unlink(in_folder("to.00000001.tmp")), 0);
    assert_int_equal(unlink(path), 0);
}

/* Which folder that is shows in who meets the failing call: of one that is not there, or may not be
 * opened, nothing is asked. */
static void syncs_the_folder_of_a_path(void **state) {
    (void)state;
    HthErr err;
    char longest[PATH_MAX + 1];
    memset(longest, 'a', PATH_MAX);
    longest[PATH_MAX] = '\0';
    assert_int_equal(hth_file_sync_beside(longest, &err), HTH_ELIMIT);
    longest[PATH_MAX - 1] = '\0'; /* a name that fits, of this folder */
    const char *const there[] = { in_folder("x"), "x", "/x", longest }; /* x need not be */
    for (int broken = 0; broken < 2; broken++) {
        for (size_t i = 0; i < HTH_COUNT(there); i++) {
            hth_file_fail_after((uint64_t)broken);
            assert_int_equal(hth_file_sync_beside(there[i], &err), broken ? HTH_EIO : HTH_OK);
        }
        assert_int_equal(hth_file_sync_beside("no/such/x", &err), HTH_OK);
    }
    hth_file_fail_after(0);
}

static HthStatus write_and_read(void *ctx) {
    HthErr err;
    HthBuf buf;
    hth_buf_init(&buf, 1000);
    HthStatus status = hth_file_write(ctx, "abc", 3, 0644, &err);
    if (status == HTH_OK) status = hth_file_read(&buf, ctx, &err);
    hth_buf_drop(&buf);
    return status;
}

static void faults_in_reading(void **state) {
    (void)state;
    HthErr err;
    HthBuf buf;
    HthFileMap map = { 0 };
    char path[160];
    snprintf(path, sizeof path, "%s/faulty", folder);
    assert_true(test_torture(write_and_read, path, 50) >= 2);
    hth_buf_init(&buf, 100);
    for (uint64_t nth = 1; nth <= 2; nth++) {
        hth_file_fail_after(nth);
        assert_int_equal(hth_file_read(&buf, path, &err), HTH_EIO);
        hth_file_fail_after(nth);
        assert_int_equal(hth_file_map(&map, path, &err), HTH_EIO);
        assert_int_equal(buf.n, 0);
    }
    hth_file_fail_after(0);
    hth_buf_drop(&buf);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_reads_maps),
        cmocka_unit_test(refusals_name_the_path),
        cmocka_unit_test(reading_honours_the_ceiling),
        cmocka_unit_test(reads_standard_input),
        cmocka_unit_test(syncs_the_folder_of_a_path),
        cmocka_unit_test(reads_a_pipe_to_its_end),
        cmocka_unit_test(follows_links_and_spares_devices),
        cmocka_unit_test(abort_leaves_nothing),
        cmocka_unit_test(every_fault_leaves_old_or_new),
        cmocka_unit_test(clears_what_killed_writers_left),
        cmocka_unit_test(faults_in_reading),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}

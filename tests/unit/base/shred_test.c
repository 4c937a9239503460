/* shred_test.c - what was there is zero, what replaces it is whole, and a crash in between is
 * ended by whoever comes next. */
#include "support/test.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "support/folder.h"
#include "base/shred.h"

static const char old_text[] = "what must not be found again", new_text[] = "what may";

static void expect(const char *name, const char *text) {
    HthBuf b;
    test_load(&b, test_path(name));
    assert_int_equal(b.n, strlen(text));
    assert_memory_equal(b.p, text, b.n);
    hth_buf_drop(&b);
}

static void is_zero(int fd) {
    char c;
    for (size_t i = 0; i < sizeof old_text - 1; i++) {
        assert_int_equal(pread(fd, &c, 1, (off_t)i), 1);
        assert_int_equal(c, 0);
    }
}

static void replaced(void **state) {
    (void)state;
    HthErr err = { 0 };
    assert_ok(hth_shred_replace(test_path("x"), old_text, sizeof old_text - 1, &err), err);
    expect("x", old_text);
    const int fd = open(test_path("x"), O_RDONLY);
    assert_ok(hth_shred_replace(test_path("x"), new_text, sizeof new_text - 1, &err), err);
    expect("x", new_text);
    is_zero(fd);
    close(fd);
    assert_int_equal(test_entries("."), 1);
}

static void removed(void **state) {
    (void)state;
    HthErr err = { 0 };
    test_put("x", old_text);
    const int fd = open(test_path("x"), O_RDONLY);
    assert_ok(hth_shred_file(test_path("x"), &err), err);
    assert_ok(hth_shred_file(test_path("x"), &err), err); /* not there */
    is_zero(fd);
    close(fd);
    assert_int_equal(test_entries("."), 0);
    test_put("target", old_text);
    assert_int_equal(symlink("target", test_path("link")), 0);
    assert_status(hth_shred_file(test_path("link"), &err), HTH_EIO, err);
    expect("target", old_text); /* no link is followed */
}

/* Both states that a crash can leave. */
static void left_over(void **state) {
    (void)state;
    HthErr err = { 0 };
    test_put("x", old_text);
    assert_int_equal(link(test_path("x"), test_path("x-old")), 0);
    assert_ok(hth_shred_left_over(test_path("x"), &err), err); /* nothing was replaced */
    expect("x", old_text);
    assert_int_equal(test_entries("."), 1);
    rename(test_path("x"), test_path("x-old"));
    test_put("x", new_text);
    const int fd = open(test_path("x-old"), O_RDONLY);
    assert_ok(hth_shred_left_over(test_path("x"), &err), err);
    expect("x", new_text);
    is_zero(fd);
    close(fd);
    assert_int_equal(test_entries("."), 1);
    assert_ok(hth_shred_left_over(test_path("none"), &err), err);
}

static void fails(void **state) {
    (void)state;
    for (uint64_t nth = 1;; nth++) {
        HthErr err = { 0 };
        test_put("x", old_text);
        hth_file_fail_after(nth);
        const HthStatus status =
            hth_shred_replace(test_path("x"), new_text, sizeof new_text - 1, &err);
        hth_file_fail_after(0);
        assert_ok(hth_shred_left_over(test_path("x"), &err), err);
        assert_int_equal(test_entries("."), 1);
        if (status == HTH_OK) {
            expect("x", new_text);
            assert_true(nth > 6);
            return;
        }
        assert_int_equal(status, HTH_EIO);
        HthBuf b; /* the old one whole, or the new one */
        test_load(&b, test_path("x"));
        expect("x", b.n == strlen(new_text) ? new_text : old_text);
        hth_buf_drop(&b);
    }
}

/* Two processes add to a number in a file, each with the folder locked: none is lost. */
static void locked(void **state) {
    (void)state;
    test_put("n", "0");
    pid_t children[3];
    for (int i = 0; i < 3; i++) {
        children[i] = fork();
        if (children[i]) continue;
        for (int k = 0; k < 50; k++) {
            int fd = -1, n = 0;
            char text[16];
            if (hth_folder_lock(&fd, test_folder, "a number", NULL) != HTH_OK) _exit(1);
            FILE *f = fopen(test_path("n"), "r");
            if (!f || fscanf(f, "%d", &n) != 1 || fclose(f)) _exit(2);
            snprintf(text, sizeof text, "%d", n + 1);
            f = fopen(test_path("n"), "w");
            if (!f || fputs(text, f) < 0 || fclose(f)) _exit(3);
            close(fd);
        }
        _exit(0);
    }
    for (int i = 0; i < 3; i++) {
        int how = -1;
        waitpid(children[i], &how, 0);
        assert_int_equal(how, 0);
    }
    expect("n", "150");
    HthErr err = { 0 };
    int fd = -1;
    assert_status(hth_folder_lock(&fd, test_path("none"), "a number", &err), HTH_EIO, err);
    assert_int_equal(fd, -1);
}

int main(void) {
#define IN_FOLDER(t) cmocka_unit_test_setup_teardown(t, test_folder_make, test_folder_drop)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(replaced), IN_FOLDER(removed), IN_FOLDER(left_over),
        IN_FOLDER(fails),    IN_FOLDER(locked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* beneath_test.c - what leaves a folder is not opened, with openat2 and without. */
#include "support/test.h"

#include <errno.h>
#include <fcntl.h>

#include "support/folder.h"
#include "vault/beneath.h"

typedef int Open(int folder, const char *path, int flags, mode_t mode);

static int root(void) {
    return open(test_path("in"), O_RDONLY | O_DIRECTORY);
}

static int begin(void **state) {
    if (test_folder_make(state)) return -1;
    test_put("in/a/b/file", "inside");
    test_put("out/file", "outside");
    return symlink("../out", test_path("in/out")) || symlink("a/b", test_path("in/short")) ||
           symlink("../../../out/file", test_path("in/a/b/link")) ||
           symlink("file", test_path("in/a/b/near"));
}

static void opens(Open *f, const char *path, bool yes) {
    const int folder = root();
    errno = 0;
    const int fd = f(folder, path, O_RDONLY, 0);
    if ((fd >= 0) != yes) fail_msg("%s: %d, errno %d", path, fd, errno);
    if (fd >= 0) {
        char text[8] = "";
        assert_int_equal(read(fd, text, 7), 6);
        assert_string_equal(text, "inside");
        close(fd);
    }
    close(folder);
}

static void stays_inside(void **state) {
    (void)state;
    static Open *const ways[] = { hth_beneath_open, hth_beneath_walk, hth_beneath_open_nolinks };
    for (size_t i = 0; i < HTH_COUNT(ways); i++) {
        static const char *const never[] = {
            "../out/file",   "a/../../out/file", "out/file",  "a/b/link", "/etc/passwd", "..", "",
            "a/b/file/more", "nothing",          "a/nothing", "a//../..",
        };
        opens(ways[i], "a/b/file", true);
        opens(ways[i], "a//b/./file", true);
        for (size_t k = 0; k < HTH_COUNT(never); k++) opens(ways[i], never[k], false);
        opens(ways[i], "short/file", i == 0); /* links that stay inside: only where that is sure */
        opens(ways[i], "a/b/near", i == 0);
    }
    char deep[600];
    memset(deep, 'x', sizeof deep);
    deep[599] = '\0';
    opens(hth_beneath_walk, deep, false);
}

static void makes_folders(void **state) {
    (void)state;
    const int folder = root();
    struct stat st;
    assert_int_equal(hth_beneath_mkdirs(folder, "x/y/z/file"), 0);
    assert_int_equal(hth_beneath_mkdirs(folder, "x/y/z/file"), 0);
    assert_int_equal(fstatat(folder, "x/y/z", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(fstatat(folder, "x/y/z/file", &st, 0), -1);
    assert_int_equal(hth_beneath_mkdirs(folder, "out/new/file"), -1);
    assert_int_equal(hth_beneath_mkdirs(folder, "../new/file"), -1);
    assert_int_equal(hth_beneath_mkdirs(folder, "a/b/file/new/x"), -1);
    assert_int_equal(access(test_path("out/new"), F_OK), -1);
    assert_int_equal(access(test_path("new"), F_OK), -1);
    close(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(stays_inside, begin, test_folder_drop),
        cmocka_unit_test_setup_teardown(makes_folders, begin, test_folder_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

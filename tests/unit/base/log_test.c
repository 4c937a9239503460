/* log_test.c - levels filter; a line is whole, ended, and cut when it is too long. */
#include "support/test.h"

#include <fcntl.h>

#include "base/log.h"

/* Runs say() with stderr going to a file; fills text with what came. */
static void capture(void (*say)(void), char *text, size_t n) {
    char path[] = "/tmp/hearth-log-XXXXXX";
    const int kept = dup(2), fd = mkstemp(path);
    assert_true(kept >= 0 && fd >= 0 && dup2(fd, 2) == 2);
    say();
    assert_true(dup2(kept, 2) == 2);
    const ssize_t got = pread(fd, text, n - 1, 0);
    assert_true(got >= 0);
    text[got] = '\0';
    close(fd), close(kept), unlink(path);
}

static void say_all(void) {
    hth_log(HTH_LOG_ERROR, "one %d", 1);
    hth_log(HTH_LOG_WARN, "two");
    hth_log(HTH_LOG_INFO, "three");
    hth_log(HTH_LOG_DEBUG, "four");
}

static void say_much(void) {
    hth_log(HTH_LOG_ERROR, "%5000d", 1);
}

static void levels(void **state) {
    (void)state;
    char text[3000];
    capture(say_all, text, sizeof text);
    assert_string_equal(text, "hearth: error: one 1\nhearth: warning: two\n");
    hth_log_level(HTH_LOG_DEBUG);
    capture(say_all, text, sizeof text);
    assert_non_null(strstr(text, "hearth: info: three\nhearth: debug: four\n"));
    hth_log_level(HTH_LOG_ERROR);
    capture(say_all, text, sizeof text);
    assert_string_equal(text, "hearth: error: one 1\n");
    hth_log_level(HTH_LOG_WARN);
}

static void long_lines_are_cut(void **state) {
    (void)state;
    char text[3000];
    capture(say_much, text, sizeof text);
    assert_in_range(strlen(text), 100, 1024);
    assert_true(text[strlen(text) - 1] == '\n');
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels),
        cmocka_unit_test(long_lines_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* err_test.c - statuses have names, sentences are kept, cut and wrapped well. */
#include "support/test.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/err.h"

static void names(void **state) {
    (void)state;
    assert_string_equal(hth_status_name(HTH_OK), "OK");
    assert_string_equal(hth_status_name(HTH_EINVAL), "EINVAL");
    assert_string_equal(hth_status_name(HTH_ENOMEM), "ENOMEM");
    assert_string_equal(hth_status_name(HTH_EIO), "EIO");
    assert_string_equal(hth_status_name(HTH_EFORMAT), "EFORMAT");
    assert_string_equal(hth_status_name(HTH_EAGAIN), "EAGAIN");
    assert_string_equal(hth_status_name(HTH_EDENIED), "EDENIED");
    assert_string_equal(hth_status_name(HTH_ELIMIT), "ELIMIT");
    assert_string_equal(hth_status_name(HTH_ENOTSUP), "ENOTSUP");
    assert_string_equal(hth_status_name(HTH_ECANCELED), "ECANCELED");
    assert_string_equal(hth_status_name((HthStatus)-99), "EUNKNOWN");
    assert_string_equal(hth_status_name((HthStatus)5), "EUNKNOWN");
}

static HthStatus need_even(int n, HthErr *err) {
    HTH_REQUIRE(n % 2 == 0, err, HTH_EINVAL, "%d is odd", n);
    return HTH_OK;
}

static HthStatus both_even(int a, int b, HthErr *err) {
    HTH_TRY(need_even(a, err));
    HTH_TRY(need_even(b, err));
    return HTH_OK;
}

static void macros(void **state) {
    (void)state;
    HthErr err = { .status = HTH_OK };
    assert_int_equal(both_even(2, 4, &err), HTH_OK);
    assert_int_equal(err.status, HTH_OK);
    assert_int_equal(both_even(2, 5, &err), HTH_EINVAL);
    assert_int_equal(err.status, HTH_EINVAL);
    assert_string_equal(err.text, "5 is odd");
    assert_non_null(strstr(err.file, "err_test.c"));
    assert_true(err.line > 0);
    assert_int_equal(both_even(1, 1, NULL), HTH_EINVAL);
}

static void wraps_its_own_text(void **state) {
    (void)state;
    HthErr err;
    assert_int_equal(HTH_FAIL(&err, HTH_EIO, "inner"), HTH_EIO);
    assert_int_equal(HTH_FAIL(&err, HTH_EFORMAT, "outer: %s", err.text), HTH_EFORMAT);
    assert_string_equal(err.text, "outer: inner");
}

static void cuts_between_characters(void **state) {
    (void)state;
    HthErr err;
    char text[400];
    for (size_t pad = 0; pad < 4; pad++) {
        memset(text, 'x', pad);
        text[pad] = '\0';
        while (strlen(text) + 4 < sizeof text) memcpy(text + strlen(text), "\xE2\x82\xAC", 4);
        HTH_FAIL(&err, HTH_EINVAL, "%s", text);
        const HthStr got = hth_str(err.text);
        assert_true(got.n < sizeof err.text && got.n + 4 >= sizeof err.text);
        assert_true(hth_utf8_valid(got));
    }
}

static void assertion_aborts(void **state) {
    (void)state;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        signal(SIGABRT, SIG_DFL);
        if (!freopen("/dev/null", "w", stderr)) _exit(1);
        HTH_ASSERT(getpid() == 0);
        _exit(0);
    }
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGABRT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(macros),
        cmocka_unit_test(wraps_its_own_text),
        cmocka_unit_test(cuts_between_characters),
        cmocka_unit_test(assertion_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* name_test.c - what may be a name, what would be a path, and the name a path ends in. */
#include "base/name.h"

#include "support/test.h"

static void names(void **state) {
    static const char *const bad[] = { "", ".a", "a b", "a/b", "\xc3\xa4", "a\n", "..", "abcd5" };
    (void)state;
    assert_true(hth_str_is_name(HTH_STR("a.-_"), 4));
    assert_true(hth_str_is_name(HTH_STR("_"), 4));
    assert_true(hth_str_is_name(HTH_STR("0zZ9"), 4));
    assert_false(hth_str_is_name((HthStr){ "a\0b", 3 }, 4));
    for (size_t i = 0; i < HTH_COUNT(bad); i++) assert_false(hth_str_is_name(hth_str(bad[i]), 4));
    for (int c = 1; c < 256; c++) { /* every byte, alone and behind a letter */
        const char s[2] = { 'a', (char)c };
        const bool fine = c < 128 && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                            "0123456789._-",
                                            c);
        assert_int_equal(hth_str_is_name((HthStr){ s, 2 }, 2), fine);
        assert_int_equal(hth_str_is_name((HthStr){ s + 1, 1 }, 2), fine && c != '.');
    }
}

static void last_of_a_path(void **state) {
    (void)state;
    static const char *const paths[][2] = {
        { "", "" },          { "a", "a" },    { "/a", "a" },    { "a/b.c", "b.c" },
        { "/x/y/z", "z" },   { "a//b", "b" }, { "a/b/", "b/" }, { "b/", "b/" },
        { "/a/b//", "b//" }, { "/", "/" },    { "//", "//" },   { "./..", ".." },
    };
    for (size_t i = 0; i < HTH_COUNT(paths); i++) {
        const char *name = hth_path_name(paths[i][0]);
        assert_string_equal(name, paths[i][1]);
        assert_ptr_equal(name, paths[i][0] + strlen(paths[i][0]) - strlen(name));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(names), cmocka_unit_test(last_of_a_path) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

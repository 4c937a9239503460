/* name_test.c - what is a model's name, a digest, a part of a split model. */
#include "support/test.h"

#include "base/rng.h"
#include "vault/name.h"

static void good_names(void **state) {
    (void)state;
    static const struct {
        const char *text, *full, *brief;
    } rows[] = {
        { "ember", "ember:latest", "ember" },
        { "ember:latest", "ember:latest", "ember" },
        { "Llama-3.2_1B:q4", "Llama-3.2_1B:q4", "Llama-3.2_1B:q4" },
        { "me/x:1.0", "me/x:1.0", "me/x:1.0" },
        { "_a/_b:_c", "_a/_b:_c", "_a/_b:_c" },
        { "a.", "a.:latest", "a." },
    };
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        HthErr err;
        HthName n, again;
        char text[HTH_NAME_MAX + 1];
        assert_ok(hth_name_parse(&n, hth_str(rows[i].text), &err), err);
        hth_name_print(text, &n);
        assert_string_equal(text, rows[i].full);
        assert_ok(hth_name_parse(&again, hth_str(text), &err), err);
        assert_true(hth_name_eq(&n, &again));
        hth_name_print_short(text, &n);
        assert_string_equal(text, rows[i].brief);
    }
}

static void bad_names(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",       ".",     "..",     "/",    "a/",    "/a",       ":",     "a:",     ":a",
        "a/b/c",  "a:b:c", "../a",   "a/..", "a..b",  ".a",       "-a",    "a b",    "a\n",
        "a\\b",   "a%2f",  "a/b:..", "~",    "a:b/c", "\xc3\xa4", "a/./b", "a:../b", "a\x7f",
        "con|in", "a*",    "a?",     "a\"b", "a'b",   "a;b",      "$HOME", "a//b",   "./a",
    };
    for (size_t i = 0; i < HTH_COUNT(bad); i++) {
        HthErr err;
        HthName n = { .name = "untouched" };
        assert_status(hth_name_parse(&n, hth_str(bad[i]), &err), HTH_EINVAL, err);
        assert_string_equal(n.name, "untouched");
    }
    HthErr err;
    HthName n;
    assert_status(hth_name_parse(&n, (HthStr){ "a\0b", 3 }, &err), HTH_EINVAL, err);
    char text[2 * HTH_NAME_MAX];
    memset(text, 'a', sizeof text);
    assert_ok(hth_name_parse(&n, (HthStr){ text, HTH_NAME_PART_MAX }, &err), err);
    assert_status(hth_name_parse(&n, (HthStr){ text, HTH_NAME_PART_MAX + 1 }, &err), HTH_EINVAL,
                  err);
    text[HTH_NAME_PART_MAX] = '/';
    text[2 * HTH_NAME_PART_MAX + 1] = ':';
    assert_ok(hth_name_parse(&n, (HthStr){ text, HTH_NAME_MAX }, &err), err);
    assert_status(hth_name_parse(&n, (HthStr){ text, HTH_NAME_MAX + 1 }, &err), HTH_EINVAL, err);
}

/* Whatever is taken prints and reads back, and could not leave a folder. */
static void random_names(void **state) {
    (void)state;
    static const char alphabet[] = "ab./:-_ A9\\\n\xc3~";
    uint32_t taken = 0;
    for (uint64_t seed = 0; seed < 200000; seed++) {
        char text[12], full[HTH_NAME_MAX + 1];
        const size_t n = hth_rng_below(seed, 0, 0, sizeof text + 1);
        for (size_t i = 0; i < n; i++)
            text[i] = alphabet[hth_rng_below(seed, 1, i, sizeof alphabet - (seed % 2 ? 7 : 1))];
        HthName name, again;
        if (hth_name_parse(&name, (HthStr){ text, n }, NULL) != HTH_OK) continue;
        taken++;
        hth_name_print(full, &name);
        assert_int_equal(hth_name_parse(&again, hth_str(full), NULL), HTH_OK);
        assert_true(hth_name_eq(&name, &again));
        assert_null(strstr(full, ".."));
        assert_null(strchr(name.name, '/'));
        assert_null(strchr(name.tag, '/'));
        assert_int_not_equal(full[0], '.');
        assert_int_not_equal(name.name[0], '.');
        assert_int_not_equal(name.tag[0], '.');
    }
    assert_true(taken > 1000);
}

static void digests(void **state) {
    (void)state;
    static const char good[] =
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    char text[sizeof good], hex[65] = "";
    HthErr err;
    assert_ok(hth_digest_parse(hex, hth_str(good), &err), err);
    assert_string_equal(hex, good + 7);
    for (size_t i = 0; i < sizeof good - 1; i++) {
        memcpy(text, good, sizeof good);
        text[i] = i == 6 ? '/' : i < 6 ? 'X' : "G.A/`:"[i % 6];
        assert_status(hth_digest_parse(hex, hth_str(text), &err), HTH_EINVAL, err);
    }
    memcpy(text, good, sizeof good);
    text[6] = '-';
    assert_ok(hth_digest_parse(hex, hth_str(text), &err), err);
    assert_status(hth_digest_parse(hex, (HthStr){ good, sizeof good - 2 }, &err), HTH_EINVAL, err);
    assert_status(hth_digest_parse(hex, (HthStr){ good, sizeof good }, &err), HTH_EINVAL, err);
}

static void splits(void **state) {
    (void)state;
    HthNameSplit s = { 0 };
    assert_true(hth_name_split(&s, HTH_STR("big-00002-of-00003")));
    assert_int_equal(s.base_n, 3);
    assert_int_equal(s.part, 2);
    assert_int_equal(s.count, 3);
    static const char *const no[] = { "",
                                      "big",
                                      "-00001-of-00001",
                                      "big-0001-of-00003",
                                      "big-00004-of-00003",
                                      "big-00000-of-00003",
                                      "big-0000a-of-00003",
                                      "big_00001-of-00003",
                                      "big-00001_of-00003" };
    for (size_t i = 0; i < HTH_COUNT(no); i++) assert_false(hth_name_split(&s, hth_str(no[i])));
    assert_int_equal(s.part, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_names), cmocka_unit_test(bad_names), cmocka_unit_test(random_names),
        cmocka_unit_test(digests),    cmocka_unit_test(splits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

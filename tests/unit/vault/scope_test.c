/* scope_test.c - words for roles and verbs, and patterns against a second matcher. */
#include "vault/scope.h"

#include <fnmatch.h>

#include "base/rng.h"
#include "support/test.h"

static void roles_and_verbs(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthRole role = HTH_ROLE_COUNT;
    for (int i = 0; i < HTH_ROLE_COUNT; i++) {
        assert_true(hth_role_read(hth_str(hth_role_name((HthRole)i)), &role));
        assert_int_equal(role, i);
    }
    assert_false(hth_role_read(HTH_STR("root"), &role));
    assert_false(hth_role_read(HTH_STR(""), &role));
    uint32_t bits = 7;
    static const char *const bad[] = { "", ",", "ask,", "ask,asks", "ASK", "ask;embed", "a" };
    for (size_t i = 0; i < HTH_COUNT(bad); i++) {
        if (i == 2) continue; /* a comma too many is no harm */
        assert_status(hth_scope_verbs(hth_str(bad[i]), &bits, &err), HTH_EINVAL, err);
        assert_int_equal(bits, 7);
    }
    assert_ok(hth_scope_verbs(HTH_STR("ask,metrics"), &bits, &err), err);
    assert_int_equal(bits, HTH_MAY_ASK | HTH_MAY_METRICS);
    for (uint32_t v = 1; v <= HTH_MAY_ALL; v++) { /* every set, there and back */
        HthBuf text;
        hth_buf_init(&text, 200);
        assert_ok(hth_scope_verbs_text(v, &text, &err), err);
        assert_ok(hth_scope_verbs(hth_buf_str(&text), &bits, &err), err);
        assert_int_equal(bits, v);
        hth_buf_drop(&text);
    }
}

static bool has(const char *patterns, const char *name) {
    HthScope s = { 0 };
    HthErr err = { 0 };
    if (*patterns) assert_ok(hth_scope_models(hth_str(patterns), s.models, &err), err);
    return hth_scope_has_model(&s, hth_str(name));
}

static void models(void **state) {
    (void)state;
    assert_true(has("", "anything:latest"));
    assert_true(has("qwen3-8b", "qwen3-8b:latest"));
    assert_true(has("qwen3-8b", "qwen3-8b:q4"));
    assert_false(has("qwen3-8b", "qwen3-8b-secret:latest"));
    assert_false(has("qwen3-8b", "me/qwen3-8b:latest"));
    assert_true(has("qwen3-8b:q4", "qwen3-8b:q4"));
    assert_false(has("qwen3-8b:q4", "qwen3-8b:q8"));
    assert_true(has("a,me/*", "me/qwen:x"));
    assert_true(has("a,b*c", "bxxc:latest"));
    assert_false(has("a,b*c", "bxxd:latest"));
    assert_true(has("*", "x:y"));
    assert_false(has("a", "")); /* the default must have been given its name */
    char out[HTH_SCOPE_MODELS_MAX + 1] = "kept";
    HthErr err = { 0 };
    static const char *const bad[] = { "", " , ", "a\"b", "a\nb", "\xc3\xa4", "[a]", "a\\b" };
    for (size_t i = 0; i < HTH_COUNT(bad); i++)
        assert_status(hth_scope_models(hth_str(bad[i]), out, &err), HTH_EINVAL, err);
    char text[400];
    memset(text, 'a', sizeof text);
    assert_status(hth_scope_models((HthStr){ text, 256 }, out, &err), HTH_ELIMIT, err);
    assert_string_equal(out, "kept");
    assert_ok(hth_scope_models((HthStr){ text, 255 }, out, &err), err);
    assert_int_equal(strlen(out), 255);
}

/* fnmatch is the second opinion: only '*' is special among our characters. */
static void as_fnmatch(void **state) {
    (void)state;
    uint32_t hits = 0;
    for (uint64_t seed = 0; seed < 20000; seed++) {
        char pattern[12] = "", name[12] = "";
        const size_t p = 1 + hth_rng_u32(seed, 0, 0) % 8, n = 1 + hth_rng_u32(seed, 0, 1) % 10;
        for (size_t i = 0; i < p; i++) pattern[i] = "ab*:*/"[hth_rng_u32(seed, 1, i) % 6];
        for (size_t i = 0; i < n; i++) name[i] = "abab/"[hth_rng_u32(seed, 2, i) % 5];
        char tagged[16];
        snprintf(tagged, sizeof tagged, "%s:b", name);
        const bool want = fnmatch(pattern, strchr(pattern, ':') ? tagged : name, FNM_NOESCAPE) == 0;
        if (has(pattern, tagged) != want) fail_msg("%s %s", pattern, tagged);
        hits += want;
    }
    assert_in_range(hits, 1000, 19000);
    char name[4096]; /* many stars: still at once */
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_false(has("*a*a*a*a*a*a*a*a*a*a*a*a*b", name));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roles_and_verbs),
        cmocka_unit_test(models),
        cmocka_unit_test(as_fnmatch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

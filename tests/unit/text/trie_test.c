/* trie_test.c - against a list of strings searched one by one. */
#include "support/test.h"

#include "base/rng.h"
#include "text/trie.h"

enum { KEYS = 300 };
static char keys[KEYS][9];
static HthStr strs[KEYS];

/* Short strings over three letters and NUL, so that many are prefixes of others. */
static void make_keys(void) {
    for (uint32_t k = 0; k < KEYS; k++) {
        uint32_t n = 1 + hth_rng_below(5, k, 0, 8);
        for (uint32_t i = 0; i < n; i++) keys[k][i] = "ab\xFF"[hth_rng_below(5, k, i + 1, 4) % 4];
        strs[k] = (HthStr){ keys[k], n };
    }
}

static void longest_match_like_a_list(void **state) {
    (void)state;
    HthTrie *t = NULL;
    HthErr err;
    assert_ok(hth_trie_open(&t, &err), err);
    assert_ok(hth_trie_put(t, HTH_STR(""), 7, &err), err);
    assert_int_equal(hth_trie_value(t, HTH_TRIE_ROOT), HTH_TRIE_NONE);
    for (uint32_t k = 0; k < KEYS; k++) assert_ok(hth_trie_put(t, strs[k], k, &err), err);
    for (uint32_t round = 0; round < 5000; round++) {
        char text[12];
        for (uint32_t i = 0; i < sizeof text; i++) {
            text[i] = "ab\xFF"[hth_rng_below(6, round, i, 4) % 4];
        }
        size_t best = 0;
        uint32_t want = 0, got = 0;
        for (uint32_t k = 0; k < KEYS; k++) {
            if (!hth_str_starts((HthStr){ text, sizeof text }, strs[k])) continue;
            if (strs[k].n >= best) want = k; /* of equal ones the last */
            if (strs[k].n >= best) best = strs[k].n;
        }
        assert_int_equal(hth_trie_longest(t, (HthStr){ text, sizeof text }, &got), best);
        if (best) assert_int_equal(got, want);
    }
    hth_trie_close(&t);
    assert_null(t);
    hth_trie_close(&t);
}

static void steps_and_dead_ends(void **state) {
    (void)state;
    HthTrie *t = NULL;
    HthErr err;
    assert_ok(hth_trie_open(&t, &err), err);
    assert_ok(hth_trie_put(t, HTH_STR("xyz"), 3, &err), err);
    uint32_t x = hth_trie_step(t, HTH_TRIE_ROOT, 'x');
    assert_int_not_equal(x, HTH_TRIE_NONE);
    assert_int_equal(hth_trie_value(t, x), HTH_TRIE_NONE);
    assert_int_equal(hth_trie_step(t, x, 'x'), HTH_TRIE_NONE);
    assert_int_equal(hth_trie_step(t, HTH_TRIE_ROOT, 0), HTH_TRIE_NONE);
    uint32_t unset = 5;
    assert_int_equal(hth_trie_longest(t, HTH_STR("xy"), &unset), 0);
    assert_int_equal(unset, 5);
    hth_trie_close(&t);
}

static HthStatus build(void *ctx) {
    HthTrie *t = NULL;
    HthErr err;
    (void)ctx;
    HthStatus status = hth_trie_open(&t, &err);
    for (uint32_t k = 0; status == HTH_OK && k < KEYS; k++) {
        status = hth_trie_put(t, strs[k], k, &err);
    }
    hth_trie_close(&t);
    return status;
}

static void exhaustion(void **state) {
    (void)state;
    assert_true(test_torture(build, NULL, 200) > 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(longest_match_like_a_list),
        cmocka_unit_test(steps_and_dead_ends),
        cmocka_unit_test(exhaustion),
    };
    make_keys();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

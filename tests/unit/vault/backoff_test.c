/* backoff_test.c - who waits how long, what is forgotten, and a table that somebody floods. */
#include "vault/backoff.h"

#include "support/test.h"

#define S UINT64_C(1000000000)
static HthBackoff b;

static void longer_and_longer(void **state) {
    static const uint32_t waits[] = { 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60 };
    (void)state;
    hth_backoff_init(&b);
    const uint64_t who = hth_backoff_who(&b, "user", HTH_STR("alice"));
    uint64_t now = 1000 * S;
    for (size_t i = 0; i < HTH_COUNT(waits); i++) {
        assert_int_equal(hth_backoff_wait_s(&b, who, now), 0);
        hth_backoff_failed(&b, who, now);
        assert_int_equal(hth_backoff_wait_s(&b, who, now), waits[i]);
        if (waits[i]) assert_int_equal(hth_backoff_wait_s(&b, who, now + 1), waits[i]);
        now += waits[i] * S;
    }
    assert_int_equal(hth_backoff_wait_s(&b, who + 1, now - 1), 0);
    hth_backoff_failed(&b, who, now + 601 * S); /* forgotten: as the first time */
    assert_int_equal(hth_backoff_wait_s(&b, who, now + 601 * S), 0);
    for (int i = 0; i < 6; i++) hth_backoff_failed(&b, who, now + 601 * S);
    assert_int_not_equal(hth_backoff_wait_s(&b, who, now + 601 * S), 0);
    hth_backoff_passed(&b, who);
    assert_int_equal(hth_backoff_wait_s(&b, who, now + 601 * S), 0);
    hth_backoff_passed(&b, who);
}

static void names(void **state) {
    (void)state;
    static HthBackoff other;
    char a[400], c[400];
    hth_backoff_init(&b);
    hth_backoff_init(&other);
    const uint64_t who = hth_backoff_who(&b, "user", HTH_STR("x"));
    assert_true(who == hth_backoff_who(&b, "user", HTH_STR("x")));
    assert_true(who != hth_backoff_who(&b, "address", HTH_STR("x")));
    assert_true(who != hth_backoff_who(&b, "user", HTH_STR("y")));
    assert_true(who != hth_backoff_who(&b, "user", HTH_STR("")));
    assert_true(who != hth_backoff_who(&other, "user", HTH_STR("x"))); /* salted */
    memset(a, 'n', sizeof a);
    memset(c, 'n', sizeof c);
    c[300] = 'm'; /* beyond what is looked at */
    assert_true(hth_backoff_who(&b, "user", (HthStr){ a, sizeof a }) ==
                hth_backoff_who(&b, "user", (HthStr){ c, sizeof c }));
}

/* Whoever waits longest stays in the table when many others fail once. */
static void a_flood(void **state) {
    (void)state;
    hth_backoff_init(&b);
    const uint64_t now = 1000 * S, guesser = 77;
    for (int i = 0; i < 12; i++) hth_backoff_failed(&b, guesser, now);
    assert_int_equal(hth_backoff_wait_s(&b, guesser, now), 60);
    for (uint64_t i = 0; i < 20 * HTH_BACKOFF_SLOTS; i++) hth_backoff_failed(&b, 1000 + i, now + i);
    assert_int_not_equal(hth_backoff_wait_s(&b, guesser, now + S), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(longer_and_longer),
        cmocka_unit_test(names),
        cmocka_unit_test(a_flood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

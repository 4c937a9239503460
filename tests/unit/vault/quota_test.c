/* quota_test.c - buckets against a plain statement of what they promise; waits; what is owed. */
#include "vault/quota.h"

#include "base/rng.h"
#include "support/test.h"

#define S UINT64_C(1000000000)

static void first_a_minutes_worth_then_evenly(void **state) {
    (void)state;
    const HthLimits l = { .requests_min = 6 };
    HthUse use = { 0 };
    HthErr err = { 0 };
    uint32_t wait_s;
    for (int i = 0; i < 6; i++)
        assert_ok(hth_quota_begin(&use, &l, 0, 1000 * S, &wait_s, &err), err);
    const HthUse before = use;
    assert_status(hth_quota_begin(&use, &l, 0, 1000 * S, &wait_s, &err), HTH_EAGAIN, err);
    assert_int_equal(wait_s, 10);
    assert_memory_equal(&before, &use, sizeof use);
    assert_status(hth_quota_begin(&use, &l, 0, 1009 * S, &wait_s, &err), HTH_EAGAIN, err);
    assert_int_equal(wait_s, 1);
    assert_ok(hth_quota_begin(&use, &l, 0, 1010 * S, &wait_s, &err), err);
    assert_status(hth_quota_begin(&use, &l, 0, 1010 * S, &wait_s, &err), HTH_EAGAIN, err);
}

static void at_once(void **state) {
    (void)state;
    const HthLimits l = { .concurrent = 2 };
    HthUse use = { 0 };
    HthErr err = { 0 };
    uint32_t wait_s;
    assert_ok(hth_quota_begin(&use, &l, 0, 1, &wait_s, &err), err);
    assert_ok(hth_quota_begin(&use, &l, 0, 1, &wait_s, &err), err);
    assert_status(hth_quota_begin(&use, &l, 0, 1, &wait_s, &err), HTH_EAGAIN, err);
    assert_int_equal(wait_s, 1);
    hth_quota_end(&use, &l, 100, 1);
    assert_ok(hth_quota_begin(&use, &l, 0, 1, &wait_s, &err), err);
    hth_quota_end(&use, &l, 0, 1);
    hth_quota_end(&use, &l, 0, 1);
    hth_quota_end(&use, &l, 0, 1); /* one too many: not below nothing */
    assert_int_equal(use.running, 0);
}

static void tokens_are_owed(void **state) {
    (void)state;
    const HthLimits l = { .tokens_min = 600 };
    HthUse use = { 0 };
    HthErr err = { 0 };
    uint32_t wait_s;
    assert_ok(hth_quota_begin(&use, &l, 0, 100 * S, &wait_s, &err), err);
    hth_quota_end(&use, &l, 1200, 100 * S); /* two minutes' worth */
    assert_status(hth_quota_begin(&use, &l, 0, 100 * S, &wait_s, &err), HTH_EAGAIN, err);
    assert_int_equal(wait_s, 61); /* a minute and a tenth, for one token */
    assert_status(hth_quota_begin(&use, &l, 0, 160 * S, &wait_s, &err), HTH_EAGAIN, err);
    assert_ok(hth_quota_begin(&use, &l, 0, 160 * S + S / 10, &wait_s, &err), err);
    hth_quota_end(&use, &l, UINT64_MAX, 200 * S); /* owed for centuries, not for nothing */
    assert_status(hth_quota_begin(&use, &l, 0, 3000000 * S, &wait_s, &err), HTH_EAGAIN, err);
    assert_true(wait_s > 1000000000);
}

static void bodies(void **state) {
    (void)state;
    const HthLimits l = { .bytes_min = 1000 };
    HthUse use = { 0 };
    HthErr err = { 0 };
    uint32_t wait_s;
    assert_status(hth_quota_begin(&use, &l, 1001, 1, &wait_s, &err), HTH_ELIMIT, err);
    assert_status(hth_quota_begin(&use, &l, UINT64_MAX, 1, &wait_s, &err), HTH_ELIMIT, err);
    assert_ok(hth_quota_begin(&use, &l, 1000, S, &wait_s, &err), err);
    assert_ok(hth_quota_begin(&use, &l, 0, S, &wait_s, &err), err);
    assert_status(hth_quota_begin(&use, &l, 500, S, &wait_s, &err), HTH_EAGAIN, err);
    assert_int_equal(wait_s, 30);
    assert_ok(hth_quota_begin(&use, &l, 500, 31 * S, &wait_s, &err), err);
}

/* In any stretch of t at most (1 + t / 60 s) minutes' worth; and who is told to wait so long gets
 * what he asked for then. */
static void never_more_never_less(void **state) {
    enum { N = 400 };
    static uint64_t at[N], got[N];
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        const uint64_t limit = 1 + hth_rng_u32(seed, 0, 0) % 5000;
        const HthLimits l = { .bytes_min = limit };
        HthUse use = { 0 };
        uint64_t now = 500 * S;
        size_t n = 0;
        for (uint64_t i = 0; i < N; i++) {
            uint32_t wait_s = 0;
            const uint64_t want = 1 + hth_rng_u32(seed, 1, i) % limit;
            const uint64_t idle_ms = hth_rng_u32(seed, 2, i);
            now += (idle_ms % 8 ? idle_ms % 4000 : idle_ms % 90000) * (S / 1000);
            HthUse probe = use;
            HthStatus st = hth_quota_begin(&use, &l, want, now, &wait_s, NULL);
            if (st == HTH_EAGAIN) {
                uint32_t again = 0;
                assert_true(wait_s >= 1);
                assert_int_equal(hth_quota_begin(&probe, &l, want, now + wait_s * S, &again, NULL),
                                 HTH_OK);
                probe = use;
                if (wait_s > 1) /* not told to wait longer than need be */
                    assert_int_equal(
                        hth_quota_begin(&probe, &l, want, now + (wait_s - 1) * S - 1, &again, NULL),
                        HTH_EAGAIN);
                continue;
            }
            assert_int_equal(st, HTH_OK);
            at[n] = now;
            got[n++] = want;
        }
        assert_true(n > 10);
        for (size_t a = 0; a < n; a++) {
            uint64_t sum = 0;
            for (size_t b = a; b < n; b++) {
                sum += got[b];
                const double most =
                    (double)limit * (1 + (double)(at[b] - at[a]) / (60 * (double)S));
                if ((double)sum > most + 1e-6) fail_msg("seed %llu", (unsigned long long)seed);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_a_minutes_worth_then_evenly),
        cmocka_unit_test(at_once),
        cmocka_unit_test(tokens_are_owed),
        cmocka_unit_test(bodies),
        cmocka_unit_test(never_more_never_less),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

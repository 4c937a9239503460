/* clock_test.c - time goes forward, and stands where a test puts it. */
#include "support/test.h"

#include "base/clock.h"

static void goes_forward(void **state) {
    (void)state;
    uint64_t last = hth_clock_ns();
    for (int i = 0; i < 1000; i++) {
        const uint64_t now = hth_clock_ns();
        assert_true(now >= last);
        last = now;
    }
    assert_true(hth_clock_unix_s() > 1700000000);
}

static void can_be_set(void **state) {
    (void)state;
    hth_clock_fake(42, -7);
    assert_int_equal(hth_clock_ns(), 42);
    assert_int_equal(hth_clock_unix_s(), -7);
    hth_clock_fake(UINT64_MAX, 0);
    assert_true(hth_clock_ns() != 42 && hth_clock_unix_s() > 1700000000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_forward),
        cmocka_unit_test(can_be_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* clock_test.c - time goes forward, and stands where a test puts it. */
#include "support/test.h"

#include <time.h>

#include "base/clock.h"
#include "base/rng.h"

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

/* Against the system's own reading of what was written. */
static void as_text(void **state) {
    (void)state;
    char text[HTH_CLOCK_TEXT];
    static const struct {
        int64_t s;
        const char *text;
    } known[] = { { 0, "1970-01-01T00:00:00" },
                  { 951782400, "2000-02-29T00:00:00" },
                  { 1795293600, "2026-11-21T20:40:00" },
                  { 253402300799, "9999-12-31T23:59:59" },
                  { -62167219200, "0000-01-01T00:00:00" },
                  { 253402300800, "" },
                  { -62167219201, "" },
                  { INT64_MAX, "" },
                  { INT64_MIN, "" } };
    for (size_t i = 0; i < HTH_COUNT(known); i++) {
        assert_int_equal(hth_clock_text(text, known[i].s), known[i].text[0] != '\0');
        assert_string_equal(text, known[i].text);
    }
    for (uint32_t i = 0; i < 2000; i++) {
        const int64_t s = (int64_t)(hth_rng_f64(9, 0, i) * 253402300800.0);
        struct tm tm = { 0 };
        assert_true(hth_clock_text(text, s));
        assert_int_equal(strlen(text), 19);
        assert_non_null(strptime(text, "%Y-%m-%dT%H:%M:%S", &tm));
        assert_int_equal(timegm(&tm), s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_forward),
        cmocka_unit_test(can_be_set),
        cmocka_unit_test(as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

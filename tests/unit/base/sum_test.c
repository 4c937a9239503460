/* sum_test.c - every bit counts, pieces of whole words add up. */
#include "support/test.h"

#include "base/sum.h"

static void every_bit_counts(void **state) {
    (void)state;
    uint8_t b[29];
    for (size_t i = 0; i < sizeof b; i++) b[i] = (uint8_t)(i * 37);
    for (size_t n = 1; n <= sizeof b; n++) {
        const uint64_t want = hth_sum64(0, b, n);
        for (size_t i = 0; i < n * 8; i++) {
            b[i / 8] ^= (uint8_t)(1u << i % 8);
            assert_int_not_equal(hth_sum64(0, b, n), want);
            b[i / 8] ^= (uint8_t)(1u << i % 8);
        }
        if (n > 1) assert_int_not_equal(hth_sum64(0, b, n - 1), want);
    }
    assert_int_equal(hth_sum64(5, b, 0), 5);
}

static void whole_words_may_come_in_pieces(void **state) {
    (void)state;
    static const char text[] = "sixteen bytes, and then some more";
    const uint64_t want = hth_sum64(0, text, sizeof text);
    assert_int_equal(hth_sum64(hth_sum64(0, text, 16), text + 16, sizeof text - 16), want);
    assert_int_not_equal(hth_sum64(hth_sum64(0, text + 8, 8), text, 8), hth_sum64(0, text, 16));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_counts),
        cmocka_unit_test(whole_words_may_come_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

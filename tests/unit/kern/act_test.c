/* act_test.c - activations as integers: scales, sums, minima, and what is not finite. */
#include "support/test.h"

#include <math.h>

#include "base/rng.h"
#include "kern/kern.h"

enum { K = 512 };

static void quantise(const float *x, uint32_t k, HthActQ8 *out) {
    hth_kern_at(0)->act_q8(x, k, out);
}

static void values_are_near(void **state) {
    (void)state;
    static float x[K];
    static HthActQ8 q[K / 32];
    for (uint64_t i = 0; i < K; i++) x[i] = (float)hth_rng_normal(1, 1, i);
    quantise(x, K, q);
    for (int b = 0; b < K / 32; b++) {
        int32_t sum = 0, lo = 0;
        bool full = false;
        for (int i = 0; i < 32; i++) {
            assert_true(fabsf(q[b].d * (float)q[b].q[i] - x[b * 32 + i]) <= 0.501f * q[b].d);
            assert_true(q[b].q[i] >= -127);
            full = full || q[b].q[i] == 127 || q[b].q[i] == -127;
            sum += q[b].q[i];
            if (i < 16) lo += q[b].q[i];
        }
        assert_true(full);
        assert_int_equal(q[b].sum, sum);
        assert_int_equal(q[b].sum_lo, lo);
        float t = q[b].d * (float)sum, scale = q[b / 8 * 8].min_scale;
        assert_true(fabsf((float)q[b / 8 * 8].mins[b % 8] * scale - t) <= 0.5f * scale);
        if (b % 8 != 0) assert_true(q[b].min_scale == 0.0f);
    }
}

static void short_rows_have_no_minima(void **state) {
    (void)state;
    float x[96];
    HthActQ8 q[3];
    for (int i = 0; i < 96; i++) x[i] = 1.0f;
    quantise(x, 96, q);
    assert_true(q[0].min_scale == 0.0f && q[0].mins[0] == 0);
}

static void ties_go_to_even(void **state) {
    (void)state;
    float x[32] = { 127.0f, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f };
    HthActQ8 q;
    quantise(x, 32, &q);
    static const int8_t want[] = { 127, 0, 2, 2, 0, -2 };
    assert_memory_equal(q.q, want, sizeof want);
    assert_true(q.d == 1.0f);
}

static void odd_values(void **state) {
    (void)state;
    static const float bad[] = { NAN, INFINITY, -INFINITY };
    float x[256], y;
    HthActQ8 q[8];
    for (size_t i = 0; i < HTH_COUNT(bad); i++) {
        for (int j = 0; j < 256; j++) x[j] = 1.0f;
        x[40] = bad[i];
        quantise(x, 256, q);
        assert_true(isnan(q[1].d) && q[1].q[8] == 0 && q[1].sum == 0 && isnan(q[0].min_scale));
        assert_true(q[0].d == 1.0f / 127.0f);
        /* The product with any weights is NaN: nothing hides a broken activation. */
        for (size_t f = 0; hth_fmt_at(f) != NULL; f++) {
            const HthFmt *fmt = hth_fmt_at(f);
            if (fmt->dequant == NULL || fmt->act != HTH_ACT_Q8) continue;
            uint8_t w[8 * 36] = { 0 };
            for (size_t t = 0; hth_kern_at(t) != NULL; t++) {
                if (!hth_kern_runs_here(hth_kern_at(t))) continue;
                hth_kern_at(t)->linear[f](w, hth_fmt_row_bytes(fmt, 256), 1, 256, q, 0, 1, &y, 1);
                assert_true(isnan(y));
            }
        }
    }
    for (int j = 0; j < 32; j++) x[j] = 1e-38f;
    quantise(x, 32, q);
    assert_true(q[0].d == 0.0f && q[0].sum == 0);
    for (int j = 0; j < 32; j++) x[j] = 3e38f;
    quantise(x, 32, q);
    assert_true(q[0].q[0] == 127 && isfinite(q[0].d));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_near),
        cmocka_unit_test(short_rows_have_no_minima),
        cmocka_unit_test(ties_go_to_even),
        cmocka_unit_test(odd_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

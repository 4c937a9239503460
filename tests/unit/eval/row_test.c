/* row_test.c - what a row says, and what of it is left in 16 bits a token. */
#include "support/test.h"

#include <math.h>

#include "base/rng.h"
#include "eval/row.h"

#define NEAR(a, b, within) assert_true(fabs((a) - (b)) <= (within))
enum { VOCAB = 1000 };

static void random_row(float *v, uint64_t seed, double spread) {
    for (uint64_t i = 0; i < VOCAB; i++) v[i] = (float)(spread * hth_rng_normal(seed, 1, i));
}

static void known_values(void **state) {
    const float even[4] = { 3, 3, 3, 3 }, odd[3] = { 0, 0.6931471805599453f, 0 };
    HthEvalRow row;
    double sum;
    (void)state;
    assert_true(hth_eval_row(even, 4, 2, &row, &sum));
    NEAR(row.nats, log(4), 1e-12);
    assert_int_equal(row.top, 0); /* the first of equals */
    assert_true(hth_eval_row(odd, 3, 1, &row, &sum)); /* 1 : 2 : 1 */
    NEAR(row.nats, log(2), 1e-7);
    assert_int_equal(row.top, 1);
    NEAR(sum, log(4), 1e-7);
}

static void large_logits(void **state) {
    float v[VOCAB];
    HthEvalRow a, b;
    double sum;
    (void)state;
    random_row(v, 5, 3);
    assert_true(hth_eval_row(v, VOCAB, 17, &a, &sum));
    for (int i = 0; i < VOCAB; i++) v[i] += 8192; /* exact enough not to move the row */
    assert_true(hth_eval_row(v, VOCAB, 17, &b, &sum));
    NEAR(a.nats, b.nats, 2e-3);
    assert_int_equal(a.top, b.top);
}

static void no_numbers(void **state) {
    float v[VOCAB];
    HthEvalRow row;
    double sum;
    const float bad[] = { NAN, INFINITY, -INFINITY };
    (void)state;
    for (int i = 0; i < 3; i++)
        for (int at = 0; at < VOCAB; at += VOCAB - 1) {
            random_row(v, 6, 1);
            v[at] = bad[i];
            assert_false(hth_eval_row(v, VOCAB, 1, &row, &sum));
        }
}

/* Every code comes back to itself; what is between goes to the nearer; the order stays. */
static void codes(void **state) {
    (void)state;
    for (uint32_t c = 0; c < 65536; c++)
        assert_int_equal(hth_eval_code(hth_eval_decode((uint16_t)c)), c);
    assert_int_equal(hth_eval_code(-1e-9), 0);
    assert_int_equal(hth_eval_code(1e9), 65535);
    assert_int_equal(hth_eval_code(INFINITY), 65535);
    for (double x = 1e-9; x < 64; x *= 1.01) {
        const double back = hth_eval_decode(hth_eval_code(x));
        assert_true(fabs(back - x) <= 2 * sqrt(x) * 6.2e-5 + 4e-9);
    }
}

/* The definition, in double, of rows that were not rounded. */
static double exact_kl(const float *p, const float *q, double p_sum, double q_sum) {
    double kl = 0;
    for (int i = 0; i < VOCAB; i++)
        kl += exp(p[i] - p_sum) * (((double)p[i] - p_sum) - ((double)q[i] - q_sum));
    return kl;
}

static void divergence(void **state) {
    static uint8_t bytes[2 * VOCAB];
    float p[VOCAB], q[VOCAB], noise[VOCAB];
    HthEvalCodes *c = NULL;
    HthErr err = { 0 };
    HthEvalRow row;
    double p_sum, q_sum;
    (void)state;
    assert_ok(hth_eval_codes_open(&c, &err), err);
    for (uint64_t seed = 1; seed < 40; seed++) {
        const double spread = 0.5 + 0.2 * (double)(seed % 20), apart = pow(10, -(double)(seed % 5));
        random_row(p, seed, spread);
        random_row(noise, seed + 1000, apart);
        for (int i = 0; i < VOCAB; i++) q[i] = p[i] + noise[i];
        assert_true(hth_eval_row(p, VOCAB, 0, &row, &p_sum));
        assert_true(hth_eval_row(q, VOCAB, 0, &row, &q_sum));
        hth_eval_encode_row(p, VOCAB, p_sum, (uint16_t *)(void *)bytes);
        const double want = exact_kl(p, q, p_sum, q_sum);
        const double got = hth_eval_kl(c, bytes, q, VOCAB, q_sum);
        /* Each log p is off by up to 1e-4 sqrt(-log p), of either sign; log p/q by its own size. */
        if (fabs(got - want) > 2e-4 * sqrt(want) + 4e-8)
            fail_msg("%.9g, wanted %.9g; spread %g, apart %g", got, want, spread, apart);
        /* From itself: half the variance of the rounding, 2.5e-9 a nat of entropy. */
        assert_true(hth_eval_kl(c, bytes, p, VOCAB, p_sum) < 4e-8);
    }
    memset(bytes, 0xff, sizeof bytes); /* all as good as never: no distribution */
    assert_true(hth_eval_kl(c, bytes, q, VOCAB, q_sum) == 0);
    hth_eval_codes_close(&c);
}

static HthStatus open_body(void *ctx) {
    HthEvalCodes *c = NULL;
    HthErr err = { 0 };
    (void)ctx;
    HTH_TRY(hth_eval_codes_open(&c, &err));
    hth_eval_codes_close(&c);
    return HTH_OK;
}

static void out_of_memory(void **state) {
    (void)state;
    assert_int_equal(test_torture(open_body, NULL, 4), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values), cmocka_unit_test(large_logits),
        cmocka_unit_test(no_numbers),   cmocka_unit_test(codes),
        cmocka_unit_test(divergence),   cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

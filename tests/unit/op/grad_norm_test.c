/* grad_norm_test.c - RMS normalisation: gradients, values, same bits for any number of threads. */
#include "grad_check.h"

enum { T = 150, N = 64 };

static float R[T];

static void norm(Check *c) {
    hth_grad_rmsnorm(c->g, T, N, c->in[0].x, c->in[1].x, 1e-5f, c->y, R);
}
static void norm_bwd(Check *c, bool add) {
    check_zero(&c->in[1], add);
    hth_grad_rmsnorm_bwd(c->g, T, N, c->in[0].x, c->in[1].x, R, c->dy, c->in[0].dx, add,
                         c->in[1].dx);
}

static void gradient_and_value(void **state) {
    HthPool *pool = NULL;
    Check c = { .g = check_open(2, &pool), .forward = norm, .backward = norm_bwd };
    (void)state;
    check_input(&c, "x", T * N);
    check_input(&c, "w", N);
    check_output(&c, T * N);
    check_gradients(&c);
    norm(&c);
    for (uint32_t i = 0; i < T; i++) {
        double sum = 0;
        for (uint32_t j = 0; j < N; j++) sum += pow((double)c.in[0].x[i * N + j], 2);
        for (uint32_t j = 0; j < N; j++) {
            double want =
                (double)c.in[0].x[i * N + j] / sqrt(sum / N + 1e-5) * (double)c.in[1].x[j];
            assert_true(fabs(want - (double)c.y[i * N + j]) < 1e-5);
        }
    }
    check_close(&c);
    hth_grad_close(&c.g);
    hth_pool_close(&pool);
}

static void same_bits(void **state) {
    float first[N];
    (void)state;
    for (uint32_t threads = 1; threads <= 3; threads++) {
        HthPool *pool = NULL;
        Check c = { .g = check_open(threads, &pool) };
        check_input(&c, "x", T * N);
        check_input(&c, "w", N);
        check_output(&c, T * N);
        norm(&c);
        norm_bwd(&c, false);
        if (threads == 1) memcpy(first, c.in[1].dx, sizeof first);
        assert_memory_equal(first, c.in[1].dx, sizeof first);
        check_close(&c);
        hth_grad_close(&c.g);
        hth_pool_close(&pool);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(gradient_and_value),
                                        cmocka_unit_test(same_bits) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

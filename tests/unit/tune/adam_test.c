/* adam_test.c - the optimiser against the formulas in double; clipping; the schedule's shape. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "tune/adam.h"

static const HthShape SHAPE = {
    .n_layer = 1,
    .n_embd = 32,
    .n_head = 2,
    .n_head_kv = 1,
    .head_dim = 16,
    .head_dim_v = 16,
    .n_ff = 64,
    .n_vocab = 288,
    .n_ctx_train = 32,
    .n_rot = 16,
    .n_pair = 8,
    .one = 1,
    .norm_eps = 1e-5f,
    .rope_base = 10000,
    .rope_factor = 1,
    .rope_attn_factor = 1,
};
static const HthOptim OPTIM = { .steps = 100,
                                .warmup = 10,
                                .lr = 0.01f,
                                .lr_end = 0.001f,
                                .beta1 = 0.9f,
                                .beta2 = 0.95f,
                                .eps = 1e-8f,
                                .decay = 0.1f,
                                .clip = 1e6f };

static void schedule(void **state) {
    (void)state;
    assert_true(fabsf(hth_adam_lr(&OPTIM, 0) - 0.001f) < 1e-9f);
    assert_true(hth_adam_lr(&OPTIM, 9) == OPTIM.lr);
    assert_true(hth_adam_lr(&OPTIM, 10) == OPTIM.lr);
    for (uint32_t i = 10; i < 100; i++)
        assert_true(hth_adam_lr(&OPTIM, i + 1) < hth_adam_lr(&OPTIM, i));
    assert_true(fabsf(hth_adam_lr(&OPTIM, 55) - 0.0055f) < 1e-6f); /* half way down */
    assert_true(hth_adam_lr(&OPTIM, 100) == OPTIM.lr_end);
}

static void follows_the_formulas(void **state) {
    (void)state;
    for (int clipped = 0; clipped < 2; clipped++) {
        HthNet *net = NULL;
        HthAdam adam;
        HthErr err;
        HthOptim o = OPTIM;
        if (clipped) o.clip = 0.5f;
        const HthNetCfg cfg = { hth_arch_find("llama"), &SHAPE, 32, 32, NULL };
        assert_int_equal(hth_net_open(&net, &cfg, &err), HTH_OK);
        const size_t n = hth_net_floats(net);
        assert_int_equal(hth_adam_open(&adam, NULL, n, &err), HTH_OK);
        hth_net_init(net, 3);
        double *w = hth_calloc(n, sizeof *w), *m = hth_calloc(n, sizeof *m);
        double *v = hth_calloc(n, sizeof *v);
        for (size_t i = 0; i < n; i++) w[i] = (double)hth_net_w(net)[i];
        for (uint32_t step = 0; step < 4; step++) {
            double norm = 0;
            for (size_t i = 0; i < n; i++) {
                hth_net_g(net)[i] = (float)hth_rng_normal(4, step, i) * 0.1f;
                norm += pow((double)hth_net_g(net)[i], 2);
            }
            norm = sqrt(norm);
            const double k = norm > (double)o.clip ? (double)o.clip / norm : 1;
            const double lr = (double)hth_adam_lr(&o, step);
            for (uint32_t p = 0; p < hth_net_param_count(net); p++) {
                const HthParam *q = hth_net_param(net, p);
                for (size_t i = q->at; i < q->at + (size_t)q->rows * q->cols; i++) {
                    const double g = (double)hth_net_g(net)[i] * k;
                    m[i] = 0.9 * m[i] + 0.1 * g;
                    v[i] = 0.95 * v[i] + 0.05 * g * g;
                    const double a = m[i] / (1 - pow(0.9, step + 1));
                    const double b = v[i] / (1 - pow(0.95, step + 1));
                    w[i] -= lr * (a / (sqrt(b) + 1e-8) + (q->cols == 1 ? 0 : 0.1) * w[i]);
                }
            }
            assert_true(fabs(hth_adam_step(&adam, net, &o, step) - norm) < 1e-6 * norm);
            for (size_t i = 0; i < n; i++) {
                assert_true(fabs(w[i] - (double)hth_net_w(net)[i]) < 2e-6);
                assert_true(hth_net_g(net)[i] == 0);
            }
        }
        hth_free(w);
        hth_free(m);
        hth_free(v);
        hth_adam_close(&adam);
        hth_net_close(&net);
    }
}

static void odd_sizes(void **state) {
    (void)state;
    HthAdam a = { 0 };
    HthErr err;
    assert_int_equal(hth_adam_open(&a, NULL, 17, &err), HTH_EINVAL);
    hth_mem_fail_after(2);
    assert_int_equal(hth_adam_open(&a, NULL, 16, &err), HTH_ENOMEM);
    hth_mem_fail_after(0);
    assert_null(a.m);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(schedule),
                                        cmocka_unit_test(follows_the_formulas),
                                        cmocka_unit_test(odd_sizes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

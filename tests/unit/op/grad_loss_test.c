/* grad_loss_test.c - softmax cross-entropy: gradients, values, rows without a target, extremes. */
#include "grad_check.h"

enum { T = 530, IN = 32, VOCAB = 304 }; /* more rows than one chunk */

static uint32_t TARGETS[T];
static float NLL[T];

static HthGradLoss loss_of(Check *c, bool back) {
    HthGradLoss l = { .t = T,
                      .in = IN,
                      .vocab = VOCAB,
                      .x = c->in[0].x,
                      .w = c->in[1].x,
                      .targets = TARGETS,
                      .scale = 1.0f,
                      .nll = NLL };
    if (back) l.dx = c->in[0].dx, l.dw = c->in[1].dx;
    return l;
}

static double plain_nll(const Check *c, uint32_t row) {
    double z[VOCAB], max = -1e300, sum = 0;
    for (uint32_t v = 0; v < VOCAB; v++) {
        z[v] = 0;
        for (uint32_t i = 0; i < IN; i++)
            z[v] += (double)c->in[0].x[row * IN + i] * (double)c->in[1].x[v * IN + i];
        max = z[v] > max ? z[v] : max;
    }
    for (uint32_t v = 0; v < VOCAB; v++) sum += exp(z[v] - max);
    return log(sum) + max - z[TARGETS[row]];
}

static void forward(Check *c) {
    HthGradLoss l = loss_of(c, false);
    c->y[0] = (float)hth_grad_loss(c->g, &l);
}

static void values_and_gradient(void **state) {
    HthPool *pool = NULL;
    Check c = { .g = check_open(2, &pool), .forward = forward };
    (void)state;
    for (uint32_t i = 0; i < T; i++)
        TARGETS[i] = i % 7 == 3 ? HTH_NO_TARGET : hth_rng_below(4, 4, i, VOCAB);
    check_input(&c, "x", T * IN);
    check_input(&c, "w", VOCAB * IN);
    check_output(&c, 1);
    for (int i = 0; i < 2; i++)
        for (size_t j = 0; j < c.in[i].n; j++) c.in[i].x[j] *= 0.5f;
    memset(c.in[1].dx, 0, c.in[1].n * sizeof(float));
    HthGradLoss l = loss_of(&c, true);
    const double sum = hth_grad_loss(c.g, &l);
    double want = 0;
    for (uint32_t i = 0; i < T; i++) {
        double one = TARGETS[i] == HTH_NO_TARGET ? 0 : plain_nll(&c, i);
        assert_true(fabs(one - (double)NLL[i]) < 1e-4);
        want += one;
    }
    assert_true(fabs(want - sum) < 1e-5 * want);
    for (int i = 0; i < 2; i++) {
        for (uint64_t stream = 0; stream < 3; stream++) {
            double dot = 0, norm = 0, side[2];
            float *keep = check_floats(70, c.in[i].n);
            memcpy(keep, c.in[i].x, c.in[i].n * sizeof *keep);
            for (int s = 0; s < 2; s++) {
                for (size_t j = 0; j < c.in[i].n; j++)
                    c.in[i].x[j] =
                        keep[j] + (float)((s ? -1 : 1) * 2e-3 * hth_rng_normal(31, stream, j));
                HthGradLoss at = loss_of(&c, false);
                side[s] = hth_grad_loss(c.g, &at);
            }
            memcpy(c.in[i].x, keep, c.in[i].n * sizeof *keep);
            hth_free(keep);
            for (size_t j = 0; j < c.in[i].n; j++) {
                dot += (double)c.in[i].dx[j] * hth_rng_normal(31, stream, j);
                norm += pow((double)c.in[i].dx[j], 2);
            }
            assert_true(norm > 0);
            assert_true(fabs((side[0] - side[1]) / 4e-3 - dot) < 5e-3 * (sqrt(norm) + 1));
        }
    }
    check_close(&c);
    hth_grad_close(&c.g);
    hth_pool_close(&pool);
}

static void huge_logits_stay_finite(void **state) {
    HthPool *pool = NULL;
    Check c = { .g = check_open(1, &pool) };
    (void)state;
    for (uint32_t i = 0; i < T; i++) TARGETS[i] = i % VOCAB;
    check_input(&c, "x", T * IN);
    check_input(&c, "w", VOCAB * IN);
    check_output(&c, 1);
    for (size_t j = 0; j < c.in[0].n; j++) c.in[0].x[j] *= 1e4f;
    HthGradLoss l = loss_of(&c, true);
    assert_true(isfinite(hth_grad_loss(c.g, &l)));
    for (size_t j = 0; j < c.in[0].n; j++) assert_true(isfinite(c.in[0].dx[j]));
    check_close(&c);
    hth_grad_close(&c.g);
    hth_pool_close(&pool);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(values_and_gradient),
                                        cmocka_unit_test(huge_logits_stay_finite) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

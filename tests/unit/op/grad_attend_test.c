/* grad_attend_test.c - causal attention: gradients, values against double, causality, threads. */
#include "grad_check.h"

enum { SEQ = 150, T = 2 * SEQ, HEADS = 4, KV = 2, HD = 16, WQ = HEADS * HD, WK = KV * HD };

static const HthGradAttend SHAPE = { T, SEQ, HEADS, KV, HD, 0.3f };
static float LSE[HEADS * T];

static void attend(Check *c) {
    hth_grad_attend(c->g, &SHAPE, c->in[0].x, c->in[1].x, c->in[2].x, c->y, LSE);
}
static void attend_bwd(Check *c, bool add) {
    (void)add; /* this one only writes: the check of "add" starts from zero */
    hth_grad_attend_bwd(c->g, &SHAPE, c->in[0].x, c->in[1].x, c->in[2].x, c->y, LSE, c->dy,
                        c->in[0].dx, c->in[1].dx, c->in[2].dx);
}

static void inputs(Check *c) {
    check_input(c, "q", T * WQ);
    check_input(c, "k", T * WK);
    check_input(c, "v", T * WK);
    check_output(c, T * WQ);
}

static void gradient(void **state) {
    HthPool *pool = NULL;
    Check c = { .g = check_open(2, &pool), .forward = attend, .backward = attend_bwd };
    (void)state;
    inputs(&c);
    attend(&c);
    attend_bwd(&c, false);
    for (int i = 0; i < 3; i++) {
        for (uint64_t stream = 0; stream < 3; stream++) {
            double dot = 0, norm = 0;
            for (size_t j = 0; j < c.in[i].n; j++) {
                dot += (double)c.in[i].dx[j] * hth_rng_normal(31, stream, j);
                norm += pow((double)c.in[i].dx[j], 2);
            }
            const double slope = check_slope(&c, &c.in[i], stream);
            assert_true(norm > 0);
            assert_true(fabs(slope - dot) < 5e-3 * sqrt(norm));
        }
    }
    check_close(&c);
    hth_grad_close(&c.g);
    hth_pool_close(&pool);
}

/* One output row in double. */
static void plain_row(const Check *c, uint32_t row, uint32_t h, double *out) {
    const uint32_t first = row / SEQ * SEQ, kv = h / (HEADS / KV);
    double p[SEQ], max = -1e300, total = 0;
    for (uint32_t j = first; j <= row; j++) {
        double s = 0;
        for (uint32_t d = 0; d < HD; d++)
            s += (double)c->in[0].x[row * WQ + h * HD + d] *
                 (double)c->in[1].x[j * WK + kv * HD + d];
        p[j - first] = s * (double)SHAPE.scale;
        max = p[j - first] > max ? p[j - first] : max;
    }
    for (uint32_t d = 0; d < HD; d++) out[d] = 0;
    for (uint32_t j = first; j <= row; j++) total += exp(p[j - first] - max);
    for (uint32_t j = first; j <= row; j++)
        for (uint32_t d = 0; d < HD; d++)
            out[d] += exp(p[j - first] - max) / total * (double)c->in[2].x[j * WK + kv * HD + d];
}

static void values(void **state) {
    HthPool *pool = NULL;
    Check c = { .g = check_open(3, &pool) };
    (void)state;
    inputs(&c);
    attend(&c);
    for (uint32_t row = 0; row < T; row++) {
        for (uint32_t h = 0; h < HEADS; h++) {
            double want[HD];
            plain_row(&c, row, h, want);
            for (uint32_t d = 0; d < HD; d++)
                assert_true(fabs(want[d] - (double)c.y[row * WQ + h * HD + d]) < 1e-5);
        }
    }
    check_close(&c);
    hth_grad_close(&c.g);
    hth_pool_close(&pool);
}

static void the_past_does_not_see_the_future(void **state) {
    HthPool *pool = NULL;
    Check c = { .g = check_open(1, &pool) };
    (void)state;
    inputs(&c);
    attend(&c);
    float *before = check_floats(1, T * WQ);
    memcpy(before, c.y, T * WQ * sizeof(float));
    for (uint32_t i = 100 * WK; i < SEQ * WK; i++) c.in[1].x[i] = c.in[2].x[i] = 1e6f;
    attend(&c);
    assert_memory_equal(before, c.y, 100 * WQ * sizeof(float));
    assert_memory_equal(before + SEQ * WQ, c.y + SEQ * WQ, SEQ * WQ * sizeof(float));
    assert_memory_not_equal(before, c.y, SEQ * WQ * sizeof(float));
    hth_free(before);
    check_close(&c);
    hth_grad_close(&c.g);
    hth_pool_close(&pool);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(gradient), cmocka_unit_test(values),
                                        cmocka_unit_test(the_past_does_not_see_the_future) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* grad_flat_test.c - swiglu, add and rope: gradients, values, rope turns back. */
#include "grad_check.h"

enum { T = 96, SEQ = 48, HEADS = 3, HD = 32 };

static void swiglu(Check *c) {
    hth_grad_swiglu(c->g, c->y_n, c->in[0].x, c->in[1].x, c->y);
}
static void swiglu_bwd(Check *c, bool add) {
    hth_grad_swiglu_bwd(c->g, c->y_n, c->in[0].x, c->in[1].x, c->dy, c->in[0].dx, add, c->in[1].dx,
                        add);
}

static void sum(Check *c) {
    hth_grad_add(c->g, c->y_n, c->in[0].x, c->in[1].x, c->y);
}
static void sum_bwd(Check *c, bool add) {
    hth_grad_pass(c->g, c->y_n, c->dy, c->in[0].dx, add);
    hth_grad_pass(c->g, c->y_n, c->dy, c->in[1].dx, add);
}

static void two_inputs(void (*forward)(Check *), void (*backward)(Check *, bool)) {
    HthPool *pool = NULL;
    Check c = { .g = check_open(2, &pool), .forward = forward, .backward = backward };
    const size_t n = 16384 * 2 + 16 * 5; /* more than two items of work */
    check_input(&c, "a", n);
    check_input(&c, "b", n);
    check_output(&c, n);
    check_gradients(&c);
    check_close(&c);
    hth_grad_close(&c.g);
    hth_pool_close(&pool);
}

static void swiglu_gradient(void **state) {
    (void)state;
    two_inputs(swiglu, swiglu_bwd);
}
static void add_gradient(void **state) {
    (void)state;
    two_inputs(sum, sum_bwd);
}

/* silu over the whole range, against libm: the vector exp is good to a few units of 2^-23. */
static void swiglu_values(void **state) {
    HthPool *pool = NULL;
    HthGrad *g = check_open(1, &pool);
    float a[1024], b[1024], y[1024];
    (void)state;
    for (int i = 0; i < 1024; i++) a[i] = (float)(i - 512) * 0.25f, b[i] = 1.0f;
    hth_grad_swiglu(g, 1024, a, b, y);
    for (int i = 0; i < 1024; i++) {
        double want = (double)a[i] / (1 + exp(-(double)a[i]));
        if (fabs((double)a[i]) > 80)
            assert_true(fabs((double)y[i] - want) < 1e-30 + 1e-6 * fabs(want));
        else
            assert_true(fabs((double)y[i] - want) <= 1e-6 * fabs(want));
    }
    hth_grad_close(&g);
    hth_pool_close(&pool);
}

static void rope(Check *c) {
    hth_grad_rope(c->g, T, c->more, c->in[0].x, c->y);
}
static void rope_bwd(Check *c, bool add) {
    hth_grad_rope_bwd(c->g, T, c->more, c->dy, c->in[0].dx, add);
}

static void rope_gradient(void **state) {
    float cs[SEQ * 24];
    (void)state;
    for (uint32_t pos = 0; pos < SEQ; pos++)
        for (uint32_t i = 0; i < 12; i++) {
            double angle = pos * pow(10000, -(double)i / 12);
            cs[pos * 24 + 2 * i] = (float)cos(angle);
            cs[pos * 24 + 2 * i + 1] = (float)sin(angle);
        }
    for (int neox = 0; neox < 2; neox++) {
        const HthGradRope r = { SEQ, HEADS, HD, 24, neox, cs }; /* the last 8 stay */
        HthPool *pool = NULL;
        Check c = { .g = check_open(2, &pool), .forward = rope, .backward = rope_bwd, .more = &r };
        check_input(&c, "x", T * HEADS * HD);
        check_output(&c, T * HEADS * HD);
        check_gradients(&c);
        rope(&c);
        hth_grad_rope_bwd(c.g, T, &r, c.y, c.in[0].dx, false); /* there and back again */
        for (size_t i = 0; i < c.y_n; i++) assert_true(fabsf(c.in[0].dx[i] - c.in[0].x[i]) < 1e-5f);
        check_close(&c);
        hth_grad_close(&c.g);
        hth_pool_close(&pool);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(swiglu_gradient),
                                        cmocka_unit_test(add_gradient),
                                        cmocka_unit_test(swiglu_values),
                                        cmocka_unit_test(rope_gradient) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

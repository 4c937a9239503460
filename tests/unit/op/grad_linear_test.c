/* grad_linear_test.c - matrix layer and embedding: gradients, exact sums, repeated ids. */
#include "grad_check.h"

enum { T = 70, IN = 48, OUT = 80, VOCAB = 40 };

static void linear(Check *c) {
    hth_grad_linear(c->g, T, IN, OUT, c->in[0].x, c->in[1].x, c->y);
}
static void linear_bwd(Check *c, bool add) {
    check_zero(&c->in[1], add);
    hth_grad_linear_bwd(c->g, T, IN, OUT, c->in[0].x, c->in[1].x, c->dy, c->in[0].dx, add,
                        c->in[1].dx);
}

static void linear_gradient(void **state) {
    HthPool *pool = NULL;
    Check c = { .g = check_open(2, &pool), .forward = linear, .backward = linear_bwd };
    (void)state;
    check_input(&c, "x", T * IN);
    check_input(&c, "w", OUT * IN);
    check_output(&c, T * OUT);
    check_gradients(&c);
    check_close(&c);
    hth_grad_close(&c.g);
    hth_pool_close(&pool);
}

static uint32_t IDS[T];

static void embed(Check *c) {
    hth_grad_embed(c->g, T, IN, IDS, c->in[0].x, c->y);
}
static void embed_bwd(Check *c, bool add) {
    check_zero(&c->in[0], add);
    hth_grad_embed_bwd(c->g, T, IN, IDS, c->dy, c->in[0].dx);
}

static void embed_gradient(void **state) {
    HthPool *pool = NULL;
    Check c = { .g = check_open(2, &pool), .forward = embed, .backward = embed_bwd };
    (void)state;
    for (uint32_t i = 0; i < T; i++) IDS[i] = hth_rng_below(2, 2, i, VOCAB); /* ids repeat */
    check_input(&c, "w", VOCAB * IN);
    check_output(&c, T * IN);
    check_gradients(&c);
    embed(&c);
    for (uint32_t i = 0; i < T; i++)
        assert_memory_equal(c.y + i * IN, c.in[0].x + IDS[i] * IN, IN * sizeof(float));
    check_close(&c);
    hth_grad_close(&c.g);
    hth_pool_close(&pool);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(linear_gradient),
                                        cmocka_unit_test(embed_gradient) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

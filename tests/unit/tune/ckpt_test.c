/* ckpt_test.c - checkpoints: there and back, damage and strangers refused, nothing half loaded. */
#include "tiny_train.h"
#include "tune/ckpt.h"

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

typedef struct Side { /* a network and its optimiser */
    HthNet *net;
    HthAdam adam;
} Side;

static Side open_side(uint64_t seed) {
    Side s = { 0 };
    HthErr err;
    const HthNetCfg cfg = { hth_arch_find("llama"), &SHAPE, 32, 32, NULL };
    assert_int_equal(hth_net_open(&s.net, &cfg, &err), HTH_OK);
    assert_int_equal(hth_adam_open(&s.adam, NULL, hth_net_floats(s.net), &err), HTH_OK);
    hth_net_init(s.net, seed);
    for (size_t i = 0; i < s.adam.n; i++) {
        s.adam.m[i] = (float)hth_rng_normal(seed, 100, i);
        s.adam.v[i] = (float)hth_rng_f64(seed, 101, i);
    }
    return s;
}

static void close_side(Side *s) {
    hth_adam_close(&s->adam);
    hth_net_close(&s->net);
}

static void there_and_back(void **state) {
    (void)state;
    Tiny t;
    HthErr err;
    tiny_open(&t);
    Side a = open_side(1), b = open_side(2);
    const size_t bytes = a.adam.n * sizeof(float);
    HthCkpt c = { .recipe = 11, .vocab = 22, .step = 33 };
    assert_int_equal(hth_ckpt_load(t.out, &c, b.net, &b.adam, &err), HTH_EIO);
    assert_int_equal(hth_ckpt_save(t.out, &c, a.net, &a.adam, &err), HTH_OK);
    c.step = 0;
    assert_int_equal(hth_ckpt_load(t.out, &c, b.net, &b.adam, &err), HTH_OK);
    assert_int_equal(c.step, 33);
    assert_memory_equal(hth_net_w(a.net), hth_net_w(b.net), bytes);
    assert_memory_equal(a.adam.m, b.adam.m, bytes);
    assert_memory_equal(a.adam.v, b.adam.v, bytes);
    close_side(&a);
    close_side(&b);
    tiny_close(&t);
}

static void refused_and_untouched(void **state) {
    (void)state;
    Tiny t;
    HthErr err;
    HthBuf good;
    tiny_open(&t);
    Side a = open_side(1), b = open_side(2), same = open_side(2);
    const HthCkpt c = { .recipe = 11, .vocab = 22, .step = 33 };
    assert_int_equal(hth_ckpt_save(t.out, &c, a.net, &a.adam, &err), HTH_OK);
    hth_buf_init(&good, 1 << 26);
    assert_int_equal(hth_file_read(&good, t.out, &err), HTH_OK);
    for (uint32_t i = 0; i < 40; i++) {
        HthCkpt want = c;
        HthStatus status = HTH_EFORMAT;
        size_t n = good.n, at = good.n;
        if (i == 0)
            want.recipe = 12, status = HTH_EINVAL;
        else if (i == 1)
            want.vocab = 23, status = HTH_EINVAL;
        else if (i == 2)
            n = 0;
        else if (i == 3)
            n = 63;
        else if (i == 4)
            n = good.n - 1;
        else
            at = 64 + hth_rng_below(5, 5, i, (uint32_t)(good.n - 64)); /* one flipped bit */
        if (at < good.n) good.p[at] ^= (char)(1 << i % 8);
        tiny_write(t.out, good.p, n);
        if (at < good.n) good.p[at] ^= (char)(1 << i % 8);
        assert_int_equal(hth_ckpt_load(t.out, &want, b.net, &b.adam, &err), status);
        assert_int_equal(want.step, 33);
    }
    const size_t bytes = a.adam.n * sizeof(float);
    assert_memory_equal(hth_net_w(b.net), hth_net_w(same.net), bytes);
    assert_memory_equal(b.adam.m, same.adam.m, bytes);
    hth_buf_drop(&good);
    close_side(&a);
    close_side(&b);
    close_side(&same);
    tiny_close(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(there_and_back),
                                        cmocka_unit_test(refused_and_untouched) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

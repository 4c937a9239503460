/* net_test.c - the network's gradient against finite differences; same bits for any threads. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "tune/net.h"

enum { ROWS = 64, SEQ = 32 };

static const HthShape SHAPE = {
    .n_layer = 2,
    .n_embd = 64,
    .n_head = 4,
    .n_head_kv = 2,
    .head_dim = 16,
    .head_dim_v = 16,
    .n_ff = 96,
    .n_vocab = 288,
    .n_ctx_train = 64,
    .n_rot = 16,
    .n_pair = 8,
    .one = 1,
    .norm_eps = 1e-5f,
    .rope_base = 10000,
    .rope_factor = 1,
    .rope_attn_factor = 1,
};

static HthNet *open_net(const char *arch, HthPool *pool) {
    HthNet *net = NULL;
    HthErr err;
    HthNetCfg cfg = { hth_arch_find(arch), &SHAPE, ROWS, SEQ, pool };
    assert_non_null(cfg.arch);
    assert_int_equal(hth_net_open(&net, &cfg, &err), HTH_OK);
    hth_net_init(net, 7);
    /* Larger than at the start of training, so that no part of the loss is flat. */
    for (size_t i = 0; i < hth_net_floats(net); i++) {
        float *w = hth_net_w(net) + i;
        *w = *w * 4 + (*w == 1.0f ? -3.0f + 0.3f * (float)hth_rng_normal(5, 5, i) : 0.0f);
    }
    return net;
}

static void fill(uint32_t *ids, uint32_t *targets) {
    for (uint32_t i = 0; i < ROWS; i++) {
        ids[i] = hth_rng_below(1, 1, i, SHAPE.n_vocab);
        targets[i] = i % 5 == 3 ? HTH_NO_TARGET : hth_rng_below(1, 2, i, SHAPE.n_vocab);
    }
}

static void check_gradient(const char *arch) {
    HthNet *net = open_net(arch, NULL);
    uint32_t ids[ROWS], targets[ROWS];
    fill(ids, targets);
    HthNetPass there = { .t = ROWS, .seq = SEQ, .ids = ids, .targets = targets };
    HthNetPass back = there;
    back.back = true;
    back.scale = 1.0f;
    hth_net_pass(net, &back);
    double worst = 0;
    for (uint32_t i = 0; i < hth_net_param_count(net); i++) {
        const HthParam *p = hth_net_param(net, i);
        double dot = 0, norm = 0;
        /* One random direction per tensor: the slope along it. */
        const size_t n = (size_t)p->rows * p->cols;
        float *w = hth_net_w(net) + p->at, *g = hth_net_g(net) + p->at;
        float *keep = hth_calloc(n, sizeof *keep);
        memcpy(keep, w, n * sizeof *w);
        for (size_t j = 0; j < n; j++) {
            double d = hth_rng_normal(9, i, j);
            dot += d * (double)g[j];
            norm += (double)g[j] * (double)g[j];
        }
        const double h = 1e-3;
        double side[2];
        for (int s = 0; s < 2; s++) {
            for (size_t j = 0; j < n; j++)
                w[j] = keep[j] + (float)((s ? -h : h) * hth_rng_normal(9, i, j));
            side[s] = hth_net_pass(net, &there);
        }
        memcpy(w, keep, n * sizeof *w);
        hth_free(keep);
        const double slope = (side[0] - side[1]) / (2 * h);
        const double error = fabs(slope - dot) / (sqrt(norm) + 1e-3);
        if (error > worst) worst = error;
        if (error > 0.02) print_message("%s: %g against %g\n", p->name, dot, slope);
        assert_true(norm > 0);
        assert_true(error < 0.02);
    }
    print_message("%s: largest error %.2g of a gradient's length\n", arch, worst);
    hth_net_close(&net);
}

static void gradient_llama(void **state) {
    (void)state;
    check_gradient("llama");
}

static void gradient_qwen3(void **state) {
    (void)state;
    check_gradient("qwen3");
}

static void same_bits_for_any_threads(void **state) {
    (void)state;
    uint32_t ids[ROWS], targets[ROWS];
    fill(ids, targets);
    float *first = NULL;
    double loss = 0;
    for (uint32_t threads = 1; threads <= 3; threads++) {
        HthPool *pool = NULL;
        HthErr err;
        assert_int_equal(hth_pool_open(&pool, threads, &err), HTH_OK);
        HthNet *net = open_net("llama", pool);
        HthNetPass pass = {
            .t = ROWS, .seq = SEQ, .ids = ids, .targets = targets, .scale = 0.1f, .back = true
        };
        double here = hth_net_pass(net, &pass);
        const size_t bytes = hth_net_floats(net) * sizeof(float);
        if (!first) {
            first = hth_calloc(1, bytes);
            memcpy(first, hth_net_g(net), bytes);
            loss = here;
        }
        assert_true(here == loss);
        assert_memory_equal(first, hth_net_g(net), bytes);
        hth_net_close(&net);
        hth_pool_close(&pool);
    }
    hth_free(first);
}

static void refuses_what_it_cannot_train(void **state) {
    (void)state;
    HthNet *net = NULL;
    HthErr err;
    HthShape odd = SHAPE;
    odd.head_dim_v = 32;
    HthNetCfg cfg = { hth_arch_find("llama"), &odd, ROWS, SEQ, NULL };
    assert_int_equal(hth_net_open(&net, &cfg, &err), HTH_ENOTSUP);
    cfg.shape = &SHAPE;
    cfg.seq = ROWS * 2;
    assert_int_equal(hth_net_open(&net, &cfg, &err), HTH_EINVAL);
    assert_null(net);
}

static void survives_every_failed_allocation(void **state) {
    (void)state;
    const uint64_t live = hth_mem_live();
    for (uint64_t nth = 1;; nth++) {
        HthNet *net = NULL;
        HthErr err;
        HthNetCfg cfg = { hth_arch_find("llama"), &SHAPE, ROWS, SEQ, NULL };
        hth_mem_fail_after(nth);
        HthStatus status = hth_net_open(&net, &cfg, &err);
        hth_mem_fail_after(0);
        if (status == HTH_OK) {
            hth_net_close(&net);
            break;
        }
        assert_int_equal(status, HTH_ENOMEM);
        assert_null(net);
        assert_true(hth_mem_live() == live);
    }
    assert_true(hth_mem_live() == live);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradient_llama),
        cmocka_unit_test(gradient_qwen3),
        cmocka_unit_test(same_bits_for_any_threads),
        cmocka_unit_test(refuses_what_it_cannot_train),
        cmocka_unit_test(survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* grad_check.h - an operation's backward pass against finite differences of its forward pass.
 *
 * The loss is sum(c * y) with fixed random c, summed in double.  For every input the slope along a
 * few random directions is compared with the gradient's. */
#ifndef HTH_TEST_GRAD_CHECK_H
#define HTH_TEST_GRAD_CHECK_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "op/grad.h"

typedef struct CheckInput {
    float *x, *dx;
    size_t n;
    const char *name;
} CheckInput;

typedef struct Check {
    HthGrad *g;
    CheckInput in[4];
    int in_count;
    float *y, *dy; /* dy is c */
    size_t y_n;
    void (*forward)(struct Check *c); /* in[].x -> y */
    void (*backward)(struct Check *c, bool add); /* dy -> in[].dx */
    const void *more;
} Check;

static inline float *check_floats(uint64_t stream, size_t n) {
    float *p = hth_calloc_aligned(n, sizeof *p);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++) p[i] = (float)hth_rng_normal(21, stream, i);
    return p;
}

static inline HthGrad *check_open(uint32_t threads, HthPool **pool) {
    HthGrad *g = NULL;
    HthErr err;
    assert_int_equal(hth_pool_open(pool, threads, &err), HTH_OK);
    const HthGradSize size = { .rows = 1024, .width = 128, .vocab = 320, .seq = 160 };
    assert_int_equal(hth_grad_open(&g, *pool, &size, &err), HTH_OK);
    return g;
}

static inline void check_input(Check *c, const char *name, size_t n) {
    CheckInput *in = &c->in[c->in_count++];
    *in = (CheckInput){ check_floats((uint64_t)c->in_count, n), check_floats(50, n), n, name };
}

static inline void check_output(Check *c, size_t n) {
    c->y = check_floats(60, n);
    c->dy = check_floats(61, n);
    c->y_n = n;
}

static inline double check_loss(Check *c) {
    double sum = 0;
    c->forward(c);
    for (size_t i = 0; i < c->y_n; i++) sum += (double)c->y[i] * (double)c->dy[i];
    return sum;
}

/* Slope along direction `stream` by central differences. */
static inline double check_slope(Check *c, CheckInput *in, uint64_t stream) {
    const double h = 2e-3;
    double side[2];
    float *keep = check_floats(70, in->n);
    memcpy(keep, in->x, in->n * sizeof *keep);
    for (int s = 0; s < 2; s++) {
        for (size_t i = 0; i < in->n; i++)
            in->x[i] = keep[i] + (float)((s ? -h : h) * hth_rng_normal(31, stream, i));
        side[s] = check_loss(c);
    }
    memcpy(in->x, keep, in->n * sizeof *keep);
    hth_free(keep);
    return (side[0] - side[1]) / (2 * h);
}

/* Runs the backward pass twice, writing then adding, and compares both. */
static inline void check_gradients(Check *c) {
    for (int add = 0; add < 2; add++) {
        float *before[4];
        for (int i = 0; i < c->in_count; i++) {
            before[i] = check_floats(80, c->in[i].n);
            memcpy(before[i], c->in[i].dx, c->in[i].n * sizeof(float));
        }
        c->forward(c);
        c->backward(c, add);
        for (int i = 0; i < c->in_count; i++) {
            CheckInput *in = &c->in[i];
            for (uint64_t stream = 0; stream < 3; stream++) {
                double dot = 0, norm = 0;
                for (size_t j = 0; j < in->n; j++) {
                    double g = (double)in->dx[j] - (add ? (double)before[i][j] : 0);
                    dot += g * hth_rng_normal(31, stream, j);
                    norm += g * g;
                }
                const double slope = check_slope(c, in, stream);
                assert_true(norm > 0);
                if (fabs(slope - dot) > 5e-3 * (sqrt(norm) + 1))
                    fail_msg("%s (add %d): gradient %g, differences %g", in->name, add, dot, slope);
            }
        }
        for (int i = 0; i < c->in_count; i++) hth_free(before[i]);
    }
}

static inline void check_close(Check *c) {
    for (int i = 0; i < c->in_count; i++) {
        hth_free(c->in[i].x);
        hth_free(c->in[i].dx);
    }
    hth_free(c->y);
    hth_free(c->dy);
    *c = (Check){ .g = c->g };
}

/* Weight gradients are always added to: zero them where the check wants them written. */
static inline void check_zero(CheckInput *in, bool add) {
    if (!add) memset(in->dx, 0, in->n * sizeof *in->dx);
}

#endif

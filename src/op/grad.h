/* grad.h - each operation of a program, forward and backward, on plain float rows. For training.
 *
 * Tensors are [t][n] floats, row after row without gaps; n a multiple of 16 everywhere.
 * "add" says whether an input gradient is added to or overwritten; weight gradients are always
 * added to.  Work is cut at places that do not depend on the number of threads and every sum has
 * one order, so results are the same bits run to run, for any thread count and on any processor
 * (logf is the C library's: another library may round its last bit differently).
 *
 * What it is not: inference (op/exec.c), and not the place for optimisers (tune/).
 *
 * Thread: the owner of the pool. */
#ifndef HTH_OP_GRAD_H
#define HTH_OP_GRAD_H

#include <stdbool.h>

#include "base/par.h"

typedef struct HthGrad HthGrad; /* the pool, matrix products and scratch */

/* Largest sizes that will be asked for. */
typedef struct HthGradSize {
    uint32_t rows; /* tokens in one forward pass */
    uint32_t width; /* longest row that is normalised */
    uint32_t vocab;
    uint32_t seq; /* tokens per sequence */
} HthGradSize;

HTH_MUST_CHECK HthStatus hth_grad_open(HthGrad **out, HthPool *pool, const HthGradSize *size,
                                       HthErr *err);
void hth_grad_close(HthGrad **g);

/* y[t][out] = x[t][in] * w[out][in]^T */
void hth_grad_linear(HthGrad *g, uint32_t t, uint32_t in, uint32_t out, const float *x,
                     const float *w, float *y);
void hth_grad_linear_bwd(HthGrad *g, uint32_t t, uint32_t in, uint32_t out, const float *x,
                         const float *w, const float *dy, float *dx, bool add, float *dw);

/* y[t][n] = w[ids[t]][n] */
void hth_grad_embed(HthGrad *g, uint32_t t, uint32_t n, const uint32_t *ids, const float *w,
                    float *y);
void hth_grad_embed_bwd(HthGrad *g, uint32_t t, uint32_t n, const uint32_t *ids, const float *dy,
                        float *dw);

/* y = x * r * w with r[t] = 1 / sqrt(mean(x^2) + eps), kept for the way back. */
void hth_grad_rmsnorm(HthGrad *g, uint32_t t, uint32_t n, const float *x, const float *w, float eps,
                      float *y, float *r);
void hth_grad_rmsnorm_bwd(HthGrad *g, uint32_t t, uint32_t n, const float *x, const float *w,
                          const float *r, const float *dy, float *dx, bool add, float *dw);

/* Rotation of heads by position; row i has position i % seq. cs: [seq][n_rot/2] (cos, sin) pairs.
 * neox: pairs (i, i + n_rot/2), else (2i, 2i+1). The way back turns the other way. */
typedef struct HthGradRope {
    uint32_t seq, heads, head_dim, n_rot;
    bool neox;
    const float *cs;
} HthGradRope;
void hth_grad_rope(HthGrad *g, uint32_t t, const HthGradRope *rope, const float *x, float *y);
void hth_grad_rope_bwd(HthGrad *g, uint32_t t, const HthGradRope *rope, const float *dy, float *dx,
                       bool add);

/* Causal attention inside each sequence. q, o: [t][heads * head_dim]; k, v: [t][heads_kv *
 * head_dim]; lse: [heads][t], log-sum-exp of each row of scores, kept for the way back. */
typedef struct HthGradAttend {
    uint32_t t, seq, heads, heads_kv, head_dim;
    float scale;
} HthGradAttend;
void hth_grad_attend(HthGrad *g, const HthGradAttend *s, const float *q, const float *k,
                     const float *v, float *o, float *lse);
/* dq, dk, dv are overwritten. */
void hth_grad_attend_bwd(HthGrad *g, const HthGradAttend *s, const float *q, const float *k,
                         const float *v, const float *o, const float *lse, const float *d_o,
                         float *dq, float *dk, float *dv);

/* y = silu(a) * b over count floats */
void hth_grad_swiglu(HthGrad *g, size_t count, const float *a, const float *b, float *y);
void hth_grad_swiglu_bwd(HthGrad *g, size_t count, const float *a, const float *b, const float *dy,
                         float *da, bool add_a, float *db, bool add_b);

/* y = a + b; and its way back, dx (+)= dy, once per input. */
void hth_grad_add(HthGrad *g, size_t count, const float *a, const float *b, float *y);
void hth_grad_pass(HthGrad *g, size_t count, const float *dy, float *dx, bool add);

enum { HTH_NO_TARGET = 0xffffffff }; /* a row that does not count */

/* Softmax cross-entropy of the output layer: logits = x[t][in] * w[vocab][in]^T, in chunks of rows.
 * nll[t] (may be NULL) receives -log p(target), 0 for rows without one.  With dx and dw, their
 * gradients of sum(nll) * scale: dx overwritten, dw added to.  Returns sum(nll). */
typedef struct HthGradLoss {
    uint32_t t, in, vocab;
    const float *x, *w;
    const uint32_t *targets;
    float scale;
    float *nll, *dx, *dw;
} HthGradLoss;
double hth_grad_loss(HthGrad *g, const HthGradLoss *loss);

#endif

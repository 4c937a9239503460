/* adam.h - AdamW: decoupled weight decay, global gradient clipping, warm-up and cosine.
 *
 * Deterministic: sums run over fixed blocks in a fixed order.
 *
 * Thread: the owner of the pool. */
#ifndef HTH_TUNE_ADAM_H
#define HTH_TUNE_ADAM_H

#include "tune/net.h"
#include "tune/recipe.h"

typedef struct HthAdam {
    HthPool *pool;
    size_t n;
    float *m, *v; /* [n] first and second moments */
    double *sums; /* per block, scratch */
} HthAdam;

HTH_MUST_CHECK HthStatus hth_adam_open(HthAdam *out, HthPool *pool, size_t n, HthErr *err);
void hth_adam_close(HthAdam *a);
/* Learning rate of a step (0 first): linear to o->lr, then half a cosine to o->lr_end. */
float hth_adam_lr(const HthOptim *o, uint32_t step);
/* One step over all of the network's parameters; gradients become 0. Matrices decay, vectors do
 * not. Returns the gradient's norm before clipping. */
double hth_adam_step(HthAdam *a, HthNet *net, const HthOptim *o, uint32_t step);

#endif

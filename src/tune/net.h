/* net.h - an architecture program walked forwards and backwards: the network being trained.
 *
 * Parameters, their gradients and everything the program computes are plain float arrays.  The
 * program is unrolled once over the layers into nodes; a register that is written again is a new
 * value.  The output layer and the loss are one node.
 *
 * Supported: programs of embed, rmsnorm, linear without bias, headnorm, rope, attend, swiglu, add
 * (llama, qwen3), tied output.  Anything else is ENOTSUP at open.
 *
 * Thread: one owner. */
#ifndef HTH_TUNE_NET_H
#define HTH_TUNE_NET_H

#include "model/arch.h"
#include "op/grad.h"

typedef struct HthParam { /* one weight tensor */
    char name[48]; /* in GGUF, with ".weight" */
    HthSlot slot;
    uint32_t layer;
    uint32_t rows, cols; /* cols 1: a vector */
    size_t at; /* first float in w, g */
} HthParam;

typedef struct HthNet HthNet;

typedef struct HthNetCfg {
    const HthArch *arch;
    const HthShape *shape;
    uint32_t rows; /* tokens in one pass, at most */
    uint32_t seq; /* tokens per sequence, at most */
    HthPool *pool;
} HthNetCfg;

HTH_MUST_CHECK HthStatus hth_net_open(HthNet **out, const HthNetCfg *cfg, HthErr *err);
void hth_net_close(HthNet **net);

size_t hth_net_floats(const HthNet *net);
float *hth_net_w(HthNet *net); /* [floats], 64-byte aligned, as is every matrix in it */
float *hth_net_g(HthNet *net); /* gradients, added to by hth_net_pass */
uint32_t hth_net_param_count(const HthNet *net);
const HthParam *hth_net_param(const HthNet *net, uint32_t i);
/* Normal(0, 0.02), narrower where a layer writes to the residual stream; ones for norms. */
void hth_net_init(HthNet *net, uint64_t seed);

/* One forward pass over t tokens (t / seq sequences) and, with `back`, one backward pass. Returns
 * sum of -log p(target); gradients are of that sum times scale. nll[t] may be NULL. */
typedef struct HthNetPass {
    uint32_t t, seq;
    const uint32_t *ids, *targets; /* targets: HTH_NO_TARGET where nothing is asked */
    float scale;
    bool back;
    float *nll;
} HthNetPass;
double hth_net_pass(HthNet *net, const HthNetPass *pass);

/* Multiplications and additions per token of a forward and backward pass. */
double hth_net_flops(const HthNet *net, uint32_t seq);

#endif

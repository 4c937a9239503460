/* cohere2.c - cohere2 - attention and feed-forward block side by side after one norm, without
 * biases; three of four layers have a window, and only those rotate.  Command R7B, Command A.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = {
    PARAMS_SIZES,
    PARAMS_LAYERNORM,
    PARAMS_ROPE,
    PARAMS_WINDOW(4),
    { "logit_scale", FLD(logit_scale), HTH_P_F32, REQUIRED },
    PARAMS_END,
};

/* clang-format off */
static const HthArchWeight weights[] = {
    WEIGHTS_ENDS,
    BIAS(OUT_NORM, "output_norm", D1(n_embd)),
    VECTOR(ATTN_NORM, "blk.%u.attn_norm", D1(n_embd)),
    BIAS(ATTN_NORM, "blk.%u.attn_norm", D1(n_embd)),
    WEIGHTS_FUSED_ATTN,
    WEIGHTS_GATED(LINEAR),
    WEIGHTS_END,
};

static const HthArchOp layer[] = {
    OP(S, LAYERNORM, X, NONE, NONE, ATTN_NORM),
    OP(Q, LINEAR, S, NONE, NONE, ATTN_Q),
    OP(K, LINEAR, S, NONE, NONE, ATTN_K),
    OP(V, LINEAR, S, NONE, NONE, ATTN_V),
    OP_ON(WINDOWED, Q, ROPE, Q, NONE, NONE, NONE),
    OP_ON(WINDOWED, K, ROPE, K, NONE, NONE, NONE),
    OPS_ATTEND,
    OP(G, LINEAR, S, NONE, NONE, FFN_GATE),
    OP(U, LINEAR, S, NONE, NONE, FFN_UP),
    OP(G, SWIGLU, G, U, NONE, NONE),
    OP(S, LINEAR, G, NONE, NONE, FFN_DOWN),
    OP(X, ADD, X, S, NONE, NONE),
    OPS_RESIDUAL,
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_cohere2 = { ARCH("cohere2", false, weights, layer), .head = hth_arch_embed,
                                   .tail = hth_arch_mean_output, .mean_norm = true,
                                   .logit_times = true };

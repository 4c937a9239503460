/* phi2.c - phi2 - attention and a feed-forward block without a gate side by side after one norm;
 * biases everywhere, also on the output; a part of each head rotates.  Phi 1, 1.5, 2.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = { PARAMS_SIZES, PARAMS_LAYERNORM, PARAMS_ROPE, PARAMS_END };

/* clang-format off */
static const HthArchWeight weights[] = {
    WEIGHTS_ENDS,
    BIAS(OUT_NORM, "output_norm", D1(n_embd)),
    VECTOR(ATTN_NORM, "blk.%u.attn_norm", D1(n_embd)),
    BIAS(ATTN_NORM, "blk.%u.attn_norm", D1(n_embd)),
    WEIGHTS_FUSED_ATTN,
    LINEAR_UNSCALED(FFN_UP, "blk.%u.ffn_up", D1(n_ff), D1(n_embd)),
    LINEAR_UNSCALED(FFN_DOWN, "blk.%u.ffn_down", D1(n_embd), D1(n_ff)),
    WEIGHTS_END,
};

static const HthArchOp layer[] = {
    OP(S, LAYERNORM, X, NONE, NONE, ATTN_NORM),
    OP(Q, LINEAR, S, NONE, NONE, ATTN_Q),
    OP(K, LINEAR, S, NONE, NONE, ATTN_K),
    OP(V, LINEAR, S, NONE, NONE, ATTN_V),
    OPS_ROPE,
    OPS_ATTEND,
    OPS_PLAIN_OF(S, GELU, S),
    OP(H, ADD, H, S, NONE, NONE),
    OPS_RESIDUAL,
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_phi2 = { ARCH("phi2", true, weights, layer), .head = hth_arch_embed,
                                .tail = hth_arch_mean_output, .mean_norm = true };

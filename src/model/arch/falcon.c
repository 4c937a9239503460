/* falcon.c - falcon - attention and a feed-forward block without a gate side by side, after one
 * norm or one each; Q, K and V in one matrix.
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
    WEIGHT(ATTN_NORM_2, "blk.%u.attn_norm_2", .rows = D1(n_embd), .when = HTH_L_WITH),
    WEIGHT(ATTN_NORM_2_B, "blk.%u.attn_norm_2", .rows = D1(n_embd), .optional = true,
           .when = HTH_L_WITH),
    WEIGHTS_FUSED_ATTN,
    LINEAR_UNSCALED(FFN_UP, "blk.%u.ffn_up", D1(n_ff), D1(n_embd)),
    LINEAR_UNSCALED(FFN_DOWN, "blk.%u.ffn_down", D1(n_embd), D1(n_ff)),
    WEIGHTS_END,
};

static const HthArchOp layer[] = {
    OP(S, LAYERNORM, X, NONE, NONE, ATTN_NORM),
    OP_ON(WITH, H, LAYERNORM, X, NONE, NONE, ATTN_NORM_2),
    OP_ON(WITH, Q, LINEAR, H, NONE, NONE, ATTN_Q),
    OP_ON(WITH, K, LINEAR, H, NONE, NONE, ATTN_K),
    OP_ON(WITH, V, LINEAR, H, NONE, NONE, ATTN_V),
    OP_ON(WITHOUT, Q, LINEAR, S, NONE, NONE, ATTN_Q),
    OP_ON(WITHOUT, K, LINEAR, S, NONE, NONE, ATTN_K),
    OP_ON(WITHOUT, V, LINEAR, S, NONE, NONE, ATTN_V),
    OPS_ROPE,
    OPS_ATTEND,
    OPS_PLAIN_OF(S, GELU, S),
    OP(H, ADD, S, H, NONE, NONE),
    OPS_RESIDUAL,
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_falcon = { ARCH("falcon", true, weights, layer), .head = hth_arch_embed,
                                  .tail = hth_arch_mean_output, .mean_norm = true,
                                  .asks = "blk.0.attn_norm_2.weight" };

/* stablelm.c - stablelm - norms by mean and deviation, also on heads in some; a gated feed-forward
 * block after attention, or beside it where it has no norm of its own.
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
    WEIGHT(FFN_NORM, "blk.%u.ffn_norm", .rows = D1(n_embd), .when = HTH_L_WITH),
    WEIGHT(FFN_NORM_B, "blk.%u.ffn_norm", .rows = D1(n_embd), .optional = true,
           .when = HTH_L_WITH),
    WEIGHTS_FUSED_ATTN,
    WEIGHT(Q_NORM, "blk.%u.attn_q_norm", .rows = D1(head_dim), .count = FLD(n_head),
           .optional = true),
    WEIGHT(K_NORM, "blk.%u.attn_k_norm", .rows = D1(head_dim), .count = FLD(n_head_kv),
           .optional = true),
    WEIGHTS_GATED(LINEAR_UNSCALED),
    WEIGHTS_END,
};

static const HthArchOp layer[] = {
    OP(S, LAYERNORM, X, NONE, NONE, ATTN_NORM),
    OP(Q, LINEAR, S, NONE, NONE, ATTN_Q),
    OP(K, LINEAR, S, NONE, NONE, ATTN_K),
    OP(V, LINEAR, S, NONE, NONE, ATTN_V),
    OP(Q, MEAN_HEADNORM, Q, NONE, NONE, Q_NORM),
    OP(K, MEAN_HEADNORM, K, NONE, NONE, K_NORM),
    OPS_ROPE,
    OPS_ATTEND,
    OPS_RESIDUAL,
    OP_ON(WITH, S, LAYERNORM, X, NONE, NONE, FFN_NORM),
    OPS_GATED_OF(S, SWIGLU),
    OPS_RESIDUAL,
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_stablelm = { ARCH("stablelm", true, weights, layer), .head = hth_arch_embed,
                                    .tail = hth_arch_mean_output, .mean_norm = true,
                                    .asks = "blk.0.ffn_norm.weight" };

/* qwen3moe.c - qwen3moe - qwen3 with experts in place of the feed-forward block.  Qwen 3 30B-A3B
 * and 235B-A22B.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = { PARAMS_COMMON, PARAMS_EXPERTS, PARAMS_ROPE, PARAMS_END };

/* clang-format off */
static const HthArchWeight weights[] = {
    WEIGHTS_ENDS,
    WEIGHTS_PRE_NORMS,
    WEIGHTS_ATTN,
    VECTOR(Q_NORM, "blk.%u.attn_q_norm", D1(head_dim)),
    VECTOR(K_NORM, "blk.%u.attn_k_norm", D1(head_dim)),
    WEIGHTS_EXPERTS(EACH_SCALED),
    WEIGHTS_END,
};

static const HthArchOp layer[] = {
    OPS_NORM(RMSNORM, ATTN_NORM),
    OPS_QKV,
    OP(Q, HEADNORM, Q, NONE, NONE, Q_NORM),
    OP(K, HEADNORM, K, NONE, NONE, K_NORM),
    OPS_ROPE,
    OPS_ATTEND,
    OPS_RESIDUAL,
    OPS_NORM(RMSNORM, FFN_NORM),
    OPS_EXPERTS(SWIGLU),
    OPS_RESIDUAL,
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_qwen3moe = {
    ARCH("qwen3moe", true, weights, layer), .head = hth_arch_embed, .tail = hth_arch_rms_output,
    .gate = HTH_EXPERTS_BY_SOFTMAX,         .gate_norm = true,
};

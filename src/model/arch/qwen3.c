/* qwen3.c - qwen3 - qwen2 with a norm on every head of Q and K.  Qwen 3, dense only; Qwen 3
 * Reranker, whose score is how likely "yes" is beside "no" as the next word.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = { PARAMS_COMMON, PARAMS_ROPE, PARAMS_END };

/* clang-format off */
static const HthArchWeight weights[] = {
    WEIGHTS_ENDS,
    WEIGHTS_PRE_NORMS,
    WEIGHTS_ATTN,
    VECTOR(Q_NORM, "blk.%u.attn_q_norm", D1(head_dim)),
    VECTOR(K_NORM, "blk.%u.attn_k_norm", D1(head_dim)),
    WEIGHTS_GATED(LINEAR_SCALED_LAST),
    WEIGHTS_CLS_OUT,
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
    OPS_GATED(SWIGLU),
    OPS_RESIDUAL,
    OP_END,
};

static const HthArchOp rank[] = {
    OP(R, LINEAR, H, NONE, NONE, CLS_OUT),
    OP(LOGITS, SOFTMAX, R, NONE, NONE, NONE),
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_qwen3 = { ARCH("qwen3", true, weights, layer), .head = hth_arch_embed,
                                 .tail = hth_arch_rms_output, .rank = rank,
                                 .rank_of = HTH_POOL_LAST };

/* glm4moe.c - glm4moe - biased attention, in the largest with a norm on every head of Q and K;
 * dense layers first, then experts by sigmoid and some that every token goes to.  GLM 4.5 to 4.7.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = { PARAMS_COMMON, PARAMS_EXPERTS, PARAMS_ROUTER, PARAMS_ROPE,
                                       PARAMS_END };

/* clang-format off */
static const HthArchWeight weights[] = {
    WEIGHTS_ENDS,
    VECTOR(ATTN_NORM, "blk.%u.attn_norm", D1(n_embd)),
    WEIGHTS_ATTN,
    VECTOR_OR_NONE(Q_NORM, "blk.%u.attn_q_norm", D1(head_dim)),
    VECTOR_OR_NONE(K_NORM, "blk.%u.attn_k_norm", D1(head_dim)),
    VECTOR(ATTN_POST_NORM, "blk.%u.post_attention_norm", D1(n_embd)),
    WEIGHTS_GATED_ON(DENSE),
    WEIGHTS_EXPERTS_ON(EXPERTS, EACH),
    WEIGHTS_SHARED_ON(EXPERTS),
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
    OPS_NORM(RMSNORM, ATTN_POST_NORM),
    OPS_GATED_ON(DENSE, SWIGLU),
    OPS_EXPERTS_ON(EXPERTS, S, SWIGLU),
    OPS_SHARED_ON(EXPERTS),
    OP_ON(EXPERTS, H, ADD, S, H, NONE, NONE),
    OPS_RESIDUAL,
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_glm4moe = {
    ARCH("glm4moe", true, weights, layer),
    .head = hth_arch_embed,
    .tail = hth_arch_rms_output,
    .gate = HTH_EXPERTS_BY_SIGMOID,
};

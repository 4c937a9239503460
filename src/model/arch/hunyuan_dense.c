/* hunyuan_dense.c - hunyuan-dense - llama with a norm on every head of Q and K after the rotation,
 * whose base grows with a factor.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = {
    PARAMS_COMMON,     PARAMS_ROPE, { "rope.scaling.alpha", FLD(rope_alpha), HTH_P_F32, 0 },
    PARAM_NO_SECTIONS, PARAMS_END,
};

/* clang-format off */
static const HthArchWeight weights[] = {
    WEIGHTS_ENDS,
    WEIGHTS_PRE_NORMS,
    WEIGHTS_FUSED_ATTN,
    VECTOR(Q_NORM, "blk.%u.attn_q_norm", D1(head_dim)),
    VECTOR(K_NORM, "blk.%u.attn_k_norm", D1(head_dim)),
    WEIGHTS_GATED(LINEAR_UNSCALED),
    WEIGHTS_END,
};

static const HthArchOp layer[] = {
    OPS_NORM(RMSNORM, ATTN_NORM),
    OPS_QKV,
    OPS_ROPE,
    OP(Q, HEADNORM, Q, NONE, NONE, Q_NORM),
    OP(K, HEADNORM, K, NONE, NONE, K_NORM),
    OPS_ATTEND,
    OPS_RESIDUAL,
    OPS_NORM(RMSNORM, FFN_NORM),
    OPS_GATED(SWIGLU),
    OPS_RESIDUAL,
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_hunyuan_dense = { ARCH("hunyuan-dense", true, weights, layer),
                                         .head = hth_arch_embed, .tail = hth_arch_rms_output };

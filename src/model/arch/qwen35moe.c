/* qwen35moe.c - qwen35moe - qwen35 with experts, and one more that every token goes to as far as a
 * gate of its own lets it.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = {
    PARAMS_HYBRID(0),
    PARAMS_EXPERTS,
    PARAM_SHARED,
    PARAMS_ROPE,
    PARAMS_STATES,
    PARAM_SECTIONS,
    { "nextn_predict_layers", FLD(n_next), HTH_P_U32, 0 },
    PARAMS_END,
};

/* clang-format off */
static const HthArchWeight weights[] = {
    WEIGHTS_ENDS,
    VECTOR(ATTN_NORM, "blk.%u.attn_norm", D1(n_embd)),
    VECTOR(FFN_NORM, "blk.%u.post_attention_norm", D1(n_embd)),
    WEIGHTS_GATED_ATTN_ON(ATTENDING),
    WEIGHTS_DELTA_ON(RECURRENT),
    LINEAR_ON(RECURRENT, SSM_BETA, "blk.%u.ssm_beta", D1(ssm_heads), D1(n_embd)),
    LINEAR_ON(RECURRENT, SSM_ALPHA, "blk.%u.ssm_alpha", D1(ssm_heads), D1(n_embd)),
    WEIGHTS_GATED_EXPERTS,
    WEIGHTS_END,
};

static const HthArchOp layer[] = {
    OPS_NORM(RMSNORM, ATTN_NORM),
    OPS_GATED_ATTEND_ON(ATTENDING),
    OP_ON(RECURRENT, Q, LINEAR, H, NONE, NONE, SSM_QKV),
    OP_ON(RECURRENT, G, LINEAR, H, NONE, NONE, SSM_Z),
    OP_ON(RECURRENT, K, LINEAR, H, NONE, NONE, SSM_BETA),
    OP_ON(RECURRENT, V, LINEAR, H, NONE, NONE, SSM_ALPHA),
    OPS_DELTA_ON(RECURRENT),
    OPS_RESIDUAL,
    OPS_NORM(RMSNORM, FFN_NORM),
    OPS_GATED_EXPERTS,
    OPS_RESIDUAL,
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_qwen35moe = {
    ARCH("qwen35moe", true, weights, layer), .head = hth_arch_embed, .tail = hth_arch_rms_output,
    .gate = HTH_EXPERTS_BY_SOFTMAX,          .gate_norm = true,      .keys_in_turn = true,
};

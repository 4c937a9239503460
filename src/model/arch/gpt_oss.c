/* gpt_oss.c - gpt-oss - a window in every other layer, a sink per head in all; biases everywhere,
 * and experts with bounded gates.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = { PARAMS_COMMON, PARAMS_EXPERTS, PARAMS_ROPE, PARAMS_WINDOW(2),
                                       PARAMS_END };

/* clang-format off */
static const HthArchWeight weights[] = {
    WEIGHTS_ENDS,
    VECTOR(ATTN_NORM, "blk.%u.attn_norm", D1(n_embd)),
    WEIGHTS_ATTN,
    VECTOR(SINKS, "blk.%u.attn_sinks", D1(n_head)),
    VECTOR(ATTN_POST_NORM, "blk.%u.post_attention_norm", D1(n_embd)),
    WEIGHTS_EXPERTS(EACH_BIASED),
    BIAS(ROUTER, "blk.%u.ffn_gate_inp", D1(n_expert)),
    WEIGHTS_END,
};

static const HthArchOp layer[] = {
    OPS_NORM(RMSNORM, ATTN_NORM),
    OPS_QKV,
    OPS_ROPE,
    OP(H, ATTEND_SINKS, Q, K, V, SINKS),
    OP(H, LINEAR, H, NONE, NONE, ATTN_O),
    OPS_RESIDUAL,
    OPS_NORM(RMSNORM, ATTN_POST_NORM),
    OPS_EXPERTS(SWIGLU_CLAMPED),
    OPS_RESIDUAL,
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_gpt_oss = {
    ARCH("gpt-oss", true, weights, layer),
    .head = hth_arch_embed,
    .tail = hth_arch_rms_output,
    .gate = HTH_EXPERTS_BY_CHOSEN,
};

/* glm4.c - glm4 - norms before and after the blocks, a rotation of half of each head, gate and up
 * in one matrix.  GLM 4 of 9 and 32 billion.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = {
    PARAMS_COMMON,     PARAMS_ROPE, { "nextn_predict_layers", FLD(n_next), HTH_P_U32, 0 },
    PARAM_NO_SECTIONS, PARAMS_END,
};

/* clang-format off */
static const HthArchWeight weights[] = {
    WEIGHTS_ENDS,
    WEIGHTS_PRE_NORMS,
    WEIGHTS_FUSED_ATTN,
    VECTOR(ATTN_POST_NORM, "blk.%u.post_attention_norm", D1(n_embd)),
    PART(FFN_GATE, "blk.%u.ffn_gate", "blk.%u.ffn_up", n_gate_up, NONE, D1(n_ff)),
    PART(FFN_UP, "blk.%u.ffn_up", "blk.%u.ffn_up", n_gate_up, FFN_GATE, D1(n_ff)),
    LINEAR_UNSCALED(FFN_DOWN, "blk.%u.ffn_down", D1(n_embd), D1(n_ff)),
    VECTOR(FFN_POST_NORM, "blk.%u.post_ffw_norm", D1(n_embd)),
    WEIGHTS_END,
};

static const HthArchOp layer[] = {
    OPS_NORM(RMSNORM, ATTN_NORM),
    OPS_QKV,
    OPS_ROPE,
    OPS_ATTEND,
    OP(H, RMSNORM, H, NONE, NONE, ATTN_POST_NORM),
    OPS_RESIDUAL,
    OPS_NORM(RMSNORM, FFN_NORM),
    OPS_GATED(SWIGLU),
    OP(H, RMSNORM, H, NONE, NONE, FFN_POST_NORM),
    OPS_RESIDUAL,
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_glm4 = { ARCH("glm4", false, weights, layer), .head = hth_arch_embed,
                                .tail = hth_arch_rms_output };

/* gemma2.c - gemma2 - norms before and after both blocks, embeddings times the root of their size,
 * GELU gates, bounded scores and logits, and a window in every other layer.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = {
    PARAMS_COMMON,
    PARAMS_ROPE,
    PARAMS_WINDOW(2),
    { "attn_logit_softcapping", FLD(attn_cap), HTH_P_F32, 50 },
    { "final_logit_softcapping", FLD(logit_cap), HTH_P_F32, 30 },
    PARAMS_END,
};

/* clang-format off */
static const HthArchWeight weights[] = {
    WEIGHTS_ENDS,
    WEIGHTS_PRE_NORMS,
    WEIGHTS_ATTN,
    VECTOR(ATTN_POST_NORM, "blk.%u.post_attention_norm", D1(n_embd)),
    WEIGHTS_GATED(LINEAR_UNSCALED),
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
    OPS_GATED(GEGLU),
    OP(H, RMSNORM, H, NONE, NONE, FFN_POST_NORM),
    OPS_RESIDUAL,
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_gemma2 = {
    ARCH("gemma2", true, weights, layer),
    .tail = hth_arch_rms_output,
    .head = hth_arch_scaled_embed,
    .embd_sqrt = true,
    .wide_layers = 46,
};

/* gemma3.c - gemma3 - gemma2 without bounds, with a norm on every head of Q and K; five of six
 * layers have a window, and a rotation of their own.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = {
    PARAMS_COMMON,
    PARAMS_ROPE,
    PARAMS_WINDOW(6),
    { "rope.freq_base_swa", FLD(rope_base_window), HTH_P_F32, 10000 },
    { "final_logit_softcapping", FLD(logit_cap), HTH_P_F32, 0 },
    PARAMS_END,
};

/* clang-format off */
static const HthArchWeight weights[] = {
    WEIGHTS_ENDS,
    WEIGHTS_PRE_NORMS,
    WEIGHTS_ATTN,
    VECTOR(Q_NORM, "blk.%u.attn_q_norm", D1(head_dim)),
    VECTOR(K_NORM, "blk.%u.attn_k_norm", D1(head_dim)),
    VECTOR(ATTN_POST_NORM, "blk.%u.post_attention_norm", D1(n_embd)),
    WEIGHTS_GATED(LINEAR_UNSCALED),
    VECTOR(FFN_POST_NORM, "blk.%u.post_ffw_norm", D1(n_embd)),
    WEIGHTS_END,
};

static const HthArchOp layer[] = {
    OPS_NORM(RMSNORM, ATTN_NORM),
    OPS_QKV,
    OP(Q, HEADNORM, Q, NONE, NONE, Q_NORM),
    OP(K, HEADNORM, K, NONE, NONE, K_NORM),
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

const HthArch hth_arch_gemma3 = {
    ARCH("gemma3", true, weights, layer),
    .tail = hth_arch_rms_output,
    .head = hth_arch_scaled_embed,
    .embd_sqrt = true,
    .wide_layers = 62,
    .plain_window = true,
};

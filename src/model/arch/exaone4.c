/* exaone4.c - exaone4 - norms after the blocks and on every head of Q and K; in the largest three
 * of four layers have a window, and only those rotate.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = {
    PARAMS_COMMON,    PARAMS_ROPE,
    PARAMS_WINDOW(4), { "nextn_predict_layers", FLD(n_next), HTH_P_U32, 0 },
    PARAMS_END,
};

/* clang-format off */
static const HthArchWeight weights[] = {
    WEIGHTS_ENDS,
    VECTOR_OR_NONE(ROPE_FREQS, "rope_freqs", D1(n_pair)),
    WEIGHTS_FUSED_ATTN,
    VECTOR(Q_NORM, "blk.%u.attn_q_norm", D1(head_dim)),
    VECTOR(K_NORM, "blk.%u.attn_k_norm", D1(head_dim)),
    VECTOR(ATTN_POST_NORM, "blk.%u.post_attention_norm", D1(n_embd)),
    WEIGHTS_GATED(LINEAR_UNSCALED),
    VECTOR(FFN_POST_NORM, "blk.%u.post_ffw_norm", D1(n_embd)),
    WEIGHTS_END,
};

static const HthArchOp layer[] = {
    OP(Q, LINEAR, X, NONE, NONE, ATTN_Q),
    OP(K, LINEAR, X, NONE, NONE, ATTN_K),
    OP(V, LINEAR, X, NONE, NONE, ATTN_V),
    OP(Q, HEADNORM, Q, NONE, NONE, Q_NORM),
    OP(K, HEADNORM, K, NONE, NONE, K_NORM),
    OP_ON(WINDOWED, Q, ROPE, Q, NONE, NONE, NONE),
    OP_ON(WINDOWED, K, ROPE, K, NONE, NONE, NONE),
    OPS_ATTEND,
    OP(H, RMSNORM, H, NONE, NONE, ATTN_POST_NORM),
    OPS_RESIDUAL,
    OPS_GATED_OF(X, SWIGLU),
    OP(H, RMSNORM, H, NONE, NONE, FFN_POST_NORM),
    OPS_RESIDUAL,
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_exaone4 = {
    ARCH("exaone4", true, weights, layer),
    .head = hth_arch_embed,
    .tail = hth_arch_rms_output,
    .window_layers = 64,
    .window = 4096,
};

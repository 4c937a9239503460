/* olmo2.c - olmo2 - norms after the blocks instead of before, and over whole rows of Q and K.  Olmo
 * 3 has windows, in which the rotation is never stretched.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = { PARAMS_COMMON, PARAMS_ROPE, PARAMS_WINDOW(4), PARAMS_END };

/* clang-format off */
static const HthArchWeight weights[] = {
    WEIGHTS_ENDS,
    WEIGHTS_ATTN,
    VECTOR(Q_NORM, "blk.%u.attn_q_norm", D2(n_head, head_dim)),
    VECTOR(K_NORM, "blk.%u.attn_k_norm", D2(n_head_kv, head_dim)),
    VECTOR(ATTN_POST_NORM, "blk.%u.post_attention_norm", D1(n_embd)),
    WEIGHTS_GATED(LINEAR_UNSCALED),
    VECTOR(FFN_POST_NORM, "blk.%u.post_ffw_norm", D1(n_embd)),
    WEIGHTS_END,
};

static const HthArchOp layer[] = {
    OP(Q, LINEAR, X, NONE, NONE, ATTN_Q),
    OP(K, LINEAR, X, NONE, NONE, ATTN_K),
    OP(V, LINEAR, X, NONE, NONE, ATTN_V),
    OP(Q, RMSNORM, Q, NONE, NONE, Q_NORM),
    OP(K, RMSNORM, K, NONE, NONE, K_NORM),
    OPS_ROPE,
    OPS_ATTEND,
    OP(H, RMSNORM, H, NONE, NONE, ATTN_POST_NORM),
    OPS_RESIDUAL,
    OP(G, LINEAR, X, NONE, NONE, FFN_GATE),
    OP(U, LINEAR, X, NONE, NONE, FFN_UP),
    OP(G, SWIGLU, G, U, NONE, NONE),
    OP(H, LINEAR, G, NONE, NONE, FFN_DOWN),
    OP(H, RMSNORM, H, NONE, NONE, FFN_POST_NORM),
    OPS_RESIDUAL,
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_olmo2 = { ARCH("olmo2", true, weights, layer), .head = hth_arch_embed,
                                 .tail = hth_arch_rms_output, .plain_window = true };

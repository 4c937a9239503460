/* mpt.c - mpt - norms without biases, scores that fall with the distance or positions that are
 * learnt, queries, keys and values that are bounded where the file says so.  MPT 7B and 30B.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = {
    PARAMS_SIZES,
    PARAMS_LAYERNORM,
    PARAMS_ROPE,
    { "attention.max_alibi_bias", FLD(alibi), HTH_P_F32, 0 },
    { "attention.clamp_kqv", FLD(clamp_qkv), HTH_P_F32, 0 },
    PARAMS_END,
};

/* clang-format off */
static const HthArchWeight weights[] = {
    WEIGHT(POS_EMBD, "position_embd", .rows = D1(n_ctx_train), .cols = D1(n_embd),
           .when = HTH_L_WITH),
    WEIGHTS_MEAN,
    VECTOR_OR_NONE(Q_NORM, "blk.%u.attn_q_norm", D2(n_head, head_dim)),
    BIAS(Q_NORM, "blk.%u.attn_q_norm", D2(n_head, head_dim)),
    VECTOR_OR_NONE(K_NORM, "blk.%u.attn_k_norm", D2(n_head_kv, head_dim)),
    BIAS(K_NORM, "blk.%u.attn_k_norm", D2(n_head_kv, head_dim)),
    WEIGHTS_END,
};

static const HthArchOp head[] = {
    OP(X, EMBED, NONE, NONE, NONE, TOK_EMBD),
    OP_ON(WITH, X, PLACE, X, NONE, NONE, POS_EMBD),
    OP_END,
};

static const HthArchOp layer[] = {
    OPS_NORM(LAYERNORM, ATTN_NORM),
    OPS_QKV,
    OP_CLAMP(Q, clamp_qkv),
    OP_CLAMP(K, clamp_qkv),
    OP_CLAMP(V, clamp_qkv),
    OP(Q, LAYERNORM, Q, NONE, NONE, Q_NORM),
    OP(K, LAYERNORM, K, NONE, NONE, K_NORM),
    OPS_ATTEND,
    OPS_RESIDUAL,
    OPS_NORM(LAYERNORM, FFN_NORM),
    OPS_PLAIN_OF(H, GELU, H),
    OPS_RESIDUAL,
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_mpt = { ARCH("mpt", false, weights, layer), .head = head,
                               .tail = hth_arch_mean_output, .mean_norm = true,
                               .asks = "position_embd.weight" };

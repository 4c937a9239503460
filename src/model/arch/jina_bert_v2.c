/* jina_bert_v2.c - jina-bert-v2 - bert whose scores fall with the distance on both sides, with
 * gated feed-forward blocks.  Jina Embeddings 2 and, with norms of Q and K and one more after
 * attention, their relatives for code; Jina Reranker 1.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

/* clang-format off */
static const HthArchParam params[] = {
    PARAMS_SIZES,
    PARAMS_LAYERNORM,
    PARAMS_ROPE,
    { "attention.max_alibi_bias", FLD(alibi), HTH_P_F32, 8 },
    PARAMS_END,
};

static const HthArchWeight weights[] = {
    WEIGHTS_ENCODER,
    VECTOR_OR_NONE(Q_NORM, "blk.%u.attn_q_norm", D2(n_head, head_dim)),
    BIAS(Q_NORM, "blk.%u.attn_q_norm", D2(n_head, head_dim)),
    VECTOR_OR_NONE(K_NORM, "blk.%u.attn_k_norm", D2(n_head_kv, head_dim)),
    BIAS(K_NORM, "blk.%u.attn_k_norm", D2(n_head_kv, head_dim)),
    WEIGHT(ATTN_NORM_2, "blk.%u.attn_norm_2", .rows = D1(n_embd), .when = HTH_L_WITH),
    WEIGHT(ATTN_NORM_2_B, "blk.%u.attn_norm_2", .rows = D1(n_embd), .optional = true,
           .when = HTH_L_WITH),
    PART(FFN_GATE, "blk.%u.ffn_gate", "blk.%u.ffn_up", n_gate_up, NONE, D1(n_ff)),
    PART(FFN_UP, "blk.%u.ffn_up", "blk.%u.ffn_up", n_gate_up, FFN_GATE, D1(n_ff)),
    BIAS(FFN_UP, "blk.%u.ffn_up", D1(n_ff)),
    LINEAR_UNSCALED(FFN_DOWN, "blk.%u.ffn_down", D1(n_embd), D1(n_ff)),
    WEIGHT(CLS, "cls", .rows = D1(n_cls), .cols = D1(n_embd), .when = HTH_L_RANKING),
    WEIGHT(CLS_B, "cls", .rows = D1(n_cls), .optional = true, .when = HTH_L_RANKING),
    WEIGHTS_END,
};

static const HthArchOp head[] = {
    OP(X, EMBED, NONE, NONE, NONE, TOK_EMBD),
    OP(X, TYPE, X, NONE, NONE, TOK_TYPES),
    OP(X, LAYERNORM, X, NONE, NONE, EMBD_NORM),
    OP_END,
};

static const HthArchOp layer[] = {
    OPS_QKV_OF(X),
    OP(Q, LAYERNORM, Q, NONE, NONE, Q_NORM),
    OP(K, LAYERNORM, K, NONE, NONE, K_NORM),
    OPS_ATTEND,
    OP(S, ADD, H, X, NONE, NONE),
    OP(S, LAYERNORM, S, NONE, NONE, ATTN_OUT_NORM),
    OP_ON(WITH, S, ADD, S, X, NONE, NONE),
    OP_ON(WITH, S, LAYERNORM, S, NONE, NONE, ATTN_NORM_2),
    OPS_GATED_OF(S, GEGLU),
    OP(X, ADD, S, H, NONE, NONE),
    OP(X, LAYERNORM, X, NONE, NONE, LAYER_OUT_NORM),
    OP_END,
};

static const HthArchOp rank[] = {
    OP(H, LINEAR, X, NONE, NONE, CLS),
    OP(LOGITS, TANH, H, NONE, NONE, NONE),
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_jina_bert_v2 = { ARCH("jina-bert-v2", false, weights, layer),
                                        .head = head,
                                        .tail = hth_arch_rows_output,
                                        .rank = rank,
                                        .rank_of = HTH_POOL_CLS,
                                        .asks = "blk.0.attn_norm_2.weight",
                                        .mean_norm = true,
                                        .whole = true };

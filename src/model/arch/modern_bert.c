/* modern_bert.c - modern-bert - an encoder that rotates, with norms before its blocks and windows
 * of two sides on most layers.  ModernBERT, GTE, Granite Embedding.
 *
 * The first layer may have no norm: the embeddings' stands right before it.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = {
    PARAMS_SIZES,
    PARAMS_LAYERNORM,
    PARAMS_ROPE,
    { "attention.sliding_window", FLD(window), HTH_P_U32, 0 },
    { "attention.sliding_window_pattern", FLD(windowed), HTH_P_WINDOWED_LATE, 3 },
    { "rope.freq_base_swa", FLD(rope_base_window), HTH_P_F32, 0 },
    { "hidden_activation", FLD(silu), HTH_P_SILU, 0 },
    PARAMS_END,
};

/* clang-format off */
static const HthArchWeight weights[] = {
    WEIGHT(TOK_EMBD, "token_embd", .rows = D1(n_vocab), .cols = D1(n_embd)),
    VECTOR(EMBD_NORM, "token_embd_norm", D1(n_embd)),
    VECTOR(OUT_NORM, "output_norm", D1(n_embd)),
    VECTOR_OR_NONE(ATTN_NORM, "blk.%u.attn_norm", D1(n_embd)),
    VECTOR(FFN_NORM, "blk.%u.ffn_norm", D1(n_embd)),
    WEIGHTS_FUSED_ATTN,
    PART(FFN_GATE, "blk.%u.ffn_gate", "blk.%u.ffn_up", n_gate_up, NONE, D1(n_ff)),
    PART(FFN_UP, "blk.%u.ffn_up", "blk.%u.ffn_up", n_gate_up, FFN_GATE, D1(n_ff)),
    LINEAR_UNSCALED(FFN_DOWN, "blk.%u.ffn_down", D1(n_embd), D1(n_ff)),
    WEIGHTS_CLS,
    WEIGHT(CLS_NORM, "cls.norm", .rows = D1(n_embd), .optional = true, .when = HTH_L_RANKING_WITH),
    WEIGHTS_CLS_OUT,
    WEIGHTS_END,
};

static const HthArchOp head[] = {
    OP(X, EMBED, NONE, NONE, NONE, TOK_EMBD),
    OP(X, LAYERNORM, X, NONE, NONE, EMBD_NORM),
    OP_END,
};

static const HthArchOp layer[] = {
    OPS_NORM(LAYERNORM, ATTN_NORM),
    OPS_QKV,
    OPS_ROPE,
    OPS_ATTEND,
    OPS_RESIDUAL,
    OPS_NORM(LAYERNORM, FFN_NORM),
    OPS_GATED_ON(GELU, GEGLU),
    OPS_GATED_ON(SILU, SWIGLU),
    OPS_RESIDUAL,
    OP_END,
};

static const HthArchOp tail[] = {
    OPS_NORM(LAYERNORM, OUT_NORM),
    OP(LOGITS, COPY, H, NONE, NONE, NONE),
    OP_END,
};

static const HthArchOp rank[] = {
    OP_ON(RANKING_WITH, H, LINEAR, H, NONE, NONE, CLS),
    OP_ON(RANKING_WITH, H, GELU, H, NONE, NONE, NONE),
    OP_ON(RANKING_WITH, H, LAYERNORM, H, NONE, NONE, CLS_NORM),
    OP(LOGITS, LINEAR, H, NONE, NONE, CLS_OUT),
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_modern_bert = { ARCH("modern-bert", true, weights, layer),
                                       .head = head,
                                       .tail = tail,
                                       .rank = rank,
                                       .rank_of = HTH_POOL_MEAN,
                                       .asks = "cls.weight",
                                       .plain_window = true,
                                       .mean_norm = true,
                                       .whole = true };

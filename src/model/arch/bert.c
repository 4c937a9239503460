/* bert.c - bert - an encoder: rows see both ways, norms stand after what was added, positions have
 * a row each.  BGE, E5, MiniLM, Arctic; rerankers that score a first row.
 *
 * Token types are those of the first text, as in the reference runtime.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = { PARAMS_SIZES, PARAMS_LAYERNORM, PARAMS_ROPE, PARAMS_END };

/* clang-format off */
static const HthArchWeight weights[] = {
    WEIGHTS_ENCODER,
    WEIGHT(POS_EMBD, "position_embd", .rows = D1(n_ctx_train), .cols = D1(n_embd)),
    LINEAR_UNSCALED(FFN_UP, "blk.%u.ffn_up", D1(n_ff), D1(n_embd)),
    LINEAR_UNSCALED(FFN_DOWN, "blk.%u.ffn_down", D1(n_embd), D1(n_ff)),
    WEIGHTS_CLS,
    WEIGHTS_CLS_OUT,
    WEIGHTS_END,
};

static const HthArchOp head[] = {
    OP(X, EMBED, NONE, NONE, NONE, TOK_EMBD),
    OP(X, TYPE, X, NONE, NONE, TOK_TYPES),
    OP(X, PLACE, X, NONE, NONE, POS_EMBD),
    OP(X, LAYERNORM, X, NONE, NONE, EMBD_NORM),
    OP_END,
};

static const HthArchOp layer[] = {
    OPS_QKV_OF(X),
    OPS_ATTEND,
    OPS_RESIDUAL,
    OP(X, LAYERNORM, X, NONE, NONE, ATTN_OUT_NORM),
    OPS_PLAIN_OF(X, GELU, H),
    OPS_RESIDUAL,
    OP(X, LAYERNORM, X, NONE, NONE, LAYER_OUT_NORM),
    OP_END,
};

static const HthArchOp rank[] = {
    OP_ON(RANKING_WITH, H, LINEAR, X, NONE, NONE, CLS),
    OP_ON(RANKING_WITH, H, TANH, H, NONE, NONE, NONE),
    OP_ON(RANKING_WITH, LOGITS, LINEAR, H, NONE, NONE, CLS_OUT),
    OP_ON(RANKING_WITHOUT, LOGITS, LINEAR, X, NONE, NONE, CLS_OUT),
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_bert = { ARCH("bert", false, weights, layer),
                                .head = head,
                                .tail = hth_arch_rows_output,
                                .rank = rank,
                                .rank_of = HTH_POOL_CLS,
                                .asks = "cls.weight",
                                .mean_norm = true,
                                .whole = true };

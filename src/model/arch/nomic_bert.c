/* nomic_bert.c - nomic-bert - bert that rotates instead of adding positions, with gated
 * feed-forward blocks.  Nomic Embed 1 and 1.5.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = { PARAMS_SIZES, PARAMS_LAYERNORM, PARAMS_ROPE, PARAMS_END };

/* clang-format off */
static const HthArchWeight weights[] = {
    WEIGHTS_ENCODER,
    WEIGHTS_GATED(LINEAR_UNSCALED),
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
    OPS_ROPE,
    OPS_ATTEND,
    OPS_RESIDUAL,
    OP(X, LAYERNORM, X, NONE, NONE, ATTN_OUT_NORM),
    OPS_GATED_OF(X, SWIGLU),
    OPS_RESIDUAL,
    OP(X, LAYERNORM, X, NONE, NONE, LAYER_OUT_NORM),
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_nomic_bert = { ARCH("nomic-bert", true, weights, layer), .head = head,
                                      .tail = hth_arch_rows_output, .mean_norm = true,
                                      .whole = true };

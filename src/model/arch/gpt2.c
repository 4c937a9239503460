/* gpt2.c - gpt2 - positions have a row each that is added to the token's; nothing rotates.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = { PARAMS_SIZES, PARAMS_LAYERNORM, PARAMS_ROPE, PARAMS_END };

/* clang-format off */
static const HthArchWeight weights[] = {
    WEIGHT(POS_EMBD, "position_embd", .rows = D1(n_ctx_train), .cols = D1(n_embd)),
    WEIGHTS_MEAN,
    WEIGHTS_END,
};

static const HthArchOp head[] = {
    OP(X, EMBED, NONE, NONE, NONE, TOK_EMBD),
    OP(X, PLACE, X, NONE, NONE, POS_EMBD),
    OP_END,
};

static const HthArchOp layer[] = {
    OPS_NORM(LAYERNORM, ATTN_NORM),
    OPS_QKV,
    OPS_ATTEND,
    OPS_RESIDUAL,
    OPS_NORM(LAYERNORM, FFN_NORM),
    OPS_PLAIN_OF(H, GELU, H),
    OPS_RESIDUAL,
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_gpt2 = { ARCH("gpt2", false, weights, layer), .head = head,
                                .tail = hth_arch_mean_output, .mean_norm = true };

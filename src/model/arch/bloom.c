/* bloom.c - bloom - gpt2 whose scores fall with the distance instead of positions that are learnt;
 * the embedding has a norm of its own.  BLOOM, BLOOMZ.
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
    VECTOR(EMBD_NORM, "token_embd_norm", D1(n_embd)),
    BIAS(EMBD_NORM, "token_embd_norm", D1(n_embd)),
    WEIGHTS_MEAN,
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
    OPS_ATTEND,
    OPS_RESIDUAL,
    OPS_NORM(LAYERNORM, FFN_NORM),
    OPS_PLAIN_OF(H, GELU, H),
    OPS_RESIDUAL,
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_bloom = { ARCH("bloom", false, weights, layer), .head = head,
                                 .tail = hth_arch_mean_output, .mean_norm = true };

/* common.c - the beginning and the end that nearly all architectures share; the plain layer.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

/* clang-format off */
const HthArchOp hth_arch_embed[] = { OP(X, EMBED, NONE, NONE, NONE, TOK_EMBD), OP_END };

const HthArchOp hth_arch_scaled_embed[] = {
    OP(X, EMBED, NONE, NONE, NONE, TOK_EMBD),
    OP_SCALE(X, embd_scale),
    OP_END,
};

const HthArchOp hth_arch_rms_output[] = {
    OPS_NORM(RMSNORM, OUT_NORM),
    OP(LOGITS, LINEAR, H, NONE, NONE, OUTPUT),
    OP_END,
};

const HthArchOp hth_arch_mean_output[] = {
    OPS_NORM(LAYERNORM, OUT_NORM),
    OP(LOGITS, LINEAR, H, NONE, NONE, OUTPUT),
    OP_END,
};

/* Of encoders: what pooling takes. */
const HthArchOp hth_arch_rows_output[] = { OP(LOGITS, COPY, X, NONE, NONE, NONE), OP_END };

const HthArchOp hth_arch_plain_layer[] = {
    OPS_NORM(RMSNORM, ATTN_NORM),
    OPS_QKV,
    OPS_ROPE,
    OPS_ATTEND,
    OPS_RESIDUAL,
    OPS_NORM(RMSNORM, FFN_NORM),
    OPS_GATED(SWIGLU),
    OPS_RESIDUAL,
    OP_END,
};

/* The same, with a factor on what each block adds. */
const HthArchOp hth_arch_scaled_layer[] = {
    OPS_NORM(RMSNORM, ATTN_NORM),
    OPS_QKV,
    OPS_ROPE,
    OPS_ATTEND,
    OP_SCALE(H, residual_scale),
    OPS_RESIDUAL,
    OPS_NORM(RMSNORM, FFN_NORM),
    OPS_GATED(SWIGLU),
    OP_SCALE(H, residual_scale),
    OPS_RESIDUAL,
    OP_END,
};

const HthArchWeight hth_arch_plain_weights[] = {
    WEIGHTS_ENDS,
    WEIGHTS_PRE_NORMS,
    WEIGHTS_ATTN,
    WEIGHTS_GATED(LINEAR_UNSCALED),
    WEIGHTS_END,
};

const HthArchWeight hth_arch_fused_weights[] = {
    WEIGHTS_ENDS,
    WEIGHTS_PRE_NORMS,
    WEIGHTS_FUSED_ATTN,
    WEIGHTS_GATED(LINEAR_UNSCALED),
    WEIGHTS_END,
};

const HthArchWeight hth_arch_mean_weights[] = { WEIGHTS_MEAN, WEIGHTS_END };
/* clang-format on */

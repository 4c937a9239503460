/* granitemoe.c - granitemoe - granite with experts, some models with one more that every token goes
 * to.  Granite 3 1B-A400M, 3B-A800M; Granite 4 with attention alone.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = {
    PARAMS_COMMON,
    PARAMS_EXPERTS,
    PARAM_SHARED,
    PARAMS_ROPE,
    { "embedding_scale", FLD(embd_scale), HTH_P_F32, 0 },
    { "residual_scale", FLD(residual_scale), HTH_P_F32, 0 },
    { "attention.scale", FLD(attn_scale), HTH_P_F32, 0 },
    { "logit_scale", FLD(logit_scale), HTH_P_F32, 0 },
    PARAMS_END,
};

/* clang-format off */
static const HthArchWeight weights[] = {
    WEIGHTS_ENDS,
    VECTOR_OR_NONE(ROPE_FREQS, "rope_freqs", D1(n_pair)),
    WEIGHTS_PRE_NORMS,
    WEIGHTS_ATTN,
    WEIGHTS_EXPERTS(EACH),
    WEIGHTS_SHARED_ON(SHARED),
    WEIGHTS_END,
};

static const HthArchOp layer[] = {
    OPS_NORM(RMSNORM, ATTN_NORM),
    OPS_QKV,
    OPS_ROPE,
    OPS_ATTEND,
    OP_SCALE(H, residual_scale),
    OPS_RESIDUAL,
    OPS_NORM(RMSNORM, FFN_NORM),
    OPS_EXPERTS_ON(ALL, S, SWIGLU),
    OPS_SHARED_ON(SHARED),
    OP_ON(SHARED, S, ADD, S, H, NONE, NONE),
    OP_SCALE(S, residual_scale),
    OP(X, ADD, X, S, NONE, NONE),
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_granitemoe = {
    ARCH("granitemoe", false, weights, layer),
    .head = hth_arch_scaled_embed,
    .tail = hth_arch_rms_output,
    .gate = HTH_EXPERTS_BY_SOFTMAX,
    .gate_norm = true,
};

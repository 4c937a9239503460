/* mistral3.c - mistral3 - llama whose queries may grow with the position: Mistral Small 3.x,
 * Ministral 3, Devstral.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = {
    PARAMS_COMMON,
    PARAMS_ROPE,
    { "attention.scale", FLD(attn_scale), HTH_P_F32, 0 },
    { "attention.temperature_scale", FLD(temperature), HTH_P_F32, 0 },
    PARAMS_END,
};

/* clang-format off */
static const HthArchWeight weights[] = {
    WEIGHTS_ENDS,
    VECTOR_OR_NONE(ROPE_FREQS, "rope_freqs", D1(n_pair)),
    WEIGHTS_PRE_NORMS,
    WEIGHTS_FUSED_ATTN,
    WEIGHTS_GATED(LINEAR_SCALED_LAST),
    WEIGHTS_END,
};

static const HthArchOp layer[] = {
    OPS_NORM(RMSNORM, ATTN_NORM),
    OPS_QKV,
    OPS_ROPE,
    OP(Q, TEMPER, Q, NONE, NONE, NONE),
    OPS_ATTEND,
    OPS_RESIDUAL,
    OPS_NORM(RMSNORM, FFN_NORM),
    OPS_GATED(SWIGLU),
    OPS_RESIDUAL,
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_mistral3 = { ARCH("mistral3", false, weights, layer), .head = hth_arch_embed,
                                    .tail = hth_arch_rms_output };

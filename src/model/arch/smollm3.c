/* smollm3.c - smollm3 - llama whose every fourth layer does not rotate.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = {
    PARAMS_COMMON,
    PARAMS_ROPE,
    { "no_rope_layer_step", FLD(nope_step), HTH_P_U32, 4 },
    PARAMS_END,
};

/* clang-format off */
static const HthArchOp layer[] = {
    OPS_NORM(RMSNORM, ATTN_NORM),
    OPS_QKV,
    OPS_ROPE_SOME,
    OPS_ATTEND,
    OPS_RESIDUAL,
    OPS_NORM(RMSNORM, FFN_NORM),
    OPS_GATED(SWIGLU),
    OPS_RESIDUAL,
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_smollm3 = { ARCH("smollm3", false, hth_arch_plain_weights, layer),
                                   .head = hth_arch_embed, .tail = hth_arch_rms_output };

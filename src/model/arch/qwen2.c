/* qwen2.c - qwen2 - llama with biases on Q, K, V and NEOX rotation.  Qwen 1.5 to 2.5, dense only.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = { PARAMS_COMMON, PARAMS_ROPE, PARAMS_END };

/* clang-format off */
static const HthArchWeight weights[] = {
    WEIGHTS_ENDS,
    WEIGHTS_PRE_NORMS,
    WEIGHTS_ATTN,
    WEIGHTS_GATED(LINEAR_UNSCALED),
    WEIGHTS_END,
};

static const HthArchOp layer[] = {
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
/* clang-format on */

const HthArch hth_arch_qwen2 = { ARCH("qwen2", true), .head = hth_arch_embed,
                                 .tail = hth_arch_rms_output };

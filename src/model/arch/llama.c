/* llama.c - llama - Llama 1 to 3, Mistral and the many models of that shape; Mixtral.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = { PARAMS_COMMON, PARAMS_ROPE, PARAMS_END };

/* clang-format off */
static const HthArchWeight weights[] = {
    WEIGHTS_ENDS,
    VECTOR_OR_NONE(ROPE_FREQS, "rope_freqs", D1(n_pair)), /* llama 3 */
    WEIGHTS_PRE_NORMS,
    WEIGHTS_ATTN,
    WEIGHTS_GATED(LINEAR_SCALED_LAST),
    WEIGHTS_END,
};
/* clang-format on */

/* clang-format off */
static const HthArchParam expert_params[] = {
    PARAMS_COMMON,
    PARAMS_EXPERTS,
    PARAMS_ROPE,
    PARAMS_END,
};

static const HthArchWeight expert_weights[] = {
    WEIGHTS_ENDS,
    VECTOR_OR_NONE(ROPE_FREQS, "rope_freqs", D1(n_pair)),
    WEIGHTS_PRE_NORMS,
    WEIGHTS_ATTN,
    WEIGHTS_EXPERTS(EACH_SCALED),
    WEIGHTS_END,
};

static const HthArchOp expert_layer[] = {
    OPS_NORM(RMSNORM, ATTN_NORM),
    OPS_QKV,
    OPS_ROPE,
    OPS_ATTEND,
    OPS_RESIDUAL,
    OPS_NORM(RMSNORM, FFN_NORM),
    OPS_EXPERTS(SWIGLU),
    OPS_RESIDUAL,
    OP_END,
};
/* clang-format on */

static const HthArch with_experts = { .name = "llama",
                                      .params = expert_params,
                                      .weights = expert_weights,
                                      .head = hth_arch_embed,
                                      .layer = expert_layer,
                                      .tail = hth_arch_rms_output,
                                      .gate = HTH_EXPERTS_BY_SOFTMAX,
                                      .gate_norm = true };

const HthArch hth_arch_llama = { ARCH("llama", false, weights, hth_arch_plain_layer),
                                 .head = hth_arch_embed, .tail = hth_arch_rms_output,
                                 .experts = &with_experts };

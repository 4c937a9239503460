/* mistral3.c - mistral3 - llama by another name: Mistral Small 3.x, Ministral 3, Devstral.
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
/* clang-format on */

const HthArch hth_arch_mistral3 = { ARCH("mistral3", false, weights, hth_arch_plain_layer),
                                    .head = hth_arch_embed, .tail = hth_arch_rms_output };

/* minicpm.c - minicpm - llama whose embeddings, blocks and logits are scaled.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = {
    PARAMS_COMMON,
    PARAMS_ROPE,
    { "embedding_scale", FLD(embd_scale), HTH_P_F32, REQUIRED },
    { "residual_scale", FLD(residual_scale), HTH_P_F32, REQUIRED },
    { "logit_scale", FLD(logit_scale), HTH_P_F32, REQUIRED },
    PARAMS_END,
};

/* clang-format off */
static const HthArchWeight weights[] = {
    WEIGHTS_ENDS,
    VECTOR_OR_NONE(ROPE_FREQS, "rope_freqs", D1(n_pair)),
    VECTOR_OR_NONE(ROPE_LONG, "rope_factors_long", D1(n_pair)),
    VECTOR_OR_NONE(ROPE_SHORT, "rope_factors_short", D1(n_pair)),
    WEIGHTS_PRE_NORMS,
    WEIGHTS_FUSED_ATTN,
    WEIGHTS_GATED(LINEAR_UNSCALED),
    WEIGHTS_END,
};
/* clang-format on */

const HthArch hth_arch_minicpm = { ARCH("minicpm", false, weights, hth_arch_scaled_layer),
                                   .head = hth_arch_scaled_embed, .tail = hth_arch_rms_output };

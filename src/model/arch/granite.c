/* granite.c - granite - llama with factors on embeddings, blocks, scores and logits.  Granite 3,
 * dense.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = {
    PARAMS_COMMON,
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
    WEIGHTS_GATED(LINEAR_UNSCALED),
    WEIGHTS_END,
};
/* clang-format on */

const HthArch hth_arch_granite = { ARCH("granite", false, weights, hth_arch_scaled_layer),
                                   .tail = hth_arch_rms_output, .head = hth_arch_scaled_embed };

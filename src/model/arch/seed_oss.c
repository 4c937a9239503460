/* seed_oss.c - seed_oss - llama with biases on Q, K and V, whose second norm has another name.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = {
    PARAMS_COMMON,
    PARAMS_ROPE,
    { "attention.scale", FLD(attn_scale), HTH_P_F32, 0 },
    PARAMS_END,
};

/* clang-format off */
static const HthArchWeight weights[] = {
    WEIGHTS_ENDS,
    VECTOR(ATTN_NORM, "blk.%u.attn_norm", D1(n_embd)),
    VECTOR(FFN_NORM, "blk.%u.post_attention_norm", D1(n_embd)),
    WEIGHTS_FUSED_ATTN,
    WEIGHTS_GATED(LINEAR_UNSCALED),
    WEIGHTS_END,
};
/* clang-format on */

const HthArch hth_arch_seed_oss = { ARCH("seed_oss", true, weights, hth_arch_plain_layer),
                                    .head = hth_arch_embed, .tail = hth_arch_rms_output };

/* nemotron.c - nemotron - norms by mean and deviation, a feed-forward block whose values are cut at
 * zero and squared.  Nemotron 3 and 4, Minitron.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = { PARAMS_SIZES, PARAMS_LAYERNORM, PARAMS_ROPE, PARAMS_END };

/* clang-format off */
static const HthArchOp layer[] = {
    OPS_NORM(LAYERNORM, ATTN_NORM),
    OPS_QKV,
    OPS_ROPE,
    OPS_ATTEND,
    OPS_RESIDUAL,
    OPS_NORM(LAYERNORM, FFN_NORM),
    OPS_PLAIN_OF(H, RELU2, H),
    OPS_RESIDUAL,
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_nemotron = { ARCH("nemotron", true, hth_arch_mean_weights, layer),
                                    .head = hth_arch_embed, .tail = hth_arch_mean_output,
                                    .mean_norm = true };

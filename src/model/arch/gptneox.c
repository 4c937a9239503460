/* gptneox.c - gptneox - norms by mean and deviation, biases everywhere, a feed-forward block
 * without a gate, beside attention or after it.  Pythia, GPT-NeoX, RedPajama.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = {
    PARAMS_SIZES, PARAMS_LAYERNORM,
    PARAMS_ROPE,  { "use_parallel_residual", FLD(with), HTH_P_BOOL, 1 },
    PARAMS_END,
};

/* clang-format off */
static const HthArchOp layer[] = {
    OPS_NORM(LAYERNORM, ATTN_NORM),
    OPS_QKV,
    OPS_ROPE,
    OPS_ATTEND,
    OP_ON(WITHOUT, X, ADD, X, H, NONE, NONE),
    OP(S, LAYERNORM, X, NONE, NONE, FFN_NORM),
    OPS_PLAIN_OF(S, GELU, S),
    OP(X, ADD, X, S, NONE, NONE),
    OP_ON(WITH, X, ADD, X, H, NONE, NONE),
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_gptneox = { ARCH("gptneox", true, hth_arch_mean_weights, layer),
                                   .head = hth_arch_embed, .tail = hth_arch_mean_output,
                                   .mean_norm = true };

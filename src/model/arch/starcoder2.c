/* starcoder2.c - starcoder2 - norms by mean and deviation, biases everywhere, and a feed-forward
 * block without a gate.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = { PARAMS_SIZES, PARAMS_LAYERNORM, PARAMS_ROPE, PARAMS_END };

/* clang-format off */
static const HthArchWeight weights[] = {
    WEIGHTS_ENDS,
    BIAS(OUT_NORM, "output_norm", D1(n_embd)),
    WEIGHTS_PRE_NORMS,
    BIAS(ATTN_NORM, "blk.%u.attn_norm", D1(n_embd)),
    BIAS(FFN_NORM, "blk.%u.ffn_norm", D1(n_embd)),
    WEIGHTS_ATTN,
    LINEAR_UNSCALED(FFN_UP, "blk.%u.ffn_up", D1(n_ff), D1(n_embd)),
    LINEAR_UNSCALED(FFN_DOWN, "blk.%u.ffn_down", D1(n_embd), D1(n_ff)),
    WEIGHTS_END,
};

static const HthArchOp layer[] = {
    OPS_NORM(LAYERNORM, ATTN_NORM),
    OPS_QKV,
    OPS_ROPE,
    OPS_ATTEND,
    OPS_RESIDUAL,
    OPS_NORM(LAYERNORM, FFN_NORM),
    OP(U, LINEAR, H, NONE, NONE, FFN_UP),
    OP(U, GELU, U, NONE, NONE, NONE),
    OP(H, LINEAR, U, NONE, NONE, FFN_DOWN),
    OPS_RESIDUAL,
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_starcoder2 = { ARCH("starcoder2", true, weights, layer),
                                      .head = hth_arch_embed, .tail = hth_arch_mean_output,
                                      .mean_norm = true };

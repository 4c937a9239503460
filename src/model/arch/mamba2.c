/* mamba2.c - mamba2 - the selective scan in every layer, and nothing else: no attention, no
 * feed-forward block, nothing rotates.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = {
    { "block_count", FLD(n_layer), HTH_P_SIZE, REQUIRED },
    { "context_length", FLD(n_ctx_train), HTH_P_SIZE, REQUIRED },
    { "embedding_length", FLD(n_embd), HTH_P_SIZE, REQUIRED },
    { "attention.layer_norm_rms_epsilon", FLD(norm_eps), HTH_P_F32, REQUIRED },
    PARAMS_ROPE,
    PARAMS_SSM,
    PARAMS_END,
};

/* clang-format off */
static const HthArchWeight weights[] = {
    WEIGHTS_ENDS,
    VECTOR(ATTN_NORM, "blk.%u.attn_norm", D1(n_embd)),
    WEIGHTS_SCAN_ON(ALL),
    WEIGHTS_END,
};

static const HthArchOp layer[] = {
    OPS_NORM(RMSNORM, ATTN_NORM),
    OPS_SCAN_ON(ALL),
    OPS_RESIDUAL,
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_mamba2 = { ARCH("mamba2", false, weights, layer), .head = hth_arch_embed,
                                  .tail = hth_arch_rms_output, .all_states = true };

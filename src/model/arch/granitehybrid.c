/* granitehybrid.c - granitehybrid - granite, of whose layers most have the selective scan instead
 * of attention, which does not rotate where the file says so; with experts or without.  Granite 4.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

#define PARAMS_GRANITE                                                                             \
    PARAMS_ROPE, PARAMS_SSM, { "rope.scaling.finetuned", FLD(with), HTH_P_BOOL, 1 },               \
        { "embedding_scale", FLD(embd_scale), HTH_P_F32, 0 },                                      \
        { "residual_scale", FLD(residual_scale), HTH_P_F32, 0 },                                   \
        { "attention.scale", FLD(attn_scale), HTH_P_F32, 0 }, {                                    \
        "logit_scale", FLD(logit_scale), HTH_P_F32, 0                                              \
    }

static const HthArchParam params[] = {
    PARAMS_HYBRID(REQUIRED),
    { "expert_count", FLD(n_expert), HTH_P_U32, 0 },
    PARAMS_GRANITE,
    PARAMS_END,
};

/* clang-format off */
#define WEIGHTS_BEFORE \
    WEIGHTS_ENDS, \
    VECTOR_OR_NONE(ROPE_FREQS, "rope_freqs", D1(n_pair)), \
    WEIGHTS_PRE_NORMS, \
    LINEAR_ON(ATTENDING, ATTN_Q, "blk.%u.attn_q", D2(n_head, head_dim), D1(n_embd)), \
    LINEAR_ON(ATTENDING, ATTN_K, "blk.%u.attn_k", D2(n_head_kv, head_dim), D1(n_embd)), \
    LINEAR_ON(ATTENDING, ATTN_V, "blk.%u.attn_v", D2(n_head_kv, head_dim_v), D1(n_embd)), \
    LINEAR_ON(ATTENDING, ATTN_O, "blk.%u.attn_output", D1(n_embd), D2(n_head, head_dim_v)), \
    WEIGHTS_SCAN_ON(RECURRENT)
#define OPS_BEFORE \
    OPS_NORM(RMSNORM, ATTN_NORM), \
    OPS_SCAN_ON(RECURRENT), \
    OP_ON(ATTENDING, Q, LINEAR, H, NONE, NONE, ATTN_Q), \
    OP_ON(ATTENDING, K, LINEAR, H, NONE, NONE, ATTN_K), \
    OP_ON(ATTENDING, V, LINEAR, H, NONE, NONE, ATTN_V), \
    OP_ON(ATTENDING_WITH, Q, ROPE, Q, NONE, NONE, NONE), \
    OP_ON(ATTENDING_WITH, K, ROPE, K, NONE, NONE, NONE), \
    OP_ON(ATTENDING, H, ATTEND, Q, K, V, NONE), \
    OP_ON(ATTENDING, H, LINEAR, H, NONE, NONE, ATTN_O), \
    OP_SCALE(H, residual_scale), \
    OPS_RESIDUAL, \
    OPS_NORM(RMSNORM, FFN_NORM)

static const HthArchWeight weights[] = {
    WEIGHTS_BEFORE,
    WEIGHTS_GATED(LINEAR_UNSCALED),
    WEIGHTS_END,
};

static const HthArchOp layer[] = {
    OPS_BEFORE,
    OPS_GATED(SWIGLU),
    OP_SCALE(H, residual_scale),
    OPS_RESIDUAL,
    OP_END,
};

static const HthArchParam expert_params[] = {
    PARAMS_HYBRID(0),
    PARAMS_EXPERTS,
    PARAM_SHARED,
    PARAMS_GRANITE,
    PARAMS_END,
};

static const HthArchWeight expert_weights[] = {
    WEIGHTS_BEFORE,
    WEIGHTS_EXPERTS(EACH),
    WEIGHTS_SHARED_ON(SHARED),
    WEIGHTS_END,
};

static const HthArchOp expert_layer[] = {
    OPS_BEFORE,
    OPS_EXPERTS_ON(ALL, S, SWIGLU),
    OPS_SHARED_ON(SHARED),
    OP_ON(SHARED, S, ADD, S, H, NONE, NONE),
    OP_SCALE(S, residual_scale),
    OP(X, ADD, X, S, NONE, NONE),
    OP_END,
};
/* clang-format on */

static const HthArch with_experts = { .name = "granitehybrid",
                                      .params = expert_params,
                                      .weights = expert_weights,
                                      .head = hth_arch_scaled_embed,
                                      .layer = expert_layer,
                                      .tail = hth_arch_rms_output,
                                      .gate = HTH_EXPERTS_BY_SOFTMAX,
                                      .gate_norm = true };

const HthArch hth_arch_granitehybrid = { ARCH("granitehybrid", false, weights, layer),
                                         .head = hth_arch_scaled_embed, .tail = hth_arch_rms_output,
                                         .experts = &with_experts };

/* llama4.c - llama4 - three of four layers see a chunk and rotate, with a norm on every head of Q
 * and K after it; the fourth sees all, and its queries grow with the position.  Every so many
 * layers have experts, weighed before what they do, and one that every token goes to.  Scout,
 * Maverick.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = {
    PARAMS_COMMON,
    PARAMS_EXPERTS,
    PARAMS_ROPE,
    { "interleave_moe_layer_step", FLD(moe_step), HTH_P_SIZE, REQUIRED },
    { "expert_shared_count", FLD(n_shared), HTH_P_SIZE, 1 },
    { "expert_weights_scale", FLD(gate_scale), HTH_P_F32, 0 },
    { "attention.sliding_window", FLD(window), HTH_P_SIZE, 0 },
    { "attention.sliding_window_pattern", FLD(windowed), HTH_P_WINDOWED, 4 },
    { "no_rope_layer_step", FLD(nope_step), HTH_P_U32, 4 },
    { "rope.freq_base_swa", FLD(rope_base_window), HTH_P_F32, 0 },
    { "attention.temperature_scale", FLD(temperature), HTH_P_F32, 0.1 },
    { "attention.temperature_length", FLD(temper_floor), HTH_P_U32, 8192 },
    PARAMS_END,
};

/* clang-format off */
static const HthArchWeight weights[] = {
    WEIGHTS_ENDS,
    VECTOR_OR_NONE(ROPE_FREQS, "rope_freqs", D1(n_pair)),
    WEIGHTS_PRE_NORMS,
    WEIGHTS_FUSED_ATTN,
    WEIGHTS_GATED_ON(DENSE),
    WEIGHTS_EXPERTS_ON(EXPERTS, EACH),
    WEIGHTS_SHARED_ON(EXPERTS),
    WEIGHTS_END,
};

static const HthArchOp layer[] = {
    OPS_NORM(RMSNORM, ATTN_NORM),
    OPS_QKV,
    OPS_ROPE_SOME,
    OP_ON(STILL, Q, TEMPER, Q, NONE, NONE, NONE),
    OP_ON(ROTATING_WITH, Q, UNIT_HEADNORM, Q, NONE, NONE, NONE),
    OP_ON(ROTATING_WITH, K, UNIT_HEADNORM, K, NONE, NONE, NONE),
    OPS_ATTEND,
    OPS_RESIDUAL,
    OPS_NORM(RMSNORM, FFN_NORM),
    OPS_GATED_ON(DENSE, SWIGLU),
    OP_ON(EXPERTS, R, LINEAR, H, NONE, NONE, ROUTER),
    OP_ON(EXPERTS, R, ROUTE, R, NONE, NONE, ROUTER_CHOICE_B),
    OP_ON(EXPERTS, S, EXPERTS_SPREAD, H, R, NONE, NONE),
    OP_ON(EXPERTS, G, EXPERTS_EACH, S, R, NONE, EXP_GATE),
    OP_ON(EXPERTS, U, EXPERTS_EACH, S, R, NONE, EXP_UP),
    OP_ON(EXPERTS, G, SWIGLU, G, U, NONE, NONE),
    OP_ON(EXPERTS, G, EXPERTS_EACH, G, R, NONE, EXP_DOWN),
    OP_ON(EXPERTS, S, EXPERTS_ADD, G, NONE, NONE, NONE),
    OPS_SHARED_ON(EXPERTS),
    OP_ON(EXPERTS, H, ADD, S, H, NONE, NONE),
    OPS_RESIDUAL,
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_llama4 = {
    ARCH("llama4", false, weights, layer),
    .head = hth_arch_embed,
    .tail = hth_arch_rms_output,
    .gate = HTH_EXPERTS_BY_SIGMOID,
    .gate_by_score = true,
    .with_but = 128,
    .window = 8192,
    .chunked = true,
    .temper_next = true,
};

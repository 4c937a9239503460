/* deepseek2.c - deepseek2 - keys and values of all heads in one latent row, into which queries are
 * absorbed; experts among groups, and some that every token goes to.  DeepSeek V2, V3, R1, Kimi K2,
 * GLM 4.7 Flash.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = {
    PARAMS_COMMON,
    PARAMS_EXPERTS,
    PARAMS_ROUTER,
    PARAMS_ROPE,
    { "attention.kv_lora_rank", FLD(n_latent), HTH_P_SIZE, REQUIRED },
    { "attention.q_lora_rank", FLD(n_q_latent), HTH_P_U32, 0 },
    { "attention.key_length_mla", FLD(mla_dim), HTH_P_U32, 0 },
    { "attention.value_length_mla", FLD(mla_dim_v), HTH_P_U32, 0 },
    { "attention.temperature_scale", FLD(temperature), HTH_P_F32, 0 },
    { "attention.temperature_length", FLD(temper_floor), HTH_P_U32, 0 },
    PARAMS_END,
};

/* clang-format off */
/* A row on some layers only. */
#define ON(which, slot, name_, r_, c_) \
    WEIGHT(slot, name_, .rows = r_, .cols = c_, .when = HTH_L_##which)
static const HthArchWeight weights[] = {
    WEIGHTS_ENDS,
    WEIGHTS_PRE_NORMS,
    ON(Q_WHOLE, ATTN_Q, "blk.%u.attn_q", D2(n_head, mla_dim), D1(n_embd)),
    ON(Q_LATENT, Q_DOWN, "blk.%u.attn_q_a", D1(n_q_latent), D1(n_embd)),
    WEIGHT(Q_DOWN_NORM, "blk.%u.attn_q_a_norm", .rows = D1(n_q_latent), .when = HTH_L_Q_LATENT),
    ON(Q_LATENT, Q_UP, "blk.%u.attn_q_b", D2(n_head, mla_dim), D1(n_q_latent)),
    ON(ALL, KV_DOWN, "blk.%u.attn_kv_a_mqa", D1(head_dim), D1(n_embd)),
    VECTOR(KV_DOWN_NORM, "blk.%u.attn_kv_a_norm", D1(n_latent)),
    WEIGHT(K_UP, "blk.%u.attn_k_b", .rows = D1(n_latent), .cols = D1(mla_plain),
           .count = FLD(n_head)),
    WEIGHT(V_UP, "blk.%u.attn_v_b", .rows = D1(mla_dim_v), .cols = D1(n_latent),
           .count = FLD(n_head)),
    LINEAR(ATTN_O, "blk.%u.attn_output", D1(n_embd), D2(n_head, mla_dim_v)),
    WEIGHTS_GATED_ON(DENSE),
    WEIGHTS_ROUTER_ON(EXPERTS),
    EXP_PART(EXPERTS, EXP_GATE, "blk.%u.ffn_gate_exps", NONE),
    EXP_PART(EXPERTS, EXP_UP, "blk.%u.ffn_up_exps", EXP_GATE),
    EACH(EXPERTS, EXP_DOWN, "blk.%u.ffn_down_exps", n_expert, D1(n_embd), D1(n_ff_exp)),
    WEIGHTS_SHARED_ON(EXPERTS),
    WEIGHTS_END,
};

static const HthArchOp layer[] = {
    OPS_NORM(RMSNORM, ATTN_NORM),
    OP_ON(Q_WHOLE, Q, LINEAR, H, NONE, NONE, ATTN_Q),
    OP_ON(Q_LATENT, Q, LINEAR, H, NONE, NONE, Q_DOWN),
    OP(K, LINEAR, H, NONE, NONE, KV_DOWN),
    OP_ON(Q_LATENT, Q, RMSNORM, Q, NONE, NONE, Q_DOWN_NORM),
    OP_ON(Q_LATENT, Q, LINEAR, Q, NONE, NONE, Q_UP),
    OP(Q, HEADS, Q, NONE, NONE, K_UP),
    OP(K, FIRSTNORM, K, NONE, NONE, KV_DOWN_NORM),
    OPS_ROPE,
    OP(Q, TEMPER, Q, NONE, NONE, NONE),
    OP(H, ATTEND, Q, K, K, NONE), /* values are the keys' first part */
    OP(H, HEADS, H, NONE, NONE, V_UP),
    OP(H, LINEAR, H, NONE, NONE, ATTN_O),
    OPS_RESIDUAL,
    OPS_NORM(RMSNORM, FFN_NORM),
    OPS_GATED_ON(DENSE, SWIGLU),
    OPS_EXPERTS_ON(EXPERTS, S, SWIGLU),
    OPS_SHARED_ON(EXPERTS),
    OP_ON(EXPERTS, H, ADD, S, H, NONE, NONE),
    OPS_RESIDUAL,
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_deepseek2 = {
    ARCH("deepseek2", false, weights, layer),
    .head = hth_arch_embed,
    .tail = hth_arch_rms_output,
    .latent = true,
    .gate = HTH_EXPERTS_BY_SOFTMAX,
};

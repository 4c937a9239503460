/* gemma4.c - gemma4 - gemma3 with a norm on values too and scores as they are; windowed layers have
 * heads of their own, the last layers read the keys and values of others, and layers may have
 * numbers of their own of each token.  With experts beside the plain block, or without.  Gemma 4.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

/* clang-format off */
#define PARAMS_GEMMA4 \
    { "block_count", FLD(n_layer), HTH_P_SIZE, REQUIRED }, \
    { "context_length", FLD(n_ctx_train), HTH_P_SIZE, REQUIRED }, \
    { "embedding_length", FLD(n_embd), HTH_P_SIZE, REQUIRED }, \
    { "attention.sliding_window", FLD(window), HTH_P_SIZE, REQUIRED }, \
    { "attention.sliding_window_pattern", FLD(windowed), HTH_P_WINDOWED, 6 }, \
    { "attention.shared_kv_layers", FLD(n_borrow), HTH_P_U32, 0 }, \
    { "feed_forward_length", FLD(n_ff), HTH_P_SIZES, REQUIRED }, \
    { "attention.head_count", FLD(n_head), HTH_P_SIZE, REQUIRED }, \
    { "attention.head_count_kv", FLD(n_head_kv), HTH_P_SIZES, 0 }, \
    { "attention.key_length", FLD(head_dim), HTH_P_SIZE, 0 }, \
    { "attention.value_length", FLD(head_dim_v), HTH_P_SIZE, 0 }, \
    { "attention.key_length_swa", FLD(head_dim_window), HTH_P_SIZE, 0 }, \
    { "attention.value_length_swa", FLD(head_dim_v_window), HTH_P_SIZE, 0 }, \
    { "attention.scale", FLD(attn_scale), HTH_P_F32, 1 }, \
    { "attention.layer_norm_rms_epsilon", FLD(norm_eps), HTH_P_F32, REQUIRED }, \
    PARAMS_ROPE, \
    { "rope.dimension_count_swa", FLD(n_rot_window), HTH_P_SIZE, 0 }, \
    { "rope.freq_base_swa", FLD(rope_base_window), HTH_P_F32, 10000 }, \
    { "embedding_length_per_layer_input", FLD(n_own), HTH_P_U32, 0 }, \
    { "final_logit_softcapping", FLD(logit_cap), HTH_P_F32, 30 }

static const HthArchParam params[] = {
    PARAMS_GEMMA4,
    { "expert_count", FLD(n_expert), HTH_P_U32, 0 },
    PARAMS_END,
};

static const HthArchParam moe_params[] = { PARAMS_GEMMA4, PARAMS_EXPERTS, PARAMS_END };

#define WEIGHTS_GEMMA4 \
    WEIGHTS_ENDS, \
    WEIGHT(OWN_EMBD, "per_layer_token_embd", .rows = D1(n_vocab), .cols = D1(n_own_all), \
           .when = HTH_L_WITH), \
    WEIGHT(OWN_ALL, "per_layer_model_proj", .rows = D1(n_own_all), .cols = D1(n_embd), \
           .when = HTH_L_WITH), \
    WEIGHT(OWN_NORM, "per_layer_proj_norm", .rows = D1(n_own), .when = HTH_L_WITH), \
    VECTOR(ROPE_FREQS, "rope_freqs", D1(n_pair)), \
    WEIGHTS_PRE_NORMS, \
    LINEAR(ATTN_Q, "blk.%u.attn_q", D2(n_head, head_dim), D1(n_embd)), \
    LINEAR_ON(STORING, ATTN_K, "blk.%u.attn_k", D2(n_head_kv, head_dim), D1(n_embd)), \
    WEIGHT(ATTN_V, "blk.%u.attn_v", .rows = D2(n_head_kv, head_dim_v), .cols = D1(n_embd), \
           .or_slot = HTH_W_ATTN_K, .when = HTH_L_STORING), \
    WEIGHT(ATTN_V_B, "blk.%u.attn_v", .rows = D2(n_head_kv, head_dim_v), .optional = true, \
           .when = HTH_L_STORING), \
    WEIGHT(ATTN_V_S, "blk.%u.attn_v", .rows = D1(one), .optional = true, .when = HTH_L_STORING), \
    LINEAR(ATTN_O, "blk.%u.attn_output", D1(n_embd), D2(n_head, head_dim_v)), \
    VECTOR(Q_NORM, "blk.%u.attn_q_norm", D1(head_dim)), \
    WEIGHT(K_NORM, "blk.%u.attn_k_norm", .rows = D1(head_dim), .when = HTH_L_STORING), \
    VECTOR(ATTN_POST_NORM, "blk.%u.post_attention_norm", D1(n_embd)), \
    WEIGHTS_GATED(LINEAR), \
    VECTOR(FFN_POST_NORM, "blk.%u.post_ffw_norm", D1(n_embd)), \
    WEIGHT(OWN_GATE, "blk.%u.inp_gate", .rows = D1(n_own), .cols = D1(n_embd), \
           .when = HTH_L_WITH), \
    WEIGHT(OWN_OUT, "blk.%u.proj", .rows = D1(n_embd), .cols = D1(n_own), .when = HTH_L_WITH), \
    WEIGHT(OWN_POST_NORM, "blk.%u.post_norm", .rows = D1(n_embd), .when = HTH_L_WITH), \
    VECTOR_OR_NONE(LAYER_WEIGHT, "blk.%u.layer_output_scale", D1(one))

static const HthArchWeight weights[] = { WEIGHTS_GEMMA4, WEIGHTS_END };

static const HthArchWeight moe_weights[] = {
    WEIGHTS_GEMMA4,
    VECTOR(FFN_POST_NORM_1, "blk.%u.post_ffw_norm_1", D1(n_embd)),
    VECTOR(FFN_NORM_2, "blk.%u.pre_ffw_norm_2", D1(n_embd)),
    VECTOR(FFN_POST_NORM_2, "blk.%u.post_ffw_norm_2", D1(n_embd)),
    VECTOR(ROUTER_NORM, "blk.%u.ffn_gate_inp", D1(n_embd)),
    WEIGHTS_ROUTER_ON(ALL),
    EXP_PART(ALL, EXP_GATE, "blk.%u.ffn_gate_exps", NONE),
    EXP_PART(ALL, EXP_UP, "blk.%u.ffn_up_exps", EXP_GATE),
    EACH_SCALED(ALL, EXP_DOWN, "blk.%u.ffn_down_exps", n_expert, D1(n_embd), D1(n_ff_exp)),
    WEIGHTS_END,
};

#define OP_SCALE_WITH(reg, field) \
    { HTH_R_##reg, HTH_OP_SCALE, HTH_R_##reg, HTH_R_NONE, HTH_R_NONE, HTH_W_NONE, FLD(field), \
      HTH_L_WITH }

/* P: what each layer has of the token, half looked up, half made of its embedding. */
static const HthArchOp head[] = {
    OP(X, EMBED, NONE, NONE, NONE, TOK_EMBD),
    OP_SCALE(X, embd_scale),
    OP_ON(WITH, P, EMBED, NONE, NONE, NONE, OWN_EMBD),
    OP_SCALE_WITH(P, own_embd_scale),
    OP_ON(WITH, S, LINEAR, X, NONE, NONE, OWN_ALL),
    OP_SCALE_WITH(S, own_scale),
    OP_ON(WITH, S, HEADNORM, S, NONE, NONE, OWN_NORM),
    OP_ON(WITH, P, ADD, S, P, NONE, NONE),
    OP_SCALE_WITH(P, half_root),
    OP_END,
};

#define OPS_GEMMA4_ATTEND \
    OPS_NORM(RMSNORM, ATTN_NORM), \
    OP(Q, LINEAR, H, NONE, NONE, ATTN_Q), \
    OP_ON(STORING, K, LINEAR, H, NONE, NONE, ATTN_K), \
    OP_ON(STORING, V, LINEAR, H, NONE, NONE, ATTN_V), \
    OP(Q, HEADNORM, Q, NONE, NONE, Q_NORM), \
    OP_ON(STORING, K, HEADNORM, K, NONE, NONE, K_NORM), \
    OP_ON(STORING, V, UNIT_HEADNORM, V, NONE, NONE, NONE), \
    OP(Q, ROPE, Q, NONE, NONE, NONE), \
    OP_ON(STORING, K, ROPE, K, NONE, NONE, NONE), \
    OP_ON(STORING, H, ATTEND, Q, K, V, NONE), \
    OP_ON(BORROWING, H, ATTEND_BEFORE, Q, NONE, NONE, NONE), \
    OP(H, LINEAR, H, NONE, NONE, ATTN_O), \
    OP(H, RMSNORM, H, NONE, NONE, ATTN_POST_NORM), \
    OPS_RESIDUAL
#define OPS_GEMMA4_END \
    OP(H, RMSNORM, H, NONE, NONE, FFN_POST_NORM), \
    OPS_RESIDUAL, \
    OP_ON(WITH, G, LINEAR, X, NONE, NONE, OWN_GATE), \
    { HTH_R_U, HTH_OP_LAYER_PART, HTH_R_P, HTH_R_NONE, HTH_R_NONE, HTH_W_NONE, FLD(n_own), \
      HTH_L_WITH }, \
    OP_ON(WITH, G, GEGLU, G, U, NONE, NONE), \
    OP_ON(WITH, H, LINEAR, G, NONE, NONE, OWN_OUT), \
    OP_ON(WITH, H, RMSNORM, H, NONE, NONE, OWN_POST_NORM), \
    OP_ON(WITH, X, ADD, X, H, NONE, NONE), \
    OP(X, WEIGH, X, NONE, NONE, LAYER_WEIGHT), \
    OP_END

static const HthArchOp layer[] = {
    OPS_GEMMA4_ATTEND,
    OPS_NORM(RMSNORM, FFN_NORM),
    OPS_GATED(GEGLU),
    OPS_GEMMA4_END,
};

/* The router reads X, normed by itself and divided by the root of its length. */
static const HthArchOp moe_layer[] = {
    OPS_GEMMA4_ATTEND,
    OPS_NORM(RMSNORM, FFN_NORM),
    OPS_GATED(GEGLU),
    OP(S, RMSNORM, H, NONE, NONE, FFN_POST_NORM_1),
    OP(R, RMSNORM, X, NONE, NONE, ROUTER_NORM),
    OP_SCALE(R, own_scale),
    OP(R, LINEAR, R, NONE, NONE, ROUTER),
    OP(R, ROUTE, R, NONE, NONE, ROUTER_CHOICE_B),
    OPS_NORM(RMSNORM, FFN_NORM_2),
    OP(G, EXPERTS, H, R, NONE, EXP_GATE),
    OP(U, EXPERTS, H, R, NONE, EXP_UP),
    OP(G, GEGLU, G, U, NONE, NONE),
    OP(G, EXPERTS_EACH, G, R, NONE, EXP_DOWN),
    OP(H, EXPERTS_SUM, G, R, NONE, NONE),
    OP(H, RMSNORM, H, NONE, NONE, FFN_POST_NORM_2),
    OP(H, ADD, S, H, NONE, NONE),
    OPS_GEMMA4_END,
};
/* clang-format on */

static const HthArch hth_arch_gemma4_moe = {
    .name = "gemma4",
    .rope_neox = true,
    .params = moe_params,
    .weights = moe_weights,
    .layer = moe_layer,
    .head = head,
    .tail = hth_arch_rms_output,
    .embd_sqrt = true,
    .plain_window = true,
    .with_own = true,
    .gate = HTH_EXPERTS_BY_SOFTMAX,
    .gate_norm = true,
};

const HthArch hth_arch_gemma4 = {
    ARCH("gemma4", true, weights, layer),
    .head = head,
    .tail = hth_arch_rms_output,
    .embd_sqrt = true,
    .plain_window = true,
    .with_own = true,
    .experts = &hth_arch_gemma4_moe,
};

/* rows.h - short words for the tables of an architecture file.
 *
 * Thread: macros only. */
#ifndef HTH_MODEL_ARCH_ROWS_H
#define HTH_MODEL_ARCH_ROWS_H

#include <math.h>

#include "kern/route.h"
#include "model/arch.h"

#define FLD(f) (uint16_t) offsetof(HthShape, f)
#define D1(f)                                                                                      \
    { FLD(f), 0 }
#define D2(f, g)                                                                                   \
    { FLD(f), FLD(g) }
#define D0                                                                                         \
    { 0, 0 }

#define REQUIRED NAN
/* clang-format off */
/* Sizes every decoder names the same way.  0: derived when absent (see shape.c). */
#define PARAMS_SIZES \
    { "block_count", FLD(n_layer), HTH_P_SIZE, REQUIRED }, \
    { "context_length", FLD(n_ctx_train), HTH_P_SIZE, REQUIRED }, \
    { "embedding_length", FLD(n_embd), HTH_P_SIZE, REQUIRED }, \
    { "feed_forward_length", FLD(n_ff), HTH_P_SIZE, REQUIRED }, \
    { "attention.head_count", FLD(n_head), HTH_P_SIZE, REQUIRED }, \
    { "attention.head_count_kv", FLD(n_head_kv), HTH_P_SIZE, 0 }, \
    { "attention.key_length", FLD(head_dim), HTH_P_SIZE, 0 }, \
    { "attention.value_length", FLD(head_dim_v), HTH_P_SIZE, 0 }, \
    { "expert_count", FLD(n_expert), HTH_P_U32, 0 }
/* The same where layers may have no heads for keys, or all have experts. */
#define PARAMS_HYBRID(ff) \
    { "block_count", FLD(n_layer), HTH_P_SIZE, REQUIRED }, \
    { "context_length", FLD(n_ctx_train), HTH_P_SIZE, REQUIRED }, \
    { "embedding_length", FLD(n_embd), HTH_P_SIZE, REQUIRED }, \
    { "feed_forward_length", FLD(n_ff), HTH_P_U32, ff }, \
    { "attention.head_count", FLD(n_head), HTH_P_SIZE, REQUIRED }, \
    { "attention.head_count_kv", FLD(n_head_kv), HTH_P_KV_HEADS, 0 }, \
    { "attention.key_length", FLD(head_dim), HTH_P_SIZE, 0 }, \
    { "attention.value_length", FLD(head_dim_v), HTH_P_SIZE, 0 }, \
    { "attention.layer_norm_rms_epsilon", FLD(norm_eps), HTH_P_F32, REQUIRED }
#define PARAMS_COMMON \
    PARAMS_SIZES, { "attention.layer_norm_rms_epsilon", FLD(norm_eps), HTH_P_F32, REQUIRED }
/* Experts of an architecture that cannot do without, after PARAMS_SIZES. */
#define PARAMS_EXPERTS \
    { "expert_count", FLD(n_expert), HTH_P_SIZE, REQUIRED }, \
    { "expert_used_count", FLD(n_used), HTH_P_SIZE, REQUIRED }, \
    { "expert_feed_forward_length", FLD(n_ff_exp), HTH_P_U32, 0 }
/* What only routers with many numbers have. */
#define PARAMS_ROUTER \
    { "leading_dense_block_count", FLD(n_dense), HTH_P_U32, 0 }, \
    { "expert_shared_count", FLD(n_shared), HTH_P_SIZE, REQUIRED }, \
    { "expert_gating_func", FLD(gate), HTH_P_U32, 0 }, \
    { "expert_weights_norm", FLD(gate_norm), HTH_P_BOOL, 0 }, \
    { "expert_weights_scale", FLD(gate_scale), HTH_P_F32, 0 }, \
    { "expert_group_count", FLD(gate_groups), HTH_P_U32, 0 }, \
    { "expert_group_used_count", FLD(gate_groups_used), HTH_P_U32, 0 }, \
    { "nextn_predict_layers", FLD(n_next), HTH_P_U32, 0 }
#define PARAM_SHARED \
    { "expert_shared_feed_forward_length", FLD(n_ff_shared), HTH_P_U32, 0 }
#define PARAMS_LAYERNORM { "attention.layer_norm_epsilon", FLD(norm_eps), HTH_P_F32, REQUIRED }
/* Windows, and which layers have one where the file does not say: all but every period-th. */
#define PARAMS_WINDOW(period) \
    { "attention.sliding_window", FLD(window), HTH_P_U32, 0 }, \
    { "attention.sliding_window_pattern", FLD(windowed), HTH_P_WINDOWED, period }
/* clang-format on */
/* Rotary embedding: plain, linear stretch, YaRN. */
#define PARAMS_ROPE                                                                                \
    { "rope.dimension_count", FLD(n_rot), HTH_P_SIZE, 0 },                                         \
        { "rope.freq_base", FLD(rope_base), HTH_P_F32, 10000 },                                    \
        { "rope.scaling.type", FLD(rope_scaling), HTH_P_SCALING, HTH_ROPE_LINEAR },                \
        { "rope.scaling.factor", FLD(rope_factor), HTH_P_F32, 0 },                                 \
        { "rope.scale_linear", FLD(rope_factor), HTH_P_F32_OLD, 0 },                               \
        { "rope.scaling.attn_factor", FLD(rope_attn_factor), HTH_P_F32, 1 },                       \
        { "rope.scaling.original_context_length", FLD(rope_ctx_orig), HTH_P_U32, 0 },              \
        { "rope.scaling.yarn_ext_factor", FLD(yarn_ext_factor), HTH_P_F32, -1 },                   \
        { "rope.scaling.yarn_beta_fast", FLD(yarn_beta_fast), HTH_P_F32, 32 },                     \
        { "rope.scaling.yarn_beta_slow", FLD(yarn_beta_slow), HTH_P_F32, 1 }, {                    \
        "rope.scaling.yarn_log_multiplier", FLD(yarn_log_mul), HTH_P_F32, 0                        \
    }

/* Layers with a state instead of keys and values. */
#define PARAMS_SSM                                                                                 \
    { "ssm.conv_kernel", FLD(ssm_conv), HTH_P_SIZE, REQUIRED },                                    \
        { "ssm.inner_size", FLD(ssm_inner), HTH_P_SIZE, REQUIRED },                                \
        { "ssm.state_size", FLD(ssm_dim_k), HTH_P_SIZE, REQUIRED },                                \
        { "ssm.time_step_rank", FLD(ssm_heads), HTH_P_SIZE, REQUIRED }, {                          \
        "ssm.group_count", FLD(ssm_groups), HTH_P_SIZE, REQUIRED                                   \
    }
#define PARAMS_STATES                                                                              \
    { "attention.recurrent_layers", FLD(recurrent), HTH_P_RECURRENT, 4 },                          \
        { "full_attention_interval", FLD(recurrent), HTH_P_RECURRENT_OF, 4 }, PARAMS_SSM
/* Rotation by several positions, all alike in a text. */
#define PARAM_SECTIONS                                                                             \
    { "rope.dimension_sections", FLD(n_rot), HTH_P_SECTIONS, 0 }
#define PARAM_NO_SECTIONS                                                                          \
    { "rope.dimension_sections", FLD(n_rot), HTH_P_NO_SECTIONS, 0 }
#define PARAMS_END                                                                                 \
    { NULL, 0, HTH_P_U32, 0 }

/* clang-format off */
#define WEIGHT(s_, n_, ...) { .slot = HTH_W_##s_, .name = n_, __VA_ARGS__ }
#define VECTOR(slot, name, size) WEIGHT(slot, name, .rows = size)
#define VECTOR_OR_NONE(slot, name, size) WEIGHT(slot, name, .rows = size, .optional = true)
/* A matrix with the bias and the scale some files give it. */
#define LINEAR(slot, name, r_, c_) \
    WEIGHT(slot, name, .rows = r_, .cols = c_), \
    WEIGHT(slot##_B, name, .rows = r_, .optional = true), \
    WEIGHT(slot##_S, name, .rows = D1(one), .optional = true)
/* The feed-forward products of llama and qwen3 scale after the bias; qwen2's know no scale. */
#define LINEAR_SCALED_LAST(slot, name, r_, c_) \
    WEIGHT(slot, name, .rows = r_, .cols = c_), \
    WEIGHT(slot##_B, name, .rows = r_, .optional = true), \
    WEIGHT(slot##_S, name, .rows = D1(one), .optional = true, .after_bias = true)
#define BIAS(slot, name, size) WEIGHT(slot##_B, name, .rows = size, .optional = true)
/* A matrix of n_embd columns that may lie in a tensor with others, after one of them. */
#define PART(slot, name, whole, all, last, ...) \
    WEIGHT(slot, name, .cols = D1(n_embd), .fused = whole, .fused_rows = FLD(all), \
           .after = HTH_W_##last, .rows = __VA_ARGS__)
#define HTH_W_NONE_B HTH_W_NONE
#define LINEAR_PART(slot, name, r_, whole, all, last) \
    PART(slot, name, whole, all, last, r_), \
    WEIGHT(slot##_B, name, .rows = r_, .optional = true, .fused = whole, .fused_rows = FLD(all), \
           .after = HTH_W_##last##_B), \
    WEIGHT(slot##_S, name, .rows = D1(one), .optional = true)
#define LINEAR_UNSCALED(slot, name, r_, c_) \
    WEIGHT(slot, name, .rows = r_, .cols = c_), \
    WEIGHT(slot##_B, name, .rows = r_, .optional = true)
/* The output projection: the embedding matrix where the file has none of its own. */
#define WEIGHTS_ENDS \
    WEIGHT(TOK_EMBD, "token_embd", .rows = D1(n_vocab), .cols = D1(n_embd)), \
    VECTOR(OUT_NORM, "output_norm", D1(n_embd)), \
    WEIGHT(OUTPUT, "output", .rows = D1(n_vocab), .cols = D1(n_embd), .or_slot = HTH_W_TOK_EMBD), \
    WEIGHT(OUTPUT_B, "output", .rows = D1(n_vocab), .optional = true), \
    WEIGHT(OUTPUT_S, "output", .rows = D1(one), .optional = true)
/* clang-format on */

#define WEIGHTS_END                                                                                \
    { .slot = HTH_W_NONE }
/* The four products of attention. */
#define WEIGHTS_ATTN                                                                               \
    LINEAR(ATTN_Q, "blk.%u.attn_q", D2(n_head, head_dim), D1(n_embd)),                             \
        LINEAR(ATTN_K, "blk.%u.attn_k", D2(n_head_kv, head_dim), D1(n_embd)),                      \
        LINEAR(ATTN_V, "blk.%u.attn_v", D2(n_head_kv, head_dim_v), D1(n_embd)),                    \
        LINEAR(ATTN_O, "blk.%u.attn_output", D1(n_embd), D2(n_head, head_dim_v))
/* The same where Q, K and V may be one. */
#define WEIGHTS_FUSED_ATTN                                                                         \
    LINEAR_PART(ATTN_Q, "blk.%u.attn_q", D2(n_head, head_dim), "blk.%u.attn_qkv", n_qkv, NONE),    \
        LINEAR_PART(ATTN_K, "blk.%u.attn_k", D2(n_head_kv, head_dim), "blk.%u.attn_qkv", n_qkv,    \
                    ATTN_Q),                                                                       \
        LINEAR_PART(ATTN_V, "blk.%u.attn_v", D2(n_head_kv, head_dim_v), "blk.%u.attn_qkv", n_qkv,  \
                    ATTN_K),                                                                       \
        LINEAR(ATTN_O, "blk.%u.attn_output", D1(n_embd), D2(n_head, head_dim_v))
/* Of encoders whose norms stand after what was added: all but the feed-forward blocks, the table of
 * positions and what scores are made with. */
#define VECTOR_BIASED(slot, name) VECTOR(slot, name, D1(n_embd)), BIAS(slot, name, D1(n_embd))
#define WEIGHTS_ENCODER                                                                            \
    WEIGHT(TOK_EMBD, "token_embd", .rows = D1(n_vocab), .cols = D1(n_embd)),                       \
        WEIGHT(TOK_TYPES, "token_types", .rows = D1(n_type), .cols = D1(n_embd),                   \
               .optional = true),                                                                  \
        VECTOR_BIASED(EMBD_NORM, "token_embd_norm"), WEIGHTS_FUSED_ATTN,                           \
        VECTOR_BIASED(ATTN_OUT_NORM, "blk.%u.attn_output_norm"),                                   \
        VECTOR_BIASED(LAYER_OUT_NORM, "blk.%u.layer_output_norm")
/* A dense layer before the scores, where the file has one. */
#define WEIGHTS_CLS                                                                                \
    WEIGHT(CLS, "cls", .rows = D1(n_embd), .cols = D1(n_embd), .when = HTH_L_RANKING_WITH),        \
        WEIGHT(CLS_B, "cls", .rows = D1(n_embd), .optional = true, .when = HTH_L_RANKING_WITH)
#define WEIGHTS_CLS_OUT                                                                            \
    WEIGHT(CLS_OUT, "cls.output", .rows = D1(n_cls), .cols = D1(n_embd), .when = HTH_L_RANKING),   \
        WEIGHT(CLS_OUT_B, "cls.output", .rows = D1(n_cls), .optional = true,                       \
               .when = HTH_L_RANKING)
/* A feed-forward block without a gate, and all else of models with norms by mean and deviation. */
#define WEIGHTS_MEAN                                                                               \
    WEIGHTS_ENDS, BIAS(OUT_NORM, "output_norm", D1(n_embd)), WEIGHTS_PRE_NORMS,                    \
        BIAS(ATTN_NORM, "blk.%u.attn_norm", D1(n_embd)),                                           \
        BIAS(FFN_NORM, "blk.%u.ffn_norm", D1(n_embd)), WEIGHTS_FUSED_ATTN,                         \
        LINEAR_UNSCALED(FFN_UP, "blk.%u.ffn_up", D1(n_ff), D1(n_embd)),                            \
        LINEAR_UNSCALED(FFN_DOWN, "blk.%u.ffn_down", D1(n_embd), D1(n_ff))
/* The three of a gated feed-forward block; kind: one of the LINEARs above. */
#define WEIGHTS_GATED(kind)                                                                        \
    kind(FFN_GATE, "blk.%u.ffn_gate", D1(n_ff), D1(n_embd)),                                       \
        kind(FFN_UP, "blk.%u.ffn_up", D1(n_ff), D1(n_embd)),                                       \
        kind(FFN_DOWN, "blk.%u.ffn_down", D1(n_embd), D1(n_ff))
/* On some layers only. */
#define WEIGHTS_GATED_ON(which)                                                                    \
    WEIGHT(FFN_GATE, "blk.%u.ffn_gate", .rows = D1(n_ff), .cols = D1(n_embd),                      \
           .when = HTH_L_##which),                                                                 \
        WEIGHT(FFN_UP, "blk.%u.ffn_up", .rows = D1(n_ff), .cols = D1(n_embd),                      \
               .when = HTH_L_##which),                                                             \
        WEIGHT(FFN_DOWN, "blk.%u.ffn_down", .rows = D1(n_embd), .cols = D1(n_ff),                  \
               .when = HTH_L_##which)
/* n_ matrices of as many rows and columns; with a scale each, or a bias. */
#define EACH(which, slot, name, n_, r_, c_)                                                        \
    WEIGHT(slot, name, .rows = r_, .cols = c_, .count = FLD(n_), .when = HTH_L_##which)
#define EACH_SCALED(which, slot, name, n_, r_, c_)                                                 \
    WEIGHT(slot, name, .rows = r_, .cols = c_, .count = FLD(n_), .when = HTH_L_##which),           \
        WEIGHT(slot##_S, name, .rows = D1(one), .count = FLD(n_), .optional = true,                \
               .when = HTH_L_##which)
#define EACH_BIASED(which, slot, name, n_, r_, c_)                                                 \
    WEIGHT(slot, name, .rows = r_, .cols = c_, .count = FLD(n_), .when = HTH_L_##which),           \
        WEIGHT(slot##_B, name, .rows = r_, .count = FLD(n_), .optional = true,                     \
               .when = HTH_L_##which)
#define WEIGHTS_ROUTER_ON(which)                                                                   \
    WEIGHT(ROUTER, "blk.%u.ffn_gate_inp", .rows = D1(n_expert), .cols = D1(n_embd),                \
           .when = HTH_L_##which),                                                                 \
        WEIGHT(ROUTER_CHOICE_B, "blk.%u.exp_probs_b", .rows = D1(n_expert), .optional = true,      \
               .when = HTH_L_##which)
/* The router, and the gated feed-forward blocks it chooses among; kind: one of the EACHs. */
#define WEIGHTS_EXPERTS_ON(which, kind)                                                            \
    WEIGHTS_ROUTER_ON(which),                                                                      \
        kind(which, EXP_GATE, "blk.%u.ffn_gate_exps", n_expert, D1(n_ff_exp), D1(n_embd)),         \
        kind(which, EXP_UP, "blk.%u.ffn_up_exps", n_expert, D1(n_ff_exp), D1(n_embd)),             \
        kind(which, EXP_DOWN, "blk.%u.ffn_down_exps", n_expert, D1(n_embd), D1(n_ff_exp))
#define WEIGHTS_EXPERTS(kind) WEIGHTS_EXPERTS_ON(ALL, kind)
/* Gate and up of an expert may be one. */
#define EXP_PART(which, slot, name_, last)                                                         \
    WEIGHT(slot, name_, .rows = D1(n_ff_exp), .cols = D1(n_embd), .count = FLD(n_expert),          \
           .fused = "blk.%u.ffn_gate_up_exps", .fused_rows = FLD(n_gate_up_exp),                   \
           .after = HTH_W_##last, .when = HTH_L_##which)
/* Another, that every token goes to. */
#define WEIGHTS_SHARED_ON(which)                                                                   \
    WEIGHT(SHARED_GATE, "blk.%u.ffn_gate_shexp", .rows = D1(n_ff_shared), .cols = D1(n_embd),      \
           .when = HTH_L_##which),                                                                 \
        WEIGHT(SHARED_UP, "blk.%u.ffn_up_shexp", .rows = D1(n_ff_shared), .cols = D1(n_embd),      \
               .when = HTH_L_##which),                                                             \
        WEIGHT(SHARED_DOWN, "blk.%u.ffn_down_shexp", .rows = D1(n_embd), .cols = D1(n_ff_shared),  \
               .when = HTH_L_##which)
#define LINEAR_ON(which, slot, name, r_, c_)                                                       \
    WEIGHT(slot, name, .rows = r_, .cols = c_, .when = HTH_L_##which),                             \
        WEIGHT(slot##_B, name, .rows = r_, .optional = true, .when = HTH_L_##which),               \
        WEIGHT(slot##_S, name, .rows = D1(one), .optional = true, .when = HTH_L_##which)
/* Attention whose queries come with a gate each. */
#define WEIGHTS_GATED_ATTN_ON(which)                                                               \
    LINEAR_ON(which, ATTN_Q, "blk.%u.attn_q", D2(n_head, q_gated), D1(n_embd)),                    \
        LINEAR_ON(which, ATTN_K, "blk.%u.attn_k", D2(n_head_kv, head_dim), D1(n_embd)),            \
        LINEAR_ON(which, ATTN_V, "blk.%u.attn_v", D2(n_head_kv, head_dim_v), D1(n_embd)),          \
        LINEAR_ON(which, ATTN_O, "blk.%u.attn_output", D1(n_embd), D2(n_head, head_dim_v)),        \
        WEIGHT(Q_NORM, "blk.%u.attn_q_norm", .rows = D1(head_dim), .when = HTH_L_##which),         \
        WEIGHT(K_NORM, "blk.%u.attn_k_norm", .rows = D1(head_dim), .when = HTH_L_##which)
/* The gated delta rule, but for what its gates are made of. */
#define WEIGHTS_DELTA_ON(which)                                                                    \
    WEIGHT(SSM_QKV, "blk.%u.attn_qkv", .rows = D1(ssm_wide), .cols = D1(n_embd),                   \
           .when = HTH_L_##which, .older = "blk.%u.ssm_in"),                                       \
        WEIGHT(SSM_QKV_B, "blk.%u.attn_qkv", .rows = D1(ssm_wide), .optional = true,               \
               .when = HTH_L_##which),                                                             \
        WEIGHT(SSM_QKV_S, "blk.%u.attn_qkv", .rows = D1(one), .optional = true,                    \
               .when = HTH_L_##which),                                                             \
        LINEAR_ON(which, SSM_Z, "blk.%u.attn_gate", D1(ssm_inner), D1(n_embd)),                    \
        WEIGHT(SSM_CONV, "blk.%u.ssm_conv1d", .rows = D1(ssm_conv), .count = FLD(ssm_wide),        \
               .when = HTH_L_##which),                                                             \
        WEIGHT(SSM_A, "blk.%u.ssm_a", .rows = D1(ssm_heads), .when = HTH_L_##which),               \
        WEIGHT(SSM_DT_B, "blk.%u.ssm_dt", .rows = D1(ssm_heads), .when = HTH_L_##which),           \
        WEIGHT(SSM_NORM, "blk.%u.ssm_norm", .rows = D1(ssm_dim_v), .when = HTH_L_##which),         \
        LINEAR_ON(which, SSM_OUT, "blk.%u.ssm_out", D1(n_embd), D1(ssm_inner))
/* The selective scan: gate, what is convolved and steps in one matrix. */
#define WEIGHTS_SCAN_ON(which)                                                                     \
    WEIGHT(SSM_Z, "blk.%u.ssm_z", .rows = D1(ssm_inner), .cols = D1(n_embd),                       \
           .fused = "blk.%u.ssm_in", .fused_rows = FLD(ssm_in), .when = HTH_L_##which),            \
        WEIGHT(SSM_QKV, "blk.%u.ssm_xbc", .rows = D1(ssm_wide), .cols = D1(n_embd),                \
               .fused = "blk.%u.ssm_in", .fused_rows = FLD(ssm_in), .after = HTH_W_SSM_Z,          \
               .when = HTH_L_##which),                                                             \
        WEIGHT(SSM_ALPHA, "blk.%u.ssm_step", .rows = D1(ssm_heads), .cols = D1(n_embd),            \
               .fused = "blk.%u.ssm_in", .fused_rows = FLD(ssm_in), .after = HTH_W_SSM_QKV,        \
               .when = HTH_L_##which),                                                             \
        WEIGHT(SSM_CONV, "blk.%u.ssm_conv1d", .rows = D1(ssm_conv), .count = FLD(ssm_wide),        \
               .when = HTH_L_##which),                                                             \
        WEIGHT(SSM_CONV_B, "blk.%u.ssm_conv1d", .rows = D1(ssm_wide), .optional = true,            \
               .when = HTH_L_##which),                                                             \
        WEIGHT(SSM_A, "blk.%u.ssm_a", .rows = D1(one), .count = FLD(ssm_heads),                    \
               .when = HTH_L_##which),                                                             \
        WEIGHT(SSM_DT_B, "blk.%u.ssm_dt", .rows = D1(ssm_heads), .when = HTH_L_##which),           \
        WEIGHT(SSM_D, "blk.%u.ssm_d", .rows = D1(one), .count = FLD(ssm_heads),                    \
               .when = HTH_L_##which),                                                             \
        WEIGHT(SSM_NORM, "blk.%u.ssm_norm", .rows = D1(ssm_group), .count = FLD(ssm_groups),       \
               .when = HTH_L_##which),                                                             \
        LINEAR_ON(which, SSM_OUT, "blk.%u.ssm_out", D1(n_embd), D1(ssm_inner))
/* The norms before both blocks. */
#define WEIGHTS_PRE_NORMS                                                                          \
    VECTOR(ATTN_NORM, "blk.%u.attn_norm", D1(n_embd)),                                             \
        VECTOR(FFN_NORM, "blk.%u.ffn_norm", D1(n_embd))

/* Registers and operations without their prefixes. */
#define OP_ON(which, dst, op, a, b, c, w)                                                          \
    { HTH_R_##dst, HTH_OP_##op, HTH_R_##a, HTH_R_##b, HTH_R_##c, HTH_W_##w, 0, HTH_L_##which }
#define OP(dst, op, a, b, c, w) OP_ON(ALL, dst, op, a, b, c, w)
/* reg times a number of the shape; nothing where that is 0 or 1. */
#define OP_SCALE(reg, field)                                                                       \
    {                                                                                              \
        HTH_R_##reg, HTH_OP_SCALE, HTH_R_##reg, HTH_R_NONE, HTH_R_NONE, HTH_W_NONE, FLD(field),    \
            HTH_L_ALL                                                                              \
    }
/* reg within a number of the shape; nothing where that is 0. */
#define OP_CLAMP(reg, field)                                                                       \
    {                                                                                              \
        HTH_R_##reg, HTH_OP_CLAMP, HTH_R_##reg, HTH_R_NONE, HTH_R_NONE, HTH_W_NONE, FLD(field),    \
            HTH_L_ALL                                                                              \
    }
#define OP_END                                                                                     \
    { .op = HTH_OP_END }

/* Stretches that many programs have in common. */
#define OPS_QKV                                                                                    \
    OP(Q, LINEAR, H, NONE, NONE, ATTN_Q), OP(K, LINEAR, H, NONE, NONE, ATTN_K),                    \
        OP(V, LINEAR, H, NONE, NONE, ATTN_V)
#define OPS_QKV_OF(from)                                                                           \
    OP(Q, LINEAR, from, NONE, NONE, ATTN_Q), OP(K, LINEAR, from, NONE, NONE, ATTN_K),              \
        OP(V, LINEAR, from, NONE, NONE, ATTN_V)
#define OPS_ROPE OP(Q, ROPE, Q, NONE, NONE, NONE), OP(K, ROPE, K, NONE, NONE, NONE)
#define OPS_ROPE_SOME                                                                              \
    OP_ON(ROTATING, Q, ROPE, Q, NONE, NONE, NONE), OP_ON(ROTATING, K, ROPE, K, NONE, NONE, NONE)
#define OPS_ATTEND OP(H, ATTEND, Q, K, V, NONE), OP(H, LINEAR, H, NONE, NONE, ATTN_O)
#define OPS_GATED(gate)                                                                            \
    OP(G, LINEAR, H, NONE, NONE, FFN_GATE), OP(U, LINEAR, H, NONE, NONE, FFN_UP),                  \
        OP(G, gate, G, U, NONE, NONE), OP(H, LINEAR, G, NONE, NONE, FFN_DOWN)
/* H, of another register. */
#define OPS_GATED_OF(from, gate)                                                                   \
    OP(G, LINEAR, from, NONE, NONE, FFN_GATE), OP(U, LINEAR, from, NONE, NONE, FFN_UP),            \
        OP(G, gate, G, U, NONE, NONE), OP(H, LINEAR, G, NONE, NONE, FFN_DOWN)
/* Without a gate. */
#define OPS_PLAIN_OF(from, act, to)                                                                \
    OP(U, LINEAR, from, NONE, NONE, FFN_UP), OP(U, act, U, NONE, NONE, NONE),                      \
        OP(to, LINEAR, U, NONE, NONE, FFN_DOWN)
#define OPS_GATED_ON(which, gate)                                                                  \
    OP_ON(which, G, LINEAR, H, NONE, NONE, FFN_GATE),                                              \
        OP_ON(which, U, LINEAR, H, NONE, NONE, FFN_UP), OP_ON(which, G, gate, G, U, NONE, NONE),   \
        OP_ON(which, H, LINEAR, G, NONE, NONE, FFN_DOWN)
/* dst: what the chosen experts make of H, weighed and added. */
#define OPS_EXPERTS_ON(which, dst, gate)                                                           \
    OP_ON(which, R, LINEAR, H, NONE, NONE, ROUTER),                                                \
        OP_ON(which, R, ROUTE, R, NONE, NONE, ROUTER_CHOICE_B),                                    \
        OP_ON(which, G, EXPERTS, H, R, NONE, EXP_GATE),                                            \
        OP_ON(which, U, EXPERTS, H, R, NONE, EXP_UP), OP_ON(which, G, gate, G, U, NONE, NONE),     \
        OP_ON(which, G, EXPERTS_EACH, G, R, NONE, EXP_DOWN),                                       \
        OP_ON(which, dst, EXPERTS_SUM, G, R, NONE, NONE)
#define OPS_EXPERTS(gate) OPS_EXPERTS_ON(ALL, H, gate)
/* H, through the expert that every token goes to. */
#define OPS_SHARED_ON(which)                                                                       \
    OP_ON(which, G, LINEAR, H, NONE, NONE, SHARED_GATE),                                           \
        OP_ON(which, U, LINEAR, H, NONE, NONE, SHARED_UP),                                         \
        OP_ON(which, G, SWIGLU, G, U, NONE, NONE),                                                 \
        OP_ON(which, H, LINEAR, G, NONE, NONE, SHARED_DOWN)
/* H: what attention finds, through the gate that its query came with. */
#define OPS_GATED_ATTEND_ON(which)                                                                 \
    OP_ON(which, Q, LINEAR, H, NONE, NONE, ATTN_Q),                                                \
        OP_ON(which, K, LINEAR, H, NONE, NONE, ATTN_K),                                            \
        OP_ON(which, V, LINEAR, H, NONE, NONE, ATTN_V),                                            \
        OP_ON(which, G, HALF_2, Q, NONE, NONE, NONE),                                              \
        OP_ON(which, Q, HALF_1, Q, NONE, NONE, NONE),                                              \
        OP_ON(which, Q, HEADNORM, Q, NONE, NONE, Q_NORM),                                          \
        OP_ON(which, K, HEADNORM, K, NONE, NONE, K_NORM),                                          \
        OP_ON(which, Q, ROPE, Q, NONE, NONE, NONE), OP_ON(which, K, ROPE, K, NONE, NONE, NONE),    \
        OP_ON(which, H, ATTEND, Q, K, V, NONE), OP_ON(which, H, GATE, H, G, NONE, NONE),           \
        OP_ON(which, H, LINEAR, H, NONE, NONE, ATTN_O)
/* H, of Q (queries, keys and values), K and V (the gates of writing and forgetting), through G. */
#define OPS_DELTA_ON(which)                                                                        \
    OP_ON(which, Q, CONV, Q, NONE, NONE, SSM_CONV), OP_ON(which, Q, SILU, Q, NONE, NONE, NONE),    \
        OP_ON(which, H, DELTA, Q, K, V, SSM_A),                                                    \
        OP_ON(which, H, HEADNORM, H, NONE, NONE, SSM_NORM),                                        \
        OP_ON(which, H, SWIGLU, G, H, NONE, NONE), OP_ON(which, H, LINEAR, H, NONE, NONE, SSM_OUT)
#define OPS_SCAN_ON(which)                                                                         \
    OP_ON(which, G, LINEAR, H, NONE, NONE, SSM_Z),                                                 \
        OP_ON(which, Q, LINEAR, H, NONE, NONE, SSM_QKV),                                           \
        OP_ON(which, V, LINEAR, H, NONE, NONE, SSM_ALPHA),                                         \
        OP_ON(which, Q, CONV, Q, NONE, NONE, SSM_CONV),                                            \
        OP_ON(which, Q, SILU, Q, NONE, NONE, NONE), OP_ON(which, H, SCAN, Q, V, NONE, SSM_A),      \
        OP_ON(which, H, SWIGLU, G, H, NONE, NONE),                                                 \
        OP_ON(which, H, HEADNORM, H, NONE, NONE, SSM_NORM),                                        \
        OP_ON(which, H, LINEAR, H, NONE, NONE, SSM_OUT)
/* The halves of a register, whose parts have so many numbers each. */
#define OP_HALF_ON(which, dst, op, a, field)                                                       \
    {                                                                                              \
        HTH_R_##dst, HTH_OP_##op, HTH_R_##a, HTH_R_NONE, HTH_R_NONE, HTH_W_NONE, FLD(field),       \
            HTH_L_##which                                                                          \
    }
/* H, of experts and one more that every token goes to as far as a gate lets it. */
#define OPS_GATED_EXPERTS                                                                          \
    OPS_EXPERTS_ON(ALL, S, SWIGLU), OP(R, LINEAR, H, NONE, NONE, SHARED_ROUTER),                   \
        OPS_SHARED_ON(ALL), OP(H, GATE, H, R, NONE, NONE), OP(H, ADD, S, H, NONE, NONE)
#define WEIGHTS_GATED_EXPERTS                                                                      \
    WEIGHTS_ROUTER_ON(ALL), EXP_PART(ALL, EXP_GATE, "blk.%u.ffn_gate_exps", NONE),                 \
        EXP_PART(ALL, EXP_UP, "blk.%u.ffn_up_exps", EXP_GATE),                                     \
        EACH(ALL, EXP_DOWN, "blk.%u.ffn_down_exps", n_expert, D1(n_embd), D1(n_ff_exp)),           \
        WEIGHT(SHARED_ROUTER, "blk.%u.ffn_gate_inp_shexp", .rows = D1(one), .cols = D1(n_embd)),   \
        WEIGHTS_SHARED_ON(ALL)
#define OPS_NORM(norm, w) OP(H, norm, X, NONE, NONE, w)
#define OPS_RESIDUAL      OP(X, ADD, X, H, NONE, NONE)

/* What nearly all programs begin and end with, the layer of llama and the one with scaled blocks;
 * llama's weights without the scales of the feed-forward products, Q, K and V apart or in one;
 * WEIGHTS_MEAN (arch/common.c). */
extern const HthArchOp hth_arch_embed[], hth_arch_scaled_embed[], hth_arch_rms_output[],
    hth_arch_mean_output[], hth_arch_plain_layer[], hth_arch_scaled_layer[], hth_arch_rows_output[];
extern const HthArchWeight hth_arch_plain_weights[], hth_arch_fused_weights[],
    hth_arch_mean_weights[];

#define ARCH(name_, neox, weights_, layer_)                                                        \
    .name = name_, .rope_neox = neox, .params = params, .weights = weights_, .layer = layer_

#endif

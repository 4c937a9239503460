/* rows.h - short words for the tables of an architecture file.
 *
 * Thread: macros only. */
#ifndef HTH_MODEL_ARCH_ROWS_H
#define HTH_MODEL_ARCH_ROWS_H

#include <math.h>

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
#define PARAMS_COMMON \
    PARAMS_SIZES, { "attention.layer_norm_rms_epsilon", FLD(norm_eps), HTH_P_F32, REQUIRED }
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
#define LINEAR_PART(slot, name, r_, whole, all, last) \
    PART(slot, name, whole, all, last, r_), \
    WEIGHT(slot##_B, name, .rows = r_, .optional = true), \
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
/* The three of a gated feed-forward block; kind: one of the LINEARs above. */
#define WEIGHTS_GATED(kind)                                                                        \
    kind(FFN_GATE, "blk.%u.ffn_gate", D1(n_ff), D1(n_embd)),                                       \
        kind(FFN_UP, "blk.%u.ffn_up", D1(n_ff), D1(n_embd)),                                       \
        kind(FFN_DOWN, "blk.%u.ffn_down", D1(n_embd), D1(n_ff))
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
#define OP_END                                                                                     \
    { .op = HTH_OP_END }

/* Stretches that many programs have in common. */
#define OPS_QKV                                                                                    \
    OP(Q, LINEAR, H, NONE, NONE, ATTN_Q), OP(K, LINEAR, H, NONE, NONE, ATTN_K),                    \
        OP(V, LINEAR, H, NONE, NONE, ATTN_V)
#define OPS_ROPE OP(Q, ROPE, Q, NONE, NONE, NONE), OP(K, ROPE, K, NONE, NONE, NONE)
#define OPS_ROPE_SOME                                                                              \
    OP_ON(ROTATING, Q, ROPE, Q, NONE, NONE, NONE), OP_ON(ROTATING, K, ROPE, K, NONE, NONE, NONE)
#define OPS_ATTEND OP(H, ATTEND, Q, K, V, NONE), OP(H, LINEAR, H, NONE, NONE, ATTN_O)
#define OPS_GATED(gate)                                                                            \
    OP(G, LINEAR, H, NONE, NONE, FFN_GATE), OP(U, LINEAR, H, NONE, NONE, FFN_UP),                  \
        OP(G, gate, G, U, NONE, NONE), OP(H, LINEAR, G, NONE, NONE, FFN_DOWN)
#define OPS_NORM(norm, w) OP(H, norm, X, NONE, NONE, w)
#define OPS_RESIDUAL      OP(X, ADD, X, H, NONE, NONE)

/* What nearly all programs begin and end with, the layer of llama, and its weights without the
 * scales of the feed-forward products (arch/common.c). */
extern const HthArchOp hth_arch_embed[], hth_arch_scaled_embed[], hth_arch_rms_output[],
    hth_arch_plain_layer[];
extern const HthArchWeight hth_arch_plain_weights[];

#define ARCH(name_, neox, weights_, layer_)                                                        \
    .name = name_, .rope_neox = neox, .params = params, .weights = weights_, .layer = layer_

#endif

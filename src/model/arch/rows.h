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
/* Sizes every decoder names the same way.  0: derived when absent (see shape.c). */
#define PARAMS_COMMON                                                                              \
    { "block_count", FLD(n_layer), HTH_P_SIZE, REQUIRED },                                         \
        { "context_length", FLD(n_ctx_train), HTH_P_SIZE, REQUIRED },                              \
        { "embedding_length", FLD(n_embd), HTH_P_SIZE, REQUIRED },                                 \
        { "feed_forward_length", FLD(n_ff), HTH_P_SIZE, REQUIRED },                                \
        { "attention.head_count", FLD(n_head), HTH_P_SIZE, REQUIRED },                             \
        { "attention.head_count_kv", FLD(n_head_kv), HTH_P_SIZE, 0 },                              \
        { "attention.key_length", FLD(head_dim), HTH_P_SIZE, 0 },                                  \
        { "attention.value_length", FLD(head_dim_v), HTH_P_SIZE, 0 },                              \
        { "attention.layer_norm_rms_epsilon", FLD(norm_eps), HTH_P_F32, REQUIRED }, {              \
        "expert_count", FLD(n_expert), HTH_P_U32, 0                                                \
    }
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

#define VECTOR(slot, name, size)                                                                   \
    { HTH_W_##slot, name, size, D0, HTH_W_NONE, false, false }
/* A matrix with the bias and the scale some files give it. */
#define LINEAR(slot, name, rows, cols)                                                             \
    { HTH_W_##slot, name, rows, cols, HTH_W_NONE, false, false },                                  \
        { HTH_W_##slot##_B, name, rows, D0, HTH_W_NONE, true, false }, {                           \
        HTH_W_##slot##_S, name, D1(one), D0, HTH_W_NONE, true, false                               \
    }
/* The feed-forward products of llama and qwen3 scale after the bias; qwen2's know no scale. */
#define LINEAR_SCALED_LAST(slot, name, rows, cols)                                                 \
    { HTH_W_##slot, name, rows, cols, HTH_W_NONE, false, false },                                  \
        { HTH_W_##slot##_B, name, rows, D0, HTH_W_NONE, true, false }, {                           \
        HTH_W_##slot##_S, name, D1(one), D0, HTH_W_NONE, true, true                                \
    }
#define LINEAR_UNSCALED(slot, name, rows, cols)                                                    \
    { HTH_W_##slot, name, rows, cols, HTH_W_NONE, false, false }, {                                \
        HTH_W_##slot##_B, name, rows, D0, HTH_W_NONE, true, false                                  \
    }
/* The output projection: the embedding matrix where the file has none of its own. */
#define WEIGHTS_ENDS                                                                               \
    { HTH_W_TOK_EMBD, "token_embd", D1(n_vocab), D1(n_embd), HTH_W_NONE, false, false },           \
        VECTOR(OUT_NORM, "output_norm", D1(n_embd)),                                               \
        { HTH_W_OUTPUT, "output", D1(n_vocab), D1(n_embd), HTH_W_TOK_EMBD, false, false },         \
        { HTH_W_OUTPUT_B, "output", D1(n_vocab), D0, HTH_W_NONE, true, false }, {                  \
        HTH_W_OUTPUT_S, "output", D1(one), D0, HTH_W_NONE, true, false                             \
    }

/* Registers and operations without their prefixes. */
#define OP(dst, op, a, b, c, w)                                                                    \
    { HTH_R_##dst, HTH_OP_##op, HTH_R_##a, HTH_R_##b, HTH_R_##c, HTH_W_##w }
#define OP_END                                                                                     \
    { HTH_R_NONE, HTH_OP_END, HTH_R_NONE, HTH_R_NONE, HTH_R_NONE, HTH_W_NONE }

#endif

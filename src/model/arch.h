/* arch.h - an architecture as data: keys to shape, tensors to slots, three small programs.
 *
 * Adding an architecture is adding one file under model/arch/ that fills an HthArch (and one line
 * in model/arch.c's list).  See docs/howto/add-an-arch.md.
 *
 * Thread: constant tables. */
#ifndef HTH_MODEL_ARCH_H
#define HTH_MODEL_ARCH_H

#include <stdbool.h>
#include <stddef.h>

#include "op/op.h"

typedef enum HthRopeScaling {
    HTH_ROPE_PLAIN,
    HTH_ROPE_LINEAR,
    HTH_ROPE_YARN,
    HTH_ROPE_LONG /* factors per pair, one set for short and one for long contexts */
} HthRopeScaling;

enum { HTH_LAYERS_MAX = 1024 };

/* Everything a program needs to know about sizes; filled from metadata, checked, then constant. */
typedef struct HthShape {
    uint32_t n_layer, n_embd, n_head, n_head_kv, head_dim, head_dim_v, n_ff, n_vocab, n_ctx_train;
    uint32_t n_rot; /* dimensions of a head that rotate */
    uint32_t n_pair; /* n_rot / 2 */
    uint32_t n_expert; /* must be 0: no mixture of experts yet */
    uint32_t one; /* 1: the size of a scale */
    float norm_eps;
    float rope_base;
    uint32_t rope_scaling; /* HthRopeScaling */
    float rope_factor; /* context stretch, 1 = none */
    float rope_attn_factor; /* factor on cos and sin, beside YaRN's own */
    float yarn_ext_factor, yarn_beta_fast, yarn_beta_slow, yarn_log_mul;
    uint32_t rope_ctx_orig;
    float attn_scale; /* 0: 1/sqrt(head_dim) */
    float attn_cap, logit_cap; /* scores and logits become cap * tanh(x / cap); 0: as they are */
    float embd_scale, residual_scale; /* factors; 0: none */
    float logit_scale; /* logits are divided by it; 0: not */
    uint32_t nope_step; /* every so many layers one does not rotate; 0: all do */
    uint32_t window; /* positions a windowed layer sees, its own among them; 0: no such layer */
    uint8_t windowed[HTH_LAYERS_MAX / 8]; /* one bit per layer, the lowest first */
    float rope_base_window; /* of windowed layers, where they rotate otherwise; 0: rope_base */
    uint32_t n_qkv, n_gate_up; /* rows of tensors that hold several matrices */
} HthShape;

/* On which layers an operation runs. */
typedef enum HthLayers { HTH_L_ALL, HTH_L_ROTATING } HthLayers;
bool hth_layer_is(const HthShape *s, HthLayers which, uint32_t layer);
static inline bool hth_layer_windowed(const HthShape *s, uint32_t layer) {
    return s->window != 0 && (s->windowed[layer / 8] >> layer % 8 & 1) != 0;
}

/* Weight slots a program names.  A matrix with companions has them in the next two enumerators:
 * bias (_B, added) and scale (_S, one factor on every product). */
#define HTH_W_LINEAR(name) HTH_W_##name, HTH_W_##name##_B, HTH_W_##name##_S
typedef enum HthSlot {
    HTH_W_NONE,
    HTH_W_TOK_EMBD,
    HTH_W_OUT_NORM,
    HTH_W_OUT_NORM_B,
    HTH_W_LINEAR(OUTPUT),
    HTH_W_ROPE_FREQS,
    HTH_W_ROPE_LONG,
    HTH_W_ROPE_SHORT,
    HTH_W_ATTN_NORM,
    HTH_W_ATTN_NORM_B,
    HTH_W_LINEAR(ATTN_Q),
    HTH_W_LINEAR(ATTN_K),
    HTH_W_LINEAR(ATTN_V),
    HTH_W_LINEAR(ATTN_O),
    HTH_W_Q_NORM,
    HTH_W_K_NORM,
    HTH_W_ATTN_POST_NORM,
    HTH_W_FFN_NORM,
    HTH_W_FFN_NORM_B,
    HTH_W_FFN_POST_NORM,
    HTH_W_LINEAR(FFN_GATE),
    HTH_W_LINEAR(FFN_UP),
    HTH_W_LINEAR(FFN_DOWN),
    HTH_W_COUNT
} HthSlot;

typedef enum HthParamType {
    HTH_P_U32, /* a number, any integer type */
    HTH_P_SIZE, /* the same, at least 1 where present; per-layer arrays only if all are equal */
    HTH_P_F32,
    HTH_P_F32_OLD, /* an older key: read only while the field still has its default */
    HTH_P_SCALING, /* a string: "none", "linear", "yarn", "longrope" */
    HTH_P_WINDOWED /* which layers have a window: a flag per layer, or a period: all but the last of
                      each (0: all) */
} HthParamType;

/* GGUF key after "<arch>." -> a field of HthShape. or_else applies when absent; NAN: required. */
typedef struct HthArchParam {
    const char *key;
    uint16_t field; /* offsetof(HthShape, ...) */
    HthParamType type;
    double or_else;
} HthArchParam;

/* rows and cols are products of up to two HthShape fields (0: factor 1; cols {0,0}: a vector, which
 * is turned to floats once).  _B and _S slots carry the name of their matrix. */
typedef struct HthArchWeight {
    HthSlot slot;
    const char *name; /* GGUF name without ".weight", ".bias", ".scale"; %u is the layer */
    uint16_t rows[2], cols[2];
    HthSlot or_slot; /* used when the tensor is absent (tied output); HTH_W_NONE: required */
    bool optional; /* may be absent altogether (biases, scales, rope_freqs) */
    bool after_bias; /* a scale: multiplies (w * a + bias), not w * a alone */
    const char *fused; /* NULL, or a tensor that holds this matrix among others ... */
    uint16_t fused_rows; /* ... of so many rows (a field) ... */
    HthSlot after; /* ... beginning where this one ends; HTH_W_NONE: with it */
} HthArchWeight;

typedef struct HthArchOp {
    HthReg dst;
    HthOpCode op;
    HthReg a, b, c;
    HthSlot w;
    uint16_t arg; /* offsetof(HthShape, ...) of the number it takes, or 0 */
    HthLayers when;
} HthArchOp;

typedef struct HthArch {
    const char *name; /* general.architecture */
    bool rope_neox;
    bool mean_norm; /* its norms are LAYERNORM */
    bool embd_sqrt; /* embd_scale is sqrt(n_embd) */
    bool plain_window; /* windowed layers rotate with a plain rotation, whatever the others do */
    uint32_t wide_layers; /* the size (in layers) whose scores are divided by sqrt(n_embd/n_head) */
    const HthArchParam *params; /* ends with key NULL */
    const HthArchWeight *weights; /* ends with slot HTH_W_NONE */
    const HthArchOp *head, *layer, *tail; /* each ends with HTH_OP_END */
} HthArch;

/* NULL if unknown. */
const HthArch *hth_arch_find(const char *name);
const HthArch *hth_arch_at(size_t index); /* NULL past the last */
/* ".weight", ".bias" or ".scale". */
const char *hth_slot_suffix(HthSlot slot);
/* "attn_q", "attn_q.bias"; for explain and errors. */
const char *hth_slot_name(HthSlot slot);

#endif

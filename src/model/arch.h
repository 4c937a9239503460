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

/* How a text's rows become one, as GGUF's pooling_type; of RANK the architecture says how. */
typedef enum HthPooling {
    HTH_POOL_NONE,
    HTH_POOL_MEAN,
    HTH_POOL_CLS, /* the first row */
    HTH_POOL_LAST,
    HTH_POOL_RANK /* a score of a question and an answer */
} HthPooling;

enum { HTH_LAYERS_MAX = 1024 };

/* Everything a program needs to know about sizes; filled from metadata, checked, then constant. */
typedef struct HthShape {
    uint32_t n_layer, n_embd, n_head, n_head_kv, head_dim, head_dim_v, n_ff, n_vocab, n_ctx_train;
    uint32_t n_rot; /* dimensions of a head that rotate */
    uint32_t n_pair; /* n_rot / 2 */
    uint32_t n_expert, n_used; /* experts, and how many of them a token goes to; 0: none */
    uint32_t n_ff_exp,
        n_ff_shared; /* rows of an expert's gate, of those that every token goes to */
    uint32_t n_shared; /* experts that every token goes to, as one */
    uint32_t n_dense; /* layers at the beginning without experts */
    uint32_t gate; /* HthExpertsBy */
    uint32_t gate_norm; /* the weights of the chosen are divided by their sum */
    float gate_scale; /* factor on them; 0: none */
    uint32_t gate_groups, gate_groups_used; /* 0: not grouped */
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
    /* Scores fall with the distance: the largest slope is 2^-(alibi / heads); 0: they do not. */
    float alibi;
    float clamp_qkv; /* queries, keys and values are kept within it; 0: they are not */
    uint32_t nope_step; /* every so many layers one does not rotate; 0: all do */
    uint32_t window; /* positions a windowed layer sees, its own among them; 0: no such layer */
    uint8_t windowed[HTH_LAYERS_MAX / 8]; /* one bit per layer, the lowest first */
    float rope_base_window; /* of windowed layers, where they rotate otherwise; 0: rope_base */
    uint32_t n_qkv, n_gate_up, n_gate_up_exp; /* rows of tensors that hold several matrices */
    /* Multi-head latent attention; head_dim and head_dim_v are those of what the cache keeps. */
    uint32_t n_latent, n_q_latent; /* rows of the compressed keys and values, of queries (0: not) */
    uint32_t mla_dim, mla_dim_v; /* of a head before it is absorbed: keys; values */
    uint32_t mla_plain; /* of mla_dim, those that do not rotate */
    uint32_t n_next; /* layers at the end that guess later tokens: not run, not in n_layer */
    /* Layers with a state instead of keys and values: the gated delta rule. */
    uint8_t recurrent[HTH_LAYERS_MAX / 8]; /* one bit per layer, the lowest first */
    uint32_t ssm_conv; /* rows a convolution mixes, its own among them */
    uint32_t ssm_inner, ssm_dim_k; /* values of all heads; a head's keys */
    uint32_t ssm_heads, ssm_groups; /* of values; of keys */
    uint32_t ssm_dim_v, ssm_wide, ssm_ba; /* derived: a head's values; rows convolved; gates */
    uint32_t ssm_rep, ssm_group; /* heads that share a key; values of those */
    uint32_t ssm_in, n_three; /* rows of matrices that hold several: of a scan, of a convolution */
    uint32_t q_gated; /* a head's query and the gate on what it finds */
    uint32_t with; /* the answer to a question of the architecture's (HTH_L_WITH) */
    uint32_t pooling; /* HthPooling; NONE: the file does not say */
    uint32_t whole; /* texts are read whole: rows see both ways */
    uint32_t silu; /* the gate of a feed-forward block: 1 silu, 0 gelu */
    uint32_t n_type, n_cls; /* rows of the table of token types; of what scores are made with */
    float rope_alpha; /* the base grows with it; 0: not */
    float temperature; /* queries grow with the position (op/scale.c); 0: they do not */
    uint32_t temper_floor; /* each time so many positions are complete */
    /* What layers of another kind have instead (hth_shape_size); 0: the same. */
    uint32_t head_dim_window, head_dim_v_window, n_head_kv_window; /* windowed layers */
    uint32_t n_rot_window;
    uint32_t n_borrow; /* layers at the end that read what the last one before, of a kind, stored */
    uint32_t n_ff_borrow;
    uint32_t n_own; /* numbers that each layer has of a token, beside its embedding; 0: none */
    uint32_t n_own_all; /* of all layers */
    float own_embd_scale, own_scale, half_root; /* factors on them; on what they are made of */
    uint32_t moe_step; /* every so many layers one has experts; 0: all after n_dense */
} HthShape;

/* On which layers an operation runs. */
typedef enum HthLayers {
    HTH_L_ALL,
    HTH_L_ROTATING,
    HTH_L_ROTATING_WITH,
    HTH_L_STILL, /* not rotating */
    HTH_L_DENSE, /* without experts */
    HTH_L_EXPERTS,
    HTH_L_SHARED, /* with an expert that every token goes to */
    HTH_L_WINDOWED, /* with a window, or all where none has one */
    HTH_L_WITH, /* HthShape.with, the architecture's own question; without */
    HTH_L_WITHOUT,
    HTH_L_RECURRENT, /* with a state; with keys and values */
    HTH_L_ATTENDING,
    HTH_L_ATTENDING_WITH,
    HTH_L_GELU, /* by HthShape.silu */
    HTH_L_SILU,
    HTH_L_RANKING, /* of models that rank; of these, HthShape.with; without */
    HTH_L_RANKING_WITH,
    HTH_L_RANKING_WITHOUT,
    HTH_L_Q_WHOLE, /* latent attention whose queries are one product; two */
    HTH_L_Q_LATENT,
    HTH_L_BORROWING, /* with keys and values of a layer before; of its own */
    HTH_L_STORING,
    HTH_L_COUNT
} HthLayers;
/* "rotating"; for explain. NULL: all. */
const char *hth_layers_name(HthLayers which);
bool hth_layer_is(const HthShape *s, HthLayers which, uint32_t layer);
/* A field of HthShape as it is in a layer. */
uint32_t hth_shape_size(const HthShape *s, uint16_t field, uint32_t layer);
static inline bool hth_layer_windowed(const HthShape *s, uint32_t layer) {
    return s->window != 0 && (s->windowed[layer / 8] >> layer % 8 & 1) != 0;
}

static inline bool hth_layer_recurrent(const HthShape *s, uint32_t layer) {
    return (s->recurrent[layer / 8] >> layer % 8 & 1) != 0;
}

/* Weight slots a program names.  A matrix with companions has them in the next two enumerators:
 * bias (_B, added) and scale (_S, one factor on every product). */
#define HTH_W_LINEAR(name) HTH_W_##name, HTH_W_##name##_B, HTH_W_##name##_S
typedef enum HthSlot {
    HTH_W_NONE,
    HTH_W_TOK_EMBD,
    HTH_W_TOK_TYPES,
    HTH_W_OWN_EMBD, /* what layers have of a token: looked up, made of its embedding, used */
    HTH_W_LINEAR(OWN_ALL),
    HTH_W_OWN_NORM,
    HTH_W_LINEAR(OWN_GATE),
    HTH_W_LINEAR(OWN_OUT),
    HTH_W_OWN_POST_NORM,
    HTH_W_LAYER_WEIGHT,
    HTH_W_FFN_POST_NORM_1, /* a block beside experts; those */
    HTH_W_FFN_NORM_2,
    HTH_W_FFN_POST_NORM_2,
    HTH_W_ROUTER_NORM,
    HTH_W_EMBD_NORM,
    HTH_W_EMBD_NORM_B,
    HTH_W_OUT_NORM,
    HTH_W_OUT_NORM_B,
    HTH_W_LINEAR(OUTPUT),
    HTH_W_LINEAR(CLS), /* scores of models that rank: a dense layer, and what is made of it */
    HTH_W_CLS_NORM,
    HTH_W_CLS_NORM_B,
    HTH_W_LINEAR(CLS_OUT),
    HTH_W_POS_EMBD,
    HTH_W_ROPE_FREQS,
    HTH_W_ROPE_LONG,
    HTH_W_ROPE_SHORT,
    HTH_W_ATTN_NORM,
    HTH_W_ATTN_NORM_B,
    HTH_W_ATTN_NORM_2,
    HTH_W_ATTN_NORM_2_B,
    HTH_W_LINEAR(ATTN_Q),
    HTH_W_LINEAR(ATTN_K),
    HTH_W_LINEAR(ATTN_V),
    HTH_W_LINEAR(ATTN_O),
    HTH_W_Q_NORM,
    HTH_W_Q_NORM_B,
    HTH_W_K_NORM,
    HTH_W_K_NORM_B,
    HTH_W_ATTN_POST_NORM,
    HTH_W_ATTN_OUT_NORM, /* after a block and what it was added to */
    HTH_W_ATTN_OUT_NORM_B,
    HTH_W_LAYER_OUT_NORM,
    HTH_W_LAYER_OUT_NORM_B,
    HTH_W_FFN_NORM,
    HTH_W_FFN_NORM_B,
    HTH_W_FFN_POST_NORM,
    HTH_W_LINEAR(FFN_GATE),
    HTH_W_LINEAR(FFN_UP),
    HTH_W_LINEAR(FFN_DOWN),
    HTH_W_LINEAR(ROUTER),
    HTH_W_ROUTER_CHOICE_B,
    HTH_W_LINEAR(EXP_GATE),
    HTH_W_LINEAR(EXP_UP),
    HTH_W_LINEAR(EXP_DOWN),
    HTH_W_SHARED_ROUTER,
    HTH_W_LINEAR(SHARED_GATE),
    HTH_W_LINEAR(SHARED_UP),
    HTH_W_LINEAR(SHARED_DOWN),
    HTH_W_SINKS,
    HTH_W_LINEAR(SSM_QKV), /* the gated delta rule */
    HTH_W_LINEAR(SSM_Z),
    HTH_W_SSM_CONV,
    HTH_W_SSM_CONV_B,
    HTH_W_SSM_A,
    HTH_W_SSM_DT_B,
    HTH_W_SSM_D,
    HTH_W_LINEAR(SSM_BA),
    HTH_W_CONV_B, /* a convolution of products: what gates before and after, and what is gated */
    HTH_W_CONV_C,
    HTH_W_CONV_X,
    HTH_W_LINEAR(SSM_BETA),
    HTH_W_LINEAR(SSM_ALPHA),
    HTH_W_SSM_NORM,
    HTH_W_LINEAR(SSM_OUT),
    HTH_W_LINEAR(Q_DOWN), /* latent attention */
    HTH_W_Q_DOWN_NORM,
    HTH_W_LINEAR(Q_UP),
    HTH_W_LINEAR(KV_DOWN),
    HTH_W_KV_DOWN_NORM,
    HTH_W_K_UP,
    HTH_W_V_UP,
    HTH_W_COUNT
} HthSlot;
/* Its rows are looked up, not multiplied. */
static inline bool hth_slot_looked_up(HthSlot slot) {
    return slot == HTH_W_TOK_EMBD || slot == HTH_W_POS_EMBD || slot == HTH_W_TOK_TYPES ||
           slot == HTH_W_OWN_EMBD;
}

typedef enum HthParamType {
    HTH_P_U32, /* a number, any integer type */
    HTH_P_BOOL,
    HTH_P_SIZE, /* the same, at least 1 where present; per-layer arrays only if all are equal */
    HTH_P_SIZES, /* the same, and arrays alike in all layers of a kind (hth_shape_size) */
    HTH_P_F32,
    HTH_P_F32_OLD, /* an older key: read only while the field still has its default */
    HTH_P_SCALING, /* a string: "none", "linear", "yarn", "longrope" */
    HTH_P_WINDOWED, /* which layers have a window: a flag per layer, or a period: all but the last
                       of each (0: all) */
    HTH_P_WINDOWED_LATE, /* the same, all but the first of each */
    HTH_P_RECURRENT, /* a state instead of keys and values, likewise */
    HTH_P_KV_HEADS, /* a number, or one per layer: 0 where it has a state, else alike */
    HTH_P_RECURRENT_OF, /* by another key, a period, where the one before is absent */
    HTH_P_SILU, /* a string: "gelu" (0), "silu" (1) */
    HTH_P_NO_SECTIONS, /* the same, and any are refused */
    HTH_P_SECTIONS /* pairs that rotate by one of several positions: those of a text are all alike,
                      so all pairs must have one; no field */
} HthParamType;

/* GGUF key after "<arch>." -> a field of HthShape. or_else applies when absent; NAN: required. */
typedef struct HthArchParam {
    const char *key;
    uint16_t field; /* offsetof(HthShape, ...) */
    HthParamType type;
    double or_else;
} HthArchParam;

/* rows and cols are products of up to two HthShape fields (0: factor 1; cols {0,0}: a vector, which
 * is turned to floats once); count, one more field, is how many of those the tensor has, for each
 * expert or head one.  _B and _S slots carry the name of their matrix. */
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
    uint16_t count; /* a field, or 0: one */
    HthLayers when; /* layers that have it */
    /* NULL, or what older converters joined it into in a way that is not read: for the sentence
     * where it is missing. */
    const char *older;
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
    uint32_t window_layers, window; /* only the size of so many layers has windows, this one unless
                                     * the file says; 0: any, none */
    bool chunked; /* a window ends at the last multiple of its size */
    bool temper_next; /* positions count from 1 for the temperature */
    bool gate_by_score; /* HthRouter.by_score */
    bool with_own; /* HthShape.with: do layers have numbers of their own of a token? */
    uint32_t with_but; /* HthShape.with: there are not so many experts; 0: not asked */
    bool logit_times; /* logits are multiplied with logit_scale */
    const char *asks; /* HthShape.with: is there this tensor? NULL: set by a key, or not used */
    bool all_states; /* no layer has keys and values; there are no heads and feed-forward blocks */
    bool keys_in_turn; /* recurrent: value head i has key head i % ssm_groups */
    bool latent; /* multi-head latent attention; a head's last dimensions rotate */
    uint32_t gate; /* HthExpertsBy of its router, unless the file says; 0: it has no experts */
    bool gate_norm;
    const struct HthArch *experts; /* the same with experts, for files that have some; NULL: none */
    uint32_t wide_layers; /* the size (in layers) whose scores are divided by sqrt(n_embd/n_head) */
    const HthArchParam *params; /* ends with key NULL */
    const HthArchWeight *weights; /* ends with slot HTH_W_NONE */
    const HthArchOp *head, *layer, *tail; /* each ends with HTH_OP_END */
    bool whole; /* an encoder: reads texts whole and has no next words (ADR 48) */
    const HthArchOp *rank; /* of a model that ranks, instead of the tail's last operation; its first
                            * operations read the pooled row. NULL: there are none such */
    HthPooling rank_of; /* that row */
} HthArch;

/* NULL if unknown. */
const HthArch *hth_arch_find(const char *name);
const HthArch *hth_arch_at(size_t index); /* NULL past the last */
/* ".weight", ".bias", ".scale" or "". */
const char *hth_slot_suffix(HthSlot slot);
/* "attn_q", "attn_q.bias"; for explain and errors. */
const char *hth_slot_name(HthSlot slot);

#endif

/* family.h - what the families call things: config.json and tensors here, GGUF there.
 *
 * A family is constant tables: keys, what its config.json must not say, tensors with their shapes
 * and what is done to them.  Private to import.
 *
 * Thread: constant tables. */
#ifndef HTH_IMPORT_FAMILY_H
#define HTH_IMPORT_FAMILY_H

#include <stdbool.h>

#include "base/str.h"

/* How the rotation is stretched beyond the context it was trained with. */
typedef enum HthStretch {
    HTH_STRETCH_NONE,
    HTH_STRETCH_LINEAR,
    HTH_STRETCH_YARN,
    HTH_STRETCH_LLAMA3,
    HTH_STRETCH_LONG,
    HTH_STRETCHES
} HthStretch;

enum { /* pooling_type */
       HTH_IMPORT_MEAN = 1,
       HTH_IMPORT_FIRST,
       HTH_IMPORT_LAST,
       HTH_IMPORT_RANK
};

/* config.json, read, checked, and what follows from it. */
typedef struct HthConfig {
    const struct HthFamily *family;
    uint32_t n_layer, n_embd, n_head, n_head_kv, head_dim, n_ff, n_vocab, n_ctx;
    uint32_t n_rot; /* dimensions of a head that rotate */
    uint32_t window, period; /* 0: none; every period-th layer has none (0: as the format says) */
    uint32_t attn_root; /* scores are divided by its root; 0: by that of head_dim */
    uint32_t tied, attn_bias, mlp_bias; /* 0 or 1 */
    uint32_t n_q, n_kv, n_qkv, n_gate_up; /* rows of matrices */
    uint32_t n_type, n_score; /* of encoders: kinds of tokens; scores of a text, of rankers */
    uint32_t pooling; /* how a text's rows become one, as GGUF's pooling_type; 0: not said */
    uint32_t cut; /* longer texts are cut there, where the folder says so; 0: it does not */
    bool lower; /* texts are lowercase before the tokenizer sees them */
    float norm_eps, rope_base, rope_base_window, rot_part, logit_cap;
    HthStretch stretch;
    float factor, low, high, attn_factor, beta_fast, beta_slow; /* 0: not said */
    uint32_t ctx_orig; /* 0: not said */
    float *factors, *more; /* [n_rot / 2] owned: of each pair, llama3 or long; short. NULL: none */
} HthConfig;

#define HTH_CONFIG(f) (uint16_t) offsetof(HthConfig, f)

typedef enum HthKeyType { HTH_KEY_SIZE, HTH_KEY_FLOAT, HTH_KEY_FLAG } HthKeyType;

/* A key of config.json, the field it fills, and the GGUF key (after "<architecture>.") that the
 * field is written to unless it is 0. hf NULL: only written; gguf NULL: only read.
 * or_else applies where the key is absent or null; NAN: it is required. */
typedef struct HthFamilyKey {
    const char *hf, *gguf;
    uint16_t field;
    HthKeyType type;
    double or_else;
} HthFamilyKey;

typedef enum HthMustKind {
    HTH_MUST_BE_OFF, /* absent, null, false, 0, or an empty list or object */
    HTH_MUST_BE_TEXT, /* absent, null, or this text */
    HTH_MUST_BE_ONE, /* absent, null, or 1 */
    HTH_MUST_BE_FULL /* absent, null, or a list of "full_attention" alone */
} HthMustKind;

/* What would make another computation than the one the GGUF file describes. */
typedef struct HthFamilyMust {
    const char *key;
    HthMustKind kind;
    const char *text; /* HTH_MUST_BE_TEXT */
    const char *what; /* "its weights are quantised": why it cannot be */
} HthFamilyMust;

/* What is done to a tensor on its way. */
typedef enum HthTensorHow {
    HTH_TENSOR_AS_IS,
    HTH_TENSOR_HEADS_Q, /* rows of a query head so that neighbours rotate together */
    HTH_TENSOR_HEADS_K, /* the same of the keys' heads */
    HTH_TENSOR_PLUS_ONE, /* a norm that is kept as its difference from 1 */
    HTH_TENSOR_FLOATS /* F32 whatever the rest: other readers of the format want it so */
} HthTensorHow;

typedef enum HthTensorWhen {
    HTH_TENSOR_ALWAYS,
    HTH_TENSOR_UNTIED, /* where the output matrix is not that of the embedding */
    HTH_TENSOR_ATTN_BIAS, /* where the config says so */
    HTH_TENSOR_MLP_BIAS,
    HTH_TENSOR_BESIDE /* always; its name has no prefix */
} HthTensorWhen;

/* %u is the layer; hf stands after the prefix of the model ("model."), but for lm_head. */
typedef struct HthFamilyTensor {
    const char *hf, *gguf;
    uint16_t rows, cols; /* fields of HthConfig; cols 0: a vector */
    HthTensorHow how;
    HthTensorWhen when;
} HthFamilyTensor;

typedef enum HthFamilyKind {
    HTH_FAMILY_DECODER,
    HTH_FAMILY_ENCODER, /* reads texts whole; positions have a row each, nothing rotates */
    HTH_FAMILY_RANKER /* an encoder that gives a pair of texts a score */
} HthFamilyKind;

typedef struct HthFamily {
    const char *name; /* of its architectures in config.json */
    const char *arch; /* general.architecture */
    const char *nested; /* the object of config.json that speaks of the text model; NULL: it all */
    const char *const *prefixes; /* of its tensors, the first that is there; ends with NULL */
    const char *const *others; /* beginnings of names of what is left out; ends with NULL */
    const HthFamilyKey *keys; /* ends with field 0 */
    const HthFamilyMust *musts; /* ends with key NULL */
    const HthFamilyTensor *ends, *layer; /* of the model, of each layer; end with hf NULL */
    unsigned stretches; /* bits 1 << HthStretch that it may have */
    bool window_caps; /* its window is not in the GGUF file: the context ends with it */
    HthFamilyKind kind;
    const char *others_for; /* what `others` are for */
} HthFamily;

/* NULL: no such family is imported. */
const HthFamily *hth_family_find(HthStr architecture);
const HthFamily *hth_family_at(size_t i); /* NULL past the last */

#endif

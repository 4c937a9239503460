/* family.c - see family.h: the tables.
 *
 * Names and defaults of config.json are those of the models' own configuration classes; GGUF keys,
 * tensor names and the order of rows those of the reference implementation of the format.
 *
 * Thread: constant tables. */
#include "import/family.h"

#include <math.h>
#include <stddef.h>

#define FLD      HTH_CONFIG
#define REQUIRED NAN

/* clang-format off */
/* ---- keys ---- */

#define SIZE(hf, gguf, f, d)  { hf, gguf, FLD(f), HTH_KEY_SIZE, d }
#define FLOAT(hf, gguf, f, d) { hf, gguf, FLD(f), HTH_KEY_FLOAT, d }
#define FLAG(hf, f, d)        { hf, NULL, FLD(f), HTH_KEY_FLAG, d }
#define KEYS_END              { NULL, NULL, 0, HTH_KEY_SIZE, 0 }

/* kv: heads of keys where nothing is said (0: as many as there are); head: the length of one (0: a
 * share of the embedding). */
#define KEYS_COMMON(kv, head, eps, theta, tie) \
    SIZE("num_hidden_layers", "block_count", n_layer, REQUIRED), \
    SIZE("max_position_embeddings", "context_length", n_ctx, REQUIRED), \
    SIZE("hidden_size", "embedding_length", n_embd, REQUIRED), \
    SIZE("intermediate_size", "feed_forward_length", n_ff, REQUIRED), \
    KEYS_HEADS(REQUIRED, kv, head), \
    FLOAT("rms_norm_eps", "attention.layer_norm_rms_epsilon", norm_eps, eps), \
    SIZE("vocab_size", "vocab_size", n_vocab, REQUIRED), \
    FLOAT("rope_theta", "rope.freq_base", rope_base, theta), \
    FLAG("tie_word_embeddings", tied, tie)
#define KEYS_HEADS(n, kv, head) \
    SIZE("num_attention_heads", "attention.head_count", n_head, n), \
    SIZE("num_key_value_heads", "attention.head_count_kv", n_head_kv, kv), \
    SIZE("head_dim", "attention.key_length", head_dim, head), \
    SIZE(NULL, "attention.value_length", head_dim, 0), \
    SIZE(NULL, "rope.dimension_count", n_rot, 0)

static const HthFamilyKey llama_keys[] = {
    KEYS_COMMON(0, 0, 1e-6, 10000, 0),
    FLAG("attention_bias", attn_bias, 0),
    FLAG("mlp_bias", mlp_bias, 0),
    KEYS_END,
};
static const HthFamilyKey mistral_keys[] = {
    KEYS_COMMON(8, 0, 1e-6, 10000, 0),
    SIZE("sliding_window", NULL, window, 0),
    KEYS_END,
};
static const HthFamilyKey qwen2_keys[] = {
    KEYS_COMMON(32, 0, 1e-6, 10000, 0),
    KEYS_END,
};
static const HthFamilyKey qwen3_keys[] = {
    KEYS_COMMON(32, 128, 1e-6, 10000, 0),
    FLAG("attention_bias", attn_bias, 0),
    KEYS_END,
};
/* The larger ones say only what is not as in the smallest. */
static const HthFamilyKey gemma3_keys[] = {
    SIZE("num_hidden_layers", "block_count", n_layer, 26),
    SIZE("max_position_embeddings", "context_length", n_ctx, 131072),
    SIZE("hidden_size", "embedding_length", n_embd, 2304),
    SIZE("intermediate_size", "feed_forward_length", n_ff, 9216),
    KEYS_HEADS(8, 4, 256),
    FLOAT("rms_norm_eps", "attention.layer_norm_rms_epsilon", norm_eps, 1e-6),
    SIZE("vocab_size", "vocab_size", n_vocab, 262208),
    FLOAT("rope_theta", "rope.freq_base", rope_base, 1000000),
    FLOAT("rope_local_base_freq", "rope.freq_base_swa", rope_base_window, 10000),
    SIZE("sliding_window", "attention.sliding_window", window, 4096),
    SIZE("sliding_window_pattern", "attention.sliding_window_pattern", period, 6),
    SIZE("query_pre_attn_scalar", NULL, attn_root, 256),
    FLOAT("final_logit_softcapping", "final_logit_softcapping", logit_cap, 0),
    FLAG("attention_bias", attn_bias, 0),
    FLAG("tie_word_embeddings", tied, 1),
    KEYS_END,
};
static const HthFamilyKey phi3_keys[] = {
    KEYS_COMMON(0, 0, 1e-5, 10000, 0),
    SIZE("sliding_window", "attention.sliding_window", window, 0),
    SIZE("original_max_position_embeddings", "rope.scaling.original_context_length", ctx_orig, 0),
    FLOAT("partial_rotary_factor", NULL, rot_part, 1),
    KEYS_END,
};
static const HthFamilyKey bert_keys[] = {
    SIZE("num_hidden_layers", "block_count", n_layer, REQUIRED),
    SIZE("max_position_embeddings", "context_length", n_ctx, REQUIRED),
    SIZE("hidden_size", "embedding_length", n_embd, REQUIRED),
    SIZE("intermediate_size", "feed_forward_length", n_ff, REQUIRED),
    SIZE("num_attention_heads", "attention.head_count", n_head, REQUIRED),
    FLOAT("layer_norm_eps", "attention.layer_norm_epsilon", norm_eps, 1e-12),
    SIZE("vocab_size", "vocab_size", n_vocab, REQUIRED),
    SIZE("type_vocab_size", NULL, n_type, 2),
    KEYS_END,
};

/* ---- what must not be ---- */

#define OFF(key, what)        { key, HTH_MUST_BE_OFF, NULL, what }
#define TEXT(key, text, what) { key, HTH_MUST_BE_TEXT, text, what }
#define MUSTS_END             { NULL, HTH_MUST_BE_OFF, NULL, NULL }
#define MUSTS_COMMON \
    OFF("quantization_config", "its weights are quantised already; find the original"), \
    OFF("compression_config", "its weights are compressed already; find the original"), \
    OFF("num_local_experts", "it is a mixture of experts"), \
    OFF("num_experts", "it is a mixture of experts"), \
    OFF("is_encoder_decoder", "it is an encoder with a decoder")
#define MUSTS_SILU TEXT("hidden_act", "silu", "its feed-forward blocks have another gate")
#define MUSTS_ROTATE_ALL \
    { "partial_rotary_factor", HTH_MUST_BE_ONE, NULL, "only a part of its heads rotates" }
#define MUSTS_NO_WINDOW \
    { "layer_types", HTH_MUST_BE_FULL, NULL, "some of its layers see a window only" }

static const HthFamilyMust llama_musts[] = {
    MUSTS_COMMON, MUSTS_SILU, MUSTS_ROTATE_ALL, MUSTS_NO_WINDOW,
    OFF("sliding_window", "it sees a window only"), MUSTS_END,
};
static const HthFamilyMust mistral_musts[] = {
    MUSTS_COMMON, MUSTS_SILU, MUSTS_ROTATE_ALL, MUSTS_NO_WINDOW, MUSTS_END,
};
static const HthFamilyMust qwen_musts[] = {
    MUSTS_COMMON, MUSTS_SILU, MUSTS_ROTATE_ALL, MUSTS_NO_WINDOW,
    OFF("use_sliding_window", "some of its layers see a window only"), MUSTS_END,
};
static const HthFamilyMust gemma3_musts[] = {
    MUSTS_COMMON, MUSTS_ROTATE_ALL,
    TEXT("hidden_activation", "gelu_pytorch_tanh", "its feed-forward blocks have another gate"),
    TEXT("hidden_act", "gelu_pytorch_tanh", "its feed-forward blocks have another gate"),
    OFF("attn_logit_softcapping", "its scores are bounded"),
    OFF("use_bidirectional_attention", "it sees what comes later, too"), MUSTS_END,
};
static const HthFamilyMust bert_musts[] = {
    MUSTS_COMMON,
    TEXT("hidden_act", "gelu", "its feed-forward blocks have another function"),
    TEXT("position_embedding_type", "absolute", "its positions are distances"),
    OFF("is_decoder", "its rows see only what comes before them"),
    OFF("add_cross_attention", "it is the decoder beside an encoder"), MUSTS_END,
};
static const HthFamilyMust phi3_musts[] = { MUSTS_COMMON, MUSTS_SILU, MUSTS_NO_WINDOW, MUSTS_END };

/* ---- tensors ---- */

#define ROW(hf, gguf, r, c, how, when) \
    { hf, gguf, FLD(r), FLD(c), HTH_TENSOR_##how, HTH_TENSOR_##when }
#define MATRIX(hf, gguf, r, c)      ROW(hf, gguf, r, c, AS_IS, ALWAYS)
#define VECTOR(hf, gguf, r, how, when) \
    { hf, gguf, FLD(r), 0, HTH_TENSOR_##how, HTH_TENSOR_##when }
#define NORM(hf, gguf, r)           VECTOR(hf ".weight", gguf ".weight", r, AS_IS, ALWAYS)
#define NORM_LESS_1(hf, gguf, r)    VECTOR(hf ".weight", gguf ".weight", r, PLUS_ONE, ALWAYS)
#define TENSORS_END                 { NULL, NULL, 0, 0, HTH_TENSOR_AS_IS, HTH_TENSOR_ALWAYS }

#define TENSORS_ENDS(norm) \
    MATRIX("embed_tokens.weight", "token_embd.weight", n_vocab, n_embd), \
    norm("norm", "output_norm", n_embd), \
    ROW("lm_head.weight", "output.weight", n_vocab, n_embd, AS_IS, UNTIED), \
    TENSORS_END
#define ATTN(q, k) \
    ROW("layers.%u.self_attn.q_proj.weight", "blk.%u.attn_q.weight", n_q, n_embd, q, ALWAYS), \
    ROW("layers.%u.self_attn.k_proj.weight", "blk.%u.attn_k.weight", n_kv, n_embd, k, ALWAYS), \
    MATRIX("layers.%u.self_attn.v_proj.weight", "blk.%u.attn_v.weight", n_kv, n_embd), \
    MATRIX("layers.%u.self_attn.o_proj.weight", "blk.%u.attn_output.weight", n_embd, n_q)
#define ATTN_QKV_BIAS(q, k, when) \
    VECTOR("layers.%u.self_attn.q_proj.bias", "blk.%u.attn_q.bias", n_q, q, when), \
    VECTOR("layers.%u.self_attn.k_proj.bias", "blk.%u.attn_k.bias", n_kv, k, when), \
    VECTOR("layers.%u.self_attn.v_proj.bias", "blk.%u.attn_v.bias", n_kv, AS_IS, when)
#define ATTN_O_BIAS \
    VECTOR("layers.%u.self_attn.o_proj.bias", "blk.%u.attn_output.bias", n_embd, AS_IS, ATTN_BIAS)
#define GATED \
    MATRIX("layers.%u.mlp.gate_proj.weight", "blk.%u.ffn_gate.weight", n_ff, n_embd), \
    MATRIX("layers.%u.mlp.up_proj.weight", "blk.%u.ffn_up.weight", n_ff, n_embd), \
    MATRIX("layers.%u.mlp.down_proj.weight", "blk.%u.ffn_down.weight", n_embd, n_ff)
#define GATED_BIAS \
    VECTOR("layers.%u.mlp.gate_proj.bias", "blk.%u.ffn_gate.bias", n_ff, AS_IS, MLP_BIAS), \
    VECTOR("layers.%u.mlp.up_proj.bias", "blk.%u.ffn_up.bias", n_ff, AS_IS, MLP_BIAS), \
    VECTOR("layers.%u.mlp.down_proj.bias", "blk.%u.ffn_down.bias", n_embd, AS_IS, MLP_BIAS)
#define TWO_NORMS \
    NORM("layers.%u.input_layernorm", "blk.%u.attn_norm", n_embd), \
    NORM("layers.%u.post_attention_layernorm", "blk.%u.ffn_norm", n_embd)

static const HthFamilyTensor plain_ends[] = { TENSORS_ENDS(NORM) };
static const HthFamilyTensor gemma3_ends[] = { TENSORS_ENDS(NORM_LESS_1) };

static const HthFamilyTensor llama_layer[] = {
    TWO_NORMS,
    ATTN(HEADS_Q, HEADS_K),
    ATTN_QKV_BIAS(HEADS_Q, HEADS_K, ATTN_BIAS),
    ATTN_O_BIAS,
    GATED,
    GATED_BIAS,
    TENSORS_END,
};
static const HthFamilyTensor qwen2_layer[] = {
    TWO_NORMS,
    ATTN(AS_IS, AS_IS),
    ATTN_QKV_BIAS(AS_IS, AS_IS, ALWAYS),
    GATED,
    TENSORS_END,
};
static const HthFamilyTensor qwen3_layer[] = {
    TWO_NORMS,
    ATTN(AS_IS, AS_IS),
    ATTN_QKV_BIAS(AS_IS, AS_IS, ATTN_BIAS),
    ATTN_O_BIAS,
    NORM("layers.%u.self_attn.q_norm", "blk.%u.attn_q_norm", head_dim),
    NORM("layers.%u.self_attn.k_norm", "blk.%u.attn_k_norm", head_dim),
    GATED,
    TENSORS_END,
};
static const HthFamilyTensor gemma3_layer[] = {
    NORM_LESS_1("layers.%u.input_layernorm", "blk.%u.attn_norm", n_embd),
    ATTN(AS_IS, AS_IS),
    ATTN_QKV_BIAS(AS_IS, AS_IS, ATTN_BIAS),
    ATTN_O_BIAS,
    NORM_LESS_1("layers.%u.self_attn.q_norm", "blk.%u.attn_q_norm", head_dim),
    NORM_LESS_1("layers.%u.self_attn.k_norm", "blk.%u.attn_k_norm", head_dim),
    NORM_LESS_1("layers.%u.post_attention_layernorm", "blk.%u.post_attention_norm", n_embd),
    NORM_LESS_1("layers.%u.pre_feedforward_layernorm", "blk.%u.ffn_norm", n_embd),
    GATED,
    NORM_LESS_1("layers.%u.post_feedforward_layernorm", "blk.%u.post_ffw_norm", n_embd),
    TENSORS_END,
};
/* Queries, keys and values are one matrix, gate and up another: here as there. */
static const HthFamilyTensor phi3_layer[] = {
    TWO_NORMS,
    MATRIX("layers.%u.self_attn.qkv_proj.weight", "blk.%u.attn_qkv.weight", n_qkv, n_embd),
    MATRIX("layers.%u.self_attn.o_proj.weight", "blk.%u.attn_output.weight", n_embd, n_q),
    MATRIX("layers.%u.mlp.gate_up_proj.weight", "blk.%u.ffn_up.weight", n_gate_up, n_embd),
    MATRIX("layers.%u.mlp.down_proj.weight", "blk.%u.ffn_down.weight", n_embd, n_ff),
    TENSORS_END,
};

#define BIASED(hf, gguf, r, c, when) \
    ROW(hf ".weight", gguf ".weight", r, c, AS_IS, when), \
    VECTOR(hf ".bias", gguf ".bias", r, AS_IS, when)
#define NORM_BIASED(hf, gguf) \
    NORM(hf, gguf, n_embd), VECTOR(hf ".bias", gguf ".bias", n_embd, AS_IS, ALWAYS)
#define BERT_EMBEDDINGS \
    MATRIX("embeddings.word_embeddings.weight", "token_embd.weight", n_vocab, n_embd), \
    ROW("embeddings.position_embeddings.weight", "position_embd.weight", n_ctx, n_embd, FLOATS, \
        ALWAYS), \
    ROW("embeddings.token_type_embeddings.weight", "token_types.weight", n_type, n_embd, FLOATS, \
        ALWAYS), \
    NORM_BIASED("embeddings.LayerNorm", "token_embd_norm")

static const HthFamilyTensor bert_ends[] = { BERT_EMBEDDINGS, TENSORS_END };
/* The first row goes through the pooler, what comes out has a score. */
static const HthFamilyTensor bert_rank_ends[] = {
    BERT_EMBEDDINGS,
    BIASED("pooler.dense", "cls", n_embd, n_embd, ALWAYS),
    BIASED("classifier", "cls.output", n_score, n_embd, BESIDE),
    TENSORS_END,
};
static const HthFamilyTensor bert_layer[] = {
    BIASED("encoder.layer.%u.attention.self.query", "blk.%u.attn_q", n_q, n_embd, ALWAYS),
    BIASED("encoder.layer.%u.attention.self.key", "blk.%u.attn_k", n_kv, n_embd, ALWAYS),
    BIASED("encoder.layer.%u.attention.self.value", "blk.%u.attn_v", n_kv, n_embd, ALWAYS),
    BIASED("encoder.layer.%u.attention.output.dense", "blk.%u.attn_output", n_embd, n_q, ALWAYS),
    NORM_BIASED("encoder.layer.%u.attention.output.LayerNorm", "blk.%u.attn_output_norm"),
    BIASED("encoder.layer.%u.intermediate.dense", "blk.%u.ffn_up", n_ff, n_embd, ALWAYS),
    BIASED("encoder.layer.%u.output.dense", "blk.%u.ffn_down", n_embd, n_ff, ALWAYS),
    NORM_BIASED("encoder.layer.%u.output.LayerNorm", "blk.%u.layer_output_norm"),
    TENSORS_END,
};

/* ---- families ---- */

static const char *const plain[] = { "model.", "", NULL };
static const char *const with_images[] = { "language_model.model.", "model.language_model.", NULL };
static const char *const none[] = { NULL };
static const char *const images[] = { "vision_tower.", "multi_modal_projector.",
                                      "model.vision_tower.", "model.multi_modal_projector.", NULL };

static const char *const of_bert[] = { "bert.", "", NULL };
static const char *const bert_heads[] = { "pooler.", "bert.pooler.", "cls.predictions.",
                                          "cls.seq_relationship.", NULL };

#define LINEAR (1u << HTH_STRETCH_LINEAR)
#define YARN   (1u << HTH_STRETCH_YARN)
#define LLAMA3 (1u << HTH_STRETCH_LLAMA3)
#define LONG   (1u << HTH_STRETCH_LONG)

#define DECODER HTH_FAMILY_DECODER, NULL
#define ENCODER 0, false, HTH_FAMILY_ENCODER, "training"
#define RANKER  0, false, HTH_FAMILY_RANKER, NULL

static const HthFamily families[] = {
    { "LlamaForCausalLM", "llama", NULL, plain, none, llama_keys, llama_musts, plain_ends,
      llama_layer, LINEAR | YARN | LLAMA3, false, DECODER },
    { "MistralForCausalLM", "llama", NULL, plain, none, mistral_keys, mistral_musts, plain_ends,
      llama_layer, LINEAR | YARN, true, DECODER },
    { "Qwen2ForCausalLM", "qwen2", NULL, plain, none, qwen2_keys, qwen_musts, plain_ends,
      qwen2_layer, LINEAR | YARN, false, DECODER },
    { "Qwen3ForCausalLM", "qwen3", NULL, plain, none, qwen3_keys, qwen_musts, plain_ends,
      qwen3_layer, LINEAR | YARN, false, DECODER },
    { "Gemma3ForCausalLM", "gemma3", NULL, plain, none, gemma3_keys, gemma3_musts, gemma3_ends,
      gemma3_layer, LINEAR, false, DECODER },
    { "Gemma3ForConditionalGeneration", "gemma3", "text_config", with_images, images, gemma3_keys,
      gemma3_musts, gemma3_ends, gemma3_layer, LINEAR, false, HTH_FAMILY_DECODER, "images" },
    { "Phi3ForCausalLM", "phi3", NULL, plain, none, phi3_keys, phi3_musts, plain_ends, phi3_layer,
      LONG, false, DECODER },
    { "BertModel", "bert", NULL, of_bert, bert_heads, bert_keys, bert_musts, bert_ends, bert_layer,
      ENCODER },
    { "BertForMaskedLM", "bert", NULL, of_bert, bert_heads, bert_keys, bert_musts, bert_ends,
      bert_layer, ENCODER },
    { "BertForPreTraining", "bert", NULL, of_bert, bert_heads, bert_keys, bert_musts, bert_ends,
      bert_layer, ENCODER },
    { "BertForSequenceClassification", "bert", NULL, of_bert, none, bert_keys, bert_musts,
      bert_rank_ends, bert_layer, RANKER },
};
/* clang-format on */

const HthFamily *hth_family_at(size_t i) {
    return i < HTH_COUNT(families) ? &families[i] : NULL;
}

const HthFamily *hth_family_find(HthStr architecture) {
    for (size_t i = 0; i < HTH_COUNT(families); i++)
        if (hth_str_eq(architecture, hth_str(families[i].name))) return &families[i];
    return NULL;
}

/* hf_build.h - safetensors, configs and tokenizers for tests, small.
 *
 * Include after support/test.h.
 *
 * Thread: the test's. */
#ifndef HTH_TESTS_SUPPORT_HF_BUILD_H
#define HTH_TESTS_SUPPORT_HF_BUILD_H

#include "base/json.h"

/* A llama of one layer, 2 heads of 4 and a vocabulary of 12; %s: more keys, a comma in front. */
#define HF_CONFIG                                                                                  \
    "{\"architectures\": [\"LlamaForCausalLM\"], \"num_hidden_layers\": 1, "                       \
    "\"max_position_embeddings\": 32, \"hidden_size\": 8, \"intermediate_size\": 6, "              \
    "\"num_attention_heads\": 2, \"num_key_value_heads\": 1, \"vocab_size\": 12, "                 \
    "\"rms_norm_eps\": 1e-5, \"hidden_act\": \"silu\", \"eos_token_id\": [9, 8]%s}"

/* Byte-level BPE as GPT-2 cuts words: eight letters, a join, one token that steers. */
#define HF_BPE                                                                                     \
    "{\"added_tokens\": [{\"id\": 9, \"content\": \"<|end|>\", \"special\": true}], "              \
    "\"normalizer\": null, \"pre_tokenizer\": {\"type\": \"ByteLevel\", "                          \
    "\"add_prefix_space\": false, \"use_regex\": true}, \"post_processor\": null, "                \
    "\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1, \"c\": 2, \"d\": 3, "          \
    "\"e\": 4, \"f\": 5, \"g\": 6, \"h\": 7, \"ab\": 8}, \"merges\": [\"a b\"]}}"

/* WordPiece as BERT has it: four letters' worth of words, and what steers. */
#define HF_WORDS                                                                                   \
    "{\"added_tokens\": [{\"id\": 0, \"content\": \"[PAD]\", \"special\": true}, {\"id\": 1, "     \
    "\"content\": \"[UNK]\", \"special\": true}, {\"id\": 2, \"content\": \"[CLS]\", "             \
    "\"special\": true}, {\"id\": 3, \"content\": \"[SEP]\", \"special\": true}], "                \
    "\"normalizer\": {\"type\": \"BertNormalizer\", \"clean_text\": true, "                        \
    "\"handle_chinese_chars\": true, \"strip_accents\": null, \"lowercase\": true}, "              \
    "\"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"}, \"post_processor\": {\"type\": "         \
    "\"TemplateProcessing\", \"single\": [{\"SpecialToken\": {\"id\": \"[CLS]\"}}, "               \
    "{\"Sequence\": {\"id\": \"A\"}}, {\"SpecialToken\": {\"id\": \"[SEP]\"}}], \"pair\": "        \
    "[{\"SpecialToken\": {\"id\": \"[CLS]\"}}, {\"Sequence\": {\"id\": \"A\"}}, "                  \
    "{\"SpecialToken\": {\"id\": \"[SEP]\"}}, {\"Sequence\": {\"id\": \"B\"}}, "                   \
    "{\"SpecialToken\": {\"id\": \"[SEP]\"}}]}, \"model\": {\"type\": \"WordPiece\", "             \
    "\"unk_token\": \"[UNK]\", \"continuing_subword_prefix\": \"##\", "                            \
    "\"max_input_chars_per_word\": 100, \"vocab\": {\"[PAD]\": 0, \"[UNK]\": 1, "                  \
    "\"[CLS]\": 2, \"[SEP]\": 3, \"a\": 4, \"##b\": 5, \"ab\": 6, \"##\": 7, \"[unused0]\": "      \
    "8, \"##\xE2\x96\x81\": 9, \"!\": 10}}}"

typedef struct HfTensor {
    const char *name;
    uint32_t rows, cols; /* cols 0: a vector */
} HfTensor;

static const HfTensor hf_llama[] = {
    { "model.embed_tokens.weight", 12, 8 },
    { "model.norm.weight", 8, 0 },
    { "lm_head.weight", 12, 8 },
    { "model.layers.0.input_layernorm.weight", 8, 0 },
    { "model.layers.0.post_attention_layernorm.weight", 8, 0 },
    { "model.layers.0.self_attn.q_proj.weight", 8, 8 },
    { "model.layers.0.self_attn.k_proj.weight", 4, 8 },
    { "model.layers.0.self_attn.v_proj.weight", 4, 8 },
    { "model.layers.0.self_attn.o_proj.weight", 8, 8 },
    { "model.layers.0.mlp.gate_proj.weight", 6, 8 },
    { "model.layers.0.mlp.up_proj.weight", 6, 8 },
    { "model.layers.0.mlp.down_proj.weight", 8, 6 },
};
enum { HF_LLAMA = HTH_COUNT(hf_llama) };

/* Appends a file of n bytes of data under that header, of which the length is written. */
static inline void hf_file(HthBuf *out, const char *header, const void *data, size_t n) {
    HthErr err = { 0 };
    uint8_t length[8] = { 0 };
    const size_t len = strlen(header);
    for (int i = 0; i < 8; i++) length[i] = (uint8_t)((uint64_t)len >> (8 * i));
    assert_ok(hth_buf_add(out, length, 8, &err), err);
    assert_ok(hth_buf_add(out, header, len, &err), err);
    assert_ok(hth_buf_add(out, data, n, &err), err);
}

/* Number i of tensor t: what a test expects to find again. */
static inline float hf_number(size_t t, size_t i) {
    return (float)t + (float)i / 64.0f;
}

/* Some of the tensors in F32. */
static inline void hf_weights(HthBuf *out, const HfTensor *t, size_t from, size_t to) {
    HthErr err = { 0 };
    HthBuf head, data;
    hth_buf_init(&head, 1 << 16);
    hth_buf_init(&data, 1 << 16);
    assert_ok(hth_buf_add_char(&head, '{', &err), err);
    for (size_t k = from; k < to; k++) {
        const size_t n = (size_t)t[k].rows * (t[k].cols ? t[k].cols : 1), at = data.n;
        for (size_t i = 0; i < n; i++) {
            const float v = hf_number(k, i);
            assert_ok(hth_buf_add(&data, &v, sizeof v, &err), err);
        }
        assert_ok(hth_buf_printf(&head, &err, "%s\"%s\": {\"dtype\": \"F32\", \"shape\": [%u",
                                 k > from ? ", " : "", t[k].name, t[k].rows),
                  err);
        if (t[k].cols) assert_ok(hth_buf_printf(&head, &err, ", %u", t[k].cols), err);
        assert_ok(hth_buf_printf(&head, &err, "], \"data_offsets\": [%zu, %zu]}", at, data.n), err);
    }
    assert_ok(hth_buf_add_char(&head, '}', &err), err);
    hf_file(out, head.p, data.p, data.n);
    hth_buf_drop(&head);
    hth_buf_drop(&data);
}

static inline json_t *hf_json(const char *text) {
    HthErr err = { 0 };
    json_t *v = NULL;
    assert_ok(hth_json_parse(&v, hth_str(text), 1 << 20, &err), err);
    return v;
}

#endif

/* import_test.c - a whole folder to a whole file: numbers where they belong, the disk and memory
 * failing anywhere, links and names that lead elsewhere. */
#include "support/test.h"

#include <sys/stat.h>

#include "gguf/gguf.h"
#include "import/import.h"
#include "support/folder.h"
#include "support/hf_build.h"

static char folder[96], out[96];

static void put(const char *name, const HthBuf *bytes) {
    HthErr err = { 0 };
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_ok(hth_file_write(path, bytes->p, bytes->n, 0644, &err), err);
}

static void put_some(const char *name, const HfTensor *t, size_t from, size_t to) {
    HthBuf b;
    hth_buf_init(&b, 1 << 16);
    hf_weights(&b, t, from, to);
    put(name, &b);
    hth_buf_drop(&b);
}

static void put_weights(const char *name, size_t from, size_t to) {
    put_some(name, hf_llama, from, to);
}

static void put_texts(const char *more) {
    char config[2048];
    snprintf(config, sizeof config, HF_CONFIG, more);
    test_put("model/config.json", config);
    test_put("model/tokenizer.json", HF_BPE);
    test_put("model/tokenizer_config.json", "{\"chat_template\": [{\"name\": \"tool_use\", "
                                            "\"template\": \"no\"}, {\"name\": \"default\", "
                                            "\"template\": \"yes\"}]}");
}

static void put_whole(void) {
    put_texts("");
    put_weights("model.safetensors", 0, HF_LLAMA);
}

static HthStatus make(const HthImportOpt *opt, HthErr *err) {
    json_t *said = NULL;
    HTH_TRY(hth_import(&said, folder, out, opt, err));
    json_decref(said);
    return HTH_OK;
}

static void read_out(HthBuf *b) {
    HthErr err = { 0 };
    hth_buf_init(b, 1 << 20);
    assert_ok(hth_file_read(b, out, &err), err);
}

static float number(const HthGguf *g, const char *name, size_t i) {
    const HthGgufTensor *t = hth_gguf_tensor(g, hth_str(name));
    float v;
    assert_non_null(t);
    assert_true(strcmp(t->fmt->name, "F32") == 0 && (i + 1) * sizeof v <= t->bytes);
    memcpy(&v, t->data + i * sizeof v, sizeof v);
    return v;
}

static void numbers_are_where_they_belong(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthGguf *g = NULL;
    HthStr chat, name;
    put_whole();
    assert_ok(make(&(HthImportOpt){ .force = true }, &err), err);
    assert_ok(hth_gguf_open(&g, out, &err), err);
    assert_int_equal(hth_gguf_tensor_count(g), HF_LLAMA);
    assert_true(number(g, "token_embd.weight", 95) == hf_number(0, 95));
    assert_true(number(g, "output.weight", 3) == hf_number(2, 3));
    assert_true(number(g, "blk.0.ffn_norm.weight", 7) == hf_number(4, 7));
    assert_true(number(g, "blk.0.ffn_down.weight", 47) == hf_number(11, 47));
    /* Queries: two heads of 4 rows; what was row 2 of a head is its row 1. */
    assert_true(number(g, "blk.0.attn_q.weight", 8) == hf_number(5, 16));
    assert_true(number(g, "blk.0.attn_q.weight", 5 * 8 + 1) == hf_number(5, 6 * 8 + 1));
    assert_true(number(g, "blk.0.attn_k.weight", 2 * 8) == hf_number(6, 8));
    assert_true(number(g, "blk.0.attn_v.weight", 8) == hf_number(7, 8));
    assert_ok(hth_gguf_str(g, "tokenizer.chat_template", &chat, &err), err);
    assert_true(hth_str_eq(chat, HTH_STR("yes")));
    assert_ok(hth_gguf_str(g, "general.name", &name, &err), err);
    assert_true(hth_str_eq(name, HTH_STR("model")));
    hth_gguf_close(&g);
}

/* Norms that are kept as their difference from 1, names with a prefix, and what is for images. */
static void a_model_with_images(void **state) {
    (void)state;
#define L "language_model.model.layers.0."
    static const HfTensor gemma[] = {
        { "language_model.model.embed_tokens.weight", 12, 8 },
        { "language_model.model.norm.weight", 8, 0 },
        { L "input_layernorm.weight", 8, 0 },
        { L "post_attention_layernorm.weight", 8, 0 },
        { L "pre_feedforward_layernorm.weight", 8, 0 },
        { L "post_feedforward_layernorm.weight", 8, 0 },
        { L "self_attn.q_proj.weight", 8, 8 },
        { L "self_attn.k_proj.weight", 4, 8 },
        { L "self_attn.v_proj.weight", 4, 8 },
        { L "self_attn.o_proj.weight", 8, 8 },
        { L "self_attn.q_norm.weight", 4, 0 },
        { L "self_attn.k_norm.weight", 4, 0 },
        { L "mlp.gate_proj.weight", 6, 8 },
        { L "mlp.up_proj.weight", 6, 8 },
        { L "mlp.down_proj.weight", 8, 6 },
        { "vision_tower.anything", 3, 3 },
        { L "self_attn.sinks", 2, 0 },
    };
#undef L
    HthErr err = { 0 };
    HthGguf *g = NULL;
    json_t *said = NULL;
    const HthImportOpt opt = { .force = true };
    put_texts("");
    test_put("model/config.json",
             "{\"architectures\": [\"Gemma3ForConditionalGeneration\"], \"text_config\": "
             "{\"num_hidden_layers\": 1, \"hidden_size\": 8, \"intermediate_size\": 6, "
             "\"num_attention_heads\": 2, \"num_key_value_heads\": 1, \"head_dim\": 4, "
             "\"query_pre_attn_scalar\": 4, \"vocab_size\": 12}}");
    put_some("model.safetensors", gemma, 0, HTH_COUNT(gemma) - 1);
    assert_ok(hth_import(&said, folder, out, &opt, &err), err);
    assert_int_equal(json_array_size(json_object_get(said, "notes")), 1);
    json_decref(said);
    assert_ok(hth_gguf_open(&g, out, &err), err);
    assert_int_equal(hth_gguf_tensor_count(g), HTH_COUNT(gemma) - 2);
    assert_true(number(g, "blk.0.attn_k_norm.weight", 3) == hf_number(11, 3) + 1.0f);
    assert_true(number(g, "blk.0.ffn_norm.weight", 3) == hf_number(4, 3) + 1.0f);
    assert_true(number(g, "output_norm.weight", 7) == hf_number(1, 7) + 1.0f);
    assert_true(number(g, "blk.0.attn_q.weight", 8) == hf_number(6, 8)); /* as it was */
    hth_gguf_close(&g);
    put_some("model.safetensors", gemma, 0, HTH_COUNT(gemma));
    assert_status(make(&opt, &err), HTH_ENOTSUP, err);
    assert_non_null(strstr(err.text, "self_attn.sinks"));
}

#define L "bert.encoder.layer.0."
#define BIASED(name, rows, cols)                                                                   \
    { name ".weight", rows, cols }, {                                                              \
        name ".bias", rows, 0                                                                      \
    }
#define NORM(name)                                                                                 \
    { name ".gamma", 8, 0 }, {                                                                     \
        name ".beta", 8, 0                                                                         \
    }
static const HfTensor bert[] = {
    { "bert.embeddings.word_embeddings.weight", 12, 8 },
    { "bert.embeddings.position_embeddings.weight", 16, 8 },
    { "bert.embeddings.token_type_embeddings.weight", 2, 8 },
    NORM("bert.embeddings.LayerNorm"),
    BIASED(L "attention.self.query", 8, 8),
    BIASED(L "attention.self.key", 8, 8),
    BIASED(L "attention.self.value", 8, 8),
    BIASED(L "attention.output.dense", 8, 8),
    NORM(L "attention.output.LayerNorm"),
    BIASED(L "intermediate.dense", 6, 8),
    BIASED(L "output.dense", 8, 6),
    NORM(L "output.LayerNorm"),
    BIASED("bert.pooler.dense", 8, 8),
    BIASED("classifier", 1, 8),
};
#undef L
#undef BIASED
#undef NORM

/* Norms by their old names, what training had beside, and what is of floats whatever the rest. */
static void an_encoder(void **state) {
    (void)state;
    enum { POOLER = 21, LAST = HTH_COUNT(bert) };
    HthErr err = { 0 };
    HthGguf *g = NULL;
    const HthImportOpt opt = { .force = true, .to = hth_fmt_by_name("F16") };
    static const char config[] =
        "{\"architectures\": [\"%s\"], \"num_hidden_layers\": 1, \"hidden_size\": 8, "
        "\"intermediate_size\": 6, \"num_attention_heads\": 2, \"max_position_embeddings\": 16, "
        "\"vocab_size\": 12, \"id2label\": {\"0\": \"LABEL_0\"}}";
    char text[600];
    uint32_t pooling = 0;
    test_put("model/tokenizer.json", HF_WORDS);
    snprintf(text, sizeof text, config, "BertForMaskedLM");
    test_put("model/config.json", text);
    put_some("model.safetensors", bert, 0, POOLER + 2);
    assert_ok(make(&opt, &err), err);
    assert_ok(hth_gguf_open(&g, out, &err), err);
    assert_int_equal(hth_gguf_tensor_count(g), POOLER);
    assert_true(number(g, "position_embd.weight", 127) == hf_number(1, 127));
    assert_true(number(g, "token_types.weight", 15) == hf_number(2, 15));
    assert_true(number(g, "token_embd_norm.weight", 7) == hf_number(3, 7));
    assert_true(number(g, "blk.0.layer_output_norm.bias", 7) == hf_number(20, 7));
    assert_true(hth_gguf_tensor(g, HTH_STR("blk.0.attn_q.weight"))->fmt == opt.to);
    assert_null(hth_gguf_find(g, "bert.pooling_type"));
    hth_gguf_close(&g);
    put_some("model.safetensors", bert, 0, LAST); /* what it has no use for */
    assert_status(make(&opt, &err), HTH_ENOTSUP, err);
    assert_non_null(strstr(err.text, "'classifier."));
    snprintf(text, sizeof text, config, "BertForSequenceClassification");
    test_put("model/config.json", text);
    assert_ok(make(&(HthImportOpt){ .force = true }, &err), err);
    assert_ok(hth_gguf_open(&g, out, &err), err);
    assert_int_equal(hth_gguf_tensor_count(g), LAST);
    assert_true(number(g, "cls.weight", 9) == hf_number(POOLER, 9));
    assert_true(number(g, "cls.output.weight", 7) == hf_number(POOLER + 2, 7));
    assert_ok(hth_gguf_u32(g, "bert.pooling_type", &pooling, &err), err);
    assert_int_equal(pooling, 4);
    hth_gguf_close(&g);
    put_some("model.safetensors", bert, 0, POOLER);
    assert_status(make(&opt, &err), HTH_EFORMAT, err);
    assert_non_null(strstr(err.text, "pooler.dense.weight"));
}

static void parts_are_one(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthBuf whole, parts, index;
    char path[256];
    put_whole();
    assert_ok(make(&(HthImportOpt){ .force = true }, &err), err);
    read_out(&whole);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    unlink(path);
    put_weights("b.safetensors", 0, 5);
    put_weights("a.safetensors", 5, HF_LLAMA);
    for (int wrong = 0; wrong < 3; wrong++) { /* right; a wrong place; one not named */
        hth_buf_init(&index, 1 << 16);
        assert_ok(hth_buf_add_str(&index, HTH_STR("{\"weight_map\": {"), &err), err);
        for (size_t i = 0; i + (wrong == 2) < HF_LLAMA; i++)
            assert_ok(hth_buf_printf(&index, &err, "%s\"%s\": \"%s.safetensors\"", i ? ", " : "",
                                     hf_llama[i].name,
                                     (i < 5) != (wrong == 1 && i == 7) ? "b" : "a"),
                      err);
        assert_ok(hth_buf_add_str(&index, HTH_STR("}}"), &err), err);
        put("model.safetensors.index.json", &index);
        hth_buf_drop(&index);
        assert_status(make(&(HthImportOpt){ .force = true }, &err), wrong ? HTH_EFORMAT : HTH_OK,
                      err);
        if (wrong) assert_non_null(strstr(err.text, "index.json"));
        read_out(&parts);
        assert_true(parts.n == whole.n && memcmp(parts.p, whole.p, whole.n) == 0);
        hth_buf_drop(&parts);
    }
    hth_buf_drop(&whole);
    snprintf(path, sizeof path, "%s/model.safetensors.index.json", folder);
    unlink(path);
}

static void types(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthGguf *g = NULL;
    put_whole();
    const HthImportOpt opt = { .force = true, .to = hth_fmt_by_name("F16") };
    assert_ok(make(&opt, &err), err);
    assert_ok(hth_gguf_open(&g, out, &err), err);
    const HthGgufTensor *t = hth_gguf_tensor(g, HTH_STR("blk.0.ffn_up.weight"));
    assert_true(t->fmt == opt.to && hth_f16_to_f32(hth_le16(t->data + 2)) == hf_number(10, 1));
    assert_true(number(g, "blk.0.attn_norm.weight", 1) == hf_number(3, 1)); /* stays */
    hth_gguf_close(&g);
}

/* 65536 is a number of F32, and none of F16. */
static void a_number_too_large_for_its_type(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthBuf b;
    const float large = 65536.0f;
    put_texts("");
    hth_buf_init(&b, 1 << 16);
    hf_weights(&b, hf_llama, 0, HF_LLAMA);
    memcpy(b.p + b.n - sizeof large, &large, sizeof large);
    put("model.safetensors", &b);
    hth_buf_drop(&b);
    unlink(out);
    const HthImportOpt f16 = { .to = hth_fmt_by_name("F16") },
                       bf16 = { .to = hth_fmt_by_name("BF16") };
    assert_status(make(&f16, &err), HTH_EFORMAT, err);
    assert_non_null(strstr(err.text, "blk.0.ffn_down.weight"));
    assert_int_not_equal(access(out, F_OK), 0);
    assert_ok(make(&bf16, &err), err);
}

static int stop_soon(uint64_t done, uint64_t total) {
    return done > total / 2;
}

static void what_is_there_is_not_harmed(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthBuf before, after;
    const HthImportOpt plain = { 0 }, stopped = { .force = true, .progress = stop_soon };
    put_whole();
    assert_ok(make(&(HthImportOpt){ .force = true }, &err), err);
    read_out(&before);
    assert_status(make(&plain, &err), HTH_EINVAL, err);
    assert_status(make(&stopped, &err), HTH_ECANCELED, err);
    read_out(&after);
    assert_true(after.n == before.n && memcmp(after.p, before.p, after.n) == 0);
    hth_buf_drop(&before);
    hth_buf_drop(&after);
    assert_int_equal(test_entries(""), 2);
}

static void nothing_leads_out(void **state) {
    (void)state;
    HthErr err = { 0 };
    char path[256];
    const HthImportOpt opt = { .force = true };
    put_whole();
    snprintf(path, sizeof path, "%s/tokenizer.json", folder);
    unlink(path);
    test_put("beside.json", HF_BPE);
    assert_int_equal(symlink("../beside.json", path), 0);
    assert_status(make(&opt, &err), HTH_EDENIED, err);
    unlink(path);
    test_put("model/real.json", HF_BPE);
    assert_int_equal(symlink("real.json", path), 0);
    assert_ok(make(&opt, &err), err);
    unlink(path);
    assert_int_equal(symlink("tokenizer.json", path), 0); /* to itself */
    assert_status(make(&opt, &err), HTH_EIO, err);
    unlink(path);
    snprintf(path, sizeof path, "%s/real.json", folder);
    unlink(path);
    unlink(test_path("beside.json"));
}

/* The disk fails at the Nth call and from then on: no file, or the whole one. */
static void a_disk_may_fail_anywhere(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthBuf whole, now;
    uint64_t nth = 0;
    HthStatus st = HTH_EIO;
    const HthImportOpt opt = { .force = true };
    put_whole();
    assert_ok(make(&opt, &err), err);
    read_out(&whole);
    while (st != HTH_OK && nth < 200) {
        unlink(out);
        hth_file_fail_after(++nth);
        st = make(&opt, &err);
        hth_file_fail_after(0);
        assert_true(st == HTH_OK || st == HTH_EIO);
        if (access(out, F_OK) != 0) continue;
        read_out(&now);
        assert_true(now.n == whole.n && memcmp(now.p, whole.p, now.n) == 0);
        hth_buf_drop(&now);
    }
    assert_int_equal(st, HTH_OK);
    assert_true(nth > 8);
    assert_int_equal(test_entries(""), 2);
    hth_buf_drop(&whole);
}

static HthStatus torture(void *ctx) {
    HthErr err;
    (void)ctx;
    return make(&(HthImportOpt){ .force = true }, &err);
}

static void no_allocation_is_taken_for_granted(void **state) {
    (void)state;
    put_whole();
    assert_true(test_torture(torture, NULL, 4000) > 20);
    assert_true(test_torture_once(torture, NULL, 4000) > 20);
}

static int setup(void **state) {
    const int code = test_folder_make(state);
    snprintf(folder, sizeof folder, "%s/model", test_folder);
    snprintf(out, sizeof out, "%s/out.gguf", test_folder);
    return code | mkdir(folder, 0700);
}

int main(void) {
    hth_json_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_where_they_belong),
        cmocka_unit_test(a_model_with_images),
        cmocka_unit_test(an_encoder),
        cmocka_unit_test(parts_are_one),
        cmocka_unit_test(types),
        cmocka_unit_test(a_number_too_large_for_its_type),
        cmocka_unit_test(what_is_there_is_not_harmed),
        cmocka_unit_test(nothing_leads_out),
        cmocka_unit_test(a_disk_may_fail_anywhere),
        cmocka_unit_test(no_allocation_is_taken_for_granted),
    };
    return cmocka_run_group_tests(tests, setup, test_folder_drop);
}

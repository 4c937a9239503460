/* model_test.c - opening: good files are bound whole, bad ones refused with a sentence that says
 * what is wrong.  (shape.c, bind.c, lower.c and model.c meet here.)
 *
 * Thread: one. */
#include "support/test.h"

#include "model/model.h"
#include "support/tiny.h"

#define SIZES                                                                                      \
    .layers = 3, .embd = 32, .heads = 4, .kv_heads = 2, .ff = 64, .vocab = 50, .ctx = 128, .seed = 1
#define LLAMA SIZES, .arch = "llama"

static void expect(const Tiny *c, HthStatus want, const char *says) {
    HthErr err = { 0 };
    HthBuf file;
    HthModel *m = NULL;
    const uint64_t live = hth_mem_live();
    tiny_build(&file, c);
    HthStatus st = hth_model_open_mem(&m, file.p, file.n, "tiny", &err);
    if (st != want)
        fail_msg("%s, wanted %s (%s): %s", hth_status_name(st), hth_status_name(want), says,
                 err.text);
    if (want != HTH_OK) {
        assert_null(m);
        if (!strstr(err.text, says)) fail_msg("\"%s\" does not say \"%s\"", err.text, says);
    }
    hth_model_close(&m);
    hth_buf_drop(&file);
    assert_int_equal(hth_mem_live(), live);
}

static void missing_keys_and_tensors(void **state) {
    (void)state;
    static const char *const required[] = {
        "general.architecture",
        "block_count",
        "context_length",
        "embedding_length",
        "feed_forward_length",
        "attention.head_count",
        "attention.layer_norm_rms_epsilon",
        "token_embd.weight",
        "output_norm.weight",
        "blk.2.attn_norm.weight",
        "blk.1.attn_q.weight",
        "blk.0.ffn_down.weight",
    };
    for (size_t i = 0; i < HTH_COUNT(required); i++) {
        Tiny c = { LLAMA, .skip = required[i] };
        expect(&c, HTH_EFORMAT, required[i]);
    }
    Tiny tied = { LLAMA, .skip = "output.weight" };
    expect(&tied, HTH_OK, "");
    Tiny older = { .arch = "qwen3next",
                   .layers = 4,
                   .embd = 32,
                   .heads = 4,
                   .kv_heads = 2,
                   .ff = 48,
                   .vocab = 40,
                   .ctx = 64,
                   .skip = "blk.0.attn_qkv.weight" };
    expect(&older, HTH_EFORMAT, "the file has no tensor blk.0.attn_qkv.weight");
    older.extra = "blk.0.ssm_in.weight"; /* as files had it once */
    expect(&older, HTH_ENOTSUP, "blk.0.ssm_in.weight in place of blk.0.attn_qkv.weight");
    expect(&older, HTH_ENOTSUP, "fetch a newer file");
    Tiny norm = { SIZES, .arch = "qwen3", .skip = "blk.1.attn_q_norm.weight" };
    expect(&norm, HTH_EFORMAT, "blk.1.attn_q_norm.weight");
}

static void absurd_sizes(void **state) {
    (void)state;
    static const struct {
        const char *key;
        double value;
        const char *says;
    } cases[] = {
        { "block_count", 0, "block_count" },
        { "block_count", 1025, "block_count" },
        { "block_count", 4294967295.0, "block_count" },
        { "block_count", 4, "blk.3." },
        { "embedding_length", 0, "embedding_length" },
        { "embedding_length", 1 << 21, "embedding_length" },
        { "embedding_length", 33, "split" },
        { "embedding_length", 64, "token_embd.weight" },
        { "attention.head_count", 0, "head_count" },
        { "attention.head_count", 5, "split" },
        { "attention.head_count", 2048, "" },
        { "attention.head_count", 16, "attn_q.weight" },
        { "attention.head_count_kv", 0, "head_count_kv" },
        { "attention.head_count_kv", 3, "share" },
        { "attention.head_count_kv", 1, "attn_k.weight" },
        { "attention.head_count_kv", 4294967295.0, "head_count_kv" },
        { "attention.key_length", 0, "key_length" },
        { "attention.key_length", 9, "even" },
        { "attention.key_length", 4096, "key_length" },
        { "attention.value_length", 4294967295.0, "value_length" },
        { "rope.dimension_count", 0, "dimension_count" },
        { "rope.dimension_count", 3, "dimension_count" },
        { "rope.dimension_count", 10, "dimension_count" },
        { "feed_forward_length", 0, "feed_forward_length" },
        { "feed_forward_length", 4294967295.0, "feed_forward_length" },
        { "context_length", 0, "context_length" },
        { "attention.layer_norm_rms_epsilon", -1, "epsilon" },
        { "attention.layer_norm_rms_epsilon", NAN, "epsilon" },
        { "rope.freq_base", 0, "freq_base" },
        { "rope.freq_base", NAN, "freq_base" },
        { "rope.freq_base", INFINITY, "freq_base" },
        { "rope.scaling.factor", -2, "factor" },
        { "rope.scaling.factor", NAN, "factor" },
        { "rope.scaling.attn_factor", INFINITY, "attn_factor" },
        { "rope.scaling.original_context_length", 4294967295.0, "original_context_length" },
        { "output_norm.weight", 0, "output_norm.weight" },
        { "blk.1.attn_k.weight", 0, "blk.1.attn_k.weight" },
        { "blk.2.ffn_norm.weight", 0, "blk.2.ffn_norm.weight" },
        { "blk.0.attn_q.bias", 0, "blk.0.attn_q.bias" },
        { "blk.0.attn_q.scale", 0, "blk.0.attn_q.scale" },
        { "rope_freqs.weight", 0, "rope_freqs.weight" },
        { "output.weight", 0, "output.weight" },
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        Tiny c = { LLAMA, .head_dim = 8, .rot = 8, .base = 1e4f, .scaling = "yarn", .factor = 2 };
        c.attn_factor = 1;
        c.ctx_orig = 64;
        c.bias = c.scales = c.factors = true;
        bool derive = strcmp(cases[i].says, "split") == 0;
        if (derive) c.head_dim = c.rot = 0;
        c.wrong = cases[i].key;
        c.wrong_value = cases[i].value;
        expect(&c, HTH_EFORMAT, cases[i].says);
    }
}

/* What only some architectures ask for. */
static void wrong_values_elsewhere(void **state) {
    (void)state;
    static const struct {
        const char *arch, *key;
        double value;
    } cases[] = {
        { "granite", "embedding_scale", NAN },
        { "granite", "embedding_scale", -1 },
        { "granite", "residual_scale", INFINITY },
        { "granite", "attention.scale", -0.1 },
        { "granite", "logit_scale", 1e30 },
        { "gemma2", "attention.sliding_window", 4294967295.0 },
        { "gemma2", "attn_logit_softcapping", NAN },
        { "gemma2", "final_logit_softcapping", -30 },
        { "gemma3", "rope.freq_base_swa", 0.5 },
        { "gemma3", "rope.freq_base_swa", NAN },
        { "starcoder2", "attention.layer_norm_epsilon", NAN },
        { "starcoder2", "blk.1.attn_norm.bias", 0 },
        { "olmo2", "blk.2.attn_q_norm.weight", 0 },
        { "gemma3", "blk.0.attn_k_norm.weight", 0 },
        { "gemma2", "blk.0.post_ffw_norm.weight", 0 },
        { "phi3", "blk.1.attn_qkv.weight", 0 },
        { "phi3", "blk.1.ffn_up.weight", 0 },
        { "phi3", "rope_factors_long.weight", 0 },
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        Tiny c = { SIZES, .arch = cases[i].arch, .window = 20, .every_key = true };
        c.fused = strcmp(c.arch, "phi3") == 0;
        c.wrong = cases[i].key;
        c.wrong_value = cases[i].value;
        expect(&c, HTH_EFORMAT, cases[i].key);
    }
}

/* What files may say wrongly about experts and latent attention. */
static const struct {
    const char *arch, *key;
    double value;
    const char *says; /* NULL: the key */
    HthStatus status; /* HTH_OK: EFORMAT */
} wrong_cases[] = {
    { "llama", "expert_count", 6, "ffn_gate_inp", HTH_OK },
    { "llama", "expert_used_count", 0, NULL, HTH_OK },
    { "llama", "expert_used_count", 6, NULL, HTH_OK },
    { "llama", "expert_used_count", 4294967295.0, NULL, HTH_OK },
    { "llama", "blk.1.ffn_gate_exps.weight", 0, NULL, HTH_OK },
    { "llama", "blk.1.ffn_gate_exps.scale", 0, NULL, HTH_OK },
    { "llama", "blk.2.ffn_gate_inp.weight", 0, NULL, HTH_OK },
    { "qwen2", "expert_count", 5, "mixture of experts", HTH_ENOTSUP },
    { "qwen3moe", "expert_count", 0, NULL, HTH_OK },
    { "qwen3moe", "expert_count", 1 << 20, NULL, HTH_OK },
    { "qwen3moe", "expert_count", 4294967295.0, NULL, HTH_OK },
    { "qwen3moe", "blk.0.ffn_down_exps.weight", 0, NULL, HTH_OK },
    { "gpt-oss", "blk.1.ffn_up_exps.bias", 0, NULL, HTH_OK },
    { "gpt-oss", "blk.1.attn_sinks.weight", 0, NULL, HTH_OK },
    { "gpt-oss", "blk.1.ffn_gate_inp.bias", 0, NULL, HTH_OK },
    { "deepseek2", "expert_feed_forward_length", 65, "exps", HTH_OK },
    { "deepseek2", "expert_feed_forward_length", 4294967295.0, NULL, HTH_OK },
    { "deepseek2", "expert_shared_count", 0, NULL, HTH_OK },
    { "deepseek2", "expert_shared_count", 2, "ffn_gate_shexp", HTH_OK },
    { "deepseek2", "expert_shared_count", 4294967295.0, NULL, HTH_OK },
    { "deepseek2", "leading_dense_block_count", 4, NULL, HTH_OK },
    { "deepseek2", "leading_dense_block_count", 2, "blk.1.ffn_gate.weight", HTH_OK },
    { "deepseek2", "nextn_predict_layers", 3, NULL, HTH_OK },
    { "deepseek2", "nextn_predict_layers", 4294967295.0, NULL, HTH_OK },
    { "deepseek2", "attention.temperature_scale", -0.1, NULL, HTH_OK },
    { "deepseek2", "attention.temperature_scale", NAN, NULL, HTH_OK },
    { "llama4", "interleave_moe_layer_step", 0, NULL, HTH_OK },
    { "llama4", "interleave_moe_layer_step", 4294967295.0, NULL, HTH_OK },
    { "llama4", "interleave_moe_layer_step", 1, "blk.0.ffn_gate_inp", HTH_OK },
    { "deepseek2", "expert_gating_func", 4, NULL, HTH_ENOTSUP },
    { "deepseek2", "expert_weights_scale", NAN, NULL, HTH_OK },
    { "deepseek2", "expert_weights_scale", -1, NULL, HTH_OK },
    { "deepseek2", "expert_group_count", 3, NULL, HTH_OK },
    { "deepseek2", "expert_group_count", 4294967295.0, NULL, HTH_OK },
    { "deepseek2", "expert_group_used_count", 0, NULL, HTH_OK },
    { "deepseek2", "expert_group_used_count", 3, NULL, HTH_OK },
    { "deepseek2", "attention.kv_lora_rank", 0, NULL, HTH_OK },
    { "deepseek2", "attention.kv_lora_rank", 33, "kv_lora_rank", HTH_OK },
    { "deepseek2", "attention.q_lora_rank", 0, "blk.0.attn_q.weight", HTH_OK },
    { "deepseek2", "attention.q_lora_rank", 4294967295.0, NULL, HTH_OK },
    { "deepseek2", "attention.key_length", 66, NULL, HTH_OK },
    { "deepseek2", "attention.value_length", 33, "value_length", HTH_OK },
    { "deepseek2", "attention.key_length_mla", 32, NULL, HTH_OK },
    { "deepseek2", "attention.key_length_mla", 50, "attn_q_b", HTH_OK },
    { "deepseek2", "attention.value_length_mla", 25, "attn_v_b", HTH_OK },
    { "deepseek2", "attention.key_length_mla", 0, "convert the model again", HTH_ENOTSUP },
    { "deepseek2", "rope.dimension_count", 0, NULL, HTH_OK },
    { "deepseek2", "attention.head_count_kv", 2, NULL, HTH_OK },
    { "deepseek2", "rope.scaling.yarn_log_multiplier", NAN, "YaRN", HTH_OK },
    { "deepseek2", "blk.1.exp_probs_b.bias", 0, NULL, HTH_OK },
    { "deepseek2", "blk.1.ffn_gate_up_exps.weight", 0, NULL, HTH_OK },
    { "deepseek2", "blk.0.attn_k_b.weight", 0, NULL, HTH_OK },
    { "deepseek2", "blk.0.attn_kv_a_mqa.weight", 0, NULL, HTH_OK },
};

static void wrong_experts(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(wrong_cases); i++) {
        const char *key = wrong_cases[i].key,
                   *says = wrong_cases[i].says ? wrong_cases[i].says : key;
        const HthStatus status = wrong_cases[i].status ? wrong_cases[i].status : HTH_EFORMAT;
        Tiny c = { SIZES, .arch = wrong_cases[i].arch, .experts = 5, .scales = true,
                   .choice = true };
        if (strcmp(c.arch, "deepseek2") == 0) {
            c.experts = 4;
            c.groups = c.groups_used = strstr(key, "group") ? 2 : 1;
            c.dense = 1;
            c.gate_up = true;
        }
        c.wrong = key;
        c.wrong_value = wrong_cases[i].value;
        expect(&c, status, says);
        c.wrong_count = true; /* one more matrix, instead of one more row */
        if (strstr(key, "_exps.") && !strstr(key, ".scale")) expect(&c, status, says);
    }
}

static void missing_experts(void **state) {
    (void)state;
    static const char *const required[][2] = {
        { "llama", "expert_used_count" },         { "llama", "blk.1.ffn_gate_exps.weight" },
        { "qwen3moe", "expert_count" },           { "qwen3moe", "blk.1.ffn_gate_inp.weight" },
        { "gpt-oss", "blk.2.attn_sinks.weight" }, { "deepseek2", "attention.kv_lora_rank" },
        { "deepseek2", "expert_shared_count" },   { "deepseek2", "attention.key_length_mla" },
        { "deepseek2", "blk.0.attn_v_b.weight" }, { "deepseek2", "blk.1.ffn_down_shexp.weight" },
    };
    for (size_t i = 0; i < HTH_COUNT(required); i++) {
        const char *key = required[i][1];
        Tiny c = { SIZES, .arch = required[i][0], .experts = 4, .skip = key };
        const bool old = strcmp(key, "attention.key_length_mla") == 0;
        expect(&c, old ? HTH_ENOTSUP : HTH_EFORMAT, key);
    }
}

/* Gate and up of each expert out of one tensor; every tensor counted once; matrices of experts and
 * heads are not packed. */
static void experts_bound(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthBuf file;
    HthModel *m = NULL;
    Tiny c = { SIZES, .arch = "deepseek2", .experts = 4, .gate_up = true, .fmt = "Q8_0" };
    c.dense = 1;
    tiny_build(&file, &c);
    assert_ok(hth_model_open_mem(&m, file.p, file.n, "tiny", &err), err);
    size_t bytes = 0;
    for (size_t i = 0; i < hth_gguf_tensor_count(hth_model_gguf(m)); i++) {
        const HthGgufTensor *t = hth_gguf_tensor_at(hth_model_gguf(m), i);
        assert_true(hth_model_uses(m, t));
        bytes += t->bytes;
    }
    assert_int_equal(hth_model_weight_bytes(m), bytes);
    const HthGgufTensor *both = hth_model_weight(m, HTH_W_EXP_GATE, 1);
    assert_ptr_equal(hth_model_weight(m, HTH_W_EXP_UP, 1), both);
    assert_null(hth_model_weight(m, HTH_W_EXP_GATE, 0)); /* a layer without experts */
    assert_null(hth_model_weight(m, HTH_W_FFN_GATE, 1));
    const HthProgram *p = hth_model_program(m);
    uint32_t seen = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        const HthInst *in = &p->inst[i];
        if (in->op != HTH_OP_EXPERTS || in->layer != 1) continue;
        assert_int_equal(in->w->count, 4);
        assert_int_equal(in->w->step, 2 * 64 * in->w->row_bytes);
        assert_ptr_equal(in->w->data, both->data + seen * 64 * in->w->row_bytes);
        assert_null(in->w->packed);
        seen++;
    }
    assert_int_equal(seen, 2);
    hth_model_close(&m);
    hth_buf_drop(&file);
    c.next = 1; /* the last layer guesses the token after the next */
    tiny_build(&file, &c);
    assert_ok(hth_model_open_mem(&m, file.p, file.n, "tiny", &err), err);
    assert_int_equal(hth_model_shape(m)->n_layer, 2);
    hth_model_close(&m);
    hth_buf_drop(&file);
}

/* Q, K and V out of one tensor are its rows, one after another; so are gate and up. */
static void fused_tensors(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthBuf file;
    HthModel *m = NULL;
    Tiny c = { SIZES, .arch = "phi3", .fused = true };
    tiny_build(&file, &c);
    assert_ok(hth_model_open_mem(&m, file.p, file.n, "tiny", &err), err);
    const HthGgufTensor *qkv = hth_model_weight(m, HTH_W_ATTN_Q, 1), *up;
    assert_ptr_equal(hth_model_weight(m, HTH_W_ATTN_V, 1), qkv);
    up = hth_model_weight(m, HTH_W_FFN_GATE, 1);
    assert_ptr_equal(hth_model_weight(m, HTH_W_FFN_UP, 1), up);
    assert_ptr_not_equal(up, qkv);
    size_t bytes = 0;
    for (size_t i = 0; i < hth_gguf_tensor_count(hth_model_gguf(m)); i++)
        bytes += hth_gguf_tensor_at(hth_model_gguf(m), i)->bytes;
    assert_int_equal(hth_model_weight_bytes(m), bytes); /* each tensor once */
    const HthProgram *p = hth_model_program(m);
    const uint32_t at[] = { 0, 32, 48, 0, 64 }; /* embedding 32; two of four heads; 64 wide */
    const HthGgufTensor *of[] = { qkv, qkv, qkv, up, up };
    uint32_t seen = 0;
    for (uint32_t i = 0; i < p->count && seen < 5; i++) {
        const HthInst *in = &p->inst[i];
        if (in->op != HTH_OP_LINEAR || in->layer != 1 || in->dst == HTH_R_H) continue;
        const uint8_t *data = of[seen]->data;
        assert_ptr_equal(in->w->data, data + at[seen] * in->w->row_bytes);
        seen++;
    }
    assert_int_equal(seen, 5);
    hth_model_close(&m);
    hth_buf_drop(&file);
}

/* Which layers have a window, and which rotation; which do not rotate. */
static void layers_differ(void **state) {
    (void)state;
    static const struct {
        const char *arch, *windows, *ropes; /* per layer; '-': none */
    } cases[] = {
        { "gemma3", "wwwww.wwwww.", "111110111110" },  { "gemma2", "w.w.w.w.w.w.", "000000000000" },
        { "olmo2", "www.www.www.", "111011101110" },   { "phi3", "wwwwwwwwwwww", "000000000000" },
        { "smollm3", "............", "000-000-000-" },
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        HthErr err = { 0 };
        HthBuf file;
        HthModel *m = NULL;
        char windows[13] = "............", ropes[13] = "------------";
        Tiny c = { SIZES, .arch = cases[i].arch, .window = 20 };
        c.layers = 12;
        tiny_build(&file, &c);
        assert_ok(hth_model_open_mem(&m, file.p, file.n, "tiny", &err), err);
        const HthProgram *p = hth_model_program(m);
        for (uint32_t k = 0; k < p->count; k++) {
            const HthInst *in = &p->inst[k];
            if (in->op == HTH_OP_ATTEND && in->window == 20) windows[in->layer] = 'w';
            if (in->op == HTH_OP_ROPE) ropes[in->layer] = (char)('0' + in->rope);
        }
        assert_string_equal(windows, cases[i].windows);
        assert_string_equal(ropes, cases[i].ropes);
        hth_model_close(&m);
        hth_buf_drop(&file);
    }
}

static void formats(void **state) {
    (void)state;
    Tiny norm = { LLAMA, .wrong = "blk.1.attn_norm.weight", .wrong_fmt = "Q8_0" };
    expect(&norm, HTH_ENOTSUP, "blk.1.attn_norm.weight is stored as Q8_0");
    /* one value to a block, as a vector wants, but known by size only */
    static const char *const sized[] = { "I8", "I16", "I32", "I64", "F64" };
    for (size_t i = 0; i < HTH_COUNT(sized); i++) {
        Tiny whole = { LLAMA, .wrong = "blk.1.attn_norm.weight", .wrong_fmt = sized[i] };
        expect(&whole, HTH_ENOTSUP, "blk.1.attn_norm.weight is stored as");
        Tiny rows = { LLAMA, .wrong = "blk.1.ffn_up.weight", .wrong_fmt = sized[i] };
        expect(&rows, HTH_ENOTSUP, "blk.1.ffn_up.weight is stored as");
    }
    Tiny half = { LLAMA, .norm_fmt = "F16", .fmt = "BF16" };
    expect(&half, HTH_OK, "");
    Tiny mixed = { LLAMA, .wrong = "blk.1.ffn_up.weight", .wrong_fmt = "Q8_0" };
    expect(&mixed, HTH_OK, "");
}

/* Vectors are read while opening, so that a damaged one is seen; an infinity may be meant. */
static void vectors_of_no_number(void **state) {
    (void)state;
    const uint32_t bits[] = { 0x7fc00000, 0xff800000 };
    for (size_t i = 0; i < HTH_COUNT(bits); i++) {
        Tiny c = { LLAMA };
        HthBuf file;
        HthErr err = { 0 };
        HthGguf *g = NULL;
        HthModel *m = NULL;
        tiny_build(&file, &c);
        assert_ok(hth_gguf_open_mem(&g, file.p, file.n, "tiny", &err), err);
        const HthGgufTensor *t = hth_gguf_tensor(g, HTH_STR("blk.1.attn_norm.weight"));
        memcpy(file.p + ((const char *)t->data - file.p) + 12, &bits[i], 4);
        hth_gguf_close(&g);
        const HthStatus st = hth_model_open_mem(&m, file.p, file.n, "tiny", &err);
        assert_int_equal(st, i ? HTH_OK : HTH_EFORMAT);
        if (!i)
            assert_non_null(strstr(err.text, "blk.1.attn_norm.weight: value 3 is not a number"));
        hth_model_close(&m);
        hth_buf_drop(&file);
    }
}

/* What files may say wrongly about layers of two kinds. */
static void wrong_kinds(void **state) {
    (void)state;
    static const struct {
        const char *key;
        double value;
        const char *says; /* NULL: the key */
        HthStatus status; /* HTH_OK: EFORMAT */
    } cases[] = {
        { "attention.shared_kv_layers", 1, "feed_forward_length", HTH_ENOTSUP },
        { "attention.key_length_swa", 0, NULL, HTH_OK },
        { "attention.key_length_swa", 5, "rope.dimension_count_swa", HTH_OK },
        { "attention.key_length_swa", 6, "as long as its keys", HTH_ENOTSUP },
        { "attention.value_length_swa", 4096, NULL, HTH_OK },
        { "attention.value_length", 4, "as long as its keys", HTH_ENOTSUP },
        { "rope.dimension_count_swa", 6, NULL, HTH_OK },
        { "rope.dimension_count_swa", 3, NULL, HTH_OK },
        { "attention.sliding_window", 0, NULL, HTH_OK },
        { "embedding_length_per_layer_input", 13, "per_layer_token_embd.weight", HTH_OK },
        { "embedding_length_per_layer_input", 4294967295.0, NULL, HTH_OK },
        { "feed_forward_length", 63, "blk.0.ffn_gate.weight", HTH_OK },
        { "feed_forward_length", 0, NULL, HTH_OK },
        { "blk.5.ffn_up.weight", 0, NULL, HTH_OK },
        { "per_layer_proj_norm.weight", 0, NULL, HTH_OK },
        { "blk.1.attn_k_norm.weight", 0, NULL, HTH_OK },
        { "blk.2.layer_output_scale.weight", 0, NULL, HTH_OK },
    };
    static const char *const required[] = {
        "rope_freqs.weight",          "attention.sliding_window", "per_layer_model_proj.weight",
        "blk.3.inp_gate.weight",      "blk.1.attn_k.weight",      "blk.5.attn_q_norm.weight",
        "blk.4.post_ffw_norm.weight",
    };
    Tiny c = { SIZES, .arch = "gemma4" };
    c.layers = 6;
    expect(&c, HTH_OK, "");
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        c.wrong = cases[i].key;
        c.wrong_value = cases[i].value;
        expect(&c, cases[i].status ? cases[i].status : HTH_EFORMAT,
               cases[i].says ? cases[i].says : cases[i].key);
    }
    Tiny few = { SIZES, .arch = "gemma4", .wrong = "attention.shared_kv_layers" };
    for (few.wrong_value = 3; few.wrong_value <= 4294967295.0; few.wrong_value += 4294967292.0)
        expect(&few, HTH_EFORMAT, few.wrong);
    few.wrong_value = 2;
    expect(&few, HTH_EFORMAT, "layer 1 of this gemma4 model shares");
    c.wrong = NULL;
    for (size_t i = 0; i < HTH_COUNT(required); i++) {
        c.skip = required[i];
        expect(&c, HTH_EFORMAT, required[i]);
    }
    c.experts = 5;
    c.skip = "blk.2.ffn_gate_inp.scale";
    expect(&c, HTH_EFORMAT, c.skip);
}

/* Where values are keys a tensor is bound twice and counted once; layers that store nothing bind no
 * keys; heads and blocks have the sizes of their kind. */
static void kinds_bound(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthBuf file;
    HthModel *m = NULL;
    Tiny c = { SIZES, .arch = "gemma4", .fmt = "Q8_0" };
    c.layers = 6;
    tiny_build(&file, &c);
    assert_ok(hth_model_open_mem(&m, file.p, file.n, "tiny", &err), err);
    size_t bytes = 0;
    for (size_t i = 0; i < hth_gguf_tensor_count(hth_model_gguf(m)); i++) {
        assert_true(hth_model_uses(m, hth_gguf_tensor_at(hth_model_gguf(m), i)));
        bytes += hth_gguf_tensor_at(hth_model_gguf(m), i)->bytes;
    }
    assert_int_equal(hth_model_weight_bytes(m), bytes);
    const HthGgufTensor *k = hth_model_weight(m, HTH_W_ATTN_K, 1);
    assert_ptr_equal(hth_model_weight(m, HTH_W_ATTN_V, 1), k);
    assert_ptr_not_equal(hth_model_weight(m, HTH_W_ATTN_V, 0),
                         hth_model_weight(m, HTH_W_ATTN_K, 0));
    assert_null(hth_model_weight(m, HTH_W_ATTN_K, 4));
    const HthProgram *p = hth_model_program(m);
    static const uint32_t caches[] = { 2, 0, 3, 1, 3, 1 }; /* own ones last; the last two borrow */
    assert_int_equal(p->n_cache, 2);
    assert_int_equal(p->n_cache_own, 2);
    for (uint32_t i = 0; i < p->count; i++) {
        const HthInst *in = &p->inst[i];
        const bool before = in->op == HTH_OP_ATTEND_BEFORE;
        if (in->op != HTH_OP_ATTEND && !before) continue;
        assert_int_equal(before, in->layer >= 4);
        assert_int_equal(in->cache, caches[in->layer]);
        assert_int_equal(in->a_width, in->layer % 2 ? 32 : 16);
        assert_int_equal(in->own_heads, in->layer % 2 == 0);
    }
    hth_model_close(&m);
    hth_buf_drop(&file);
}

static void not_ours_yet(void **state) {
    (void)state;
    Tiny arch = { SIZES, .arch = "mystery" };
    expect(&arch, HTH_ENOTSUP, "mystery");
    expect(&arch, HTH_ENOTSUP, "llama, qwen2, qwen3");
    Tiny rope = { LLAMA, .scaling = "longrope" };
    expect(&rope, HTH_EFORMAT, "longrope");
    Tiny near = { SIZES, .arch = "gemma9" };
    expect(&near, HTH_ENOTSUP, "the nearest it runs is gemma4");
    near.arch = "qwen39";
    expect(&near, HTH_ENOTSUP, "the nearest it runs is qwen35;");
    near.arch = "qwen39moe";
    expect(&near, HTH_ENOTSUP, "the nearest it runs is qwen3next;");
    expect(&near, HTH_ENOTSUP, " others");
    Tiny odd = { LLAMA, .scaling = "\x1b[31mred" };
    expect(&odd, HTH_ENOTSUP, "rope.scaling.type");
    Tiny arrays = { LLAMA, .arrays = true, .wrong = "feed_forward_length", .wrong_value = 65 };
    expect(&arrays, HTH_ENOTSUP, "feed_forward_length differs from layer to layer");
    Tiny same = { LLAMA, .arrays = true };
    expect(&same, HTH_OK, "");
}

static void bound_whole(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthBuf file;
    HthModel *m = NULL;
    Tiny c = { LLAMA, .bias = true, .extra = "left.over", .fmt = "Q8_0" };
    tiny_build(&file, &c);
    assert_ok(hth_model_open_mem(&m, file.p, file.n, "tiny", &err), err);
    const HthShape *s = hth_model_shape(m);
    assert_int_equal(s->n_layer, 3);
    assert_int_equal(s->head_dim, 8);
    assert_int_equal(s->n_rot, 8);
    assert_int_equal(s->n_vocab, 50);
    assert_int_equal(hth_model_vocab_count(m), 50);
    assert_int_equal(hth_model_ctx_train(m), 128);
    assert_string_equal(hth_model_arch(m)->name, "llama");
    assert_false(hth_model_is_float(m));
    assert_null(hth_model_vocab(m));
    assert_status(hth_model_vocab_status(m, &err), HTH_EFORMAT, err);
    const HthGgufTensor *q = hth_model_weight(m, HTH_W_ATTN_Q, 2);
    assert_true(hth_str_eq(q->name, HTH_STR("blk.2.attn_q.weight")));
    assert_true(
        hth_str_eq(hth_model_weight(m, HTH_W_ATTN_Q_B, 1)->name, HTH_STR("blk.1.attn_q.bias")));
    assert_null(hth_model_weight(m, HTH_W_FFN_UP_B, 1));
    assert_ptr_equal(hth_model_weight(m, HTH_W_OUT_NORM, 2),
                     hth_model_weight(m, HTH_W_OUT_NORM, 0));
    const HthGguf *g = hth_model_gguf(m);
    size_t used = 0, bytes = 0;
    for (size_t i = 0; i < hth_gguf_tensor_count(g); i++) {
        const HthGgufTensor *t = hth_gguf_tensor_at(g, i);
        bool left = hth_str_eq(t->name, HTH_STR("left.over"));
        assert_int_equal(hth_model_uses(m, t), !left);
        used += !left;
        bytes += left ? 0 : t->bytes;
    }
    assert_int_equal(used, 3 + 3 * 12);
    assert_int_equal(hth_model_weight_bytes(m), bytes);
    size_t classes[HTH_WEIGHTS_COUNT], sum = 0;
    hth_model_class_bytes(m, classes);
    for (int k = 0; k < HTH_WEIGHTS_COUNT; k++) {
        assert_true((classes[k] > 0) == (k != HTH_WEIGHTS_EXPERT));
        sum += classes[k];
    }
    assert_int_equal(sum, bytes);
    assert_int_equal(classes[HTH_WEIGHTS_EMBED], hth_model_weight(m, HTH_W_TOK_EMBD, 0)->bytes);
    assert_int_equal(classes[HTH_WEIGHTS_OUTPUT], hth_model_weight(m, HTH_W_OUTPUT, 0)->bytes);
    assert_true(hth_model_table_bytes(m) > hth_gguf_file_bytes(g) - bytes);
    assert_int_equal(hth_model_program(m)->count, 1 + 3 * 15 + 2);
    hth_model_close(&m);
    hth_model_close(&m);
    hth_buf_drop(&file);
}

static void tied_output(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthBuf file;
    HthModel *m = NULL;
    Tiny c = { LLAMA, .tied = true };
    tiny_build(&file, &c);
    assert_ok(hth_model_open_mem(&m, file.p, file.n, "tiny", &err), err);
    assert_ptr_equal(hth_model_weight(m, HTH_W_OUTPUT, 0), hth_model_weight(m, HTH_W_TOK_EMBD, 0));
    assert_true(hth_model_is_float(m));
    size_t bytes = 0;
    for (size_t i = 0; i < hth_gguf_tensor_count(hth_model_gguf(m)); i++)
        bytes += hth_gguf_tensor_at(hth_model_gguf(m), i)->bytes;
    assert_int_equal(hth_model_weight_bytes(m), bytes); /* the tied tensor once */
    hth_model_close(&m);
    hth_buf_drop(&file);
}

static HthStatus body(void *ctx) {
    HthBuf *file = ctx;
    HthModel *m = NULL;
    HthStatus st = hth_model_open_mem(&m, file->p, file->n, "tiny", NULL);
    if (st != HTH_OK) assert_null(m);
    hth_model_close(&m);
    return st;
}

static void survives_no_memory(void **state) {
    (void)state;
    const Tiny models[] = { { LLAMA, .bias = true, .factors = true },
                            { SIZES, .arch = "deepseek2", .dense = 1, .choice = true } };
    for (size_t i = 0; i < HTH_COUNT(models); i++) {
        HthBuf file;
        tiny_build(&file, &models[i]);
        assert_true(test_torture(body, &file, 1000) >= 5);
        hth_buf_drop(&file);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_keys_and_tensors),
        cmocka_unit_test(absurd_sizes),
        cmocka_unit_test(wrong_values_elsewhere),
        cmocka_unit_test(wrong_experts),
        cmocka_unit_test(missing_experts),
        cmocka_unit_test(experts_bound),
        cmocka_unit_test(fused_tensors),
        cmocka_unit_test(layers_differ),
        cmocka_unit_test(formats),
        cmocka_unit_test(vectors_of_no_number),
        cmocka_unit_test(wrong_kinds),
        cmocka_unit_test(kinds_bound),
        cmocka_unit_test(not_ours_yet),
        cmocka_unit_test(bound_whole),
        cmocka_unit_test(tied_output),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

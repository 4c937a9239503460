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

static void not_ours_yet(void **state) {
    (void)state;
    Tiny arch = { SIZES, .arch = "mystery" };
    expect(&arch, HTH_ENOTSUP, "mystery");
    expect(&arch, HTH_ENOTSUP, "llama, qwen2, qwen3");
    Tiny rope = { LLAMA, .scaling = "longrope" };
    expect(&rope, HTH_ENOTSUP, "longrope");
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
    HthBuf file;
    Tiny c = { LLAMA, .bias = true, .factors = true };
    tiny_build(&file, &c);
    assert_true(test_torture(body, &file, 1000) >= 5);
    hth_buf_drop(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_keys_and_tensors),
        cmocka_unit_test(absurd_sizes),
        cmocka_unit_test(formats),
        cmocka_unit_test(not_ours_yet),
        cmocka_unit_test(bound_whole),
        cmocka_unit_test(tied_output),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

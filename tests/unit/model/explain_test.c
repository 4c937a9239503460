/* explain_test.c - programs as text and JSON.
 *
 * Thread: one. */
#include "support/test.h"

#include "model/explain.h"
#include "support/tiny.h"

static bool says(const HthBuf *b, const char *line) {
    return hth_str_find(hth_buf_str(b), hth_str(line)) != SIZE_MAX;
}

static void architectures(void **state) {
    (void)state;
    HthErr err = { 0 };
    for (size_t i = 0; hth_arch_at(i); i++) {
        HthBuf b;
        hth_buf_init(&b, 1 << 20);
        assert_ok(hth_arch_explain(hth_arch_at(i), &b, &err), err);
        assert_true(says(&b, hth_arch_at(i)->name));
        assert_true(says(&b, "    x = embed(token_embd)\n"));
        assert_true(says(&b, "    h = rmsnorm(x) * attn_norm\n") || i >= 3);
        assert_true(says(&b, "    h = attend(q, k, v)\n"));
        assert_true(says(&b, "    g = silu(g) * u\n") || i >= 3);
        assert_true(says(&b, "    x = x + h\n"));
        assert_true(says(&b, "    logits = linear(h, output)\n"));
        assert_true(says(&b, "    blk.%u.attn_k.weight  [n_head_kv * head_dim][n_embd]"));
        const char *name = hth_arch_at(i)->name;
        assert_int_equal(says(&b, "q = headnorm(q) * attn_q_norm"),
                         strcmp(name, "qwen3") == 0 || strcmp(name, "gemma3") == 0);
        assert_int_equal(says(&b, "q = rope(q)  [rotating layers]"), strcmp(name, "smollm3") == 0);
        assert_int_equal(says(&b, "h = h * residual_scale"), strcmp(name, "granite") == 0);
        assert_int_equal(says(&b, "part of blk.%u.attn_qkv"), strcmp(name, "phi3") == 0);
        assert_false(says(&b, "?"));
        hth_buf_drop(&b);
    }
}

static const Tiny tiny = { .arch = "llama",
                           .layers = 2,
                           .embd = 32,
                           .heads = 4,
                           .kv_heads = 2,
                           .ff = 48,
                           .vocab = 50,
                           .ctx = 128,
                           .bias = true,
                           .ffn_bias = true,
                           .scales = true,
                           .extra = "left.over",
                           .scaling = "yarn",
                           .factor = 4 };

static HthModel *open_tiny(HthBuf *file) {
    HthErr err = { 0 };
    HthModel *m = NULL;
    tiny_build(file, &tiny);
    assert_ok(hth_model_open_mem(&m, file->p, file->n, "tiny", &err), err);
    return m;
}

static void a_model(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthBuf file, b;
    HthModel *m = open_tiny(&file);
    hth_buf_init(&b, 1 << 20);
    assert_ok(hth_model_explain(m, &b, &err), err);
    assert_true(says(&b, "each of 2 layers\n"));
    assert_true(says(&b, "    q = linear(h, attn_q) * attn_q.scale + attn_q.bias\n"));
    assert_true(says(&b, "    g = linear(h, ffn_gate) + ffn_gate.bias, all * ffn_gate.scale\n"));
    assert_true(says(&b, "yarn scaling by 4 from 128 tokens"));
    assert_true(says(&b, "tensors the program does not read\n    left.over\n"));
    hth_buf_drop(&b);
    hth_model_close(&m);
    hth_buf_drop(&file);
}

static void json(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthBuf file;
    HthModel *m = open_tiny(&file);
    json_t *o = NULL;
    assert_ok(hth_model_explain_json(&o, m, &err), err);
    assert_string_equal(json_string_value(json_object_get(o, "architecture")), "llama");
    json_t *layer = json_object_get(o, "layer"), *op = json_array_get(layer, 1);
    assert_int_equal(json_array_size(layer), 15);
    assert_string_equal(json_string_value(json_object_get(op, "op")), "linear");
    assert_string_equal(json_string_value(json_object_get(op, "weight")), "attn_q");
    assert_string_equal(json_string_value(json_object_get(op, "text")),
                        "q = linear(h, attn_q) * attn_q.scale + attn_q.bias");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(o, "shape"), "n_ff")), 48);
    assert_int_equal(json_array_size(json_object_get(o, "unused_tensors")), 1);
    json_decref(o);
    for (size_t i = 0; hth_arch_at(i); i++) {
        o = NULL;
        assert_ok(hth_arch_explain_json(&o, hth_arch_at(i), &err), err);
        assert_true(json_array_size(json_object_get(o, "tensors")) > 12);
        json_decref(o);
    }
    hth_model_close(&m);
    hth_buf_drop(&file);
}

/* A ceiling anywhere in the text is an error, never a shorter text that looks whole. */
static void ceilings(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthBuf file, b;
    HthModel *m = open_tiny(&file);
    hth_buf_init(&b, 1 << 20);
    assert_ok(hth_model_explain(m, &b, &err), err);
    size_t whole = b.n;
    hth_buf_drop(&b);
    for (size_t max = 0; max < whole; max += 7) {
        hth_buf_init(&b, max);
        assert_status(hth_model_explain(m, &b, &err), HTH_ELIMIT, err);
        hth_buf_drop(&b);
    }
    hth_model_close(&m);
    hth_buf_drop(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(architectures),
        cmocka_unit_test(a_model),
        cmocka_unit_test(json),
        cmocka_unit_test(ceilings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

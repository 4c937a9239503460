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
    enum { FIRST = 17 };
    (void)state;
    HthErr err = { 0 };
    for (size_t i = 0; hth_arch_at(i); i++) {
        HthBuf b;
        hth_buf_init(&b, 1 << 20);
        assert_ok(hth_arch_explain(hth_arch_at(i), &b, &err), err);
        assert_true(says(&b, hth_arch_at(i)->name));
        assert_true(says(&b, "    x = embed(token_embd)\n"));
        assert_true(
            says(&b, hth_arch_at(i)->whole ? "    logits = " : "    logits = linear(h, output)\n"));
        const char *name = hth_arch_at(i)->name;
        if (i >= FIRST) { /* the others share their stretches */
            hth_buf_drop(&b);
            continue;
        }
        assert_true(says(&b, "    h = rmsnorm(x) * attn_norm\n") || i >= 3);
        const bool glm = strcmp(name, "glm4moe") == 0;
        const bool latent = hth_arch_at(i)->latent, sinks = strcmp(name, "gpt-oss") == 0;
        assert_int_equal(says(&b, "    h = attend(q, k, v)\n"), !latent && !sinks);
        assert_int_equal(says(&b, "    h = attend(q, k, v, sinks attn_sinks)\n"), sinks);
        assert_int_equal(says(&b, "    h = attend(q, k, k)\n"), latent);
        assert_true(says(&b, "    g = silu(g) * u\n") || i >= 3);
        assert_true(says(&b, "    x = x + h\n"));
        assert_int_equal(says(&b, "    blk.%u.attn_k.weight  [n_head_kv * head_dim][n_embd]"),
                         !latent);
        assert_int_equal(says(&b, "    blk.%u.attn_k_b.weight  [n_head][n_latent][mla_plain]\n"),
                         latent);
        assert_int_equal(says(&b, "q = headnorm(q) * attn_q_norm"),
                         strncmp(name, "qwen3", 5) == 0 || strcmp(name, "gemma3") == 0 || glm);
        assert_int_equal(says(&b, "    r = route(r, exp_probs_b.bias)"),
                         hth_arch_at(i)->gate || hth_arch_at(i)->experts);
        assert_int_equal(says(&b, "each layer of a model with experts\n"),
                         hth_arch_at(i)->experts != NULL);
        assert_int_equal(says(&b, "    h = linear(g, ffn_down)  [dense layers]\n"), latent || glm);
        assert_int_equal(says(&b, "q = rope(q)  [rotating layers]"), strcmp(name, "smollm3") == 0);
        assert_int_equal(says(&b, "h = h * residual_scale"), strncmp(name, "granite", 7) == 0);
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

/* Experts in numbers; only what some of its layers do, and where. */
static void experts(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthBuf file, b;
    HthModel *m = NULL;
    json_t *o = NULL;
    Tiny c = { .arch = "deepseek2", .layers = 3, .embd = 32, .heads = 4, .ff = 24, .vocab = 50 };
    c.ctx = 64;
    c.experts = 8;
    c.used = 3;
    c.dense = 1;
    c.gate = 2;
    c.gate_norm = true;
    c.groups = 4;
    c.groups_used = 2;
    tiny_build(&file, &c);
    assert_ok(hth_model_open_mem(&m, file.p, file.n, "tiny", &err), err);
    hth_buf_init(&b, 1 << 20);
    assert_ok(hth_model_explain(m, &b, &err), err);
    assert_true(says(&b,
                     "experts: 3 of 8 for each token, of 24 rows, by sigmoid, weights adding up "
                     "to 1, in the best 2 of 4 groups; 1 for every token; none in the first 1 "
                     "layers\n"));
    assert_true(says(&b, "    h = linear(g, ffn_down)  [dense layers]\n"));
    assert_true(says(&b, "    g = experts r(each g, ffn_down_exps)  [expert layers]\n"));
    assert_true(says(&b, "    q = linear(h, attn_q_a)\n")); /* all of them */
    assert_false(says(&b, "linear(h, attn_q)")); /* none */
    hth_buf_drop(&b);
    assert_ok(hth_model_explain_json(&o, m, &err), err);
    const json_t *e = json_object_get(o, "experts");
    assert_int_equal(json_integer_value(json_object_get(e, "count")), 8);
    assert_int_equal(json_integer_value(json_object_get(e, "shared_rows")), 24);
    assert_true(json_is_true(json_object_get(e, "weights_add_up")));
    json_decref(o);
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
        cmocka_unit_test(architectures), cmocka_unit_test(a_model),  cmocka_unit_test(experts),
        cmocka_unit_test(json),          cmocka_unit_test(ceilings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* config_test.c - families and config.json: what is read, what is refused; the tables beside those
 * of the architectures that will read the files. */
#include "support/test.h"

#include "import/config.h"
#include "import/plan.h"
#include "model/arch.h"
#include "support/hf_build.h"

static HthStatus read_it(HthConfig *out, const char *base, const char *more, HthErr *err) {
    char text[4096];
    snprintf(text, sizeof text, base, more);
    json_t *v = hf_json(text);
    const HthStatus st = hth_config_read(out, v, err);
    json_decref(v);
    return st;
}

static void what_is_read(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthConfig c;
    assert_ok(read_it(&c, HF_CONFIG, "", &err), err);
    assert_string_equal(c.family->arch, "llama");
    assert_true(c.n_layer == 1 && c.n_embd == 8 && c.n_ff == 6 && c.n_vocab == 12 && c.n_ctx == 32);
    assert_true(c.head_dim == 4 && c.n_rot == 4 && c.n_q == 8 && c.n_kv == 4 && c.n_qkv == 16);
    assert_true(c.rope_base == 10000.0f && c.norm_eps == 1e-5f && c.tied == 0);
    hth_config_drop(&c);
    assert_ok(read_it(&c, HF_CONFIG, ", \"head_dim\": 6, \"rope_theta\": 5e5", &err), err);
    assert_true(c.head_dim == 6 && c.n_q == 12 && c.rope_base == 5e5f);
    hth_config_drop(&c);
    assert_ok(read_it(&c, HF_CONFIG,
                      ", \"head_dim\": null, \"rope_parameters\": {\"rope_type\": \"yarn\", "
                      "\"rope_theta\": 77, \"factor\": 4, \"attention_factor\": 1.0, "
                      "\"original_max_position_embeddings\": 8}",
                      &err),
              err);
    assert_true(c.stretch == HTH_STRETCH_YARN && c.rope_base == 77.0f && c.ctx_orig == 8);
    assert_true(c.attn_factor > 0.878f && c.attn_factor < 0.879f); /* 1 / (1 + 0.1 ln 4) */
    hth_config_drop(&c);
}

/* The lengths of waves below, between and above the bounds of llama 3.1's own config, and the
 * numbers that its makers' code gives for them. */
static void llama3_is_stretched(void **state) {
    (void)state;
    static const struct {
        uint32_t pair;
        double factor;
    } known[] = { { 0, 1 },  { 28, 1 }, { 29, 1.207483871 }, { 34, 5.257326589 },
                  { 36, 8 }, { 63, 8 } };
    HthErr err = { 0 };
    HthConfig c;
    assert_ok(
        read_it(&c, HF_CONFIG,
                ", \"head_dim\": 128, \"rope_theta\": 500000.0, \"rope_scaling\": {\"factor\": "
                "8.0, \"low_freq_factor\": 1.0, \"high_freq_factor\": 4.0, "
                "\"original_max_position_embeddings\": 8192, \"rope_type\": \"llama3\"}",
                &err),
        err);
    for (size_t i = 0; i < HTH_COUNT(known); i++) {
        const double f = (double)c.factors[known[i].pair];
        if (f < known[i].factor * 0.9999 || f > known[i].factor * 1.0001)
            fail_msg("pair %u: %.6f", known[i].pair, f);
    }
    for (uint32_t i = 1; i < 64; i++) assert_true(c.factors[i] >= c.factors[i - 1]);
    hth_config_drop(&c);
}

#define GEMMA                                                                                      \
    "{\"architectures\": [\"Gemma3ForCausalLM\"], \"num_hidden_layers\": 6, \"hidden_size\": 8, "  \
    "\"head_dim\": 256, \"vocab_size\": 12%s}"

static void windows(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthConfig c;
    assert_ok(read_it(&c, GEMMA, "", &err), err);
    assert_true(c.window == 4096 && c.period == 0 && c.tied == 1 && c.n_head == 8);
    assert_true(c.rope_base == 1e6f && c.rope_base_window == 1e4f && c.n_ctx == 131072);
    hth_config_drop(&c);
    assert_ok(read_it(&c, GEMMA, ", \"sliding_window_pattern\": 3, \"sliding_window\": 9", &err),
              err);
    assert_true(c.period == 3 && c.window == 9);
    hth_config_drop(&c);
#define S "\"sliding_attention\""
#define F "\"full_attention\""
    assert_ok(read_it(&c, GEMMA, ", \"layer_types\": [" S "," F "," S "," F "," S "," F "]", &err),
              err);
    assert_int_equal(c.period, 2);
    hth_config_drop(&c);
    assert_ok(read_it(&c, GEMMA, ", \"layer_types\": [" S "," S "," S "," S "," S "," S "]", &err),
              err);
    assert_true(c.period > 6);
    hth_config_drop(&c);
    assert_status(
        read_it(&c, GEMMA, ", \"layer_types\": [" S "," F "," F "," S "," S "," S "]", &err),
        HTH_ENOTSUP, err);
    assert_status(read_it(&c, GEMMA, ", \"layer_types\": [" S "]", &err), HTH_EFORMAT, err);
    assert_status(
        read_it(&c, GEMMA, ", \"layer_types\": [" F "," F "," F "," F "," F "," F "]", &err),
        HTH_ENOTSUP, err);
#undef S
#undef F
    assert_status(read_it(&c, GEMMA, ", \"attn_logit_softcapping\": 50.0", &err), HTH_ENOTSUP, err);
    assert_status(read_it(&c, GEMMA, ", \"query_pre_attn_scalar\": 224", &err), HTH_ENOTSUP, err);
}

static void a_window_that_cannot_be_said_ends_the_context(void **state) {
    (void)state;
    static const char mistral[] =
        "{\"architectures\": [\"MistralForCausalLM\"], \"num_hidden_layers\": 1, \"hidden_size\": "
        "8, \"max_position_embeddings\": 32768, \"intermediate_size\": 6, \"num_attention_heads\": "
        "2, \"num_key_value_heads\": 1, \"vocab_size\": 12%s}";
    HthErr err = { 0 };
    HthConfig c;
    assert_ok(read_it(&c, mistral, ", \"sliding_window\": 4096", &err), err);
    assert_int_equal(c.n_ctx, 4096);
    hth_config_drop(&c);
    assert_ok(read_it(&c, mistral, ", \"sliding_window\": null", &err), err);
    assert_int_equal(c.n_ctx, 32768);
    hth_config_drop(&c);
}

static void what_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *more;
        HthStatus status;
        const char *words;
    } cases[] = {
        { ", \"num_experts\": 4", HTH_ENOTSUP, "mixture" },
        { ", \"quantization_config\": {\"bits\": 4}", HTH_ENOTSUP, "quantised already" },
        { ", \"partial_rotary_factor\": 0.5", HTH_ENOTSUP, "rotates" },
        { ", \"rope_parameters\": {\"partial_rotary_factor\": 0.5}", HTH_ENOTSUP, "rotates" },
        { ", \"rope_theta\": \"x\"", HTH_EFORMAT, "rope_theta" },
        { ", \"rope_theta\": 0.5", HTH_EFORMAT, "rope_theta" },
        { ", \"rope_scaling\": 3", HTH_EFORMAT, "no object" },
        { ", \"rope_scaling\": {\"type\": 3}", HTH_EFORMAT, "no text" },
        { ", \"rope_scaling\": {\"type\": \"linear\"}", HTH_EFORMAT, "needs a factor" },
        { ", \"rope_scaling\": {\"type\": \"linear\", \"factor\": -1}", HTH_EFORMAT, "factor" },
        { ", \"rope_scaling\": {\"type\": \"yarn\"}", HTH_EFORMAT, "factor" },
        { ", \"rope_scaling\": {\"type\": \"yarn\", \"factor\": 2, \"truncate\": false}",
          HTH_ENOTSUP, "truncate" },
        { ", \"rope_scaling\": {\"type\": \"mrope\"}", HTH_ENOTSUP, "mrope" },
        { ", \"rope_parameters\": {\"sliding_attention\": {}}", HTH_ENOTSUP, "windows" },
        { ", \"head_dim\": 5", HTH_EFORMAT, "dimensions" },
        { ", \"head_dim\": 4096", HTH_EFORMAT, "head_dim" },
        { ", \"head_dim\": 4294967296", HTH_EFORMAT, "head_dim" },
        { ", \"mlp_bias\": 1", HTH_EFORMAT, "mlp_bias" },
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        HthErr err = { 0 };
        HthConfig c;
        assert_status(read_it(&c, HF_CONFIG, cases[i].more, &err), cases[i].status, err);
        if (strstr(err.text, cases[i].words) == NULL)
            fail_msg("case %zu: '%s' does not say '%s'", i, err.text, cases[i].words);
    }
}

#define BERT                                                                                       \
    "{\"architectures\": [\"BertModel\"], \"num_hidden_layers\": 2, \"hidden_size\": 8, "          \
    "\"intermediate_size\": 6, \"num_attention_heads\": 2, \"max_position_embeddings\": 16, "      \
    "\"vocab_size\": 12%s}"
#define RANKS "\"architectures\": [\"BertForSequenceClassification\"]"

static void encoders(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthConfig c;
    assert_ok(read_it(&c, BERT, "", &err), err);
    assert_string_equal(c.family->arch, "bert");
    assert_true(c.n_layer == 2 && c.head_dim == 4 && c.n_kv == 8 && c.n_type == 2 && c.n_ctx == 16);
    assert_true(c.norm_eps == 1e-12f && c.pooling == 0 && c.rope_base == 0.0f);
    hth_config_drop(&c);
    assert_ok(read_it(&c, BERT, ", \"layer_norm_eps\": 1e-5, \"type_vocab_size\": 1", &err), err);
    assert_true(c.norm_eps == 1e-5f && c.n_type == 1);
    hth_config_drop(&c);
    static const struct {
        const char *more, *words;
    } cases[] = {
        { ", \"hidden_act\": \"relu\"", "another function" },
        { ", \"position_embedding_type\": \"relative_key\"", "distances" },
        { ", \"is_decoder\": true", "before" },
        { ", \"add_cross_attention\": true", "decoder" },
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        assert_status(read_it(&c, BERT, cases[i].more, &err), HTH_ENOTSUP, err);
        if (strstr(err.text, cases[i].words) == NULL)
            fail_msg("case %zu: '%s' does not say '%s'", i, err.text, cases[i].words);
    }
    assert_status(read_it(&c, BERT, ", \"type_vocab_size\": 0", &err), HTH_EFORMAT, err);
    assert_status(read_it(&c, BERT, ", \"layer_norm_eps\": 0", &err), HTH_EFORMAT, err);
    assert_non_null(strstr(err.text, "layer_norm_eps"));
}

/* How many scores a text has: as many as there are labels, and two where none is named. */
static void what_ranks_has_one_score(void **state) {
    (void)state;
    static const struct {
        const char *more;
        HthStatus status;
    } cases[] = {
        { "", HTH_ENOTSUP },
        { ", \"id2label\": {\"0\": \"LABEL_0\"}", HTH_OK },
        { ", \"id2label\": {\"0\": \"a\", \"1\": \"b\"}", HTH_ENOTSUP },
        { ", \"id2label\": {}", HTH_ENOTSUP },
        { ", \"num_labels\": 1", HTH_OK },
        { ", \"num_labels\": \"1\"", HTH_EFORMAT },
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        HthErr err = { 0 };
        HthConfig c;
        char base[600];
        snprintf(base, sizeof base, "{" RANKS "%s", strchr(BERT, ','));
        assert_status(read_it(&c, base, cases[i].more, &err), cases[i].status, err);
        if (cases[i].status == HTH_OK) assert_int_equal(c.pooling, HTH_IMPORT_RANK);
        if (cases[i].status == HTH_OK) hth_config_drop(&c);
    }
}

/* ---- the tables ---- */

static bool arch_has_key(const HthArch *a, const char *key) {
    for (const HthArchParam *p = a->params; p->key != NULL; p++)
        if (strcmp(p->key, key) == 0) return true;
    return false;
}

static bool arch_has_weight(const HthArch *a, const char *name) {
    char full[80];
    for (const HthArchWeight *w = a->weights; w->slot != HTH_W_NONE; w++) {
        const char *suffix = hth_slot_suffix(w->slot);
        snprintf(full, sizeof full, "%s%s", w->name, suffix);
        if (strcmp(full, name) == 0) return true;
        snprintf(full, sizeof full, "%s%s", w->fused != NULL ? w->fused : "", suffix);
        if (strcmp(full, name) == 0) return true;
    }
    return false;
}

static void what_is_written_is_what_is_read(void **state) {
    (void)state;
    for (size_t i = 0; hth_family_at(i) != NULL; i++) {
        const HthFamily *f = hth_family_at(i);
        const HthArch *a = hth_arch_find(f->arch);
        assert_non_null(a);
        bool turns = false;
        for (const HthFamilyTensor *t = f->layer; t->hf != NULL; t++)
            turns |= t->how == HTH_TENSOR_HEADS_Q;
        if (f->kind == HTH_FAMILY_DECODER) /* rows are turned where neighbours rotate */
            assert_true(turns == !a->rope_neox);
        else
            assert_true(!turns && a->whole && (a->rank != NULL || f->kind != HTH_FAMILY_RANKER));
        for (const HthFamilyKey *k = f->keys; k->field != 0; k++)
            if (k->gguf != NULL && strcmp(k->gguf, "vocab_size") != 0 && !arch_has_key(a, k->gguf))
                fail_msg("%s does not read %s", f->arch, k->gguf);
        for (const HthFamilyTensor *t = f->ends; t->hf != NULL; t++)
            if (!arch_has_weight(a, t->gguf)) fail_msg("%s has no %s", f->arch, t->gguf);
        for (const HthFamilyTensor *t = f->layer; t->hf != NULL; t++)
            if (!arch_has_weight(a, t->gguf)) fail_msg("%s has no %s", f->arch, t->gguf);
    }
}

/* Every row of a head comes from one, each once, and the first two are the first of the halves. */
static void rows_of_heads(void **state) {
    (void)state;
    const HthImportTensor t = { .rows = 24, .cols = 1, .how = HTH_TENSOR_HEADS_Q, .heads = 3 };
    const HthImportTensor plain = { .rows = 24, .cols = 1 };
    uint32_t seen = 0;
    for (uint64_t i = 0; i < 24; i++) {
        seen |= 1u << hth_plan_row(&t, i);
        assert_int_equal(hth_plan_row(&t, i) / 8, i / 8);
        assert_int_equal(hth_plan_row(&plain, i), i);
    }
    assert_int_equal(seen, (1u << 24) - 1);
    assert_int_equal(hth_plan_row(&t, 8), 8);
    assert_int_equal(hth_plan_row(&t, 9), 12);
    assert_int_equal(hth_plan_row(&t, 10), 9);
}

static HthStatus torture(void *ctx) {
    HthErr err;
    HthConfig c;
    HthGgufOut *o = NULL;
    HthStatus st = hth_config_read(&c, ctx, &err);
    if (st != HTH_OK) return st;
    st = hth_gguf_out_open_head(&o, "f", &err);
    if (st == HTH_OK) st = hth_config_write(&c, o, &err);
    hth_gguf_out_abort(&o);
    hth_config_drop(&c);
    return st;
}

static void no_allocation_is_taken_for_granted(void **state) {
    (void)state;
    char text[4096];
    snprintf(
        text, sizeof text, HF_CONFIG,
        ", \"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8.0, \"low_freq_factor\": "
        "1, \"high_freq_factor\": 4, \"original_max_position_embeddings\": 16}");
    json_t *v = hf_json(text);
    assert_true(test_torture(torture, v, 400) > 5);
    json_decref(v);
}

int main(void) {
    hth_json_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read),
        cmocka_unit_test(llama3_is_stretched),
        cmocka_unit_test(windows),
        cmocka_unit_test(a_window_that_cannot_be_said_ends_the_context),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(encoders),
        cmocka_unit_test(what_ranks_has_one_score),
        cmocka_unit_test(what_is_written_is_what_is_read),
        cmocka_unit_test(rows_of_heads),
        cmocka_unit_test(no_allocation_is_taken_for_granted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* mix_test.c - which tensor gets which type. */
#include "support/test.h"

#include "quant/mix.h"

static const HthMixModel model = { .layers = 32, .heads_per_kv = 4, .tied = false };

static const char *type_of(const char *mix, const HthMixModel *m, const char *name, uint64_t row,
                           const char *own) {
    const HthGgufTensor t = { .name = hth_str(name),
                              .fmt = hth_fmt_by_name(own),
                              .n_dims = strstr(name, "norm") != NULL ? 1 : 2,
                              .ne = { row, 64, 1, 1 } };
    assert_non_null(hth_mix_find(mix));
    return hth_mix_type(hth_mix_find(mix), m, &t)->name;
}
#define IS(mix, name, want) assert_string_equal(type_of(mix, &model, name, 4096, "F16"), want)

static void more_bits_where_they_help(void **state) {
    (void)state;
    /* The first and last eighth of 32 layers, and every third between. */
    for (int layer = 0; layer < 32; layer++) {
        char name[64];
        const bool more = layer < 4 || layer >= 28 || layer % 3 == 0;
        snprintf(name, sizeof name, "blk.%d.ffn_down.weight", layer);
        IS("Q4_K_M", name, more ? "Q6_K" : "Q4_K");
        IS("q5_k_m", name, more ? "Q6_K" : "Q5_K");
        IS("Q4_K_S", name, layer < 4 ? "Q5_K" : "Q4_K");
        IS("Q3_K_M", name, layer < 2 ? "Q5_K" : "Q4_K");
        IS("Q6_K", name, "Q6_K");
        IS("IQ4_XS", name, layer < 4 ? "Q5_K" : "IQ4_XS");
    }
    IS("IQ2_M", "blk.9.ffn_up.weight", "IQ2_S");
    IS("IQ2_S", "blk.9.ffn_up.weight", "IQ2_XS");
    IS("IQ2_S", "blk.9.attn_output.weight", "IQ3_S");
    IS("IQ1_S", "blk.9.attn_output.weight", "IQ2_XXS");
    IS("IQ1_S", "output.weight", "Q5_K");
    IS("IQ2_XXS", "token_embd.weight", "Q2_K");
    IS("IQ3_XXS", "blk.0.ffn_down.weight", "Q4_K");
    IS("IQ3_XXS", "blk.9.ffn_down.weight", "Q3_K");
    IS("Q4_K_M", "output.weight", "Q6_K");
    IS("Q8_0", "output.weight", "Q8_0");
    IS("F16", "output.weight", "F16");
    IS("Q4_K_M", "token_embd.weight", "Q4_K");
    IS("TQ2_0", "token_embd.weight", "Q4_K");
    IS("Q2_K", "blk.9.attn_v.weight", "Q4_K");
    IS("Q2_K", "blk.9.attn_output.weight", "Q3_K");
    IS("Q4_K", "blk.0.attn_qkv.weight", "Q5_K"); /* short for Q4_K_M */
    IS("MXFP4_MOE", "blk.0.ffn_up_exps.weight", "MXFP4");
    IS("MXFP4_MOE", "blk.0.ffn_down_exps.weight", "MXFP4");
    IS("MXFP4_MOE", "blk.0.attn_q.weight", "Q8_0");
}

static void the_model_counts(void **state) {
    (void)state;
    HthMixModel tied = model, eight = model, plain = model;
    tied.tied = true;
    eight.experts = 8;
    plain.heads_per_kv = 1;
    assert_string_equal(type_of("Q4_K_M", &tied, "token_embd.weight", 4096, "F16"), "Q6_K");
    assert_string_equal(type_of("Q4_K_M", &eight, "blk.9.attn_k.weight", 4096, "F16"), "Q8_0");
    assert_string_equal(type_of("Q4_K_S", &eight, "blk.9.attn_output.weight", 4096, "F16"), "Q5_K");
    assert_string_equal(type_of("Q2_K", &plain, "blk.9.attn_v.weight", 4096, "F16"), "Q3_K");
}

static void some_stay(void **state) {
    (void)state;
    IS("Q4_K_M", "blk.1.attn_norm.weight", "F16");
    IS("Q4_K_M", "blk.1.ffn_gate_inp.weight", "F16");
    IS("Q4_K_M", "blk.1.attn_q.bias", "F16");
    IS("Q4_K_M", "weight", "F16");
    assert_string_equal(type_of("Q4_K_M", &model, "blk.1.attn_q.weight", 4096, "I32"), "I32");
}

static void blocks_must_fit(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        { "Q4_K_S", "Q5_0" },   { "Q5_K_S", "Q5_1" },   { "Q6_K", "Q8_0" },
        { "Q2_K_S", "IQ4_NL" }, { "Q3_K_S", "IQ4_NL" }, { "IQ4_XS", "IQ4_NL" },
        { "TQ1_0", "Q4_0" },    { "Q8_0", "Q8_0" },     { "IQ1_S", "IQ4_NL" },
        { "IQ2_M", "IQ4_NL" },  { "IQ3_S", "IQ4_NL" },
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        const char *name = "blk.9.attn_q.weight";
        assert_string_equal(type_of(cases[i][0], &model, name, 4096 + 32, "F16"), cases[i][1]);
        assert_string_equal(type_of(cases[i][0], &model, name, 4096 + 1, "F32"), "F16");
    }
}

/* Every mix is one that can be written, under a name of its own. */
static void the_table_holds(void **state) {
    (void)state;
    size_t n = 0;
    for (; hth_mix_at(n) != NULL; n++) {
        const HthMix *m = hth_mix_at(n);
        assert_ptr_equal(hth_mix_find(m->name), m);
        assert_non_null(hth_fmt_by_id(m->base)->quant);
    }
    assert_true(n > 20);
    assert_null(hth_mix_find("Q4_K_"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_bits_where_they_help),
        cmocka_unit_test(the_model_counts),
        cmocka_unit_test(some_stay),
        cmocka_unit_test(blocks_must_fit),
        cmocka_unit_test(the_table_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

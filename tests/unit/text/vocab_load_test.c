/* vocab_load_test.c - defaults by family, hostile arrays, sentences that name what is wrong. */
#include "support/test.h"
#include "support/vocab_build.h"

#include "base/rng.h"

static Gb gguf;
static const char *const five[] = { "<unk>", "<s>", "</s>", "a", "b" };

static HthStatus open_spec(Vb *vb, const VbSpec *spec, HthErr *err) {
    vb_write(&gguf, spec);
    return vb_open(vb, &gguf, err);
}

static void families(void **state) {
    (void)state;
    HthErr err;
    Vb vb;
    VbSpec spec = { .model = "llama", .tokens = five, .token_n = 5 };
    assert_ok(open_spec(&vb, &spec, &err), err);
    assert_string_equal(hth_vocab_family(vb.v), "spm");
    assert_int_equal(hth_vocab_count(vb.v), 5);
    assert_int_equal(hth_vocab_bos(vb.v), 1);
    assert_int_equal(hth_vocab_eos(vb.v), 2);
    assert_int_equal(hth_vocab_unk(vb.v), 0);
    assert_int_equal(hth_vocab_pad(vb.v), HTH_TOKEN_NONE);
    assert_true(hth_vocab_add_bos(vb.v));
    assert_false(hth_vocab_add_eos(vb.v));
    assert_int_equal(hth_vocab_pre(vb.v).n, 0);
    vb_close(&vb);
    spec.model = "t5";
    assert_ok(open_spec(&vb, &spec, &err), err);
    assert_int_equal(hth_vocab_bos(vb.v), HTH_TOKEN_NONE);
    assert_int_equal(hth_vocab_eos(vb.v), 1);
    assert_int_equal(hth_vocab_pad(vb.v), 0);
    assert_true(hth_vocab_add_eos(vb.v));
    vb_close(&vb);
    spec.ids[0].key = "eos_token_id", spec.ids[0].value = 4;
    spec.ids[1].key = "padding_token_id", spec.ids[1].value = 5; /* past the end: ignored */
    spec.flags[0].key = "add_eos_token", spec.flags[0].value = false;
    assert_ok(open_spec(&vb, &spec, &err), err);
    assert_int_equal(hth_vocab_eos(vb.v), 4);
    assert_int_equal(hth_vocab_pad(vb.v), 0);
    assert_false(hth_vocab_add_eos(vb.v));
    vb_close(&vb);
}

static void unknown_names(void **state) {
    (void)state;
    static const char *const none[] = { NULL };
    HthErr err;
    Vb vb;
    VbSpec spec = { .model = "klingon", .tokens = five, .token_n = 5, .merges = none };
    assert_status(open_spec(&vb, &spec, &err), HTH_ENOTSUP, err);
    assert_non_null(strstr(err.text, "klingon"));
    assert_non_null(strstr(err.text, "gemma4"));
    spec.model = "gpt2";
    spec.pre = "klingon-2";
    assert_status(open_spec(&vb, &spec, &err), HTH_ENOTSUP, err);
    assert_non_null(strstr(err.text, "klingon-2"));
    assert_non_null(strstr(err.text, "llama3"));
}

static void present(void **state) {
    (void)state;
    static const struct {
        const char *model;
        bool want;
    } cases[] = { { NULL, false }, { "none", false }, { "no_vocab", false }, { "llama", true } };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        HthGguf *g = NULL;
        HthErr err;
        vb_write(&gguf, &(VbSpec){ .model = cases[i].model, .tokens = five, .token_n = 5 });
        assert_ok(hth_gguf_open_mem(&g, gguf.b, gguf.n, "test", &err), err);
        assert_int_equal(hth_vocab_present(g), cases[i].want);
        hth_gguf_close(&g);
    }
}

/* One array shorter than the tokens, or of the wrong type. */
static void bad_array(const char *key, uint32_t elem, uint64_t count, size_t elem_bytes,
                      HthStatus want) {
    HthErr err;
    Vb vb;
    vb_write(&gguf, &(VbSpec){ .model = "llama", .tokens = five, .token_n = 5 });
    gb_kv_arr(&gguf, key, elem, count);
    for (uint64_t i = 0; i < count; i++) gb_int(&gguf, 0, elem_bytes);
    gb_counts(&gguf);
    HthStatus got = vb_open(&vb, &gguf, &err);
    assert_int_equal(got, want);
    if (got == HTH_OK) vb_close(&vb);
}

static void hostile_arrays(void **state) {
    (void)state;
    bad_array("tokenizer.ggml.scores", GB_F32, 4, 4, HTH_EFORMAT);
    bad_array("tokenizer.ggml.scores", GB_F32, 6, 4, HTH_OK);
    bad_array("tokenizer.ggml.scores", GB_I32, 5, 4, HTH_OK);
    bad_array("tokenizer.ggml.scores", GB_STR, 5, 8, HTH_EFORMAT);
    bad_array("tokenizer.ggml.token_type", GB_I32, 4, 4, HTH_EFORMAT);
    bad_array("tokenizer.ggml.token_type", GB_F32, 5, 4, HTH_EFORMAT);
    bad_array("tokenizer.ggml.token_type", GB_I32, 5, 4, HTH_OK);
}

static void hostile_tokens(void **state) {
    (void)state;
    static char huge[20000];
    static const char *const doubled[] = { "<unk>", "<s>", "</s>", "a", "a", "", "" };
    static const char *const one_huge[] = { "<unk>", "<s>", "</s>", huge };
    static const float bad[] = { 0, 0, 0, 0, __builtin_nanf("") };
    HthErr err;
    Vb vb;
    VbSpec spec = { .model = "llama", .tokens = five, .token_n = 0 };
    assert_status(open_spec(&vb, &spec, &err), HTH_EFORMAT, err);
    memset(huge, 'x', sizeof huge - 1);
    spec.tokens = one_huge, spec.token_n = 4;
    assert_status(open_spec(&vb, &spec, &err), HTH_EFORMAT, err);
    spec.tokens = five, spec.token_n = 5, spec.scores = bad;
    assert_status(open_spec(&vb, &spec, &err), HTH_EFORMAT, err);
    spec = (VbSpec){ .model = "llama",
                     .tokens = doubled,
                     .token_n = 7,
                     .flags = { { "add_space_prefix", false } } };
    assert_ok(open_spec(&vb, &spec, &err), err); /* of equal texts the first is found */
    assert_int_equal(hth_vocab_find(vb.v, HTH_STR("a")), 3);
    assert_encodes(vb.v, "a", 0, "3");
    assert_true(hth_str_eq(hth_vocab_text(vb.v, 6), HTH_STR("[EMPTY_6]")));
    assert_int_equal(hth_vocab_find(vb.v, HTH_STR("")), HTH_TOKEN_NONE);
    vb_close(&vb);
}

static void frames_need_tokens(void **state) {
    (void)state;
    HthErr err;
    Vb vb;
    VbSpec spec = { .model = "llama", .tokens = five, .token_n = 1 };
    assert_status(open_spec(&vb, &spec, &err), HTH_EFORMAT, err); /* BOS is past the end */
    spec.flags[0].key = "add_bos_token", spec.flags[0].value = false;
    assert_ok(open_spec(&vb, &spec, &err), err);
    vb_close(&vb);
    spec.flags[1].key = "add_eos_token", spec.flags[1].value = true;
    assert_status(open_spec(&vb, &spec, &err), HTH_EFORMAT, err);
    spec = (VbSpec){ .model = "t5", .tokens = five, .token_n = 2 };
    assert_status(open_spec(&vb, &spec, &err), HTH_EFORMAT, err); /* unknown is past the end */
}

/* Random damage to a good file: refused or usable, never a crash. */
static void damaged_files(void **state) {
    (void)state;
    static Gb good;
    static const char *const merges[] = { "a b", NULL };
    vb_write(&good, &(VbSpec){ .model = "gpt2",
                               .pre = "gpt-2",
                               .tokens = five,
                               .token_n = 5,
                               .merges = merges,
                               .ids = { { "bos_token_id", 1 } } });
    for (uint32_t round = 0; round < 4000; round++) {
        Vb vb;
        HthErr err;
        char room[256];
        gguf = good;
        for (uint32_t k = 0; k < 3; k++) {
            uint32_t at = hth_rng_below(round, k, 0, (uint32_t)gguf.n);
            gguf.b[at] = (uint8_t)hth_rng_u32(round, k, 1);
        }
        if (vb_open(&vb, &gguf, &err) != HTH_OK) continue;
        vb_ids(vb.v, "ab <s>", 6, HTH_ENCODE_SPECIAL | HTH_ENCODE_BOS_EOS, room, sizeof room);
        vb_close(&vb);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(families),       cmocka_unit_test(unknown_names),
        cmocka_unit_test(present),        cmocka_unit_test(hostile_arrays),
        cmocka_unit_test(hostile_tokens), cmocka_unit_test(frames_need_tokens),
        cmocka_unit_test(damaged_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

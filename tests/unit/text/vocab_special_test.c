/* vocab_special_test.c - which tokens end a generation, by text and by key. */
#include "support/test.h"
#include "support/vocab_build.h"

#define DEEPSEEK_END                                                                               \
    "<\xEF\xBD\x9C"                                                                                \
    "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>"

static Gb gguf;

static void open_with(Vb *vb, const char *const *extra, size_t n, const char *key, uint32_t id) {
    static const char *tokens[32];
    tokens[0] = "<unk>", tokens[1] = "<s>", tokens[2] = "stop";
    for (size_t i = 0; i < n; i++) tokens[3 + i] = extra[i];
    VbSpec spec = { .model = "llama", .tokens = tokens, .token_n = 3 + n, .ids = { { key, id } } };
    HthErr err;
    vb_write(&gguf, &spec);
    assert_ok(vb_open(vb, &gguf, &err), err);
}

static void by_text(void **state) {
    (void)state;
    static const char *const ends[] = { "<|eot_id|>",
                                        "<|im_end|>",
                                        "<|end|>",
                                        "<end_of_turn>",
                                        "<|endoftext|>",
                                        "<EOT>",
                                        "[EOT]",
                                        "<|end_of_text|>",
                                        "<end_of_utterance>",
                                        "<turn|>",
                                        "</s>",
                                        "<|eom_id|>",
                                        "<eos>",
                                        "[EOS]",
                                        (DEEPSEEK_END) };
    for (size_t i = 0; i < HTH_COUNT(ends); i++) {
        Vb vb;
        open_with(&vb, &ends[i], 1, NULL, 0);
        assert_true(hth_vocab_is_end(vb.v, 3));
        assert_int_equal(hth_vocab_kind(vb.v, 3), HTH_TOKEN_CONTROL); /* though typed normal */
        assert_true(hth_vocab_is_end(vb.v, 2)); /* EOS, always */
        assert_false(hth_vocab_is_end(vb.v, 1));
        assert_false(hth_vocab_is_end(vb.v, 4)); /* past the end */
        assert_encodes(vb.v, ends[i], HTH_ENCODE_SPECIAL, "3");
        vb_close(&vb);
    }
}

static void end_of_turn(void **state) {
    (void)state;
    static const char *const both[] = { "<|endoftext|>", "<|im_end|>" };
    Vb vb;
    open_with(&vb, both, 2, NULL, 0);
    assert_int_equal(hth_vocab_eot(vb.v), 4); /* the more telling name first */
    vb_close(&vb);
    open_with(&vb, both, 2, "eot_token_id", 1); /* the file's word is final */
    assert_int_equal(hth_vocab_eot(vb.v), 1);
    assert_true(hth_vocab_is_end(vb.v, 1));
    assert_true(hth_vocab_is_end(vb.v, 3));
    vb_close(&vb);
    open_with(&vb, both, 0, NULL, 0);
    assert_int_equal(hth_vocab_eot(vb.v), HTH_TOKEN_NONE);
    vb_close(&vb);
}

static void ends_that_are_none(void **state) {
    (void)state;
    static const char *const harmony[] = { "<|end|>", "<|return|>", "<|call|>", "<|channel|>" };
    static const char *const gemma[] = { "</s>", "<|tool_response>" };
    Vb vb;
    open_with(&vb, harmony, 4, NULL, 0);
    assert_false(hth_vocab_is_end(vb.v, 3)); /* ends a message, not the turn */
    assert_int_equal(hth_vocab_kind(vb.v, 3), HTH_TOKEN_USER);
    assert_true(hth_vocab_is_end(vb.v, 4));
    assert_true(hth_vocab_is_end(vb.v, 5));
    assert_int_equal(hth_vocab_kind(vb.v, 6), HTH_TOKEN_USER);
    vb_close(&vb);
    open_with(&vb, harmony, 1, NULL, 0);
    assert_true(hth_vocab_is_end(vb.v, 3));
    vb_close(&vb);
    open_with(&vb, gemma, 2, NULL, 0);
    assert_false(hth_vocab_is_end(vb.v, 3)); /* a tag in HTML */
    assert_int_equal(hth_vocab_kind(vb.v, 3), HTH_TOKEN_NORMAL);
    assert_true(hth_vocab_is_end(vb.v, 4));
    vb_close(&vb);
}

static void fill_in_the_middle(void **state) {
    (void)state;
    static const char *const fim[] = { "<|fim_prefix|>", "<|fim_pad|>", "<|file_sep|>" };
    Vb vb;
    open_with(&vb, fim, 3, NULL, 0);
    assert_int_equal(hth_vocab_kind(vb.v, 3), HTH_TOKEN_CONTROL);
    assert_false(hth_vocab_is_end(vb.v, 3));
    assert_true(hth_vocab_is_end(vb.v, 4));
    assert_true(hth_vocab_is_end(vb.v, 5));
    assert_int_equal(hth_vocab_fim(vb.v, HTH_FIM_PRE), 3);
    assert_int_equal(hth_vocab_fim(vb.v, HTH_FIM_SEP), 5);
    assert_int_equal(hth_vocab_fim(vb.v, HTH_FIM_SUF), HTH_TOKEN_NONE);
    assert_int_equal(hth_vocab_fim(vb.v, HTH_FIM_MID), HTH_TOKEN_NONE);
    assert_int_equal(hth_vocab_fim(vb.v, HTH_FIM_REP), HTH_TOKEN_NONE);
    vb_close(&vb);
    static const char *const codellama[] = { "<PRE>", "<SUF>", "<MID>" };
    open_with(&vb, codellama, 3, NULL, 0);
    for (int i = 0; i < 3; i++) assert_int_equal(hth_vocab_fim(vb.v, (HthFim)i), 3 + i);
    vb_close(&vb);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_text),
        cmocka_unit_test(end_of_turn),
        cmocka_unit_test(ends_that_are_none),
        cmocka_unit_test(fill_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

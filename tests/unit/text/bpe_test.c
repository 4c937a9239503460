/* bpe_test.c - byte-pair merging over vocabularies small enough to work out by hand. */
#include "support/test.h"
#include "support/vocab_build.h"

#include "base/rng.h"

#define SP "\xC4\xA0" /* U+0120, the byte-level space */
#define M  "\xE2\x96\x81"

static Gb gguf;

/* From 256: these tokens; the merge "l o" makes "lo", which is a piece but no token. */
static const char *const extra[] = { "he", "ll", "hell", "hello", SP "w", "or", SP "hello", NULL };
static const char *const merges[] = { "l l",  "h e", "he ll", "hell o", SP " w", "o r", "l o",
                                      "lo x", "l l", "bad",   "",       "q  r",  NULL };
static const char *tokens[VB_MAX];

static void make(Vb *vb, const char *pre) {
    VbSpec spec = { .model = "gpt2",
                    .pre = pre,
                    .tokens = tokens,
                    .merges = merges,
                    .ids = { { "bos_token_id", 256 }, { "eos_token_id", 257 } } };
    HthErr err;
    spec.token_n = vb_byte_level(tokens, extra);
    vb_write(&gguf, &spec);
    assert_ok(vb_open(vb, &gguf, &err), err);
}

static void merges_by_rank(void **state) {
    (void)state;
    Vb vb;
    make(&vb, "gpt-2");
    assert_encodes(vb.v, "", 0, "");
    assert_encodes(vb.v, "!", 0, "0");
    assert_encodes(vb.v, " ", 0, "220");
    assert_encodes(vb.v, "hello", 0, "259");
    assert_encodes(vb.v, "hell", 0, "258");
    assert_encodes(vb.v, "ell", 0, "68 257");
    assert_encodes(vb.v, "lll", 0, "257 75"); /* equal ranks: leftmost first */
    assert_encodes(vb.v, " wor", 0, "260 261");
    assert_encodes(vb.v, "\xC3\xA9", 0, "127 102"); /* a character outside the merges: its bytes */
    assert_encodes(vb.v, "a\xFF", 0, "64 171 123 121"); /* a bad byte is U+FFFD: EF BF BD */
    vb_close(&vb);
}

/* "l o" ranks above nothing here, but its result is no token: written letter by letter. */
static void pieces_that_are_no_tokens(void **state) {
    (void)state;
    Vb vb;
    make(&vb, "gpt-2");
    assert_encodes(vb.v, "lo", 0, "75 78");
    assert_encodes(vb.v, "lox", 0, "75 78 87"); /* merged twice, still no token */
    vb_close(&vb);
}

/* A word that is a token: taken whole only where the pre-tokenizer says so. */
static void whole_words(void **state) {
    (void)state;
    Vb vb;
    make(&vb, "gpt-2");
    assert_encodes(vb.v, " hello", 0, "220 259"); /* no merge makes it */
    vb_close(&vb);
    make(&vb, "llama-bpe");
    assert_encodes(vb.v, " hello", 0, "262");
    assert_encodes(vb.v, " hello", HTH_ENCODE_BOS_EOS, "256 262"); /* BOS by default */
    vb_close(&vb);
}

static void round_trips(void **state) {
    (void)state;
    static const char *const pres[] = { "gpt-2", "llama-bpe", "qwen35", "deepseek-v3", "" };
    for (size_t k = 0; k < HTH_COUNT(pres); k++) {
        Vb vb;
        make(&vb, pres[k]);
        for (uint32_t round = 0; round < 1000; round++) {
            char text[120];
            size_t n = 0;
            uint32_t len = hth_rng_below(k, round, 77, 24);
            for (uint32_t i = 0; i < len; i++) {
                uint32_t roll = hth_rng_u32(k, round, i), cp = roll >> 8;
                cp = roll % 3 == 0 ? cp % 0x80 : roll % 3 == 1 ? cp % 0x3100 : cp % 0x110000;
                n += hth_utf8_encode(cp, text + n);
            }
            assert_round_trip(vb.v, text, n, 0);
        }
        vb_close(&vb);
    }
}

static void plain_utf8(void **state) {
    (void)state;
    static const char *const raw[] = { "<pad>", "<bos>", M,        "a",      "b",      M "a",
                                       "\n\n",  "\n",    "\n\n\n", "<0xC3>", "<0xA9>", "ab" };
    static const int32_t types[] = { 3, 3, 1, 1, 1, 1, 1, 1, 1, 6, 6, 1 };
    static const char *const raw_merges[] = { M " a", "a b", "\n \n", NULL };
    VbSpec spec = { .model = "gemma4",
                    .tokens = raw,
                    .token_n = HTH_COUNT(raw),
                    .types = types,
                    .merges = raw_merges,
                    .ids = { { "bos_token_id", 1 } },
                    .flags = { { "add_bos_token", false } } };
    HthErr err;
    Vb vb;
    vb_write(&gguf, &spec);
    assert_ok(vb_open(&vb, &gguf, &err), err);
    assert_string_equal(hth_vocab_family(vb.v), "bpe");
    assert_true(hth_str_eq(hth_vocab_pre(vb.v), HTH_STR("gemma4")));
    assert_true(hth_vocab_add_bos(vb.v)); /* whatever the file says */
    assert_encodes(vb.v, "a", HTH_ENCODE_BOS_EOS, "1 3");
    assert_encodes(vb.v, " a", 0, "5");
    assert_encodes(vb.v, " ab", 0, "5 4");
    assert_encodes(vb.v, "ab", 0, "11");
    assert_encodes(vb.v, "\n\n\n", 0, "8"); /* whole, not by merges */
    assert_encodes(vb.v, "\n\n\n\n", 0, "6 6");
    assert_encodes(vb.v, "\xC3\xA9", 0, "9 10"); /* bytes */
    assert_encodes(vb.v, "az", 0, "3"); /* no way to say z */
    assert_round_trip(vb.v, " a ab\n\n\xC3\xA9", 9, 0);
    vb_close(&vb);
}

/* Blanks only separate; case is folded where the file says so. */
static void blank_separated(void **state) {
    (void)state;
    static const char *const raw[] = { "a", "b", "ab", "\xC3\xA9", "A" };
    static const char *const raw_merges[] = { "a b", NULL };
    VbSpec spec = { .model = "whitespace",
                    .pre = "whitespace",
                    .tokens = raw,
                    .token_n = HTH_COUNT(raw),
                    .merges = raw_merges };
    HthErr err;
    Vb vb;
    vb_write(&gguf, &spec);
    assert_ok(vb_open(&vb, &gguf, &err), err);
    assert_encodes(vb.v,
                   " ab\n a  b\xE3\x80\x80"
                   "b A",
                   0, "2 0 1 1 4");
    assert_encodes(vb.v, " \t ", 0, "");
    vb_close(&vb);
    spec.flags[0].key = "normalizer.lowercase", spec.flags[0].value = true;
    vb_write(&gguf, &spec);
    assert_ok(vb_open(&vb, &gguf, &err), err);
    assert_encodes(vb.v, "AB \xC3\x89", 0, "2 3");
    vb_close(&vb);
}

static void merges_are_needed(void **state) {
    (void)state;
    VbSpec spec = { .model = "gpt2", .pre = "gpt-2", .tokens = tokens };
    HthErr err;
    Vb vb;
    spec.token_n = vb_byte_level(tokens, extra);
    vb_write(&gguf, &spec);
    assert_status(vb_open(&vb, &gguf, &err), HTH_EFORMAT, err);
    spec.pre = "kimi-k2"; /* ... except where the format has none */
    vb_write(&gguf, &spec);
    assert_ok(vb_open(&vb, &gguf, &err), err);
    assert_encodes(vb.v, "ab", 0, "64 65");
    vb_close(&vb);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_by_rank),  cmocka_unit_test(pieces_that_are_no_tokens),
        cmocka_unit_test(whole_words),     cmocka_unit_test(round_trips),
        cmocka_unit_test(plain_utf8),      cmocka_unit_test(merges_are_needed),
        cmocka_unit_test(blank_separated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

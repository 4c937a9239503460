/* spm_test.c - SentencePiece BPE over a vocabulary small enough to work out by hand. */
#include "support/test.h"
#include "support/vocab_build.h"

#include "base/rng.h"

#define M "\xE2\x96\x81" /* U+2581 */

static Gb gguf;

/* 0 <unk>, 1 <s>, 2 </s>, 3..258 bytes, then these from 259. */
static const char *const words[] = { M, "a", "b", "c", M "a", "ab", "bc", M "ab", "<u>", "bcb" };
static const float word_scores[] = { -1, -2, -3, -4, -5, -6, -5.5f, -7, 0, -1 };
enum { W = 259, WORDS = HTH_COUNT(words), TOKENS = W + WORDS + 1 };

/* A token with a space inside makes the whole text one word; here it cannot be reached. */
static bool joined_words;

static void make(Vb *vb, bool bytes, bool space) {
    static const char *tokens[TOKENS];
    static float scores[TOKENS];
    static int32_t types[TOKENS];
    static char names[256][8];
    tokens[0] = "<unk>", tokens[1] = "<s>", tokens[2] = "</s>";
    types[0] = HTH_TOKEN_UNKNOWN, types[1] = types[2] = HTH_TOKEN_CONTROL;
    for (int b = 0; b < 256; b++) {
        snprintf(names[b], sizeof names[b], bytes ? "<0x%02X>" : "<no%02X>", b);
        tokens[3 + b] = names[b];
        types[3 + b] = bytes ? HTH_TOKEN_BYTE : HTH_TOKEN_UNUSED;
    }
    for (size_t i = 0; i < WORDS; i++) {
        tokens[W + i] = words[i];
        scores[W + i] = word_scores[i];
        types[W + i] = i == 8 ? HTH_TOKEN_USER : HTH_TOKEN_NORMAL;
    }
    tokens[W + WORDS] = joined_words ? "q" M "q" : "qq";
    types[W + WORDS] = HTH_TOKEN_NORMAL;
    VbSpec spec = { .model = "llama",
                    .pre = "default",
                    .tokens = tokens,
                    .token_n = TOKENS,
                    .scores = scores,
                    .types = types,
                    .flags = { { "add_space_prefix", space } } };
    HthErr err;
    vb_write(&gguf, &spec);
    assert_ok(vb_open(vb, &gguf, &err), err);
}

static void joins_by_score(void **state) {
    (void)state;
    Vb vb;
    make(&vb, true, true);
    assert_encodes(vb.v, "", 0, "");
    assert_encodes(vb.v, "", HTH_ENCODE_BOS_EOS, "1");
    assert_encodes(vb.v, "a", 0, "263"); /* _a */
    assert_encodes(vb.v, "ab", 0, "266"); /* _a (-5) before ab (-6), and then _ab */
    assert_encodes(vb.v, "bc", 0, "259 265");
    assert_encodes(vb.v, "cab", 0, "259 262 264");
    assert_encodes(vb.v, "abc", 0, "263 265"); /* _a first, then bc */
    assert_encodes(vb.v, "a a", 0, "263 263");
    assert_encodes(vb.v, "cbcb", 0, "259 262 268"); /* bc, then bcb */
    assert_encodes(vb.v, "  a", 0, "259 259 263");
    vb_close(&vb);
}

static void bytes_and_unknown(void **state) {
    (void)state;
    Vb vb;
    make(&vb, true, false);
    assert_encodes(vb.v, "z", 0, "125"); /* 3 + 0x7A */
    assert_encodes(vb.v, "\xC3\xA9", 0, "198 172");
    assert_encodes(vb.v, "\xFF", 0, "258"); /* not UTF-8: a byte is a byte */
    vb_close(&vb);
    make(&vb, false, false);
    assert_encodes(vb.v, "az", 0, "260 0"); /* no byte tokens: unknown */
    vb_close(&vb);
}

static void special_tokens(void **state) {
    (void)state;
    Vb vb;
    make(&vb, true, true);
    assert_encodes(vb.v, "a</s>a", HTH_ENCODE_SPECIAL, "263 2 263");
    assert_encodes(vb.v, "</s>", HTH_ENCODE_SPECIAL, "2");
    assert_encodes(vb.v, "<u>a", 0, "267 263"); /* USER tokens need no flag */
    assert_round_trip(vb.v, "a</s>a<s>b", 10, HTH_ENCODE_SPECIAL);
    vb_close(&vb);
}

static void round_trips(void **state) {
    (void)state;
    Vb vb;
    make(&vb, true, true);
    for (uint32_t round = 0; round < 3000; round++) {
        char text[24];
        uint32_t n = hth_rng_below(7, round, 50, sizeof text);
        for (uint32_t i = 0; i < n; i++) {
            uint32_t pick = hth_rng_below(7, round, i, 8);
            /* no lead bytes: one before a space would swallow a part of its U+2581 */
            text[i] = (char)(pick < 7 ? (uint32_t) "abc  ab"[pick]
                                      : hth_rng_below(7, round, i + 100, 0xC0));
        }
        assert_round_trip(vb.v, text, n, 0);
    }
    vb_close(&vb);
}

static void word_by_word_or_all_at_once(void **state) {
    (void)state;
    Vb parts, whole;
    static Gb copy;
    make(&parts, true, true);
    copy = gguf; /* the file behind `parts` is overwritten next: open it again from the copy */
    vb_close(&parts);
    joined_words = true;
    make(&whole, true, true);
    joined_words = false;
    HthErr err;
    assert_ok(vb_open(&parts, &copy, &err), err);
    for (uint32_t round = 0; round < 5000; round++) {
        char text[40], a[512], b[512];
        uint32_t n = hth_rng_below(9, round, 50, sizeof text);
        for (uint32_t i = 0; i < n; i++) {
            uint32_t pick = hth_rng_below(9, round, i, 12);
            text[i] = pick < 11 ? "abc  ab\xE2\x96\x81\xF0"[pick] : (char)hth_rng_u32(9, round, i);
        }
        assert_string_equal(vb_ids(parts.v, text, n, 0, a, sizeof a),
                            vb_ids(whole.v, text, n, 0, b, sizeof b));
    }
    vb_close(&parts);
    vb_close(&whole);
}

static void one_letter_for_a_megabyte(void **state) {
    (void)state;
    enum { N = 1 << 20 };
    Vb vb;
    HthErr err;
    HthIds ids;
    char *text = hth_calloc(N, 1);
    memset(text, 'b', N);
    make(&vb, true, false);
    hth_ids_init(&ids, N);
    assert_ok(hth_vocab_encode(vb.v, (HthStr){ text, N }, 0, &ids, &err), err);
    assert_int_equal(ids.n, N);
    hth_ids_drop(&ids);
    hth_free(text);
    vb_close(&vb);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_by_score),
        cmocka_unit_test(bytes_and_unknown),
        cmocka_unit_test(special_tokens),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(one_letter_for_a_megabyte),
        cmocka_unit_test(word_by_word_or_all_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

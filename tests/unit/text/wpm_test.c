/* wpm_test.c - WordPiece: BERT's normalisation and the longest-token walk. */
#include "support/test.h"
#include "support/vocab_build.h"

#define M "\xE2\x96\x81"

static Gb gguf;

static const char *const tokens[] = { "[PAD]",         "[UNK]", "[CLS]", "[SEP]",
                                      M "hello",       M "he",  "llo",   "wor",
                                      M "wor",         "ld",    M ",",   M "\xE4\xB8\xAD",
                                      M "$",           M "e",   M "H",   M "\xC3\xA9",
                                      M "\xE1\x84\x80" };
static const int32_t types[] = { 3, 3, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };

static HthStatus make(Vb *vb, int lower, int strip, HthErr *err) {
    VbSpec spec = {
        .model = "bert",
        .tokens = tokens,
        .token_n = HTH_COUNT(tokens),
        .types = types,
        .ids = { { "bos_token_id", 2 }, { "seperator_token_id", 3 }, { "unknown_token_id", 1 } }
    };
    size_t n = 0;
    if (lower >= 0) spec.flags[n].key = "normalizer.lowercase", spec.flags[n++].value = lower;
    if (strip >= 0) spec.flags[n].key = "normalizer.strip_accents", spec.flags[n++].value = strip;
    vb_write(&gguf, &spec);
    return vb_open(vb, &gguf, err);
}

static void words_and_frames(void **state) {
    (void)state;
    Vb vb;
    HthErr err;
    assert_ok(make(&vb, -1, -1, &err), err);
    assert_encodes(vb.v, "", 0, "");
    assert_encodes(vb.v, "", HTH_ENCODE_BOS_EOS, "2 3");
    assert_encodes(vb.v, "Hello, world", HTH_ENCODE_BOS_EOS, "2 4 10 8 9 3");
    assert_encodes(vb.v, "hellllo", 0, "1"); /* a rest without a token: the whole word unknown */
    assert_encodes(vb.v, "hellohello hello", 0, "1 4");
    assert_encodes(vb.v, "hellowor", 0, "4 7");
    assert_encodes(vb.v, " \t\n ", 0, "");
    assert_encodes(vb.v, "hello$hello", 0, "4 12 4");
    assert_encodes(vb.v, "\xE4\xB8\xAD\xE4\xB8\xAD", 0, "11 11"); /* ideographs stand alone */
    assert_encodes(vb.v, "he\xE2\x80\x8Bllo", 0, "4"); /* format characters vanish */
    assert_encodes(vb.v, "\xFF", 0, ""); /* so do bad bytes */
    assert_encodes(vb.v, "[SEP]hello", HTH_ENCODE_SPECIAL, "3 4");
    vb_close(&vb);
}

static void normalisation(void **state) {
    (void)state;
    Vb vb;
    HthErr err;
    assert_ok(make(&vb, -1, -1, &err), err);
    assert_encodes(vb.v, "\xC3\x89", 0, "13"); /* E with acute: lower case, accent gone */
    assert_encodes(vb.v, "e\xCC\x81", 0, "13");
    assert_encodes(vb.v, "\xEA\xB0\x80", 0, "16"); /* Hangul: its first jamo */
    vb_close(&vb);
    assert_ok(make(&vb, false, -1, &err), err); /* accents follow the case flag */
    assert_encodes(vb.v, "H", 0, "14");
    assert_encodes(vb.v, "\xC3\xA9", 0, "15");
    vb_close(&vb);
    assert_ok(make(&vb, true, false, &err), err);
    assert_encodes(vb.v, "\xC3\x89", 0, "15");
    vb_close(&vb);
}

static void decoding(void **state) {
    (void)state;
    static const uint32_t ids[] = { 2, 4, 10, 8, 9, 3 };
    Vb vb;
    HthErr err;
    HthBuf out;
    assert_ok(make(&vb, -1, -1, &err), err);
    hth_buf_init(&out, 1000);
    assert_ok(hth_vocab_decode(vb.v, ids, 6, false, &out, &err), err);
    assert_string_equal(out.p, "hello , world");
    hth_buf_drop(&out);
    vb_close(&vb);
}

static void frames_must_exist(void **state) {
    (void)state;
    Vb vb;
    HthErr err;
    VbSpec spec = { .model = "bert", .tokens = tokens, .token_n = HTH_COUNT(tokens) };
    vb_write(&gguf, &spec); /* the usual ids, 101 and 102, are past the end */
    assert_status(vb_open(&vb, &gguf, &err), HTH_EFORMAT, err);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_and_frames),
        cmocka_unit_test(normalisation),
        cmocka_unit_test(decoding),
        cmocka_unit_test(frames_must_exist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* pieces_test.c - the byte alphabet, spaces, byte tokens, decoding. */
#include "support/test.h"
#include "support/vocab_build.h"

#include "base/rng.h"
#include "text/vocab_int.h"

#define M "\xE2\x96\x81"

static Gb gguf;

static void alphabet(void **state) {
    (void)state;
    const char *tokens[VB_MAX];
    size_t n = vb_byte_level(tokens, NULL);
    assert_int_equal(n, 256);
    bool seen[256] = { false };
    for (int byte = 0; byte < 256; byte++) {
        char c[5] = { 0 };
        uint32_t cp;
        size_t len = hth_byte_char((uint8_t)byte, c);
        assert_int_equal(hth_utf8_decode((HthStr){ c, len }, &cp), len);
        assert_int_equal(hth_char_byte(cp), byte);
        for (size_t i = 0; i < n; i++) {
            if (strcmp(tokens[i], c) == 0) seen[i] = true;
        }
    }
    for (int i = 0; i < 256; i++) assert_true(seen[i]);
    for (uint32_t cp = 0; cp < 0x20000; cp++) {
        int byte = hth_char_byte(cp);
        char c[4], back[4];
        if (byte < 0) continue;
        size_t len = hth_byte_char((uint8_t)byte, c);
        assert_int_equal(len, hth_utf8_encode(cp, back));
        assert_memory_equal(c, back, len);
    }
    assert_int_equal(hth_char_byte(' '), -1);
    assert_int_equal(hth_char_byte(0x144), -1);
}

static void spaces(void **state) {
    (void)state;
    HthBuf a, b;
    hth_buf_init(&a, 1000);
    hth_buf_init(&b, 1000);
    assert_int_equal(hth_escape_spaces(HTH_STR(" a  b\xE2\x96 "), &a, NULL), HTH_OK);
    assert_string_equal(a.p, M "a" M M "b\xE2\x96" M);
    assert_int_equal(hth_unescape_spaces(hth_buf_str(&a), &b, NULL), HTH_OK);
    assert_string_equal(b.p, " a  b\xE2\x96 ");
    hth_buf_drop(&a);
    hth_buf_drop(&b);
}

static void byte_tokens(void **state) {
    (void)state;
    static const struct {
        HthStr text;
        int byte;
    } cases[] = {
        { HTH_STR("<0x00>"), 0 },  { HTH_STR("<0xFF>"), 255 }, { HTH_STR("<0xa9>"), 0xA9 },
        { HTH_STR("<0xZZ>"), -1 }, { HTH_STR("<0xF>"), -1 },   { HTH_STR("<0xFFF>"), -1 },
        { HTH_STR("0xFF"), -1 },   { HTH_STR(""), -1 },        { HTH_STR("<0x4 >"), -1 },
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        assert_int_equal(hth_byte_token(cases[i].text), cases[i].byte);
    }
}

static const char *const tokens[] = { "<unk>", "<s>",    M "hi", "<0x41>", "<0xZZ>",
                                      M "u",   ("un" M), "",     M,        "<s2>" };
static const int32_t types[] = { 2, 3, 1, 6, 6, 4, 5, 1, 1, 0 };

static void shown(const HthVocab *v, uint32_t id, bool special, const char *want) {
    HthBuf out;
    HthErr err;
    hth_buf_init(&out, 100);
    assert_ok(hth_vocab_piece(v, id, special, &out, &err), err);
    assert_string_equal(hth_buf_str(&out).p, want);
    hth_buf_drop(&out);
}

static void one_by_one(void **state) {
    (void)state;
    VbSpec spec = {
        .model = "llama", .tokens = tokens, .token_n = HTH_COUNT(tokens), .types = types
    };
    HthErr err;
    HthBuf out;
    Vb vb;
    vb_write(&gguf, &spec);
    assert_ok(vb_open(&vb, &gguf, &err), err);
    shown(vb.v, 0, false, "");
    shown(vb.v, 0, true, "<unk>");
    shown(vb.v, 1, false, "");
    shown(vb.v, 1, true, "<s>");
    shown(vb.v, 2, false, " hi");
    shown(vb.v, 3, false, "A");
    shown(vb.v, 4, false, "<0xZZ>"); /* no byte: its text */
    shown(vb.v, 5, false, M "u"); /* user tokens as they are */
    shown(vb.v, 6, false, "");
    shown(vb.v, 7, false, "[EMPTY_7]");
    shown(vb.v, 9, true, "");
    hth_buf_init(&out, 100);
    assert_status(hth_vocab_piece(vb.v, 10, true, &out, &err), HTH_EINVAL, err);
    assert_status(hth_vocab_piece(vb.v, UINT32_MAX, true, &out, &err), HTH_EINVAL, err);
    vb_close(&vb);
    hth_buf_drop(&out);
}

static void whole_sequences(void **state) {
    (void)state;
    static const uint32_t ids[] = { 1, 2, 8, 2, 3, 99 };
    VbSpec spec = {
        .model = "llama", .tokens = tokens, .token_n = HTH_COUNT(tokens), .types = types
    };
    HthErr err;
    HthBuf out;
    Vb vb;
    vb_write(&gguf, &spec);
    assert_ok(vb_open(&vb, &gguf, &err), err);
    hth_buf_init(&out, 100);
    assert_ok(hth_vocab_decode(vb.v, ids, 5, false, &out, &err), err);
    assert_string_equal(out.p, "hi  hiA"); /* one space of the two at the start was ours */
    assert_status(hth_vocab_decode(vb.v, ids, 6, false, &out, &err), HTH_EINVAL, err);
    assert_string_equal(out.p, "hi  hiA"); /* a failure adds nothing */
    hth_buf_clear(&out);
    assert_ok(hth_vocab_decode(vb.v, ids, 2, true, &out, &err), err);
    assert_string_equal(out.p, "<s>hi");
    hth_buf_drop(&out);
    hth_buf_init(&out, 4);
    assert_status(hth_vocab_decode(vb.v, ids, 5, false, &out, &err), HTH_ELIMIT, err);
    assert_int_equal(out.n, 0);
    hth_buf_drop(&out);
    vb_close(&vb);
}

/* A byte-level token with characters outside the alphabet shows them. */
static void outside_the_alphabet(void **state) {
    (void)state;
    static const char *const extra[] = { "\xE4\xB8\xAD", "\xC4\xA0\xE2\x82\xAC", NULL };
    static const char *const merges[] = { NULL };
    const char *list[VB_MAX];
    VbSpec spec = { .model = "gpt2", .pre = "gpt-2", .tokens = list, .merges = merges };
    HthErr err;
    Vb vb;
    spec.token_n = vb_byte_level(list, extra);
    vb_write(&gguf, &spec);
    assert_ok(vb_open(&vb, &gguf, &err), err);
    shown(vb.v, 256, false, "\xE4\xB8\xAD");
    shown(vb.v, 257, false, " \xE2\x82\xAC");
    shown(vb.v, 220, false, " ");
    vb_close(&vb);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alphabet),        cmocka_unit_test(spaces),
        cmocka_unit_test(byte_tokens),     cmocka_unit_test(one_by_one),
        cmocka_unit_test(whole_sequences), cmocka_unit_test(outside_the_alphabet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

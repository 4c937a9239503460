/* vocab_test.c - token ids against the reference implementation of the GGUF format.
 *
 * $HEARTH_DATA/vocab holds real vocabularies, texts ended by NUL (texts.nul), and per vocabulary
 * one line per text: ids with special tokens as plain text, TAB, ids with them recognised; BOS and
 * EOS as the model says.  Without the data a small vocabulary with hand-checked ids stands in. */
#include "support/test.h"
#include "support/vocab_build.h"

static const char *const vocabs[] = { "bert-bge",  "deepseek-llm", "gemma-4", "gpt-2", "llama-bpe",
                                      "llama-spm", "phi-3",        "qwen2",   "qwen35" };

/* Compares one list, "1 2 3" up to a tab or newline, and moves behind its end. */
static bool same_ids(const char **line, const char *end, const HthIds *got) {
    size_t n = 0;
    bool same = true;
    const char *p = *line;
    while (p < end && *p != '\t' && *p != '\n') {
        if (*p == ' ') {
            p++;
            continue;
        }
        uint32_t id = 0;
        while (p < end && *p >= '0' && *p <= '9') id = id * 10 + (uint32_t)(*p++ - '0');
        same = same && n < got->n && got->p[n] == id;
        n++;
    }
    *line = p < end ? p + 1 : p;
    return same && n == got->n;
}

/* Is decoding what was encoded exact in this family, whatever the text? */
static bool lossless(const HthVocab *v, HthStr text) {
    if (strcmp(hth_vocab_family(v), "wpm") == 0) return false; /* drops case and blanks */
    bool marks =
        strcmp(hth_vocab_family(v), "spm") == 0 || hth_str_eq(hth_vocab_pre(v), HTH_STR("gemma4"));
    return !marks || hth_str_find(text, HTH_STR("\xE2\x96\x81")) == SIZE_MAX; /* read as spaces */
}

static void round_trip(const HthVocab *v, HthStr text) {
    HthErr err;
    HthIds ids;
    HthBuf out;
    if (!lossless(v, text)) return;
    hth_ids_init(&ids, 1 << 20);
    hth_buf_init(&out, 1 << 22);
    assert_ok(hth_vocab_encode(v, text, 0, &ids, &err), err);
    assert_ok(hth_vocab_decode(v, ids.p, ids.n, true, &out, &err), err);
    if (!hth_str_eq(hth_buf_str(&out), text)) fail_msg("a text does not survive the round trip");
    hth_ids_drop(&ids);
    hth_buf_drop(&out);
}

static void one_vocabulary(const char *name) {
    char path[512], rel[64];
    HthBuf texts, lists;
    HthErr err;
    Vb vb = { 0 };
    size_t wrong = 0, count = 0;
    HTH_ASSERT(test_data_path(path, sizeof path, "vocab/texts.nul"));
    test_load(&texts, path);
    snprintf(rel, sizeof rel, "vocab/%s.ids", name);
    HTH_ASSERT(test_data_path(path, sizeof path, rel));
    test_load(&lists, path);
    snprintf(rel, sizeof rel, "vocab/%s.gguf", name);
    HTH_ASSERT(test_data_path(path, sizeof path, rel));
    assert_ok(hth_gguf_open(&vb.file, path, &err), err);
    assert_ok(hth_vocab_open(&vb.v, vb.file, &err), err);
    const char *line = lists.p, *end = lists.p + lists.n;
    for (size_t at = 0; at < texts.n; at += strlen(texts.p + at) + 1) {
        HthStr text = hth_str(texts.p + at);
        for (unsigned special = 0; special < 2; special++, count++) {
            HthIds ids;
            hth_ids_init(&ids, 1 << 20);
            unsigned flags = HTH_ENCODE_BOS_EOS | (special ? HTH_ENCODE_SPECIAL : 0);
            assert_ok(hth_vocab_encode(vb.v, text, flags, &ids, &err), err);
            if (!same_ids(&line, end, &ids)) {
                print_message("%s: text %zu differs (special tokens %s)\n", name, count / 2,
                              special ? "recognised" : "plain");
                wrong++;
            }
            hth_ids_drop(&ids);
        }
        round_trip(vb.v, text);
    }
    assert_true(count > 0);
    if (wrong) fail_msg("%s: %zu of %zu lists differ", name, wrong, count);
    vb_close(&vb);
    hth_buf_drop(&texts);
    hth_buf_drop(&lists);
}

static void listed_ids(void **state) {
    char path[512];
    (void)state;
    TEST_DATA_OR_SKIP(path, "vocab/texts.nul");
    for (size_t i = 0; i < HTH_COUNT(vocabs); i++) one_vocabulary(vocabs[i]);
}

/* GPT-2's published merges, the first few, on a text worked out by hand. */
static void by_hand(void **state) {
    static Gb gguf;
    static const char *const extra[] = { "\xC4\xA0t",
                                         "\xC4\xA0"
                                         "a",
                                         "he",
                                         "in",
                                         "re",
                                         "on",
                                         "\xC4\xA0the",
                                         "<|endoftext|>",
                                         NULL };
    static const char *const merges[] = { "\xC4\xA0 t", "\xC4\xA0 a", "h e",          "i n",
                                          "r e",        "o n",        "\xC4\xA0t he", NULL };
    const char *tokens[VB_MAX];
    VbSpec spec = { .model = "gpt2",
                    .pre = "gpt-2",
                    .tokens = tokens,
                    .merges = merges,
                    .ids = { { "bos_token_id", 263 }, { "eos_token_id", 263 } } };
    HthErr err;
    Vb vb;
    (void)state;
    spec.token_n = vb_byte_level(tokens, extra);
    vb_write(&gguf, &spec);
    assert_ok(vb_open(&vb, &gguf, &err), err);
    assert_encodes(vb.v, "on the train a", 0, "261 262 256 81 64 259 257");
    assert_encodes(vb.v, "here<|endoftext|>", HTH_ENCODE_SPECIAL, "258 260 263");
    assert_encodes(vb.v, "here<|endoftext|>", 0, "258 260 27 91 68 77 67 78 69 83 68 87 83 91 29");
    assert_round_trip(vb.v, "on the train a<|endoftext|>", 27, HTH_ENCODE_SPECIAL);
    vb_close(&vb);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),
        cmocka_unit_test(listed_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

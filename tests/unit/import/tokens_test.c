/* tokens_test.c - tokenizers: what of a tokenizer.json a GGUF file gets, and what is refused
 * because a GGUF file cannot say it. */
#include "support/test.h"

#include "import/tokens.h"
#include "support/hf_build.h"
#include "text/pretok.h"

enum { ROWS = 12 };

static HthStatus read_it(HthTokenizer *out, const char *text, const char *settings, HthErr *err) {
    json_t *s = settings != NULL ? hf_json(settings) : NULL;
    json_t *c = hf_json("{\"eos_token_id\": [9, 8]}");
    const HthStatus st = hth_tokenizer_of(out, hf_json(text), s, c, NULL, ROWS, err);
    json_decref(s);
    json_decref(c);
    return st;
}

/* One text with all of `from` in it replaced. The caller's. */
static char *with(const char *text, const char *from, const char *to) {
    HthErr err = { 0 };
    HthBuf out;
    const char *at;
    bool any = false;
    hth_buf_init(&out, 1 << 20);
    for (; (at = strstr(text, from)) != NULL; text = at + strlen(from), any = true) {
        assert_ok(hth_buf_add(&out, text, (size_t)(at - text), &err), err);
        assert_ok(hth_buf_add_str(&out, hth_str(to), &err), err);
    }
    assert_true(any);
    assert_ok(hth_buf_add_str(&out, hth_str(text), &err), err);
    return out.p;
}

static void refuse(const char *base, const char *from, const char *to, HthStatus status,
                   const char *words) {
    HthErr err = { 0 };
    HthTokenizer t;
    char *text = with(base, from, to);
    assert_status(read_it(&t, text, NULL, &err), status, err);
    if (strstr(err.text, words) == NULL) fail_msg("'%s' does not say '%s'", err.text, words);
    hth_free(text);
}

static void byte_level(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthTokenizer t;
    assert_ok(read_it(&t, HF_BPE, NULL, &err), err);
    assert_string_equal(t.model, "gpt2");
    assert_string_equal(t.pre, "gpt-2");
    assert_true(t.n == ROWS && t.merge_count == 1 && t.score == NULL);
    assert_true(hth_str_eq(t.merges[0], HTH_STR("a b")));
    assert_true(t.type[0] == HTH_IMPORT_NORMAL && t.type[9] == HTH_IMPORT_CONTROL);
    assert_true(t.type[10] == HTH_IMPORT_UNUSED && hth_str_eq(t.text[10], HTH_STR("[PAD10]")));
    assert_true(t.special[HTH_SPECIAL_EOS] == 9 && t.special[HTH_SPECIAL_BOS] == HTH_IMPORT_NO_ID);
    assert_true(!t.add_bos && !t.add_eos);
    hth_tokenizer_drop(&t);
    assert_ok(read_it(&t, HF_BPE,
                      "{\"eos_token\": {\"content\": \"ab\"}, \"bos_token\": \"<|end|>\", "
                      "\"add_bos_token\": true}",
                      &err),
              err);
    assert_true(t.special[HTH_SPECIAL_EOS] == 8 && t.special[HTH_SPECIAL_BOS] == 9 && t.add_bos);
    hth_tokenizer_drop(&t);
}

/* What a template ends texts with is the end, whatever ends a turn. */
static void texts_end_otherwise_than_turns(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthTokenizer t;
    char *text = with(HF_BPE, "\"post_processor\": null",
                      "\"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": "
                      "[{\"Sequence\": {\"id\": \"A\"}}, {\"SpecialToken\": {\"id\": "
                      "\"<|end|>\"}}]}");
    assert_ok(read_it(&t, text, NULL, &err), err);
    assert_true(t.special[HTH_SPECIAL_EOS] == 9 && t.special[HTH_SPECIAL_EOT] == HTH_IMPORT_NO_ID);
    assert_true(t.add_eos && !t.add_bos);
    hth_tokenizer_drop(&t);
    assert_ok(read_it(&t, text, "{\"eos_token\": \"ab\"}", &err), err);
    assert_true(t.special[HTH_SPECIAL_EOS] == 9 && t.special[HTH_SPECIAL_EOT] == 8 && t.add_eos);
    hth_tokenizer_drop(&t);
    hth_free(text);
}

static void what_a_gguf_file_cannot_say(void **state) {
    (void)state;
    refuse(HF_BPE, "\"BPE\"", "\"Unigram\"", HTH_ENOTSUP, "Unigram");
    refuse(HF_BPE, "\"BPE\"", "\"WordPiece\"", HTH_ENOTSUP, "normalizer");
    refuse(HF_BPE, "\"add_prefix_space\": false", "\"add_prefix_space\": true", HTH_ENOTSUP,
           "blank before");
    refuse(HF_BPE, "\"ByteLevel\"", "\"Whitespace\"", HTH_ENOTSUP, "'Whitespace'");
    refuse(HF_BPE, "\"normalizer\": null", "\"normalizer\": {\"type\": \"Lowercase\"}", HTH_ENOTSUP,
           "'Lowercase'");
    refuse(HF_BPE, "\"vocab\": {", "\"end_of_word_suffix\": \"</w>\", \"vocab\": {", HTH_ENOTSUP,
           "end_of_word_suffix");
    refuse(HF_BPE, "\"special\": true", "\"special\": true, \"single_word\": true", HTH_ENOTSUP,
           "single_word");
    refuse(HF_BPE, "\"post_processor\": null",
           "\"post_processor\": {\"type\": \"RobertaProcessing\"}", HTH_ENOTSUP, "post_processor");
    refuse(HF_BPE, "\"post_processor\": null",
           "\"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": "
           "{\"id\": \"a\"}}, {\"SpecialToken\": {\"id\": \"b\"}}, {\"Sequence\": {}}]}",
           HTH_ENOTSUP, "post_processor");
    refuse(HF_BPE, "\"vocab\": {", "\"ignore_merges\": true, \"vocab\": {", HTH_ENOTSUP,
           "pre_tokenizer");
}

static void what_contradicts_itself(void **state) {
    (void)state;
    refuse(HF_BPE, "\"b\": 1", "\"b\": 0", HTH_EFORMAT, "twice");
    refuse(HF_BPE, "\"b\": 1", "\"b\": 12", HTH_EFORMAT, "not of one model");
    refuse(HF_BPE, "\"b\": 1", "\"b\": -1", HTH_EFORMAT, "number");
    refuse(HF_BPE, "\"b\": 1", "\"\": 1", HTH_EFORMAT, "empty");
    refuse(HF_BPE, "\"id\": 9", "\"id\": 8", HTH_EFORMAT, "disagree");
    refuse(HF_BPE, "\"id\": 9", "\"id\": \"9\"", HTH_EFORMAT, "without a number");
    refuse(HF_BPE, "[\"a b\"]", "[\"ab\"]", HTH_EFORMAT, "merge 0");
    refuse(HF_BPE, "[\"a b\"]", "[\"a b c\"]", HTH_EFORMAT, "merge 0");
    refuse(HF_BPE, "[\"a b\"]", "[[\"a\"]]", HTH_EFORMAT, "merge 0");
    refuse(HF_BPE, "[\"a b\"]", "[[\"a \", \"b\"]]", HTH_ENOTSUP, "blank");
    refuse(HF_BPE, "[\"a b\"]", "3", HTH_EFORMAT, "merges");
    refuse(HF_BPE, "\"model\"", "\"modell\"", HTH_EFORMAT, "no model");
}

/* An added token past the embedding's rows is left out, and counted. */
static void tokens_beyond_the_rows(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthTokenizer t;
    char *text = with(HF_BPE, "\"id\": 9", "\"id\": 12");
    assert_ok(read_it(&t, text, NULL, &err), err);
    assert_int_equal(t.beyond, 1);
    assert_int_equal(t.type[9], HTH_IMPORT_UNUSED);
    hth_tokenizer_drop(&t);
    hth_free(text);
}

/* ---- pre-tokenizers ---- */

#define BYTES       "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": false}"
#define SEQ(stages) "{\"type\": \"Sequence\", \"pretokenizers\": [" stages "]}"
#define SPLIT(regex)                                                                               \
    "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"" regex "\"}, \"behavior\": \"Isolated\", "  \
    "\"invert\": false}"
#define REMOVED(regex)                                                                             \
    "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"" regex "\"}, \"behavior\": \"Removed\", "   \
    "\"invert\": true}"
#define LLAMA3                                                                                     \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}{1,3}| "         \
    "?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"
#define QWEN2                                                                                      \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}| "              \
    "?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"
#define DIGITS "{\"type\": \"Digits\", \"individual_digits\": true}"
#define WORDS  "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": true}"

static void names_of_patterns(void **state) {
    (void)state;
    static const struct {
        const char *pre;
        bool whole;
        const char *name; /* NULL: none */
    } cases[] = {
        { SEQ(SPLIT(LLAMA3) "," BYTES), true, "llama-bpe" },
        { SEQ(SPLIT(LLAMA3) "," BYTES), false, "dbrx" },
        { SEQ(REMOVED(LLAMA3) "," BYTES), false, "dbrx" },
        { SEQ(SPLIT(QWEN2) "," BYTES), false, "qwen2" },
        { SEQ(SPLIT(QWEN2) "," BYTES), true, NULL },
        { SEQ(SPLIT(QWEN2)), false, NULL },
        { SEQ(SPLIT(QWEN2) "," WORDS), false, NULL },
        { SEQ(SPLIT("a" QWEN2) "," BYTES), false, NULL },
        { SEQ(DIGITS "," WORDS), false, "smollm" },
        { WORDS, false, "gpt-2" },
        { BYTES, false, NULL },
        { SEQ(""), false, NULL },
        { "{\"type\": \"Digits\", \"individual_digits\": false}", false, NULL },
        { SEQ(SPLIT("[\\r\\n]") "," SPLIT("\\\\s?\\\\p{L}+") "," SPLIT("\\\\s?\\\\p{P}+") "," SPLIT(
              "[\xE4\xB8\x80-\xE9\xBE\xA5\xE0\xA0\x80-"
              "\xE4\xB8\x80\xEA\xB0\x80-\xED\x9F\xBF]+") "," DIGITS "," BYTES),
          false, "deepseek-coder" },
        { SEQ(REMOVED("[\\r\\n]") "," SPLIT("\\\\s?\\\\p{L}+") "," SPLIT(
              "\\\\s?\\\\p{P}+") "," BYTES),
          false, NULL },
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        HthErr err = { 0 };
        const char *name = NULL;
        json_t *v = hf_json(cases[i].pre);
        const HthStatus st = hth_tokenizer_pre(v, cases[i].whole, &name, &err);
        json_decref(v);
        assert_status(st, cases[i].name != NULL ? HTH_OK : HTH_ENOTSUP, err);
        if (cases[i].name == NULL) continue;
        assert_string_equal(name, cases[i].name);
        const HthPre *pre = hth_pre_find(hth_str(name));
        assert_non_null(pre); /* and hearth knows it, with the same habit */
        assert_int_equal((pre->flags & HTH_PRE_WHOLE) != 0, cases[i].whole);
    }
}

/* ---- SentencePiece's ---- */

#define GAP "\xE2\x96\x81"
#define SPM_HEAD                                                                                   \
    "{\"added_tokens\": [{\"id\": 256, \"content\": \"<s>\", \"special\": true}, {\"id\": 257, "   \
    "\"content\": \"" GAP "," GAP "\", \"special\": false}], \"normalizer\": {\"type\": "          \
    "\"Sequence\", \"normalizers\": [{\"type\": \"Prepend\", \"prepend\": \"" GAP "\"}, "          \
    "{\"type\": \"Replace\", \"pattern\": {\"String\": \" \"}, \"content\": \"" GAP "\"}]}, "      \
    "\"pre_tokenizer\": null, \"post_processor\": null, \"model\": {\"type\": \"BPE\", "           \
    "\"byte_fallback\": true, \"unk_token\": \"<unk>\", \"vocab\": {"
#define SPM_TAIL                                                                                   \
    "\"<unk>\": 258, \"" GAP "\": 259, \"a\": 260, \"b\": 261, \"ab\": 262, \"ba\": 263, "         \
    "\"aba\": 264}, \"merges\": [%s]}}"

/* Appended: 256 byte tokens and the rest, of which the merges are given. */
static HthStatus read_spm(HthTokenizer *out, const char *merges, const char *from, const char *to,
                          HthErr *err) {
    HthErr bad = { 0 };
    HthBuf text;
    hth_buf_init(&text, 1 << 20);
    assert_ok(hth_buf_add_str(&text, HTH_STR(SPM_HEAD), &bad), bad);
    for (unsigned b = 0; b < 256; b++)
        assert_ok(hth_buf_printf(&text, &bad, "\"<0x%02X>\": %u, ", b, b), bad);
    assert_ok(hth_buf_printf(&text, &bad, SPM_TAIL, merges), bad);
    char *other = from != NULL ? with(text.p, from, to) : NULL;
    json_t *config = json_object();
    const HthStatus st = hth_tokenizer_of(out, hf_json(other != NULL ? other : text.p), NULL,
                                          config, NULL, 266, err);
    json_decref(config);
    hth_free(other);
    hth_buf_drop(&text);
    return st;
}

/* Runs of blanks, in the two orders that programs write. */
static void runs_of_blanks(void **state) {
    (void)state;
#define G GAP
    static const struct {
        const char *merges;
        HthStatus status;
    } cases[] = {
        { "[\"a\", \"b\"], [\"" G "\", \"" G "\"], [\"" G "\", \"" G G "\"], [\"" G G "\", \"" G
          "\"], [\"" G G "\", \"" G G "\"], [\"" G "\", \"" G G G "\"], [\"" G G G "\", \"" G "\"]",
          HTH_OK },
        { "[\"a\", \"b\"], [\"" G G G "\", \"" G "\"], [\"" G G "\", \"" G G "\"], [\"" G G
          "\", \"" G "\"], [\"" G "\", \"" G G G "\"], [\"" G "\", \"" G G "\"], [\"" G "\", \"" G
          "\"]",
          HTH_OK },
        { "[\"" G G G "\", \"" G "\"], [\"" G G "\", \"" G G "\"], [\"" G G "\", \"" G
          "\"], [\"a\", \"b\"], [\"" G "\", \"" G G G "\"], [\"" G "\", \"" G G "\"], [\"" G
          "\", \"" G "\"]",
          HTH_ENOTSUP },
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        HthErr err = { 0 };
        HthTokenizer t;
        assert_status(read_spm(&t, cases[i].merges, "\"ba\": 263, \"aba\": 264",
                               "\"" G G "\": 263, \"" G G G "\": 264, \"" G G G G "\": 265", &err),
                      cases[i].status, err);
        if (cases[i].status == HTH_OK) hth_tokenizer_drop(&t);
    }
#undef G
}

#define GOOD "\"a b\", \"b a\", \"ab a\", \"a ba\""

static void merges_become_scores(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthTokenizer t;
    assert_ok(read_spm(&t, GOOD, NULL, NULL, &err), err);
    assert_string_equal(t.model, "llama");
    assert_true(t.add_space && t.merges == NULL);
    assert_true(t.score[262] == 0.0f && t.score[263] == -1.0f && t.score[264] == -2.0f);
    assert_true(t.score[260] < t.score[264] && t.score[256] == -1000.0f);
    assert_true(t.type[0] == HTH_IMPORT_BYTE && t.type[258] == HTH_IMPORT_UNKNOWN);
    assert_true(t.type[256] == HTH_IMPORT_CONTROL && t.type[257] == HTH_IMPORT_USER);
    assert_true(hth_str_eq(t.text[257], HTH_STR(" , "))); /* cut out before blanks are replaced */
    assert_true(t.type[265] == HTH_IMPORT_UNUSED);
    hth_tokenizer_drop(&t);
    assert_ok(read_spm(&t, "[\"a\", \"b\"], [\"b\", \"a\"], [\"ab\", \"a\"], [\"a\", \"ba\"]", NULL,
                       NULL, &err),
              err);
    assert_true(t.score[264] == -2.0f);
    hth_tokenizer_drop(&t);
}

/* A list that was made by a program that took a score of 0 for none. */
static void a_merge_that_was_forgotten(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthTokenizer t;
    assert_ok(read_spm(&t, "\"b a\", \"ab a\", \"a ba\"", NULL, NULL, &err), err);
    assert_int_equal(t.lost, 262);
    assert_true(t.score[262] > t.score[263] && t.score[263] == 0.0f);
    hth_tokenizer_drop(&t);
    assert_status(read_spm(&t, "\"a b\", \"ab a\", \"a ba\"", NULL, NULL, &err), HTH_ENOTSUP, err);
}

static void merges_that_no_scores_give(void **state) {
    (void)state;
    static const struct {
        const char *merges;
        HthStatus status;
        const char *words;
    } cases[] = {
        { "\"a b\", \"b a\", \"ab a\"", HTH_ENOTSUP, "no merge does so" },
        { "\"a b\", \"ab a\", \"b a\", \"a ba\"", HTH_ENOTSUP, "stand together" },
        { "\"a b\", \"b b\"", HTH_EFORMAT, "merge 1" },
        { "\"a x\"", HTH_EFORMAT, "merge 0" },
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        HthErr err = { 0 };
        HthTokenizer t;
        assert_status(read_spm(&t, cases[i].merges, NULL, NULL, &err), cases[i].status, err);
        if (strstr(err.text, cases[i].words) == NULL)
            fail_msg("case %zu: '%s' does not say '%s'", i, err.text, cases[i].words);
    }
}

static void blanks(void **state) {
    (void)state;
#define META(more)                                                                                 \
    "\"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\": \"" GAP "\"" more "}"
    static const struct {
        const char *from, *to;
        HthStatus status;
        bool space;
    } cases[] = {
        { "{\"type\": \"Prepend\", \"prepend\": \"" GAP "\"}, ", "", HTH_OK, false },
        { "\"Prepend\"", "\"Lowercase\"", HTH_ENOTSUP, false },
        { "\"String\": \" \"", "\"String\": \"x\"", HTH_ENOTSUP, false },
        { "\"pre_tokenizer\": null", META(", \"prepend_scheme\": \"first\", \"split\": false"),
          HTH_OK, true },
        { "\"pre_tokenizer\": null", META(", \"prepend_scheme\": \"first\""), HTH_ENOTSUP, false },
        { "\"pre_tokenizer\": null", META(", \"split\": false"), HTH_ENOTSUP, false },
        { "\"pre_tokenizer\": null",
          "\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"String\": \" \"}, "
          "\"behavior\": \"MergedWithPrevious\"}",
          HTH_OK, true },
        { "\"pre_tokenizer\": null", "\"pre_tokenizer\": {\"type\": \"Whitespace\"}", HTH_ENOTSUP,
          false },
        { "\"<0x41>\"", "\"<0y41>\"", HTH_EFORMAT, false },
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        HthErr err = { 0 };
        HthTokenizer t;
        assert_status(read_spm(&t, GOOD, cases[i].from, cases[i].to, &err), cases[i].status, err);
        if (cases[i].status != HTH_OK) continue;
        assert_int_equal(t.add_space, cases[i].space);
        hth_tokenizer_drop(&t);
    }
}

/* ---- WordPiece ---- */

static void check_words(const HthTokenizer *t) {
    static const char *const texts[ROWS] = {
        "[PAD]",  "[UNK]",  "[CLS]",     "[SEP]",  GAP "a", "b",
        GAP "ab", GAP "##", "[unused0]", "##" GAP, GAP "!", "[PAD11]",
    };
    assert_string_equal(t->model, "bert");
    for (uint32_t id = 0; id < ROWS; id++)
        if (!hth_str_eq(t->text[id], hth_str(texts[id])))
            fail_msg("token %u is '%.*s'", id, HTH_STR_ARG(t->text[id]));
    assert_true(t->type[2] == HTH_IMPORT_CONTROL && t->type[4] == HTH_IMPORT_NORMAL);
    assert_true(t->special[HTH_SPECIAL_CLS] == 2 && t->special[HTH_SPECIAL_SEP] == 3);
    assert_true(t->special[HTH_SPECIAL_BOS] == 2 && t->special[HTH_SPECIAL_EOS] == 3);
    assert_true(t->special[HTH_SPECIAL_UNK] == 1 && t->marked == 1);
    assert_true(t->add_bos && t->add_eos && !t->add_sep && t->lower && t->strip_accents);
}

static void words(void **state) {
    (void)state;
    static const struct {
        const char *from, *to;
        bool lower, accents, sep, eos;
    } cases[] = {
        { "\"lowercase\": true", "\"lowercase\": false", false, false, false, true },
        { "\"strip_accents\": null", "\"strip_accents\": false", true, false, false, true },
        { "\"lowercase\": true", "\"lowercase\": false, \"strip_accents\": true", false, true,
          false, true },
        { ", {\"SpecialToken\": {\"id\": \"[SEP]\"}}]}", "]}", true, true, true, false },
        { "{\"Sequence\": {\"id\": \"B\"}}",
          "{\"SpecialToken\": {\"id\": \"[SEP]\"}}, {\"Sequence\": {\"id\": \"B\"}}", true, true,
          true, true },
        { "\"type\": \"TemplateProcessing\"",
          "\"type\": \"BertProcessing\", \"cls\": [\"[CLS]\", 2], \"sep\": [\"[SEP]\", 3]", true,
          true, false, true },
    };
    HthErr err = { 0 };
    HthTokenizer t;
    assert_ok(read_it(&t, HF_WORDS, NULL, &err), err);
    check_words(&t);
    hth_tokenizer_drop(&t);
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        const char *from = cases[i].from;
        char *plain = i == 2 ? with(HF_WORDS, "\"strip_accents\": null, ", "") : NULL;
        char *text = with(plain != NULL ? plain : HF_WORDS, from, cases[i].to);
        assert_ok(read_it(&t, text, NULL, &err), err);
        if (t.lower != cases[i].lower || t.strip_accents != cases[i].accents ||
            t.add_sep != cases[i].sep || t.add_eos != cases[i].eos)
            fail_msg("case %zu", i);
        hth_tokenizer_drop(&t);
        hth_free(text);
        hth_free(plain);
    }
}

static void words_that_a_gguf_file_cannot_say(void **state) {
    (void)state;
#define R(from, to, words) refuse(HF_WORDS, from, to, HTH_ENOTSUP, words)
    R("\"clean_text\": true", "\"clean_text\": false", "clean_text");
    R("\"handle_chinese_chars\": true", "\"handle_chinese_chars\": false", "handle_chinese");
    R("\"BertNormalizer\"", "\"Lowercase\"", "'Lowercase'");
    R("\"BertPreTokenizer\"", "\"Whitespace\"", "'Whitespace'");
    R("\"continuing_subword_prefix\": \"##\"", "\"continuing_subword_prefix\": \"\"", "##");
    R("\"TemplateProcessing\"", "\"RobertaProcessing\"", "post_processor");
    R("\"single\": [", "\"single\": [{\"Sequence\": {\"id\": \"B\"}}, ", "post_processor");
    R("\"pair\": [", "\"pair\": [{\"Sequence\": {\"id\": \"B\"}}, ", "post_processor");
    R("{\"id\": \"A\"}", "{\"id\": \"s\"}", "post_processor");
    R("{\"id\": \"[CLS]\"}", "{\"id\": \"[SEP]\"}", "post_processor");
#undef R
    refuse(HF_WORDS, "\"unk_token\": \"[UNK]\"", "\"unk_token\": \"none\"", HTH_EFORMAT,
           "unk_token");
    refuse(HF_WORDS, "\"TemplateProcessing\"", "\"BertProcessing\", \"cls\": [\"none\"]",
           HTH_EFORMAT, "cls");
}

/* An old file that does not say its model's type. */
static void words_of_no_type(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthTokenizer t;
    char *text = with(HF_WORDS, "\"type\": \"WordPiece\", ", "");
    assert_ok(read_it(&t, text, NULL, &err), err);
    check_words(&t);
    hth_tokenizer_drop(&t);
    hth_free(text);
}

#define LIST "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n##b\nab\n##\n[unused0]\n##" GAP "\r\n!"

static HthStatus read_list(HthTokenizer *out, HthStr list, const char *settings, HthErr *err) {
    json_t *s = settings != NULL ? hf_json(settings) : NULL, *root = NULL;
    HthStatus st = hth_tokenizer_words(&root, list, s, err);
    if (st == HTH_OK) st = hth_tokenizer_of(out, root, s, NULL, NULL, ROWS, err);
    json_decref(s);
    return st;
}

static void a_list_of_words(void **state) {
    (void)state;
    static const struct {
        const char *settings;
        HthStatus status;
        const char *words;
    } cases[] = {
        { "{\"tokenizer_class\": \"BertJapaneseTokenizer\"}", HTH_ENOTSUP, "save it as a fast" },
        { "{\"do_basic_tokenize\": false}", HTH_ENOTSUP, "do_basic_tokenize" },
        { "{\"tokenize_chinese_chars\": false}", HTH_ENOTSUP, "handle_chinese_chars" },
        { "{\"cls_token\": \"<s>\"}", HTH_EFORMAT, "cls" },
        { "{\"unk_token\": \"<unk>\"}", HTH_EFORMAT, "unk_token" },
    };
    HthErr err = { 0 };
    HthTokenizer t;
    assert_ok(read_list(&t, HTH_STR(LIST), NULL, &err), err);
    check_words(&t);
    hth_tokenizer_drop(&t);
    assert_ok(read_list(&t, HTH_STR(LIST "\n\n"), "{\"do_lower_case\": false}", &err), err);
    assert_true(!t.lower && !t.strip_accents);
    hth_tokenizer_drop(&t);
    assert_ok(read_list(&t, HTH_STR(LIST "\na"), "{\"strip_accents\": false}", &err), err);
    assert_true(t.lower && !t.strip_accents); /* of equal words the last one is found */
    assert_true(hth_str_eq(t.text[11], HTH_STR(GAP "a")) && t.type[4] == HTH_IMPORT_UNUSED);
    hth_tokenizer_drop(&t);
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        assert_status(read_list(&t, HTH_STR(LIST), cases[i].settings, &err), cases[i].status, err);
        if (strstr(err.text, cases[i].words) == NULL)
            fail_msg("case %zu: '%s' does not say '%s'", i, err.text, cases[i].words);
    }
    assert_status(read_list(&t, HTH_STR("a\n\xFF"), NULL, &err), HTH_EFORMAT, err);
    assert_non_null(strstr(err.text, "line 2"));
    assert_status(read_list(&t, HTH_STR("a\0b"), NULL, &err), HTH_EFORMAT, err);
    assert_status(read_list(&t, HTH_STR(""), NULL, &err), HTH_EFORMAT, err);
}

/* ---- memory ---- */

static HthStatus torture(void *ctx) {
    HthErr err;
    HthTokenizer t;
    HthGgufOut *o = NULL;
    json_t *root = NULL;
    (void)ctx;
    HTH_TRY(hth_json_parse(&root, HTH_STR(HF_BPE), 1 << 20, &err));
    HTH_TRY(hth_tokenizer_of(&t, root, NULL, NULL, NULL, ROWS, &err));
    HthStatus st = hth_gguf_out_open_head(&o, "f", &err);
    if (st == HTH_OK) st = hth_tokenizer_write(&t, o, &err);
    hth_gguf_out_abort(&o);
    hth_tokenizer_drop(&t);
    return st;
}

static HthStatus torture_words(void *ctx) {
    HthErr err;
    HthTokenizer t;
    HthGgufOut *o = NULL;
    (void)ctx;
    HTH_TRY(read_list(&t, HTH_STR(LIST), NULL, &err));
    HthStatus st = hth_gguf_out_open_head(&o, "f", &err);
    if (st == HTH_OK) st = hth_tokenizer_write(&t, o, &err);
    hth_gguf_out_abort(&o);
    hth_tokenizer_drop(&t);
    return st;
}

static HthStatus torture_spm(void *ctx) {
    HthErr err;
    HthTokenizer t;
    json_t *root = json_incref(ctx);
    const HthStatus st = hth_tokenizer_of(&t, root, NULL, NULL, NULL, 266, &err);
    if (st == HTH_OK) hth_tokenizer_drop(&t);
    return st;
}

static void no_allocation_is_taken_for_granted(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthTokenizer t;
    assert_true(test_torture(torture, NULL, 4000) > 20);
    assert_true(test_torture(torture_words, NULL, 4000) > 20);
    assert_ok(read_spm(&t, GOOD, NULL, NULL, &err), err);
    json_t *root = json_incref(t.root);
    hth_tokenizer_drop(&t);
    assert_true(test_torture(torture_spm, root, 4000) > 5);
    json_decref(root);
}

int main(void) {
    hth_json_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(byte_level),
        cmocka_unit_test(texts_end_otherwise_than_turns),
        cmocka_unit_test(what_a_gguf_file_cannot_say),
        cmocka_unit_test(what_contradicts_itself),
        cmocka_unit_test(tokens_beyond_the_rows),
        cmocka_unit_test(names_of_patterns),
        cmocka_unit_test(merges_become_scores),
        cmocka_unit_test(a_merge_that_was_forgotten),
        cmocka_unit_test(merges_that_no_scores_give),
        cmocka_unit_test(runs_of_blanks),
        cmocka_unit_test(blanks),
        cmocka_unit_test(words),
        cmocka_unit_test(words_that_a_gguf_file_cannot_say),
        cmocka_unit_test(words_of_no_type),
        cmocka_unit_test(a_list_of_words),
        cmocka_unit_test(no_allocation_is_taken_for_granted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

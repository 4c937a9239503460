/* tokens_wpm.c - WordPiece: words that begin and words that go on, what is done to texts before
 * they are cut, and what stands around them.
 *
 * A GGUF file has "phantom spaces": what begins a word is marked with U+2581, what goes on is not,
 * and '##' is gone.  Cleaning and cutting are fixed there; lowercase and accents it says.  Words of
 * more characters than the folder's limit (100) become one unknown token there, pieces here, as
 * with every GGUF file of this kind.
 *
 * Thread: one owner. */
#include <string.h>

#include "import/tokens.h"

#define GAP HTH_STR("\xE2\x96\x81") /* U+2581 */

static HthStr text_of(const json_t *v) {
    return (HthStr){ json_string_value(v), json_string_length(v) };
}

static bool is_type(const json_t *v, const char *type) {
    return hth_str_eq(hth_json_text(v, "type"), hth_str(type));
}

/* ---- what is done to texts first ---- */

static HthStatus read_texts(HthTokenizer *t, HthErr *err) {
    static const char *const fixed[] = { "clean_text", "handle_chinese_chars" };
    const json_t *norm = json_object_get(t->root, "normalizer");
    const json_t *pre = json_object_get(t->root, "pre_tokenizer");
    const json_t *accents = json_object_get(norm, "strip_accents");
    char shown[HTH_IMPORT_SHOWN_MAX];
    hth_import_shown(hth_json_text(norm, "type"), shown);
    HTH_REQUIRE(is_type(norm, "BertNormalizer"), err, HTH_ENOTSUP,
                "tokenizer.json: the normalizer is '%.40s'; a GGUF file of WordPiece has BERT's",
                shown);
    hth_import_shown(hth_json_text(pre, "type"), shown);
    HTH_REQUIRE(is_type(pre, "BertPreTokenizer"), err, HTH_ENOTSUP,
                "tokenizer.json: the pre_tokenizer is '%.40s'; a GGUF file of WordPiece has BERT's",
                shown);
    for (size_t i = 0; i < HTH_COUNT(fixed); i++) {
        const json_t *v = json_object_get(norm, fixed[i]);
        HTH_REQUIRE(v == NULL || json_is_true(v), err, HTH_ENOTSUP,
                    "tokenizer.json: the normalizer has %s off, which a GGUF file cannot say",
                    fixed[i]);
    }
    const json_t *lower = json_object_get(norm, "lowercase");
    t->lower = lower == NULL || json_is_true(lower);
    t->strip_accents = json_is_boolean(accents) ? json_is_true(accents) : t->lower;
    return HTH_OK;
}

/* ---- tokens ---- */

/* [unused7], and what the tokenizer puts there itself: no text has it. */
static bool bracketed(HthStr s) {
    return s.n > 1 && s.p[0] == '[' && s.p[s.n - 1] == ']';
}

static HthStatus mark(HthTokenizer *t, uint32_t id, HthStr goes_on, HthErr *err) {
    const HthStr s = t->text[id];
    if (t->type[id] != HTH_IMPORT_NORMAL || bracketed(s)) return HTH_OK;
    if (hth_str_starts(s, goes_on) && s.n > goes_on.n) {
        const HthStr rest = hth_str_sub(s, goes_on.n, SIZE_MAX);
        if (hth_str_starts(rest, GAP))
            t->marked++; /* stays: '#' is a word of its own, so no text has this */
        else
            t->text[id] = rest;
        return HTH_OK;
    }
    HTH_REQUIRE(s.n + GAP.n <= HTH_IMPORT_TOKEN_MAX, err, HTH_EFORMAT,
                "tokenizer.json: token %u is longer than %zu bytes", id,
                HTH_IMPORT_TOKEN_MAX - GAP.n);
    char *to = hth_arena_take(t->arena, GAP.n + s.n, 1);
    HTH_REQUIRE(to != NULL, err, HTH_ENOMEM, "out of memory for tokens");
    memcpy(to, GAP.p, GAP.n);
    memcpy(to + GAP.n, s.p, s.n);
    t->text[id] = (HthStr){ to, GAP.n + s.n };
    return HTH_OK;
}

HthStatus hth_tokenizer_wpm(HthTokenizer *t, const json_t *model, HthErr *err) {
    const json_t *prefix = json_object_get(model, "continuing_subword_prefix");
    const HthStr goes_on = prefix != NULL ? text_of(prefix) : HTH_STR("##");
    t->model = "bert";
    t->pre = "default";
    HTH_TRY(read_texts(t, err));
    HTH_REQUIRE(hth_str_eq(goes_on, HTH_STR("##")), err, HTH_ENOTSUP,
                "tokenizer.json: what goes on with a word does not begin with ## "
                "(continuing_subword_prefix), as hearth expects it");
    for (uint32_t id = 0; id < t->n; id++) HTH_TRY(mark(t, id, goes_on, err));
    return HTH_OK;
}

/* ---- what is put around a text ---- */

static HthStatus around(HthErr *err) {
    return HTH_FAIL(err, HTH_ENOTSUP,
                    "tokenizer.json: the post_processor puts something else around texts than one "
                    "token before, and one after each or only between two, as a GGUF file of "
                    "WordPiece does");
}

/* The parts of a template as letters: A, B, and the two tokens, c and s; '?' for another. */
static void letters(const HthTokenizer *t, const json_t *list, char out[8]) {
    const size_t n = json_array_size(list);
    memset(out, 0, 8);
    for (size_t i = 0; i < n && i < 7; i++) {
        const json_t *part = json_array_get(list, i);
        const HthStr sequence = hth_json_text(json_object_get(part, "Sequence"), "id");
        const HthStr text = hth_json_text(json_object_get(part, "SpecialToken"), "id");
        const uint32_t id = text.n > 0 ? hth_map_get(t->ids, text) : HTH_MAP_NONE;
        out[i] = '?';
        if (hth_str_eq(sequence, HTH_STR("A"))) out[i] = 'A';
        if (hth_str_eq(sequence, HTH_STR("B"))) out[i] = 'B';
        if (id != HTH_MAP_NONE && id == t->special[HTH_SPECIAL_CLS]) out[i] = 'c';
        if (id != HTH_MAP_NONE && id == t->special[HTH_SPECIAL_SEP]) out[i] = 's';
    }
}

/* The tokens at the ends of a template for one text are the two, whatever settings say. */
static void ends_of(HthTokenizer *t, const json_t *list) {
    const size_t n = json_array_size(list);
    const struct {
        const json_t *part;
        HthSpecial is;
    } ends[] = { { json_array_get(list, 0), HTH_SPECIAL_CLS },
                 { n > 0 ? json_array_get(list, n - 1) : NULL, HTH_SPECIAL_SEP } };
    for (size_t i = 0; i < HTH_COUNT(ends); i++) {
        const HthStr text = hth_json_text(json_object_get(ends[i].part, "SpecialToken"), "id");
        const uint32_t id = text.n > 0 ? hth_map_get(t->ids, text) : HTH_MAP_NONE;
        if (id != HTH_MAP_NONE) t->special[ends[i].is] = id;
    }
}

static HthStatus read_template(HthTokenizer *t, const json_t *post, HthErr *err) {
    static const struct {
        const char *pair;
        bool sep, eos;
    } pairs[] = { { "cAsBs", false, true }, { "cAsB", true, false }, { "cAssBs", true, true } };
    char one[8], two[8];
    ends_of(t, json_object_get(post, "single"));
    letters(t, json_object_get(post, "single"), one);
    letters(t, json_object_get(post, "pair"), two);
    for (size_t i = 0; strcmp(one, "cAs") == 0 && i < HTH_COUNT(pairs); i++) {
        if (strcmp(two, pairs[i].pair) != 0) continue;
        t->add_sep = pairs[i].sep;
        t->add_eos = pairs[i].eos;
        return HTH_OK;
    }
    return around(err);
}

/* {"sep": ["[SEP]", 102], "cls": ["[CLS]", 101]}: around two as around one, one between. */
static HthStatus read_plain(HthTokenizer *t, const json_t *post, HthErr *err) {
    static const struct {
        const char *key;
        HthSpecial is;
    } keys[] = { { "cls", HTH_SPECIAL_CLS }, { "sep", HTH_SPECIAL_SEP } };
    for (size_t i = 0; i < HTH_COUNT(keys); i++) {
        const HthStr text = text_of(json_array_get(json_object_get(post, keys[i].key), 0));
        const uint32_t id = text.n > 0 ? hth_map_get(t->ids, text) : HTH_MAP_NONE;
        HTH_REQUIRE(id != HTH_MAP_NONE, err, HTH_EFORMAT,
                    "tokenizer.json: the post_processor's %s is no token", keys[i].key);
        t->special[keys[i].is] = id;
    }
    t->add_eos = true;
    return HTH_OK;
}

HthStatus hth_tokenizer_wpm_frame(HthTokenizer *t, HthErr *err) {
    const json_t *post = json_object_get(t->root, "post_processor");
    const HthStr unk = hth_json_text(json_object_get(t->root, "model"), "unk_token");
    const uint32_t id = hth_map_get(t->ids, unk.n > 0 ? unk : HTH_STR("[UNK]"));
    HTH_REQUIRE(id != HTH_MAP_NONE, err, HTH_EFORMAT,
                "tokenizer.json: the model's unk_token is no token of it");
    t->special[HTH_SPECIAL_UNK] = id;
    if (is_type(post, "BertProcessing"))
        HTH_TRY(read_plain(t, post, err));
    else if (is_type(post, "TemplateProcessing"))
        HTH_TRY(read_template(t, post, err));
    else
        return around(err);
    /* Readers begin with BOS, and end a pair with EOS. */
    t->special[HTH_SPECIAL_BOS] = t->special[HTH_SPECIAL_CLS];
    t->special[HTH_SPECIAL_EOS] = t->special[HTH_SPECIAL_SEP];
    t->add_bos = true;
    return HTH_OK;
}

/* ---- a list of words ---- */

static const struct {
    const char *key, *text;
} steers[] = { { "pad_token", "[PAD]" },
               { "unk_token", "[UNK]" },
               { "cls_token", "[CLS]" },
               { "sep_token", "[SEP]" },
               { "mask_token", "[MASK]" } };

static HthStr setting(const json_t *settings, size_t i) {
    const json_t *v = json_object_get(settings, steers[i].key);
    if (json_is_object(v)) v = json_object_get(v, "content");
    return json_is_string(v) && json_string_length(v) > 0 ? text_of(v) : hth_str(steers[i].text);
}

/* What makes other texts or other words of a BERT's than a GGUF file can say. */
static HthStatus check_settings(const json_t *settings, HthErr *err) {
    const HthStr kind = hth_json_text(settings, "tokenizer_class");
    char shown[HTH_IMPORT_SHOWN_MAX];
    hth_import_shown(kind, shown);
    HTH_REQUIRE(kind.n == 0 || hth_str_eq(kind, HTH_STR("BertTokenizer")) ||
                    hth_str_eq(kind, HTH_STR("BertTokenizerFast")),
                err, HTH_ENOTSUP,
                "the folder has a vocab.txt and no tokenizer.json, and its tokenizer is '%.40s': "
                "save it as a fast one",
                shown);
    HTH_REQUIRE(!json_is_false(json_object_get(settings, "do_basic_tokenize")), err, HTH_ENOTSUP,
                "tokenizer_config.json has do_basic_tokenize off, which a GGUF file cannot say");
    return HTH_OK;
}

/* The words of the list, each with the number of its line; of equal ones the last. */
static HthStatus add_words(json_t *vocab, HthStr list, HthErr *err) {
    for (json_int_t id = 0; list.n > 0; id++) {
        const size_t at = hth_str_find(list, HTH_STR("\n"));
        HthStr word = hth_str_sub(list, 0, at);
        list = at == SIZE_MAX ? HTH_STR("") : hth_str_sub(list, at + 1, SIZE_MAX);
        if (hth_str_ends(word, HTH_STR("\r"))) word.n--;
        if (word.n == 0) continue;
        HTH_REQUIRE(memchr(word.p, '\0', word.n) == NULL && hth_utf8_valid(word), err, HTH_EFORMAT,
                    "vocab.txt: line %lld is no text in UTF-8", (long long)id + 1);
        if (json_object_setn_new_nocheck(vocab, word.p, word.n, json_integer(id)) != 0)
            return HTH_FAIL(err, HTH_ENOMEM, "out of memory for tokens");
    }
    return HTH_OK;
}

static void add_steers(json_t *added, const json_t *vocab, const json_t *settings) {
    for (size_t i = 0; i < HTH_COUNT(steers); i++) {
        const HthStr text = setting(settings, i);
        const json_t *id = json_object_getn(vocab, text.p, text.n);
        if (id == NULL) continue;
        json_t *v = json_object();
        json_object_set_new(v, "id", json_integer(json_integer_value(id)));
        json_object_set_new(v, "content", hth_json_str(text));
        json_object_set_new(v, "special", json_true());
        json_array_append_new(added, v);
    }
}

static bool off(const json_t *settings, const char *key) {
    return json_is_false(json_object_get(settings, key));
}

HthStatus hth_tokenizer_words(json_t **out, HthStr list, const json_t *settings, HthErr *err) {
    enum { UNK = 1, CLS = 2, SEP = 3 }; /* of steers */
    const uint64_t starved = hth_json_starved();
    HTH_TRY(check_settings(settings, err));
    json_t *vocab = json_object(), *added = json_array();
    const HthStatus st = add_words(vocab, list, err);
    if (st == HTH_OK) add_steers(added, vocab, settings);
    const json_t *accents = json_object_get(settings, "strip_accents");
    json_t *root = json_pack(
        "{s:o, s:{s:s, s:b, s:b, s:o, s:b}, s:{s:s}, s:{s:s, s:[o], s:[o]}, s:{s:s, s:o, s:o}}",
        "added_tokens", added, "normalizer", "type", "BertNormalizer", "clean_text", 1,
        "handle_chinese_chars", !off(settings, "tokenize_chinese_chars"), "strip_accents",
        json_is_boolean(accents) ? json_boolean(json_is_true(accents)) : json_null(), "lowercase",
        !off(settings, "do_lower_case"), "pre_tokenizer", "type", "BertPreTokenizer",
        "post_processor", "type", "BertProcessing", "cls", hth_json_str(setting(settings, CLS)),
        "sep", hth_json_str(setting(settings, SEP)), "model", "type", "WordPiece", "unk_token",
        hth_json_str(setting(settings, UNK)), "vocab", vocab);
    if (st == HTH_OK && root != NULL && hth_json_starved() == starved) {
        *out = root;
        return HTH_OK;
    }
    json_decref(root);
    return st != HTH_OK ? st : HTH_FAIL(err, HTH_ENOMEM, "out of memory for tokens");
}

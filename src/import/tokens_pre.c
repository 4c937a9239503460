/* tokens_pre.c - which pre-tokenizer it is: tokenizer.json spells the patterns out, a GGUF file
 * names them.
 *
 * Patterns are facts from the models' own files; the names are those of text/pretok_table.c.
 *
 * Thread: any. */
#include <stdio.h>
#include <string.h>

#include "import/tokens.h"

enum { STAGES_MAX = 12 };

typedef enum Kind { END, SPLIT, BEGINS, DIGITS, BYTES, WORDS } Kind;

/* SPLIT: matches stand alone; BEGINS: the same, of which the pattern's beginning is enough to know
 * it; DIGITS: one by one; BYTES: to their stand-ins; WORDS: the same after GPT-2's own split. */
typedef struct Stage {
    Kind kind;
    const char *pattern;
} Stage;

/* clang-format off */
#define SHORT    "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define LEAD     "[^\\r\\n\\p{L}\\p{N}]?"
#define MARKS    " ?[^\\s\\p{L}\\p{N}]+"
#define REST     "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define UP       "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOW      "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define CASED(s) LEAD UP "*" LOW "+" s "|" LEAD UP "+" LOW "*" s "|"
#define LLAMA3   SHORT "|" LEAD "\\p{L}+|\\p{N}{1,3}|" MARKS "[\\r\\n]*" REST
#define QWEN2    SHORT "|" LEAD "\\p{L}+|\\p{N}|" MARKS "[\\r\\n]*" REST
#define TEKKEN   CASED("") "\\p{N}|" MARKS "[\\r\\n/]*" REST
#define GPT4O    CASED(SHORT "?") "\\p{N}{1,3}|" MARKS "[\\r\\n/]*" REST
#define CJK      "[\xE4\xB8\x80-\xE9\xBE\xA5\xE0\xA0\x80-\xE4\xB8\x80\xEA\xB0\x80-\xED\x9F\xBF]+"

static const struct {
    const char *name;
    bool whole; /* a word that is a token is that token, whatever the merges make of it */
    Stage stages[STAGES_MAX];
} known[] = {
    { "llama-bpe", true,  { { SPLIT, LLAMA3 }, { BYTES, NULL } } },
    { "dbrx",      false, { { SPLIT, LLAMA3 }, { BYTES, NULL } } },
    { "qwen2",     false, { { SPLIT, QWEN2 }, { BYTES, NULL } } },
    { "tekken",    true,  { { SPLIT, TEKKEN }, { BYTES, NULL } } },
    { "gpt-4o",    false, { { SPLIT, GPT4O }, { BYTES, NULL } } },
    { "gpt-2",     false, { { WORDS, NULL } } },
    { "smollm",    false, { { DIGITS, NULL }, { WORDS, NULL } } },
    { "deepseek-llm", false, {
        { SPLIT, "[\r\n]" }, { BEGINS, "\\s?[A-Za-z\xC2\xB5\xC3\x80-\xC3\x96\xC3\x98-\xC3\xB6" },
        { BEGINS, "\\s?[!-/:-~\xEF\xBC\x81-\xEF\xBC\x8F\xEF\xBC\x9A-\xEF\xBD\x9E" },
        { SPLIT, "\\s+$" }, { SPLIT, CJK }, { DIGITS, NULL }, { BYTES, NULL } } },
    { "deepseek-coder", false, {
        { SPLIT, "[\r\n]" }, { SPLIT, "\\s?\\p{L}+" }, { SPLIT, "\\s?\\p{P}+" }, { SPLIT, CJK },
        { DIGITS, NULL }, { BYTES, NULL } } },
};
/* clang-format on */

/* What the file's stage is; texts are its. */
typedef struct Is {
    Kind kind;
    HthStr pattern;
    bool isolated; /* or: all that does not match is dropped */
} Is;

static HthStatus no_name(HthErr *err) {
    return HTH_FAIL(err, HTH_ENOTSUP,
                    "tokenizer.json: the pre_tokenizer cuts words as none does that hearth knows");
}

static HthStatus read_split(Is *out, const json_t *v, HthErr *err) {
    const json_t *pattern = json_object_get(v, "pattern");
    const json_t *regex = json_object_get(pattern, "Regex");
    const char *behavior = json_string_value(json_object_get(v, "behavior"));
    const bool invert = json_is_true(json_object_get(v, "invert"));
    if (!json_is_string(regex) || behavior == NULL) return no_name(err);
    out->isolated = strcmp(behavior, "Isolated") == 0 && !invert;
    if (!out->isolated && !(strcmp(behavior, "Removed") == 0 && invert)) return no_name(err);
    out->kind = SPLIT;
    out->pattern = (HthStr){ json_string_value(regex), json_string_length(regex) };
    return HTH_OK;
}

static HthStatus read_stage(Is *out, const json_t *v, HthErr *err) {
    const char *type = json_string_value(json_object_get(v, "type"));
    char shown[HTH_IMPORT_SHOWN_MAX];
    *out = (Is){ .kind = END, .isolated = true };
    hth_import_shown(hth_str(type), shown);
    if (type != NULL && strcmp(type, "Split") == 0) return read_split(out, v, err);
    if (type != NULL && strcmp(type, "Digits") == 0) {
        if (!json_is_true(json_object_get(v, "individual_digits"))) return no_name(err);
        out->kind = DIGITS;
        return HTH_OK;
    }
    HTH_REQUIRE(type != NULL && strcmp(type, "ByteLevel") == 0, err, HTH_ENOTSUP,
                "tokenizer.json: the pre_tokenizer has a stage of type '%.40s', which hearth does "
                "not know",
                shown);
    HTH_REQUIRE(!json_is_true(json_object_get(v, "add_prefix_space")), err, HTH_ENOTSUP,
                "tokenizer.json: the pre_tokenizer puts a blank before a text "
                "(add_prefix_space), which a GGUF file cannot say of byte-level BPE");
    out->kind = json_is_false(json_object_get(v, "use_regex")) ? BYTES : WORDS;
    return HTH_OK;
}

static bool fits(const Stage *want, const Is *is, bool alone) {
    const HthStr pattern = hth_str(want->pattern);
    if (want->kind == BEGINS)
        return is->kind == SPLIT && is->isolated && hth_str_starts(is->pattern, pattern);
    if (want->kind != is->kind) return false;
    if (want->kind != SPLIT) return true;
    /* A pattern that matches everything leaves nothing to drop. */
    return hth_str_eq(is->pattern, pattern) && (is->isolated || alone);
}

HthStatus hth_tokenizer_pre(const json_t *pre, bool whole, const char **out, HthErr *err) {
    const json_t *list = json_object_get(pre, "pretokenizers");
    const size_t n = json_is_array(list) ? json_array_size(list) : 1;
    Is is[STAGES_MAX + 1] = { { .kind = END } };
    HTH_REQUIRE(json_is_object(pre), err, HTH_ENOTSUP,
                "tokenizer.json: there is no pre_tokenizer, and the model is byte-level BPE");
    if (n == 0 || n >= STAGES_MAX) return no_name(err);
    for (size_t i = 0; i < n; i++)
        HTH_TRY(read_stage(&is[i], json_is_array(list) ? json_array_get(list, i) : pre, err));
    for (size_t k = 0; k < HTH_COUNT(known); k++) {
        bool same = known[k].whole == whole && known[k].stages[n].kind == END;
        for (size_t i = 0; same && i < n; i++) same = fits(&known[k].stages[i], &is[i], n == 2);
        if (!same) continue;
        *out = known[k].name;
        return HTH_OK;
    }
    return no_name(err);
}

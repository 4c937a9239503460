/* tokens_bpe.c - byte-level BPE: merges, and the words they work in.
 *
 * Thread: one owner. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "import/tokens.h"

enum { MERGES_MAX = 1 << 23 };

HthStatus hth_tokenizer_merge(const json_t *merges, size_t i, HthStr *left, HthStr *right,
                              HthErr *err) {
    const json_t *m = json_array_get(merges, i);
    if (json_is_array(m)) {
        const json_t *a = json_array_get(m, 0), *b = json_array_get(m, 1);
        *left = (HthStr){ json_string_value(a), json_string_length(a) };
        *right = (HthStr){ json_string_value(b), json_string_length(b) };
        HTH_REQUIRE(json_array_size(m) == 2 && left->n > 0 && right->n > 0, err, HTH_EFORMAT,
                    "tokenizer.json: merge %zu is not of two texts", i);
        return HTH_OK;
    }
    const HthStr s = { json_string_value(m), json_string_length(m) };
    const size_t at = s.p != NULL ? hth_str_find(s, HTH_STR(" ")) : SIZE_MAX;
    HTH_REQUIRE(at != SIZE_MAX && at > 0 && at + 1 < s.n &&
                    memchr(s.p + at + 1, ' ', s.n - at - 1) == NULL,
                err, HTH_EFORMAT, "tokenizer.json: merge %zu is not of two texts", i);
    *left = hth_str_sub(s, 0, at);
    *right = hth_str_sub(s, at + 1, SIZE_MAX);
    return HTH_OK;
}

static HthStatus add_merge(HthTokenizer *t, HthStr a, HthStr b, size_t i, HthErr *err) {
    HTH_REQUIRE(memchr(a.p, ' ', a.n) == NULL && memchr(b.p, ' ', b.n) == NULL, err, HTH_ENOTSUP,
                "tokenizer.json: merge %zu has a blank in it, which a GGUF file cannot say", i);
    size_t n;
    char *p = NULL;
    if (!hth_add_over(a.n, b.n + 1, &n)) p = hth_arena_take(t->arena, n, 1);
    HTH_REQUIRE(p != NULL, err, HTH_ENOMEM, "out of memory for merges");
    memcpy(p, a.p, a.n);
    p[a.n] = ' ';
    memcpy(p + a.n + 1, b.p, b.n);
    t->merges[t->merge_count++] = (HthStr){ p, n };
    return HTH_OK;
}

static HthStatus read_merges(HthTokenizer *t, const json_t *merges, HthErr *err) {
    const size_t n = json_array_size(merges);
    HTH_REQUIRE(json_is_array(merges) && n <= MERGES_MAX, err, HTH_EFORMAT,
                "tokenizer.json: the model has no list of up to %d merges", MERGES_MAX);
    t->merges = hth_calloc(n, sizeof *t->merges);
    HTH_REQUIRE(t->merges != NULL, err, HTH_ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++) {
        HthStr a, b;
        HTH_TRY(hth_tokenizer_merge(merges, i, &a, &b, err));
        HTH_TRY(add_merge(t, a, b, i, err));
    }
    return HTH_OK;
}

/* Texts are read as they are; normal form C is all that is let pass. */
static HthStatus check_normalizer(HthTokenizer *t, const json_t *v, HthErr *err) {
    const char *type = json_string_value(json_object_get(v, "type"));
    char shown[HTH_IMPORT_SHOWN_MAX];
    if (v == NULL || json_is_null(v)) return HTH_OK;
    hth_import_shown(hth_str(type), shown);
    t->nfc = type != NULL && strcmp(type, "NFC") == 0;
    HTH_REQUIRE(t->nfc || json_array_size(json_object_get(v, "normalizers")) == 0, err, HTH_ENOTSUP,
                "tokenizer.json: texts are changed before they are cut (normalizer '%.40s'), which "
                "a GGUF file cannot say of byte-level BPE",
                shown);
    HTH_REQUIRE(t->nfc || (type != NULL && strcmp(type, "Sequence") == 0), err, HTH_ENOTSUP,
                "tokenizer.json: texts are changed before they are cut (normalizer '%.40s'), which "
                "a GGUF file cannot say of byte-level BPE",
                shown);
    return HTH_OK;
}

static HthStatus check_affix(const json_t *model, const char *key, HthErr *err) {
    const json_t *v = json_object_get(model, key);
    HTH_REQUIRE(v == NULL || json_is_null(v) || (json_is_string(v) && json_string_length(v) == 0),
                err, HTH_ENOTSUP,
                "tokenizer.json: the model has a %s, which a GGUF file cannot say", key);
    return HTH_OK;
}

HthStatus hth_tokenizer_bpe(HthTokenizer *t, const json_t *model, HthErr *err) {
    const bool whole = json_is_true(json_object_get(model, "ignore_merges"));
    t->model = "gpt2";
    HTH_TRY(check_affix(model, "continuing_subword_prefix", err));
    HTH_TRY(check_affix(model, "end_of_word_suffix", err));
    HTH_TRY(check_normalizer(t, json_object_get(t->root, "normalizer"), err));
    HTH_TRY(hth_tokenizer_pre(json_object_get(t->root, "pre_tokenizer"), whole, &t->pre, err));
    return read_merges(t, json_object_get(model, "merges"), err);
}

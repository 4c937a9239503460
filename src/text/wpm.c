/* wpm.c - WordPiece: normalise and split as BERT does, then take the longest token again and again.
 *
 * A word starts with U+2581 (the file's form; '##' is gone there).  A word that cannot be cut into
 * tokens completely becomes one unknown token.
 *
 * Thread: any. */
#include "text/unicode.h"
#include "text/vocab_int.h"

/* Ideographs, each a word of its own; the gap before U+2B920 is BERT's own. */
static bool ideograph(uint32_t cp) {
    return (cp >= 0x4E00 && cp <= 0x9FFF) || (cp >= 0x3400 && cp <= 0x4DBF) ||
           (cp >= 0x20000 && cp <= 0x2A6DF) || (cp >= 0x2A700 && cp <= 0x2B73F) ||
           (cp >= 0x2B740 && cp <= 0x2B81F) || (cp >= 0x2B920 && cp <= 0x2CEAF) ||
           (cp >= 0xF900 && cp <= 0xFAFF) || (cp >= 0x2F800 && cp <= 0x2FA1F);
}

/* Writes the word's tokens and empties it, keeping the mark it starts with. */
static HthStatus flush(const HthVocab *v, HthBuf *word, HthIds *ids, HthErr *err) {
    enum { MARK = 3 };
    if (word->n == MARK) return HTH_OK;
    size_t before = ids->n;
    HthStr rest = hth_buf_str(word);
    while (rest.n) {
        uint32_t id;
        size_t n = hth_trie_longest(v->trie, rest, &id);
        if (n == 0) break;
        HTH_TRY(hth_ids_add(ids, id, err));
        rest = hth_str_sub(rest, n, SIZE_MAX);
    }
    if (rest.n) ids->n = before;
    if (ids->n == before) {
        HTH_REQUIRE(v->unk != HTH_TOKEN_NONE, err, HTH_EFORMAT,
                    "the vocabulary has no unknown token and cannot write this text");
        HTH_TRY(hth_ids_add(ids, v->unk, err));
    }
    word->n = MARK;
    return HTH_OK;
}

static HthStatus encode(const HthVocab *v, HthStr text, HthBuf *word, HthIds *ids, HthErr *err) {
    char bytes[4];
    HTH_TRY(hth_escape_spaces(HTH_STR(" "), word, err));
    while (text.n) {
        uint32_t cp;
        text = hth_str_sub(text, hth_uni_decode(text, &cp), SIZE_MAX);
        if (v->strip_accents) cp = hth_uni_base(cp);
        if (hth_uni_space(cp)) {
            HTH_TRY(flush(v, word, ids, err));
            continue;
        }
        HthUniKind kind = hth_uni_kind(cp);
        if (cp == 0 || cp == 0xFFFD || kind == HTH_KIND_CONTROL) continue;
        if (v->strip_accents && kind == HTH_KIND_MARK) continue;
        bool alone =
            kind == HTH_KIND_PUNCT || (cp < 0x7F && kind == HTH_KIND_SYMBOL) || ideograph(cp);
        if (alone) HTH_TRY(flush(v, word, ids, err));
        uint32_t written = v->lower ? hth_uni_lower(cp) : cp;
        HTH_TRY(hth_buf_add(word, bytes, hth_uni_encode(written, bytes), err));
        if (alone) HTH_TRY(flush(v, word, ids, err));
    }
    return flush(v, word, ids, err);
}

HthStatus hth_wpm_encode(const HthVocab *v, HthStr text, HthIds *ids, HthErr *err) {
    HthBuf word;
    hth_buf_init(&word, SIZE_MAX / 2);
    HthStatus status = encode(v, text, &word, ids, err);
    hth_buf_drop(&word);
    return status;
}

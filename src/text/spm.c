/* spm.c - SentencePiece BPE: spaces become U+2581, then neighbours that form a token are joined,
 * best score first; a character that is no token falls back to its bytes.
 *
 * Thread: any. */
#include "base/num.h"
#include "text/unicode.h"
#include "text/vocab_int.h"

#define MARK HTH_STR("\xE2\x96\x81") /* U+2581 */

static bool mark_at(HthStr s, size_t at) {
    return hth_str_starts(hth_str_sub(s, at, SIZE_MAX), MARK);
}

/* A token that goes on after something that is no space with a space would join two words. */
void hth_spm_open(HthVocab *v) {
    v->spm_words = true;
    for (uint32_t id = 0; id < v->n; id++) {
        for (size_t i = 1; i < v->text[id].n; i++) {
            bool after_mark = i >= MARK.n && mark_at(v->text[id], i - MARK.n);
            if (!after_mark && mark_at(v->text[id], i)) v->spm_words = false;
        }
    }
}

/* Order-preserving: a higher score gives a smaller key; -0 and +0 are one score. */
static uint32_t key_of(float score) {
    uint32_t bits = hth_f32_bits(score + 0.0f);
    if (bits == 0x80000000u) bits = 0;
    return bits & 0x80000000u ? bits : 0x7FFFFFFFu - bits;
}

static bool bond(const void *ctx, HthStr word, const HthSymbol *left, const HthSymbol *right,
                 HthBond *out) {
    const HthVocab *v = ctx;
    (void)right;
    if (out->n > v->token_max) return false;
    uint32_t id = hth_map_get(v->map, hth_str_sub(word, left->at, out->n));
    if (id == HTH_MAP_NONE) return false;
    out->piece = id;
    out->key = key_of(v->score[id]);
    return true;
}

static HthStatus emit(const HthVocab *v, HthStr word, const HthSymbol *s, HthIds *ids,
                      HthErr *err) {
    if (s->piece != HTH_TOKEN_NONE) return hth_ids_add(ids, s->piece, err);
    for (uint32_t i = 0; i < s->n; i++) {
        uint8_t byte = (uint8_t)word.p[s->at + i];
        uint32_t id = v->byte_id[byte] != HTH_TOKEN_NONE ? v->byte_id[byte] : v->char_id[byte];
        if (id == HTH_TOKEN_NONE) id = v->unk;
        HTH_REQUIRE(id != HTH_TOKEN_NONE, err, HTH_EFORMAT,
                    "the vocabulary has neither a token for byte 0x%02X nor an unknown token",
                    byte);
        HTH_TRY(hth_ids_add(ids, id, err));
    }
    return HTH_OK;
}

static HthStatus finish_word(const HthVocab *v, HthStr word, HthMerge *m, HthIds *ids,
                             HthErr *err) {
    HTH_TRY(hth_merge_run(m, word, bond, v, err));
    for (size_t i = 0; i < m->n; i++) {
        if (m->sym[i].n) HTH_TRY(emit(v, word, &m->sym[i], ids, err));
    }
    hth_merge_clear(m);
    return HTH_OK;
}

/* text: spaces are marks already.  Words end where a mark follows something else. */
static HthStatus encode(const HthVocab *v, HthStr text, HthMerge *m, HthIds *ids, HthErr *err) {
    size_t start = 0;
    bool was_mark = true;
    for (size_t i = 0; i < text.n;) {
        HthStr c = hth_str_sub(text, i, hth_uni_lead(text.p[i]));
        bool mark = hth_str_eq(c, MARK);
        if (v->spm_words && mark && !was_mark) {
            HTH_TRY(finish_word(v, hth_str_sub(text, start, i - start), m, ids, err));
            start = i;
        }
        HTH_TRY(hth_merge_add(m, c.n, hth_map_get(v->map, c), err));
        was_mark = mark;
        i += c.n;
    }
    return finish_word(v, hth_str_sub(text, start, SIZE_MAX), m, ids, err);
}

HthStatus hth_spm_encode(const HthVocab *v, HthStr text, bool lead_space, HthIds *ids,
                         HthErr *err) {
    HthStatus status = HTH_OK;
    HthMerge m = { 0 };
    HthBuf marked;
    hth_buf_init(&marked, SIZE_MAX / 2);
    if (lead_space) status = hth_escape_spaces(HTH_STR(" "), &marked, err);
    if (status == HTH_OK) status = hth_escape_spaces(text, &marked, err);
    if (status == HTH_OK) status = encode(v, hth_buf_str(&marked), &m, ids, err);
    hth_merge_drop(&m);
    hth_buf_drop(&marked);
    return status;
}

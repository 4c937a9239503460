/* spm.c - SentencePiece BPE: spaces become U+2581, then neighbours that form a token are joined,
 * best score first; a character that is no token falls back to its bytes.
 *
 * Thread: any. */
#include "base/num.h"
#include "text/unicode.h"
#include "text/vocab_int.h"

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

HthStatus hth_spm_encode(const HthVocab *v, HthStr text, bool lead_space, HthIds *ids,
                         HthErr *err) {
    HthStatus status = HTH_OK;
    HthMerge m = { 0 };
    HthBuf word;
    hth_buf_init(&word, SIZE_MAX / 2);
    if (lead_space) status = hth_escape_spaces(HTH_STR(" "), &word, err);
    if (status == HTH_OK) status = hth_escape_spaces(text, &word, err);
    HthStr all = hth_buf_str(&word);
    for (size_t i = 0; status == HTH_OK && i < all.n;) {
        HthStr c = hth_str_sub(all, i, hth_uni_lead(all.p[i]));
        status = hth_merge_add(&m, c.n, hth_map_get(v->map, c), err);
        i += c.n;
    }
    if (status == HTH_OK) status = hth_merge_run(&m, all, bond, v, err);
    for (size_t i = 0; status == HTH_OK && i < m.n; i++) {
        if (m.sym[i].n) status = emit(v, all, &m.sym[i], ids, err);
    }
    hth_merge_drop(&m);
    hth_buf_drop(&word);
    return status;
}

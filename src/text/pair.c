/* pair.c - a question and an answer as one text, as rerankers were trained on them.
 *
 * Thread: any; a vocabulary is immutable. */
#include "text/vocab.h"
#include "text/vocab_int.h"

static HthStatus add(HthIds *ids, bool wanted, uint32_t id, HthErr *err) {
    return wanted && id != HTH_TOKEN_NONE ? hth_ids_add(ids, id, err) : HTH_OK;
}

static HthStatus encode(const HthVocab *v, HthStr first, HthStr second, HthIds *ids, HthErr *err) {
    const uint32_t eos = v->eos != HTH_TOKEN_NONE ? v->eos : v->sep;
    HTH_TRY(add(ids, v->add_bos, v->bos, err));
    HTH_TRY(hth_vocab_encode(v, first, 0, ids, err));
    HTH_TRY(add(ids, v->add_eos, eos, err));
    HTH_TRY(add(ids, v->add_sep, v->sep, err));
    HTH_TRY(hth_vocab_encode(v, second, 0, ids, err));
    return add(ids, v->add_eos, eos, err);
}

HthStatus hth_vocab_encode_pair(const HthVocab *v, HthStr first, HthStr second, HthIds *ids,
                                HthErr *err) {
    const size_t before = ids->n;
    const HthStatus st = encode(v, first, second, ids, err);
    if (st != HTH_OK) ids->n = before; /* all or nothing */
    return st;
}

/* vocab.c - opening a vocabulary, encoding, and the small questions; the families live in spm.c,
 * bpe.c, wpm.c, ugm.c and rwkv.c.
 *
 * Thread: immutable after open; any. */
#include "base/mem.h"
#include "text/vocab_int.h"

bool hth_vocab_present(const HthGguf *g) {
    const HthGgufKv *model = hth_gguf_find(g, "tokenizer.ggml.model");
    if (!model || model->type != HTH_GGUF_STR) return false;
    HthStr name = hth_gguf_elem_str(model, 0);
    return !hth_str_eq(name, HTH_STR("none")) && !hth_str_eq(name, HTH_STR("no_vocab"));
}

static HthStatus open_family(HthVocab *v, const HthGguf *g, HthErr *err) {
    switch (v->family) {
    case HTH_FAMILY_SPM: hth_spm_open(v); return HTH_OK;
    case HTH_FAMILY_BPE: return hth_bpe_open(v, g, err);
    case HTH_FAMILY_UGM: return hth_ugm_open(v, g, err);
    case HTH_FAMILY_RWKV: return hth_rwkv_open(v, err);
    case HTH_FAMILY_WPM: break;
    }
    HTH_TRY(hth_trie_open(&v->trie, err));
    for (uint32_t id = v->n; id > 0; id--) { /* of equal texts the first id wins */
        HTH_TRY(hth_trie_put(v->trie, v->text[id - 1], id - 1, err));
    }
    return HTH_OK;
}

HthStatus hth_vocab_open(HthVocab **out, const HthGguf *g, HthErr *err) {
    HthVocab *v = hth_calloc(1, sizeof *v);
    HTH_REQUIRE(v, err, HTH_ENOMEM, "out of memory for the vocabulary");
    HthStatus status = hth_vocab_load(v, g, err);
    if (status == HTH_OK) status = open_family(v, g, err);
    if (status == HTH_OK) status = hth_vocab_mark(v, g, err);
    if (status != HTH_OK) {
        hth_vocab_close(&v);
        return status;
    }
    *out = v;
    return HTH_OK;
}

void hth_vocab_close(HthVocab **vocab) {
    HthVocab *v = *vocab;
    if (!v) return;
    hth_bpe_close(&v->bpe);
    hth_ugm_close(&v->ugm);
    hth_pretok_close(&v->pretok);
    hth_trie_close(&v->trie);
    hth_trie_close(&v->special_trie);
    hth_map_close(&v->map);
    hth_arena_close(&v->own);
    hth_free(v->special);
    hth_free(v->attr);
    hth_free(v->score);
    hth_free(v->text);
    hth_free(v);
    *vocab = NULL;
}

void hth_ids_init(HthIds *ids, size_t max) {
    *ids = (HthIds){ .max = max };
}

void hth_ids_drop(HthIds *ids) {
    hth_free(ids->p);
    *ids = (HthIds){ .max = ids->max };
}

HthStatus hth_ids_add(HthIds *ids, uint32_t id, HthErr *err) {
    HTH_REQUIRE(ids->n < ids->max, err, HTH_ELIMIT, "the text needs more than %zu tokens",
                ids->max);
    if (ids->n == ids->cap) {
        size_t cap = ids->cap ? ids->cap * 2 : 64;
        uint32_t *p = hth_realloc(ids->p, cap, sizeof *p);
        HTH_REQUIRE(p, err, HTH_ENOMEM, "out of memory for %zu tokens", cap);
        ids->p = p;
        ids->cap = cap;
    }
    ids->p[ids->n++] = id;
    return HTH_OK;
}

static HthStatus encode_plain(const HthVocab *v, HthStr text, bool after_special, HthIds *ids,
                              HthErr *err) {
    switch (v->family) {
    case HTH_FAMILY_SPM: return hth_spm_encode(v, text, v->add_space && after_special, ids, err);
    case HTH_FAMILY_BPE: return hth_bpe_encode(v, text, ids, err);
    case HTH_FAMILY_WPM: return hth_wpm_encode(v, text, ids, err);
    case HTH_FAMILY_UGM: return hth_ugm_encode(v, text, ids, err);
    case HTH_FAMILY_RWKV: break;
    }
    return hth_rwkv_encode(v, text, ids, err);
}

static HthStatus encode(const HthVocab *v, HthStr text, unsigned flags, const char *marks,
                        HthFragments *f, HthIds *ids, HthErr *err) {
    bool frame = flags & HTH_ENCODE_BOS_EOS, special = true;
    HTH_TRY(hth_partition(v, text, flags & HTH_ENCODE_SPECIAL, marks, f, err));
    if (frame && v->add_bos) HTH_TRY(hth_ids_add(ids, v->bos, err));
    for (uint32_t i = f->n ? 0 : UINT32_MAX; i != UINT32_MAX; i = f->p[i].next) {
        const HthFragment *part = &f->p[i];
        if (part->token != HTH_TOKEN_NONE) {
            HTH_TRY(hth_ids_add(ids, part->token, err));
        } else {
            HthStr plain = hth_str_sub(text, part->at, part->n);
            HTH_TRY(encode_plain(v, plain, special, ids, err));
        }
        special = part->token != HTH_TOKEN_NONE;
    }
    uint32_t last = v->family == HTH_FAMILY_WPM ? v->sep : v->add_eos ? v->eos : HTH_TOKEN_NONE;
    return frame && last != HTH_TOKEN_NONE ? hth_ids_add(ids, last, err) : HTH_OK;
}

static HthStatus encode_whole(const HthVocab *v, HthStr text, unsigned flags, const char *marks,
                              HthIds *ids, HthErr *err) {
    HthFragments f = { 0 };
    size_t before = ids->n;
    HthStatus status = encode(v, text, flags, marks, &f, ids, err);
    if (status != HTH_OK) ids->n = before; /* all or nothing */
    hth_free(f.p);
    return status;
}

HthStatus hth_vocab_encode(const HthVocab *v, HthStr text, unsigned flags, HthIds *ids,
                           HthErr *err) {
    return encode_whole(v, text, flags, NULL, ids, err);
}

HthStatus hth_vocab_encode_marked(const HthVocab *v, HthStr text, const char *marks, HthIds *ids,
                                  HthErr *err) {
    return encode_whole(v, text, HTH_ENCODE_SPECIAL, marks, ids, err);
}

uint32_t hth_vocab_count(const HthVocab *v) {
    return v->n;
}

const char *hth_vocab_family(const HthVocab *v) {
    static const char *const NAMES[] = { [HTH_FAMILY_SPM] = "spm",
                                         [HTH_FAMILY_BPE] = "bpe",
                                         [HTH_FAMILY_WPM] = "wpm",
                                         [HTH_FAMILY_UGM] = "ugm",
                                         [HTH_FAMILY_RWKV] = "rwkv" };
    return NAMES[v->family];
}

HthStr hth_vocab_pre(const HthVocab *v) {
    return v->pre_name.p ? v->pre_name : HTH_STR("");
}

HthStr hth_vocab_text(const HthVocab *v, uint32_t id) {
    return id < v->n ? v->text[id] : HTH_STR("");
}

HthTokenKind hth_vocab_kind(const HthVocab *v, uint32_t id) {
    static const struct {
        unsigned attr;
        HthTokenKind kind;
    } ORDER[] = {
        { HTH_ATTR_CONTROL, HTH_TOKEN_CONTROL }, { HTH_ATTR_USER, HTH_TOKEN_USER },
        { HTH_ATTR_UNKNOWN, HTH_TOKEN_UNKNOWN }, { HTH_ATTR_BYTE, HTH_TOKEN_BYTE },
        { HTH_ATTR_NORMAL, HTH_TOKEN_NORMAL },
    };
    for (size_t i = 0; id < v->n && i < HTH_COUNT(ORDER); i++) {
        if (v->attr[id] & ORDER[i].attr) return ORDER[i].kind;
    }
    return HTH_TOKEN_UNUSED;
}

uint32_t hth_vocab_find(const HthVocab *v, HthStr text) {
    return hth_map_get(v->map, text);
}

uint32_t hth_vocab_bos(const HthVocab *v) {
    return v->bos;
}

uint32_t hth_vocab_eos(const HthVocab *v) {
    return v->eos;
}

uint32_t hth_vocab_fim(const HthVocab *v, HthFim which) {
    const uint32_t ids[] = { v->fim_pre, v->fim_suf, v->fim_mid, v->fim_rep, v->fim_sep };
    return ids[which];
}

uint32_t hth_vocab_eot(const HthVocab *v) {
    return v->eot;
}

uint32_t hth_vocab_unk(const HthVocab *v) {
    return v->unk;
}

uint32_t hth_vocab_pad(const HthVocab *v) {
    return v->pad;
}

bool hth_vocab_add_bos(const HthVocab *v) {
    return v->add_bos;
}

bool hth_vocab_add_eos(const HthVocab *v) {
    return v->add_eos;
}

bool hth_vocab_is_end(const HthVocab *v, uint32_t id) {
    return id < v->n && (v->attr[id] & HTH_ATTR_END);
}

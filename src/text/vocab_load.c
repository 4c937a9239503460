/* vocab_load.c - reads tokenizer.ggml.* into a vocabulary.
 *
 * The arrays are hostile: counts, lengths, ids and types are checked here, once.  Defaults by
 * family are those of the reference implementation of the format.
 *
 * Thread: any. */
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "text/vocab_int.h"

#define KEY(name) "tokenizer.ggml." name

enum { TOKENS_MAX = 1 << 24 };

/* What a tokenizer.ggml.model name implies before any other key is read. */
static const struct Family {
    const char *model;
    HthFamily family;
    uint32_t bos, eos, unk, sep, pad;
    bool add_bos, add_eos, add_space;
    const char *pre; /* overrides the file's */
} FAMILIES[] = {
#define NO HTH_TOKEN_NONE
    { "llama", HTH_FAMILY_SPM, 1, 2, 0, NO, NO, true, false, true, NULL },
    { "gpt2", HTH_FAMILY_BPE, 11, 11, NO, NO, NO, false, false, false, NULL },
    { "whitespace", HTH_FAMILY_BPE, 11, 11, NO, NO, NO, false, false, false, "whitespace" },
    { "gemma4", HTH_FAMILY_BPE, NO, NO, NO, NO, NO, false, false, false, "gemma4" },
    { "bert", HTH_FAMILY_WPM, 101, NO, 100, 102, 0, true, false, false, NULL },
    { "t5", HTH_FAMILY_UGM, NO, 1, 2, NO, 0, false, true, false, NULL },
    { "rwkv", HTH_FAMILY_RWKV, NO, NO, NO, NO, NO, false, false, false, NULL },
#undef NO
};

static HthStatus known_names(HthStr bad, const char *what, bool pres, HthErr *err) {
    char list[160];
    size_t n = 0;
    for (size_t i = 0; n < sizeof list - 32; i++) {
        const char *name = pres                      ? (hth_pre_at(i) ? hth_pre_at(i)->name : NULL)
                           : i < HTH_COUNT(FAMILIES) ? FAMILIES[i].model
                                                     : NULL;
        if (!name) break;
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", name);
    }
    return HTH_FAIL(err, HTH_ENOTSUP, "%s '%.*s' is not known here (known: %s)", what,
                    bad.n < 40 ? (int)bad.n : 40, bad.p, list);
}

static HthStatus read_family(HthVocab *v, const HthGguf *g, HthErr *err) {
    HthStr model;
    HTH_TRY(hth_gguf_str(g, KEY("model"), &model, err));
    if (hth_gguf_find(g, KEY("pre"))) HTH_TRY(hth_gguf_str(g, KEY("pre"), &v->pre_name, err));
    const struct Family *f = NULL;
    for (size_t i = 0; i < HTH_COUNT(FAMILIES); i++) {
        if (hth_str_eq(model, hth_str(FAMILIES[i].model))) f = &FAMILIES[i];
    }
    if (!f) return known_names(model, "tokenizer model", false, err);
    if (f->pre) v->pre_name = hth_str(f->pre);
    v->family = f->family;
    v->bos = f->bos;
    v->eos = f->eos;
    v->unk = f->unk;
    v->sep = f->sep;
    v->pad = f->pad;
    v->eot = v->eom = HTH_TOKEN_NONE;
    v->fim_pre = v->fim_suf = v->fim_mid = HTH_TOKEN_NONE;
    v->fim_pad = v->fim_rep = v->fim_sep = HTH_TOKEN_NONE;
    v->add_bos = f->add_bos;
    v->add_eos = f->add_eos;
    v->add_space = f->add_space;
    v->add_sep = v->family == HTH_FAMILY_WPM;
    if (v->family != HTH_FAMILY_BPE) return HTH_OK;
    v->pre = hth_pre_find(v->pre_name);
    if (!v->pre) return known_names(v->pre_name, "pre-tokenizer", true, err);
    if (v->pre->flags & HTH_PRE_BOS) v->add_bos = true;
    v->add_sep = v->pre->flags & HTH_PRE_SEP;
    if (v->pre->flags & HTH_PRE_NO_BOS_ID) v->bos = HTH_TOKEN_NONE;
    return HTH_OK;
}

/* An empty text cannot be written or found; it gets a name nobody types. */
static HthStatus name_empty(HthVocab *v, uint32_t id, HthErr *err) {
    char name[32];
    size_t n = (size_t)snprintf(name, sizeof name, "[EMPTY_%u]", id);
    char *copy = hth_arena_copy(v->own, name, n);
    HTH_REQUIRE(copy, err, HTH_ENOMEM, "out of memory for the vocabulary");
    v->text[id] = (HthStr){ copy, n };
    return HTH_OK;
}

/* Of equal texts the first id is the one that is found. */
static HthStatus read_texts(HthVocab *v, const HthGguf *g, HthErr *err) {
    enum { AHEAD = 8 }; /* texts on their way to their slots: a miss takes as long as ten hashes */
    const HthGgufKv *kv;
    HTH_TRY(hth_gguf_arr(g, KEY("tokens"), HTH_GGUF_STR, &kv, err));
    HTH_REQUIRE(kv->count > 0 && kv->count <= TOKENS_MAX, err, HTH_EFORMAT,
                "the vocabulary has %llu tokens; 1 to %d are possible",
                (unsigned long long)kv->count, TOKENS_MAX);
    v->n = (uint32_t)kv->count;
    v->text = hth_calloc(v->n, sizeof *v->text);
    v->score = hth_calloc(v->n, sizeof *v->score);
    v->attr = hth_calloc(v->n, sizeof *v->attr);
    HTH_REQUIRE(v->text && v->score && v->attr, err, HTH_ENOMEM,
                "out of memory for the vocabulary");
    HTH_TRY(hth_arena_open(&v->own, SIZE_MAX / 2, err));
    HTH_TRY(hth_map_open(&v->map, v->n, err));
    for (uint32_t id = 0; id < v->n; id++) {
        v->text[id] = hth_gguf_elem_str(kv, id);
        HTH_REQUIRE(v->text[id].n <= HTH_TOKEN_BYTES_MAX, err, HTH_EFORMAT,
                    "token %u is %zu bytes long; at most %d are possible", id, v->text[id].n,
                    HTH_TOKEN_BYTES_MAX);
        if (v->text[id].n == 0) HTH_TRY(name_empty(v, id, err));
        if (v->text[id].n > v->token_max) v->token_max = v->text[id].n;
        hth_map_prefetch(v->map, v->text[id]);
        if (id >= AHEAD) HTH_TRY(hth_map_add(v->map, v->text[id - AHEAD], id - AHEAD, err));
    }
    for (uint32_t id = v->n > AHEAD ? v->n - AHEAD : 0; id < v->n; id++)
        HTH_TRY(hth_map_add(v->map, v->text[id], id, err));
    return HTH_OK;
}

static HthStatus read_scores(HthVocab *v, const HthGguf *g, HthErr *err) {
    const HthGgufKv *kv = hth_gguf_find(g, KEY("scores"));
    if (!kv) return HTH_OK;
    HthGgufType elem =
        kv->type == HTH_GGUF_ARR && kv->elem == HTH_GGUF_F32 ? HTH_GGUF_F32 : HTH_GGUF_I32;
    HTH_TRY(hth_gguf_arr(g, KEY("scores"), elem, &kv, err));
    HTH_REQUIRE(kv->count >= v->n, err, HTH_EFORMAT, "%u tokens have only %llu scores", v->n,
                (unsigned long long)kv->count);
    for (uint32_t id = 0; id < v->n; id++) {
        v->score[id] = (float)hth_gguf_elem_f64(kv, id);
        HTH_REQUIRE(v->score[id] == v->score[id], err, HTH_EFORMAT,
                    "the score of token %u is not a number", id);
    }
    return HTH_OK;
}

static HthStatus read_types(HthVocab *v, const HthGguf *g, HthErr *err) {
    static const uint16_t ATTR[] = {
        [HTH_TOKEN_NORMAL] = HTH_ATTR_NORMAL,   [HTH_TOKEN_UNKNOWN] = HTH_ATTR_UNKNOWN,
        [HTH_TOKEN_CONTROL] = HTH_ATTR_CONTROL, [HTH_TOKEN_USER] = HTH_ATTR_USER,
        [HTH_TOKEN_UNUSED] = HTH_ATTR_UNUSED,   [HTH_TOKEN_BYTE] = HTH_ATTR_BYTE,
    };
    const HthGgufKv *kv = NULL;
    if (hth_gguf_find(g, KEY("token_type"))) {
        HTH_TRY(hth_gguf_arr(g, KEY("token_type"), HTH_GGUF_I32, &kv, err));
        HTH_REQUIRE(kv->count >= v->n, err, HTH_EFORMAT, "%u tokens have only %llu types", v->n,
                    (unsigned long long)kv->count);
    }
    for (uint32_t id = 0; id < v->n; id++) {
        int64_t type = kv ? hth_gguf_elem_i64(kv, id) : HTH_TOKEN_NORMAL;
        v->attr[id] = type >= 0 && type < (int64_t)HTH_COUNT(ATTR) ? ATTR[type] : 0;
    }
    return HTH_OK;
}

/* A missing or unusable id leaves the family's default, or none where even that is too large. */
static HthStatus read_id(const HthVocab *v, const HthGguf *g, const char *key, uint32_t *id,
                         HthErr *err) {
    uint32_t named;
    if (*id != HTH_TOKEN_NONE && *id >= v->n) *id = HTH_TOKEN_NONE;
    if (!hth_gguf_find(g, key)) return HTH_OK;
    HTH_TRY(hth_gguf_u32(g, key, &named, err));
    if (named < v->n) {
        *id = named;
    } else {
        hth_log(HTH_LOG_WARN, "%s is %u, but there are only %u tokens; ignored", key, named, v->n);
    }
    return HTH_OK;
}

static HthStatus read_flag(const HthGguf *g, const char *key, bool *flag, HthErr *err) {
    return hth_gguf_find(g, key) ? hth_gguf_bool(g, key, flag, err) : HTH_OK;
}

static HthStatus read_ids(HthVocab *v, const HthGguf *g, HthErr *err) {
    const struct {
        const char *key;
        uint32_t *id;
    } ids[] = {
        { KEY("bos_token_id"), &v->bos },         { KEY("eos_token_id"), &v->eos },
        { KEY("eot_token_id"), &v->eot },         { KEY("eom_token_id"), &v->eom },
        { KEY("unknown_token_id"), &v->unk },     { KEY("seperator_token_id"), &v->sep },
        { KEY("padding_token_id"), &v->pad },     { KEY("fim_pre_token_id"), &v->fim_pre },
        { KEY("fim_suf_token_id"), &v->fim_suf }, { KEY("fim_mid_token_id"), &v->fim_mid },
        { KEY("fim_pad_token_id"), &v->fim_pad }, { KEY("fim_rep_token_id"), &v->fim_rep },
        { KEY("fim_sep_token_id"), &v->fim_sep }, { KEY("prefix_token_id"), &v->fim_pre },
        { KEY("suffix_token_id"), &v->fim_suf },  { KEY("middle_token_id"), &v->fim_mid },
    };
    for (size_t i = 0; i < HTH_COUNT(ids); i++) {
        HTH_TRY(read_id(v, g, ids[i].key, ids[i].id, err));
    }
    HTH_TRY(read_flag(g, KEY("add_bos_token"), &v->add_bos, err));
    HTH_TRY(read_flag(g, KEY("add_eos_token"), &v->add_eos, err));
    HTH_TRY(read_flag(g, KEY("add_sep_token"), &v->add_sep, err));
    HTH_TRY(read_flag(g, KEY("add_space_prefix"), &v->add_space, err));
    HTH_TRY(read_flag(g, KEY("remove_extra_whitespaces"), &v->merge_spaces, err));
    v->lower = v->family != HTH_FAMILY_BPE;
    HTH_TRY(read_flag(g, KEY("normalizer.lowercase"), &v->lower, err));
    v->strip_accents = v->lower;
    HTH_TRY(read_flag(g, KEY("normalizer.strip_accents"), &v->strip_accents, err));
    if (v->pre && (v->pre->flags & HTH_PRE_BOS_ALWAYS)) v->add_bos = true;
    if (v->family == HTH_FAMILY_WPM) v->add_bos = true; /* [CLS] belongs to the model */
    if (v->family == HTH_FAMILY_RWKV) v->add_bos = v->add_eos = false;
    HTH_REQUIRE(!v->add_bos || v->bos != HTH_TOKEN_NONE, err, HTH_EFORMAT,
                "the tokenizer wants a BOS token, but the file names none");
    const bool ends = v->eos != HTH_TOKEN_NONE || v->family == HTH_FAMILY_WPM; /* by a separator */
    HTH_REQUIRE(!v->add_eos || ends, err, HTH_EFORMAT,
                "the tokenizer wants an EOS token, but the file names none");
    HTH_REQUIRE(v->family != HTH_FAMILY_WPM || v->sep != HTH_TOKEN_NONE, err, HTH_EFORMAT,
                "the tokenizer wants a separator token, but the file names none");
    return HTH_OK;
}

static void find_bytes(HthVocab *v) {
    for (unsigned byte = 0; byte < 256; byte++) {
        static const char HEX[] = "0123456789ABCDEF";
        char name[6] = { '<', '0', 'x', HEX[byte >> 4], HEX[byte & 15], '>' };
        char one = (char)byte;
        v->byte_id[byte] = hth_map_get(v->map, (HthStr){ name, sizeof name });
        v->char_id[byte] = hth_map_get(v->map, (HthStr){ &one, 1 });
    }
}

HthStatus hth_vocab_load(HthVocab *v, const HthGguf *g, HthErr *err) {
    HTH_TRY(read_family(v, g, err));
    HTH_TRY(read_texts(v, g, err));
    HTH_TRY(read_scores(v, g, err));
    HTH_TRY(read_types(v, g, err));
    HTH_TRY(read_ids(v, g, err));
    find_bytes(v);
    return HTH_OK;
}

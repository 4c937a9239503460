/* tokens.c - see tokens.h: the list of tokens, and what is written.
 *
 * Thread: one owner. */
#include "import/tokens.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define GAP       "\xE2\x96\x81" /* U+2581 */
#define BAR       "\xEF\xBD\x9C" /* U+FF5C */
#define KEY(name) "tokenizer.ggml." name

enum {
    ROOT_MAX = 256 << 20, /* bytes of tokenizer.json */
    SETTINGS_MAX = 16 << 20,
    WORDS_MAX = 64 << 20, /* of vocab.txt */
    ARENA_MAX = 512 << 20,
    CHAT_MAX = 4 << 20,
    TOKENS_MAX = 1 << 24
};

/* ---- the vocabulary ---- */

static HthStatus put(HthTokenizer *t, uint32_t id, HthStr text, int32_t type, HthErr *err) {
    HTH_REQUIRE(text.n > 0 && text.n <= HTH_IMPORT_TOKEN_MAX, err, HTH_EFORMAT,
                "tokenizer.json: token %u is empty, or longer than %d bytes", id,
                HTH_IMPORT_TOKEN_MAX);
    t->text[id] = text;
    t->type[id] = type;
    return hth_map_put(t->ids, text, id, err);
}

static HthStatus read_vocab(HthTokenizer *t, json_t *vocab, HthErr *err) {
    const char *key;
    json_t *v;
    HTH_REQUIRE(json_is_object(vocab) && json_object_size(vocab) > 0, err, HTH_EFORMAT,
                "tokenizer.json: the model has no vocab that is an object");
    json_object_foreach(vocab, key, v) {
        const json_int_t id = json_integer_value(v);
        HTH_REQUIRE(json_is_integer(v) && id >= 0 && id < TOKENS_MAX, err, HTH_EFORMAT,
                    "tokenizer.json: vocab gives a token something else than a number up to %d",
                    TOKENS_MAX - 1);
        HTH_REQUIRE(id < (json_int_t)t->n, err, HTH_EFORMAT,
                    "tokenizer.json: vocab has token %lld, and config.json a vocab_size of %u: "
                    "they are not of one model",
                    (long long)id, t->n);
        HTH_REQUIRE(t->text[id].p == NULL, err, HTH_EFORMAT,
                    "tokenizer.json: vocab gives the number %lld twice", (long long)id);
        HTH_TRY(put(t, (uint32_t)id, hth_str(key), HTH_IMPORT_NORMAL, err));
    }
    return HTH_OK;
}

/* Some files say of tokens that steer that they are none; they are known by how they look. */
static bool looks_special(HthStr s) {
    static const struct {
        const char *from, *to;
    } looks[] = { { "<|", "|>" }, { "<" BAR, BAR ">" }, { "<unused", ">" } };
    for (size_t i = 0; i < HTH_COUNT(looks); i++)
        if (hth_str_starts(s, hth_str(looks[i].from)) && hth_str_ends(s, hth_str(looks[i].to)))
            return true;
    return hth_str_eq(s, HTH_STR("<pad>")) || hth_str_eq(s, HTH_STR("<mask>"));
}

/* Blanks that a token's neighbours lose to it. What of Phi 3 does so is known by the model's name,
 * and these do not. */
static void count_strips(HthTokenizer *t, const json_t *v, HthStr text, size_t *rights, bool *phi) {
    static const char *const stay[] = { "<unk>", "<s>", "<|endoftext|>" };
    const bool right = json_is_true(json_object_get(v, "rstrip"));
    bool stays = false;
    for (size_t i = 0; i < HTH_COUNT(stay); i++) stays |= hth_str_eq(text, hth_str(stay[i]));
    if (right == stays) *phi = false;
    *rights += right;
    if (json_is_true(json_object_get(v, "lstrip"))) {
        *phi = false;
        t->strips_lost++;
    }
}

static HthStatus read_added_one(HthTokenizer *t, const json_t *v, size_t *rights, bool *phi,
                                HthErr *err) {
    const json_t *id_ = json_object_get(v, "id"), *content = json_object_get(v, "content");
    const json_int_t id = json_integer_value(id_);
    const HthStr text = { json_string_value(content), json_string_length(content) };
    HTH_REQUIRE(
        json_is_integer(id_) && id >= 0 && id < TOKENS_MAX && json_is_string(content) && text.n > 0,
        err, HTH_EFORMAT, "tokenizer.json: added_tokens has one without a number and a text");
    if (id >= (json_int_t)t->n) {
        t->beyond++;
        return HTH_OK;
    }
    HTH_REQUIRE(t->text[id].p == NULL || hth_str_eq(t->text[id], text), err, HTH_EFORMAT,
                "tokenizer.json: vocab and added_tokens disagree about token %lld", (long long)id);
    HTH_REQUIRE(!json_is_true(json_object_get(v, "single_word")), err, HTH_ENOTSUP,
                "tokenizer.json: token %lld is one only where it is a word (single_word), which a "
                "GGUF file cannot say",
                (long long)id);
    count_strips(t, v, text, rights, phi);
    const bool steers = json_is_true(json_object_get(v, "special")) || looks_special(text);
    return put(t, (uint32_t)id, text, steers ? HTH_IMPORT_CONTROL : HTH_IMPORT_USER, err);
}

static HthStatus read_added(HthTokenizer *t, const json_t *added, HthErr *err) {
    size_t rights = 0;
    bool phi = true;
    HTH_REQUIRE(added == NULL || json_is_null(added) || json_is_array(added), err, HTH_EFORMAT,
                "tokenizer.json: added_tokens is no list");
    for (size_t i = 0; i < json_array_size(added); i++)
        HTH_TRY(read_added_one(t, json_array_get(added, i), &rights, &phi, err));
    t->strips = rights > 0 && phi;
    if (!t->strips) t->strips_lost += rights;
    return HTH_OK;
}

/* Rows of the embedding that no token has: some models have more, for speed. */
static HthStatus fill_rest(HthTokenizer *t, HthErr *err) {
    for (uint32_t id = 0; id < t->n; id++) {
        char name[24];
        if (t->text[id].p != NULL) continue;
        const int n = snprintf(name, sizeof name, "[PAD%u]", id);
        const HthStr text = { hth_arena_copy(t->arena, name, (size_t)n), (size_t)n };
        HTH_REQUIRE(text.p != NULL, err, HTH_ENOMEM, "out of memory");
        if (hth_map_get(t->ids, text) == HTH_MAP_NONE) {
            HTH_TRY(put(t, id, text, HTH_IMPORT_UNUSED, err));
            continue;
        }
        t->text[id] = text; /* somebody's token is called so: that one is found */
        t->type[id] = HTH_IMPORT_UNUSED;
    }
    return HTH_OK;
}

/* ---- all of it ---- */

static HthStatus read_model(HthTokenizer *t, HthErr *err) {
    const json_t *model = json_object_get(t->root, "model");
    const char *type = json_string_value(json_object_get(model, "type"));
    char shown[HTH_IMPORT_SHOWN_MAX];
    HTH_REQUIRE(json_is_object(model), err, HTH_EFORMAT, "tokenizer.json: there is no model");
    /* Old files do not say. */
    if (type == NULL && json_object_get(model, "merges") != NULL) type = "BPE";
    if (type == NULL && json_object_get(model, "max_input_chars_per_word") != NULL)
        type = "WordPiece";
    hth_import_shown(hth_str(type), shown);
    t->words = type != NULL && strcmp(type, "WordPiece") == 0;
    HTH_REQUIRE(t->words || (type != NULL && strcmp(type, "BPE") == 0), err, HTH_ENOTSUP,
                "tokenizer.json: the model is of type '%.40s'; hearth imports BPE and WordPiece",
                shown);
    HTH_TRY(read_vocab(t, json_object_get(model, "vocab"), err));
    HTH_TRY(read_added(t, json_object_get(t->root, "added_tokens"), err));
    HTH_TRY(fill_rest(t, err));
    if (t->words) return hth_tokenizer_wpm(t, model, err);
    return json_is_true(json_object_get(model, "byte_fallback")) ? hth_tokenizer_spm(t, model, err)
                                                                 : hth_tokenizer_bpe(t, model, err);
}

static HthStatus open(HthTokenizer *t, uint32_t n, HthErr *err) {
    hth_buf_init(&t->chat, CHAT_MAX);
    t->n = n;
    t->text = hth_calloc(n, sizeof *t->text);
    t->type = hth_calloc(n, sizeof *t->type);
    HTH_REQUIRE(t->text != NULL && t->type != NULL, err, HTH_ENOMEM, "out of memory");
    HTH_TRY(hth_arena_open(&t->arena, ARENA_MAX, err));
    return hth_map_open(&t->ids, n, err);
}

HthStatus hth_tokenizer_of(HthTokenizer *out, json_t *root, const json_t *settings,
                           const json_t *config, const json_t *generation, uint32_t n_vocab,
                           HthErr *err) {
    HthTokenizer t = { .root = root, .lost = HTH_IMPORT_NO_ID };
    HTH_ASSERT(n_vocab > 0 && n_vocab <= TOKENS_MAX);
    HthStatus st = open(&t, n_vocab, err);
    if (st == HTH_OK) st = read_model(&t, err);
    if (st == HTH_OK) st = hth_tokenizer_special(&t, settings, config, generation, err);
    if (st == HTH_OK)
        *out = t;
    else
        hth_tokenizer_drop(&t);
    return st;
}

/* Where there is no tokenizer.json: a list of words, as the first BERTs had. */
static HthStatus read_words(json_t **out, const HthImportFolder *folder, const json_t *settings,
                            HthErr *err) {
    HthBuf list;
    bool there = false;
    hth_buf_init(&list, WORDS_MAX);
    HthStatus st = hth_import_text(folder, "vocab.txt", &list, &there, err);
    if (st == HTH_OK && there) st = hth_tokenizer_words(out, hth_buf_str(&list), settings, err);
    hth_buf_drop(&list);
    return st;
}

static HthStatus no_tokenizer(const HthImportFolder *folder, HthErr *err) {
    char path[PATH_MAX];
    bool there;
    HTH_TRY(hth_import_path(folder, HTH_STR("tokenizer.model"), path, &there, err));
    HTH_REQUIRE(!there, err, HTH_ENOTSUP,
                "the folder has a tokenizer.model and no tokenizer.json, which is what hearth "
                "reads: save the tokenizer as a fast one");
    return HTH_FAIL(err, HTH_EFORMAT, "the folder has no tokenizer.json");
}

HthStatus hth_tokenizer_read(HthTokenizer *out, const HthImportFolder *folder, const json_t *config,
                             uint32_t n_vocab, HthErr *err) {
    HthTokenizer t = { 0 };
    json_t *root = NULL, *settings = NULL, *generation = NULL;
    HthStatus st = hth_import_json(folder, "tokenizer_config.json", SETTINGS_MAX, &settings, err);
    if (st == HTH_OK)
        st = hth_import_json(folder, "generation_config.json", SETTINGS_MAX, &generation, err);
    if (st == HTH_OK) st = hth_import_json(folder, "tokenizer.json", ROOT_MAX, &root, err);
    if (st == HTH_OK && root == NULL) st = read_words(&root, folder, settings, err);
    if (st == HTH_OK && root == NULL) st = no_tokenizer(folder, err);
    if (st == HTH_OK) st = hth_tokenizer_of(&t, root, settings, config, generation, n_vocab, err);
    if (st == HTH_OK) {
        st = hth_tokenizer_chat(&t, folder, settings, err);
        if (st != HTH_OK) hth_tokenizer_drop(&t);
    }
    json_decref(settings);
    json_decref(generation);
    if (st == HTH_OK) *out = t;
    return st;
}

void hth_tokenizer_drop(HthTokenizer *t) {
    hth_buf_drop(&t->chat);
    hth_map_close(&t->ids);
    hth_arena_close(&t->arena);
    hth_free(t->merges);
    hth_free(t->score);
    hth_free(t->type);
    hth_free(t->text);
    json_decref(t->root);
    *t = (HthTokenizer){ 0 };
}

/* ---- writing ---- */

static HthStatus write_words(const HthTokenizer *t, HthGgufOut *o, HthErr *err) {
    HTH_TRY(hth_gguf_out_bool(o, KEY("add_sep_token"), t->add_sep, err));
    HTH_TRY(hth_gguf_out_bool(o, KEY("normalizer.lowercase"), t->lower, err));
    return hth_gguf_out_bool(o, KEY("normalizer.strip_accents"), t->strip_accents, err);
}

HthStatus hth_tokenizer_write(const HthTokenizer *t, HthGgufOut *o, HthErr *err) {
    static const char *const ids[HTH_SPECIALS] = {
        [HTH_SPECIAL_BOS] = KEY("bos_token_id"),     [HTH_SPECIAL_EOS] = KEY("eos_token_id"),
        [HTH_SPECIAL_UNK] = KEY("unknown_token_id"), [HTH_SPECIAL_PAD] = KEY("padding_token_id"),
        [HTH_SPECIAL_EOT] = KEY("eot_token_id"),     [HTH_SPECIAL_SEP] = KEY("seperator_token_id"),
        [HTH_SPECIAL_CLS] = KEY("cls_token_id"),     [HTH_SPECIAL_MASK] = KEY("mask_token_id")
    };
    const size_t specials = t->words ? HTH_SPECIALS : HTH_SPECIAL_SEP;
    HTH_TRY(hth_gguf_out_str(o, KEY("model"), hth_str(t->model), err));
    HTH_TRY(hth_gguf_out_str(o, KEY("pre"), hth_str(t->pre), err));
    HTH_TRY(hth_gguf_out_strs(o, KEY("tokens"), t->text, t->n, err));
    if (t->score != NULL) HTH_TRY(hth_gguf_out_f32s(o, KEY("scores"), t->score, t->n, err));
    HTH_TRY(hth_gguf_out_i32s(o, KEY("token_type"), t->type, t->n, err));
    if (t->merges != NULL)
        HTH_TRY(hth_gguf_out_strs(o, KEY("merges"), t->merges, t->merge_count, err));
    for (size_t i = 0; i < specials; i++)
        if (t->special[i] != HTH_IMPORT_NO_ID)
            HTH_TRY(hth_gguf_out_u32(o, ids[i], t->special[i], err));
    HTH_TRY(hth_gguf_out_bool(o, KEY("add_bos_token"), t->add_bos, err));
    HTH_TRY(hth_gguf_out_bool(o, KEY("add_eos_token"), t->add_eos, err));
    if (t->score != NULL) HTH_TRY(hth_gguf_out_bool(o, KEY("add_space_prefix"), t->add_space, err));
    if (t->words) HTH_TRY(write_words(t, o, err));
    if (t->chat.n == 0) return HTH_OK;
    return hth_gguf_out_str(o, "tokenizer.chat_template", hth_buf_str(&t->chat), err);
}

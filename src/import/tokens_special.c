/* tokens_special.c - which tokens begin and end texts, whether they are put there, and the template
 * that conversations are written with.
 *
 * tokenizer_config.json speaks first, then config.json, then generation_config.json.
 *
 * Thread: one owner. */
#include <stdio.h>
#include <string.h>

#include "import/tokens.h"

enum { CHAT_JSON_MAX = 16 << 20 };

/* ---- ids ---- */

/* A text, or an object with one. */
static HthStr text_of(const json_t *v) {
    if (json_is_object(v)) v = json_object_get(v, "content");
    return (HthStr){ json_string_value(v), json_string_length(v) };
}

/* The first, where there are several. */
static uint32_t id_of(const HthTokenizer *t, const json_t *from, const char *key) {
    const json_t *v = json_object_get(from, key);
    if (json_is_array(v)) v = json_array_get(v, 0);
    const json_int_t id = json_is_integer(v) ? json_integer_value(v) : -1;
    return id >= 0 && id < (json_int_t)t->n ? (uint32_t)id : HTH_IMPORT_NO_ID;
}

static void read_ids(HthTokenizer *t, const json_t *settings, const json_t *config,
                     const json_t *generation) {
    static const struct {
        const char *text, *id;
    } keys[HTH_SPECIALS] = { [HTH_SPECIAL_BOS] = { "bos_token", "bos_token_id" },
                             [HTH_SPECIAL_EOS] = { "eos_token", "eos_token_id" },
                             [HTH_SPECIAL_UNK] = { "unk_token", "unk_token_id" },
                             [HTH_SPECIAL_PAD] = { "pad_token", "pad_token_id" },
                             [HTH_SPECIAL_EOT] = { "eot_token", "eot_token_id" },
                             [HTH_SPECIAL_SEP] = { "sep_token", "sep_token_id" },
                             [HTH_SPECIAL_CLS] = { "cls_token", "cls_token_id" },
                             [HTH_SPECIAL_MASK] = { "mask_token", "mask_token_id" } };
    for (size_t i = 0; i < HTH_SPECIALS; i++) {
        const HthStr text = text_of(json_object_get(settings, keys[i].text));
        uint32_t id = text.n > 0 ? hth_map_get(t->ids, text) : HTH_IMPORT_NO_ID;
        if (id == HTH_IMPORT_NO_ID) id = id_of(t, config, keys[i].id);
        if (id == HTH_IMPORT_NO_ID)
            id = id_of(t, json_object_get(config, "text_config"), keys[i].id);
        if (id == HTH_IMPORT_NO_ID) id = id_of(t, generation, keys[i].id);
        t->special[i] = id;
    }
}

/* ---- what is put around a text ---- */

static HthStatus around(HthErr *err) {
    return HTH_FAIL(err, HTH_ENOTSUP,
                    "tokenizer.json: the post_processor puts other tokens around a text than one "
                    "that begins and one that ends it, which a GGUF file cannot say");
}

/* One token before, one after, at most. */
static HthStatus read_template(HthTokenizer *t, const json_t *v, HthErr *err) {
    const json_t *list = json_object_get(v, "single");
    bool after = false;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *part = json_array_get(list, i), *special;
        if (json_object_get(part, "Sequence") != NULL) {
            if (after) return around(err);
            after = true;
            continue;
        }
        special = json_object_get(json_object_get(part, "SpecialToken"), "id");
        const HthStr text = { json_string_value(special), json_string_length(special) };
        const uint32_t id = text.n > 0 ? hth_map_get(t->ids, text) : HTH_IMPORT_NO_ID;
        uint32_t *is = &t->special[after ? HTH_SPECIAL_EOS : HTH_SPECIAL_BOS];
        bool *adds = after ? &t->add_eos : &t->add_bos;
        if (id == HTH_IMPORT_NO_ID || *adds) return around(err);
        if (after && *is != id) { /* texts to be embedded end otherwise than turns */
            if (t->special[HTH_SPECIAL_EOT] == HTH_IMPORT_NO_ID) t->special[HTH_SPECIAL_EOT] = *is;
            *is = id;
        }
        if (*is == HTH_IMPORT_NO_ID) *is = id;
        if (*is != id) return around(err);
        *adds = true;
    }
    return after ? HTH_OK : around(err);
}

static HthStatus read_post(HthTokenizer *t, const json_t *v, HthErr *err) {
    const char *type = json_string_value(json_object_get(v, "type"));
    if (type != NULL && strcmp(type, "ByteLevel") == 0) return HTH_OK; /* where tokens lie */
    if (type != NULL && strcmp(type, "TemplateProcessing") == 0) return read_template(t, v, err);
    return around(err);
}

static HthStatus read_posts(HthTokenizer *t, HthErr *err) {
    const json_t *v = json_object_get(t->root, "post_processor");
    const json_t *list = json_object_get(v, "processors");
    if (v == NULL || json_is_null(v)) return HTH_OK;
    if (!json_is_array(list)) return read_post(t, v, err);
    for (size_t i = 0; i < json_array_size(list); i++)
        HTH_TRY(read_post(t, json_array_get(list, i), err));
    return HTH_OK;
}

/* The settings' word counts, where they have one. */
static void read_adds(HthTokenizer *t, const json_t *settings) {
    const json_t *bos = json_object_get(settings, "add_bos_token");
    const json_t *eos = json_object_get(settings, "add_eos_token");
    if (json_is_boolean(bos)) t->add_bos = json_is_true(bos);
    if (json_is_boolean(eos)) t->add_eos = json_is_true(eos);
}

HthStatus hth_tokenizer_special(HthTokenizer *t, const json_t *settings, const json_t *config,
                                const json_t *generation, HthErr *err) {
    read_ids(t, settings, config, generation);
    if (t->words) return hth_tokenizer_wpm_frame(t, err);
    HTH_TRY(read_posts(t, err));
    read_adds(t, settings);
    HTH_REQUIRE(!t->add_bos || t->special[HTH_SPECIAL_BOS] != HTH_IMPORT_NO_ID, err, HTH_EFORMAT,
                "tokenizer_config.json wants a token that begins texts, and none is named");
    HTH_REQUIRE(!t->add_eos || t->special[HTH_SPECIAL_EOS] != HTH_IMPORT_NO_ID, err, HTH_EFORMAT,
                "tokenizer_config.json wants a token that ends texts, and none is named");
    return HTH_OK;
}

/* ---- the chat template ---- */

/* A text, or a list of them with names, of which "default" is the one. */
static HthStatus add_chat(HthTokenizer *t, const json_t *v, HthErr *err) {
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *one = json_array_get(v, i);
        if (hth_str_eq(hth_json_text(one, "name"), HTH_STR("default")))
            return add_chat(t, json_object_get(one, "template"), err);
    }
    if (!json_is_string(v)) return HTH_OK;
    return hth_buf_add(&t->chat, json_string_value(v), json_string_length(v), err);
}

HthStatus hth_tokenizer_chat(HthTokenizer *t, const HthImportFolder *folder, const json_t *settings,
                             HthErr *err) {
    json_t *beside = NULL;
    bool there = false;
    HTH_TRY(hth_import_text(folder, "chat_template.jinja", &t->chat, &there, err));
    if (there) return HTH_OK;
    HTH_TRY(hth_import_json(folder, "chat_template.json", CHAT_JSON_MAX, &beside, err));
    HthStatus st = add_chat(t, json_object_get(beside, "chat_template"), err);
    json_decref(beside);
    if (st == HTH_OK && t->chat.n == 0)
        st = add_chat(t, json_object_get(settings, "chat_template"), err);
    return st;
}

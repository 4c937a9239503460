/* config.c - see config.h.
 *
 * Thread: any. */
#include "import/config.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "import/folder.h"

enum { KEY_MAX = 128, SIZE_MAX_ANY = 1 << 30 };

static uint32_t *u32_at(HthConfig *c, uint16_t field) {
    return (uint32_t *)(void *)((char *)c + field);
}
static float *f32_at(HthConfig *c, uint16_t field) {
    return (float *)(void *)((char *)c + field);
}

static const json_t *get(const json_t *at, const char *key) { /* NULL: absent or null */
    const json_t *v = json_object_get(at, key);
    return json_is_null(v) ? NULL : v;
}

/* ---- numbers ---- */

HthStatus hth_config_float(const json_t *at, const char *key, double low, double high, float *out,
                           HthErr *err) {
    const json_t *v = get(at, key);
    const double d = json_number_value(v);
    if (v == NULL) return HTH_OK;
    HTH_REQUIRE(json_is_number(v) && d >= low && d <= high, err, HTH_EFORMAT,
                "config.json: %s is no number from %g to %g", key, low, high);
    *out = (float)d;
    return HTH_OK;
}

HthStatus hth_config_u32(const json_t *at, const char *key, uint32_t high, uint32_t *out,
                         HthErr *err) {
    const json_t *v = get(at, key);
    const json_int_t n = json_integer_value(v);
    if (v == NULL) return HTH_OK;
    HTH_REQUIRE(json_is_integer(v) && n >= 0 && n <= (json_int_t)high, err, HTH_EFORMAT,
                "config.json: %s is no whole number up to %u", key, high);
    *out = (uint32_t)n;
    return HTH_OK;
}

static HthStatus read_flag(const json_t *at, const char *key, uint32_t *out, HthErr *err) {
    const json_t *v = get(at, key);
    if (v == NULL) return HTH_OK;
    HTH_REQUIRE(json_is_boolean(v), err, HTH_EFORMAT, "config.json: %s is neither true nor false",
                key);
    *out = json_is_true(v);
    return HTH_OK;
}

static HthStatus read_key(HthConfig *c, const json_t *at, const HthFamilyKey *k, HthErr *err) {
    if (k->hf == NULL) return HTH_OK;
    const bool needed = k->or_else != k->or_else;
    HTH_REQUIRE(!needed || get(at, k->hf) != NULL, err, HTH_EFORMAT,
                "config.json: there is no %s, which %s has", k->hf, c->family->name);
    if (k->type == HTH_KEY_FLOAT) {
        if (!needed) *f32_at(c, k->field) = (float)k->or_else;
        return hth_config_float(at, k->hf, 0.0, 1e15, f32_at(c, k->field), err);
    }
    if (!needed) *u32_at(c, k->field) = (uint32_t)k->or_else;
    return k->type == HTH_KEY_FLAG
               ? read_flag(at, k->hf, u32_at(c, k->field), err)
               : hth_config_u32(at, k->hf, SIZE_MAX_ANY, u32_at(c, k->field), err);
}

/* ---- what must not be ---- */

static bool is_off(const json_t *v) {
    return json_is_false(v) || (json_is_number(v) && json_number_value(v) == 0.0) ||
           (json_is_array(v) && json_array_size(v) == 0) ||
           (json_is_object(v) && json_object_size(v) == 0);
}

static bool all_full(const json_t *v) {
    bool is = json_is_array(v);
    for (size_t i = 0; is && i < json_array_size(v); i++) {
        const char *s = json_string_value(json_array_get(v, i));
        is = s != NULL && strcmp(s, "full_attention") == 0;
    }
    return is;
}

static bool met(const HthFamilyMust *m, const json_t *v) {
    const char *text = json_string_value(v);
    switch (m->kind) {
    case HTH_MUST_BE_OFF: return is_off(v);
    case HTH_MUST_BE_TEXT: return text != NULL && strcmp(text, m->text) == 0;
    case HTH_MUST_BE_ONE: return json_is_number(v) && json_number_value(v) == 1.0;
    case HTH_MUST_BE_FULL: return all_full(v);
    }
    return false;
}

static HthStatus check_musts(const HthConfig *c, const json_t *at, HthErr *err) {
    for (const HthFamilyMust *m = c->family->musts; m->key != NULL; m++) {
        const json_t *v = get(at, m->key);
        HTH_REQUIRE(v == NULL || met(m, v), err, HTH_ENOTSUP,
                    "this %s model cannot be imported: %s (%s in config.json)", c->family->name,
                    m->what, m->key);
    }
    return HTH_OK;
}

/* ---- sizes ---- */

static const struct {
    uint16_t field;
    const char *what;
    uint32_t min, max;
} bounds[] = {
    { HTH_CONFIG(n_layer), "num_hidden_layers", 1, 1024 },
    { HTH_CONFIG(n_embd), "hidden_size", 1, 1u << 20 },
    { HTH_CONFIG(n_head), "num_attention_heads", 1, 1024 },
    { HTH_CONFIG(n_head_kv), "num_key_value_heads", 1, 1024 },
    { HTH_CONFIG(head_dim), "head_dim", 2, 1024 },
    { HTH_CONFIG(n_ff), "intermediate_size", 1, 1u << 23 },
    { HTH_CONFIG(n_vocab), "vocab_size", 1, 1u << 24 },
    { HTH_CONFIG(n_ctx), "max_position_embeddings", 1, SIZE_MAX_ANY },
    { HTH_CONFIG(n_rot), "partial_rotary_factor", 2, 1024 },
    { HTH_CONFIG(period), "sliding_window_pattern", 0, 1024 },
};

/* What the family's config.json calls a field. */
static const char *name_of(const HthConfig *c, uint16_t field) {
    for (const HthFamilyKey *k = c->family->keys; k->field != 0; k++)
        if (k->field == field && k->hf != NULL) return k->hf;
    return "one of its sizes";
}

static HthStatus check_sizes(HthConfig *c, HthErr *err) {
    for (size_t i = 0; i < HTH_COUNT(bounds); i++) {
        const uint32_t v = *u32_at(c, bounds[i].field);
        HTH_REQUIRE(v >= bounds[i].min && v <= bounds[i].max, err, HTH_EFORMAT,
                    "config.json: %s is %u, or makes something so; %u to %u is possible",
                    bounds[i].what, v, bounds[i].min, bounds[i].max);
    }
    HTH_REQUIRE(c->head_dim % 2 == 0 && c->n_rot % 2 == 0 && c->n_head % c->n_head_kv == 0, err,
                HTH_EFORMAT,
                "config.json: %u heads of %u dimensions (%u rotate) cannot share %u heads of keys",
                c->n_head, c->head_dim, c->n_rot, c->n_head_kv);
    HTH_REQUIRE(c->norm_eps > 0 && c->norm_eps <= 1, err, HTH_EFORMAT,
                "config.json: %s is %g; more than 0 up to 1 is possible",
                name_of(c, HTH_CONFIG(norm_eps)), (double)c->norm_eps);
    return HTH_OK;
}

/* How much of a head rotates, as newer files say it. */
static HthStatus read_part(HthConfig *c, const json_t *at, HthErr *err) {
    bool may = false;
    HTH_TRY(hth_config_float(get(at, "rope_parameters"), "partial_rotary_factor", 0.0, 1.0,
                             &c->rot_part, err));
    for (const HthFamilyKey *k = c->family->keys; k->field != 0; k++)
        may |= k->field == HTH_CONFIG(rot_part);
    HTH_REQUIRE(may || c->rot_part == 0.0f || c->rot_part == 1.0f, err, HTH_ENOTSUP,
                "this %s model cannot be imported: only a part of its heads rotates "
                "(partial_rotary_factor in config.json)",
                c->family->name);
    return HTH_OK;
}

/* What an encoder has besides. A model that sorts texts into kinds has a score for each. */
static HthStatus read_encoder(HthConfig *c, const json_t *at, HthErr *err) {
    if (c->family->kind == HTH_FAMILY_DECODER) return HTH_OK;
    HTH_REQUIRE(c->n_type >= 1 && c->n_type <= 1u << 16, err, HTH_EFORMAT,
                "config.json: type_vocab_size is %u; 1 to 65536 is possible", c->n_type);
    if (c->family->kind != HTH_FAMILY_RANKER) return HTH_OK;
    const json_t *labels = get(at, "id2label");
    c->n_score = labels != NULL ? (uint32_t)json_object_size(labels) : 2; /* where none is named */
    HTH_TRY(hth_config_u32(at, "num_labels", SIZE_MAX_ANY, &c->n_score, err));
    HTH_REQUIRE(c->n_score == 1, err, HTH_ENOTSUP,
                "this %s model cannot be imported: it has %u scores for a text (id2label in "
                "config.json); what ranks has one",
                c->family->name, c->n_score);
    c->pooling = HTH_IMPORT_RANK;
    return HTH_OK;
}

static HthStatus derive(HthConfig *c, HthErr *err) {
    HTH_REQUIRE(c->head_dim != 0 || (c->n_head != 0 && c->n_embd % c->n_head == 0), err,
                HTH_EFORMAT, "config.json: %u heads cannot share an embedding of %u", c->n_head,
                c->n_embd);
    if (c->n_head_kv == 0) c->n_head_kv = c->n_head;
    if (c->head_dim == 0) c->head_dim = c->n_embd / c->n_head;
    if (c->rot_part == 0.0f) c->rot_part = 1.0f; /* not said */
    HTH_REQUIRE(c->rot_part <= 1.0f, err, HTH_EFORMAT,
                "config.json: partial_rotary_factor is more than 1");
    c->n_rot = (uint32_t)((double)c->head_dim * (double)c->rot_part);
    HTH_TRY(check_sizes(c, err));
    c->n_q = c->n_head * c->head_dim; /* at most 2^20 */
    c->n_kv = c->n_head_kv * c->head_dim;
    c->n_qkv = c->n_q + 2 * c->n_kv;
    c->n_gate_up = 2 * c->n_ff;
    return HTH_OK;
}

/* ---- windows ---- */

/* Which layers have one, where the config lists them: all but every period-th. */
static HthStatus read_layer_types(HthConfig *c, const json_t *at, HthErr *err) {
    const json_t *list = get(at, "layer_types");
    if (list == NULL || c->period == 0) return HTH_OK;
    HTH_REQUIRE(json_is_array(list) && json_array_size(list) == c->n_layer, err, HTH_EFORMAT,
                "config.json: layer_types does not list %u layers", c->n_layer);
    uint32_t first = c->n_layer; /* that is whole */
    for (uint32_t i = 0; i < c->n_layer; i++) {
        const char *s = json_string_value(json_array_get(list, i));
        const bool whole = s != NULL && strcmp(s, "full_attention") == 0;
        HTH_REQUIRE(whole || (s != NULL && strcmp(s, "sliding_attention") == 0), err, HTH_ENOTSUP,
                    "config.json: layer %u is neither full_attention nor sliding_attention", i);
        if (whole && first == c->n_layer) first = i;
        HTH_REQUIRE(first == c->n_layer || whole == ((i + 1) % (first + 1) == 0), err, HTH_ENOTSUP,
                    "config.json: the layers that see all (layer_types) do not come at regular "
                    "distances, which a GGUF file of %s cannot say",
                    c->family->arch);
    }
    if (first < c->n_layer)
        c->period = first + 1;
    else if (c->period <= c->n_layer)
        c->period = c->n_layer + 1; /* none sees all */
    return HTH_OK;
}

static HthStatus read_windows(HthConfig *c, const json_t *at, HthErr *err) {
    HTH_TRY(read_layer_types(c, at, err));
    HTH_REQUIRE(c->period != 1 || c->window == 0, err, HTH_ENOTSUP,
                "config.json: no layer has a window, which a GGUF file of %s cannot say",
                c->family->arch);
    if (c->period == 6) c->period = 0; /* as the format says where nothing is said */
    if (c->family->window_caps && c->window != 0 && c->window < c->n_ctx) c->n_ctx = c->window;
    if (c->attn_root == 0) return HTH_OK;
    /* One size has another divisor, and a GGUF file says so by its number of layers. */
    const bool wide = c->n_layer == 62;
    HTH_REQUIRE(wide ? (uint64_t)c->attn_root * c->n_head == c->n_embd
                     : c->attn_root == c->head_dim,
                err, HTH_ENOTSUP,
                "config.json: query_pre_attn_scalar is %u, which a GGUF file of %s cannot say of "
                "%u layers with heads of %u",
                c->attn_root, c->family->arch, c->n_layer, c->head_dim);
    return HTH_OK;
}

/* ---- all of it ---- */

static HthStatus no_such_family(HthStr name, HthErr *err) {
    char list[320] = "", shown[HTH_IMPORT_SHOWN_MAX];
    size_t n = 0;
    for (size_t i = 0; hth_family_at(i) != NULL && n < sizeof list; i++)
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "",
                              hth_family_at(i)->name);
    hth_import_shown(name, shown);
    return HTH_FAIL(err, HTH_ENOTSUP, "%.40s is not imported; these are: %s", shown, list);
}

static HthStatus find_family(HthConfig *c, const json_t *root, HthErr *err) {
    const json_t *list = get(root, "architectures");
    const json_t *first = json_array_get(list, 0);
    HTH_REQUIRE(json_array_size(list) == 1 && json_is_string(first), err, HTH_EFORMAT,
                "config.json: architectures does not name one architecture: it is not that of a "
                "model");
    const HthStr name = { json_string_value(first), json_string_length(first) };
    c->family = hth_family_find(name);
    return c->family != NULL ? HTH_OK : no_such_family(name, err);
}

static HthStatus read_all(HthConfig *c, const json_t *root, HthErr *err) {
    HTH_TRY(find_family(c, root, err));
    const json_t *at = root;
    if (c->family->nested != NULL) {
        at = get(root, c->family->nested);
        HTH_REQUIRE(json_is_object(at), err, HTH_EFORMAT, "config.json: there is no %s",
                    c->family->nested);
        HTH_TRY(check_musts(c, root, err));
    }
    HTH_TRY(check_musts(c, at, err));
    for (const HthFamilyKey *k = c->family->keys; k->field != 0; k++)
        HTH_TRY(read_key(c, at, k, err));
    HTH_TRY(read_part(c, at, err));
    HTH_TRY(derive(c, err));
    HTH_TRY(read_encoder(c, at, err));
    if (c->family->kind == HTH_FAMILY_DECODER) HTH_TRY(hth_config_rope(c, at, err));
    return read_windows(c, at, err);
}

HthStatus hth_config_read(HthConfig *out, const json_t *root, HthErr *err) {
    HthConfig c = { 0 };
    const HthStatus st = read_all(&c, root, err);
    if (st == HTH_OK)
        *out = c;
    else
        hth_config_drop(&c);
    return st;
}

void hth_config_drop(HthConfig *c) {
    hth_free(c->factors);
    hth_free(c->more);
    *c = (HthConfig){ 0 };
}

/* What becomes of a text where no next word does. */
static HthStatus write_text(const HthConfig *c, HthGgufOut *o, HthErr *err) {
    char key[KEY_MAX];
    snprintf(key, sizeof key, "%s.pooling_type", c->family->arch);
    if (c->pooling != 0) HTH_TRY(hth_gguf_out_u32(o, key, c->pooling, err));
    if (c->family->kind == HTH_FAMILY_DECODER) return HTH_OK;
    HTH_TRY(hth_gguf_out_u32(o, "tokenizer.ggml.token_type_count", c->n_type, err));
    snprintf(key, sizeof key, "%s.attention.causal", c->family->arch);
    return hth_gguf_out_bool(o, key, false, err);
}

HthStatus hth_config_write(const HthConfig *c, HthGgufOut *o, HthErr *err) {
    char key[KEY_MAX];
    for (const HthFamilyKey *k = c->family->keys; k->field != 0; k++) {
        float f = 0;
        uint32_t u = 0;
        if (k->gguf == NULL) continue;
        snprintf(key, sizeof key, "%s.%s", c->family->arch, k->gguf);
        memcpy(k->type == HTH_KEY_FLOAT ? (void *)&f : (void *)&u, (const char *)c + k->field,
               sizeof u);
        if (f != 0) HTH_TRY(hth_gguf_out_f32(o, key, f, err));
        if (u != 0) HTH_TRY(hth_gguf_out_u32(o, key, u, err));
    }
    HTH_TRY(write_text(c, o, err));
    return hth_config_rope_write(c, o, err);
}

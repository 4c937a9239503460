/* pooling.c - see pooling.h.
 *
 * Thread: any. */
#include "import/pooling.h"

#include <string.h>

enum { MODULES_MAX = 1 << 20, BESIDE_MAX = 1 << 20 };

static const json_t *get(const json_t *at, const char *key) { /* NULL: absent or null */
    const json_t *v = json_object_get(at, key);
    return json_is_null(v) ? NULL : v;
}

/* ---- modules.json ---- */

/* "sentence_transformers.models.Pooling": the last word. */
static HthStr kind_of(const json_t *module) {
    HthStr s = hth_json_text(module, "type");
    for (size_t at; (at = hth_str_find(s, HTH_STR("."))) != SIZE_MAX;)
        s = hth_str_sub(s, at + 1, SIZE_MAX);
    return s;
}

HthStatus hth_import_pooling_in(const json_t *modules, HthStr *path_out, HthErr *err) {
    /* What changes nothing, or what is done where a vector is asked for. */
    static const char *const pass[] = { "Transformer", "Normalize", "Dropout" };
    *path_out = (HthStr){ "", 0 };
    HTH_REQUIRE(json_is_array(modules), err, HTH_EFORMAT, "modules.json is no list of modules");
    for (size_t i = 0; i < json_array_size(modules); i++) {
        char shown[HTH_IMPORT_SHOWN_MAX];
        const json_t *m = json_array_get(modules, i);
        const HthStr kind = kind_of(m);
        bool passes = false;
        for (size_t k = 0; k < HTH_COUNT(pass); k++) passes |= hth_str_eq(kind, hth_str(pass[k]));
        if (passes) continue;
        hth_import_shown(kind, shown);
        HTH_REQUIRE(hth_str_eq(kind, HTH_STR("Pooling")), err, HTH_ENOTSUP,
                    "modules.json: module %zu is '%.40s', which a GGUF file cannot say", i, shown);
        HTH_REQUIRE(path_out->n == 0, err, HTH_ENOTSUP,
                    "modules.json: texts are pooled twice, which a GGUF file cannot say");
        *path_out = hth_json_text(m, "path");
        HTH_REQUIRE(path_out->n > 0, err, HTH_EFORMAT, "modules.json: module %zu has no path", i);
    }
    return HTH_OK;
}

/* ---- the config of a pooling ---- */

/* Newer files name one; older ones have a flag for each there is. */
static const struct {
    const char *name, *flag;
    uint32_t is; /* 0: none that a GGUF file has */
} modes[] = {
    { "mean", "pooling_mode_mean_tokens", HTH_IMPORT_MEAN },
    { "cls", "pooling_mode_cls_token", HTH_IMPORT_FIRST },
    { "lasttoken", "pooling_mode_lasttoken", HTH_IMPORT_LAST },
    { "max", "pooling_mode_max_tokens", 0 },
    { "mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens", 0 },
    { "weightedmean", "pooling_mode_weightedmean_tokens", 0 },
};

HthStatus hth_import_pooling_of(const json_t *config, uint32_t n_embd, uint32_t *out, HthErr *err) {
    const HthStr named = hth_json_text(config, "pooling_mode");
    uint32_t dim = n_embd, is = 0;
    size_t count = 0;
    for (size_t i = 0; i < HTH_COUNT(modes); i++) {
        const bool said = named.n > 0 ? hth_str_eq(named, hth_str(modes[i].name))
                                      : json_is_true(get(config, modes[i].flag));
        if (!said) continue;
        count++;
        is = modes[i].is;
        HTH_REQUIRE(is != 0, err, HTH_ENOTSUP,
                    "texts are pooled by '%s' (1_Pooling), which a GGUF file cannot say",
                    modes[i].name);
    }
    HTH_REQUIRE(count == 1, err, HTH_ENOTSUP,
                "the folder's pooling names %zu ways that are known; one, of mean, cls and "
                "lasttoken, a GGUF file can say",
                count);
    HTH_TRY(hth_config_u32(config, "word_embedding_dimension", 1u << 20, &dim, err));
    HTH_REQUIRE(dim == n_embd, err, HTH_EFORMAT,
                "the folder pools vectors of %u numbers, and the model's have %u", dim, n_embd);
    HTH_REQUIRE(get(config, "include_prompt") == NULL ||
                    json_is_true(get(config, "include_prompt")),
                err, HTH_ENOTSUP,
                "the folder's pooling leaves prompts out (include_prompt), which a GGUF file "
                "cannot say");
    *out = is;
    return HTH_OK;
}

/* ---- the folder ---- */

/* A list, which other files of the folder are not. */
static HthStatus read_modules(const HthImportFolder *f, json_t **out, HthErr *err) {
    HthErr why = { 0 };
    HthBuf text;
    bool there = false;
    hth_buf_init(&text, MODULES_MAX);
    HthStatus st = hth_import_text(f, "modules.json", &text, &there, err);
    if (st == HTH_OK && there) {
        st = hth_json_parse(out, hth_buf_str(&text), MODULES_MAX, &why);
        if (st != HTH_OK) st = HTH_FAIL(err, st, "modules.json: %.150s", why.text);
    }
    hth_buf_drop(&text);
    return st;
}

static HthStatus read_pooling(HthConfig *c, const HthImportFolder *f, HthStr path, HthErr *err) {
    char shown[HTH_IMPORT_SHOWN_MAX];
    HthImportFolder inner;
    json_t *config = NULL;
    bool there;
    if (path.n == 0) return HTH_OK;
    hth_import_shown(path, shown);
    HTH_TRY(hth_import_inner(&inner, f, path, &there, err));
    if (there) HTH_TRY(hth_import_json(&inner, "config.json", BESIDE_MAX, &config, err));
    HTH_REQUIRE(config != NULL, err, HTH_EFORMAT,
                "modules.json names a pooling in %s, and there is no config.json", shown);
    const HthStatus st = hth_import_pooling_of(config, c->n_embd, &c->pooling, err);
    json_decref(config);
    return st;
}

static HthStatus read_beside(HthConfig *c, const HthImportFolder *f, HthErr *err) {
    json_t *v = NULL;
    HTH_TRY(hth_import_json(f, "sentence_bert_config.json", BESIDE_MAX, &v, err));
    const HthStatus st = hth_config_u32(v, "max_seq_length", 1u << 30, &c->cut, err);
    c->lower = json_is_true(get(v, "do_lower_case"));
    json_decref(v);
    return st;
}

HthStatus hth_import_pooling(HthConfig *c, const HthImportFolder *folder, HthErr *err) {
    json_t *modules = NULL;
    HthStr path;
    if (c->family->kind == HTH_FAMILY_RANKER) return HTH_OK;
    HTH_TRY(read_modules(folder, &modules, err));
    if (modules == NULL) return HTH_OK;
    HthStatus st = hth_import_pooling_in(modules, &path, err);
    if (st == HTH_OK) st = read_pooling(c, folder, path, err);
    json_decref(modules);
    return st == HTH_OK ? read_beside(c, folder, err) : st;
}

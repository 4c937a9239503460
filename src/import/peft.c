/* peft.c - see peft.h.
 *
 * Names are those that PEFT writes: the module's path in the model, behind "base_model.model.".
 *
 * Thread: any. */
#include "import/peft.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "import/folder.h"

enum { RANK_MAX = 4096, LAYERS_MAX = 1024, NAME_MAX_LEN = 160 };

/* ---- adapter_config.json -------------------------------------------------------------------- */

static bool is_off(const json_t *v) {
    if (!v || json_is_null(v) || json_is_false(v)) return true;
    if (json_is_string(v)) return json_string_length(v) == 0;
    if (json_is_array(v)) return json_array_size(v) == 0;
    if (json_is_object(v)) return json_object_size(v) == 0;
    return json_is_number(v) && json_number_value(v) == 0;
}

static const struct {
    const char *key, *what;
} offs[] = {
    { "use_dora", "its columns have lengths of their own (DoRA)" },
    { "fan_in_fan_out", "its matrices lie the other way round" },
    { "lora_bias", "it has biases" },
    { "modules_to_save", "it replaces some of the model's matrices" },
    { "alpha_pattern", "its strength is not the same everywhere" },
    { "layer_replication", "it repeats layers" },
    { "trainable_token_indices", "it replaces rows of the embedding" },
    { "target_parameters", "it changes other parameters than matrices of modules" },
    { "megatron_config", "it is cut in parts" },
    { "arrow_config", "it chooses among adapters" },
};

/* Adapters whose first values were taken out of the model's matrices fit a model changed so. */
static HthStatus check_start(const json_t *v, HthErr *err) {
    static const char *const fine[] = { "gaussian", "eva", "orthogonal" };
    bool ok = !v || json_is_null(v) || json_is_boolean(v);
    for (size_t i = 0; !ok && i < HTH_COUNT(fine); i++)
        ok = json_is_string(v) && strcmp(json_string_value(v), fine[i]) == 0;
    HTH_REQUIRE(
        ok, err, HTH_ENOTSUP,
        "adapter_config.json: init_lora_weights: it was begun with numbers taken out of the "
        "model's, which would have to be changed, too; convert it with PEFT first");
    return HTH_OK;
}

HthStatus hth_peft_read(HthPeft *out, const json_t *c, HthErr *err) {
    const json_t *alpha = json_object_get(c, "lora_alpha"), *bias = json_object_get(c, "bias");
    const json_t *type = json_object_get(c, "peft_type"), *root = json_object_get(c, "use_rslora");
    HTH_REQUIRE(json_is_string(type) && strcmp(json_string_value(type), "LORA") == 0, err,
                HTH_ENOTSUP, "adapter_config.json: peft_type is not LORA");
    for (size_t i = 0; i < HTH_COUNT(offs); i++)
        HTH_REQUIRE(is_off(json_object_get(c, offs[i].key)), err, HTH_ENOTSUP,
                    "adapter_config.json: %s: %s, which a GGUF adapter cannot say", offs[i].key,
                    offs[i].what);
    HTH_REQUIRE(is_off(bias) ||
                    (json_is_string(bias) && strcmp(json_string_value(bias), "none") == 0),
                err, HTH_ENOTSUP,
                "adapter_config.json: bias: it changes biases, which a GGUF "
                "adapter cannot say");
    HTH_TRY(check_start(json_object_get(c, "init_lora_weights"), err));
    const double value = json_number_value(alpha);
    HTH_REQUIRE(json_is_number(alpha) && fabs(value) <= 1e9 && value != 0, err, HTH_EFORMAT,
                "adapter_config.json: lora_alpha is no number, 0, or too large");
    HTH_REQUIRE(!root || json_is_null(root) || json_is_boolean(root), err, HTH_EFORMAT,
                "adapter_config.json: use_rslora is neither true nor false");
    *out = (HthPeft){ .alpha = (float)value, .root = json_is_true(root) };
    return HTH_OK;
}

/* ---- names ---------------------------------------------------------------------------------- */

/* A tensor of the file, and where it belongs. */
typedef struct Half {
    uint64_t order; /* of the matrix: the tables' */
    const HthFamilyTensor *row;
    uint32_t layer;
    const HthSafeTensor *t;
    bool b, lookup;
} Half;

static bool take(HthStr *s, const char *head) {
    const HthStr h = hth_str(head);
    if (!hth_str_starts(*s, h)) return false;
    *s = hth_str_sub(*s, h.n, SIZE_MAX);
    return true;
}

/* "model.layers.3.mlp.up_proj" of a name, and which half it is. */
static bool split(HthStr name, HthStr *module, Half *h) {
    static const struct {
        const char *tail;
        bool b, lookup;
    } tails[] = { { ".lora_A.weight", false, false },
                  { ".lora_B.weight", true, false },
                  { ".lora_embedding_A", false, true },
                  { ".lora_embedding_B", true, true } };
    if (!take(&name, "base_model.model.")) return false;
    for (size_t i = 0; i < HTH_COUNT(tails); i++) {
        const HthStr tail = hth_str(tails[i].tail);
        if (!hth_str_ends(name, tail)) continue;
        *module = hth_str_sub(name, 0, name.n - tail.n);
        h->b = tails[i].b;
        h->lookup = tails[i].lookup;
        return true;
    }
    return false;
}

/* The row of a table that is this module's matrix; NULL: none. */
static const HthFamilyTensor *find_row(const HthFamilyTensor *rows, HthStr module, uint32_t layer,
                                       uint64_t *at) {
    char want[NAME_MAX_LEN];
    for (const HthFamilyTensor *row = rows; row->hf; row++) {
        const char *mark = strstr(row->hf, "%u");
        const size_t head = mark ? (size_t)(mark - row->hf) : strlen(row->hf);
        if (row->cols == 0) continue; /* a vector */
        snprintf(want, sizeof want, mark ? "%.*s%u%s" : "%.*s", (int)head, row->hf, layer,
                 mark ? mark + 2 : "");
        const HthStr name = hth_str(want), weight = HTH_STR(".weight");
        *at = (uint64_t)(row - rows);
        if (hth_str_ends(name, weight) &&
            hth_str_eq(hth_str_sub(name, 0, name.n - weight.n), module))
            return row;
    }
    return NULL;
}

static uint32_t layer_of(HthStr module) {
    uint64_t n = 0;
    if (!take(&module, "layers.")) return LAYERS_MAX;
    const size_t end = hth_str_find(module, HTH_STR("."));
    return hth_str_u64(hth_str_sub(module, 0, end), &n) && n < LAYERS_MAX ? (uint32_t)n
                                                                          : LAYERS_MAX;
}

/* In one family, behind one of its prefixes. */
static bool find_in(const HthFamily *f, HthStr module, Half *h) {
    for (const char *const *prefix = f->prefixes; *prefix; prefix++) {
        HthStr rest = module;
        uint64_t at;
        if (!take(&rest, *prefix)) continue;
        const uint32_t layer = layer_of(rest);
        h->layer = layer;
        if (layer < LAYERS_MAX && (h->row = find_row(f->layer, rest, layer, &at))) {
            h->order = ((uint64_t)layer + 1) << 16 | at;
            return true;
        }
        if ((h->row = find_row(f->ends, rest, 0, &at))) {
            h->order = at;
            return true;
        }
    }
    h->row = find_row(f->ends, module, 0, &h->order); /* lm_head has none */
    return h->row && hth_str_eq(module, HTH_STR("lm_head"));
}

static HthStatus place(Half *h, const HthSafeTensor *t, const char *arch, HthErr *err) {
    HthStr module;
    char shown[HTH_IMPORT_SHOWN_MAX];
    h->t = t;
    bool known = split(t->name, &module, h), found = false;
    for (size_t i = 0; known && !found && hth_family_at(i); i++)
        if (strcmp(hth_family_at(i)->arch, arch) == 0) found = find_in(hth_family_at(i), module, h);
    hth_import_shown(t->name, shown);
    HTH_REQUIRE(
        known, err, HTH_ENOTSUP,
        "tensor '%s' is neither lora_A nor lora_B of a module: the adapter without it would "
        "be another one",
        shown);
    HTH_REQUIRE(found, err, HTH_EINVAL,
                "tensor '%s': the architecture %s has no such matrix; is the adapter for another "
                "model?",
                shown, arch);
    HTH_REQUIRE(h->lookup == (strcmp(h->row->gguf, "token_embd.weight") == 0), err, HTH_ENOTSUP,
                "tensor '%s' changes an embedding as a matrix, or a matrix as an embedding", shown);
    return HTH_OK;
}

/* ---- pairs ---------------------------------------------------------------------------------- */

static int by_order(const void *a, const void *b) {
    const Half *x = a, *y = b;
    if (x->order != y->order) return x->order < y->order ? -1 : 1;
    return (int)x->b - (int)y->b;
}

static HthStatus heads_of(const HthGguf *base, const HthPair *p, const char *arch, uint32_t *heads,
                          HthErr *err) {
    char key[96];
    *heads = 0;
    if (p->row->how != HTH_TENSOR_HEADS_Q && p->row->how != HTH_TENSOR_HEADS_K) return HTH_OK;
    snprintf(key, sizeof key, "%s.attention.head_count", arch);
    HTH_TRY(hth_gguf_u32(base, key, heads, err));
    snprintf(key, sizeof key, "%s.attention.head_count_kv", arch);
    if (p->row->how == HTH_TENSOR_HEADS_K && hth_gguf_find(base, key))
        HTH_TRY(hth_gguf_u32(base, key, heads, err));
    HTH_REQUIRE(*heads > 0 && p->rows % *heads == 0 && p->rows / *heads % 2 == 0, err, HTH_EFORMAT,
                "%s: %u rows are not %u heads of an even size", p->name, p->rows, *heads);
    return HTH_OK;
}

static bool is_matrix(const HthSafeTensor *t, uint64_t rows, uint64_t cols) {
    return t->n_dims == 2 && t->dims[0] == rows && t->dims[1] == cols;
}

static HthStatus check_type(const HthSafeTensor *t, HthErr *err) {
    char shown[HTH_IMPORT_SHOWN_MAX];
    hth_import_shown(t->name, shown);
    HTH_REQUIRE(t->fmt && t->fmt->block_len == 1 && t->fmt->dequant && t->fmt->quant, err,
                HTH_ENOTSUP, "tensor '%s' is of type %.20s, and F32, F16 and BF16 are imported",
                shown, t->type);
    return HTH_OK;
}

/* Its shape is what the model's tensor calls for. */
static HthStatus pair_up(HthPair *p, const Half *a, const Half *b, const HthGguf *base,
                         const char *arch, HthErr *err) {
    *p = (HthPair){ .row = a->row, .layer = a->layer, .a = a->t, .b = b->t, .lookup = a->lookup };
    const char *mark = strstr(p->row->gguf, "%u");
    snprintf(p->name, sizeof p->name, mark ? "%.*s%u%s" : "%.*s",
             mark ? (int)(mark - p->row->gguf) : (int)strlen(p->row->gguf), p->row->gguf, p->layer,
             mark ? mark + 2 : "");
    const HthGgufTensor *t = hth_gguf_tensor(base, hth_str(p->name));
    const bool tied = !t && strcmp(p->name, "output.weight") == 0;
    if (tied) t = hth_gguf_tensor(base, HTH_STR("token_embd.weight"));
    HTH_REQUIRE(t && t->n_dims == 2 && t->ne[0] <= UINT32_MAX && t->ne[1] <= UINT32_MAX, err,
                HTH_EINVAL, "the model has no matrix %s; is the adapter for another one?", p->name);
    HTH_TRY(check_type(p->a, err));
    HTH_TRY(check_type(p->b, err));
    p->cols = (uint32_t)t->ne[0];
    p->rows = (uint32_t)t->ne[1];
    const uint64_t rank = p->b->n_dims == 2 ? p->b->dims[1] : 0;
    const bool fits = p->lookup ? is_matrix(p->a, rank, p->rows) && is_matrix(p->b, p->cols, rank)
                                : is_matrix(p->a, rank, p->cols) && is_matrix(p->b, p->rows, rank);
    HTH_REQUIRE(fits && rank >= 1 && rank <= RANK_MAX, err, HTH_EINVAL,
                "%s: lora_A and lora_B are not [r][%u] and [%u][r] with r from 1 to %d; is the "
                "adapter for another model?",
                p->name, p->lookup ? p->rows : p->cols, p->lookup ? p->cols : p->rows, RANK_MAX);
    p->rank = (uint32_t)rank;
    return heads_of(base, p, arch, &p->heads, err);
}

static HthStatus pair_all(HthPairs *out, const Half *halves, size_t n, const HthGguf *base,
                          HthErr *err) {
    for (size_t i = 0; i < n; i += 2) {
        const Half *a = &halves[i], *b = i + 1 < n ? &halves[i + 1] : a;
        char shown[HTH_IMPORT_SHOWN_MAX];
        hth_import_shown(a->t->name, shown);
        HTH_REQUIRE(a->order == b->order && !a->b && b->b, err, HTH_EFORMAT,
                    "tensor '%s' is half of a pair, or there twice", shown);
        HthPair *p = &out->pairs[out->count];
        HTH_TRY(pair_up(p, a, b, base, out->arch, err));
        if (out->count++ == 0 || p->rank < out->rank_min) out->rank_min = p->rank;
        if (p->rank > out->rank_max) out->rank_max = p->rank;
    }
    return HTH_OK;
}

/* Its name lives as long as the tables. */
static HthStatus find_arch(HthPairs *out, const HthGguf *base, HthErr *err) {
    HthStr arch;
    char shown[HTH_IMPORT_SHOWN_MAX];
    HTH_TRY(hth_gguf_str(base, "general.architecture", &arch, err));
    for (size_t i = 0; hth_family_at(i) && !out->arch; i++)
        if (hth_str_eq(arch, hth_str(hth_family_at(i)->arch))) out->arch = hth_family_at(i)->arch;
    hth_import_shown(arch, shown);
    HTH_REQUIRE(out->arch, err, HTH_ENOTSUP,
                "adapters for models of the architecture %s are not imported from safetensors; "
                "convert it to GGUF elsewhere",
                shown);
    return HTH_OK;
}

HthStatus hth_peft_pairs(HthPairs *out, const HthSafe *file, const HthGguf *base, HthErr *err) {
    HthPairs p = { 0 };
    const size_t n = hth_safe_count(file);
    HTH_TRY(find_arch(&p, base, err));
    HTH_REQUIRE(n > 0, err, HTH_EFORMAT, "adapter_model.safetensors has no tensors");
    Half *halves = hth_calloc(n, sizeof *halves);
    p.pairs = hth_calloc(n / 2 + 1, sizeof *p.pairs);
    HthStatus st = halves && p.pairs ? HTH_OK : HTH_FAIL(err, HTH_ENOMEM, "out of memory");
    for (size_t i = 0; i < n && st == HTH_OK; i++)
        st = place(&halves[i], hth_safe_at(file, i), p.arch, err);
    if (st == HTH_OK) qsort(halves, n, sizeof *halves, by_order);
    if (st == HTH_OK) st = pair_all(&p, halves, n, base, err);
    hth_free(halves);
    if (st == HTH_OK)
        *out = p;
    else
        hth_peft_drop(&p);
    return st;
}

void hth_peft_drop(HthPairs *p) {
    hth_free(p->pairs);
    *p = (HthPairs){ 0 };
}

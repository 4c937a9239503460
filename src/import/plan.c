/* plan.c - see plan.h.
 *
 * Thread: any. */
#include "import/plan.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"

enum { HF_NAME_MAX = 128 };

typedef struct Planner {
    HthImportPlan *p;
    const HthConfig *c;
    const HthWeights *w;
    const HthFmt *to;
    const char *prefix; /* of the names of the model's tensors */
    bool *used; /* [tensors of w] */
    size_t room; /* of p->tensors */
    HthErr *err;
} Planner;

static uint64_t field(const HthConfig *c, uint16_t at) {
    uint32_t v;
    memcpy(&v, (const char *)c + at, sizeof v);
    return v;
}

/* prefix and pattern, with the layer for its %u. */
static HthStr fill(char *out, size_t n, const char *prefix, const char *pattern, uint32_t layer) {
    const char *at = strstr(pattern, "%u");
    const int len = at != NULL ? snprintf(out, n, "%s%.*s%u%s", prefix, (int)(at - pattern),
                                          pattern, layer, at + 2)
                               : snprintf(out, n, "%s%s", prefix, pattern);
    HTH_ASSERT(len > 0 && (size_t)len < n);
    return (HthStr){ out, (size_t)len };
}

static HthStatus add(Planner *l, const HthImportTensor *t) {
    HthImportPlan *p = l->p;
    if (p->count == l->room) {
        const size_t room = l->room ? 2 * l->room : 64;
        HthImportTensor *more = hth_realloc(p->tensors, room, sizeof *more);
        HTH_REQUIRE(more != NULL, l->err, HTH_ENOMEM, "out of memory");
        p->tensors = more;
        l->room = room;
    }
    const uint64_t n = t->rows * t->cols; /* bounded sizes: at most 2^44 */
    p->tensors[p->count++] = *t;
    p->weights += n;
    p->bytes += n * t->to->block_bytes;
    return HTH_OK;
}

/* ---- one tensor ---- */

static HthStatus check_shape(const Planner *l, const HthSafeTensor *s, const HthImportTensor *t) {
    char shown[HTH_IMPORT_SHOWN_MAX], is[64] = "";
    size_t n = 0;
    const bool same = s->n_dims == (t->vector ? 1u : 2u) && s->dims[0] == t->rows &&
                      (t->vector || s->dims[1] == t->cols);
    if (same) return HTH_OK;
    for (uint32_t i = 0; i < s->n_dims && n < sizeof is; i++)
        n += (size_t)snprintf(is + n, sizeof is - n, "%s%llu", i ? " x " : "",
                              (unsigned long long)s->dims[i]);
    hth_import_shown(s->name, shown);
    if (t->vector)
        return HTH_FAIL(l->err, HTH_EFORMAT, "tensor '%s' is %s; config.json calls for %llu", shown,
                        is, (unsigned long long)t->rows);
    return HTH_FAIL(l->err, HTH_EFORMAT, "tensor '%s' is %s; config.json calls for %llu x %llu",
                    shown, is, (unsigned long long)t->rows, (unsigned long long)t->cols);
}

static bool wanted(const HthConfig *c, HthTensorWhen when) {
    switch (when) {
    case HTH_TENSOR_ALWAYS: return true;
    case HTH_TENSOR_UNTIED: return c->tied == 0;
    case HTH_TENSOR_ATTN_BIAS: return c->attn_bias != 0;
    case HTH_TENSOR_MLP_BIAS: return c->mlp_bias != 0;
    case HTH_TENSOR_BESIDE: return true;
    }
    return false;
}

/* Old files say gamma and beta of norms. */
static size_t find(const Planner *l, HthStr name) {
    static const char *const names[][2] = { { "LayerNorm.weight", "LayerNorm.gamma" },
                                            { "LayerNorm.bias", "LayerNorm.beta" } };
    char old[HF_NAME_MAX];
    const size_t at = hth_weights_find(l->w, name);
    for (size_t i = 0; at == hth_weights_count(l->w) && i < HTH_COUNT(names); i++) {
        if (!hth_str_ends(name, hth_str(names[i][0]))) continue;
        const size_t stem = name.n - strlen(names[i][0]);
        const int n = snprintf(old, sizeof old, "%.*s%s", (int)stem, name.p, names[i][1]);
        HTH_ASSERT(n > 0 && (size_t)n < sizeof old); /* nothing gets longer */
        return hth_weights_find(l->w, (HthStr){ old, (size_t)n });
    }
    return at;
}

static HthStatus add_row(Planner *l, const HthFamilyTensor *row, uint32_t layer) {
    char name[HF_NAME_MAX], shown[HTH_IMPORT_SHOWN_MAX];
    const HthConfig *c = l->c;
    if (!wanted(c, row->when)) return HTH_OK;
    const bool beside = row->when == HTH_TENSOR_UNTIED || row->when == HTH_TENSOR_BESIDE;
    const HthStr hf = fill(name, sizeof name, beside ? "" : l->prefix, row->hf, layer);
    HthImportTensor t = { .from = find(l, hf),
                          .rows = field(c, row->rows),
                          .cols = row->cols != 0 ? field(c, row->cols) : 1,
                          .vector = row->cols == 0,
                          .how = row->how,
                          .heads = row->how == HTH_TENSOR_HEADS_K ? c->n_head_kv : c->n_head };
    fill(t.name, sizeof t.name, "", row->gguf, layer);
    hth_import_shown(hf, shown);
    HTH_REQUIRE(t.from < hth_weights_count(l->w), l->err, HTH_EFORMAT,
                "the model has no tensor '%s', which %s needs", shown, c->family->name);
    const HthSafeTensor *s = hth_weights_at(l->w, t.from);
    HTH_REQUIRE(s->fmt != NULL, l->err, HTH_ENOTSUP,
                "tensor '%s' is of type %s; hearth imports F32, F16 and BF16", shown, s->type);
    HTH_TRY(check_shape(l, s, &t));
    const bool floats = t.vector || t.how == HTH_TENSOR_FLOATS;
    t.to = floats ? hth_fmt_by_name("F32") : l->to != NULL ? l->to : s->fmt;
    l->used[t.from] = true;
    return add(l, &t);
}

static HthStatus add_numbers(Planner *l, const char *name, const float *numbers) {
    HthImportTensor t = { .numbers = numbers,
                          .rows = l->c->n_rot / 2,
                          .cols = 1,
                          .vector = true,
                          .to = hth_fmt_by_name("F32") };
    if (numbers == NULL) return HTH_OK;
    fill(t.name, sizeof t.name, "", name, 0);
    return add(l, &t);
}

/* ---- all of them ---- */

static HthStatus find_prefix(Planner *l) {
    char name[HF_NAME_MAX];
    const char *first = l->c->family->ends[0].hf;
    for (const char *const *p = l->c->family->prefixes; *p != NULL; p++) {
        l->prefix = *p;
        if (hth_weights_find(l->w, fill(name, sizeof name, *p, first, 0)) < hth_weights_count(l->w))
            return HTH_OK;
    }
    return HTH_FAIL(l->err, HTH_EFORMAT, "the model has no tensor '%s%s', with which %s begins",
                    l->c->family->prefixes[0], first, l->c->family->name);
}

/* What programs of old wrote beside the weights, and the output matrix that is the embedding. */
static bool of_no_use(const HthConfig *c, HthStr name) {
    const bool head = hth_str_eq(name, HTH_STR("lm_head.weight")) ||
                      hth_str_eq(name, HTH_STR("language_model.lm_head.weight"));
    return hth_str_ends(name, HTH_STR(".rotary_emb.inv_freq")) ||
           hth_str_ends(name, HTH_STR("embeddings.position_ids")) || (c->tied != 0 && head);
}

static HthStatus check_rest(Planner *l) {
    for (size_t i = 0; i < hth_weights_count(l->w); i++) {
        char shown[HTH_IMPORT_SHOWN_MAX];
        const HthStr name = hth_weights_at(l->w, i)->name;
        bool other = false;
        for (const char *const *p = l->c->family->others; *p != NULL; p++)
            other |= hth_str_starts(name, hth_str(*p));
        l->p->left_out += other;
        if (other || l->used[i] || of_no_use(l->c, name)) continue;
        hth_import_shown(name, shown);
        return HTH_FAIL(l->err, HTH_ENOTSUP,
                        "tensor '%s' is none that %s has: left out, the model would be another",
                        shown, l->c->family->name);
    }
    return HTH_OK;
}

static HthStatus plan(Planner *l) {
    const HthFamily *f = l->c->family;
    const bool is_long = l->c->more != NULL;
    HTH_TRY(find_prefix(l));
    for (const HthFamilyTensor *t = f->ends; t->hf != NULL; t++) HTH_TRY(add_row(l, t, 0));
    HTH_TRY(
        add_numbers(l, is_long ? "rope_factors_long.weight" : "rope_freqs.weight", l->c->factors));
    HTH_TRY(add_numbers(l, "rope_factors_short.weight", l->c->more));
    for (uint32_t i = 0; i < l->c->n_layer; i++)
        for (const HthFamilyTensor *t = f->layer; t->hf != NULL; t++) HTH_TRY(add_row(l, t, i));
    return check_rest(l);
}

HthStatus hth_plan_read(HthImportPlan *out, const HthConfig *c, const HthWeights *w,
                        const HthFmt *to, HthErr *err) {
    HthImportPlan p = { 0 };
    Planner l = { .p = &p, .c = c, .w = w, .to = to, .err = err };
    l.used = hth_calloc(hth_weights_count(w), sizeof *l.used);
    HTH_REQUIRE(l.used != NULL, err, HTH_ENOMEM, "out of memory");
    const HthStatus st = plan(&l);
    hth_free(l.used);
    if (st == HTH_OK)
        *out = p;
    else
        hth_plan_drop(&p);
    return st;
}

void hth_plan_drop(HthImportPlan *p) {
    hth_free(p->tensors);
    *p = (HthImportPlan){ 0 };
}

HthStatus hth_plan_declare(const HthImportPlan *p, HthGgufOut *o, HthErr *err) {
    for (size_t i = 0; i < p->count; i++) {
        const HthImportTensor *t = &p->tensors[i];
        const uint64_t ne[2] = { t->vector ? t->rows : t->cols, t->rows };
        HTH_TRY(hth_gguf_out_tensor(o, hth_str(t->name), t->to, t->vector ? 1 : 2, ne, err));
    }
    return HTH_OK;
}

uint32_t hth_plan_file_type(const HthImportPlan *p) {
    static const struct {
        const char *name;
        uint32_t type;
    } types[] = { { "F32", 0 }, { "F16", 1 }, { "BF16", 32 } };
    uint64_t most = 0;
    uint32_t is = 0;
    for (size_t k = 0; k < HTH_COUNT(types); k++) {
        uint64_t bytes = 0;
        for (size_t i = 0; i < p->count; i++) {
            const HthImportTensor *t = &p->tensors[i];
            if (!t->vector && strcmp(t->to->name, types[k].name) == 0)
                bytes += t->rows * t->cols * t->to->block_bytes;
        }
        if (bytes > most) {
            most = bytes;
            is = types[k].type;
        }
    }
    return is;
}

/* tiny_adapter.h - random LoRA adapters for tiny models, a model for them, and the models they
 * would be merged into.
 *
 * Uses the reader of GGUF files, and nothing else of the engine.
 *
 * Thread: one owner. */
#ifndef HTH_TESTS_TINY_ADAPTER_H
#define HTH_TESTS_TINY_ADAPTER_H

#include "gguf/gguf.h"
#include "support/tiny.h"

/* The model of tests that need any: queries of 4 heads of 8; 40 tokens. */
static const Tiny tiny_adapted = { .arch = "llama",
                                   .layers = 2,
                                   .embd = 32,
                                   .heads = 4,
                                   .kv_heads = 2,
                                   .ff = 48,
                                   .vocab = 40,
                                   .ctx = 64,
                                   .seed = 4 };

typedef struct TinyAdapter {
    uint32_t rank;
    float alpha;
    double spread; /* of B */
    uint64_t seed;
    const char *fmt; /* of its tensors; NULL: F32 */
    const char *only; /* NULL, or what a changed tensor's name has in it */
    /* Spoiling the file on purpose: */
    const char *skip; /* this key or tensor is left out */
    const char *arch; /* another architecture */
    const char *type, *kind; /* another general.type, adapter.type */
    const char *wrong; /* this tensor is one longer: ne[wrong_dim] */
    uint32_t wrong_dim;
    const char *rename, *to; /* this tensor has another name */
    const char *nan; /* this tensor has a value that is no number */
    const char *extra; /* one more string key */
} TinyAdapter;

static inline void tiny_adapter_str(TinyOut *o, const TinyAdapter *a, const char *key,
                                    const char *v) {
    if (a->skip && strcmp(key, a->skip) == 0) return;
    tiny_str(&o->meta, key);
    tiny_u32(&o->meta, 8);
    tiny_str(&o->meta, v);
    o->kvs++;
}

static inline void tiny_adapter_tensor(TinyOut *o, const TinyAdapter *a, const char *base,
                                       const char *suffix, const uint64_t ne_in[3], double spread) {
    char name[160];
    uint64_t ne[3] = { ne_in[0], ne_in[1], ne_in[2] };
    snprintf(name, sizeof name, "%s%s", base, suffix);
    if (a->skip && strcmp(name, a->skip) == 0) return;
    if (a->wrong && strcmp(name, a->wrong) == 0) ne[a->wrong_dim]++;
    const HthFmt *fmt = hth_fmt_by_name(a->fmt ? a->fmt : "F32");
    const size_t n = (size_t)(ne[0] * ne[1] * ne[2]), bytes = hth_fmt_row_bytes(fmt, n);
    float *v = hth_calloc(n, sizeof *v);
    uint8_t *out = hth_calloc(bytes, 1);
    HTH_ASSERT(v && out);
    for (size_t i = 0; i < n; i++)
        v[i] = (float)((hth_rng_f64(a->seed, tiny_hash(name), i) * 2 - 1) * spread);
    if (a->nan && strcmp(name, a->nan) == 0) v[n / 2] = NAN;
    fmt->quant(v, out, n);
    while (o->data.n % 32) tiny_put(&o->data, "", 1);
    const bool other = a->rename && strcmp(name, a->rename) == 0;
    tiny_str(&o->info, other ? a->to : name);
    tiny_u32(&o->info, ne[2] > 1 ? 3 : 2);
    for (uint32_t d = 0; d < (ne[2] > 1 ? 3u : 2u); d++) tiny_u64(&o->info, ne[d]);
    tiny_u32(&o->info, fmt->id);
    tiny_u64(&o->info, o->data.n);
    o->tensors++;
    tiny_put(&o->data, out, bytes);
    hth_free(v);
    hth_free(out);
}

/* Every tensor of g that `may` says can be changed; out is the caller's to drop. */
static inline void tiny_adapter(HthBuf *out, const HthGguf *g, const TinyAdapter *a,
                                bool (*may)(void *ctx, const HthGgufTensor *t), void *ctx) {
    TinyOut o = { 0 };
    HthStr arch;
    char text[64];
    hth_buf_init(out, TINY_MAX);
    hth_buf_init(&o.meta, TINY_MAX);
    hth_buf_init(&o.info, TINY_MAX);
    hth_buf_init(&o.data, TINY_MAX);
    HTH_ASSERT(hth_gguf_str(g, "general.architecture", &arch, NULL) == HTH_OK);
    snprintf(text, sizeof text, "%.*s", HTH_STR_ARG(arch));
    tiny_adapter_str(&o, a, "general.type", a->type ? a->type : "adapter");
    tiny_adapter_str(&o, a, "general.architecture", a->arch ? a->arch : text);
    tiny_adapter_str(&o, a, "adapter.type", a->kind ? a->kind : "lora");
    if (a->extra) tiny_adapter_str(&o, a, a->extra, "x");
    if (!a->skip || strcmp(a->skip, "adapter.lora.alpha") != 0) {
        tiny_str(&o.meta, "adapter.lora.alpha");
        tiny_u32(&o.meta, 6);
        tiny_put(&o.meta, &a->alpha, 4);
        o.kvs++;
    }
    for (size_t i = 0; i < hth_gguf_tensor_count(g); i++) {
        const HthGgufTensor *t = hth_gguf_tensor_at(g, i);
        char name[128];
        snprintf(name, sizeof name, "%.*s", HTH_STR_ARG(t->name));
        if (!may(ctx, t) || (a->only && !strstr(name, a->only))) continue;
        const bool embed = strcmp(name, "token_embd.weight") == 0;
        const uint64_t r = a->rank;
        const uint64_t down[3] = { embed ? r : t->ne[0], embed ? t->ne[1] : r, t->ne[2] };
        const uint64_t up[3] = { r, embed ? t->ne[0] : t->ne[1], t->ne[2] };
        tiny_adapter_tensor(&o, a, name, ".lora_a", down,
                            embed ? 0.5 : 1.0 / sqrt((double)t->ne[0]));
        tiny_adapter_tensor(&o, a, name, ".lora_b", up, a->spread);
    }
    tiny_put(out, "GGUF", 4);
    tiny_u32(out, 3);
    tiny_u64(out, o.tensors);
    tiny_u64(out, o.kvs);
    tiny_put(out, o.meta.p, o.meta.n);
    tiny_put(out, o.info.p, o.info.n);
    while (out->n % 32) tiny_put(out, "", 1);
    while (o.data.n % 32) tiny_put(&o.data, "", 1);
    tiny_put(out, o.data.p, o.data.n);
    hth_buf_drop(&o.meta);
    hth_buf_drop(&o.info);
    hth_buf_drop(&o.data);
}

/* One matrix [rows][cols] += factor * B A, in doubles. */
static inline void tiny_merge_one(float *w, uint64_t rows, uint64_t cols, const float *a,
                                  const float *b, uint64_t rank, double factor, bool embed) {
    for (uint64_t r = 0; r < rows; r++)
        for (uint64_t c = 0; c < cols; c++) {
            double sum = 0;
            for (uint64_t j = 0; j < rank; j++)
                sum += embed ? (double)b[c * rank + j] * (double)a[r * rank + j]
                             : (double)b[r * rank + j] * (double)a[j * cols + c];
            w[r * cols + c] = (float)((double)w[r * cols + c] + factor * sum);
        }
}

/* What products with the e-th matrix of this tensor are multiplied with, before adapters add: those
 * of feed-forward blocks are multiplied after that. */
static inline double tiny_scale_of(const HthGguf *m, const char *weight, uint64_t e) {
    char name[160];
    float v = 1;
    if (strstr(weight, ".ffn_")) return 1;
    snprintf(name, sizeof name, "%s", weight);
    char *end = strstr(name, ".weight");
    if (end) memcpy(end, ".scale", 7);
    const HthGgufTensor *t = end ? hth_gguf_tensor(m, hth_str(name)) : NULL;
    if (t) memcpy(&v, t->data + (t->ne[0] * t->ne[1] > 1 ? e : 0) * sizeof v, sizeof v);
    return (double)v;
}

/* Changes the F32 model file in place, as the adapter file times scale says. */
static inline void tiny_merge(HthBuf *model, const HthBuf *adapter, double scale) {
    HthGguf *m = NULL, *g = NULL;
    float alpha = 0;
    HTH_ASSERT(hth_gguf_open_mem(&m, model->p, model->n, "model", NULL) == HTH_OK);
    HTH_ASSERT(hth_gguf_open_mem(&g, adapter->p, adapter->n, "adapter", NULL) == HTH_OK);
    HTH_ASSERT(hth_gguf_f32(g, "adapter.lora.alpha", &alpha, NULL) == HTH_OK);
    for (size_t i = 0; i < hth_gguf_tensor_count(g); i++) {
        const HthGgufTensor *a = hth_gguf_tensor_at(g, i);
        char name[160];
        snprintf(name, sizeof name, "%.*s", HTH_STR_ARG(a->name));
        char *dot = strstr(name, ".lora_a");
        if (!dot) continue;
        memcpy(dot, ".lora_b", 7);
        const HthGgufTensor *b = hth_gguf_tensor(g, hth_str(name));
        *dot = '\0';
        const HthGgufTensor *t = hth_gguf_tensor(m, hth_str(name));
        const bool embed = strcmp(name, "token_embd.weight") == 0;
        HTH_ASSERT(b && t && strcmp(t->fmt->name, "F32") == 0);
        const uint64_t rank = b->ne[0];
        const size_t na = (size_t)(a->ne[0] * a->ne[1]), nb = (size_t)(b->ne[0] * b->ne[1]);
        float *va = hth_calloc(na, sizeof *va), *vb = hth_calloc(nb, sizeof *vb);
        HTH_ASSERT(va && vb);
        for (uint64_t e = 0; e < t->ne[2]; e++) {
            a->fmt->dequant(a->data + e * hth_fmt_row_bytes(a->fmt, na), va, na);
            b->fmt->dequant(b->data + e * hth_fmt_row_bytes(b->fmt, nb), vb, nb);
            const size_t at = (size_t)((const char *)t->data - model->p);
            tiny_merge_one((float *)(void *)(model->p + at) + e * t->ne[0] * t->ne[1], t->ne[1],
                           t->ne[0], va, vb, rank,
                           scale * (double)alpha / (double)rank / tiny_scale_of(m, name, e), embed);
        }
        hth_free(va);
        hth_free(vb);
    }
    hth_gguf_close(&m);
    hth_gguf_close(&g);
}

#endif

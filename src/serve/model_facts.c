/* model_facts.c - see model_facts.h.
 *
 * Thread: any. */
#include "serve/model_facts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "model/arch.h"

/* general.file_type, as the numbers are known. */
static const char *const quants[] = {
    [0] = "F32",      [1] = "F16",      [2] = "Q4_0",       [3] = "Q4_1",    [7] = "Q8_0",
    [8] = "Q5_0",     [9] = "Q5_1",     [10] = "Q2_K",      [11] = "Q3_K_S", [12] = "Q3_K_M",
    [13] = "Q3_K_L",  [14] = "Q4_K_S",  [15] = "Q4_K_M",    [16] = "Q5_K_S", [17] = "Q5_K_M",
    [18] = "Q6_K",    [19] = "IQ2_XXS", [20] = "IQ2_XS",    [21] = "Q2_K_S", [22] = "IQ3_XS",
    [23] = "IQ3_XXS", [24] = "IQ1_S",   [25] = "IQ4_NL",    [26] = "IQ3_S",  [27] = "IQ3_M",
    [28] = "IQ2_S",   [29] = "IQ2_M",   [30] = "IQ4_XS",    [31] = "IQ1_M",  [32] = "BF16",
    [36] = "TQ1_0",   [37] = "TQ2_0",   [38] = "MXFP4_MOE", [39] = "NVFP4",  [40] = "Q1_0",
};

HthStr hth_model_facts_text(const HthGguf *g, const char *key) {
    HthStr s = HTH_STR("");
    return hth_gguf_str(g, key, &s, NULL) == HTH_OK ? s : HTH_STR("");
}

static void copy(char *out, size_t n, HthStr s) {
    const size_t fits = hth_utf8_whole(hth_str_sub(s, 0, n - 1));
    memcpy(out, s.p, fits);
    out[fits] = '\0';
    if (strlen(out) < fits) memset(out + strlen(out), 0, fits - strlen(out)); /* a NUL inside */
}

/* "ARCH.suffix"; 0: absent. A per-layer array counts as its first element. */
static uint64_t number(const HthGguf *g, const char *arch, const char *suffix) {
    char key[128];
    uint64_t v = 0;
    snprintf(key, sizeof key, "%s.%s", arch, suffix);
    return hth_gguf_u64(g, key, &v, NULL) == HTH_OK ? v : 0;
}

static uint64_t elements(const HthGgufTensor *t) {
    return t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3];
}

/* The stated type, or that of most bytes. */
static void quant_of(const HthGguf *g, HthModelFacts *out) {
    uint64_t type = UINT64_MAX, most = 0;
    const char *name = "unknown";
    if (hth_gguf_u64(g, "general.file_type", &type, NULL) == HTH_OK) type &= 1023; /* + "guessed" */
    if (type < HTH_COUNT(quants) && quants[type]) {
        name = quants[type];
    } else {
        for (size_t k = 0; hth_fmt_at(k); k++) {
            uint64_t bytes = 0;
            for (size_t i = 0; i < hth_gguf_tensor_count(g); i++)
                if (hth_gguf_tensor_at(g, i)->fmt == hth_fmt_at(k))
                    bytes += hth_gguf_tensor_at(g, i)->bytes;
            if (bytes > most) name = hth_fmt_at(k)->name;
            if (bytes > most) most = bytes;
        }
    }
    snprintf(out->quant, sizeof out->quant, "%s", name);
}

static bool speaks_of(HthStr template, const char *const *words, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (hth_str_find(template, hth_str(words[i])) != SIZE_MAX) return true;
    return false;
}

static void read_all(const HthGguf *g, HthModelFacts *f) {
    static const char *const tools[] = { "tools", "tool_call" };
    static const char *const thinking[] = { "enable_thinking", "<think>", "reasoning_content",
                                            "thinking" };
    copy(f->arch, sizeof f->arch, hth_model_facts_text(g, "general.architecture"));
    copy(f->title, sizeof f->title, hth_model_facts_text(g, "general.name"));
    copy(f->license, sizeof f->license, hth_model_facts_text(g, "general.license"));
    quant_of(g, f);
    for (size_t i = 0; i < hth_gguf_tensor_count(g); i++)
        f->params += elements(hth_gguf_tensor_at(g, i));
    f->ctx = number(g, f->arch, "context_length");
    f->embd = number(g, f->arch, "embedding_length");
    const HthStr template = hth_model_facts_text(g, "tokenizer.chat_template");
    f->chat = template.n > 0;
    f->tools = speaks_of(template, tools, HTH_COUNT(tools));
    f->thinking = speaks_of(template, thinking, HTH_COUNT(thinking));
    f->insert = hth_gguf_find(g, "tokenizer.ggml.fim_pre_token_id") ||
                hth_gguf_find(g, "tokenizer.ggml.prefix_token_id");
    const uint64_t pooling =
        number(g, f->arch, "pooling_type"); /* 1 mean, 2 first, 3 last, 4 rank */
    const HthArch *arch = hth_arch_find(f->arch);
    f->rerank = pooling == HTH_POOL_RANK;
    f->embedding = !f->rerank && ((pooling >= HTH_POOL_MEAN && pooling <= HTH_POOL_LAST) ||
                                  (arch && arch->whole));
}

HthStatus hth_model_facts(void *payload, const char *path, HthStr memory, HthModelFacts *out,
                          HthErr *err) {
    HthGguf *g = NULL;
    (void)payload;
    if (path)
        HTH_TRY(hth_gguf_open(&g, path, err));
    else
        HTH_TRY(hth_gguf_open_mem(&g, memory.p, memory.n, "the embedded model", err));
    HthModelFacts f = { .quant = "" };
    read_all(g, &f);
    hth_gguf_close(&g);
    *out = f;
    return HTH_OK;
}

HthStatus hth_model_facts_open(HthGguf **out, const HthStored *model, HthErr *err) {
    HTH_REQUIRE(!model->error[0], err, HTH_EFORMAT, "%s", model->error);
    if (model->path) return hth_gguf_open(out, model->path, err);
    return hth_gguf_open_mem(out, model->memory.p, model->memory.n, "the embedded model", err);
}

/* ---- as JSON --------------------------------------------------------------------------------- */

static void put_f64(HthOut *o, double v) {
    char text[40] = "null";
    if (isfinite(v)) snprintf(text, sizeof text, "%.17g", v);
    hth_out(o, "%s", text);
}

static void put_elem(HthOut *o, const HthGgufKv *kv, HthGgufType type, uint64_t i) {
    switch (type) {
    case HTH_GGUF_STR: hth_out(o, "%q", hth_gguf_elem_str(kv, i)); break;
    case HTH_GGUF_BOOL: hth_out(o, "%b", hth_gguf_elem_i64(kv, i) != 0); break;
    case HTH_GGUF_F32: hth_out_f32(o, (float)hth_gguf_elem_f64(kv, i)); break;
    case HTH_GGUF_F64: put_f64(o, hth_gguf_elem_f64(kv, i)); break;
    case HTH_GGUF_U64: {
        const uint64_t u = hth_le64(kv->data + 8 * i);
        if (u <= INT64_MAX) /* where readers' whole numbers end */
            hth_out(o, "%U", u);
        else
            put_f64(o, (double)u);
        break;
    }
    default: hth_out(o, "%I", hth_gguf_elem_i64(kv, i)); break;
    }
}

static void put_value(HthOut *o, const HthGgufKv *kv, bool verbose) {
    if (kv->type != HTH_GGUF_ARR) {
        put_elem(o, kv, kv->type, 0);
        return;
    }
    hth_out_raw(o, HTH_STR("["));
    for (uint64_t i = 0; (verbose || kv->count <= 5) && i < kv->count; i++) {
        if (i) hth_out_raw(o, HTH_STR(","));
        put_elem(o, kv, kv->elem, i);
    }
    hth_out_raw(o, HTH_STR("]"));
}

void hth_model_facts_info(HthOut *o, const HthGguf *g, const HthModelFacts *facts, bool verbose) {
    hth_out(o, "{\"general.parameter_count\":%U", facts->params);
    for (size_t i = 0; i < hth_gguf_kv_count(g); i++) {
        const HthGgufKv *kv = hth_gguf_kv_at(g, i);
        if (hth_str_eq(kv->key, HTH_STR("general.name")) ||
            hth_str_eq(kv->key, HTH_STR("tokenizer.chat_template")) ||
            hth_str_eq(kv->key, HTH_STR("general.parameter_count")))
            continue;
        hth_out(o, ",%q:", kv->key);
        put_value(o, kv, verbose);
    }
    hth_out_raw(o, HTH_STR("}"));
}

void hth_model_facts_tensors(HthOut *o, const HthGguf *g) {
    hth_out_raw(o, HTH_STR("["));
    for (size_t i = 0; i < hth_gguf_tensor_count(g); i++) {
        const HthGgufTensor *t = hth_gguf_tensor_at(g, i);
        hth_out(o, "%s{\"name\":%q,\"type\":%q,\"shape\":[", i ? "," : "", t->name,
                hth_str(t->fmt->name));
        for (uint32_t d = 0; d < t->n_dims; d++) hth_out(o, "%s%U", d ? "," : "", t->ne[d]);
        hth_out_raw(o, HTH_STR("]}"));
    }
    hth_out_raw(o, HTH_STR("]"));
}

/* facts.c - what a model file says of itself, for lists; see vault/store.h.
 *
 * Thread: any. */
#include <stdio.h>
#include <string.h>

#include "gguf/gguf.h"
#include "serve/house.h"
#include "text/prompt.h"

/* general.file_type: the mix a file was written in. */
static const struct {
    uint32_t type;
    const char *name;
} mixes[] = {
    { 0, "F32" },      { 1, "F16" },      { 2, "Q4_0" },    { 3, "Q4_1" },    { 7, "Q8_0" },
    { 8, "Q5_0" },     { 9, "Q5_1" },     { 10, "Q2_K" },   { 11, "Q3_K_S" }, { 12, "Q3_K_M" },
    { 13, "Q3_K_L" },  { 14, "Q4_K_S" },  { 15, "Q4_K_M" }, { 16, "Q5_K_S" }, { 17, "Q5_K_M" },
    { 18, "Q6_K" },    { 19, "IQ2_XXS" }, { 20, "IQ2_XS" }, { 21, "Q2_K_S" }, { 22, "IQ3_XS" },
    { 23, "IQ3_XXS" }, { 24, "IQ1_S" },   { 25, "IQ4_NL" }, { 26, "IQ3_S" },  { 27, "IQ3_M" },
    { 28, "IQ2_S" },   { 29, "IQ2_M" },   { 30, "IQ4_XS" }, { 31, "IQ1_M" },  { 32, "BF16" },
    { 36, "TQ1_0" },   { 37, "TQ2_0" },   { 38, "MXFP4" },
};

static uint64_t elements(const HthGgufTensor *t) {
    return t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3];
}

/* The file's own word, or the format that holds most of its weights. */
static void quantisation(const HthGguf *g, char *out, size_t n) {
    uint32_t type;
    uint64_t most = 0;
    if (hth_gguf_find(g, "general.file_type") &&
        hth_gguf_u32(g, "general.file_type", &type, NULL) == HTH_OK)
        for (size_t i = 0; i < HTH_COUNT(mixes); i++)
            if (mixes[i].type == type) {
                snprintf(out, n, "%s", mixes[i].name);
                return;
            }
    snprintf(out, n, "unknown");
    for (size_t k = 0; hth_fmt_at(k); k++) {
        uint64_t sum = 0;
        for (size_t i = 0; i < hth_gguf_tensor_count(g); i++)
            if (hth_gguf_tensor_at(g, i)->fmt == hth_fmt_at(k))
                sum += elements(hth_gguf_tensor_at(g, i));
        if (sum <= most) continue;
        most = sum;
        snprintf(out, n, "%s", hth_fmt_at(k)->name);
    }
}

static HthStr str_of(const HthGguf *g, const char *key) {
    HthStr s;
    bool there = hth_gguf_find(g, key) && hth_gguf_str(g, key, &s, NULL) == HTH_OK;
    return there ? s : HTH_STR("");
}

/* Cut between characters; what is no UTF-8 is left out. */
static void keep(char *out, size_t room, HthStr s) {
    if (s.n >= room) s.n = room - 1;
    s.n = hth_utf8_whole(s);
    memcpy(out, s.p, s.n);
    out[s.n] = 0;
}

static uint64_t arch_u64(const HthGguf *g, const char *arch, const char *name) {
    char key[128];
    uint64_t v = 0;
    snprintf(key, sizeof key, "%s.%s", arch, name);
    if (!hth_gguf_find(g, key) || hth_gguf_u64(g, key, &v, NULL) != HTH_OK) return 0;
    return v;
}

static bool any(HthStr text, const char *const *words, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (hth_str_find(text, hth_str(words[i])) != SIZE_MAX) return true;
    return false;
}

HthStatus hth_house_facts(void *payload, const char *path, HthStr memory, HthModelFacts *out,
                          HthErr *err) {
    static const char *const thinking[] = { "enable_thinking", "reasoning_content", "<think>",
                                            "reasoning_effort" };
    static const char *const tools[] = { "tools" };
    enum { POOL_RANK = 4 };
    HthGguf *g = NULL;
    HthModelFacts f = { 0 };
    (void)payload;
    if (path)
        HTH_TRY(hth_gguf_open(&g, path, err));
    else
        HTH_TRY(hth_gguf_open_mem(&g, memory.p, memory.n, "the embedded model", err));
    HthStr tmpl = str_of(g, HTH_TEMPLATE_KEY);
    keep(f.arch, sizeof f.arch, str_of(g, "general.architecture"));
    keep(f.title, sizeof f.title, str_of(g, "general.name"));
    keep(f.license, sizeof f.license, str_of(g, "general.license"));
    quantisation(g, f.quant, sizeof f.quant);
    for (size_t i = 0; i < hth_gguf_tensor_count(g); i++)
        f.params += elements(hth_gguf_tensor_at(g, i));
    f.ctx = arch_u64(g, f.arch, "context_length");
    f.embd = arch_u64(g, f.arch, "embedding_length");
    f.chat = tmpl.n > 0;
    f.tools = any(tmpl, tools, HTH_COUNT(tools));
    f.thinking = any(tmpl, thinking, HTH_COUNT(thinking));
    f.insert = hth_gguf_find(g, "tokenizer.ggml.fim_pre_token_id") ||
               hth_gguf_find(g, "tokenizer.ggml.prefix_token_id");
    uint64_t pooling = arch_u64(g, f.arch, "pooling_type");
    f.rerank = pooling == POOL_RANK;
    f.embedding = pooling != 0 && !f.rerank;
    hth_gguf_close(&g);
    *out = f;
    return HTH_OK;
}

/* mix.c - see mix.h: two tables, the mixes and their rules.
 *
 * Thread: any. */
#include "quant/mix.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { /* GGUF numbers */
       F32 = 0,
       F16 = 1,
       Q4_0 = 2,
       Q4_1 = 3,
       Q5_0 = 6,
       Q5_1 = 7,
       Q8_0 = 8,
       Q2_K = 10,
       Q3_K = 11,
       Q4_K = 12,
       Q5_K = 13,
       Q6_K = 14,
       IQ2_XXS = 16,
       IQ2_XS = 17,
       IQ3_XXS = 18,
       IQ1_S = 19,
       IQ4_NL = 20,
       IQ3_S = 21,
       IQ2_S = 22,
       IQ4_XS = 23,
       IQ1_M = 29,
       BF16 = 30,
       TQ1_0 = 34,
       TQ2_0 = 35,
       MXFP4 = 39,
       NVFP4 = 40,
       Q1_0 = 41,
       Q2_0 = 42,
};

/* clang-format off */
static const HthMix mixes[] = {
    { "Q4_K_M", 15, Q4_K },   { "Q4_K_S", 14, Q4_K },   { "Q5_K_M", 17, Q5_K },
    { "Q5_K_S", 16, Q5_K },   { "Q6_K",   18, Q6_K },   { "Q8_0",    7, Q8_0 },
    { "Q3_K_L", 13, Q3_K },   { "Q3_K_M", 12, Q3_K },   { "Q3_K_S", 11, Q3_K },
    { "Q2_K",   10, Q2_K },   { "Q2_K_S", 21, Q2_K },   { "IQ4_XS", 30, IQ4_XS },
    { "IQ3_M",  27, IQ3_S },  { "IQ3_S",  26, IQ3_S },  { "IQ3_XXS", 23, IQ3_XXS },
    { "IQ2_M",  29, IQ2_S },  { "IQ2_S",  28, IQ2_XS }, { "IQ2_XS", 20, IQ2_XS },
    { "IQ2_XXS", 19, IQ2_XXS }, { "IQ1_M", 31, IQ1_M }, { "IQ1_S",  24, IQ1_S },
    { "IQ4_NL", 25, IQ4_NL }, { "Q4_0",    2, Q4_0 },   { "Q4_1",    3, Q4_1 },
    { "Q5_0",    8, Q5_0 },   { "Q5_1",    9, Q5_1 },   { "MXFP4_MOE", 38, Q8_0 },
    { "NVFP4",  39, NVFP4 },  { "TQ1_0",  36, TQ1_0 },  { "TQ2_0",  37, TQ2_0 },
    { "Q1_0",   40, Q1_0 },   { "Q2_0",   41, Q2_0 },   { "F16",     1, F16 },
    { "BF16",   32, BF16 },   { "F32",     0, F32 },
    /* Short for the middle one. */
    { "Q4_K",   15, Q4_K },   { "Q5_K",   17, Q5_K },   { "Q3_K",   12, Q3_K },
};
/* clang-format on */

typedef enum Role { OUTPUT, EMBD, ATTN_V, ATTN_K, ATTN_O, ATTN_QKV, FFN_DOWN, EXPERTS } Role;

/* By the end of a name, ".weight" taken off; the first that fits. */
static const struct {
    const char *tail;
    Role role;
} roles[] = {
    { "output", OUTPUT },        { "token_embd", EMBD },         { ".attn_v", ATTN_V },
    { ".attn_k", ATTN_K },       { ".attn_output", ATTN_O },     { ".attn_qkv", ATTN_QKV },
    { ".ffn_down", FFN_DOWN },   { ".ffn_down_exps", FFN_DOWN }, { ".ffn_gate_exps", EXPERTS },
    { ".ffn_up_exps", EXPERTS },
};

typedef enum When {
    ALWAYS,
    EIGHT_EXPERTS,
    SHARED_4, /* four query heads and more to one of keys: the matrix is small */
    FIRST_2, /* layers */
    FIRST_4,
    FIRST_8TH, /* of the layers */
    FIRST_16TH,
    ENDS /* the first and the last eighth, and each third between */
} When;

/* The first that fits decides. mix NULL: any. */
static const struct {
    const char *mix;
    Role role;
    When when;
    uint32_t type;
} rules[] = {
    { "Q8_0", OUTPUT, ALWAYS, Q8_0 },
    { "MXFP4_MOE", OUTPUT, ALWAYS, Q8_0 },
    { "MXFP4_MOE", EXPERTS, ALWAYS, MXFP4 },
    { "IQ1_S", OUTPUT, ALWAYS, Q5_K },
    { "IQ1_M", OUTPUT, ALWAYS, Q5_K },
    { "IQ2_XXS", OUTPUT, ALWAYS, Q5_K },
    { "IQ2_XS", OUTPUT, ALWAYS, Q5_K },
    { "IQ2_S", OUTPUT, ALWAYS, Q5_K },
    { "IQ2_M", OUTPUT, ALWAYS, Q5_K },
    { "IQ3_XXS", OUTPUT, ALWAYS, Q5_K },
    { NULL, OUTPUT, ALWAYS, Q6_K },
    { "TQ1_0", EMBD, ALWAYS, Q4_K },
    { "TQ2_0", EMBD, ALWAYS, Q4_K },
    { "Q1_0", EMBD, ALWAYS, Q4_K },
    { "Q2_0", EMBD, ALWAYS, Q4_K },
    { "IQ1_S", EMBD, ALWAYS, Q2_K },
    { "IQ1_M", EMBD, ALWAYS, Q2_K },
    { "IQ2_XXS", EMBD, ALWAYS, Q2_K },
    { "IQ2_XS", EMBD, ALWAYS, Q2_K },
    { "IQ2_S", EMBD, ALWAYS, IQ3_S },
    { "IQ2_M", EMBD, ALWAYS, IQ3_S },
    { "IQ3_XXS", EMBD, ALWAYS, IQ3_S },
    { NULL, ATTN_V, EIGHT_EXPERTS, Q8_0 },
    { NULL, ATTN_K, EIGHT_EXPERTS, Q8_0 },
    { "IQ1_S", ATTN_V, SHARED_4, Q4_K },
    { "IQ1_S", ATTN_V, ALWAYS, Q2_K },
    { "IQ1_S", ATTN_O, EIGHT_EXPERTS, Q5_K },
    { "IQ1_S", ATTN_O, ALWAYS, IQ2_XXS },
    { "IQ1_S", FFN_DOWN, FIRST_8TH, Q2_K },
    { "IQ1_M", ATTN_V, SHARED_4, Q4_K },
    { "IQ1_M", ATTN_V, ALWAYS, Q2_K },
    { "IQ1_M", ATTN_O, EIGHT_EXPERTS, Q5_K },
    { "IQ1_M", ATTN_O, ALWAYS, IQ2_XXS },
    { "IQ1_M", FFN_DOWN, FIRST_8TH, Q2_K },
    { "IQ2_XXS", ATTN_V, SHARED_4, Q4_K },
    { "IQ2_XXS", ATTN_V, ALWAYS, Q2_K },
    { "IQ2_XXS", ATTN_O, EIGHT_EXPERTS, Q5_K },
    { "IQ2_XXS", FFN_DOWN, FIRST_8TH, Q2_K },
    { "IQ2_XS", ATTN_V, SHARED_4, Q4_K },
    { "IQ2_XS", ATTN_V, ALWAYS, Q2_K },
    { "IQ2_XS", ATTN_O, EIGHT_EXPERTS, Q5_K },
    { "IQ2_XS", FFN_DOWN, FIRST_8TH, Q2_K },
    { "IQ2_S", ATTN_V, SHARED_4, Q4_K },
    { "IQ2_S", ATTN_V, ALWAYS, IQ3_S },
    { "IQ2_S", ATTN_O, EIGHT_EXPERTS, Q5_K },
    { "IQ2_S", ATTN_O, ALWAYS, IQ3_S },
    { "IQ2_S", FFN_DOWN, FIRST_8TH, IQ3_S },
    { "IQ2_M", ATTN_V, SHARED_4, Q4_K },
    { "IQ2_M", ATTN_V, ALWAYS, IQ3_S },
    { "IQ2_M", ATTN_O, EIGHT_EXPERTS, Q5_K },
    { "IQ2_M", ATTN_O, ALWAYS, IQ3_S },
    { "IQ2_M", FFN_DOWN, FIRST_8TH, IQ3_S },
    { "IQ3_XXS", ATTN_V, SHARED_4, Q4_K },
    { "IQ3_XXS", ATTN_V, ALWAYS, IQ3_S },
    { "IQ3_XXS", ATTN_K, ALWAYS, IQ2_S },
    { "IQ3_XXS", ATTN_O, EIGHT_EXPERTS, Q5_K },
    { "IQ3_XXS", ATTN_O, ALWAYS, IQ3_S },
    { "IQ3_XXS", FFN_DOWN, FIRST_8TH, Q4_K },
    { "IQ3_XXS", FFN_DOWN, ALWAYS, Q3_K },
    { "IQ3_S", ATTN_V, SHARED_4, Q4_K },
    { "IQ3_S", ATTN_O, EIGHT_EXPERTS, Q5_K },
    { "IQ3_M", ATTN_V, ALWAYS, Q4_K },
    { "IQ3_M", ATTN_O, EIGHT_EXPERTS, Q5_K },
    { "IQ3_M", ATTN_O, ALWAYS, Q4_K },
    { "IQ3_M", ATTN_QKV, ALWAYS, Q4_K },
    { "IQ3_M", FFN_DOWN, FIRST_8TH, Q4_K },
    { "Q2_K", ATTN_V, SHARED_4, Q4_K },
    { "Q2_K", ATTN_V, ALWAYS, Q3_K },
    { "Q2_K", ATTN_O, ALWAYS, Q3_K },
    { "Q2_K", FFN_DOWN, ALWAYS, Q3_K },
    { "Q2_K_S", ATTN_V, SHARED_4, Q4_K },
    { "Q2_K_S", FFN_DOWN, FIRST_8TH, Q4_K },
    { "Q3_K_M", ATTN_V, FIRST_2, Q5_K },
    { "Q3_K_M", ATTN_V, ALWAYS, Q4_K },
    { "Q3_K_M", ATTN_O, EIGHT_EXPERTS, Q5_K },
    { "Q3_K_M", ATTN_O, ALWAYS, Q4_K },
    { "Q3_K_M", ATTN_QKV, ALWAYS, Q4_K },
    { "Q3_K_M", FFN_DOWN, FIRST_16TH, Q5_K },
    { "Q3_K_M", FFN_DOWN, ALWAYS, Q4_K },
    { "Q3_K_S", ATTN_O, EIGHT_EXPERTS, Q5_K },
    { "Q3_K_L", ATTN_V, ALWAYS, Q5_K },
    { "Q3_K_L", ATTN_O, ALWAYS, Q5_K },
    { "Q3_K_L", ATTN_QKV, ALWAYS, Q4_K },
    { "Q3_K_L", FFN_DOWN, ALWAYS, Q5_K },
    { "Q4_K_S", ATTN_V, FIRST_4, Q5_K },
    { "Q4_K_S", ATTN_O, EIGHT_EXPERTS, Q5_K },
    { "Q4_K_S", FFN_DOWN, FIRST_8TH, Q5_K },
    { "Q4_K_M", ATTN_V, ENDS, Q6_K },
    { "Q4_K_M", ATTN_O, EIGHT_EXPERTS, Q5_K },
    { "Q4_K_M", ATTN_QKV, ALWAYS, Q5_K },
    { "Q4_K_M", FFN_DOWN, ENDS, Q6_K },
    { "Q5_K_M", ATTN_V, ENDS, Q6_K },
    { "Q5_K_M", ATTN_QKV, ALWAYS, Q6_K },
    { "Q5_K_M", FFN_DOWN, ENDS, Q6_K },
    { "IQ4_NL", ATTN_V, SHARED_4, Q5_K },
    { "IQ4_NL", ATTN_O, EIGHT_EXPERTS, Q5_K },
    { "IQ4_NL", FFN_DOWN, FIRST_8TH, Q5_K },
    { "IQ4_XS", ATTN_V, SHARED_4, Q5_K },
    { "IQ4_XS", ATTN_O, EIGHT_EXPERTS, Q5_K },
    { "IQ4_XS", FFN_DOWN, FIRST_8TH, Q5_K },
};

/* What takes the place of a type whose blocks do not divide a row. */
static const uint32_t smaller[][2] = {
    { Q2_K, IQ4_NL },  { Q3_K, IQ4_NL },    { IQ4_XS, IQ4_NL },  { Q4_K, Q5_0 },
    { Q5_K, Q5_1 },    { Q6_K, Q8_0 },      { TQ1_0, Q4_0 },     { TQ2_0, Q4_0 },
    { IQ1_S, IQ4_NL }, { IQ1_M, IQ4_NL },   { IQ2_XXS, IQ4_NL }, { IQ2_XS, IQ4_NL },
    { IQ2_S, IQ4_NL }, { IQ3_XXS, IQ4_NL }, { IQ3_S, IQ4_NL },   { NVFP4, MXFP4 },
    { Q1_0, Q4_0 },    { Q2_0, Q4_0 },
};

/* Names whose matrices stay as they are: routers, positions, states, and what is not a matrix. */
static const char *const untouched[] = {
    "_norm.weight", "ffn_gate_inp", "position_embd", "token_types", "ssm_conv1d", "ssm_a",
    "ssm_dt",       "shortconv",    "rope_",         "attn_rel_b",  "attn_sinks",
};

const HthMix *hth_mix_at(size_t i) {
    return i < HTH_COUNT(mixes) ? &mixes[i] : NULL;
}

const HthMix *hth_mix_find(const char *name) {
    for (size_t i = 0; i < HTH_COUNT(mixes); i++)
        if (strcasecmp(mixes[i].name, name) == 0) return &mixes[i];
    return NULL;
}

/* ARCH.what, a number or the largest of an array; 0: absent. */
static uint32_t number(const HthGguf *g, HthStr arch, const char *what) {
    char key[160];
    int64_t most = 0;
    snprintf(key, sizeof key, "%.*s.%s", (int)(arch.n < 100 ? arch.n : 100), arch.p, what);
    const HthGgufKv *kv = hth_gguf_find(g, key);
    if (kv == NULL) return 0;
    const HthGgufType type = kv->type == HTH_GGUF_ARR ? kv->elem : kv->type;
    if (type == HTH_GGUF_STR || type == HTH_GGUF_F32 || type == HTH_GGUF_F64) return 0;
    for (uint64_t i = 0; i < kv->count; i++) {
        const int64_t v = hth_gguf_elem_i64(kv, i);
        if (v > most) most = v;
    }
    return most > UINT32_MAX ? 0 : (uint32_t)most;
}

void hth_mix_model(HthMixModel *out, const HthGguf *g) {
    HthStr arch;
    *out = (HthMixModel){ .tied = hth_gguf_tensor(g, HTH_STR("output.weight")) == NULL };
    if (hth_gguf_str(g, "general.architecture", &arch, NULL) != HTH_OK) return;
    const uint32_t heads = number(g, arch, "attention.head_count");
    const uint32_t kv = number(g, arch, "attention.head_count_kv");
    out->layers = number(g, arch, "block_count");
    out->heads_per_kv = kv == 0 ? 1 : heads / kv;
    out->experts = number(g, arch, "expert_count");
}

bool hth_mix_touches(const HthGgufTensor *t) {
    char name[160];
    if (t->fmt->dequant == NULL || t->n_dims < 2 || t->name.n >= sizeof name) return false;
    memcpy(name, t->name.p, t->name.n);
    name[t->name.n] = '\0';
    if (t->name.n < 7 || strcmp(name + t->name.n - 7, ".weight") != 0) return false;
    for (size_t i = 0; i < HTH_COUNT(untouched); i++)
        if (strstr(name, untouched[i]) != NULL) return false;
    return true;
}

static bool ends_with(HthStr s, const char *tail) {
    const size_t n = strlen(tail);
    return s.n >= n && memcmp(s.p + s.n - n, tail, n) == 0;
}

/* -1: none that a rule names. */
static int role_of(HthStr name, const HthMixModel *m) {
    name.n -= 7; /* ".weight" */
    for (size_t i = 0; i < HTH_COUNT(roles); i++) {
        const bool whole = roles[i].role == OUTPUT || roles[i].role == EMBD;
        if (whole ? !hth_str_eq(name, hth_str(roles[i].tail)) : !ends_with(name, roles[i].tail))
            continue;
        return roles[i].role == EMBD && m->tied ? (int)OUTPUT : (int)roles[i].role;
    }
    return -1;
}

/* N of "blk.N."; 0 where there is none. */
static uint32_t layer_of(HthStr name) {
    uint32_t n = 0;
    if (name.n < 5 || memcmp(name.p, "blk.", 4) != 0) return 0;
    for (size_t i = 4; i < name.n && name.p[i] >= '0' && name.p[i] <= '9' && n < 100000; i++)
        n = n * 10 + (uint32_t)(name.p[i] - '0');
    return n;
}

static bool holds(When when, const HthMixModel *m, uint32_t layer) {
    const uint32_t n = m->layers;
    switch (when) {
    case ALWAYS: return true;
    case EIGHT_EXPERTS: return m->experts == 8;
    case SHARED_4: return m->heads_per_kv >= 4;
    case FIRST_2: return layer < 2;
    case FIRST_4: return layer < 4;
    case FIRST_8TH: return layer < n / 8;
    case FIRST_16TH: return layer < n / 16;
    case ENDS: return layer < n / 8 || layer >= 7 * n / 8 || (layer - n / 8) % 3 == 2;
    }
    return false;
}

const HthFmt *hth_mix_fit(const HthFmt *wish, uint64_t row) {
    for (size_t i = 0; i < HTH_COUNT(smaller) && row % wish->block_len != 0; i++)
        if (smaller[i][0] == wish->id) wish = hth_fmt_by_id(smaller[i][1]);
    return row % wish->block_len == 0 ? wish : hth_fmt_by_id(F16);
}

const HthFmt *hth_mix_type(const HthMix *mix, const HthMixModel *m, const HthGgufTensor *t) {
    uint32_t type = mix->base;
    if (!hth_mix_touches(t)) return t->fmt;
    const int role = role_of(t->name, m);
    const bool whole = type == F32 || type == F16 || type == BF16;
    for (size_t i = 0; role >= 0 && !whole && i < HTH_COUNT(rules); i++) {
        if ((int)rules[i].role != role || !holds(rules[i].when, m, layer_of(t->name))) continue;
        /* Short names have the file type of the mix they stand for. */
        if (rules[i].mix != NULL && hth_mix_find(rules[i].mix)->file_type != mix->file_type)
            continue;
        type = rules[i].type;
        break;
    }
    if (mix->file_type == 38 && role == FFN_DOWN && ends_with(t->name, "_exps.weight"))
        type = MXFP4;
    return hth_mix_fit(hth_fmt_by_id(type), t->ne[0]);
}

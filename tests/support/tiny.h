/* tiny.h - small random models as GGUF bytes in memory, of every variant the engine runs.
 *
 * Weights are a pure function of the seed and the tensor's name.  Uses the engine's encoders for
 * quantised formats, and nothing else of it.
 *
 * Thread: one owner. */
#ifndef HTH_TESTS_TINY_H
#define HTH_TESTS_TINY_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "kern/kern.h"

typedef struct Tiny {
    const char *arch; /* any that hearth runs */
    uint32_t window; /* 0: key left out */
    bool fused; /* phi3: Q, K and V in one tensor */
    bool twist; /* falcon: two norms; gptneox: blocks side by side; stablelm: likewise;
                   mpt: places */
    bool every_key; /* the optional keys of the architecture too */
    uint32_t layers, embd, heads, kv_heads, ff, vocab, ctx; /* kv_heads 0: key left out */
    uint32_t head_dim; /* 0: keys left out, embd / heads */
    uint32_t rot; /* 0: key left out */
    const char *fmt; /* of matrices; NULL: F32 */
    const char *norm_fmt; /* of norms; NULL: F32 */
    bool tied, bias, ffn_bias, scales, factors;
    uint32_t shared; /* rows of the expert that every token goes to; 0: as usual */
    uint32_t experts, used; /* 0: 5 and 2 where the architecture must have some, else none */
    const char *exp_fmt; /* of the experts' matrices; NULL: as fmt */
    uint32_t gate, groups, groups_used,
        dense; /* deepseek2, glm4moe: keys; of layers without experts */
    bool qk_norm; /* glm4moe may have them */
    uint32_t next; /* deepseek2, glm4moe: layers at the end that are not run */
    bool gate_norm, whole_q, gate_up, choice; /* deepseek2 again; choice: a bias of the choice */
    float gate_scale;
    float base; /* 0: key left out */
    const char *scaling; /* NULL: key left out */
    float factor, attn_factor; /* 0: key left out */
    uint32_t ctx_orig; /* 0: key left out */
    uint32_t pooling; /* as in the file; 4: a model that ranks; 0: key left out */
    bool silu; /* modern-bert: the gate of its feed-forward blocks */
    bool old_factor_key, arrays;
    uint64_t seed;
    /* Spoiling the file on purpose: */
    const char *skip; /* this key or tensor is left out */
    const char *wrong; /* this key gets wrong_value; this tensor one more row or value */
    double wrong_value;
    const char *wrong_fmt; /* ... or this format instead of another size */
    bool wrong_count; /* ... or one more expert */
    const char *extra; /* one more tensor of 4 values */
} Tiny;

enum { TINY_MAX = 1 << 24 };

typedef struct TinyOut {
    const Tiny *c;
    HthBuf meta, info, data;
    uint64_t kvs, tensors;
} TinyOut;

static inline void tiny_put(HthBuf *b, const void *p, size_t n) {
    HTH_ASSERT(hth_buf_add(b, p, n, NULL) == HTH_OK);
}
static inline void tiny_u64(HthBuf *b, uint64_t v) {
    tiny_put(b, &v, 8);
}
static inline void tiny_u32(HthBuf *b, uint32_t v) {
    tiny_put(b, &v, 4);
}
static inline void tiny_str(HthBuf *b, const char *s) {
    tiny_u64(b, strlen(s));
    tiny_put(b, s, strlen(s));
}

/* false: left out. */
static inline bool tiny_key(TinyOut *o, const char *key, uint32_t type) {
    char full[128];
    if (o->c->skip && strcmp(key, o->c->skip) == 0) return false;
    if (strchr(key, '.') && strncmp(key, "general.", 8) == 0)
        snprintf(full, sizeof full, "%s", key);
    else
        snprintf(full, sizeof full, "%s.%s", o->c->arch, key);
    tiny_str(&o->meta, full);
    tiny_u32(&o->meta, type);
    o->kvs++;
    return true;
}
static inline double tiny_value(const TinyOut *o, const char *key, double v) {
    return o->c->wrong && strcmp(key, o->c->wrong) == 0 ? o->c->wrong_value : v;
}
static inline void tiny_kv_u32(TinyOut *o, const char *key, uint32_t v) {
    if (tiny_key(o, key, 4)) tiny_u32(&o->meta, (uint32_t)tiny_value(o, key, v));
}
/* A number, or with c->arrays one per layer. */
static inline void tiny_kv_size(TinyOut *o, const char *key, uint32_t v) {
    if (!o->c->arrays) {
        tiny_kv_u32(o, key, v);
        return;
    }
    if (!tiny_key(o, key, 9)) return;
    tiny_u32(&o->meta, 5);
    tiny_u64(&o->meta, o->c->layers);
    for (uint32_t i = 0; i < o->c->layers; i++) /* a wrong array differs at its end */
        tiny_u32(&o->meta, i + 1 < o->c->layers ? v : (uint32_t)tiny_value(o, key, v));
}
static inline void tiny_kv_f32(TinyOut *o, const char *key, float v) {
    v = (float)tiny_value(o, key, (double)v);
    if (tiny_key(o, key, 6)) tiny_put(&o->meta, &v, 4);
}
static inline void tiny_kv_str(TinyOut *o, const char *key, const char *v) {
    if (tiny_key(o, key, 8)) tiny_str(&o->meta, v);
}

static inline uint64_t tiny_hash(const char *s) {
    uint64_t h = 14695981039346656037u;
    for (; *s; s++) h = (h ^ (uint8_t)*s) * 1099511628211u;
    return h;
}

/* rows 0: a vector of cols.  count: of matrices in three dimensions, or of rows where rows is 0; 0:
 * none of that.  Values are mid + spread * normal. */
static inline void tiny_each(TinyOut *o, const char *name, const char *fmt_name, uint32_t cols,
                             uint32_t rows, uint32_t count, double mid, double spread) {
    if (o->c->skip && strcmp(name, o->c->skip) == 0) return;
    if (o->c->wrong && strcmp(name, o->c->wrong) == 0) {
        if (o->c->wrong_fmt)
            fmt_name = o->c->wrong_fmt;
        else if (o->c->wrong_count)
            count++;
        else if (rows)
            rows++;
        else
            cols++;
    }
    const HthFmt *fmt = hth_fmt_by_name(fmt_name ? fmt_name : "F32");
    HTH_ASSERT(fmt && (fmt->quant || o->c->wrong_fmt)); /* a format without one: all zeros */
    while (o->data.n % 32) tiny_put(&o->data, "", 1);
    tiny_str(&o->info, name);
    tiny_u32(&o->info, 1u + (rows != 0) + (count != 0));
    tiny_u64(&o->info, cols);
    if (rows) tiny_u64(&o->info, rows);
    if (count) tiny_u64(&o->info, count);
    tiny_u32(&o->info, fmt->id);
    tiny_u64(&o->info, o->data.n);
    o->tensors++;
    size_t bytes = hth_fmt_row_bytes(fmt, cols);
    HTH_ASSERT(bytes > 0);
    float *v = hth_calloc(cols, sizeof *v);
    void *blocks = hth_calloc(bytes, 1);
    for (uint32_t r = 0; r < (rows ? rows : 1) * (count ? count : 1); r++) {
        for (uint32_t i = 0; i < cols; i++)
            v[i] = (float)(mid + spread * hth_rng_normal(o->c->seed, tiny_hash(name),
                                                         (uint64_t)r * cols + i));
        if (fmt->quant) fmt->quant(v, blocks, cols);
        tiny_put(&o->data, blocks, bytes);
    }
    hth_free(v);
    hth_free(blocks);
}

static inline void tiny_tensor(TinyOut *o, const char *name, const char *fmt_name, uint32_t cols,
                               uint32_t rows, double mid, double spread) {
    tiny_each(o, name, fmt_name, cols, rows, 0, mid, spread);
}

static inline void tiny_linear(TinyOut *o, const char *name, uint32_t cols, uint32_t rows,
                               bool bias, bool scale) {
    char full[128];
    snprintf(full, sizeof full, "%s.weight", name);
    tiny_tensor(o, full, o->c->fmt, cols, rows, 0, 1.5 / sqrt(cols));
    snprintf(full, sizeof full, "%s.bias", name);
    if (bias) tiny_tensor(o, full, "F32", rows, 0, 0, 0.3);
    snprintf(full, sizeof full, "%s.scale", name);
    if (scale) tiny_tensor(o, full, "F32", 1, 0, 1.0, 0.2);
}

/* How architectures differ in what a layer has. */
static inline bool tiny_is(const Tiny *c, const char *names) {
    const size_t n = strlen(c->arch);
    for (const char *at = names; (at = strstr(at, c->arch)) != NULL; at += n)
        if ((at == names || at[-1] == ' ') && (at[n] == ' ' || at[n] == 0)) return true;
    return false;
}
/* Norms by mean and deviation, with a bias; feed-forward blocks without a gate; biases as a
 * rule. */
#define TINY_MEAN    "starcoder2 falcon gptneox gpt2 phi2 stablelm nemotron bloom mpt"
#define TINY_UNGATED "starcoder2 falcon gptneox gpt2 phi2 nemotron bloom mpt"
#define TINY_BIASED  "gptneox gpt2 phi2 bloom"
static inline void tiny_norm(TinyOut *o, uint32_t l, const char *what, uint32_t n) {
    char name[96];
    snprintf(name, sizeof name, "blk.%u.%s.weight", l, what);
    tiny_tensor(o, name, o->c->norm_fmt, n, 0, 1, 0.1);
    snprintf(name, sizeof name, "blk.%u.%s.bias", l, what);
    const bool biased = tiny_is(o->c, "mpt") || (!strstr(what, "_q_") && !strstr(what, "_k_"));
    if (tiny_is(o->c, TINY_MEAN) && biased) tiny_tensor(o, name, NULL, n, 0, 0, 0.1);
}

#include "support/tiny_encoder.h"
#include "support/tiny_moe.h"
#include "support/tiny_state.h"
#include "support/tiny_gemma4.h"

static inline void tiny_attn(TinyOut *o, uint32_t l) {
    const Tiny *c = o->c;
    char n[96];
    if (tiny_is(c, "gemma4")) {
        tiny_own_attn(o, l);
        return;
    }
    uint32_t d = c->head_dim ? c->head_dim : c->embd / c->heads;
    uint32_t kv = (c->kv_heads ? c->kv_heads : c->heads) * d;
#define TINY_NAME(s) (snprintf(n, sizeof n, "blk.%u." s, l), n)
    const bool bias = c->bias || tiny_is(c, TINY_BIASED);
    if (c->fused || tiny_is(c, "falcon gptneox gpt2 bloom mpt")) {
        tiny_linear(o, TINY_NAME("attn_qkv"), c->embd, c->heads * d + 2 * kv, bias, false);
    } else {
        const uint32_t q = c->heads * d * (tiny_is(c, TINY_STATES) ? 2 : 1); /* a gate each */
        tiny_linear(o, TINY_NAME("attn_q"), c->embd, q, bias, c->scales);
        tiny_linear(o, TINY_NAME("attn_k"), c->embd, kv, bias, c->scales);
        tiny_linear(o, TINY_NAME("attn_v"), c->embd, kv, bias, c->scales);
    }
    tiny_linear(o, TINY_NAME("attn_output"), c->heads * d, c->embd,
                c->ffn_bias || tiny_is(c, TINY_BIASED), c->scales);
    if (tiny_is(c, "gpt-oss"))
        tiny_tensor(o, TINY_NAME("attn_sinks.weight"), NULL, c->heads, 0, 0, 1);
#undef TINY_NAME
}

static inline void tiny_layer(TinyOut *o, uint32_t l) {
    const Tiny *c = o->c;
    char n[96];
    uint32_t d = c->head_dim ? c->head_dim : c->embd / c->heads;
    uint32_t kv = (c->kv_heads ? c->kv_heads : c->heads) * d;
    if (tiny_is(c, TINY_ENCODERS)) {
        tiny_encoder_layer(o, l);
        return;
    }
#define TINY_NAME(s) (snprintf(n, sizeof n, "blk.%u." s, l), n)
    const bool olmo = tiny_is(c, "olmo2 olmoe") || (tiny_is(c, "mpt") && c->qk_norm),
               whole = tiny_is(c, "olmo2 exaone4"),
               heads =
                   tiny_is(c, "qwen3 qwen3moe gemma3 exaone4 hunyuan-dense lfm2 " TINY_STATES) &&
                   !tiny_recurrent(c, l);
    const bool post = tiny_is(
                   c,
                   "olmo2 gemma2 gemma3 gemma4 gpt-oss glm4moe exaone4 glm4 seed_oss " TINY_STATES),
               phi3 = tiny_is(c, "phi3 glm4"), ungated = tiny_is(c, TINY_UNGATED),
               bias = c->ffn_bias || tiny_is(c, TINY_BIASED);
    if (!whole) tiny_norm(o, l, "attn_norm", c->embd);
    if (tiny_is(c, "deepseek2"))
        tiny_latent(o, l);
    else if (tiny_recurrent(c, l))
        tiny_states(o, l);
    else
        tiny_attn(o, l);
    if (tiny_is(c, "falcon") && c->twist) tiny_norm(o, l, "attn_norm_2", c->embd);
    if (tiny_is(c, "stablelm") && c->qk_norm) {
        tiny_tensor(o, TINY_NAME("attn_q_norm.weight"), NULL, d, c->heads, 1, 0.1);
        tiny_tensor(o, TINY_NAME("attn_k_norm.weight"), NULL, d, kv / d, 1, 0.1);
    } else if (olmo || heads || c->qk_norm) {
        tiny_norm(o, l, "attn_q_norm", olmo ? c->heads * d : d);
        tiny_norm(o, l, "attn_k_norm", olmo ? kv : d);
    }
    if (post) tiny_norm(o, l, "post_attention_norm", c->embd);
    const bool one =
        tiny_is(c, "gpt-oss glm4moe seed_oss cohere2 falcon phi2 mamba2 " TINY_STATES) ||
        (tiny_is(c, "stablelm") && c->twist);
    if (!whole && !one) tiny_norm(o, l, "ffn_norm", c->embd);
    if (tiny_is(c, "mamba2")) return;
    const bool moe = tiny_is(c, "llama4") ? (l + 1) % TINY_MOE_STEP == 0 : l >= c->dense;
    if (tiny_is(c, "gemma4")) tiny_own(o, l);
    if (tiny_is(c, "gemma4") && tiny_experts(c)) {
        tiny_own_moe(o, l);
    } else if (tiny_experts(c) && moe) {
        tiny_moe(o, l);
        return;
    }
    const uint32_t ff = tiny_ff(c, l);
    if (!phi3 && !ungated) tiny_linear(o, TINY_NAME("ffn_gate"), c->embd, ff, bias, c->scales);
    if (phi3)
        tiny_linear(o, TINY_NAME("ffn_up"), c->embd, 2 * ff, false, false);
    else
        tiny_linear(o, TINY_NAME("ffn_up"), c->embd, ff, bias, c->scales);
    tiny_linear(o, TINY_NAME("ffn_down"), ff, c->embd, bias, c->scales);
    if (post && !tiny_is(c, "glm4moe seed_oss " TINY_STATES))
        tiny_norm(o, l, "post_ffw_norm", c->embd);
#undef TINY_NAME
}

static inline void tiny_meta(TinyOut *o) {
    const Tiny *c = o->c;
    tiny_kv_str(o, "general.architecture", c->arch);
    tiny_kv_u32(o, "block_count", c->layers);
    tiny_kv_u32(o, "context_length", c->ctx);
    tiny_kv_u32(o, "embedding_length", c->embd);
    const bool none = tiny_is(c, "mamba2"); /* neither heads nor feed-forward blocks */
    const bool gemma4 = tiny_is(c, "gemma4");
    if (!none && !gemma4) tiny_kv_size(o, "feed_forward_length", c->ff);
    if (!none) tiny_kv_u32(o, "attention.head_count", c->heads);
    const uint32_t kv_heads = tiny_is(c, "deepseek2") ? 1 : c->kv_heads;
    if (tiny_is(c, "lfm2 granitehybrid") && tiny_key(o, "attention.head_count_kv", 9)) {
        tiny_u32(&o->meta, 5);
        tiny_u64(&o->meta, c->layers);
        for (uint32_t i = 0; i < c->layers; i++)
            tiny_u32(&o->meta, tiny_recurrent(c, i) ? 0 : kv_heads ? kv_heads : c->heads);
    } else if (kv_heads && !none && !gemma4) {
        tiny_kv_size(o, "attention.head_count_kv", kv_heads);
    }
    tiny_moe_meta(o);
    tiny_states_meta(o);
    tiny_encoder_meta(o);
    if (gemma4) tiny_gemma4_meta(o);
    tiny_kv_f32(o, "attention.layer_norm_rms_epsilon", 1e-5f);
    if (tiny_is(c, TINY_MEAN " cohere2 " TINY_ENCODERS))
        tiny_kv_f32(o, "attention.layer_norm_epsilon", 1e-5f);
    if (tiny_is(c, "gptneox") && tiny_key(o, "use_parallel_residual", 7))
        tiny_put(&o->meta, &c->twist, 1);
    if (tiny_is(c, "cohere2")) tiny_kv_f32(o, "logit_scale", 0.7f);
    if (tiny_is(c, "mpt") && !c->twist) tiny_kv_f32(o, "attention.max_alibi_bias", 8.0f);
    if (tiny_is(c, "mpt") && c->every_key) tiny_kv_f32(o, "attention.clamp_kqv", 0.8f);
    if (c->window) tiny_kv_u32(o, "attention.sliding_window", c->window);
    if (c->every_key && tiny_is(c, "mistral3")) tiny_kv_f32(o, "attention.temperature_scale", 0.1f);
    if (c->every_key) {
        tiny_kv_f32(o, "attn_logit_softcapping", 50.0f);
        tiny_kv_f32(o, "final_logit_softcapping", 30.0f);
        tiny_kv_f32(o, "rope.freq_base_swa", 5000.0f);
    }
    if (tiny_is(c, "granite granitemoe minicpm granitehybrid")) {
        tiny_kv_f32(o, "embedding_scale", 3.0f);
        tiny_kv_f32(o, "residual_scale", 0.4f);
        tiny_kv_f32(o, "attention.scale", 0.2f);
        tiny_kv_f32(o, "logit_scale", 0.7f);
    }
    if (c->head_dim && !gemma4) tiny_kv_u32(o, "attention.key_length", c->head_dim);
    if (c->head_dim && !gemma4) tiny_kv_u32(o, "attention.value_length", c->head_dim);
    if (c->rot) tiny_kv_u32(o, "rope.dimension_count", c->rot);
    if (c->base != 0) tiny_kv_f32(o, "rope.freq_base", c->base);
    if (c->scaling) tiny_kv_str(o, "rope.scaling.type", c->scaling);
    if (c->factor != 0)
        tiny_kv_f32(o, c->old_factor_key ? "rope.scale_linear" : "rope.scaling.factor", c->factor);
    if (c->attn_factor != 0) tiny_kv_f32(o, "rope.scaling.attn_factor", c->attn_factor);
    if (c->ctx_orig) tiny_kv_u32(o, "rope.scaling.original_context_length", c->ctx_orig);
}

/* Appends the whole file to out, which the caller drops. */
static inline void tiny_build(HthBuf *out, const Tiny *c) {
    TinyOut o = { .c = c };
    hth_buf_init(out, TINY_MAX);
    hth_buf_init(&o.meta, TINY_MAX);
    hth_buf_init(&o.info, TINY_MAX);
    hth_buf_init(&o.data, TINY_MAX);
    tiny_meta(&o);
    tiny_tensor(&o, "token_embd.weight", c->fmt, c->embd, c->vocab, 0, 1);
    const bool encoder = tiny_is(c, TINY_ENCODERS);
    if (encoder)
        tiny_encoder_ends(&o);
    else
        tiny_tensor(&o, tiny_is(c, "lfm2") ? "token_embd_norm.weight" : "output_norm.weight",
                    c->norm_fmt, c->embd, 0, 1, 0.1);
    if (c->pooling == 4) tiny_rank(&o);
    if (tiny_is(c, "bloom")) {
        tiny_tensor(&o, "token_embd_norm.weight", c->norm_fmt, c->embd, 0, 1, 0.1);
        tiny_tensor(&o, "token_embd_norm.bias", NULL, c->embd, 0, 0, 0.1);
    }
    if (tiny_is(c, "gpt2") || (tiny_is(c, "mpt") && c->twist))
        tiny_tensor(&o, "position_embd.weight", c->fmt, c->embd, c->ctx, 0, 0.3);
    if (tiny_is(c, TINY_MEAN)) tiny_tensor(&o, "output_norm.bias", NULL, c->embd, 0, 0, 0.1);
    if (!c->tied && !encoder)
        tiny_linear(&o, "output", c->embd, c->vocab, tiny_is(c, "phi2"), false);
    uint32_t d = c->head_dim ? c->head_dim : c->embd / c->heads;
    tiny_own_embd(&o);
    if (c->factors || tiny_is(c, "gemma4"))
        tiny_tensor(&o, "rope_freqs.weight", "F32", (c->rot ? c->rot : d) / 2, 0, 4, 1);
    if (c->every_key && tiny_is(c, "phi3")) {
        tiny_tensor(&o, "rope_factors_long.weight", "F32", (c->rot ? c->rot : d) / 2, 0, 4, 1);
        tiny_tensor(&o, "rope_factors_short.weight", "F32", (c->rot ? c->rot : d) / 2, 0, 4, 1);
    }
    for (uint32_t l = 0; l < c->layers; l++) tiny_layer(&o, l);
    if (c->extra) tiny_tensor(&o, c->extra, NULL, 4, 0, 0, 1);
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

/* The i-th of many token ids, a pure function of seed. */
static inline uint32_t tiny_id(const Tiny *c, uint64_t stream, uint64_t i) {
    return hth_rng_below(c->seed, stream, i, c->vocab);
}

#endif

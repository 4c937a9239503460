/* oracle.c - see oracle.h.  Llama-shaped models: llama, qwen2, qwen3; llama and qwen3moe with
 * experts; deepseek2.
 *
 * For every layer, with x the residual stream of each token:
 *   h = rms(x) * attn_norm;   q, k, v = h projected;   (qwen3: q, k normed per head)
 *   q, k rotated by position; a = softmax(q k / sqrt(d)) v over the past;   x += a projected
 *   h = rms(x) * ffn_norm;    x += down(silu(gate h) * up h)
 *   (experts: s = softmax(router h); the k best, their s divided by its sum, weigh what each makes)
 *   (deepseek2: keys and values of every head are made of one latent row; nothing is absorbed)
 * and at the end logits = output(rms(x) * output_norm).
 *
 * Thread: any. */
#include "oracle.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

typedef struct Oracle {
    const HthGguf *g;
    char arch[32];
    bool qwen2, qwen3, latent, q8; /* qwen3: with experts too */
    uint32_t experts, used, dense; /* dense: layers at the beginning without experts */
    uint32_t n_latent; /* deepseek2 */
    bool norm, sigmoid; /* of the experts' weights */
    double sharp; /* factor on scores */
    uint32_t n; /* tokens */
    uint32_t layers, embd, heads, kv_heads, dk, dv, ff, vocab, rot;
    double eps;
    double *angle; /* [rot/2] radians per position */
    double mscale; /* on cos and sin */
} Oracle;

static double number(const Oracle *o, const char *key, double or_else) {
    char full[128];
    uint32_t u;
    float f;
    snprintf(full, sizeof full, "%s.%s", o->arch, key);
    const HthGgufKv *kv = hth_gguf_find(o->g, full);
    if (!kv) return or_else;
    if (kv->type == HTH_GGUF_ARR) return (double)hth_gguf_elem_i64(kv, 0);
    if (hth_gguf_u32(o->g, full, &u, NULL) == HTH_OK) return u;
    return hth_gguf_f32(o->g, full, &f, NULL) == HTH_OK ? f : or_else;
}

static const HthGgufTensor *find(const Oracle *o, const char *name, const char *suffix, int layer) {
    char full[128];
    if (layer >= 0)
        snprintf(full, sizeof full, "blk.%d.%s.%s", layer, name, suffix);
    else
        snprintf(full, sizeof full, "%s.%s", name, suffix);
    return hth_gguf_tensor(o->g, hth_str(full));
}

static float *floats(const HthGgufTensor *t) {
    if (!t) return NULL;
    size_t count = (size_t)(t->ne[0] * t->ne[1] * t->ne[2]);
    float *v = hth_calloc(count, sizeof *v);
    if (v) t->fmt->dequant(t->data, v, count);
    return v;
}

/* All values of a tensor, NULL if the file has none of that name. */
static float *tensor(const Oracle *o, const char *name, const char *suffix, int layer) {
    return floats(find(o, name, suffix, layer));
}

/* Each run of 32 values becomes integers -127..127 times max/127. */
static void round_to_8_bits(const Oracle *o, double *x, uint32_t cols) {
    for (size_t at = 0; at < (size_t)o->n * cols; at += 32) {
        double max = 0;
        for (size_t i = at; i < at + 32; i++) max = fmax(max, fabs(x[i]));
        for (size_t i = at; max > 0 && i < at + 32; i++) x[i] = rint(x[i] * 127 / max) * max / 127;
    }
}

/* y[n][rows] = x[n][cols] w^T, with the tensor's bias and scale.  scale: 0 none, 1 before the bias,
 * 2 after it.  With q8, x is rounded in place. */
static void project(const Oracle *o, const char *name, int layer, int scale, double *x,
                    uint32_t cols, double *y, uint32_t rows) {
    const HthGgufTensor *t = find(o, name, "weight", layer);
    if (!t) t = find(o, "token_embd", "weight", -1); /* tied output */
    if (o->q8 && t->fmt->act == HTH_ACT_Q8) round_to_8_bits(o, x, cols);
    float *w = floats(t), *b = tensor(o, name, "bias", layer), *s = tensor(o, name, "scale", layer);
    double before = s && scale == 1 ? s[0] : 1, after = s && scale == 2 ? s[0] : 1;
    for (uint32_t i = 0; i < o->n; i++)
        for (uint32_t r = 0; r < rows; r++) {
            double sum = 0;
            for (uint32_t c = 0; c < cols; c++)
                sum += (double)w[(size_t)r * cols + c] * x[(size_t)i * cols + c];
            y[(size_t)i * rows + r] = (sum * before + (b ? (double)b[r] : 0)) * after;
        }
    hth_free(w);
    hth_free(b);
    hth_free(s);
}

/* y = x / sqrt(mean x^2 + eps) * w over every run of `width` values. */
static void norm(const Oracle *o, const char *name, int layer, const double *x, double *y,
                 size_t runs, uint32_t width) {
    float *w = tensor(o, name, "weight", layer);
    for (size_t r = 0; r < runs; r++) {
        double ss = 0;
        for (uint32_t i = 0; i < width; i++) ss += x[r * width + i] * x[r * width + i];
        double k = 1 / sqrt(ss / width + o->eps);
        for (uint32_t i = 0; i < width; i++) y[r * width + i] = x[r * width + i] * k * (double)w[i];
    }
    hth_free(w);
}

/* YaRN (Peng et al. 2023) section 3.2: pairs that turn often keep their speed, the slow stretch. */
static void rope_angles(Oracle *o) {
    double base = number(o, "rope.freq_base", 10000);
    double factor = number(o, "rope.scaling.factor", number(o, "rope.scale_linear", 0));
    double train = number(o, "context_length", 0);
    double ctx = number(o, "rope.scaling.original_context_length", train);
    double fast = number(o, "rope.scaling.yarn_beta_fast", 32);
    double slow = number(o, "rope.scaling.yarn_beta_slow", 1);
    char key[64];
    HthStr kind = HTH_STR("linear");
    snprintf(key, sizeof key, "%s.rope.scaling.type", o->arch);
    if (hth_gguf_find(o->g, key) && hth_gguf_str(o->g, key, &kind, NULL) != HTH_OK) kind.n = 0;
    bool yarn = hth_str_eq(kind, HTH_STR("yarn"));
    if (factor == 0 || hth_str_eq(kind, HTH_STR("none"))) factor = 1;
    float *f = o->qwen2 || o->qwen3 ? NULL : tensor(o, "rope_freqs", "weight", -1);
    /* the pair that makes `turns` full turns within ctx positions */
    double turn1 = o->rot * log(ctx / (fast * 2 * M_PI)) / (2 * log(base));
    double turn2 = o->rot * log(ctx / (slow * 2 * M_PI)) / (2 * log(base));
    double from = fmax(0, floor(turn1)), to = fmin(o->rot - 1.0, ceil(turn2));
    for (uint32_t i = 0; i < o->rot / 2; i++) {
        double speed = pow(base, -2.0 * i / o->rot) / (f ? (double)f[i] : 1.0);
        double stretched = fmin(1, fmax(0, (i - from) / fmax(0.001, to - from)));
        o->angle[i] = yarn ? speed * (1 - stretched) + speed / factor * stretched : speed / factor;
    }
    o->mscale = number(o, "rope.scaling.attn_factor", 1);
    o->sharp = 1;
    if (yarn && factor > 1 && o->latent) /* DeepSeek V3: scores grow instead of the rotation */
        o->sharp = pow(1 + number(o, "rope.scaling.yarn_log_multiplier", 0) * log(factor), 2);
    else if (yarn && factor > 1)
        o->mscale *= 0.1 * log(factor) + 1;
    hth_free(f);
}

/* at: of a head, the first dimension that rotates. */
static void rotate(const Oracle *o, double *x, uint32_t heads, uint32_t dim, uint32_t at) {
    bool neox = o->qwen2 || o->qwen3;
    uint32_t half = o->rot / 2;
    for (uint32_t t = 0; t < o->n; t++)
        for (uint32_t h = 0; h < heads; h++)
            for (uint32_t i = 0; i < half; i++) {
                double *v = x + ((size_t)t * heads + h) * dim + at;
                double *a = neox ? v + i : v + 2 * i, *b = neox ? v + i + half : v + 2 * i + 1;
                double c = cos(t * o->angle[i]) * o->mscale, s = sin(t * o->angle[i]) * o->mscale;
                double ra = *a * c - *b * s, rb = *a * s + *b * c;
                *a = ra;
                *b = rb;
            }
}

/* out[t] = sum over u <= t of softmax(q_t k_u / sqrt(dk)) v_u, for every head. p: [n] scratch. */
static void attend(const Oracle *o, const double *q, const double *k, const double *v, double *out,
                   double *p) {
    for (uint32_t t = 0; t < o->n; t++)
        for (uint32_t h = 0; h < o->heads; h++) {
            uint32_t kh = h / (o->heads / o->kv_heads);
            double max = -INFINITY, sum = 0;
            for (uint32_t u = 0; u <= t; u++) {
                p[u] = 0;
                for (uint32_t i = 0; i < o->dk; i++)
                    p[u] += q[((size_t)t * o->heads + h) * o->dk + i] *
                            k[((size_t)u * o->kv_heads + kh) * o->dk + i];
                p[u] *= o->sharp / sqrt(o->dk);
                max = fmax(max, p[u]);
            }
            for (uint32_t u = 0; u <= t; u++) sum += p[u] = exp(p[u] - max);
            double *y = out + ((size_t)t * o->heads + h) * o->dv;
            memset(y, 0, o->dv * sizeof *y);
            for (uint32_t u = 0; u <= t; u++)
                for (uint32_t i = 0; i < o->dv; i++)
                    y[i] += p[u] / sum * v[((size_t)u * o->kv_heads + kh) * o->dv + i];
        }
}

typedef struct Rows {
    double *x, *h, *q, *k, *v, *a, *gate, *up, *p;
} Rows;

/* Keys and values of all heads from one row of n_latent numbers, and rot more that all heads have
 * in common and that rotate; a head of dk is dk - rot of its own and those. */
static void latent_attention(const Oracle *o, int l, Rows *r) {
    const uint32_t plain = o->dk - o->rot, wide = o->n_latent + o->rot, q = o->heads * o->dk;
    double *c = hth_calloc(o->n, 2 * wide * sizeof *c), *low = c + (size_t)o->n * wide;
    float *kb = tensor(o, "attn_k_b", "weight", l), *vb = tensor(o, "attn_v_b", "weight", l);
    if (find(o, "attn_q_a", "weight", l)) {
        uint32_t rank = (uint32_t)number(o, "attention.q_lora_rank", 0);
        project(o, "attn_q_a", l, 0, r->h, o->embd, low, rank);
        norm(o, "attn_q_a_norm", l, low, low, o->n, rank);
        project(o, "attn_q_b", l, 0, low, rank, r->q, q);
    } else
        project(o, "attn_q", l, 0, r->h, o->embd, r->q, q);
    project(o, "attn_kv_a_mqa", l, 0, r->h, o->embd, c, wide);
    rotate(o, r->q, o->heads, o->dk, plain);
    rotate(o, c, 1, wide, o->n_latent);
    for (size_t t = 0; t < o->n; t++)
        norm(o, "attn_kv_a_norm", l, c + t * wide, low + t * o->n_latent, 1, o->n_latent);
    for (size_t t = 0; t < o->n; t++)
        for (size_t h = 0; h < o->heads; h++) {
            double *k = r->k + (t * o->heads + h) * o->dk, *v = r->v + (t * o->heads + h) * o->dv;
            memset(k, 0, o->dk * sizeof *k);
            memset(v, 0, o->dv * sizeof *v);
            memcpy(k + plain, c + t * wide + o->n_latent, o->rot * sizeof *k);
            for (size_t i = 0; i < o->n_latent; i++) {
                double x = low[t * o->n_latent + i];
                for (size_t d = 0; d < plain; d++)
                    k[d] += (double)kb[(h * o->n_latent + i) * plain + d] * x;
                for (size_t d = 0; d < o->dv; d++)
                    v[d] += (double)vb[(h * o->dv + d) * o->n_latent + i] * x;
            }
        }
    hth_free(c);
    hth_free(kb);
    hth_free(vb);
}

/* y += weight * down(silu(gate x) * up x) of one block of a tensor with several; one token. */
static void block(const Oracle *o, float *const w[3], float *const s[3], size_t e, const double *x,
                  double weight, double *g, double *y) {
    const size_t at = e * o->ff * o->embd;
    for (size_t f = 0; f < o->ff; f++) {
        double gate = 0, up = 0;
        for (size_t i = 0; i < o->embd; i++) {
            gate += (double)w[0][at + f * o->embd + i] * x[i];
            up += (double)w[1][at + f * o->embd + i] * x[i];
        }
        if (s[0]) gate *= (double)s[0][e];
        if (s[1]) up *= (double)s[1][e];
        g[f] = gate / (1 + exp(-gate)) * up;
    }
    for (size_t i = 0; i < o->embd; i++) {
        double sum = 0;
        for (size_t f = 0; f < o->ff; f++) sum += (double)w[2][at + i * o->ff + f] * g[f];
        y[i] += weight * sum * (s[2] ? (double)s[2][e] : 1);
    }
}

static void moe(const Oracle *o, int l, Rows *r) {
    static const char *const names[2][3] = { { "ffn_gate_exps", "ffn_up_exps", "ffn_down_exps" },
                                             { "ffn_gate_shexp", "ffn_up_shexp",
                                               "ffn_down_shexp" } };
    float *w[2][3], *s[2][3], *bias = tensor(o, "exp_probs_b", "bias", l);
    double *p = hth_calloc(o->experts, sizeof *p), *logit = hth_calloc(o->n, o->experts * 8);
    for (int k = 0; k < 6; k++) {
        w[k / 3][k % 3] = tensor(o, names[k / 3][k % 3], "weight", l);
        s[k / 3][k % 3] = k < 3 ? tensor(o, names[0][k], "scale", l) : NULL;
    }
    project(o, "ffn_gate_inp", l, 0, r->h, o->embd, logit, o->experts);
    for (size_t t = 0; t < o->n; t++) {
        const double *x = r->h + t * o->embd;
        double sum = 0, chosen = 0, scale = number(o, "expert_weights_scale", 0);
        bool taken[64] = { false };
        uint32_t ids[64];
        for (uint32_t e = 0; e < o->experts; e++) sum += exp(logit[t * o->experts + e]);
        for (uint32_t e = 0; e < o->experts; e++) {
            double v = exp(logit[t * o->experts + e]);
            p[e] = o->sigmoid ? v / (1 + v) : v / sum;
        }
        for (uint32_t k = 0; k < o->used; k++) {
            uint32_t best = UINT32_MAX;
            for (uint32_t e = 0; e < o->experts; e++)
                if (!taken[e] &&
                    (best == UINT32_MAX || p[e] + (bias ? (double)bias[e] : 0) >
                                               p[best] + (bias ? (double)bias[best] : 0)))
                    best = e;
            taken[ids[k] = best] = true;
            chosen += p[best];
        }
        for (uint32_t k = 0; k < o->used; k++)
            block(o, w[0], s[0], ids[k], x,
                  p[ids[k]] / (o->norm ? chosen : 1) * (scale ? scale : 1), r->gate,
                  r->x + t * o->embd);
        if (w[1][0]) block(o, w[1], s[1], 0, x, 1, r->gate, r->x + t * o->embd);
    }
    for (int k = 0; k < 6; k++) {
        hth_free(w[k / 3][k % 3]);
        hth_free(s[k / 3][k % 3]);
    }
    hth_free(bias);
    hth_free(p);
    hth_free(logit);
}

static void attention(const Oracle *o, int l, Rows *r) {
    size_t n = o->n;
    project(o, "attn_q", l, 1, r->h, o->embd, r->q, o->heads * o->dk);
    project(o, "attn_k", l, 1, r->h, o->embd, r->k, o->kv_heads * o->dk);
    project(o, "attn_v", l, 1, r->h, o->embd, r->v, o->kv_heads * o->dv);
    if (o->qwen3) norm(o, "attn_q_norm", l, r->q, r->q, n * o->heads, o->dk);
    if (o->qwen3) norm(o, "attn_k_norm", l, r->k, r->k, n * o->kv_heads, o->dk);
    rotate(o, r->q, o->heads, o->dk, 0);
    rotate(o, r->k, o->kv_heads, o->dk, 0);
}

static void layer(const Oracle *o, int l, Rows *r) {
    size_t n = o->n;
    norm(o, "attn_norm", l, r->x, r->h, n, o->embd);
    if (o->latent)
        latent_attention(o, l, r);
    else
        attention(o, l, r);
    attend(o, r->q, r->k, r->v, r->a, r->p);
    project(o, "attn_output", l, 1, r->a, o->heads * o->dv, r->h, o->embd);
    for (size_t i = 0; i < n * o->embd; i++) r->x[i] += r->h[i];
    int scale = o->qwen2 ? 0 : 2;
    norm(o, "ffn_norm", l, r->x, r->h, n, o->embd);
    if (o->experts && (uint32_t)l >= o->dense) {
        moe(o, l, r);
        return;
    }
    project(o, "ffn_gate", l, scale, r->h, o->embd, r->gate, o->ff);
    project(o, "ffn_up", l, scale, r->h, o->embd, r->up, o->ff);
    for (size_t i = 0; i < n * o->ff; i++)
        r->gate[i] = r->gate[i] / (1 + exp(-r->gate[i])) * r->up[i];
    project(o, "ffn_down", l, scale, r->gate, o->ff, r->h, o->embd);
    for (size_t i = 0; i < n * o->embd; i++) r->x[i] += r->h[i];
}

static HthStatus sizes(Oracle *o, HthErr *err) {
    HthStr arch;
    HTH_TRY(hth_gguf_str(o->g, "general.architecture", &arch, err));
    snprintf(o->arch, sizeof o->arch, "%.*s", HTH_STR_ARG(arch));
    o->qwen2 = strcmp(o->arch, "qwen2") == 0;
    o->qwen3 = strncmp(o->arch, "qwen3", 5) == 0;
    o->latent = strcmp(o->arch, "deepseek2") == 0;
    const HthGgufTensor *embd = hth_gguf_tensor(o->g, HTH_STR("token_embd.weight"));
    HTH_REQUIRE(embd, err, HTH_EFORMAT, "no embedding");
    o->vocab = (uint32_t)embd->ne[1];
    o->layers = (uint32_t)number(o, "block_count", 0);
    o->embd = (uint32_t)number(o, "embedding_length", 0);
    o->ff = (uint32_t)number(o, "feed_forward_length", 0);
    o->heads = (uint32_t)number(o, "attention.head_count", 1);
    o->kv_heads = (uint32_t)number(o, "attention.head_count_kv", o->heads);
    o->dk = (uint32_t)number(o, "attention.key_length", o->embd / o->heads);
    o->dv = (uint32_t)number(o, "attention.value_length", o->embd / o->heads);
    o->rot = (uint32_t)number(o, "rope.dimension_count", o->dk);
    o->eps = number(o, "attention.layer_norm_rms_epsilon", 0);
    o->experts = (uint32_t)number(o, "expert_count", 0);
    o->used = (uint32_t)number(o, "expert_used_count", 0);
    HTH_ASSERT(o->used <= o->experts && o->experts <= 64); /* tests' own models */
    o->norm = true;
    if (!o->latent) return HTH_OK;
    bool norm = false;
    HTH_TRY(hth_gguf_bool(o->g, "deepseek2.expert_weights_norm", &norm, err));
    o->norm = norm;
    o->sigmoid = number(o, "expert_gating_func", 1) == 2;
    o->dense = (uint32_t)number(o, "leading_dense_block_count", 0);
    o->n_latent = (uint32_t)number(o, "attention.kv_lora_rank", 0);
    o->kv_heads = o->heads;
    o->dk = (uint32_t)number(o, "attention.key_length_mla", 0);
    o->dv = (uint32_t)number(o, "attention.value_length_mla", 0);
    return HTH_OK;
}

HthStatus hth_oracle_logits(const HthGguf *g, const uint32_t *ids, uint32_t n, bool q8,
                            double *logits, HthErr *err) {
    HthStatus st = HTH_OK;
    Oracle o = { .g = g, .n = n, .q8 = q8 };
    HTH_TRY(sizes(&o, err));
    size_t q = (size_t)o.heads * o.dk, k = (size_t)o.kv_heads * o.dk, v = (size_t)o.kv_heads * o.dv;
    size_t a = (size_t)o.heads * o.dv;
    double *all = hth_calloc(n, (2 * o.embd + q + k + v + a + 2 * o.ff + 1) * sizeof(double));
    float *embd = tensor(&o, "token_embd", "weight", -1);
    o.angle = hth_calloc(o.rot, sizeof *o.angle);
    if (!all || !embd || !o.angle) {
        st = HTH_FAIL(err, HTH_ENOMEM, "no memory for the oracle");
        goto out;
    }
    Rows r = { .x = all };
    r.h = r.x + (size_t)n * o.embd;
    r.q = r.h + (size_t)n * o.embd;
    r.k = r.q + n * q;
    r.v = r.k + n * k;
    r.a = r.v + n * v;
    r.gate = r.a + n * a;
    r.up = r.gate + (size_t)n * o.ff;
    r.p = r.up + (size_t)n * o.ff;
    rope_angles(&o);
    for (uint32_t t = 0; t < n; t++)
        for (uint32_t i = 0; i < o.embd; i++)
            r.x[(size_t)t * o.embd + i] = (double)embd[(size_t)ids[t] * o.embd + i];
    for (uint32_t l = 0; l < o.layers; l++) layer(&o, (int)l, &r);
    norm(&o, "output_norm", -1, r.x, r.h, n, o.embd);
    project(&o, "output", -1, 1, r.h, o.embd, logits, o.vocab);
out:
    hth_free(all);
    hth_free(embd);
    hth_free(o.angle);
    return st;
}

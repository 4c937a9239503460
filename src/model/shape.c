/* shape.c - metadata to HthShape: read by the architecture's table, derive what files leave out.
 *
 * Thread: any. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kern/fn/math.h"
#include "kern/route.h"
#include "model/model_impl.h"

enum { KEY_MAX = 160, WINDOW_MAX = 1 << 30 };

static void key_of(char out[KEY_MAX], const HthArch *arch, const char *key) {
    snprintf(out, KEY_MAX, "%s.%s", arch->name, key);
}

static uint32_t *u32_field(HthShape *s, uint16_t field) {
    return (uint32_t *)(void *)((char *)s + field);
}

static float *f32_field(HthShape *s, uint16_t field) {
    return (float *)(void *)((char *)s + field);
}

/* A per-layer array stands for one number when all its elements are equal. */
static HthStatus read_array(const HthGgufKv *kv, const char *key, uint32_t *out, HthErr *err) {
    bool whole = kv->elem != HTH_GGUF_STR && kv->elem != HTH_GGUF_F32 && kv->elem != HTH_GGUF_F64 &&
                 kv->elem != HTH_GGUF_BOOL;
    HTH_REQUIRE(whole && kv->count > 0, err, HTH_EFORMAT, "%s must be a number, or one per layer",
                key);
    int64_t first = hth_gguf_elem_i64(kv, 0);
    for (uint64_t i = 1; i < kv->count; i++)
        HTH_REQUIRE(hth_gguf_elem_i64(kv, i) == first, err, HTH_ENOTSUP,
                    "%s differs from layer to layer; hearth needs it equal in all", key);
    HTH_REQUIRE(first >= 0 && first <= UINT32_MAX, err, HTH_EFORMAT, "%s is out of range", key);
    *out = (uint32_t)first;
    return HTH_OK;
}

static HthStatus read_u32(HthShape *s, const HthGguf *g, const char *key, const HthArchParam *p,
                          HthErr *err) {
    const HthGgufKv *kv = hth_gguf_find(g, key);
    uint32_t v = 0;
    if (kv->type == HTH_GGUF_ARR && p->type == HTH_P_SIZE)
        HTH_TRY(read_array(kv, key, &v, err));
    else
        HTH_TRY(hth_gguf_u32(g, key, &v, err));
    HTH_REQUIRE(p->type != HTH_P_SIZE || v > 0, err, HTH_EFORMAT, "%s is 0; it must be positive",
                key);
    *u32_field(s, p->field) = v;
    return HTH_OK;
}

static HthStatus read_scaling(HthShape *s, const HthGguf *g, const char *key, const HthArchParam *p,
                              HthErr *err) {
    static const struct {
        const char *name;
        HthRopeScaling kind;
    } kinds[] = { { "none", HTH_ROPE_PLAIN },
                  { "linear", HTH_ROPE_LINEAR },
                  { "yarn", HTH_ROPE_YARN },
                  { "longrope", HTH_ROPE_LONG } };
    HthStr v;
    HTH_TRY(hth_gguf_str(g, key, &v, err));
    for (size_t i = 0; i < HTH_COUNT(kinds); i++)
        if (hth_str_eq(v, hth_str(kinds[i].name))) {
            *u32_field(s, p->field) = kinds[i].kind;
            return HTH_OK;
        }
    return HTH_FAIL(err, HTH_ENOTSUP,
                    "%s is a scheme hearth has not met; it knows none, linear, yarn and longrope",
                    key);
}

/* A flag per layer, or a period: of so many layers in turn the last has none, or the first. */
static HthStatus read_layers(uint8_t *flag, const HthShape *s, const HthGguf *g, const char *key,
                             uint32_t period, bool late, HthErr *err) {
    const HthGgufKv *kv = hth_gguf_find(g, key);
    const bool flags = kv && kv->type == HTH_GGUF_ARR;
    HTH_REQUIRE(s->n_layer <= HTH_LAYERS_MAX, err, HTH_EFORMAT,
                "block_count is %u; hearth accepts up to %u", s->n_layer, HTH_LAYERS_MAX);
    if (flags) {
        bool whole = kv->elem != HTH_GGUF_STR && kv->elem != HTH_GGUF_F32 &&
                     kv->elem != HTH_GGUF_F64 && kv->elem != HTH_GGUF_ARR;
        HTH_REQUIRE(whole && kv->count >= s->n_layer, err, HTH_EFORMAT,
                    "%s must have a flag for each of %u layers", key, s->n_layer);
    } else if (kv) {
        HTH_TRY(hth_gguf_u32(g, key, &period, err));
        HTH_REQUIRE(period <= HTH_LAYERS_MAX, err, HTH_EFORMAT, "%s is %u; hearth accepts up to %u",
                    key, period, HTH_LAYERS_MAX);
    }
    memset(flag, 0, HTH_LAYERS_MAX / 8);
    for (uint32_t i = 0; i < s->n_layer; i++) {
        const uint32_t none = late || period == 0 ? 0 : period - 1; /* of each period */
        bool on = flags ? hth_gguf_elem_i64(kv, i) != 0 : period == 0 || i % period != none;
        if (on) flag[i / 8] |= (uint8_t)(1u << i % 8);
    }
    return HTH_OK;
}

/* A number of heads; where it is given per layer, those with none have a state instead. */
static HthStatus read_kv_heads(HthShape *s, const HthGguf *g, const char *key, HthErr *err) {
    const HthGgufKv *kv = hth_gguf_find(g, key);
    if (!kv) return HTH_OK;
    if (kv->type != HTH_GGUF_ARR) return hth_gguf_u32(g, key, &s->n_head_kv, err);
    const bool whole = kv->elem == HTH_GGUF_I32 || kv->elem == HTH_GGUF_U32;
    HTH_REQUIRE(whole && s->n_layer <= HTH_LAYERS_MAX && kv->count >= s->n_layer, err, HTH_EFORMAT,
                "%s must be a number, or one for each of %u layers", key, s->n_layer);
    for (uint32_t i = 0; i < s->n_layer; i++) {
        const int64_t n = hth_gguf_elem_i64(kv, i);
        HTH_REQUIRE(n == 0 || s->n_head_kv == 0 || n == s->n_head_kv, err, HTH_ENOTSUP,
                    "%s differs from layer to layer; hearth needs it equal, or 0", key);
        if (n == 0)
            s->recurrent[i / 8] |= (uint8_t)(1u << i % 8);
        else
            s->n_head_kv = n > 0 && n <= UINT16_MAX ? (uint32_t)n : UINT16_MAX;
    }
    return HTH_OK;
}

/* Sizes that layers of some kind may have otherwise. */
static const struct {
    uint16_t field, other;
    HthLayers when;
} others[] = {
    { offsetof(HthShape, head_dim), offsetof(HthShape, head_dim_window), HTH_L_WINDOWED },
    { offsetof(HthShape, head_dim_v), offsetof(HthShape, head_dim_v_window), HTH_L_WINDOWED },
    { offsetof(HthShape, n_head_kv), offsetof(HthShape, n_head_kv_window), HTH_L_WINDOWED },
    { offsetof(HthShape, n_rot), offsetof(HthShape, n_rot_window), HTH_L_WINDOWED },
    { offsetof(HthShape, n_ff), offsetof(HthShape, n_ff_borrow), HTH_L_BORROWING },
};

uint32_t hth_shape_size(const HthShape *s, uint16_t field, uint32_t layer) {
    uint32_t v, other;
    memcpy(&v, (const char *)s + field, sizeof v);
    for (size_t i = 0; i < HTH_COUNT(others); i++) {
        if (others[i].field != field) continue;
        memcpy(&other, (const char *)s + others[i].other, sizeof other);
        return other != 0 && hth_layer_is(s, others[i].when, layer) ? other : v;
    }
    return v;
}

/* A number, or one per layer: alike in all layers of one kind, and in all others. */
static HthStatus read_sizes(HthShape *s, const HthGguf *g, const char *key, const HthArchParam *p,
                            HthErr *err) {
    const HthGgufKv *kv = hth_gguf_find(g, key);
    size_t k = 0;
    while (k < HTH_COUNT(others) && others[k].field != p->field) k++;
    HTH_ASSERT(k < HTH_COUNT(others));
    if (kv->type != HTH_GGUF_ARR) return read_u32(s, g, key, p, err);
    const bool whole = kv->elem == HTH_GGUF_I32 || kv->elem == HTH_GGUF_U32;
    HTH_REQUIRE(whole && s->n_layer <= HTH_LAYERS_MAX && kv->count >= s->n_layer, err, HTH_EFORMAT,
                "%s must be a number, or one for each of %u layers", key, s->n_layer);
    uint32_t *of[2] = { u32_field(s, p->field), u32_field(s, others[k].other) };
    *of[0] = *of[1] = 0;
    for (uint32_t i = 0; i < s->n_layer; i++) {
        const int64_t n = hth_gguf_elem_i64(kv, i);
        uint32_t *to = of[hth_layer_is(s, others[k].when, i)];
        HTH_REQUIRE(n > 0 && n <= UINT32_MAX, err, HTH_EFORMAT, "%s is out of range", key);
        HTH_REQUIRE(*to == 0 || *to == n, err, HTH_ENOTSUP,
                    "%s differs among layers of a kind; hearth needs it equal in those", key);
        *to = (uint32_t)n;
    }
    if (*of[0] == 0) *of[0] = *of[1]; /* all are of that kind */
    return HTH_OK;
}

/* Rotations by several positions: of models of pictures, and of others that say so in zeros. */
static HthStatus refuse_sections(const HthGguf *g, const char *key, HthErr *err) {
    const HthGgufKv *kv = hth_gguf_find(g, key);
    const bool numbers =
        kv && kv->type == HTH_GGUF_ARR && (kv->elem == HTH_GGUF_I32 || kv->elem == HTH_GGUF_U32);
    HTH_REQUIRE(!kv || numbers, err, HTH_EFORMAT, "%s must be an array of numbers", key);
    for (uint64_t i = 0; kv && i < kv->count; i++)
        HTH_REQUIRE(hth_gguf_elem_i64(kv, i) == 0, err, HTH_ENOTSUP,
                    "%s is set: a model that sees pictures, which hearth cannot run", key);
    return HTH_OK;
}

/* Which of a text's positions a pair rotates by does not matter where all of them do. */
static HthStatus check_sections(const HthShape *s, const HthGguf *g, const char *key, HthErr *err) {
    const HthGgufKv *kv = hth_gguf_find(g, key);
    if (!kv) return HTH_OK;
    HTH_REQUIRE(kv->type == HTH_GGUF_ARR && kv->count >= 3 && kv->count <= 4 &&
                    (kv->elem == HTH_GGUF_I32 || kv->elem == HTH_GGUF_U32),
                err, HTH_EFORMAT, "%s must have three or four numbers", key);
    for (uint32_t i = 0; i < s->n_rot / 2; i++) /* in turn, each as often as its section says */
        HTH_REQUIRE(hth_gguf_elem_i64(kv, i % 3) > (int64_t)(i / 3), err, HTH_ENOTSUP,
                    "%s leaves pairs of dimensions without a position; hearth cannot run that",
                    key);
    return HTH_OK;
}

bool hth_layer_is(const HthShape *s, HthLayers which, uint32_t layer) {
    switch (which) {
    case HTH_L_ROTATING: return s->nope_step == 0 || (layer + 1) % s->nope_step != 0;
    case HTH_L_ROTATING_WITH: return s->with && hth_layer_is(s, HTH_L_ROTATING, layer);
    case HTH_L_STILL: return !hth_layer_is(s, HTH_L_ROTATING, layer);
    case HTH_L_DENSE: return !hth_layer_is(s, HTH_L_EXPERTS, layer);
    case HTH_L_EXPERTS: return s->moe_step ? (layer + 1) % s->moe_step == 0 : layer >= s->n_dense;
    case HTH_L_SHARED: return s->n_ff_shared != 0;
    case HTH_L_WINDOWED: return s->window == 0 || hth_layer_windowed(s, layer);
    case HTH_L_WITH: return s->with != 0;
    case HTH_L_WITHOUT: return s->with == 0;
    case HTH_L_RECURRENT: return hth_layer_recurrent(s, layer);
    case HTH_L_ATTENDING: return !hth_layer_recurrent(s, layer);
    case HTH_L_ATTENDING_WITH: return s->with && !hth_layer_recurrent(s, layer);
    case HTH_L_GELU: return s->silu == 0;
    case HTH_L_SILU: return s->silu != 0;
    case HTH_L_RANKING: return s->pooling == HTH_POOL_RANK;
    case HTH_L_RANKING_WITH: return s->pooling == HTH_POOL_RANK && s->with;
    case HTH_L_RANKING_WITHOUT: return s->pooling == HTH_POOL_RANK && !s->with;
    case HTH_L_Q_WHOLE: return s->n_q_latent == 0;
    case HTH_L_Q_LATENT: return s->n_q_latent != 0;
    case HTH_L_BORROWING: return layer + (uint64_t)s->n_borrow >= s->n_layer;
    case HTH_L_STORING: return layer + (uint64_t)s->n_borrow < s->n_layer;
    default: return true;
    }
}

static HthStatus read_bool(HthShape *s, const HthGguf *g, const char *key, const HthArchParam *p,
                           HthErr *err) {
    bool on = false;
    HTH_TRY(hth_gguf_bool(g, key, &on, err));
    *u32_field(s, p->field) = on;
    return HTH_OK;
}

static HthStatus read_silu(HthShape *s, const HthGguf *g, const char *key, const HthArchParam *p,
                           HthErr *err) {
    HthStr v;
    HTH_TRY(hth_gguf_str(g, key, &v, err));
    const bool silu = hth_str_eq(v, HTH_STR("silu"));
    HTH_REQUIRE(silu || hth_str_eq(v, HTH_STR("gelu")), err, HTH_ENOTSUP,
                "%s names a function hearth does not know; it knows gelu and silu", key);
    *u32_field(s, p->field) = silu;
    return HTH_OK;
}

static HthStatus read_param(HthShape *s, const HthGguf *g, const HthArch *arch,
                            const HthArchParam *p, HthErr *err) {
    char key[KEY_MAX];
    key_of(key, arch, p->key);
    if (p->type == HTH_P_KV_HEADS) return read_kv_heads(s, g, key, err);
    if (p->type == HTH_P_NO_SECTIONS) return refuse_sections(g, key, err);
    if (p->type == HTH_P_SECTIONS) return check_sections(s, g, key, err);
    if (p->type == HTH_P_WINDOWED || p->type == HTH_P_WINDOWED_LATE || p->type == HTH_P_RECURRENT)
        return read_layers((uint8_t *)s + p->field, s, g, key, (uint32_t)p->or_else,
                           p->type == HTH_P_WINDOWED_LATE, err);
    if (p->type == HTH_P_RECURRENT_OF) { /* in place of flags by layer, where there are none */
        char flags[KEY_MAX];
        key_of(flags, arch, "attention.recurrent_layers");
        if (hth_gguf_find(g, flags)) return HTH_OK;
        return read_layers((uint8_t *)s + p->field, s, g, key, (uint32_t)p->or_else, false, err);
    }
    bool is_float = p->type == HTH_P_F32 || p->type == HTH_P_F32_OLD;
    if (p->type == HTH_P_F32_OLD && *f32_field(s, p->field) != (float)p->or_else) return HTH_OK;
    if (!hth_gguf_find(g, key)) {
        HTH_REQUIRE(!isnan(p->or_else), err, HTH_EFORMAT,
                    "%s is missing: the file does not say how large the model is", key);
        if (is_float)
            *f32_field(s, p->field) = (float)p->or_else;
        else
            *u32_field(s, p->field) = (uint32_t)p->or_else;
        return HTH_OK;
    }
    if (p->type == HTH_P_SIZES) return read_sizes(s, g, key, p, err);
    if (p->type == HTH_P_SCALING) return read_scaling(s, g, key, p, err);
    if (p->type == HTH_P_SILU) return read_silu(s, g, key, p, err);
    if (p->type == HTH_P_BOOL) return read_bool(s, g, key, p, err);
    if (is_float) return hth_gguf_f32(g, key, f32_field(s, p->field), err);
    return read_u32(s, g, key, p, err);
}

static void derive_experts(HthShape *s, const HthArch *arch) {
    if (s->n_expert == 0) return;
    if (s->n_ff_exp == 0) s->n_ff_exp = s->n_ff;
    if (s->gate == HTH_EXPERTS_NONE) s->gate = arch->gate;
    if (s->gate_groups == 0) s->gate_groups = 1;
    if (arch->gate_norm) s->gate_norm = 1;
}

/* Scores are divided by the root of a head before it was absorbed; where YaRN stretches, both sides
 * of them grow as its rotation would make them, were all dimensions rotated. */
static HthStatus derive_latent(HthShape *s, const HthArch *arch, HthErr *err) {
    if (!arch->latent) return HTH_OK;
    HTH_REQUIRE(s->mla_dim != 0 && s->mla_dim_v != 0, err, HTH_ENOTSUP,
                "%s.attention.key_length_mla is missing: this file was made before keys and values "
                "were kept apart; convert the model again, or find a newer file of it",
                arch->name);
    const double ln = s->rope_scaling == HTH_ROPE_YARN && s->rope_factor > 1.0f
                          ? hth_ln((double)s->rope_factor)
                          : 0.0;
    double m = (double)s->rope_attn_factor * (1.0 + (double)s->yarn_log_mul * ln);
    if (s->yarn_log_mul == 0.0f) m *= 1.0 + 0.1 * ln;
    s->attn_scale = (float)(m * m / sqrt((double)s->mla_dim));
    s->mla_plain = s->mla_dim > s->n_rot ? s->mla_dim - s->n_rot : 0;
    return HTH_OK;
}

/* What files leave out follows from what they say. */
static HthStatus derive(HthShape *s, const HthArch *arch, HthErr *err) {
    if (arch->all_states) { /* sizes of what there is none of */
        memset(s->recurrent, 0xff, sizeof s->recurrent);
        s->n_head = s->n_head_kv = s->n_ff = 1;
        s->head_dim = s->head_dim_v = s->n_rot = 32;
    }
    if (s->n_ff == 0 && s->n_expert) s->n_ff = s->n_ff_exp; /* no layer has that block */
    HTH_REQUIRE(s->n_next == 0 || s->n_next < s->n_layer, err, HTH_EFORMAT,
                "%s.nextn_predict_layers is %u of %u layers", arch->name, s->n_next, s->n_layer);
    s->n_layer -= s->n_next;
    bool even = s->n_head > 0 && s->n_embd % s->n_head == 0;
    HTH_REQUIRE((s->head_dim > 0 && s->head_dim_v > 0) || even, err, HTH_EFORMAT,
                "an embedding of %u cannot be split into %u heads", s->n_embd, s->n_head);
    if (s->n_head_kv == 0) s->n_head_kv = s->n_head;
    if (s->head_dim == 0) s->head_dim = s->n_embd / s->n_head;
    if (s->head_dim_v == 0) s->head_dim_v = s->n_embd / s->n_head;
    if (s->n_rot == 0) s->n_rot = s->head_dim;
    if (s->rope_ctx_orig == 0) s->rope_ctx_orig = s->n_ctx_train;
    if (s->temper_floor == 0) s->temper_floor = s->rope_ctx_orig;
    bool stretched = s->rope_scaling == HTH_ROPE_LINEAR || s->rope_scaling == HTH_ROPE_YARN;
    if (s->rope_factor == 0.0f || !stretched) s->rope_factor = 1.0f;
    if (arch->window_layers && s->n_layer != arch->window_layers)
        s->window = s->window <= WINDOW_MAX ? 0 : s->window; /* absurd is absurd, used or not */
    else if (s->window == 0)
        s->window = arch->window;
    if (s->rope_alpha >= 1e-3f && s->rope_alpha <= 1e6f && s->head_dim > 2) /* not NaN */
        s->rope_base *= (float)hth_pow((double)s->rope_alpha,
                                       (double)s->head_dim / ((double)s->head_dim - 2.0));
    if (s->rope_base_window == 0.0f) s->rope_base_window = s->rope_base;
    if (arch->embd_sqrt) s->embd_scale = sqrtf((float)s->n_embd);
    if (arch->wide_layers && s->n_layer == arch->wide_layers && s->n_head)
        s->attn_scale = 1.0f / sqrtf((float)s->n_embd / (float)s->n_head);
    if (s->yarn_ext_factor < 0.0f) s->yarn_ext_factor = 1.0f;
    if (s->rope_scaling != HTH_ROPE_YARN) s->yarn_ext_factor = 0.0f;
    s->n_pair = s->n_rot / 2;
    s->n_own_all = s->n_own <= 1u << 16 ? s->n_layer * s->n_own : 0; /* bounds are to come */
    s->own_embd_scale = sqrtf((float)s->n_own);
    s->own_scale = 1.0f / sqrtf((float)s->n_embd);
    s->half_root = 1.0f / sqrtf(2.0f);
    s->one = 1;
    derive_experts(s, arch);
    return derive_latent(s, arch, err);
}

/* Sizes of tensors that hold several matrices; of bounded sizes, at most 2^25. */
static void derive_rows(HthShape *s) {
    s->n_qkv = (s->n_head + s->n_head_kv) * s->head_dim + s->n_head_kv * s->head_dim_v;
    s->n_gate_up = 2 * s->n_ff;
    s->q_gated = 2 * s->head_dim;
    s->n_three = 3 * s->n_embd;
    s->n_gate_up_exp = 2 * s->n_ff_exp;
    if (s->n_ff_shared == 0) s->n_ff_shared = s->n_shared * s->n_ff_exp;
}

/* Rows of a tensor that says itself how many it has; 0: it is not there. */
static HthStatus rows_of(uint32_t *out, const HthGguf *g, const char *name, HthErr *err) {
    const HthGgufTensor *t = hth_gguf_tensor(g, hth_str(name));
    HTH_REQUIRE(!t || t->ne[1] <= UINT32_MAX, err, HTH_EFORMAT, "%s is too large", name);
    *out = t ? (uint32_t)t->ne[1] : 0;
    return HTH_OK;
}

/* What becomes of a text where no next word does. */
static HthStatus read_text(HthShape *s, const HthGguf *g, const HthArch *arch, HthErr *err) {
    char key[KEY_MAX];
    bool causal = !arch->whole;
    key_of(key, arch, "pooling_type");
    if (hth_gguf_find(g, key)) HTH_TRY(hth_gguf_u32(g, key, &s->pooling, err));
    if (s->pooling == UINT32_MAX) s->pooling = HTH_POOL_NONE; /* -1: nothing was said */
    HTH_REQUIRE(s->pooling <= HTH_POOL_RANK, err, HTH_ENOTSUP,
                "%s is %u, which hearth does not know", key, s->pooling);
    HTH_REQUIRE(s->pooling != HTH_POOL_RANK || arch->rank, err, HTH_ENOTSUP,
                "%s is 4: a model that ranks, which hearth cannot run of this architecture", key);
    key_of(key, arch, "attention.causal");
    if (hth_gguf_find(g, key)) HTH_TRY(hth_gguf_bool(g, key, &causal, err));
    HTH_REQUIRE(causal == !arch->whole, err, HTH_ENOTSUP,
                "%s is %s, which hearth cannot run of this architecture", key,
                causal ? "true" : "false");
    s->whole = arch->whole;
    HTH_TRY(rows_of(&s->n_type, g, "token_types.weight", err));
    HTH_TRY(rows_of(&s->n_cls, g, "cls.output.weight", err));
    if (s->n_cls == 0) HTH_TRY(rows_of(&s->n_cls, g, "cls.weight", err));
    return HTH_OK;
}

HthStatus hth_shape_read(HthShape *out, const HthGguf *g, const HthArch *arch, HthErr *err) {
    HthShape s = { 0 };
    for (const HthArchParam *p = arch->params; p->key; p++)
        HTH_TRY(read_param(&s, g, arch, p, err));
    HTH_REQUIRE(s.n_expert == 0 || arch->gate, err, HTH_ENOTSUP,
                "this %s model is a mixture of experts (%u of them), which hearth cannot run",
                arch->name, s.n_expert);
    const HthGgufTensor *embd = hth_gguf_tensor(g, HTH_STR("token_embd.weight"));
    HTH_REQUIRE(embd, err, HTH_EFORMAT, "the file has no token_embd.weight: no model in it");
    HTH_REQUIRE(embd->ne[1] <= UINT32_MAX, err, HTH_EFORMAT, "token_embd.weight is too large");
    s.n_vocab = (uint32_t)embd->ne[1];
    HTH_TRY(read_text(&s, g, arch, err));
    if (arch->with_own) s.with = s.n_own != 0;
    if (arch->with_but) s.with = s.n_expert != arch->with_but;
    if (arch->asks) s.with = hth_gguf_tensor(g, hth_str(arch->asks)) != NULL;
    HTH_TRY(derive(&s, arch, err));
    HTH_TRY(hth_shape_check(&s, arch, err));
    derive_rows(&s);
    *out = s;
    return HTH_OK;
}

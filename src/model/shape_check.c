/* shape_check.c - the bounds of every size and factor, and what must fit together.
 *
 * Every bound is checked before any arithmetic uses the field.
 *
 * Thread: any. */
#include <string.h>

#include "kern/route.h"
#include "model/model_impl.h"
#include "op/program.h"

static const struct {
    uint16_t field;
    const char *what;
    uint32_t min, max;
} bounds[] = {
    { offsetof(HthShape, n_layer), "block_count", 1, HTH_LAYERS_MAX },
    { offsetof(HthShape, n_embd), "embedding_length", 1, 1u << 20 },
    { offsetof(HthShape, n_head), "attention.head_count", 1, 1024 },
    { offsetof(HthShape, n_head_kv), "attention.head_count_kv", 1, 1024 },
    { offsetof(HthShape, head_dim), "attention.key_length", 2, 1024 },
    { offsetof(HthShape, head_dim_v), "attention.value_length", 1, 1024 },
    { offsetof(HthShape, n_rot), "rope.dimension_count", 2, 1024 },
    { offsetof(HthShape, n_ff), "feed_forward_length", 1, 1u << 24 },
    { offsetof(HthShape, n_expert), "expert_count", 0, 1u << 14 },
    { offsetof(HthShape, n_ff_exp), "expert_feed_forward_length", 0, 1u << 24 },
    { offsetof(HthShape, n_ff_shared), "expert_shared_feed_forward_length", 0, 1u << 24 },
    { offsetof(HthShape, n_shared), "expert_shared_count", 0, 1u << 7 },
    { offsetof(HthShape, n_q_latent), "attention.q_lora_rank", 0, 1u << 20 },
    { offsetof(HthShape, mla_dim), "attention.key_length_mla", 0, 1024 },
    { offsetof(HthShape, mla_dim_v), "attention.value_length_mla", 0, 1024 },
    { offsetof(HthShape, ssm_conv), "ssm.conv_kernel", 0, 16 },
    { offsetof(HthShape, ssm_inner), "ssm.inner_size", 0, 1u << 20 },
    { offsetof(HthShape, ssm_dim_k), "ssm.state_size", 0, HTH_DELTA_MAX },
    { offsetof(HthShape, ssm_heads), "ssm.time_step_rank", 0, 1024 },
    { offsetof(HthShape, ssm_groups), "ssm.group_count", 0, 1024 },
    { offsetof(HthShape, n_vocab), "token_embd.weight rows", 1, 1u << 24 },
    { offsetof(HthShape, n_ctx_train), "context_length", 1, 1u << 30 },
    { offsetof(HthShape, window), "attention.sliding_window", 0, 1u << 30 },
    { offsetof(HthShape, pooling), "pooling_type", 0, HTH_POOL_RANK },
    { offsetof(HthShape, n_type), "token_types.weight rows", 0, 1u << 16 },
    { offsetof(HthShape, n_cls), "cls.output.weight rows", 0, 1u << 16 },
    { offsetof(HthShape, nope_step), "no_rope_layer_step", 0, HTH_LAYERS_MAX },
    { offsetof(HthShape, head_dim_window), "attention.key_length_swa", 0, 1024 },
    { offsetof(HthShape, head_dim_v_window), "attention.value_length_swa", 0, 1024 },
    { offsetof(HthShape, n_head_kv_window), "attention.head_count_kv", 0, 1024 },
    { offsetof(HthShape, n_rot_window), "rope.dimension_count_swa", 0, 1024 },
    { offsetof(HthShape, n_ff_borrow), "feed_forward_length", 0, 1u << 24 },
    { offsetof(HthShape, n_borrow), "attention.shared_kv_layers", 0, HTH_LAYERS_MAX },
    { offsetof(HthShape, n_own), "embedding_length_per_layer_input", 0, 1u << 16 },
    { offsetof(HthShape, moe_step), "interleave_moe_layer_step", 0, HTH_LAYERS_MAX },
    { offsetof(HthShape, rope_ctx_orig), "rope.scaling.original_context_length", 1, 1u << 30 },
    { offsetof(HthShape, temper_floor), "attention.temperature_length", 1, 1u << 30 },
};

static HthStatus check_bounds(const HthShape *s, const HthArch *arch, HthErr *err) {
    for (size_t i = 0; i < HTH_COUNT(bounds); i++) {
        uint32_t v;
        memcpy(&v, (const char *)s + bounds[i].field, sizeof v);
        HTH_REQUIRE(v >= bounds[i].min && v <= bounds[i].max, err, HTH_EFORMAT,
                    "%s.%s is %u; hearth accepts %u to %u", arch->name, bounds[i].what, v,
                    bounds[i].min, bounds[i].max);
    }
    HTH_REQUIRE(s->head_dim % 2 == 0, err, HTH_EFORMAT,
                "heads of %u dimensions cannot rotate: "
                "attention.key_length must be even",
                s->head_dim);
    HTH_REQUIRE(s->n_rot % 2 == 0 && s->n_rot <= s->head_dim, err, HTH_EFORMAT,
                "rope.dimension_count is %u; it must be even and at most the head's %u", s->n_rot,
                s->head_dim);
    HTH_REQUIRE(s->n_head % s->n_head_kv == 0, err, HTH_EFORMAT,
                "%u query heads cannot share %u key heads evenly", s->n_head, s->n_head_kv);
    return HTH_OK;
}

/* Heads of windowed layers, where they have their own; layers that read what others have stored. */
static HthStatus check_kinds(const HthShape *s, const HthArch *arch, HthErr *err) {
    const uint32_t dim = s->head_dim_window ? s->head_dim_window : s->head_dim;
    const uint32_t kv = s->n_head_kv_window ? s->n_head_kv_window : s->n_head_kv;
    const uint32_t n_rot = s->n_rot_window ? s->n_rot_window : s->n_rot;
    HTH_REQUIRE(dim % 2 == 0 && n_rot % 2 == 0 && n_rot <= dim, err, HTH_EFORMAT,
                "%s.rope.dimension_count_swa is %u; it must be even and at most the head's %u",
                arch->name, n_rot, dim);
    HTH_REQUIRE(s->n_head % kv == 0, err, HTH_EFORMAT,
                "%u query heads cannot share %u key heads evenly", s->n_head, kv);
    const uint32_t dim_v = s->head_dim_v_window ? s->head_dim_v_window : s->head_dim_v;
    HTH_REQUIRE(!arch->with_own || (s->head_dim_v == s->head_dim && dim_v == dim), err, HTH_ENOTSUP,
                "heads of %u and %u dimensions have values of %u and %u; %s's are as long as its "
                "keys",
                s->head_dim, dim, s->head_dim_v, dim_v, arch->name);
    HTH_REQUIRE(s->n_borrow < s->n_layer, err, HTH_EFORMAT,
                "%s.attention.shared_kv_layers is %u of %u layers", arch->name, s->n_borrow,
                s->n_layer);
    bool stored[2] = { false, false };
    for (uint32_t i = 0; i < s->n_layer; i++) {
        const bool windowed = hth_layer_windowed(s, i);
        if (hth_layer_is(s, HTH_L_STORING, i)) stored[windowed] = true;
        HTH_REQUIRE(stored[windowed], err, HTH_EFORMAT,
                    "layer %u of this %s model shares keys and values that no layer before it has",
                    i, arch->name);
    }
    return HTH_OK;
}

static HthStatus check_experts(const HthShape *s, const HthArch *arch, HthErr *err) {
    const uint32_t widest = s->n_ff_exp > s->n_embd ? s->n_ff_exp : s->n_embd;
    if (s->n_expert == 0) return HTH_OK;
    HTH_REQUIRE(s->n_used >= 1 && s->n_used <= s->n_expert, err, HTH_EFORMAT,
                "%s.expert_used_count is %u; there are %u experts", arch->name, s->n_used,
                s->n_expert);
    HTH_REQUIRE((uint64_t)s->n_used * widest <= UINT32_C(1) << 28, err, HTH_EFORMAT,
                "%u experts of %u rows for each token are more than hearth can hold", s->n_used,
                widest);
    HTH_REQUIRE((uint64_t)s->n_ff_exp * s->n_shared <= UINT32_C(1) << 24, err, HTH_EFORMAT,
                "%s.expert_shared_count is %u, of experts of %u rows", arch->name, s->n_shared,
                s->n_ff_exp);
    HTH_REQUIRE(s->gate < HTH_EXPERTS_BYS, err, HTH_ENOTSUP,
                "%s.expert_gating_func is %u; hearth knows 1 (softmax), 2 (sigmoid) and 3 (softmax "
                "of the chosen)",
                arch->name, s->gate);
    HTH_REQUIRE(s->n_dense <= s->n_layer, err, HTH_EFORMAT,
                "%s.leading_dense_block_count is %u of %u layers", arch->name, s->n_dense,
                s->n_layer);
    const uint32_t groups = s->gate_groups, used = s->gate_groups_used;
    HTH_REQUIRE(groups >= 1 && s->n_expert % groups == 0, err, HTH_EFORMAT,
                "%s.expert_group_count is %u, which does not divide %u experts", arch->name, groups,
                s->n_expert);
    HTH_REQUIRE(used <= groups &&
                    (groups == 1 || (uint64_t)used * (s->n_expert / groups) >= s->n_used),
                err, HTH_EFORMAT,
                "%s.expert_group_used_count is %u of %u groups, too few or too many for %u of %u "
                "experts",
                arch->name, used, groups, s->n_used, s->n_expert);
    return HTH_OK;
}

/* What the cache keeps of a token is its latent row and the part of a key that rotates. */
static HthStatus check_latent(const HthShape *s, const HthArch *arch, HthErr *err) {
    if (!arch->latent) return HTH_OK;
    HTH_REQUIRE(s->n_head_kv == 1, err, HTH_EFORMAT,
                "%s.attention.head_count_kv is %u; all heads share one latent row", arch->name,
                s->n_head_kv);
    HTH_REQUIRE(s->head_dim_v == s->n_latent && s->head_dim == (uint64_t)s->n_latent + s->n_rot,
                err, HTH_EFORMAT,
                "%s.attention.key_length and value_length are %u and %u; kv_lora_rank %u and %u "
                "rotating dimensions call for others",
                arch->name, s->head_dim, s->head_dim_v, s->n_latent, s->n_rot);
    HTH_REQUIRE(s->mla_dim > s->n_rot && s->mla_dim_v > 0, err, HTH_EFORMAT,
                "%s.attention.key_length_mla is %u, of which %u rotate; value_length_mla is %u",
                arch->name, s->mla_dim, s->n_rot, s->mla_dim_v);
    return HTH_OK;
}

/* Heads of layers with a state. */
static HthStatus check_states(HthShape *s, const HthArch *arch, HthErr *err) {
    if (s->ssm_heads == 0) return HTH_OK;
    HTH_REQUIRE(s->ssm_conv >= 1 && s->ssm_dim_k >= 1 && s->ssm_groups >= 1 &&
                    s->ssm_heads % s->ssm_groups == 0,
                err, HTH_EFORMAT,
                "%s.ssm: %u heads of values cannot share %u of %u keys, over %u tokens", arch->name,
                s->ssm_heads, s->ssm_groups, s->ssm_dim_k, s->ssm_conv);
    HTH_REQUIRE(s->ssm_inner >= s->ssm_heads && s->ssm_inner % s->ssm_heads == 0 &&
                    s->ssm_inner / s->ssm_heads <= HTH_DELTA_MAX,
                err, HTH_EFORMAT, "%s.ssm.inner_size is %u, which %u heads cannot share",
                arch->name, s->ssm_inner, s->ssm_heads);
    s->ssm_dim_v = s->ssm_inner / s->ssm_heads;
    s->ssm_wide = s->ssm_inner + 2 * s->ssm_groups * s->ssm_dim_k;
    s->ssm_ba = 2 * s->ssm_heads;
    s->ssm_rep = s->ssm_heads / s->ssm_groups;
    s->ssm_group = s->ssm_inner / s->ssm_groups;
    s->ssm_in = s->ssm_inner + s->ssm_wide + s->ssm_heads;
    return HTH_OK;
}

static bool within(float v, float low, float high) { /* false for NaN */
    return v >= low && v <= high;
}

static HthStatus check_floats(const HthShape *s, const HthArch *arch, HthErr *err) {
    HTH_REQUIRE(within(s->norm_eps, 0.0f, 1.0f), err, HTH_EFORMAT,
                "%s.attention.layer_norm_%sepsilon is %g; hearth accepts 0 to 1", arch->name,
                arch->mean_norm ? "" : "rms_", (double)s->norm_eps);
    HTH_REQUIRE(s->rope_base > 1.0f && s->rope_base <= 1e15f, err, HTH_EFORMAT,
                "%s.rope.freq_base is %g; hearth accepts more than 1 up to 1e15", arch->name,
                (double)s->rope_base);
    HTH_REQUIRE(within(s->rope_factor, 1e-6f, 1e6f), err, HTH_EFORMAT,
                "%s.rope.scaling.factor is %g; hearth accepts 1e-6 to 1e6", arch->name,
                (double)s->rope_factor);
    HTH_REQUIRE(within(s->rope_attn_factor, -1e6f, 1e6f), err, HTH_EFORMAT,
                "%s.rope.scaling.attn_factor is not a usable number", arch->name);
    HTH_REQUIRE(within(s->yarn_ext_factor, 0.0f, 1e3f) && within(s->yarn_beta_fast, 1e-3f, 1e6f) &&
                    within(s->yarn_beta_slow, 1e-3f, 1e6f) && within(s->yarn_log_mul, 0.0f, 1e6f),
                err, HTH_EFORMAT, "the YaRN numbers of %s.rope.scaling are out of range",
                arch->name);
    static const struct {
        uint16_t field;
        const char *what;
    } factors[] = {
        /* 0: absent */
        { offsetof(HthShape, attn_scale), "attention.scale" },
        { offsetof(HthShape, attn_cap), "attn_logit_softcapping" },
        { offsetof(HthShape, logit_cap), "final_logit_softcapping" },
        { offsetof(HthShape, embd_scale), "embedding_scale" },
        { offsetof(HthShape, residual_scale), "residual_scale" },
        { offsetof(HthShape, logit_scale), "logit_scale" },
        { offsetof(HthShape, gate_scale), "expert_weights_scale" },
        { offsetof(HthShape, temperature), "attention.temperature_scale" },
        { offsetof(HthShape, clamp_qkv), "attention.clamp_kqv" },
        { offsetof(HthShape, alibi), "attention.max_alibi_bias" },
    };
    for (size_t i = 0; i < HTH_COUNT(factors); i++) {
        float v;
        memcpy(&v, (const char *)s + factors[i].field, sizeof v);
        HTH_REQUIRE(v == 0.0f || within(v, 1e-6f, 1e6f), err, HTH_EFORMAT,
                    "%s.%s is %g; hearth accepts 1e-6 to 1e6, and 0 for none", arch->name,
                    factors[i].what, (double)v);
    }
    HTH_REQUIRE(s->rope_base_window > 1.0f && s->rope_base_window <= 1e15f, err, HTH_EFORMAT,
                "%s.rope.freq_base_swa is %g; hearth accepts more than 1 up to 1e15", arch->name,
                (double)s->rope_base_window);
    return HTH_OK;
}

HthStatus hth_shape_check(HthShape *s, const HthArch *arch, HthErr *err) {
    HTH_TRY(check_bounds(s, arch, err));
    HTH_TRY(check_kinds(s, arch, err));
    HTH_TRY(check_experts(s, arch, err));
    HTH_TRY(check_latent(s, arch, err));
    HTH_TRY(check_states(s, arch, err));
    return check_floats(s, arch, err);
}

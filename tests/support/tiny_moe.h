/* tiny_moe.h - experts and latent attention of the small random models.  A part of
 * tiny.h, included by nobody else.
 *
 * Thread: one owner. */
#ifndef HTH_TESTS_TINY_MOE_H
#define HTH_TESTS_TINY_MOE_H

#define TINY_MOE                                                                                   \
    "qwen3moe gpt-oss deepseek2 olmoe qwen2moe granitemoe glm4moe qwen35moe qwen3next llama4"
enum { TINY_MOE_STEP = 2 };
enum { TINY_LATENT = 32, TINY_ROT = 32, TINY_PLAIN = 16, TINY_MLA_V = 24 };

static inline uint32_t tiny_experts(const Tiny *c) {
    return c->experts ? c->experts : tiny_is(c, TINY_MOE) ? 5 : 0;
}
static inline uint32_t tiny_used(const Tiny *c) {
    return c->used ? c->used : 2;
}

/* Rows of the expert that every token goes to. */
static inline uint32_t tiny_shared(const Tiny *c) {
    return c->shared                                                             ? c->shared
           : tiny_is(c, "qwen2moe deepseek2 glm4moe qwen35moe qwen3next llama4") ? c->ff
                                                                                 : 0;
}

/* fmt if rows of cols can be in it, else halves: what quantisers do. */
static inline const char *tiny_fits(const char *fmt, uint32_t cols) {
    return fmt && hth_fmt_row_bytes(hth_fmt_by_name(fmt), cols) == 0 ? "F16" : fmt;
}

/* count matrices, each with a bias or a scale. */
static inline void tiny_each_linear(TinyOut *o, uint32_t l, const char *what, const char *fmt,
                                    uint32_t cols, uint32_t rows, uint32_t count) {
    char name[96];
    snprintf(name, sizeof name, "blk.%u.%s.weight", l, what);
    tiny_each(o, name, tiny_fits(fmt, cols), cols, rows, count, 0, 1.5 / sqrt(cols));
    snprintf(name, sizeof name, "blk.%u.%s.bias", l, what);
    if (tiny_is(o->c, "gpt-oss")) tiny_each(o, name, "F32", rows, 0, count, 0, 0.3);
    snprintf(name, sizeof name, "blk.%u.%s.scale", l, what);
    const bool down = tiny_is(o->c, "gemma4") && strcmp(what, "ffn_down_exps") == 0;
    if (count && (down || (o->c->scales && tiny_is(o->c, "llama qwen3moe"))))
        tiny_each(o, name, "F32", count, 0, 0, 1, 0.2);
}

static inline void tiny_moe(TinyOut *o, uint32_t l) {
    const Tiny *c = o->c;
    const uint32_t n = tiny_experts(c);
    const char *fmt = c->exp_fmt ? c->exp_fmt : c->fmt;
    char name[96];
    snprintf(name, sizeof name, "blk.%u.ffn_gate_inp.weight", l);
    tiny_tensor(o, name, NULL, c->embd, n, 0, 1.5 / sqrt(c->embd));
    snprintf(name, sizeof name, "blk.%u.ffn_gate_inp.bias", l);
    if (tiny_is(c, "gpt-oss")) tiny_tensor(o, name, NULL, n, 0, 0, 0.3);
    snprintf(name, sizeof name, "blk.%u.exp_probs_b.bias", l);
    if (c->choice) tiny_tensor(o, name, NULL, n, 0, 0, 0.3);
    if (c->gate_up)
        tiny_each_linear(o, l, "ffn_gate_up_exps", fmt, c->embd, 2 * c->ff, n);
    else {
        tiny_each_linear(o, l, "ffn_gate_exps", fmt, c->embd, c->ff, n);
        tiny_each_linear(o, l, "ffn_up_exps", fmt, c->embd, c->ff, n);
    }
    tiny_each_linear(o, l, "ffn_down_exps", fmt, c->ff, c->embd, n);
    snprintf(name, sizeof name, "blk.%u.ffn_gate_inp_shexp.weight", l);
    if (tiny_is(c, "qwen2moe qwen35moe qwen3next"))
        tiny_tensor(o, name, NULL, c->embd, 0, 0, 1.5 / sqrt(c->embd));
    const uint32_t shared = tiny_shared(c);
    if (!shared) return;
    tiny_each_linear(o, l, "ffn_gate_shexp", c->fmt, c->embd, shared, 0);
    tiny_each_linear(o, l, "ffn_up_shexp", c->fmt, c->embd, shared, 0);
    tiny_each_linear(o, l, "ffn_down_shexp", c->fmt, shared, c->embd, 0);
}

static inline void tiny_latent(TinyOut *o, uint32_t l) {
    const Tiny *c = o->c;
    const uint32_t q = c->heads * (TINY_PLAIN + TINY_ROT);
    if (c->whole_q)
        tiny_each_linear(o, l, "attn_q", c->fmt, c->embd, q, 0);
    else {
        tiny_each_linear(o, l, "attn_q_a", c->fmt, c->embd, TINY_LATENT, 0);
        tiny_norm(o, l, "attn_q_a_norm", TINY_LATENT);
        tiny_each_linear(o, l, "attn_q_b", c->fmt, TINY_LATENT, q, 0);
    }
    tiny_each_linear(o, l, "attn_kv_a_mqa", c->fmt, c->embd, TINY_LATENT + TINY_ROT, 0);
    tiny_norm(o, l, "attn_kv_a_norm", TINY_LATENT);
    tiny_each_linear(o, l, "attn_k_b", c->fmt, TINY_PLAIN, TINY_LATENT, c->heads);
    tiny_each_linear(o, l, "attn_v_b", c->fmt, TINY_LATENT, TINY_MLA_V, c->heads);
    tiny_each_linear(o, l, "attn_output", c->fmt, c->heads * TINY_MLA_V, c->embd, 0);
}

static inline void tiny_moe_meta(TinyOut *o) {
    const Tiny *c = o->c;
    if (!tiny_experts(c)) return;
    tiny_kv_u32(o, "expert_count", tiny_experts(c));
    tiny_kv_u32(o, "expert_used_count", tiny_used(c));
    if (tiny_is(c, "qwen2moe granitemoe granitehybrid qwen35moe qwen3next") && tiny_shared(c))
        tiny_kv_u32(o, "expert_shared_feed_forward_length", tiny_shared(c));
    if (!tiny_is(c, "llama olmoe granitemoe granitehybrid"))
        tiny_kv_u32(o, "expert_feed_forward_length", c->ff);
    if (tiny_is(c, "llama4")) {
        tiny_kv_u32(o, "interleave_moe_layer_step", TINY_MOE_STEP);
        if (c->every_key) tiny_kv_u32(o, "attention.temperature_length", 20);
    }
    if (!tiny_is(c, "deepseek2 glm4moe")) return;
    tiny_kv_u32(o, "expert_shared_count", 1);
    tiny_kv_u32(o, "leading_dense_block_count", c->dense);
    tiny_kv_u32(o, "expert_gating_func", c->gate);
    if (tiny_key(o, "expert_weights_norm", 7)) tiny_put(&o->meta, &c->gate_norm, 1);
    tiny_kv_f32(o, "expert_weights_scale", c->gate_scale);
    tiny_kv_u32(o, "expert_group_count", c->groups);
    tiny_kv_u32(o, "expert_group_used_count", c->groups_used);
    tiny_kv_u32(o, "nextn_predict_layers", c->next);
    if (!tiny_is(c, "deepseek2")) return;
    tiny_kv_f32(o, "attention.temperature_scale", c->every_key ? 0.1f : 0.0f);
    if (c->every_key) tiny_kv_u32(o, "attention.temperature_length", 20);
    tiny_kv_u32(o, "attention.kv_lora_rank", TINY_LATENT);
    if (!c->whole_q) tiny_kv_u32(o, "attention.q_lora_rank", TINY_LATENT);
    tiny_kv_u32(o, "attention.key_length", TINY_LATENT + TINY_ROT);
    tiny_kv_u32(o, "attention.value_length", TINY_LATENT);
    tiny_kv_u32(o, "attention.key_length_mla", TINY_PLAIN + TINY_ROT);
    tiny_kv_u32(o, "attention.value_length_mla", TINY_MLA_V);
    tiny_kv_u32(o, "rope.dimension_count", TINY_ROT);
    tiny_kv_f32(o, "rope.scaling.yarn_log_multiplier", 0.1f);
}

#endif

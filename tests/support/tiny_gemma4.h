/* tiny_gemma4.h - gemma4 among the small random models: every other layer has a window and smaller
 * heads; from four layers on the last two read what others have stored, and have wider feed-forward
 * blocks.  A part of tiny.h, included by nobody else.
 *
 * Thread: one owner. */
#ifndef HTH_TESTS_TINY_GEMMA4_H
#define HTH_TESTS_TINY_GEMMA4_H

enum { TINY_OWN = 12 };

static inline bool tiny_windowed(uint32_t l) {
    return l % 2 == 0;
}
static inline uint32_t tiny_borrow(const Tiny *c) {
    return tiny_is(c, "gemma4") && c->layers >= 4 ? 2 : 0;
}
static inline bool tiny_borrows(const Tiny *c, uint32_t l) {
    return l + tiny_borrow(c) >= c->layers;
}
static inline uint32_t tiny_ff(const Tiny *c, uint32_t l) {
    return tiny_borrows(c, l) ? 2 * c->ff : c->ff;
}
static inline bool tiny_owns(const Tiny *c) { /* numbers of their own for each token */
    return tiny_is(c, "gemma4") && !c->experts && !c->twist;
}

static inline void tiny_gemma4_meta(TinyOut *o) {
    const Tiny *c = o->c;
    const uint32_t d = c->head_dim ? c->head_dim : c->embd / c->heads;
    const uint32_t kv = c->kv_heads ? c->kv_heads : c->heads;
    const struct {
        const char *key;
        uint32_t elem;
    } arrays[] = { { "attention.sliding_window_pattern", 7 },
                   { "feed_forward_length", 5 },
                   { "attention.head_count_kv", 5 } };
    for (size_t k = 0; k < HTH_COUNT(arrays); k++) {
        if (!tiny_key(o, arrays[k].key, 9)) continue;
        tiny_u32(&o->meta, arrays[k].elem);
        tiny_u64(&o->meta, c->layers);
        for (uint32_t l = 0; l < c->layers; l++) {
            const uint8_t flag = tiny_windowed(l);
            if (k == 0) tiny_put(&o->meta, &flag, 1);
            if (k == 1) tiny_u32(&o->meta, (uint32_t)tiny_value(o, arrays[k].key, tiny_ff(c, l)));
            if (k == 2) tiny_u32(&o->meta, tiny_windowed(l) ? kv : 1);
        }
    }
    tiny_kv_u32(o, "attention.shared_kv_layers", tiny_borrow(c));
    tiny_kv_u32(o, "attention.key_length", d);
    tiny_kv_u32(o, "attention.value_length", d);
    tiny_kv_u32(o, "attention.key_length_swa", d / 2);
    tiny_kv_u32(o, "attention.value_length_swa", d / 2);
    tiny_kv_u32(o, "rope.dimension_count_swa", d / 2);
    tiny_kv_u32(o, "embedding_length_per_layer_input", tiny_owns(c) ? TINY_OWN : 0);
    if (!c->window) tiny_kv_u32(o, "attention.sliding_window", 40);
}

/* What layers have of a token, before the layers. */
static inline void tiny_own_embd(TinyOut *o) {
    const Tiny *c = o->c;
    const uint32_t all = TINY_OWN * c->layers;
    if (!tiny_owns(c)) return;
    tiny_tensor(o, "per_layer_token_embd.weight", tiny_fits(c->fmt, all), all, c->vocab, 0, 1);
    tiny_tensor(o, "per_layer_model_proj.weight", c->fmt, c->embd, all, 0, 1.5);
    tiny_tensor(o, "per_layer_proj_norm.weight", NULL, TINY_OWN, 0, 1, 0.1);
}

static inline void tiny_own(TinyOut *o, uint32_t l) {
    const Tiny *c = o->c;
    char n[96];
    snprintf(n, sizeof n, "blk.%u.layer_output_scale.weight", l);
    tiny_tensor(o, n, NULL, 1, 0, 0.8, 0.1);
    if (!tiny_owns(c)) return;
    tiny_each_linear(o, l, "inp_gate", c->fmt, c->embd, TINY_OWN, 0);
    tiny_each_linear(o, l, "proj", c->fmt, TINY_OWN, c->embd, 0);
    tiny_norm(o, l, "post_norm", c->embd);
}

static inline void tiny_own_attn(TinyOut *o, uint32_t l) {
    const Tiny *c = o->c;
    const uint32_t whole = c->head_dim ? c->head_dim : c->embd / c->heads;
    const uint32_t d = tiny_windowed(l) ? whole / 2 : whole;
    const uint32_t kv = !tiny_windowed(l) ? 1 : c->kv_heads ? c->kv_heads : c->heads;
    tiny_each_linear(o, l, "attn_q", c->fmt, c->embd, c->heads * d, 0);
    tiny_each_linear(o, l, "attn_output", c->fmt, c->heads * d, c->embd, 0);
    tiny_norm(o, l, "attn_q_norm", d);
    if (tiny_borrows(c, l)) return;
    tiny_each_linear(o, l, "attn_k", c->fmt, c->embd, kv * d, 0);
    if (tiny_windowed(l)) tiny_each_linear(o, l, "attn_v", c->fmt, c->embd, kv * d, 0);
    tiny_norm(o, l, "attn_k_norm", d);
}

/* Experts beside the plain block. */
static inline void tiny_own_moe(TinyOut *o, uint32_t l) {
    char n[96];
    tiny_moe(o, l);
    snprintf(n, sizeof n, "blk.%u.ffn_gate_inp.scale", l);
    tiny_tensor(o, n, NULL, o->c->embd, 0, 8, 1);
    tiny_norm(o, l, "post_ffw_norm_1", o->c->embd);
    tiny_norm(o, l, "pre_ffw_norm_2", o->c->embd);
    tiny_norm(o, l, "post_ffw_norm_2", o->c->embd);
}

#endif

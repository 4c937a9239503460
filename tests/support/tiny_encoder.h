/* tiny_encoder.h - the encoders among the small random models: what their layers, ends and heads
 * for ranking have.  A part of tiny.h, included by nobody else.
 *
 * Thread: one owner. */
#ifndef HTH_TESTS_TINY_ENCODER_H
#define HTH_TESTS_TINY_ENCODER_H

#define TINY_ENCODERS "bert nomic-bert jina-bert-v2 modern-bert"
enum { TINY_TYPES = 2, TINY_SCORES = 2 };

static inline void tiny_encoder_norm(TinyOut *o, const char *name, bool bias) {
    char full[128];
    snprintf(full, sizeof full, "%s.weight", name);
    tiny_tensor(o, full, o->c->norm_fmt, o->c->embd, 0, 1, 0.1);
    snprintf(full, sizeof full, "%s.bias", name);
    if (bias) tiny_tensor(o, full, NULL, o->c->embd, 0, 0, 0.1);
}

static inline void tiny_encoder_attn(TinyOut *o, uint32_t l, bool bias, bool fused) {
    const Tiny *c = o->c;
    const uint32_t d = c->embd / c->heads, kv = (c->kv_heads ? c->kv_heads : c->heads) * d;
    char n[96];
#define TINY_NAME(s) (snprintf(n, sizeof n, "blk.%u." s, l), n)
    if (fused) {
        tiny_linear(o, TINY_NAME("attn_qkv"), c->embd, c->embd + 2 * kv, bias, false);
    } else {
        tiny_linear(o, TINY_NAME("attn_q"), c->embd, c->embd, bias, false);
        tiny_linear(o, TINY_NAME("attn_k"), c->embd, kv, bias, false);
        tiny_linear(o, TINY_NAME("attn_v"), c->embd, kv, bias, false);
    }
    tiny_linear(o, TINY_NAME("attn_output"), c->embd, c->embd, bias, false);
    if (tiny_is(c, "jina-bert-v2") && c->qk_norm) {
        tiny_encoder_norm(o, TINY_NAME("attn_q_norm"), true);
        tiny_encoder_norm(o, TINY_NAME("attn_k_norm"), true);
    }
    if (tiny_is(c, "jina-bert-v2") && c->twist)
        tiny_encoder_norm(o, TINY_NAME("attn_norm_2"), true);
}

static inline void tiny_encoder_layer(TinyOut *o, uint32_t l) {
    const Tiny *c = o->c;
    const bool modern = tiny_is(c, "modern-bert"), jina = tiny_is(c, "jina-bert-v2");
    const bool bias = tiny_is(c, "bert jina-bert-v2");
    const bool both = modern || (jina && c->gate_up); /* gate and up in one */
    char n[96];
    tiny_encoder_attn(o, l, bias, modern || tiny_is(c, "nomic-bert") || c->fused);
    if (modern && l > 0) tiny_encoder_norm(o, TINY_NAME("attn_norm"), false);
    if (modern) tiny_encoder_norm(o, TINY_NAME("ffn_norm"), false);
    if (!modern) tiny_encoder_norm(o, TINY_NAME("attn_output_norm"), true);
    if (!modern) tiny_encoder_norm(o, TINY_NAME("layer_output_norm"), true);
    if (tiny_is(c, "nomic-bert") || (jina && !both))
        tiny_linear(o, TINY_NAME("ffn_gate"), c->embd, c->ff, false, false);
    tiny_linear(o, TINY_NAME("ffn_up"), c->embd, both ? 2 * c->ff : c->ff, bias && !both, false);
    tiny_linear(o, TINY_NAME("ffn_down"), c->ff, c->embd, bias, false);
#undef TINY_NAME
}

/* What stands before the layers and after them, but for the embedding. */
static inline void tiny_encoder_ends(TinyOut *o) {
    const Tiny *c = o->c;
    const bool modern = tiny_is(c, "modern-bert");
    tiny_encoder_norm(o, "token_embd_norm", !modern);
    if (modern) tiny_encoder_norm(o, "output_norm", false);
    if (!modern) tiny_tensor(o, "token_types.weight", c->fmt, c->embd, TINY_TYPES, 0, 0.3);
    if (tiny_is(c, "bert")) tiny_tensor(o, "position_embd.weight", c->fmt, c->embd, c->ctx, 0, 0.3);
}

/* What scores are made with; pooling 4. */
static inline void tiny_rank(TinyOut *o) {
    const Tiny *c = o->c;
    if (tiny_is(c, "jina-bert-v2")) {
        tiny_linear(o, "cls", c->embd, 1, true, false);
        return;
    }
    if (tiny_is(c, "bert modern-bert") && !c->twist)
        tiny_linear(o, "cls", c->embd, c->embd, tiny_is(c, "bert"), false);
    if (tiny_is(c, "modern-bert") && !c->twist) tiny_encoder_norm(o, "cls.norm", false);
    tiny_linear(o, "cls.output", c->embd, TINY_SCORES, !tiny_is(c, "qwen3"), false);
}

static inline void tiny_encoder_meta(TinyOut *o) {
    const Tiny *c = o->c;
    if (c->pooling) tiny_kv_u32(o, "pooling_type", c->pooling);
    if (tiny_is(c, TINY_ENCODERS) && tiny_key(o, "attention.causal", 7)) tiny_put(&o->meta, "", 1);
    if (tiny_is(c, "modern-bert") && c->every_key) /* windows on all layers */
        tiny_kv_u32(o, "attention.sliding_window_pattern", 0);
    if (tiny_is(c, "modern-bert") && c->silu) tiny_kv_str(o, "hidden_activation", "silu");
}

#endif

/* tiny_state.h - layers with a state, of the small random models.  A part of tiny.h, included
 * by nobody else.
 *
 * Thread: one owner. */
#ifndef HTH_TESTS_TINY_STATE_H
#define HTH_TESTS_TINY_STATE_H

#define TINY_STATES "qwen35 qwen35moe qwen3next"
#define TINY_SCAN   "mamba2 granitehybrid"
enum { TINY_SSM_HEADS = 4, TINY_SSM_GROUPS = 2, TINY_SSM_DIM = 24, TINY_SSM_CONV = 4 };

/* Every other layer, or all. */
static inline bool tiny_recurrent(const Tiny *c, uint32_t l) {
    return tiny_is(c, "mamba2") || (tiny_is(c, TINY_STATES " granitehybrid lfm2") && l % 2 == 0);
}
static inline uint32_t tiny_inner(const Tiny *c) {
    return tiny_is(c, TINY_SCAN) ? 2 * c->embd : TINY_SSM_HEADS * TINY_SSM_DIM;
}

static inline void tiny_states_meta(TinyOut *o) {
    const Tiny *c = o->c;
    if (tiny_is(c, "lfm2")) tiny_kv_u32(o, "shortconv.l_cache", 3);
    if (tiny_is(c, "granitehybrid") && tiny_key(o, "rope.scaling.finetuned", 7))
        tiny_put(&o->meta, &c->twist, 1);
    if (!tiny_is(c, TINY_STATES " " TINY_SCAN)) return;
    if (tiny_is(c, TINY_STATES)) tiny_kv_u32(o, "full_attention_interval", 2);
    tiny_kv_u32(o, "ssm.conv_kernel", TINY_SSM_CONV);
    tiny_kv_u32(o, "ssm.inner_size", tiny_inner(c));
    tiny_kv_u32(o, "ssm.state_size", TINY_SSM_DIM);
    tiny_kv_u32(o, "ssm.time_step_rank", TINY_SSM_HEADS);
    tiny_kv_u32(o, "ssm.group_count", TINY_SSM_GROUPS);
    if (!tiny_is(c, "qwen35 qwen35moe")) return;
    if (!tiny_key(o, "rope.dimension_sections", 9)) return;
    tiny_u32(&o->meta, 5);
    tiny_u64(&o->meta, 4);
    const uint32_t pairs = (c->rot ? c->rot : c->head_dim ? c->head_dim : c->embd / c->heads) / 2;
    for (uint32_t i = 0; i < 4; i++) tiny_u32(&o->meta, i < 3 ? (pairs + 2 - i) / 3 : 0);
}

static inline void tiny_states(TinyOut *o, uint32_t l) {
    const Tiny *c = o->c;
    const uint32_t inner = tiny_inner(c), wide = inner + 2 * TINY_SSM_GROUPS * TINY_SSM_DIM;
    const bool scan = tiny_is(c, TINY_SCAN);
    char name[96];
    if (tiny_is(c, "lfm2")) {
        tiny_each_linear(o, l, "shortconv.in_proj", c->fmt, c->embd, 3 * c->embd, 0);
        snprintf(name, sizeof name, "blk.%u.shortconv.conv.weight", l);
        tiny_tensor(o, name, NULL, 3, c->embd, 0, 0.7);
        tiny_each_linear(o, l, "shortconv.out_proj", c->fmt, c->embd, c->embd, 0);
        return;
    }
    if (scan) {
        tiny_each_linear(o, l, "ssm_in", c->fmt, c->embd, inner + wide + TINY_SSM_HEADS, 0);
    } else {
        tiny_each_linear(o, l, "attn_qkv", c->fmt, c->embd, wide, 0);
        tiny_each_linear(o, l, "attn_gate", c->fmt, c->embd, inner, 0);
    }
    if (tiny_is(c, "qwen3next")) {
        tiny_each_linear(o, l, "ssm_ba", c->fmt, c->embd, 2 * TINY_SSM_HEADS, 0);
    } else if (!scan) {
        tiny_each_linear(o, l, "ssm_beta", c->fmt, c->embd, TINY_SSM_HEADS, 0);
        tiny_each_linear(o, l, "ssm_alpha", c->fmt, c->embd, TINY_SSM_HEADS, 0);
    }
    tiny_each_linear(o, l, "ssm_out", c->fmt, inner, c->embd, 0);
    snprintf(name, sizeof name, "blk.%u.ssm_norm.weight", l);
    if (scan)
        tiny_tensor(o, name, NULL, inner / TINY_SSM_GROUPS, TINY_SSM_GROUPS, 1, 0.1);
    else
        tiny_tensor(o, name, NULL, TINY_SSM_DIM, 0, 1, 0.1);
    snprintf(name, sizeof name, "blk.%u.ssm_conv1d.bias", l);
    if (scan) tiny_tensor(o, name, NULL, wide, 0, 0, 0.3);
    snprintf(name, sizeof name, "blk.%u.ssm_d", l);
    if (scan) tiny_tensor(o, name, NULL, 1, TINY_SSM_HEADS, 1, 0.3);
    snprintf(name, sizeof name, "blk.%u.ssm_conv1d.weight", l);
    tiny_tensor(o, name, NULL, TINY_SSM_CONV, wide, 0, 0.7);
    snprintf(name, sizeof name, "blk.%u.ssm_a", l);
    if (scan)
        tiny_tensor(o, name, NULL, 1, TINY_SSM_HEADS, -0.4, 0.1);
    else
        tiny_tensor(o, name, NULL, TINY_SSM_HEADS, 0, -0.4, 0.1);
    snprintf(name, sizeof name, "blk.%u.ssm_dt.bias", l);
    tiny_tensor(o, name, NULL, TINY_SSM_HEADS, 0, 0, 0.5);
}

#endif

/* lower.c - an architecture's three small programs, unrolled over the layers with their weights.
 *
 * Thread: one owner while opening. */
#include <math.h>
#include <string.h>

#include "kern/fn/math.h"
#include "model/model_impl.h"
#include "op/plan.h"
#include "op/rope_freq.h"

typedef struct Lower {
    HthModel *m;
    uint32_t layer;
    uint32_t stored[2]; /* where the last layer has stored: of those with the model's heads, of
                           those with their own */
    uint32_t width[HTH_R_COUNT]; /* floats per token each register holds now; 0: unset */
    HthStateSpec *specs; /* those of prog */
} Lower;

static HthWeight *weight_of(HthModel *m, HthSlot slot, uint32_t layer) {
    if (!hth_slot_in_layers(m->arch, slot)) layer = 0;
    return &m->weights[(size_t)layer * HTH_W_COUNT + slot];
}

static bool has_companions(HthSlot slot) {
    return slot + 2 < HTH_W_COUNT && hth_slot_suffix(slot)[0] && hth_slot_suffix(slot)[1] == 'w' &&
           hth_slot_suffix(slot + 1)[0] && hth_slot_suffix(slot + 1)[1] == 'b';
}

/* Heads of attention in this layer. */
static HthHeads heads_now(const Lower *l) {
    const HthShape *s = &l->m->shape;
    return (HthHeads){ hth_shape_size(s, offsetof(HthShape, n_head_kv), l->layer),
                       hth_shape_size(s, offsetof(HthShape, head_dim), l->layer),
                       hth_shape_size(s, offsetof(HthShape, head_dim_v), l->layer) };
}

static uint32_t size_of(const HthShape *s, uint16_t field) {
    uint32_t v;
    memcpy(&v, (const char *)s + field, sizeof v);
    return v;
}

static uint32_t dst_width(const Lower *l, const HthArchOp *op, const HthWeight *w) {
    const HthShape *s = &l->m->shape;
    switch (op->op) {
    case HTH_OP_EMBED: return w->cols;
    case HTH_OP_LINEAR: return w->rows;
    case HTH_OP_ATTEND:
    case HTH_OP_ATTEND_BEFORE:
    case HTH_OP_ATTEND_SINKS: return s->n_head * heads_now(l).dim_v;
    case HTH_OP_LAYER_PART: return size_of(s, op->arg);
    case HTH_OP_ROUTE: return s->n_used;
    case HTH_OP_EXPERTS:
    case HTH_OP_EXPERTS_EACH: return hth_rows_width(s->n_used, w->rows);
    case HTH_OP_EXPERTS_ADD:
    case HTH_OP_EXPERTS_SUM: return s->n_embd;
    case HTH_OP_EXPERTS_SPREAD: return hth_rows_width(s->n_used, l->width[op->a]);
    case HTH_OP_HALF_1:
    case HTH_OP_HALF_2: return l->width[op->a] / 2;
    case HTH_OP_SCAN:
    case HTH_OP_DELTA: return s->ssm_inner;
    case HTH_OP_HEADS: return w->count * (w->rows + l->width[op->a] / w->count - w->cols);
    default: return l->width[op->a];
    }
}

/* Widths that do not meet are a mistake in an architecture file, not in a model file. */
static void check_widths(const Lower *l, const HthArchOp *op, const HthWeight *w) {
    const HthShape *s = &l->m->shape;
    const HthHeads h = heads_now(l);
    uint32_t a = l->width[op->a], b = l->width[op->b], c = l->width[op->c];
    switch (op->op) {
    case HTH_OP_RMSNORM:
    case HTH_OP_LAYERNORM: HTH_ASSERT(w->vec && w->rows == a); break;
    case HTH_OP_LINEAR: HTH_ASSERT(w->fmt && w->cols == a); break;
    case HTH_OP_HEADNORM:
        HTH_ASSERT(w->vec && a % w->rows == 0 && (!w->count || a == w->count * w->rows));
        break;
    case HTH_OP_ROPE: HTH_ASSERT(a > 0 && a % h.dim == 0); break;
    case HTH_OP_ATTEND_BEFORE: HTH_ASSERT(a == s->n_head * h.dim); break;
    case HTH_OP_ATTEND_SINKS: HTH_ASSERT(w->vec && w->rows == s->n_head); /* fall through */
    case HTH_OP_ATTEND:
        HTH_ASSERT(a == s->n_head * h.dim && b == h.kv * h.dim);
        HTH_ASSERT(c == h.kv * h.dim_v || (op->c == op->b && h.kv == 1 && h.dim_v <= b));
        break;
    case HTH_OP_ROUTE: HTH_ASSERT(a == s->n_expert && (!w->vec || w->rows == a)); break;
    case HTH_OP_EXPERTS:
        HTH_ASSERT(w->fmt && w->count == s->n_expert && w->cols == a && b == s->n_used);
        break;
    case HTH_OP_EXPERTS_EACH:
        HTH_ASSERT(w->fmt && w->count == s->n_expert && b == s->n_used);
        HTH_ASSERT(a == hth_rows_width(s->n_used, w->cols));
        break;
    case HTH_OP_EXPERTS_SUM:
        HTH_ASSERT(a == hth_rows_width(s->n_used, s->n_embd) && b == s->n_used);
        break;
    case HTH_OP_EXPERTS_ADD: HTH_ASSERT(a == hth_rows_width(s->n_used, s->n_embd)); break;
    case HTH_OP_EXPERTS_SPREAD: HTH_ASSERT(a > 0 && b == s->n_used); break;
    case HTH_OP_UNIT_HEADNORM: HTH_ASSERT(a > 0 && a % h.dim == 0); break;
    case HTH_OP_LAYER_PART: HTH_ASSERT(a == s->n_layer * size_of(s, op->arg)); break;
    case HTH_OP_WEIGH: HTH_ASSERT(w->vec && w->rows == 1); break;
    case HTH_OP_HEADS:
        HTH_ASSERT(w->fmt && w->count > 0 && a % w->count == 0 && a / w->count >= w->cols);
        break;
    case HTH_OP_GATE: HTH_ASSERT(a > 0 && (b == 1 || b == a)); break;
    case HTH_OP_HALF_1:
    case HTH_OP_HALF_2: HTH_ASSERT(a > 0 && a % 2 == 0); break;
    case HTH_OP_CONV: HTH_ASSERT(w->vec && w->count == a && w->rows == s->ssm_conv); break;
    case HTH_OP_SCAN:
        HTH_ASSERT(w->vec && w->bias && w->scale && w->count == s->ssm_heads);
        HTH_ASSERT(a == s->ssm_wide && b == s->ssm_heads);
        break;
    case HTH_OP_DELTA:
        HTH_ASSERT(w->vec && w->bias && w->rows == s->ssm_heads && a == s->ssm_wide);
        HTH_ASSERT(b == s->ssm_heads && c == s->ssm_heads);
        break;
    case HTH_OP_FIRSTNORM: HTH_ASSERT(w->vec && w->rows <= a); break;
    case HTH_OP_TYPE:
    case HTH_OP_PLACE: HTH_ASSERT(w->fmt && w->cols == a); break;
    case HTH_OP_MEAN_HEADNORM: HTH_ASSERT(w->vec && w->count * w->rows == a); break;
    case HTH_OP_RELU2:
    case HTH_OP_COPY:
    case HTH_OP_TANH:
    case HTH_OP_SOFTMAX:
    case HTH_OP_SILU:
    case HTH_OP_GELU:
    case HTH_OP_CLAMP:
    case HTH_OP_TEMPER:
    case HTH_OP_SCALE: HTH_ASSERT(a > 0); break;
    case HTH_OP_SWIGLU:
    case HTH_OP_SWIGLU_CLAMPED:
    case HTH_OP_MUL:
    case HTH_OP_GEGLU:
    case HTH_OP_ADD: HTH_ASSERT(a > 0 && a == b); break;
    default: break;
    }
}

static float number_of(const HthShape *s, uint16_t field) {
    float v = 0.0f;
    if (field != 0) memcpy(&v, (const char *)s + field, sizeof v);
    return v;
}

/* Windowed layers have heads of their own. */
static bool own_heads(const Lower *l) {
    return l->m->prog.window_heads.kv != 0 && hth_layer_windowed(&l->m->shape, l->layer);
}

/* What an operation keeps of a timeline: its place in the cache. */
static uint32_t cache_of(Lower *l, const HthArchOp *op) {
    HthProgram *p = &l->m->prog;
    const HthShape *s = &l->m->shape;
    HthStateSpec *spec = &l->specs[p->n_state];
    const bool own = own_heads(l);
    switch (op->op) {
    case HTH_OP_ATTEND:
    case HTH_OP_ATTEND_SINKS:
        if (p->whole)
            p->n_cache = 1; /* a layer's keys are done with when the next begins */
        else
            l->stored[own] = own ? p->n_cache_own++ : p->n_cache++;
        return l->stored[own];
    case HTH_OP_ATTEND_BEFORE: return l->stored[own];
    case HTH_OP_CONV: *spec = (HthStateSpec){ 0, l->width[op->a], s->ssm_conv - 1 }; break;
    case HTH_OP_DELTA:
        *spec = (HthStateSpec){ s->ssm_heads * s->ssm_dim_k * s->ssm_dim_v,
                                s->ssm_wide + 2 * s->ssm_heads, 0 };
        break;
    case HTH_OP_SCAN:
        *spec = (HthStateSpec){ s->ssm_heads * s->ssm_dim_k * s->ssm_dim_v,
                                s->ssm_wide + s->ssm_heads, 0 };
        break;
    default: return 0;
    }
    return p->n_state++;
}

static void lower_op(Lower *l, const HthArchOp *op, uint32_t layer) {
    HthProgram *p = &l->m->prog;
    const HthShape *s = &l->m->shape;
    const float arg = number_of(s, op->arg);
    l->layer = layer;
    if (!hth_layer_is(s, op->when, layer)) return;
    if (op->op == HTH_OP_SCALE && (arg == 0.0f || arg == 1.0f)) {
        HTH_ASSERT(op->dst == op->a); /* nothing to do, and nothing to copy */
        return;
    }
    if (op->op == HTH_OP_CLAMP && arg == 0.0f) return;
    if (op->op == HTH_OP_TEMPER && s->temperature == 0.0f) return;
    /* a norm that some models of the architecture have, or some of its layers */
    const bool maybe = op->op == HTH_OP_HEADNORM || op->op == HTH_OP_MEAN_HEADNORM ||
                       op->op == HTH_OP_LAYERNORM || op->op == HTH_OP_WEIGH;
    const bool none = maybe && !weight_of(l->m, op->w, layer)->vec;
    if (none && op->dst == op->a) return;
    if (op->op == HTH_OP_TYPE && !weight_of(l->m, op->w, layer)->fmt) return;
    const HthArchOp copy = { op->dst,    HTH_OP_COPY, op->a, HTH_R_NONE,
                             HTH_R_NONE, HTH_W_NONE,  0,     op->when };
    if (none) op = &copy; /* the same row by another name */
    HthInst *in = &p->inst[p->count++];
    *in = (HthInst){ .op = op->op, .dst = op->dst, .a = op->a, .b = op->b, .c = op->c };
    in->layer = layer;
    in->arg = arg;
    in->part = op->arg ? size_of(s, op->arg) : heads_now(l).dim;
    in->cache = cache_of(l, op);
    in->window = hth_layer_windowed(s, layer) ? s->window : 0;
    in->chunked = l->m->arch->chunked;
    in->own_heads = own_heads(l);
    in->rope = in->window && p->ropes > 1 ? 1 : 0;
    if (op->w != HTH_W_NONE) {
        HthWeight *w = weight_of(l->m, op->w, layer);
        const bool scan = op->op == HTH_OP_SCAN;
        if (scan) w->scale = weight_of(l->m, op->w + 2, layer)->vec;
        if (op->op == HTH_OP_LAYERNORM || op->op == HTH_OP_DELTA || scan)
            w->bias = weight_of(l->m, op->w + 1, layer)->vec;
        if (has_companions(op->w)) {
            w->bias = weight_of(l->m, op->w + 1, layer)->vec;
            w->scale = weight_of(l->m, op->w + 2, layer)->vec;
            w->scale_last = weight_of(l->m, op->w + 2, layer)->scale_last;
        }
        in->w = w;
    }
    check_widths(l, op, in->w);
    in->a_width = l->width[op->a];
    in->b_width = l->width[op->b];
    in->c_width = l->width[op->c];
    in->dst_width = dst_width(l, op, in->w);
    l->width[op->dst] = in->dst_width;
}

static uint32_t length(const HthArchOp *ops) {
    uint32_t n = 0;
    while (ops[n].op != HTH_OP_END) n++;
    return n;
}

/* Factors per pair: one set, or one for contexts as long as at first and one for longer ones.
 * Where a file has the latter they are used for short texts too, so that a text's numbers do not
 * depend on how much room its session asked for. */
static const float *rope_factors(const HthModel *m) {
    static const HthSlot sets[] = { HTH_W_ROPE_FREQS, HTH_W_ROPE_LONG, HTH_W_ROPE_SHORT };
    for (size_t i = 0; i < HTH_COUNT(sets); i++)
        if (m->weights[sets[i]].vec) return m->weights[sets[i]].vec;
    return NULL;
}

static HthStatus lower_rope(HthModel *m, HthRopeCfg *cfg, HthErr *err) {
    HthProgram *p = &m->prog;
    double *freq = hth_arena_take(m->arena, cfg->n_rot / 2, sizeof *freq);
    HTH_REQUIRE(freq, err, HTH_ENOMEM, "no memory for rotation speeds");
    HTH_TRY(hth_rope_freqs(cfg, freq, &p->rope_mscale[p->ropes], err));
    p->rope_freq[p->ropes++] = freq;
    return HTH_OK;
}

static HthStatus lower_ropes(HthModel *m, HthErr *err) {
    const HthShape *s = &m->shape;
    HthRopeCfg cfg = { .n_rot = s->n_rot,
                       .base = s->rope_base,
                       .scale = 1.0 / s->rope_factor,
                       .attn_factor = s->rope_attn_factor,
                       .ext = s->yarn_ext_factor,
                       .beta_fast = s->yarn_beta_fast,
                       .beta_slow = s->yarn_beta_slow,
                       .log_mul = s->yarn_log_mul,
                       .ctx_orig = s->rope_ctx_orig,
                       .factors = rope_factors(m) };
    if (m->arch->latent && cfg.log_mul > 0.0) cfg.log_mul = 1.0; /* the scores grew instead */
    m->prog.n_rot = s->n_rot;
    m->prog.n_rot_own = s->n_rot_window;
    m->prog.rope_at = m->arch->latent ? s->head_dim - s->n_rot : 0;
    m->prog.rope_neox = m->arch->rope_neox;
    HTH_REQUIRE(s->rope_scaling != HTH_ROPE_LONG || cfg.factors, err, HTH_EFORMAT,
                "%s.rope.scaling.type is longrope, and the file has no factors for it",
                m->arch->name);
    HTH_TRY(lower_rope(m, &cfg, err));
    const bool plain = m->arch->plain_window;
    if (s->window == 0 || (!plain && s->rope_base_window == s->rope_base)) return HTH_OK;
    if (plain) cfg = (HthRopeCfg){ .scale = 1.0, .attn_factor = 1.0 };
    cfg.n_rot = s->n_rot_window ? s->n_rot_window : s->n_rot;
    cfg.base = s->rope_base_window;
    cfg.ctx_orig = s->rope_ctx_orig;
    return lower_rope(m, &cfg, err);
}

/* What the scores of each head fall by with each position (ALiBi): powers of 2^-(alibi / n) for the
 * largest power of two n of heads, and for heads past it the odd powers of the root of that. */
static HthStatus lower_slopes(HthModel *m, HthErr *err) {
    const HthShape *s = &m->shape;
    if (s->alibi == 0.0f) return HTH_OK;
    float *slopes = hth_arena_take(m->arena, s->n_head, sizeof *slopes);
    HTH_REQUIRE(slopes, err, HTH_ENOMEM, "no memory for the slopes of %u heads", s->n_head);
    uint32_t n = 1;
    while (2 * n <= s->n_head) n *= 2;
    for (uint32_t h = 0; h < s->n_head; h++) {
        const double steps = h < n ? (double)(h + 1) : (double)(2 * (h - n) + 1) / 2.0;
        slopes[h] = (float)hth_pow(2.0, -(double)s->alibi * steps / (double)n);
    }
    m->prog.slopes = slopes;
    return HTH_OK;
}

/* Room for what operations keep beside keys and values. */
static HthStatus lower_states(Lower *l, HthErr *err) {
    HthModel *m = l->m;
    const HthShape *s = &m->shape;
    size_t each = 1;
    for (const HthArchOp *op = m->arch->layer; op->op != HTH_OP_END; op++)
        each += op->op == HTH_OP_CONV || op->op == HTH_OP_DELTA || op->op == HTH_OP_SCAN;
    l->specs = hth_arena_take(m->arena, each * s->n_layer, sizeof *l->specs);
    HTH_REQUIRE(l->specs, err, HTH_ENOMEM, "no memory for the program of %u layers", s->n_layer);
    m->prog.states = l->specs;
    m->prog.delta = (HthDeltaRule){ .heads = s->ssm_heads, .k_heads = s->ssm_groups };
    m->prog.delta.dim_k = s->ssm_dim_k;
    m->prog.delta.dim_v = s->ssm_dim_v;
    m->prog.delta.in_turn = m->arch->keys_in_turn;
    return HTH_OK;
}

/* Of a model that ranks a program of its own takes the place of the tail's last operation. */
static void lower_tail(Lower *l) {
    const HthArch *a = l->m->arch;
    const bool ranks = l->m->shape.pooling == HTH_POOL_RANK;
    for (const HthArchOp *op = a->tail; op[ranks].op != HTH_OP_END; op++) lower_op(l, op, 0);
    l->m->prog.head = ranks ? l->m->prog.count : 0;
    for (const HthArchOp *op = a->rank; ranks && op->op != HTH_OP_END; op++) lower_op(l, op, 0);
}

static bool is_attention(HthOpCode op) {
    return op == HTH_OP_ATTEND || op == HTH_OP_ATTEND_SINKS || op == HTH_OP_ATTEND_BEFORE;
}

/* Heads of windowed layers, where a file gives them any of their own. */
static HthHeads window_heads(const HthShape *s) {
    const bool own = s->head_dim_window || s->head_dim_v_window || s->n_head_kv_window;
    if (s->window == 0 || !own) return (HthHeads){ 0, 0, 0 };
    return (HthHeads){ s->n_head_kv_window ? s->n_head_kv_window : s->n_head_kv,
                       s->head_dim_window ? s->head_dim_window : s->head_dim,
                       s->head_dim_v_window ? s->head_dim_v_window : s->head_dim_v };
}

HthStatus hth_model_lower(HthModel *m, HthErr *err) {
    const HthShape *s = &m->shape;
    const HthArch *a = m->arch;
    HthProgram *p = &m->prog;
    *p = (HthProgram){ .n_layer = s->n_layer, .n_embd = s->n_embd, .n_head = s->n_head };
    p->whole = s->whole != 0;
    p->n_head_kv = s->n_head_kv;
    p->head_dim = s->head_dim;
    p->head_dim_v = s->head_dim_v;
    p->window_heads = window_heads(s);
    p->n_vocab = s->n_vocab;
    p->norm_eps = s->norm_eps;
    p->attn_scale = s->attn_scale != 0.0f ? s->attn_scale : 1.0f / sqrtf((float)s->head_dim);
    p->attn_cap = s->attn_cap;
    p->logit_scale =
        s->logit_scale != 0.0f && s->logit_scale != 1.0f ? 1.0f / s->logit_scale : 0.0f;
    if (a->logit_times) p->logit_scale = s->logit_scale != 1.0f ? s->logit_scale : 0.0f;
    p->logit_cap = s->logit_cap;
    p->temper = s->temperature;
    p->temper_floor = s->temper_floor;
    p->temper_offset = a->temper_next ? 1 : 0;
    p->router = (HthRouter){ .n_expert = s->n_expert, .n_used = s->n_used, .gate = s->gate };
    p->router.by_score = a->gate_by_score;
    p->router.norm = s->gate_norm != 0;
    p->router.scale = s->gate_scale;
    p->router.groups = s->gate_groups;
    p->router.groups_used = s->gate_groups_used;
    HTH_TRY(lower_ropes(m, err));
    HTH_TRY(lower_slopes(m, err));
    size_t count = length(a->head) + (size_t)length(a->layer) * s->n_layer + length(a->tail);
    if (a->rank) count += length(a->rank);
    p->inst = hth_arena_take(m->arena, count, sizeof *p->inst);
    HTH_REQUIRE(p->inst, err, HTH_ENOMEM, "no memory for the program of %u layers", s->n_layer);
    Lower l = { .m = m };
    HTH_TRY(lower_states(&l, err));
    for (const HthArchOp *op = a->head; op->op != HTH_OP_END; op++) lower_op(&l, op, 0);
    for (uint32_t i = 0; i < s->n_layer; i++)
        for (const HthArchOp *op = a->layer; op->op != HTH_OP_END; op++) lower_op(&l, op, i);
    lower_tail(&l);
    for (uint32_t i = 0; i < p->count; i++) /* those of their own come after the others */
        if (p->inst[i].own_heads && is_attention(p->inst[i].op)) p->inst[i].cache += p->n_cache;
    for (uint32_t i = 0; i < p->count; i++)
        if (hth_op_info(p->inst[i].op)->looks_back || p->inst[i].op == HTH_OP_EMBED)
            p->wanted = i + 1;
    return hth_plan_registers(p, err);
}

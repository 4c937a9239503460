/* explain.c - see explain.h: the text forms.
 *
 * Thread: any. */
#include "model/explain.h"

#include <stdio.h>

#include "kern/route.h"
#include "model/model_impl.h"

/* clang-format off */
#define FIELD(f) { offsetof(HthShape, f), #f }
static const struct {
    uint16_t field;
    const char *name;
} fields[] = {
    FIELD(n_layer), FIELD(n_embd), FIELD(n_head), FIELD(n_head_kv), FIELD(head_dim),
    FIELD(head_dim_v), FIELD(n_ff), FIELD(n_vocab), FIELD(n_ctx_train), FIELD(n_rot), FIELD(n_pair),
    FIELD(n_expert), FIELD(n_used), FIELD(n_ff_exp), FIELD(n_ff_shared), FIELD(n_shared),
    FIELD(n_dense), FIELD(gate), FIELD(gate_norm), FIELD(gate_scale), FIELD(gate_groups),
    FIELD(gate_groups_used), FIELD(n_gate_up_exp), FIELD(n_latent), FIELD(n_q_latent),
    FIELD(mla_dim), FIELD(mla_dim_v), FIELD(mla_plain), FIELD(n_next), FIELD(temperature),
    FIELD(temper_floor), FIELD(n_own), FIELD(n_own_all), FIELD(own_embd_scale), FIELD(own_scale),
    FIELD(half_root), FIELD(moe_step), FIELD(one), FIELD(norm_eps), FIELD(rope_base),
    FIELD(rope_scaling), FIELD(rope_factor), FIELD(rope_attn_factor), FIELD(yarn_ext_factor),
    FIELD(yarn_beta_fast), FIELD(yarn_beta_slow), FIELD(yarn_log_mul), FIELD(rope_ctx_orig),
    FIELD(attn_scale), FIELD(attn_cap), FIELD(logit_cap), FIELD(embd_scale), FIELD(residual_scale),
    FIELD(logit_scale), FIELD(alibi), FIELD(clamp_qkv), FIELD(nope_step), FIELD(window),
    FIELD(rope_base_window), FIELD(n_qkv), FIELD(n_gate_up), FIELD(ssm_conv), FIELD(ssm_inner),
    FIELD(ssm_dim_k), FIELD(ssm_heads), FIELD(ssm_groups), FIELD(ssm_dim_v), FIELD(ssm_wide),
    FIELD(ssm_ba), FIELD(q_gated), FIELD(with), FIELD(ssm_rep), FIELD(ssm_group), FIELD(ssm_in),
    FIELD(n_three), FIELD(rope_alpha), FIELD(pooling), FIELD(whole), FIELD(silu), FIELD(n_type),
    FIELD(n_cls),
};
/* clang-format on */

const char *hth_shape_field_name(uint16_t field) {
    for (size_t i = 0; i < HTH_COUNT(fields); i++)
        if (fields[i].field == field) return fields[i].name;
    return "?";
}

static HthStatus companions(const HthArchOp *op, const HthModel *m, HthBuf *out, HthErr *err) {
    const bool experts = op->op == HTH_OP_EXPERTS || op->op == HTH_OP_EXPERTS_EACH;
    if (!m || (op->op != HTH_OP_LINEAR && !experts)) return HTH_OK;
    const uint32_t layer = m->shape.n_layer - 1; /* which has what most have */
    const bool bias = hth_model_weight(m, op->w + 1, layer);
    const bool scale = hth_model_weight(m, op->w + 2, layer);
    const char *b = hth_slot_name(op->w + 1), *s = hth_slot_name(op->w + 2);
    bool last = m->weights[op->w + 2].scale_last;
    if (bias && scale && last) return hth_buf_printf(out, err, " + %s, all * %s", b, s);
    if (scale) HTH_TRY(hth_buf_printf(out, err, " * %s", s));
    if (bias) HTH_TRY(hth_buf_printf(out, err, " + %s", b));
    return HTH_OK;
}

/* How many layers of a model. */
static uint32_t runs_on(const HthArchOp *op, const HthModel *m) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->shape.n_layer; i++) n += hth_layer_is(&m->shape, op->when, i);
    return n;
}

HthStatus hth_op_explain(const HthArchOp *op, const HthModel *model, HthBuf *out, HthErr *err) {
    for (const char *p = hth_op_info(op->op)->text; *p; p++) {
        const char *word = NULL;
        if (*p == '%') {
            p++;
            word = *p == 'D'   ? hth_reg_name(op->dst)
                   : *p == 'A' ? hth_reg_name(op->a)
                   : *p == 'B' ? hth_reg_name(op->b)
                   : *p == 'C' ? hth_reg_name(op->c)
                   : *p == 'F' ? hth_shape_field_name(op->arg)
                               : hth_slot_name(op->w);
        }
        if (word)
            HTH_TRY(hth_buf_add_str(out, hth_str(word), err));
        else
            HTH_TRY(hth_buf_add_char(out, *p, err));
    }
    HTH_TRY(companions(op, model, out, err));
    if (!hth_layers_name(op->when) || (model && runs_on(op, model) == model->shape.n_layer))
        return HTH_OK;
    return hth_buf_printf(out, err, "  [%s layers]", hth_layers_name(op->when));
}

/* but: operations at the end that are left out. */
static HthStatus part(const char *title, const HthArchOp *ops, uint32_t but, const HthModel *m,
                      HthBuf *out, HthErr *err) {
    HTH_TRY(hth_buf_printf(out, err, "%s\n", title));
    for (; ops[but].op != HTH_OP_END; ops++) {
        if (m && runs_on(ops, m) == 0) continue;
        HTH_TRY(hth_buf_add(out, "    ", 4, err));
        HTH_TRY(hth_op_explain(ops, m, out, err));
        HTH_TRY(hth_buf_add_char(out, '\n', err));
    }
    return HTH_OK;
}

static HthStatus program(const HthArch *a, const HthModel *m, HthBuf *out, HthErr *err) {
    char layers[48] = "each layer";
    if (m) snprintf(layers, sizeof layers, "each of %u layers", m->shape.n_layer);
    const bool ranks = m && m->shape.pooling == HTH_POOL_RANK;
    HTH_TRY(part("first", a->head, 0, m, out, err));
    HTH_TRY(part(layers, a->layer, 0, m, out, err));
    if (a->experts)
        HTH_TRY(part("each layer of a model with experts", a->experts->layer, 0, m, out, err));
    HTH_TRY(part("last", a->tail, ranks, m, out, err));
    if (!a->rank || (m && !ranks)) return HTH_OK;
    return part(ranks ? "of the pooled row"
                      : "of the pooled row, instead of the last operation, "
                        "in a model that ranks",
                a->rank, 0, m, out, err);
}

/* "n_head * head_dim" */
static HthStatus size(const uint16_t f[2], HthBuf *out, HthErr *err) {
    HTH_TRY(hth_buf_printf(out, err, "%s", hth_shape_field_name(f[0])));
    if (f[1]) HTH_TRY(hth_buf_printf(out, err, " * %s", hth_shape_field_name(f[1])));
    return HTH_OK;
}

static HthStatus tensor_line(const HthArchWeight *w, HthBuf *out, HthErr *err) {
    HTH_TRY(hth_buf_printf(out, err, "    %s%s  [", w->name, hth_slot_suffix(w->slot)));
    if (w->count) HTH_TRY(hth_buf_printf(out, err, "%s][", hth_shape_field_name(w->count)));
    HTH_TRY(size(w->rows, out, err));
    if (w->cols[0]) {
        HTH_TRY(hth_buf_printf(out, err, "][")); /* rows, then columns */
        HTH_TRY(size(w->cols, out, err));
    }
    HTH_TRY(hth_buf_printf(out, err, "]"));
    if (w->optional) HTH_TRY(hth_buf_printf(out, err, "  optional"));
    if (w->fused) HTH_TRY(hth_buf_printf(out, err, "  or part of %s", w->fused));
    if (w->or_slot) HTH_TRY(hth_buf_printf(out, err, "  or %s", hth_slot_name(w->or_slot)));
    if (w->when) HTH_TRY(hth_buf_printf(out, err, "  [%s layers]", hth_layers_name(w->when)));
    return hth_buf_add_char(out, '\n', err);
}

HthStatus hth_arch_explain(const HthArch *a, HthBuf *out, HthErr *err) {
    HTH_TRY(hth_buf_printf(out, err, "architecture %s, rotating pairs %s\n", a->name,
                           a->rope_neox ? "half a head apart" : "side by side"));
    HTH_TRY(program(a, NULL, out, err));
    HTH_TRY(hth_buf_printf(out, err, "tensors (%%u: the layer)\n"));
    for (const HthArchWeight *w = a->weights; w->slot != HTH_W_NONE; w++)
        HTH_TRY(tensor_line(w, out, err));
    if (!a->experts) return HTH_OK;
    HTH_TRY(hth_buf_printf(out, err, "tensors of a model with experts\n"));
    for (const HthArchWeight *w = a->experts->weights; w->slot != HTH_W_NONE; w++)
        HTH_TRY(tensor_line(w, out, err));
    return HTH_OK;
}

static bool rotates(const HthModel *m) {
    for (uint32_t i = 0; i < m->prog.count; i++)
        if (m->prog.inst[i].op == HTH_OP_ROPE) return true;
    return false;
}

/* How a token's place is known. */
static HthStatus rope_line(const HthModel *m, HthBuf *out, HthErr *err) {
    static const char *const kinds[] = { "none", "linear", "yarn", "longrope" };
    const HthShape *s = &m->shape;
    if (m->prog.slopes)
        HTH_TRY(hth_buf_printf(out, err,
                               "scores fall with each position between: by %g for the first head, "
                               "%g for the last\n",
                               (double)m->prog.slopes[0], (double)m->prog.slopes[s->n_head - 1]));
    if (!rotates(m)) return HTH_OK;
    HTH_TRY(hth_buf_printf(out, err, "rotation: %u of %u dimensions, base %g, pairs %s", s->n_rot,
                           s->head_dim, (double)s->rope_base,
                           m->arch->rope_neox ? "half a head apart" : "side by side"));
    if (s->rope_factor != 1.0f)
        HTH_TRY(hth_buf_printf(out, err, ", %s scaling by %g from %u tokens",
                               kinds[s->rope_scaling], (double)s->rope_factor, s->rope_ctx_orig));
    if (m->weights[HTH_W_ROPE_FREQS].vec) HTH_TRY(hth_buf_printf(out, err, ", a factor per pair"));
    return hth_buf_add_char(out, '\n', err);
}

/* "window: 512 tokens in layers 0-4, 6-10" */
static HthStatus window_line(const HthModel *m, HthBuf *out, HthErr *err) {
    const HthShape *s = &m->shape;
    if (s->window == 0) return HTH_OK;
    HTH_TRY(hth_buf_printf(out, err, "window: %u tokens in layers", s->window));
    const char *sep = " ";
    for (uint32_t i = 0, end; i < s->n_layer; i = end) {
        const bool on = hth_layer_windowed(s, i);
        for (end = i + 1; end < s->n_layer && hth_layer_windowed(s, end) == on;) end++;
        if (!on) continue;
        HTH_TRY(hth_buf_printf(out, err, "%s%u", sep, i));
        if (end - i > 1) HTH_TRY(hth_buf_printf(out, err, "-%u", end - 1));
        sep = ", ";
    }
    return hth_buf_add_char(out, '\n', err);
}

/* "experts: 8 of 256 for each token and 1 for all, in 4 of 8 groups, from layer 3 on" */
static HthStatus experts_line(const HthModel *m, HthBuf *out, HthErr *err) {
    static const char *const gates[HTH_EXPERTS_BYS] = { "", "softmax", "sigmoid",
                                                        "softmax of the chosen" };
    const HthShape *s = &m->shape;
    if (s->n_expert == 0) return HTH_OK;
    HTH_TRY(hth_buf_printf(out, err, "experts: %u of %u for each token, of %u rows, by %s%s",
                           s->n_used, s->n_expert, s->n_ff_exp, gates[s->gate],
                           s->gate_norm ? ", weights adding up to 1" : ""));
    if (s->gate_groups > 1)
        HTH_TRY(hth_buf_printf(out, err, ", in the best %u of %u groups", s->gate_groups_used,
                               s->gate_groups));
    if (s->n_shared) HTH_TRY(hth_buf_printf(out, err, "; %u for every token", s->n_shared));
    if (s->n_dense) HTH_TRY(hth_buf_printf(out, err, "; none in the first %u layers", s->n_dense));
    return hth_buf_add_char(out, '\n', err);
}

/* "states: 18 of 24 layers, 16 heads of 128 x 128" */
static HthStatus states_line(const HthModel *m, HthBuf *out, HthErr *err) {
    const HthShape *s = &m->shape;
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_layer; i++) n += hth_layer_recurrent(s, i);
    if (n == 0) return HTH_OK;
    if (s->ssm_heads == 0)
        return hth_buf_printf(out, err,
                              "convolutions over %u tokens instead of attention: in %u of %u "
                              "layers\n",
                              s->ssm_conv, n, s->n_layer);
    return hth_buf_printf(out, err,
                          "states instead of keys and values: in %u of %u layers, %u heads of "
                          "%u x %u, after a convolution over %u tokens\n",
                          n, s->n_layer, s->ssm_heads, s->ssm_dim_k, s->ssm_dim_v, s->ssm_conv);
}

/* "texts: read whole, both ways; a text's vector is the mean of its rows" */
static HthStatus text_line(const HthModel *m, HthBuf *out, HthErr *err) {
    static const char *const pools[] = {
        [HTH_POOL_NONE] = NULL,
        [HTH_POOL_MEAN] = "a text's vector is the mean of its rows",
        [HTH_POOL_CLS] = "a text's vector is its first row",
        [HTH_POOL_LAST] = "a text's vector is its last row",
        [HTH_POOL_RANK] = "ranks an answer to a question by a score",
    };
    const char *pool = pools[m->shape.pooling];
    if (!m->shape.whole && !pool) return HTH_OK;
    return hth_buf_printf(out, err, "texts: %s%s%s\n",
                          m->shape.whole ? "read whole, both ways" : "",
                          m->shape.whole && pool ? "; " : "", pool ? pool : "");
}

static HthStatus unused(const HthModel *m, HthBuf *out, HthErr *err) {
    bool first = true;
    for (size_t i = 0; i < hth_gguf_tensor_count(m->gguf); i++) {
        const HthGgufTensor *t = hth_gguf_tensor_at(m->gguf, i);
        if (hth_model_uses(m, t)) continue;
        if (first) HTH_TRY(hth_buf_printf(out, err, "tensors the program does not read\n"));
        first = false;
        HTH_TRY(hth_buf_printf(out, err, "    %.*s\n", HTH_STR_ARG(t->name)));
    }
    return HTH_OK;
}

HthStatus hth_model_explain(const HthModel *m, HthBuf *out, HthErr *err) {
    const HthShape *s = &m->shape;
    HTH_TRY(hth_buf_printf(out, err, "architecture %s\n", m->arch->name));
    HTH_TRY(hth_buf_printf(out, err,
                           "sizes: %u layers, embedding %u, feed-forward %u, vocabulary %u, "
                           "trained for %u tokens\n",
                           s->n_layer, s->n_embd, s->n_ff, s->n_vocab, s->n_ctx_train));
    HTH_TRY(hth_buf_printf(out, err, "heads: %u for queries, %u for keys, %u dimensions each\n",
                           s->n_head, s->n_head_kv, s->head_dim));
    HTH_TRY(rope_line(m, out, err));
    HTH_TRY(window_line(m, out, err));
    HTH_TRY(experts_line(m, out, err));
    HTH_TRY(states_line(m, out, err));
    HTH_TRY(text_line(m, out, err));
    HTH_TRY(program(m->arch, m, out, err));
    HTH_TRY(hth_buf_printf(out, err, "memory: %zu bytes of weights, %zu of scratch per token\n",
                           hth_model_weight_bytes(m),
                           m->prog.row_floats * sizeof(float) + m->prog.act_bytes));
    return unused(m, out, err);
}

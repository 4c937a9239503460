/* net.c - building the network: parameters, nodes, values, buffers. See net.h.
 *
 * Gradient buffers live from the last reader of a value (first on the way back) to its writer, so
 * a handful serves the whole depth; who gets which is decided here once. */
#include "tune/net.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "kern/kern.h"
#include "tune/net_in.h"

/* ---- parameters ---- */

static uint32_t factor(const HthShape *s, uint16_t field) {
    uint32_t v = 1;
    if (field) memcpy(&v, (const char *)s + field, sizeof v);
    return v;
}

static bool per_layer(const HthArchWeight *w) {
    return strstr(w->name, "%u") != NULL;
}

static void name_param(HthParam *p, const char *pattern) {
    const char *mark = strstr(pattern, "%u");
    const int head = mark ? (int)(mark - pattern) : (int)strlen(pattern);
    char layer[16] = "";
    if (mark) snprintf(layer, sizeof layer, "%u", p->layer);
    snprintf(p->name, sizeof p->name, "%.*s%s%s%s", head, pattern, layer, mark ? mark + 2 : "",
             hth_slot_suffix(p->slot));
}

static HthStatus add_params(HthNet *n, uint32_t layer, bool layered, HthErr *err) {
    for (const HthArchWeight *w = n->arch->weights; w->slot != HTH_W_NONE; w++) {
        if (per_layer(w) != layered || w->optional || w->or_slot != HTH_W_NONE) continue;
        if (!hth_layer_is(&n->shape, w->when, layer)) continue; /* of models that rank, say */
        HTH_REQUIRE(n->param_count < NET_PARAMS_MAX, err, HTH_ELIMIT, "more than %d weight tensors",
                    NET_PARAMS_MAX);
        HthParam *p = &n->params[n->param_count++];
        p->slot = w->slot;
        p->layer = layer;
        p->rows = factor(&n->shape, w->rows[0]) * factor(&n->shape, w->rows[1]);
        p->cols = factor(&n->shape, w->cols[0]) * factor(&n->shape, w->cols[1]);
        p->at = n->floats;
        n->floats += ((size_t)p->rows * p->cols + 15) / 16 * 16;
        name_param(p, w->name);
    }
    return HTH_OK;
}

/* The parameter of a slot, following a tied output to the embedding. NET_NONE: there is none. */
static uint32_t find_param(const HthNet *n, HthSlot slot, uint32_t layer) {
    for (uint32_t i = 0; i < n->param_count; i++)
        if (n->params[i].slot == slot && n->params[i].layer == layer) return i;
    for (const HthArchWeight *w = n->arch->weights; w->slot != HTH_W_NONE; w++)
        if (w->slot == slot && w->or_slot != HTH_W_NONE) return find_param(n, w->or_slot, 0);
    return NET_NONE;
}

/* ---- nodes ---- */

static uint32_t out_width(const HthNet *n, const Node *node) {
    if (node->op == HTH_OP_EMBED) return n->params[node->param].cols;
    if (node->op == HTH_OP_LINEAR) return n->params[node->param].rows;
    return n->values[node->in[0]].width; /* attention: as wide as its queries */
}

static HthStatus check_node(const Node *node, HthErr *err) {
    static const uint8_t inputs[HTH_OP_COUNT] = {
        [HTH_OP_RMSNORM] = 1, [HTH_OP_LINEAR] = 1, [HTH_OP_HEADNORM] = 1, [HTH_OP_ROPE] = 1,
        [HTH_OP_ATTEND] = 3,  [HTH_OP_SWIGLU] = 2, [HTH_OP_ADD] = 2,
    };
    const bool weighted = node->op == HTH_OP_EMBED || node->op == HTH_OP_RMSNORM ||
                          node->op == HTH_OP_LINEAR || node->op == HTH_OP_HEADNORM;
    HTH_REQUIRE(node->op == HTH_OP_EMBED || inputs[node->op], err, HTH_ENOTSUP,
                "cannot train through the operation %s", hth_op_name(node->op));
    for (uint32_t i = 0; i < inputs[node->op]; i++)
        HTH_REQUIRE(node->in[i] != NET_NONE, err, HTH_ENOTSUP, "%s reads an unwritten register",
                    hth_op_name(node->op));
    HTH_REQUIRE(!weighted || node->param != NET_NONE, err, HTH_ENOTSUP, "%s has no weight to train",
                hth_op_name(node->op));
    return HTH_OK;
}

static HthStatus add_ops(HthNet *n, const HthArchOp *ops, uint32_t layer, uint32_t *regs,
                         HthErr *err) {
    for (; ops->op != HTH_OP_END; ops++) {
        HTH_REQUIRE(n->node_count < NET_NODES_MAX && !n->has_loss, err, HTH_ENOTSUP,
                    "a program this long, or one that goes on after its logits, cannot be trained");
        HTH_REQUIRE(ops->when == HTH_L_ALL, err, HTH_ENOTSUP,
                    "cannot train an architecture whose layers differ");
        Node *node = &n->nodes[n->node_count++];
        node->op = ops->op;
        node->in[0] = regs[ops->a];
        node->in[1] = regs[ops->b];
        node->in[2] = regs[ops->c];
        node->param = ops->w == HTH_W_NONE ? NET_NONE : find_param(n, ops->w, layer);
        if (node->param == NET_NONE && ops->w != HTH_W_NONE) node->param = find_param(n, ops->w, 0);
        HTH_TRY(check_node(node, err));
        n->has_loss = ops->dst == HTH_R_LOGITS;
        if (n->has_loss) {
            HTH_REQUIRE(ops->op == HTH_OP_LINEAR, err, HTH_ENOTSUP,
                        "logits must be a linear layer");
            node->out = NET_NONE;
            continue;
        }
        node->out = n->value_count++;
        n->values[node->out].width = out_width(n, node);
        regs[ops->dst] = node->out;
    }
    return HTH_OK;
}

static HthStatus add_program(HthNet *n, HthErr *err) {
    uint32_t regs[HTH_R_COUNT];
    for (size_t i = 0; i < HTH_COUNT(regs); i++) regs[i] = NET_NONE;
    HTH_TRY(add_ops(n, n->arch->head, 0, regs, err));
    for (uint32_t i = 0; i < n->shape.n_layer; i++)
        HTH_TRY(add_ops(n, n->arch->layer, i, regs, err));
    HTH_TRY(add_ops(n, n->arch->tail, 0, regs, err));
    HTH_REQUIRE(n->has_loss, err, HTH_ENOTSUP, "the program computes no logits");
    return HTH_OK;
}

/* ---- buffers ---- */

static HthStatus take_floats(HthNet *n, float **out, size_t count, HthErr *err) {
    HTH_ASSERT(n->owned_count < HTH_COUNT(n->owned));
    float *p = hth_calloc_aligned(count, sizeof *p);
    HTH_REQUIRE(p, err, HTH_ENOMEM, "no memory for %zu floats of training state", count);
    n->owned[n->owned_count++] = p;
    *out = p;
    return HTH_OK;
}

/* A gradient buffer for a value: a free one of that width, or a new one. */
static HthStatus take_grad(HthNet *n, Spare *spare, uint32_t *spares, uint32_t value, HthErr *err) {
    Value *v = &n->values[value];
    for (uint32_t i = 0; i < *spares; i++) {
        if (spare[i].width != v->width) continue;
        v->g = spare[i].p;
        spare[i] = spare[--*spares];
        return HTH_OK;
    }
    return take_floats(n, &v->g, (size_t)n->rows * v->width, err);
}

/* Walks the way back once: who needs a buffer, who writes first, who adds. */
static HthStatus plan_grads(HthNet *n, HthErr *err) {
    Spare spare[NET_NODES_MAX];
    uint32_t spares = 0;
    for (uint32_t i = n->node_count; i-- > 0;) {
        Node *node = &n->nodes[i];
        for (int j = 0; j < 3; j++) {
            if (node->in[j] == NET_NONE) continue;
            node->add[j] = n->values[node->in[j]].g != NULL;
            HTH_REQUIRE(!node->add[j] || node->op != HTH_OP_ATTEND, err, HTH_ENOTSUP,
                        "attention must be the only reader of its inputs");
            if (!node->add[j]) HTH_TRY(take_grad(n, spare, &spares, node->in[j], err));
        }
        if (node->out == NET_NONE) continue;
        HTH_REQUIRE(n->values[node->out].g, err, HTH_ENOTSUP, "%s computes what nobody reads",
                    hth_op_name(node->op));
        spare[spares++] = (Spare){ n->values[node->out].width, n->values[node->out].g };
    }
    return HTH_OK;
}

static HthStatus take_values(HthNet *n, HthErr *err) {
    for (uint32_t i = 0; i < n->value_count; i++)
        HTH_TRY(take_floats(n, &n->values[i].x, (size_t)n->rows * n->values[i].width, err));
    for (uint32_t i = 0; i < n->node_count; i++) {
        Node *node = &n->nodes[i];
        size_t keep = 0;
        if (node->op == HTH_OP_RMSNORM) keep = n->rows;
        if (node->op == HTH_OP_ATTEND) keep = (size_t)n->rows * n->shape.n_head;
        if (node->op == HTH_OP_HEADNORM)
            keep = (size_t)n->rows * (n->values[node->in[0]].width / n->shape.head_dim);
        if (keep) HTH_TRY(take_floats(n, &node->keep, keep, err));
    }
    HTH_TRY(take_floats(n, &n->w, n->floats, err));
    return take_floats(n, &n->g, n->floats, err);
}

static HthStatus rope_tables(HthNet *n, HthErr *err) {
    double freq[256];
    const uint32_t half = n->shape.n_rot / 2;
    HTH_REQUIRE(half <= HTH_COUNT(freq), err, HTH_ENOTSUP, "heads wider than %zu cannot be trained",
                2 * HTH_COUNT(freq));
    HTH_TRY(take_floats(n, &n->cs, (size_t)n->seq * n->shape.n_rot, err));
    for (uint32_t i = 0; i < half; i++)
        freq[i] = pow((double)n->shape.rope_base, -2.0 * i / n->shape.n_rot);
    for (uint32_t pos = 0; pos < n->seq; pos++)
        hth_rope_table(n->cs + (size_t)pos * n->shape.n_rot, freq, n->shape.n_rot, pos, 1.0f);
    return HTH_OK;
}

/* Positions as they are: no scaling, or a linear one by 1. */
static bool plain_rope(const HthShape *s) {
    const bool unit = s->rope_factor == 0.0f || s->rope_factor == 1.0f;
    return s->rope_scaling == HTH_ROPE_PLAIN || (s->rope_scaling == HTH_ROPE_LINEAR && unit);
}

static HthStatus open_all(HthNet *n, HthPool *pool, HthErr *err) {
    const HthShape *s = &n->shape;
    HTH_REQUIRE(s->head_dim == s->head_dim_v && plain_rope(s), err, HTH_ENOTSUP,
                "training needs equal key and value widths and plain rope");
    HTH_REQUIRE(s->n_embd % 16 == 0 && s->n_ff % 16 == 0 && s->n_vocab % 16 == 0 &&
                    s->head_dim % 16 == 0,
                err, HTH_EINVAL, "row lengths must be multiples of 16");
    HTH_TRY(add_params(n, 0, false, err));
    for (uint32_t i = 0; i < s->n_layer; i++) HTH_TRY(add_params(n, i, true, err));
    HTH_TRY(add_program(n, err));
    HTH_TRY(plan_grads(n, err));
    HTH_TRY(take_values(n, err));
    HTH_TRY(rope_tables(n, err));
    const uint32_t heads = s->n_head; /* headnorm sees rows * heads short rows */
    return hth_grad_open(&n->grad, pool,
                         &(HthGradSize){ .rows = n->rows * (heads > 1 ? heads : 1),
                                         .width = s->n_embd,
                                         .vocab = s->n_vocab,
                                         .seq = n->seq },
                         err);
}

HthStatus hth_net_open(HthNet **out, const HthNetCfg *cfg, HthErr *err) {
    HTH_REQUIRE(cfg->rows && cfg->seq && cfg->seq <= cfg->rows, err, HTH_EINVAL,
                "%u rows cannot hold a sequence of %u", cfg->rows, cfg->seq);
    HthNet *n = hth_calloc(1, sizeof *n);
    HTH_REQUIRE(n, err, HTH_ENOMEM, "no memory for a network");
    n->arch = cfg->arch;
    n->shape = *cfg->shape;
    n->rows = cfg->rows;
    n->seq = cfg->seq;
    HthStatus status = open_all(n, cfg->pool, err);
    if (status != HTH_OK) {
        hth_net_close(&n);
        return status;
    }
    *out = n;
    return HTH_OK;
}

void hth_net_close(HthNet **net) {
    HthNet *n = *net;
    if (!n) return;
    hth_grad_close(&n->grad);
    for (uint32_t i = 0; i < n->owned_count; i++) hth_free(n->owned[i]);
    hth_free(n);
    *net = NULL;
}

size_t hth_net_floats(const HthNet *n) {
    return n->floats;
}
float *hth_net_w(HthNet *n) {
    return n->w;
}
float *hth_net_g(HthNet *n) {
    return n->g;
}
uint32_t hth_net_param_count(const HthNet *n) {
    return n->param_count;
}
const HthParam *hth_net_param(const HthNet *n, uint32_t i) {
    HTH_ASSERT(i < n->param_count);
    return &n->params[i];
}

void hth_net_init(HthNet *n, uint64_t seed) {
    const double narrow = 1.0 / sqrt(2.0 * n->shape.n_layer);
    for (uint32_t i = 0; i < n->param_count; i++) {
        const HthParam *p = &n->params[i];
        const bool residual = p->slot == HTH_W_ATTN_O || p->slot == HTH_W_FFN_DOWN;
        const double width = 0.02 * (residual ? narrow : 1.0);
        for (size_t j = 0; j < (size_t)p->rows * p->cols; j++)
            n->w[p->at + j] = p->cols == 1 ? 1.0f : (float)(width * hth_rng_normal(seed, i, j));
    }
}

double hth_net_flops(const HthNet *n, uint32_t seq) {
    double products = 0;
    for (uint32_t i = 0; i < n->node_count; i++) {
        const Node *node = &n->nodes[i];
        if (node->op == HTH_OP_LINEAR)
            products += (double)n->params[node->param].rows * n->params[node->param].cols;
        if (node->op == HTH_OP_ATTEND) /* scores and values over half the square */
            products += (double)seq * n->shape.n_head * n->shape.head_dim;
    }
    return 6 * products;
}

/* net_pass.c - one pass through the network, there and back. See net.h. */
#include "tune/net_in.h"

typedef struct Walk {
    HthNet *n;
    const HthNetPass *p;
    double loss;
} Walk;

static HthGradRope rope_of(const HthNet *n, const HthNetPass *p, uint32_t width) {
    return (HthGradRope){ .seq = p->seq,
                          .heads = width / n->shape.head_dim,
                          .head_dim = n->shape.head_dim,
                          .n_rot = n->shape.n_rot,
                          .neox = n->arch->rope_neox,
                          .cs = n->cs };
}

static HthGradAttend attend_of(const HthNet *n, const HthNetPass *p) {
    const float own = n->shape.attn_scale;
    return (HthGradAttend){ .t = p->t,
                            .seq = p->seq,
                            .heads = n->shape.n_head,
                            .heads_kv = n->shape.n_head_kv,
                            .head_dim = n->shape.head_dim,
                            .scale =
                                own != 0 ? own : 1.0f / __builtin_sqrtf((float)n->shape.head_dim) };
}

/* The output layer: loss and, on the way, its gradients. */
static void loss(Walk *k, const Node *node) {
    HthNet *n = k->n;
    const HthParam *p = &n->params[node->param];
    Value *in = &n->values[node->in[0]];
    HthGradLoss l = { .t = k->p->t,
                      .in = p->cols,
                      .vocab = p->rows,
                      .x = in->x,
                      .w = n->w + p->at,
                      .targets = k->p->targets,
                      .scale = k->p->scale,
                      .nll = k->p->nll };
    if (k->p->back) {
        l.dx = in->g;
        l.dw = n->g + p->at;
    }
    k->loss += hth_grad_loss(n->grad, &l);
}

static void forward(Walk *k, const Node *node) {
    HthNet *n = k->n;
    const uint32_t t = k->p->t, hd = n->shape.head_dim;
    const HthParam *p = node->param == NET_NONE ? NULL : &n->params[node->param];
    const Value *a = node->in[0] == NET_NONE ? NULL : &n->values[node->in[0]];
    const Value *b = node->in[1] == NET_NONE ? NULL : &n->values[node->in[1]];
    const float *w = p ? n->w + p->at : NULL;
    if (node->out == NET_NONE) {
        loss(k, node);
        return;
    }
    const Value *y = &n->values[node->out];
    switch (node->op) {
    case HTH_OP_EMBED: hth_grad_embed(n->grad, t, y->width, k->p->ids, w, y->x); break;
    case HTH_OP_RMSNORM:
        hth_grad_rmsnorm(n->grad, t, y->width, a->x, w, n->shape.norm_eps, y->x, node->keep);
        break;
    case HTH_OP_HEADNORM:
        hth_grad_rmsnorm(n->grad, t * (y->width / hd), hd, a->x, w, n->shape.norm_eps, y->x,
                         node->keep);
        break;
    case HTH_OP_LINEAR: hth_grad_linear(n->grad, t, p->cols, p->rows, a->x, w, y->x); break;
    case HTH_OP_ROPE: {
        HthGradRope rope = rope_of(n, k->p, y->width);
        hth_grad_rope(n->grad, t, &rope, a->x, y->x);
        break;
    }
    case HTH_OP_ATTEND: {
        HthGradAttend s = attend_of(n, k->p);
        hth_grad_attend(n->grad, &s, a->x, b->x, n->values[node->in[2]].x, y->x, node->keep);
        break;
    }
    case HTH_OP_SWIGLU: hth_grad_swiglu(n->grad, (size_t)t * y->width, a->x, b->x, y->x); break;
    case HTH_OP_ADD: hth_grad_add(n->grad, (size_t)t * y->width, a->x, b->x, y->x); break;
    default: HTH_ASSERT(!"checked at open");
    }
}

static void backward(Walk *k, const Node *node) {
    HthNet *n = k->n;
    const uint32_t t = k->p->t, hd = n->shape.head_dim;
    const HthParam *p = node->param == NET_NONE ? NULL : &n->params[node->param];
    const float *w = p ? n->w + p->at : NULL;
    float *dw = p ? n->g + p->at : NULL;
    Value *a = node->in[0] == NET_NONE ? NULL : &n->values[node->in[0]];
    Value *b = node->in[1] == NET_NONE ? NULL : &n->values[node->in[1]];
    const Value *y = &n->values[node->out];
    const size_t count = (size_t)t * y->width;
    switch (node->op) {
    case HTH_OP_EMBED: hth_grad_embed_bwd(n->grad, t, y->width, k->p->ids, y->g, dw); break;
    case HTH_OP_RMSNORM:
        hth_grad_rmsnorm_bwd(n->grad, t, y->width, a->x, w, node->keep, y->g, a->g, node->add[0],
                             dw);
        break;
    case HTH_OP_HEADNORM:
        hth_grad_rmsnorm_bwd(n->grad, t * (y->width / hd), hd, a->x, w, node->keep, y->g, a->g,
                             node->add[0], dw);
        break;
    case HTH_OP_LINEAR:
        hth_grad_linear_bwd(n->grad, t, p->cols, p->rows, a->x, w, y->g, a->g, node->add[0], dw);
        break;
    case HTH_OP_ROPE: {
        HthGradRope rope = rope_of(n, k->p, y->width);
        hth_grad_rope_bwd(n->grad, t, &rope, y->g, a->g, node->add[0]);
        break;
    }
    case HTH_OP_ATTEND: {
        HthGradAttend s = attend_of(n, k->p);
        Value *c = &n->values[node->in[2]];
        hth_grad_attend_bwd(n->grad, &s, a->x, b->x, c->x, y->x, node->keep, y->g, a->g, b->g,
                            c->g);
        break;
    }
    case HTH_OP_SWIGLU:
        hth_grad_swiglu_bwd(n->grad, count, a->x, b->x, y->g, a->g, node->add[0], b->g,
                            node->add[1]);
        break;
    case HTH_OP_ADD:
        hth_grad_pass(n->grad, count, y->g, a->g, node->add[0]);
        hth_grad_pass(n->grad, count, y->g, b->g, node->add[1]);
        break;
    default: HTH_ASSERT(!"checked at open");
    }
}

double hth_net_pass(HthNet *n, const HthNetPass *pass) {
    HTH_ASSERT(pass->t > 0 && pass->t <= n->rows && pass->t % pass->seq == 0);
    HTH_ASSERT(pass->seq <= n->seq);
    Walk k = { .n = n, .p = pass };
    for (uint32_t i = 0; i < n->node_count; i++) forward(&k, &n->nodes[i]);
    if (pass->back)
        for (uint32_t i = n->node_count - 1; i-- > 0;) backward(&k, &n->nodes[i]);
    return k.loss;
}

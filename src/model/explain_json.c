/* explain_json.c - see explain.h: the JSON forms.
 *
 * Thread: any. */
#include "model/explain.h"
#include "model/model_impl.h"

static json_t *op_json(const HthArchOp *op, const HthModel *m) {
    HthBuf text;
    hth_buf_init(&text, 4096);
    if (hth_op_explain(op, m, &text, NULL) != HTH_OK) {
        hth_buf_drop(&text);
        return NULL;
    }
    const HthOpInfo *info = hth_op_info(op->op);
    const HthReg regs[3] = { op->a, op->b, op->c };
    json_t *reads = json_array();
    for (int i = 0; i < info->reads; i++)
        json_array_append_new(reads, json_string(hth_reg_name(regs[i])));
    json_t *o = json_pack("{s:s, s:s, s:o}", "op", info->name, "dst", hth_reg_name(op->dst),
                          "reads", reads);
    if (info->weight) json_object_set_new(o, "weight", json_string(hth_slot_name(op->w)));
    if (op->arg) json_object_set_new(o, "times", json_string(hth_shape_field_name(op->arg)));
    if (op->when) json_object_set_new(o, "layers", json_string(hth_layers_name(op->when)));
    json_object_set_new(o, "text", json_stringn(hth_buf_str(&text).p, text.n));
    hth_buf_drop(&text);
    return o;
}

static json_t *ops_json(const HthArchOp *ops, const HthModel *m) {
    json_t *a = json_array();
    for (; ops->op != HTH_OP_END; ops++)
        if (json_array_append_new(a, op_json(ops, m)) != 0) {
            json_decref(a);
            return NULL; /* an incomplete program must not look whole */
        }
    return a;
}

static json_t *size_json(const uint16_t f[2]) {
    json_t *a = json_array();
    for (int i = 0; i < 2; i++)
        if (f[i] || i == 0) json_array_append_new(a, json_string(hth_shape_field_name(f[i])));
    return a;
}

static json_t *tensors_json(const HthArch *arch) {
    json_t *a = json_array();
    for (const HthArchWeight *w = arch->weights; w->slot != HTH_W_NONE; w++) {
        json_t *o = json_pack("{s:s, s:s, s:s, s:b, s:o}", "slot", hth_slot_name(w->slot), "name",
                              w->name, "suffix", hth_slot_suffix(w->slot), "optional", w->optional,
                              "rows", size_json(w->rows));
        if (w->cols[0]) json_object_set_new(o, "cols", size_json(w->cols));
        if (w->count) json_object_set_new(o, "count", json_string(hth_shape_field_name(w->count)));
        if (w->when) json_object_set_new(o, "layers", json_string(hth_layers_name(w->when)));
        if (w->fused) json_object_set_new(o, "part_of", json_string(w->fused));
        if (w->or_slot) json_object_set_new(o, "or", json_string(hth_slot_name(w->or_slot)));
        json_array_append_new(a, o);
    }
    return a;
}

static json_t *base_json(const HthArch *a, const HthModel *m) {
    if (a->rank && (!m || m->shape.pooling == HTH_POOL_RANK)) {
        return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "architecture", a->name, "rope",
                         a->rope_neox ? "neox" : "norm", "head", ops_json(a->head, m), "layer",
                         ops_json(a->layer, m), "tail", ops_json(a->tail, m), "rank",
                         ops_json(a->rank, m));
    }
    return json_pack("{s:s, s:s, s:o, s:o, s:o}", "architecture", a->name, "rope",
                     a->rope_neox ? "neox" : "norm", "head", ops_json(a->head, m), "layer",
                     ops_json(a->layer, m), "tail", ops_json(a->tail, m));
}

HthStatus hth_arch_explain_json(json_t **out, const HthArch *a, HthErr *err) {
    json_t *o = base_json(a, NULL);
    HTH_REQUIRE(o, err, HTH_ENOMEM, "no memory to explain %s", a->name);
    if (json_object_set_new(o, "tensors", tensors_json(a)) != 0) {
        json_decref(o);
        return HTH_FAIL(err, HTH_ENOMEM, "no memory to explain %s", a->name);
    }
    *out = o;
    return HTH_OK;
}

static json_t *shape_json(const HthShape *s) {
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f}", "n_layer",
                     (json_int_t)s->n_layer, "n_embd", (json_int_t)s->n_embd, "n_head",
                     (json_int_t)s->n_head, "n_head_kv", (json_int_t)s->n_head_kv, "head_dim",
                     (json_int_t)s->head_dim, "head_dim_v", (json_int_t)s->head_dim_v, "n_ff",
                     (json_int_t)s->n_ff, "n_vocab", (json_int_t)s->n_vocab, "n_ctx_train",
                     (json_int_t)s->n_ctx_train, "n_rot", (json_int_t)s->n_rot, "norm_eps",
                     (double)s->norm_eps, "rope_base", (double)s->rope_base, "rope_factor",
                     (double)s->rope_factor);
}

static json_t *experts_json(const HthShape *s) {
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "count", (json_int_t)s->n_expert,
                     "used", (json_int_t)s->n_used, "rows", (json_int_t)s->n_ff_exp, "shared_rows",
                     (json_int_t)s->n_ff_shared, "groups", (json_int_t)s->gate_groups,
                     "groups_used", (json_int_t)s->gate_groups_used, "weights_add_up",
                     (int)(s->gate_norm != 0));
}

HthStatus hth_model_explain_json(json_t **out, const HthModel *m, HthErr *err) {
    json_t *o = base_json(m->arch, m), *unused = json_array();
    bool bad = !o || json_object_set_new(o, "shape", shape_json(&m->shape)) != 0;
    if (!bad && m->shape.n_expert)
        bad = json_object_set_new(o, "experts", experts_json(&m->shape)) != 0;
    for (size_t i = 0; !bad && i < hth_gguf_tensor_count(m->gguf); i++) {
        const HthGgufTensor *t = hth_gguf_tensor_at(m->gguf, i);
        if (!hth_model_uses(m, t))
            bad = json_array_append_new(unused, json_stringn(t->name.p, t->name.n)) != 0;
    }
    bad = bad || json_object_set(o, "unused_tensors", unused) != 0 ||
          json_object_set_new(o, "weight_bytes",
                              json_integer((json_int_t)hth_model_weight_bytes(m))) != 0;
    json_decref(unused);
    if (bad) {
        json_decref(o);
        return HTH_FAIL(err, HTH_ENOMEM, "no memory to explain the model");
    }
    *out = o;
    return HTH_OK;
}

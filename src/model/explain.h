/* explain.h - an architecture's program, and a model's, for people and for programs.
 *
 * Thread: any. */
#ifndef HTH_MODEL_EXPLAIN_H
#define HTH_MODEL_EXPLAIN_H

#include "base/json.h"
#include "model/model.h"

/* Appends text: one line per operation (`h = rmsnorm(x) * attn_norm`), then the tensors. */
HTH_MUST_CHECK HthStatus hth_arch_explain(const HthArch *arch, HthBuf *out, HthErr *err);
/* The same of an open model: sizes in numbers, the biases and scales this file has, and the tensors
 * the program does not read. */
HTH_MUST_CHECK HthStatus hth_model_explain(const HthModel *model, HthBuf *out, HthErr *err);
/* On success *out owns one reference. */
HTH_MUST_CHECK HthStatus hth_arch_explain_json(json_t **out, const HthArch *arch, HthErr *err);
HTH_MUST_CHECK HthStatus hth_model_explain_json(json_t **out, const HthModel *model, HthErr *err);

/* Appends one operation: "q = linear(h, attn_q) * attn_q.scale + attn_q.bias". model NULL: the
 * companions are left out. */
HTH_MUST_CHECK HthStatus hth_op_explain(const HthArchOp *op, const HthModel *model, HthBuf *out,
                                        HthErr *err);
/* Name of a HthShape field by offset ("n_embd"), for tables; "?" if it is none. */
const char *hth_shape_field_name(uint16_t field);

#endif

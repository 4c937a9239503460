/* plan.h - which tensor becomes which: names, shapes and types of the GGUF file.
 *
 * Every tensor of the model is one that the family's table names, or one that is known to be of no
 * use, or the model is refused; every one the table names is there, in the shape the sizes call
 * for.  Private to import.
 *
 * Thread: any. */
#ifndef HTH_IMPORT_PLAN_H
#define HTH_IMPORT_PLAN_H

#include "gguf/gguf_write.h"
#include "import/family.h"
#include "import/weights.h"

typedef struct HthImportTensor {
    char name[64]; /* in the GGUF file */
    size_t from; /* its place in the weights; unused with numbers */
    const float *numbers; /* [rows], of the config; NULL: from the weights */
    const HthFmt *to;
    uint64_t rows, cols; /* a vector: cols 1 */
    bool vector;
    HthTensorHow how;
    uint32_t heads; /* that the rows are of, where their order changes */
} HthImportTensor;

typedef struct HthImportPlan {
    HthImportTensor *tensors; /* [count], owned */
    size_t count;
    size_t left_out; /* tensors of the folder that are of no use here */
    uint64_t weights, bytes; /* numbers in all; bytes of tensors in the file */
} HthImportPlan;

/* to: what matrices become; NULL: as they are. Drop *out. EFORMAT: a tensor is missing, or of
 * another shape; ENOTSUP: one has a type or a name that is not imported. */
HTH_MUST_CHECK HthStatus hth_plan_read(HthImportPlan *out, const HthConfig *c, const HthWeights *w,
                                       const HthFmt *to, HthErr *err);
void hth_plan_drop(HthImportPlan *p);
/* Declares the tensors, in the plan's order. */
HTH_MUST_CHECK HthStatus hth_plan_declare(const HthImportPlan *p, HthGgufOut *o, HthErr *err);
/* general.file_type: that of the type that most bytes of matrices have. */
uint32_t hth_plan_file_type(const HthImportPlan *p);

/* Row `row` of the tensor in the file: which row it is in the folder. */
static inline uint64_t hth_plan_row(const HthImportTensor *t, uint64_t row) {
    if (t->how != HTH_TENSOR_HEADS_Q && t->how != HTH_TENSOR_HEADS_K) return row;
    /* A head there is two halves that rotate against each other, here pairs of neighbours. */
    const uint64_t dim = t->rows / t->heads, at = row % dim;
    return row - at + (at % 2) * (dim / 2) + at / 2;
}

/* write.c. Now and then, bytes of tensors written; not 0: stop, HTH_ECANCELED. */
typedef int HthImportTell(void *payload, uint64_t done_bytes, uint64_t total_bytes);
/* All tensors' data, in order; a few rows at a time are in memory. EFORMAT: a number is too large
 * for the type. */
HTH_MUST_CHECK HthStatus hth_plan_write(const HthImportPlan *p, const HthWeights *w, HthGgufOut *o,
                                        HthImportTell *tell, void *payload, HthErr *err);

#endif

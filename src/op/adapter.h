/* adapter.h - what adapters add to products: y = W x + scale * alpha/rank * B (A x), row by row.
 *
 * Each row of a batch has a set of adapters, or none: then its bits are those of a program that
 * never heard of adapters.  A x is a product like any other with F32 weights (kern.h); B t is a
 * kernel in lanes of outputs (kern/fn/adapt.c); adapters of a set come one after another in the
 * set's order, before the product's bias and after a scale that comes before that.  None of it
 * depends on threads, on the tier or on the batch's other rows.
 *
 * Thread: immutable once filled; any. */
#ifndef HTH_OP_ADAPTER_H
#define HTH_OP_ADAPTER_H

#include "op/program.h"

/* What an adapter adds to the matrix of one instruction; rank 0: nothing. */
typedef struct HthAdapterPart {
    uint32_t rank;
    float factor; /* alpha / rank */
    const float *a; /* [count][rank][cols]; of an embedding [tokens][rank] */
    const float *b; /* [count] times hth_adapter_panels() floats: panels of 16 outputs */
} HthAdapterPart;

typedef struct HthAdapterParts {
    const HthProgram *prog; /* what part[] is of */
    const HthAdapterPart *part; /* [prog->count] */
} HthAdapterParts;

/* Floats of B for so many outputs, filled up to whole panels. */
static inline size_t hth_adapter_panels(uint32_t rows, uint32_t rank) {
    return ((size_t)rows + HTH_PANEL_ROWS - 1) / HTH_PANEL_ROWS * HTH_PANEL_ROWS * rank;
}

enum { HTH_ADAPTERS_MAX = 16 };

/* The adapters of a timeline, each at most once, in the order in which they are added. */
typedef struct HthAdapterSet {
    uint32_t count;
    struct {
        const HthAdapterParts *parts;
        float scale; /* finite, not 0 */
    } use[HTH_ADAPTERS_MAX];
} HthAdapterSet;

/* Floats of scratch a row needs for any set of these n adapters. */
size_t hth_adapters_width(const HthProgram *prog, const HthAdapterParts *const *all, uint32_t n);
/* Bytes that an executor takes for rows of that width. ELIMIT: too many. */
HTH_MUST_CHECK HthStatus hth_adapters_room(size_t *out, const HthProgram *prog, size_t width,
                                           uint32_t rows, HthErr *err);

#endif

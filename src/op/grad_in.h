/* grad_in.h - what the gradient files share. Private to grad*.c. */
#ifndef HTH_OP_GRAD_IN_H
#define HTH_OP_GRAD_IN_H

#include "kern/sgemm.h"
#include "op/grad.h"
#include "op/grad_vec.h"

enum {
    HTH_GRAD_ROWS = 64, /* rows per item of work, and per partial sum */
    HTH_GRAD_LOSS_ROWS = 512, /* rows of logits alive at once */
    HTH_GRAD_FLAT = 16384, /* floats per item of elementwise work */
    HTH_GRAD_QUERIES = 128, /* query rows per block of attention */
};

struct HthGrad {
    HthPool *pool;
    HthGradSize size;
    HthSgemm *gemm; /* on the pool */
    HthSgemm **solo; /* [threads], each for one worker alone */
    float *partial; /* [ceil(rows / HTH_GRAD_ROWS)][width] */
    float *logits; /* [HTH_GRAD_LOSS_ROWS][vocab] */
    float *loss_rows; /* [HTH_GRAD_LOSS_ROWS] */
    float *attend; /* [threads][2][HTH_GRAD_QUERIES][seq] */
};

/* Items of `step` covering count, and the length of one of them. */
static inline uint32_t hth_grad_items(size_t count, uint32_t step) {
    return (uint32_t)((count + step - 1) / step);
}
static inline uint32_t hth_grad_span(size_t count, uint32_t step, uint32_t item) {
    size_t left = count - (size_t)item * step;
    return left < step ? (uint32_t)left : step;
}

#endif

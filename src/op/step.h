/* step.h - what one operation sees while a step runs.  Private to op/.
 *
 * Thread: one step at a time; operations fork through hth_par_run. */
#ifndef HTH_OP_STEP_H
#define HTH_OP_STEP_H

#include "op/exec.h"

typedef struct HthStep {
    const HthProgram *prog;
    const HthKern *kern;
    HthPool *pool;
    const HthBatch *batch;
    uint32_t rows; /* rows now: batch->n, later batch->n_out */
    uint32_t rows_max;
    float *regs; /* register at `at`: rows from regs + at * rows_max */
    uint8_t *act; /* quantised activations, [rows][act_stride] */
    size_t act_stride;
    uint32_t act_value; /* which value act holds; HTH_AT_NONE: nothing */
    float *rope; /* [ropes][rows_max][n_rot] cos, sin pairs */
    uint8_t *part; /* attention's own, part_bytes per worker */
    size_t part_bytes;
    size_t pack_left; /* bytes of weights this step may still pack */
    HthPaging *paging; /* told which weights come next; NULL: all are in memory */
    float *split; /* sums of runs of pages, where they are items (op/attend.c) */
} HthStep;

static inline float *hth_step_row(const HthStep *s, uint32_t at, uint32_t width, uint32_t row) {
    return s->regs + (size_t)at * s->rows_max + (size_t)row * hth_row_stride(width);
}

/* fn for each row, on all threads when there is enough work to pay for waking them. */
void hth_step_rows(const HthStep *s, uint32_t width, HthParFn *fn, void *ctx);

/* Each runs inst[0]; returns how many instructions it consumed (linears come in groups). */
typedef uint32_t HthOpFn(HthStep *s, const HthInst *inst);
HthOpFn hth_op_embed, hth_op_rmsnorm, hth_op_linear, hth_op_headnorm, hth_op_rope, hth_op_attend,
    hth_op_swiglu, hth_op_add, hth_op_layernorm, hth_op_geglu, hth_op_gelu, hth_op_scale;

void hth_step_rope_tables(HthStep *s); /* fills s->rope for the batch's positions */

#endif

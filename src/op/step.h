/* step.h - what one operation sees while a step runs.  Private to op/.
 *
 * Thread: one step at a time; operations fork through hth_par_run. */
#ifndef HTH_OP_STEP_H
#define HTH_OP_STEP_H

#include "op/adapter.h"
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
    uint32_t *place; /* [rows][n_used] where each chosen expert's row of a token is (op/route.c) */
    uint32_t *first; /* [n_expert + 1] the first place of each expert's rows */
    uint32_t *active; /* [actives] the experts that have any, ascending */
    uint32_t actives, route_layer; /* whose route all this is of */
    float *rope; /* [ropes][rows_max][hth_rope_most()] cos, sin pairs */
    uint8_t *part; /* attention's own, part_bytes per worker */
    size_t part_bytes;
    size_t pack_left; /* bytes of weights this step may still pack */
    HthPaging *paging; /* told which weights come next; NULL: all are in memory */
    HthSeeFn *see; /* shown what is multiplied; NULL: nobody */
    void *see_ctx;
    float *split; /* sums of runs of pages, where they are items (op/attend.c) */
    const HthAdapterSet **adapters; /* [rows] of the rows now; NULL: no row has any */
    const HthAdapterSet **placed; /* [rows][n_used] the same of places */
    float *adapt; /* [rows][adapt_width] what A makes of each row (op/adapter.c) */
    size_t adapt_width;
} HthStep;

static inline float *hth_step_row(const HthStep *s, uint32_t at, uint32_t width, uint32_t row) {
    return s->regs + (size_t)at * s->rows_max + (size_t)row * hth_row_stride(width);
}

/* How many rows from row r on are one timeline's, each the next position. */
static inline uint32_t hth_step_run(const HthStep *s, uint32_t r) {
    const HthBatch *b = s->batch;
    uint32_t n = 1;
    while (r + n < s->rows && b->kv[r + n] == b->kv[r] && b->pos[r + n] == b->pos[r] + n) n++;
    return n;
}

/* fn for each row, on all threads when there is enough work to pay for waking them. */
void hth_step_rows(const HthStep *s, uint32_t width, HthParFn *fn, void *ctx);

/* Each runs inst[0]; returns how many instructions it consumed (linears come in groups). */
typedef uint32_t HthOpFn(HthStep *s, const HthInst *inst);
HthOpFn hth_op_embed, hth_op_rmsnorm, hth_op_linear, hth_op_headnorm, hth_op_rope, hth_op_attend,
    hth_op_swiglu, hth_op_add, hth_op_layernorm, hth_op_geglu, hth_op_gelu, hth_op_scale,
    hth_op_swiglu_clamped, hth_op_route, hth_op_experts, hth_op_experts_each, hth_op_experts_sum,
    hth_op_heads, hth_op_firstnorm, hth_op_gate, hth_op_half, hth_op_silu, hth_op_conv,
    hth_op_delta, hth_op_place, hth_op_mean_headnorm, hth_op_relu2, hth_op_mul, hth_op_copy,
    hth_op_tanh, hth_op_softmax, hth_op_clamp, hth_op_unit_headnorm, hth_op_temper,
    hth_op_experts_spread, hth_op_weigh;

/* The scale of w, where it comes first, on cols outputs of its rows, which are at y; then what
 * adapters add; then the bias of its rows r0.., and a scale that comes last. */
void hth_step_scale(const HthWeight *w, float *y, size_t ldy, uint32_t rows, uint32_t cols);
void hth_step_finish(const HthWeight *w, float *y, size_t ldy, uint32_t r0, uint32_t rows,
                     uint32_t cols);
/* Rows of a work item, where `all` rows of outputs are to be divided among the threads. */
uint32_t hth_step_item_rows(const HthStep *s, uint64_t all);
/* Where adapters add: a block of outputs of some columns, which are rows or, of experts, places. */
typedef struct HthAdaptAt {
    uint32_t row, rows; /* outputs; row is a multiple of HTH_PANEL_ROWS */
    uint32_t col, cols;
    uint32_t which; /* of the weight's matrices */
} HthAdaptAt;
/* Where s->adapters is not NULL: before `parts` products of one value, from inst on. */
void hth_step_adapt_begin(const HthStep *s, const HthInst *inst, uint32_t parts);
/* After that, to what the k-th of them gave; y is of the block's first row and column. */
void hth_step_adapt(const HthStep *s, const HthInst *inst, uint32_t k, const HthAdaptAt *at,
                    float *y, size_t ldy);
/* To the embedding of token id, which is at y. */
void hth_step_adapt_row(const HthStep *s, const HthInst *in, uint32_t r, uint32_t id, float *y);
/* One row of activations of w's columns, as its products want them. */
void hth_step_act(const HthStep *s, const HthWeight *w, const float *x, uint8_t *to);

/* After instruction `in`, if it is a product: shows what it read (op/watch.c). */
void hth_step_watch(const HthStep *s, const HthInst *in);

void hth_step_rope_tables(HthStep *s); /* fills s->rope for the batch's positions */

#endif

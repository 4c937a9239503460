/* plan.h - from registers to memory: lifetimes, places, and the exact bytes a run will need.
 *
 * Everything is known from shapes alone, before any weight is read.
 *
 * Thread: any. */
#ifndef HTH_OP_PLAN_H
#define HTH_OP_PLAN_H

#include "op/program.h"

/* Gives every register value a place; values that are never alive together share memory.
 * Fills the "planned" fields of prog. ENOMEM; ELIMIT when a row would pass 2^31 floats. */
HTH_MUST_CHECK HthStatus hth_plan_registers(HthProgram *prog, HthErr *err);

/* Bytes of one row of activations of w's columns, gathered for its products. */
size_t hth_act_stride(const HthWeight *w);

/* Scratch of one executor; every part starts on a cache line. */
typedef struct HthScratch {
    size_t regs_at, act_at, rope_at, part_at, split_at, place_at; /* bytes from the start */
    size_t part_bytes; /* attention's own, or the router's, of one worker */
    size_t bytes; /* the whole block */
} HthScratch;

/* rows: tokens per step; pages: pages of the longest timeline. ELIMIT on overflow. */
HTH_MUST_CHECK HthStatus hth_plan_scratch(HthScratch *out, const HthProgram *prog, uint32_t rows,
                                          uint32_t pages, uint32_t threads, HthErr *err);

#endif

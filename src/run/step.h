/* step.h - tokens in, logits out: one forward step over rows of one or more timelines.
 *
 * Thread: the caller of the executor's pool. */
#ifndef HTH_RUN_STEP_H
#define HTH_RUN_STEP_H

#include "kv/table.h"
#include "op/exec.h"

/* Which rows of a step return logits. */
typedef enum HthWant { HTH_WANT_NONE, HTH_WANT_LAST, HTH_WANT_ALL } HthWant;

typedef struct HthRows HthRows; /* rows being collected for a step; reusable */

HTH_MUST_CHECK HthStatus hth_rows_open(HthRows **out, uint32_t rows_max, HthErr *err);
size_t hth_rows_bytes(uint32_t rows_max); /* what opening takes */
void hth_rows_close(HthRows **rows);
void hth_rows_clear(HthRows *rows);
uint32_t hth_rows_free(const HthRows *rows); /* how many more fit */
/* Appends n tokens of one timeline at positions from first on; the table has pages for them.
 * n must fit. */
void hth_rows_add(HthRows *rows, const HthKvView *kv, const uint32_t *ids, uint32_t n,
                  uint32_t first, HthWant want);
/* Rows added from now on, until they are cleared, have these adapters (borrowed; NULL: none). */
void hth_rows_adapt(HthRows *rows, const HthAdapterSet *adapters);
uint32_t hth_rows_wanted(const HthRows *rows); /* rows of logits a run will write */
/* Computes all rows; logits: [hth_rows_wanted][n_vocab], may be NULL when that is 0. */
void hth_rows_run(const HthRows *rows, HthExec *exec, float *logits);
/* The same up to the output matrix: hidden [hth_rows_wanted][n_embd], for hth_exec_head. */
void hth_rows_run_hidden(const HthRows *rows, HthExec *exec, float *hidden);

#endif

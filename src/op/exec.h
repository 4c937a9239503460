/* exec.h - runs a planned program over a batch of tokens.
 *
 * All memory is taken by open; run allocates nothing and cannot fail.  Rows of a batch may belong
 * to different timelines; what a row computes does not depend on its neighbours.
 *
 * Thread: the caller of the pool. */
#ifndef HTH_OP_EXEC_H
#define HTH_OP_EXEC_H

#include "base/par.h"
#include "op/adapter.h"
#include "op/kv_view.h"
#include "op/plan.h"
#include "op/paging.h"

typedef struct HthBatch {
    uint32_t n; /* rows, 1..rows_max */
    const uint32_t *ids; /* [n] token ids, checked by the caller */
    const uint32_t *pos; /* [n] positions; rows of one timeline ascend by one */
    const HthKvView *const *kv; /* [n] the row's timeline, with pages for its position */
    uint32_t n_out; /* rows whose logits are wanted; 0: none */
    const uint32_t *out; /* [n_out] their indices, ascending */
    float *logits; /* [n_out][hth_program_out]; may be NULL with hidden */
    float *hidden; /* NULL, or [n_out][n_embd]: what the output matrix is multiplied with */
    const HthAdapterSet *const *adapters; /* [n] of each row, NULL: none; or NULL: no row has any */
} HthBatch;

typedef struct HthExec HthExec;

/* prog, kern and pool (NULL: one thread) are borrowed. pages: of the longest timeline. */
HTH_MUST_CHECK HthStatus hth_exec_open(HthExec **out, const HthProgram *prog, const HthKern *kern,
                                       HthPool *pool, uint32_t rows_max, uint32_t pages_max,
                                       HthErr *err);
/* Every run but the first packs up to this many bytes of weights that have room for panels
 * (packed.h); 0, as opened: none. The first is left alone: somebody waits for its answer. */
void hth_exec_pack(HthExec *exec, size_t bytes_per_run);
/* From now on tells `paging` (paging.h; borrowed, NULL: nobody) which weights come next. */
void hth_exec_paging(HthExec *exec, HthPaging *paging);
/* From now on rows may have adapters that need `width` floats at most (hth_adapters_width); takes
 * what hth_adapters_room says. Once. ENOMEM, ELIMIT. */
HTH_MUST_CHECK HthStatus hth_exec_adapters(HthExec *exec, size_t width, HthErr *err);
void hth_exec_close(HthExec **exec); /* wipes the scratch */
void hth_exec_run(HthExec *exec, const HthBatch *batch);
/* The output matrix alone, or what else logits are made with: [n][hth_program_out] of hidden rows
 * [n][n_embd], n at most rows_max; the bits that run would give. adapters: [n] of each row, as of a
 * batch; or NULL. */
void hth_exec_head(HthExec *exec, const float *hidden, uint32_t n,
                   const HthAdapterSet *const *adapters, float *logits);
/* From now on shows `see` each row of activations that a matrix is multiplied with, before it is
 * rounded to what the product wants: which of w's matrices (experts, heads), the row [w->cols].
 * Rows of a matrix come in the order of the batch, on the caller's thread.  The output matrix's
 * are shown even where only the hidden rows are wanted.  NULL: no longer. */
typedef void HthSeeFn(void *ctx, const HthWeight *w, uint32_t which, const float *row);
void hth_exec_watch(HthExec *exec, HthSeeFn *see, void *ctx);
/* From now on adds to ns[i] what instruction i of the program took, a group of products at its
 * first; ns: [prog->count], borrowed. NULL: no longer. */
void hth_exec_clock(HthExec *exec, uint64_t *ns);

#endif

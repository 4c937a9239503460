/* paging.h - a model larger than memory: which of its matrices stay, and which pass through.
 *
 * Matrices are cut into pieces of a few MiB.  As many as there is room for stay in memory; the
 * others, spread evenly among them so that the disk works all the time, are read shortly before
 * they are multiplied and let go after (base/readahead.h).  A token then costs the bytes that do
 * not fit, not the whole file.  Results do not depend on any of it. */
#ifndef HTH_OP_PAGING_H
#define HTH_OP_PAGING_H

#include "base/file.h"
#include "op/program.h"

typedef struct HthPagingPlan {
    uint64_t total; /* bytes of the matrices, where they are multiplied */
    uint64_t kept; /* of these, bytes that stay in memory: all, unless window */
    uint64_t window; /* bytes at most of the others at a time; 0: everything stays */
    uint32_t piece; /* bytes of a piece, a power of two */
} HthPagingPlan;

/* room: bytes the matrices can have. Thread: any. */
void hth_paging_plan(HthPagingPlan *out, const HthProgram *prog, uint64_t room);

typedef struct HthPaging HthPaging;

/* prog is borrowed, and files, whose end is NULL, where its matrices are; plan->window
 * is above 0. ENOMEM. Thread: one owner. */
HTH_MUST_CHECK HthStatus hth_paging_open(HthPaging **out, const HthProgram *prog,
                                         const HthFileMap *const *files, const HthPagingPlan *plan,
                                         HthErr *err);
void hth_paging_close(HthPaging **paging); /* after the executor, before the model */
/* Bytes [at, at + n) of the matrix of instruction in, a product of prog, are about to be used.
 * Thread: any. */
void hth_paging_at(HthPaging *paging, const HthInst *in, size_t at, size_t n);

#endif

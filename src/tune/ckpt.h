/* ckpt.h - a training state on disk, from which the run goes on with the same bits.
 *
 *   offset  bytes  little-endian
 *        0      8  "HTHCKPT1"
 *        8      8  digest of the recipe
 *       16      8  digest of the vocabulary
 *       24      4  steps done
 *       28      4  0
 *       32      8  parameter count n
 *       40      8  check of the three arrays
 *       48     16  0
 *       64    4 n  weights, then 4 n first moments, then 4 n second moments (float32)
 *
 * Everything else (learning rate, which text comes next) follows from the recipe and the step.
 * Written beside the old one and renamed: whatever happens, one whole checkpoint is there.
 *
 * Thread: the owner of the network. */
#ifndef HTH_TUNE_CKPT_H
#define HTH_TUNE_CKPT_H

#include "tune/adam.h"

typedef struct HthCkpt {
    uint64_t recipe, vocab;
    uint32_t step;
} HthCkpt;

HTH_MUST_CHECK HthStatus hth_ckpt_save(const char *path, const HthCkpt *c, HthNet *net,
                                       const HthAdam *adam, HthErr *err);
/* EIO: there is none. EFORMAT: damaged. EINVAL: of another recipe or vocabulary than in *c.
 * adam may be NULL (weights only, for export). */
HTH_MUST_CHECK HthStatus hth_ckpt_load(const char *path, HthCkpt *c, HthNet *net, HthAdam *adam,
                                       HthErr *err);

#endif

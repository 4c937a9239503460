/* plan.h - what a session will cost in memory, exactly, before it is opened.
 *
 * Thread: any. */
#ifndef HTH_RUN_PLAN_H
#define HTH_RUN_PLAN_H

#include "op/kv_view.h"
#include "op/plan.h"
#include "run/memory.h"

enum { HTH_RUN_CHUNK_MAX = 8192 }; /* rows of a step */

typedef struct HthRunPlan {
    uint32_t ctx, threads, chunk; /* after defaults */
    HthKvType kv;
    HthKvLayout layout;
    uint32_t page_count;
    HthScratch scratch;
    size_t kv_bytes_per_token;
    size_t adapt_width; /* floats of scratch a row needs for adapters; 0: there are none */
    HthMemory memory; /* of a session and of whoever draws from its logits */
    HthPagingPlan paging; /* window 0: all weights stay in memory */
} HthRunPlan;

/* Applies the defaults of HthSessionCfg. EINVAL: an option makes no sense; ELIMIT: it cannot fit;
 * ENOTSUP: the model cannot reach that far. */
HTH_MUST_CHECK HthStatus hth_run_plan(HthRunPlan *out, const HthModel *model,
                                      const HthSessionCfg *cfg, HthErr *err);

#endif

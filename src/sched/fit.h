/* fit.h - does a model fit, and if not, what would make it?
 *
 * Every answer is the plan that opening would make (run/plan.h, engine.h), never a sum of its own.
 *
 * Thread: any. */
#ifndef HTH_SCHED_FIT_H
#define HTH_SCHED_FIT_H

#include "run/memory.h"

typedef struct HthFitCfg {
    uint32_t ctx, threads; /* 0: as a session would */
    uint32_t parallel; /* 0: one conversation, as hearth run; else an engine's jobs at once */
    const char *kv; /* NULL: as a session would */
    uint64_t cache; /* of an engine: bytes of pages at most; 0: all */
    bool no_pack;
    const HthAdapterUse *adapters; /* [adapter_count] opened for the model */
    uint32_t adapter_count;
    uint64_t room; /* bytes there are for a process; 0: nobody knows */
    uint64_t program; /* of these, bytes of the program itself */
} HthFitCfg;

typedef struct HthFit {
    uint32_t ctx, parallel, threads, chunk; /* after defaults */
    const char *kv;
    uint64_t kv_bytes_per_token; /* of one timeline */
    HthMemory memory;
    uint64_t total; /* memory and program */
    uint64_t passing; /* bytes of weights that would not stay: read from the file at every step */
    bool fits; /* nothing passes, and the total is not above the room */
} HthFit;

/* What opening would refuse: EINVAL, ELIMIT, ENOTSUP. */
HTH_MUST_CHECK HthStatus hth_fit(HthFit *out, const HthModel *model, const HthFitCfg *cfg,
                                 HthErr *err);

/* One thing to change. */
typedef struct HthFitAdvice {
    char what[64]; /* "--ctx 4096", "hearth quantize MODEL OUT Q4_K_M" */
    HthFit fit; /* what it would become */
    bool about; /* an estimate: of a file that is not there yet */
} HthFitAdvice;
enum { HTH_FIT_ADVICE_MAX = 8 };

/* What alone would make it fit, and where nothing does the smallest it can become; how many.
 * cfg->room is above 0. */
uint32_t hth_fit_advise(HthFitAdvice out[HTH_FIT_ADVICE_MAX], const HthModel *model,
                        const HthFitCfg *cfg);

#endif

/* run.h - one evaluation under way.  Private to eval.
 *
 * Thread: one owner, with a pool. */
#ifndef HTH_EVAL_RUN_H
#define HTH_EVAL_RUN_H

#include "eval/eval.h"
#include "eval/row.h"
#include "eval/saved.h"

typedef struct HthEvalRun {
    const HthEvalOpt *opt;
    const HthModel *model;
    HthEvalPlan plan;
    HthEvalRow *rows; /* [plan.rows] */
    HthEvalBase *base; /* NULL: none */
    uint64_t model_bytes;
    uint8_t model_sha256[HTH_HASH_BYTES];
    uint32_t vocab;
} HthEvalRun;

/* Computes all rows, or takes them from the state. */
HTH_MUST_CHECK HthStatus hth_eval_run(HthEvalRun *run, HthErr *err);
HTH_MUST_CHECK HthStatus hth_eval_tell(const HthEvalOpt *opt, const char *phase, uint64_t done,
                                       uint64_t total, HthErr *err);
/* report.c */
HTH_MUST_CHECK HthStatus hth_eval_report(json_t **out, const HthEvalRun *run, HthErr *err);

#endif

/* eval.h - how good is a model: on texts, on questions with choices, beside another model.
 *
 * The report is JSON (docs/formats/eval.md): a function of the model's bytes, the files and the
 * options; not of threads, of how often it was stopped, nor of when.  hth_eval_html draws it.
 *
 * Thread: the caller's; it starts others and ends them. */
#ifndef HTH_EVAL_EVAL_H
#define HTH_EVAL_EVAL_H

#include "eval/plan.h"
#include "eval/stat.h"
#include "hearth/hearth.h"

/* Now and then; phase is "digesting" or "evaluating". Not 0: stop, HTH_ECANCELED. */
typedef int HthEvalProgress(const char *phase, uint64_t done, uint64_t total);

typedef struct HthEvalOpt {
    const char *texts[HTH_EVAL_INPUTS_MAX], *choices[HTH_EVAL_INPUTS_MAX]; /* one kind of them */
    const char *save, *base, *state; /* paths, or NULL */
    const char *model; /* what the report calls it */
    HthEvalCut cut; /* vocab is the model's; ctx, stride 0: the defaults */
    HthSessionCfg session; /* threads, kv, no_pack */
    HthBoot boot;
    HthEvalProgress *progress; /* may be NULL */
} HthEvalOpt;

enum { HTH_EVAL_CTX = 2048, HTH_EVAL_CTX_MIN = 8, HTH_EVAL_RESAMPLES = 1000 };

/* *report: the caller's reference. EINVAL: options that make no sense; ENOTSUP: the model has no
 * tokenizer; EFORMAT: a file is not as it should be, or the model computes what is no number;
 * ELIMIT, EAGAIN, EIO, ENOMEM, ECANCELED. With opt->state what was computed is kept. */
HTH_MUST_CHECK HthStatus hth_eval(json_t **report, const HthModel *model, const HthEvalOpt *opt,
                                  HthErr *err);

/* A page of its own, from a report; nothing in it comes from elsewhere. EFORMAT, ENOMEM. */
HTH_MUST_CHECK HthStatus hth_eval_html(HthBuf *out, const json_t *report, HthErr *err);

#endif

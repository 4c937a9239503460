/* train.h - the trainer's face: tokenizer, data, training, export, evaluation.
 *
 * A work folder holds everything between the recipe and the model:
 *   tokenizer.gguf  PHASE.tok  valid.tok  checkpoint  log.jsonl
 * Each step reads what the one before wrote.  All of it is deterministic: the same recipe and text
 * give the same model file, whatever the number of threads, and however often the run was stopped
 * (with the same C library: the optimiser's and the loss's logarithms are its own).
 *
 * Thread: one caller. */
#ifndef HTH_TUNE_TRAIN_H
#define HTH_TUNE_TRAIN_H

#include <stdbool.h>

#include "base/err.h"

typedef struct HthTrainCfg {
    const char *recipe; /* path */
    const char *corpus; /* folder with the recipe's sources; tokenizer and prepare */
    const char *work; /* folder, made if it is not there */
    const char *from; /* model file to start from; tokenizer and run; NULL: from nothing */
    const char *valid; /* a text file held out of training; prepare; may be NULL */
    uint32_t threads; /* 0: all cores */
    uint32_t save_s; /* seconds between checkpoints; 0: 300 */
    uint32_t valid_every; /* steps between looks at valid.tok; 0: never */
    uint32_t steps_max; /* stop after so many steps of this run; 0: to the end */
    bool afresh; /* ignore a checkpoint that is there */
} HthTrainCfg;

typedef struct HthTrainProgress {
    uint32_t step, steps;
    const char *phase;
    double loss; /* nats per token, of this step */
    double loss_valid; /* of the last look; NAN before */
    double grad_norm, lr;
    double tokens_per_s, eta_s;
    double flops_per_s, peak; /* peak: of an fma loop, measured at the start */
    bool saved; /* a checkpoint was written after this step */
} HthTrainProgress;

/* A nonzero return stops after a checkpoint: hth_train_run returns HTH_ECANCELED. */
typedef int HthTrainFn(void *payload, const HthTrainProgress *p);

HTH_MUST_CHECK HthStatus hth_train_tokenizer(const HthTrainCfg *cfg, HthErr *err);
HTH_MUST_CHECK HthStatus hth_train_prepare(const HthTrainCfg *cfg, HthErr *err);
/* Goes on from the checkpoint in the work folder if there is one. One JSON line per step is added
 * to log.jsonl. */
HTH_MUST_CHECK HthStatus hth_train_run(const HthTrainCfg *cfg, HthTrainFn *fn, void *payload,
                                       HthErr *err);
/* Checkpoint + tokenizer -> a GGUF file; matrices in `format` ("Q8_0", "F32", ...), vectors F32. */
HTH_MUST_CHECK HthStatus hth_train_export(const HthTrainCfg *cfg, const char *format,
                                          const char *path, HthErr *err);

/* The recipe's matrix products, one by one, against the peak of an fma loop in the same process.
 * turns: how often each is measured, and how long the loop is; five make a figure. */
typedef struct HthTrainSpeed {
    const char *kind; /* "forward", "input gradient", "weight gradient" */
    uint32_t m, n, k;
    double flops_per_s, peak;
} HthTrainSpeed;
typedef void HthTrainSpeedFn(void *payload, const HthTrainSpeed *speed);
HTH_MUST_CHECK HthStatus hth_train_speed(const HthTrainCfg *cfg, uint32_t turns,
                                         HthTrainSpeedFn *fn, void *payload, HthErr *err);

/* ---- evaluation of a model file ---- */

typedef struct HthEval HthEval;
/* Float32 forward pass over the file's (dequantised) weights, many sequences at a time. */
HTH_MUST_CHECK HthStatus hth_eval_open(HthEval **out, const char *model, uint32_t threads,
                                       HthErr *err);
void hth_eval_close(HthEval **e);

typedef struct HthEvalText {
    uint64_t bytes, tokens;
    double nats; /* sum of -ln p over the tokens */
    double bits_per_byte;
} HthEvalText;
/* Every token is predicted once, from at least half a context of what precedes it (or all). */
HTH_MUST_CHECK HthStatus hth_eval_text(HthEval *e, const char *path, HthEvalText *out, HthErr *err);

typedef struct HthEvalPairs {
    uint64_t pairs, right; /* right: the good sentence is likelier than the bad one */
} HthEvalPairs;
/* A JSONL file with sentence_good and sentence_bad. pairs_max 0: all. */
HTH_MUST_CHECK HthStatus hth_eval_pairs(HthEval *e, const char *path, uint32_t pairs_max,
                                        HthEvalPairs *out, HthErr *err);

#endif

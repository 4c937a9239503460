/* work.h - what the trainer's steps share: the recipe, the work folder, the vocabulary in it.
 * Private to the tune floor. */
#ifndef HTH_TUNE_WORK_H
#define HTH_TUNE_WORK_H

#include "tune/bpe.h"
#include "tune/ckpt.h"
#include "tune/recipe.h"
#include "tune/train.h"

typedef struct HthWork {
    HthRecipe *recipe;
    HthBpe *bpe; /* NULL before the tokenizer is trained */
    const HthArch *arch;
    HthPool *pool;
} HthWork;

/* Reads the recipe and, with `vocab`, the work folder's tokenizer; starts the threads. */
HTH_MUST_CHECK HthStatus hth_work_open(HthWork *out, const HthTrainCfg *cfg, bool vocab,
                                       HthErr *err);
void hth_work_close(HthWork *w);
/* "work/name" + suffix into buf. */
HTH_MUST_CHECK HthStatus hth_work_path(HthBuf *buf, const HthTrainCfg *cfg, const char *name,
                                       const char *suffix, HthErr *err);

#endif

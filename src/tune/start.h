/* start.h - begin from a model that exists: its vocabulary, its weights.
 *
 * Private to the tune floor.
 *
 * Thread: one caller. */
#ifndef HTH_TUNE_START_H
#define HTH_TUNE_START_H

#include "model/model.h"
#include "tune/bpe.h"
#include "tune/net.h"

/* The model's weights, dequantised, into the network's. EINVAL: a tensor is missing or of another
 * shape; the network's weights are then partly overwritten. */
HTH_MUST_CHECK HthStatus hth_start_weights(HthNet *net, const HthModel *model, HthErr *err);
/* The same from a file, which must have the vocabulary `bpe`. */
HTH_MUST_CHECK HthStatus hth_start_from(HthNet *net, const HthBpe *bpe, const char *path,
                                        HthErr *err);
/* The vocabulary of a model file made by this trainer. */
HTH_MUST_CHECK HthStatus hth_start_vocab(HthBpe **out, const char *path, HthErr *err);

#endif

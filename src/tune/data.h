/* data.h - token files: what a phase of training reads, in the order it reads it.
 *
 *   offset  bytes  little-endian
 *        0      8  "HTHTOK01"
 *        8      8  digest of the vocabulary's merges
 *       16      4  vocabulary size
 *       20      4  0
 *       24      8  bytes of text the tokens stand for
 *       32      8  token count n
 *       40     24  0
 *       64    2 n  tokens, 16 bits each
 *
 * Documents are shuffled when the file is made, each preceded by <|endoftext|>; a run then reads
 * straight through and starts again at the end.
 *
 * Thread: immutable after open. */
#ifndef HTH_TUNE_DATA_H
#define HTH_TUNE_DATA_H

#include "base/file.h"
#include "tune/bpe.h"
#include "tune/recipe.h"

typedef struct HthData {
    HthFileMap map;
    const uint16_t *tokens; /* into the mapping */
    uint64_t n, text_bytes, vocab_digest;
    uint32_t n_vocab;
} HthData;

HTH_MUST_CHECK HthStatus hth_data_open(HthData *out, const char *path, HthErr *err);
void hth_data_close(HthData *d);
/* Sequence `index` of seq tokens (ids) and their successors (targets). Wraps around. */
void hth_data_seq(const HthData *d, uint64_t index, uint32_t seq, uint32_t *ids, uint32_t *targets);

/* Writes the tokens; durable and all at once. */
HTH_MUST_CHECK HthStatus hth_data_write(const char *path, const HthBpe *bpe, const HthTokens *t,
                                        uint64_t text_bytes, HthErr *err);

/* All documents of a phase, mixed, tokenised, shuffled. */
HTH_MUST_CHECK HthStatus hth_data_prepare(const HthRecipe *r, uint32_t phase, const char *corpus,
                                          HthBpe *bpe, const char *path, HthErr *err);

#endif

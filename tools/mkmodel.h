/* mkmodel.h - what the two files of mkmodel share.
 *
 * Thread: one. */
#ifndef HTH_TOOLS_MKMODEL_H
#define HTH_TOOLS_MKMODEL_H

#include "gguf/gguf_write.h"

/* A tokenizer of exactly n_vocab tokens, drawn from seed: kind "spm" (at least 300) or "bpe" (at
 * least 258). Adds the tokenizer.* entries. */
HthStatus hth_mkmodel_vocab(HthGgufOut *o, const char *kind, uint32_t n_vocab, uint64_t seed,
                            HthErr *err);

#endif

/* mkmodel.h - what the files of mkmodel share.
 *
 * Thread: one. */
#ifndef HTH_TOOLS_MKMODEL_H
#define HTH_TOOLS_MKMODEL_H

#include "gguf/gguf_write.h"

typedef struct HthMkOpt {
    const char *shape, *arch, *type, *embd_type, *rope, *tokenizer, *template, *adapter;
    uint64_t experts, used, layers, embd, heads, kv_heads, head_dim, ff, vocab, ctx, seed, tied,
        bias, rot, bank, pooling, rank;
    double rope_base, rope_factor, alpha;
    bool head_dim_given, rot_given, rope_base_given; /* on the command line */
} HthMkOpt;

/* An encoder: bert, nomic-bert. */
bool hth_mkmodel_encodes(const HthMkOpt *opt);

/* A tokenizer of exactly n_vocab tokens, drawn from seed: kind "spm" (at least 300) or "bpe" (at
 * least 258). Adds the tokenizer.* entries. */
HthStatus hth_mkmodel_vocab(HthGgufOut *o, const char *kind, uint32_t n_vocab, uint64_t seed,
                            HthErr *err);
/* Is `tokenizer` a file to take the vocabulary from, and not a kind or "none"? */
bool hth_mkmodel_vocab_is_file(const char *tokenizer);
/* Tokens of the vocabulary in a GGUF file. */
HthStatus hth_mkmodel_vocab_count(const char *path, uint64_t *count, HthErr *err);
/* Copies the tokenizer.* entries of a GGUF file; with `template` its chat template too. */
HthStatus hth_mkmodel_vocab_copy(HthGgufOut *o, const char *path, bool template, HthErr *err);

/* The template and the vocabulary that the options name; none for "none". */
HthStatus hth_mkmodel_words(HthGgufOut *o, const HthMkOpt *opt, HthErr *err);

/* Whether the architecture is one that is only made small. */
bool hth_mkmodel_is_small(const HthMkOpt *opt);
void hth_mkmodel_small_help(void); /* prints their names */
/* The whole of such a model. EINVAL: the options make no sense for it, or make it too large. */
HthStatus hth_mkmodel_small(const char *path, const HthMkOpt *opt, HthErr *err);

/* Declares and writes every tensor of the model. */
HthStatus hth_mkmodel_tensors(HthGgufOut *o, const HthMkOpt *opt, HthErr *err);

/* Instead of a model: an adapter of rank and alpha for the model in the file opt->adapter. */
HthStatus hth_mkmodel_adapter(const char *path, const HthMkOpt *opt, HthErr *err);

/* Encoded rows of normal noise to draw from; see mkmodel_bank.c. */
typedef struct HthMkBanks HthMkBanks;
HthStatus hth_mkmodel_banks_open(HthMkBanks **out, uint64_t seed, HthErr *err);
void hth_mkmodel_banks_close(HthMkBanks **banks);
/* rows x cols weights of standard deviation sd, drawn by `stream`: the next tensor's data. */
HthStatus hth_mkmodel_banks_write(HthMkBanks *b, HthGgufOut *o, const HthFmt *fmt, uint64_t cols,
                                  uint64_t rows, double sd, uint64_t stream, HthErr *err);

#endif

/* bpe.h - a byte-level BPE vocabulary: trained here, saved into GGUF metadata, read back, applied.
 *
 * The split into words is that of the "llama-bpe" pre-tokenizer; ids 0..2 are the special tokens,
 * 3..258 the bytes, then one token per merge.  Text is cut at special tokens written out in it:
 * training text is trusted.
 *
 * What it is not: the tokenizer of inference (text/vocab.h), which must agree with it
 * (tests/unit/tune/bpe_test.c).
 *
 * Thread: one owner; encoding fills a cache. */
#ifndef HTH_TUNE_BPE_H
#define HTH_TUNE_BPE_H

#include "base/arena.h"
#include "base/map.h"
#include "gguf/gguf_write.h"

enum {
    HTH_BPE_EOT = 0, /* <|endoftext|>: between documents, and before the first */
    HTH_BPE_START = 1, /* <|im_start|> */
    HTH_BPE_END = 2, /* <|im_end|> */
    HTH_BPE_BYTES = 3, /* first of 256 byte tokens, in the order of their values */
    HTH_BPE_MERGES = HTH_BPE_BYTES + 256,
    HTH_BPE_VOCAB_MAX = 8192, /* training holds a table of pairs: 4 bytes x vocabulary^2 */
};

/* ---- words ---- */

typedef struct HthSplit HthSplit; /* the compiled pre-tokenizer */
HTH_MUST_CHECK HthStatus hth_split_open(HthSplit **out, HthErr *err);
void hth_split_close(HthSplit **s);
/* The word that begins at text[*at]; moves *at past it. False at the end. Every byte belongs to
 * exactly one word; bytes that are not UTF-8 are words of their own. */
bool hth_split_next(HthSplit *s, HthStr text, size_t *at, HthStr *word_out);

/* Does a special token stand written out at text[at]? */
bool hth_bpe_special(HthStr text, size_t at, uint16_t *id_out, size_t *length_out);

/* ---- training ---- */

typedef struct HthBpeCount HthBpeCount; /* words and how often each occurs */
HTH_MUST_CHECK HthStatus hth_bpe_count_open(HthBpeCount **out, HthErr *err);
void hth_bpe_count_close(HthBpeCount **c);
HTH_MUST_CHECK HthStatus hth_bpe_count_add(HthBpeCount *c, HthStr text, HthErr *err);

typedef struct HthBpe HthBpe;
/* Merges the most frequent pair until n_vocab tokens exist; ties go to the lower ids. ELIMIT when
 * the text has too few pairs for n_vocab. Deterministic. */
HTH_MUST_CHECK HthStatus hth_bpe_train(HthBpe **out, const HthBpeCount *c, uint32_t n_vocab,
                                       HthErr *err);

/* ---- use ---- */

HTH_MUST_CHECK HthStatus hth_bpe_own_open(HthBpe **out, const HthGguf *g, HthErr *err);
void hth_bpe_own_close(HthBpe **b);
/* Adds tokenizer.* metadata: tokens, types, merges, special ids, the chat template. */
HTH_MUST_CHECK HthStatus hth_bpe_write(const HthBpe *b, HthGgufOut *o, HthErr *err);
uint32_t hth_bpe_vocab(const HthBpe *b);
/* Merge i joins tokens pair[0] and pair[1] into HTH_BPE_MERGES + i; for hth_bpe_make and tests. */
HTH_MUST_CHECK HthStatus hth_bpe_make(HthBpe **out, const uint16_t (*pairs)[2], uint32_t n,
                                      HthErr *err);
const uint16_t *hth_bpe_pair(const HthBpe *b, uint32_t i);
/* A number that differs when the merges differ. */
uint64_t hth_bpe_digest(const HthBpe *b);

typedef struct HthTokens { /* growable ids */
    uint16_t *p;
    size_t n, cap;
} HthTokens;
void hth_tokens_drop(HthTokens *t);
HTH_MUST_CHECK HthStatus hth_tokens_add(HthTokens *t, const uint16_t *ids, size_t n, HthErr *err);
HTH_MUST_CHECK HthStatus hth_bpe_own_encode(HthBpe *b, HthStr text, HthTokens *out, HthErr *err);

#endif

/* tokens.h - a tokenizer: tokenizer.json and what stands beside it, to tokenizer.ggml.*.
 *
 * Byte-level BPE becomes "gpt2", with the name of the pre-tokenizer whose patterns it has; BPE with
 * bytes to fall back on becomes "llama", with scores for merges; WordPiece becomes "bert".  What a
 * GGUF file cannot say is refused, or told in a note where it is about blanks.  Private to import.
 *
 * Thread: one owner. */
#ifndef HTH_IMPORT_TOKENS_H
#define HTH_IMPORT_TOKENS_H

#include "base/arena.h"
#include "base/map.h"
#include "gguf/gguf_write.h"
#include "import/folder.h"

#define HTH_IMPORT_NO_ID UINT32_MAX

enum { HTH_IMPORT_TOKEN_MAX = 1 << 14 }; /* bytes of a token, as hearth reads them */

enum { /* tokenizer.ggml.token_type */
       HTH_IMPORT_NORMAL = 1,
       HTH_IMPORT_UNKNOWN,
       HTH_IMPORT_CONTROL,
       HTH_IMPORT_USER,
       HTH_IMPORT_UNUSED,
       HTH_IMPORT_BYTE
};

typedef enum HthSpecial {
    HTH_SPECIAL_BOS,
    HTH_SPECIAL_EOS,
    HTH_SPECIAL_UNK,
    HTH_SPECIAL_PAD,
    HTH_SPECIAL_EOT, /* ends a turn, where texts end with another */
    HTH_SPECIAL_SEP, /* as the two after it, of WordPiece only */
    HTH_SPECIAL_CLS,
    HTH_SPECIAL_MASK,
    HTH_SPECIALS
} HthSpecial;

typedef struct HthTokenizer {
    json_t *root; /* tokenizer.json: texts are borrowed from it */
    HthArena *arena; /* texts that are not */
    HthMap *ids; /* text -> id, of all below n */
    const char *model, *pre; /* tokenizer.ggml.model, .pre */
    uint32_t n; /* tokens, as many as the embedding has rows */
    HthStr *text; /* [n] */
    int32_t *type; /* [n] */
    float *score; /* [n]; NULL: it has none */
    HthStr *merges; /* [merge_count] "a b"; NULL: it has none */
    size_t merge_count;
    uint32_t special[HTH_SPECIALS]; /* ids, or NO_ID */
    bool add_bos, add_eos, add_sep, add_space;
    bool words; /* WordPiece: the next two, and add_sep, are of it */
    bool lower, strip_accents;
    size_t marked; /* tokens that a text cannot have there, for they begin with a mark */
    bool strips; /* tokens swallow the blanks after them as those of Phi 3 do */
    HthBuf chat; /* the template; empty: none */
    size_t beyond; /* tokens that the embedding has no row for */
    size_t strips_lost; /* tokens that swallow blanks, which the file cannot say */
    uint32_t lost; /* a token that merges forgot, or NO_ID */
    bool nfc; /* texts should be in normal form C, which the file cannot say */
} HthTokenizer;

/* n_vocab: rows of the embedding; config: config.json. Drop *out. EFORMAT: it contradicts itself;
 * ENOTSUP: it is of a kind that is not imported. */
HTH_MUST_CHECK HthStatus hth_tokenizer_read(HthTokenizer *out, const HthImportFolder *folder,
                                            const json_t *config, uint32_t n_vocab, HthErr *err);
void hth_tokenizer_drop(HthTokenizer *t);
HTH_MUST_CHECK HthStatus hth_tokenizer_write(const HthTokenizer *t, HthGgufOut *o, HthErr *err);

/* From texts that are parsed already; takes over root's reference either way. */
HTH_MUST_CHECK HthStatus hth_tokenizer_of(HthTokenizer *out, json_t *root, const json_t *settings,
                                          const json_t *config, const json_t *generation,
                                          uint32_t n_vocab, HthErr *err);

/* ---- parts of it, each in a file of that name ---- */

/* tokens_bpe.c: byte-level BPE. model: the object of that name; merges as "a b". */
HTH_MUST_CHECK HthStatus hth_tokenizer_bpe(HthTokenizer *t, const json_t *model, HthErr *err);
/* The two sides of merge i, in either of the forms that files have. */
HTH_MUST_CHECK HthStatus hth_tokenizer_merge(const json_t *merges, size_t i, HthStr *left,
                                             HthStr *right, HthErr *err);
/* tokens_pre.c: the name of the pre-tokenizer that does what the file's does. */
HTH_MUST_CHECK HthStatus hth_tokenizer_pre(const json_t *pre, bool whole, const char **out,
                                           HthErr *err);
/* tokens_spm.c: BPE that falls back on bytes. */
HTH_MUST_CHECK HthStatus hth_tokenizer_spm(HthTokenizer *t, const json_t *model, HthErr *err);
/* tokens_wpm.c: WordPiece. */
HTH_MUST_CHECK HthStatus hth_tokenizer_wpm(HthTokenizer *t, const json_t *model, HthErr *err);
/* tokens_wpm.c: what it puts around a text, and around two; special ids are read. */
HTH_MUST_CHECK HthStatus hth_tokenizer_wpm_frame(HthTokenizer *t, HthErr *err);
/* tokens_wpm.c: tokenizer.json's object for a list of words, one in a line, and settings, which may
 * be NULL. EFORMAT: it is no such list; ENOTSUP: settings that are not those of a BERT. */
HTH_MUST_CHECK HthStatus hth_tokenizer_words(json_t **out, HthStr list, const json_t *settings,
                                             HthErr *err);
/* tokens_special.c: which tokens begin and end texts, and whether they are put there. settings,
 * generation may be NULL. */
HTH_MUST_CHECK HthStatus hth_tokenizer_special(HthTokenizer *t, const json_t *settings,
                                               const json_t *config, const json_t *generation,
                                               HthErr *err);
/* tokens_special.c: the chat template, from the first place that has one. */
HTH_MUST_CHECK HthStatus hth_tokenizer_chat(HthTokenizer *t, const HthImportFolder *folder,
                                            const json_t *settings, HthErr *err);

#endif

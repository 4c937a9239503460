/* vocab.h - text to token ids and back, for every tokenizer family a GGUF file can carry.
 *
 * Families: SPM (llama), byte-level BPE (gpt2) with named pre-tokenizers, WordPiece (bert), UGM
 * (t5), RWKV's longest match, and gemma4's BPE over SPM-style text.  The ids are those of the
 * reference implementation of GGUF.  Patterns run in PCRE2, normalisation in utf8proc.
 *
 * Thread: immutable after open; encode may run on many threads at once. */
#ifndef HTH_TEXT_VOCAB_H
#define HTH_TEXT_VOCAB_H

#include "base/buf.h"
#include "gguf/gguf.h"

typedef struct HthVocab HthVocab;

#define HTH_TOKEN_NONE UINT32_MAX

typedef enum HthTokenKind { /* as GGUF's tokenizer.ggml.token_type */
                            HTH_TOKEN_NORMAL = 1,
                            HTH_TOKEN_UNKNOWN,
                            HTH_TOKEN_CONTROL,
                            HTH_TOKEN_USER,
                            HTH_TOKEN_UNUSED,
                            HTH_TOKEN_BYTE
} HthTokenKind;

/* ENOTSUP names an unknown family or pre-tokenizer and lists the known ones. The GGUF must outlive
 * the vocabulary (token texts are borrowed). */
HTH_MUST_CHECK HthStatus hth_vocab_open(HthVocab **out, const HthGguf *g, HthErr *err);
void hth_vocab_close(HthVocab **v);
/* Does the file carry a tokenizer at all? */
bool hth_vocab_present(const HthGguf *g);

enum { /* flags of hth_vocab_encode */
       HTH_ENCODE_SPECIAL = 1, /* recognise special tokens written out in the text */
       HTH_ENCODE_BOS_EOS = 2, /* add BOS/EOS as the model says */
};

/* Growable ids with a ceiling. */
typedef struct HthIds {
    uint32_t *p;
    size_t n, cap, max;
} HthIds;
void hth_ids_init(HthIds *ids, size_t max);
void hth_ids_drop(HthIds *ids);
HTH_MUST_CHECK HthStatus hth_ids_add(HthIds *ids, uint32_t id, HthErr *err);

/* Appends the ids of text (any bytes; invalid UTF-8 is handled as the family does). ELIMIT when
 * ids->max would be passed: nothing is cut silently. */
HTH_MUST_CHECK HthStatus hth_vocab_encode(const HthVocab *v, HthStr text, unsigned flags,
                                          HthIds *ids, HthErr *err);
/* A question and an answer in one text, as rerankers were trained on them: with the tokens that the
 * model wants before, between and after; what is typed is text. */
HTH_MUST_CHECK HthStatus hth_vocab_encode_pair(const HthVocab *v, HthStr first, HthStr second,
                                               HthIds *ids, HthErr *err);
/* As encode with HTH_ENCODE_SPECIAL, for text of which some is somebody's words: a control token is
 * recognised only where no byte of it is marked (marks[text.n], NULL: none is). */
HTH_MUST_CHECK HthStatus hth_vocab_encode_marked(const HthVocab *v, HthStr text, const char *marks,
                                                 HthIds *ids, HthErr *err);
/* Appends the raw bytes a token stands for (a part of a UTF-8 character is possible: feed
 * stream.h). Control tokens give nothing unless show_special. */
HTH_MUST_CHECK HthStatus hth_vocab_piece(const HthVocab *v, uint32_t id, bool show_special,
                                         HthBuf *out, HthErr *err);
/* Whole-sequence decoding: the pieces, without the space that encoding puts before the text (SPM,
 * WordPiece, UGM) and, with show_special, after special tokens.  Raw bytes: a sequence need not be
 * valid UTF-8. */
HTH_MUST_CHECK HthStatus hth_vocab_decode(const HthVocab *v, const uint32_t *ids, size_t n,
                                          bool show_special, HthBuf *out, HthErr *err);

uint32_t hth_vocab_count(const HthVocab *v);
const char *hth_vocab_family(const HthVocab *v); /* "spm", "bpe", "wpm", "ugm", "rwkv" */
HthStr hth_vocab_pre(const HthVocab *v); /* pre-tokenizer name, may be empty */
HthStr hth_vocab_text(const HthVocab *v, uint32_t id); /* as stored in the file */
HthTokenKind hth_vocab_kind(const HthVocab *v, uint32_t id);
uint32_t hth_vocab_find(const HthVocab *v, HthStr text); /* HTH_TOKEN_NONE if absent */
uint32_t hth_vocab_bos(const HthVocab *v); /* HTH_TOKEN_NONE if none, here and below */
uint32_t hth_vocab_eos(const HthVocab *v);
uint32_t hth_vocab_eot(const HthVocab *v);
/* Of models that fill in: before the prefix, the suffix, what is between; a repository, a file. */
typedef enum HthFim { HTH_FIM_PRE, HTH_FIM_SUF, HTH_FIM_MID, HTH_FIM_REP, HTH_FIM_SEP } HthFim;
uint32_t hth_vocab_fim(const HthVocab *v, HthFim which);
uint32_t hth_vocab_unk(const HthVocab *v);
uint32_t hth_vocab_pad(const HthVocab *v);
bool hth_vocab_add_bos(const HthVocab *v);
bool hth_vocab_add_eos(const HthVocab *v);
/* Does this token end a generation (EOS, EOT, EOM, <|im_end|>, <end_of_turn>, ...)? */
bool hth_vocab_is_end(const HthVocab *v, uint32_t id);

#endif

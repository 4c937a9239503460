/* vocab_int.h - what the tokenizer families share.  Private to src/text.
 *
 * Thread: immutable after open. */
#ifndef HTH_TEXT_VOCAB_INT_H
#define HTH_TEXT_VOCAB_INT_H

#include "base/arena.h"
#include "base/map.h"
#include "text/merge.h"
#include "text/pretok.h"
#include "text/trie.h"
#include "text/vocab.h"

typedef enum HthFamily {
    HTH_FAMILY_SPM,
    HTH_FAMILY_BPE,
    HTH_FAMILY_WPM,
    HTH_FAMILY_UGM,
    HTH_FAMILY_RWKV
} HthFamily;

enum { /* a token's attributes; several may hold */
       HTH_ATTR_NORMAL = 1,
       HTH_ATTR_UNKNOWN = 2,
       HTH_ATTR_CONTROL = 4,
       HTH_ATTR_USER = 8,
       HTH_ATTR_UNUSED = 16,
       HTH_ATTR_BYTE = 32,
       HTH_ATTR_LSTRIP = 64, /* recognised together with the blanks before it */
       HTH_ATTR_RSTRIP = 128, /* ... after it */
       HTH_ATTR_END = 256, /* ends a generation */
};

enum { HTH_TOKEN_BYTES_MAX = 1 << 14 }; /* one token's text; real ones stay below 1 KiB */

typedef struct HthBpe HthBpe;
typedef struct HthUgm HthUgm;

struct HthVocab {
    HthFamily family;
    const HthPre *pre; /* BPE only */
    HthStr pre_name;
    uint32_t n;
    HthStr *text; /* [n], borrowed from the file or from `own` */
    float *score; /* [n] */
    uint16_t *attr; /* [n] */
    HthMap *map; /* text -> id; of equal texts the first */
    HthArena *own;
    size_t token_max; /* bytes of the longest text */
    uint32_t byte_id[256]; /* <0xHH>, or HTH_TOKEN_NONE */
    uint32_t char_id[256]; /* the token whose text is this one byte, or HTH_TOKEN_NONE */

    uint32_t bos, eos, eot, eom, unk, sep, pad;
    uint32_t fim_pre, fim_suf, fim_mid, fim_pad, fim_rep, fim_sep;
    bool add_bos, add_eos, add_sep, add_space, merge_spaces, lower, strip_accents;
    bool spm_words; /* no token has a space inside: words can be merged one by one */

    uint32_t *special; /* [special_n] CONTROL, USER and UNKNOWN tokens, longest first */
    uint32_t special_n;
    HthTrie *special_trie; /* text -> index into special */

    HthTrie *trie; /* WPM, RWKV: all tokens */
    HthPretok *pretok; /* BPE */
    HthBpe *bpe;
    HthUgm *ugm;
};

/* The families.  Each encodes one stretch of plain text, appending to ids. */
void hth_spm_open(HthVocab *v);
HTH_MUST_CHECK HthStatus hth_spm_encode(const HthVocab *v, HthStr text, bool lead_space,
                                        HthIds *ids, HthErr *err);
HTH_MUST_CHECK HthStatus hth_bpe_open(HthVocab *v, const HthGguf *g, HthErr *err);
void hth_bpe_close(HthBpe **b);
HTH_MUST_CHECK HthStatus hth_bpe_encode(const HthVocab *v, HthStr text, HthIds *ids, HthErr *err);
HTH_MUST_CHECK HthStatus hth_wpm_encode(const HthVocab *v, HthStr text, HthIds *ids, HthErr *err);
HTH_MUST_CHECK HthStatus hth_ugm_open(HthVocab *v, const HthGguf *g, HthErr *err);
void hth_ugm_close(HthUgm **u);
HTH_MUST_CHECK HthStatus hth_ugm_encode(const HthVocab *v, HthStr text, HthIds *ids, HthErr *err);
HTH_MUST_CHECK HthStatus hth_rwkv_open(HthVocab *v, HthErr *err);
HTH_MUST_CHECK HthStatus hth_rwkv_encode(const HthVocab *v, HthStr text, HthIds *ids, HthErr *err);
/* Undoes the escapes of an RWKV token's text; the result is never longer. */
size_t hth_rwkv_unescape(HthStr text, char *out);

/* vocab_load.c: fills v from the file's arrays and keys. */
HTH_MUST_CHECK HthStatus hth_vocab_load(HthVocab *v, const HthGguf *g, HthErr *err);
/* vocab_special.c: finds end-of-turn and fill-in-the-middle tokens by their texts, then lists the
 * special tokens. */
HTH_MUST_CHECK HthStatus hth_vocab_mark(HthVocab *v, const HthGguf *g, HthErr *err);

/* A stretch of the text: plain, or one special token. */
typedef struct HthFragment {
    size_t at, n;
    uint32_t token; /* HTH_TOKEN_NONE: plain text */
    uint32_t next; /* index, UINT32_MAX at the end */
} HthFragment;

typedef struct HthFragments {
    HthFragment *p; /* chain from index 0 */
    size_t n, cap;
} HthFragments;

/* partition.c: cuts text at special tokens, longest token first; without `all` only USER ones, and
 * where bytes are marked (marks[text.n], may be NULL) as well. */
HTH_MUST_CHECK HthStatus hth_partition(const HthVocab *v, HthStr text, bool all, const char *marks,
                                       HthFragments *out, HthErr *err);

/* The byte-level alphabet: every byte as a printable character (pieces.c). */
size_t hth_byte_char(uint8_t byte, char out[4]); /* UTF-8 of its character, 1 or 2 bytes */
int hth_char_byte(uint32_t cp); /* the byte, or -1 */
/* Appends text with spaces as U+2581, or the reverse. */
HTH_MUST_CHECK HthStatus hth_escape_spaces(HthStr text, HthBuf *out, HthErr *err);
HTH_MUST_CHECK HthStatus hth_unescape_spaces(HthStr text, HthBuf *out, HthErr *err);
/* The byte of a token text "<0xHH>", or -1. */
int hth_byte_token(HthStr text);
/* hth_vocab_piece inside a sequence: *at_start (true at first) says whether a leading space is the
 * one encoding added. */
HTH_MUST_CHECK HthStatus hth_piece_spaced(const HthVocab *v, uint32_t id, bool show_special,
                                          bool *at_start, HthBuf *out, HthErr *err);

#endif

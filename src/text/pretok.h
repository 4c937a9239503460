/* pretok.h - cutting text into the words byte-pair merging stays inside.
 *
 * A pre-tokenizer is a list of stages (pretok_table.c): each cuts every piece the stages before it
 * left, at the matches of one pattern; what lies between matches is a piece too.
 *
 * Thread: immutable after open; split may run on many threads at once. */
#ifndef HTH_TEXT_PRETOK_H
#define HTH_TEXT_PRETOK_H

#include "base/str.h"

typedef enum HthStageKind {
    HTH_STAGE_END,
    HTH_STAGE_CLASS, /* pattern over class text (unicode.h), written with \p{..} names */
    HTH_STAGE_WIDE, /* pattern over UTF-8, for classes of single code points */
    HTH_STAGE_TRIPLES, /* numbers in threes from the right; text before one sticks to its head */
    HTH_STAGE_TRIPLES_BARE, /* ASCII digits: a cut wherever 3, 6, 9, ... digits are left */
} HthStageKind;

typedef struct HthStage {
    HthStageKind kind;
    const char *pattern;
} HthStage;

enum { /* what else goes with a pre-tokenizer's name */
       HTH_PRE_WHOLE = 1, /* a word that is a token is taken whole, whatever the merges say */
       HTH_PRE_BOS = 2, /* BOS by default */
       HTH_PRE_NO_BOS_ID = 4, /* no BOS token unless the file names one */
       HTH_PRE_RAW = 8, /* merges over UTF-8 characters, spaces as U+2581, <0xXX> byte tokens */
       HTH_PRE_NEWLINES = 16, /* a run of newlines that is a token is taken whole */
       HTH_PRE_BOS_ALWAYS = 32, /* BOS even if the file says no */
       HTH_PRE_SEP = 128, /* a separator between two texts by default */
       HTH_PRE_WORDS = 64, /* with RAW: blanks only separate, they are no text */
};

typedef struct HthPre {
    const char *name; /* tokenizer.ggml.pre */
    const HthStage *stages; /* ended by HTH_STAGE_END */
    unsigned flags;
} HthPre;

const HthPre *hth_pre_find(HthStr name); /* NULL if unknown; "" is "default" */
const HthPre *hth_pre_at(size_t i); /* NULL past the last */

typedef struct HthPretok HthPretok;
HTH_MUST_CHECK HthStatus hth_pretok_open(HthPretok **out, const HthPre *pre, HthErr *err);
void hth_pretok_close(HthPretok **p);

/* Lengths of pieces, in order; together they cover the text. */
typedef struct HthCuts {
    uint32_t *p;
    size_t n, cap;
} HthCuts;
void hth_cuts_drop(HthCuts *c); /* a zeroed one is ready for use */

/* Fills cuts with byte lengths. text must be clean (hth_uni_clean) and shorter than 4 GiB. */
HTH_MUST_CHECK HthStatus hth_pretok_split(const HthPretok *p, HthStr text, HthCuts *cuts,
                                          HthErr *err);

#endif

/* grammars.h - compiled languages of answers, kept for the next request that asks for the same.
 *
 * A program sends one schema with every request; compiling it takes milliseconds.  What is kept
 * counts against a ceiling of bytes and of languages; the longest unused goes first, and what an
 * answer is being written in stays until it is given back.  Whose language it is is part of the key
 * (ADR 26): a stranger's request must not be faster for what somebody else has asked for.
 *
 * Thread: any. */
#ifndef HTH_SERVE_GRAMMARS_H
#define HTH_SERVE_GRAMMARS_H

#include "crypt/hash.h"
#include "text/grammar.h"

typedef struct HthGrammars HthGrammars;
typedef struct HthGrammarKey { /* a digest of all the language depends on */
    uint8_t bytes[HTH_HASH_BYTES];
} HthGrammarKey;

HTH_MUST_CHECK HthStatus hth_grammars_open(HthGrammars **out, size_t bytes_max, uint32_t count_max,
                                           HthErr *err);
void hth_grammars_close(HthGrammars **c); /* nothing is lent any more */

/* Lends the language of this key; NULL: it is not here. */
const HthGrammar *hth_grammars_take(HthGrammars *c, const HthGrammarKey *key);
/* Takes *g over, sets it to NULL and lends the language of this key, which may be another's that
 * came first. *g is closed on failure too. */
HTH_MUST_CHECK HthStatus hth_grammars_put(HthGrammars *c, const HthGrammarKey *key, HthGrammar **g,
                                          const HthGrammar **out, HthErr *err);
void hth_grammars_give(HthGrammars *c, const HthGrammar **g); /* fine on NULL; sets it to NULL */

typedef struct HthGrammarsStat {
    size_t bytes;
    uint32_t count, lent; /* lent: to how many at this moment */
    uint64_t hits, misses;
} HthGrammarsStat;
HthGrammarsStat hth_grammars_stat(HthGrammars *c);

#endif

/* grammar.h - which bytes may come next: a pushdown automaton over bytes, and token masks from it.
 *
 * A grammar is built from nodes (grammar_ir.h; GBNF, JSON Schema and tool calls all end there) and
 * compiled once.  A matcher is one answer's place in it: it says which tokens of a vocabulary keep
 * the text inside the language, and nothing it allows leads into a dead end.
 *
 * Tokens are spelled as bytes.  A control token is spelled 0xFF and then its text, as in
 * "\xff<|im_end|>": no UTF-8 holds that byte, so a grammar asks for a control token by name and
 * text never passes for one.  Tokens that end a generation are allowed exactly where the text may
 * end.
 *
 * Masks are kept per place of the automaton and told apart only in the tokens that leave it, as
 * described for pushdown automata by Dong et al., "XGrammar" (2024).
 *
 * Thread: a grammar is immutable, any; masks and the matchers on them belong to one thread. */
#ifndef HTH_TEXT_GRAMMAR_H
#define HTH_TEXT_GRAMMAR_H

#include "text/grammar_ir.h"
#include "text/vocab.h"

typedef struct HthGrammar HthGrammar;
typedef struct HthMasks HthMasks; /* a vocabulary made ready; holds the cache of masks */
typedef struct HthMatcher HthMatcher;

/* Compiles what `root` describes; ir may be closed afterwards. EINVAL: a rule is used and not
 * defined, or the language is empty; ELIMIT: too large. */
HTH_MUST_CHECK HthStatus hth_grammar_open(HthGrammar **out, const HthIr *ir, HthNode root,
                                          HthErr *err);
void hth_grammar_close(HthGrammar **g); /* after every matcher on it */
size_t hth_grammar_bytes(const HthGrammar *g); /* of memory that it takes, about */
/* From now on it shares masks with grammars of this owner only, so that how long a mask takes says
 * nothing of what others use. Before any matcher; once. */
void hth_grammar_own(HthGrammar *g, uint64_t owner);

/* v is borrowed. ids_count: rows of logits, at least hth_vocab_count(v); tokens past it are never
 * allowed. */
HTH_MUST_CHECK HthStatus hth_masks_open(HthMasks **out, const HthVocab *v, uint32_t ids_count,
                                        HthErr *err);
void hth_masks_close(HthMasks **m);

/* masks may be NULL: then there are bytes only. */
HTH_MUST_CHECK HthStatus hth_matcher_open(HthMatcher **out, const HthGrammar *g, HthMasks *masks,
                                          HthErr *err);
void hth_matcher_close(HthMatcher **m);
/* Bit id % 32 of word id / 32: may this token come next? [(ids_count + 31) / 32], borrowed until
 * the next call. ENOMEM; ELIMIT: the text is nested deeper than HTH_GRAMMAR_DEPTH_MAX. */
enum { HTH_GRAMMAR_DEPTH_MAX = 512 };
HTH_MUST_CHECK HthStatus hth_matcher_mask(HthMatcher *m, const uint32_t **out, HthErr *err);
/* Moves on. EINVAL: this token was not allowed; nothing has changed. */
HTH_MUST_CHECK HthStatus hth_matcher_accept(HthMatcher *m, uint32_t id, HthErr *err);
HTH_MUST_CHECK HthStatus hth_matcher_bytes(HthMatcher *m, HthStr bytes, HthErr *err);
bool hth_matcher_may_end(const HthMatcher *m); /* the text so far is a whole one */
bool hth_matcher_must_end(const HthMatcher *m); /* and nothing can follow */
/* Appends a shortest text that completes what has been accepted (for an answer that met its limit
 * of tokens). The matcher stays where it is. */
HTH_MUST_CHECK HthStatus hth_matcher_finish(const HthMatcher *m, HthBuf *out, HthErr *err);
void hth_matcher_reset(HthMatcher *m); /* back to the beginning */

/* GBNF as the reference runtime reads it: rules `name ::= ...`, `root` is the first. EINVAL names
 * line and column. */
HTH_MUST_CHECK HthStatus hth_gbnf(HthIr *ir, HthStr source, HthNode *out, HthErr *err);

#endif

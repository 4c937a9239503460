/* oracle.h - the readable forward pass: scalar, double precision, one page of mathematics.
 *
 * Reads the same GGUF file through the same reader and shares nothing else with the engine: no
 * architecture tables, no kernels, its own rotary embedding, norms and attention.  Tests compare
 * the engine with it.
 *
 * What it is not: fast, careful with memory, or tolerant of bad files.
 *
 * Thread: any. */
#ifndef HTH_ORACLE_ORACLE_H
#define HTH_ORACLE_ORACLE_H

#include "gguf/gguf.h"

/* logits[n][vocabulary] for the whole sequence ids[0..n).  q8: round activations to 8 bits per 32
 * values before products with quantised weights, as the engine does. */
HTH_MUST_CHECK HthStatus hth_oracle_logits(const HthGguf *g, const uint32_t *ids, uint32_t n,
                                           bool q8, double *logits, HthErr *err);

#endif

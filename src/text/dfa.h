/* dfa.h - regular languages: patterns, their boolean algebra, and their bytes.
 *
 * An HthDfa is a minimal deterministic automaton over code points, so that languages can be joined,
 * met, subtracted and compared exactly.  For matching it is spelled out in bytes, either as UTF-8
 * or as the inside of a JSON string, where a character may also be written as an escape.
 *
 * Every operation has a budget of states: a pattern that explodes is ELIMIT, never a hang.
 *
 * Thread: immutable after open; any. */
#ifndef HTH_TEXT_DFA_H
#define HTH_TEXT_DFA_H

#include "base/buf.h"

typedef struct HthDfa HthDfa;

/* Bytes to bytes: next[state * class_count + class_of[byte]]; state 0 is the dead one (it leads to
 * itself and does not accept), 1 the first. Every other state reaches an accepting one. */
typedef struct HthByteDfa {
    uint32_t state_count, class_count;
    uint8_t class_of[256];
    uint32_t *next; /* [state_count * class_count], owned */
    uint8_t *accept; /* [state_count], owned */
} HthByteDfa;
void hth_byte_dfa_drop(HthByteDfa *dfa); /* frees what it owns; fine on a zeroed one */

/* A pattern of ECMA-262 (what JSON Schema means by one) with the u flag. whole: it must match from
 * end to end, else it may match anywhere. ENOTSUP names the construct (look-around, back
 * references); EINVAL the position. */
HTH_MUST_CHECK HthStatus hth_dfa_pattern(HthDfa **out, HthStr pattern, bool whole, HthErr *err);
HTH_MUST_CHECK HthStatus hth_dfa_literal(HthDfa **out, HthStr utf8, HthErr *err);
/* Texts of min..max code points. */
HTH_MUST_CHECK HthStatus hth_dfa_length(HthDfa **out, uint32_t min, uint32_t max, HthErr *err);
HTH_MUST_CHECK HthStatus hth_dfa_and(HthDfa **out, const HthDfa *a, const HthDfa *b, HthErr *err);
HTH_MUST_CHECK HthStatus hth_dfa_or(HthDfa **out, const HthDfa *a, const HthDfa *b, HthErr *err);
HTH_MUST_CHECK HthStatus hth_dfa_not(HthDfa **out, const HthDfa *a, HthErr *err);
void hth_dfa_close(HthDfa **d);
bool hth_dfa_empty(const HthDfa *d); /* matches nothing at all */
bool hth_dfa_same(const HthDfa *a, const HthDfa *b); /* the same language */
bool hth_dfa_match(const HthDfa *d, HthStr utf8); /* tests, const and enum */

typedef enum HthDfaAs {
    HTH_DFA_UTF8,
    HTH_DFA_JSON /* between the quotes of a JSON string: raw, escaped, surrogate pairs */
} HthDfaAs;
HTH_MUST_CHECK HthStatus hth_dfa_bytes(HthByteDfa *out, const HthDfa *d, HthDfaAs as, HthErr *err);

#endif

/* dfa_int.h - what the files of dfa_* share: tables, sets of characters, ways to grow a table.
 *
 * Inside, a character is its index among the Unicode scalar values: the code point itself below
 * U+D800, 0x800 less above U+DFFF. So the alphabet has no hole and complements are plain.
 *
 * Thread: as dfa.h. */
#ifndef HTH_TEXT_DFA_INT_H
#define HTH_TEXT_DFA_INT_H

#include "base/arena.h"
#include "text/dfa.h"

enum {
    HTH_DFA_STATES_MAX = 20000,
    HTH_DFA_CELLS_MAX = 1 << 21, /* states times classes */
    HTH_DFA_ALPHABET = 0x10F800
};

/* Complete: every state has a target for every class. After hth_dfa_tidy: minimal, state 0 is dead,
 * start is 1 or, when the language is empty, 0; numbered breadth first, so that equal languages
 * have equal tables. */
struct HthDfa {
    uint32_t states, classes, ranges, start;
    uint32_t *cut; /* [ranges] first character of each range, cut[0] is 0 */
    uint32_t *cls; /* [ranges] its class */
    uint32_t *next; /* [states][classes] */
    uint8_t *accept; /* [states] */
};

HTH_MUST_CHECK HthStatus hth_dfa_new(HthDfa **out, uint32_t states, uint32_t classes,
                                     uint32_t ranges, HthErr *err);
/* Minimises and numbers in place; on failure d is still valid. */
HTH_MUST_CHECK HthStatus hth_dfa_tidy(HthDfa *d, HthErr *err);
HTH_MUST_CHECK HthStatus hth_dfa_copy(HthDfa **out, const HthDfa *d, HthErr *err);
uint32_t hth_dfa_class(const HthDfa *d, uint32_t index);
bool hth_dfa_all(const HthDfa *d); /* matches every text */

/* The index of a code point; a surrogate has the index of U+E000. */
static inline uint32_t hth_dfa_index(uint32_t cp) {
    return cp < 0xD800 ? cp : cp < 0xE000 ? 0xD800 : cp - 0x800;
}

/* Characters as sorted, disjoint, not adjoining ranges. */
typedef struct HthCharRange {
    uint32_t first, last;
} HthCharRange;
typedef struct HthCharSet {
    HthCharRange *r; /* in an arena */
    uint32_t n, cap;
} HthCharSet;

/* Sets live in an arena; all of these give HTH_ENOMEM or HTH_ELIMIT as the arena does. */
HTH_MUST_CHECK HthStatus hth_charset_add(HthCharSet *s, uint32_t first, uint32_t last, HthArena *a,
                                         HthErr *err);
/* Adds code points; surrogates among them are left out. */
HTH_MUST_CHECK HthStatus hth_charset_add_cp(HthCharSet *s, uint32_t first, uint32_t last,
                                            HthArena *a, HthErr *err);
HTH_MUST_CHECK HthStatus hth_charset_join(HthCharSet *s, const HthCharSet *more, HthArena *a,
                                          HthErr *err);
HTH_MUST_CHECK HthStatus hth_charset_tidy(HthCharSet *s); /* sorts and merges */
HTH_MUST_CHECK HthStatus hth_charset_not(HthCharSet *s, HthArena *a, HthErr *err); /* of a tidy */
/* \d \w \s and, with a capital letter, what they leave out. false: no such class. */
HTH_MUST_CHECK HthStatus hth_charset_escape(HthCharSet *s, char letter, HthArena *a, HthErr *err);
/* What stands between the braces of \p{...}. ENOTSUP: a property not known here. */
HTH_MUST_CHECK HthStatus hth_charset_property(HthCharSet *s, HthStr name, HthArena *a, HthErr *err);

/* Non-deterministic automata: what patterns are first. */
typedef enum HthNfaKind {
    HTH_NFA_SPLIT, /* to a and to b */
    HTH_NFA_SET, /* a character of set b, then a */
    HTH_NFA_BEGIN, /* only at the beginning, then a */
    HTH_NFA_END,
    HTH_NFA_WORD, /* at a border between a word and what is none */
    HTH_NFA_NOT_WORD,
    HTH_NFA_MATCH
} HthNfaKind;
typedef struct HthNfaNode {
    uint8_t kind;
    uint32_t a, b;
} HthNfaNode;
typedef struct HthNfa {
    const HthNfaNode *nodes;
    uint32_t node_count, start;
    const HthCharSet *sets; /* all tidy */
    uint32_t set_count;
    bool asserts; /* some node looks around itself */
} HthNfa;
HTH_MUST_CHECK HthStatus hth_dfa_from_nfa(HthDfa **out, const HthNfa *nfa, HthErr *err);

/* An automaton given by what it does: states are small structs of `bytes` (zero padding and all),
 * the alphabet is ASCII. step writes the next state or says that there is none. */
typedef struct HthMachine {
    size_t bytes; /* of a state, at most 64 */
    const char *alphabet; /* distinct characters; all others are refused */
    bool (*step)(const void *self, const void *state, char c, void *next);
    bool (*accept)(const void *self, const void *state);
    const void *self;
} HthMachine;
HTH_MUST_CHECK HthStatus hth_dfa_machine(HthDfa **out, const HthMachine *m, const void *first,
                                         HthErr *err);

#endif

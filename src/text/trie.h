/* trie.h - a byte trie from strings to ids: longest match, all prefixes, in one walk.
 *
 * Nodes are numbers, edges live in one hash map keyed by (node, byte); nothing recurses.
 *
 * Thread: many readers, or one writer. */
#ifndef HTH_TEXT_TRIE_H
#define HTH_TEXT_TRIE_H

#include "base/map.h"

typedef struct HthTrie HthTrie;

#define HTH_TRIE_ROOT 0u
#define HTH_TRIE_NONE UINT32_MAX

HTH_MUST_CHECK HthStatus hth_trie_open(HthTrie **out, HthErr *err);
void hth_trie_close(HthTrie **t);
/* The empty string is ignored; a string put twice keeps the last value. */
HTH_MUST_CHECK HthStatus hth_trie_put(HthTrie *t, HthStr key, uint32_t value, HthErr *err);
/* The child, or HTH_TRIE_NONE. */
uint32_t hth_trie_step(const HthTrie *t, uint32_t node, char byte);
/* The value of the string that ends here, or HTH_TRIE_NONE. */
uint32_t hth_trie_value(const HthTrie *t, uint32_t node);
/* Length of the longest stored string that begins s (0: none) and its value. */
size_t hth_trie_longest(const HthTrie *t, HthStr s, uint32_t *value_out);

#endif

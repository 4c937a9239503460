/* trie.c - a byte trie in one hash map, with the root's children in a table: most walks end there.
 *
 * Thread: many readers, or one writer. */
#include "text/trie.h"

#include "base/mem.h"

struct HthTrie {
    HthMap64 *edges; /* node << 8 | byte -> node */
    uint32_t root[256]; /* children of the root, 0 = none */
    uint32_t *value; /* [count], HTH_TRIE_NONE where no string ends */
    uint32_t count, cap;
};

static HthStatus add_node(HthTrie *t, uint32_t *node_out, HthErr *err) {
    if (t->count == t->cap) {
        HTH_REQUIRE(t->cap <= UINT32_MAX / 4, err, HTH_ELIMIT, "the vocabulary is too large");
        uint32_t cap = t->cap ? t->cap * 2 : 256;
        uint32_t *value = hth_realloc(t->value, cap, sizeof *value);
        HTH_REQUIRE(value, err, HTH_ENOMEM, "out of memory for the vocabulary's trie");
        t->value = value;
        t->cap = cap;
    }
    t->value[t->count] = HTH_TRIE_NONE;
    *node_out = t->count++;
    return HTH_OK;
}

HthStatus hth_trie_open(HthTrie **out, HthErr *err) {
    uint32_t root;
    HthTrie *t = hth_calloc(1, sizeof *t);
    HTH_REQUIRE(t, err, HTH_ENOMEM, "out of memory for the vocabulary's trie");
    HthStatus status = hth_map64_open(&t->edges, 1024, err);
    if (status == HTH_OK) status = add_node(t, &root, err);
    if (status != HTH_OK) {
        hth_trie_close(&t);
        return status;
    }
    *out = t;
    return HTH_OK;
}

void hth_trie_close(HthTrie **t) {
    if (!*t) return;
    hth_map64_close(&(*t)->edges);
    hth_free((*t)->value);
    hth_free(*t);
    *t = NULL;
}

uint32_t hth_trie_step(const HthTrie *t, uint32_t node, char byte) {
    if (node == HTH_TRIE_ROOT) {
        uint32_t child = t->root[(uint8_t)byte];
        return child ? child : HTH_TRIE_NONE;
    }
    uint32_t child = hth_map64_get(t->edges, (uint64_t)node << 8 | (uint8_t)byte);
    return child == HTH_MAP_NONE ? HTH_TRIE_NONE : child;
}

HthStatus hth_trie_put(HthTrie *t, HthStr key, uint32_t value, HthErr *err) {
    if (key.n == 0) return HTH_OK;
    uint32_t node = HTH_TRIE_ROOT;
    for (size_t i = 0; i < key.n; i++) {
        uint32_t child = hth_trie_step(t, node, key.p[i]);
        if (child == HTH_TRIE_NONE) {
            HTH_TRY(add_node(t, &child, err));
            if (node == HTH_TRIE_ROOT) {
                t->root[(uint8_t)key.p[i]] = child;
            } else {
                uint64_t edge = (uint64_t)node << 8 | (uint8_t)key.p[i];
                HTH_TRY(hth_map64_put(t->edges, edge, child, err));
            }
        }
        node = child;
    }
    t->value[node] = value;
    return HTH_OK;
}

uint32_t hth_trie_value(const HthTrie *t, uint32_t node) {
    return t->value[node];
}

size_t hth_trie_longest(const HthTrie *t, HthStr s, uint32_t *value_out) {
    size_t best = 0;
    uint32_t node = HTH_TRIE_ROOT;
    for (size_t i = 0; i < s.n; i++) {
        node = hth_trie_step(t, node, s.p[i]);
        if (node == HTH_TRIE_NONE) break;
        if (t->value[node] != HTH_TRIE_NONE) {
            *value_out = t->value[node];
            best = i + 1;
        }
    }
    return best;
}

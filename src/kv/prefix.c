/* prefix.c - see prefix.h.  One node is one page; a node's children are found through a hash table
 * over (tenant, parent, the page's ids), so that a tenant's root is no different from any other.
 *
 * The list of use is ordered so that a node always stands before its descendants: its end is a
 * leaf, and making room never searches.  Ids are compared whole: a hash only finds the place.
 *
 * Thread: engine. */
#include "kv/prefix.h"

#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"

typedef struct Node {
    uint64_t hash, tenant;
    HthPage page; /* id 0: this node is free */
    uint32_t parent; /* 0: the tenant's root */
    uint32_t children;
    uint32_t chain; /* next in the bucket, or in the list of free nodes; 0: none */
    uint32_t newer, older; /* order of use, a ring through node 0 */
} Node;

struct HthPrefix {
    HthPages *pages; /* borrowed */
    uint64_t seed; /* of the hash: who can aim at a bucket knows where others are */
    uint32_t page_len, nodes_max, count, bucket_mask;
    uint32_t free_nodes; /* chained */
    Node *node; /* [nodes_max + 1]; 0 is the ring's head: its older is the most recent */
    uint32_t *ids; /* [nodes_max + 1][page_len] */
    uint32_t *bucket; /* [bucket_mask + 1] */
};

static uint32_t pow2_over(uint32_t n) {
    uint32_t p = 16;
    while (p < n && p < 1u << 30) p *= 2;
    return p;
}

HthStatus hth_prefix_open(HthPrefix **out, HthPages *pages, uint32_t page_len, uint32_t nodes_max,
                          HthErr *err) {
    HTH_REQUIRE(page_len > 0 && nodes_max > 0 && nodes_max < UINT32_MAX, err, HTH_EINVAL,
                "a prefix tree of %u pages of %u tokens makes no sense", nodes_max, page_len);
    HthStatus st = HTH_OK;
    HthPrefix *p = hth_calloc(1, sizeof *p);
    HTH_REQUIRE(p, err, HTH_ENOMEM, "no memory for a prefix tree");
    p->pages = pages;
    p->seed = hth_rng_entropy();
    p->page_len = page_len;
    p->nodes_max = nodes_max;
    p->bucket_mask = pow2_over(nodes_max) - 1;
    p->node = hth_calloc((size_t)nodes_max + 1, sizeof *p->node);
    p->bucket = hth_calloc((size_t)p->bucket_mask + 1, sizeof *p->bucket);
    size_t all;
    if (!hth_mul_over((size_t)nodes_max + 1, page_len, &all))
        p->ids = hth_calloc(all, sizeof *p->ids);
    if (!p->node || !p->bucket || !p->ids) {
        st = HTH_FAIL(err, HTH_ENOMEM, "no memory for a prefix tree of %u pages", nodes_max);
        goto out;
    }
    for (uint32_t i = nodes_max; i >= 1; i--) {
        p->node[i].chain = p->free_nodes;
        p->free_nodes = i;
    }
    *out = p;
    p = NULL;
out:
    hth_prefix_close(&p);
    return st;
}

size_t hth_prefix_bytes(uint32_t page_len, uint32_t nodes_max) {
    const HthPrefix *p = NULL;
    return sizeof *p + ((size_t)nodes_max + 1) * (sizeof *p->node + page_len * sizeof *p->ids) +
           (size_t)pow2_over(nodes_max) * sizeof *p->bucket;
}

/* ---- the ring of use ------------------------------------------------------------------------ */

static void unlink_use(HthPrefix *p, uint32_t i) {
    Node *n = &p->node[i];
    p->node[n->newer].older = n->older;
    p->node[n->older].newer = n->newer;
}

/* Right behind `newer`: as recent as can be and yet less so than that. */
static void link_use(HthPrefix *p, uint32_t i, uint32_t newer) {
    Node *n = &p->node[i];
    n->newer = newer;
    n->older = p->node[newer].older;
    p->node[n->older].newer = i;
    p->node[newer].older = i;
}

/* A node and all above it become the most recent; the root stands first. */
static void touch(HthPrefix *p, uint32_t i) {
    for (; i; i = p->node[i].parent) {
        unlink_use(p, i);
        link_use(p, i, 0);
    }
}

/* ---- finding, adding, dropping -------------------------------------------------------------- */

static uint64_t mix(uint64_t h, uint64_t v) {
    h = (h ^ v) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 29;
}

static uint64_t hash_of(const HthPrefix *p, uint64_t tenant, uint32_t parent, const uint32_t *ids) {
    uint64_t h = mix(mix(p->seed, tenant), parent);
    for (uint32_t i = 0; i < p->page_len; i++) h = mix(h, ids[i]);
    return mix(h, h >> 32);
}

static uint32_t *ids_of(const HthPrefix *p, uint32_t i) {
    return p->ids + (size_t)i * p->page_len;
}

/* 0 if there is none. The hash holds the tenant: others' nodes are never looked into. */
static uint32_t find(const HthPrefix *p, uint64_t hash, uint64_t tenant, uint32_t parent,
                     const uint32_t *ids) {
    uint32_t i = p->bucket[hash & p->bucket_mask];
    for (; i; i = p->node[i].chain) {
        const Node *n = &p->node[i];
        if (n->hash == hash && n->tenant == tenant && n->parent == parent &&
            memcmp(ids_of(p, i), ids, p->page_len * sizeof *ids) == 0)
            break;
    }
    return i;
}

static void add(HthPrefix *p, uint64_t hash, uint64_t tenant, uint32_t parent, const uint32_t *ids,
                HthPage page) {
    const uint32_t i = p->free_nodes;
    Node *n = &p->node[i];
    uint32_t *bucket = &p->bucket[hash & p->bucket_mask];
    p->free_nodes = n->chain;
    *n = (Node){ .hash = hash, .tenant = tenant, .page = page, .parent = parent, .chain = *bucket };
    *bucket = i;
    memcpy(ids_of(p, i), ids, p->page_len * sizeof *ids);
    hth_pages_share(p->pages, page);
    hth_pages_mark(p->pages, page, true);
    p->node[parent].children++;
    p->count++;
    link_use(p, i, parent);
}

static void drop(HthPrefix *p, uint32_t i) {
    Node *n = &p->node[i];
    HTH_ASSERT(n->page.id != 0 && n->children == 0);
    uint32_t *at = &p->bucket[n->hash & p->bucket_mask];
    while (*at != i) at = &p->node[*at].chain;
    *at = n->chain;
    unlink_use(p, i);
    p->node[n->parent].children--;
    p->count--;
    hth_pages_mark(p->pages, n->page, false);
    hth_pages_drop(p->pages, n->page);
    hth_zero(ids_of(p, i), p->page_len * sizeof *p->ids);
    *n = (Node){ .chain = p->free_nodes };
    p->free_nodes = i;
}

void hth_prefix_close(HthPrefix **prefix) {
    HthPrefix *p = *prefix;
    if (!p) return;
    while (p->count > 0) drop(p, p->node[0].newer);
    hth_free(p->node);
    hth_free(p->bucket);
    hth_free(p->ids);
    hth_free(p);
    *prefix = NULL;
}

/* ---- what the scheduler asks ---------------------------------------------------------------- */

uint32_t hth_prefix_match(HthPrefix *p, uint64_t tenant, const uint32_t *ids, size_t n,
                          HthPage *out, uint32_t out_max) {
    const bool snaps = hth_pages_have_snaps(p->pages);
    uint32_t at = 0, count = 0, whole = 0;
    while (count < out_max && n >= p->page_len) {
        const uint32_t next = find(p, hash_of(p, tenant, at, ids), tenant, at, ids);
        if (!next) break;
        at = next;
        out[count] = p->node[at].page;
        hth_pages_share(p->pages, out[count]);
        count++;
        if (!snaps || hth_pages_snap(p->pages, p->node[at].page)) whole = count;
        ids += p->page_len;
        n -= p->page_len;
    }
    touch(p, at);
    while (count > whole) hth_pages_drop(p->pages, out[--count]); /* the tree reads it still */
    return count;
}

uint32_t hth_prefix_keep(HthPrefix *p, uint64_t tenant, const uint32_t *ids, const HthPage *pages,
                         uint32_t page_count) {
    uint32_t at = 0, i = 0, others = 0;
    for (; i < page_count; i++, ids += p->page_len) {
        const uint32_t next = find(p, hash_of(p, tenant, at, ids), tenant, at, ids);
        if (!next) break;
        at = next;
        others += p->node[at].page.id != pages[i].id;
    }
    touch(p, at);
    for (; i < page_count; i++, ids += p->page_len) {
        const uint32_t last = p->node[0].newer;
        if (!p->free_nodes) {
            if (last == at) break; /* nothing but this very text is left */
            drop(p, last);
        }
        const uint32_t place = p->free_nodes;
        add(p, hash_of(p, tenant, at, ids), tenant, at, ids, pages[i]);
        at = place;
    }
    return others;
}

/* Leaves that somebody reads count as used now, so that the next call need not pass them again. */
uint32_t hth_prefix_evict(HthPrefix *p, uint32_t want) {
    uint32_t dropped = 0, first = 0;
    while (hth_pages_free_count(p->pages) < want) {
        const uint32_t i = p->node[0].newer;
        if (i == 0 || i == first) break;
        if (hth_pages_readers(p->pages, p->node[i].page) == 1) {
            drop(p, i);
            dropped++;
        } else {
            if (!first) first = i;
            touch(p, i);
        }
    }
    return dropped;
}

void hth_prefix_forget(HthPrefix *p, uint64_t tenant) {
    for (uint32_t i = p->node[0].newer, next; i; i = next) { /* descendants come first */
        next = p->node[i].newer;
        if (p->node[i].tenant == tenant) drop(p, i);
    }
}

uint32_t hth_prefix_pages(const HthPrefix *p) {
    return p->count;
}

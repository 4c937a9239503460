/* merge.c - see merge.h.  The heap is a plain binary heap in an array.
 *
 * Thread: one owner. */
#include "text/merge.h"

#include "base/mem.h"

#define NONE UINT32_MAX

void hth_merge_drop(HthMerge *m) {
    hth_free(m->sym);
    hth_free(m->heap);
    *m = (HthMerge){ 0 };
}

void hth_merge_clear(HthMerge *m) {
    m->n = 0;
    m->heap_n = 0;
}

HthStatus hth_merge_add(HthMerge *m, size_t n, uint32_t piece, HthErr *err) {
    size_t at = m->n ? (size_t)m->sym[m->n - 1].at + m->sym[m->n - 1].n : 0;
    HTH_REQUIRE(at <= UINT32_MAX - 8 && n <= UINT32_MAX - 8 - at, err, HTH_ELIMIT,
                "one stretch of text is longer than 4 GiB");
    if (m->n == m->sym_cap) {
        size_t cap = m->sym_cap ? m->sym_cap * 2 : 64;
        HthSymbol *sym = hth_realloc(m->sym, cap, sizeof *sym);
        HTH_REQUIRE(sym, err, HTH_ENOMEM, "out of memory while tokenizing");
        m->sym = sym;
        m->sym_cap = cap;
    }
    uint32_t i = (uint32_t)m->n;
    m->sym[i] = (HthSymbol){ (uint32_t)at, (uint32_t)n, i ? i - 1 : NONE, NONE, piece };
    if (i) m->sym[i - 1].next = i;
    m->n++;
    return HTH_OK;
}

static bool before(const HthBond *a, const HthBond *b) {
    return a->key < b->key || (a->key == b->key && a->left < b->left);
}

static HthStatus push(HthMerge *m, HthBond bond, HthErr *err) {
    if (m->heap_n == m->heap_cap) {
        size_t cap = m->heap_cap ? m->heap_cap * 2 : 64;
        HthBond *heap = hth_realloc(m->heap, cap, sizeof *heap);
        HTH_REQUIRE(heap, err, HTH_ENOMEM, "out of memory while tokenizing");
        m->heap = heap;
        m->heap_cap = cap;
    }
    size_t i = m->heap_n++;
    while (i > 0 && before(&bond, &m->heap[(i - 1) / 2])) {
        m->heap[i] = m->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    m->heap[i] = bond;
    return HTH_OK;
}

static HthBond pop(HthMerge *m) {
    HthBond top = m->heap[0];
    HthBond last = m->heap[--m->heap_n];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= m->heap_n) break;
        if (child + 1 < m->heap_n && before(&m->heap[child + 1], &m->heap[child])) child++;
        if (!before(&m->heap[child], &last)) break;
        m->heap[i] = m->heap[child];
        i = child;
    }
    m->heap[i] = last;
    return top;
}

static HthStatus consider(HthMerge *m, HthStr word, uint32_t left, HthBondFn *fn, const void *ctx,
                          HthErr *err) {
    if (left == NONE || m->sym[left].next == NONE) return HTH_OK;
    const HthSymbol *l = &m->sym[left], *r = &m->sym[l->next];
    HthBond bond = { .left = left, .n = l->n + r->n };
    return fn(ctx, word, l, r, &bond) ? push(m, bond, err) : HTH_OK;
}

HthStatus hth_merge_run(HthMerge *m, HthStr word, HthBondFn *fn, const void *ctx, HthErr *err) {
    for (size_t i = 0; i + 1 < m->n; i++) HTH_TRY(consider(m, word, (uint32_t)i, fn, ctx, err));
    while (m->heap_n) {
        HthBond bond = pop(m);
        HthSymbol *left = &m->sym[bond.left];
        if (left->n == 0 || left->next == NONE) continue;
        HthSymbol *right = &m->sym[left->next];
        if (left->n + right->n != bond.n) continue; /* one side has grown since */
        left->n = bond.n;
        left->piece = bond.piece;
        left->next = right->next;
        if (right->next != NONE) m->sym[right->next].prev = bond.left;
        right->n = 0;
        HTH_TRY(consider(m, word, left->prev, fn, ctx, err));
        HTH_TRY(consider(m, word, bond.left, fn, ctx, err));
    }
    return HTH_OK;
}

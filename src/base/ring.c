/* ring.c - see ring.h.
 *
 * Bytes are numbered for ever: `head` is the next to be written, `tail` the next to be read, and a
 * number's place is its remainder.  A record that would reach past the end is preceded by a mark
 * that says: go on at the beginning.  A release of `head` publishes a record's bytes, a release of
 * `tail` gives them back.
 *
 * Thread: one writer, one reader. */
#include "base/ring.h"

#include <stdatomic.h>

#include "base/mem.h"

enum { ALIGN = 8, BYTES_MAX = 1 << 30 };
#define SKIP UINT64_MAX

/* Before each record: its bytes, or SKIP. */
typedef uint64_t Mark;

struct HthRing {
    _Alignas(64) _Atomic uint64_t head;
    uint64_t reserved; /* the writer's: where head will be */
    _Alignas(64) _Atomic uint64_t tail;
    uint64_t peeked; /* the reader's: where tail will be */
    _Alignas(64) size_t size, record_max;
    uint8_t bytes[];
};

static size_t whole(size_t n) { /* with its mark */
    return sizeof(Mark) + (n + ALIGN - 1) / ALIGN * ALIGN;
}

HthStatus hth_ring_open(HthRing **out, size_t bytes, size_t record_max, HthErr *err) {
    HTH_REQUIRE(bytes <= BYTES_MAX && record_max <= BYTES_MAX / 4, err, HTH_ELIMIT,
                "a ring of %zu bytes is too large", bytes > record_max ? bytes : record_max);
    size_t size = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    if (size < 2 * whole(record_max)) size = 2 * whole(record_max);
    HthRing *r = hth_calloc_aligned(1, sizeof *r + size);
    HTH_REQUIRE(r, err, HTH_ENOMEM, "no memory for a ring of %zu bytes", size);
    r->size = size;
    r->record_max = record_max;
    *out = r;
    return HTH_OK;
}

void hth_ring_close(HthRing **ring) {
    if (!*ring) return;
    hth_zero((*ring)->bytes, (*ring)->size);
    hth_free(*ring);
    *ring = NULL;
}

static Mark *mark_at(HthRing *r, uint64_t number) {
    return (Mark *)(void *)(r->bytes + number % r->size);
}

void *hth_ring_reserve(HthRing *r, size_t n) {
    HTH_ASSERT(n <= r->record_max);
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    const uint64_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    const size_t left = r->size - head % r->size, need = whole(n);
    const size_t skip = left < need ? left : 0;
    if (r->size - (size_t)(head - tail) < skip + need) return NULL;
    if (skip) *mark_at(r, head) = SKIP;
    head += skip;
    *mark_at(r, head) = n;
    r->reserved = head + need;
    return mark_at(r, head) + 1;
}

void hth_ring_commit(HthRing *r) {
    atomic_store(&r->head, r->reserved);
}

const void *hth_ring_peek(HthRing *r, size_t *n_out) {
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    const uint64_t head = atomic_load(&r->head);
    if (tail == head) return NULL;
    if (*mark_at(r, tail) == SKIP) tail += r->size - tail % r->size;
    const Mark *m = mark_at(r, tail);
    r->peeked = tail + whole(*m);
    if (n_out) *n_out = *m;
    return m + 1;
}

void hth_ring_drop(HthRing *r) {
    HTH_ASSERT(r->peeked > atomic_load_explicit(&r->tail, memory_order_relaxed));
    atomic_store(&r->tail, r->peeked);
}

size_t hth_ring_used(const HthRing *r) {
    const uint64_t tail = atomic_load(&r->tail); /* first: head never falls behind it */
    return (size_t)(atomic_load(&r->head) - tail);
}

size_t hth_ring_size(const HthRing *r) {
    return r->size;
}

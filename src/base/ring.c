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
#include <string.h>

#include "base/mem.h"

enum { ALIGN = 8, BYTES_MAX = 1 << 30 };
#define SKIP UINT64_MAX

/* Before each record: its bytes, or SKIP. */
typedef uint64_t Mark;

/* What both ends see. */
typedef struct Shared {
    _Alignas(64) _Atomic uint64_t head;
    _Alignas(64) _Atomic uint64_t tail;
    _Alignas(64) uint8_t bytes[];
} Shared;

/* Of each end its own copy of its number is what counts; the other's is believed to go forward. */
struct HthRing {
    _Alignas(64) uint64_t head; /* the writer's */
    uint64_t reserved; /* where head will be */
    uint64_t tail_seen;
    bool writer_broken;
    _Alignas(64) uint64_t tail; /* the reader's */
    uint64_t peeked; /* where tail will be */
    uint64_t head_seen;
    bool reader_broken;
    _Alignas(64) Shared *s;
    size_t size, record_max;
    bool own; /* s is behind this */
};

static size_t whole(size_t n) { /* with its mark */
    return sizeof(Mark) + (n + ALIGN - 1) / ALIGN * ALIGN;
}

/* Room for the records; 0: too large. */
static size_t size_for(size_t bytes, size_t record_max) {
    if (bytes > BYTES_MAX || record_max > BYTES_MAX / 4) return 0;
    const size_t size = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    return size < 2 * whole(record_max) ? 2 * whole(record_max) : size;
}

size_t hth_ring_over_bytes(size_t bytes, size_t record_max) {
    const size_t size = size_for(bytes, record_max);
    return size ? (sizeof(Shared) + size + 63) / 64 * 64 : 0;
}

static HthStatus open_end(HthRing **out, void *memory, size_t size, size_t record_max,
                          HthErr *err) {
    HthRing *r = hth_calloc_aligned(1, sizeof *r + (memory ? 0 : sizeof(Shared) + size));
    HTH_REQUIRE(r, err, HTH_ENOMEM, "no memory for a ring of %zu bytes", size);
    r->s = memory ? memory : (void *)(r + 1);
    r->own = !memory;
    r->size = size;
    r->record_max = record_max;
    *out = r;
    return HTH_OK;
}

HthStatus hth_ring_open(HthRing **out, size_t bytes, size_t record_max, HthErr *err) {
    const size_t size = size_for(bytes, record_max);
    HTH_REQUIRE(size, err, HTH_ELIMIT, "a ring of %zu bytes is too large",
                bytes > record_max ? bytes : record_max);
    return open_end(out, NULL, size, record_max, err);
}

HthStatus hth_ring_over(HthRing **out, void *memory, size_t bytes, size_t record_max, HthErr *err) {
    const size_t size = size_for(bytes, record_max);
    HTH_ASSERT(size && (uintptr_t)memory % 64 == 0);
    return open_end(out, memory, size, record_max, err);
}

void hth_ring_close(HthRing **ring) {
    if (!*ring) return;
    if ((*ring)->own) hth_zero((*ring)->s->bytes, (*ring)->size);
    hth_free(*ring);
    *ring = NULL;
}

static Mark *mark_at(HthRing *r, uint64_t number) {
    return (Mark *)(void *)(r->s->bytes + number % r->size);
}

/* ---- the writer ------------------------------------------------------------------------------ */

size_t hth_ring_room(HthRing *r) {
    const uint64_t tail = atomic_load_explicit(&r->s->tail, memory_order_acquire);
    r->writer_broken |= tail - r->tail_seen > r->head - r->tail_seen; /* back, or too far */
    if (r->writer_broken) return 0;
    r->tail_seen = tail;
    return r->size - (size_t)(r->head - tail);
}

void *hth_ring_reserve(HthRing *r, size_t n) {
    HTH_ASSERT(n <= r->record_max);
    const size_t left = r->size - r->head % r->size, need = whole(n);
    const size_t skip = left < need ? left : 0;
    if (hth_ring_room(r) < skip + need) return NULL;
    if (skip) *mark_at(r, r->head) = SKIP;
    const uint64_t at = r->head + skip;
    *mark_at(r, at) = n;
    r->reserved = at + need;
    return mark_at(r, at) + 1;
}

void hth_ring_commit(HthRing *r) {
    r->head = r->reserved;
    atomic_store(&r->s->head, r->head);
}

/* ---- the reader ------------------------------------------------------------------------------ */

const void *hth_ring_peek(HthRing *r, size_t *n_out) {
    HTH_ASSERT(r->own);
    uint64_t tail = r->tail;
    const uint64_t head = atomic_load(&r->s->head);
    if (tail == head) return NULL;
    if (*mark_at(r, tail) == SKIP) tail += r->size - tail % r->size;
    const Mark *m = mark_at(r, tail);
    r->peeked = tail + whole(*m);
    if (n_out) *n_out = *m;
    return m + 1;
}

void hth_ring_drop(HthRing *r) {
    HTH_ASSERT(r->peeked > r->tail);
    r->tail = r->peeked;
    atomic_store(&r->s->tail, r->tail);
}

/* A mark is read once: the other side may write it again at any time. */
static Mark mark_once(HthRing *r, uint64_t number) {
    return *(const volatile Mark *)mark_at(r, number);
}

int hth_ring_take(HthRing *r, void *out, size_t room, size_t *n_out) {
    const uint64_t head = atomic_load(&r->s->head);
    r->reader_broken |= head % ALIGN || head - r->tail > r->size ||
                        head - r->tail < r->head_seen - r->tail; /* too far, or back */
    if (r->reader_broken) return -1;
    r->head_seen = head;
    if (head == r->tail) return 0;
    uint64_t tail = r->tail;
    Mark n = mark_once(r, tail);
    if (n == SKIP) {
        tail += r->size - tail % r->size;
        r->reader_broken = head - r->tail <= tail - r->tail;
        if (r->reader_broken) return -1;
        n = mark_once(r, tail);
    }
    r->reader_broken = n > r->record_max || n > room || whole(n) > head - tail ||
                       whole(n) > r->size - tail % r->size;
    if (r->reader_broken) return -1;
    if (n) memcpy(out, mark_at(r, tail) + 1, n);
    hth_zero(mark_at(r, tail), whole(n)); /* what was said is not kept for whoever finds it */
    *n_out = n;
    r->tail = tail + whole(n);
    atomic_store(&r->s->tail, r->tail);
    return 1;
}

/* ---- both ------------------------------------------------------------------------------------ */

bool hth_ring_broken(const HthRing *r) {
    return r->writer_broken || r->reader_broken;
}

size_t hth_ring_used(const HthRing *r) {
    const uint64_t tail = atomic_load(&r->s->tail); /* first: head never falls behind it */
    return (size_t)(atomic_load(&r->s->head) - tail);
}

size_t hth_ring_size(const HthRing *r) {
    return r->size;
}

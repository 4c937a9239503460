/* link.c - see link.h.
 *
 * Thread: as there. */
#include "serve/link.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"

/* At the beginning of the mapping; the two rings follow. Indexed by end. */
typedef struct Shared {
    struct {
        _Alignas(64) _Atomic uint32_t asleep; /* ring its bell for the next record */
        _Atomic uint32_t wants; /* ring its bell when there is room again */
    } ends[2];
    _Alignas(64) _Atomic uint64_t stats[HTH_LINK_STATS];
} Shared;

struct HthLink {
    Shared *s;
    HthLinkEnd end;
    int bells[2];
    bool batch, unheard; /* no bell yet; there are records the other was not woken for */
    _Atomic bool broken; /* whoever puts has seen that the other's numbers are none */
    HthRing *in, *out;
    uint8_t record[HTH_LINK_RECORD_MAX];
};

static size_t ring_bytes(void) {
    return hth_ring_over_bytes(HTH_LINK_RING, HTH_LINK_RECORD_MAX);
}

HthStatus hth_link_make(HthLinkMap *out, HthErr *err) {
    HthLinkMap m = { .bytes = sizeof(Shared) + 2 * ring_bytes(), .bells = { -1, -1 } };
    m.memory = mmap(NULL, m.bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (m.memory == MAP_FAILED) m.memory = NULL;
    if (m.memory) (void)madvise(m.memory, m.bytes, MADV_DONTDUMP);
    for (int i = 0; i < 2; i++) m.bells[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!m.memory || m.bells[0] < 0 || m.bells[1] < 0) {
        hth_link_unmake(&m);
        return HTH_FAIL(err, HTH_EIO, "The system gives no memory to two processes of the server.");
    }
    *out = m;
    return HTH_OK;
}

void hth_link_unmake(HthLinkMap *map) {
    if (map->bytes && map->memory) munmap(map->memory, map->bytes);
    for (int i = 0; i < 2; i++)
        if (map->bytes && map->bells[i] >= 0) close(map->bells[i]);
    memset(map, 0, sizeof *map);
}

HthStatus hth_link_open(HthLink **out, const HthLinkMap *map, HthLinkEnd end, HthErr *err) {
    uint8_t *rings[2];
    HthLink *l = hth_calloc_aligned(1, sizeof *l);
    HTH_REQUIRE(l, err, HTH_ENOMEM, "No memory for the server's two processes.");
    rings[0] = (uint8_t *)map->memory + sizeof(Shared);
    rings[1] = rings[0] + ring_bytes();
    l->s = map->memory;
    l->end = end;
    memcpy(l->bells, map->bells, sizeof l->bells);
    /* ring 0 goes to the engine */
    HthStatus st = hth_ring_over(&l->in, rings[end == HTH_LINK_FRONT], HTH_LINK_RING,
                                 HTH_LINK_RECORD_MAX, err);
    if (st == HTH_OK)
        st = hth_ring_over(&l->out, rings[end == HTH_LINK_ENGINE], HTH_LINK_RING,
                           HTH_LINK_RECORD_MAX, err);
    if (st == HTH_OK) {
        atomic_store(&l->s->ends[end].asleep, 1); /* it has not looked yet */
        *out = l;
    } else {
        hth_link_close(&l);
    }
    return st;
}

void hth_link_close(HthLink **link) {
    HthLink *l = *link;
    *link = NULL;
    if (!l) return;
    hth_ring_close(&l->in);
    hth_ring_close(&l->out);
    hth_free(l);
}

int hth_link_bell(const HthLink *l) {
    return l->bells[l->end];
}

static void ring_bell(const HthLink *l, HthLinkEnd whose) {
    const uint64_t one = 1;
    const ssize_t put = write(l->bells[whose], &one, sizeof one);
    (void)put; /* full: it is told already */
}

static void wake(const HthLink *l) {
    if (atomic_load(&l->s->ends[!l->end].asleep) && atomic_exchange(&l->s->ends[!l->end].asleep, 0))
        ring_bell(l, !l->end);
}

void hth_link_batch(HthLink *l, bool on) {
    l->batch = on;
    if (on || !l->unheard) return;
    l->unheard = false;
    wake(l);
}

bool hth_link_put(HthLink *l, const HthLinkHead *head, const void *bytes, size_t n, size_t spare) {
    HTH_ASSERT(n <= HTH_LINK_RECORD_MAX - sizeof *head);
    const size_t all = n + sizeof *head;
    uint8_t *at = NULL;
    /* Looked at again after the wish: what is taken in between would ring no bell. */
    for (int i = 0; i < 2 && !at; i++) {
        if (hth_ring_room(l->out) >= all + spare) at = hth_ring_reserve(l->out, all);
        if (!at) atomic_store(&l->s->ends[l->end].wants, 1);
    }
    if (!at && hth_ring_broken(l->out) && !atomic_exchange(&l->broken, true))
        ring_bell(l, l->end); /* hth_link_take says so */
    if (!at) return false;
    memcpy(at, head, sizeof *head);
    if (n) memcpy(at + sizeof *head, bytes, n);
    hth_ring_commit(l->out);
    if (l->batch)
        l->unheard = true;
    else
        wake(l);
    return true;
}

int hth_link_take(HthLink *l, HthLinkHead *head, HthStr *bytes) {
    size_t n = 0;
    if (atomic_load(&l->broken)) return -1;
    int r = hth_ring_take(l->in, l->record, sizeof l->record, &n);
    if (!r) {
        atomic_store(&l->s->ends[l->end].asleep, 1);
        r = hth_ring_take(l->in, l->record, sizeof l->record, &n);
        if (r) atomic_store(&l->s->ends[l->end].asleep, 0);
    }
    if (r && atomic_load(&l->s->ends[!l->end].wants) &&
        atomic_exchange(&l->s->ends[!l->end].wants, 0))
        ring_bell(l, !l->end);
    if (r <= 0) return r;
    if (n < sizeof *head) return -1;
    memcpy(head, l->record, sizeof *head);
    *bytes = (HthStr){ (const char *)l->record + sizeof *head, n - sizeof *head };
    return head->kind > HTH_LINK_NONE && head->kind < HTH_LINK_KINDS &&
                   head->slot <= HTH_LINK_NOBODY
               ? 1
               : -1;
}

void hth_link_stats_put(HthLink *l, const HthHttpStats *s) {
    const uint64_t v[HTH_LINK_STATS] = { s->connections, s->exchanges, s->requests, s->refused,
                                         s->bytes_in,    s->bytes_out, s->rounds };
    for (size_t i = 0; i < HTH_LINK_STATS; i++)
        atomic_store_explicit(&l->s->stats[i], v[i], memory_order_relaxed);
}

HthHttpStats hth_link_stats(const HthLink *l) {
    uint64_t v[HTH_LINK_STATS];
    for (size_t i = 0; i < HTH_LINK_STATS; i++)
        v[i] = atomic_load_explicit(&l->s->stats[i], memory_order_relaxed);
    return (HthHttpStats){ .connections = (uint32_t)v[0],
                           .exchanges = (uint32_t)v[1],
                           .requests = v[2],
                           .refused = v[3],
                           .bytes_in = v[4],
                           .bytes_out = v[5],
                           .rounds = v[6] };
}

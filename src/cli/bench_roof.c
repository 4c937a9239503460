/* bench_roof.c - the ceilings: how fast all threads read memory, and multiply in registers.
 *
 * Thread: the main thread; forks over the pool. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/bench.h"
#include "kern/peak.h"

enum {
    READ_BYTES = 256 << 20, /* more than the caches hold */
    READ_ITEMS = 64,
    PEAK_ITEMS_PER_THREAD = 8, /* so that a slow core takes fewer */
    PEAK_NS = 1500000 /* an item lasts about that long */
};

typedef struct Read {
    uint64_t *words; /* [READ_BYTES / 8] */
    uint64_t sums[READ_ITEMS]; /* so that the reading is not optimised away */
} Read;

/* Four streams of an item's quarters, a cache line of each in turn, fetched ahead. */
static void read_item(void *ctx, uint32_t item, uint32_t worker) {
    enum { LINE = 8, STREAMS = 4, AHEAD = 64 * LINE };
    Read *r = ctx;
    const size_t n = READ_BYTES / READ_ITEMS / sizeof *r->words, quarter = n / STREAMS;
    const uint64_t *w = r->words + n * item;
    uint64_t sum[LINE] = { 0 };
    (void)worker;
    for (size_t i = 0; i < quarter; i += LINE)
        for (size_t s = 0; s < STREAMS; s++) {
            const uint64_t *line = w + s * quarter + i;
            __builtin_prefetch(line + AHEAD);
            for (size_t k = 0; k < LINE; k++) sum[k] += line[k];
        }
    for (size_t k = 1; k < LINE; k++) sum[0] += sum[k];
    r->sums[item] = sum[0];
}

/* The memory is taken for each measurement only: it may be what the model has no room for. */
HthStatus hth_bench_roof_read(HthPool *pool, double *out, HthErr *err) {
    Read r = { .words = hth_pages_calloc(READ_BYTES, 1) };
    HTH_REQUIRE(r.words != NULL, err, HTH_ENOMEM, "out of memory for the bandwidth measurement");
    memset(r.words, 0x5a, READ_BYTES); /* touched, so that the pages are real */
    uint64_t began = hth_clock_ns();
    hth_par_run(pool, READ_ITEMS, read_item, &r);
    *out = (double)READ_BYTES / (double)(hth_clock_ns() - began + 1);
    hth_pages_give(r.words, READ_BYTES, 1);
    return HTH_OK;
}

typedef struct Peak {
    const HthKern *kern;
    HthAct act;
    uint32_t rounds;
    uint64_t ops[HTH_BENCH_STREAMS_MAX * PEAK_ITEMS_PER_THREAD]; /* by item */
} Peak;

static void peak_item(void *ctx, uint32_t item, uint32_t worker) {
    Peak *p = ctx;
    (void)worker;
    p->ops[item] = hth_kern_peak(p->kern, p->act, p->rounds);
}

double hth_bench_roof_peak(HthPool *pool, HthAct act) {
    Peak p = { .kern = hth_kern_pick(), .act = act, .rounds = 1024 };
    uint64_t spent = 0;
    do { /* rounds that last long enough; the first ones also wake the wide units */
        p.rounds *= 4;
        uint64_t began = hth_clock_ns();
        if (hth_kern_peak(p.kern, act, p.rounds) == 0) return 0;
        spent = hth_clock_ns() - began;
    } while (spent < PEAK_NS && p.rounds < UINT32_MAX / 4);
    uint32_t items = hth_pool_threads(pool) * PEAK_ITEMS_PER_THREAD;
    uint64_t began = hth_clock_ns(), ops = 0;
    hth_par_run(pool, items, peak_item, &p);
    spent = hth_clock_ns() - began + 1;
    for (uint32_t i = 0; i < items; i++) ops += p.ops[i];
    return (double)ops / (double)spent;
}

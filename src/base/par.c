/* par.c - a fork-join pool of worker threads.
 *
 * Not a task queue: one job at a time, and fn must not call hth_par_run on the same pool.
 *
 * How a job goes round.  `ticket` holds (job number << 32 | next item).  A worker claims an item by
 * advancing the ticket with compare-and-swap; success proves that the job whose fn, ctx and count
 * it has read is still the current one, because a job with an unclaimed item cannot have ended and
 * the ticket is closed before the next job is described.
 * So the caller waits for items, never for workers: one still asleep costs nothing.
 *
 * Thread: one caller at a time per pool. */
#include "base/par.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define THREADS_MAX 256
#define SPIN_NS     20000 /* about what a futex round trip costs */

typedef struct Worker {
    HthPool *pool;
    uint32_t id; /* 1 .. threads - 1 */
    pthread_t thread;
} Worker;

/* Lines of their own: the ticket is fought over, the bell is watched, `done` is counted up. */
struct HthPool {
    _Alignas(64) _Atomic uint64_t ticket;
    _Alignas(64) _Atomic uint32_t bell; /* number of the current job; sleepers wait on it */
    _Atomic uint32_t sleepers;
    _Alignas(64) _Atomic uint32_t done; /* items finished in this job; the caller waits on it */
    _Atomic uint32_t caller_waits;
    _Alignas(64) _Atomic(HthParFn *) fn;
    _Atomic(void *) ctx;
    _Atomic uint32_t count;
    _Atomic bool stop;
    uint64_t spin_ns;
    uint32_t threads, started;
    Worker workers[];
};

static void futex_wait(_Atomic uint32_t *word, uint32_t seen) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word, int n) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Waits a little for *word to leave `seen`; true when it has. */
static bool spin(const HthPool *pool, _Atomic uint32_t *word, uint32_t seen) {
    if (atomic_load_explicit(word, memory_order_acquire) != seen) return true;
    if (!pool->spin_ns) return false;
    const uint64_t start = hth_clock_ns();
    do {
        for (int i = 0; i < 32; i++) {
            if (atomic_load_explicit(word, memory_order_acquire) != seen) return true;
            relax();
        }
    } while (hth_clock_ns() - start < pool->spin_ns);
    return false;
}

/* Runs items of job `job` until none is left. */
static void work(HthPool *pool, uint32_t job, uint32_t worker) {
    uint64_t t = atomic_load_explicit(&pool->ticket, memory_order_acquire);
    for (;;) {
        const uint32_t item = (uint32_t)t;
        HthParFn *fn = atomic_load_explicit(&pool->fn, memory_order_acquire);
        void *ctx = atomic_load_explicit(&pool->ctx, memory_order_acquire);
        const uint32_t count = atomic_load_explicit(&pool->count, memory_order_acquire);
        if ((uint32_t)(t >> 32) != job || item >= count) return;
        if (!atomic_compare_exchange_weak_explicit(&pool->ticket, &t, t + 1, memory_order_acq_rel,
                                                   memory_order_acquire))
            continue;
        fn(ctx, item, worker);
        if (atomic_fetch_add(&pool->done, 1) + 1 == count && atomic_load(&pool->caller_waits))
            futex_wake(&pool->done, 1);
        t = atomic_load_explicit(&pool->ticket, memory_order_acquire);
    }
}

static void *worker_main(void *arg) {
    Worker *me = arg;
    HthPool *pool = me->pool;
    uint32_t job = 0;
    for (;;) {
        while (!spin(pool, &pool->bell, job)) {
            atomic_fetch_add(&pool->sleepers, 1);
            futex_wait(&pool->bell, job); /* returns at once if the bell has rung meanwhile */
            atomic_fetch_sub(&pool->sleepers, 1);
        }
        job = atomic_load_explicit(&pool->bell, memory_order_acquire);
        if (atomic_load_explicit(&pool->stop, memory_order_acquire)) return NULL;
        work(pool, job, me->id);
    }
}

/* sleepers and bell are both sequentially consistent: either a worker going to sleep sees the new
 * bell, or we see it among the sleepers. */
static uint32_t ring(HthPool *pool, uint32_t wanted) {
    const uint32_t job = atomic_load_explicit(&pool->bell, memory_order_relaxed) + 1;
    atomic_store(&pool->ticket, (uint64_t)job << 32);
    atomic_store(&pool->bell, job);
    if (atomic_load(&pool->sleepers)) futex_wake(&pool->bell, (int)wanted);
    return job;
}

void hth_par_run(HthPool *pool, uint32_t count, HthParFn *fn, void *ctx) {
    if (!pool || pool->started == 0 || count <= 1) {
        for (uint32_t i = 0; i < count; i++) fn(ctx, i, 0);
        return;
    }
    /* Close the old ticket first: a worker that still holds it must not pair its item number with
     * the new count, which may be larger, and run an item of a job that has not begun. */
    const uint32_t next = atomic_load_explicit(&pool->bell, memory_order_relaxed) + 1;
    atomic_store(&pool->ticket, (uint64_t)next << 32 | UINT32_MAX);
    atomic_store_explicit(&pool->fn, fn, memory_order_release);
    atomic_store_explicit(&pool->ctx, ctx, memory_order_release);
    atomic_store_explicit(&pool->count, count, memory_order_release);
    atomic_store_explicit(&pool->done, 0, memory_order_release);
    work(pool, ring(pool, count - 1), 0);
    for (;;) {
        const uint32_t done = atomic_load(&pool->done);
        if (done == count) return;
        if (spin(pool, &pool->done, done)) continue;
        atomic_store(&pool->caller_waits, 1);
        futex_wait(&pool->done, done); /* returns at once if another item has ended meanwhile */
        atomic_store(&pool->caller_waits, 0);
    }
}

static HthStatus start_workers(HthPool *pool, HthErr *err) {
    /* Signals belong to the caller: Ctrl-C must not land in a worker. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = 0;
    for (uint32_t id = 1; id < pool->threads && !rc; id++) {
        Worker *w = &pool->workers[id - 1];
        *w = (Worker){ .pool = pool, .id = id };
        rc = pthread_create(&w->thread, NULL, worker_main, w);
        if (!rc) pool->started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    HTH_REQUIRE(!rc, err, HTH_ENOMEM, "cannot start %u threads: %s", pool->threads, strerror(rc));
    return HTH_OK;
}

HthStatus hth_pool_open(HthPool **out, uint32_t threads, HthErr *err) {
    const uint32_t cores = hth_par_cores();
    if (!threads) threads = cores;
    HTH_REQUIRE(threads <= THREADS_MAX, err, HTH_EINVAL, "%u threads were asked for; at most %d",
                threads, THREADS_MAX);
    HthPool *pool = hth_calloc_aligned(1, sizeof *pool + (threads - 1) * sizeof pool->workers[0]);
    HTH_REQUIRE(pool, err, HTH_ENOMEM, "out of memory for %u threads", threads);
    pool->threads = threads;
    pool->spin_ns = threads > cores ? 0 : SPIN_NS; /* spinning steals the core from a worker */
    const HthStatus status = start_workers(pool, err);
    if (status != HTH_OK)
        hth_pool_close(&pool);
    else
        *out = pool;
    return status;
}

void hth_pool_close(HthPool **pool) {
    if (!*pool) return;
    atomic_store(&(*pool)->stop, true);
    atomic_store(&(*pool)->count, 0);
    ring(*pool, THREADS_MAX);
    for (uint32_t i = 0; i < (*pool)->started; i++) pthread_join((*pool)->workers[i].thread, NULL);
    hth_free(*pool);
    *pool = NULL;
}

uint32_t hth_pool_threads(const HthPool *pool) {
    return pool ? pool->threads : 1;
}

/* readahead.c - see readahead.h.
 *
 * The disk is told what to read (MADV_WILLNEED) and nobody waits for it: whoever comes too early
 * waits in a page fault, for a page that is on its way; who comes before the reader tells the disk
 * himself.  Faults must not read what lies around them, which nobody would let go of: MADV_RANDOM.
 * (Pages so advised are also the first that the system takes.)
 *
 * Thread: one reader; its pieces are its own.  One number and a semaphore cross threads. */
#include "base/readahead.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/room.h"

typedef struct Entry {
    HthPiece piece;
    _Atomic bool here; /* asked for; false only by the reader */
    bool wanted; /* the reader's */
} Entry;

struct HthReadahead {
    _Atomic uint32_t at; /* UINT32_MAX: nothing is used yet */
    _Atomic uint32_t done; /* the `at` for which there is nothing left to do */
    _Atomic bool stop;
    sem_t bell; /* `at` or `stop` has changed */
    pthread_t thread;
    size_t ahead, behind; /* bytes from `at` on, and before it: other threads may still be there */
    uint32_t count;
    Entry entry[];
};

static void ask(Entry *e) {
    const HthPageSpan g = hth_page_span_around(e->piece.p, e->piece.n);
    if (atomic_load_explicit(&e->here, memory_order_relaxed) || atomic_exchange(&e->here, true))
        return;
    (void)madvise((void *)g.from, g.to - g.from, MADV_WILLNEED);
}

/* Pages that belong to one piece alone. */
static void advise(const Entry *e, int advice) {
    const HthPageSpan g = hth_page_span_within(e->piece.p, e->piece.n);
    if (g.from < g.to) (void)madvise((void *)g.from, g.to - g.from, advice);
}

/* Marks what may stay in memory while `at` is used. Of what lies before only what is there. */
static void mark(HthReadahead *r, uint32_t at) {
    for (uint32_t i = 0; i < r->count; i++) r->entry[i].wanted = r->entry[i].piece.keep;
    size_t bytes = 0;
    for (uint32_t k = 0; k < r->count && bytes < r->ahead; k++) {
        Entry *e = &r->entry[(at + k) % r->count];
        if (!e->piece.keep) bytes += e->piece.n;
        e->wanted = true;
    }
    bytes = 0;
    for (uint32_t k = 1; k < r->count && bytes < r->behind; k++) {
        Entry *e = &r->entry[(at + r->count - k) % r->count];
        if (!e->piece.keep) bytes += e->piece.n;
        e->wanted = e->wanted || e->here;
    }
}

/* Lets go first: what is read next needs the room. */
static void look(HthReadahead *r, uint32_t at) {
    mark(r, at);
    for (uint32_t i = 0; i < r->count; i++) {
        Entry *e = &r->entry[i];
        if (e->wanted || !e->here) continue;
        hth_file_let_go(e->piece.file, e->piece.p, e->piece.n);
        e->here = false;
    }
    size_t bytes = 0;
    for (uint32_t k = 0; k < r->count && bytes < r->ahead; k++) {
        if (atomic_load(&r->at) != at || atomic_load(&r->stop))
            return; /* what is next is another */
        Entry *e = &r->entry[(at + k) % r->count];
        if (!e->piece.keep) bytes += e->piece.n;
        ask(e);
    }
}

static void *reader_main(void *arg) {
    HthReadahead *r = arg;
    uint32_t at = UINT32_MAX;
    for (;;) {
        while (sem_wait(&r->bell)) continue; /* a signal */
        if (atomic_load(&r->stop)) return NULL;
        while (at != atomic_load(&r->at)) look(r, at = atomic_load(&r->at));
        atomic_store(&r->done, at);
    }
}

HthStatus hth_readahead_open(HthReadahead **out, const HthPiece *pieces, uint32_t count,
                             size_t window, HthErr *err) {
    HthReadahead *r = hth_calloc(1, sizeof *r + (size_t)count * sizeof r->entry[0]);
    HTH_REQUIRE(r, err, HTH_ENOMEM, "out of memory for %u pieces of a file", count);
    r->count = count;
    r->behind = window / 4;
    r->ahead = window - r->behind;
    atomic_store(&r->at, UINT32_MAX);
    atomic_store(&r->done, UINT32_MAX);
    for (uint32_t i = 0; i < count; i++) {
        r->entry[i].piece = pieces[i];
        if (!pieces[i].keep) advise(&r->entry[i], MADV_RANDOM);
    }
    sem_init(&r->bell, 0, 0);
    sigset_t all, before; /* signals belong to the caller */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int rc = pthread_create(&r->thread, NULL, reader_main, r);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc) {
        sem_destroy(&r->bell);
        hth_free(r);
        return HTH_FAIL(err, HTH_ENOMEM, "cannot start a thread that reads ahead: %s",
                        strerror(rc));
    }
    *out = r;
    return HTH_OK;
}

void hth_readahead_close(HthReadahead **readahead) {
    HthReadahead *r = *readahead;
    if (!r) return;
    atomic_store(&r->stop, true);
    sem_post(&r->bell);
    pthread_join(r->thread, NULL);
    sem_destroy(&r->bell);
    for (uint32_t i = 0; i < r->count; i++)
        if (!r->entry[i].piece.keep) advise(&r->entry[i], MADV_NORMAL);
    hth_free(r);
    *readahead = NULL;
}

void hth_readahead_at(HthReadahead *r, uint32_t first, uint32_t last) {
    HTH_ASSERT(first <= last && last < r->count);
    if (atomic_load_explicit(&r->at, memory_order_relaxed) != first &&
        atomic_exchange(&r->at, first) != first)
        sem_post(&r->bell);
    for (uint32_t i = first; i <= last; i++) ask(&r->entry[i]);
}

void hth_readahead_settle(const HthReadahead *r) {
    while (atomic_load(&r->done) != atomic_load(&r->at)) usleep(100);
}

/* thread.c - see thread.h.
 *
 * Thread: any. */
#include "base/thread.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

struct HthGate {
    pthread_mutex_t lock;
    pthread_cond_t bell; /* on the monotonic clock */
};

struct HthThread {
    pthread_t id;
    void (*fn)(void *payload);
    void *payload;
};

HthStatus hth_gate_open(HthGate **out, HthErr *err) {
    HthGate *g = hth_calloc(1, sizeof *g);
    HTH_REQUIRE(g, err, HTH_ENOMEM, "no memory for a lock");
    pthread_condattr_t attr;
    int rc = pthread_condattr_init(&attr);
    if (rc == 0) {
        rc = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        if (rc == 0) rc = pthread_cond_init(&g->bell, &attr);
        (void)pthread_condattr_destroy(&attr);
    }
    if (rc == 0) rc = pthread_mutex_init(&g->lock, NULL);
    if (rc != 0) {
        hth_free(g);
        return HTH_FAIL(err, HTH_ENOMEM, "cannot make a lock: %s", strerror(rc));
    }
    *out = g;
    return HTH_OK;
}

void hth_gate_close(HthGate **gate) {
    HthGate *g = *gate;
    if (!g) return;
    HTH_ASSERT(pthread_mutex_destroy(&g->lock) == 0);
    HTH_ASSERT(pthread_cond_destroy(&g->bell) == 0);
    hth_free(g);
    *gate = NULL;
}

void hth_gate_enter(HthGate *g) {
    HTH_ASSERT(pthread_mutex_lock(&g->lock) == 0);
}

void hth_gate_leave(HthGate *g) {
    HTH_ASSERT(pthread_mutex_unlock(&g->lock) == 0);
}

void hth_gate_wait(HthGate *g, uint64_t until_ns) {
    if (until_ns == UINT64_MAX) {
        HTH_ASSERT(pthread_cond_wait(&g->bell, &g->lock) == 0);
        return;
    }
    /* hth_clock_ns() may be a test's: only the difference is real. */
    const uint64_t now = hth_clock_ns(), left = until_ns > now ? until_ns - now : 0;
    if (left == 0) return;
    struct timespec at;
    HTH_ASSERT(clock_gettime(CLOCK_MONOTONIC, &at) == 0);
    const uint64_t ns = (uint64_t)at.tv_nsec + left % 1000000000u;
    at.tv_sec += (time_t)(left / 1000000000u + ns / 1000000000u);
    at.tv_nsec = (long)(ns % 1000000000u);
    (void)pthread_cond_timedwait(&g->bell, &g->lock, &at); /* in time or not: the caller looks */
}

void hth_gate_ring(HthGate *g) {
    HTH_ASSERT(pthread_cond_broadcast(&g->bell) == 0);
}

static void *main_of(void *arg) {
    const HthThread *t = arg;
    t->fn(t->payload);
    return NULL;
}

HthStatus hth_thread_open(HthThread **out, void (*fn)(void *payload), void *payload, HthErr *err) {
    HthThread *t = hth_calloc(1, sizeof *t);
    HTH_REQUIRE(t, err, HTH_ENOMEM, "no memory for a thread");
    t->fn = fn;
    t->payload = payload;
    sigset_t all, before; /* signals belong to those who asked for them */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int rc = pthread_create(&t->id, NULL, main_of, t);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        hth_free(t);
        return HTH_FAIL(err, HTH_ENOMEM, "cannot start a thread: %s", strerror(rc));
    }
    *out = t;
    return HTH_OK;
}

void hth_thread_join(HthThread **thread) {
    if (!*thread) return;
    HTH_ASSERT(pthread_join((*thread)->id, NULL) == 0);
    hth_free(*thread);
    *thread = NULL;
}

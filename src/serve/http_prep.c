/* http_prep.c - the threads that do not own sockets: a few that prepare, one that writes files.
 *
 * Exchanges wait in two queues under HthHttp.mutex; whoever takes one owns it until it is put on
 * the list of the woken, which the loop reads.  These are the mutex and the condition variables of
 * the server: the loop thread never waits for either.
 *
 * Thread: any for hth_x_wake; the loop for submitting; open and close for starting and stopping. */
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "serve/http_int.h"

/* ---- back to the loop ------------------------------------------------------------------------ */

/* Under the mutex. True: the loop must be told. */
static bool put_woken(HthX *x) {
    HthHttp *h = x->h;
    if (x->woken) return false;
    const bool first = !h->woken_first;
    x->woken = true;
    x->woken_next = NULL;
    if (first)
        h->woken_first = x;
    else
        h->woken_last->woken_next = x;
    h->woken_last = x;
    return first;
}

static void tell_loop(HthHttp *h) {
    const uint64_t one = 1;
    const ssize_t put = write(h->event_fd, &one, sizeof one);
    (void)put; /* it can only be full, and then the loop is told already */
}

void hth_x_wake(HthX *x) {
    HthHttp *h = x->h;
    pthread_mutex_lock(&h->mutex);
    const bool tell = put_woken(x);
    pthread_mutex_unlock(&h->mutex);
    if (tell) tell_loop(h);
}

static void job_is_done(HthX *x) {
    HthHttp *h = x->h;
    pthread_mutex_lock(&h->mutex);
    x->job_done = true;
    const bool tell = put_woken(x);
    pthread_mutex_unlock(&h->mutex);
    if (tell) tell_loop(h);
}

/* ---- to the threads -------------------------------------------------------------------------- */

bool hth_x_submit(HthX *x, HthXJob job) {
    HthHttp *h = x->h;
    HthQueue *q = job == HTH_X_JOB_PIECE ? &h->spool_queue : &h->prep_queue;
    pthread_mutex_lock(&h->mutex);
    const bool room = q == &h->spool_queue || q->count < h->cfg.requests_waiting_max;
    if (room) {
        hth_x_sleep(x); /* before anybody can be done with it */
        x->away = true;
        x->job = job;
        x->job_next = NULL;
        if (q->first)
            q->last->job_next = x;
        else
            q->first = x;
        q->last = x;
        q->count++;
        pthread_cond_signal(&q->some);
    }
    pthread_mutex_unlock(&h->mutex);
    return room;
}

static HthX *take(HthHttp *h, HthQueue *q) {
    pthread_mutex_lock(&h->mutex);
    while (!q->first && !h->stop_threads) pthread_cond_wait(&q->some, &h->mutex);
    HthX *x = h->stop_threads ? NULL : q->first;
    if (x) {
        q->first = x->job_next;
        q->count--;
    }
    pthread_mutex_unlock(&h->mutex);
    return x;
}

static void write_piece(HthX *x) {
    if (x->sink_status == HTH_OK && x->body.n)
        x->sink_status = x->sink.write(x->sink.payload, x->body.p, x->body.n, &x->sink_err);
    hth_buf_clear(&x->body);
}

static void do_job(HthX *x) {
    const HthHttpCfg *cfg = &x->h->cfg;
    if (atomic_load(&x->left)) return; /* nobody waits for it */
    switch (x->job) {
    case HTH_X_JOB_UPLOAD: cfg->upload(cfg->payload, x); break;
    case HTH_X_JOB_HANDLE: cfg->handle(cfg->payload, x); break;
    case HTH_X_JOB_PIECE: write_piece(x); break;
    case HTH_X_JOB_NONE: break;
    }
}

static void *work(HthHttp *h, HthQueue *q) {
    for (HthX *x; (x = take(h, q));) {
        do_job(x);
        job_is_done(x);
    }
    return NULL;
}

static void *prep_main(void *h) {
    return work(h, &((HthHttp *)h)->prep_queue);
}

static void *spool_main(void *h) {
    return work(h, &((HthHttp *)h)->spool_queue);
}

/* Signals are for the thread that waits for them (life.h), never for these. */
static bool start_thread(pthread_t *out, void *(*fn)(void *), HthHttp *h) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    const int e = pthread_create(out, NULL, fn, h);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return !e;
}

HthStatus hth_http_threads_start(HthHttp *h, HthErr *err) {
    h->preps = hth_calloc(h->cfg.prep_threads, sizeof *h->preps);
    HTH_REQUIRE(h->preps, err, HTH_ENOMEM, "No memory for the server's threads.");
    static const char no_thread[] = "The system gives the server no more threads.";
    for (; h->prep_count < h->cfg.prep_threads; h->prep_count++)
        HTH_REQUIRE(start_thread(&h->preps[h->prep_count], prep_main, h), err, HTH_EIO, "%s",
                    no_thread);
    if (h->cfg.upload_count) {
        HTH_REQUIRE(start_thread(&h->spool, spool_main, h), err, HTH_EIO, "%s", no_thread);
        h->spool_started = true;
    }
    HTH_REQUIRE(start_thread(&h->loop, hth_http_loop, h), err, HTH_EIO, "%s", no_thread);
    h->loop_started = true;
    return HTH_OK;
}

/* First the helpers, who finish what they hold; then the loop, which cuts the rest. */
void hth_http_threads_stop(HthHttp *h) {
    pthread_mutex_lock(&h->mutex);
    h->stop_threads = true;
    pthread_cond_broadcast(&h->prep_queue.some);
    pthread_cond_broadcast(&h->spool_queue.some);
    pthread_mutex_unlock(&h->mutex);
    for (uint32_t i = 0; i < h->prep_count; i++) pthread_join(h->preps[i], NULL);
    if (h->spool_started) pthread_join(h->spool, NULL);
    pthread_mutex_lock(&h->mutex);
    h->stop_loop = true;
    pthread_mutex_unlock(&h->mutex);
    if (h->loop_started) {
        tell_loop(h);
        pthread_join(h->loop, NULL);
    }
    hth_free(h->preps);
}

/* desk.c - see desk.h.
 *
 * This mutex and these condition variables are the server's: the loop's thread never waits for
 * either.
 *
 * Thread: any for hth_x_wake; the rest as desk.h says. */
#include <signal.h>
#include <unistd.h>

#include "base/mem.h"
#include "serve/x_int.h"

/* ---- back to the loop ------------------------------------------------------------------------ */

/* Under the mutex. True: the loop must be told. */
static bool put_woken(HthX *x) {
    HthDesk *d = x->desk;
    if (x->woken) return false;
    const bool first = !d->woken_first;
    x->woken = true;
    x->woken_next = NULL;
    if (first)
        d->woken_first = x;
    else
        d->woken_last->woken_next = x;
    d->woken_last = x;
    return first;
}

void hth_desk_tell(const HthDesk *d) {
    const uint64_t one = 1;
    const ssize_t put = write(d->event_fd, &one, sizeof one);
    (void)put; /* it can only be full, and then the loop is told already */
}

void hth_x_wake(HthX *x) {
    HthDesk *d = x->desk;
    pthread_mutex_lock(&d->mutex);
    const bool tell = put_woken(x);
    pthread_mutex_unlock(&d->mutex);
    if (tell) hth_desk_tell(d);
}

static void job_is_done(HthX *x) {
    HthDesk *d = x->desk;
    pthread_mutex_lock(&d->mutex);
    x->job_done = true;
    const bool tell = put_woken(x);
    pthread_mutex_unlock(&d->mutex);
    if (tell) hth_desk_tell(d);
}

bool hth_desk_take(HthDesk *d, void (*each)(HthX *x, bool back)) {
    pthread_mutex_lock(&d->mutex);
    const bool stop = d->stop_loop;
    HthX *next = d->woken_first;
    d->woken_first = d->woken_last = NULL;
    while (next) { /* whoever is woken again meanwhile is on a new list */
        HthX *x = next;
        const bool back = x->job_done;
        next = x->woken_next;
        x->woken = x->job_done = false;
        pthread_mutex_unlock(&d->mutex);
        each(x, back);
        pthread_mutex_lock(&d->mutex);
    }
    pthread_mutex_unlock(&d->mutex);
    return stop;
}

void hth_desk_forget(HthX *x) {
    HthDesk *d = x->desk;
    pthread_mutex_lock(&d->mutex);
    HthX *before = NULL;
    for (HthX *w = d->woken_first; x->woken && w; before = w, w = w->woken_next) {
        if (w != x) continue;
        if (before)
            before->woken_next = x->woken_next;
        else
            d->woken_first = x->woken_next;
        if (d->woken_last == x) d->woken_last = before;
        x->woken = false;
    }
    pthread_mutex_unlock(&d->mutex);
}

/* ---- to the threads -------------------------------------------------------------------------- */

bool hth_desk_submit(HthX *x, HthXJob job) {
    HthDesk *d = x->desk;
    HthQueue *q = job == HTH_X_JOB_PIECE ? &d->spool_queue : &d->prep_queue;
    pthread_mutex_lock(&d->mutex);
    const bool room = q == &d->spool_queue || q->count < d->waiting_max;
    if (room) {
        if (x->ops->sleep) x->ops->sleep(x); /* before anybody can be done with it */
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
    pthread_mutex_unlock(&d->mutex);
    return room;
}

static HthX *take(HthDesk *d, HthQueue *q) {
    pthread_mutex_lock(&d->mutex);
    while (!q->first && !d->stop_threads) pthread_cond_wait(&q->some, &d->mutex);
    HthX *x = d->stop_threads ? NULL : q->first;
    if (x) {
        q->first = x->job_next;
        q->count--;
    }
    pthread_mutex_unlock(&d->mutex);
    return x;
}

static void write_piece(HthX *x) {
    if (x->sink_status == HTH_OK && x->body.n)
        x->sink_status = x->sink.write(x->sink.payload, x->body.p, x->body.n, &x->sink_err);
    hth_buf_clear(&x->body);
}

static void do_job(HthX *x) {
    const HthDesk *d = x->desk;
    if (atomic_load(&x->left)) return; /* nobody waits for it */
    switch (x->job) {
    case HTH_X_JOB_UPLOAD: d->upload(d->payload, x); break;
    case HTH_X_JOB_HANDLE: d->handle(d->payload, x); break;
    case HTH_X_JOB_PIECE: write_piece(x); break;
    case HTH_X_JOB_NONE: break;
    }
}

static void *work(HthDesk *d, HthQueue *q) {
    for (HthX *x; (x = take(d, q));) {
        do_job(x);
        job_is_done(x);
    }
    return NULL;
}

static void *prep_main(void *desk) {
    return work(desk, &((HthDesk *)desk)->prep_queue);
}

static void *spool_main(void *desk) {
    return work(desk, &((HthDesk *)desk)->spool_queue);
}

/* Signals are for the thread that waits for them (life.h), never for these. */
bool hth_desk_thread(pthread_t *out, void *(*fn)(void *), void *payload) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    const int e = pthread_create(out, NULL, fn, payload);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return !e;
}

void hth_desk_init(HthDesk *d) {
    pthread_mutex_init(&d->mutex, NULL);
    pthread_cond_init(&d->prep_queue.some, NULL);
    pthread_cond_init(&d->spool_queue.some, NULL);
}

void hth_desk_drop(HthDesk *d) {
    hth_free(d->preps);
    pthread_cond_destroy(&d->prep_queue.some);
    pthread_cond_destroy(&d->spool_queue.some);
    pthread_mutex_destroy(&d->mutex);
}

HthStatus hth_desk_start(HthDesk *d, uint32_t preps, HthErr *err) {
    d->preps = hth_calloc(preps, sizeof *d->preps);
    HTH_REQUIRE(d->preps, err, HTH_ENOMEM, "No memory for the server's threads.");
    static const char no_thread[] = "The system gives the server no more threads.";
    for (; d->prep_count < preps; d->prep_count++)
        HTH_REQUIRE(hth_desk_thread(&d->preps[d->prep_count], prep_main, d), err, HTH_EIO, "%s",
                    no_thread);
    if (d->upload) {
        HTH_REQUIRE(hth_desk_thread(&d->spool, spool_main, d), err, HTH_EIO, "%s", no_thread);
        d->spool_started = true;
    }
    return HTH_OK;
}

/* First the helpers; then the loop, which cuts the rest. */
void hth_desk_stop(HthDesk *d) {
    pthread_mutex_lock(&d->mutex);
    d->stop_threads = true;
    pthread_cond_broadcast(&d->prep_queue.some);
    pthread_cond_broadcast(&d->spool_queue.some);
    pthread_mutex_unlock(&d->mutex);
    for (uint32_t i = 0; i < d->prep_count; i++) pthread_join(d->preps[i], NULL);
    if (d->spool_started) pthread_join(d->spool, NULL);
    pthread_mutex_lock(&d->mutex);
    d->stop_loop = true;
    pthread_mutex_unlock(&d->mutex);
    hth_desk_tell(d);
}

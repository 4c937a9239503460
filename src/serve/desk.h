/* desk.h - where exchanges wait for the threads that do not own sockets, and come back from them.
 *
 * A few threads prepare, one writes files.  An exchange waits in one of two queues; whoever takes
 * it owns it until it is on the list of the woken, which the loop reads.
 *
 * Thread: as said at each call. */
#ifndef HTH_SERVE_DESK_H
#define HTH_SERVE_DESK_H

#include <pthread.h>

#include "serve/http.h"

typedef enum HthXJob {
    HTH_X_JOB_NONE,
    HTH_X_JOB_UPLOAD,
    HTH_X_JOB_HANDLE,
    HTH_X_JOB_PIECE
} HthXJob;

typedef struct HthQueue { /* under the mutex */
    HthX *first, *last;
    uint32_t count;
    pthread_cond_t some;
} HthQueue;

typedef struct HthDesk {
    void (*handle)(void *payload, HthX *x);
    void (*upload)(void *payload, HthX *x); /* NULL: no thread that writes files */
    void *payload;
    uint32_t waiting_max; /* for a prep thread */
    int event_fd; /* raised when somebody is woken: the loop's, borrowed */

    pthread_mutex_t mutex;
    HthX *woken_first, *woken_last;
    HthQueue prep_queue, spool_queue;
    bool stop_threads, stop_loop;
    pthread_t *preps, spool;
    uint32_t prep_count;
    bool spool_started;
} HthDesk;

void hth_desk_init(HthDesk *d); /* the first fields are set */
void hth_desk_drop(HthDesk *d);
HTH_MUST_CHECK HthStatus hth_desk_start(HthDesk *d, uint32_t preps, HthErr *err);
void hth_desk_stop(HthDesk *d); /* the helpers finish what they hold; hth_desk_take is then true */
/* A thread to which no signal is delivered. */
bool hth_desk_thread(pthread_t *out, void *(*fn)(void *), void *payload);

/* The loop's thread. */
bool hth_desk_submit(HthX *x, HthXJob job); /* hands it over; false: too many wait already */
/* Each of the woken, once; back: a helper is done with it. True: the loop has to end. */
bool hth_desk_take(HthDesk *d, void (*each)(HthX *x, bool back));
void hth_desk_forget(HthX *x); /* nobody wakes it any more */
void hth_desk_tell(const HthDesk *d); /* any thread: the loop has to look */

#endif

/* idle.c - see idle.h.
 *
 * Thread: any; idle_main is its own. */
#include "serve/idle.h"

#include <sched.h>

#include "base/mem.h"
#include "base/thread.h"

struct HthIdle {
    HthStore *store;
    HthThread *thread;
    HthGate *gate;
    uint32_t held; /* in the gate, as `stop` */
    bool stop;
};

/* Between two pieces of a file. */
static bool go_on(void *payload, uint64_t done_bytes, uint64_t total_bytes) {
    HthIdle *idle = payload;
    (void)done_bytes;
    (void)total_bytes;
    hth_gate_enter(idle->gate);
    while (idle->held > 0 && !idle->stop) hth_gate_wait(idle->gate, UINT64_MAX);
    const bool on = !idle->stop;
    hth_gate_leave(idle->gate);
    return on;
}

static size_t models_of(HthStore *store) {
    HthStoreList *list = NULL;
    if (hth_store_list(store, &list, NULL) != HTH_OK) return 0;
    const size_t count = list->count;
    hth_store_list_close(&list);
    return count;
}

/* As often as there are models and no oftener: a file that cannot be read stays without a digest,
 * and says why when it is asked for. */
static void idle_main(void *payload) {
    HthIdle *idle = payload;
    const struct sched_param none = { 0 };
    bool more = true;
    (void)sched_setscheduler(0, SCHED_IDLE,
                             &none); /* this thread's; without it it is only slower */
    for (size_t left = models_of(idle->store); left > 0 && more && go_on(idle, 0, 0); left--)
        (void)!hth_store_digest_next(idle->store, go_on, idle, &more, NULL);
}

HthStatus hth_idle_open(HthIdle **out, HthStore *store, HthErr *err) {
    HthIdle *idle = hth_calloc(1, sizeof *idle);
    HTH_REQUIRE(idle, err, HTH_ENOMEM, "no memory for the digests of models");
    idle->store = store;
    HthStatus st = hth_gate_open(&idle->gate, err);
    if (st == HTH_OK) st = hth_thread_open(&idle->thread, idle_main, idle, err);
    if (st == HTH_OK)
        *out = idle;
    else
        hth_idle_close(&idle);
    return st;
}

void hth_idle_close(HthIdle **idle_at) {
    HthIdle *idle = *idle_at;
    if (!idle) return;
    if (idle->thread) {
        hth_gate_enter(idle->gate);
        idle->stop = true;
        hth_gate_ring(idle->gate);
        hth_gate_leave(idle->gate);
        hth_thread_join(&idle->thread);
    }
    hth_gate_close(&idle->gate);
    hth_free(idle);
    *idle_at = NULL;
}

void hth_idle_hold(HthIdle *idle) {
    if (!idle) return;
    hth_gate_enter(idle->gate);
    idle->held++;
    hth_gate_leave(idle->gate);
}

void hth_idle_go(HthIdle *idle) {
    if (!idle) return;
    hth_gate_enter(idle->gate);
    HTH_ASSERT(idle->held > 0);
    if (--idle->held == 0) hth_gate_ring(idle->gate);
    hth_gate_leave(idle->gate);
}

/* thread_test.c - threads meet at a gate: one inside, a bell for those who wait.
 *
 * Thread: several. */
#include "support/test.h"

#include <signal.h>

#include "base/clock.h"
#include "base/thread.h"

enum { THREADS = 4, ROUNDS = 20000 };

typedef struct World {
    HthGate *gate;
    uint64_t count; /* behind the gate */
    uint32_t turn; /* behind the gate */
    bool masked; /* behind the gate */
} World;

static void counter(void *payload) {
    World *w = payload;
    for (int i = 0; i < ROUNDS; i++) {
        hth_gate_enter(w->gate);
        const uint64_t seen = w->count;
        w->count = seen + 1;
        hth_gate_leave(w->gate);
    }
}

static void alone_inside(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w = { 0 };
    HthThread *t[THREADS] = { NULL };
    assert_ok(hth_gate_open(&w.gate, &err), err);
    for (int i = 0; i < THREADS; i++) assert_ok(hth_thread_open(&t[i], counter, &w, &err), err);
    for (int i = 0; i < THREADS; i++) hth_thread_join(&t[i]);
    assert_int_equal(w.count, THREADS * ROUNDS);
    hth_thread_join(&t[0]); /* NULL is fine */
    hth_gate_close(&w.gate);
    hth_gate_close(&w.gate);
}

static void other(void *payload) {
    World *w = payload;
    sigset_t now;
    pthread_sigmask(SIG_SETMASK, NULL, &now);
    hth_gate_enter(w->gate);
    w->masked = sigismember(&now, SIGINT) == 1 && sigismember(&now, SIGTERM) == 1;
    for (uint32_t i = 0; i < 1000; i++) {
        while (w->turn != 2 * i + 1) hth_gate_wait(w->gate, UINT64_MAX);
        w->turn++;
        hth_gate_ring(w->gate);
    }
    hth_gate_leave(w->gate);
}

static void turns(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w = { 0 };
    HthThread *t = NULL;
    assert_ok(hth_gate_open(&w.gate, &err), err);
    assert_ok(hth_thread_open(&t, other, &w, &err), err);
    hth_gate_enter(w.gate);
    for (uint32_t i = 0; i < 1000; i++) {
        while (w.turn != 2 * i) hth_gate_wait(w.gate, UINT64_MAX);
        w.turn++;
        hth_gate_ring(w.gate);
    }
    while (w.turn != 2000) hth_gate_wait(w.gate, UINT64_MAX);
    assert_true(w.masked); /* signals go to those who asked for them */
    hth_gate_leave(w.gate);
    hth_thread_join(&t);
    hth_gate_close(&w.gate);
}

static void waits_end(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthGate *g = NULL;
    assert_ok(hth_gate_open(&g, &err), err);
    hth_gate_enter(g);
    hth_gate_wait(g, 0); /* long past */
    const uint64_t until = hth_clock_ns() + 3000000;
    while (hth_clock_ns() < until) hth_gate_wait(g, until);
    hth_gate_leave(g);
    hth_gate_close(&g);
}

static HthStatus body(void *ctx) {
    World w = { 0 };
    HthThread *t = NULL;
    HthErr err = { 0 };
    (void)ctx;
    HthStatus st = hth_gate_open(&w.gate, &err);
    if (st == HTH_OK) st = hth_thread_open(&t, counter, &w, &err);
    hth_thread_join(&t);
    hth_gate_close(&w.gate);
    return st;
}

static void survives_no_memory(void **state) {
    (void)state;
    assert_int_equal(test_torture(body, NULL, 10), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alone_inside),
        cmocka_unit_test(turns),
        cmocka_unit_test(waits_end),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

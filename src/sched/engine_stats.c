/* engine_stats.c - figures of an engine: counters, and durations by size.
 *
 * Thread: engine writes its own; any reads the copy of the last step. */
#include "sched/engine_int.h"

#define MS 1000000ull
#define S  1000000000ull
const uint64_t hth_hist_bounds_ns[HTH_HIST_BOUNDS] = {
    1 * MS, 2 * MS, 5 * MS, 10 * MS, 20 * MS, 50 * MS, 100 * MS, 200 * MS, 500 * MS,
    1 * S,  2 * S,  5 * S,  10 * S,  20 * S,  50 * S,  100 * S,  200 * S,  500 * S,
};

void hth_hist_add(HthHist *h, uint64_t ns) {
    uint32_t i = 0;
    while (i < HTH_HIST_BOUNDS && ns > hth_hist_bounds_ns[i]) i++;
    h->count[i]++;
    h->sum_ns += ns;
}

void hth_engine_publish(HthEngine *e) {
    e->now.sched = hth_sched_stats(e->sched);
    e->now.retry_after_s = hth_sched_retry_after_s(e->sched);
    e->stats = e->now;
}

HthEngineStats hth_engine_stats(HthEngine *e) {
    hth_gate_enter(e->gate);
    HthEngineStats s = e->stats;
    s.waiting = e->waiting;
    s.jobs = 0;
    for (const HthJob *j = e->live; j; j = j->next) s.jobs++;
    hth_gate_leave(e->gate);
    return s;
}

const HthModel *hth_engine_model(const HthEngine *e) {
    return e->model;
}

const HthEnginePlan *hth_engine_plan_of(const HthEngine *e) {
    return &e->room.plan;
}

/* sched_test.c - the scheduler for years: worlds from seeds, every promise checked at every step.
 *
 * HTH_SIM_EVENTS says how many events (default: seconds' worth), HTH_SIM_SEED where to begin.
 *
 * Thread: one. */
#include "support/test.h"

#include "base/clock.h"
#include "sim/sim.h"

enum { EPISODE = 10000, EVENTS = 800000, SEED = 1 };

static uint64_t number_from(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static void run(Sim *m, uint64_t seed, uint64_t events) {
    HthErr err = { 0 };
    const SimShape shape = sim_shape(seed);
    assert_ok(sim_open(m, &shape, seed, &err), err);
    if (!sim_run(m, events))
        fail_msg("HTH_SIM_SEED=%llu, event %llu: %s", (unsigned long long)seed,
                 (unsigned long long)m->events, m->wrong);
}

static void nothing_goes_wrong(void **state) {
    (void)state;
    const uint64_t events = number_from("HTH_SIM_EVENTS", EVENTS);
    const uint64_t first = number_from("HTH_SIM_SEED", SEED), begin = hth_clock_ns();
    HthSchedStats sum = { 0 };
    uint64_t done = 0, seed = first, words = 0, completed = 0;
    double starved = 0, unfair = 0;
    for (; done < events; seed++) {
        Sim m;
        run(&m, seed, EPISODE);
        const HthSchedStats stats = hth_sched_stats(m.s);
        done += m.events;
        words += m.words;
        completed += m.completed;
        if (m.starved > starved) starved = m.starved;
        if (m.unfair > unfair) unfair = m.unfair;
        sum.preempted += stats.preempted;
        sum.cached_rows += stats.cached_rows;
        sum.prompt_rows += stats.prompt_rows;
        sum.cancelled += stats.cancelled;
        sum.refused += stats.refused;
        sum.late += stats.late;
        sim_close(&m);
    }
    const double seconds = (double)(hth_clock_ns() - begin) * 1e-9;
    print_message("seeds %llu..%llu: %llu events in %.1f s (%.2f M/s), %llu requests completed, "
                  "%llu words\n",
                  (unsigned long long)first, (unsigned long long)seed - 1, (unsigned long long)done,
                  seconds, (double)done / seconds * 1e-6, (unsigned long long)completed,
                  (unsigned long long)words);
    print_message(
        "%llu set back, %llu cancelled, %llu late, %llu refused, %llu of %llu prompt rows "
        "found\n",
        (unsigned long long)sum.preempted, (unsigned long long)sum.cancelled,
        (unsigned long long)sum.late, (unsigned long long)sum.refused,
        (unsigned long long)sum.cached_rows,
        (unsigned long long)(sum.cached_rows + sum.prompt_rows));
    print_message("longest wait %.0f %% and largest lead %.0f %% of what is allowed\n",
                  starved * 100, unfair * 100);
    if (events < EVENTS) return;
    /* the worlds are no quiet ones: everything that can happen has */
    assert_true(sum.preempted > 100 && sum.cancelled > 100 && sum.late > 100 && sum.refused > 100);
    assert_true(sum.cached_rows > sum.prompt_rows / 20 && completed > 1000);
}

/* The same events, the same steps: nothing depends on addresses, clocks or hash seeds. */
static void the_same_again(void **state) {
    (void)state;
    for (uint64_t seed = 900; seed < 904; seed++) {
        Sim a, b;
        run(&a, seed, EPISODE);
        run(&b, seed, EPISODE);
        assert_true(a.digest == b.digest && a.events == b.events && a.digest != 0);
        sim_close(&a);
        sim_close(&b);
    }
}

/* Sixty-four at work, ten thousand of a thousand users in the queue: steps in which all go on, and
 * steps in which one leaves and the next comes in. Says what a step costs; checks that all work. */
static void a_long_queue(void **state) {
    (void)state;
    enum { PLACES = 64, QUEUE = 10000, USERS = 1000, STEPS = 400 };
    HthErr err = { 0 };
    Sim m;
    const SimShape shape = { .running_max = PLACES,
                             .rows_max = 512,
                             .ctx_max = 1024,
                             .page_count = PLACES * 16,
                             .queue_max = QUEUE + PLACES,
                             .queue_user_max = QUEUE,
                             .tenants = 1,
                             .users = 1,
                             .prefix = true };
    assert_ok(sim_open(&m, &shape, 1, &err), err);
    static uint32_t ids[1024] = { 1, 2, 3 };
    for (uint64_t id = 1; id <= QUEUE + PLACES; id++) {
        const HthTicket t = { .id = id, .user = id % USERS, .ids = ids, .n = 16, .ctx = 1024 };
        assert_ok(hth_sched_arrive(m.s, &t, 1, &err), err);
    }
    uint64_t ns[2] = { 0, 0 };
    for (uint32_t k = 0; k < 2 * STEPS + 8; k++) {
        HthSchedStep step;
        const uint64_t begin = hth_clock_ns();
        hth_sched_step(m.s, 2 + k, &step);
        if (k >= 8) ns[k % 2] += hth_clock_ns() - begin;
        HthSchedRows part[PLACES];
        memcpy(part, step.rows, step.count * sizeof part[0]);
        for (uint32_t p = 0; p < step.count; p++)
            if (part[p].wants) hth_sched_token(m.s, part[p].id);
        if (k < 8) continue; /* until all have begun */
        assert_int_equal(step.count, PLACES);
        if (k % 2 == 0) hth_sched_end(m.s, part[k / 2 % PLACES].id);
    }
    assert_int_equal(hth_sched_stats(m.s).ended, STEPS);
    print_message("a step of %d answers, %d waiting: %.1f us; with one that comes in: %.1f us\n",
                  PLACES, QUEUE, (double)ns[0] / STEPS * 1e-3, (double)ns[1] / STEPS * 1e-3);
    sim_close(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_goes_wrong),
        cmocka_unit_test(the_same_again),
        cmocka_unit_test(a_long_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* place_test.c - pages by small examples: found, shared, promised, given up.
 *
 * Thread: one. */
#include "support/sched_world.h"

static void the_next_turn_finds_the_last(void **state) {
    (void)state;
    World w;
    open_usual(&w, 40);
    arrive_ok(&w, (HthTicket){ .id = 1, .tenant = 5, .n = PAGE + 60 });
    for (int i = 0; i < 10; i++) {
        step(&w);
        draw(&w);
    }
    hth_sched_end(w.s, 1); /* 124 of the prompt, 9 of the answer computed, the tenth only drawn */
    uint32_t ids[3 * PAGE];
    memcpy(ids, world_words, sizeof ids);
    for (uint32_t i = PAGE + 60; i < 3 * PAGE; i++) ids[i] = 7;
    arrive_ok(&w, (HthTicket){ .id = 2, .tenant = 5, .ids = ids, .n = 3 * PAGE });
    arrive_ok(&w, (HthTicket){ .id = 3, .tenant = 6, .ids = ids, .n = 3 * PAGE });
    arrive_ok(&w, (HthTicket){ .id = 4, .tenant = 5, .ids = ids, .n = 2 * PAGE });
    arrive_ok(&w,
              (HthTicket){ .id = 5, .tenant = 5, .ids = ids, .n = 3 * PAGE, .no_prefix = true });
    step(&w);
    assert_int_equal(hth_sched_cached(w.s, 2), 2 * PAGE);
    assert_int_equal(hth_sched_cached(w.s, 3), 0); /* another tenant's */
    assert_int_equal(hth_sched_cached(w.s, 4), PAGE); /* the last token's logits are wanted */
    assert_int_equal(hth_sched_cached(w.s, 5), 0);
    assert_int_equal(part(&w, 2)->first, 2 * PAGE);
    assert_int_equal(hth_sched_cached(w.s, 77), 0);
    world_close(&w);
}

static void a_burst_shares_what_is_being_computed(void **state) {
    (void)state;
    World w;
    open_usual(&w, 80);
    for (uint64_t id = 1; id <= 4; id++) arrive_ok(&w, (HthTicket){ .id = id, .n = 10 * PAGE });
    uint32_t steps = 0;
    for (bool all = false; !all; steps++) {
        step(&w);
        draw(&w);
        all = w.step.count == 4;
        for (uint32_t k = 0; k < w.step.count; k++) all = all && w.step.rows[k].n == 1;
    }
    assert_true(hth_sched_stats(w.s).cached_rows >= 3 * 8 * PAGE);
    assert_true(steps <= 10);
    world_close(&w);
}

/* Two that computed the same in the same step keep it once. */
static void what_was_computed_twice_is_kept_once(void **state) {
    (void)state;
    World w;
    open_usual(&w, 40);
    for (uint64_t id = 1; id <= 2; id++) arrive_ok(&w, (HthTicket){ .id = id, .n = 60 });
    uint32_t drawn = 0;
    for (; drawn < 8; drawn++) {
        step(&w);
        assert_int_equal(w.step.count, 2);
        draw(&w);
    }
    assert_ptr_not_equal(part(&w, 1)->kv, part(&w, 2)->kv);
    assert_ptr_equal(part(&w, 1)->kv->pages[0], part(&w, 2)->kv->pages[0]);
    assert_int_equal(hth_pages_free_count(w.pages), 40 - 3);
    world_close(&w);
}

/* Six pages, two answers that need four each: the younger is set back, and comes again. */
static void a_short_pool_sets_back_the_youngest(void **state) {
    (void)state;
    World w;
    open_usual(&w, 6);
    uint32_t computed[3] = { 0 }, words_of[3] = { 0 };
    for (uint64_t id = 1; id <= 2; id++)
        arrive_ok(&w, (HthTicket){ .id = id, .n = 65, .ctx = 4 * PAGE, .no_prefix = true });
    for (int i = 0; i < 2000; i++) {
        step(&w);
        for (uint32_t k = 0; k < w.step.count; k++) {
            const HthSchedRows *r = &w.step.rows[k];
            if (r->first == 0) computed[r->id] = 0;
            assert_int_equal(r->first, computed[r->id]);
            computed[r->id] += r->n;
        }
        const uint32_t count = w.step.count; /* events end what the step has lent */
        const uint64_t id[2] = { count ? w.step.rows[0].id : 0, count > 1 ? w.step.rows[1].id : 0 };
        const bool wants[2] = { count && w.step.rows[0].wants, count > 1 && w.step.rows[1].wants };
        for (uint32_t k = 0; k < count; k++) {
            if (!wants[k]) continue;
            if (++words_of[id[k]] <= 4 * PAGE - 65)
                hth_sched_token(w.s, id[k]);
            else
                hth_sched_end(w.s, id[k]);
        }
        if (hth_sched_stats(w.s).ended == 2) break;
    }
    assert_int_equal(words_of[1], 4 * PAGE - 65 + 1);
    assert_int_equal(words_of[2], 4 * PAGE - 65 + 1);
    assert_int_equal(hth_sched_stats(w.s).preempted, 1);
    assert_int_equal(hth_pages_free_count(w.pages), 6);
    world_close(&w);
}

static void cancelling_frees_and_keeps(void **state) {
    (void)state;
    World w;
    open_usual(&w, 40);
    hth_sched_cancel(w.s, 99);
    arrive_ok(&w, (HthTicket){ .id = 1, .n = 10 * PAGE });
    step(&w); /* two pages' rows; computed when the next call comes */
    hth_sched_cancel(w.s, 1);
    HthSchedStats stats = hth_sched_stats(w.s);
    assert_int_equal(stats.running, 0);
    assert_int_equal(stats.cancelled, 1);
    assert_int_equal(stats.pages_cached, 2);
    assert_int_equal(stats.pages_free, 38);
    arrive_ok(&w, (HthTicket){ .id = 1, .n = 10 * PAGE, .no_prefix = true });
    step(&w);
    hth_sched_cancel(w.s, 1);
    stats = hth_sched_stats(w.s);
    assert_int_equal(stats.pages_cached, 2);
    assert_int_equal(stats.pages_free, 38);
    arrive_ok(&w, (HthTicket){ .id = 1, .n = 10 });
    hth_sched_cancel(w.s, 1); /* still in the queue */
    step(&w);
    assert_int_equal(w.step.count, 0);
    world_close(&w);
}

/* Two whose pages are all there is; a third of higher priority would need more than the lower of
 * them could give up: nobody is set back, and nothing of what is cached is lost. */
static void nobody_gives_way_in_vain(void **state) {
    (void)state;
    World w;
    open_usual(&w, 20);
    const uint32_t ctx = 20 * PAGE;
    arrive_ok(&w,
              (HthTicket){ .id = 1, .n = 11 * PAGE, .ctx = ctx, .priority = 9, .no_prefix = true });
    arrive_ok(&w, (HthTicket){ .id = 2, .n = 2 * PAGE - 9, .ctx = ctx, .priority = -9 });
    for (int i = 0; i < 16; i++) {
        step(&w);
        draw(&w);
    }
    arrive_ok(&w, (HthTicket){ .id = 3, .n = 9 * PAGE, .ctx = ctx, .tenant = 3 });
    step(&w);
    assert_null(part(&w, 3));
    assert_int_equal(rows_of(&w, 2), 1);
    assert_int_equal(hth_sched_stats(w.s).preempted, 0);
    draw(&w);
    arrive_ok(&w,
              (HthTicket){ .id = 4, .n = 7 * PAGE - 2, .ctx = ctx, .tenant = 3, .priority = 1 });
    step(&w);
    assert_non_null(part(&w, 4)); /* for this there is enough without anybody's */
    assert_int_equal(hth_sched_stats(w.s).preempted, 1);
    world_close(&w);
}

/* A place is promised pages that others have cached; they stay cached until it comes to them. */
static void cached_pages_go_one_at_a_time(void **state) {
    (void)state;
    World w;
    open_usual(&w, 10);
    const uint32_t ctx = 10 * PAGE;
    arrive_ok(&w, (HthTicket){ .id = 1, .tenant = 1, .n = 8 * PAGE + 1, .ctx = ctx });
    for (int i = 0; i < 5; i++) {
        step(&w);
        draw(&w);
    }
    hth_sched_end(w.s, 1);
    assert_int_equal(hth_sched_stats(w.s).pages_cached, 8);
    arrive_ok(&w, (HthTicket){ .id = 2, .tenant = 2, .n = 8 * PAGE, .ctx = ctx });
    const uint32_t left[] = { 8, 6, 4, 2 }; /* two pages a step, of ten */
    for (uint32_t i = 0; i < HTH_COUNT(left); i++) {
        step(&w);
        assert_int_equal(rows_of(&w, 2), 2 * PAGE);
        assert_int_equal(hth_sched_stats(w.s).pages_cached, left[i] + 2 * i);
    }
    arrive_ok(&w, (HthTicket){ .id = 3, .tenant = 1, .n = 3 * PAGE, .ctx = ctx });
    draw(&w);
    hth_sched_end(w.s, 2);
    step(&w);
    assert_int_equal(hth_sched_cached(w.s, 3), 2 * PAGE); /* the beginning is what stayed */
    world_close(&w);
}

/* Promised is not taken: two prompts that fit only one after the other are not begun together. */
static void promises_are_kept(void **state) {
    (void)state;
    World w;
    open_usual(&w, 10);
    const uint32_t ctx = 7 * PAGE;
    for (uint64_t id = 1; id <= 2; id++)
        arrive_ok(&w, (HthTicket){ .id = id, .user = id, .n = 5 * PAGE, .ctx = ctx, .tenant = id });
    for (int i = 0; i < 3; i++) {
        step(&w);
        assert_int_equal(w.step.count, 1);
        assert_int_equal(w.step.rows[0].id, 1);
        assert_int_equal(hth_sched_stats(w.s).waiting, 1);
        draw(&w);
    }
    hth_sched_cancel(w.s, 1);
    for (int i = 0; i < 3; i++) {
        step(&w);
        assert_int_equal(w.step.rows[0].id, 2);
    }
    assert_true(w.step.rows[0].wants);
    world_close(&w);
}

/* Two users whose readers all stand still have their parts of the queue, and what is beyond them is
 * turned away; the others go on. */
static void readers_that_stand_still_hold_nothing(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w;
    HthSchedCfg cfg = usual;
    cfg.queue_max = 24; /* two shares of 8, four places, and some more */
    assert_ok(world_open(&w, 160, &cfg, &err), err);
    uint64_t id = 1;
    uint32_t begun = 0, turned = 0;
    for (int round = 0; round < 20; round++, w.now += 2000000000) {
        for (int k = 0; k < 2; k++, id++) {
            const HthTicket t = { .id = id, .user = 1 + id % 2, .n = 9, .ctx = 99 };
            turned += arrive(&w, t, NULL) == HTH_EAGAIN;
        }
        step(&w);
        begun += w.step.count;
        uint64_t ids[4];
        for (uint32_t k = 0; k < w.step.count; k++) ids[k] = w.step.rows[k].id;
        const uint32_t count = w.step.count;
        draw(&w);
        for (uint32_t k = 0; k < count; k++) hth_sched_pause(w.s, ids[k], true);
    }
    assert_in_range(begun, 16, 20); /* eight each without a place, and the four that have one */
    assert_int_equal(begun + turned, 40);
    for (; id < 200; id++) {
        arrive_ok(&w, (HthTicket){ .id = id, .user = 3, .n = 9, .ctx = 99 });
        step(&w);
        assert_int_equal(rows_of(&w, id), 9);
        draw(&w);
        hth_sched_end(w.s, id);
    }
    world_close(&w);
}

/* all_rows: computed in order, once, whoever comes. */
static void what_is_scored_is_not_set_back(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w;
    HthSchedCfg cfg = usual;
    cfg.running_max = 1;
    assert_ok(world_open(&w, 20, &cfg, &err), err);
    arrive_ok(&w, (HthTicket){ .id = 1, .n = 300, .ctx = 300, .all_rows = true, .priority = -9 });
    uint32_t seen = 0;
    for (int i = 0; i < 3; i++) {
        step(&w);
        assert_int_equal(part(&w, 1)->first, seen);
        assert_true(part(&w, 1)->wants);
        seen += part(&w, 1)->n;
        if (i == 0) arrive_ok(&w, (HthTicket){ .id = 2, .n = 9, .ctx = 99, .priority = 100 });
    }
    assert_int_equal(seen, 300);
    hth_sched_end(w.s, 1);
    step(&w);
    assert_int_equal(rows_of(&w, 2), 9);
    assert_int_equal(hth_sched_stats(w.s).pages_cached, 0); /* leaves nothing */
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_turn_finds_the_last),
        cmocka_unit_test(a_burst_shares_what_is_being_computed),
        cmocka_unit_test(what_was_computed_twice_is_kept_once),
        cmocka_unit_test(a_short_pool_sets_back_the_youngest),
        cmocka_unit_test(cancelling_frees_and_keeps),
        cmocka_unit_test(nobody_gives_way_in_vain),
        cmocka_unit_test(cached_pages_go_one_at_a_time),
        cmocka_unit_test(promises_are_kept),
        cmocka_unit_test(readers_that_stand_still_hold_nothing),
        cmocka_unit_test(what_is_scored_is_not_set_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

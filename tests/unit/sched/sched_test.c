/* sched_test.c - the scheduler by small examples; tests/sim plays it for years.
 *
 * Thread: one. */
#include <malloc.h>

#include "support/sched_world.h"

static void a_prompt_comes_in_pieces(void **state) {
    (void)state;
    World w;
    open_usual(&w, 40);
    arrive_ok(&w, (HthTicket){ .id = 9, .n = 300 });
    const uint32_t first[] = { 0, 128, 256, 300, 301 }, n[] = { 128, 128, 44, 1, 1 };
    for (int i = 0; i < 5; i++) {
        step(&w);
        assert_int_equal(w.step.count, 1);
        const HthSchedRows *r = &w.step.rows[0];
        assert_int_equal(r->id, 9);
        assert_int_equal(r->first, first[i]);
        assert_int_equal(r->n, n[i]);
        assert_int_equal(r->wants, i >= 2);
        assert_int_equal(r->ids[0], i < 3 ? world_words[first[i]] : WORD);
        draw(&w);
    }
    hth_sched_end(w.s, 9);
    step(&w);
    assert_int_equal(w.step.count, 0);
    assert_true(w.step.wake_ns == UINT64_MAX);
    const HthSchedStats stats = hth_sched_stats(w.s);
    assert_int_equal(stats.ended, 1);
    assert_int_equal(stats.prompt_rows, 300);
    assert_int_equal(stats.decode_rows, 2);
    assert_int_equal(stats.pages_cached, 4);
    assert_int_equal(stats.pages_free, 36);
    world_close(&w);
}

static void answers_come_before_prompts(void **state) {
    (void)state;
    World w;
    open_usual(&w, 80);
    arrive_ok(&w, (HthTicket){ .id = 1, .n = 3 });
    step(&w);
    draw(&w);
    arrive_ok(&w, (HthTicket){ .id = 2, .n = 2000, .user = 2, .no_prefix = true });
    arrive_ok(&w, (HthTicket){ .id = 3, .n = 20, .user = 3, .no_prefix = true });
    step(&w);
    assert_int_equal(w.step.row_count, 128);
    assert_int_equal(rows_of(&w, 1), 1);
    assert_int_equal(rows_of(&w, 2), 127);
    draw(&w);
    step(&w);
    assert_int_equal(rows_of(&w, 1), 1);
    assert_int_equal(rows_of(&w, 3), 20); /* user 3 has had less */
    assert_int_equal(rows_of(&w, 2), 107);
    world_close(&w);
}

static void refuses_with_counts(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w;
    open_usual(&w, 10);
    assert_status(arrive(&w, (HthTicket){ .id = 1, .n = 101, .ctx = 100 }, &err), HTH_ELIMIT, err);
    assert_non_null(strstr(err.text, "101 tokens and the context 100"));
    assert_status(arrive(&w, (HthTicket){ .id = 1, .n = 9, .ctx = 11 * PAGE }, &err), HTH_ELIMIT,
                  err);
    assert_non_null(strstr(err.text, "11 cache pages and there are 10"));
    assert_status(arrive(&w, (HthTicket){ .id = 1, .n = 9, .ctx = PROMPT_MAX + 1 }, &err),
                  HTH_ELIMIT, err);
    assert_status(arrive(&w, (HthTicket){ .id = 1, .n = 9, .ctx = 99, .priority = 101 }, &err),
                  HTH_EINVAL, err);
    assert_ok(arrive(&w, (HthTicket){ .id = 1, .n = 99, .ctx = 99, .all_rows = true }, &err), err);
    for (uint64_t id = 2; id <= 8; id++) arrive_ok(&w, (HthTicket){ .id = id, .n = 9, .ctx = 99 });
    assert_status(arrive(&w, (HthTicket){ .id = 9, .n = 9, .ctx = 99 }, &err), HTH_EAGAIN, err);
    assert_non_null(strstr(err.text, "8 requests of this user"));
    for (uint64_t id = 9; id <= 16; id++)
        arrive_ok(&w, (HthTicket){ .id = id, .n = 9, .ctx = 99, .user = id });
    assert_status(arrive(&w, (HthTicket){ .id = 17, .n = 9, .ctx = 99, .user = 17 }, &err),
                  HTH_EAGAIN, err);
    assert_non_null(strstr(err.text, "16 requests are waiting"));
    assert_int_equal(hth_sched_retry_after_s(w.s), 1);
    assert_int_equal(hth_sched_stats(w.s).refused, 6);
    world_close(&w);
}

/* One ends every two seconds and twelve wait: an eighth of the queue is a time or two away. */
static void says_when_to_come_again(void **state) {
    (void)state;
    World w;
    open_usual(&w, 40);
    for (uint64_t id = 1; id <= 16; id++)
        arrive_ok(&w, (HthTicket){ .id = id, .user = id, .n = 9, .ctx = 99 });
    step(&w);
    assert_int_equal(hth_sched_retry_after_s(w.s), 1); /* nothing is known yet */
    for (uint64_t id = 17; id <= 60; id++) {
        draw(&w);
        hth_sched_end(w.s, id - 16);
        w.now += 2000000000;
        arrive_ok(&w, (HthTicket){ .id = id, .user = id, .n = 9, .ctx = 99 });
        step(&w);
    }
    assert_int_equal(hth_sched_stats(w.s).waiting, 12);
    assert_in_range(hth_sched_retry_after_s(w.s), 4, 5);
    w.now += UINT64_C(100000000000000);
    hth_sched_cancel(w.s, 60);
    step(&w);
    assert_int_equal(hth_sched_retry_after_s(w.s), 600);
    world_close(&w);
}

/* Eight rows, five of them the prompt's: four words, the last of them without a row. */
static void a_timeline_has_so_many_rows(void **state) {
    (void)state;
    World w;
    open_usual(&w, 10);
    arrive_ok(&w, (HthTicket){ .id = 1, .n = 5, .ctx = 8 });
    const uint32_t rows[] = { 5, 1, 1, 1 };
    for (int i = 0; i < 4; i++) {
        step(&w);
        assert_int_equal(rows_of(&w, 1), rows[i]);
        assert_true(part(&w, 1)->wants);
        if (i < 3) draw(&w);
    }
    hth_sched_end(w.s, 1);
    arrive_ok(&w, (HthTicket){ .id = 2, .n = 8, .ctx = 8 }); /* and one word after a full one */
    step(&w);
    assert_int_equal(rows_of(&w, 2), 8);
    hth_sched_end(w.s, 2);
    assert_int_equal(hth_sched_stats(w.s).running, 0);
    assert_int_equal(hth_pages_free_count(w.pages), 10);
    world_close(&w);
}

static void late_ones_end(void **state) {
    (void)state;
    World w;
    open_usual(&w, 10);
    for (uint64_t id = 1; id <= 6; id++)
        arrive_ok(&w, (HthTicket){ .id = id, .n = 5, .ctx = 80, .deadline_ns = 1000 * id });
    w.now = 999;
    step(&w);
    assert_int_equal(w.step.late_count, 0);
    assert_int_equal(w.step.count, 4);
    w.now = 2000;
    step(&w);
    assert_int_equal(w.step.late_count, 2);
    assert_int_equal(w.step.late[0] + w.step.late[1], 1 + 2);
    for (uint64_t id = 3; id <= 6; id++) hth_sched_pause(w.s, id, true);
    step(&w);
    assert_int_equal(w.step.count, 0);
    assert_int_equal(w.step.wake_ns, 3000);
    w.now = 6000;
    step(&w);
    assert_int_equal(w.step.late_count, 4);
    assert_int_equal(hth_sched_stats(w.s).late, 6);
    assert_int_equal(hth_pages_free_count(w.pages), 10);
    world_close(&w);
}

static void a_higher_priority_takes_a_place(void **state) {
    (void)state;
    World w;
    open_usual(&w, 40);
    for (uint64_t id = 1; id <= 4; id++)
        arrive_ok(&w, (HthTicket){ .id = id, .n = 100, .ctx = 200, .tenant = id });
    for (int i = 0; i < 6; i++) {
        step(&w);
        draw(&w);
    }
    arrive_ok(&w, (HthTicket){ .id = 5, .n = 9, .ctx = 200, .tenant = 5 });
    arrive_ok(&w, (HthTicket){ .id = 6, .n = 9, .ctx = 200, .tenant = 6, .priority = 1 });
    step(&w);
    assert_non_null(part(&w, 6));
    assert_null(part(&w, 5));
    assert_null(part(&w, 4)); /* the youngest gave way */
    draw(&w);
    hth_sched_end(w.s, 6);
    step(&w);
    assert_int_equal(part(&w, 4)->first, PAGE); /* its first page was still there */
    assert_true(part(&w, 4)->wants);
    world_close(&w);
}

static void a_reader_that_stands_still_gives_way(void **state) {
    (void)state;
    World w;
    open_usual(&w, 40);
    for (uint64_t id = 1; id <= 5; id++) arrive_ok(&w, (HthTicket){ .id = id, .n = 9 });
    step(&w);
    draw(&w);
    for (uint64_t id = 1; id <= 4; id++) hth_sched_pause(w.s, id, true);
    step(&w);
    assert_int_equal(w.step.count, 0);
    assert_int_equal(w.step.wake_ns, 1000000000);
    w.now = w.step.wake_ns;
    step(&w);
    assert_int_equal(w.step.count, 1);
    assert_int_equal(rows_of(&w, 5), 9);
    draw(&w);
    hth_sched_end(w.s, 5);
    for (uint64_t id = 1; id <= 4; id++) hth_sched_pause(w.s, id, false);
    step(&w);
    assert_int_equal(w.step.count, 4);
    assert_int_equal(w.step.row_count, 3 + 10);
    world_close(&w);
}

/* Everything of user 1 was there first; the next place is user 2's. */
static void many_requests_of_one_user_cost_others_nothing(void **state) {
    (void)state;
    World w;
    open_usual(&w, 40);
    for (uint64_t id = 1; id <= 8; id++) arrive_ok(&w, (HthTicket){ .id = id, .user = 1, .n = 20 });
    for (int i = 0; i < 5; i++) {
        step(&w);
        draw(&w);
    }
    for (uint64_t id = 9; id <= 12; id++)
        arrive_ok(&w, (HthTicket){ .id = id, .user = 1, .n = 20 });
    arrive_ok(&w, (HthTicket){ .id = 20, .user = 2, .n = 20 });
    arrive_ok(&w, (HthTicket){ .id = 21, .user = 2, .n = 20 });
    hth_sched_end(w.s, 1);
    step(&w);
    assert_int_equal(rows_of(&w, 20), 20);
    draw(&w);
    hth_sched_end(w.s, 2);
    step(&w);
    assert_int_equal(rows_of(&w, 21), 20);
    world_close(&w);
}

/* One place, and always somebody of a higher priority: the sixteenth turn is the oldest's, who then
 * stays. */
static void age_counts_in_the_end(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w;
    HthSchedCfg cfg = usual;
    cfg.running_max = 1;
    assert_ok(world_open(&w, 40, &cfg, &err), err);
    arrive_ok(&w, (HthTicket){ .id = 1, .n = 20, .priority = -100 });
    uint64_t id = 2;
    for (bool in = false; !in; id++) {
        arrive_ok(&w, (HthTicket){ .id = id, .n = 20, .priority = 100 });
        step(&w);
        in = part(&w, 1) != NULL;
        assert_int_equal(rows_of(&w, in ? 1 : id), 20);
        draw(&w);
        if (!in) hth_sched_end(w.s, id);
    }
    assert_int_equal(id, 2 + 16);
    for (int i = 0; i < 5; i++) {
        step(&w);
        assert_int_equal(rows_of(&w, 1), 1); /* nobody takes this place */
        draw(&w);
    }
    hth_sched_end(w.s, 1);
    step(&w);
    assert_int_equal(rows_of(&w, id - 1), 20);
    world_close(&w);
}

/* Four answers would fill a step of four: the prompt has its half, the answers take turns. */
static void prompts_go_on_beside_answers(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w;
    HthSchedCfg cfg = usual;
    cfg.running_max = 5;
    cfg.rows_max = 4;
    assert_ok(world_open(&w, 60, &cfg, &err), err);
    for (uint64_t id = 1; id <= 4; id++) arrive_ok(&w, (HthTicket){ .id = id, .n = 1 });
    for (int i = 0; i < 3; i++) {
        step(&w);
        assert_int_equal(w.step.count, 4);
        draw(&w);
    }
    arrive_ok(&w, (HthTicket){ .id = 5, .n = 40, .priority = -1 });
    uint32_t had[6] = { 0 };
    for (int i = 0; i < 20; i++) {
        step(&w);
        for (uint64_t id = 1; id <= 5; id++) had[id] += rows_of(&w, id);
        draw(&w);
    }
    assert_int_equal(had[5], 40);
    for (uint64_t id = 1; id <= 4; id++) assert_int_equal(had[id], 10);
    world_close(&w);
}

/* Where a step has a row for every answer, prompts have so many and no more. */
static void prompts_have_a_ceiling(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w;
    HthSchedCfg cfg = usual;
    cfg.rows_max = 40;
    cfg.prompt_rows_max = 30;
    assert_ok(world_open(&w, 60, &cfg, &err), err);
    arrive_ok(&w, (HthTicket){ .id = 1, .n = 25 });
    arrive_ok(&w, (HthTicket){ .id = 2, .n = 100, .user = 2, .no_prefix = true });
    const uint32_t first[] = { 25, 1, 1 }, second[] = { 0, 30, 30 };
    for (int i = 0; i < 3; i++) {
        step(&w);
        assert_int_equal(rows_of(&w, 1), first[i]);
        assert_int_equal(rows_of(&w, 2), second[i]);
        draw(&w);
    }
    world_close(&w);
}

/* The bytes that are said are those that the heap has given, within its own rounding. */
static void says_what_it_takes(void **state) {
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* another heap */
#else
    static const struct {
        uint32_t running, queue, ctx;
    } sizes[] = { { 8, 520, 4096 }, { 1, 65536, 64 }, { 1000, 10, 64000 } };
    for (size_t i = 0; i < HTH_COUNT(sizes); i++) {
        HthErr err = { 0 };
        World w;
        HthSched *s = NULL;
        open_usual(&w, 4);
        HthSchedCfg cfg = { .pages = w.pages,
                            .page_len = PAGE,
                            .running_max = sizes[i].running,
                            .queue_max = sizes[i].queue,
                            .queue_user_max = 1,
                            .rows_max = 64,
                            .ctx_max = sizes[i].ctx };
        assert_ok(hth_kv_layout(&cfg.layout, HTH_KV_F32, 1, 1, 1, 1, &err), err);
        const struct mallinfo2 before = mallinfo2();
        assert_ok(hth_sched_open(&s, &cfg, &err), err);
        const struct mallinfo2 after = mallinfo2();
        const double taken =
            (double)(after.uordblks + after.hblkhd) - (double)(before.uordblks + before.hblkhd);
        const double said = (double)hth_sched_bytes(&cfg);
        assert_true(taken >= said * 0.995 && taken <= said * 1.1 + 65536);
        hth_sched_close(&s);
        world_close(&w);
    }
#endif
}

static void pieces_are_not_too_small(void **state) {
    (void)state;
    World w;
    open_usual(&w, 80);
    const uint32_t n[] = { 120, 300, 5 };
    for (uint64_t id = 1; id <= 3; id++)
        arrive_ok(&w, (HthTicket){ .id = id, .user = id, .n = n[id - 1], .no_prefix = true });
    step(&w);
    assert_int_equal(rows_of(&w, 1), 120);
    assert_int_equal(rows_of(&w, 2), 0); /* eight rows would be no work */
    assert_int_equal(rows_of(&w, 3), 5); /* five are all of it */
    draw(&w);
    step(&w);
    assert_int_equal(rows_of(&w, 2), 126);
    world_close(&w);
}

static void paused_for_a_moment_keeps_its_place(void **state) {
    (void)state;
    World w;
    open_usual(&w, 40);
    for (uint64_t id = 1; id <= 5; id++) arrive_ok(&w, (HthTicket){ .id = id, .n = 9 });
    step(&w);
    draw(&w);
    hth_sched_pause(w.s, 2, true);
    w.now = 999999999;
    step(&w);
    assert_int_equal(w.step.count, 3);
    assert_int_equal(hth_sched_stats(w.s).paused, 1);
    hth_sched_pause(w.s, 2, false);
    step(&w);
    assert_int_equal(rows_of(&w, 2), 1);
    assert_null(part(&w, 5));
    world_close(&w);
}

static HthStatus body(void *ctx) {
    (void)ctx;
    World w;
    const HthStatus st = world_open(&w, 8, &usual, NULL);
    world_close(&w);
    return st;
}

static void survives_no_memory(void **state) {
    (void)state;
    assert_true(test_torture(body, NULL, 80) >= 30);
}

static void refuses_nonsense(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w;
    HthSchedCfg bad[4] = { usual, usual, usual, usual };
    bad[0].running_max = 0;
    bad[1].rows_max = 0;
    bad[2].queue_max = UINT32_MAX;
    bad[3].ctx_max = 0;
    for (size_t i = 0; i < HTH_COUNT(bad); i++) {
        assert_status(world_open(&w, 8, &bad[i], &err), HTH_EINVAL, err);
        assert_null(w.s);
        world_close(&w);
    }
}

/* Texts of an encoder: a step has as many as fit, and whoever does not waits for the next, of
 * which it then has all it needs. */
static void whole_prompts_are_never_cut(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w;
    HthSchedCfg cfg = usual;
    cfg.rows_max = cfg.ctx_max = 100;
    cfg.whole = true;
    assert_ok(world_open(&w, 20, &cfg, &err), err);
    static const uint32_t n[] = { 60, 50, 30, 100 };
    for (uint32_t i = 0; i < 4; i++)
        arrive_ok(&w,
                  (HthTicket){
                      .id = i + 1, .n = n[i], .ctx = n[i], .all_rows = true, .no_prefix = true });
    static const uint32_t rows[][4] = { { 60, 0, 30, 0 }, { 0, 50, 0, 0 }, { 0, 0, 0, 100 } };
    for (uint32_t k = 0; k < HTH_COUNT(rows); k++) {
        step(&w);
        for (uint32_t i = 0; i < 4; i++) {
            assert_int_equal(rows_of(&w, i + 1), rows[k][i]);
            if (rows[k][i]) assert_int_equal(part(&w, i + 1)->first, 0);
        }
        for (uint32_t i = 0; i < 4; i++)
            if (rows[k][i]) hth_sched_end(w.s, i + 1);
    }
    step(&w);
    assert_int_equal(w.step.count, 0);
    world_close(&w);
    cfg.rows_max = 99; /* the longest would never come */
    assert_status(world_open(&w, 20, &cfg, &err), HTH_EINVAL, err);
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prompt_comes_in_pieces),
        cmocka_unit_test(answers_come_before_prompts),
        cmocka_unit_test(refuses_with_counts),
        cmocka_unit_test(says_when_to_come_again),
        cmocka_unit_test(a_timeline_has_so_many_rows),
        cmocka_unit_test(late_ones_end),
        cmocka_unit_test(a_higher_priority_takes_a_place),
        cmocka_unit_test(a_reader_that_stands_still_gives_way),
        cmocka_unit_test(many_requests_of_one_user_cost_others_nothing),
        cmocka_unit_test(age_counts_in_the_end),
        cmocka_unit_test(prompts_go_on_beside_answers),
        cmocka_unit_test(prompts_have_a_ceiling),
        cmocka_unit_test(says_what_it_takes),
        cmocka_unit_test(pieces_are_not_too_small),
        cmocka_unit_test(paused_for_a_moment_keeps_its_place),
        cmocka_unit_test(whole_prompts_are_never_cut),
        cmocka_unit_test(refuses_nonsense),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

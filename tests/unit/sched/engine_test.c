/* engine_test.c - many jobs at once say what each says alone; limits, ends, figures and memory.
 *
 * Thread: the test's, and the engine's. */
#include "support/test.h"

#include "unit/sched/engine_world.h"

static void alone_together_and_plainly(void **state) {
    (void)state;
    static uint32_t ids[MANY][CTX];
    static Said plain[MANY], said[MANY];
    static HthJobCfg c[MANY];
    static const HthEngineCfg cfgs[] = {
        { .parallel = 4, .chunk = 64 },
        { .parallel = 4, .chunk = 64, .threads = 1 },
        { .parallel = 3, .chunk = 17, .no_prefix = true },
        { .parallel = 14, .chunk = 64, .cache_bytes = 16 * PAGE },
        { .parallel = 1, .no_pack = true },
    };
    for (uint32_t i = 0; i < MANY; i++) {
        c[i] = job(ids[i], i);
        said_plainly(&plain[i], model, &c[i], CTX, NULL);
    }
    for (size_t k = 0; k < HTH_COUNT(cfgs); k++) {
        HthEngine *e = engine(cfgs[k]);
        said_together(e, c, MANY, said);
        for (uint32_t i = 0; i < MANY; i++) {
            assert_said_same(&said[i], &plain[i], "together");
            assert_int_equal(said[i].done.word_count, said[i].count);
        }
        assert_int_equal(hth_engine_stats(e).jobs, 0);
        hth_engine_close(&e);
        hth_engine_close(&e);
    }
}

/* Answers that outgrow the pages: some are set back, and say the same in the end. */
static void set_back(void **state) {
    (void)state;
    static uint32_t ids[MANY][CTX];
    static Said plain[MANY], said[MANY];
    static HthJobCfg c[MANY];
    HthEngine *e = engine((HthEngineCfg){ .parallel = 6, .cache_bytes = 7 * PAGE });
    for (uint32_t i = 0; i < 6; i++) {
        c[i] = job(ids[i], i);
        c[i].n = 10 + i;
        c[i].predict_max = 280;
        said_plainly(&plain[i], model, &c[i], CTX, NULL);
    }
    assert_int_equal(hth_engine_plan_of(e)->page_count, 7);
    said_together(e, c, 6, said);
    for (uint32_t i = 0; i < 6; i++) assert_said_same(&said[i], &plain[i], "set back");
    assert_true(hth_engine_stats(e).sched.preempted > 0);
    hth_engine_close(&e);
}

/* A prompt that was computed before is not computed again - for its own tenant. */
static void prefixes(void **state) {
    (void)state;
    HthEngine *e = engine((HthEngineCfg){ .parallel = 2 });
    uint32_t ids[CTX];
    static Said first, again, other, fresh;
    HthJobCfg c = job(ids, 3);
    for (uint32_t i = 0; i < 200; i++) ids[i] = i * 7 % VOCAB;
    c.n = 200;
    c.predict_max = 30;
    c.tenant = 1;
    said_all(&first, e, c);
    said_all(&again, e, c);
    c.tenant = 2;
    said_all(&other, e, c);
    c.no_prefix = true;
    c.tenant = 1;
    said_all(&fresh, e, c);
    assert_int_equal(first.done.cached_count, 0);
    assert_int_equal(again.done.cached_count, 192);
    assert_int_equal(other.done.cached_count, 0);
    assert_int_equal(fresh.done.cached_count, 0);
    assert_int_equal(again.done.prompt_count, 200);
    assert_said_same(&again, &first, "again");
    assert_said_same(&other, &first, "another tenant");
    assert_said_same(&fresh, &first, "without");
    const HthEngineStats s = hth_engine_stats(e);
    assert_int_equal(s.prompt_tokens, 800);
    assert_int_equal(s.cached_tokens, 192);
    assert_int_equal(s.words, 120);
    assert_int_equal(s.ended[HTH_END_LENGTH], 4);
    uint64_t first_n = 0, between_n = 0, queue_n = 0;
    for (int i = 0; i <= HTH_HIST_BOUNDS; i++) {
        first_n += s.first.count[i];
        between_n += s.between.count[i];
        queue_n += s.queue.count[i];
    }
    assert_int_equal(first_n, 4);
    assert_int_equal(queue_n, 4);
    assert_int_equal(between_n, 120 - 4);
    assert_true(s.pages_touched >= 4 && s.pages_touched <= s.sched.page_count);
    hth_engine_close(&e);
}

/* Whoever does not read stops his own timeline and nobody else's. */
static void slow_readers(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthEngine *e = engine((HthEngineCfg){ .ctx = 1000, .parallel = 2 });
    uint32_t ids[CTX], slow_ids[CTX];
    static Said slow, plain, said;
    HthJob *j = NULL;
    Bell bell;
    bell_open(&bell);
    HthJobCfg c = job(slow_ids, 9);
    c.n = 5;
    c.predict_max = 900; /* more than a ring holds */
    c.logprobs = true;
    c.top = 20;
    c.wake = bell_wake;
    c.payload = &bell;
    assert_ok(hth_engine_submit(e, &c, &j, &err), err);
    while (hth_engine_stats(e).sched.paused == 0) usleep(1000);
    for (uint32_t i = 0; i < 3; i++) { /* others go on */
        HthJobCfg other = job(ids, 20 + i);
        said_plainly(&plain, model, &other, 1000, NULL);
        said_all(&said, e, other);
        assert_said_same(&said, &plain, "beside a slow one");
    }
    assert_int_equal(hth_engine_stats(e).sched.paused, 1);
    said_plainly(&plain, model, &c, 1000, NULL);
    memset(&slow, 0, sizeof slow);
    for (uint64_t seen = 0; !said_read(&slow, j);) seen = bell_wait(&bell, seen);
    assert_said_same(&slow, &plain, "slow");
    hth_job_close(&j);
    hth_engine_close(&e);
    hth_gate_close(&bell.gate);
}

static void refusals(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthEngine *e = engine((HthEngineCfg){ .ctx = 100, .parallel = 1, .cache_bytes = 40000 });
    uint32_t ids[CTX];
    HthJob *j = NULL;
    HthJobCfg c = job(ids, 1);
    c.n = 0;
    assert_status(hth_engine_submit(e, &c, &j, &err), HTH_EINVAL, err);
    c.n = 100;
    assert_status(hth_engine_submit(e, &c, &j, &err), HTH_ELIMIT, err);
    assert_non_null(strstr(err.text, "100 tokens"));
    c.n = 50;
    c.ctx = 50;
    assert_status(hth_engine_submit(e, &c, &j, &err), HTH_ELIMIT, err);
    assert_non_null(strstr(err.text, "holds 50"));
    c.ctx = 101;
    assert_status(hth_engine_submit(e, &c, &j, &err), HTH_ELIMIT, err);
    c.ctx = 0;
    c.predict_max = 40; /* the cache has one page */
    assert_int_equal(hth_engine_plan_of(e)->page_count, 1);
    assert_status(hth_engine_submit(e, &c, &j, &err), HTH_ELIMIT, err);
    c.predict_max = 14;
    ids[7] = VOCAB;
    assert_status(hth_engine_submit(e, &c, &j, &err), HTH_EINVAL, err);
    assert_non_null(strstr(err.text, "token 8"));
    ids[7] = 0;
    c.stop_count = 1;
    c.stops[0] = HTH_STR("x");
    assert_status(hth_engine_submit(e, &c, &j, &err), HTH_ENOTSUP, err);
    c.stop_count = HTH_JOB_STOPS_MAX + 1;
    assert_status(hth_engine_submit(e, &c, &j, &err), HTH_ELIMIT, err);
    c.stop_count = 0;
    c.top = HTH_JOB_TOP_MAX + 1;
    assert_status(hth_engine_submit(e, &c, &j, &err), HTH_ELIMIT, err);
    c.top = 0;
    c.priority = 101;
    assert_status(hth_engine_submit(e, &c, &j, &err), HTH_EINVAL, err);
    c.priority = 0;
    c.params.temperature = -1;
    assert_status(hth_engine_submit(e, &c, &j, &err), HTH_EINVAL, err);
    assert_null(j);
    hth_engine_close(&e);
    HthEnginePlan plan;
    assert_status(hth_engine_plan(&plan, model, &(HthEngineCfg){ .parallel = 5000 }, &err),
                  HTH_EINVAL, err);
    assert_status(hth_engine_plan(&plan, model, &(HthEngineCfg){ .cache_bytes = 10 }, &err),
                  HTH_EINVAL, err);
    assert_status(hth_engine_open(&e, model, &(HthEngineCfg){ .kv = "f9" }, &err), HTH_EINVAL, err);
    assert_status(hth_engine_open(&e, model, &(HthEngineCfg){ .queue_max = 1u << 30 }, &err),
                  HTH_EINVAL, err);
    assert_null(e);
}

/* What nobody reads keeps its place; behind it the queue fills up. */
static void full_queues(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthEngine *e = engine((HthEngineCfg){
        .ctx = 1000, .parallel = 1, .threads = 1, .queue_max = 5, .queue_user_max = 3 });
    static uint32_t ids[8][CTX];
    HthJob *j[8] = { NULL };
    HthJobCfg c[8];
    for (uint32_t i = 0; i < 8; i++) {
        c[i] = job(ids[i], i);
        c[i].predict_max = 900 - c[i].n;
        c[i].user = 1;
    }
    hth_clock_fake(1000, 0); /* time stands still: nobody is set back for being slow */
    assert_ok(hth_engine_submit(e, &c[0], &j[0], &err), err);
    while (hth_engine_stats(e).waiting > 0) usleep(1000);
    for (uint32_t i = 1; i <= 3; i++) assert_ok(hth_engine_submit(e, &c[i], &j[i], &err), err);
    assert_status(hth_engine_submit(e, &c[4], &j[4], &err), HTH_EAGAIN, err);
    assert_non_null(strstr(err.text, "3 requests of this user"));
    c[4].user = c[5].user = c[6].user = 2;
    assert_ok(hth_engine_submit(e, &c[4], &j[4], &err), err);
    assert_ok(hth_engine_submit(e, &c[5], &j[5], &err), err);
    assert_status(hth_engine_submit(e, &c[6], &j[6], &err), HTH_EAGAIN, err);
    assert_non_null(strstr(err.text, "5 requests are"));
    hth_job_close(&j[3]); /* leaves the queue */
    while (hth_engine_stats(e).waiting > 4) usleep(1000);
    assert_ok(hth_engine_submit(e, &c[6], &j[6], &err), err);
    for (uint32_t i = 0; i < 8; i++) hth_job_close(&j[i]);
    hth_engine_close(&e);
    hth_clock_fake(UINT64_MAX, 0);
}

/* Four of user 1 have begun and stand still, set back one after another: they are that user's part
 * of the queue, though none of them waits for a place. Another user's goes through. */
static void stalled_queues(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthEngine *e = engine((HthEngineCfg){
        .ctx = 1000, .parallel = 1, .threads = 1, .queue_max = 5, .queue_user_max = 3 });
    static uint32_t ids[6][CTX];
    static Said said, plain;
    HthJob *j[6] = { NULL };
    uint64_t now = 1000;
    for (uint32_t i = 0; i < 6; i++, now += UINT64_C(2000000000)) {
        HthJobCfg c = job(ids[i], i);
        c.predict_max = i < 5 ? 900 - c.n : 20;
        c.user = i < 5 ? 1 : 2;
        hth_clock_fake(now, 0); /* each finds the one before it stuck */
        if (i == 4) {
            assert_status(hth_engine_submit(e, &c, &j[i], &err), HTH_EAGAIN, err);
            assert_non_null(strstr(err.text, "3 requests of this user"));
        } else if (i == 5) {
            said_plainly(&plain, model, &c, 1000, NULL);
            said_all(&said, e, c);
            assert_said_same(&said, &plain, "beside four that stand still");
        } else {
            assert_ok(hth_engine_submit(e, &c, &j[i], &err), err);
            while (hth_engine_stats(e).sched.paused <= i) usleep(1000);
            assert_int_equal(hth_engine_stats(e).waiting, 0);
        }
    }
    for (uint32_t i = 0; i < 6; i++) hth_job_close(&j[i]);
    hth_engine_close(&e);
    hth_clock_fake(UINT64_MAX, 0);
}

/* By rows in the cache, as a session counts: what is drawn from the last of them is said, too. */
static void a_context_is_so_many_rows(void **state) {
    (void)state;
    static Said said, plain;
    uint32_t ids[CTX];
    HthEngine *e = engine((HthEngineCfg){ .parallel = 1, .cache_bytes = 2 * PAGE });
    HthJobCfg c = job(ids, 6);
    for (c.n = 0; c.n < 100; c.n++) ids[c.n] = c.n * 7 % VOCAB;
    c.ctx = 128; /* two pages, and there are no more */
    c.predict_max = 0;
    c.ignore_end = true;
    said_plainly(&plain, model, &c, 128, NULL);
    said_all(&said, e, c);
    assert_said_same(&said, &plain, "to the end of its context");
    assert_int_equal(said.count, 128 - 100 + 1);
    assert_int_equal(said.done.end, HTH_END_CONTEXT);
    c.predict_max = 29;
    said_all(&said, e, c);
    assert_int_equal(said.count, 29);
    assert_int_equal(said.done.end, HTH_END_LENGTH);
    hth_engine_close(&e);
}

static void cancelled_late_closed(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthEngine *e = engine((HthEngineCfg){ .ctx = 2000, .parallel = 4, .chunk = 8 });
    static uint32_t ids[3][2000];
    static Said said[3];
    HthJob *j[3] = { NULL };
    Bell bell;
    bell_open(&bell);
    for (uint32_t i = 0; i < 3; i++) {
        HthJobCfg c = job(ids[i], i);
        for (uint32_t k = 0; k < 1900; k++) ids[i][k] = k * (i + 3) % VOCAB;
        c.n = 1900;
        c.predict_max = 0;
        c.deadline_ns = i == 1 ? hth_clock_ns() + 2000000 : 0;
        c.wake = bell_wake;
        c.payload = &bell;
        assert_ok(hth_engine_submit(e, &c, &j[i], &err), err);
    }
    hth_job_cancel(j[0]); /* inside its prompt */
    hth_job_cancel(j[0]);
    uint64_t seen = 0;
    while (!said_read(&said[0], j[0])) seen = bell_wait(&bell, seen);
    assert_int_equal(said[0].done.end, HTH_END_CANCELED);
    hth_job_cancel(j[0]); /* too late is fine */
    while (!said_read(&said[1], j[1])) seen = bell_wait(&bell, seen);
    assert_int_equal(said[1].done.end, HTH_END_LATE);
    assert_false(said_read(&said[2], j[2]) && said[2].done.end != HTH_END_CONTEXT);
    hth_engine_close(&e); /* with a job running */
    assert_true(said_read(&said[2], j[2]));
    assert_true(said[2].done.end == HTH_END_CLOSED || said[2].done.end == HTH_END_CONTEXT);
    for (uint32_t i = 0; i < 3; i++) hth_job_close(&j[i]);
    hth_job_close(&j[0]);
    hth_gate_close(&bell.gate);
}

/* Against the session's rows, with another library's functions. */
static void logprobs(void **state) {
    (void)state;
    enum { N = 40, TOP = 5 };
    HthErr err = { 0 };
    HthEngine *e = engine((HthEngineCfg){ .parallel = 2 });
    HthSession *s = NULL;
    HthJob *j = NULL;
    uint32_t ids[CTX];
    float row[VOCAB];
    HthJobCfg c = job(ids, 4);
    c.predict_max = N;
    c.logprobs = true;
    c.top = TOP;
    c.params.repeat_penalty = 1.5f;
    assert_ok(hth_session_open(&s, model, &(HthSessionCfg){ .ctx = CTX, .threads = 1 }, &err), err);
    assert_ok(hth_session_eval(s, ids, c.n, row, &err), err);
    assert_ok(hth_engine_submit(e, &c, &j, &err), err);
    for (uint32_t i = 0; i < N;) {
        HthWord w;
        HthJobDone d;
        const int r = hth_job_read(j, &w, &d);
        assert_true(r >= 0);
        if (r == 0) continue;
        double sum = 0;
        for (uint32_t k = 0; k < VOCAB; k++) sum += exp((double)row[k]);
        assert_true(fabs((double)w.logprob - ((double)row[w.id] - log(sum))) < 1e-5);
        assert_int_equal(w.top_count, TOP);
        for (uint32_t k = 0; k < TOP; k++) {
            uint32_t better = 0; /* how many stand before it */
            for (uint32_t v = 0; v < VOCAB; v++)
                better +=
                    row[v] > row[w.top[k].id] || (v < w.top[k].id && !(row[v] < row[w.top[k].id]));
            assert_int_equal(better, k);
            assert_true(fabs((double)w.top[k].logprob - ((double)row[w.top[k].id] - log(sum))) <
                        1e-5);
        }
        assert_ok(hth_session_eval(s, &w.id, 1, row, &err), err);
        i++;
    }
    hth_job_close(&j);
    hth_session_close(&s);
    c.logprobs = false; /* nothing beside the word, then */
    assert_ok(hth_engine_submit(e, &c, &j, &err), err);
    for (int r = 0; r == 0;) {
        HthWord w;
        HthJobDone d;
        r = hth_job_read(j, &w, &d);
        if (r != 0) assert_true(r == 1 && w.top_count == 0 && !w.top);
    }
    hth_job_close(&j);
    hth_engine_close(&e);
}

/* Seeded disorder: several threads bring jobs, read them, leave them unread for a while, cancel and
 * close them at any moment.  Whatever was read of a job is what it says alone. */
enum { HANDS = 3, TURNS = 60, KINDS = 6 };
typedef struct Hand {
    HthEngine *e;
    uint64_t seed;
    const Said *plain; /* [KINDS] */
    uint32_t whole, cut; /* jobs read to their end, and not */
} Hand;

static void check_read(const Said *said, const Said *plain) {
    for (uint32_t i = 0; i < said->count; i++)
        HTH_ASSERT(i < plain->count && said->ids[i] == plain->ids[i]);
}

static void hand_main(void *payload) {
    Hand *h = payload;
    Said *said = hth_calloc(1, sizeof *said);
    HTH_ASSERT(said);
    for (uint64_t t = 0; t < TURNS; t++) {
        HthErr err = { 0 };
        HthJob *j = NULL;
        uint32_t ids[CTX];
        const uint32_t kind = hth_rng_below(h->seed, 1, t, KINDS);
        const HthJobCfg c = job(ids, kind);
        const uint32_t way = hth_rng_below(h->seed, 2, t, 4);
        uint32_t reads = hth_rng_below(h->seed, 3, t, 40);
        HTH_ASSERT(hth_engine_submit(h->e, &c, &j, &err) == HTH_OK);
        memset(said, 0, sizeof *said);
        while ((way == 0 || reads-- > 0) && !said_read(said, j)) usleep(200);
        if (way == 1) {
            hth_job_cancel(j);
            while (!said_read(said, j)) usleep(100);
        }
        check_read(said, &h->plain[kind]);
        HTH_ASSERT(way != 0 || said->count == h->plain[kind].count);
        *(way == 0 ? &h->whole : &h->cut) += 1;
        hth_job_close(&j);
    }
    hth_free(said);
}

static void disorder(void **state) {
    (void)state;
    HthErr err = { 0 };
    static Said plain[KINDS];
    HthThread *t[HANDS] = { NULL };
    Hand hand[HANDS];
    uint32_t ids[CTX];
    HthEngine *e = engine((HthEngineCfg){ .parallel = 2, .chunk = 32 });
    for (uint32_t i = 0; i < KINDS; i++) {
        const HthJobCfg c = job(ids, i);
        said_plainly(&plain[i], model, &c, CTX, NULL);
    }
    for (uint32_t i = 0; i < HANDS; i++) {
        hand[i] = (Hand){ .e = e, .seed = 100 + i, .plain = plain };
        assert_ok(hth_thread_open(&t[i], hand_main, &hand[i], &err), err);
    }
    for (uint32_t i = 0; i < HANDS; i++) {
        hth_thread_join(&t[i]);
        assert_true(hand[i].whole > 0 && hand[i].cut > 0);
    }
    while (hth_engine_stats(e).jobs > 0) usleep(100);
    const HthEngineStats s = hth_engine_stats(e);
    assert_int_equal(s.waiting, 0);
    assert_int_equal(s.sched.pages_free + s.sched.pages_cached, s.sched.page_count);
    hth_engine_close(&e);
}

/* A word costs no allocation, whatever is asked of it. */
static void words_do_not_allocate(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthEngine *e = engine((HthEngineCfg){ .parallel = 3 });
    static uint32_t ids[3][CTX];
    static Said said[3];
    HthJob *j[3] = { NULL };
    for (uint32_t i = 0; i < 3; i++) {
        HthJobCfg c = job(ids[i], i * 3);
        c.n = 20 + i;
        c.predict_max = 250;
        c.logprobs = i > 0;
        c.top = i == 2 ? 20 : 0;
        c.params.dry_multiplier = i == 1 ? 0.8f : 0.0f;
        assert_ok(hth_engine_submit(e, &c, &j[i], &err), err);
        memset(&said[i], 0, sizeof said[i]);
    }
    for (uint32_t i = 0; i < 3; i++)
        while (said[i].count == 0) (void)said_read(&said[i], j[i]);
    const uint64_t calls = hth_mem_calls();
    while (said[0].count < 200 || said[1].count < 200 || said[2].count < 200)
        for (uint32_t i = 0; i < 3; i++) (void)said_read(&said[i], j[i]);
    assert_int_equal(hth_mem_calls(), calls);
    for (uint32_t i = 0; i < 3; i++) hth_job_close(&j[i]);
    hth_engine_close(&e);
}

/* The plan is what is taken, to the byte. */
static void plans(void **state) {
    (void)state;
    HthErr err = { 0 };
    static const HthEngineCfg cfgs[] = {
        { .ctx = 1 },
        { .ctx = 100, .parallel = 1, .threads = 1, .chunk = 1 },
        { .ctx = 300, .parallel = 40, .threads = 2, .chunk = 16 },
        { .ctx = 512, .parallel = 3, .threads = 3, .kv = "f32", .cache_bytes = 300000 },
        { .ctx = 512, .parallel = 64 },
        { .ctx = 512, .parallel = 16, .queue_max = 3 },
        { .ctx = 512, .parallel = 17, .queue_max = 65536 },
    };
    static const uint32_t rows[] = { 1 + 8, 1 + 1, 16 + 40, 64, 64 + 64, 64, 64 + 17 };
    for (size_t i = 0; i < HTH_COUNT(cfgs); i++) {
        HthEnginePlan p;
        HthEngine *e = NULL;
        assert_ok(hth_engine_plan(&p, model, &cfgs[i], &err), err);
        const uint64_t before = hth_mem_mapped();
        assert_ok(hth_engine_open(&e, model, &cfgs[i], &err), err);
        const uint64_t *b = p.memory.bytes;
        assert_int_equal(hth_mem_mapped() - before,
                         b[HTH_MEMORY_CACHE] + b[HTH_MEMORY_SCRATCH] + b[HTH_MEMORY_LOGITS]);
        assert_int_equal(p.total_bytes, hth_memory_total(&p.memory));
        assert_int_equal(p.rows, rows[i]);
        assert_true(b[HTH_MEMORY_LISTS] > hth_sched_bytes(&e->room.sched));
        assert_int_equal(b[HTH_MEMORY_TABLES], hth_model_table_bytes(model));
        assert_int_equal(b[HTH_MEMORY_PANELS], hth_model_pack_bytes(model)); /* it is in no file */
        assert_int_equal(b[HTH_MEMORY_WEIGHTS], hth_model_weight_bytes(model));
        assert_int_equal(p.passing_bytes, 0);
        assert_memory_equal(&p, hth_engine_plan_of(e), sizeof p);
        assert_int_equal(hth_engine_stats(e).sched.page_count, p.page_count);
        assert_ptr_equal(hth_engine_model(e), model);
        hth_engine_close(&e);
        assert_int_equal(hth_mem_mapped(), before);
    }
}

/* Panels of a file's matrices take their place; an output that is the embedding stays as well. */
static void panels(void **state) {
    (void)state;
    for (int tied = 0; tied < 2; tied++) {
        HthErr err = { 0 };
        Tiny c = tiny;
        HthBuf bytes;
        HthModel *m = NULL;
        HthEngine *e = NULL;
        static Said said;
        uint32_t ids[3] = { 1, 2, 3 };
        char path[] = "/tmp/engine_test.XXXXXX";
        c.embd = 256;
        c.ff = 256;
        c.tied = tied;
        tiny_build(&bytes, &c);
        const int fd = mkstemp(path);
        assert_true(fd >= 0 && write(fd, bytes.p, bytes.n) == (ssize_t)bytes.n);
        close(fd);
        assert_ok(hth_model_open(&m, path, &err), err);
        const size_t all = hth_model_pack_bytes(m), output = (size_t)VOCAB * (256 / 32 * 34);
        assert_int_equal(hth_model_packed_bytes(m), 0);
        assert_int_equal(hth_model_pack_beside(m), tied && all ? output : 0);
        assert_ok(hth_engine_open(&e, m, &(HthEngineCfg){ .ctx = 128, .threads = 1 }, &err), err);
        assert_int_equal(hth_engine_plan_of(e)->memory.bytes[HTH_MEMORY_PANELS],
                         tied && all ? output : 0);
        HthJobCfg job = { .ids = ids, .n = 3, .predict_max = 40 };
        hth_sample_defaults(&job.params);
        said_all(&said, e, job);
        hth_engine_close(&e);
        assert_int_equal(hth_model_packed_bytes(m), all);
        hth_model_close(&m);
        unlink(path);
        hth_buf_drop(&bytes);
    }
}

static HthStatus body(void *ctx) {
    HthErr err = { 0 };
    HthEngine *e = NULL;
    HthJob *j = NULL;
    HthStatus st = hth_engine_open(
        &e, model, &(HthEngineCfg){ .ctx = CTX, .parallel = 2, .threads = 2 }, &err);
    if (st == HTH_OK) st = hth_engine_submit(e, ctx, &j, &err);
    hth_job_close(&j);
    hth_engine_close(&e);
    return st;
}

static void survives_no_memory(void **state) {
    (void)state;
    uint32_t ids[CTX];
    HthJobCfg c = job(ids, 1);
    assert_true(test_torture(body, &c, 200) >= 20);
    c.kind = HTH_JOB_EMBED;
    assert_true(test_torture(body, &c, 200) >= 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alone_together_and_plainly),
        cmocka_unit_test(set_back),
        cmocka_unit_test(prefixes),
        cmocka_unit_test(slow_readers),
        cmocka_unit_test(refusals),
        cmocka_unit_test(full_queues),
        cmocka_unit_test(stalled_queues),
        cmocka_unit_test(a_context_is_so_many_rows),
        cmocka_unit_test(cancelled_late_closed),
        cmocka_unit_test(logprobs),
        cmocka_unit_test(disorder),
        cmocka_unit_test(words_do_not_allocate),
        cmocka_unit_test(plans),
        cmocka_unit_test(panels),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}

/* train_test.c - a training learns; stopped or killed at any moment it ends with the same bits. */
#include <math.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/json.h"
#include "tiny_train.h"

static Tiny T;

static int setup(void **state) {
    (void)state;
    tiny_prepare(&T);
    return 0;
}
static int teardown(void **state) {
    (void)state;
    tiny_close(&T);
    return 0;
}

static void fresh(void) {
    tiny_remove(&T, "checkpoint");
    tiny_remove(&T, "log.jsonl");
}

static HthStatus run(HthTrainCfg cfg, HthTrainFn *fn, void *payload) {
    HthErr err = { 0 };
    HthStatus status = hth_train_run(&cfg, fn, payload, &err);
    if (status != HTH_OK && status != HTH_ECANCELED) print_message("%s\n", err.text);
    return status;
}

typedef struct Seen {
    double first, last, valid;
    uint32_t steps;
} Seen;

static int watch(void *payload, const HthTrainProgress *p) {
    Seen *s = payload;
    if (s->steps++ == 0) s->first = p->loss;
    s->last = p->loss;
    s->valid = p->loss_valid;
    return 0;
}

static void it_learns(void **state) {
    (void)state;
    Seen s = { 0 };
    fresh();
    assert_int_equal(run(T.cfg, watch, &s), HTH_OK);
    assert_int_equal(s.steps, 24);
    assert_true(fabs(s.first - log(320)) < 0.5); /* knows nothing yet */
    assert_true(s.last < s.first - 1.5);
    assert_true(isfinite(s.valid) && s.valid < s.first);
}

/* Each step once, in order, finite. */
static void check_log(void) {
    HthBuf log;
    tiny_read(&T, "log.jsonl", &log);
    HthStr rest = hth_buf_str(&log);
    json_int_t next = 1;
    while (rest.n) {
        const size_t n = hth_str_find(rest, HTH_STR("\n"));
        json_t *o = NULL;
        HthErr err;
        assert_true(n != SIZE_MAX);
        assert_int_equal(hth_json_parse(&o, hth_str_sub(rest, 0, n), 4096, &err), HTH_OK);
        if (json_object_get(o, "loss"))
            assert_int_equal(json_integer_value(json_object_get(o, "step")), next++);
        json_decref(o);
        rest = hth_str_sub(rest, n + 1, rest.n);
    }
    assert_int_equal(next, 25);
    hth_buf_drop(&log);
}

static void stopped_and_resumed(void **state) {
    (void)state;
    HthBuf want, got;
    fresh();
    assert_int_equal(run(T.cfg, NULL, NULL), HTH_OK);
    tiny_read(&T, "checkpoint", &want);
    fresh();
    HthTrainCfg parts = T.cfg;
    HthStatus status = HTH_ECANCELED;
    for (uint32_t i = 0; status == HTH_ECANCELED; i++) {
        parts.steps_max = 1 + i * 3 % 7;
        parts.threads = 1 + i % 3; /* and with another number of threads each time */
        status = run(parts, NULL, NULL);
    }
    assert_int_equal(status, HTH_OK);
    tiny_read(&T, "checkpoint", &got);
    assert_int_equal(want.n, got.n);
    assert_memory_equal(want.p, got.p, want.n);
    check_log();
    hth_buf_drop(&want);
    hth_buf_drop(&got);
}

/* Time jumps between steps: a checkpoint after each. */
static int hurry(void *payload, const HthTrainProgress *p) {
    uint64_t *now = payload;
    (void)p;
    *now += 2000000000u;
    hth_clock_fake(*now, 0);
    return 0;
}

static void killed_at_any_moment(void **state) {
    enum { ROUNDS = 60 };
    (void)state;
    HthBuf want, got;
    fresh();
    assert_int_equal(run(T.cfg, NULL, NULL), HTH_OK);
    tiny_read(&T, "checkpoint", &want);
    fresh();
    uint32_t kills = 0;
    bool done = false;
    for (uint32_t round = 0; !done; round++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            uint64_t now = 1000000000u;
            HthErr err;
            HthTrainCfg cfg = T.cfg;
            cfg.save_s = 1;
            hth_clock_fake(now, 0);
            _exit(hth_train_run(&cfg, hurry, &now, &err) == HTH_OK ? 0 : 1);
        }
        /* At first soon after the start, later anywhere in the run; slow machines get there too. */
        if (round < ROUNDS) {
            usleep(500 + hth_rng_below(6, 6, round, 20000 + round * 10000));
            kill(child, SIGKILL);
        }
        int how = 0;
        assert_int_equal(waitpid(child, &how, 0), child);
        done = WIFEXITED(how);
        if (done)
            assert_int_equal(WEXITSTATUS(how), 0);
        else
            kills++;
    }
    tiny_read(&T, "checkpoint", &got);
    assert_int_equal(want.n, got.n);
    assert_memory_equal(want.p, got.p, want.n);
    check_log();
    print_message("killed %u times\n", kills);
    hth_buf_drop(&want);
    hth_buf_drop(&got);
}

static void refuses_what_does_not_fit(void **state) {
    (void)state;
    HthErr err;
    char path[TINY_PATH], other[sizeof TINY_RECIPE];
    HthTrainCfg cfg = T.cfg;
    fresh();
    cfg.steps_max = 2;
    assert_int_equal(run(cfg, NULL, NULL), HTH_ECANCELED);
    /* Another seed is another recipe. */
    memcpy(other, TINY_RECIPE, sizeof other);
    memcpy(strstr(other, "\"seed\":5"), "\"seed\":6", 8);
    tiny_write(T.recipe, other, strlen(other));
    assert_int_equal(hth_train_run(&cfg, NULL, NULL, &err), HTH_EINVAL);
    cfg.afresh = true;
    assert_int_equal(run(cfg, NULL, NULL), HTH_ECANCELED);
    cfg.afresh = false;
    tiny_write(T.recipe, TINY_RECIPE, strlen(TINY_RECIPE));
    /* A flipped bit is damage. */
    fresh();
    assert_int_equal(run(cfg, NULL, NULL), HTH_ECANCELED);
    HthBuf ckpt;
    tiny_read(&T, "checkpoint", &ckpt);
    ckpt.p[ckpt.n / 2] ^= 1;
    tiny_path(path, T.work, "checkpoint");
    tiny_write(path, ckpt.p, ckpt.n);
    assert_int_equal(hth_train_run(&cfg, NULL, NULL, &err), HTH_EFORMAT);
    tiny_write(path, ckpt.p, ckpt.n / 2);
    assert_int_equal(hth_train_run(&cfg, NULL, NULL, &err), HTH_EFORMAT);
    hth_buf_drop(&ckpt);
    fresh();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_learns),
        cmocka_unit_test(stopped_and_resumed),
        cmocka_unit_test(killed_at_any_moment),
        cmocka_unit_test(refuses_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

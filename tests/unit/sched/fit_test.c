/* fit_test.c - what fits, and advice: the sums are those of opening, and what is advised holds.
 *
 * Thread: one. */
#include "support/test.h"

#include "support/tiny.h"
#include "model/model.h"
#include "run/plan.h"
#include "sched/engine.h"
#include "sched/fit.h"

static const Tiny tiny = { .arch = "llama",
                           .layers = 2,
                           .embd = 64,
                           .heads = 4,
                           .kv_heads = 2,
                           .ff = 96,
                           .vocab = 40,
                           .ctx = 1000,
                           .seed = 5 };

static HthModel *open_tiny(HthBuf *file) {
    HthErr err = { 0 };
    HthModel *m = NULL;
    tiny_build(file, &tiny);
    assert_ok(hth_model_open_mem(&m, file->p, file->n, "tiny", &err), err);
    return m;
}

static void same_sums(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthBuf file;
    HthModel *m = open_tiny(&file);
    HthFit f;
    HthRunPlan run;
    HthEnginePlan engine;
    HthFitCfg cfg = { .ctx = 300, .threads = 2, .program = 1000 };
    assert_ok(hth_fit(&f, m, &cfg, &err), err);
    assert_ok(hth_run_plan(&run, m, &(HthSessionCfg){ .ctx = 300, .threads = 2 }, &err), err);
    assert_memory_equal(&f.memory, &run.memory, sizeof f.memory);
    assert_int_equal(f.total, hth_memory_total(&run.memory) + 1000);
    assert_true(f.fits); /* nobody knows the room */
    cfg.parallel = 3;
    assert_ok(hth_fit(&f, m, &cfg, &err), err);
    const HthEngineCfg e = { .ctx = 300, .threads = 2, .parallel = 3 };
    assert_ok(hth_engine_plan(&engine, m, &e, &err), err);
    assert_memory_equal(&f.memory, &engine.memory, sizeof f.memory);
    assert_int_equal(f.total, engine.total_bytes + 1000);
    assert_int_equal(f.kv_bytes_per_token, run.kv_bytes_per_token);
    cfg.room = f.total;
    assert_ok(hth_fit(&f, m, &cfg, &err), err);
    assert_true(f.fits);
    cfg.room--;
    assert_ok(hth_fit(&f, m, &cfg, &err), err);
    assert_false(f.fits);
    cfg.kv = "f8";
    assert_status(hth_fit(&f, m, &cfg, &err), HTH_EINVAL, err);
    hth_model_close(&m);
    hth_buf_drop(&file);
}

/* From the room of the least to the room of all: what is advised fits, and where nothing alone does
 * the least is told. */
static void advice(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthBuf file;
    HthModel *m = open_tiny(&file);
    HthFitCfg cfg = { .ctx = 1000, .threads = 2, .parallel = 8 };
    HthFit now;
    HthFitAdvice a[HTH_FIT_ADVICE_MAX];
    bool shorter = false, fewer = false, leaner = false, none = false;
    assert_ok(hth_fit(&now, m, &cfg, &err), err);
    for (int share = 1; share <= 100; share++) {
        cfg.room = now.total * (uint64_t)share / 100;
        const uint32_t n = hth_fit_advise(a, m, &cfg);
        assert_int_equal(n == 0, share == 100);
        for (uint32_t i = 0; i < n; i++) {
            assert_int_equal(a[i].fit.fits, a[i].fit.total <= cfg.room);
            assert_true(a[i].fit.total < now.total);
            none = none || !a[i].fit.fits;
            assert_true(a[i].fit.fits || n == 1);
            shorter = shorter || strncmp(a[i].what, "--ctx", 5) == 0;
            fewer = fewer || strncmp(a[i].what, "--parallel", 10) == 0;
            leaner = leaner || strncmp(a[i].what, "--kv", 4) == 0;
        }
    }
    assert_true(fewer && leaner && none && shorter);
    hth_model_close(&m);
    hth_buf_drop(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(same_sums), cmocka_unit_test(advice) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

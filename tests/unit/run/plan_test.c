/* plan_test.c - the memory a session will take is known exactly before it opens.
 *
 * Thread: one. */
#include "support/test.h"

#include "model/model.h"
#include "run/plan.h"
#include "support/tiny.h"

static const Tiny tiny = { .arch = "llama",
                           .layers = 2,
                           .embd = 64,
                           .heads = 4,
                           .kv_heads = 2,
                           .ff = 96,
                           .vocab = 40,
                           .ctx = 1000,
                           .seed = 5 };

static void figures(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthBuf file;
    HthModel *m = NULL;
    HthRunPlan p;
    tiny_build(&file, &tiny);
    assert_ok(hth_model_open_mem(&m, file.p, file.n, "tiny", &err), err);
    assert_ok(hth_run_plan(&p, m, &(HthSessionCfg){ .ctx = 130, .threads = 2 }, &err), err);
    assert_int_equal(p.ctx, 130);
    assert_int_equal(p.chunk, 130); /* never longer than the timeline */
    assert_int_equal(p.kv, HTH_KV_F32); /* nothing is quantised */
    assert_int_equal(p.page_count, 3);
    assert_int_equal(p.kv_bytes_per_token, 2 * 2 * (16 + 16) * 4);
    assert_int_equal(p.memory.bytes[HTH_MEMORY_CACHE], 3 * 64 * p.kv_bytes_per_token);
    assert_int_equal(p.memory.bytes[HTH_MEMORY_WEIGHTS], hth_model_weight_bytes(m));
    assert_int_equal(p.memory.bytes[HTH_MEMORY_SCRATCH], p.scratch.bytes);
    HthRunPlan one = p;
    assert_ok(hth_run_plan(&one, m, &(HthSessionCfg){ .ctx = 130, .threads = 2, .chunk = 1 }, &err),
              err);
    assert_true(one.scratch.bytes < p.scratch.bytes);
    assert_ok(hth_run_plan(&p, m, NULL, &err), err);
    assert_int_equal(p.ctx, 1000);
    assert_int_equal(p.chunk, 256);
    assert_true(p.threads >= 1);
    assert_status(hth_run_plan(&p, m, &(HthSessionCfg){ .kv = "f8" }, &err), HTH_EINVAL, err);
    assert_int_equal(p.ctx, 1000); /* untouched */
    hth_model_close(&m);
    hth_buf_drop(&file);
}

/* Speeds that would leave the range of sine are refused before anything is computed. */
static void angles(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthBuf file;
    HthModel *m = NULL;
    HthRunPlan p;
    Tiny c = tiny;
    c.factor = 1e-6f;
    tiny_build(&file, &c);
    assert_ok(hth_model_open_mem(&m, file.p, file.n, "tiny", &err), err);
    assert_ok(hth_run_plan(&p, m, &(HthSessionCfg){ .ctx = 1000 }, &err), err);
    assert_status(hth_run_plan(&p, m, &(HthSessionCfg){ .ctx = 2000 }, &err), HTH_ENOTSUP, err);
    hth_model_close(&m);
    hth_buf_drop(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(figures), cmocka_unit_test(angles) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

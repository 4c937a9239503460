/* train_test.c - every allocation, read and write of a training fails once: an error, never a leak,
 * and what was on disk before stays whole. */
#include "unit/tune/tiny_train.h"

typedef HthStatus Step(Tiny *t, HthErr *err);

static HthStatus tokenizer(Tiny *t, HthErr *err) {
    return hth_train_tokenizer(&t->cfg, err);
}
static HthStatus prepare(Tiny *t, HthErr *err) {
    return hth_train_prepare(&t->cfg, err);
}
static HthStatus run(Tiny *t, HthErr *err) {
    HthTrainCfg cfg = t->cfg;
    cfg.afresh = true;
    cfg.steps_max = 1;
    HthStatus status = hth_train_run(&cfg, NULL, NULL, err);
    return status == HTH_ECANCELED ? HTH_OK : status; /* one step is what was asked for */
}
static HthStatus export_file(Tiny *t, HthErr *err) {
    return hth_train_export(&t->cfg, "Q8_0", t->out, err);
}
static HthStatus eval(Tiny *t, HthErr *err) {
    HthEval *e = NULL;
    HthEvalText r;
    HTH_TRY(hth_eval_open(&e, t->out, 1, err));
    HthStatus status = hth_eval_text(e, t->valid, &r, err);
    hth_eval_close(&e);
    return status;
}

static Step *const STEPS[] = { tokenizer, prepare, run, export_file, eval };

/* The first 40 places one by one, then ever wider apart: the path repeats itself. */
static uint64_t after(uint64_t nth) {
    return nth < 40 ? nth + 1 : nth + nth / 16;
}

static void no_memory(void **state) {
    Tiny t;
    HthErr err;
    (void)state;
    tiny_open(&t);
    t.cfg.valid_every = 0;
    for (size_t i = 0; i < HTH_COUNT(STEPS); i++) {
        const uint64_t live = hth_mem_live();
        uint64_t failed = 0;
        for (uint64_t nth = 1;; nth = after(nth)) {
            hth_mem_fail_after(nth);
            HthStatus status = STEPS[i](&t, &err);
            hth_mem_fail_after(0);
            assert_true(hth_mem_live() == live);
            if (status == HTH_OK) break;
            assert_int_equal(status, HTH_ENOMEM);
            failed++;
        }
        assert_true(failed > 5);
        assert_int_equal(STEPS[i](&t, &err), HTH_OK);
    }
    tiny_close(&t);
}

static void no_disk(void **state) {
    Tiny t;
    HthErr err;
    (void)state;
    tiny_open(&t);
    t.cfg.valid_every = 0;
    for (size_t i = 0; i < HTH_COUNT(STEPS); i++) {
        const uint64_t live = hth_mem_live();
        for (uint64_t nth = 1;; nth = after(nth)) {
            hth_file_fail_after(nth);
            HthStatus status = STEPS[i](&t, &err);
            hth_file_fail_after(0);
            assert_true(hth_mem_live() == live);
            if (status == HTH_OK) break;
            assert_int_equal(status, HTH_EIO);
        }
        assert_int_equal(STEPS[i](&t, &err), HTH_OK); /* what lies there is whole */
    }
    tiny_close(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(no_memory), cmocka_unit_test(no_disk) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

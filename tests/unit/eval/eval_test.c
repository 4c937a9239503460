/* eval_test.c - the embedded model evaluated: figures from its own logits, and every failure. */
#include "support/test.h"
#include "support/folder.h"

#include <math.h>

#include "eval/eval.h"
#include "model/model.h"

static HthModel *model;
static const char TEXT[] = "Once upon a time there was a little fox who lived in a wood. He liked "
                           "to look at the moon, and every night he sat on his hill.";

static int make(void **state) {
    char path[512];
    HthErr err = { 0 };
    hth_json_init();
    test_src_path(path, sizeof path, "models/ember/ember.gguf");
    if (access(path, R_OK) == 0) assert_ok(hth_model_open(&model, path, &err), err);
    return test_folder_make(state);
}

static int drop(void **state) {
    hth_model_close(&model);
    return test_folder_drop(state);
}

#define MODEL_OR_SKIP                                                                              \
    do {                                                                                           \
        (void)state;                                                                               \
        if (model == NULL) skip();                                                                 \
    } while (0)

static HthEvalOpt options(uint32_t threads) {
    HthEvalOpt opt = { .texts = { test_path("t.txt") }, .model = "dir/ember.gguf" };
    opt.cut.ctx = 32;
    opt.session.threads = threads;
    opt.boot = (HthBoot){ 50, 1 };
    test_put("t.txt", TEXT);
    return opt;
}

static double at(const json_t *o, const char *a, const char *b, const char *c) {
    const json_t *v = json_object_get(json_object_get(o, a), b);
    return json_number_value(c ? json_object_get(v, c) : v);
}

static void same_json(const json_t *a, const json_t *b) {
    HthBuf x, y;
    HthErr err = { 0 };
    hth_buf_init(&x, 1 << 20);
    hth_buf_init(&y, 1 << 20);
    assert_ok(hth_json_write(&x, a, 0, &err), err);
    assert_ok(hth_json_write(&y, b, 0, &err), err);
    assert_string_equal(x.p, y.p);
    hth_buf_drop(&x);
    hth_buf_drop(&y);
}

/* The definition, from one long timeline: valid for the first window, which is all there is. */
static void the_definition(void **state) {
    MODEL_OR_SKIP;
    HthEvalOpt opt = options(1);
    HthErr err = { 0 };
    json_t *report = NULL;
    HthIds ids;
    HthSession *s = NULL;
    double nats = 0;
    const uint32_t vocab = hth_model_vocab_count(model);
    const HthVocab *v = hth_model_vocab(model);
    opt.cut.ctx = 256;
    assert_ok(hth_eval(&report, model, &opt, &err), err);
    hth_ids_init(&ids, 1000);
    if (hth_vocab_add_bos(v)) assert_ok(hth_ids_add(&ids, hth_vocab_bos(v), &err), err);
    assert_ok(hth_vocab_encode(v, HTH_STR(TEXT), 0, &ids, &err), err);
    float *rows = hth_calloc(ids.n * vocab, sizeof *rows);
    assert_ok(hth_session_open(&s, model, &(HthSessionCfg){ .ctx = 256, .threads = 1 }, &err), err);
    assert_ok(hth_session_eval_all(s, ids.p, ids.n, rows, &err), err);
    for (size_t t = 0; t + 1 < ids.n; t++) {
        double sum = 0;
        for (uint32_t i = 0; i < vocab; i++) sum += exp((double)rows[t * vocab + i]);
        nats += log(sum) - (double)rows[t * vocab + ids.p[t + 1]];
    }
    assert_int_equal(at(report, "total", "tokens", NULL), ids.n - 1);
    const double mean = nats / (double)(ids.n - 1);
    assert_true(fabs(at(report, "total", "nats_per_token", "value") - mean) < 1e-8 * mean);
    assert_true(fabs(at(report, "total", "perplexity", "value") - exp(mean)) < 1e-7 * exp(mean));
    const double bytes = at(report, "total", "bytes", NULL);
    assert_true(bytes <= sizeof TEXT - 1 && bytes > sizeof TEXT - 10);
    assert_true(fabs(at(report, "total", "bits_per_byte", "value") - nats / log(2) / bytes) < 1e-7);
    hth_session_close(&s);
    hth_ids_drop(&ids);
    hth_free(rows);
    json_decref(report);
}

static void not_of_threads(void **state) {
    MODEL_OR_SKIP;
    HthErr err = { 0 };
    json_t *one = NULL, *two = NULL;
    HthEvalOpt opt = options(1);
    opt.save = test_path("a.logits");
    assert_ok(hth_eval(&one, model, &opt, &err), err);
    opt = options(3);
    opt.save = test_path("b.logits");
    assert_ok(hth_eval(&two, model, &opt, &err), err);
    same_json(one, two);
    HthBuf a, b;
    test_load(&a, test_path("a.logits"));
    test_load(&b, test_path("b.logits"));
    assert_true(hth_str_eq(hth_buf_str(&a), hth_buf_str(&b)));
    hth_buf_drop(&a);
    hth_buf_drop(&b);
    json_decref(one);
    json_decref(two);
}

/* Against itself: nothing differs, and the figures that say so say so. */
static void against_itself(void **state) {
    MODEL_OR_SKIP;
    HthErr err = { 0 };
    json_t *report = NULL;
    HthEvalOpt opt = options(2);
    opt.save = test_path("a.logits");
    assert_ok(hth_eval(&report, model, &opt, &err), err);
    json_decref(report);
    opt = options(2);
    opt.base = test_path("a.logits");
    assert_ok(hth_eval(&report, model, &opt, &err), err);
    assert_true(at(report, "total", "kl", "max") < 1e-7);
    assert_true(at(report, "total", "same_top", "value") == 1);
    assert_true(at(report, "total", "flips", "value") == 0);
    assert_true(at(report, "total", "perplexity_ratio", "value") == 1);
    assert_true(at(report, "total", "change_p", "rms") == 0);
    json_decref(report);
    opt.cut.ctx = 31;
    assert_status(hth_eval(&report, model, &opt, &err), HTH_EFORMAT, err); /* other windows */
}

static int calls, stop_at;
static int stopping(const char *phase, uint64_t done, uint64_t total) {
    assert_true(done <= total && phase[0]);
    return ++calls == stop_at;
}

/* Stopped at every point where it can be, then continued: the same report, the same logits. */
static void stopped(void **state) {
    MODEL_OR_SKIP;
    HthErr err = { 0 };
    json_t *whole = NULL, *report = NULL;
    HthBuf want, got;
    HthEvalOpt opt = options(1);
    opt.cut.ctx = 12;
    opt.save = test_path("a.logits");
    assert_ok(hth_eval(&whole, model, &opt, &err), err);
    test_load(&want, opt.save);
    for (stop_at = 1;; stop_at++) {
        opt = options(1);
        opt.cut.ctx = 12;
        opt.save = test_path("b.logits");
        opt.state = test_path("b.state");
        opt.progress = stopping;
        unlink(opt.save);
        calls = 0;
        const HthStatus st = hth_eval(&report, model, &opt, &err);
        if (st == HTH_OK) break;
        assert_int_equal(st, HTH_ECANCELED);
        assert_int_not_equal(access(opt.save, F_OK), 0);
        opt.progress = NULL;
        assert_ok(hth_eval(&report, model, &opt, &err), err);
        assert_int_not_equal(access(opt.state, F_OK), 0);
        same_json(whole, report);
        test_load(&got, opt.save);
        assert_true(hth_str_eq(hth_buf_str(&want), hth_buf_str(&got)));
        hth_buf_drop(&got);
        json_decref(report);
    }
    assert_true(stop_at > 4);
    hth_buf_drop(&want);
    json_decref(report);
    json_decref(whole);
}

static void refused(void **state) {
    MODEL_OR_SKIP;
    HthErr err = { 0 };
    json_t *report = NULL;
    HthEvalOpt opt = options(1);
    opt.cut.stride = 32;
    assert_status(hth_eval(&report, model, &opt, &err), HTH_EINVAL, err);
    opt = options(1);
    opt.cut.ctx = 4;
    assert_status(hth_eval(&report, model, &opt, &err), HTH_EINVAL, err);
    opt = options(1);
    opt.texts[0] = NULL;
    assert_status(hth_eval(&report, model, &opt, &err), HTH_EINVAL, err);
    opt = options(1);
    opt.base = opt.texts[0];
    assert_status(hth_eval(&report, model, &opt, &err), HTH_EFORMAT, err);
    opt.base = test_path("none");
    assert_status(hth_eval(&report, model, &opt, &err), HTH_EIO, err);
    assert_null(report);
}

static HthStatus body(void *ctx) {
    HthErr err = { 0 };
    json_t *report = NULL;
    HthEvalOpt opt = options(1);
    opt.base = ctx;
    opt.save = test_path("t.logits");
    opt.state = test_path("t.state");
    const HthStatus st = hth_eval(&report, model, &opt, &err);
    json_decref(report);
    return st;
}

static void out_of_memory(void **state) {
    MODEL_OR_SKIP;
    HthErr err = { 0 };
    json_t *report = NULL;
    static char base[320];
    HthEvalOpt opt = options(1);
    snprintf(base, sizeof base, "%s", test_path("base.logits"));
    opt.save = base;
    assert_ok(hth_eval(&report, model, &opt, &err), err);
    json_decref(report);
    assert_true(test_torture(body, base, 5000) > 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_definition), cmocka_unit_test(not_of_threads),
        cmocka_unit_test(against_itself), cmocka_unit_test(stopped),
        cmocka_unit_test(refused),        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, make, drop);
}

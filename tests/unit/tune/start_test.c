/* start_test.c - training that begins from a model file: the same vocabulary, the same weights. */
#include "model/model.h"
#include "tiny_train.h"
#include "tune/start.h"

static Tiny T;

static int setup(void **state) {
    (void)state;
    HthErr err = { 0 };
    tiny_prepare(&T);
    T.cfg.steps_max = 4;
    HthStatus status = hth_train_run(&T.cfg, NULL, NULL, &err);
    if (status != HTH_ECANCELED) fail_msg("%s", err.text);
    if (hth_train_export(&T.cfg, "F32", T.out, &err) != HTH_OK) fail_msg("%s", err.text);
    return 0;
}
static int teardown(void **state) {
    (void)state;
    tiny_close(&T);
    return 0;
}

/* A second work folder beside the first. */
static HthTrainCfg again(char work[TINY_PATH]) {
    HthTrainCfg cfg = T.cfg;
    tiny_path(work, T.dir, "again");
    cfg.work = work;
    cfg.corpus = NULL;
    cfg.from = T.out;
    return cfg;
}

static void vocabulary_is_taken_over(void **state) {
    (void)state;
    HthErr err = { 0 };
    char work[TINY_PATH], path[TINY_PATH];
    HthTrainCfg cfg = again(work);
    HthBuf a, b;
    assert_int_equal(hth_train_tokenizer(&cfg, &err), HTH_OK);
    tiny_read(&T, "tokenizer.gguf", &a);
    tiny_path(path, work, "tokenizer.gguf");
    hth_buf_init(&b, 1 << 26);
    assert_int_equal(hth_file_read(&b, path, &err), HTH_OK);
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.p, b.p, a.n);
    hth_buf_drop(&a);
    hth_buf_drop(&b);
}

/* A first step from the model starts where the model was, not where the seed is. */
static double first_loss(const HthTrainCfg *cfg) {
    HthErr err = { 0 };
    char path[TINY_PATH];
    HthBuf log;
    HthTrainCfg one = *cfg;
    one.steps_max = 1;
    one.afresh = true;
    one.valid_every = 0;
    assert_int_equal(hth_train_run(&one, NULL, NULL, &err), HTH_ECANCELED);
    tiny_path(path, one.work, "log.jsonl");
    hth_buf_init(&log, 1 << 20);
    assert_int_equal(hth_file_read(&log, path, &err), HTH_OK);
    const char *at = strstr(log.p, "\"loss\":");
    assert_non_null(at);
    const double loss = strtod(at + strlen("\"loss\":"), NULL);
    hth_buf_drop(&log);
    return loss;
}

static void weights_are_taken_over(void **state) {
    (void)state;
    HthErr err = { 0 };
    char work[TINY_PATH];
    HthTrainCfg cfg = again(work), blank;
    assert_int_equal(hth_train_tokenizer(&cfg, &err), HTH_OK);
    cfg.corpus = T.dir;
    assert_int_equal(hth_train_prepare(&cfg, &err), HTH_OK);
    blank = cfg;
    blank.from = NULL;
    const double from_seed = first_loss(&blank), from_model = first_loss(&cfg);
    assert_true(from_model < from_seed - 0.1);
}

static void another_shape_or_vocabulary_is_refused(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthModel *m = NULL;
    HthNet *net = NULL;
    HthBpe *other = NULL;
    assert_int_equal(hth_model_open(&m, T.out, &err), HTH_OK);
    HthShape shape = *hth_model_shape(m);
    shape.n_ff = 32;
    HthNetCfg cfg = { .arch = hth_model_arch(m), .shape = &shape, .rows = 16, .seq = 16 };
    assert_int_equal(hth_net_open(&net, &cfg, &err), HTH_OK);
    assert_int_equal(hth_start_weights(net, m, &err), HTH_EINVAL);
    assert_non_null(strstr(err.text, "ffn_gate"));
    const uint16_t pair[1][2] = { { HTH_BPE_BYTES, HTH_BPE_BYTES } };
    assert_int_equal(hth_bpe_make(&other, pair, 1, &err), HTH_OK);
    assert_int_equal(hth_start_from(net, other, T.out, &err), HTH_EINVAL);
    assert_non_null(strstr(err.text, "vocabulary"));
    hth_bpe_own_close(&other);
    assert_int_equal(hth_start_vocab(&other, "/no/such.gguf", &err), HTH_EIO);
    hth_net_close(&net);
    hth_model_close(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vocabulary_is_taken_over),
        cmocka_unit_test(weights_are_taken_over),
        cmocka_unit_test(another_shape_or_vocabulary_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

/* export_test.c - the exported file opens in the engine and says what the network says. */
#include <math.h>

#include "hearth/hearth.h"
#include "model/model.h"
#include "tiny_train.h"

static Tiny T;

static int setup(void **state) {
    (void)state;
    HthErr err = { 0 };
    tiny_prepare(&T);
    if (hth_train_run(&T.cfg, NULL, NULL, &err) != HTH_OK) fail_msg("%s", err.text);
    return 0;
}
static int teardown(void **state) {
    (void)state;
    tiny_close(&T);
    return 0;
}

static void export_as(const char *format) {
    HthErr err = { 0 };
    if (hth_train_export(&T.cfg, format, T.out, &err) != HTH_OK) fail_msg("%s", err.text);
}

/* -ln p of the tokens after the first, by the engine. */
static double engine_nats(HthModel *m, const uint32_t *ids, size_t n) {
    HthSession *s = NULL;
    HthErr err;
    const uint32_t vocab = hth_model_vocab_count(m);
    float *logits = hth_calloc(n * vocab, sizeof *logits);
    double nats = 0;
    assert_int_equal(hth_session_open(&s, m, &(HthSessionCfg){ .ctx = 32, .threads = 1 }, &err),
                     HTH_OK);
    assert_int_equal(hth_session_eval_all(s, ids, n, logits, &err), HTH_OK);
    for (size_t i = 0; i + 1 < n; i++) {
        double sum = 0;
        for (uint32_t v = 0; v < vocab; v++) sum += exp((double)logits[i * vocab + v]);
        nats += log(sum) - (double)logits[i * vocab + ids[i + 1]];
    }
    hth_free(logits);
    hth_session_close(&s);
    return nats;
}

static void the_engine_agrees(const char *format, double tolerance) {
    static const char text[] = "The cat likes the red ball.\nA small dog sees";
    char path[TINY_PATH];
    HthModel *m = NULL;
    HthEval *e = NULL;
    HthEvalText r;
    HthIds ids;
    HthErr err = { 0 };
    export_as(format);
    if (hth_model_open(&m, T.out, &err) != HTH_OK) fail_msg("%s", err.text);
    hth_ids_init(&ids, 1000);
    assert_int_equal(
        hth_vocab_encode(hth_model_vocab(m), HTH_STR(text), HTH_ENCODE_BOS_EOS, &ids, &err),
        HTH_OK);
    assert_in_range(ids.n, 3, 32);
    tiny_path(path, T.dir, "one.txt");
    tiny_write(path, text, sizeof text - 1);
    if (hth_eval_open(&e, T.out, 1, &err) != HTH_OK) fail_msg("%s", err.text);
    assert_int_equal(hth_eval_text(e, path, &r, &err), HTH_OK);
    assert_int_equal(r.tokens, ids.n - 1);
    assert_int_equal(r.bytes, sizeof text - 1);
    const double want = engine_nats(m, ids.p, ids.n);
    print_message("%s: %.5f nats by the engine, %.5f by the trainer\n", format, want, r.nats);
    assert_true(fabs(want - r.nats) < tolerance * want);
    assert_true(fabs(r.bits_per_byte - r.nats / log(2) / (sizeof text - 1)) < 1e-9);
    hth_ids_drop(&ids);
    hth_eval_close(&e);
    hth_model_close(&m);
}

static void f32(void **state) {
    (void)state;
    the_engine_agrees("F32", 1e-4);
}
static void q8_0(void **state) {
    (void)state;
    the_engine_agrees("Q8_0", 2e-2); /* the engine's activations are int8 too */
}

static void every_token_is_asked_for_once(void **state) {
    (void)state;
    HthEval *e = NULL;
    HthEvalText whole;
    HthErr err = { 0 };
    export_as("F32");
    if (hth_eval_open(&e, T.out, 2, &err) != HTH_OK) fail_msg("%s", err.text);
    assert_int_equal(hth_eval_text(e, T.valid, &whole, &err), HTH_OK); /* longer than a context */
    HthBuf text;
    HthModel *m = NULL;
    HthIds ids;
    uint64_t tokens = 0, bytes = 0;
    hth_buf_init(&text, 1 << 20);
    hth_ids_init(&ids, 1 << 20);
    assert_int_equal(hth_file_read(&text, T.valid, &err), HTH_OK);
    assert_int_equal(hth_model_open(&m, T.out, &err), HTH_OK);
    HthStr rest = hth_buf_str(&text);
    while (rest.n) {
        const size_t n = hth_str_find(rest, HTH_STR("\n\n"));
        HthStr doc = hth_str_sub(rest, 0, n == SIZE_MAX ? rest.n : n + 1);
        rest = hth_str_sub(rest, n == SIZE_MAX ? rest.n : n + 2, rest.n);
        ids.n = 0;
        assert_int_equal(hth_vocab_encode(hth_model_vocab(m), doc, 0, &ids, &err), HTH_OK);
        tokens += ids.n;
        bytes += doc.n;
    }
    assert_true(tokens == whole.tokens && bytes == whole.bytes);
    hth_ids_drop(&ids);
    hth_buf_drop(&text);
    hth_model_close(&m);
    hth_eval_close(&e);
}

static void minimal_pairs(void **state) {
    (void)state;
    static const char pairs[] =
        "{\"sentence_good\":\"The cat sees the river.\",\"sentence_bad\":\"The river cat the "
        "sees.\"}\n"
        "{\"sentence_good\":\"ball red zq.\",\"sentence_bad\":\"A small dog likes some bread.\"}\n";
    char path[TINY_PATH];
    HthEval *e = NULL;
    HthEvalPairs r;
    HthErr err = { 0 };
    tiny_path(path, T.dir, "pairs.jsonl");
    tiny_write(path, pairs, sizeof pairs - 1);
    export_as("F32");
    assert_int_equal(hth_eval_open(&e, T.out, 1, &err), HTH_OK);
    assert_int_equal(hth_eval_pairs(e, path, 0, &r, &err), HTH_OK);
    assert_int_equal(r.pairs, 2);
    assert_int_equal(r.right, 1); /* the second "good" one is nonsense */
    assert_int_equal(hth_eval_pairs(e, path, 1, &r, &err), HTH_OK);
    assert_true(r.pairs == 1 && r.right == 1);
    tiny_write(path, "{\"sentence_good\":\"x\"}\n", 22);
    assert_int_equal(hth_eval_pairs(e, path, 0, &r, &err), HTH_EFORMAT);
    hth_eval_close(&e);
}

static void metadata(void **state) {
    (void)state;
    HthGguf *g = NULL;
    HthErr err;
    HthStr s;
    uint32_t v;
    export_as("Q8_0");
    assert_int_equal(hth_gguf_open(&g, T.out, &err), HTH_OK);
    assert_int_equal(hth_gguf_str(g, "general.name", &s, &err), HTH_OK);
    assert_true(hth_str_eq(s, HTH_STR("tiny")));
    assert_int_equal(hth_gguf_u32(g, "llama.context_length", &v, &err), HTH_OK);
    assert_int_equal(v, 32);
    assert_int_equal(hth_gguf_str(g, "tokenizer.chat_template", &s, &err), HTH_OK);
    assert_true(hth_str_find(s, HTH_STR("<|im_start|>assistant")) != SIZE_MAX);
    hth_gguf_close(&g);
    assert_int_equal(hth_train_export(&T.cfg, "nonsense", T.out, &err), HTH_EINVAL);
    assert_int_equal(hth_train_export(&T.cfg, "Q4_K", T.out, &err),
                     HTH_EINVAL); /* rows too short */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f32),
        cmocka_unit_test(q8_0),
        cmocka_unit_test(every_token_is_asked_for_once),
        cmocka_unit_test(minimal_pairs),
        cmocka_unit_test(metadata),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

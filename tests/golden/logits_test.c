/* logits_test.c - the reference runtime's logits, position by position, on its own tiny models.
 *
 * Parity data: every file NAME.gguf of ../shared/data/archs whose architecture hearth runs, with
 * NAME.tokens and NAME.logits.f32 beside it.  Skipped when the folder is not there.
 *
 * Thread: one. */
#include "support/test.h"

#include <math.h>

#include "base/str.h"
#include "hearth/hearth.h"

/* Weights are F16, the reference computed in float32. */
static const float TOLERANCE = 1e-3f;

static size_t read_ids(const char *path, uint32_t *ids, size_t max) {
    HthBuf text;
    test_load(&text, path);
    size_t n = 0;
    for (size_t i = 0; i < text.n;) {
        size_t end = i;
        while (end < text.n && text.p[end] >= '0' && text.p[end] <= '9') end++;
        uint64_t id;
        if (end > i) {
            assert_true(hth_str_u64((HthStr){ text.p + i, end - i }, &id) && n < max);
            ids[n++] = (uint32_t)id;
        }
        i = end + 1;
    }
    hth_buf_drop(&text);
    return n;
}

static void check(const char *name) {
    enum { IDS_MAX = 4096 };
    char path[512], rel[128];
    static uint32_t ids[IDS_MAX];
    HthErr err = { 0 };
    HthModel *m = NULL;
    HthSession *s = NULL;
    snprintf(rel, sizeof rel, "archs/%s.gguf", name);
    TEST_DATA_OR_SKIP(path, rel);
    assert_ok(hth_model_open(&m, path, &err), err);
    snprintf(rel, sizeof rel, "archs/%s.tokens", name);
    assert_true(test_data_path(path, sizeof path, rel));
    size_t n = read_ids(path, ids, IDS_MAX), vocab = hth_model_vocab_count(m);
    assert_true(n > 0);
    snprintf(rel, sizeof rel, "archs/%s.logits.f32", name);
    assert_true(test_data_path(path, sizeof path, rel));
    HthBuf want;
    test_load(&want, path);
    assert_int_equal(want.n, n * vocab * sizeof(float));
    float *got = hth_calloc(n * vocab, sizeof *got), *expected = hth_calloc(n * vocab, sizeof *got);
    memcpy(expected, want.p, want.n);
    assert_ok(hth_session_open(&s, m, NULL, &err), err);
    assert_ok(hth_session_eval_all(s, ids, n, got, &err), err);
    float worst = test_max_diff(got, expected, n * vocab);
    print_message("%-14s %zu positions, worst difference %.2g\n", name, n, (double)worst);
    if (!(worst < TOLERANCE)) fail_msg("%s: off by %g", name, (double)worst);
    hth_session_close(&s);
    hth_model_close(&m);
    hth_free(got);
    hth_free(expected);
    hth_buf_drop(&want);
}

/* One test per model, so that each is seen. */
static void logits(void **state) {
    check(*state);
}

int main(void) {
    char path[512];
    test_data_or_exit(path, sizeof path, "archs");
#define MODEL(name)                                                                                \
    { name, logits, NULL, NULL, (void *)(uintptr_t)name }
    const struct CMUnitTest tests[] = {
        MODEL("llama-dense"),      MODEL("qwen2-dense"),   MODEL("qwen3-dense"),
        MODEL("granite-dense"),    MODEL("olmo2-dense"),   MODEL("smollm3-dense"),
        MODEL("starcoder2-dense"), MODEL("phi3-dense"),    MODEL("gemma2-dense"),
        MODEL("gemma3-dense"),     MODEL("llama-moe"),     MODEL("qwen3moe-moe"),
        MODEL("gpt-oss-moe"),      MODEL("deepseek2-moe"), MODEL("qwen35-dense"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

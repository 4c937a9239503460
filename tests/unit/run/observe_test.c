/* observe_test.c - what a session shows of its products: each row, once, whatever the chunks. */
#include "support/test.h"

#include <math.h>

#include "model/model.h"
#include "run/session.h"
#include "support/tiny.h"

enum { ROWS = 23, VOCAB = 40, EMBD = 32 };

static const Tiny dense = { .arch = "llama",
                            .layers = 2,
                            .embd = EMBD,
                            .heads = 4,
                            .kv_heads = 2,
                            .ff = 64,
                            .vocab = VOCAB,
                            .ctx = 64,
                            .seed = 3 };
static const Tiny mixed = { .arch = "qwen3moe",
                            .layers = 2,
                            .embd = EMBD,
                            .heads = 4,
                            .kv_heads = 2,
                            .head_dim = 8,
                            .ff = 32,
                            .vocab = VOCAB,
                            .ctx = 64,
                            .experts = 5,
                            .used = 2,
                            .seed = 4,
                            .exp_fmt = "Q8_0" };
static const Tiny latent = { .arch = "deepseek2",
                             .layers = 2,
                             .embd = EMBD,
                             .heads = 2,
                             .ff = 32,
                             .vocab = VOCAB,
                             .ctx = 64,
                             .seed = 6 };

/* A running digest of all that was seen, by matrix: sums in the order of the rows. */
typedef struct Seen {
    const HthProgram *p;
    uint64_t rows[512]; /* by instruction */
    double sums[512][8]; /* of its matrices */
    float last[ROWS][EMBD]; /* rows of the output matrix */
} Seen;

static void see(void *ctx, const HthWeight *w, uint32_t which, const float *row) {
    Seen *s = ctx;
    uint32_t i = 0;
    while (i < s->p->count && s->p->inst[i].w != w) i++;
    assert_true(i < s->p->count && i < 512);
    assert_true(which < (w->count ? w->count : 1) && which < 8);
    if (i + 1 == s->p->count) {
        assert_true(s->rows[i] < ROWS && w->cols == EMBD);
        memcpy(s->last[s->rows[i]], row, sizeof s->last[0]);
    }
    s->rows[i]++;
    for (uint32_t k = 0; k < w->cols; k++) s->sums[i][which] += (double)row[k] * row[k] * (k + 1);
}

static void observe(const Tiny *t, uint32_t chunk, uint32_t threads, Seen *out, float *logits) {
    HthErr err = { 0 };
    HthBuf file;
    HthModel *m = NULL;
    HthSession *s = NULL;
    uint32_t ids[ROWS];
    for (uint64_t i = 0; i < ROWS; i++) ids[i] = tiny_id(t, 1, i);
    tiny_build(&file, t);
    assert_ok(hth_model_open_mem(&m, file.p, file.n, "tiny", &err), err);
    const HthSessionCfg cfg = { .ctx = ROWS, .threads = threads, .chunk = chunk };
    assert_ok(hth_session_open(&s, m, &cfg, &err), err);
    memset(out, 0, sizeof *out);
    out->p = hth_model_program(m);
    assert_ok(hth_session_observe(s, ids, ROWS, see, out, &err), err);
    assert_int_equal(hth_session_count(s), ROWS);
    for (uint32_t i = 0; i < out->p->count; i++) {
        const HthInst *in = &out->p->inst[i];
        const uint32_t used = out->p->router.n_used;
        uint64_t want = 0;
        if (in->op == HTH_OP_LINEAR) want = ROWS;
        if (in->op == HTH_OP_EXPERTS || in->op == HTH_OP_EXPERTS_EACH) want = ROWS * used;
        if (in->op == HTH_OP_HEADS) want = (uint64_t)ROWS * in->w->count;
        assert_int_equal(out->rows[i], want);
    }
    assert_status(hth_session_observe(s, ids, 1, see, out, &err), HTH_ELIMIT, err);
    hth_session_rewind(s, 0);
    if (logits != NULL) {
        const uint64_t before = out->rows[out->p->count - 1];
        assert_ok(hth_session_eval_all(s, ids, ROWS, logits, &err), err);
        assert_int_equal(out->rows[out->p->count - 1], before); /* nobody watches any more */
    }
    out->p = NULL;
    hth_session_close(&s);
    hth_model_close(&m);
    hth_buf_drop(&file);
}

static void chunks_and_threads_do_not_matter(void **state) {
    (void)state;
    static Seen a, b;
    static const Tiny *const models[] = { &dense, &mixed, &latent };
    for (size_t i = 0; i < HTH_COUNT(models); i++) {
        observe(models[i], 64, 1, &a, NULL);
        for (uint32_t chunk = 1; chunk < ROWS; chunk += 5) {
            observe(models[i], chunk, chunk % 3 + 1, &b, NULL);
            assert_memory_equal(&a, &b, sizeof a);
        }
    }
}

/* What is shown of the output matrix is what it is multiplied with: its product is the logits. */
static void it_is_what_is_multiplied(void **state) {
    (void)state;
    static Seen s;
    static float logits[ROWS * VOCAB];
    HthBuf file;
    HthErr err = { 0 };
    HthGguf *g = NULL;
    observe(&dense, 7, 2, &s, logits);
    tiny_build(&file, &dense);
    assert_ok(hth_gguf_open_mem(&g, file.p, file.n, "tiny", &err), err);
    const HthGgufTensor *t = hth_gguf_tensor(g, HTH_STR("output.weight"));
    for (int r = 0; r < ROWS; r++) {
        for (int v = 0; v < VOCAB; v++) {
            float w[EMBD];
            double sum = 0;
            t->fmt->dequant(t->data + (size_t)v * sizeof w, w, EMBD);
            for (int k = 0; k < EMBD; k++) sum += (double)w[k] * s.last[r][k];
            assert_true(fabs(sum - logits[r * VOCAB + v]) < 1e-4);
        }
    }
    hth_gguf_close(&g);
    hth_buf_drop(&file);
}

/* Of a model that ranks the layers see all rows, and what scores are made with the pooled one. */
static void scores_are_seen(void **state) {
    (void)state;
    static Seen seen;
    static const char *const archs[] = { "bert", "modern-bert", "jina-bert-v2", "qwen3" };
    for (size_t k = 0; k < HTH_COUNT(archs); k++) {
        HthErr err = { 0 };
        HthBuf file;
        HthModel *m = NULL;
        HthSession *s = NULL;
        uint32_t ids[ROWS];
        Tiny c = dense;
        c.arch = archs[k];
        c.pooling = 4;
        c.kv_heads = 0;
        for (uint64_t i = 0; i < ROWS; i++) ids[i] = tiny_id(&c, 1, i);
        tiny_build(&file, &c);
        assert_ok(hth_model_open_mem(&m, file.p, file.n, "tiny", &err), err);
        assert_ok(hth_session_open(&s, m, &(HthSessionCfg){ .ctx = ROWS }, &err), err);
        memset(&seen, 0, sizeof seen);
        seen.p = hth_model_program(m);
        assert_ok(hth_session_observe(s, ids, ROWS, see, &seen, &err), err);
        assert_true(seen.p->head > 0 && seen.p->head < seen.p->count);
        for (uint32_t i = 0; i < seen.p->count; i++)
            if (seen.p->inst[i].op == HTH_OP_LINEAR)
                assert_int_equal(seen.rows[i], i < seen.p->head ? ROWS : 1);
        hth_session_close(&s);
        hth_model_close(&m);
        hth_buf_drop(&file);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_and_threads_do_not_matter),
        cmocka_unit_test(scores_are_seen),
        cmocka_unit_test(it_is_what_is_multiplied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

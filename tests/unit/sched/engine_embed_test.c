/* engine_embed_test.c - vectors and scores of texts: alone, in company, cut anyhow.
 *
 * Thread: the test's, and the engine's. */
#include "support/test.h"

#include "unit/sched/engine_world.h"

static void scores(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthSession *s = NULL;
    uint32_t ids[CTX];
    static float rows[CTX * VOCAB];
    static Said said[3];
    HthJobCfg c = job(ids, 2);
    for (uint32_t i = 0; i < 150; i++) ids[i] = i * 11 % VOCAB;
    c.n = 150;
    c.kind = HTH_JOB_SCORE;
    assert_ok(hth_session_open(&s, model, &(HthSessionCfg){ .ctx = CTX, .threads = 1 }, &err), err);
    assert_ok(hth_session_eval_all(s, ids, c.n, rows, &err), err);
    hth_session_close(&s);
    for (uint32_t k = 0; k < 3; k++) {
        HthEngine *e = engine((HthEngineCfg){ .parallel = 2, .chunk = k == 0 ? 256 : 7 + 90 * k });
        said_all(&said[k], e, c);
        hth_engine_close(&e);
        assert_int_equal(said[k].done.end, HTH_END_STOP);
        assert_int_equal(said[k].done.embedding_count, 149);
        assert_floats_same(said[k].vector, said[0].vector, 149);
    }
    for (uint32_t i = 0; i + 1 < c.n; i++) {
        double sum = 0;
        for (uint32_t v = 0; v < VOCAB; v++) sum += exp((double)rows[i * VOCAB + v]);
        const double want = (double)rows[i * VOCAB + ids[i + 1]] - log(sum);
        assert_true(fabs((double)said[0].vector[i] - want) < 1e-5);
    }
    for (uint32_t k = 0; k < 3; k++) {
        hth_free(said[k].vector);
        said[k].vector = NULL;
    }
}

/* Of every pooling: alone, together, cut anyhow, waiting for pages: the same bits. */
static void embeddings(void **state) {
    (void)state;
    enum { COUNT = 8, DIM = 32 };
    static uint32_t ids[COUNT][CTX];
    static Said said[COUNT];
    static HthJobCfg c[COUNT];
    static float alone[COUNT][DIM];
    static const uint32_t n[COUNT] = { 1, 7, 64, 65, 200, 320, 33, 128 };
    static const HthEngineCfg cfgs[] = { { .parallel = 1, .threads = 1 },
                                         { .parallel = 8, .chunk = 50 },
                                         { .parallel = 8, .chunk = 8, .cache_bytes = 7 * 40000 } };
    for (uint32_t i = 0; i < COUNT; i++) {
        for (uint32_t k = 0; k < n[i]; k++) ids[i][k] = hth_rng_below(SEED, 50 + i, k, VOCAB);
        c[i] = (HthJobCfg){ .kind = HTH_JOB_EMBED, .ids = ids[i], .n = n[i] };
    }
    for (uint32_t pooling = HTH_POOL_MEAN; pooling <= HTH_POOL_LAST; pooling++)
        for (size_t k = 0; k < HTH_COUNT(cfgs); k++) {
            HthEngine *e = engine(cfgs[k]);
            e->pooling = (HthPooling)pooling; /* as if the file had said so */
            for (uint32_t i = 0; k == 0 && i < COUNT; i++) {
                said_together(e, &c[i], 1, &said[i]);
                memcpy(alone[i], said[i].vector, sizeof alone[i]);
                hth_free(said[i].vector);
            }
            said_together(e, c, COUNT, said);
            for (uint32_t i = 0; i < COUNT; i++) {
                double square = 0;
                assert_int_equal(said[i].done.end, HTH_END_STOP);
                assert_int_equal(said[i].done.embedding_count, DIM);
                assert_floats_same(said[i].vector, alone[i], DIM);
                for (uint32_t d = 0; d < DIM; d++)
                    square += (double)alone[i][d] * (double)alone[i][d];
                assert_true(fabs(square - 1) < 1e-6);
                hth_free(said[i].vector);
            }
            hth_engine_close(&e);
        }
}

static void assert_same_outcome(const Said *a, const Said *b, const char *what) {
    assert_said_same(a, b, what);
    assert_int_equal(a->done.embedding_count, b->done.embedding_count);
    if (a->vector) assert_floats_same(a->vector, b->vector, a->done.embedding_count);
}

/* Vectors, scores and words in the same steps: what each gives alone. */
static void kinds_together(void **state) {
    (void)state;
    enum { COUNT = 12 };
    static uint32_t ids[COUNT][CTX];
    static Said alone[COUNT], said[COUNT];
    static HthJobCfg c[COUNT];
    HthEngine *one = engine((HthEngineCfg){ .parallel = 1, .no_prefix = true });
    HthEngine *all = engine((HthEngineCfg){ .parallel = COUNT, .chunk = 100 });
    one->pooling = all->pooling = HTH_POOL_MEAN;
    for (uint32_t i = 0; i < COUNT; i++) {
        c[i] = job(ids[i], i);
        if (c[i].n < 2) c[i].n = 2;
        c[i].kind = i % 3 == 0 ? HTH_JOB_EMBED : i % 3 == 1 ? HTH_JOB_WORDS : HTH_JOB_SCORE;
        said_together(one, &c[i], 1, &alone[i]);
    }
    said_together(all, c, COUNT, said);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_same_outcome(&said[i], &alone[i], "kinds");
        hth_free(said[i].vector);
        hth_free(alone[i].vector);
    }
    hth_engine_close(&one);
    hth_engine_close(&all);
}

/* What the output matrix makes of a vector is what the model says, but for one factor. */
static void embeddings_mean_something(void **state) {
    (void)state;
    HthErr err = { 0 };
    Tiny c = tiny;
    HthBuf bytes;
    HthModel *m = NULL;
    HthSession *s = NULL;
    HthEngine *e = NULL;
    uint32_t ids[20];
    float row[VOCAB];
    static Said said;
    c.fmt = "F32";
    tiny_build(&bytes, &c);
    assert_ok(hth_model_open_mem(&m, bytes.p, bytes.n, "tiny", &err), err);
    for (uint32_t i = 0; i < 20; i++) ids[i] = i * 5 % VOCAB;
    assert_ok(hth_session_open(&s, m, &(HthSessionCfg){ .ctx = 64, .threads = 1 }, &err), err);
    assert_ok(hth_session_eval(s, ids, 20, row, &err), err);
    assert_ok(hth_engine_open(&e, m, &(HthEngineCfg){ .ctx = 64, .threads = 1 }, &err), err);
    said_all(&said, e, (HthJobCfg){ .kind = HTH_JOB_EMBED, .ids = ids, .n = 20 });
    const float *w = (const float *)hth_model_weight(m, HTH_W_OUTPUT, 0)->data;
    double factor = 0;
    for (uint32_t v = 0; v < VOCAB; v++) {
        double sum = 0;
        for (uint32_t d = 0; d < 32; d++) sum += (double)w[v * 32 + d] * (double)said.vector[d];
        if (v == 0) factor = (double)row[0] / sum;
        assert_true(fabs((double)row[v] - factor * sum) < 1e-4);
    }
    assert_true(factor > 0);
    hth_free(said.vector);
    said.vector = NULL;
    hth_engine_close(&e);
    hth_session_close(&s);
    hth_model_close(&m);
    hth_buf_drop(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores),
        cmocka_unit_test(embeddings),
        cmocka_unit_test(kinds_together),
        cmocka_unit_test(embeddings_mean_something),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}

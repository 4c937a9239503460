/* engine_encoder_test.c - an engine of a model that reads texts whole: vectors and scores of
 * texts of every length, alone and together; what it refuses, what it takes.
 *
 * Thread: the test's, and the engine's. */
#include "support/test.h"

#include "base/rng.h"
#include "run/session.h"
#include "support/tiny.h"
#include "sched/engine_int.h"
#include "unit/sched/engine_help.h"

enum { VOCAB = 96, CTX = 200, COUNT = 24, DIM = 32 };

static Tiny tiny_of(const char *arch, uint32_t pooling) {
    return (Tiny){ .arch = arch,
                   .layers = 3,
                   .embd = DIM,
                   .heads = 4,
                   .ff = 64,
                   .vocab = VOCAB,
                   .ctx = 512,
                   .seed = 5,
                   .pooling = pooling,
                   .fmt = "Q8_0" };
}

static void open_tiny(HthModel **m, HthBuf *file, const Tiny *c) {
    HthErr err = { 0 };
    tiny_build(file, c);
    assert_ok(hth_model_open_mem(m, file->p, file->n, "tiny", &err), err);
}

static uint32_t ids[COUNT][CTX];
static HthJobCfg jobs[COUNT];

static void fill_jobs(HthJobKind kind) {
    for (uint32_t i = 0; i < COUNT; i++) {
        const uint32_t n = i == 3 ? CTX : 1 + hth_rng_below(9, 1, i, i % 2 ? CTX : 40);
        for (uint32_t k = 0; k < n; k++) ids[i][k] = hth_rng_below(9, 10 + i, k, VOCAB);
        jobs[i] = (HthJobCfg){ .kind = kind, .ids = ids[i], .n = n, .user = 1 + i % 3 };
    }
}

/* Together on engines of several kinds: what a session gives for each. */
static void as_alone(void **state) {
    (void)state;
    static const struct {
        const char *arch;
        uint32_t pooling;
    } of[] = { { "bert", 1 },         { "bert", 2 },        { "nomic-bert", 3 }, { "bert", 4 },
               { "jina-bert-v2", 1 }, { "modern-bert", 4 }, { "qwen3", 4 } };
    static const HthEngineCfg cfgs[] = { { .ctx = CTX, .parallel = 1, .threads = 1 },
                                         { .ctx = CTX, .parallel = 8, .threads = 2 } };
    static Said said[COUNT];
    for (size_t m = 0; m < HTH_COUNT(of); m++) {
        HthErr err = { 0 };
        HthModel *model = NULL;
        HthSession *s = NULL;
        HthBuf file;
        Tiny c = tiny_of(of[m].arch, of[m].pooling);
        open_tiny(&model, &file, &c);
        fill_jobs(of[m].pooling == 4 ? HTH_JOB_RANK : HTH_JOB_EMBED);
        assert_ok(hth_session_open(&s, model, &(HthSessionCfg){ .ctx = CTX }, &err), err);
        for (size_t k = 0; k < HTH_COUNT(cfgs); k++) {
            HthEngine *e = NULL;
            assert_ok(hth_engine_open(&e, model, &cfgs[k], &err), err);
            said_together(e, jobs, COUNT, said);
            for (uint32_t i = 0; i < COUNT; i++) {
                float want[DIM];
                const uint32_t width = said[i].done.embedding_count;
                assert_int_equal(said[i].done.end, HTH_END_STOP);
                assert_int_equal(width, of[m].pooling != 4                    ? DIM
                                        : strcmp(c.arch, "jina-bert-v2") == 0 ? 1
                                                                              : TINY_SCORES);
                assert_ok(hth_session_vector(s, ids[i], jobs[i].n, want, &err), err);
                assert_floats_same(said[i].vector, want, width);
                hth_free(said[i].vector);
            }
            hth_engine_close(&e);
        }
        hth_session_close(&s);
        hth_model_close(&model);
        hth_buf_drop(&file);
    }
}

static void refusals(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthBuf file[2];
    HthModel *model[2] = { NULL };
    HthEngine *e[2] = { NULL };
    HthJob *j = NULL;
    for (uint32_t k = 0; k < 2; k++) {
        Tiny c = tiny_of("bert", k ? 4 : 1);
        open_tiny(&model[k], &file[k], &c);
        assert_ok(hth_engine_open(&e[k], model[k], &(HthEngineCfg){ .ctx = CTX }, &err), err);
    }
    uint32_t text[CTX + 1] = { 1, 2, 3 };
    static const struct {
        uint32_t engine;
        HthJobKind kind;
        uint32_t n;
        HthStatus status;
        const char *says;
    } of[] = {
        { 0, HTH_JOB_WORDS, 3, HTH_ENOTSUP, "is an encoder and has no next words" },
        { 0, HTH_JOB_SCORE, 3, HTH_ENOTSUP, "is an encoder and has no next words" },
        { 1, HTH_JOB_WORDS, 3, HTH_ENOTSUP, "ranks texts and has no next words" },
        { 0, HTH_JOB_RANK, 3, HTH_ENOTSUP, "does not rank texts" },
        { 1, HTH_JOB_EMBED, 3, HTH_ENOTSUP, "it has no embeddings" },
        { 0, HTH_JOB_EMBED, CTX + 1, HTH_ELIMIT, "201 tokens, and the context holds 200" },
        { 1, HTH_JOB_RANK, CTX + 1, HTH_ELIMIT, "201 tokens, and the context holds 200" },
    };
    for (size_t i = 0; i < HTH_COUNT(of); i++) {
        const HthJobCfg c = { .kind = of[i].kind, .ids = text, .n = of[i].n };
        assert_status(hth_engine_submit(e[of[i].engine], &c, &j, &err), of[i].status, err);
        assert_non_null(strstr(err.text, of[i].says));
        assert_null(j);
    }
    for (uint32_t k = 0; k < 2; k++) {
        hth_engine_close(&e[k]);
        hth_model_close(&model[k]);
        hth_buf_drop(&file[k]);
    }
    HthModel *m = NULL; /* steps as long as the longest text, or none */
    Tiny c = tiny_of("nomic-bert", 1);
    open_tiny(&m, &file[0], &c);
    assert_status(hth_engine_open(&e[0], m, &(HthEngineCfg){ .ctx = CTX, .chunk = 64 }, &err),
                  HTH_EINVAL, err);
    assert_non_null(strstr(err.text, "chunks of 64 tokens cannot hold a context of 200"));
    HthEnginePlan plan; /* a context for other models is more than this one knows */
    assert_ok(hth_engine_plan(&plan, m, &(HthEngineCfg){ .ctx = 10000 }, &err), err);
    assert_int_equal(plan.ctx, 512);
    hth_model_close(&m);
    hth_buf_drop(&file[0]);
}

/* Keys and values of one layer at a time; no rows of logits and no room to draw. */
static void takes_what_it_needs(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthEnginePlan thin, deep;
    const HthEngineCfg cfg = { .ctx = CTX, .parallel = 4, .threads = 2 };
    HthEnginePlan *const plans[] = { &thin, &deep };
    for (uint32_t k = 0; k < 2; k++) {
        HthModel *m = NULL;
        HthBuf file;
        Tiny c = tiny_of("bert", 1);
        if (k == 1) c.layers = 9;
        open_tiny(&m, &file, &c);
        assert_ok(hth_engine_plan(plans[k], m, &cfg, &err), err);
        hth_model_close(&m);
        hth_buf_drop(&file);
    }
    assert_int_equal(thin.rows, CTX);
    assert_int_equal(thin.chunk, CTX);
    assert_string_equal(thin.kv, "f32");
    const uint64_t page = (uint64_t)HTH_PAGE_LEN * DIM * 2 * sizeof(float);
    assert_int_equal(thin.memory.bytes[HTH_MEMORY_CACHE], 4 * 4 * page);
    assert_int_equal(deep.memory.bytes[HTH_MEMORY_CACHE], thin.memory.bytes[HTH_MEMORY_CACHE]);
    assert_int_equal(thin.memory.bytes[HTH_MEMORY_LOGITS], CTX * DIM * sizeof(float));
}

static HthStatus one_vector(void *ctx) {
    static const uint32_t text[] = { 5, 6, 7, 8 };
    float scores[TINY_SCORES];
    HthErr err = { 0 };
    return hth_session_vector(ctx, text, HTH_COUNT(text), scores, &err);
}

static void survives_no_memory(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthBuf file;
    HthModel *m = NULL;
    HthSession *s = NULL;
    Tiny c = tiny_of("bert", 4);
    open_tiny(&m, &file, &c);
    assert_ok(hth_session_open(&s, m, &(HthSessionCfg){ .ctx = CTX, .threads = 1 }, &err), err);
    assert_true(test_torture(one_vector, s, 50) >= 2);
    hth_session_close(&s);
    hth_model_close(&m);
    hth_buf_drop(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_alone),
        cmocka_unit_test(refusals),
        cmocka_unit_test(takes_what_it_needs),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

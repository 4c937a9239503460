/* engine_adapter_test.c - jobs with different adapters on one engine: each says what it says alone,
 * and pages are never those of another set.
 *
 * Thread: the test's, and the engine's. */
#include "support/test.h"

#include "support/tiny_adapter.h"
#include "unit/sched/engine_world.h"

enum { ADAPTERS = 3 };

static HthBuf files[ADAPTERS];
static HthAdapter *lora[ADAPTERS];
static HthAdapterUse all[ADAPTERS];

static bool may(void *ctx, const HthGgufTensor *t) {
    (void)ctx;
    return t->n_dims >= 2; /* the embedding and the output, too */
}

static int open_adapters(void **state) {
    HthErr err = { 0 };
    if (open_model(state) != HTH_OK) return -1;
    for (uint32_t i = 0; i < ADAPTERS; i++) {
        const TinyAdapter a = { .rank = 2 + i, .alpha = 4, .spread = 0.4, .seed = i };
        tiny_adapter(&files[i], hth_model_gguf(model), &a, may, NULL);
        if (hth_adapter_open_mem(&lora[i], model, files[i].p, files[i].n, "lora", &err) != HTH_OK)
            return -1;
        all[i] = (HthAdapterUse){ lora[i], 1 };
    }
    return 0;
}

static int close_adapters(void **state) {
    for (uint32_t i = 0; i < ADAPTERS; i++) {
        hth_adapter_close(&lora[i]);
        hth_buf_drop(&files[i]);
    }
    return close_model(state);
}

/* The i-th of some sets: none, one, others, two, at other scales. */
static HthJobCfg adapted(HthAdapterUse uses[2], uint32_t *ids, uint64_t i) {
    HthJobCfg c = job(ids, i);
    uses[0] = (HthAdapterUse){ lora[i % ADAPTERS], i % 4 == 1 ? 0.5f : 1 };
    uses[1] = (HthAdapterUse){ lora[(i + 1) % ADAPTERS], -0.75f };
    c.adapters = uses;
    c.adapter_count = i % 5 == 0 ? 0 : i % 5 == 4 ? 2 : 1;
    return c;
}

static void alone_together_and_plainly(void **state) {
    (void)state;
    static uint32_t ids[MANY][CTX];
    static Said plain[MANY], said[MANY];
    static HthJobCfg c[MANY];
    static HthAdapterUse uses[MANY][2];
    static const HthEngineCfg cfgs[] = {
        { .parallel = 4, .chunk = 64 },
        { .parallel = 3, .chunk = 17, .no_prefix = true, .threads = 1 },
        { .parallel = 14, .chunk = 64, .cache_bytes = 16 * PAGE },
    };
    for (uint32_t i = 0; i < MANY; i++) {
        c[i] = adapted(uses[i], ids[i], i);
        said_plainly(&plain[i], model, &c[i], CTX, NULL);
    }
    for (size_t k = 0; k < HTH_COUNT(cfgs); k++) {
        HthEngineCfg cfg = cfgs[k];
        cfg.adapters = all;
        cfg.adapter_count = ADAPTERS;
        HthEngine *e = engine(cfg);
        said_together(e, c, MANY, said);
        for (uint32_t i = 0; i < MANY; i++) assert_said_same(&said[i], &plain[i], "together");
        said_together(e, c, MANY, said); /* now with what is cached */
        for (uint32_t i = 0; i < MANY; i++) assert_said_same(&said[i], &plain[i], "again");
        hth_engine_close(&e);
    }
}

/* One text, and who finds how much of it computed. */
static void prefixes(void **state) {
    (void)state;
    HthEngine *e =
        engine((HthEngineCfg){ .parallel = 12, .adapters = all, .adapter_count = ADAPTERS });
    static Said said;
    uint32_t ids[CTX];
    HthJobCfg c = job(ids, 3);
    for (uint32_t i = 0; i < 200; i++) ids[i] = i * 7 % VOCAB;
    c.n = 200;
    c.predict_max = 3;
    c.params.temperature = 0;
    const struct {
        uint64_t tenant;
        uint32_t count, first;
        float scale;
        uint32_t cached;
    } asks[] = { { 1, 0, 0, 0, 0 },      { 1, 1, 0, 1, 0 },      { 1, 0, 0, 0, 192 },
                 { 1, 1, 0, 1, 192 },    { 2, 1, 0, 1, 0 },      { 1, 1, 1, 1, 0 },
                 { 1, 1, 0, 0.5f, 0 },   { 1, 1, 0, 0.5f, 192 }, { 1, 2, 0, 1, 0 },
                 { 1, 2, 1, 1, 0 },      { 1, 2, 0, 1, 192 },    { 2, 1, 0, 1, 192 },
                 { 1, 1, 0, 0.0f, 192 }, { 1, 1, 0, -1.0f, 0 } };
    for (size_t i = 0; i < HTH_COUNT(asks); i++) {
        const HthAdapterUse uses[2] = { { lora[asks[i].first], asks[i].scale },
                                        { lora[asks[i].first + 1], 1 } };
        static Said plain;
        c.tenant = asks[i].tenant;
        c.adapters = uses;
        c.adapter_count = asks[i].count;
        said_all(&said, e, c);
        if (said.done.cached_count != asks[i].cached)
            fail_msg("ask %zu found %u tokens computed, not %u", i, said.done.cached_count,
                     asks[i].cached);
        said_plainly(&plain, model, &c, CTX, NULL);
        assert_said_same(&said, &plain, "a prefix");
    }
    hth_engine_close(&e);
}

/* More sets than the list has room for: who falls out of it computes again, and nobody finds what
 * is another's. */
static void many_sets(void **state) {
    (void)state;
    enum { SETS = HTH_REALMS + 40 };
    HthEngine *e =
        engine((HthEngineCfg){ .parallel = 1, .adapters = all, .adapter_count = ADAPTERS });
    static Said said;
    uint32_t ids[CTX], cached = 0;
    HthJobCfg c = job(ids, 3);
    for (uint32_t i = 0; i < 70; i++) ids[i] = i;
    c.n = 70;
    c.predict_max = 1;
    for (uint32_t i = 0; i < SETS + 2; i++) {
        const HthAdapterUse use = { lora[0], 1 + (float)(i < SETS ? i : i - 2) / 1024 };
        c.adapters = &use;
        c.adapter_count = 1;
        said_all(&said, e, c);
        cached += said.done.cached_count;
        if (i < SETS) assert_int_equal(said.done.cached_count, 0);
    }
    assert_int_equal(cached, 2 * 64); /* the last two, once more */
    const HthAdapterUse first = { lora[0], 1 };
    c.adapters = &first;
    said_all(&said, e, c);
    assert_int_equal(said.done.cached_count, 0); /* forgotten */
    hth_engine_close(&e);
}

static void vectors(void **state) {
    (void)state;
    HthEngine *e =
        engine((HthEngineCfg){ .parallel = 2, .adapters = all, .adapter_count = ADAPTERS });
    static Said said[4];
    uint32_t ids[CTX];
    HthJobCfg c[4];
    for (int i = 0; i < 4; i++) {
        c[i] = job(ids, 3);
        c[i].kind = i < 2 ? HTH_JOB_EMBED : HTH_JOB_SCORE;
        c[i].adapters = all;
        c[i].adapter_count = i % 2;
    }
    said_together(e, c, 4, said);
    for (int i = 0; i < 4; i += 2) {
        assert_int_equal(said[i].done.embedding_count, said[i + 1].done.embedding_count);
        assert_true(test_max_diff(said[i].vector, said[i + 1].vector,
                                  said[i].done.embedding_count) > 1e-3f);
    }
    for (int i = 0; i < 4; i++) hth_free(said[i].vector);
    hth_engine_close(&e);
}

static void refusals(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthJob *j = NULL;
    uint32_t ids[CTX];
    HthJobCfg c = job(ids, 1);
    HthEngine *e = engine((HthEngineCfg){ .parallel = 1, .adapters = all, .adapter_count = 2 });
    c.adapters = &all[2];
    c.adapter_count = 1;
    assert_status(hth_engine_submit(e, &c, &j, &err), HTH_EINVAL, err);
    assert_non_null(strstr(err.text, "not one of those"));
    const HthAdapterUse twice[] = { all[0], all[0] };
    c.adapters = twice;
    c.adapter_count = 2;
    assert_status(hth_engine_submit(e, &c, &j, &err), HTH_EINVAL, err);
    hth_engine_close(&e);
    e = engine((HthEngineCfg){ .parallel = 1 });
    c.adapters = all;
    c.adapter_count = 1;
    assert_status(hth_engine_submit(e, &c, &j, &err), HTH_EINVAL, err);
    hth_engine_close(&e);
    assert_null(j);
}

/* What the plan says more with adapters is what opening takes more. */
static void the_plan(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthEnginePlan plan[2];
    uint64_t mapped[2];
    int64_t heap[2];
    for (uint32_t n = 0; n < 2; n++) {
        const HthEngineCfg cfg = { .parallel = 4, .adapters = all, .adapter_count = n * ADAPTERS };
        assert_ok(hth_engine_plan(&plan[n], model, &cfg, &err), err);
        const uint64_t before = hth_mem_mapped();
        const int64_t mine = hth_mem_mine();
        HthEngine *e = engine(cfg);
        mapped[n] = hth_mem_mapped() - before;
        heap[n] = hth_mem_mine() - mine;
        hth_engine_close(&e);
    }
    const uint64_t *a = plan[0].memory.bytes, *b = plan[1].memory.bytes;
    assert_int_equal(b[HTH_MEMORY_SCRATCH] - a[HTH_MEMORY_SCRATCH], mapped[1] - mapped[0]);
    const uint64_t lists = b[HTH_MEMORY_LISTS] - a[HTH_MEMORY_LISTS];
    assert_in_range(heap[1] - heap[0], lists - 64, lists + 64); /* the heap rounds */
    uint64_t held = 0;
    for (uint32_t i = 0; i < ADAPTERS; i++) held += hth_adapter_bytes(lora[i]);
    assert_int_equal(b[HTH_MEMORY_ADAPTERS], held);
    assert_int_equal(a[HTH_MEMORY_ADAPTERS], 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alone_together_and_plainly),
        cmocka_unit_test(prefixes),
        cmocka_unit_test(many_sets),
        cmocka_unit_test(vectors),
        cmocka_unit_test(refusals),
        cmocka_unit_test(the_plan),
    };
    return cmocka_run_group_tests(tests, open_adapters, close_adapters);
}

/* session_test.c - timelines: any way of arriving at a sequence gives the bits of the straight way.
 *
 * Thread: one, and the sessions' pools. */
#include "support/test.h"

#include "hearth/hearth.h"
#include "support/tiny.h"

enum { CTX = 200, VOCAB = 40 };

static const Tiny tiny = { .arch = "qwen3",
                           .layers = 2,
                           .embd = 32,
                           .heads = 4,
                           .kv_heads = 2,
                           .head_dim = 32,
                           .ff = 32,
                           .vocab = VOCAB,
                           .ctx = 128,
                           .seed = 5,
                           .fmt = "Q8_0" };

typedef struct World {
    HthBuf file;
    HthModel *m;
    HthSession *s;
} World;

static World open_world(HthSessionCfg cfg) {
    HthErr err = { 0 };
    World w = { 0 };
    tiny_build(&w.file, &tiny);
    assert_ok(hth_model_open_mem(&w.m, w.file.p, w.file.n, "tiny", &err), err);
    assert_ok(hth_session_open(&w.s, w.m, &cfg, &err), err);
    return w;
}

static void close_world(World *w) {
    hth_session_close(&w->s);
    hth_session_close(&w->s);
    hth_model_close(&w->m);
    hth_buf_drop(&w->file);
}

/* The straight way: a fresh session, one call. */
static void fresh(const HthModel *m, const uint32_t *ids, size_t n, float *out) {
    HthErr err = { 0 };
    HthSession *s = NULL;
    assert_ok(hth_session_open(&s, m, &(HthSessionCfg){ .ctx = CTX, .threads = 1 }, &err), err);
    assert_ok(hth_session_eval(s, ids, n, out, &err), err);
    hth_session_close(&s);
}

static void refusals(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w = open_world((HthSessionCfg){ .ctx = 10, .threads = 1 });
    uint32_t ids[16] = { 1, 2, 3 };
    float out[VOCAB] = { 42 }, want[VOCAB];
    assert_int_equal(hth_session_ctx(w.s), 10);
    assert_status(hth_session_eval(w.s, ids, 0, out, &err), HTH_EINVAL, err);
    assert_status(hth_session_sync(w.s, ids, 0, out, &err), HTH_EINVAL, err);
    assert_status(hth_session_eval_all(w.s, ids, 1, NULL, &err), HTH_EINVAL, err);
    assert_status(hth_session_eval(w.s, ids, 11, out, &err), HTH_ELIMIT, err);
    assert_non_null(strstr(err.text, "10")); /* both counts */
    assert_non_null(strstr(err.text, "11"));
    assert_status(hth_session_sync(w.s, ids, 11, out, &err), HTH_ELIMIT, err);
    ids[1] = VOCAB;
    assert_status(hth_session_eval(w.s, ids, 3, out, &err), HTH_EINVAL, err);
    ids[1] = UINT32_MAX;
    assert_status(hth_session_eval(w.s, ids, 3, out, &err), HTH_EINVAL, err);
    assert_int_equal(hth_session_count(w.s), 0); /* nothing was computed */
    assert_true(out[0] == 42);
    ids[1] = VOCAB - 1;
    assert_ok(hth_session_eval(w.s, ids, 10, out, &err), err); /* exactly full */
    assert_status(hth_session_eval(w.s, ids, 1, out, &err), HTH_ELIMIT, err);
    assert_int_equal(hth_session_count(w.s), 10);
    fresh(w.m, ids, 10, want);
    assert_floats_same(out, want, VOCAB);
    close_world(&w);
}

static void options(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w = open_world((HthSessionCfg){ 0 });
    assert_int_equal(hth_session_ctx(w.s), 128); /* min(trained, 4096) */
    HthSession *s = NULL;
    static const HthSessionCfg bad[] = {
        { .threads = 257 }, { .ctx = UINT32_MAX }, { .chunk = 100000 },
        { .kv = "q3" },     { .kv = "" },
    };
    for (size_t i = 0; i < HTH_COUNT(bad); i++)
        assert_status(hth_session_open(&s, w.m, &bad[i], &err), HTH_EINVAL, err);
    assert_null(s);
    assert_ok(hth_session_open(&s, w.m, NULL, &err), err);
    hth_session_close(&s);
    close_world(&w);
}

/* Random evals, rewinds and syncs; after each, the logits of a fresh eval of the same ids. */
static void any_path_same_bits(void **state) {
    (void)state;
    HthErr err = { 0 };
    static const HthSessionCfg cfgs[] = {
        { .ctx = CTX, .threads = 1, .chunk = 5 },
        { .ctx = CTX, .threads = 2, .chunk = 64 },
    };
    for (size_t k = 0; k < HTH_COUNT(cfgs); k++) {
        World w = open_world(cfgs[k]);
        uint32_t ids[CTX], n = 0;
        float got[VOCAB], want[VOCAB];
        for (uint64_t step = 0; step < 60; step++) {
            uint32_t r[4];
            hth_rng_block(8, k, step, r);
            uint32_t keep = n ? r[1] % (n + 1) : 0, more = 1 + r[2] % 40;
            if (r[0] % 3 == 0) { /* continue */
                keep = n;
            } else if (r[0] % 3 == 1) { /* go back, then continue */
                hth_session_rewind(w.s, keep);
                assert_int_equal(hth_session_count(w.s), keep);
            }
            if (keep + more > CTX) more = CTX - keep;
            if (more == 0) continue;
            for (uint32_t i = 0; i < more; i++) ids[keep + i] = tiny_id(&tiny, 1 + step, i) % VOCAB;
            n = keep + more;
            if (r[0] % 3 == 2)
                assert_ok(hth_session_sync(w.s, ids, n, got, &err), err);
            else
                assert_ok(hth_session_eval(w.s, ids + keep, more, got, &err), err);
            assert_int_equal(hth_session_count(w.s), n);
            assert_memory_equal(hth_session_ids(w.s), ids, n * sizeof *ids);
            fresh(w.m, ids, n, want);
            assert_floats_same(got, want, VOCAB);
        }
        close_world(&w);
    }
}

static int count_calls(void *payload, size_t done, size_t total) {
    size_t *p = payload;
    p[0]++;
    p[1] = done;
    p[2] = total;
    return p[3] && done >= p[3];
}

/* The same prompt again costs one token, and a longer one only what is new. */
static void sync_reuses(void **state) {
    (void)state;
    HthErr err = { 0 };
    size_t calls[4] = { 0 };
    World w = open_world(
        (HthSessionCfg){ .ctx = CTX, .chunk = 1, .progress = count_calls, .payload = calls });
    uint32_t ids[50];
    float a[VOCAB], b[VOCAB];
    for (uint32_t i = 0; i < 50; i++) ids[i] = tiny_id(&tiny, 3, i);
    assert_ok(hth_session_sync(w.s, ids, 40, a, &err), err);
    assert_int_equal(calls[0], 39); /* between chunks */
    calls[0] = 0;
    assert_ok(hth_session_sync(w.s, ids, 40, b, &err), err);
    assert_int_equal(calls[0], 0);
    assert_floats_same(a, b, VOCAB);
    assert_ok(hth_session_sync(w.s, ids, 50, NULL, &err), err);
    assert_int_equal(calls[0], 9);
    assert_ok(hth_session_sync(w.s, ids, 20, b, &err), err); /* shorter */
    assert_int_equal(hth_session_count(w.s), 20);
    fresh(w.m, ids, 20, a);
    assert_floats_same(a, b, VOCAB);
    close_world(&w);
}

/* The timeline's own ids may be what it is synced to or extended with. */
static void own_ids_may_come_back(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w = open_world((HthSessionCfg){ .ctx = CTX, .chunk = 3 });
    uint32_t ids[60];
    float got[VOCAB], want[VOCAB];
    for (uint32_t i = 0; i < 30; i++) ids[i] = tiny_id(&tiny, 5, i);
    assert_ok(hth_session_eval(w.s, ids, 30, got, &err), err);
    assert_ok(hth_session_sync(w.s, hth_session_ids(w.s), 20, got, &err), err);
    assert_memory_equal(hth_session_ids(w.s), ids, 20 * sizeof *ids);
    for (uint32_t i = 20; i < 30; i++) assert_int_equal(hth_session_ids(w.s)[i], 0); /* forgotten */
    fresh(w.m, ids, 20, want);
    assert_floats_same(got, want, VOCAB);
    for (uint32_t i = 0; i < 20; i++) ids[20 + i] = ids[i];
    assert_ok(hth_session_eval(w.s, hth_session_ids(w.s), 20, got, &err), err);
    fresh(w.m, ids, 40, want);
    assert_floats_same(got, want, VOCAB);
    close_world(&w);
}

static void cancelling_keeps_what_was_done(void **state) {
    (void)state;
    HthErr err = { 0 };
    size_t calls[4] = { 0, 0, 0, 20 };
    World w = open_world(
        (HthSessionCfg){ .ctx = CTX, .chunk = 8, .progress = count_calls, .payload = calls });
    uint32_t ids[100];
    float got[VOCAB], want[VOCAB];
    for (uint32_t i = 0; i < 100; i++) ids[i] = tiny_id(&tiny, 4, i);
    assert_status(hth_session_eval(w.s, ids, 100, got, &err), HTH_ECANCELED, err);
    assert_int_equal(calls[2], 100);
    assert_int_equal(hth_session_count(w.s), 24);
    assert_memory_equal(hth_session_ids(w.s), ids, 24 * sizeof *ids);
    calls[3] = 0;
    assert_ok(hth_session_eval(w.s, ids + 24, 76, got, &err), err); /* and may go on */
    fresh(w.m, ids, 100, want);
    assert_floats_same(got, want, VOCAB);
    close_world(&w);
}

static void eval_all_gives_every_row(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w = open_world((HthSessionCfg){ .ctx = CTX, .chunk = 7 });
    uint32_t ids[30];
    static float all[30 * VOCAB], want[VOCAB];
    for (uint32_t i = 0; i < 30; i++) ids[i] = tiny_id(&tiny, 6, i);
    assert_ok(hth_session_eval_all(w.s, ids, 30, all, &err), err);
    for (uint32_t i = 0; i < 30; i++) {
        fresh(w.m, ids, i + 1, want);
        assert_floats_same(all + i * VOCAB, want, VOCAB);
    }
    close_world(&w);
}

static void eval_does_not_allocate(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w = open_world((HthSessionCfg){ .ctx = CTX, .threads = 2 });
    uint32_t ids[CTX] = { 0 };
    float out[VOCAB];
    const uint64_t calls = hth_mem_calls();
    assert_ok(hth_session_eval(w.s, ids, 100, out, &err), err);
    for (int i = 0; i < 20; i++) assert_ok(hth_session_eval(w.s, ids, 1, out, &err), err);
    hth_session_rewind(w.s, 3);
    assert_ok(hth_session_sync(w.s, ids, CTX, out, &err), err);
    assert_int_equal(hth_mem_calls(), calls);
    close_world(&w);
}

static void caches_differ_as_they_should(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w = open_world((HthSessionCfg){ .ctx = CTX });
    uint32_t ids[40];
    float out[5][VOCAB];
    static const char *const kv[] = { NULL, "f16", "f32", "q8_0", "q4_0" };
    for (uint32_t i = 0; i < 40; i++) ids[i] = tiny_id(&tiny, 7, i);
    for (int i = 0; i < 5; i++) {
        HthSession *s = NULL;
        assert_ok(hth_session_open(&s, w.m, &(HthSessionCfg){ .ctx = CTX, .kv = kv[i] }, &err),
                  err);
        assert_ok(hth_session_eval(s, ids, 40, out[i], &err), err);
        hth_session_close(&s);
    }
    assert_floats_same(out[0], out[1], VOCAB); /* quantised weights: halves */
    assert_true(memcmp(out[1], out[2], sizeof out[1]) != 0);
    assert_true(test_max_diff(out[1], out[2], VOCAB) < 0.3f);
    for (int i = 3; i < 5; i++) {
        assert_true(memcmp(out[i - 1], out[i], sizeof out[i]) != 0);
        assert_true(test_max_diff(out[1], out[i], VOCAB) < 1.0f);
    }
    close_world(&w);
}

static void version(void **state) {
    (void)state;
    assert_true(strlen(hth_version()) > 0);
    assert_true(strncmp(hth_numerics(), "hearth-n", 8) == 0);
}

static HthStatus body(void *ctx) {
    HthSession *s = NULL;
    HthErr err = { 0 };
    HthStatus st = hth_session_open(&s, ctx, &(HthSessionCfg){ .ctx = 100, .threads = 2 }, &err);
    if (st != HTH_OK) assert_null(s);
    hth_session_close(&s);
    return st;
}

static void survives_no_memory(void **state) {
    (void)state;
    World w = open_world((HthSessionCfg){ .ctx = CTX });
    assert_true(test_torture(body, w.m, 100) >= 12);
    close_world(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals),
        cmocka_unit_test(options),
        cmocka_unit_test(any_path_same_bits),
        cmocka_unit_test(sync_reuses),
        cmocka_unit_test(own_ids_may_come_back),
        cmocka_unit_test(cancelling_keeps_what_was_done),
        cmocka_unit_test(eval_all_gives_every_row),
        cmocka_unit_test(eval_does_not_allocate),
        cmocka_unit_test(caches_differ_as_they_should),
        cmocka_unit_test(version),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

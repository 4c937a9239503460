/* adapter_test.c - sessions with adapters: what they take, what they refuse, what they keep.
 *
 * What they compute is golden/adapter_test.c's.
 *
 * Thread: one, and the sessions' pools. */
#include "support/test.h"

#include "model/adapter.h"
#include "run/plan.h"
#include "support/tiny_adapter.h"

enum { CTX = 40, VOCAB = 40 };

static const Tiny tiny = { .arch = "qwen3moe",
                           .layers = 2,
                           .embd = 32,
                           .heads = 4,
                           .kv_heads = 2,
                           .ff = 32,
                           .vocab = VOCAB,
                           .ctx = 128,
                           .seed = 5 };
static const TinyAdapter lora = { .rank = 3, .alpha = 3, .spread = 0.5, .seed = 9 };

typedef struct World {
    HthBuf file, lora;
    HthModel *m;
    HthAdapter *a, *b;
} World;

static bool may(void *ctx, const HthGgufTensor *t) {
    (void)ctx;
    return t->n_dims >= 2 && hth_str_starts(t->name, HTH_STR("blk."));
}

static World open_world(void) {
    HthErr err = { 0 };
    World w = { 0 };
    tiny_build(&w.file, &tiny);
    assert_ok(hth_model_open_mem(&w.m, w.file.p, w.file.n, "tiny", &err), err);
    tiny_adapter(&w.lora, hth_model_gguf(w.m), &lora, may, NULL);
    assert_ok(hth_adapter_open_mem(&w.a, w.m, w.lora.p, w.lora.n, "a", &err), err);
    assert_ok(hth_adapter_open_mem(&w.b, w.m, w.lora.p, w.lora.n, "b", &err), err);
    return w;
}

static void close_world(World *w) {
    hth_adapter_close(&w->a);
    hth_adapter_close(&w->b);
    hth_model_close(&w->m);
    hth_buf_drop(&w->file);
    hth_buf_drop(&w->lora);
}

/* What the plan says more with adapters is what opening takes more. */
static void the_plan(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w = open_world();
    const HthAdapterUse uses[] = { { w.a, 1 }, { w.b, 0.5f } };
    HthSessionCfg cfg = { .ctx = CTX, .threads = 2 };
    HthRunPlan plan[3];
    uint64_t taken[3];
    for (uint32_t n = 0; n < 3; n++) {
        HthSession *s = NULL;
        cfg.adapters = uses;
        cfg.adapter_count = n;
        assert_ok(hth_run_plan(&plan[n], w.m, &cfg, &err), err);
        const uint64_t before = hth_mem_mapped();
        assert_ok(hth_session_open(&s, w.m, &cfg, &err), err);
        taken[n] = hth_mem_mapped() - before;
        hth_session_close(&s);
        assert_int_equal(plan[n].memory.bytes[HTH_MEMORY_ADAPTERS], n * hth_adapter_bytes(w.a));
    }
    for (uint32_t n = 1; n < 3; n++) {
        const uint64_t more =
            plan[n].memory.bytes[HTH_MEMORY_SCRATCH] - plan[n - 1].memory.bytes[HTH_MEMORY_SCRATCH];
        assert_true(more > 0 && taken[n] - taken[n - 1] == more);
    }
    close_world(&w);
}

static void refusals(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w = open_world(), v = open_world();
    HthSession *s = NULL;
    const HthAdapterUse bad[][2] = { { { w.a, 1 }, { w.a, 1 } },
                                     { { w.a, 1 }, { v.a, 1 } },
                                     { { w.a, 1 }, { w.b, NAN } } };
    for (size_t i = 0; i < HTH_COUNT(bad); i++) {
        const HthSessionCfg cfg = { .ctx = CTX, .adapters = bad[i], .adapter_count = 2 };
        assert_status(hth_session_open(&s, w.m, &cfg, &err), HTH_EINVAL, err);
        assert_null(s);
    }
    close_world(&w);
    close_world(&v);
}

/* Going back, syncing and asking again: the words of a session with adapters keep them. */
static void paths(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w = open_world();
    HthSession *s = NULL;
    const HthAdapterUse use = { w.a, 1.5f };
    const HthSessionCfg cfg = { .ctx = CTX, .threads = 2, .adapters = &use, .adapter_count = 1 };
    uint32_t ids[20];
    float want[VOCAB], got[VOCAB], base[VOCAB];
    for (uint32_t i = 0; i < 20; i++) ids[i] = tiny_id(&tiny, 1, i);
    assert_ok(hth_session_open(&s, w.m, &(HthSessionCfg){ .ctx = CTX }, &err), err);
    assert_ok(hth_session_eval(s, ids, 20, base, &err), err);
    hth_session_close(&s);
    assert_ok(hth_session_open(&s, w.m, &cfg, &err), err);
    assert_ok(hth_session_eval(s, ids, 20, want, &err), err);
    assert_true(test_max_diff(want, base, VOCAB) > 0.01f);
    hth_session_rewind(s, 7);
    assert_ok(hth_session_eval(s, ids + 7, 5, NULL, &err), err);
    assert_ok(hth_session_sync(s, ids, 20, got, &err), err);
    assert_floats_same(want, got, VOCAB);
    HthSpec *spec = NULL;
    const HthSpecCfg ahead = { .lookup = 4 };
    const float *row;
    hth_session_rewind(s, 12);
    assert_ok(hth_spec_open(&spec, s, &ahead, &err), err);
    hth_spec_begin(spec);
    for (uint32_t i = 12; i < 20; i++) assert_ok(hth_spec_eval(spec, ids[i], &row, &err), err);
    assert_floats_same(want, row, VOCAB);
    hth_spec_end(spec);
    hth_spec_close(&spec);
    hth_session_close(&s);
    close_world(&w);
}

static HthStatus body(void *ctx) {
    const World *w = ctx;
    HthErr err = { 0 };
    HthSession *s = NULL;
    const uint32_t ids[] = { 1, 2, 3 };
    const HthAdapterUse use = { w->a, 1 };
    const HthSessionCfg cfg = { .ctx = 8, .threads = 1, .adapters = &use, .adapter_count = 1 };
    HthStatus st = hth_session_open(&s, w->m, &cfg, &err);
    const uint64_t calls = hth_mem_calls();
    if (st == HTH_OK) st = hth_session_eval(s, ids, 3, NULL, &err);
    assert_int_equal(hth_mem_calls(), calls); /* evaluating allocates nothing */
    hth_session_close(&s);
    return st;
}

static void torture(void **state) {
    (void)state;
    World w = open_world();
    assert_true(test_torture(body, &w, 1000) >= 10);
    close_world(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_plan),
        cmocka_unit_test(refusals),
        cmocka_unit_test(paths),
        cmocka_unit_test(torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* spec_test.c - speculative decoding says what plain decoding says, bit for bit, in fewer passes.
 *
 * Thread: one, and the sessions' pools. */
#include "support/test.h"

#include "base/rng.h"
#include "hearth/hearth.h"
#include "run/sample.h"
#include "support/tiny.h"

enum { VOCAB = 48, CTX = 90 };

/* clang-format off */
static const Tiny tinies[] = {
    { .arch = "llama", .layers = 2, .embd = 32, .heads = 4, .kv_heads = 2, .ff = 32, .vocab = VOCAB,
      .ctx = 128, .seed = 1, .fmt = "Q8_0" },
    { .arch = "qwen2", .layers = 1, .embd = 32, .heads = 2, .kv_heads = 1, .ff = 64, .vocab = VOCAB,
      .ctx = 64, .seed = 2, .bias = true, .tied = true },
    { .arch = "qwen3", .layers = 2, .embd = 32, .heads = 4, .kv_heads = 4, .head_dim = 16, .ff = 32,
      .vocab = VOCAB, .ctx = 128, .seed = 3, .fmt = "Q4_0" },
};
/* clang-format on */

typedef struct Models {
    HthBuf file[HTH_COUNT(tinies)];
    HthModel *m[HTH_COUNT(tinies)];
} Models;

static Models models;

static int open_models(void **state) {
    (void)state;
    HthErr err = { 0 };
    for (size_t i = 0; i < HTH_COUNT(tinies); i++) {
        tiny_build(&models.file[i], &tinies[i]);
        assert_ok(
            hth_model_open_mem(&models.m[i], models.file[i].p, models.file[i].n, "tiny", &err),
            err);
    }
    return 0;
}

static int close_models(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(tinies); i++) {
        hth_model_close(&models.m[i]);
        hth_buf_drop(&models.file[i]);
    }
    return 0;
}

static HthSession *open_session(const HthModel *m, uint32_t ctx) {
    HthErr err = { 0 };
    HthSession *s = NULL;
    HthSessionCfg cfg = { .ctx = ctx, .threads = 1 };
    assert_ok(hth_session_open(&s, m, &cfg, &err), err);
    return s;
}

static HthSpec *open_spec(HthSession *s, HthSpecCfg cfg) {
    HthErr err = { 0 };
    HthSpec *spec = NULL;
    cfg.draft_cfg.threads = 1;
    assert_ok(hth_spec_open(&spec, s, &cfg, &err), err);
    return spec;
}

/* ---- equal to plain ------------------------------------------------------------------------- */

/* Two ways to say the same: plain, and computed ahead. */
typedef struct Pair {
    HthSession *plain, *ahead;
    HthSpec *spec;
} Pair;

static void set(HthSampleParams *p, const char *name, const char *value) {
    HthErr err = { 0 };
    assert_ok(hth_sample_set(p, name, hth_str(value), &err), err);
}

/* A random way of drawing, with everything that remembers or looks back in play. */
static void draw_params(HthSampleParams *p, uint32_t r) {
    static const char *const ways[][2] = {
        { "temperature", "0" },       { "temperature", "0.2" },
        { "temperature", "1.3" },     { "repeat_penalty", "1.3" },
        { "mirostat", "2" },          { "dry_multiplier", "0.8" },
        { "xtc_probability", "0.5" }, { "frequency_penalty", "0.4" },
    };
    hth_sample_defaults(p);
    p->seed = r;
    for (unsigned i = 0; i < 2; i++, r /= 8) set(p, ways[r % 8][0], ways[r % 8][1]);
}

/* One answer both ways until the context is full or `most` tokens are there. */
static HthSpecStats answer(Pair *p, const HthSampleParams *params, size_t most) {
    HthErr err = { 0 };
    HthSampler *a = NULL, *b = NULL;
    static float row[VOCAB], first[VOCAB];
    const float *got = first;
    size_t n = hth_session_count(p->plain), from = n;
    uint32_t last = hth_session_ids(p->plain)[n - 1], id = 0, same = 0;
    hth_session_rewind(p->plain, n - 1);
    hth_session_rewind(p->ahead, n - 1);
    assert_ok(hth_session_eval(p->plain, &last, 1, row, &err), err);
    assert_ok(hth_session_eval(p->ahead, &last, 1, first, &err), err);
    assert_ok(hth_sampler_open(&a, params, VOCAB, NULL, &err), err);
    assert_ok(hth_sampler_open(&b, params, VOCAB, NULL, &err), err);
    hth_spec_begin(p->spec);
    for (;; n++) {
        assert_floats_same(got, row, VOCAB);
        assert_int_equal(hth_spec_count(p->spec), n);
        assert_ok(hth_sampler_next(a, row, hth_session_ids(p->plain), n, &id, &err), err);
        assert_ok(hth_sampler_next(b, got, hth_session_ids(p->ahead), n, &same, &err), err);
        assert_int_equal(id, same);
        if (n == hth_session_ctx(p->plain)) {
            assert_status(hth_spec_eval(p->spec, id, &got, &err), HTH_ELIMIT, err);
            break;
        }
        if (n - from == most) break;
        assert_ok(hth_session_eval(p->plain, &id, 1, row, &err), err);
        assert_ok(hth_spec_eval(p->spec, id, &got, &err), err);
    }
    HthSpecStats st = hth_spec_stats(p->spec);
    hth_spec_end(p->spec);
    assert_int_equal(st.tokens, n - from);
    assert_true(st.passes <= st.tokens && st.accepted <= st.drafted);
    assert_int_equal(st.tokens, st.passes + st.accepted);
    assert_int_equal(hth_session_count(p->ahead), n); /* what was not said is taken back */
    assert_memory_equal(hth_session_ids(p->ahead), hth_session_ids(p->plain), n * sizeof id);
    hth_sampler_close(&a);
    hth_sampler_close(&b);
    return st;
}

/* Makes both timelines the same random, repeating text, keeping `keep` of the old one. */
static void say(Pair *p, size_t keep, size_t more, uint64_t seed) {
    HthErr err = { 0 };
    uint32_t ids[CTX], period = 2 + hth_rng_below(seed, 1, 0, 9);
    memcpy(ids, hth_session_ids(p->plain), keep * sizeof *ids);
    for (size_t i = 0; i < more; i++)
        ids[keep + i] = hth_rng_below(seed, 2, i % period + (i / 40) * 100, VOCAB);
    assert_ok(hth_session_sync(p->plain, ids, keep + more, NULL, &err), err);
    assert_ok(hth_session_sync(p->ahead, ids, keep + more, NULL, &err), err);
}

static void equal_to_plain(void **state) {
    (void)state;
    static HthSampleParams params;
    uint64_t accepted = 0, rejected = 0;
    for (uint64_t trial = 0; trial < 120; trial++) {
        uint32_t r[4];
        hth_rng_block(21, 0, trial, r);
        const HthModel *m = models.m[r[0] % 3];
        static const uint32_t lookups[] = { 0, 1, 2, 8, 30 }, drafts[] = { 1, 3, 8, 64 };
        HthSpecCfg cfg = { .lookup = lookups[r[1] % 5], .ngram_min = r[1] / 8 % 3 };
        if (r[2] % 3 > 0) cfg.draft = r[2] % 3 == 1 ? m : models.m[r[2] / 8 % 3];
        cfg.draft_tokens = drafts[r[2] / 64 % 4];
        uint32_t ctx = 20 + r[3] % (CTX - 20);
        Pair p = { .plain = open_session(m, ctx), .ahead = open_session(m, ctx) };
        p.spec = open_spec(p.ahead, cfg);
        for (uint64_t turn = 0; turn < 3; turn++) {
            hth_rng_block(22, trial, turn, r);
            size_t have = hth_session_count(p.plain), keep = have ? r[0] % have : 0;
            size_t more = 1 + r[1] % (ctx - keep);
            if (more > 30 && r[1] % 5) more = 30;
            say(&p, keep, more, r[2]);
            draw_params(&params, r[3]);
            HthSpecStats st = answer(&p, &params, r[3] / 64 % 3 ? CTX : r[3] / 64 % 20);
            accepted += st.accepted;
            rejected += st.drafted - st.accepted;
            if (cfg.lookup == 0 && !cfg.draft) assert_int_equal(st.drafted, 0);
        }
        hth_spec_close(&p.spec);
        hth_session_close(&p.ahead);
        hth_session_close(&p.plain);
    }
    assert_true(accepted > 500 && rejected > 500); /* both happened, a lot */
}

/* ---- how much is guessed -------------------------------------------------------------------- */

static HthSpecStats greedy(const HthModel *m, HthSpecCfg cfg, uint32_t ctx, size_t most,
                           const char *penalty) {
    static HthSampleParams params;
    Pair p = { .plain = open_session(m, ctx), .ahead = open_session(m, ctx) };
    p.spec = open_spec(p.ahead, cfg);
    say(&p, 0, 7, 4);
    hth_sample_defaults(&params);
    set(&params, "temperature", "0");
    set(&params, "repeat_penalty", penalty);
    HthSpecStats st = answer(&p, &params, most);
    hth_spec_close(&p.spec);
    hth_session_close(&p.ahead);
    hth_session_close(&p.plain);
    return st;
}

/* A model that guesses its own greedy words is always right. */
static void its_own_draft_is_right(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(tinies); i++) {
        HthSpecStats st =
            greedy(models.m[i], (HthSpecCfg){ .draft = models.m[i] }, 1000, 4 + 1 + 90, "1");
        assert_int_equal(st.drafted, st.accepted);
        assert_int_equal(st.lookup_drafted, 0);
        assert_int_equal(st.passes, 1 + 10); /* 4 at first, then 8 at a time, and one each */
        st = greedy(models.m[i], (HthSpecCfg){ .draft = models.m[i], .draft_tokens = 1 }, 100, 60,
                    "1");
        assert_true(st.drafted <= st.accepted + 1); /* the last was not asked for */
        assert_in_range(st.drafted, 20, 30);
    }
}

/* One that knows nothing of the other is soon asked seldom. */
static void a_bad_draft_costs_little(void **state) {
    (void)state;
    HthSpecStats st = greedy(models.m[0], (HthSpecCfg){ .draft = models.m[1] }, 1000, 600, "1");
    assert_true(st.accepted * 4 < st.tokens);
    assert_true(st.drafted - st.accepted < st.tokens / 4);
}

/* What repeats itself is found without a model: a penalty below 1 makes words run in circles. */
static void lookup_follows_circles(void **state) {
    (void)state;
    HthSpecStats st = greedy(models.m[0], (HthSpecCfg){ .lookup = 8 }, 1000, 600, "0.01");
    assert_true(st.passes * 3 < st.tokens);
    assert_int_equal(st.lookup_drafted, st.drafted);
    assert_int_equal(st.lookup_accepted, st.accepted);
}

/* ---- edges ---------------------------------------------------------------------------------- */

static void refusals(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthSession *s = open_session(models.m[0], 40);
    HthSpec *spec = NULL;
    Tiny larger = tinies[1];
    HthBuf file;
    HthModel *other = NULL;
    larger.vocab = VOCAB + 1;
    tiny_build(&file, &larger);
    assert_ok(hth_model_open_mem(&other, file.p, file.n, "tiny", &err), err);
    const HthSpecCfg bad[] = {
        { .lookup = HTH_SPEC_TOKENS_MAX + 1 },
        { .draft = models.m[0], .draft_tokens = HTH_SPEC_TOKENS_MAX + 1 },
        { .lookup = 1, .ngram_min = 5, .ngram_max = 4 },
        { .lookup = 1, .ngram_max = 17 },
        { .draft = other },
        { .draft = models.m[0], .draft_cfg = { .threads = 1000 } },
    };
    for (size_t i = 0; i < HTH_COUNT(bad); i++)
        assert_status(hth_spec_open(&spec, s, &bad[i], &err), HTH_EINVAL, err);
    assert_null(spec);
    hth_spec_close(&spec);
    assert_ok(hth_spec_open(&spec, s, NULL, &err), err); /* plain */
    const float *row = NULL;
    assert_status(hth_spec_eval(spec, VOCAB, &row, &err), HTH_EINVAL, err);
    assert_null(row);
    assert_int_equal(hth_spec_count(spec), 0);
    assert_int_equal(hth_session_count(s), 0);
    assert_ok(hth_spec_eval(spec, 3, &row, &err), err);
    hth_spec_close(&spec);
    hth_session_close(&s);
    hth_model_close(&other);
    hth_buf_drop(&file);
}

static int stop(void *payload, size_t done, size_t total) {
    (void)done;
    (void)total;
    return *(const int *)payload;
}

/* An interrupted draft guesses nothing; an interrupted pass leaves the timeline as it was. */
static void interruption(void **state) {
    (void)state;
    HthErr err = { 0 };
    int stopped = 1;
    HthSessionCfg cfg = { .ctx = CTX, .threads = 1, .chunk = 2, .progress = stop };
    cfg.payload = &stopped;
    HthSession *s = NULL;
    const float *row = NULL;
    uint32_t ids[12] = { 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3 };
    HthSpec *spec = NULL;
    s = open_session(models.m[0], CTX);
    assert_ok(hth_session_eval(s, ids, 12, NULL, &err), err);
    spec = open_spec(s, (HthSpecCfg){ .draft = models.m[0], .draft_cfg = cfg });
    assert_ok(hth_spec_eval(spec, 1, &row, &err), err);
    assert_int_equal(hth_spec_stats(spec).drafted, 0);
    stopped = 0;
    assert_ok(hth_spec_eval(spec, 1, &row, &err), err);
    assert_true(hth_spec_stats(spec).drafted > 0);
    hth_spec_close(&spec);
    hth_session_close(&s);
    assert_ok(hth_session_open(&s, models.m[0], &cfg, &err), err);
    assert_ok(hth_session_eval(s, ids, 12, NULL, &err), err);
    spec = open_spec(s, (HthSpecCfg){ .lookup = 8 });
    stopped = 1; /* between the chunks of one pass */
    row = NULL;
    assert_status(hth_spec_eval(spec, 1, &row, &err), HTH_ECANCELED, err);
    assert_null(row);
    assert_int_equal(hth_spec_count(spec), 12);
    assert_int_equal(hth_session_count(s), 12);
    stopped = 0;
    assert_ok(hth_spec_eval(spec, 1, &row, &err), err);
    hth_spec_close(&spec);
    hth_session_close(&s);
}

static void evaluating_does_not_allocate(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthSession *s = open_session(models.m[0], 300);
    HthSpec *spec = open_spec(s, (HthSpecCfg){ .lookup = 8, .draft = models.m[1] });
    const float *row = NULL;
    const uint64_t calls = hth_mem_calls();
    for (uint32_t i = 0; i < 250; i++)
        assert_ok(hth_spec_eval(spec, hth_rng_below(1, 2, i % 50, VOCAB), &row, &err), err);
    HthSpecStats st = hth_spec_stats(spec);
    assert_true(st.accepted > 50 && st.drafted > st.lookup_drafted);
    hth_spec_end(spec);
    assert_int_equal(hth_mem_calls(), calls);
    hth_spec_close(&spec);
    hth_session_close(&s);
}

static HthStatus body(void *ctx) {
    HthSpec *spec = NULL;
    HthSpecCfg cfg = { .lookup = 8, .draft = models.m[1], .draft_cfg = { .threads = 2 } };
    HthStatus st = hth_spec_open(&spec, ctx, &cfg, NULL);
    if (st != HTH_OK) assert_null(spec);
    hth_spec_close(&spec);
    return st;
}

static void survives_no_memory(void **state) {
    (void)state;
    HthSession *s = open_session(models.m[0], 50);
    assert_true(test_torture(body, s, 100) >= 16);
    hth_session_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_to_plain),
        cmocka_unit_test(its_own_draft_is_right),
        cmocka_unit_test(a_bad_draft_costs_little),
        cmocka_unit_test(lookup_follows_circles),
        cmocka_unit_test(refusals),
        cmocka_unit_test(interruption),
        cmocka_unit_test(evaluating_does_not_allocate),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, open_models, close_models);
}

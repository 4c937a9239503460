/* encoder_test.c - texts read whole (docs/adr/0048): their rows, vectors and scores.
 *
 * Same bits for every tier and thread count, alone or among other texts; the reference runtime's
 * vectors and scores on the same generated models, whose figures are in the table below.  And that
 * what has no next words says so.
 *
 * Thread: one, and the sessions' own. */
#include "support/test.h"

#include "kv/table.h"
#include "model/model.h"
#include "run/session.h"
#include "run/step.h"
#include "support/tiny.h"

enum { N = 150, SHOWN = 6 }; /* over two page borders */

typedef struct Case {
    const char *arch;
    uint32_t pooling, n;
    uint32_t layers, window; /* 0: as usual */
    bool twist, silu, gate_up, qk_norm, fused;
    float want[SHOWN]; /* of the reference: the beginning of the vector, of length one; scores */
} Case;

/* clang-format off */
static const Case cases[] = {
    { .arch = "bert", .pooling = 1, .n = 150,
      .want = { -0.173654f, 0.027466f, -0.153100f, -0.028409f, 0.203848f, -0.025710f } },
    { .arch = "bert", .pooling = 2, .n = 65, .fused = true,
      .want = { 0.043810f, 0.015573f, 0.024388f, -0.072770f, -0.021543f, 0.002272f } },
    { .arch = "bert", .pooling = 4, .n = 70,
      .want = { 1.781748f, -1.367945f } },
    { .arch = "bert", .pooling = 4, .n = 9, .twist = true,
      .want = { -0.179898f, -1.935318f } },
    { .arch = "nomic-bert", .pooling = 1, .n = 600,
      .want = { -0.020913f, -0.042434f, 0.171743f, 0.006618f, -0.143674f, 0.235848f } },
    { .arch = "nomic-bert", .pooling = 3, .n = 40,
      .want = { 0.037713f, -0.129019f, 0.123809f, 0.025440f, -0.102765f, 0.126039f } },
    { .arch = "jina-bert-v2", .pooling = 1, .n = 150,
      .want = { -0.048150f, -0.112833f, 0.274718f, 0.103825f, -0.026483f, 0.050083f } },
    { .arch = "jina-bert-v2", .pooling = 2, .n = 600,
      .gate_up = true, .qk_norm = true, .twist = true,
      .want = { 0.054768f, -0.089234f, 0.194768f, -0.022849f, -0.041469f, -0.114669f } },
    { .arch = "jina-bert-v2", .pooling = 4, .n = 33,
      .want = { 0.987634f } },
    { .arch = "modern-bert", .pooling = 1, .n = 150, .layers = 5, .window = 16,
      .want = { 0.149314f, -0.033577f, 0.113395f, -0.143495f, 0.194213f, 0.016408f } },
    { .arch = "modern-bert", .pooling = 2, .n = 700, .layers = 7, .window = 129, .silu = true,
      .want = { 0.185002f, -0.132088f, 0.128158f, -0.091394f, -0.060684f, -0.129864f } },
    { .arch = "modern-bert", .pooling = 4, .n = 90, .layers = 4, .window = 64,
      .want = { -0.705409f, 0.127271f } },
    { .arch = "modern-bert", .pooling = 4, .n = 20, .twist = true,
      .want = { 1.356605f, 0.975052f } },
    { .arch = "qwen3", .pooling = 3, .n = 99,
      .want = { 0.045579f, 0.098373f, 0.023442f, -0.092636f, 0.069948f, 0.021315f } },
    { .arch = "qwen3", .pooling = 4, .n = 99,
      .want = { 0.213062f, 0.786938f } },
};
/* clang-format on */

static Tiny tiny_of(const Case *k) {
    Tiny c = { .arch = k->arch, .layers = k->layers ? k->layers : 3, .embd = 64, .heads = 4 };
    c.ff = 96;
    c.vocab = 128;
    c.ctx = 1024;
    c.seed = 7;
    c.fmt = "F32";
    c.pooling = k->pooling;
    c.window = k->window;
    c.twist = k->twist;
    c.silu = k->silu;
    c.gate_up = k->gate_up;
    c.qk_norm = k->qk_norm;
    c.fused = k->fused;
    return c;
}

static void open_tiny(HthModel **m, HthBuf *file, const Tiny *c) {
    HthErr err = { 0 };
    tiny_build(file, c);
    assert_ok(hth_model_open_mem(m, file->p, file->n, "tiny", &err), err);
}

static void fill_ids(const Tiny *c, uint64_t stream, uint32_t *ids, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) ids[i] = tiny_id(c, stream, i);
}

/* Numbers of a text's vector, or of its scores. */
static uint32_t width_of(const HthModel *m) {
    const HthProgram *p = hth_model_program(m);
    return hth_model_shape(m)->pooling == HTH_POOL_RANK ? hth_program_out(p) : p->n_embd;
}

/* All rows, then the vector; the caller frees. */
static float *compute(const HthModel *m, const uint32_t *ids, uint32_t n, const char *isa,
                      uint32_t threads) {
    HthErr err = { 0 };
    HthSession *s = NULL;
    const uint32_t n_embd = hth_model_program(m)->n_embd;
    const HthSessionCfg cfg = { .ctx = n + 3, .threads = threads };
    float *out = hth_calloc((size_t)n * n_embd + width_of(m), sizeof *out);
    assert_non_null(out);
    assert_ok(hth_kern_force(isa, &err), err);
    assert_ok(hth_session_open(&s, m, &cfg, &err), err);
    assert_ok(hth_session_rows(s, ids, n, out, &err), err);
    assert_ok(hth_session_vector(s, ids, n, out + (size_t)n * n_embd, &err), err);
    hth_session_close(&s);
    assert_ok(hth_kern_force(NULL, &err), err);
    return out;
}

static void check_bits(const HthModel *m, const uint32_t *ids, uint32_t n, const char *what) {
    const size_t floats = (size_t)n * hth_model_program(m)->n_embd + width_of(m);
    float *want = compute(m, ids, n, "c", 1);
    for (size_t i = 0; i < floats; i++)
        if (!(want[i] == want[i])) fail_msg("%s: number %zu is none", what, i);
    for (size_t k = 0; hth_kern_at(k); k++)
        for (uint32_t threads = 1; threads <= 3 && hth_kern_runs_here(hth_kern_at(k)); threads++) {
            if (k == 0 && (threads != 2 || n > N)) continue; /* slow, and what all are held to */
            float *got = compute(m, ids, n, hth_kern_at(k)->name, threads);
            if (memcmp(want, got, floats * sizeof *got) != 0)
                fail_msg("%s: tier %s, %u threads differ", what, hth_kern_at(k)->name, threads);
            hth_free(got);
        }
    hth_free(want);
}

/* Formats of weights in turn; lengths on both sides of pages and of runs of pages. */
static void same_bits(void **state) {
    (void)state;
    static const char *const formats[] = { "F32", "Q8_0", "F16", "Q4_K", "BF16" };
    static const uint32_t lengths[] = { N, 1, 64, 65, 530, 2 };
    static uint32_t ids[530];
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        Tiny c = tiny_of(&cases[i]);
        HthModel *m = NULL;
        HthBuf file;
        c.fmt = formats[i % HTH_COUNT(formats)];
        if (strcmp(c.fmt, "Q4_K") == 0) c.embd = c.ff = 256; /* whole blocks */
        open_tiny(&m, &file, &c);
        for (size_t k = i; k < i + 3; k += 2) {
            const uint32_t n = lengths[k % HTH_COUNT(lengths)];
            fill_ids(&c, i, ids, n);
            check_bits(m, ids, n, c.arch);
            print_message("%-12s %-5s %3u tokens: same bits\n", c.arch, c.fmt, n);
        }
        hth_model_close(&m);
        hth_buf_drop(&file);
    }
}

/* Texts of several lengths in one step against each alone. */
static void in_company(void **state) {
    (void)state;
    static const uint32_t lengths[] = { 3, 64, 130, 1, 70 };
    enum { TEXTS = HTH_COUNT(lengths), ROWS = 3 + 64 + 130 + 1 + 70, PAGES = 16 };
    static uint32_t ids[TEXTS][130];
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        Tiny c = tiny_of(&cases[i]);
        HthErr err = { 0 };
        HthModel *m = NULL;
        HthBuf file;
        HthPages *pages = NULL;
        HthExec *exec = NULL;
        HthRows *rows = NULL;
        HthPool *pool = NULL;
        HthTable *table[TEXTS] = { NULL };
        HthKvLayout layout;
        open_tiny(&m, &file, &c);
        const HthProgram *p = hth_model_program(m);
        assert_int_equal(p->n_cache, p->whole ? 1 : c.layers); /* one layer's keys at a time */
        assert_ok(hth_program_layout(&layout, p, HTH_KV_F32, false, &err), err);
        const HthPagesCfg cfg = hth_table_pool(&layout, PAGES);
        assert_ok(hth_pages_open(&pages, &cfg, &err), err);
        assert_ok(hth_pool_open(&pool, 2, &err), err);
        assert_ok(hth_exec_open(&exec, p, hth_kern_pick(), pool, ROWS, 4, &err), err);
        assert_ok(hth_rows_open(&rows, ROWS, &err), err);
        float *got = hth_calloc((size_t)ROWS * p->n_embd, sizeof *got), *at = got;
        assert_non_null(got);
        for (uint32_t k = 0; k < TEXTS; k++) {
            fill_ids(&c, k, ids[k], lengths[k]);
            assert_ok(hth_table_open(&table[k], pages, &layout, 4, &err), err);
            assert_ok(hth_table_grow(table[k], lengths[k], &err), err);
            hth_rows_add(rows, hth_table_view(table[k]), ids[k], lengths[k], 0, HTH_WANT_ALL);
        }
        hth_rows_run_hidden(rows, exec, got);
        for (uint32_t k = 0; k < TEXTS; k++) {
            float *want = compute(m, ids[k], lengths[k], NULL, 1);
            assert_floats_same(want, at, (size_t)lengths[k] * p->n_embd);
            at += (size_t)lengths[k] * p->n_embd;
            hth_free(want);
            hth_table_close(&table[k]);
        }
        hth_free(got);
        hth_rows_close(&rows);
        hth_exec_close(&exec);
        hth_pool_close(&pool);
        hth_pages_close(&pages);
        hth_model_close(&m);
        hth_buf_drop(&file);
    }
}

/* gelu is of halves, here and there, by two ways of rounding: what it does to a vector of length
 * one is below this. */
static const float TOLERANCE = 1e-4f;

static void reference(void **state) {
    (void)state;
    static uint32_t ids[700];
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        const Case *k = &cases[i];
        Tiny c = tiny_of(k);
        HthModel *m = NULL;
        HthBuf file;
        open_tiny(&m, &file, &c);
        fill_ids(&c, 1, ids, k->n);
        const uint32_t n_embd = hth_model_program(m)->n_embd, width = width_of(m);
        float *got = compute(m, ids, k->n, NULL, 2), *vector = got + (size_t)k->n * n_embd;
        const uint32_t shown = width < SHOWN ? width : SHOWN;
        const float worst = test_max_diff(vector, k->want, shown);
        print_message("%-12s pooling %u, %3u tokens: worst difference %.2g\n", c.arch, c.pooling,
                      k->n, (double)worst);
        const float most = k->pooling == 4 ? 20.0f * TOLERANCE : TOLERANCE; /* not of length one */
        if (!(worst < most)) fail_msg("%s: off by %g", c.arch, (double)worst);
        hth_free(got);
        hth_model_close(&m);
        hth_buf_drop(&file);
    }
}

/* Both ways: with one layer a token's row changes with the last token of its text exactly where
 * that is within its window. */
static void sees_both_ways(void **state) {
    (void)state;
    enum { LENGTH = 100, WINDOW = 9 };
    for (int windowed = 0; windowed < 2; windowed++) {
        Case k = { .arch = "modern-bert", .pooling = 1, .layers = 1 };
        Tiny c = tiny_of(&k);
        HthModel *m = NULL;
        HthBuf file;
        uint32_t ids[LENGTH];
        c.window = windowed ? WINDOW : 0;
        c.every_key = windowed; /* all layers have it */
        open_tiny(&m, &file, &c);
        fill_ids(&c, 5, ids, LENGTH);
        float *before = compute(m, ids, LENGTH, NULL, 1);
        ids[LENGTH - 1] = (ids[LENGTH - 1] + 1) % c.vocab;
        float *after = compute(m, ids, LENGTH, NULL, 1);
        for (uint32_t i = 0; i < LENGTH; i++) {
            const size_t at = (size_t)i * c.embd;
            const bool seen = !windowed || LENGTH - 1 - i <= WINDOW / 2;
            assert_int_equal(memcmp(before + at, after + at, c.embd * sizeof *after) != 0, seen);
        }
        hth_free(before);
        hth_free(after);
        hth_model_close(&m);
        hth_buf_drop(&file);
    }
}

/* What has no next words says so, and what it has; a text longer than a step, too. */
static void refusals(void **state) {
    (void)state;
    static const struct {
        Case k;
        const char *says;
    } of[] = { { { .arch = "bert", .pooling = 1 }, "is an encoder" },
               { { .arch = "bert", .pooling = 4 }, "ranks texts" },
               { { .arch = "qwen3", .pooling = 4 }, "ranks texts" } };
    for (size_t i = 0; i < HTH_COUNT(of); i++) {
        Tiny c = tiny_of(&of[i].k);
        HthErr err = { 0 };
        HthModel *m = NULL;
        HthSession *s = NULL;
        HthBuf file;
        uint32_t ids[40];
        float rows[40 * 64];
        open_tiny(&m, &file, &c);
        fill_ids(&c, 1, ids, 40);
        assert_ok(hth_session_open(&s, m, &(HthSessionCfg){ .ctx = 39 }, &err), err);
        assert_int_equal(hth_session_eval(s, ids, 3, NULL, &err), HTH_ENOTSUP);
        assert_non_null(strstr(err.text, of[i].says));
        assert_int_equal(hth_session_eval_all(s, ids, 3, rows, &err), HTH_ENOTSUP);
        assert_int_equal(hth_session_sync(s, ids, 3, NULL, &err), HTH_ENOTSUP);
        assert_int_equal(hth_session_rows(s, ids, 40, rows, &err), HTH_ELIMIT);
        assert_ok(hth_session_rows(s, ids, 39, rows, &err), err);
        hth_session_close(&s);
        const HthSessionCfg small = { .ctx = 39, .chunk = 38 };
        if (hth_model_program(m)->whole) {
            assert_int_equal(hth_session_open(&s, m, &small, &err), HTH_EINVAL);
            assert_non_null(strstr(err.text, "reads texts whole"));
            const HthSessionCfg large = { .ctx = 10000 };
            assert_int_equal(hth_session_open(&s, m, &large, &err), HTH_ENOTSUP);
        }
        hth_model_close(&m);
        hth_buf_drop(&file);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference),      cmocka_unit_test(same_bits), cmocka_unit_test(in_company),
        cmocka_unit_test(sees_both_ways), cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* state_test.c - models with states: taking rows back, beginning with pages another has computed,
 * and guessing ahead change no bit; what was taken back is gone.
 *
 * Thread: one, and the sessions' own. */
#include "support/test.h"

#include "hearth/hearth.h"
#include "kv/prefix.h"
#include "model/model.h"
#include "run/step.h"
#include "support/tiny.h"

enum { CTX = 400, VOCAB = 31 };

typedef struct World {
    HthBuf file;
    HthModel *m;
    uint32_t ids[CTX];
    float *want; /* [CTX][VOCAB] of ids from the beginning on */
} World;

static void open_world(World *w, const char *arch, const char *kv) {
    Tiny c = { .arch = arch, .layers = 3, .embd = 64, .heads = 4, .kv_heads = 2, .ff = 32 };
    HthErr err = { 0 };
    HthSession *s = NULL;
    c.vocab = VOCAB;
    c.ctx = CTX;
    c.seed = 21;
    tiny_build(&w->file, &c);
    w->m = NULL;
    assert_ok(hth_model_open_mem(&w->m, w->file.p, w->file.n, "tiny", &err), err);
    for (uint32_t i = 0; i < CTX; i++) w->ids[i] = tiny_id(&c, 1, i);
    w->want = hth_calloc((size_t)CTX * VOCAB, sizeof *w->want);
    const HthSessionCfg cfg = { .ctx = CTX, .threads = 1, .chunk = 100, .kv = kv };
    assert_ok(hth_session_open(&s, w->m, &cfg, &err), err);
    assert_ok(hth_session_eval_all(s, w->ids, CTX, w->want, &err), err);
    hth_session_close(&s);
}

static void close_world(World *w) {
    hth_free(w->want);
    hth_model_close(&w->m);
    hth_buf_drop(&w->file);
}

static void same(const World *w, uint32_t from, uint32_t n, const float *got) {
    assert_floats_same(w->want + (size_t)from * VOCAB, got, (size_t)n * VOCAB);
}

/* Forwards and back by much and by little; other words in between leave no trace. */
static void back_and_forth(void **state) {
    World w;
    HthErr err = { 0 };
    static float got[CTX * VOCAB];
    uint32_t other[70];
    open_world(&w, *state, NULL);
    for (int kind = 0; kind < 4; kind++) {
        HthSession *s = NULL;
        const HthSessionCfg cfg = { .ctx = CTX,
                                    .threads = 1 + (uint32_t)kind % 2,
                                    .chunk = kind == 3 ? 5 : 90,
                                    .no_rewind = kind == 2 };
        assert_ok(hth_session_open(&s, w.m, &cfg, &err), err);
        for (uint64_t step = 0; step < 150; step++) {
            const uint32_t at = (uint32_t)hth_session_count(s);
            const uint64_t r = 10 * step + (uint64_t)kind;
            uint32_t n = hth_rng_below(7, 1, r, hth_rng_below(7, 2, r, 4) ? 12 : 150);
            if (n > CTX - at) n = CTX - at;
            if (n > 0) {
                assert_ok(hth_session_eval_all(s, w.ids + at, n, got, &err), err);
                same(&w, at, n, got);
            }
            const uint32_t now = at + n;
            uint32_t wrong = hth_rng_below(7, 3, r, 70);
            if (wrong > CTX - now) wrong = CTX - now;
            for (uint32_t i = 0; i < wrong; i++) other[i] = (w.ids[now + i] + 1 + i) % VOCAB;
            if (wrong) assert_ok(hth_session_eval(s, other, wrong, NULL, &err), err);
            const uint32_t far = hth_rng_below(7, 4, r, 8) ? 20 : now;
            uint32_t back = hth_rng_below(7, 5, r, far + 1);
            if (back > now) back = now;
            hth_session_rewind(s, now - back / 2); /* twice in a row */
            hth_session_rewind(s, now - back);
            assert_int_equal(hth_session_count(s), now - back);
        }
        hth_session_close(&s);
    }
    close_world(&w);
}

static void synced(void **state) {
    World w;
    HthErr err = { 0 };
    HthSession *s = NULL;
    float got[VOCAB];
    uint32_t ids[CTX];
    open_world(&w, *state, NULL);
    const HthSessionCfg cfg = { .ctx = CTX, .threads = 2, .chunk = 64 };
    assert_ok(hth_session_open(&s, w.m, &cfg, &err), err);
    for (uint64_t i = 0; i < 30; i++) {
        const uint32_t n = 1 + hth_rng_below(8, 1, i, CTX);
        assert_ok(hth_session_sync(s, w.ids, n, got, &err), err);
        same(&w, n - 1, 1, got);
        const uint32_t keep = hth_rng_below(8, 2, i, n); /* another text that begins alike */
        memcpy(ids, w.ids, sizeof ids);
        for (uint32_t k = keep; k < n; k++) ids[k] = (ids[k] + 3) % VOCAB;
        assert_ok(hth_session_sync(s, ids, n, NULL, &err), err);
    }
    hth_session_close(&s);
    close_world(&w);
}

/* A text that repeats itself, so that guesses come, right ones and wrong ones. */
static void guessed(void **state) {
    enum { SAID = 200 };
    World w;
    HthErr err = { 0 };
    HthSession *s = NULL, *plain = NULL;
    HthSpec *spec = NULL;
    float row[VOCAB];
    const float *got;
    uint32_t ids[SAID];
    open_world(&w, *state, NULL);
    const HthSessionCfg cfg = { .ctx = CTX, .threads = 2 };
    const HthSpecCfg guess = { .lookup = 24 };
    assert_ok(hth_session_open(&s, w.m, &cfg, &err), err);
    assert_ok(hth_session_open(&plain, w.m, &cfg, &err), err);
    for (uint32_t i = 0; i < SAID; i++) ids[i] = i % 29 == 0 ? w.ids[i] : w.ids[i % 7];
    assert_ok(hth_session_sync(s, ids, 1, row, &err), err);
    assert_ok(hth_session_sync(plain, ids, 1, row, &err), err);
    assert_ok(hth_spec_open(&spec, s, &guess, &err), err);
    for (uint32_t i = 1; i < SAID; i++) {
        assert_ok(hth_spec_eval(spec, ids[i], &got, &err), err);
        assert_ok(hth_session_eval(plain, &ids[i], 1, row, &err), err);
        assert_floats_same(row, got, VOCAB);
    }
    const HthSpecStats stats = hth_spec_stats(spec);
    assert_true(stats.accepted > 20 && stats.accepted < stats.drafted);
    hth_spec_end(spec);
    assert_int_equal(hth_session_count(s), SAID);
    hth_spec_close(&spec);
    hth_session_close(&plain);
    hth_session_close(&s);
    close_world(&w);
}

typedef struct Rig {
    HthKvLayout layout;
    HthPages *pages;
    HthPrefix *prefix;
    HthExec *exec;
    HthRows *rows;
} Rig;

/* Rows first.. of w's text through a table, checked. */
static void compute(Rig *r, const World *w, HthTable *t, uint32_t first, uint32_t n) {
    static float got[CTX * VOCAB];
    HthErr err = { 0 };
    assert_ok(hth_table_grow(t, first + n, &err), err);
    hth_rows_clear(r->rows);
    hth_rows_add(r->rows, hth_table_view(t), w->ids + first, n, first, HTH_WANT_ALL);
    hth_rows_run(r->rows, r->exec, got);
    same(w, first, n, got);
}

static bool zero(const void *p, size_t n) {
    const uint8_t *b = p;
    for (size_t i = 0; i < n; i++)
        if (b[i]) return false;
    return true;
}

/* One timeline goes on where another has been: at the end of a page that has a snapshot. */
static void shared(void **state) {
    enum { PAGES = 12 };
    World w;
    HthErr err = { 0 };
    Rig r = { 0 };
    HthTable *a = NULL, *b = NULL;
    HthPage found[PAGES];
    open_world(&w, *state, "f16");
    assert_ok(hth_program_layout(&r.layout, hth_model_program(w.m), HTH_KV_F16, false, &err), err);
    r.layout.snap_pages = 2; /* as of a larger model */
    HthPagesCfg cfg = hth_table_pool(&r.layout, PAGES);
    assert_int_equal(cfg.snap_count, PAGES / 2);
    assert_ok(hth_pages_open(&r.pages, &cfg, &err), err);
    assert_ok(hth_prefix_open(&r.prefix, r.pages, HTH_PAGE_LEN, PAGES, &err), err);
    assert_ok(hth_exec_open(&r.exec, hth_model_program(w.m), hth_kern_pick(), NULL, CTX, 7, &err),
              err);
    assert_ok(hth_rows_open(&r.rows, CTX, &err), err);
    assert_ok(hth_table_open(&a, r.pages, &r.layout, 7, &err), err);
    assert_ok(hth_table_open(&b, r.pages, &r.layout, 7, &err), err);
    compute(&r, &w, a, 0, 130);
    compute(&r, &w, a, 130, 200); /* 330 rows: five pages, of which two have snapshots */
    assert_int_equal(hth_prefix_keep(r.prefix, 1, w.ids, hth_table_list(a), 5), 0);
    assert_int_equal(hth_prefix_match(r.prefix, 1, w.ids, 127, found, PAGES), 0);
    uint32_t n = hth_prefix_match(r.prefix, 1, w.ids, CTX, found, PAGES);
    assert_int_equal(n, 4); /* the fifth has none */
    compute(&r, &w, b, 0, 64);
    hth_pages_drop(r.pages, found[0]);
    hth_table_adopt(b, 1, found + 1, n - 1); /* it skips what is known */
    compute(&r, &w, b, 256, 3);
    compute(&r, &w, b, 259, 60);
    compute(&r, &w, a, 330, 1);
    hth_table_trim(b, 0);
    n = hth_prefix_match(r.prefix, 1, w.ids, 128, found, PAGES);
    assert_int_equal(n, 2);
    hth_table_adopt(b, 0, found, n); /* a new text, with the block of the old */
    compute(&r, &w, b, 128, 100);
    assert_int_equal(hth_table_rest(b, 228), 228);
    assert_int_equal(hth_table_rest(b, 227), 128); /* rows of an engine are not taken back */
    hth_table_trim(b, 0);
    assert_true(zero(hth_table_view(b)->block, r.layout.block_bytes));
    hth_table_close(&a);
    hth_table_close(&b);
    hth_prefix_close(&r.prefix);
    assert_int_equal(hth_pages_free_count(r.pages), PAGES);
    hth_pages_close(&r.pages);
    hth_rows_close(&r.rows);
    hth_exec_close(&r.exec);
    close_world(&w);
}

int main(void) {
#define STATES(test, arch)                                                                         \
    { #test " " arch, test, NULL, NULL, (void *)(uintptr_t)arch }
#define ALL(arch)                                                                                  \
    STATES(back_and_forth, arch), STATES(synced, arch), STATES(guessed, arch), STATES(shared, arch)
    const struct CMUnitTest tests[] = { ALL("qwen35"), ALL("qwen3next"), ALL("lfm2"), ALL("mamba2"),
                                        ALL("granitehybrid") };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* packed_test.c - a matrix that becomes panels while it is used: same bits before, during, after.
 *
 * Thread: a pool. */
#include "support/test.h"

#include "base/rng.h"
#include "op/exec.h"

enum { VOCAB = 3, COLS = 256, ROWS = 53, BATCH = 20 };

typedef struct World {
    HthProgram p;
    HthInst inst[2];
    HthWeight embd, w;
    HthPacked packed;
    float rows[VOCAB * COLS];
    uint8_t *data, *room;
    HthPool *pool;
    HthExec *exec;
    float out[BATCH * ROWS];
} World;

static World *begin(const HthFmt *fmt, uint32_t threads) {
    World *w = hth_calloc(1, sizeof *w);
    float *in = hth_calloc(ROWS * COLS, sizeof *in);
    HthErr err = { 0 };
    assert_non_null(w);
    assert_non_null(in);
    for (uint32_t i = 0; i < VOCAB * COLS; i++) w->rows[i] = (float)hth_rng_normal(3, 0, i);
    for (uint32_t i = 0; i < ROWS * COLS; i++) in[i] = (float)hth_rng_normal(3, 1, i);
    w->embd = (HthWeight){ .name = "e", .fmt = hth_fmt_by_name("F32"), .rows = VOCAB };
    w->embd.cols = COLS;
    w->embd.data = (const uint8_t *)w->rows;
    w->embd.row_bytes = COLS * sizeof(float);
    w->w = (HthWeight){ .name = "w", .fmt = fmt, .rows = ROWS, .cols = COLS };
    w->w.row_bytes = hth_fmt_row_bytes(fmt, COLS);
    w->data = hth_calloc(ROWS, w->w.row_bytes);
    w->room = hth_calloc_aligned(ROWS, w->w.row_bytes);
    assert_non_null(w->data);
    assert_non_null(w->room);
    fmt->quant(in, w->data, ROWS * COLS);
    hth_free(in);
    w->w.data = w->data;
    w->w.packed = &w->packed;
    w->packed.room = w->room;
    w->p = (HthProgram){ .inst = w->inst, .count = 2, .wanted = 1, .n_layer = 1, .n_head = 1 };
    w->p.n_embd = COLS;
    w->p.n_head_kv = w->p.head_dim = w->p.head_dim_v = 1;
    w->p.n_vocab = ROWS;
    w->inst[0] = (HthInst){ .op = HTH_OP_EMBED, .dst = HTH_R_X, .w = &w->embd };
    w->inst[0].dst_width = COLS;
    w->inst[1] = (HthInst){ .op = HTH_OP_LINEAR, .dst = HTH_R_LOGITS, .a = HTH_R_X, .w = &w->w };
    w->inst[1].a_width = COLS;
    w->inst[1].dst_width = ROWS;
    assert_ok(hth_plan_registers(&w->p, &err), err);
    assert_ok(hth_pool_open(&w->pool, threads, &err), err);
    assert_ok(hth_exec_open(&w->exec, &w->p, hth_kern_pick(), w->pool, BATCH, 1, &err), err);
    return w;
}

static void run(World *w, uint32_t n) {
    uint32_t ids[BATCH], pos[BATCH], out[BATCH];
    const HthKvView *kv[BATCH] = { 0 };
    for (uint32_t r = 0; r < n; r++) {
        ids[r] = r % VOCAB;
        pos[r] = r;
        out[r] = r;
    }
    HthBatch b = { .n = n, .ids = ids, .pos = pos, .kv = kv, .n_out = n, .out = out };
    b.logits = w->out;
    hth_exec_run(w->exec, &b);
}

static void end(World **w) {
    hth_exec_close(&(*w)->exec);
    hth_pool_close(&(*w)->pool);
    hth_free((*w)->data);
    hth_free((*w)->room);
    hth_free(*w);
    *w = NULL;
}

static void same_bits(const HthFmt *fmt, uint32_t threads, uint32_t n) {
    static float want[BATCH * ROWS];
    World *w = begin(fmt, threads);
    run(w, n);
    memcpy(want, w->out, sizeof want);
    hth_exec_pack(w->exec, 1);
    run(w, n); /* packs */
    assert_memory_equal(want, w->out, sizeof want);
    assert_ptr_equal(atomic_load(&w->packed.panels), w->room);
    size_t whole = hth_packed_rows(ROWS) * w->w.row_bytes;
    memset(w->data, 0xee, whole); /* what is in panels is not read from the rows again */
    run(w, n);
    assert_memory_equal(want, w->out, sizeof want);
    end(&w);
}

static void packing_changes_no_bit(void **state) {
    (void)state;
    for (size_t i = 0; hth_fmt_at(i) != NULL; i++) {
        const HthFmt *fmt = hth_fmt_at(i);
        if (!hth_fmt_has_panels(fmt) || !fmt->quant) continue;
        for (uint32_t threads = 1; threads <= 3; threads++) {
            same_bits(fmt, threads, 1);
            same_bits(fmt, threads, BATCH);
        }
    }
}

static void nobody_packs_unasked_or_first(void **state) {
    (void)state;
    World *w = begin(hth_fmt_by_name("Q8_0"), 1);
    run(w, 1);
    run(w, 1);
    assert_false(atomic_load(&w->packed.taken));
    end(&w);
    w = begin(hth_fmt_by_name("Q8_0"), 1);
    hth_exec_pack(w->exec, SIZE_MAX);
    run(w, 1);
    assert_false(atomic_load(&w->packed.taken));
    run(w, 1);
    assert_non_null(atomic_load(&w->packed.panels));
    end(&w);
}

static void one_packs_the_others_wait_for_nothing(void **state) {
    (void)state;
    World *w = begin(hth_fmt_by_name("Q4_0"), 2);
    hth_exec_pack(w->exec, SIZE_MAX);
    atomic_store(&w->packed.taken, true); /* somebody else is at it */
    run(w, 2);
    run(w, 2);
    assert_null(atomic_load(&w->packed.panels));
    end(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packing_changes_no_bit),
        cmocka_unit_test(nobody_packs_unasked_or_first),
        cmocka_unit_test(one_packs_the_others_wait_for_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

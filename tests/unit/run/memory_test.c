/* memory_test.c - the parts of a plan: named, added up, and what opening really takes.
 *
 * Thread: one. */
#include "support/test.h"

#include "base/mem.h"
#include "kv/prefix.h"
#include "kv/table.h"
#include "model/model.h"
#include "run/plan.h"
#include "run/step.h"
#include "support/tiny.h"

static const Tiny tiny = { .arch = "llama",
                           .layers = 2,
                           .embd = 64,
                           .heads = 4,
                           .kv_heads = 2,
                           .ff = 96,
                           .vocab = 400,
                           .ctx = 1000,
                           .seed = 5 };

static void named_and_added(void **state) {
    (void)state;
    HthMemory m = { 0 };
    for (int k = 0; k < HTH_MEMORY_COUNT; k++) {
        m.bytes[k] = UINT64_C(1) << (4 * k);
        for (int j = 0; j < k; j++)
            assert_string_not_equal(hth_memory_name((HthMemoryPart)k),
                                    hth_memory_name((HthMemoryPart)j));
    }
    assert_true(hth_memory_total(&m) == (UINT64_C(1) << (4 * HTH_MEMORY_COUNT)) / 15);
}

/* The heap gives each block a few bytes more, large ones whole pages. */
#define TAKES(bytes, open, close)                                                                  \
    do {                                                                                           \
        const int64_t before = hth_mem_mine();                                                     \
        assert_ok(open, err);                                                                      \
        assert_in_range(hth_mem_mine() - before, (bytes), (bytes) + 512 + (bytes) / 32);           \
        close;                                                                                     \
    } while (0)

static void lists(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthPages *pages = NULL, *more = NULL;
    HthTable *table = NULL;
    HthPrefix *prefix = NULL;
    HthRows *rows = NULL;
    HthKvLayout layout;
    assert_ok(hth_kv_layout(&layout, HTH_KV_F16, 2, 2, 16, 16, &err), err);
    assert_ok(hth_pages_open(&pages,
                             &(HthPagesCfg){ .page_count = 50, .page_bytes = layout.page_bytes },
                             &err),
              err);
    for (uint32_t n = 1; n <= 5000; n = n * 7 + 3) {
        const HthPagesCfg cfg = { .page_count = n, .page_bytes = 64 };
        const HthPagesCfg snaps = {
            .page_count = n, .page_bytes = 64, .snap_count = n / 4, .snap_bytes = 64
        };
        TAKES(hth_pages_list_bytes(&cfg), hth_pages_open(&more, &cfg, &err),
              hth_pages_close(&more));
        TAKES(hth_pages_list_bytes(&snaps), hth_pages_open(&more, &snaps, &err),
              hth_pages_close(&more));
        TAKES(hth_table_bytes(&layout, n), hth_table_open(&table, pages, &layout, n, &err),
              hth_table_close(&table));
        TAKES(hth_prefix_bytes(64, n), hth_prefix_open(&prefix, pages, 64, n, &err),
              hth_prefix_close(&prefix));
        TAKES(hth_rows_bytes(n), hth_rows_open(&rows, n, &err), hth_rows_close(&rows));
    }
    hth_pages_close(&pages);
}

/* A session takes its lists from the heap and the rest as pages; the model took its tables. */
static void a_session(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthBuf file;
    HthModel *m = NULL;
    HthSession *s = NULL;
    HthRunPlan p;
    tiny_build(&file, &tiny);
    const int64_t empty = hth_mem_mine();
    assert_ok(hth_model_open_mem(&m, file.p, file.n, "tiny", &err), err);
    const int64_t opened = hth_mem_mine();
    const HthSessionCfg cfg = { .ctx = 1000, .threads = 1 };
    assert_ok(hth_run_plan(&p, m, &cfg, &err), err);
    assert_int_equal(p.memory.bytes[HTH_MEMORY_TABLES], hth_model_table_bytes(m));
    assert_true(hth_model_table_bytes(m) >= (size_t)(opened - empty));
    const uint64_t pages = hth_mem_mapped();
    assert_ok(hth_session_open(&s, m, &cfg, &err), err);
    assert_int_equal(hth_mem_mapped() - pages,
                     p.memory.bytes[HTH_MEMORY_CACHE] + p.memory.bytes[HTH_MEMORY_SCRATCH]);
    const uint64_t heap = (uint64_t)(hth_mem_mine() - opened),
                   lists = p.memory.bytes[HTH_MEMORY_LISTS];
    assert_in_range(heap, lists, lists + 4096); /* the session itself, and its pool */
    hth_session_close(&s);
    hth_model_close(&m);
    hth_buf_drop(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(named_and_added), cmocka_unit_test(lists),
                                        cmocka_unit_test(a_session) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

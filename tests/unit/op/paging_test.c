/* paging_test.c - how much of a model stays, and that every place of every matrix has its piece. */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rng.h"
#include "op/paging.h"

#define MIB (UINT64_C(1) << 20)

enum { MATRICES = 5, COUNT = MATRICES + 2, COLS = 1024 };

static char path[] = "/tmp/paging_test.XXXXXX";
static HthFileMap map;
static HthFmt fmt = { .name = "bytes", .block_len = 1, .block_bytes = 1 };
static HthWeight weights[MATRICES];
static HthInst inst[COUNT];
static HthProgram prog = { .inst = inst, .count = COUNT };
static size_t total;

/* An embedding, a sum, and matrices that begin and end wherever. */
static int make(void **state) {
    static const uint32_t rows[MATRICES] = { 512, 5000, 1, 4095, 9001 };
    (void)state;
    const int fd = mkstemp(path);
    size_t at = 77;
    for (uint32_t i = 0; i < MATRICES; i++) at += (size_t)rows[i] * COLS + 13;
    if (fd < 0 || ftruncate(fd, (off_t)at)) return 1;
    close(fd);
    if (hth_file_map(&map, path, NULL) != HTH_OK) return 1;
    inst[0] = (HthInst){ .op = HTH_OP_EMBED, .w = &weights[0] };
    inst[1] = (HthInst){ .op = HTH_OP_ADD };
    at = 77;
    for (uint32_t i = 0; i < MATRICES; i++) {
        weights[i] = (HthWeight){ .fmt = &fmt, .data = map.data + at, .row_bytes = COLS };
        weights[i].rows = rows[i];
        weights[i].cols = COLS;
        inst[2 + i] = (HthInst){ .op = HTH_OP_LINEAR, .w = &weights[i] };
        at += (size_t)rows[i] * COLS + 13;
        total += (size_t)rows[i] * COLS;
    }
    return 0;
}

static int drop(void **state) {
    (void)state;
    hth_file_unmap(&map);
    return unlink(path);
}

static void what_fits_stays(void **state) {
    (void)state;
    HthPagingPlan p;
    hth_paging_plan(&p, &prog, UINT64_MAX);
    assert_true(p.total == total && p.kept == total && p.window == 0);
    hth_paging_plan(&p, &prog, total + total / 15 + 9 * MIB);
    assert_int_equal(p.window, 0);
    hth_paging_plan(&p, &prog, total);
    assert_true(p.window > 0 && p.kept < total); /* not to the last byte */
    hth_paging_plan(&p, &prog, 0);
    assert_true(p.window > 0 && p.kept == 0 && p.total == total);
}

static void more_room_keeps_more(void **state) {
    (void)state;
    uint64_t before = 0;
    for (uint64_t room = 0; room < 32 * MIB; room += 99999) {
        HthPagingPlan p;
        hth_paging_plan(&p, &prog, room);
        assert_true(p.kept >= before && p.kept <= p.total);
        if (p.window > 0) assert_true(p.kept == 0 || p.kept + p.window < room);
        before = p.kept;
    }
}

static void every_place_has_a_piece(void **state) {
    (void)state;
    const HthFileMap *files[] = { &map, NULL };
    for (uint32_t round = 0; round < 6; round++) {
        HthPaging *s = NULL;
        HthPagingPlan p;
        hth_paging_plan(&p, &prog, round * 4 * MIB);
        p.piece = 1u << (12 + 2 * round);
        if (p.window == 0) p.window = MIB;
        assert_int_equal(hth_paging_open(&s, &prog, files, &p, NULL), HTH_OK);
        for (uint32_t i = 0; i < MATRICES; i++) {
            const size_t n = (size_t)weights[i].rows * COLS;
            hth_paging_at(s, &inst[2 + i], 0, n);
            hth_paging_at(s, &inst[2 + i], n - 1, 2 * n);
            hth_paging_at(s, &inst[2 + i], n, 1); /* rows that fill no panel: no piece, no harm */
            hth_paging_at(s, &inst[2 + i], hth_rng_below(3, round, i, (uint32_t)n), 9);
        }
        hth_paging_close(&s);
        assert_null(s);
    }
    for (size_t i = 0; i < map.n; i += 4096) assert_int_equal(map.data[i], 0);
}

/* Panels of a file stand in for the rows, but for those that fill none. */
static void panels_in_a_file(void **state) {
    (void)state;
    const HthFileMap *files[] = { &map, NULL };
    HthPacked packed = { .panels = map.data + 128 };
    HthPagingPlan with, without;
    HthPaging *s = NULL;
    hth_paging_plan(&without, &prog, 0);
    weights[4].packed = &packed;
    hth_paging_plan(&with, &prog, 0);
    assert_int_equal(without.total - with.total, 9001 % 16 * COLS);
    assert_int_equal(hth_paging_open(&s, &prog, files, &with, NULL), HTH_OK);
    hth_paging_at(s, &inst[6], (size_t)9001 / 16 * 16 * COLS, 9 * COLS);
    hth_paging_close(&s);
    weights[4].packed = NULL;
}

static HthStatus open_and_close(void *ctx) {
    const HthFileMap *files[] = { &map, NULL };
    HthPaging *s = NULL;
    const HthStatus st = hth_paging_open(&s, &prog, files, ctx, NULL);
    hth_paging_close(&s);
    return st;
}

static void without_memory(void **state) {
    (void)state;
    HthPagingPlan p;
    hth_paging_plan(&p, &prog, 4 * MIB);
    assert_int_equal(test_torture(open_and_close, &p, 20), 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_stays),         cmocka_unit_test(more_room_keeps_more),
        cmocka_unit_test(every_place_has_a_piece), cmocka_unit_test(panels_in_a_file),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, make, drop);
}

/* panel_test.c - panels hold the bytes of their rows, each once, and give the same floats. */
#include "support/test.h"

#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "kern/kern.h"

enum { ROWS = HTH_PANEL_ROWS };

/* Calls fn for every format with panels and several lengths of row, odd numbers of blocks too. */
static void every(void (*fn)(const HthFmt *fmt, size_t row_bytes, uint64_t seed)) {
    static const uint32_t blocks[] = { 1, 2, 3, 8, 9, 31 };
    size_t formats = 0;
    for (size_t i = 0; hth_fmt_at(i) != NULL; i++) {
        const HthFmt *fmt = hth_fmt_at(i);
        if (!hth_fmt_has_panels(fmt)) continue;
        formats++;
        for (size_t b = 0; b < HTH_COUNT(blocks); b++)
            fn(fmt, (size_t)blocks[b] * fmt->block_bytes, i * 100 + b);
    }
    assert_true(formats >= 13);
}

static void fill(uint8_t *p, size_t n, uint64_t seed) {
    for (size_t i = 0; i < n; i++) p[i] = (uint8_t)hth_rng_u32(seed, 0, i);
}

static void round_trip(const HthFmt *fmt, size_t row_bytes, uint64_t seed) {
    size_t n = row_bytes * ROWS;
    uint8_t *a = hth_calloc(3, n), *b = a + n, *c = b + n;
    assert_non_null(a);
    fill(a, n, seed);
    hth_panel_pack(fmt, a, row_bytes, b);
    hth_panel_unpack(fmt, b, row_bytes, c);
    assert_memory_equal(a, c, n);
    hth_panel_unpack(fmt, a, row_bytes, b); /* the other way round: nothing is lost or made up */
    hth_panel_pack(fmt, b, row_bytes, c);
    assert_memory_equal(a, c, n);
    hth_free(a);
}

static void a_panel_is_a_permutation(void **state) {
    (void)state;
    every(round_trip);
}

static void same_floats(const HthFmt *fmt, size_t row_bytes, uint64_t seed) {
    size_t n = row_bytes * ROWS, len = row_bytes / fmt->block_bytes * fmt->block_len;
    uint8_t *rows = hth_calloc(2, n), *panel = rows + n;
    float *want = hth_calloc(2 * len, sizeof *want), *got = want + len;
    assert_non_null(rows);
    assert_non_null(want);
    fill(rows, n, seed);
    hth_panel_pack(fmt, rows, row_bytes, panel);
    for (uint32_t r = 0; r < ROWS; r++) {
        fmt->dequant(rows + r * row_bytes, want, len);
        hth_panel_dequant(fmt, panel, row_bytes, r, got);
        assert_memory_equal(want, got, len * sizeof *want);
    }
    hth_free(rows);
    hth_free(want);
}

static void a_row_of_a_panel_is_the_row(void **state) {
    (void)state;
    every(same_floats);
}

/* Word i of row r at 64*i + 4*r after the halves: what docs/formats/panels.md says. */
static void the_layout_is_the_documented_one(void **state) {
    (void)state;
    const HthFmt *fmt = hth_fmt_by_name("Q8_0");
    uint8_t rows[ROWS * 68], panel[sizeof rows];
    fill(rows, sizeof rows, 7);
    hth_panel_pack(fmt, rows, 68, panel);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t b = 0; b < 2; b++) {
            assert_memory_equal(panel + b * 32 + r * 2, rows + r * 68 + b * 34, 2);
            for (size_t i = 0; i < 8; i++)
                assert_memory_equal(panel + 64 + (b * 8 + i) * 64 + r * 4,
                                    rows + r * 68 + b * 34 + 2 + i * 4, 4);
        }
}

/* A byte that fills no word comes first, like a half. */
static void an_odd_byte_has_its_place(void **state) {
    (void)state;
    const HthFmt *fmt = hth_fmt_by_name("MXFP4");
    uint8_t rows[ROWS * 34], panel[sizeof rows];
    fill(rows, sizeof rows, 8);
    hth_panel_pack(fmt, rows, 34, panel);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t b = 0; b < 2; b++) {
            assert_int_equal(panel[b * 16 + r], rows[r * 34 + b * 17]);
            for (size_t i = 0; i < 4; i++)
                assert_memory_equal(panel + 32 + (b * 4 + i) * 64 + r * 4,
                                    rows + r * 34 + b * 17 + 1 + i * 4, 4);
        }
}

/* hearth-check draws a few scales; here is every one, those of subnormal numbers too. */
static void every_scale_of_mxfp4(void **state) {
    (void)state;
    enum { SCALES = 256, BYTES = 17 };
    const HthFmt *fmt = hth_fmt_by_name("MXFP4");
    uint8_t rows[SCALES * BYTES], panels[sizeof rows];
    _Alignas(64) HthActQ8 x;
    float in[32], want[SCALES], got[SCALES];
    fill(rows, sizeof rows, 9);
    for (size_t r = 0; r < SCALES; r++) rows[r * BYTES] = (uint8_t)r;
    for (size_t r = 0; r < SCALES; r += ROWS)
        hth_panel_pack(fmt, rows + r * BYTES, BYTES, panels + r * BYTES);
    for (size_t i = 0; i < 32; i++) in[i] = 1.0f + (float)i;
    hth_kern_at(0)->act_q8(in, 32, &x);
    for (size_t i = 0; hth_kern_at(i) != NULL; i++) {
        HthLinearFn *fn = hth_kern_at(i)->linear_panels[hth_fmt_index(fmt)];
        if (!hth_kern_runs_here(hth_kern_at(i))) continue;
        fn(panels, BYTES, SCALES, 32, &x, sizeof x, 1, i == 0 ? want : got, SCALES);
        if (i > 0) assert_memory_equal(want, got, sizeof want);
    }
}

static void some_formats_have_none(void **state) {
    (void)state;
    static const char *const names[] = { "F32", "F16", "BF16", "Q1_0", "Q8_K", "I8" };
    for (size_t i = 0; i < HTH_COUNT(names); i++)
        assert_false(hth_fmt_has_panels(hth_fmt_by_name(names[i])));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_panel_is_a_permutation),
        cmocka_unit_test(a_row_of_a_panel_is_the_row),
        cmocka_unit_test(the_layout_is_the_documented_one),
        cmocka_unit_test(an_odd_byte_has_its_place),
        cmocka_unit_test(every_scale_of_mxfp4),
        cmocka_unit_test(some_formats_have_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* list_test.c - the table of formats, and encoders that survive anything. */
#include "support/test.h"

#include <math.h>

#include "base/rng.h"
#include "kern/kern.h"

static void table_is_consistent(void **state) {
    (void)state;
    size_t n = 0;
    for (; hth_fmt_at(n) != NULL; n++) {
        const HthFmt *f = hth_fmt_at(n);
        assert_ptr_equal(hth_fmt_by_id(f->id), f);
        assert_ptr_equal(hth_fmt_by_name(f->name), f);
        assert_int_equal(hth_fmt_index(f), n);
        assert_true(f->block_len > 0 && f->block_bytes > 0);
        for (size_t t = 0; hth_kern_at(t) != NULL; t++)
            assert_int_equal(hth_kern_at(t)->linear[n] != NULL, f->dequant != NULL);
    }
    assert_true(n >= 26 && n <= HTH_FMT_COUNT_MAX);
}

static void names_ignore_case(void **state) {
    (void)state;
    assert_ptr_equal(hth_fmt_by_name("q4_k"), hth_fmt_by_id(12));
    assert_null(hth_fmt_by_name("Q4_"));
    assert_null(hth_fmt_by_name(""));
    assert_null(hth_fmt_by_id(4)); /* retired numbers of GGUF */
    assert_null(hth_fmt_by_id(UINT32_MAX));
}

static void sizes_are_checked(void **state) {
    (void)state;
    const HthFmt *f = hth_fmt_by_name("Q8_0");
    assert_int_equal(hth_fmt_row_bytes(f, 64), 68);
    assert_int_equal(hth_fmt_row_bytes(f, 33), 0);
    assert_int_equal(hth_fmt_row_bytes(f, SIZE_MAX / 32 * 32), 0); /* would overflow */
    assert_int_equal(hth_act_bytes(HTH_ACT_Q8, 64), 2 * sizeof(HthActQ8));
    assert_true(hth_act_bytes(HTH_ACT_F32, 5) >= 20);
    assert_int_equal(hth_kv_bytes(HTH_KV_F16, 3), 6);
    assert_int_equal(hth_kv_bytes(HTH_KV_Q8_0, 64), 64 + 2 * 2);
    assert_int_equal(hth_kv_bytes(HTH_KV_Q4_0, 64), 32 + 2 * 2);
    assert_int_equal(hth_kv_bytes(HTH_KV_F32, 3), 12);
}

static void encoders_are_close(void **state) {
    (void)state;
    enum { N = 2048 };
    static float in[N], out[N];
    static uint8_t blocks[N * 4];
    for (int i = 0; i < N; i++) in[i] = (float)hth_rng_normal(1, 2, (uint64_t)i);
    for (size_t i = 0; hth_fmt_at(i) != NULL; i++) {
        const HthFmt *f = hth_fmt_at(i);
        if (f->quant == NULL) continue;
        double err = 0, sum = 0;
        f->quant(in, blocks, N);
        f->dequant(blocks, out, N);
        for (int j = 0; j < N; j++) {
            err += ((double)out[j] - in[j]) * ((double)out[j] - in[j]);
            sum += (double)in[j] * in[j];
        }
        /* Bits per weight say what a rounding can do at best; a wrong encoder is far off. */
        double bits = 8.0 * f->block_bytes / f->block_len;
        assert_true(sqrt(err / sum) < (bits < 4 ? 0.62 : 0.12));
    }
}

/* No input makes an encoder divide by zero, convert out of range or write past its blocks. */
static void encoders_take_anything(void **state) {
    (void)state;
    static const float odd[] = {
        0.0f, -0.0f, NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 1e-45f, 1.0f
    };
    float in[256], out[256];
    for (size_t i = 0; hth_fmt_at(i) != NULL; i++) {
        const HthFmt *f = hth_fmt_at(i);
        if (f->quant == NULL) continue;
        size_t bytes = hth_fmt_row_bytes(f, 256);
        uint8_t *blocks =
            hth_calloc(bytes + 1, 1); /* exact, so that a sanitizer sees one byte more */
        assert_non_null(blocks);
        blocks[bytes] = 0x5a;
        for (uint64_t round = 0; round < 64; round++) {
            for (uint64_t j = 0; j < 256; j++)
                in[j] = round < HTH_COUNT(odd) ? odd[round]
                                               : odd[hth_rng_below(3, round, j, HTH_COUNT(odd))];
            f->quant(in, blocks, 256);
            f->dequant(blocks, out, 256);
            assert_int_equal(blocks[bytes], 0x5a);
        }
        hth_free(blocks);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_consistent),    cmocka_unit_test(names_ignore_case),
        cmocka_unit_test(sizes_are_checked),      cmocka_unit_test(encoders_are_close),
        cmocka_unit_test(encoders_take_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

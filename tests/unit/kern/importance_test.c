/* importance_test.c - encoders that are told what each weight's error counts. */
#include "support/test.h"

#include <math.h>

#include "base/rng.h"
#include "kern/kern.h"

enum { N = 2048 };

static void fill(float *in, float *imp) {
    for (uint64_t i = 0; i < N; i++) {
        in[i] = (float)hth_rng_normal(4, 1, i);
        imp[i] = hth_rng_below(4, 2, i, 8) == 0 ? 40.0f : 0.25f;
    }
}

static double error_of(const float *a, const float *b, const float *imp) {
    double sum = 0;
    for (int i = 0; i < N; i++) sum += imp[i] * ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    return sum;
}

/* What counts comes out better than by an encoder that was not told. */
static void what_counts_is_better(void **state) {
    (void)state;
    static float in[N], imp[N], flat[N], told[N];
    static uint8_t blocks[N * 4];
    int formats = 0;
    fill(in, imp);
    for (size_t i = 0; hth_fmt_at(i) != NULL; i++) {
        const HthFmt *f = hth_fmt_at(i);
        if (f->quant_by == NULL) continue;
        f->quant(in, blocks, N);
        f->dequant(blocks, flat, N);
        f->quant_by(in, imp, blocks, N);
        f->dequant(blocks, told, N);
        const double before = error_of(flat, in, imp), after = error_of(told, in, imp);
        const bool peak = strcmp(f->name, "Q8_0") == 0; /* has nothing to choose */
        if (!(peak ? after == before : after < before))
            fail_msg("%s: %g, was %g", f->name, after, before);
        formats++;
    }
    assert_int_equal(formats, 25);
}

/* All the same is the same bytes, and only ratios count. */
static void only_ratios_count(void **state) {
    (void)state;
    static float in[N], imp[N], same[N], more[N];
    static uint8_t a[N * 4], b[N * 4];
    fill(in, imp);
    for (int i = 0; i < N; i++) {
        same[i] = 1.0f;
        more[i] = imp[i] * 16;
    }
    for (size_t i = 0; hth_fmt_at(i) != NULL; i++) {
        const HthFmt *f = hth_fmt_at(i);
        if (f->quant_by == NULL) continue;
        const size_t bytes = hth_fmt_row_bytes(f, N);
        f->quant(in, a, N);
        f->quant_by(in, same, b, N);
        assert_memory_equal(a, b, bytes);
        f->quant_by(in, imp, a, N);
        f->quant_by(in, more, b, N);
        assert_memory_equal(a, b, bytes);
    }
}

static void anything_is_taken(void **state) {
    (void)state;
    static const float odd[] = { 0.0f, NAN, INFINITY, -3e38f, 1e-45f, 1.0f };
    static const float counts[] = { 0x1p-12f, 1.0f, 1e30f, 4096.0f };
    float in[256], imp[256], out[256];
    uint8_t blocks[1024];
    for (size_t i = 0; hth_fmt_at(i) != NULL; i++) {
        const HthFmt *f = hth_fmt_at(i);
        if (f->quant_by == NULL) continue;
        for (uint64_t round = 0; round < 24; round++) {
            for (uint64_t j = 0; j < 256; j++) {
                in[j] = odd[hth_rng_below(3, round, j, HTH_COUNT(odd))];
                imp[j] = counts[hth_rng_below(3, round + 100, j, HTH_COUNT(counts))];
            }
            const size_t bytes = hth_fmt_row_bytes(f, 256);
            blocks[bytes] = 0x5a;
            f->quant_by(in, imp, blocks, 256);
            f->dequant(blocks, out, 256);
            assert_int_equal(blocks[bytes], 0x5a);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_counts_is_better),
        cmocka_unit_test(only_ratios_count),
        cmocka_unit_test(anything_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

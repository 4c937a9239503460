/* book_test.c - encoders of IQ1, IQ2 and IQ3: no other entry of the codebook would have been
 * better. */
#include "support/test.h"

#include <math.h>

#include "base/rng.h"
#include "kern/kern.h"

enum { N = 512 };

/* Where a block keeps the low 8 bits of its indices. */
static const struct {
    const char *name;
    uint32_t first, step, run, jump; /* run of them, step bytes apart, then jump more */
    uint32_t count, len;
} formats[] = {
    { "IQ1_S", 2, 1, 32, 0, 32, 8 },  { "IQ1_M", 0, 1, 32, 0, 32, 8 },
    { "IQ2_XXS", 2, 1, 4, 4, 32, 8 }, { "IQ2_XS", 2, 2, 32, 0, 32, 8 },
    { "IQ2_S", 2, 1, 32, 0, 32, 8 },  { "IQ3_XXS", 2, 1, 64, 0, 64, 4 },
    { "IQ3_S", 2, 1, 64, 0, 64, 4 },
};

static void fill(float *in, uint64_t seed, uint64_t n) {
    for (uint64_t i = 0; i < n; i++)
        in[i] = (float)(hth_rng_normal(seed, 1, i) * (i % 97 == 0 ? 4 : 0.02));
}

static double error_of(const float *a, const float *b, uint32_t n) {
    double sum = 0;
    for (uint32_t i = 0; i < n; i++) sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    return sum;
}

static void no_entry_is_better(void **state) {
    (void)state;
    float in[N], out[N];
    uint8_t blocks[4 * N];
    for (uint64_t seed = 0; seed < 3; seed++) {
        fill(in, seed, N);
        for (size_t k = 0; k < HTH_COUNT(formats); k++) {
            const HthFmt *f = hth_fmt_by_name(formats[k].name);
            assert_non_null(f->quant);
            f->quant(in, blocks, N);
            f->dequant(blocks, out, N);
            for (uint32_t e = 0; e < formats[k].count; e++) {
                uint8_t *byte = blocks + formats[k].first + e * formats[k].step +
                                e / formats[k].run * formats[k].jump;
                const uint32_t at = e * formats[k].len;
                const double chosen = error_of(in + at, out + at, formats[k].len);
                const uint8_t was = *byte;
                for (int other = 0; other < 256; other++) {
                    float now[N];
                    *byte = (uint8_t)other;
                    f->dequant(blocks, now, 256);
                    /* It is another entry, of these weights alone. */
                    assert_true(memcmp(now + at, out + at, formats[k].len * sizeof *now) == 0 ||
                                other != was);
                    assert_true(error_of(in + at, now + at, formats[k].len) >= chosen * (1 - 1e-5));
                }
                *byte = was;
            }
        }
    }
}

/* A row of many blocks is its blocks: nothing is carried over. */
static void blocks_are_alone(void **state) {
    (void)state;
    float in[N];
    uint8_t all[4 * N], one[4 * N];
    fill(in, 9, N);
    for (size_t k = 0; k < HTH_COUNT(formats); k++) {
        const HthFmt *f = hth_fmt_by_name(formats[k].name);
        memset(all, 0x55, sizeof all);
        f->quant(in, all, N);
        for (uint32_t b = 0; b < N / 256; b++) {
            memset(one, 0xaa, sizeof one);
            f->quant(in + 256 * b, one, 256);
            assert_memory_equal(one, all + b * f->block_bytes, f->block_bytes);
        }
        assert_int_equal(all[N / 256 * f->block_bytes], 0x55);
    }
}

/* Scaling weights by a power of two scales what comes out of them, to the bit. */
static void scale_is_free(void **state) {
    (void)state;
    float in[N], big[N], out[N], out_big[N];
    uint8_t blocks[4 * N];
    fill(in, 5, N);
    for (int i = 0; i < N; i++) big[i] = in[i] * 64;
    for (size_t k = 0; k < HTH_COUNT(formats); k++) {
        const HthFmt *f = hth_fmt_by_name(formats[k].name);
        f->quant(in, blocks, N);
        f->dequant(blocks, out, N);
        f->quant(big, blocks, N);
        f->dequant(blocks, out_big, N);
        for (int i = 0; i < N; i++) assert_true(out_big[i] == out[i] * 64);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_entry_is_better),
        cmocka_unit_test(blocks_are_alone),
        cmocka_unit_test(scale_is_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* sgemm_test.c - every tile, transposition and thread count gives the bits of the plain loop. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "kern/sgemm_tile.h"

enum { CASES = 60 };

static const HthSgemmTile *const TILES[] = {
    &hth_sgemm_tile_c,
#if defined(__x86_64__)
    &hth_sgemm_tile_avx2,
    &hth_sgemm_tile_avx512,
#elif defined(__aarch64__)
    &hth_sgemm_tile_neon,
#endif
};

typedef struct Case {
    bool ta, tb, accumulate;
    uint32_t m, n, k, threads;
    size_t lda, ldb, ldc;
} Case;

/* The definition: one accumulator, k ascending, one fma per step. */
static void plain(const Case *c, const float *a, const float *b, float *out) {
    for (uint32_t i = 0; i < c->m; i++) {
        for (uint32_t j = 0; j < c->n; j++) {
            float sum = c->accumulate ? out[i * c->ldc + j] : 0.0f;
            for (uint32_t k = 0; k < c->k; k++) {
                float x = c->ta ? a[k * c->lda + i] : a[i * c->lda + k];
                float y = c->tb ? b[j * c->ldb + k] : b[k * c->ldb + j];
                sum = fmaf(x, y, sum);
            }
            out[i * c->ldc + j] = sum;
        }
    }
}

static float *fill(uint64_t stream, size_t n) {
    float *p = hth_calloc(n, sizeof *p);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++) p[i] = (float)hth_rng_normal(11, stream, i);
    return p;
}

static uint32_t pick(uint32_t i, uint32_t what, uint32_t n) {
    return hth_rng_below(3, what, i, n);
}

static Case make_case(uint32_t i) {
    static const uint32_t sizes[] = {
        1, 2, 7, 8, 9, 16, 31, 32, 33, 63, 64, 65, 128, 130, 257, 300
    };
    Case c = { .ta = i & 1, .tb = i & 2, .accumulate = i & 4 };
    c.m = sizes[pick(i, 1, HTH_COUNT(sizes))];
    c.n = sizes[pick(i, 2, HTH_COUNT(sizes))];
    c.k = sizes[pick(i, 3, HTH_COUNT(sizes))];
    c.threads = 1 + pick(i, 4, 3);
    c.lda = (c.ta ? c.m : c.k) + pick(i, 5, 3);
    c.ldb = (c.tb ? c.k : c.n) + pick(i, 6, 3);
    c.ldc = c.n + pick(i, 7, 3);
    return c;
}

static void check_case(const Case *c, const HthSgemmTile *tile) {
    HthPool *pool = NULL;
    HthSgemm *g = NULL;
    HthErr err;
    assert_int_equal(hth_pool_open(&pool, c->threads, &err), HTH_OK);
    assert_int_equal(hth_sgemm_open(&g, pool, &err), HTH_OK);
    hth_sgemm_use(g, tile);
    /* Exactly as large as addressed, so that the sanitizer sees a read past the end. */
    const uint32_t ra = c->ta ? c->k : c->m, ca = c->ta ? c->m : c->k;
    const uint32_t rb = c->tb ? c->n : c->k, cb = c->tb ? c->k : c->n;
    float *a = fill(1, (ra - 1) * c->lda + ca), *b = fill(2, (rb - 1) * c->ldb + cb);
    const size_t n = (c->m - 1) * c->ldc + c->n;
    float *want = fill(3, n), *got = fill(3, n);
    plain(c, a, b, want);
    hth_sgemm(g, c->ta, c->tb, c->m, c->n, c->k, a, c->lda, b, c->ldb, got, c->ldc, c->accumulate);
    if (memcmp(want, got, n * sizeof *got) != 0)
        fail_msg("tile %s: %u x %u x %u ta %d tb %d add %d", tile->name, c->m, c->n, c->k, c->ta,
                 c->tb, c->accumulate);
    hth_free(a);
    hth_free(b);
    hth_free(want);
    hth_free(got);
    hth_sgemm_close(&g);
    hth_pool_close(&pool);
}

static void bits_of_the_plain_loop(void **state) {
    (void)state;
    for (size_t t = 0; t < HTH_COUNT(TILES); t++) {
        if (!TILES[t]->here()) {
            print_message("tile %s: not on this machine\n", TILES[t]->name);
            continue;
        }
        for (uint32_t i = 0; i < CASES; i++) {
            Case c = make_case(i);
            check_case(&c, TILES[t]);
        }
    }
}

static void wide_and_deep(void **state) {
    (void)state;
    /* Past one block of columns (512), of k (256), and of blocks of k (8 x 256). */
    const Case c = { false, true, true, 5, 1100, 600, 2, 600, 600, 1100 };
    check_case(&c, hth_sgemm_tile_best());
    for (int t = 0; t < 4; t++) {
        Case deep = { t & 1, t & 2, false, 70, 50, 2400, 2, 0, 0, 50 };
        deep.lda = deep.ta ? deep.m : deep.k;
        deep.ldb = deep.tb ? deep.k : deep.n;
        check_case(&deep, hth_sgemm_tile_best());
    }
}

static void empty_k(void **state) {
    (void)state;
    HthSgemm *g = NULL;
    HthErr err;
    assert_int_equal(hth_sgemm_open(&g, NULL, &err), HTH_OK);
    float c[4] = { 1, 2, 3, 4 }, none = 0;
    hth_sgemm(g, false, false, 2, 2, 0, &none, 1, &none, 2, c, 2, true);
    assert_true(c[0] == 1 && c[3] == 4);
    hth_sgemm(g, false, false, 2, 2, 0, &none, 1, &none, 2, c, 2, false);
    assert_true(c[0] == 0 && c[3] == 0);
    hth_sgemm_close(&g);
    hth_sgemm_close(&g); /* fine on NULL */
}

static void no_memory(void **state) {
    (void)state;
    const uint64_t live = hth_mem_live();
    for (uint64_t nth = 1;; nth++) {
        HthSgemm *g = NULL;
        HthErr err;
        hth_mem_fail_after(nth);
        HthStatus status = hth_sgemm_open(&g, NULL, &err);
        hth_mem_fail_after(0);
        if (status == HTH_OK) {
            hth_sgemm_close(&g);
            break;
        }
        assert_int_equal(status, HTH_ENOMEM);
        assert_null(g);
    }
    assert_true(hth_mem_live() == live);
}

static void peak_is_a_rate(void **state) {
    (void)state;
    double peak = hth_sgemm_peak(NULL, 1000);
    assert_true(isfinite(peak) && peak > 1e7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_of_the_plain_loop),
        cmocka_unit_test(wide_and_deep),
        cmocka_unit_test(empty_k),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(peak_is_a_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

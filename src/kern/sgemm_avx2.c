/* sgemm_avx2.c - the 6 x 16 tile: twelve accumulators of eight lanes. See sgemm_tile.h. */
#include "kern/sgemm_tile.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define ROWS(F)                                                                                    \
    F(0)                                                                                           \
    F(1)                                                                                           \
    F(2) F(3) F(4) F(5)
#define DECLARE(r)                                                                                 \
    __m256 x##r = zero, y##r = zero;                                                               \
    const float *a##r = a + (r)*rs;
#define LOAD(r)                                                                                    \
    x##r = _mm256_loadu_ps(c + (r)*ldc);                                                           \
    y##r = _mm256_loadu_ps(c + (r)*ldc + 8);
#define STEP(r)                                                                                    \
    {                                                                                              \
        __m256 s = _mm256_broadcast_ss(a##r + at);                                                 \
        x##r = _mm256_fmadd_ps(s, b0, x##r);                                                       \
        y##r = _mm256_fmadd_ps(s, b1, y##r);                                                       \
    }
#define STORE(r)                                                                                   \
    _mm256_storeu_ps(c + (r)*ldc, x##r);                                                           \
    _mm256_storeu_ps(c + (r)*ldc + 8, y##r);

__attribute__((target("avx2,fma"))) static void run(uint32_t kc, const float *a, size_t rs,
                                                    size_t ks, const float *b, float *c, size_t ldc,
                                                    bool load) {
    const __m256 zero = _mm256_setzero_ps();
    ROWS(DECLARE)
    if (load) {
        ROWS(LOAD)
    }
    size_t at = 0;
    for (uint32_t k = 0; k < kc; k++, at += ks, b += 16) {
        __m256 b0 = _mm256_loadu_ps(b), b1 = _mm256_loadu_ps(b + 8);
        ROWS(STEP)
    }
    ROWS(STORE)
}

#define BURN_ROWS(F)    ROWS(F) F(6) F(7)
#define BURN_DECLARE(r) __m256 u##r = _mm256_set1_ps((float)(r));
#define BURN_STEP(r)    u##r = _mm256_fmadd_ps(u##r, s, t);
#define BURN_SUM(r)     total = _mm256_add_ps(total, u##r);

__attribute__((target("avx2,fma"))) static float burn(uint64_t rounds) {
    const __m256 s = _mm256_set1_ps(0.999f), t = _mm256_set1_ps(0.001f);
    __m256 total = _mm256_setzero_ps();
    BURN_ROWS(BURN_DECLARE)
    for (uint64_t i = 0; i < rounds * 8; i++) { /* 8 x 8 instructions a round */
        BURN_ROWS(BURN_STEP)
    }
    BURN_ROWS(BURN_SUM)
    float out[8];
    _mm256_storeu_ps(out, total);
    return out[0];
}

static bool here(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

const HthSgemmTile hth_sgemm_tile_avx2 = { "avx2", 6, 16, run, burn, 8, here };
#endif

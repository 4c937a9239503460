/* sgemm_avx512.c - the 8 x 32 tile: sixteen accumulators of sixteen lanes. See sgemm_tile.h. */
#include "kern/sgemm_tile.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define ROWS(F)                                                                                    \
    F(0)                                                                                           \
    F(1)                                                                                           \
    F(2) F(3) F(4) F(5) F(6) F(7)
#define DECLARE(r)                                                                                 \
    __m512 x##r = zero, y##r = zero;                                                               \
    const float *a##r = a + (r)*rs;
#define LOAD(r)                                                                                    \
    x##r = _mm512_loadu_ps(c + (r)*ldc);                                                           \
    y##r = _mm512_loadu_ps(c + (r)*ldc + 16);
#define STEP(r)                                                                                    \
    {                                                                                              \
        __m512 s = _mm512_set1_ps(a##r[at]);                                                       \
        x##r = _mm512_fmadd_ps(s, b0, x##r);                                                       \
        y##r = _mm512_fmadd_ps(s, b1, y##r);                                                       \
    }
#define STORE(r)                                                                                   \
    _mm512_storeu_ps(c + (r)*ldc, x##r);                                                           \
    _mm512_storeu_ps(c + (r)*ldc + 16, y##r);

__attribute__((target("avx512f"))) static void run(uint32_t kc, const float *a, size_t rs,
                                                   size_t ks, const float *b, float *c, size_t ldc,
                                                   bool load) {
    const __m512 zero = _mm512_setzero_ps();
    ROWS(DECLARE)
    if (load) {
        ROWS(LOAD)
    }
    size_t at = 0;
    for (uint32_t k = 0; k < kc; k++, at += ks, b += 32) {
        __m512 b0 = _mm512_loadu_ps(b), b1 = _mm512_loadu_ps(b + 16);
        ROWS(STEP)
    }
    ROWS(STORE)
}

/* u and w must differ, or the compiler computes one of them. */
#define BURN_DECLARE(r)                                                                            \
    __m512 u##r = _mm512_set1_ps((float)(r)), w##r = _mm512_set1_ps(0.5f + (float)(r));
#define BURN_STEP(r)                                                                               \
    u##r = _mm512_fmadd_ps(u##r, s, t);                                                            \
    w##r = _mm512_fmadd_ps(w##r, s, t);
#define BURN_SUM(r) total = _mm512_add_ps(total, _mm512_add_ps(u##r, w##r));

__attribute__((target("avx512f"))) static float burn(uint64_t rounds) {
    const __m512 s = _mm512_set1_ps(0.999f), t = _mm512_set1_ps(0.001f);
    __m512 total = _mm512_setzero_ps();
    ROWS(BURN_DECLARE)
    for (uint64_t i = 0; i < rounds * 4; i++) { /* 4 x 16 instructions a round */
        ROWS(BURN_STEP)
    }
    ROWS(BURN_SUM)
    float out[16];
    _mm512_storeu_ps(out, total);
    return out[0];
}

static bool here(void) {
    return __builtin_cpu_supports("avx512f");
}

const HthSgemmTile hth_sgemm_tile_avx512 = { "avx512", 8, 32, run, burn, 16, here };
#endif

/* sgemm_neon.c - the 6 x 16 tile: twenty-four accumulators of four lanes. See sgemm_tile.h. */
#include "kern/sgemm_tile.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#define ROWS(F)                                                                                    \
    F(0)                                                                                           \
    F(1)                                                                                           \
    F(2) F(3) F(4) F(5)
#define DECLARE(r)                                                                                 \
    float32x4_t x##r = zero, y##r = zero, z##r = zero, w##r = zero;                                \
    const float *a##r = a + (r)*rs;
#define LOAD(r)                                                                                    \
    x##r = vld1q_f32(c + (r)*ldc);                                                                 \
    y##r = vld1q_f32(c + (r)*ldc + 4);                                                             \
    z##r = vld1q_f32(c + (r)*ldc + 8);                                                             \
    w##r = vld1q_f32(c + (r)*ldc + 12);
#define STEP(r)                                                                                    \
    {                                                                                              \
        float32x4_t s = vld1q_dup_f32(a##r + at);                                                  \
        x##r = vfmaq_f32(x##r, s, b0);                                                             \
        y##r = vfmaq_f32(y##r, s, b1);                                                             \
        z##r = vfmaq_f32(z##r, s, b2);                                                             \
        w##r = vfmaq_f32(w##r, s, b3);                                                             \
    }
#define STORE(r)                                                                                   \
    vst1q_f32(c + (r)*ldc, x##r);                                                                  \
    vst1q_f32(c + (r)*ldc + 4, y##r);                                                              \
    vst1q_f32(c + (r)*ldc + 8, z##r);                                                              \
    vst1q_f32(c + (r)*ldc + 12, w##r);

static void run(uint32_t kc, const float *a, size_t rs, size_t ks, const float *b, float *c,
                size_t ldc, bool load) {
    const float32x4_t zero = vdupq_n_f32(0.0f);
    ROWS(DECLARE)
    if (load) {
        ROWS(LOAD)
    }
    size_t at = 0;
    for (uint32_t k = 0; k < kc; k++, at += ks, b += 16) {
        float32x4_t b0 = vld1q_f32(b), b1 = vld1q_f32(b + 4);
        float32x4_t b2 = vld1q_f32(b + 8), b3 = vld1q_f32(b + 12);
        ROWS(STEP)
    }
    ROWS(STORE)
}

/* x and y must differ, or the compiler computes one of them. */
#define BURN_ROWS(F) ROWS(F) F(6) F(7)
#define BURN_DECLARE(r)                                                                            \
    float32x4_t x##r = vdupq_n_f32((float)(r)), y##r = vdupq_n_f32(0.5f + (float)(r));
#define BURN_STEP(r)                                                                               \
    x##r = vfmaq_f32(x##r, s, t);                                                                  \
    y##r = vfmaq_f32(y##r, s, t);
#define BURN_SUM(r) total = vaddq_f32(total, vaddq_f32(x##r, y##r));

static float burn(uint64_t rounds) {
    const float32x4_t s = vdupq_n_f32(0.999f), t = vdupq_n_f32(0.001f);
    float32x4_t total = vdupq_n_f32(0.0f);
    BURN_ROWS(BURN_DECLARE)
    for (uint64_t i = 0; i < rounds * 4; i++) { /* 4 x 16 instructions a round */
        BURN_ROWS(BURN_STEP)
    }
    BURN_ROWS(BURN_SUM)
    return vgetq_lane_f32(total, 0);
}

static bool here(void) {
    return true;
}

const HthSgemmTile hth_sgemm_tile_neon = { "neon", 6, 16, run, burn, 4, here };
#endif

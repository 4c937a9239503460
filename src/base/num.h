/* num.h - exact conversions between float and its 16-bit cousins, bit casts, checked arithmetic.
 *
 * Rounding is to nearest, ties to even; NaN stays NaN (quiet).  No libm, no FTZ/DAZ.
 *
 * Thread: any. */
#ifndef HTH_BASE_NUM_H
#define HTH_BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t hth_f32_bits(float f) {
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}
static inline float hth_bits_f32(uint32_t u) {
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}
float hth_f16_to_f32(uint16_t h);
uint16_t hth_f32_to_f16(float f);
static inline float hth_bf16_to_f32(uint16_t h) {
    return hth_bits_f32((uint32_t)h << 16);
}
uint16_t hth_f32_to_bf16(float f);

/* Little-endian loads from any alignment. */
static inline uint16_t hth_le16(const void *p) {
    const uint8_t *b = p;
    return (uint16_t)(b[0] | b[1] << 8);
}
static inline uint32_t hth_le32(const void *p) {
    const uint8_t *b = p;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}
static inline uint64_t hth_le64(const void *p) {
    return (uint64_t)hth_le32(p) | (uint64_t)hth_le32((const uint8_t *)p + 4) << 32;
}

/* true on overflow (the result is then unspecified), like the compiler builtins they wrap. */
static inline bool hth_mul_over(size_t a, size_t b, size_t *out) {
    return __builtin_mul_overflow(a, b, out);
}
static inline bool hth_add_over(size_t a, size_t b, size_t *out) {
    return __builtin_add_overflow(a, b, out);
}

#endif

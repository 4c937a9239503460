/* num.c - float and its 16-bit cousins, in integer arithmetic.
 *
 * The truth the conversion instructions are checked against; hot loops use kern's versions.
 *
 * Thread: any. */
#include "base/num.h"

/* binary16: 1 sign, 5 exponent (bias 15), 10 fraction. binary32: 1, 8 (bias 127), 23. */

float hth_f16_to_f32(uint16_t h) {
    const uint32_t sign = (uint32_t)(h & 0x8000) << 16;
    const uint32_t exp = h >> 10 & 0x1F;
    uint32_t frac = h & 0x3FF;
    if (exp == 0x1F) /* infinity, or NaN made quiet with its payload kept */
        return hth_bits_f32(sign | 0x7F800000 | frac << 13 | (frac ? 0x400000u : 0));
    if (exp) return hth_bits_f32(sign | (exp + 112) << 23 | frac << 13);
    if (!frac) return hth_bits_f32(sign);
    uint32_t e = 113; /* subnormal: shift the leading one into place */
    for (; !(frac & 0x400); frac <<= 1) e--;
    return hth_bits_f32(sign | e << 23 | (frac & 0x3FF) << 13);
}

/* v >> shift, to nearest, ties to even; 1 <= shift <= 31. */
static uint32_t shift_round(uint32_t v, uint32_t shift) {
    const uint32_t half = 1u << (shift - 1), rest = v & (half * 2 - 1), q = v >> shift;
    return q + (rest > half || (rest == half && (q & 1)));
}

uint16_t hth_f32_to_f16(float f) {
    const uint32_t u = hth_f32_bits(f), mag = u & 0x7FFFFFFF;
    const uint16_t sign = (uint16_t)(u >> 16 & 0x8000);
    if (mag > 0x7F800000) return (uint16_t)(sign | 0x7E00 | (mag >> 13 & 0x3FF));
    if (mag >= 0x47800000) return sign | 0x7C00; /* 65536 and above, infinity */
    const uint32_t exp = mag >> 23;
    if (exp >=
        113) /* normal: a carry out of the fraction rightly moves the exponent, even to inf */
        return (uint16_t)(sign | shift_round(mag - (112u << 23), 13));
    if (exp < 102) return sign; /* below half of the smallest subnormal */
    return (uint16_t)(sign | shift_round((mag & 0x7FFFFF) | 0x800000, 126 - exp));
}

uint16_t hth_f32_to_bf16(float f) {
    const uint32_t u = hth_f32_bits(f);
    if ((u & 0x7FFFFFFF) > 0x7F800000) return (uint16_t)(u >> 16 | 0x40); /* quiet NaN */
    return (uint16_t)((u + 0x7FFF + (u >> 16 & 1)) >> 16);
}

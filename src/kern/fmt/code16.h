/* code16.h - formats whose 4 bits name one of sixteen values.  Private to kern/fmt.
 *
 * Thread: any. */
#ifndef HTH_KERN_FMT_CODE16_H
#define HTH_KERN_FMT_CODE16_H

#include "kern/fmt/fmt.h"

/* IQ4_NL and IQ4_XS: closer together where weights are many. */
static const int8_t hth_code_iq4[16] = { -127, -104, -83, -65, -49, -35, -22, -10,
                                         1,    13,   25,  38,  53,  69,  89,  113 };
/* MXFP4: twice the values of a sign, two exponent bits and one mantissa bit (OCP MX 1.0). */
static const int8_t hth_code_fp4[16] = { 0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12 };
/* The same plus 16. */
static const int8_t hth_code_fp4_16[16] = { 16, 17, 18, 19, 20, 22, 24, 28,
                                            16, 15, 14, 13, 12, 10, 8,  4 };

/* Weights 0..15 are the low nibbles of 16 bytes, 16..31 the high ones. */
static inline void hth_code_unpack(const int8_t code[16], const uint8_t *nibbles, int8_t q[32]) {
    for (int i = 0; i < 16; i++) {
        q[i] = code[nibbles[i] & 15];
        q[i + 16] = code[nibbles[i] >> 4];
    }
}
void hth_code_pack(const uint8_t index[32], uint8_t *nibbles);
/* The nearest value's index for each of 32 numbers, scaled by inv. */
void hth_code_nearest(const int8_t code[16], const float *x, float inv, uint8_t index[32]);
/* The scale with the least squared error among those near peak / (largest value). */
float hth_code_fit(const int8_t code[16], const float *x, const float *imp);

#endif

/* iq.h - formats whose indices name whole groups of weights in a codebook.  Private to kern/fmt.
 *
 * Thread: any. */
#ifndef HTH_KERN_FMT_IQ_H
#define HTH_KERN_FMT_IQ_H

#include "kern/fmt/fmt.h"

/* iq_tab.c: a group's value numbers, the first weight's lowest. Two bits each ... */
extern const uint16_t hth_iq1_grid[2048], hth_iq2_xxs_grid[256], hth_iq2_xs_grid[512],
    hth_iq2_s_grid[1024];
/* ... and three. */
extern const uint16_t hth_iq3_xxs_grid[256], hth_iq3_s_grid[512];

/* The same value in each byte. */
#define HTH_BYTES(x) ((uint64_t)(x)*UINT64_C(0x0101010101010101))

/* Eight 2-bit numbers as eight bytes. */
static inline uint64_t hth_iq_spread2(uint64_t v) {
    v = (v | v << 24) & UINT64_C(0x000000ff000000ff);
    v = (v | v << 12) & UINT64_C(0x000f000f000f000f);
    return (v | v << 6) & UINT64_C(0x0303030303030303);
}
/* Two entries of four 3-bit numbers as eight bytes. */
static inline uint64_t hth_iq_spread3(uint64_t a, uint64_t b) {
    uint64_t v = a | b << 32;
    v = (v | v << 10) & UINT64_C(0x003f003f003f003f);
    return (v | v << 5) & UINT64_C(0x0707070707070707);
}

/* What value numbers stand for; no byte reaches its neighbour. */
static inline uint64_t hth_iq2_values(uint64_t v) { /* 0, 1, 2: 8, 25, 43 */
    return HTH_BYTES(8) + 17 * v + (v >> 1 & HTH_BYTES(1));
}
static inline uint64_t hth_iq3_xxs_values(uint64_t v) { /* 4, 12, ... 52, and 62 */
    return HTH_BYTES(4) + 8 * v + ((v & v >> 1 & v >> 2) & HTH_BYTES(1)) * 2;
}
static inline uint64_t hth_iq3_s_values(uint64_t v) { /* 1, 3, ... 15 */
    return HTH_BYTES(1) + 2 * v;
}

/* Seven signs, and an eighth that makes their number even. */
static inline uint32_t hth_iq_even_signs(uint32_t s) {
    uint32_t p = s ^ s >> 4;
    p ^= p >> 2;
    p ^= p >> 1;
    return s | (p & 1) << 7;
}
/* Bit i of signs: byte i is negated. No byte of v is 0. */
static inline uint64_t hth_iq_negate(uint64_t v, uint32_t signs) {
    uint64_t bits = HTH_BYTES(signs) & UINT64_C(0x8040201008040201);
    uint64_t ones = (((bits & HTH_BYTES(0x7f)) + HTH_BYTES(0x7f)) | bits) >> 7 & HTH_BYTES(1);
    return (v ^ ones * 255) + ones;
}
static inline void hth_iq_put8(int8_t *q, uint64_t v) {
    for (int i = 0; i < 8; i++) q[i] = (int8_t)(uint8_t)(v >> (8 * i));
}

/* Of both halves of a 32-block: d times 4 bits each, and a half; in eighths, as the values are. */
static inline void hth_iq2_scales(HthBlk *out, uint16_t d, uint8_t s) {
    const float eighth = hth_f16_to_f32(d) * 0.125f;
    out->d = eighth * (float)(2 * (s & 15) + 1);
    out->m = eighth * (float)(2 * (s >> 4) + 1);
}

/* Eight weights of IQ1, in eighths of their scale: 8 * (-1, 0 or 1), and one more or less. */
static inline void hth_iq1_put8(int8_t *q, uint32_t index, bool less) {
    uint64_t v = hth_iq_spread2(hth_iq1_grid[index]) * 8;
    hth_iq_put8(q, (v + HTH_BYTES(less ? 0x80 - 9 : 0x80 - 7)) ^ HTH_BYTES(0x80));
}

#endif

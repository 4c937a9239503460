/* iq1_m.c - IQ1_M: 256 weights in 16 groups of 16, each with a 3-bit scale; 11 bits name eight
 * weights of -1, 0, 1, a twelfth is their sign: w = (d*(2*sc+1))*(code + or - 1/8).  1.75 bits per
 * weight.
 *
 * Thread: any. */
#include "kern/fmt/book.h"

typedef struct Iq1M {
    uint8_t q[8][4]; /* low 8 bits of an index */
    uint8_t h[8][2]; /* per index a nibble: its high 3 bits; bit 3: minus 1/8 */
    uint8_t s[4][2]; /* four 3-bit scales each, and 4 bits of d, the lowest first */
} Iq1M;
_Static_assert(sizeof(Iq1M) == 56, "IQ1_M is 56 bytes on disk");

static void unpack(const uint8_t *row, uint32_t b, HthBlk *out) {
    Iq1M w;
    const uint32_t j = b % 8;
    memcpy(&w, row + b / 8 * sizeof w, sizeof w);
    const uint32_t s = hth_le16(w.s[j / 2]) >> (j % 2 * 6);
    uint32_t half = 0;
    for (int i = 0; i < 4; i++) half |= ((uint32_t)w.s[i][1] >> 4) << (4 * i);
    const float d = hth_f16_to_f32((uint16_t)half) * 0.125f;
    out->d = d * (float)(2 * (s & 7) + 1);
    out->m = d * (float)(2 * (s >> 3 & 7) + 1);
    for (uint32_t i = 0; i < 4; i++) {
        const uint32_t h = (uint32_t)w.h[j][i / 2] >> (i % 2 * 4);
        hth_iq1_put8(out->q + 8 * i, w.q[j][i] | (h & 7) << 8, (h & 8) != 0);
    }
}

#ifndef HTH_ISA

static const HthBookFmt book = {
    .grid = hth_iq1_grid,
    .count = 2048,
    .bits = 2,
    .values = { -8, 0, 8 },
    .group = 16,
    .top = 7,
    .unit = 0.125f,
    .signs = HTH_BOOK_SHIFT_ENTRY,
};

static void put(const HthBookBlock *b, uint8_t *to) {
    Iq1M w = { 0 };
    for (uint32_t i = 0; i < 32; i++) {
        const uint32_t h = (uint32_t)(b->index[i] >> 8) | (b->less[i] ? 8 : 0);
        w.q[i / 4][i % 4] = (uint8_t)b->index[i];
        w.h[i / 4][i % 4 / 2] |= (uint8_t)(h << (i % 2 * 4));
    }
    for (uint32_t j = 0; j < 4; j++) {
        uint32_t s = (uint32_t)(b->d >> (4 * j) & 15) << 12;
        for (uint32_t i = 0; i < 4; i++) s |= (uint32_t)b->sc[4 * j + i] << (3 * i);
        w.s[j][0] = (uint8_t)s;
        w.s[j][1] = (uint8_t)(s >> 8);
    }
    memcpy(to, &w, sizeof w);
}

static void quant(const float *in, const float *imp, void *blocks, size_t n) {
    hth_book_quant(&book, in, imp, n, put, blocks, sizeof(Iq1M));
}

HTH_FMT_TRUTH(iq1_m, HTH_KIND_PAIR, 29, "IQ1_M", 256, sizeof(Iq1M), quant);

#else /* HTH_ISA_SPEED: avx2, avx512, vnni */

#define KIND LQ_PAIR
#include "kern/fmt/linear_int8.h"

LINEAR_ROWS(iq1_m)

#endif

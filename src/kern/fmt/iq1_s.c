/* iq1_s.c - IQ1_S: 256 weights in 8 groups of 32, each with a 3-bit scale and a sign; 11 bits name
 * eight weights of -1, 0, 1: w = (d*(2*sc+1))*(code + or - 1/8).  1.56 bits per weight.
 *
 * Thread: any. */
#include "kern/fmt/book.h"

typedef struct Iq1S {
    uint16_t d;
    uint8_t q[8][4]; /* low 8 bits of an index */
    uint8_t h[8][2]; /* high 3 bits of four indices, then the scale; bit 15: minus 1/8 */
} Iq1S;
_Static_assert(sizeof(Iq1S) == 50, "IQ1_S is 50 bytes on disk");

static void unpack(const uint8_t *row, uint32_t b, HthBlk *out) {
    Iq1S w;
    const uint32_t j = b % 8;
    memcpy(&w, row + b / 8 * sizeof w, sizeof w);
    const uint32_t h = hth_le16(w.h[j]);
    out->d = hth_f16_to_f32(w.d) * 0.125f * (float)(2 * (h >> 12 & 7) + 1);
    for (uint32_t i = 0; i < 4; i++)
        hth_iq1_put8(out->q + 8 * i, w.q[j][i] | (h >> (3 * i) & 7) << 8, h >> 15 != 0);
}

#ifndef HTH_ISA

static const HthBookFmt book = {
    .grid = hth_iq1_grid,
    .count = 2048,
    .bits = 2,
    .values = { -8, 0, 8 },
    .group = 32,
    .top = 7,
    .unit = 0.125f,
    .signs = HTH_BOOK_SHIFT_GROUP,
};

static void put(const HthBookBlock *b, uint8_t *to) {
    Iq1S w = { 0 };
    w.d = b->d;
    for (uint32_t j = 0; j < 8; j++) {
        uint32_t h = (uint32_t)b->sc[j] << 12 | (b->less[4 * j] ? 1u << 15 : 0);
        for (uint32_t i = 0; i < 4; i++) {
            w.q[j][i] = (uint8_t)b->index[4 * j + i];
            h |= (uint32_t)(b->index[4 * j + i] >> 8) << (3 * i);
        }
        w.h[j][0] = (uint8_t)h;
        w.h[j][1] = (uint8_t)(h >> 8);
    }
    memcpy(to, &w, sizeof w);
}

static void quant(const float *in, const float *imp, void *blocks, size_t n) {
    hth_book_quant(&book, in, imp, n, put, blocks, sizeof(Iq1S));
}

HTH_FMT_TRUTH(iq1_s, HTH_KIND_PLAIN, 19, "IQ1_S", 256, sizeof(Iq1S), quant);

#else /* HTH_ISA_SPEED: avx2, avx512, vnni */

#define KIND LQ_PLAIN
#include "kern/fmt/linear_int8.h"

LINEAR_ROWS(iq1_s)

#endif

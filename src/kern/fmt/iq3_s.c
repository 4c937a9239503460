/* iq3_s.c - IQ3_S: 256 weights in 8 groups of 32, each with a 4-bit scale; 9 bits name four
 * weights in a codebook of 512, with a sign each: w = (d*(2*sc+1))*code.  3.44 bits per weight.
 *
 * Thread: any. */
#include "kern/fmt/book.h"

typedef struct Iq3S {
    uint16_t d;
    uint8_t q[8][8]; /* low 8 bits of an index */
    uint8_t h[8]; /* bit i of byte b: the ninth of index i of 32-block b */
    uint8_t signs[8][4];
    uint8_t s[4]; /* low nibbles: of even 32-blocks */
} Iq3S;
_Static_assert(sizeof(Iq3S) == 110, "IQ3_S is 110 bytes on disk");

static void unpack(const uint8_t *row, uint32_t b, HthBlk *out) {
    Iq3S w;
    const uint32_t j = b % 8;
    memcpy(&w, row + b / 8 * sizeof w, sizeof w);
    out->d = hth_f16_to_f32(w.d) * (float)(2 * (w.s[j / 2] >> (j % 2 * 4) & 15) + 1);
    for (uint32_t i = 0; i < 4; i++) {
        const uint32_t h = (uint32_t)w.h[j] >> (2 * i);
        const uint32_t a = w.q[j][2 * i] | (h & 1) << 8, c = w.q[j][2 * i + 1] | (h >> 1 & 1) << 8;
        uint64_t v = hth_iq3_s_values(hth_iq_spread3(hth_iq3_s_grid[a], hth_iq3_s_grid[c]));
        hth_iq_put8(out->q + 8 * i, hth_iq_negate(v, w.signs[j][i]));
    }
}

#ifndef HTH_ISA

static const HthBookFmt book = {
    .grid = hth_iq3_s_grid,
    .count = 512,
    .bits = 3,
    .values = { 1, 3, 5, 7, 9, 11, 13, 15 },
    .group = 32,
    .top = 15,
    .unit = 1.0f,
    .signs = HTH_BOOK_FREE,
};

static void put(const HthBookBlock *b, uint8_t *to) {
    Iq3S w = { 0 };
    w.d = b->d;
    memcpy(w.signs, b->signs, sizeof w.signs);
    for (uint32_t i = 0; i < 64; i++) {
        w.q[i / 8][i % 8] = (uint8_t)b->index[i];
        w.h[i / 8] |= (uint8_t)(b->index[i] >> 8 << (i % 8));
    }
    for (uint32_t j = 0; j < 8; j++) w.s[j / 2] |= (uint8_t)(b->sc[j] << (j % 2 * 4));
    memcpy(to, &w, sizeof w);
}

static void quant(const float *in, const float *imp, void *blocks, size_t n) {
    hth_book_quant(&book, in, imp, n, put, blocks, sizeof(Iq3S));
}

HTH_FMT_TRUTH(iq3_s, HTH_KIND_PLAIN, 21, "IQ3_S", 256, sizeof(Iq3S), quant);

#else /* HTH_ISA_SPEED: avx2, avx512, vnni */

#define KIND LQ_PLAIN
#include "kern/fmt/linear_int8.h"

LINEAR_ROWS(iq3_s)

#endif

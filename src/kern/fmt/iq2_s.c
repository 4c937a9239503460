/* iq2_s.c - IQ2_S: 256 weights in 16 groups of 16, each with a 4-bit scale; 10 bits name eight
 * weights in a codebook of 1024, 8 bits their signs: w = (d*(sc+1/2)/4)*code.  2.56 bits per
 * weight.
 *
 * Thread: any. */
#include "kern/fmt/book.h"

typedef struct Iq2S {
    uint16_t d;
    uint8_t q[8][4]; /* low 8 bits of an index */
    uint8_t signs[8][4];
    uint8_t h[8]; /* its high 2 bits: bits 2i of byte b for group i of 32-block b */
    uint8_t s[8]; /* low nibble: of weights 0..15 of a 32-block, high nibble: of 16..31 */
} Iq2S;
_Static_assert(sizeof(Iq2S) == 82, "IQ2_S is 82 bytes on disk");

static void unpack(const uint8_t *row, uint32_t b, HthBlk *out) {
    Iq2S w;
    const uint32_t j = b % 8;
    memcpy(&w, row + b / 8 * sizeof w, sizeof w);
    hth_iq2_scales(out, w.d, w.s[j]);
    for (uint32_t i = 0; i < 4; i++) {
        const uint32_t q = w.q[j][i] | ((uint32_t)w.h[j] >> (2 * i) & 3) << 8;
        uint64_t v = hth_iq2_values(hth_iq_spread2(hth_iq2_s_grid[q]));
        hth_iq_put8(out->q + 8 * i, hth_iq_negate(v, w.signs[j][i]));
    }
}

#ifndef HTH_ISA

static const HthBookFmt book = {
    .grid = hth_iq2_s_grid,
    .count = 1024,
    .bits = 2,
    .values = { 8, 25, 43 },
    .group = 16,
    .top = 15,
    .unit = 0.125f,
    .signs = HTH_BOOK_FREE,
};

static void put(const HthBookBlock *b, uint8_t *to) {
    Iq2S w = { 0 };
    w.d = b->d;
    memcpy(w.signs, b->signs, sizeof w.signs);
    for (uint32_t i = 0; i < 32; i++) {
        w.q[i / 4][i % 4] = (uint8_t)b->index[i];
        w.h[i / 4] |= (uint8_t)(b->index[i] >> 8 << (i % 4 * 2));
    }
    for (uint32_t j = 0; j < 16; j++) w.s[j / 2] |= (uint8_t)(b->sc[j] << (j % 2 * 4));
    memcpy(to, &w, sizeof w);
}

static void quant(const float *in, const float *imp, void *blocks, size_t n) {
    hth_book_quant(&book, in, imp, n, put, blocks, sizeof(Iq2S));
}

HTH_FMT_TRUTH(iq2_s, HTH_KIND_PAIR, 22, "IQ2_S", 256, sizeof(Iq2S), quant);

#else /* HTH_ISA_SPEED: avx2, avx512, vnni */

#define KIND LQ_PAIR
#include "kern/fmt/linear_int8.h"

LINEAR_ROWS(iq2_s)

#endif

/* iq2_xs.c - IQ2_XS: 256 weights in 16 groups of 16, each with a 4-bit scale; 9 bits name eight
 * weights in a codebook of 512, 7 bits their signs: w = (d*(sc+1/2)/4)*code.  2.31 bits per
 * weight.
 *
 * Thread: any. */
#include "kern/fmt/book.h"

typedef struct Iq2Xs {
    uint16_t d;
    uint8_t q[8][4][2]; /* 16 bits for eight weights: index, and from bit 9 the signs */
    uint8_t s[8]; /* low nibble: of weights 0..15 of a 32-block, high nibble: of 16..31 */
} Iq2Xs;
_Static_assert(sizeof(Iq2Xs) == 74, "IQ2_XS is 74 bytes on disk");

static void unpack(const uint8_t *row, uint32_t b, HthBlk *out) {
    Iq2Xs w;
    const uint32_t j = b % 8;
    memcpy(&w, row + b / 8 * sizeof w, sizeof w);
    hth_iq2_scales(out, w.d, w.s[j]);
    for (uint32_t i = 0; i < 4; i++) {
        const uint32_t q = hth_le16(w.q[j][i]);
        uint64_t v = hth_iq2_values(hth_iq_spread2(hth_iq2_xs_grid[q & 511]));
        hth_iq_put8(out->q + 8 * i, hth_iq_negate(v, hth_iq_even_signs(q >> 9)));
    }
}

#ifndef HTH_ISA

static const HthBookFmt book = {
    .grid = hth_iq2_xs_grid,
    .count = 512,
    .bits = 2,
    .values = { 8, 25, 43 },
    .group = 16,
    .top = 15,
    .unit = 0.125f,
    .signs = HTH_BOOK_EVEN,
};

static void put(const HthBookBlock *b, uint8_t *to) {
    Iq2Xs w = { 0 };
    w.d = b->d;
    for (uint32_t i = 0; i < 32; i++) {
        const uint32_t q = b->index[i] | (b->signs[i] & 127u) << 9;
        w.q[i / 4][i % 4][0] = (uint8_t)q;
        w.q[i / 4][i % 4][1] = (uint8_t)(q >> 8);
    }
    for (uint32_t j = 0; j < 16; j++) w.s[j / 2] |= (uint8_t)(b->sc[j] << (j % 2 * 4));
    memcpy(to, &w, sizeof w);
}

static void quant(const float *in, const float *imp, void *blocks, size_t n) {
    hth_book_quant(&book, in, imp, n, put, blocks, sizeof(Iq2Xs));
}

HTH_FMT_TRUTH(iq2_xs, HTH_KIND_PAIR, 17, "IQ2_XS", 256, sizeof(Iq2Xs), quant);

#else /* HTH_ISA_SPEED: avx2, avx512, vnni */

#define KIND LQ_PAIR
#include "kern/fmt/linear_int8.h"

LINEAR_ROWS(iq2_xs)

#endif

/* iq3_xxs.c - IQ3_XXS: 256 weights in 8 groups of 32, each with a 4-bit scale; 8 bits name four
 * weights in a codebook of 256, 7 bits the signs of eight: w = (d*(sc+1/2)/2)*code.  3.06 bits per
 * weight.
 *
 * Thread: any. */
#include "kern/fmt/book.h"

typedef struct Iq3Xxs {
    uint16_t d;
    uint8_t q[8][8]; /* four weights each */
    uint8_t s[8][4]; /* 7 bits of signs to eight weights, the scale in bits 28 to 31 */
} Iq3Xxs;
_Static_assert(sizeof(Iq3Xxs) == 98, "IQ3_XXS is 98 bytes on disk");

static void unpack(const uint8_t *row, uint32_t b, HthBlk *out) {
    Iq3Xxs w;
    const uint32_t j = b % 8;
    memcpy(&w, row + b / 8 * sizeof w, sizeof w);
    const uint32_t s = hth_le32(w.s[j]);
    out->d = hth_f16_to_f32(w.d) * 0.25f * (float)(2 * (s >> 28) + 1);
    for (uint32_t i = 0; i < 4; i++) {
        const uint8_t *q = w.q[j] + 2 * i;
        uint64_t v = hth_iq_spread3(hth_iq3_xxs_grid[q[0]], hth_iq3_xxs_grid[q[1]]);
        const uint32_t signs = hth_iq_even_signs(s >> (7 * i) & 127);
        hth_iq_put8(out->q + 8 * i, hth_iq_negate(hth_iq3_xxs_values(v), signs));
    }
}

#ifndef HTH_ISA

static const HthBookFmt book = {
    .grid = hth_iq3_xxs_grid,
    .count = 256,
    .bits = 3,
    .values = { 4, 12, 20, 28, 36, 44, 52, 62 },
    .group = 32,
    .top = 15,
    .unit = 0.25f,
    .signs = HTH_BOOK_EVEN,
};

static void put(const HthBookBlock *b, uint8_t *to) {
    Iq3Xxs w = { 0 };
    w.d = b->d;
    for (uint32_t i = 0; i < 64; i++) w.q[i / 8][i % 8] = (uint8_t)b->index[i];
    for (uint32_t j = 0; j < 8; j++) {
        uint32_t s = (uint32_t)b->sc[j] << 28;
        for (uint32_t i = 0; i < 4; i++) s |= (b->signs[4 * j + i] & 127u) << (7 * i);
        for (uint32_t i = 0; i < 4; i++) w.s[j][i] = (uint8_t)(s >> (8 * i));
    }
    memcpy(to, &w, sizeof w);
}

static void quant(const float *in, const float *imp, void *blocks, size_t n) {
    hth_book_quant(&book, in, imp, n, put, blocks, sizeof(Iq3Xxs));
}

HTH_FMT_TRUTH(iq3_xxs, HTH_KIND_PLAIN, 18, "IQ3_XXS", 256, sizeof(Iq3Xxs), quant);

#else /* HTH_ISA_SPEED: avx2, avx512, vnni */

#define KIND LQ_PLAIN
#include "kern/fmt/linear_int8.h"

LINEAR_ROWS(iq3_xxs)

#endif

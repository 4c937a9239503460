/* iq2_xxs.c - IQ2_XXS: 256 weights in 8 groups of 32, each with a 4-bit scale; 8 bits name eight
 * weights in a codebook of 256, 7 bits their signs: w = (d*(sc+1/2)/4)*code.  2.06 bits per
 * weight.
 *
 * Thread: any. */
#include "kern/fmt/book.h"

typedef struct Iq2Xxs {
    uint16_t d;
    struct {
        uint8_t q[4]; /* eight weights each */
        uint8_t s[4]; /* 7 bits of signs to each, from the lowest; the scale in bits 28 to 31 */
    } g[8];
} Iq2Xxs;
_Static_assert(sizeof(Iq2Xxs) == 66, "IQ2_XXS is 66 bytes on disk");

static void unpack(const uint8_t *row, uint32_t b, HthBlk *out) {
    Iq2Xxs w;
    const uint32_t j = b % 8;
    memcpy(&w, row + b / 8 * sizeof w, sizeof w);
    const uint32_t s = hth_le32(w.g[j].s);
    out->d = hth_f16_to_f32(w.d) * 0.125f * (float)(2 * (s >> 28) + 1);
    for (uint32_t i = 0; i < 4; i++) {
        uint64_t v = hth_iq2_values(hth_iq_spread2(hth_iq2_xxs_grid[w.g[j].q[i]]));
        hth_iq_put8(out->q + 8 * i, hth_iq_negate(v, hth_iq_even_signs(s >> (7 * i) & 127)));
    }
}

#ifndef HTH_ISA

static const HthBookFmt book = {
    .grid = hth_iq2_xxs_grid,
    .count = 256,
    .bits = 2,
    .values = { 8, 25, 43 },
    .group = 32,
    .top = 15,
    .unit = 0.125f,
    .signs = HTH_BOOK_EVEN,
};

static void put(const HthBookBlock *b, uint8_t *to) {
    Iq2Xxs w = { 0 };
    w.d = b->d;
    for (uint32_t j = 0; j < 8; j++) {
        uint32_t s = (uint32_t)b->sc[j] << 28;
        for (uint32_t i = 0; i < 4; i++) {
            w.g[j].q[i] = (uint8_t)b->index[4 * j + i];
            s |= (b->signs[4 * j + i] & 127u) << (7 * i);
        }
        for (uint32_t i = 0; i < 4; i++) w.g[j].s[i] = (uint8_t)(s >> (8 * i));
    }
    memcpy(to, &w, sizeof w);
}

static void quant(const float *in, const float *imp, void *blocks, size_t n) {
    hth_book_quant(&book, in, imp, n, put, blocks, sizeof(Iq2Xxs));
}

HTH_FMT_TRUTH(iq2_xxs, HTH_KIND_PLAIN, 16, "IQ2_XXS", 256, sizeof(Iq2Xxs), quant);

#else /* HTH_ISA_SPEED: avx2, avx512, vnni */

#define KIND LQ_PLAIN
#include "kern/fmt/linear_int8.h"

LINEAR_ROWS(iq2_xxs)

#endif

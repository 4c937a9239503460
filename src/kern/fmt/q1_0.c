/* q1_0.c - Q1_0: 128 weights, one half scale, a sign bit each: w = +d or -d.  1.1 bits per weight.
 * Read, not written; products in plain C on every tier.
 *
 * Thread: any. */
#include "kern/fmt/fmt.h"

typedef struct Q1_0 {
    uint16_t d;
    uint8_t q[16]; /* weight i is bit i%8 of byte i/8: set is +d */
} Q1_0;
_Static_assert(sizeof(Q1_0) == 18, "Q1_0 is 18 bytes on disk");

static void unpack(const uint8_t *row, uint32_t b, HthBlk *out) {
    Q1_0 w;
    memcpy(&w, row + b / 4 * sizeof w, sizeof w);
    out->d = hth_f16_to_f32(w.d);
    for (uint32_t i = 0; i < 32; i++)
        out->q[i] = (int8_t)((w.q[b % 4 * 4 + i / 8] >> (i % 8) & 1) * 2 - 1);
}

HTH_FMT_TRUTH(q1_0, HTH_KIND_PLAIN, 41, "Q1_0", 128, sizeof(Q1_0), NULL);

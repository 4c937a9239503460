/* q2_0.c - Q2_0: 64 weights, one half scale, 2 bits each: w = d*(q-1), q 0..3.  2.3 bits per
 * weight.  Read, not written; products in plain C on every tier.
 *
 * Thread: any. */
#include "kern/fmt/fmt.h"

typedef struct Q2_0 {
    uint16_t d;
    uint8_t q[16]; /* weight i is bits 2*(i%4) of byte i/4 */
} Q2_0;
_Static_assert(sizeof(Q2_0) == 18, "Q2_0 is 18 bytes on disk");

static void unpack(const uint8_t *row, uint32_t b, HthBlk *out) {
    Q2_0 w;
    memcpy(&w, row + b / 2 * sizeof w, sizeof w);
    out->d = hth_f16_to_f32(w.d);
    for (uint32_t i = 0; i < 32; i++)
        out->q[i] = (int8_t)((w.q[b % 2 * 8 + i / 4] >> (i % 4 * 2) & 3) - 1);
}

HTH_FMT_TRUTH(q2_0, HTH_KIND_PLAIN, 42, "Q2_0", 64, sizeof(Q2_0), NULL);

/* q5_1.c - Q5_1: 32 weights, a half scale and a half minimum, 5 bits each: w = d*q + m.
 * 6 bits per weight.
 *
 * Thread: any. */
#include "kern/fmt/fmt.h"

typedef struct Q5_1 {
    uint16_t d, m;
    uint8_t h[4]; /* bit i: the fifth bit of weight i */
    uint8_t q[16]; /* low nibbles: weights 0..15, high nibbles: 16..31 */
} Q5_1;
_Static_assert(sizeof(Q5_1) == 24, "Q5_1 is 24 bytes on disk");

#ifndef HTH_ISA

#include "kern/fmt/search.h"

static void unpack(const uint8_t *row, uint32_t b, HthBlk *out) {
    Q5_1 w;
    memcpy(&w, row + b * sizeof w, sizeof w);
    uint32_t h = hth_le32(w.h);
    out->d = hth_f16_to_f32(w.d);
    out->m = hth_f16_to_f32(w.m);
    for (int i = 0; i < 16; i++) {
        out->q[i] = (int8_t)((w.q[i] & 15u) | (h >> i & 1u) << 4);
        out->q[i + 16] = (int8_t)(w.q[i] >> 4 | (h >> (i + 16) & 1u) << 4);
    }
}

static void quant(const float *in, void *blocks, size_t n) {
    uint8_t *to = blocks;
    for (size_t b = 0; b < n / 32; b++, in += 32, to += sizeof(Q5_1)) {
        float m, d = hth_fit_range(in, 32, 31, true, &m), inv = hth_fmt_inv(d);
        Q5_1 w = { .d = hth_f32_to_f16(d), .m = hth_f32_to_f16(-m) };
        for (int i = 0; i < 32; i++) {
            int q = hth_fmt_round((in[i] + m) * inv, 0, 31);
            w.q[i % 16] |= (uint8_t)((q & 15) << (i / 16 * 4));
            w.h[i / 8] |= (uint8_t)((q >> 4) << (i % 8));
        }
        memcpy(to, &w, sizeof w);
    }
}

HTH_FMT_TRUTH(q5_1, HTH_KIND_OFFSET, 7, "Q5_1", 32, sizeof(Q5_1), quant);

#else /* HTH_ISA_SPEED: avx2, avx512, vnni */

#define KIND  LQ_OFFSET
#define SHIFT LQ_NONE
#include "kern/fmt/linear_q.h"

HTH_INLINE B row64(const uint8_t *row, uint32_t b, uint32_t c) {
    const uint8_t *p = row + b * sizeof(Q5_1), *q = row + c * sizeof(Q5_1);
    uint64_t h = hth_le32(p + 4) | (uint64_t)hth_le32(q + 4) << 32;
    return vb_or(vb_nib2(p + 8, q + 8), vb_bits(h, 16));
}

HTH_INLINE void scales(const uint8_t *const rows[16], uint32_t b, uint32_t n, Scales *s) {
    for (uint32_t j = 0; j < n; j++) {
        const uint8_t *at[16];
        for (int r = 0; r < 16; r++) at[r] = rows[r] + (b + j) * sizeof(Q5_1);
        I head[4];
        vi_gather4(at, head);
        s->d[j] = vf_half_lo(head[0]);
        s->m[j] = vf_half_hi(head[0]);
    }
}

LINEAR_Q(q5_1)

#endif

/* q3_k.c - Q3_K: 256 weights in 16 groups of 16, 3 bits each, with a signed 6-bit scale per group:
 * w = (d*(sc-32))*(q-4).  3.4 bits per weight.  Read, not written.
 *
 * Thread: any. */
#include "kern/fmt/fmt.h"

typedef struct Q3K {
    uint8_t h[32]; /* bit b of byte i: the third bit of weight i of 32-block b */
    uint8_t q[64]; /* 32-block b: bits 2*(b%4) of bytes 32*(b/4) .. +31 */
    uint8_t s[12]; /* scales: low nibbles of 0..7, 8..15 in s[0..7]; upper pairs in s[8..11] */
    uint16_t d;
} Q3K;
_Static_assert(sizeof(Q3K) == 110, "Q3_K is 110 bytes on disk");

#ifndef HTH_ISA

static void unpack(const uint8_t *row, uint32_t b, HthBlk *out) {
    Q3K w;
    uint32_t j = b % 8;
    memcpy(&w, row + b / 8 * sizeof w, sizeof w);
    out->d = hth_f16_to_f32(w.d);
    for (int i = 0; i < 32; i++) {
        int lo = w.q[j / 4 * 32 + i] >> (j % 4 * 2) & 3;
        out->q[i] = (int8_t)(lo + (w.h[i] >> j & 1) * 4 - 4);
    }
    for (uint32_t h = 0; h < 2; h++) {
        uint32_t g = j * 2 + h; /* group */
        uint32_t low = g < 8 ? w.s[g] & 15u : w.s[g - 8] >> 4;
        out->sc[h] = (int32_t)(low | (w.s[8 + g % 4] >> (g / 4 * 2) & 3u) << 4) - 32;
    }
}

HTH_FMT_TRUTH(q3_k, HTH_KIND_DUAL, 11, "Q3_K", 256, sizeof(Q3K), NULL);

#else /* HTH_ISA_SPEED: avx2, avx512, vnni */

#define KIND  LQ_DUAL
#define SHIFT 2
#include "kern/fmt/linear_q.h"

HTH_INLINE B row64(const uint8_t *row, uint32_t b, uint32_t c) {
    const uint8_t *p = row + b / 8 * sizeof(Q3K);
    int j = (int)(b % 8);
    B h = vb_sll(vb_and1(vb_dup(p, j, j + 1), 1), 2);
    (void)c;
    return vb_or(vb_and1(vb_dup(p + 32 + j / 4 * 32, j % 4 * 2, j % 4 * 2 + 2), 3), h);
}

HTH_INLINE void scales(const uint8_t *const rows[16], uint32_t b, uint32_t n, Scales *s) {
    const uint8_t *at[16];
    I t[4], u[3]; /* the last 16 bytes of the block: two of q, twelve scale bytes, d */
    (void)n;
    for (int r = 0; r < 16; r++) at[r] = rows[r] + b / 8 * sizeof(Q3K) + 94;
    vi_gather4(at, t);
    for (int i = 0; i < 3; i++) u[i] = vi_or(vi_srl(t[i], 16), vi_sll(t[i + 1], 16));
    for (int g = 0; g < 16; g++) {
        I lo = vi_and(vi_srl(vi_byte(u[g / 4 % 2], g % 4), g / 8 * 4), vi_set1(15));
        I hi = vi_and(vi_srl(vi_byte(u[2], g % 4), g / 4 * 2), vi_set1(3));
        s->sc[g / 2][g % 2] = vi_sub(vi_or(lo, vi_sll(hi, 4)), vi_set1(32));
    }
    s->d[0] = vf_half_hi(t[3]);
}

LINEAR_Q(q3_k)

#endif

/* q6_k.c - Q6_K: 256 weights in 16 groups of 16, 6 bits each, with an int8 scale per group:
 * w = (d*sc)*(q-32).  6.6 bits per weight.
 *
 * Thread: any. */
#include "kern/fmt/fmt.h"

typedef struct Q6K {
    uint8_t q[128]; /* low 4 bits: 32-block b in bytes 64*(b/4) + 32*(b%2) .. +31, nibble b/2%2 */
    uint8_t h[64]; /* high 2 bits: 32-block b in bytes 32*(b/4) .. +31, bits 2*(b%4) */
    int8_t s[16];
    uint16_t d;
} Q6K;
_Static_assert(sizeof(Q6K) == 210, "Q6_K is 210 bytes on disk");

#ifndef HTH_ISA

#include "kern/fmt/search.h"

static void unpack(const uint8_t *row, uint32_t b, HthBlk *out) {
    Q6K w;
    uint32_t j = b % 8;
    memcpy(&w, row + b / 8 * sizeof w, sizeof w);
    out->d = hth_f16_to_f32(w.d);
    out->sc[0] = w.s[j * 2];
    out->sc[1] = w.s[j * 2 + 1];
    for (int i = 0; i < 32; i++) {
        int lo = w.q[j / 4 * 64 + j % 2 * 32 + i] >> (j / 2 % 2 * 4) & 15;
        int hi = w.h[j / 4 * 32 + i] >> (j % 4 * 2) & 3;
        out->q[i] = (int8_t)((lo | hi << 4) - 32);
    }
}

static void quant(const float *in, const float *imp, void *blocks, size_t n) {
    uint8_t *to = blocks;
    for (size_t b = 0; b < n / 256; b++, in += 256, to += sizeof(Q6K)) {
        const float *w_imp = hth_imp_on(imp, b * 256);
        HthSigned s;
        Q6K w = { .d = 0 };
        hth_signed_fit(&s, in, w_imp);
        w.d = s.d;
        memcpy(w.s, s.scales, sizeof w.s);
        for (int i = 0; i < 256; i++) {
            int j = i / 32, q = s.q[i] + 32;
            w.q[j / 4 * 64 + j % 2 * 32 + i % 32] |= (uint8_t)((q & 15) << (j / 2 % 2 * 4));
            w.h[j / 4 * 32 + i % 32] |= (uint8_t)((q >> 4) << (j % 4 * 2));
        }
        memcpy(to, &w, sizeof w);
    }
}

HTH_FMT_TRUTH(q6_k, HTH_KIND_DUAL, 14, "Q6_K", 256, sizeof(Q6K), quant);

#else /* HTH_ISA_SPEED: avx2, avx512, vnni */

#define KIND  LQ_DUAL
#define SHIFT 5
#define BLOCK Q6K
#include "kern/fmt/linear_q.h"

HTH_INLINE B word(const uint8_t *w, uint32_t hi, uint32_t lo, uint32_t k) {
    B h = word_bits(w, 32 + hi * 8 + k, (int)lo * 2 - 4, 0x30);
    return vb_or(word_bits(w, hi * 16 + lo % 2 * 8 + k, lo / 2 * 4, 15), h);
}

HTH_INLINE void scales(Panel p, uint32_t n, Scales *s) {
    (void)n;
    for (int g = 0; g < 16; g++)
        s->sc[g / 2][g % 2] = vi_sra(vi_sll(word_i(p.w, 48 + (uint32_t)g / 4), 24 - g % 4 * 8), 24);
    s->d[0] = vf_half(p.d);
}

LINEAR_Q(q6_k)

#endif

/* iq4_nl.c - IQ4_NL: 32 weights, a half scale, 4 bits naming one of sixteen values: w = d*code[q].
 * 4.5 bits per weight.
 *
 * Thread: any. */
#include "kern/fmt/code16.h"

typedef struct Iq4Nl {
    uint16_t d;
    uint8_t q[16]; /* low nibbles: weights 0..15, high nibbles: 16..31 */
} Iq4Nl;
_Static_assert(sizeof(Iq4Nl) == 18, "IQ4_NL is 18 bytes on disk");

#ifndef HTH_ISA

static void unpack(const uint8_t *row, uint32_t b, HthBlk *out) {
    Iq4Nl w;
    memcpy(&w, row + b * sizeof w, sizeof w);
    out->d = hth_f16_to_f32(w.d);
    hth_code_unpack(hth_code_iq4, w.q, out->q);
}

static void quant(const float *in, const float *imp, void *blocks, size_t n) {
    uint8_t *to = blocks;
    for (size_t b = 0; b < n / 32; b++, in += 32, to += sizeof(Iq4Nl)) {
        const float *w_imp = hth_imp_on(imp, b * 32);
        uint8_t index[32];
        Iq4Nl w = { .d = hth_f32_to_f16(hth_code_fit(hth_code_iq4, in, w_imp)) };
        hth_code_nearest(hth_code_iq4, in, hth_fmt_inv(hth_f16_to_f32(w.d)), index);
        hth_code_pack(index, w.q);
        memcpy(to, &w, sizeof w);
    }
}

HTH_FMT_TRUTH(iq4_nl, HTH_KIND_PLAIN, 20, "IQ4_NL", 32, sizeof(Iq4Nl), quant);

#else /* HTH_ISA_SPEED: avx2, avx512, vnni, amx */

#define KIND  LQ_PLAIN
#define SHIFT LQ_SIGNED
#define BLOCK Iq4Nl
#include "kern/fmt/linear_q.h"

HTH_INLINE B word(const uint8_t *w, uint32_t hi, uint32_t lo, uint32_t k) {
    (void)hi;
    (void)lo;
    return word_code(hth_code_iq4, w, k % 4, k < 4 ? 0 : 4);
}

HTH_INLINE void scales(Panel p, uint32_t n, Scales *s) {
    scales_half(p, n, s);
}

LINEAR_Q(iq4_nl)

#endif

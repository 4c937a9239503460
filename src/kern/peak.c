/* peak.c - see peak.h.  Not a kernel: nothing is computed, and tiers need not agree.
 *
 * Thread: any. */
#include "kern/peak.h"

#include <string.h>

typedef uint64_t PeakFn(uint32_t rounds);

#if defined(__x86_64__)
#include <immintrin.h>

/* Twelve chains in registers; the barrier keeps the compiler from computing equal sums once. */
#define CHAIN(i, OP, cls)                                                                          \
    a##i = OP;                                                                                     \
    __asm__ volatile("" : "+" cls(a##i));
#define ALL_CHAINS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define PEAK(name, isa, type, zero, one, op, ops)                                                  \
    __attribute__((target(isa))) static uint64_t name(uint32_t rounds) {                           \
        type a0 = zero, a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0, a8 = a0,    \
             a9 = a0, a10 = a0, a11 = a0, u = one;                                                 \
        for (uint32_t r = 0; r < rounds; r++) {                                                    \
            ALL_CHAINS(op)                                                                         \
        }                                                                                          \
        return (uint64_t)rounds * 12 * (ops);                                                      \
    }
#define FMA256(i)  CHAIN(i, _mm256_fmadd_ps(u, u, a##i), "x")
#define FMA512(i)  CHAIN(i, _mm512_fmadd_ps(u, u, a##i), "v")
#define MADD256(i) CHAIN(i, _mm256_maddubs_epi16(u, a##i), "x")
#define MADD512(i) CHAIN(i, _mm512_maddubs_epi16(u, a##i), "v")
#define DOT512(i)  CHAIN(i, _mm512_dpbusd_epi32(a##i, u, u), "v")
#define ISA512     "avx512f,avx512bw,avx512vl,avx512dq"
PEAK(f32_256, "avx2,fma", __m256, _mm256_setzero_ps(), _mm256_set1_ps(0.5f), FMA256, 16)
PEAK(f32_512, ISA512, __m512, _mm512_setzero_ps(), _mm512_set1_ps(0.5f), FMA512, 32)
PEAK(int8_256, "avx2", __m256i, _mm256_setzero_si256(), _mm256_set1_epi8(1), MADD256, 64)
PEAK(int8_512, ISA512, __m512i, _mm512_setzero_si512(), _mm512_set1_epi8(1), MADD512, 128)
PEAK(int8_vnni, ISA512 ",avx512vnni", __m512i, _mm512_setzero_si512(), _mm512_set1_epi8(1), DOT512,
     128)

/* Four accumulators of 16 rows and 16 columns; each product takes 64 deep: 16 x 16 x 64 x 2.
 * Instructions by name, so that a compiler without their intrinsics will do. */
static uint64_t int8_tiles(uint32_t rounds) {
    static const uint8_t config[64] __attribute__((aligned(64))) = {
        1,         [16] = 64, [18] = 64, [20] = 64, [22] = 64, [24] = 64,
        [26] = 64, /* bytes of a row */
        [48] = 16, 16,        16,        16,        16,        16 /* rows */
    };
    __asm__ volatile("ldtilecfg %0\n\ttilezero %%tmm0\n\ttilezero %%tmm1\n\ttilezero %%tmm2\n\t"
                     "tilezero %%tmm3\n\ttilezero %%tmm4\n\ttilezero %%tmm5"
                     :
                     : "m"(config));
    for (uint32_t r = 0; r < rounds; r++)
        __asm__ volatile("tdpbusd %%tmm5, %%tmm4, %%tmm0\n\ttdpbusd %%tmm5, %%tmm4, %%tmm1\n\t"
                         "tdpbusd %%tmm5, %%tmm4, %%tmm2\n\ttdpbusd %%tmm5, %%tmm4, %%tmm3" ::);
    __asm__ volatile("tilerelease" ::);
    return (uint64_t)rounds * 4 * 16 * 16 * 64 * 2;
}
#endif

static const struct {
    const char *tier;
    HthAct act;
    PeakFn *fn;
} peaks[] = {
#if defined(__x86_64__)
    { "avx2", HTH_ACT_F32, f32_256 },
    { "avx2", HTH_ACT_Q8, int8_256 },
    { "avx512", HTH_ACT_F32, f32_512 },
    { "avx512", HTH_ACT_Q8, int8_512 },
    { "avx512vnni", HTH_ACT_F32, f32_512 },
    { "avx512vnni", HTH_ACT_Q8, int8_vnni },
    { "amx", HTH_ACT_F32, f32_512 },
    { "amx", HTH_ACT_Q8, int8_tiles },
#endif
    { "", HTH_ACT_F32, NULL },
};

uint64_t hth_kern_peak(const HthKern *kern, HthAct act, uint32_t rounds) {
    for (size_t i = 0; i < HTH_COUNT(peaks); i++)
        if (peaks[i].act == act && strcmp(peaks[i].tier, kern->name) == 0)
            return peaks[i].fn(rounds);
    return 0;
}

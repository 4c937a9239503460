/* vec.h - the vocabulary fast kernels are written in; each word is exactly specified.
 *
 * A kernel in these words is compiled once per vec_<isa>.h.  A value is 64 bytes, whatever the
 * machine's registers: V 16 floats, I 16 int32, B 64 bytes.  Lanes are numbered; no word reorders
 * float operations, so the same kernel gives the same bits everywhere.  HTH_VEC_ROOM is how many
 * values the register file holds: 8 or 32.
 *
 * Floats           n: lanes 0..n-1 only, n in 0..16
 *   vf_zero() vf_set1(x) vf_load(p) vf_loadn(p,n) [rest +0]  vf_store(p,v) vf_storen(p,v,n)
 *   vf_half(p) vf_halfn(p,n)         16 binary16 -> V, exact
 *   vf_bf16(p) vf_bf16n(p,n)         16 bfloat16 -> V, exact
 *   vf_tohalf(p,v) vf_tohalfn(p,v,n) V -> binary16, nearest even
 *   vf_add vf_sub vf_mul vf_div      IEEE, each lane
 *   vf_fma(a,b,c)                    a*b + c, one rounding
 *   vf_fman(a,b,c,n)                 vf_fma in lanes below n, c in the rest
 *   vf_max(a,b) vf_min(a,b)          a > b ? a : b, a < b ? a : b   (NaN in either: b)
 *   vf_top(v)                        the greatest lane; no lane is a NaN
 *   vf_tree(v)                       the final sum: i with i+8, i+4, i+2, i+1
 *   vf_unzip(a,b,&e,&o) vf_zip(e,o,&a,&b)  even and odd lanes of the 32 of a, b; and back
 *   vf_i(i)                          int32 -> float, nearest even
 *   vf_bits(v) vi_bits(i)            reinterpret
 * Integers
 *   vi_zero() vi_set1(x) vi_load(p) vi_store(p,i) vi_bcast(p)  [p: 4 bytes, any alignment]
 *   vi_add vi_sub vi_mul vi_and vi_or   vi_sll(i,s) vi_srl(i,s) vi_sra(i,s)  [each 32-bit lane]
 *   vi_byte(i,j)                     byte j of each lane, 0..255
 *   vi_max(a,b) vi_top(i) vi_sum(i)  signed maximum; greatest lane, sum of lanes as numbers
 *   vi_s8(p) vi_u8(p)                16 bytes, signed or not, as lanes
 *   vi_tobytes(p,i)                  16 lanes, each in -128..127, as 16 bytes
 *   vi_rint(v)                       nearest even; |v| < 2^31
 *   vi_gather4s(p,s,out)             out[k] lane r = dword k of the 16 bytes at p + r*s
 *   vi_gather4(p,out)                the same of those at p[r], 16 pointers; where there are tiles
 *   vi_transpose(v)                  16 x 16 lanes in place; where there are tiles
 *   vf_half_lo(i) vf_half_hi(i)      the low, high 16 bits of each lane as binary16 -> V
 * Bytes
 *   vb_load(p)                       64 bytes
 *   vb_srl(b,s) vb_sll(b,s)          64-bit lanes shifted; mask afterwards
 *   vb_and1(b,x) vb_or(a,b)          every byte and x; or
 *   vb_sub1(b,x)                     every byte minus x, modulo 256; where there are tiles
 *   vb_lut16(t,b)                    each byte's value in a table of 16 int8; every byte below 16
 *   vb_dotu(acc,u,s)                 acc + sum of 4 products per lane, u 0..63 unsigned, s signed
 *   vb_wide(w) vb_dots(acc,w',s)     the same for signed w: w' = vb_wide(w), done once per weight;
 *                                    acc starts at vb_dots_init(sum of the 32 s of the block)
 *   vi_dot2(acc,a,b)                 acc + sum of the 2 int16 products per lane
 *
 * Thread: any. */
#ifndef HTH_KERN_VEC_VEC_H
#define HTH_KERN_VEC_VEC_H

#if defined(__aarch64__)
#include <arm_neon.h>
#else
#include <immintrin.h>
#endif
#include <stdint.h>
#include <string.h>

#define HTH_INLINE static inline __attribute__((always_inline, unused))
#define HTH_UNROLL _Pragma("GCC unroll 64")

#define HTH_KN__(name, isa) hth_##name##_##isa
#define HTH_KN_(name, isa)  HTH_KN__(name, isa)
#define HTH_KN(name)        HTH_KN_(name, HTH_ISA) /* the kernel's symbol in this tier */

#if defined(HTH_ISA_amx_emulated) /* tier amx for checks: tiles in plain C, vectors of avx2 */
#define HTH_ISA_amx  1
#define HTH_ISA_avx2 1
#define HTH_TILE_EMULATED
#elif defined(HTH_ISA_amx)
#define HTH_ISA_avx512vnni 1
#endif

#if defined(__aarch64__)
#include "kern/vec/vec_neon.h"
#elif defined(HTH_ISA_avx2)
#include "kern/vec/vec_avx2.h"
#else
#include "kern/vec/vec_avx512.h"
#endif

/* vf_exp: see fn/exp.h for the operations. */
#include "kern/fn/exp.h"
HTH_INLINE V vf_exp(V x) {
    x = vf_min(vf_set1(HTH_EXP_HI), x);
    x = vf_max(vf_set1(HTH_EXP_LO), x);
    V magic = vf_set1(HTH_EXP_MAGIC), t = vf_fma(x, vf_set1(HTH_EXP_LOG2E), magic);
    V n = vf_sub(t, magic);
    I i = vi_sub(vi_bits(t), vi_bits(magic)), h = vi_sra(i, 1), bias = vi_set1(127);
    V r = vf_fma(n, vf_set1(-HTH_EXP_LN2_LO), vf_fma(n, vf_set1(-HTH_EXP_LN2_HI), x));
    V p = vf_fma(vf_set1(HTH_EXP_C4), r, vf_set1(HTH_EXP_C3));
    p = vf_fma(p, r, vf_set1(HTH_EXP_C2));
    p = vf_fma(p, r, vf_set1(HTH_EXP_C1));
    p = vf_fma(p, r, vf_set1(HTH_EXP_C0));
    V e = vf_add(vf_set1(1.0f), vf_fma(p, vf_mul(r, r), r));
    e = vf_mul(e, vf_bits(vi_sll(vi_add(h, bias), 23)));
    return vf_mul(e, vf_bits(vi_sll(vi_add(vi_sub(i, h), bias), 23)));
}

/* Fetches n bytes from `from` on of a piece of memory, counted as they come when its quarters take
 * turns: memory read in four places at once gave 40 GB/s where one place gave 27. */
HTH_INLINE void hth_fetch(const uint8_t *piece, size_t bytes, size_t from, size_t n) {
    enum { STREAMS = 4, UNIT = 256 };
    for (size_t u = from / UNIT; u < (from + n) / UNIT; u++) {
        const uint8_t *p = piece + u % STREAMS * (bytes / STREAMS) + u / STREAMS * UNIT;
        HTH_UNROLL for (size_t i = 0; i < UNIT; i += 64) __builtin_prefetch(p + i);
    }
}

#endif

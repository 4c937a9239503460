/* vec_avx512.h - the vocabulary (vec.h) in AVX-512 F, BW, VL, DQ, and VNNI where the tier has it.
 *
 * Thread: any. */
#ifndef HTH_KERN_VEC_VEC_AVX512_H
#define HTH_KERN_VEC_VEC_AVX512_H

enum { HTH_VEC_ROOM = 32 }; /* values that fit the register file */

typedef __m512 V;
typedef __m512i I;
typedef __m512i B;
/* Shifts by a count that may or may not be a constant: the compiler picks the form. */
typedef uint32_t U32_ __attribute__((vector_size(64)));
typedef int32_t S32_ __attribute__((vector_size(64)));
typedef uint64_t U64_ __attribute__((vector_size(64)));

HTH_INLINE __mmask16 vm_(uint32_t n) {
    return (__mmask16)((1u << n) - 1u);
}
HTH_INLINE __m256i half_(const void *p) {
    return _mm256_loadu_si256((const __m256i *)p);
}
HTH_INLINE __m128i quart_(const void *p) {
    return _mm_loadu_si128((const __m128i *)p);
}

/* clang-format off */
HTH_INLINE V vf_zero(void) { return _mm512_setzero_ps(); }
HTH_INLINE V vf_set1(float x) { return _mm512_set1_ps(x); }
HTH_INLINE V vf_load(const void *p) { return _mm512_loadu_ps(p); }
HTH_INLINE V vf_loadn(const void *p, uint32_t n) { return _mm512_maskz_loadu_ps(vm_(n), p); }
HTH_INLINE void vf_store(void *p, V v) { _mm512_storeu_ps(p, v); }
HTH_INLINE void vf_storen(void *p, V v, uint32_t n) { _mm512_mask_storeu_ps(p, vm_(n), v); }
HTH_INLINE V vf_half(const void *p) { return _mm512_cvtph_ps(half_(p)); }
HTH_INLINE V vf_halfn(const void *p, uint32_t n) {
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(vm_(n), p));
}
HTH_INLINE V bf_(__m256i h) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16));
}
HTH_INLINE V vf_bf16(const void *p) { return bf_(half_(p)); }
HTH_INLINE V vf_bf16n(const void *p, uint32_t n) {
    return bf_(_mm256_maskz_loadu_epi16(vm_(n), p));
}
HTH_INLINE __m256i tohalf_(V v) {
    return _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
HTH_INLINE void vf_tohalf(void *p, V v) { _mm256_storeu_si256((__m256i *)p, tohalf_(v)); }
HTH_INLINE void vf_tohalfn(void *p, V v, uint32_t n) {
    _mm256_mask_storeu_epi16(p, vm_(n), tohalf_(v));
}
HTH_INLINE V vf_add(V a, V b) { return _mm512_add_ps(a, b); }
HTH_INLINE V vf_sub(V a, V b) { return _mm512_sub_ps(a, b); }
HTH_INLINE V vf_mul(V a, V b) { return _mm512_mul_ps(a, b); }
HTH_INLINE V vf_div(V a, V b) { return _mm512_div_ps(a, b); }
HTH_INLINE V vf_fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
HTH_INLINE V vf_fman(V a, V b, V c, uint32_t n) { return _mm512_mask3_fmadd_ps(a, b, c, vm_(n)); }
HTH_INLINE V vf_max(V a, V b) { return _mm512_max_ps(a, b); }
HTH_INLINE V vf_min(V a, V b) { return _mm512_min_ps(a, b); }
HTH_INLINE V vf_i(I i) { return _mm512_cvtepi32_ps(i); }
HTH_INLINE V vf_bits(I i) { return _mm512_castsi512_ps(i); }
HTH_INLINE I vi_bits(V v) { return _mm512_castps_si512(v); }
HTH_INLINE I vi_zero(void) { return _mm512_setzero_si512(); }
HTH_INLINE I vi_set1(int32_t x) { return _mm512_set1_epi32(x); }
HTH_INLINE I vi_load(const void *p) { return _mm512_loadu_si512(p); }
HTH_INLINE void vi_store(void *p, I i) { _mm512_storeu_si512(p, i); }
HTH_INLINE I vi_bcast(const void *p) { int32_t x; memcpy(&x, p, 4); return _mm512_set1_epi32(x); }
HTH_INLINE I vi_add(I a, I b) { return _mm512_add_epi32(a, b); }
HTH_INLINE I vi_sub(I a, I b) { return _mm512_sub_epi32(a, b); }
HTH_INLINE I vi_mul(I a, I b) { return _mm512_mullo_epi32(a, b); }
HTH_INLINE I vi_and(I a, I b) { return _mm512_and_si512(a, b); }
HTH_INLINE I vi_or(I a, I b) { return _mm512_or_si512(a, b); }
HTH_INLINE I vi_sll(I a, int s) { return (I)((U32_)a << (uint32_t)s); }
HTH_INLINE I vi_srl(I a, int s) { return (I)((U32_)a >> (uint32_t)s); }
HTH_INLINE I vi_sra(I a, int s) { return (I)((S32_)a >> s); }
HTH_INLINE I vi_byte(I a, int j) { return vi_and(vi_srl(a, 8 * j), vi_set1(255)); }
HTH_INLINE I vi_rint(V v) { return _mm512_cvtps_epi32(v); }
HTH_INLINE I cat4_(__m128i a, __m128i b, __m128i c, __m128i d) {
    I t = _mm512_inserti32x4(_mm512_castsi128_si512(a), b, 1);
    return _mm512_inserti32x4(_mm512_inserti32x4(t, c, 2), d, 3);
}
HTH_INLINE V vf_half_lo(I a) { return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(a)); }
HTH_INLINE V vf_half_hi(I a) { return vf_half_lo(_mm512_srli_epi32(a, 16)); }

HTH_INLINE float vf_top(V v) { return _mm512_reduce_max_ps(v); }
HTH_INLINE I vi_s8(const void *p) { return _mm512_cvtepi8_epi32(quart_(p)); }
HTH_INLINE I vi_u8(const void *p) { return _mm512_cvtepu8_epi32(quart_(p)); }
HTH_INLINE I vi_max(I a, I b) { return _mm512_max_epi32(a, b); }
HTH_INLINE uint32_t vi_top(I a) { return (uint32_t)_mm512_reduce_max_epi32(a); }
HTH_INLINE int32_t vi_sum(I a) { return _mm512_reduce_add_epi32(a); }
HTH_INLINE void vi_tobytes(void *p, I a) {
    _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(a));
}

HTH_INLINE B vb_load(const void *p) { return _mm512_loadu_si512(p); }
HTH_INLINE B vb_srl(B b, int s) { return (B)((U64_)b >> (uint64_t)s); }
HTH_INLINE B vb_sll(B b, int s) { return (B)((U64_)b << (uint64_t)s); }
HTH_INLINE B vb_and1(B b, int8_t x) { return _mm512_and_si512(b, _mm512_set1_epi8(x)); }
HTH_INLINE B vb_sub1(B b, int8_t x) { return _mm512_sub_epi8(b, _mm512_set1_epi8(x)); }
HTH_INLINE B vb_or(B a, B b) { return _mm512_or_si512(a, b); }
HTH_INLINE B vb_lut16(const int8_t t[16], B b) {
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(quart_(t)), b);
}
/* clang-format on */

HTH_INLINE float vf_tree(V v) {
    __m256 a = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(b, _mm_shuffle_ps(b, b, 1)));
}

HTH_INLINE void vf_unzip(V a, V b, V *even, V *odd) {
    I e = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    *even = _mm512_permutex2var_ps(a, e, b);
    *odd = _mm512_permutex2var_ps(a, vi_add(e, vi_set1(1)), b);
}
HTH_INLINE void vf_zip(V even, V odd, V *a, V *b) {
    I l = _mm512_set_epi32(23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    *a = _mm512_permutex2var_ps(even, l, odd);
    *b = _mm512_permutex2var_ps(even, vi_add(l, vi_set1(8)), odd);
}

#ifdef HTH_ISA_avx512vnni
HTH_INLINE I vb_dotu(I acc, B u, B s) {
    return _mm512_dpbusd_epi32(acc, u, s);
}
HTH_INLINE I vi_dot2(I acc, I a, I b) {
    return _mm512_dpwssd_epi32(acc, a, b);
}
/* Signed weights are offset by 128, and 128 times the activation sum taken back at the start. */
HTH_INLINE B vb_wide(B w) {
    return _mm512_xor_si512(w, _mm512_set1_epi8(-128));
}
HTH_INLINE I vb_dots(I acc, B w, B s) {
    return _mm512_dpbusd_epi32(acc, w, s);
}
HTH_INLINE I vb_dots_init(I sum) {
    return vi_sub(vi_zero(), _mm512_slli_epi32(sum, 7));
}
#else
/* 2 * 63 * 128 < 32768: maddubs does not saturate. */
HTH_INLINE I vb_dotu(I acc, B u, B s) {
    __m512i t = _mm512_madd_epi16(_mm512_maddubs_epi16(u, s), _mm512_set1_epi16(1));
    return vi_add(acc, t);
}
HTH_INLINE I vi_dot2(I acc, I a, I b) {
    return vi_add(acc, _mm512_madd_epi16(a, b));
}
HTH_INLINE B vb_wide(B w) {
    return w;
}
/* |w| <= 128 and |s| <= 127: 2 * 128 * 127 < 32768. The sign of w moves to s. */
HTH_INLINE I vb_dots(I acc, B w, B s) {
    __m512i t = _mm512_mask_sub_epi8(s, _mm512_movepi8_mask(w), _mm512_setzero_si512(), s);
    t = _mm512_maddubs_epi16(_mm512_abs_epi8(w), t);
    return vi_add(acc, _mm512_madd_epi16(t, _mm512_set1_epi16(1)));
}
HTH_INLINE I vb_dots_init(I sum) {
    (void)sum;
    return vi_zero();
}
#endif

HTH_INLINE void gather4_(const I z[4], I out[4]) {
    I a = _mm512_unpacklo_epi32(z[0], z[1]), b = _mm512_unpackhi_epi32(z[0], z[1]);
    I c = _mm512_unpacklo_epi32(z[2], z[3]), d = _mm512_unpackhi_epi32(z[2], z[3]);
    out[0] = _mm512_unpacklo_epi64(a, c);
    out[1] = _mm512_unpackhi_epi64(a, c);
    out[2] = _mm512_unpacklo_epi64(b, d);
    out[3] = _mm512_unpackhi_epi64(b, d);
}
HTH_INLINE void vi_gather4(const uint8_t *const p[16], I out[4]) {
    I z[4];
    HTH_UNROLL for (int i = 0; i < 4; i++) z[i] =
        cat4_(quart_(p[i]), quart_(p[4 + i]), quart_(p[8 + i]), quart_(p[12 + i]));
    gather4_(z, out);
}
HTH_INLINE void vi_gather4s(const uint8_t *p, size_t s, I out[4]) {
    const uint8_t *q = p + 4 * s, *t = q + 4 * s, *u = t + 4 * s;
    I z[4];
    HTH_UNROLL for (size_t i = 0; i < 4; i++) z[i] =
        cat4_(quart_(p + i * s), quart_(q + i * s), quart_(t + i * s), quart_(u + i * s));
    gather4_(z, out);
}

/* 4 x 4 transpose of 128-bit lanes. */
HTH_INLINE void lanes4_(I a, I b, I c, I d, I out[4]) {
    I ab0 = _mm512_shuffle_i32x4(a, b, 0x44), ab1 = _mm512_shuffle_i32x4(a, b, 0xee);
    I cd0 = _mm512_shuffle_i32x4(c, d, 0x44), cd1 = _mm512_shuffle_i32x4(c, d, 0xee);
    out[0] = _mm512_shuffle_i32x4(ab0, cd0, 0x88);
    out[1] = _mm512_shuffle_i32x4(ab0, cd0, 0xdd);
    out[2] = _mm512_shuffle_i32x4(ab1, cd1, 0x88);
    out[3] = _mm512_shuffle_i32x4(ab1, cd1, 0xdd);
}
HTH_INLINE void vi_transpose(I v[16]) {
    I t[16];
    HTH_UNROLL for (int i = 0; i < 16; i += 4) {
        I a = _mm512_unpacklo_epi32(v[i], v[i + 1]), b = _mm512_unpackhi_epi32(v[i], v[i + 1]);
        I c = _mm512_unpacklo_epi32(v[i + 2], v[i + 3]);
        I d = _mm512_unpackhi_epi32(v[i + 2], v[i + 3]);
        t[i] = _mm512_unpacklo_epi64(a, c);
        t[i + 1] = _mm512_unpackhi_epi64(a, c);
        t[i + 2] = _mm512_unpacklo_epi64(b, d);
        t[i + 3] = _mm512_unpackhi_epi64(b, d);
    }
    /* t[4i + k]: lane L holds dword 4L + k of rows 4i..4i+3 */
    HTH_UNROLL for (int k = 0; k < 4; k++) {
        I o[4];
        lanes4_(t[k], t[4 + k], t[8 + k], t[12 + k], o);
        HTH_UNROLL for (int l = 0; l < 4; l++) v[4 * l + k] = o[l];
    }
}

#endif

/* vec_avx2.h - the vocabulary (vec.h) in AVX2, FMA and F16C: a value is two registers.
 *
 * a holds lanes 0..7 (bytes 0..31), b lanes 8..15 (bytes 32..63).
 *
 * Thread: any. */
#ifndef HTH_KERN_VEC_VEC_AVX2_H
#define HTH_KERN_VEC_VEC_AVX2_H

enum { HTH_VEC_ROOM = 8 }; /* values that fit the register file */

typedef struct V {
    __m256 a, b;
} V;
typedef struct I {
    __m256i a, b;
} I;
typedef I B;

HTH_INLINE __m256i half_(const void *p) {
    return _mm256_loadu_si256((const __m256i *)p);
}
HTH_INLINE __m128i quart_(const void *p) {
    return _mm_loadu_si128((const __m128i *)p);
}

/* clang-format off */
#define V2_(x, y) ((V){ (x), (y) })
#define I2_(x, y) ((I){ (x), (y) })
HTH_INLINE V vf_zero(void) { return V2_(_mm256_setzero_ps(), _mm256_setzero_ps()); }
HTH_INLINE V vf_set1(float x) { return V2_(_mm256_set1_ps(x), _mm256_set1_ps(x)); }
HTH_INLINE V vf_load(const void *p) {
    return V2_(_mm256_loadu_ps((const float *)p), _mm256_loadu_ps((const float *)p + 8));
}
HTH_INLINE void vf_store(void *p, V v) {
    _mm256_storeu_ps((float *)p, v.a);
    _mm256_storeu_ps((float *)p + 8, v.b);
}
HTH_INLINE V vf_loadn(const void *p, uint32_t n) {
    float t[16] = { 0 };
    memcpy(t, p, n * sizeof *t);
    return vf_load(t);
}
HTH_INLINE void vf_storen(void *p, V v, uint32_t n) {
    float t[16];
    vf_store(t, v);
    memcpy(p, t, n * sizeof *t);
}
HTH_INLINE V vf_half(const void *p) {
    return V2_(_mm256_cvtph_ps(quart_(p)), _mm256_cvtph_ps(quart_((const uint8_t *)p + 16)));
}
HTH_INLINE V vf_halfn(const void *p, uint32_t n) {
    uint16_t t[16] = { 0 };
    memcpy(t, p, n * sizeof *t);
    return vf_half(t);
}
HTH_INLINE __m256 bf_(const void *p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(quart_(p)), 16));
}
HTH_INLINE V vf_bf16(const void *p) { return V2_(bf_(p), bf_((const uint8_t *)p + 16)); }
HTH_INLINE V vf_bf16n(const void *p, uint32_t n) {
    uint16_t t[16] = { 0 };
    memcpy(t, p, n * sizeof *t);
    return vf_bf16(t);
}
#define RNE_ (_MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
HTH_INLINE void vf_tohalf(void *p, V v) {
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(v.a, RNE_));
    _mm_storeu_si128((__m128i *)((uint8_t *)p + 16), _mm256_cvtps_ph(v.b, RNE_));
}
HTH_INLINE void vf_tohalfn(void *p, V v, uint32_t n) {
    uint16_t t[16];
    vf_tohalf(t, v);
    memcpy(p, t, n * sizeof *t);
}
HTH_INLINE V vf_add(V x, V y) { return V2_(_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)); }
HTH_INLINE V vf_sub(V x, V y) { return V2_(_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)); }
HTH_INLINE V vf_mul(V x, V y) { return V2_(_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)); }
HTH_INLINE V vf_div(V x, V y) { return V2_(_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)); }
HTH_INLINE V vf_max(V x, V y) { return V2_(_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)); }
HTH_INLINE V vf_min(V x, V y) { return V2_(_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)); }
HTH_INLINE V vf_fma(V x, V y, V z) {
    return V2_(_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b));
}
HTH_INLINE __m256 below_(uint32_t n) {
    __m256i i = _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0);
    return _mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), i));
}
HTH_INLINE V vf_fman(V x, V y, V z, uint32_t n) {
    V t = vf_fma(x, y, z);
    return V2_(_mm256_blendv_ps(z.a, t.a, below_(n)),
               _mm256_blendv_ps(z.b, t.b, below_(n < 8 ? 0 : n - 8)));
}
HTH_INLINE V vf_i(I i) { return V2_(_mm256_cvtepi32_ps(i.a), _mm256_cvtepi32_ps(i.b)); }
HTH_INLINE V vf_bits(I i) { return V2_(_mm256_castsi256_ps(i.a), _mm256_castsi256_ps(i.b)); }
HTH_INLINE I vi_bits(V v) { return I2_(_mm256_castps_si256(v.a), _mm256_castps_si256(v.b)); }
HTH_INLINE I vi_zero(void) { return I2_(_mm256_setzero_si256(), _mm256_setzero_si256()); }
HTH_INLINE I vi_set1(int32_t x) { return I2_(_mm256_set1_epi32(x), _mm256_set1_epi32(x)); }
HTH_INLINE I vi_load(const void *p) { return I2_(half_(p), half_((const uint8_t *)p + 32)); }
HTH_INLINE void vi_store(void *p, I i) {
    _mm256_storeu_si256((__m256i *)p, i.a);
    _mm256_storeu_si256((__m256i *)p + 1, i.b);
}
HTH_INLINE I vi_bcast(const void *p) { int32_t x; memcpy(&x, p, 4); return vi_set1(x); }
HTH_INLINE I vi_add(I x, I y) {
    return I2_(_mm256_add_epi32(x.a, y.a), _mm256_add_epi32(x.b, y.b));
}
HTH_INLINE I vi_sub(I x, I y) {
    return I2_(_mm256_sub_epi32(x.a, y.a), _mm256_sub_epi32(x.b, y.b));
}
HTH_INLINE I vi_mul(I x, I y) {
    return I2_(_mm256_mullo_epi32(x.a, y.a), _mm256_mullo_epi32(x.b, y.b));
}
HTH_INLINE I vi_and(I x, I y) {
    return I2_(_mm256_and_si256(x.a, y.a), _mm256_and_si256(x.b, y.b));
}
HTH_INLINE I vi_or(I x, I y) { return I2_(_mm256_or_si256(x.a, y.a), _mm256_or_si256(x.b, y.b)); }
HTH_INLINE I vi_sll(I x, int s) {
    return I2_(_mm256_slli_epi32(x.a, s), _mm256_slli_epi32(x.b, s));
}
HTH_INLINE I vi_srl(I x, int s) {
    return I2_(_mm256_srli_epi32(x.a, s), _mm256_srli_epi32(x.b, s));
}
HTH_INLINE I vi_sra(I x, int s) {
    return I2_(_mm256_srai_epi32(x.a, s), _mm256_srai_epi32(x.b, s));
}
HTH_INLINE I vi_byte(I x, int j) { return vi_and(vi_srl(x, 8 * j), vi_set1(255)); }
HTH_INLINE I vi_rint(V v) { return I2_(_mm256_cvtps_epi32(v.a), _mm256_cvtps_epi32(v.b)); }

HTH_INLINE float vf_top(V v) {
    __m256 t = _mm256_max_ps(v.a, v.b);
    __m128 u = _mm_max_ps(_mm256_castps256_ps128(t), _mm256_extractf128_ps(t, 1));
    u = _mm_max_ps(u, _mm_movehl_ps(u, u));
    return _mm_cvtss_f32(_mm_max_ss(u, _mm_shuffle_ps(u, u, 1)));
}
HTH_INLINE I vi_s8(const void *p) {
    __m128i t = quart_(p);
    return I2_(_mm256_cvtepi8_epi32(t), _mm256_cvtepi8_epi32(_mm_srli_si128(t, 8)));
}
HTH_INLINE I vi_u8(const void *p) {
    __m128i t = quart_(p);
    return I2_(_mm256_cvtepu8_epi32(t), _mm256_cvtepu8_epi32(_mm_srli_si128(t, 8)));
}
HTH_INLINE I vi_max(I x, I y) {
    return I2_(_mm256_max_epi32(x.a, y.a), _mm256_max_epi32(x.b, y.b));
}
HTH_INLINE __m128i narrow_(__m256i x) {
    return _mm_packs_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
}
HTH_INLINE void vi_tobytes(void *p, I x) {
    _mm_storeu_si128((__m128i *)p, _mm_packs_epi16(narrow_(x.a), narrow_(x.b)));
}
HTH_INLINE uint32_t vi_top(I x) {
    __m256i t = _mm256_max_epi32(x.a, x.b);
    __m128i u = _mm_max_epi32(_mm256_castsi256_si128(t), _mm256_extracti128_si256(t, 1));
    u = _mm_max_epi32(u, _mm_shuffle_epi32(u, 0x4e));
    return (uint32_t)_mm_cvtsi128_si32(_mm_max_epi32(u, _mm_shuffle_epi32(u, 0xb1)));
}
HTH_INLINE int32_t vi_sum(I x) {
    __m256i t = _mm256_add_epi32(x.a, x.b);
    __m128i u = _mm_add_epi32(_mm256_castsi256_si128(t), _mm256_extracti128_si256(t, 1));
    u = _mm_add_epi32(u, _mm_shuffle_epi32(u, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(u, _mm_shuffle_epi32(u, 0xb1)));
}

HTH_INLINE B vb_load(const void *p) { return vi_load(p); }
HTH_INLINE __m256i and_(__m256i x, int8_t m) { return _mm256_and_si256(x, _mm256_set1_epi8(m)); }
HTH_INLINE B vb_srl(B x, int s) {
    return I2_(_mm256_srli_epi64(x.a, s), _mm256_srli_epi64(x.b, s));
}
HTH_INLINE B vb_sll(B x, int s) {
    return I2_(_mm256_slli_epi64(x.a, s), _mm256_slli_epi64(x.b, s));
}
HTH_INLINE B vb_and1(B x, int8_t m) { return I2_(and_(x.a, m), and_(x.b, m)); }
HTH_INLINE B vb_sub1(B x, int8_t m) {
    __m256i all = _mm256_set1_epi8(m);
    return I2_(_mm256_sub_epi8(x.a, all), _mm256_sub_epi8(x.b, all));
}
HTH_INLINE B vb_or(B x, B y) { return vi_or(x, y); }
HTH_INLINE B vb_lut16(const int8_t t[16], B x) {
    __m256i all = _mm256_broadcastsi128_si256(quart_(t));
    return I2_(_mm256_shuffle_epi8(all, x.a), _mm256_shuffle_epi8(all, x.b));
}
/* clang-format on */

HTH_INLINE float vf_tree(V v) {
    __m256 s = _mm256_add_ps(v.a, v.b);
    __m128 t = _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
    t = _mm_add_ps(t, _mm_movehl_ps(t, t));
    return _mm_cvtss_f32(_mm_add_ss(t, _mm_shuffle_ps(t, t, 1)));
}

HTH_INLINE __m256 fix_(__m256 x) { /* 64-bit quarters 0, 2, 1, 3 to 0, 1, 2, 3 */
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(x), 0xd8));
}
HTH_INLINE void vf_unzip(V x, V y, V *even, V *odd) {
    *even = V2_(fix_(_mm256_shuffle_ps(x.a, x.b, 0x88)), fix_(_mm256_shuffle_ps(y.a, y.b, 0x88)));
    *odd = V2_(fix_(_mm256_shuffle_ps(x.a, x.b, 0xdd)), fix_(_mm256_shuffle_ps(y.a, y.b, 0xdd)));
}
HTH_INLINE V zip8_(__m256 even, __m256 odd) {
    __m256 lo = _mm256_unpacklo_ps(even, odd), hi = _mm256_unpackhi_ps(even, odd);
    return V2_(_mm256_permute2f128_ps(lo, hi, 0x20), _mm256_permute2f128_ps(lo, hi, 0x31));
}
HTH_INLINE void vf_zip(V even, V odd, V *x, V *y) {
    *x = zip8_(even.a, odd.a);
    *y = zip8_(even.b, odd.b);
}

/* 2 * 63 * 128 < 32768: maddubs does not saturate. */
HTH_INLINE __m256i dotu_(__m256i acc, __m256i u, __m256i s) {
    __m256i t = _mm256_madd_epi16(_mm256_maddubs_epi16(u, s), _mm256_set1_epi16(1));
    return _mm256_add_epi32(acc, t);
}
HTH_INLINE I vb_dotu(I acc, B u, B s) {
    return I2_(dotu_(acc.a, u.a, s.a), dotu_(acc.b, u.b, s.b));
}
HTH_INLINE B vb_wide(B w) {
    return w;
}
/* |w| <= 128 and |s| <= 127: 2 * 128 * 127 < 32768. The sign of w moves to s. */
HTH_INLINE I vb_dots(I acc, B w, B s) {
    return I2_(dotu_(acc.a, _mm256_abs_epi8(w.a), _mm256_sign_epi8(s.a, w.a)),
               dotu_(acc.b, _mm256_abs_epi8(w.b), _mm256_sign_epi8(s.b, w.b)));
}
HTH_INLINE I vb_dots_init(I sum) {
    (void)sum;
    return vi_zero();
}
HTH_INLINE I vi_dot2(I acc, I x, I y) {
    return vi_add(acc, I2_(_mm256_madd_epi16(x.a, y.a), _mm256_madd_epi16(x.b, y.b)));
}

HTH_INLINE __m256i low16_(__m256i x) {
    return _mm256_and_si256(x, _mm256_set1_epi32(0xffff));
}
HTH_INLINE V vf_half_lo(I x) {
    __m256i t = _mm256_packus_epi32(low16_(x.a), low16_(x.b));
    t = _mm256_permute4x64_epi64(t, 0xd8);
    return V2_(_mm256_cvtph_ps(_mm256_castsi256_si128(t)),
               _mm256_cvtph_ps(_mm256_extracti128_si256(t, 1)));
}
HTH_INLINE V vf_half_hi(I x) {
    return vf_half_lo(vi_srl(x, 16));
}

/* z[i] holds 16 bytes of rows i and i + 4 of eight; out[k] is lane r = dword k of row r. */
HTH_INLINE void gather8_(const __m256i z[4], __m256i out[4]) {
    __m256i a = _mm256_unpacklo_epi32(z[0], z[1]), b = _mm256_unpackhi_epi32(z[0], z[1]);
    __m256i c = _mm256_unpacklo_epi32(z[2], z[3]), d = _mm256_unpackhi_epi32(z[2], z[3]);
    out[0] = _mm256_unpacklo_epi64(a, c);
    out[1] = _mm256_unpackhi_epi64(a, c);
    out[2] = _mm256_unpacklo_epi64(b, d);
    out[3] = _mm256_unpackhi_epi64(b, d);
}
HTH_INLINE void gather16_(const __m256i x[4], const __m256i y[4], I out[4]) {
    __m256i a[4], b[4];
    gather8_(x, a);
    gather8_(y, b);
    HTH_UNROLL for (int k = 0; k < 4; k++) out[k] = I2_(a[k], b[k]);
}
HTH_INLINE void vi_gather4(const uint8_t *const p[16], I out[4]) {
    __m256i x[4], y[4];
    HTH_UNROLL for (int i = 0; i < 4; i++) {
        x[i] = _mm256_set_m128i(quart_(p[i + 4]), quart_(p[i]));
        y[i] = _mm256_set_m128i(quart_(p[i + 12]), quart_(p[i + 8]));
    }
    gather16_(x, y, out);
}
HTH_INLINE void vi_gather4s(const uint8_t *p, size_t s, I out[4]) {
    const uint8_t *q = p + 4 * s, *t = q + 4 * s, *u = t + 4 * s;
    __m256i x[4], y[4];
    HTH_UNROLL for (size_t i = 0; i < 4; i++) {
        x[i] = _mm256_set_m128i(quart_(q + i * s), quart_(p + i * s));
        y[i] = _mm256_set_m128i(quart_(u + i * s), quart_(t + i * s));
    }
    gather16_(x, y, out);
}

/* 8 x 8 lanes in place. */
HTH_INLINE void transpose8_(__m256i v[8]) {
    __m256i t[8];
    HTH_UNROLL for (int i = 0; i < 8; i += 4) {
        __m256i a = _mm256_unpacklo_epi32(v[i], v[i + 1]);
        __m256i b = _mm256_unpackhi_epi32(v[i], v[i + 1]);
        __m256i c = _mm256_unpacklo_epi32(v[i + 2], v[i + 3]);
        __m256i d = _mm256_unpackhi_epi32(v[i + 2], v[i + 3]);
        t[i] = _mm256_unpacklo_epi64(a, c);
        t[i + 1] = _mm256_unpackhi_epi64(a, c);
        t[i + 2] = _mm256_unpacklo_epi64(b, d);
        t[i + 3] = _mm256_unpackhi_epi64(b, d);
    }
    HTH_UNROLL for (int k = 0; k < 4; k++) {
        v[k] = _mm256_permute2x128_si256(t[k], t[k + 4], 0x20);
        v[k + 4] = _mm256_permute2x128_si256(t[k], t[k + 4], 0x31);
    }
}
HTH_INLINE void vi_transpose(I v[16]) {
    __m256i q[4][8]; /* rows low/high, lanes low/high */
    HTH_UNROLL for (int i = 0; i < 8; i++) {
        q[0][i] = v[i].a;
        q[1][i] = v[i].b;
        q[2][i] = v[i + 8].a;
        q[3][i] = v[i + 8].b;
    }
    HTH_UNROLL for (int i = 0; i < 4; i++) transpose8_(q[i]);
    HTH_UNROLL for (int i = 0; i < 8; i++) {
        v[i] = I2_(q[0][i], q[2][i]);
        v[i + 8] = I2_(q[1][i], q[3][i]);
    }
}

#endif

/* vec_neon.h - the vocabulary (vec.h) in 64-bit Arm's vectors: a value is four registers.
 *
 * a holds lanes 0..3 (bytes 0..15), b lanes 4..7, c lanes 8..11, d lanes 12..15.  Fused
 * multiply-add, halves and IEEE division are in every such processor; the byte dot product
 * is in tiers neondot and above.  The machine's default float state is the one we need: nearest
 * even, subnormals kept, halves by IEEE.
 *
 * Thread: any. */
#ifndef HTH_KERN_VEC_VEC_NEON_H
#define HTH_KERN_VEC_VEC_NEON_H

enum { HTH_VEC_ROOM = 8 }; /* values that fit the register file: 32 x 16 bytes */

/* Plain members: this compiler keeps an array of registers in memory. */
typedef struct V {
    float32x4_t a, b, c, d;
} V;
typedef struct I {
    int32x4_t a, b, c, d;
} I;
typedef I B;
/* Shifts by a count that may or may not be a constant: the compiler picks the form. */
typedef uint32_t U32_ __attribute__((vector_size(16)));
typedef uint64_t U64_ __attribute__((vector_size(16)));

/* clang-format off */
/* One value from f of each quarter of one, two, three. */
#define V1_(f, x) ((V){ f((x).a), f((x).b), f((x).c), f((x).d) })
#define V2_(f, x, y) ((V){ f((x).a, (y).a), f((x).b, (y).b), f((x).c, (y).c), f((x).d, (y).d) })
#define I1_(f, x) ((I){ f((x).a), f((x).b), f((x).c), f((x).d) })
#define I2_(f, x, y) ((I){ f((x).a, (y).a), f((x).b, (y).b), f((x).c, (y).c), f((x).d, (y).d) })

HTH_INLINE uint8x16_t q_(const void *p, size_t i) { return vld1q_u8((const uint8_t *)p + 16 * i); }
HTH_INLINE float32x4_t qf_(const void *p, size_t i) { return vreinterpretq_f32_u8(q_(p, i)); }
HTH_INLINE int32x4_t qi_(const void *p, size_t i) { return vreinterpretq_s32_u8(q_(p, i)); }
HTH_INLINE int32x4_t iu_(uint8x16_t x) { return vreinterpretq_s32_u8(x); }
HTH_INLINE uint8x16_t ui_(int32x4_t x) { return vreinterpretq_u8_s32(x); }
HTH_INLINE int8x16_t s8_(int32x4_t x) { return vreinterpretq_s8_s32(x); }
HTH_INLINE int16x8_t s16_(int32x4_t x) { return vreinterpretq_s16_s32(x); }
HTH_INLINE void put_(void *p, size_t i, uint8x16_t x) { vst1q_u8((uint8_t *)p + 16 * i, x); }

HTH_INLINE V vf_set1(float x) {
    float32x4_t t = vdupq_n_f32(x);
    return (V){ t, t, t, t };
}
HTH_INLINE V vf_zero(void) { return vf_set1(0.0f); }
HTH_INLINE V vf_load(const void *p) { return (V){ qf_(p, 0), qf_(p, 1), qf_(p, 2), qf_(p, 3) }; }
HTH_INLINE void vf_store(void *p, V v) {
    put_(p, 0, vreinterpretq_u8_f32(v.a));
    put_(p, 1, vreinterpretq_u8_f32(v.b));
    put_(p, 2, vreinterpretq_u8_f32(v.c));
    put_(p, 3, vreinterpretq_u8_f32(v.d));
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
    float16x8_t x = vreinterpretq_f16_u8(q_(p, 0)), y = vreinterpretq_f16_u8(q_(p, 1));
    return (V){ vcvt_f32_f16(vget_low_f16(x)), vcvt_high_f32_f16(x),
                vcvt_f32_f16(vget_low_f16(y)), vcvt_high_f32_f16(y) };
}
HTH_INLINE V vf_halfn(const void *p, uint32_t n) {
    uint16_t t[16] = { 0 };
    memcpy(t, p, n * sizeof *t);
    return vf_half(t);
}
HTH_INLINE V vf_bf16(const void *p) {
    uint16x8_t x = vreinterpretq_u16_u8(q_(p, 0)), y = vreinterpretq_u16_u8(q_(p, 1));
    return (V){ vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(x), 16)),
                vreinterpretq_f32_u32(vshll_high_n_u16(x, 16)),
                vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(y), 16)),
                vreinterpretq_f32_u32(vshll_high_n_u16(y, 16)) };
}
HTH_INLINE V vf_bf16n(const void *p, uint32_t n) {
    uint16_t t[16] = { 0 };
    memcpy(t, p, n * sizeof *t);
    return vf_bf16(t);
}
HTH_INLINE uint8x16_t tohalf_(float32x4_t x, float32x4_t y) {
    return vreinterpretq_u8_f16(vcvt_high_f16_f32(vcvt_f16_f32(x), y));
}
HTH_INLINE void vf_tohalf(void *p, V v) {
    put_(p, 0, tohalf_(v.a, v.b));
    put_(p, 1, tohalf_(v.c, v.d));
}
HTH_INLINE void vf_tohalfn(void *p, V v, uint32_t n) {
    uint16_t t[16];
    vf_tohalf(t, v);
    memcpy(p, t, n * sizeof *t);
}
HTH_INLINE V vf_add(V x, V y) { return V2_(vaddq_f32, x, y); }
HTH_INLINE V vf_sub(V x, V y) { return V2_(vsubq_f32, x, y); }
HTH_INLINE V vf_mul(V x, V y) { return V2_(vmulq_f32, x, y); }
HTH_INLINE V vf_div(V x, V y) { return V2_(vdivq_f32, x, y); }
/* The machine's own maximum and minimum treat NaN otherwise. */
#define MAX_(x, y) vbslq_f32(vcgtq_f32(x, y), x, y)
#define MIN_(x, y) vbslq_f32(vcltq_f32(x, y), x, y)
HTH_INLINE V vf_max(V x, V y) { return V2_(MAX_, x, y); }
HTH_INLINE V vf_min(V x, V y) { return V2_(MIN_, x, y); }
HTH_INLINE V vf_fma(V x, V y, V z) {
    return (V){ vfmaq_f32(z.a, x.a, y.a), vfmaq_f32(z.b, x.b, y.b), vfmaq_f32(z.c, x.c, y.c),
                vfmaq_f32(z.d, x.d, y.d) };
}
HTH_INLINE float32x4_t keep_(float32x4_t t, float32x4_t z, uint32_t n, uint32_t first) {
    const uint32x4_t lane = { first, first + 1, first + 2, first + 3 };
    return vbslq_f32(vcltq_u32(lane, vdupq_n_u32(n)), t, z);
}
HTH_INLINE V vf_fman(V x, V y, V z, uint32_t n) {
    V t = vf_fma(x, y, z);
    return (V){ keep_(t.a, z.a, n, 0), keep_(t.b, z.b, n, 4), keep_(t.c, z.c, n, 8),
                keep_(t.d, z.d, n, 12) };
}
HTH_INLINE V vf_i(I i) { return V1_(vcvtq_f32_s32, i); }
HTH_INLINE V vf_bits(I i) { return V1_(vreinterpretq_f32_s32, i); }
HTH_INLINE I vi_bits(V v) { return I1_(vreinterpretq_s32_f32, v); }
HTH_INLINE I vi_set1(int32_t x) {
    int32x4_t t = vdupq_n_s32(x);
    return (I){ t, t, t, t };
}
HTH_INLINE I vi_zero(void) { return vi_set1(0); }
HTH_INLINE I vi_load(const void *p) { return (I){ qi_(p, 0), qi_(p, 1), qi_(p, 2), qi_(p, 3) }; }
HTH_INLINE void vi_store(void *p, I i) {
    put_(p, 0, ui_(i.a));
    put_(p, 1, ui_(i.b));
    put_(p, 2, ui_(i.c));
    put_(p, 3, ui_(i.d));
}
HTH_INLINE I vi_bcast(const void *p) { int32_t x; memcpy(&x, p, 4); return vi_set1(x); }
HTH_INLINE I vi_add(I x, I y) { return I2_(vaddq_s32, x, y); }
HTH_INLINE I vi_sub(I x, I y) { return I2_(vsubq_s32, x, y); }
HTH_INLINE I vi_mul(I x, I y) { return I2_(vmulq_s32, x, y); }
HTH_INLINE I vi_and(I x, I y) { return I2_(vandq_s32, x, y); }
HTH_INLINE I vi_or(I x, I y) { return I2_(vorrq_s32, x, y); }
#define SLL_(q) ((int32x4_t)((U32_)(q) << (uint32_t)s))
#define SRL_(q) ((int32x4_t)((U32_)(q) >> (uint32_t)s))
#define SRA_(q) ((q) >> s)
HTH_INLINE I vi_sll(I x, int s) { return I1_(SLL_, x); }
HTH_INLINE I vi_srl(I x, int s) { return I1_(SRL_, x); }
HTH_INLINE I vi_sra(I x, int s) { return I1_(SRA_, x); }
HTH_INLINE I vi_byte(I x, int j) { return vi_and(vi_srl(x, 8 * j), vi_set1(255)); }
HTH_INLINE I vi_rint(V v) { return I1_(vcvtnq_s32_f32, v); }
HTH_INLINE float vf_top(V v) {
    return vmaxvq_f32(vmaxq_f32(vmaxq_f32(v.a, v.b), vmaxq_f32(v.c, v.d)));
}
HTH_INLINE I vi_s8(const void *p) {
    int8x16_t t = vreinterpretq_s8_u8(q_(p, 0));
    int16x8_t x = vmovl_s8(vget_low_s8(t)), y = vmovl_high_s8(t);
    return (I){ vmovl_s16(vget_low_s16(x)), vmovl_high_s16(x), vmovl_s16(vget_low_s16(y)),
                vmovl_high_s16(y) };
}
HTH_INLINE I vi_u8(const void *p) { return vi_and(vi_s8(p), vi_set1(255)); }
HTH_INLINE I vi_max(I x, I y) { return I2_(vmaxq_s32, x, y); }
HTH_INLINE uint32_t vi_top(I x) {
    return (uint32_t)vmaxvq_s32(vmaxq_s32(vmaxq_s32(x.a, x.b), vmaxq_s32(x.c, x.d)));
}
HTH_INLINE int32_t vi_sum(I x) {
    return vaddvq_s32(vaddq_s32(vaddq_s32(x.a, x.b), vaddq_s32(x.c, x.d)));
}
HTH_INLINE void vi_tobytes(void *p, I x) {
    int16x8_t lo = vuzp1q_s16(s16_(x.a), s16_(x.b)), hi = vuzp1q_s16(s16_(x.c), s16_(x.d));
    put_(p, 0, vuzp1q_u8(vreinterpretq_u8_s16(lo), vreinterpretq_u8_s16(hi)));
}

HTH_INLINE B vb_load(const void *p) { return vi_load(p); }
#define SLL64_(q) ((int32x4_t)((U64_)(q) << (uint64_t)s))
#define SRL64_(q) ((int32x4_t)((U64_)(q) >> (uint64_t)s))
HTH_INLINE B vb_srl(B x, int s) { return I1_(SRL64_, x); }
HTH_INLINE B vb_sll(B x, int s) { return I1_(SLL64_, x); }
HTH_INLINE B vb_and1(B x, int8_t m) {
    int32x4_t t = vreinterpretq_s32_s8(vdupq_n_s8(m));
    return (B){ vandq_s32(x.a, t), vandq_s32(x.b, t), vandq_s32(x.c, t), vandq_s32(x.d, t) };
}
HTH_INLINE B vb_or(B x, B y) { return vi_or(x, y); }
HTH_INLINE B vb_lut16(const int8_t t[16], B x) {
    uint8x16_t all = q_(t, 0);
    return (B){ iu_(vqtbl1q_u8(all, ui_(x.a))), iu_(vqtbl1q_u8(all, ui_(x.b))),
                iu_(vqtbl1q_u8(all, ui_(x.c))), iu_(vqtbl1q_u8(all, ui_(x.d))) };
}
/* clang-format on */

HTH_INLINE float32x4_t add16_(V v) { /* i with i + 8, then i + 4 */
    return vaddq_f32(vaddq_f32(v.a, v.c), vaddq_f32(v.b, v.d));
}
HTH_INLINE float vf_tree(V v) {
    float32x4_t t = add16_(v);
    return vpadds_f32(vadd_f32(vget_low_f32(t), vget_high_f32(t)));
}
HTH_INLINE void vf_unzip(V x, V y, V *even, V *odd) {
    *even = (V){ vuzp1q_f32(x.a, x.b), vuzp1q_f32(x.c, x.d), vuzp1q_f32(y.a, y.b),
                 vuzp1q_f32(y.c, y.d) };
    *odd = (V){ vuzp2q_f32(x.a, x.b), vuzp2q_f32(x.c, x.d), vuzp2q_f32(y.a, y.b),
                vuzp2q_f32(y.c, y.d) };
}
HTH_INLINE void vf_zip(V even, V odd, V *x, V *y) {
    *x = (V){ vzip1q_f32(even.a, odd.a), vzip2q_f32(even.a, odd.a), vzip1q_f32(even.b, odd.b),
              vzip2q_f32(even.b, odd.b) };
    *y = (V){ vzip1q_f32(even.c, odd.c), vzip2q_f32(even.c, odd.c), vzip1q_f32(even.d, odd.d),
              vzip2q_f32(even.d, odd.d) };
}

#ifdef HTH_ISA_neon
/* Products to 16 bits, pairs of them, pairs of pairs.  |sum of two| <= 2 * 128 * 127 < 32768. */
HTH_INLINE int32x4_t dot_(int32x4_t acc, int8x16_t w, int8x16_t s) {
    int16x8_t lo = vmull_s8(vget_low_s8(w), vget_low_s8(s)), hi = vmull_high_s8(w, s);
    return vpadalq_s16(acc, vpaddq_s16(lo, hi));
}
#else
HTH_INLINE int32x4_t dot_(int32x4_t acc, int8x16_t w, int8x16_t s) {
    return vdotq_s32(acc, w, s);
}
#endif
HTH_INLINE B vb_wide(B w) {
    return w;
}
HTH_INLINE I vb_dots(I acc, B w, B s) {
    return (I){ dot_(acc.a, s8_(w.a), s8_(s.a)), dot_(acc.b, s8_(w.b), s8_(s.b)),
                dot_(acc.c, s8_(w.c), s8_(s.c)), dot_(acc.d, s8_(w.d), s8_(s.d)) };
}
HTH_INLINE I vb_dots_init(I sum) {
    (void)sum;
    return vi_zero();
}
HTH_INLINE I vb_dotu(I acc, B u, B s) { /* u below 64: signed as well as not */
    return vb_dots(acc, u, s);
}
HTH_INLINE int32x4_t dot2_(int32x4_t acc, int16x8_t x, int16x8_t y) {
    int32x4_t lo = vmull_s16(vget_low_s16(x), vget_low_s16(y)), hi = vmull_high_s16(x, y);
    return vaddq_s32(acc, vpaddq_s32(lo, hi));
}
HTH_INLINE I vi_dot2(I acc, I x, I y) {
    return (I){ dot2_(acc.a, s16_(x.a), s16_(y.a)), dot2_(acc.b, s16_(x.b), s16_(y.b)),
                dot2_(acc.c, s16_(x.c), s16_(y.c)), dot2_(acc.d, s16_(x.d), s16_(y.d)) };
}

HTH_INLINE float32x4_t half4_(uint16x4_t h) {
    return vcvt_f32_f16(vreinterpret_f16_u16(h));
}
#define HALF_LO_(q) half4_(vmovn_u32(vreinterpretq_u32_s32(q)))
#define HALF_HI_(q) half4_(vshrn_n_u32(vreinterpretq_u32_s32(q), 16))
HTH_INLINE V vf_half_lo(I x) {
    return V1_(HALF_LO_, x);
}
HTH_INLINE V vf_half_hi(I x) {
    return V1_(HALF_HI_, x);
}

/* 4 x 4 lanes: out[k] holds lane k of p, q, r, s. */
HTH_INLINE void cross_(int32x4_t p, int32x4_t q, int32x4_t r, int32x4_t s, int32x4_t out[4]) {
    int64x2_t a = vreinterpretq_s64_s32(vzip1q_s32(p, q));
    int64x2_t b = vreinterpretq_s64_s32(vzip2q_s32(p, q));
    int64x2_t c = vreinterpretq_s64_s32(vzip1q_s32(r, s));
    int64x2_t d = vreinterpretq_s64_s32(vzip2q_s32(r, s));
    out[0] = vreinterpretq_s32_s64(vzip1q_s64(a, c));
    out[1] = vreinterpretq_s32_s64(vzip2q_s64(a, c));
    out[2] = vreinterpretq_s32_s64(vzip1q_s64(b, d));
    out[3] = vreinterpretq_s32_s64(vzip2q_s64(b, d));
}
HTH_INLINE void vi_gather4s(const uint8_t *p, size_t s, I out[4]) {
    int32x4_t t[4][4]; /* rows 4i..4i+3; dword */
    HTH_UNROLL for (int i = 0; i < 4; i++, p += 4 * s)
        cross_(qi_(p, 0), qi_(p + s, 0), qi_(p + 2 * s, 0), qi_(p + 3 * s, 0), t[i]);
    HTH_UNROLL for (int k = 0; k < 4; k++) out[k] = (I){ t[0][k], t[1][k], t[2][k], t[3][k] };
}

#ifdef HTH_ISA_neoni8mm
/* Two rows by two columns at once.  Weights: w0 and w1 hold four bytes of K each, of 16 rows;
 * paired, a quarter holds eight bytes of K of two rows.  Sums of 16 rows and two columns: m[0] of
 * rows 0..7, m[1] of 8..15; a quarter is row 2i with both columns, row 2i + 1 with both. */
#define HTH_VEC_PAIRS 1
HTH_INLINE void vi_pair(I x, I y, I m[2]) { /* sums of each column's 16 rows; or weights */
    m[0] = (I){ vzip1q_s32(x.a, y.a), vzip2q_s32(x.a, y.a), vzip1q_s32(x.b, y.b),
                vzip2q_s32(x.b, y.b) };
    m[1] = (I){ vzip1q_s32(x.c, y.c), vzip2q_s32(x.c, y.c), vzip1q_s32(x.d, y.d),
                vzip2q_s32(x.d, y.d) };
}
HTH_INLINE void vi_unpair(const I m[2], I *x, I *y) {
    I p = m[0], q = m[1];
    *x = (I){ vuzp1q_s32(p.a, p.b), vuzp1q_s32(p.c, p.d), vuzp1q_s32(q.a, q.b),
              vuzp1q_s32(q.c, q.d) };
    *y = (I){ vuzp2q_s32(p.a, p.b), vuzp2q_s32(p.c, p.d), vuzp2q_s32(q.a, q.b),
              vuzp2q_s32(q.c, q.d) };
}
HTH_INLINE I mm_(I m, B w, int8x16_t x) {
    return (I){ vmmlaq_s32(m.a, s8_(w.a), x), vmmlaq_s32(m.b, s8_(w.b), x),
                vmmlaq_s32(m.c, s8_(w.c), x), vmmlaq_s32(m.d, s8_(w.d), x) };
}
/* x, y: eight bytes of each column. */
HTH_INLINE void vb_dot_pair(I m[2], const B w[2], const void *x, const void *y) {
    int8x16_t xy = vcombine_s8(vld1_s8((const int8_t *)x), vld1_s8((const int8_t *)y));
    m[0] = mm_(m[0], w[0], xy);
    m[1] = mm_(m[1], w[1], xy);
}
#endif

#endif

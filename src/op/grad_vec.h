/* grad_vec.h - sixteen floats at a time, in the compiler's own vector type. For grad*.c and
 * the optimiser.
 *
 * Only + - * / and comparisons, never contracted, so that every clone of a function (AVX-512, AVX2,
 * baseline) gives the same bits.  Helpers take pointers: passing 64-byte vectors by value is an ABI
 * question we do not ask.
 *
 * Thread: any. */
#ifndef HTH_OP_GRAD_VEC_H
#define HTH_OP_GRAD_VEC_H

#include <stdint.h>
#include <string.h>

enum { HTH_VL = 16 };

typedef float HthV __attribute__((vector_size(64), aligned(4), may_alias));
typedef int32_t HthVi __attribute__((vector_size(64), aligned(4), may_alias));

#define HTH_INLINE static inline __attribute__((always_inline))

/* Compile the loop once per instruction set; the loader picks. The sanitizers' start-up order does
 * not allow that mechanism, and they do not need the speed. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) &&                             \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define HTH_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define HTH_CLONES
#endif

HTH_INLINE const HthV *hth_vc(const float *p) {
    return (const HthV *)p;
}
HTH_INLINE HthV *hth_vp(float *p) {
    return (HthV *)p;
}

/* Lanes i with i+8, i+4, i+2, i+1. */
HTH_INLINE float hth_v_sum(const HthV *v) {
    float f[HTH_VL];
    memcpy(f, v, sizeof f);
    for (int w = 8; w > 0; w /= 2)
        for (int i = 0; i < w; i++) f[i] += f[i + w];
    return f[0];
}

/* *v = m ? *v : *other, lane by lane (m all ones or zeros). */
HTH_INLINE void hth_v_keep(HthV *v, const HthVi *m, const HthV *other) {
    *v = (HthV)(((HthVi)*v & *m) | ((HthVi)*other & ~*m));
}

HTH_INLINE void hth_v_max(HthV *v, const HthV *other) {
    HthVi m = *v > *other;
    hth_v_keep(v, &m, other);
}

/* *v = exp(*v): clamped to [-87, 88], relative error below 3e-7. */
HTH_INLINE void hth_v_exp(HthV *v) {
    const HthV zero = { 0 };
    HthV x = *v, lo = zero - 87.0f, hi = zero + 88.0f;
    hth_v_max(&x, &lo);
    HthVi m = x < hi;
    hth_v_keep(&x, &m, &hi);
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
    HthV n = (x * 1.44269504088896341f + magic) - magic;
    HthV r = x - n * 0.693359375f; /* ln 2 in two parts, the first exact in few bits */
    r = r + n * 2.12194440e-4f;
    HthV p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    HthVi e = (__builtin_convertvector(n, HthVi) + 127) << 23;
    *v = p * (HthV)e;
}

#endif

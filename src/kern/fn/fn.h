/* fn.h - the format-free kernels, one set per tier.  Private to kern; what each computes is in the
 * truth half of its file.
 *
 * Thread: any. */
#ifndef HTH_KERN_FN_FN_H
#define HTH_KERN_FN_FN_H

#include "base/num.h"
#include "kern/kern.h"

/* Activations this small become zeros: 127 / max|x| must stay finite. */
#define HTH_ACT_TINY 0x1p-100f

#define HTH_FN_DECL(isa)                                                                           \
    void hth_act_q8_##isa(const float *x, uint32_t k, HthActQ8 *out);                              \
    void hth_rmsnorm_##isa(float *y, const float *x, const float *w, uint32_t n, float eps);       \
    void hth_rope_##isa(float *x, const float *cs, uint32_t n_rot, bool neox);                     \
    void hth_swiglu_##isa(float *y, const float *gate, const float *up, uint32_t n);               \
    void hth_add_##isa(float *y, const float *a, const float *b, uint32_t n);                      \
    void hth_kv_store_##isa(HthKvType type, const float *x, uint32_t n, void *out);                \
    void hth_attend_page_##isa(const HthAttendPage *p);                                            \
    void hth_attend_merge_##isa(float *m, float *l, float *o, float m2, float l2, const float *o2, \
                                uint32_t n);
HTH_FN_DECL(c)
HTH_FN_DECL(neon)
HTH_FN_DECL(avx2)
HTH_FN_DECL(avx512)

/* The minimum of the k-quants, for the eight blocks of a superblock (kern.h, HthActQ8). */
void hth_act_mins(HthActQ8 *blocks);

/* The float exponential of the truth; every tier performs these operations (exp.h). */
float hth_exp_c(float x);

/* The fixed final tree of the 16 canonical lanes. */
static inline float hth_tree16(float lane[16]) {
    for (int half = 8; half > 0; half /= 2)
        for (int i = 0; i < half; i++) lane[i] += lane[i + half];
    return lane[0];
}

#endif

/* more.h - the functions of kern/more.h, one set per tier.  Private to kern.
 *
 * Thread: any. */
#ifndef HTH_KERN_FN_MORE_H
#define HTH_KERN_FN_MORE_H

#include "kern/fn/fn.h"
#include "kern/more.h"

#define HTH_MORE_DECL(isa)                                                                         \
    void hth_geglu_##isa(float *y, const float *gate, const float *up, uint32_t n);                \
    void hth_layernorm_##isa(float *y, const float *x, const float *w, const float *b, uint32_t n, \
                             float eps);                                                           \
    void hth_softcap_##isa(float *y, const float *x, uint32_t n, float cap);                       \
    void hth_attend_bent_##isa(const HthAttendPage *p, const HthAttendBend *bend);                 \
    void hth_delta_##isa(float *state, const HthDeltaRow *row, float *out);                        \
    void hth_adapt_##isa(float *y, const float *panels, const float *t, uint32_t rank,             \
                         uint32_t rows, float scale);
HTH_MORE_DECL(c)
HTH_MORE_DECL(neon)
HTH_MORE_DECL(avx2)
HTH_MORE_DECL(avx512)

/* cap * tanh(x / cap) of the truth; inv is 1 / cap (fn/tanh.c). */
float hth_softcap_one(float x, float cap, float inv);

#endif

/* more.c - see kern/more.h: which functions a tier has.
 *
 * Thread: constant tables. */
#include "kern/fn/more.h"

#define MORE(isa)                                                                                  \
    {                                                                                              \
        hth_geglu_##isa, hth_layernorm_##isa, hth_softcap_##isa, hth_attend_bent_##isa,            \
            hth_delta_##isa, hth_adapt_##isa                                                       \
    }

/* By what a tier sums with: all but the first are told by their own rmsnorm. */
static const struct {
    void (*rmsnorm)(float *y, const float *x, const float *w, uint32_t n, float eps);
    HthKernMore more;
} rows[] = {
    { hth_rmsnorm_c, MORE(c) },
#ifdef HTH_KERN_ARM
    { hth_rmsnorm_neon, MORE(neon) },
#endif
#ifdef HTH_KERN_X86
    { hth_rmsnorm_avx2, MORE(avx2) },
    { hth_rmsnorm_avx512, MORE(avx512) },
#endif
};

const HthKernMore *hth_kern_more(const HthKern *kern) {
    for (size_t i = 1; i < HTH_COUNT(rows); i++)
        if (rows[i].rmsnorm == kern->rmsnorm) return &rows[i].more;
    return &rows[0].more;
}

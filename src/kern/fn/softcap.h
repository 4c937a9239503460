/* softcap.h - cap * tanh(x / cap) in the words of vec.h, inv = 1 / cap; see tanh.c.
 *
 * Thread: any. */
#ifndef HTH_KERN_FN_SOFTCAP_H
#define HTH_KERN_FN_SOFTCAP_H

#include "kern/vec/vec.h"

HTH_INLINE V vf_softcap(V x, float cap, float inv) {
    V e = vf_exp(vf_mul(vf_mul(x, vf_set1(inv)), vf_set1(2.0f)));
    V part = vf_div(vf_set1(2.0f), vf_add(vf_set1(1.0f), e));
    return vf_mul(vf_set1(cap), vf_sub(vf_set1(1.0f), part));
}

#endif

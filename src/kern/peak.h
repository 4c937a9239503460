/* peak.h - what the arithmetic of a tier could do at most on one core: for rooflines.
 *
 * Thread: any. */
#ifndef HTH_KERN_PEAK_H
#define HTH_KERN_PEAK_H

#include "kern/kern.h"

/* Runs the widest multiply-add that the tier has for the class of activations, in registers only,
 * `rounds` times over independent chains; returns how many operations that were (a multiply-add is
 * two). 0 and no work: this build knows no loop for the tier. Time it on every thread at once. */
uint64_t hth_kern_peak(const HthKern *kern, HthAct act, uint32_t rounds);

#endif

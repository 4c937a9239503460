/* rng.h - counter-based random numbers: Philox 4x32-10 (Salmon et al., SC 2011).
 *
 * A draw is a pure function of (seed, stream, index): nothing is carried between calls, so an
 * answer can be replayed from its seed and position alone, on any machine.
 *
 * Thread: any (no state). */
#ifndef HTH_BASE_RNG_H
#define HTH_BASE_RNG_H

#include <stdint.h>

/* Four independent 32-bit words at (seed, stream, index). */
void hth_rng_block(uint64_t seed, uint64_t stream, uint64_t index, uint32_t out[4]);
uint32_t hth_rng_u32(uint64_t seed, uint64_t stream, uint64_t index);
/* Uniform in [0, 1) with 53 bits. */
double hth_rng_f64(uint64_t seed, uint64_t stream, uint64_t index);
/* Uniform in [0, n), n > 0, by 64-bit multiply (bias below 2^-32). */
uint32_t hth_rng_below(uint64_t seed, uint64_t stream, uint64_t index, uint32_t n);
/* Standard normal by Box-Muller on one block (for initialisation and tests; uses libm). */
double hth_rng_normal(uint64_t seed, uint64_t stream, uint64_t index);
/* 64 bits from the operating system, for a seed the user did not give. Aborts only if the kernel
 * has no entropy source at all. */
uint64_t hth_rng_entropy(void);

#endif

/* sum.h - a 64-bit checksum: finds damage and mix-ups, not attackers.
 *
 * Thread: any. */
#ifndef HTH_BASE_SUM_H
#define HTH_BASE_SUM_H

#include <stddef.h>
#include <stdint.h>

/* Of n bytes, continuing from `sum` (0 to begin).  Pieces give another sum than the whole, unless
 * every piece but the last is a multiple of 8 bytes. */
uint64_t hth_sum64(uint64_t sum, const void *bytes, size_t n);

#endif

/* sum.c - see sum.h.
 *
 * Thread: any. */
#include "base/sum.h"

#include <string.h>

/* Eight bytes at a time, little-endian on the machines we build for; each step is a bijection of
 * the sum, so that one changed word always changes the result. */
static uint64_t mix(uint64_t sum, uint64_t word) {
    sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
    return sum ^ sum >> 29;
}

uint64_t hth_sum64(uint64_t sum, const void *bytes, size_t n) {
    const uint8_t *p = bytes;
    uint64_t word;
    for (; n >= 8; n -= 8, p += 8) {
        memcpy(&word, p, 8);
        sum = mix(sum, word);
    }
    if (n == 0) return sum;
    word = 0;
    memcpy(&word, p, n);
    return mix(mix(sum, word), n);
}

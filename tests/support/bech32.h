/* bech32.h - keys of age as text, written the way BIP 173 says: a second opinion on age_key.c,
 * which only reads them.
 *
 * Thread: any. */
#ifndef HTH_TESTS_SUPPORT_BECH32_H
#define HTH_TESTS_SUPPORT_BECH32_H

#include <stdint.h>
#include <string.h>

enum { BECH32_TEXT = 80 };

static inline uint32_t bech32_add(uint32_t sum, uint32_t value) {
    static const uint32_t tap[5] = { 0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3 };
    uint32_t next = (sum << 5 & 0x3fffffff) ^ value;
    for (unsigned i = 0; i < 5; i++) next ^= sum >> (25 + i) & 1 ? tap[i] : 0;
    return next;
}

/* 32 bytes behind a prefix in small letters; filler: the four bits left over, which ought to be 0;
 * upper: in capitals. */
static inline void bech32(char out[BECH32_TEXT], const char *prefix, const uint8_t bytes[32],
                          unsigned filler, int upper) {
    uint8_t values[52 + 6] = { 0 };
    uint32_t sum = 1;
    size_t n = strlen(prefix);
    for (unsigned bit = 0; bit < 256; bit++)
        values[bit / 5] |= (uint8_t)((bytes[bit / 8] >> (7 - bit % 8) & 1) << (4 - bit % 5));
    values[51] |= (uint8_t)(filler & 15);
    for (size_t i = 0; i < n; i++) sum = bech32_add(sum, (uint8_t)prefix[i] >> 5);
    sum = bech32_add(sum, 0);
    for (size_t i = 0; i < n; i++) sum = bech32_add(sum, prefix[i] & 31);
    for (size_t i = 0; i < sizeof values; i++) sum = bech32_add(sum, values[i]);
    for (size_t i = 0; i < 6; i++) values[52 + i] = (uint8_t)((sum ^ 1) >> (25 - 5 * i) & 31);
    memcpy(out, prefix, n);
    out[n++] = '1';
    for (size_t i = 0; i < sizeof values; i++)
        out[n++] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"[values[i]];
    out[n] = 0;
    for (char *p = out; upper && *p; p++)
        if (*p >= 'a' && *p <= 'z') *p = (char)(*p - 32);
}

#endif

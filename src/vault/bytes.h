/* bytes.h - numbers as formats of this floor have them, and big-endian ones as SQLite does.
 *
 * Little-endian loads are base/num.h's.
 *
 * Thread: any. */
#ifndef HTH_VAULT_BYTES_H
#define HTH_VAULT_BYTES_H

#include "base/num.h"

static inline void hth_put_le32(uint8_t *p, uint32_t v) {
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> 8 * i);
}
static inline void hth_put_le64(uint8_t *p, uint64_t v) {
    for (int i = 0; i < 8; i++) p[i] = (uint8_t)(v >> 8 * i);
}
static inline uint32_t hth_be32(const uint8_t *p) {
    return __builtin_bswap32(hth_le32(p));
}

#endif

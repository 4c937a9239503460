/* record.c - see record.h.
 *
 * Thread: any. */
#include "audit/record.h"

#include <string.h>

#include "base/num.h"

#define MARK "hRec"
enum { MARK_BYTES = 4, CRC_AT = 28, SPARE = 64 << 20 /* bytes */ };

/* ---- CRC-32C (Castagnoli, reflected) -------------------------------------------------------- */

static uint32_t crc_plain(uint32_t c, const uint8_t *p, size_t n) {
    static const uint32_t nibble[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
        0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };
    while (n--) {
        c ^= *p++;
        c = c >> 4 ^ nibble[c & 15];
        c = c >> 4 ^ nibble[c & 15];
    }
    return c;
}

#if defined(__x86_64__)
/* Every processor since 2008 has an instruction for it. */
__attribute__((target("sse4.2"))) static uint32_t crc_fast(uint32_t c, const uint8_t *p, size_t n) {
    uint64_t wide = c;
    for (; n >= 8; p += 8, n -= 8) wide = __builtin_ia32_crc32di(wide, hth_le64(p));
    c = (uint32_t)wide;
    for (; n; n--) c = __builtin_ia32_crc32qi(c, *p++);
    return c;
}
#endif

uint32_t hth_crc32c(uint32_t crc, const void *bytes, size_t n) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) return ~crc_fast(~crc, bytes, n);
#endif
    return ~crc_plain(~crc, bytes, n);
}

/* ---- records -------------------------------------------------------------------------------- */

static void put32(uint8_t *p, uint32_t v) {
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> 8 * i);
}

static void put64(uint8_t *p, uint64_t v) {
    put32(p, (uint32_t)v);
    put32(p + 4, (uint32_t)(v >> 32));
}

size_t hth_record_bytes(const HthRecord *r) {
    return HTH_RECORD_HEAD + r->entry.n + r->sealed.n;
}

void hth_record_put(uint8_t *out, const HthRecord *r) {
    HTH_ASSERT(r->entry.n <= HTH_LEAF_MAX && r->sealed.n <= HTH_SEALED_MAX);
    memcpy(out, MARK, MARK_BYTES);
    put32(out + 4, (uint32_t)r->entry.n);
    put32(out + 8, (uint32_t)r->sealed.n);
    put64(out + 12, r->index);
    put64(out + 20, r->synced);
    uint8_t *body = out + HTH_RECORD_HEAD;
    if (r->entry.n) memcpy(body, r->entry.p, r->entry.n);
    if (r->sealed.n) memcpy(body + r->entry.n, r->sealed.p, r->sealed.n);
    put32(out + CRC_AT, hth_crc32c(hth_crc32c(0, out, CRC_AT), body, r->entry.n + r->sealed.n));
}

size_t hth_record_get(HthRecord *out, const uint8_t *p, size_t n) {
    if (n < HTH_RECORD_HEAD || memcmp(p, MARK, MARK_BYTES) != 0) return 0;
    const size_t entry = hth_le32(p + 4), sealed = hth_le32(p + 8);
    if (entry > HTH_LEAF_MAX || sealed > HTH_SEALED_MAX || n - HTH_RECORD_HEAD < entry + sealed)
        return 0;
    const uint8_t *body = p + HTH_RECORD_HEAD;
    if (hth_crc32c(hth_crc32c(0, p, CRC_AT), body, entry + sealed) != hth_le32(p + CRC_AT))
        return 0;
    const char *text = (const char *)body;
    *out = (HthRecord){
        hth_le64(p + 12), hth_le64(p + 20), { text, entry }, { text + entry, sealed }
    };
    return HTH_RECORD_HEAD + entry + sealed;
}

/* Sums are counted, so that no file can be made to be looked at for hours: an honest one has few
 * heads that tell something and lead to nothing. */
bool hth_record_outlives(const uint8_t *p, size_t n, uint64_t index) {
    HthRecord r;
    uint64_t left = n + (uint64_t)SPARE;
    for (size_t at = 0; n - at >= HTH_RECORD_HEAD; at++) {
        const uint8_t *mark = memchr(p + at, MARK[0], n - at);
        if (!mark) return false;
        at = (size_t)(mark - p);
        if (n - at < HTH_RECORD_HEAD) return false;
        if (memcmp(mark, MARK, MARK_BYTES) != 0 || hth_le64(mark + 12) <= index ||
            hth_le64(mark + 20) <= index)
            continue;
        const uint64_t sum = (uint64_t)hth_le32(mark + 4) + hth_le32(mark + 8);
        if (sum > n - at) continue;
        if (sum > left || hth_record_get(&r, mark, n - at)) return true;
        left -= sum;
    }
    return false;
}

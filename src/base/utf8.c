/* utf8.c - strict UTF-8, one code point at a time (declared in str.h).
 *
 * Not Unicode: no properties, no normal forms (the text floor has those).
 *
 * Thread: any. */
#include "base/str.h"

/* How a first byte constrains what follows (Unicode 15, table 3-7): the range of the second byte
 * is where overlong forms, surrogates and values past U+10FFFF are excluded. */
typedef struct Lead {
    uint8_t first, last, len, second_min, second_max;
} Lead;

static const Lead leads[] = {
    { 0xC2, 0xDF, 2, 0x80, 0xBF }, { 0xE0, 0xE0, 3, 0xA0, 0xBF }, { 0xE1, 0xEC, 3, 0x80, 0xBF },
    { 0xED, 0xED, 3, 0x80, 0x9F }, { 0xEE, 0xEF, 3, 0x80, 0xBF }, { 0xF0, 0xF0, 4, 0x90, 0xBF },
    { 0xF1, 0xF3, 4, 0x80, 0xBF }, { 0xF4, 0xF4, 4, 0x80, 0x8F },
};

static const Lead *find_lead(uint8_t first) {
    for (size_t i = 0; i < HTH_COUNT(leads); i++)
        if (first >= leads[i].first && first <= leads[i].last) return &leads[i];
    return NULL;
}

static bool fits(const Lead *lead, size_t i, uint8_t b) {
    return i == 1 ? b >= lead->second_min && b <= lead->second_max : (b & 0xC0) == 0x80;
}

size_t hth_utf8_decode(HthStr s, uint32_t *cp_out) {
    if (!s.n) return 0;
    const uint8_t *b = (const uint8_t *)s.p;
    if (b[0] < 0x80) {
        *cp_out = b[0];
        return 1;
    }
    const Lead *lead = find_lead(b[0]);
    if (!lead || s.n < lead->len) return 0;
    uint32_t cp = b[0] & (0x7Fu >> lead->len);
    for (size_t i = 1; i < lead->len; i++) {
        if (!fits(lead, i, b[i])) return 0;
        cp = cp << 6 | (b[i] & 0x3Fu);
    }
    *cp_out = cp;
    return lead->len;
}

size_t hth_utf8_encode(uint32_t cp, char out[4]) {
    if (cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF)) return 0;
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    const size_t n = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, cp >>= 6) out[i] = (char)(0x80 | (cp & 0x3F));
    out[0] = (char)((0xF00u >> n & 0xFF) | cp);
    return n;
}

bool hth_utf8_valid(HthStr s) {
    return hth_utf8_whole(s) == s.n;
}

size_t hth_utf8_whole(HthStr s) {
    size_t at = 0;
    uint32_t cp;
    while (at < s.n) {
        const size_t n = hth_utf8_decode((HthStr){ s.p + at, s.n - at }, &cp);
        if (!n) break;
        at += n;
    }
    return at;
}

/* unicode.c - code points: lenient decoding, classes, case, decomposition.  Not the strict UTF-8 of
 * base/str.h.
 *
 * Thread: any. */
#include "text/unicode.h"

#include <utf8proc.h>

size_t hth_uni_lead(char c) {
    static const uint8_t BY_HIGH_NIBBLE[16] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4 };
    return BY_HIGH_NIBBLE[(uint8_t)c >> 4];
}

static bool tail(HthStr s, size_t i) {
    return i < s.n && ((uint8_t)s.p[i] & 0xC0) == 0x80;
}

size_t hth_uni_decode(HthStr s, uint32_t *cp_out) {
    uint8_t lead = (uint8_t)s.p[0];
    uint32_t cp = lead;
    size_t n = lead < 0x80 ? 1 : lead < 0xC0 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (lead >= 0xF8) n = 0;
    if (n > 1) {
        cp = lead & (0x7Fu >> n);
        for (size_t i = 1; i < n; i++) {
            if (!tail(s, i)) {
                n = 0;
                break;
            }
            cp = cp << 6 | ((uint8_t)s.p[i] & 0x3F);
        }
    }
    if (n == 0 || cp > 0x10FFFF) {
        *cp_out = 0xFFFD;
        return 1;
    }
    *cp_out = cp;
    return n;
}

size_t hth_uni_encode(uint32_t cp, char out[4]) {
    if (cp >= 0xD800 && cp < 0xE000) {
        out[0] = (char)(0xE0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3F));
        out[2] = (char)(0x80 | (cp & 0x3F));
        return 3;
    }
    return hth_utf8_encode(cp, out);
}

HthStatus hth_uni_clean(HthStr s, HthBuf *out, HthErr *err) {
    while (s.n) {
        size_t whole = hth_utf8_whole(s);
        if (whole) HTH_TRY(hth_buf_add(out, s.p, whole, err));
        s = hth_str_sub(s, whole, SIZE_MAX);
        if (s.n == 0) break;
        uint32_t cp;
        char bytes[4];
        size_t n = hth_uni_decode(s, &cp);
        HTH_TRY(hth_buf_add(out, bytes, hth_uni_encode(cp, bytes), err));
        s = hth_str_sub(s, n, SIZE_MAX);
    }
    return HTH_OK;
}

bool hth_uni_space(uint32_t cp) {
    return (cp >= 9 && cp <= 13) || cp == ' ' || cp == 0x85 || cp == 0xA0 || cp == 0x1680 ||
           (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 || cp == 0x2029 || cp == 0x202F ||
           cp == 0x205F || cp == 0x3000;
}

/* Assigned after the version utf8proc 2.8 knows (15.0), before the tables the models' reference
 * tokenizer was built with (15.1). */
static HthUniKind newer(uint32_t cp) {
    if (cp >= 0x2EBF0 && cp <= 0x2EE5D) return HTH_KIND_LETTER;
    if ((cp >= 0x2FFC && cp <= 0x2FFF) || cp == 0x31EF) return HTH_KIND_SYMBOL;
    return HTH_KIND_OTHER;
}

HthUniKind hth_uni_kind(uint32_t cp) {
    switch (utf8proc_category((utf8proc_int32_t)cp)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: return HTH_KIND_LETTER;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME: return HTH_KIND_MARK;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return HTH_KIND_NUMBER;
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO: return HTH_KIND_PUNCT;
    case UTF8PROC_CATEGORY_SM:
    case UTF8PROC_CATEGORY_SC:
    case UTF8PROC_CATEGORY_SK:
    case UTF8PROC_CATEGORY_SO: return HTH_KIND_SYMBOL;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return HTH_KIND_SEPARATOR;
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO: return HTH_KIND_CONTROL;
    default: return newer(cp);
    }
}

static bool han_block(uint32_t cp) {
    return (cp >= 0x4E00 && cp <= 0x9FFF) || (cp >= 0x3400 && cp <= 0x4DBF) ||
           (cp >= 0x20000 && cp <= 0x2A6DF) || (cp >= 0x2A700 && cp <= 0x2B73F) ||
           (cp >= 0x2B740 && cp <= 0x2EBEF) || (cp >= 0xF900 && cp <= 0xFAFF) ||
           (cp >= 0x2F800 && cp <= 0x2FA1F);
}

uint8_t hth_uni_class(uint32_t cp) {
    if (cp < 0x80) return (uint8_t)cp;
    if (hth_uni_space(cp)) return HTH_UNI_SPACE;
    switch (hth_uni_kind(cp)) {
    case HTH_KIND_LETTER: return han_block(cp) ? HTH_UNI_HAN : HTH_UNI_LETTER;
    case HTH_KIND_NUMBER: return HTH_UNI_NUMBER;
    case HTH_KIND_PUNCT: return HTH_UNI_PUNCT;
    case HTH_KIND_SYMBOL: return HTH_UNI_SYMBOL;
    case HTH_KIND_MARK: return HTH_UNI_MARK;
    default: return han_block(cp) ? HTH_UNI_HAN_GAP : HTH_UNI_OTHER;
    }
}

uint32_t hth_uni_lower(uint32_t cp) {
    return (uint32_t)utf8proc_tolower((utf8proc_int32_t)cp);
}

uint32_t hth_uni_base(uint32_t cp) {
    utf8proc_int32_t out[8];
    int boundary = 0;
    if (cp < 0x80 || (cp >= 0xD800 && cp < 0xE000)) return cp;
    utf8proc_ssize_t n =
        utf8proc_decompose_char((utf8proc_int32_t)cp, out, 8, UTF8PROC_DECOMPOSE, &boundary);
    return n > 0 ? (uint32_t)out[0] : cp;
}

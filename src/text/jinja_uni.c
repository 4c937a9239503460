/* jinja_uni.c - characters as Python's str methods see them: classes, case, stripping, counting.
 *
 * General categories and simple case come from utf8proc, the exceptions from jinja_case_tab.h. */
#include "text/jinja.h"

#include <utf8proc.h>

typedef struct Range {
    uint32_t first, last;
} Range;

#include "text/jinja_case_tab.h"

static bool in(const Range *r, size_t n, uint32_t cp) { /* sorted */
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (cp > r[mid].last)
            lo = mid + 1;
        else if (cp < r[mid].first)
            hi = mid;
        else
            return true;
    }
    return false;
}
#define IN(table, cp) in(table, HTH_COUNT(table), cp)

static bool numeric(uint32_t cp, utf8proc_category_t cat) {
    return (cat >= UTF8PROC_CATEGORY_ND && cat <= UTF8PROC_CATEGORY_NO) || IN(numeric_letter, cp);
}

bool hth_j_class(uint32_t cp, HthJClass c) {
    if (c == HTH_J_SPACE_CH) return IN(white_space, cp);
    if (c == HTH_J_WORD && cp == '_') return true;
    utf8proc_category_t cat = utf8proc_category((utf8proc_int32_t)cp);
    bool alpha = cat >= UTF8PROC_CATEGORY_LU && cat <= UTF8PROC_CATEGORY_LO;
    switch (c) {
    case HTH_J_ALPHA: return alpha;
    case HTH_J_DECIMAL: return cat == UTF8PROC_CATEGORY_ND;
    case HTH_J_DIGIT: return cat == UTF8PROC_CATEGORY_ND || IN(digit_not_decimal, cp);
    case HTH_J_NUMERIC: return numeric(cp, cat);
    case HTH_J_ALNUM:
    case HTH_J_WORD: return alpha || numeric(cp, cat);
    case HTH_J_LOWER: return cat == UTF8PROC_CATEGORY_LL || IN(lower_not_ll, cp);
    case HTH_J_UPPER: return cat == UTF8PROC_CATEGORY_LU || IN(upper_not_lu, cp);
    case HTH_J_TITLE: return cat == UTF8PROC_CATEGORY_LT;
    case HTH_J_CASED:
        return hth_j_class(cp, HTH_J_LOWER) || hth_j_class(cp, HTH_J_UPPER) ||
               cat == UTF8PROC_CATEGORY_LT;
    case HTH_J_PRINTABLE:
        return cp == ' ' || !(cat == UTF8PROC_CATEGORY_CN || cat >= UTF8PROC_CATEGORY_ZS);
    default: return false;
    }
}

uint32_t hth_j_cp_at(HthStr s, size_t at, size_t *len) {
    unsigned char c = (unsigned char)s.p[at];
    uint32_t cp = c;
    *len = 1;
    if (c < 0x80) return cp;
    size_t n = hth_utf8_decode((HthStr){ s.p + at, s.n - at }, &cp);
    if (n == 0) return 0xFFFD;
    *len = n;
    return cp;
}

size_t hth_j_cp_count(HthStr s) {
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) n += (s.p[i] & 0xC0) != 0x80;
    return n;
}

size_t hth_j_cp_offset(HthStr s, size_t i) {
    size_t at = 0;
    while (at < s.n && i > 0) {
        for (at++; at < s.n && (s.p[at] & 0xC0) == 0x80;) at++;
        i--;
    }
    return at;
}

HthStr hth_j_strip(HthStr s, bool left, bool right) {
    size_t len;
    while (left && s.n && hth_j_class(hth_j_cp_at(s, 0, &len), HTH_J_SPACE_CH)) {
        s.p += len;
        s.n -= len;
    }
    while (right && s.n) {
        size_t at = s.n - 1;
        while (at > 0 && (s.p[at] & 0xC0) == 0x80) at--;
        if (!hth_j_class(hth_j_cp_at(s, at, &len), HTH_J_SPACE_CH)) break;
        s.n = at;
    }
    return s;
}

static bool case_ignorable(uint32_t cp) {
    utf8proc_category_t cat = utf8proc_category((utf8proc_int32_t)cp);
    return cat == UTF8PROC_CATEGORY_MN || cat == UTF8PROC_CATEGORY_ME ||
           cat == UTF8PROC_CATEGORY_CF || cat == UTF8PROC_CATEGORY_LM ||
           cat == UTF8PROC_CATEGORY_SK || cp == '\'' || cp == '.' || cp == ':' || cp == 0xB7 ||
           cp == 0x2019;
}

/* A capital sigma at `at` ends its word: a cased character before it, none after. */
static bool final_sigma(HthStr s, size_t at) {
    size_t len, i = at;
    bool before = false;
    while (i > 0 && !before) {
        for (i--; i > 0 && (s.p[i] & 0xC0) == 0x80;) i--;
        uint32_t cp = hth_j_cp_at(s, i, &len);
        if (case_ignorable(cp)) continue;
        if (!hth_j_class(cp, HTH_J_CASED)) return false;
        before = true;
    }
    if (!before) return false;
    for (i = at + 2; i < s.n; i += len) {
        uint32_t cp = hth_j_cp_at(s, i, &len);
        if (case_ignorable(cp)) continue;
        return !hth_j_class(cp, HTH_J_CASED);
    }
    return true;
}

static HthStatus add_case(HthJVm *vm, HthJSb *sb, HthStr s, size_t at, HthJCase to) {
    size_t len;
    uint32_t cp = hth_j_cp_at(s, at, &len);
    if (cp < 0x80) {
        bool lower = cp >= 'a' && cp <= 'z', upper = cp >= 'A' && cp <= 'Z';
        bool flip = to == HTH_J_TO_LOWER ? upper : lower;
        return hth_j_add_char(vm, sb, (char)(flip ? cp ^ 32 : cp));
    }
    if (to == HTH_J_TO_LOWER) {
        if (cp == 0x130) return hth_j_add(vm, sb, HTH_STR("i\xCC\x87"));
        if (cp == 0x3A3 && final_sigma(s, at)) return hth_j_add_cp(vm, sb, 0x3C2);
        return hth_j_add_cp(vm, sb, (uint32_t)utf8proc_tolower((utf8proc_int32_t)cp));
    }
    for (size_t i = 0; i < HTH_COUNT(special_case); i++) {
        if (special_case[i].cp != cp) continue;
        const uint16_t *m = to == HTH_J_TO_UPPER ? special_case[i].upper : special_case[i].title;
        for (int k = 0; k < 3 && m[k]; k++) HTH_TRY(hth_j_add_cp(vm, sb, m[k]));
        return HTH_OK;
    }
    utf8proc_int32_t c = (utf8proc_int32_t)cp;
    return hth_j_add_cp(
        vm, sb, (uint32_t)(to == HTH_J_TO_UPPER ? utf8proc_toupper(c) : utf8proc_totitle(c)));
}

HthStatus hth_j_add_case(HthJVm *vm, HthJSb *sb, HthStr s, size_t at, HthJCase to) {
    size_t from = sb->n;
    HTH_TRY(add_case(vm, sb, s, at, to));
    hth_j_mark_like(vm, sb, from, s.p + at);
    return HTH_OK;
}

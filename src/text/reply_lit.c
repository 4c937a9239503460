/* reply_lit.c - finding a template's marks in a text of which more may come, and texts in units.
 *
 * A mark is a literal with two liberties: blanks stand for any blanks (and may stand between two
 * tags), and a call's id or index for any other.
 *
 * Thread: any. */
#include <string.h>

#include "text/reply_int.h"

enum { WILD_MAX = 64, TAG_MAX = 96 };

static bool in_id(char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' ||
           c == '-' || c == '.' || c == ':';
}

HthFit hth_lit_fit(HthStr lit, HthStr key, HthStr text, size_t *used) {
    size_t at = 0;
    for (size_t i = 0; i < lit.n; i++) {
        const char c = lit.p[i];
        if (hth_is_blank(c)) {
            while (at < text.n && hth_is_blank(text.p[at])) at++;
        } else if (c == HTH_LIT_WILD) {
            const size_t from = at;
            while (at < text.n && at - from < WILD_MAX && in_id(text.p[at])) at++;
        } else if (c == HTH_LIT_KEY) {
            for (size_t k = 0; k < key.n; k++, at++) {
                if (at == text.n) return HTH_FIT_MORE;
                if (text.p[at] != key.p[k]) return HTH_FIT_NO;
            }
        } else {
            while (c == '<' && i && lit.p[i - 1] == '>' && at < text.n && hth_is_blank(text.p[at]))
                at++;
            if (at == text.n) return HTH_FIT_MORE;
            if (text.p[at++] != c) return HTH_FIT_NO;
        }
    }
    *used = at;
    return HTH_FIT_YES;
}

static size_t tag_len(HthStr s) { /* <...>, or [CAPS AND BLANKS]; 0: none */
    const char open = s.n ? *s.p : 0, close = open == '<' ? '>' : open == '[' ? ']' : 0;
    if (!close) return 0;
    for (size_t i = 1; i < s.n && i < TAG_MAX; i++) {
        const char c = s.p[i];
        if (c == close) return i > 1 ? i + 1 : 0;
        const bool caps = (c >= 'A' && c <= 'Z') || c == '_' || c == ' ' || c == '/';
        if (c == open || c == '\n' || (open == '[' && !caps)) return 0;
    }
    return 0;
}

size_t hth_unit_len(HthStr s) {
    if (!s.n) return 0;
    if (hth_is_blank(*s.p)) {
        size_t n = 1;
        while (n < s.n && hth_is_blank(s.p[n])) n++;
        return n;
    }
    const size_t tag = tag_len(s);
    return tag ? tag : 1;
}

size_t hth_unit_back(HthStr s) {
    if (!s.n) return 0;
    const char last = s.p[s.n - 1];
    if (hth_is_blank(last)) {
        size_t n = 1;
        while (n < s.n && hth_is_blank(s.p[s.n - 1 - n])) n++;
        return n;
    }
    if (last != '>' && last != ']') return 1;
    for (size_t n = 2; n <= s.n && n <= TAG_MAX; n++)
        if (tag_len((HthStr){ s.p + s.n - n, n }) == n) return n;
    return 1;
}

/* Is a cut at `at` inside a tag, finished or not? */
static bool in_tag(HthStr s, size_t at) {
    for (size_t n = 1; n <= at && n <= TAG_MAX; n++) {
        const char c = s.p[at - n];
        if (c == '>' || c == '\n') return false;
        if (c == '<') return true;
        if (c == '[') return tag_len((HthStr){ s.p + at - n, s.n - (at - n) }) > n;
        if (c == ']') return false;
    }
    return false;
}

size_t hth_unit_common(HthStr a, HthStr b, bool at_end) {
    size_t n = 0;
    const size_t most = a.n < b.n ? a.n : b.n;
    if (!at_end) {
        while (n < most && a.p[n] == b.p[n]) n++;
        while (n && (in_tag(a, n) || in_tag(b, n))) n--;
        return n;
    }
    while (n < most && a.p[a.n - 1 - n] == b.p[b.n - 1 - n]) n++;
    while (n && (in_tag(a, a.n - n) || in_tag(b, b.n - n))) n--;
    return n;
}

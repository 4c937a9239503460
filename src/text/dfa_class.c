/* dfa_class.c - sets of characters: ranges, complements, the classes and properties of patterns.
 *
 * General categories come from utf8proc; scripts and the other properties are not in it and are
 * refused by name.
 *
 * Thread: any. */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "text/dfa_int.h"

HthStatus hth_charset_add(HthCharSet *s, uint32_t first, uint32_t last, HthArena *a, HthErr *err) {
    if (s->n && s->r[s->n - 1].last + 1 == first) { /* the usual case of long lists */
        s->r[s->n - 1].last = last;
        return HTH_OK;
    }
    if (s->n == s->cap) {
        const uint32_t cap = s->cap ? 2 * s->cap : 4;
        HthCharRange *r = hth_arena_take(a, cap, sizeof *r);
        HTH_REQUIRE(r, err, hth_arena_used(a) > (size_t)1 << 20 ? HTH_ELIMIT : HTH_ENOMEM,
                    "no memory left for sets of characters");
        if (s->n) memcpy(r, s->r, s->n * sizeof *r);
        s->r = r;
        s->cap = cap;
    }
    s->r[s->n++] = (HthCharRange){ first, last };
    return HTH_OK;
}

HthStatus hth_charset_add_cp(HthCharSet *s, uint32_t first, uint32_t last, HthArena *a,
                             HthErr *err) {
    if (first < 0xD800) {
        const uint32_t end = last < 0xD7FF ? last : 0xD7FF;
        HTH_TRY(hth_charset_add(s, first, end, a, err));
    }
    if (last < 0xE000) return HTH_OK;
    return hth_charset_add(s, hth_dfa_index(first), hth_dfa_index(last), a, err);
}

HthStatus hth_charset_join(HthCharSet *s, const HthCharSet *more, HthArena *a, HthErr *err) {
    for (uint32_t i = 0; i < more->n; i++)
        HTH_TRY(hth_charset_add(s, more->r[i].first, more->r[i].last, a, err));
    return HTH_OK;
}

static int by_first(const void *a, const void *b) {
    const HthCharRange *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

HthStatus hth_charset_tidy(HthCharSet *s) {
    uint32_t n = 0;
    if (s->n) qsort(s->r, s->n, sizeof *s->r, by_first);
    for (uint32_t i = 0; i < s->n; i++) {
        if (n && s->r[i].first <= s->r[n - 1].last + 1) {
            if (s->r[i].last > s->r[n - 1].last) s->r[n - 1].last = s->r[i].last;
        } else {
            s->r[n++] = s->r[i];
        }
    }
    s->n = n;
    return HTH_OK;
}

HthStatus hth_charset_not(HthCharSet *s, HthArena *a, HthErr *err) {
    HthCharSet out = { 0 };
    uint32_t at = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        if (s->r[i].first > at) HTH_TRY(hth_charset_add(&out, at, s->r[i].first - 1, a, err));
        at = s->r[i].last + 1;
    }
    if (at < HTH_DFA_ALPHABET) HTH_TRY(hth_charset_add(&out, at, HTH_DFA_ALPHABET - 1, a, err));
    *s = out;
    return HTH_OK;
}

static const HthCharRange digits[] = { { '0', '9' } };
static const HthCharRange words[] = { { '0', '9' }, { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' } };
/* WhiteSpace and LineTerminator of ECMA-262; indices, and U+FEFF is above the surrogates. */
static const HthCharRange spaces[] = { { 0x9, 0xD },       { ' ', ' ' },       { 0xA0, 0xA0 },
                                       { 0x1680, 0x1680 }, { 0x2000, 0x200A }, { 0x2028, 0x2029 },
                                       { 0x202F, 0x202F }, { 0x205F, 0x205F }, { 0x3000, 0x3000 },
                                       { 0xF6FF, 0xF6FF } };

HthStatus hth_charset_escape(HthCharSet *s, char letter, HthArena *a, HthErr *err) {
    const bool negated = letter >= 'A' && letter <= 'Z';
    const char kind = (char)(letter | 32);
    const HthCharRange *r = kind == 'd' ? digits : kind == 'w' ? words : spaces;
    const uint32_t n = kind == 'd'   ? HTH_COUNT(digits)
                       : kind == 'w' ? HTH_COUNT(words)
                                     : HTH_COUNT(spaces);
    HthCharSet set = { 0 };
    for (uint32_t i = 0; i < n; i++) HTH_TRY(hth_charset_add(&set, r[i].first, r[i].last, a, err));
    if (negated) HTH_TRY(hth_charset_not(&set, a, err));
    return hth_charset_join(s, &set, a, err);
}

#define BIT(c) (1u << UTF8PROC_CATEGORY_##c)
static const struct {
    const char *name, *long_name;
    uint32_t mask; /* of general categories */
} categories[] = {
    { "L", "Letter", BIT(LU) | BIT(LL) | BIT(LT) | BIT(LM) | BIT(LO) },
    { "LC", "Cased_Letter", BIT(LU) | BIT(LL) | BIT(LT) },
    { "Lu", "Uppercase_Letter", BIT(LU) },
    { "Ll", "Lowercase_Letter", BIT(LL) },
    { "Lt", "Titlecase_Letter", BIT(LT) },
    { "Lm", "Modifier_Letter", BIT(LM) },
    { "Lo", "Other_Letter", BIT(LO) },
    { "M", "Mark", BIT(MN) | BIT(MC) | BIT(ME) },
    { "Mn", "Nonspacing_Mark", BIT(MN) },
    { "Mc", "Spacing_Mark", BIT(MC) },
    { "Me", "Enclosing_Mark", BIT(ME) },
    { "N", "Number", BIT(ND) | BIT(NL) | BIT(NO) },
    { "Nd", "Decimal_Number", BIT(ND) },
    { "Nd", "digit", BIT(ND) },
    { "Nl", "Letter_Number", BIT(NL) },
    { "No", "Other_Number", BIT(NO) },
    { "P", "Punctuation", BIT(PC) | BIT(PD) | BIT(PS) | BIT(PE) | BIT(PI) | BIT(PF) | BIT(PO) },
    { "P", "punct", BIT(PC) | BIT(PD) | BIT(PS) | BIT(PE) | BIT(PI) | BIT(PF) | BIT(PO) },
    { "Pc", "Connector_Punctuation", BIT(PC) },
    { "Pd", "Dash_Punctuation", BIT(PD) },
    { "Ps", "Open_Punctuation", BIT(PS) },
    { "Pe", "Close_Punctuation", BIT(PE) },
    { "Pi", "Initial_Punctuation", BIT(PI) },
    { "Pf", "Final_Punctuation", BIT(PF) },
    { "Po", "Other_Punctuation", BIT(PO) },
    { "S", "Symbol", BIT(SM) | BIT(SC) | BIT(SK) | BIT(SO) },
    { "Sm", "Math_Symbol", BIT(SM) },
    { "Sc", "Currency_Symbol", BIT(SC) },
    { "Sk", "Modifier_Symbol", BIT(SK) },
    { "So", "Other_Symbol", BIT(SO) },
    { "Z", "Separator", BIT(ZS) | BIT(ZL) | BIT(ZP) },
    { "Zs", "Space_Separator", BIT(ZS) },
    { "Zl", "Line_Separator", BIT(ZL) },
    { "Zp", "Paragraph_Separator", BIT(ZP) },
    { "C", "Other", BIT(CC) | BIT(CF) | BIT(CS) | BIT(CO) | BIT(CN) },
    { "Cc", "Control", BIT(CC) },
    { "Cf", "Format", BIT(CF) },
    { "Co", "Private_Use", BIT(CO) },
    { "Cn", "Unassigned", BIT(CN) },
};

static HthStatus of_categories(HthCharSet *s, uint32_t mask, HthArena *a, HthErr *err) {
    HthCharSet set = { 0 };
    for (uint32_t cp = 0, first = 0; cp <= 0x110000; cp++) {
        const bool in = cp < 0x110000 && (mask >> utf8proc_category((utf8proc_int32_t)cp) & 1) != 0;
        if (in) continue; /* the run goes on */
        if (first < cp) HTH_TRY(hth_charset_add_cp(&set, first, cp - 1, a, err));
        first = cp + 1;
    }
    return hth_charset_join(s, &set, a, err);
}

HthStatus hth_charset_property(HthCharSet *s, HthStr name, HthArena *a, HthErr *err) {
    static const char *const prefixes[] = { "General_Category=", "gc=" };
    for (size_t i = 0; i < HTH_COUNT(prefixes); i++) {
        const HthStr prefix = hth_str(prefixes[i]);
        if (hth_str_starts(name, prefix)) name = hth_str_sub(name, prefix.n, name.n);
    }
    if (hth_str_eq(name, HTH_STR("Any"))) return hth_charset_add_cp(s, 0, 0x10FFFF, a, err);
    if (hth_str_eq(name, HTH_STR("ASCII"))) return hth_charset_add_cp(s, 0, 0x7F, a, err);
    if (hth_str_eq(name, HTH_STR("Assigned"))) return of_categories(s, ~BIT(CN), a, err);
    for (size_t i = 0; i < HTH_COUNT(categories); i++) {
        if (hth_str_eq(name, hth_str(categories[i].name)) ||
            hth_str_eq(name, hth_str(categories[i].long_name)))
            return of_categories(s, categories[i].mask, a, err);
    }
    return HTH_FAIL(err, HTH_ENOTSUP, "\\p{...} is supported for general categories only");
}

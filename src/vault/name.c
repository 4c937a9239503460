/* name.c - see name.h.
 *
 * Thread: any. */
#include "vault/name.h"

#include <stdio.h>
#include <string.h>

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool hth_name_part_ok(HthStr part) {
    if (part.n == 0 || part.n > HTH_NAME_PART_MAX || !is_word(part.p[0])) return false;
    for (size_t i = 1; i < part.n; i++) {
        const char c = part.p[i];
        if (!is_word(c) && c != '-' && c != '.') return false;
        if (c == '.' && part.p[i - 1] == '.') return false;
    }
    return true;
}

static size_t find(HthStr s, char c) {
    const char *p = s.n ? memchr(s.p, c, s.n) : NULL;
    return p ? (size_t)(p - s.p) : SIZE_MAX;
}

static bool take(char out[HTH_NAME_PART_MAX + 1], HthStr part) {
    if (!hth_name_part_ok(part)) return false;
    memcpy(out, part.p, part.n);
    out[part.n] = '\0';
    return true;
}

HthStatus hth_name_parse(HthName *out, HthStr text, HthErr *err) {
    HthName n = { .tag = "latest" };
    HthStr rest = text;
    bool ok = text.n <= HTH_NAME_MAX;
    const size_t slash = find(rest, '/');
    if (ok && slash != SIZE_MAX) {
        ok = take(n.space, hth_str_sub(rest, 0, slash));
        rest = hth_str_sub(rest, slash + 1, rest.n);
    }
    const size_t colon = find(rest, ':');
    if (ok && colon != SIZE_MAX) {
        ok = take(n.tag, hth_str_sub(rest, colon + 1, rest.n));
        rest = hth_str_sub(rest, 0, colon);
    }
    ok = ok && take(n.name, rest);
    HTH_REQUIRE(ok, err, HTH_EINVAL,
                "that is not a model's name: [namespace/]name[:tag], each of letters, digits, '_', "
                "'-' and single '.', at most %d bytes, beginning with a letter, a digit or '_'",
                HTH_NAME_PART_MAX);
    *out = n;
    return HTH_OK;
}

void hth_name_print(char out[HTH_NAME_MAX + 1], const HthName *n) {
    snprintf(out, HTH_NAME_MAX + 1, "%s%s%s:%s", n->space, n->space[0] ? "/" : "", n->name, n->tag);
}

void hth_name_print_short(char out[HTH_NAME_MAX + 1], const HthName *n) {
    const bool latest = !strcmp(n->tag, "latest");
    snprintf(out, HTH_NAME_MAX + 1, "%s%s%s%s%s", n->space, n->space[0] ? "/" : "", n->name,
             latest ? "" : ":", latest ? "" : n->tag);
}

bool hth_name_eq(const HthName *a, const HthName *b) {
    return !strcmp(a->space, b->space) && !strcmp(a->name, b->name) && !strcmp(a->tag, b->tag);
}

HthStatus hth_digest_parse(char hex[65], HthStr text, HthErr *err) {
    const bool prefix = text.n == 7 + 64 && (text.p[6] == ':' || text.p[6] == '-') &&
                        hth_str_starts(text, HTH_STR("sha256"));
    bool ok = prefix;
    for (size_t i = 7; ok && i < text.n; i++)
        ok = (text.p[i] >= '0' && text.p[i] <= '9') || (text.p[i] >= 'a' && text.p[i] <= 'f');
    HTH_REQUIRE(ok, err, HTH_EINVAL,
                "that is not a digest: sha256: and 64 lower-case hexadecimal digits are wanted");
    memcpy(hex, text.p + 7, 64);
    hex[64] = '\0';
    return HTH_OK;
}

enum { SPLIT_DIGITS = 5, SPLIT_TAIL = 1 + SPLIT_DIGITS + 4 + SPLIT_DIGITS };

static bool digits(HthStr s, uint32_t *out) {
    uint32_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') return false;
        v = v * 10 + (uint32_t)(s.p[i] - '0');
    }
    *out = v;
    return true;
}

bool hth_name_split(HthNameSplit *out, HthStr stem) {
    if (stem.n <= SPLIT_TAIL) return false;
    const size_t base = stem.n - SPLIT_TAIL;
    HthNameSplit s = { .base_n = base };
    const bool ok = stem.p[base] == '-' &&
                    digits(hth_str_sub(stem, base + 1, SPLIT_DIGITS), &s.part) &&
                    hth_str_eq(hth_str_sub(stem, base + 1 + SPLIT_DIGITS, 4), HTH_STR("-of-")) &&
                    digits(hth_str_sub(stem, stem.n - SPLIT_DIGITS, SPLIT_DIGITS), &s.count) &&
                    s.part >= 1 && s.part <= s.count;
    if (ok) *out = s;
    return ok;
}

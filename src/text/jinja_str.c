/* jinja_str.c - the methods of str.  Offsets are code points, as in Python. */
#include "text/jinja.h"

#define METHOD(name)                                                                               \
    static HthStatus name(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,         \
                          HthJVal *out)

/* --- shared with filters --- */
bool hth_j_line(HthStr s, size_t *at, bool keep_ends, HthStr *out) {
    size_t i = *at, len;
    if (i >= s.n) return false;
    while (i < s.n) {
        uint32_t cp = hth_j_cp_at(s, i, &len);
        bool ends = (cp >= '\n' && cp <= '\r') || (cp >= 0x1C && cp <= 0x1E) || cp == 0x85 ||
                    cp == 0x2028 || cp == 0x2029;
        if (!ends) {
            i += len;
            continue;
        }
        size_t end = i + len;
        if (cp == '\r' && end < s.n && s.p[end] == '\n') end++;
        *out = (HthStr){ s.p + *at, (keep_ends ? end : i) - *at };
        *at = end;
        return true;
    }
    *out = (HthStr){ s.p + *at, s.n - *at };
    *at = s.n;
    return true;
}

HthStatus hth_j_replace(HthJVm *vm, HthStr s, HthStr old, HthStr with, int64_t count,
                        HthJVal *out) {
    HthJSb sb = { 0 };
    size_t at = 0;
    while (count != 0) {
        HthStr rest = { s.p + at, s.n - at };
        if (old.n == 0) { /* before every character and at the end */
            size_t len = 1;
            HTH_TRY(hth_j_add(vm, &sb, with));
            if (count > 0) count--;
            if (at >= s.n) break;
            hth_j_cp_at(s, at, &len);
            HTH_TRY(hth_j_add(vm, &sb, (HthStr){ rest.p, len }));
            at += len;
            continue;
        }
        size_t hit = hth_str_find(rest, old);
        if (hit == SIZE_MAX) break;
        HTH_TRY(hth_j_add(vm, &sb, (HthStr){ rest.p, hit }));
        HTH_TRY(hth_j_add(vm, &sb, with));
        at += hit + old.n;
        if (count > 0) count--;
    }
    if (at == 0 && sb.n == 0) {
        *out = hth_j_str(s);
        return hth_j_work(vm, s.n);
    }
    if (at < s.n) HTH_TRY(hth_j_add(vm, &sb, (HthStr){ s.p + at, s.n - at }));
    *out = hth_j_done(&sb);
    return HTH_OK;
}

static bool has_char(HthStr set, HthStr one) {
    return hth_str_find(set, one) != SIZE_MAX; /* UTF-8: a whole character matches only itself */
}

HthStatus hth_j_strip_chars(HthJVm *vm, HthJVal s, HthJVal chars, bool left, bool right,
                            HthJVal *out) {
    HthStr t = hth_j_text(s), set;
    HTH_TRY(hth_j_work(vm, t.n));
    if (!hth_j_given(chars) || chars.kind == HTH_J_NONE) {
        *out = hth_j_str(hth_j_strip(t, left, right));
        out->sub = s.sub;
        return HTH_OK;
    }
    HTH_TRY(hth_j_want_str(vm, chars, "the characters to strip", &set));
    while (left && t.n) {
        size_t len;
        hth_j_cp_at(t, 0, &len);
        if (!has_char(set, (HthStr){ t.p, len })) break;
        t = (HthStr){ t.p + len, t.n - len };
    }
    while (right && t.n) {
        size_t at = t.n - 1;
        while (at > 0 && (t.p[at] & 0xC0) == 0x80) at--;
        if (!has_char(set, (HthStr){ t.p + at, t.n - at })) break;
        t.n = at;
    }
    *out = hth_j_str(t);
    out->sub = s.sub;
    return HTH_OK;
}

/* --- stripping and cutting --- */
METHOD(m_strip) {
    (void)raw;
    return hth_j_strip_chars(vm, self, v[0], true, true, out);
}

METHOD(m_lstrip) {
    (void)raw;
    return hth_j_strip_chars(vm, self, v[0], true, false, out);
}

METHOD(m_rstrip) {
    (void)raw;
    return hth_j_strip_chars(vm, self, v[0], false, true, out);
}

METHOD(m_removeprefix) {
    HthStr s = hth_j_text(self), affix;
    (void)raw;
    HTH_TRY(hth_j_want_str(vm, v[0], "the prefix", &affix));
    *out = hth_str_starts(s, affix) ? hth_j_str((HthStr){ s.p + affix.n, s.n - affix.n }) : self;
    return HTH_OK;
}

METHOD(m_removesuffix) {
    HthStr s = hth_j_text(self), affix;
    (void)raw;
    HTH_TRY(hth_j_want_str(vm, v[0], "the suffix", &affix));
    *out = hth_str_ends(s, affix) ? hth_j_str((HthStr){ s.p, s.n - affix.n }) : self;
    return HTH_OK;
}

static HthStatus push_str(HthJVm *vm, HthJVal list, HthStr s) {
    return hth_j_push(vm, list.u.seq, hth_j_str(s));
}

/* At white space, runs counting as one, none at the ends. */
static HthStatus split_space(HthJVm *vm, HthStr s, int64_t max, HthJVal list) {
    s = hth_j_strip(s, true, false);
    for (size_t i = 0, len; i < s.n; i += len) {
        uint32_t cp = hth_j_cp_at(s, i, &len);
        if (max-- == 0) return push_str(vm, list, s);
        while (i < s.n && !hth_j_class(cp, HTH_J_SPACE_CH)) {
            i += len;
            if (i < s.n) cp = hth_j_cp_at(s, i, &len);
        }
        HTH_TRY(push_str(vm, list, (HthStr){ s.p, i }));
        s = hth_j_strip((HthStr){ s.p + i, s.n - i }, true, false);
        i = 0;
        len = 0;
    }
    return HTH_OK;
}

static HthStatus rsplit_space(HthJVm *vm, HthStr s, int64_t max, HthJVal list) {
    s = hth_j_strip(s, false, true);
    while (s.n) {
        size_t at = s.n, len;
        if (max-- == 0) return push_str(vm, list, s);
        while (at > 0) {
            size_t prev = at - 1;
            while (prev > 0 && (s.p[prev] & 0xC0) == 0x80) prev--;
            if (hth_j_class(hth_j_cp_at(s, prev, &len), HTH_J_SPACE_CH)) break;
            at = prev;
        }
        HTH_TRY(push_str(vm, list, (HthStr){ s.p + at, s.n - at }));
        s = hth_j_strip((HthStr){ s.p, at }, false, true);
    }
    return HTH_OK;
}

static size_t rfind(HthStr s, HthStr needle) {
    for (size_t at = s.n + 1; needle.n <= s.n && at-- > 0;) {
        if (at + needle.n > s.n) continue;
        if (memcmp(s.p + at, needle.p, needle.n) == 0) return at;
    }
    return SIZE_MAX;
}

static HthStatus split(HthJVm *vm, HthJVal self, const HthJVal *v, bool right, HthJVal *out) {
    HthStr s = hth_j_text(self), sep;
    HthJVal list;
    int64_t max;
    bool space = !hth_j_given(v[0]) || v[0].kind == HTH_J_NONE;
    HTH_TRY(hth_j_want_int(vm, v[1], "the maxsplit of split", -1, &max));
    HTH_TRY(hth_j_seq(vm, HTH_J_LIST, 0, &list));
    HTH_TRY(hth_j_work(vm, s.n));
    *out = list;
    if (space) {
        HTH_TRY(right ? rsplit_space(vm, s, max, list) : split_space(vm, s, max, list));
    } else {
        HTH_TRY(hth_j_want_str(vm, v[0], "the separator of split", &sep));
        HTH_J_REQUIRE(sep.n, vm, "the separator of split is empty");
        for (size_t at; max != 0; max--) {
            at = right ? rfind(s, sep) : hth_str_find(s, sep);
            if (at == SIZE_MAX) break;
            HthStr head = { s.p, at }, tail = { s.p + at + sep.n, s.n - at - sep.n };
            HTH_TRY(push_str(vm, list, right ? tail : head));
            s = right ? head : tail;
        }
        HTH_TRY(push_str(vm, list, s));
    }
    for (uint32_t i = 0, n = list.u.seq->n; right && i < n / 2; i++) {
        HthJVal t = list.u.seq->v[i];
        list.u.seq->v[i] = list.u.seq->v[n - 1 - i];
        list.u.seq->v[n - 1 - i] = t;
    }
    return HTH_OK;
}

METHOD(m_split) {
    (void)raw;
    return split(vm, self, v, false, out);
}

METHOD(m_rsplit) {
    (void)raw;
    return split(vm, self, v, true, out);
}

METHOD(m_splitlines) {
    HthStr line;
    HthJVal list;
    (void)raw;
    HTH_TRY(hth_j_seq(vm, HTH_J_LIST, 0, &list));
    HTH_TRY(hth_j_work(vm, self.n));
    for (size_t at = 0; hth_j_line(hth_j_text(self), &at, hth_j_truth(v[0]), &line);)
        HTH_TRY(push_str(vm, list, line));
    *out = list;
    return HTH_OK;
}

static HthStatus partition(HthJVm *vm, HthJVal self, HthJVal by, bool right, HthJVal *out) {
    HthStr s = hth_j_text(self), sep, empty = { "", 0 };
    HthJVal t;
    HTH_TRY(hth_j_want_str(vm, by, "the separator of partition", &sep));
    HTH_J_REQUIRE(sep.n, vm, "the separator of partition is empty");
    HTH_TRY(hth_j_work(vm, s.n));
    HTH_TRY(hth_j_seq(vm, HTH_J_TUPLE, 3, &t));
    size_t at = right ? rfind(s, sep) : hth_str_find(s, sep);
    bool hit = at != SIZE_MAX;
    HthStr head = hit ? (HthStr){ s.p, at } : right ? empty : s;
    HthStr tail = hit ? (HthStr){ s.p + at + sep.n, s.n - at - sep.n } : right ? s : empty;
    HTH_TRY(push_str(vm, t, head));
    HTH_TRY(push_str(vm, t, hit ? sep : empty));
    HTH_TRY(push_str(vm, t, tail));
    *out = t;
    return HTH_OK;
}

METHOD(m_partition) {
    (void)raw;
    return partition(vm, self, v[0], false, out);
}

METHOD(m_rpartition) {
    (void)raw;
    return partition(vm, self, v[0], true, out);
}

/* --- looking --- */
/* The bytes of s[start:end]; *ok false when start lies past the end. */
static HthStatus window(HthJVm *vm, HthStr s, HthJVal start, HthJVal end, size_t *from_cp,
                        HthStr *out, bool *ok) {
    int64_t n = (int64_t)hth_j_cp_count(s), a, b;
    HTH_TRY(hth_j_want_int(vm, start, "a start offset", 0, &a));
    HTH_TRY(hth_j_want_int(vm, end, "an end offset", n, &b));
    if (a < 0) a = a + n > 0 ? a + n : 0;
    if (b < 0) b = b + n > 0 ? b + n : 0;
    if (b > n) b = n;
    *ok = a <= b;
    HTH_TRY(hth_j_work(vm, s.n));
    *out = (HthStr){ s.p, 0 };
    if (!*ok) return HTH_OK;
    size_t x = hth_j_cp_offset(s, (size_t)a), y = hth_j_cp_offset(s, (size_t)b);
    *from_cp = (size_t)a;
    *out = (HthStr){ s.p + x, y - x };
    return HTH_OK;
}

static HthStatus affix(HthJVm *vm, HthJVal self, const HthJVal *v, bool end, HthJVal *out) {
    HthStr s, fix;
    size_t from;
    bool ok, yes = false;
    HTH_TRY(window(vm, hth_j_text(self), v[1], v[2], &from, &s, &ok));
    const HthJVal *options = v[0].kind == HTH_J_TUPLE ? v[0].u.seq->v : v;
    uint32_t count = v[0].kind == HTH_J_TUPLE ? v[0].u.seq->n : 1;
    for (uint32_t i = 0; i < count; i++) {
        HTH_TRY(hth_j_want_str(vm, options[i], "what a string starts or ends with", &fix));
        yes = yes || (ok && (end ? hth_str_ends(s, fix) : hth_str_starts(s, fix)));
    }
    *out = hth_j_bool(yes);
    return HTH_OK;
}

METHOD(m_startswith) {
    (void)raw;
    return affix(vm, self, v, false, out);
}

METHOD(m_endswith) {
    (void)raw;
    return affix(vm, self, v, true, out);
}

static HthStatus find(HthJVm *vm, HthJVal self, const HthJVal *v, bool right, bool must,
                      HthJVal *out) {
    HthStr s, needle;
    size_t from = 0, at;
    bool ok;
    HTH_TRY(hth_j_want_str(vm, v[0], "what to find", &needle));
    HTH_TRY(window(vm, hth_j_text(self), v[1], v[2], &from, &s, &ok));
    at = !ok ? SIZE_MAX : right ? rfind(s, needle) : hth_str_find(s, needle);
    HTH_J_REQUIRE(!must || at != SIZE_MAX, vm, "the substring is not found");
    *out = hth_j_int(at == SIZE_MAX ? -1 : (int64_t)(from + hth_j_cp_count((HthStr){ s.p, at })));
    return HTH_OK;
}

METHOD(m_find) {
    (void)raw;
    return find(vm, self, v, false, false, out);
}

METHOD(m_rfind) {
    (void)raw;
    return find(vm, self, v, true, false, out);
}

METHOD(m_index) {
    (void)raw;
    return find(vm, self, v, false, true, out);
}

METHOD(m_rindex) {
    (void)raw;
    return find(vm, self, v, true, true, out);
}

METHOD(m_count) {
    HthStr s, needle;
    size_t from;
    int64_t n = 0;
    bool ok;
    (void)raw;
    HTH_TRY(hth_j_want_str(vm, v[0], "what to count", &needle));
    HTH_TRY(window(vm, hth_j_text(self), v[1], v[2], &from, &s, &ok));
    if (needle.n == 0) n = ok ? (int64_t)hth_j_cp_count(s) + 1 : 0;
    for (size_t at; needle.n && (at = hth_str_find(s, needle)) != SIZE_MAX; n++)
        s = (HthStr){ s.p + at + needle.n, s.n - at - needle.n };
    *out = hth_j_int(n);
    return HTH_OK;
}

/* --- making --- */
METHOD(m_replace) {
    HthStr old, with;
    int64_t count;
    (void)raw;
    HTH_TRY(hth_j_want_str(vm, v[0], "what replace looks for", &old));
    HTH_TRY(hth_j_want_str(vm, v[1], "what replace puts", &with));
    HTH_TRY(hth_j_want_int(vm, v[2], "the count of replace", -1, &count));
    return hth_j_replace(vm, hth_j_text(self), old, with, count, out);
}

METHOD(m_join) {
    HthJSb sb = { 0 };
    HthJVal item;
    HthJWalk w;
    HthStr s;
    bool got;
    (void)raw;
    HTH_TRY(hth_j_walk(vm, v[0], &w));
    for (bool first = true;; first = false) {
        HTH_TRY(hth_j_next(vm, &w, &item, &got));
        if (!got) break;
        HTH_TRY(hth_j_want_str(vm, item, "what join joins", &s));
        if (!first) HTH_TRY(hth_j_add(vm, &sb, hth_j_text(self)));
        HTH_TRY(hth_j_add(vm, &sb, s));
    }
    *out = hth_j_done(&sb);
    return HTH_OK;
}

static HthStatus padded(HthJVm *vm, HthJVal self, const HthJVal *v, char align, HthJVal *out) {
    HthJSb sb = { 0 };
    HthStr fill = HTH_STR(" ");
    int64_t width;
    HTH_TRY(hth_j_want_int(vm, v[0], "a width", 0, &width));
    if (hth_j_given(v[1])) HTH_TRY(hth_j_want_str(vm, v[1], "the fill", &fill));
    HTH_J_REQUIRE(hth_j_cp_count(fill) == 1, vm, "the fill must be one character");
    int64_t n = (int64_t)hth_j_cp_count(hth_j_text(self)), room = width > n ? width - n : 0;
    int64_t left = align == '<' ? 0 : align == '>' ? room : room / 2 + (room & width & 1);
    HTH_TRY(hth_j_add_fill(vm, &sb, fill, (size_t)left));
    HTH_TRY(hth_j_add(vm, &sb, hth_j_text(self)));
    HTH_TRY(hth_j_add_fill(vm, &sb, fill, (size_t)(room - left)));
    *out = hth_j_done(&sb);
    return HTH_OK;
}

METHOD(m_center) {
    (void)raw;
    return padded(vm, self, v, '^', out);
}

METHOD(m_ljust) {
    (void)raw;
    return padded(vm, self, v, '<', out);
}

METHOD(m_rjust) {
    (void)raw;
    return padded(vm, self, v, '>', out);
}

METHOD(m_zfill) {
    HthStr s = hth_j_text(self);
    HthJSb sb = { 0 };
    int64_t width, n = (int64_t)hth_j_cp_count(s);
    (void)raw;
    HTH_TRY(hth_j_want_int(vm, v[0], "a width", 0, &width));
    size_t sign = s.n && (s.p[0] == '-' || s.p[0] == '+');
    HTH_TRY(hth_j_add(vm, &sb, (HthStr){ s.p, sign }));
    HTH_TRY(hth_j_add_fill(vm, &sb, HTH_STR("0"), width > n ? (size_t)(width - n) : 0));
    HTH_TRY(hth_j_add(vm, &sb, (HthStr){ s.p + sign, s.n - sign }));
    *out = hth_j_done(&sb);
    return HTH_OK;
}

METHOD(m_expandtabs) {
    HthStr s = hth_j_text(self);
    HthJSb sb = { 0 };
    int64_t size, column = 0;
    (void)raw;
    HTH_TRY(hth_j_want_int(vm, v[0], "the tab size", 8, &size));
    for (size_t i = 0, len; i < s.n; i += len) {
        uint32_t cp = hth_j_cp_at(s, i, &len);
        if (cp == '\t') {
            int64_t n = size > 0 ? size - column % size : 0;
            HTH_TRY(hth_j_add_fill(vm, &sb, HTH_STR(" "), (size_t)n));
            column += n;
        } else {
            HTH_TRY(hth_j_add(vm, &sb, (HthStr){ s.p + i, len }));
            column = cp == '\n' || cp == '\r' ? 0 : column + 1;
        }
    }
    *out = hth_j_done(&sb);
    return HTH_OK;
}

METHOD(m_format) {
    (void)v;
    return hth_j_format(vm, self, raw, out);
}

METHOD(m_format_map) {
    HthJArgs args = { 0 };
    HthJVal names;
    (void)raw;
    HTH_J_REQUIRE(v[0].kind == HTH_J_DICT, vm, "format_map needs a dict, not a %s",
                  hth_j_type(v[0]));
    HTH_TRY(hth_j_take(vm, v[0].u.dict->live, sizeof *args.kw, &args.kw));
    HTH_TRY(hth_j_take(vm, v[0].u.dict->live, sizeof *args.kw_names, &args.kw_names));
    for (uint32_t i = 0; i < v[0].u.dict->n; i++) {
        names = v[0].u.dict->e[i].k;
        if (names.kind != HTH_J_STR) continue;
        args.kw_names[args.kw_count] = hth_j_text(names);
        args.kw[args.kw_count++] = v[0].u.dict->e[i].v;
    }
    return hth_j_format(vm, self, &args, out);
}

/* --- case --- */
METHOD(m_upper) {
    (void)v, (void)raw;
    return hth_j_case(vm, hth_j_text(self), HTH_J_TO_UPPER, out);
}

METHOD(m_lower) {
    (void)v, (void)raw;
    return hth_j_case(vm, hth_j_text(self), HTH_J_TO_LOWER, out);
}

METHOD(m_capitalize) {
    (void)v, (void)raw;
    return hth_j_call_builtin(vm, hth_j_find_filter(HTH_STR("capitalize")), "function", self,
                              &(HthJArgs){ 0 }, out);
}

/* str.title: every run of cased characters begins in title case (unlike the filter). */
METHOD(m_title) {
    HthStr s = hth_j_text(self);
    HthJSb sb = { 0 };
    bool inside = false;
    (void)v, (void)raw;
    for (size_t i = 0, len; i < s.n; i += len) {
        uint32_t cp = hth_j_cp_at(s, i, &len);
        HTH_TRY(hth_j_add_case(vm, &sb, s, i, inside ? HTH_J_TO_LOWER : HTH_J_TO_TITLE));
        inside = hth_j_class(cp, HTH_J_CASED);
    }
    *out = hth_j_done(&sb);
    return HTH_OK;
}

METHOD(m_swapcase) {
    HthStr s = hth_j_text(self);
    HthJSb sb = { 0 };
    (void)v, (void)raw;
    for (size_t i = 0, len; i < s.n; i += len) {
        uint32_t cp = hth_j_cp_at(s, i, &len);
        if (hth_j_class(cp, HTH_J_UPPER))
            HTH_TRY(hth_j_add_case(vm, &sb, s, i, HTH_J_TO_LOWER));
        else if (hth_j_class(cp, HTH_J_LOWER))
            HTH_TRY(hth_j_add_case(vm, &sb, s, i, HTH_J_TO_UPPER));
        else
            HTH_TRY(hth_j_add(vm, &sb, (HthStr){ s.p + i, len }));
    }
    *out = hth_j_done(&sb);
    return HTH_OK;
}

/* --- classes --- */
static HthStatus every(HthJVm *vm, HthJVal self, HthJClass c, bool if_empty, HthJVal *out) {
    bool all = self.n > 0 || if_empty;
    HTH_TRY(hth_j_work(vm, self.n));
    for (size_t i = 0, len; i < self.n && all; i += len)
        all = hth_j_class(hth_j_cp_at(hth_j_text(self), i, &len), c);
    *out = hth_j_bool(all);
    return HTH_OK;
}

#define CLASS_METHOD(name, c, if_empty)                                                            \
    METHOD(name) {                                                                                 \
        (void)v, (void)raw;                                                                        \
        return every(vm, self, c, if_empty, out);                                                  \
    }

CLASS_METHOD(m_isalpha, HTH_J_ALPHA, false)
CLASS_METHOD(m_isalnum, HTH_J_ALNUM, false)
CLASS_METHOD(m_isdecimal, HTH_J_DECIMAL, false)
CLASS_METHOD(m_isdigit, HTH_J_DIGIT, false)
CLASS_METHOD(m_isnumeric, HTH_J_NUMERIC, false)
CLASS_METHOD(m_isspace, HTH_J_SPACE_CH, false)
CLASS_METHOD(m_isprintable, HTH_J_PRINTABLE, true)

METHOD(m_isascii) {
    bool all = true;
    (void)v, (void)raw;
    HTH_TRY(hth_j_work(vm, self.n));
    for (uint32_t i = 0; i < self.n; i++) all = all && (unsigned char)self.u.s[i] < 0x80;
    *out = hth_j_bool(all);
    return HTH_OK;
}

static HthStatus by_test(HthJVm *vm, HthJVal self, const char *test, HthJVal *out) {
    return hth_j_call_builtin(vm, hth_j_find_test(hth_str(test)), "function", self,
                              &(HthJArgs){ 0 }, out);
}

METHOD(m_islower) {
    (void)v, (void)raw;
    return by_test(vm, self, "lower", out);
}

METHOD(m_isupper) {
    (void)v, (void)raw;
    return by_test(vm, self, "upper", out);
}

METHOD(m_istitle) {
    bool inside = false, some = false, all = true;
    (void)v, (void)raw;
    HTH_TRY(hth_j_work(vm, self.n));
    for (size_t i = 0, len; i < self.n; i += len) {
        uint32_t cp = hth_j_cp_at(hth_j_text(self), i, &len);
        bool cased = hth_j_class(cp, HTH_J_CASED);
        if (cased) all = all && hth_j_class(cp, HTH_J_LOWER) == inside;
        some = some || cased;
        inside = cased;
    }
    *out = hth_j_bool(some && all);
    return HTH_OK;
}

METHOD(m_isidentifier) {
    bool all = self.n > 0;
    (void)v, (void)raw;
    HTH_TRY(hth_j_work(vm, self.n));
    for (size_t i = 0, len; i < self.n; i += len) {
        uint32_t cp = hth_j_cp_at(hth_j_text(self), i, &len);
        all = all && (cp == '_' || hth_j_class(cp, i ? HTH_J_ALNUM : HTH_J_ALPHA));
    }
    *out = hth_j_bool(all);
    return HTH_OK;
}

const HthJBuiltin hth_j_str_methods[] = {
    { "capitalize", "", m_capitalize },
    { "casefold", "", NULL },
    { "center", "width fillchar?", m_center },
    { "count", "sub start? end?", m_count },
    { "encode", "*", NULL },
    { "endswith", "suffix start? end?", m_endswith },
    { "expandtabs", "tabsize?", m_expandtabs },
    { "find", "sub start? end?", m_find },
    { "format", "*", m_format },
    { "format_map", "mapping", m_format_map },
    { "index", "sub start? end?", m_index },
    { "isalnum", "", m_isalnum },
    { "isalpha", "", m_isalpha },
    { "isascii", "", m_isascii },
    { "isdecimal", "", m_isdecimal },
    { "isdigit", "", m_isdigit },
    { "isidentifier", "", m_isidentifier },
    { "islower", "", m_islower },
    { "isnumeric", "", m_isnumeric },
    { "isprintable", "", m_isprintable },
    { "isspace", "", m_isspace },
    { "istitle", "", m_istitle },
    { "isupper", "", m_isupper },
    { "join", "iterable", m_join },
    { "ljust", "width fillchar?", m_ljust },
    { "lower", "", m_lower },
    { "lstrip", "chars?", m_lstrip },
    { "maketrans", "*", NULL },
    { "partition", "sep", m_partition },
    { "removeprefix", "prefix", m_removeprefix },
    { "removesuffix", "suffix", m_removesuffix },
    { "replace", "old new count?", m_replace },
    { "rfind", "sub start? end?", m_rfind },
    { "rindex", "sub start? end?", m_rindex },
    { "rjust", "width fillchar?", m_rjust },
    { "rpartition", "sep", m_rpartition },
    { "rsplit", "sep? maxsplit?", m_rsplit },
    { "rstrip", "chars?", m_rstrip },
    { "split", "sep? maxsplit?", m_split },
    { "splitlines", "keepends?", m_splitlines },
    { "startswith", "prefix start? end?", m_startswith },
    { "strip", "chars?", m_strip },
    { "swapcase", "", m_swapcase },
    { "title", "", m_title },
    { "translate", "*", NULL },
    { "upper", "", m_upper },
    { "zfill", "width", m_zfill },
    { NULL, NULL, NULL },
};

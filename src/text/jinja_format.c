/* jinja_format.c - Python's two ways to format: "%s" % x and "{}".format(x). */
#include "text/jinja.h"

#include <stdio.h>

HthStatus hth_j_add_padded(HthJVm *vm, HthJSb *sb, HthStr sign, HthStr body, HthJPad pad) {
    size_t n = hth_j_cp_count(sign) + hth_j_cp_count(body);
    size_t room = pad.width > n ? pad.width - n : 0;
    size_t before = pad.align == '>' ? room : pad.align == '^' ? room / 2 : 0;
    size_t inner = pad.align == '=' ? room : 0;
    HTH_TRY(hth_j_add_fill(vm, sb, pad.fill, before));
    HTH_TRY(hth_j_add(vm, sb, sign));
    HTH_TRY(hth_j_add_fill(vm, sb, pad.fill, inner));
    HTH_TRY(hth_j_add(vm, sb, body));
    return hth_j_add_fill(vm, sb, pad.fill, room - before - inner);
}

/* repr(v) for 'r'; for 'a' as ascii(v), every other character an escape. */
static HthStatus represent(HthJVm *vm, HthJSb *sb, HthJVal v, char conversion) {
    HthJSb text = { 0 };
    if (conversion == 'r') return hth_j_add_repr(vm, sb, v);
    HTH_TRY(hth_j_add_repr(vm, &text, v));
    HthStr s = { text.p, text.n };
    for (size_t i = 0, len; i < s.n; i += len) {
        uint32_t cp = hth_j_cp_at(s, i, &len);
        char escape[12];
        int n = snprintf(escape, sizeof escape,
                         cp < 0x100     ? "\\x%02x"
                         : cp < 0x10000 ? "\\u%04x"
                                        : "\\U%08x",
                         cp);
        HTH_TRY(
            hth_j_add(vm, sb, cp < 0x80 ? hth_str_sub(s, i, len) : (HthStr){ escape, (size_t)n }));
    }
    return HTH_OK;
}

/* --- a number in a given type --- */
typedef struct Spec {
    HthJPad pad;
    char sign; /* '-', '+' or ' ' */
    bool alt, upper;
    char group; /* 0, ',' or '_' */
    int precision; /* -1: none */
    char type; /* 0: none */
} Spec;

static HthStatus digits_of(HthJVm *vm, HthJSb *sb, uint64_t u, unsigned base, bool upper) {
    char text[64];
    size_t at = sizeof text;
    do {
        text[--at] = (upper ? "0123456789ABCDEF" : "0123456789abcdef")[u % base];
    } while ((u /= base) != 0);
    return hth_j_add(vm, sb, (HthStr){ text + at, sizeof text - at });
}

/* Separators between groups of the integer part. */
static HthStatus grouped(HthJVm *vm, HthJSb *sb, HthStr digits, char group, size_t every) {
    size_t whole = 0;
    while (whole < digits.n && digits.p[whole] != '.' && digits.p[whole] != 'e') whole++;
    for (size_t i = 0; i < whole; i++) {
        if (i && group && (whole - i) % every == 0) HTH_TRY(hth_j_add_char(vm, sb, group));
        HTH_TRY(hth_j_add_char(vm, sb, digits.p[i]));
    }
    return hth_j_add(vm, sb, hth_str_sub(digits, whole, digits.n));
}

static HthStatus finish(HthJVm *vm, HthJSb *sb, const Spec *s, bool neg, const char *prefix,
                        HthJSb *digits) {
    HthJSb sign = { 0 }, body = { 0 };
    bool decimal = !s->type || strchr("dnfFeEgG%", s->type);
    if (neg || s->sign != '-') HTH_TRY(hth_j_add_char(vm, &sign, neg ? '-' : s->sign));
    HTH_TRY(hth_j_add(vm, &sign, hth_str(prefix)));
    for (size_t i = 0; s->upper && i < digits->n; i++)
        if (digits->p[i] >= 'a' && digits->p[i] <= 'z') digits->p[i] ^= 32;
    HTH_TRY(grouped(vm, &body, (HthStr){ digits->p, digits->n }, s->group, decimal ? 3 : 4));
    return hth_j_add_padded(vm, sb, (HthStr){ sign.p, sign.n }, (HthStr){ body.p, body.n }, s->pad);
}

static HthStatus int_spec(HthJVm *vm, HthJSb *sb, int64_t i, const Spec *s) {
    HthJSb digits = { 0 };
    uint64_t u = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    unsigned base = s->type == 'b' ? 2 : s->type == 'o' ? 8 : (s->type | 32) == 'x' ? 16 : 10;
    const char *prefix = !s->alt          ? ""
                         : base == 2      ? "0b"
                         : base == 8      ? "0o"
                         : s->type == 'x' ? "0x"
                         : s->type == 'X' ? "0X"
                                          : "";
    if (s->type == 'c') {
        HTH_J_REQUIRE(i >= 0 && i < 0x110000 && !(i >= 0xD800 && i < 0xE000), vm,
                      "a number to format is no character");
        HTH_TRY(hth_j_add_cp(vm, &digits, (uint32_t)i));
        return hth_j_add_padded(vm, sb, HTH_STR(""), (HthStr){ digits.p, digits.n }, s->pad);
    }
    HTH_TRY(digits_of(vm, &digits, u, base, s->type == 'X'));
    return finish(vm, sb, s, i < 0, prefix, &digits);
}

static HthStatus float_spec(HthJVm *vm, HthJSb *sb, double f, const Spec *s) {
    HthJSb digits = { 0 };
    uint64_t bits;
    memcpy(&bits, &f, sizeof bits);
    bool neg = bits >> 63 && f == f, plain = !s->type && s->precision < 0;
    if (neg) f = -f;
    char style = s->type == '%' ? 'f' : s->type ? (char)(s->type | 32) : 'g';
    if (style == 'n') style = 'g';
    if (s->type == '%') f *= 100;
    int precision = s->precision < 0 ? 6 : s->precision;
    if (plain) {
        HTH_TRY(hth_j_add_float(vm, &digits, f));
    } else {
        HTH_TRY(hth_j_add_double(vm, &digits, f, style, precision, s->alt));
        bool bare = !s->type && f - f == 0;
        for (size_t i = 0; i < digits.n; i++)
            bare = bare && digits.p[i] != '.' && digits.p[i] != 'e';
        if (bare) HTH_TRY(hth_j_add(vm, &digits, HTH_STR(".0")));
    }
    if (s->type == '%') HTH_TRY(hth_j_add_char(vm, &digits, '%'));
    return finish(vm, sb, s, neg, "", &digits);
}

/* --- the format mini-language --- */
static bool read_number(HthStr s, size_t *at, size_t *out) {
    size_t from = *at;
    *out = 0;
    for (; *at < s.n && s.p[*at] >= '0' && s.p[*at] <= '9'; (*at)++)
        if (*out < UINT32_MAX) *out = *out * 10 + (size_t)(s.p[*at] - '0');
    return *at > from;
}

static bool is_align(char c) {
    return c == '<' || c == '>' || c == '^' || c == '=';
}

static HthStatus parse_spec(HthJVm *vm, HthStr s, bool number, Spec *out) {
    Spec r = { .pad = { HTH_STR(" "), number ? '>' : '<', 0 }, .sign = '-', .precision = -1 };
    size_t at = 0, len = 0, n;
    if (s.n) hth_j_cp_at(s, 0, &len);
    bool filled = s.n > len && is_align(s.p[len]);
    bool aligned = filled || (s.n && is_align(s.p[0]));
    if (filled) {
        r.pad.fill = hth_str_sub(s, 0, len);
        r.pad.align = s.p[len];
        at = len + 1;
    } else if (aligned) {
        r.pad.align = s.p[0];
        at = 1;
    }
    if (at < s.n && (s.p[at] == '+' || s.p[at] == '-' || s.p[at] == ' ')) r.sign = s.p[at++];
    if (at < s.n && s.p[at] == '#') r.alt = s.p[at++] == '#';
    if (at < s.n && s.p[at] == '0') {
        if (!filled) r.pad.fill = HTH_STR("0");
        if (!aligned && number) r.pad.align = '=';
        at++;
    }
    (void)read_number(s, &at, &r.pad.width);
    if (at < s.n && (s.p[at] == ',' || s.p[at] == '_')) r.group = s.p[at++];
    if (at < s.n && s.p[at] == '.') {
        at++;
        HTH_J_REQUIRE(read_number(s, &at, &n), vm, "a format has no precision after '.'");
        r.precision = n < INT32_MAX ? (int)n : INT32_MAX;
    }
    if (at < s.n) r.type = s.p[at++];
    HTH_J_REQUIRE(at == s.n && (!r.type || strchr("bcdeEfFgGnosxX%", r.type)), vm,
                  "a format specification is malformed");
    r.upper = r.type && strchr("EFG", r.type);
    *out = r;
    return HTH_OK;
}

HthStatus hth_j_add_spec(HthJVm *vm, HthJSb *sb, HthJVal v, HthStr spec) {
    Spec s;
    if (spec.n == 0) return hth_j_add_str(vm, sb, v);
    HTH_TRY(parse_spec(vm, spec, hth_j_is_num(v), &s));
    if (v.kind == HTH_J_STR) {
        HthStr t = hth_j_text(v);
        HTH_J_REQUIRE((!s.type || s.type == 's') && s.sign == '-' && s.pad.align != '=', vm,
                      "a format for numbers is given a string");
        if (s.precision >= 0) t.n = hth_j_cp_offset(t, (size_t)s.precision);
        return hth_j_add_padded(vm, sb, HTH_STR(""), t, s.pad);
    }
    HTH_J_REQUIRE(hth_j_is_num(v), vm, "a %s takes no format specification", hth_j_type(v));
    HTH_J_REQUIRE(s.type != 's', vm, "a format for strings is given a number");
    bool as_float = v.kind == HTH_J_FLOAT || (s.type && strchr("eEfFgG%", s.type));
    if (as_float) {
        HTH_J_REQUIRE(!s.type || strchr("eEfFgGn%", s.type), vm,
                      "a format for integers is given a float");
        return float_spec(vm, sb, hth_j_num(v), &s);
    }
    return int_spec(vm, sb, v.u.i, &s);
}

/* --- str.format --- */
typedef struct Fields {
    const HthJArgs *args;
    bool escape; /* the format is Markup */
    int64_t next; /* automatic numbering; -1 once fields are numbered by hand */
} Fields;

/* name, name.attr, name[item], ... */
static HthStatus field_value(HthJVm *vm, Fields *f, HthStr field, HthJVal *out) {
    size_t n = 0;
    int64_t index = 0;
    while (n < field.n && field.p[n] != '.' && field.p[n] != '[') n++;
    HthStr name = { field.p, n };
    bool numbered = n && hth_str_i64(name, &index) && index >= 0;
    if (n == 0) {
        HTH_J_REQUIRE(f->next >= 0, vm, "format mixes numbered and automatic fields");
        index = f->next++;
    } else if (numbered) {
        HTH_J_REQUIRE(f->next <= 0, vm, "format mixes numbered and automatic fields");
        f->next = -1;
    }
    if (n == 0 || numbered) {
        HTH_J_REQUIRE(index < f->args->pos_count, vm, "format has fewer arguments than fields");
        *out = f->args->pos[index];
    } else {
        uint32_t i = 0;
        while (i < f->args->kw_count && !hth_str_eq(f->args->kw_names[i], name)) i++;
        HTH_J_REQUIRE(i < f->args->kw_count, vm, "format has no argument of that name");
        *out = f->args->kw[i];
    }
    while (n < field.n) {
        bool attr = field.p[n++] == '.';
        size_t from = n;
        while (n < field.n && (attr ? field.p[n] != '.' && field.p[n] != '[' : field.p[n] != ']'))
            n++;
        HthStr part = { field.p + from, n - from };
        HTH_J_REQUIRE(attr || n < field.n, vm, "a field of format has no closing ]");
        n += !attr;
        if (attr)
            HTH_TRY(hth_j_getattr(vm, *out, part, out));
        else
            HTH_TRY(hth_j_getitem(
                vm, *out, hth_str_i64(part, &index) ? hth_j_int(index) : hth_j_str(part), out));
    }
    return HTH_OK;
}

static HthStatus format_text(HthJVm *vm, Fields *f, HthStr s, int depth, HthJSb *sb);

/* The inside of {...}: field, !conversion, :spec. */
static HthStatus replacement(HthJVm *vm, Fields *f, HthStr inside, int depth, HthJSb *sb) {
    size_t n = 0;
    bool bracket = false;
    for (; n < inside.n; n++) {
        char c = inside.p[n];
        if (c == '[') bracket = true;
        if (c == ']') bracket = false;
        if (!bracket && (c == '!' || c == ':')) break;
    }
    HthJVal v;
    HthJSb text = { 0 }, spec = { 0 };
    HTH_TRY(field_value(vm, f, (HthStr){ inside.p, n }, &v));
    if (n < inside.n && inside.p[n] == '!') {
        char conv = n + 1 < inside.n ? inside.p[n + 1] : 0;
        HTH_J_REQUIRE(conv == 'r' || conv == 's' || conv == 'a', vm,
                      "format converts with !r, !s or !a");
        HTH_TRY(conv == 's' ? hth_j_add_str(vm, &text, v) : represent(vm, &text, v, conv));
        v = hth_j_done(&text);
        n += 2;
        HTH_J_REQUIRE(n == inside.n || inside.p[n] == ':', vm, "a field of format is malformed");
    }
    if (n < inside.n)
        HTH_TRY(format_text(vm, f, hth_str_sub(inside, n + 1, inside.n), depth + 1, &spec));
    if (!f->escape || v.kind != HTH_J_STR || v.sub)
        return hth_j_add_spec(vm, sb, v, (HthStr){ spec.p, spec.n });
    HthJSb raw = { 0 };
    HTH_TRY(hth_j_add_spec(vm, &raw, v, (HthStr){ spec.p, spec.n }));
    return hth_j_add_escaped(vm, sb, (HthStr){ raw.p, raw.n });
}

static HthStatus format_text(HthJVm *vm, Fields *f, HthStr s, int depth, HthJSb *sb) {
    HTH_J_REQUIRE(depth <= 2, vm, "format nests too deep");
    for (size_t i = 0; i < s.n;) {
        char c = s.p[i];
        if (c != '{' && c != '}') {
            size_t from = i;
            while (i < s.n && s.p[i] != '{' && s.p[i] != '}') i++;
            HTH_TRY(hth_j_add(vm, sb, hth_str_sub(s, from, i - from)));
            continue;
        }
        if (i + 1 < s.n && s.p[i + 1] == c && depth == 0) {
            HTH_TRY(hth_j_add(vm, sb, hth_str_sub(s, i, 1)));
            i += 2;
            continue;
        }
        HTH_J_REQUIRE(c == '{', vm, "format has a lone }");
        size_t from = ++i, open = 1;
        for (; i < s.n; i++) {
            if (s.p[i] == '{') open++;
            if (s.p[i] == '}' && --open == 0) break;
        }
        HTH_J_REQUIRE(i < s.n, vm, "format has a lone {");
        HTH_TRY(replacement(vm, f, hth_str_sub(s, from, i - from), depth, sb));
        i++;
    }
    return HTH_OK;
}

HthStatus hth_j_format(HthJVm *vm, HthJVal fmt, const HthJArgs *args, HthJVal *out) {
    Fields f = { .args = args, .escape = fmt.sub };
    HthJSb sb = { 0 };
    HTH_TRY(format_text(vm, &f, hth_j_text(fmt), 0, &sb));
    *out = hth_j_done(&sb);
    out->sub = fmt.sub;
    return HTH_OK;
}

/* --- % --- */
typedef struct Percent {
    HthJVal arg; /* a tuple, a dict or one value */
    uint32_t used, count;
    bool escape;
} Percent;

static HthStatus next_arg(HthJVm *vm, Percent *p, HthJVal *out) {
    HTH_J_REQUIRE(p->used < p->count, vm, "a %% format has fewer arguments than fields");
    *out = p->arg.kind == HTH_J_TUPLE ? p->arg.u.seq->v[p->used] : p->arg;
    p->used++;
    return HTH_OK;
}

/* One number of a field: digits, or * for an argument. */
static HthStatus star_or_number(HthJVm *vm, Percent *p, HthStr s, size_t *at, int64_t *out) {
    size_t n = 0;
    if (*at < s.n && s.p[*at] == '*') {
        HthJVal v;
        (*at)++;
        HTH_TRY(next_arg(vm, p, &v));
        return hth_j_want_int(vm, v, "a width given as *", 0, out);
    }
    (void)read_number(s, at, &n);
    *out = (int64_t)n;
    return HTH_OK;
}

static HthStatus convert(HthJVm *vm, const Percent *p, HthJSb *sb, HthJVal v, Spec *s) {
    HthJSb text = { 0 }, safe = { 0 };
    char type = s->type;
    if (type == 's' || type == 'r' || type == 'a' || (type == 'c' && v.kind == HTH_J_STR)) {
        HTH_TRY(type == 'r' || type == 'a' ? represent(vm, &text, v, type)
                                           : hth_j_add_str(vm, &text, v));
        HthStr t = { text.p, text.n };
        HTH_J_REQUIRE(type != 'c' || hth_j_cp_count(t) == 1, vm, "%%c needs one character");
        if (p->escape && !(v.kind == HTH_J_STR && v.sub)) {
            HTH_TRY(hth_j_add_escaped(vm, &safe, t));
            t = (HthStr){ safe.p, safe.n };
        }
        if (s->precision >= 0) t.n = hth_j_cp_offset(t, (size_t)s->precision);
        s->pad.fill = HTH_STR(" ");
        if (s->pad.align == '=') s->pad.align = '>';
        return hth_j_add_padded(vm, sb, HTH_STR(""), t, s->pad);
    }
    if (v.kind == HTH_J_UNDEF) return hth_j_undef_fail(vm, v);
    HTH_J_REQUIRE(hth_j_is_num(v), vm, "a %% format needs a number, not a %s", hth_j_type(v));
    if (strchr("eEfFgG", type)) return float_spec(vm, sb, hth_j_num(v), s);
    bool whole = type == 'd' || type == 'i' || type == 'u';
    HTH_J_REQUIRE(whole || hth_j_is_int(v), vm, "a %% format needs an integer");
    if (v.kind == HTH_J_FLOAT) {
        HTH_J_REQUIRE(v.u.f > -9e18 && v.u.f < 9e18, vm, "a number is too large for a %% format");
        v = hth_j_int((int64_t)v.u.f);
    }
    if (whole) s->type = 'd';
    return int_spec(vm, sb, v.u.i, s);
}

/* "%(name)-08.3f" at s.p[*at], just past the %. */
static HthStatus percent_field(HthJVm *vm, Percent *p, HthStr s, size_t *at, HthJSb *sb) {
    Spec spec = { .pad = { HTH_STR(" "), '>', 0 }, .sign = '-', .precision = -1 };
    HthJVal v = { .kind = HTH_J_ABSENT };
    int64_t width, precision;
    bool zero = false, left = false;
    if (*at < s.n && s.p[*at] == '(') {
        HthStr rest = hth_str_sub(s, *at + 1, s.n);
        size_t n = hth_str_find(rest, HTH_STR(")"));
        HTH_J_REQUIRE(n != SIZE_MAX && p->arg.kind == HTH_J_DICT, vm,
                      "a %%(name) format needs a dict");
        HTH_TRY(hth_j_dict_get(vm, p->arg.u.dict, hth_j_str((HthStr){ rest.p, n }), &v));
        HTH_J_REQUIRE(hth_j_given(v), vm, "a %%(name) format names a missing key");
        *at += n + 2;
        p->used = p->count;
    }
    for (; *at < s.n && s.p[*at] && strchr("#0- +", s.p[*at]); (*at)++) {
        char c = s.p[*at];
        if (c == '#') spec.alt = true;
        if (c == '0') zero = true;
        if (c == '-') left = true;
        if (c == '+' || (c == ' ' && spec.sign != '+')) spec.sign = c;
    }
    HTH_TRY(star_or_number(vm, p, s, at, &width));
    if (width < 0) left = true;
    spec.pad.width = (size_t)(width < 0 ? 0 - (uint64_t)width : (uint64_t)width);
    if (*at < s.n && s.p[*at] == '.') {
        (*at)++;
        HTH_TRY(star_or_number(vm, p, s, at, &precision));
        spec.precision = precision < 0 ? 0 : precision > INT32_MAX ? INT32_MAX : (int)precision;
    }
    while (*at < s.n && (s.p[*at] == 'l' || s.p[*at] == 'h' || s.p[*at] == 'L')) (*at)++;
    HTH_J_REQUIRE(*at < s.n, vm, "a %% format ends too early");
    spec.type = s.p[(*at)++];
    spec.pad.align = left ? '<' : zero ? '=' : '>';
    if (zero && !left) spec.pad.fill = HTH_STR("0");
    if (spec.type == '%') return hth_j_add_char(vm, sb, '%');
    HTH_J_REQUIRE(spec.type && strchr("diuoxXeEfFgGcrsa", spec.type), vm,
                  "a %% format has an unknown type");
    spec.upper = strchr("EFG", spec.type) != NULL;
    if (!hth_j_given(v)) HTH_TRY(next_arg(vm, p, &v));
    return convert(vm, p, sb, v, &spec);
}

HthStatus hth_j_percent(HthJVm *vm, HthJVal fmt, HthJVal arg, HthJVal *out) {
    HthStr s = hth_j_text(fmt);
    HthJSb sb = { 0 };
    Percent p = { .arg = arg, .count = 1, .escape = fmt.sub };
    if (arg.kind == HTH_J_TUPLE) p.count = arg.u.seq->n;
    for (size_t at = 0; at < s.n;) {
        size_t from = at;
        while (at < s.n && s.p[at] != '%') at++;
        HTH_TRY(hth_j_add(vm, &sb, hth_str_sub(s, from, at - from)));
        if (at == s.n) break;
        at++;
        HTH_TRY(percent_field(vm, &p, s, &at, &sb));
    }
    bool lenient = arg.kind == HTH_J_DICT || arg.kind == HTH_J_LIST || arg.kind == HTH_J_UNDEF ||
                   arg.kind == HTH_J_RANGE; /* Python: whatever can be subscripted, but no tuple */
    HTH_J_REQUIRE(p.used >= p.count || lenient, vm, "a %% format has more arguments than fields");
    *out = hth_j_done(&sb);
    out->sub = fmt.sub;
    return HTH_OK;
}

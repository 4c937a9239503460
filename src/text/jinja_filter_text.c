/* jinja_filter_text.c - filters that read or make text. */
#include "text/jinja.h"

/* Jinja's soft_str: strings as they are (Markup stays Markup), the rest by str(). */
static HthStatus soft(HthJVm *vm, HthJVal self, HthJVal *out) {
    return hth_j_to_str(vm, self, out);
}

HthStatus hth_j_case(HthJVm *vm, HthStr s, HthJCase to, HthJVal *out) {
    HthJSb sb = { 0 };
    size_t len;
    for (size_t i = 0; i < s.n; i += len) {
        hth_j_cp_at(s, i, &len);
        HTH_TRY(hth_j_add_case(vm, &sb, s, i, to));
    }
    *out = hth_j_done(&sb);
    return HTH_OK;
}

static HthStatus f_upper(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                         HthJVal *out) {
    (void)v, (void)raw;
    HTH_TRY(soft(vm, self, &self));
    HTH_TRY(hth_j_case(vm, hth_j_text(self), HTH_J_TO_UPPER, out));
    out->sub = self.sub;
    return HTH_OK;
}

static HthStatus f_lower(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                         HthJVal *out) {
    (void)v, (void)raw;
    HTH_TRY(soft(vm, self, &self));
    HTH_TRY(hth_j_case(vm, hth_j_text(self), HTH_J_TO_LOWER, out));
    out->sub = self.sub;
    return HTH_OK;
}

static HthStatus f_capitalize(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                              HthJVal *out) {
    (void)v, (void)raw;
    HTH_TRY(soft(vm, self, &self));
    HthStr s = hth_j_text(self);
    HthJSb sb = { 0 };
    size_t len;
    for (size_t i = 0; i < s.n; i += len) {
        hth_j_cp_at(s, i, &len);
        HTH_TRY(hth_j_add_case(vm, &sb, s, i, i == 0 ? HTH_J_TO_TITLE : HTH_J_TO_LOWER));
    }
    *out = hth_j_done(&sb);
    out->sub = self.sub;
    return HTH_OK;
}

/* Words begin after white space and -({[<; the rest is lower case. */
static HthStatus f_title(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                         HthJVal *out) {
    (void)v, (void)raw;
    HTH_TRY(soft(vm, self, &self));
    HthStr s = hth_j_text(self);
    HthJSb sb = { 0 };
    bool begins = true;
    size_t len;
    for (size_t i = 0; i < s.n; i += len) {
        uint32_t cp = hth_j_cp_at(s, i, &len);
        bool separates = cp == '-' || cp == '(' || cp == '{' || cp == '[' || cp == '<' ||
                         hth_j_class(cp, HTH_J_SPACE_CH);
        HTH_TRY(hth_j_add_case(vm, &sb, s, i, begins ? HTH_J_TO_UPPER : HTH_J_TO_LOWER));
        begins = separates;
    }
    *out = hth_j_done(&sb);
    return HTH_OK;
}

static HthStatus f_trim(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                        HthJVal *out) {
    (void)raw;
    HTH_TRY(soft(vm, self, &self));
    return hth_j_strip_chars(vm, self, v[0], true, true, out);
}

static HthStatus f_string(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                          HthJVal *out) {
    (void)v, (void)raw;
    return soft(vm, self, out);
}

static HthStatus f_safe(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                        HthJVal *out) {
    (void)v, (void)raw;
    HTH_TRY(soft(vm, self, out));
    out->sub = 1;
    return HTH_OK;
}

static HthStatus escape(HthJVm *vm, HthJVal self, bool force, HthJVal *out) {
    HthJSb sb = { 0 };
    HTH_TRY(soft(vm, self, &self));
    if (self.sub && !force) {
        *out = self;
        return HTH_OK;
    }
    HTH_TRY(hth_j_add_escaped(vm, &sb, hth_j_text(self)));
    *out = hth_j_done(&sb);
    out->sub = 1;
    return HTH_OK;
}

static HthStatus f_escape(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                          HthJVal *out) {
    (void)v, (void)raw;
    return escape(vm, self, false, out);
}

static HthStatus f_forceescape(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                               HthJVal *out) {
    (void)v, (void)raw;
    return escape(vm, self, true, out);
}

static HthStatus f_replace(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                           HthJVal *out) {
    HthJVal old, with;
    int64_t count;
    (void)raw;
    HTH_TRY(soft(vm, self, &self));
    HTH_TRY(soft(vm, v[0], &old));
    HTH_TRY(soft(vm, v[1], &with));
    HTH_TRY(hth_j_want_int(vm, v[2], "the count of replace", -1, &count));
    return hth_j_replace(vm, hth_j_text(self), hth_j_text(old), hth_j_text(with), count, out);
}

static HthStatus f_center(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                          HthJVal *out) {
    HthJVal s;
    HTH_TRY(soft(vm, self, &s));
    HthJVal width = hth_j_given(v[0]) ? v[0] : hth_j_int(80);
    const HthJArgs args = { .pos = &width, .pos_count = 1 };
    (void)raw;
    return hth_j_call_builtin(vm, hth_j_find(hth_j_str_methods, HTH_STR("center")), "filter", s,
                              &args, out);
}

static HthStatus f_format(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                          HthJVal *out) {
    HthJVal arg;
    (void)v;
    HTH_TRY(soft(vm, self, &self));
    HTH_J_REQUIRE(!raw->pos_count || !raw->kw_count, vm,
                  "the filter 'format' takes positional or named arguments, not both");
    if (raw->kw_count) {
        HTH_TRY(hth_j_dict(vm, &arg));
        for (uint32_t i = 0; i < raw->kw_count; i++)
            HTH_TRY(hth_j_dict_put(vm, arg.u.dict, hth_j_str(raw->kw_names[i]), raw->kw[i]));
    } else {
        HTH_TRY(hth_j_seq(vm, HTH_J_TUPLE, raw->pos_count, &arg));
        for (uint32_t i = 0; i < raw->pos_count; i++)
            HTH_TRY(hth_j_push(vm, arg.u.seq, raw->pos[i]));
    }
    return hth_j_percent(vm, self, arg, out);
}

/* --- lines and words --- */
static HthStatus f_indent(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                          HthJVal *out) {
    HthStr s, line, pad;
    HthJSb spaces = { 0 }, sb = { 0 };
    int64_t width;
    (void)raw;
    HTH_TRY(hth_j_want_str(vm, self, "what indent works on", &s));
    if (v[0].kind == HTH_J_STR) {
        pad = hth_j_text(v[0]);
    } else {
        HTH_TRY(hth_j_want_int(vm, v[0], "the width of indent", 4, &width));
        HTH_TRY(hth_j_add_fill(vm, &spaces, HTH_STR(" "), width > 0 ? (size_t)width : 0));
        pad = (HthStr){ spaces.p, spaces.n };
    }
    HthJSb text = { 0 }; /* with one more newline, as Jinja does it */
    HTH_TRY(hth_j_add(vm, &text, s));
    HTH_TRY(hth_j_add_char(vm, &text, '\n'));
    bool first = hth_j_truth(v[1]), blank = hth_j_truth(v[2]);
    size_t at = 0;
    for (uint32_t n = 0; hth_j_line((HthStr){ text.p, text.n }, &at, false, &line); n++) {
        if (n) HTH_TRY(hth_j_add_char(vm, &sb, '\n'));
        if (n ? line.n || blank : first) HTH_TRY(hth_j_add(vm, &sb, pad));
        HTH_TRY(hth_j_add(vm, &sb, line));
    }
    *out = hth_j_done(&sb);
    out->sub = self.sub;
    return HTH_OK;
}

static HthStatus f_truncate(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                            HthJVal *out) {
    HthStr s, end = HTH_STR("...");
    int64_t length, leeway;
    HthJSb sb = { 0 };
    (void)raw;
    HTH_TRY(hth_j_want_str(vm, self, "what truncate works on", &s));
    HTH_TRY(hth_j_want_int(vm, v[0], "the length of truncate", 255, &length));
    if (hth_j_given(v[2])) HTH_TRY(hth_j_want_str(vm, v[2], "the end of truncate", &end));
    HTH_TRY(hth_j_want_int(vm, v[3], "the leeway of truncate", 5, &leeway));
    int64_t end_n = (int64_t)hth_j_cp_count(end), n = (int64_t)hth_j_cp_count(s);
    HTH_J_REQUIRE(length >= end_n && leeway >= 0, vm,
                  "truncate needs a length not below that of its end, and a leeway not below 0");
    if (n - length <= leeway) {
        *out = self;
        return HTH_OK;
    }
    HthStr head = { s.p, hth_j_cp_offset(s, (size_t)(length - end_n)) };
    for (size_t i = head.n; i > 0 && !hth_j_truth(v[1]); i--) { /* drop the broken word */
        if (head.p[i - 1] != ' ') continue;
        head.n = i - 1;
        break;
    }
    HTH_TRY(hth_j_add(vm, &sb, head));
    HTH_TRY(hth_j_add(vm, &sb, end));
    *out = hth_j_done(&sb);
    return HTH_OK;
}

static HthStatus f_wordcount(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                             HthJVal *out) {
    (void)v, (void)raw;
    HTH_TRY(soft(vm, self, &self));
    HthStr s = hth_j_text(self);
    int64_t words = 0;
    bool inside = false;
    size_t len;
    HTH_TRY(hth_j_work(vm, s.n));
    for (size_t i = 0; i < s.n; i += len) {
        bool word = hth_j_class(hth_j_cp_at(s, i, &len), HTH_J_WORD);
        words += word && !inside;
        inside = word;
    }
    *out = hth_j_int(words);
    return HTH_OK;
}

/* --- for the web --- */
static HthStatus add_quoted(HthJVm *vm, HthJSb *sb, HthJVal v, bool query) {
    HTH_TRY(hth_j_to_str(vm, v, &v));
    for (uint32_t i = 0; i < v.n; i++) {
        unsigned char c = (unsigned char)v.u.s[i];
        bool plain = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') ||
                     (c < 0x80 && c && strchr(query ? "_.-~" : "_.-~/", c));
        char hex[3] = { '%', "0123456789ABCDEF"[c >> 4], "0123456789ABCDEF"[c & 15] };
        if (plain)
            HTH_TRY(hth_j_add(vm, sb, (HthStr){ v.u.s + i, 1 }));
        else if (query && c == ' ')
            HTH_TRY(hth_j_add_char(vm, sb, '+'));
        else
            HTH_TRY(hth_j_add(vm, sb, (HthStr){ hex, 3 }));
    }
    return HTH_OK;
}

static HthStatus f_urlencode(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                             HthJVal *out) {
    HthJSb sb = { 0 };
    HthJVal item;
    HthJWalk w;
    bool got;
    (void)v, (void)raw;
    if (self.kind == HTH_J_STR || !hth_j_iterable(self)) {
        HTH_TRY(add_quoted(vm, &sb, self, false));
        *out = hth_j_done(&sb);
        return HTH_OK;
    }
    if (self.kind == HTH_J_DICT)
        self = (HthJVal){ .kind = HTH_J_VIEW, .sub = HTH_J_ITEMS, .u.dict = self.u.dict };
    HTH_TRY(hth_j_walk(vm, self, &w));
    for (bool first = true;; first = false) {
        HTH_TRY(hth_j_next(vm, &w, &item, &got));
        if (!got) break;
        HTH_TRY(hth_j_list(vm, item, &item));
        HTH_J_REQUIRE(item.u.seq->n == 2, vm, "urlencode needs pairs");
        if (!first) HTH_TRY(hth_j_add_char(vm, &sb, '&'));
        HTH_TRY(add_quoted(vm, &sb, item.u.seq->v[0], true));
        HTH_TRY(hth_j_add_char(vm, &sb, '='));
        HTH_TRY(add_quoted(vm, &sb, item.u.seq->v[1], true));
    }
    *out = hth_j_done(&sb);
    return HTH_OK;
}

static HthStatus f_xmlattr(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                           HthJVal *out) {
    HthJSb sb = { 0 };
    (void)raw;
    HTH_J_REQUIRE(self.kind == HTH_J_DICT, vm, "xmlattr needs a dict, not a %s", hth_j_type(self));
    for (uint32_t i = 0; i < self.u.dict->n; i++) {
        HthJPair e = self.u.dict->e[i];
        HthStr key;
        HthJVal value;
        if (e.k.kind == HTH_J_ABSENT || e.v.kind == HTH_J_NONE || e.v.kind == HTH_J_UNDEF) continue;
        HTH_TRY(hth_j_want_str(vm, e.k, "a key of xmlattr", &key));
        for (size_t k = 0; k < key.n; k++)
            HTH_J_REQUIRE(!key.p[k] || !strchr(" \t\n\r\f\v/>=", key.p[k]), vm,
                          "a key of xmlattr has a character no attribute name may have");
        if (sb.n || !hth_j_given(v[0]) || hth_j_truth(v[0])) HTH_TRY(hth_j_add_char(vm, &sb, ' '));
        HTH_TRY(escape(vm, e.v, false, &value));
        HTH_TRY(hth_j_add_escaped(vm, &sb, key));
        HTH_TRY(hth_j_add(vm, &sb, HTH_STR("=\"")));
        HTH_TRY(hth_j_add(vm, &sb, hth_j_text(value)));
        HTH_TRY(hth_j_add_char(vm, &sb, '"'));
    }
    *out = hth_j_done(&sb);
    return HTH_OK;
}

/* Which of the tags <...> and comments <!-- --> at s.p[at]: its end, or 0 for none. */
static size_t tag_end(HthStr s, size_t at) {
    HthStr rest = { s.p + at, s.n - at };
    bool comment = hth_str_starts(rest, HTH_STR("<!--"));
    size_t end = hth_str_find(rest, comment ? HTH_STR("-->") : HTH_STR(">"));
    if (end == SIZE_MAX) return 0;
    return at + end + (comment ? 3 : 1);
}

static HthStatus f_striptags(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                             HthJVal *out) {
    static const struct {
        const char *name, *with;
    } entities[] = { { "&amp;", "&" },  { "&lt;", "<" },  { "&gt;", ">" },
                     { "&#34;", "\"" }, { "&#39;", "'" }, { "&quot;", "\"" } };
    HthJSb sb = { 0 };
    (void)v, (void)raw;
    HTH_TRY(soft(vm, self, &self));
    HthStr s = hth_j_text(self);
    bool gap = false, closed = true;
    for (size_t i = 0, len; i < s.n; i += len) {
        uint32_t cp = hth_j_cp_at(s, i, &len);
        if (cp == '<' && closed) {
            size_t end = tag_end(s, i);
            closed = end != 0;
            if (closed) {
                len = end - i;
                continue;
            }
        }
        if (hth_j_class(cp, HTH_J_SPACE_CH)) {
            gap = true;
            continue;
        }
        if (gap && sb.n) HTH_TRY(hth_j_add_char(vm, &sb, ' '));
        gap = false;
        HthStr piece = hth_str_sub(s, i, len);
        for (size_t k = 0; cp == '&' && k < HTH_COUNT(entities); k++) {
            if (!hth_str_starts(hth_str_sub(s, i, s.n), hth_str(entities[k].name))) continue;
            len = strlen(entities[k].name);
            piece = hth_str(entities[k].with);
            break;
        }
        HTH_TRY(hth_j_add(vm, &sb, piece));
    }
    *out = hth_j_done(&sb);
    return HTH_OK;
}

static HthStatus f_tojson(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                          HthJVal *out) {
    HthJJsonStyle st = { .ensure_ascii = hth_j_truth(v[0]), .sort_keys = hth_j_truth(v[3]) };
    HthJSb pad = { 0 }, sb = { 0 };
    HthJVal seps;
    int64_t width = 0;
    (void)raw;
    st.pretty = hth_j_given(v[1]) && v[1].kind != HTH_J_NONE;
    if (v[1].kind == HTH_J_STR) {
        st.indent = hth_j_text(v[1]);
    } else if (st.pretty) {
        HTH_TRY(hth_j_want_int(vm, v[1], "the indent of tojson", 0, &width));
        HTH_TRY(hth_j_add_fill(vm, &pad, HTH_STR(" "), width > 0 ? (size_t)width : 0));
        st.indent = (HthStr){ pad.p, pad.n };
    }
    st.comma = st.pretty ? HTH_STR(",") : HTH_STR(", ");
    st.colon = HTH_STR(": ");
    if (hth_j_given(v[2]) && v[2].kind != HTH_J_NONE) {
        HTH_TRY(hth_j_list(vm, v[2], &seps));
        HTH_J_REQUIRE(seps.u.seq->n == 2, vm, "the separators of tojson must be two strings");
        HTH_TRY(hth_j_want_str(vm, seps.u.seq->v[0], "a separator of tojson", &st.comma));
        HTH_TRY(hth_j_want_str(vm, seps.u.seq->v[1], "a separator of tojson", &st.colon));
    }
    HTH_TRY(hth_j_add_json(vm, &sb, self, &st));
    *out = hth_j_done(&sb);
    return HTH_OK;
}

const HthJBuiltin hth_j_filters_text[] = {
    { "capitalize", "", f_capitalize },
    { "center", "width?", f_center },
    { "e", "", f_escape },
    { "escape", "", f_escape },
    { "forceescape", "", f_forceescape },
    { "format", "*", f_format },
    { "indent", "width? first? blank?", f_indent },
    { "lower", "", f_lower },
    { "replace", "old new count?", f_replace },
    { "safe", "", f_safe },
    { "string", "", f_string },
    { "striptags", "", f_striptags },
    { "title", "", f_title },
    { "tojson", "ensure_ascii? indent? separators? sort_keys?", f_tojson },
    { "trim", "chars?", f_trim },
    { "truncate", "length? killwords? end? leeway?", f_truncate },
    { "upper", "", f_upper },
    { "urlencode", "", f_urlencode },
    { "urlize", "*", NULL },
    { "wordcount", "", f_wordcount },
    { "wordwrap", "*", NULL },
    { "xmlattr", "autospace?", f_xmlattr },
    { NULL, NULL, NULL },
};
